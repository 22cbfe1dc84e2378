//! `modfarm release`: the whole line, from the matrix to a release folder.

use camino::{Utf8Path, Utf8PathBuf};
use tokio_util::sync::CancellationToken;

use super::Failure;
use super::blame;
use super::journalled::{self, Run};
use super::making::Making;
use super::place::{GitHubArgs, Place};
use super::resume::{self, Taken};
use super::selection::Selection;
use super::show::{Format, Show};
use super::site::{self, Site};
use super::via::{self, ViaArgs};
use crate::farm::journal::{Call, Ending};
use crate::model::event::{Event, Events};
use crate::pipeline::{self, Released, Request, ViaRequest};
use crate::report::terminal;
use crate::sys::github::address::Repository;

/// Build, prove and package a release into a folder, and publish it
///
/// Builds every combination of the matrix that somebody can build, inspects every file, and writes
/// archives, checksums, manifest and notes. The folder of the release appears when it is complete;
/// what was built is kept, so that the next run builds only what changed. With --via a workflow on GitHub
/// Actions builds it, and this machine needs no compiler.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Go on with the last run that was killed or interrupted, or with RUN, with its own arguments
    #[arg(long, value_name = "RUN", num_args = 0..=1, default_missing_value = "")]
    resume: Option<String>,
    #[command(flatten)]
    selection: Selection,
    #[command(flatten)]
    site: Site,
    #[command(flatten)]
    making: Making,
    /// Where to: the folder that the release's own folder is made in, or github:OWNER/REPO
    #[arg(long, value_name = "PLACE", default_value = DIST)]
    to: Place,
    /// With --to github:OWNER/REPO, the folder that the release's own folder is made in [default: dist]
    #[arg(long, value_name = "DIR")]
    out: Option<Utf8PathBuf>,
    /// Show what would be built and written, and do neither
    #[arg(long)]
    dry_run: bool,
    /// How to show what happens: live on a terminal and plain lines in a pipe, or JSON lines
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
    #[command(flatten)]
    github: GitHubArgs,
    #[command(flatten)]
    via: ViaArgs,
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

/// Where releases are made when nobody says where.
pub(super) const DIST: &str = "dist";

pub(super) fn run(args: Args) -> Result<(), Failure> {
    let Some(name) = &args.resume else { return make(args, None) };
    let (mut own, taken) = resume::take_up(args.site.state(), name)?;
    own.show_as(args.format);
    own.via.go_on_with(&taken.past.entries);
    make(own, Some(taken))
}

/// Makes the release, from its beginning or from where an earlier run was broken off.
fn make(args: Args, taken: Option<Taken>) -> Result<(), Failure> {
    let (dry_run, format) = (args.dry_run, args.format);
    let matrix_file = args.selection.matrix().to_owned();
    let state = args.site.state().to_owned();
    let mut work = Work::of(args)?;
    if dry_run {
        return rehearse(&work, format);
    }
    let run = match taken {
        Some(taken) => {
            work.has_run_in(&taken.folder);
            go_on(taken, &journalled::call(&matrix_file)?)
        }
        None => begin(&state, &work, &journalled::call(&matrix_file)?)?,
    };
    run.of(format, Ending::Released, async |events, cancel| {
        Box::pin(work.release(events, cancel)).await.map(|released| released.folder)
    })
}

/// Says what would be done.
fn rehearse(work: &Work, format: Format) -> Result<(), Failure> {
    let show = Show::begin(format, None, Vec::new());
    let said = show.work(async |events, cancel| Box::pin(work.rehearse(events, cancel)).await)?;
    show.end();
    terminal::output(&said?);
    Ok(())
}

/// Where the release is built: by runners that are reached from here, or by a workflow.
#[derive(Debug)]
enum Work {
    Here(Box<Request>),
    There(Box<ViaRequest>, Utf8PathBuf),
}

impl Work {
    fn of(args: Args) -> Result<Self, Failure> {
        match args.via.repository()? {
            None => Ok(Self::Here(Box::new(request(args)?))),
            Some(repository) => {
                let run = site::new_run(args.site.state());
                Ok(Self::There(Box::new(request_via(args, repository)?), run))
            }
        }
    }

