//! The stages from a plan to files that are proven: roots, build, inspect, smoke. A release is packaged from
//! what they come to, and a part is written of it.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::parts::Reusable;
use super::{ReleaseError, SmokeRequest, Wanted, Workshop, WorkshopRequest, smoking};
use crate::farm::{JobResult, Outcome, Policy};
use crate::inspect::{self, Context};
use crate::model::cell::CellId;
use crate::model::event::{Event, Events, Stage};
use crate::model::job::Job;
use crate::model::part::{FailedCell, FailedStage};
use crate::model::smoke::Smoke;
use crate::package::describe::{self, Facts, Made, Proven};
use crate::plan::Plan;
use crate::roots::Source;
use crate::roots::running::Installations;
use crate::toolset::messages::messages;
use crate::toolset::{self, Inputs};

/// What somebody wants built, and how.
#[derive(Debug)]
pub struct BuildRequest {
    /// Which cells of which version.
    pub wanted: Wanted,
    /// The runners, roots and caches.
    pub workshop: WorkshopRequest,
    /// What is tried in a real Apache.
    pub smoke: SmokeRequest,
    /// Whether a failure leaves the other jobs running.
    pub keep_going: bool,
    /// How long a job may run.
    pub limit: Duration,
}

/// A plan that is about to be built.
#[derive(Debug)]
pub(super) struct Task<'a> {
    pub(super) request: &'a BuildRequest,
    pub(super) plan: &'a Plan,
    pub(super) source: &'a Source,
    /// What files are tried with.
    pub(super) running: &'a Installations,
    /// What was built elsewhere.
    pub(super) reusable: &'a Reusable,
    /// Whether a part of it is of no use: then the stages end at the first that something fails in.
    pub(super) whole: bool,
}

/// What the stages came to.
#[derive(Debug, Default)]
pub(super) struct Yield {
    /// The cells that have a file.
    pub(super) made: Made,
    /// The cells that did not come as far as they should, in the order of the plan.
    pub(super) failed: Vec<FailedCell>,
}

impl Task<'_> {
    /// Builds, inspects and tries every cell that somebody builds.
    pub(super) async fn build(
        &self,
        workshop: &mut Workshop,
        events: &Events,
        cancel: &CancellationToken,
    ) -> Result<Yield, ReleaseError> {
        events.stage(Stage::Roots);
        workshop.open_roots(self.plan, events, cancel)?;
        events.stage(Stage::Build);
        let results = self.run(workshop, events, cancel).await?;
        if self.whole && cancel.is_cancelled() {
            return Err(ReleaseError::Cancelled);
        }
        events.stage(Stage::Inspect);
        let mut failures = Failures::default();
        let proven = self.prove(results, workshop, &mut failures, events, cancel)?;
        self.check(&failures, workshop, cancel)?;
        events.stage(Stage::Smoke);
        let seen = self.smoke(&proven, &mut failures, events, cancel).await?;
        self.check(&failures, workshop, cancel)?;
        let toolsets = workshop.toolsets_of(self.plan);
        let (plan, source, roots) = (self.plan, self.source, workshop.roots());
        let facts = Facts { plan, source, roots, toolsets: &toolsets, proven, seen };
        Ok(Yield { made: describe::record(facts), failed: failures.of(plan) })
    }

    async fn run(
        &self,
        workshop: &mut Workshop,
        events: &Events,
        cancel: &CancellationToken,
    ) -> Result<Vec<JobResult>, ReleaseError> {
        let jobs = jobs(self.plan, self.source, workshop, self.request.limit);
        self.reusable.tell(&jobs, workshop.farm_mut(), events);
        let cells = jobs.iter().map(|job| job.cells.len()).sum();
        let title = format!("{} {}", self.plan.module, self.source.version);
        events.emit(Event::Planned { title, cells, jobs: jobs.len() });
        let policy = Policy { keep_going: self.request.keep_going };
        Ok(workshop.farm().run(jobs, &policy, events, cancel).await?)
    }

    /// Inspects every built file for every cell that it serves.
    fn prove(
        &self,
        results: Vec<JobResult>,
        workshop: &mut Workshop,
        failures: &mut Failures,
        events: &Events,
        cancel: &CancellationToken,
    ) -> Result<BTreeMap<CellId, Proven>, ReleaseError> {
        let mut proven = BTreeMap::new();
        for JobResult { job, outcome } in results {
            let Outcome::Built { bytes, .. } = outcome else {
                failures.job(&job, &outcome, cancel.is_cancelled());
                continue;
            };
            for cell in &job.cells {
                let context: Context = workshop.context(self.plan, cell)?;
                match inspect::prove(bytes.clone(), cell, &self.plan.module, &context) {
                    Ok(file) => {
                        let [action, command, input_root] =
                            [job.action.digest(), job.action.command(), job.action.input_root()]
                                .map(|digest| digest.sha256);
                        proven.insert(cell.clone(), Proven { file, action, command, input_root });
                    }
                    Err(refusal) => failures.refused(refusal, events),
                }
            }
        }
        // Nothing that the plan gives to a runner may be missing without a word.
        for (cell, _) in self.plan.assigned() {
            if !proven.contains_key(&cell.id) {
                failures.lost(&cell.id);
            }
        }
        Ok(proven)
    }

    /// What is seen of the files; a failure of a supported cell is one.
    async fn smoke(
        &self,
        proven: &BTreeMap<CellId, Proven>,
        failures: &mut Failures,
        events: &Events,
        cancel: &CancellationToken,
    ) -> Result<BTreeMap<CellId, Smoke>, ReleaseError> {
        let (plan, version, known) = (self.plan, &self.source.version, self.running);
        let trying = smoking::smoke(self.request, plan, version, proven, known, events, cancel);
        let seen = match trying.await {
            Err(_) if cancel.is_cancelled() && !self.whole => {
                for cell in proven.keys() {
                    failures.interrupted(cell);
                }
                return Ok(BTreeMap::new());
            }
            seen => seen?,
        };
        for cell in smoking::not_served(self.request, plan, &seen) {
            failures.not_served(cell, &seen);
        }
        Ok(seen)
    }

    /// Ends what is of use as a whole alone, where it will not become whole.
    fn check(
        &self,
        failures: &Failures,
        workshop: &Workshop,
        cancel: &CancellationToken,
    ) -> Result<(), ReleaseError> {
        match failures.error(self.request, workshop) {
            _ if !self.whole => Ok(()),
            _ if cancel.is_cancelled() => Err(ReleaseError::Cancelled),
            Some(error) => Err(error),
            None => Ok(()),
        }
    }
}

