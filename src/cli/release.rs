//! `modfarm release`: the whole line, from the matrix to a release folder.

use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};
use tokio_util::sync::CancellationToken;

use super::Failure;
use super::blame;
use super::place::{GitHubArgs, Place};
use super::report;
use super::resume::{self, Taken};
use super::selection::Selection;
use super::show::{Format, Show, Shown};
use super::site::{self, Site};
use crate::farm::journal::{Call, Ending, Entry, Journal};
use crate::model::event::Event;
use crate::pipeline::{self, Request, SmokeRequest, Wanted};
use crate::report::terminal;
use crate::sys::files;

/// Build, prove and package a release into a folder, and publish it
///
/// Builds every combination of the matrix that somebody can build, inspects every file, and writes
/// archives, checksums, manifest and notes. The folder of the release appears when it is complete;
/// what was built is kept, so that the next run builds only what changed.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Go on with the last run that was killed or interrupted, or with RUN, with its own arguments
    #[arg(long, value_name = "RUN", num_args = 0..=1, default_missing_value = "")]
    resume: Option<String>,
    #[command(flatten)]
    selection: Selection,
    #[command(flatten)]
    site: Site,
    /// The module's source: a checkout or an unpacked sdist; without it PyPI's of that version
    #[arg(long, value_name = "DIR")]
    source: Option<Utf8PathBuf>,
    /// Where to: the folder that the release's own folder is made in, or github:OWNER/REPO
    #[arg(long, value_name = "PLACE", default_value = DIST)]
    to: Place,
    /// With --to github:OWNER/REPO, the folder that the release's own folder is made in [default: dist]
    #[arg(long, value_name = "DIR")]
    out: Option<Utf8PathBuf>,
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
    #[command(flatten)]
    github: GitHubArgs,
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

impl Args {
    /// Has what is kept between runs be in this folder.
    pub(super) fn in_state(&mut self, state: &Utf8Path) {
        self.site.in_state(state);
    }

    /// Has the run be shown like this.
    pub(super) fn show_as(&mut self, format: Format) {
        self.format = format;
    }
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

/// Where releases are made when nobody says where.
const DIST: &str = "dist";

pub(super) fn run(args: Args) -> Result<(), Failure> {
    let Some(name) = &args.resume else { return make(args, None) };
    let (mut own, taken) = resume::take_up(args.site.state(), name)?;
    own.show_as(args.format);
    make(own, Some(taken))
}

/// Makes the release, from its beginning or from where an earlier run was broken off.
fn make(args: Args, taken: Option<Taken>) -> Result<(), Failure> {
    let (dry_run, format) = (args.dry_run, args.format);
    let matrix_file = args.selection.matrix().to_owned();
    let mut request = request(args)?;
    let state = request.workshop.state.clone();
    let begun = match taken {
        _ if dry_run => Begun::default(),
        Some(taken) => {
            request.workshop.run.clone_from(&taken.folder);
            go_on(taken, call(&matrix_file)?)
        }
        None => begin(&state, &request.workshop.run, call(&matrix_file)?)?,
    };
    let show = Show::begin(format, begun.journal, begun.past);
    begun.first.into_iter().for_each(|event| show.events().emit(event));
    let result = super::asynchronously(async {
        let cancel = CancellationToken::new();
        super::cancel_on_signal(&cancel);
        let events = show.events();
        if dry_run {
            return pipeline::rehearse(&request, events, &cancel).await.map(Some);
        }
        pipeline::release(&request, events, &cancel).await.map(|_| None)
    })?;
    let Shown { record, journal } = show.end();
    let result = result.map_err(blame::failure);
    if !dry_run {
        report::conclude(&record, result.as_ref().map(|_| ()), &request.workshop.run, format);
    }
    if let Some(Err(error)) = journal.map(|journal| journal.end(ending(&result))) {
        terminal::warning(&error.to_string());
    }
    match result {
        Ok(None) => Ok(()),
        Ok(Some(rehearsal)) => {
            terminal::output(&rehearsal.text());
            Ok(())
        }
        Err(failure) => Err(failure),
    }
}

/// What somebody wants released, as the arguments say it.
fn request(args: Args) -> Result<Request, Failure> {
    let (to, github) = match (args.to, args.out) {
        (Place::Folder(to), None) => {
            args.github.refuse_for(&to)?;
            (to, None)
        }
        (Place::Folder(to), Some(out)) => {
            return Err(Failure::bad_input(format!(
                "the release cannot be made in {to} and in {out}\nhint: --to DIR alone; --out goes with --to github:OWNER/REPO"
            )));
        }
        (Place::GitHub(repository), out) => {
            let to = out.unwrap_or_else(|| Utf8PathBuf::from(DIST));
            let tag = args.selection.tag().map(str::to_owned);
            (to, Some(args.github.settings(repository, tag)?))
        }
    };
    let (matrix, wanted) = args.selection.load()?;
    let version = args.selection.asked(&matrix)?;
    Ok(Request {
        workshop: args.site.workshop(&matrix.file)?,
        smoke: args.smoke.request(),
        to,
        github,
        keep_going: !args.fail_fast,
        limit: Duration::from_secs(args.time_limit),
        wanted: Wanted {
            version,
            only: wanted.only,
            skip: wanted.skip,
            even_if_broken: wanted.even_if_broken,
            source: args.source,
            matrix,
        },
    })
}

/// The journal of a run, what it holds already, and what is to be said first.
#[derive(Debug, Default)]
struct Begun {
    journal: Option<Journal>,
    past: Vec<Entry>,
    first: Vec<Event>,
}

/// Begins the journal of a new run, and finds what an earlier one with the same arguments left.
fn begin(state: &Utf8Path, run: &Utf8Path, call: Call) -> Result<Begun, Failure> {
    site::forget_old_runs(state).map_err(Failure::environment)?;
    let left = resume::left_over(state, &call);
    let journal = Journal::create(run, &call).map_err(Failure::environment)?;
    let first = left.map(|message| Event::Note { message }).into_iter().collect();
    Ok(Begun { journal: Some(journal), past: Vec::new(), first })
}

/// Goes on with the journal of a run that was broken off.
fn go_on(taken: Taken, call: Call) -> Begun {
    let Taken { folder, journal, past } = taken;
    let name = folder.file_name().unwrap_or_default();
    let message = format!("run {name} goes on; {}", resume::so_far(&past, &call));
    let first = vec![Event::Resumed { finished: past.finished().len() }, Event::Note { message }];
    Begun { journal: Some(journal), past: past.entries, first }
}

/// How this run is begun.
fn call(matrix: &Utf8Path) -> Result<Call, Failure> {
    Ok(Call {
        arguments: resume::own_arguments(),
        folder: resume::here()?,
        matrix: files::digest(matrix).map_err(Failure::bad_input)?.sha256,
    })
}

fn ending<T>(result: &Result<T, Failure>) -> Ending {
    match result {
        Ok(_) => Ending::Released,
        Err(failure) if failure.code == Failure::INTERRUPTED => Ending::Interrupted,
        Err(_) => Ending::Failed,
    }
}
