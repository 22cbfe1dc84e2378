//! A release that is built in several places: each builds some cells and writes a part, and one puts all
//! parts together to the same release that one place alone would have made.

mod error;
mod merge;
mod read;
mod reuse;
mod write;

use camino::Utf8PathBuf;
use tokio_util::sync::CancellationToken;

use super::build::{BuildRequest, Task, Yield};
use super::{
    ReleaseError, Released, Wanted, Workshop, WorkshopRequest, or_cancelled, pack, prepare, smoking,
};
use crate::model::cell::CellId;
use crate::model::event::{Event, Events, Stage};
use crate::model::part::{self, FailedCell, FailedStage};
use crate::package::{Names, describe};
use crate::plan::{self, Build, Plan, PlanError};
use crate::publish::directory::Directory;
use crate::roots::Source;
use crate::sys::staging::Staging;

pub use self::error::PartError;
pub(super) use self::reuse::Reusable;

/// What somebody wants built as a part.
#[derive(Debug)]
pub struct PartRequest {
    /// What is built, and how.
    pub build: BuildRequest,
    /// The cells that are asked for by name: one that nobody can build has failed.
    pub cells: Vec<CellId>,
    /// The part's folder.
    pub to: Utf8PathBuf,
    /// Parts, or folders of them, that may have some of it already.
    pub reuse: Vec<Utf8PathBuf>,
}

/// What somebody wants put together.
#[derive(Debug)]
pub struct AssembleRequest {
    /// Which cells of which version.
    pub wanted: Wanted,
    /// The runners to plan with, if there are any; roots and caches.
    pub workshop: WorkshopRequest,
    /// The parts, or folders of them.
    pub parts: Vec<Utf8PathBuf>,
    /// The folder that the release's own folder is made in.
    pub to: Utf8PathBuf,
}

/// A part that stands.
#[derive(Debug)]
pub struct PartBuilt {
    /// Its folder.
    pub folder: Utf8PathBuf,
    /// How many cells it has.
    pub cells: usize,
}

/// Builds cells, and writes a part of what came of them: also where some failed, and where the run was
/// interrupted.
pub async fn build_part(
    request: &PartRequest,
    events: &Events,
    cancel: &CancellationToken,
) -> Result<PartBuilt, ReleaseError> {
    events.stage(Stage::Preflight);
    let build = &request.build;
    let mut workshop = Workshop::open(&build.wanted.matrix, &build.workshop, events).await?;
    let result = Box::pin(make_part(request, &mut workshop, events, cancel)).await;
    workshop.close().await;
    or_cancelled(result, cancel)
}

async fn make_part(
    request: &PartRequest,
    workshop: &mut Workshop,
    events: &Events,
    cancel: &CancellationToken,
) -> Result<PartBuilt, ReleaseError> {
    let (plan, given) = request.plan(workshop)?;
    let nobody = built_by_nobody(&plan, &request.cells, events)?;
    let source = request.build.wanted.source(given, workshop, events, cancel)?;
    prepare::warn(&plan, events);
    let place = Staging::take(&request.to, "part", part::FILE)?;
    let reusable = Reusable::read(&request.reuse, &plan.module, events);
    let running = smoking::installations(&request.build)?;
    let task = Task {
        request: &request.build,
        plan: &plan,
        source: &source,
        running: &running,
        reusable: &reusable,
        whole: false,
    };
    let Yield { made, mut failed } = if plan.assigned().next().is_some() {
        task.build(workshop, events, cancel).await?
    } else {
        Yield::default()
    };
    failed.extend(nobody);
    events.stage(Stage::Package);
    let cells = made.cells.len();
    write::part(place, &plan, &source, made, &failed, workshop.logs())?;
    let folder = request.to.clone();
    events.emit(Event::PartWritten { place: folder.to_string(), cells, failed: failed.len() });
    if failed.is_empty() {
        return Ok(PartBuilt { folder, cells });
    }
    let of = plan.cells.len();
    Err(ReleaseError::PartFailed { cells: reasons(&failed), of, folder })
}

impl PartRequest {
    /// The plan of the cells; why one that was asked for by name is none is explained.
    fn plan(&self, workshop: &mut Workshop) -> Result<(Plan, Option<Source>), ReleaseError> {
        let wanted = &self.build.wanted;
        wanted.plan(workshop).map_err(|error| match error {
            ReleaseError::Plan(PlanError::NoMatch { pattern, version, .. })
                if self.cells.iter().any(|cell| cell.to_string() == pattern) =>
            {
                let request = plan::Request::of(*version);
                let why = plan::explain(&wanted.matrix, &request, workshop.offers(), &pattern);
                ReleaseError::NoCell(Box::new(why))
            }
            error => error,
        })
    }
}