/// The distinct jobs behind the cells that somebody builds.
#[must_use]
pub fn jobs(plan: &Plan, source: &Source, workshop: &Workshop, limit: Duration) -> Vec<Job> {
    let cells: Vec<Inputs<'_>> = plan
        .assigned()
        .filter_map(|(cell, by)| {
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

/// What failed so far.
#[derive(Debug, Default)]
struct Failures {
    /// The jobs that gave no file, by their names.
    jobs: Vec<String>,
    cells: BTreeMap<CellId, FailedCell>,
}

impl Failures {
    fn job(&mut self, job: &Job, outcome: &Outcome, cancelled: bool) {
        self.jobs.push(job.name());
        let (stage, reason, log) = match outcome {
            Outcome::Failed { reason, log } => (FailedStage::Build, reason.as_str(), log.as_str()),
            _ if cancelled => (FailedStage::Interrupted, INTERRUPTED, ""),
            _ => (FailedStage::Interrupted, "it was ended because another job had failed", ""),
        };
        let messages = messages(log);
        for cell in &job.cells {
            let failed = FailedCell::new(cell.clone(), stage, reason, log);
            self.add(failed.saying(messages.clone()));
        }
    }

    fn refused(&mut self, refusal: inspect::Refused, events: &Events) {
        let inspect::Refused { cell, findings } = refusal;
        for finding in &findings {
            events.emit(Event::Found { subject: cell.to_string(), finding: finding.clone() });
        }
        let reason = findings.first().map_or("", |finding| finding.message.as_str());
        self.add(FailedCell::new(cell, FailedStage::Inspect, reason, "").with(findings.clone()));
    }

    fn not_served(&mut self, cell: &CellId, seen: &BTreeMap<CellId, Smoke>) {
        if let Some(Smoke::Failed { check, reason, log, .. }) = seen.get(cell) {
            let reason = format!("at {check}: {reason}");
            self.add(FailedCell::new(cell.clone(), FailedStage::Smoke, &reason, log));
        }
    }

    fn interrupted(&mut self, cell: &CellId) {
        self.add(FailedCell::new(cell.clone(), FailedStage::Interrupted, INTERRUPTED, ""));
    }

    fn lost(&mut self, cell: &CellId) {
        if !self.cells.contains_key(cell) {
            self.jobs.push(cell.to_string());
            self.add(FailedCell::new(cell.clone(), FailedStage::Build, "nothing came of it", ""));
        }
    }

    fn add(&mut self, failed: FailedCell) {
        self.cells.insert(failed.id.clone(), failed);
    }

    /// In the order of the plan.
    fn of(mut self, plan: &Plan) -> Vec<FailedCell> {
        plan.cells.iter().filter_map(|cell| self.cells.remove(&cell.id)).collect()
    }

    /// Why nothing is released: the first stage that something failed in.
    fn error(&self, request: &BuildRequest, workshop: &Workshop) -> Option<ReleaseError> {
        let at = |stage: FailedStage| {
            let cells = self.cells.values().filter(move |cell| cell.stage == stage);
            cells.map(|cell| cell.id.to_string()).collect::<Vec<_>>()
        };
        let (refused, not_served) = (at(FailedStage::Inspect), at(FailedStage::Smoke));
        if !self.jobs.is_empty() {
            let (jobs, logs) = (self.jobs.clone(), workshop.logs().to_owned());
            Some(ReleaseError::Failed { jobs, logs })
        } else if !refused.is_empty() {
            Some(ReleaseError::Refused { cells: refused })
        } else if !not_served.is_empty() {
            let folder = smoking::folder(request);
            Some(ReleaseError::NotServed { cells: not_served, folder })
        } else {
            None
        }
    }
}

const INTERRUPTED: &str = "interrupted";