    /// The folder of this run's journal.
    fn run(&self) -> &Utf8Path {
        match self {
            Self::Here(request) => &request.build.workshop.run,
            Self::There(_, run) => run,
        }
    }

    fn has_run_in(&mut self, folder: &Utf8Path) {
        match self {
            Self::Here(request) => folder.clone_into(&mut request.build.workshop.run),
            Self::There(_, run) => folder.clone_into(run),
        }
    }

    async fn release(
        &self,
        events: &Events,
        cancel: &CancellationToken,
    ) -> Result<Released, Failure> {
        match self {
            Self::Here(request) => {
                pipeline::release(request, events, cancel).await.map_err(blame::failure)
            }
            Self::There(request, _) => {
                Box::pin(pipeline::via(request, events, cancel)).await.map_err(blame::via)
            }
        }
    }

    async fn rehearse(
        &self,
        events: &Events,
        cancel: &CancellationToken,
    ) -> Result<String, Failure> {
        match self {
            Self::Here(request) => {
                let rehearsal = pipeline::rehearse(request, events, cancel).await;
                rehearsal.map(|rehearsal| rehearsal.text()).map_err(blame::failure)
            }
            Self::There(request, _) => {
                Box::pin(pipeline::rehearse_via(request, events, cancel)).await.map_err(blame::via)
            }
        }
    }
}

/// What somebody wants released, as the arguments say it.
fn request(args: Args) -> Result<Request, Failure> {
    let (to, repository) = places(args.to, args.out)?;
    let github = match repository {
        None => {
            args.github.refuse_for(&to)?;
            None
        }
        Some(repository) => {
            let tag = args.selection.tag().map(str::to_owned);
            Some(args.github.settings(repository, tag)?)
        }
    };
    Ok(Request { build: args.making.request(&args.selection, &args.site)?, to, github })
}

/// The same of one that a workflow of a repository builds.
fn request_via(args: Args, repository: Repository) -> Result<ViaRequest, Failure> {
    let (to, publish_in) = places(args.to, args.out)?;
    if publish_in.is_none() {
        args.github.refuse_unpublished(&to)?;
    }
    let there = args.github.settings(repository, None)?;
    let (matrix, wanted) = args.selection.load()?;
    let asked = args.selection.asked(&matrix)?;
    let (module, state) = (matrix.module, args.site.state().to_owned());
    Ok(args.via.request(there, via::Rest { module, asked, wanted, to, publish_in, state }))
}

/// The folder that the release's own folder is made in, and the repository it goes to from there.
fn places(
    to: Place,
    out: Option<Utf8PathBuf>,
) -> Result<(Utf8PathBuf, Option<Repository>), Failure> {
    match (to, out) {
        (Place::Folder(to), None) => Ok((to, None)),
        (Place::Folder(to), Some(out)) => Err(Failure::bad_input(format!(
            "the release cannot be made in {to} and in {out}\nhint: --to DIR alone; --out goes with --to github:OWNER/REPO"
        ))),
        (Place::GitHub(repository), out) => {
            Ok((out.unwrap_or_else(|| Utf8PathBuf::from(DIST)), Some(repository)))
        }
    }
}

/// A new run; what an earlier one with the same arguments left is found, and said.
fn begin(state: &Utf8Path, work: &Work, call: &Call) -> Result<Run, Failure> {
    // What was left over there is not taken up by starting it once more.
    let builds_here = matches!(work, Work::Here(_));
    let left = if builds_here { resume::left_over(state, call) } else { None };
    let first = left.map(|message| Event::Note { message }).into_iter().collect();
    Ok(Run { first, ..Run::begin(state, work.run(), call)? })
}

/// A run that was broken off, gone on with.
fn go_on(taken: Taken, call: &Call) -> Run {
    let Taken { folder, journal, past } = taken;
    let name = folder.file_name().unwrap_or_default();
    let message = format!("run {name} goes on; {}", resume::so_far(&past, call));
    let first = vec![Event::Resumed { finished: past.finished().len() }, Event::Note { message }];
    Run { folder, journal, past: past.entries, first }
}
