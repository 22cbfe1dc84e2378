//! `modfarm doctor`: whether an Apache, a Python and a module go together, and what a log says.

use camino::{Utf8Path, Utf8PathBuf};

use super::Failure;
use super::listing::Format;
use crate::download::doctor::{diagnose, log};
use crate::download::reference::Reference;
use crate::model::diagnosis::Ending;
use crate::report::{diagnosis, terminal};
use crate::sys::files;

mod parts;

/// Say whether an Apache, a Python and a module go together, and what to change where they do not
///
/// Reads the binaries that are there, runs none, and applies the four rules of mod_wsgi's document for
/// Windows. Names the file of a release to take and the lines for httpd.conf. With --log it explains the
/// messages of Apache, Windows and Python that it knows. On Windows it finds what is installed by itself;
/// elsewhere it works on a mounted or copied drive.
#[derive(Debug, clap::Args)]
#[command(after_help = EXIT_CODES)]
pub(super) struct Args {
    /// The folder of the Apache: C:\Apache24
    #[arg(long, value_name = "DIR")]
    apache: Option<Utf8PathBuf>,

    /// The folder of the Python, or of a virtual environment: C:\Python313
    #[arg(long, value_name = "DIR")]
    python: Option<Utf8PathBuf>,

    /// A module, whatever it is called; without it those in Apache's modules and Python's site-packages
    #[arg(long, value_name = "FILE")]
    module: Vec<Utf8PathBuf>,

    /// An error log of Apache, or what `httpd -t` or pip printed, to be explained
    #[arg(long, value_name = "FILE")]
    log: Option<Utf8PathBuf>,

    /// The manifest of a release, or the folder that holds it, to name the exact file
    #[arg(long, value_name = "FILE")]
    manifest: Option<Utf8PathBuf>,

    /// How to print what was found
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

const EXIT_CODES: &str = "\
Exit codes:
  0  nothing is broken
  1  something must be changed: a rule is broken, a DLL is missing, a log has a message that is known
  2  there is nothing to look at, or it cannot be read";

pub(super) fn run(args: Args) -> Result<(), Failure> {
    let reference = args.manifest.as_deref().map(manifest).transpose()?;
    let parts = parts::gather(&args)?;
    if parts.is_empty() && args.log.is_none() {
        return Err(Failure::bad_input(NOTHING));
    }
    let log = args.log.as_deref().map(|file| log::read(file, &parts)).transpose();
    let log = log.map_err(Failure::bad_input)?;
    let mut found = diagnose(parts, reference.as_ref());
    found.log = log;
    terminal::output(&match args.format {
        Format::Text => diagnosis::text(&found),
        Format::Json => diagnosis::json(&found),
    });
    match found.ending() {
        Ending::Broken => Err(Failure::not_passed("")),
        Ending::Fits | Ending::NothingBroken => Ok(()),
    }
}

/// The manifest in a file, or the one in a folder.
fn manifest(path: &Utf8Path) -> Result<Reference, Failure> {
    let found = if files::is_dir(path) { Reference::near(path) } else { Reference::read(path) };
    found.map_err(Failure::bad_input)
}

const NOTHING: &str = "\
there is nothing to look at: no Apache and no Python was found\n\
hint: name their folders with --apache DIR and --python DIR, a module with --module FILE, a log with --log FILE";
