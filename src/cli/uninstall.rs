//! `modfarm uninstall`: takes out of an Apache what `modfarm install` put there.

use camino::Utf8PathBuf;

use super::Failure;
use super::install::blame;
use super::listing::Format;
use super::wanted::only;
use crate::download::install::{Which, is_recorded, uninstall};
use crate::download::installation::discovery::discover;
use crate::model::event::Events;
use crate::model::installation::{Apache, Python};
use crate::report::{installed as report, terminal};

/// Take modules out of an Apache again, and the lines that load them
///
/// Takes out what the record in its folder modules says that modfarm put there, and restores what was
/// there before. What somebody changed since is left alone, and all else with it.
#[derive(Debug, clap::Args)]
#[command(after_help = EXIT_CODES)]
pub(super) struct Args {
    /// The cell of the one to take out; without it, and without --python, all of them
    #[arg(value_name = "CELL", conflicts_with = "python")]
    cell: Option<String>,
    /// The folder of the Apache, the one that holds bin; without it the one that Windows knows of and that
    /// modfarm put something into
    #[arg(long, value_name = "DIR")]
    apache: Option<Utf8PathBuf>,
    /// The folder of the Python whose module is to be taken out
    #[arg(long, value_name = "DIR")]
    python: Option<Utf8PathBuf>,
    /// Take out what was changed since, too
    #[arg(long)]
    force: bool,
    /// How to print what was done
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

const EXIT_CODES: &str = "\
Exit codes:
  0  it is out
  1  something was changed since, and nothing was done
  2  there is nothing of modfarm's
  3  the system says no: not permitted, in use; nothing was done";

pub(super) fn run(args: Args) -> Result<(), Failure> {
    let apache = match args.apache {
        // An Apache whose program is gone may still have the module.
        Some(folder) => Apache::read(&folder).map_or(folder, |apache| apache.folder),
        None => found()?,
    };
    let which = match (args.cell, args.python) {
        (Some(cell), _) => Which::Cell(cell),
        (None, Some(python)) => {
            Which::Python(Python::read(&python).map_err(Failure::bad_input)?.tag)
        }
        (None, None) => Which::All,
    };
    let done = uninstall(&apache, &which, args.force).map_err(blame)?;
    terminal::output(&match args.format {
        Format::Text => report::text_of_uninstalled(&done),
        Format::Json => report::json_of_uninstalled(&done),
    });
    Ok(())
}

/// The folder of the only Apache of this machine that something was put into.
fn found() -> Result<Utf8PathBuf, Failure> {
    let mut apaches = discover().apaches;
    apaches.retain(|apache| is_recorded(&apache.folder));
    let one = only("Apache", "--apache", apaches, |apache| &apache.folder, &Events::unheard())?;
    one.map(|apache| apache.folder).ok_or_else(|| {
        Failure::bad_input(
            "no Apache is known here that modfarm put something into\nhint: name its folder with --apache",
        )
    })
}
