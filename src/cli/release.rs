//! `modfarm release`: the whole line, from the matrix to a release folder.

use std::fs::File;
use std::io::Write as _;
use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};
use tokio_util::sync::CancellationToken;

use super::Failure;
use super::blame;
use super::place::{GitHubArgs, Place};
use super::selection::Selection;
use super::show::{Format, Show};
use super::site::Site;
use crate::farm::journal::Journal;
use crate::pipeline::{self, Request, SmokeRequest};
use crate::report::terminal;
use crate::sys::files::{self, FileError};

/// Build, prove and package a release into a folder, and publish it
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
            (to, Some(args.github.settings(repository)?))
        }
    };
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
        to,
        github,
        keep_going: !args.fail_fast,
        limit: Duration::from_secs(args.time_limit),
        matrix,
    };
    let journal = if args.dry_run { None } else { Some(journal(&request.workshop.run)?) };
    let show = Show::begin(args.format, journal);
    let result = super::asynchronously(async {
        let cancel = CancellationToken::new();
        super::cancel_on_signal(&cancel);
        let events = show.events();
        if args.dry_run {
            return pipeline::rehearse(&request, events, &cancel).await.map(Some);
        }
        pipeline::release(&request, events, &cancel).await.map(|_| None)
    })?;
    let summary = show.end();
    let result = result.map_err(blame::failure);
    if !args.dry_run {
        let error = result.as_ref().err().map(|failure| failure.message.as_str());
        sum_up(summary.markdown(error), &request.workshop.run).map_err(Failure::environment)?;
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

/// Puts the summary into the run's folder, and below what the step of GitHub Actions said so far.
fn sum_up(summary: Option<String>, run: &Utf8Path) -> Result<(), FileError> {
    let Some(summary) = summary else { return Ok(()) };
    let write = |path: &Utf8Path, mut file: File| {
        file.write_all(summary.as_bytes()).map_err(|source| FileError::new("write", path, source))
    };
    let path = run.join("summary.md");
    write(&path, files::create(&path)?)?;
    let step = std::env::var("GITHUB_STEP_SUMMARY").ok().filter(|path| !path.is_empty());
    let Some(path) = step.map(Utf8PathBuf::from) else { return Ok(()) };
    // The release is what it is without it.
    if let Err(error) = files::append(&path).and_then(|file| write(&path, file)) {
        terminal::warning(&error.to_string());
    }
    Ok(())
}

fn journal(run: &Utf8Path) -> Result<Journal, Failure> {
    Journal::create(run).map_err(Failure::environment)
}
