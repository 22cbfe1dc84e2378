//! `modfarm fetch`: the right files of a release, each compared with its manifest.

use camino::Utf8PathBuf;
use tokio_util::sync::CancellationToken;

use super::listing::Format;
use super::show;
use super::source::{self, SourceArgs};
use super::wanted::{Here, WantedArgs};
use super::{Failure, verify};
use crate::download::fetch::{fetch, fetch_all};
use crate::download::source::{Origin, Source, Terms};
use crate::model::event::Events;
use crate::report::{fetched as report, terminal};

/// Download the module for an Apache and a Python, compared with the release's manifest
///
/// Which module that is, is read off the binaries in --apache and --python, or said by naming its cell,
/// Apache24-win64-VS17/py313-VC14. A file has its name once it is what the manifest says. What was broken
/// off is gone on with by the next run; what is there already is not downloaded again.
#[derive(Debug, clap::Args)]
#[command(after_help = EXIT_CODES)]
pub(super) struct Args {
    /// The cells whose modules are wanted; with --verify the files to compare
    #[arg(value_name = "CELL")]
    cells: Vec<String>,
    /// The folder that the files come into; modules of several Apaches into a folder of each
    #[arg(long, value_name = "DIR", default_value = ".")]
    to: Utf8PathBuf,
    /// Take every file of the release
    #[arg(long, conflicts_with_all = ["cells", "apache", "python"])]
    all: bool,
    /// Download no module: say whether files that are here are those of the release
    #[arg(long, value_name = "FILE", num_args = 1.., conflicts_with_all = ["all", "cells", "apache", "python", "dry_run"])]
    verify: Vec<Utf8PathBuf>,
    /// Say what would be downloaded, and download the manifest alone
    #[arg(long)]
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
  0    the files are there
  1    something is not what the manifest says: nothing was kept of it
  2    the input is wrong: no such release or cell, nothing goes with this Apache and Python
  3    the network or the disk says no; the next run goes on
  130  interrupted; the next run goes on";

pub(super) fn run(args: Args) -> Result<(), Failure> {
    let (text, ended) = show::blocking(move |stop, events| work(args, stop, events))?;
    terminal::output(&text);
    ended
}

/// What is to be printed, and whether all is well.
type Done = (String, Result<(), Failure>);

fn work(args: Args, stop: &CancellationToken, events: &Events) -> Result<Done, Failure> {
    let Args { cells, wanted, to, all, verify: compared, dry_run, format, source } = args;
    let mut here = Here::default();
    if !all && compared.is_empty() {
        // What is not there is said before anything is downloaded.
        here = if cells.is_empty() { wanted.found(events)? } else { wanted.named()? };
        if cells.is_empty() {
            here.both()?;
        }
    }
    let (origin, terms) = source.terms(stop)?;
    let source = open(&origin, &terms, events)?;
    if !compared.is_empty() {
        return verify::compare(&source.reference, &compared, false, format);
    }
    let fetched = if all {
        fetch_all(&source, &to, dry_run, events)
    } else {
        let choices = wanted.choose(source.manifest(), &cells, &here, events)?;
        fetch(&source, &choices, &to, dry_run, events)
    };
    let fetched = fetched.map_err(source::blame)?;
    let text = match format {
        Format::Text => report::text(&fetched),
        Format::Json => report::json(&fetched),
    };
    Ok((text, Ok(())))
}

/// Finds the release.
pub(super) fn open(origin: &Origin, terms: &Terms, events: &Events) -> Result<Source, Failure> {
    Source::open(origin, terms, events).map_err(|error| source::blame(error.into()))
}
