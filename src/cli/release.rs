//! `modfarm release`: the whole line, from the matrix to a release folder.

use std::sync::mpsc::Receiver;
use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};
use clap::ValueEnum;
use tokio_util::sync::CancellationToken;

use super::Failure;
use super::blame;
use super::selection::Selection;
use super::site::Site;
use crate::farm::journal::Journal;
use crate::model::event::{Event, Events};
use crate::pipeline::{self, Request, SmokeRequest};
use crate::report::{self, Json, Reporter, terminal};

/// Build, prove and package a release into a folder
///
/// Builds every combination of the matrix that somebody can build, inspects every file, and writes
/// archives, checksums, manifest and notes. The folder of the release appears when it is complete;
/// what was built is kept, so that the next run builds only what changed.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    selection: Selection,
    #[command(flatten)]
    site: Site,
    /// The module's source: a checkout or an unpacked sdist; without it PyPI's of that version
    #[arg(long, value_name = "DIR")]
    source: Option<Utf8PathBuf>,
    /// Where the release's folder is made
    #[arg(long, value_name = "DIR", default_value = "dist")]
    to: Utf8PathBuf,
    /// End at the first failure; without it the other jobs go on, so that one run shows every failure
    #[arg(long)]
    fail_fast: bool,
    /// How long one job may run
    #[arg(long, value_name = "SECONDS", default_value_t = 600, value_parser = clap::value_parser!(u64).range(1..))]
    time_limit: u64,
    #[command(flatten)]
    smoke: Smoking,
    /// Show what would be built and written, and do neither
    #[arg(long)]
    dry_run: bool,
    /// How to show what happens: live on a terminal and plain lines in a pipe, or JSON lines
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

/// What is tried in a real Apache, and with what.
#[derive(Debug, clap::Args)]
struct Smoking {
    /// Do not start an Apache to try the files with
    #[arg(long)]
    no_smoke: bool,
    /// Publish files that did not work in a real Apache as well, marked as such
    #[arg(long, conflicts_with = "no_smoke")]
    allow_failed_smoke: bool,
    /// An Apache that can run, to try files with before the kit's: the folder that has bin/httpd.exe
    #[arg(long, value_name = "DIR")]
    smoke_apache: Vec<Utf8PathBuf>,
    /// A Python that can run, to try files with before the kit's: the folder that has pythonXY.dll
    #[arg(long, value_name = "DIR")]
    smoke_python: Vec<Utf8PathBuf>,
    /// How long an Apache has to start, and to answer each request
    #[arg(long, value_name = "SECONDS", default_value_t = crate::smoke::PATIENCE.as_secs(), value_parser = clap::value_parser!(u64).range(1..=3600))]
    smoke_patience: u64,
}

impl Smoking {
    fn request(self) -> SmokeRequest {
        SmokeRequest {
            wanted: !self.no_smoke,
            allow_failed: self.allow_failed_smoke,
            apaches: self.smoke_apache,
            pythons: self.smoke_python,
            patience: Duration::from_secs(self.smoke_patience),
        }
    }
}

/// How a run is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For people, on standard error
    Text,
    /// One event a line, on standard output
    Json,
}

pub(super) fn run(args: Args) -> Result<(), Failure> {
    let (matrix, wanted) = args.selection.load()?;
    if !args.dry_run {
        args.site.forget_old_runs().map_err(Failure::environment)?;
    }
    let version_named = args.selection.names_version();
    let request = Request {
        version: version_named.then(|| wanted.version.clone()),
        only: wanted.only,
        skip: wanted.skip,
        even_if_broken: wanted.even_if_broken,
        source: args.source,
        workshop: args.site.workshop(&matrix.file)?,
        smoke: args.smoke.request(),
        to: args.to,
        keep_going: !args.fail_fast,
        limit: Duration::from_secs(args.time_limit),
        matrix,
    };
    let reporter: Box<dyn Reporter> = match args.format {
        Format::Text => report::for_people(),
        Format::Json => Box::new(Json),
    };
    let (events, heard) = Events::stream();
    let journal = if args.dry_run { None } else { Some(journal(&request.workshop.run)?) };
    let listener = std::thread::spawn(move || listen(&heard, reporter, journal));
    let result = super::asynchronously(async {
        let cancel = CancellationToken::new();
        super::cancel_on_signal(&cancel);
        if args.dry_run {
            return pipeline::rehearse(&request, &events, &cancel).await.map(Some);
        }
        pipeline::release(&request, &events, &cancel).await.map(|_| None)
    })?;
    drop(events);
    if listener.join().is_err() {
        tracing::error!("the reporter ended in a panic");
    }
    match result {
        Ok(None) => Ok(()),
        Ok(Some(rehearsal)) => {
            terminal::output(&rehearsal.text());
            Ok(())
        }
        Err(error) => Err(blame::failure(error)),
    }
}

fn journal(run: &Utf8Path) -> Result<Journal, Failure> {
    Journal::create(run).map_err(Failure::environment)
}

/// Hands the one stream of events to the journal and to the reporter, until the run has ended.
fn listen(heard: &Receiver<Event>, mut reporter: Box<dyn Reporter>, mut journal: Option<Journal>) {
    for event in heard {
        if let Some(open) = &mut journal
            && let Err(error) = open.append(&event)
        {
            reporter.event(&Event::Warning { message: error.to_string(), hint: None });
            journal = None;
        }
        reporter.event(&event);
    }
    reporter.finish();
}
