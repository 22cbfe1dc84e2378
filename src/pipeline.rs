//! The stages of a release, in order: this file is the way of the data as code.

mod prepare;
mod smoking;
pub mod survey;
mod via;
mod workshop;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use camino::Utf8PathBuf;
use tokio_util::sync::CancellationToken;

use crate::farm::{JobResult, Outcome, Policy};
use crate::inspect::{self, Context};
use crate::model::cell::CellId;
use crate::model::event::{Event, Events, Stage};
use crate::model::version::Version;
use crate::package::describe::{Facts, Proven, describe};
use crate::package::{self, Names, wheel};
use crate::plan::{self, Build, Plan};
use crate::publish::directory::Directory;
use crate::publish::github::{self, GitHub};
use crate::publish::protocol::Place as _;
use crate::publish::{self, PublishError, Release};
use crate::roots::Source;
use crate::toolset::{self, Inputs};

pub use prepare::{Wanted, prepare, version_of};
pub use smoking::SmokeRequest;
pub use via::{Task, ViaError, ViaRequest, rehearse_via, via};
pub use workshop::{ReleaseError, Workshop, WorkshopRequest};

/// What somebody wants released.
#[derive(Debug)]
pub struct Request {
    /// Which cells of which version.
    pub wanted: Wanted,
    /// The runners, roots and caches.
    pub workshop: WorkshopRequest,
    /// What is tried in a real Apache.
    pub smoke: SmokeRequest,
    /// The folder that the release's own folder is made in.
    pub to: Utf8PathBuf,
    /// Where on GitHub it goes from there, if anywhere.
    pub github: Option<github::Settings>,
    /// Whether a failure leaves the other jobs running.
    pub keep_going: bool,
    /// How long a job may run.
    pub limit: Duration,
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
    let mut workshop = Workshop::open(&request.wanted.matrix, &request.workshop, events).await?;
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
    let (plan, source) = prepare(&request.wanted, workshop, events, cancel)?;
    let names = Names::new(&plan.module, source.version.as_str());
    let mut place = Directory::prepare(&request.to, names.folder(), &names.manifest())?;
    let github = match &request.github {
        Some(settings) => Some(enter(settings, &plan, &names, &source.version, events).await?),
        None => None,
    };
    let running = smoking::installations(request)?;

    events.stage(Stage::Roots);
    workshop.open_roots(&plan, events, cancel)?;

    events.stage(Stage::Build);
    let jobs = jobs(&plan, &source, workshop, request.limit);
    let cells = jobs.iter().map(|job| job.cells.len()).sum();
    let title = format!("{} {}", plan.module, source.version);
    events.emit(Event::Planned { title, cells, jobs: jobs.len() });
    let policy = Policy { keep_going: request.keep_going };
    let results = workshop.farm().run(jobs, &policy, events, cancel).await?;

    events.stage(Stage::Inspect);
    let proven = prove(&plan, results, workshop, events, cancel)?;

    events.stage(Stage::Smoke);
    let version = &source.version;
    let seen = smoking::smoke(request, &plan, version, &proven, &running, events, cancel).await?;

    events.stage(Stage::Package);
    let toolsets = workshop.toolsets_of(&plan);
    let roots = workshop.roots();
    let contents =
        describe(Facts { plan: &plan, source: &source, roots, toolsets: &toolsets, proven, seen });
    let standing = package::standing(&contents, place.folder(), workshop.digests());
    let unchanged = if let Some(files) = standing {
        let folder = place.folder().to_string();
        events.emit(Event::Published { place: folder, unchanged: true, assets: files.len() });
        true
    } else {
        package::package(contents, place.staging())?;
        events.stage(Stage::Publish);
        if cancel.is_cancelled() {
            return Err(ReleaseError::Cancelled);
        }
        let release = Release::read(place.staging(), workshop.digests())?;
        publish::publish(&mut place, &release, events).await?
    };
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
    let built = plan.cells.iter().filter(|cell| matches!(cell.build, Build::By(_)));
    let labels: BTreeSet<String> = built.map(|cell| cell.id.apache.to_string()).collect();
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

/// The distinct jobs behind the cells that somebody builds.
#[must_use]
pub fn jobs(
    plan: &Plan,
    source: &Source,
    workshop: &Workshop,
    limit: Duration,
) -> Vec<crate::model::job::Job> {
    let cells: Vec<Inputs<'_>> = plan
        .cells
        .iter()
        .filter_map(|cell| {
            let Build::By(by) = &cell.build else { return None };
            Some(Inputs {
                cell: &cell.id,
                runner: &by.runner,
                toolset: workshop.toolset(&by.runner, &by.toolset)?,
                apache: workshop.roots().get(&by.apache_root)?,
                python: workshop.roots().get(&by.python_root)?,
            })
        })
        .collect();
    toolset::jobs(&plan.module, source, &cells, limit)
}

/// Inspects every built file for every cell that it serves. One that fails fails the release, after
/// all were looked at.
fn prove(
    plan: &Plan,
    results: Vec<JobResult>,
    workshop: &mut Workshop,
    events: &Events,
    cancel: &CancellationToken,
) -> Result<BTreeMap<CellId, Proven>, ReleaseError> {
    if cancel.is_cancelled() {
        return Err(ReleaseError::Cancelled);
    }
    let mut proven = BTreeMap::new();
    let (mut failed, mut refused) = (Vec::new(), Vec::new());
    for JobResult { job, outcome } in results {
        let Outcome::Built { bytes, .. } = outcome else {
            failed.push(job.name());
            continue;
        };
        for cell in &job.cells {
            let context: Context = workshop.context(plan, cell)?;
            match inspect::prove(bytes.clone(), cell, &plan.module, &context) {
                Ok(file) => {
                    let [action, command, input_root] =
                        [job.action.digest(), job.action.command(), job.action.input_root()]
                            .map(|digest| digest.sha256);
                    proven.insert(cell.clone(), Proven { file, action, command, input_root });
                }
                Err(refusal) => {
                    for finding in refusal.findings {
                        events.emit(Event::Found { subject: cell.to_string(), finding });
                    }
                    refused.push(cell.to_string());
                }
            }
        }
    }
    // Nothing that the plan gives to a runner may be missing without a word.
    let planned = plan.cells.iter().filter(|cell| matches!(cell.build, Build::By(_)));
    if failed.is_empty() && refused.is_empty() {
        failed.extend(
            planned.filter(|cell| !proven.contains_key(&cell.id)).map(|cell| cell.id.to_string()),
        );
    }
    if !failed.is_empty() {
        return Err(ReleaseError::Failed { jobs: failed, logs: workshop.logs().to_owned() });
    }
    if !refused.is_empty() {
        return Err(ReleaseError::Refused { cells: refused });
    }
    Ok(proven)
}

/// What [`release`] would build and write, without doing either.
pub async fn rehearse(
    request: &Request,
    events: &Events,
    cancel: &CancellationToken,
) -> Result<Rehearsal, ReleaseError> {
    let mut workshop = Workshop::open(&request.wanted.matrix, &request.workshop, events).await?;
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
    let (plan, source) = prepare(&request.wanted, workshop, events, cancel)?;
    workshop.open_roots(&plan, events, cancel)?;
    let jobs = jobs(&plan, &source, workshop, request.limit);
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
