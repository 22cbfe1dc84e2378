//! The stages of a release, in order: this file is the way of the data as code.

mod build;
mod error;
mod pack;
mod parts;
mod prepare;
mod smoking;
pub mod survey;
mod via;
mod workshop;

use std::collections::BTreeSet;

use camino::Utf8PathBuf;
use tokio_util::sync::CancellationToken;

use crate::model::event::{Events, Stage};
use crate::model::version::Version;
use crate::package::{Names, describe, wheel};
use crate::plan::{self, Plan};
use crate::publish::directory::Directory;
use crate::publish::github::{self, GitHub};
use crate::publish::protocol::Place as _;
use crate::publish::{self, PublishError, Release};

pub use build::{BuildRequest, jobs};
pub use error::ReleaseError;
pub use parts::{AssembleRequest, PartBuilt, PartError, PartRequest, assemble, build_part};
pub use prepare::{Wanted, prepare, version_of};
pub use smoking::SmokeRequest;
pub use via::{ViaError, ViaRequest, ViaTask, rehearse_via, via};
pub use workshop::{OnActions, Workshop, WorkshopRequest};

use build::{Task, Yield};
use parts::Reusable;

/// What somebody wants released.
#[derive(Debug)]
pub struct Request {
    /// What is built.
    pub build: BuildRequest,
    /// The folder that the release's own folder is made in.
    pub to: Utf8PathBuf,
    /// Where on GitHub it goes from there, if anywhere.
    pub github: Option<github::Settings>,
}

/// A release that stands.
#[derive(Debug)]
pub struct Released {
    /// Its folder.
    pub folder: Utf8PathBuf,
    /// Whether it stood there already.
    pub unchanged: bool,
}

/// Makes the release: everything that can fail cheaply first, publishing last.
pub async fn release(
    request: &Request,
    events: &Events,
    cancel: &CancellationToken,
) -> Result<Released, ReleaseError> {
    events.stage(Stage::Preflight);
    let mut workshop =
        Workshop::open(&request.build.wanted.matrix, &request.build.workshop, events).await?;
    let result = Box::pin(make(request, &mut workshop, events, cancel)).await;
    workshop.close().await;
    or_cancelled(result, cancel)
}

async fn make(
    request: &Request,
    workshop: &mut Workshop,
    events: &Events,
    cancel: &CancellationToken,
) -> Result<Released, ReleaseError> {
    let (plan, source) = prepare(&request.build.wanted, workshop, events, cancel)?;
    let names = Names::new(&plan.module, source.version.as_str());
    let mut place = Directory::prepare(&request.to, names.folder(), &names.manifest())?;
    let github = match &request.github {
        Some(settings) => Some(enter(settings, &plan, &names, &source.version, events).await?),
        None => None,
    };
    let running = smoking::installations(&request.build)?;

    let task = Task {
        request: &request.build,
        plan: &plan,
        source: &source,
        running: &running,
        reusable: &Reusable::default(),
        whole: true,
    };
    let Yield { made, .. } = task.build(workshop, events, cancel).await?;

    let contents = describe::describe(&plan, &source, made);
    let unchanged = pack::pack(contents, &mut place, workshop, events, cancel).await?;
    let folder = place.folder().to_owned();
    let Some(mut github) = github else { return Ok(Released { folder, unchanged }) };
    events.stage(Stage::Publish);
    let release = Release::read(&folder, workshop.digests())?;
    let publishing = Box::pin(publish::publish(&mut github, &release, events));
    let unchanged = or_stopped(publishing, cancel).await?;
    Ok(Released { folder, unchanged })
}

/// Everything that GitHub may refuse, before anything is built.
async fn enter(
    settings: &github::Settings,
    plan: &Plan,
    names: &Names,
    version: &Version,
    events: &Events,
) -> Result<GitHub, ReleaseError> {
    let mut github = GitHub::open(settings.clone(), &plan.module, version, events).await?;
    let labels: BTreeSet<String> =
        plan.assigned().map(|(cell, _)| cell.id.apache.to_string()).collect();
    let mut expected = names.all(labels.iter().map(String::as_str));
    let cells = plan.cells.iter().map(|cell| (&cell.id, &cell.verdict));
    expected.extend(wheel::names(&plan.module, version, cells));
    github.check_names(&expected).await?;
    Ok(github)
}

/// Publishing, until it is done or the run is given up.
async fn or_stopped(
    publishing: impl Future<Output = Result<bool, PublishError>>,
    cancel: &CancellationToken,
) -> Result<bool, ReleaseError> {
    tokio::select! {
        unchanged = publishing => Ok(unchanged?),
        () = cancel.cancelled() => Err(ReleaseError::Cancelled),
    }
}

/// What [`release`] would build and write, without doing either.
pub async fn rehearse(
    request: &Request,
    events: &Events,
    cancel: &CancellationToken,
) -> Result<Rehearsal, ReleaseError> {
    let mut workshop =
        Workshop::open(&request.build.wanted.matrix, &request.build.workshop, events).await?;
    let result = look(request, &mut workshop, events, cancel).await;
    workshop.close().await;
    or_cancelled(result, cancel)
}

async fn look(
    request: &Request,
    workshop: &mut Workshop,
    events: &Events,
    cancel: &CancellationToken,
) -> Result<Rehearsal, ReleaseError> {
    let (plan, source) = prepare(&request.build.wanted, workshop, events, cancel)?;
    workshop.open_roots(&plan, events, cancel)?;
    let jobs = jobs(&plan, &source, workshop, request.build.limit);
    let known = workshop.farm().look_up(&jobs).await;
    let names = Names::new(&plan.module, source.version.as_str());
    let place = match &request.github {
        Some(settings) => {
            Some(enter(settings, &plan, &names, &source.version, events).await?.name())
        }
        None => None,
    };
    Ok(Rehearsal {
        place,
        table: plan::formats::table(&plan),
        cells: jobs.iter().map(|job| job.cells.len()).sum(),
        cached: known.iter().flatten().count(),
        jobs: jobs.len(),
        folder: request.to.join(names.folder()),
    })
}

/// What fails after Ctrl-C fails because of it.
fn or_cancelled<T>(
    result: Result<T, ReleaseError>,
    cancel: &CancellationToken,
) -> Result<T, ReleaseError> {
    result.map_err(|error| if cancel.is_cancelled() { ReleaseError::Cancelled } else { error })
}

/// What a release would do.
#[derive(Debug)]
pub struct Rehearsal {
    /// The plan, for people.
    pub table: String,
    /// Cells that would be published.
    pub cells: usize,
    /// Distinct jobs behind them.
    pub jobs: usize,
    /// Those of them that were built before.
    pub cached: usize,
    /// The folder that would be written.
    pub folder: Utf8PathBuf,
    /// Where it would be published, if anywhere else.
    pub place: Option<String>,
}

impl Rehearsal {
    /// For people.
    #[must_use]
    pub fn text(&self) -> String {
        let Self { table, cells, jobs, cached, folder, place } = self;
        let place = place.as_ref().map_or(String::new(), |place| format!(" and go to {place}"));
        let build = jobs - cached;
        format!(
            "{table}\nDry run: {cells} cells from {jobs} jobs, {cached} of them built before and \
             {build} to build; the release would stand in {folder}{place}. Nothing was written.\n"
        )
    }
}