/// The cells that were asked for by name and that nobody builds. One that is excluded is a mistake of
/// whoever asks, and so is a plan of which nobody builds anything, where nothing was named.
fn built_by_nobody(
    plan: &Plan,
    asked: &[CellId],
    events: &Events,
) -> Result<Vec<FailedCell>, ReleaseError> {
    let mut nobody = Vec::new();
    for cell in plan.cells.iter().filter(|cell| asked.contains(&cell.id)) {
        match &cell.build {
            Build::By(_) => {}
            Build::Never => {
                let reason = cell.verdict.reason().unwrap_or_default().to_owned();
                return Err(ReleaseError::Excluded { cell: Box::new(cell.id.clone()), reason });
            }
            Build::Nobody { reason } => {
                let failed = FailedCell::new(cell.id.clone(), FailedStage::Plan, reason, "");
                events.emit(cell_failed(&failed));
                nobody.push(failed);
            }
        }
    }
    if asked.is_empty() && plan.assigned().next().is_none() {
        return Err(ReleaseError::nothing_to_build(plan));
    }
    Ok(nobody)
}

/// Puts parts together to a release.
pub async fn assemble(
    request: &AssembleRequest,
    events: &Events,
    cancel: &CancellationToken,
) -> Result<Released, ReleaseError> {
    events.stage(Stage::Preflight);
    let mut workshop = Workshop::open(&request.wanted.matrix, &request.workshop, events).await?;
    let result = put_together(request, &mut workshop, events, cancel).await;
    workshop.close().await;
    or_cancelled(result, cancel)
}

async fn put_together(
    request: &AssembleRequest,
    workshop: &mut Workshop,
    events: &Events,
    cancel: &CancellationToken,
) -> Result<Released, ReleaseError> {
    let parts = read::parts(&request.parts)?;
    let (plan, given) = request.wanted.plan(workshop)?;
    let source = request.wanted.source(given, workshop, events, cancel)?;
    prepare::warn(&plan, events);
    let title = format!("{} {}", plan.module, source.version);
    events.emit(Event::Assembling { title, parts: parts.len() });
    events.stage(Stage::Inspect);
    let module = describe::module_record(&plan.module, &source);
    let chosen = merge::choose(&parts, &plan, &module)?;
    whole(&chosen, &plan, &source, events)?;
    if chosen.len() == 0 {
        return Err(ReleaseError::nothing_to_build(&plan));
    }
    let made = merge::prove(&chosen, &plan, events)?;
    let names = Names::new(&plan.module, source.version.as_str());
    let mut place = Directory::prepare(&request.to, names.folder(), &names.manifest())?;
    let contents = describe::describe(&plan, &source, made);
    let unchanged = pack::pack(contents, &mut place, workshop, events, cancel).await?;
    Ok(Released { folder: place.folder().to_owned(), unchanged })
}

/// Whether every cell that the plan gives to a runner is there; if not, each that is missing is named.
fn whole(
    chosen: &merge::Chosen<'_>,
    plan: &Plan,
    source: &Source,
    events: &Events,
) -> Result<(), ReleaseError> {
    let missing = chosen.missing(plan);
    for failed in &missing {
        events.emit(cell_failed(failed));
    }
    if missing.is_empty() {
        return Ok(());
    }
    let (module, version) = (plan.module.clone(), source.version.clone());
    let of = missing.len() + chosen.len();
    Err(ReleaseError::Incomplete {
        module,
        version: Box::new(version),
        cells: reasons(&missing),
        of,
    })
}

fn cell_failed(failed: &FailedCell) -> Event {
    Event::CellFailed {
        cell: failed.id.to_string(),
        stage: failed.stage,
        reason: failed.because(),
        log: failed.log_end.clone(),
    }
}

/// Cells with how far they came and why no further.
fn reasons(failed: &[FailedCell]) -> Vec<String> {
    let reason = |failed: &FailedCell| {
        let reason = failed.because();
        match failed.stage {
            FailedStage::Interrupted | FailedStage::Missing => format!("{}: {reason}", failed.id),
            stage => format!("{}: {}: {reason}", failed.id, stage.as_str()),
        }
    };
    failed.iter().map(reason).collect()
}
