//! `modfarm install`: the right module of a release into the folder `modules` of an Apache.

use camino::{Utf8Path, Utf8PathBuf};
use tokio_util::sync::CancellationToken;

use super::fetch::open;
use super::listing::Format;
use super::source::{self, SourceArgs};
use super::wanted::{Here, WantedArgs};
use super::{Failure, show};
use crate::download::choose::Choice;
use crate::download::install::{InstallError, Request, Tester, install, lines};
use crate::download::installation::conf_path;
use crate::model::event::Events;
use crate::model::installation::{Apache, Python};
use crate::report::{installed as report, terminal};
use crate::smoke::SmokeError;

/// Put the module for an Apache and a Python into that Apache, and say which lines load it
///
/// Which module that is, is read off the binaries in --apache and --python, or said by naming its cell.
/// What is there under its name is kept as NAME.before-1. With --configure the lines come into
/// conf/extra/mod_wsgi-modfarm.conf, which conf/httpd.conf includes from then on; if `httpd -t` does not
/// take that, all is as it was. `modfarm uninstall` takes out what was put there.
#[derive(Debug, clap::Args)]
#[command(after_help = EXIT_CODES)]
pub(super) struct Args {
    /// The cell, where it is not to be found out: Apache24-win64-VS17/py313-VC14
    #[arg(value_name = "CELL")]
    cell: Option<String>,
    /// Write the lines into the configuration of the Apache as well, and test it with `httpd -t`
    #[arg(long)]
    configure: bool,
    /// Say what would be done, and do nothing
    #[arg(long, conflicts_with = "configure")]
    dry_run: bool,
    /// How to print what was done
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
    #[command(flatten)]
    wanted: WantedArgs,
    #[command(flatten)]
    source: SourceArgs,
}

const EXIT_CODES: &str = "\
Exit codes:
  0    the module is there
  1    something did not pass: a digest, `httpd -t`; all is as it was
  2    the input is wrong: no such release or cell, nothing goes with this Apache and Python
  3    the network, the disk or the system says no: not permitted, in use
  130  interrupted; all is as it was";

pub(super) fn run(args: Args) -> Result<(), Failure> {
    let text = show::blocking(move |stop, events| work(args, stop, events))?;
    terminal::output(&text);
    Ok(())
}

fn work(args: Args, stop: &CancellationToken, events: &Events) -> Result<String, Failure> {
    let Args { cell, wanted, configure, dry_run, format, source } = args;
    // What is not there is said before anything is downloaded.
    let here = wanted.found(events)?;
    let cells: Vec<String> = cell.into_iter().collect();
    let apache = match (&here.apache, cells.is_empty() || configure) {
        (Some(apache), false) => apache,
        _ => here.both()?.0,
    };
    here.warn(events);
    let prefixes = source.prefixes();
    let (origin, terms) = source.terms(stop)?;
    let source = open(&origin, &terms, events)?;
    let choices = wanted.choose(source.manifest(), &cells, &here, events)?;
    let Some(choice) = choices.first().copied() else {
        return Err(Failure::bad_input("there is no module to install"));
    };
    expect_same(choice, &here)?;
    let tester = configure.then(|| tester(apache, &here, choice, &prefixes, stop)).transpose()?;
    let request = Request {
        source: &source,
        choice,
        apache: &apache.folder,
        lines: lines_of(&source.manifest().module.name, choice, &here, tester.as_ref(), events),
        dry_run,
    };
    let installed = install(&request, tester.as_ref(), events).map_err(blame)?;
    Ok(match format {
        Format::Text => report::text(&installed),
        Format::Json => report::json(&installed),
    })
}

/// A cell that somebody names must be one for what is here.
fn expect_same(choice: Choice<'_>, here: &Here) -> Result<(), Failure> {
    let cell = choice.cell;
    let wrong = |what: String| {
        let hint = "leave the cell out, and the right one is taken; `modfarm doctor` says more";
        Err(Failure::bad_input(format!("{} is not for {what}\nhint: {hint}", cell.id)))
    };
    match (&here.apache, &here.python) {
        (Some(apache), _) if apache.build.machine != cell.arch.as_str() => wrong(apache.describe()),
        (_, Some(python)) if python.tag != cell.python => wrong(python.describe()),
        (_, Some(python)) if python.build.machine != cell.arch.as_str() => wrong(python.describe()),
        _ => Ok(()),
    }
}

fn tester(
    apache: &Apache,
    here: &Here,
    choice: Choice<'_>,
    prefixes: &Utf8Path,
    stop: &CancellationToken,
) -> Result<Tester, Failure> {
    let (_, python) = here.both()?;
    Tester::new(apache, python, &choice.cell.id, prefixes, stop).map_err(blame)
}

/// The lines, with paths as the Apache reads them that is asked, or else as Windows has them.
fn lines_of(
    module: &str,
    choice: Choice<'_>,
    here: &Here,
    tester: Option<&Tester>,
    events: &Events,
) -> Vec<String> {
    if here.python.is_none() {
        let python = choice.cell.python;
        events.note(format!(
            "the lines name the usual folder of Python {python}; --python DIR names yours"
        ));
    }
    let absolute = |path: &Utf8Path| -> Utf8PathBuf {
        camino::absolute_utf8(path).unwrap_or_else(|_| path.to_owned())
    };
    let spell = |path: &Utf8Path| match tester {
        Some(tester) => tester.spell(&absolute(path)),
        None => conf_path(path),
    };
    let python: Option<&Python> = here.python.as_ref();
    if python.is_some_and(|python| spell(&python.home).starts_with('/')) {
        events.note("the lines have the paths of this system; on Windows its own belong there");
    }
    lines(module, &choice.cell.id, python, spell)
}

/// Whose fault it is that the module is not there.
pub(super) fn blame(error: InstallError) -> Failure {
    match error {
        InstallError::Fetch(error) => source::blame(error),
        InstallError::Smoke(SmokeError::Cancelled) => {
            Failure::interrupted("interrupted; all that was changed is as it was")
        }
        InstallError::NotTaken { .. }
        | InstallError::Stuck { .. }
        | InstallError::Changed { .. }
        | InstallError::KeptGone { .. } => Failure::not_passed(error),
        InstallError::NotPermitted { .. }
        | InstallError::InUse { .. }
        | InstallError::CannotTest { .. }
        | InstallError::Smoke(_)
        | InstallError::File(_) => Failure::environment(error),
        _ => Failure::bad_input(error),
    }
}
