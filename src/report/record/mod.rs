//! A run as it was, from its events and their times: heard while it runs, or read from its journal.

mod clock;
mod figures;
mod format;
mod jobs;
mod runners;
#[cfg(test)]
mod tests;

use std::collections::HashMap;

use jiff::Timestamp;

use self::clock::Clock;
use self::figures::Shape;
pub(super) use self::figures::built_in;
pub use self::format::*;
use self::jobs::{End, Jobs};
use self::runners::Runners;
use crate::model::event::{Event, Stage};
use crate::model::job::log_end;
use crate::model::smoke::Smoke;

/// How a run ended, where whoever writes the report knows it.
#[derive(Clone, Copy, Debug)]
pub enum Ended<'a> {
    /// The release stands.
    Well,
    /// An error ended it.
    Badly(&'a str),
    /// Ctrl-C did.
    Interrupted(&'a str),
    /// There is only a journal.
    Unknown,
}

/// What a run was so far.
#[derive(Debug, Default)]
pub struct Record {
    clock: Clock,
    part: Part,
    title: Option<String>,
    stages: Vec<(Stage, Timestamp)>,
    jobs: Jobs,
    runners: Runners,
    findings: Vec<FindingRecord>,
    smoke: Vec<SmokeRecord>,
    failed_cells: Vec<FailedCellRecord>,
    parts: Option<usize>,
    written: Option<PartRecord>,
    published: Vec<PublishedRecord>,
    warnings: Vec<Remark>,
    notes: Vec<Remark>,
}

/// Where in a run, or in a part of it that was taken up again, what is heard belongs to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Part {
    /// Right after its first stage.
    Begin,
    /// Right after it said that it goes on; its first stage is still to come.
    GoesOn,
    #[default]
    Middle,
}

impl Record {
    /// Takes note of an event and its time.
    pub fn hear(&mut self, at: Timestamp, event: &Event) {
        let (begun, before) = (self.clock.begun(), self.clock.last());
        let at = self.clock.hear(at);
        if self.taken_up_again(event, begun.is_some()) {
            self.jobs.broken_off(before);
            self.runners.broken_off(before);
            self.clock.pause(before, at);
            // They are looked for, and published, again.
            self.findings.clear();
            self.failed_cells.clear();
            self.published.clear();
        }
        match event {
            Event::StageStarted { stage } => self.stages.push((*stage, at)),
            Event::Planned { title, .. } => self.title = Some(title.clone()),
            Event::Following { title, place, workflow, run, url } => {
                self.title = Some(title.clone());
                let message = format!("built by run {run} of {workflow} at {place}: {url}");
                self.notes.push(Remark { time: at, message, hint: None });
            }
            Event::JobQueued { job, cells, action, expected_millis } => {
                let action = Some(action.clone()).filter(|action| !action.is_empty());
                self.jobs.queued(at, job, cells, action, *expected_millis);
            }
            Event::JobStarted { job, runner } => {
                self.runners.used(at, runner);
                self.jobs.started(at, job, runner);
            }
            Event::JobDropped { job, runner, reason } => self.jobs.dropped(at, job, runner, reason),
            Event::JobFinished { job, outcome, millis, runner } => {
                if let Some(runner) = runner {
                    self.runners.used(at, runner);
                }
                let end = End { outcome, millis: *millis, runner: runner.as_deref() };
                self.jobs.finished(at, begun.unwrap_or(at), job, &end);
            }
            _ => self.hear_of_runners(at, event),
        }
    }

    fn hear_of_parts(&mut self, event: &Event) {
        match event {
            Event::Assembling { title, parts } => {
                (self.title, self.parts) = (Some(title.clone()), Some(*parts));
            }
            Event::CellFailed { cell, stage, reason, log } => {
                let (cell, reason, log_end) = (cell.clone(), reason.clone(), log_end(log));
                self.failed_cells.push(FailedCellRecord { cell, stage: *stage, reason, log_end });
            }
            Event::PartWritten { place, cells, failed } => {
                let (place, cells, failed) = (place.clone(), *cells, *failed);
                self.written = Some(PartRecord { place, cells, failed });
            }
            _ => {}
        }
    }

    fn hear_of_runners(&mut self, at: Timestamp, event: &Event) {
        match event {
            Event::RunnerReady { runner, place, slots, toolsets } => {
                let runner = self.runners.there(at, runner);
                runner.place = Some(place.clone());
                runner.slots = Some(*slots);
                runner.toolsets.clone_from(toolsets);
            }
            Event::RunnerLost { runner, reason, for_good } => {
                self.runners.lost(at, runner, reason, *for_good);
            }
            Event::Brought { runner, files, bytes, sent, millis } => {
                let (files, bytes, sent, millis) = (*files as u64, *bytes, *sent, *millis);
                self.runners.brought(runner, BroughtRecord { files, bytes, sent, millis });
            }
            _ => self.hear_of_files(at, event),
        }
    }

    fn hear_of_files(&mut self, at: Timestamp, event: &Event) {
        match event {
            Event::Found { subject, finding } => {
                let (subject, finding) = (subject.clone(), finding.clone());
                self.findings.push(FindingRecord { subject, finding });
            }
            Event::SmokeFinished { cells, result, remembered, millis, .. } => {
                // What was seen after the run was taken up again is what counts.
                self.smoke.retain(|known| known.cells != *cells);
                self.smoke.push(SmokeRecord {
                    cells: cells.clone(),
                    result: with_short_log(result.clone()),
                    remembered: *remembered,
                    millis: *millis,
                });
            }
            Event::Published { place, unchanged, assets } => {
                let (place, unchanged) = (place.clone(), *unchanged);
                self.published.push(PublishedRecord { place, unchanged, files: *assets });
            }
            Event::Note { message } => {
                self.notes.push(Remark { time: at, message: message.clone(), hint: None });
            }
            Event::Warning { message, hint } => {
                let (message, hint) = (message.clone(), hint.clone());
                // A run that is taken up again warns of the same things again.
                let again = !self.clock.pauses().is_empty();
                if !(again && self.warnings.iter().any(|known| known.message == message)) {
                    self.warnings.push(Remark { time: at, message, hint });
                }
            }
            _ => self.hear_of_parts(event),
        }
    }

    /// Whether a run that was broken off goes on with this event: it begins with its first stage again,
    /// or says so.
    fn taken_up_again(&mut self, event: &Event, begun: bool) -> bool {
        match event {
            Event::StageStarted { stage: Stage::Preflight } => {
                let part = std::mem::replace(&mut self.part, Part::Begin);
                begun && !self.stages.is_empty() && part != Part::GoesOn
            }
            Event::Resumed { .. } => {
                let part = std::mem::replace(&mut self.part, Part::GoesOn);
                begun && part != Part::Begin
            }
            Event::Planned { .. } | Event::JobQueued { .. } => {
                self.part = Part::Middle;
                false
            }
            _ => false,
        }
    }

    /// The page of the release that was published last, where there is one.
    #[must_use]
    pub fn page(&self) -> Option<&str> {
        let mut places = self.published.iter().rev().map(|published| published.place.as_str());
        places.find(|place| place.starts_with("https://") || place.starts_with("http://"))
    }

    /// The folder of the part that was written, if one was.
    #[must_use]
    pub fn part(&self) -> Option<&str> {
        self.written.as_ref().map(|part| part.place.as_str())
    }

    /// The run, and how it ended.
    #[must_use]
    pub fn report(&self, ended: Ended<'_>) -> RunReport {
        let last = self.clock.last();
        let jobs = self.jobs.records(last);
        let shape = Shape::of(&self.clock, &jobs);
        let runners = shape.runners(&self.runners, &jobs, last);
        RunReport {
            format_version: FORMAT_VERSION,
            modfarm: env!("CARGO_PKG_VERSION").to_owned(),
            title: self.title.clone(),
            outcome: self.outcome(ended, &jobs),
            error: match ended {
                Ended::Badly(error) | Ended::Interrupted(error) => Some(error.to_owned()),
                Ended::Well | Ended::Unknown => None,
            },
            begun: self.clock.begun(),
            ended: self.clock.begun().map(|_| last),
            pauses: self.clock.pauses().to_vec(),
            figures: shape.figures(&jobs, &runners, last),
            stages: self.stages(last),
            cells: cells(&jobs, &runners),
            runners,
            jobs,
            findings: self.findings.clone(),
            smoke: self.smoke.clone(),
            failed_cells: self.failed_cells.clone(),
            parts: self.parts,
            part: self.written.clone(),
            published: self.published.clone(),
            warnings: self.warnings.clone(),
            notes: self.notes.clone(),
        }
    }

    /// Where nobody knows, the events tell as much as they do.
    fn outcome(&self, ended: Ended<'_>, jobs: &[JobRecord]) -> RunOutcome {
        let any = |state| jobs.iter().any(|job| job.outcome == state);
        match ended {
            Ended::Well if self.written.is_some() => RunOutcome::Built,
            Ended::Well => RunOutcome::Released,
            Ended::Badly(_) => RunOutcome::Failed,
            Ended::Interrupted(_) => RunOutcome::Interrupted,
            Ended::Unknown if !self.published.is_empty() => RunOutcome::Released,
            Ended::Unknown if self.written.as_ref().is_some_and(|part| part.failed == 0) => {
                RunOutcome::Built
            }
            Ended::Unknown if any(JobState::Failed) => RunOutcome::Failed,
            Ended::Unknown if any(JobState::Cancelled) => RunOutcome::Interrupted,
            Ended::Unknown => RunOutcome::Unfinished,
        }
    }

    fn stages(&self, last: Timestamp) -> Vec<StageRecord> {
        let next = self.stages.iter().skip(1).map(|(_, from)| *from).chain([last]);
        let stage = |((stage, from), until): (&(Stage, Timestamp), Timestamp)| {
            // The last stage before a pause ended with it.
            let pause = self.clock.pauses().iter().find(|pause| pause.until == until);
            let until = pause.map_or(until, |pause| pause.from);
            StageRecord { stage: *stage, span: Span { from: *from, until: until.max(*from) } }
        };
        self.stages.iter().zip(next).map(stage).collect()
    }
}

/// The build record of every cell.
fn cells(jobs: &[JobRecord], runners: &[RunnerRecord]) -> Vec<CellBuild> {
    let toolsets: HashMap<&str, &[String]> =
        runners.iter().map(|runner| (runner.name.as_str(), runner.toolsets.as_slice())).collect();
    let record = |job: &JobRecord, cell: &String| {
        let counted = job.counted();
        let runner = counted.map(|attempt| attempt.runner.clone());
        let known = runner.as_deref().and_then(|runner| toolsets.get(runner));
        CellBuild {
            cell: cell.clone(),
            job: job.job.clone(),
            action: job.action.clone(),
            outcome: job.outcome,
            toolsets: known.map(|known| known.to_vec()).unwrap_or_default(),
            runner,
            queued: job.queued,
            started: counted.and_then(|attempt| attempt.started),
            finished: job.finished,
            millis: job.millis,
            attempts: job.attempts.len(),
            log: job.log.as_ref().map(|_| format!("logs/{}", crate::model::job::log_name(cell))),
        }
    };
    jobs.iter().flat_map(|job| job.cells.iter().map(move |cell| record(job, cell))).collect()
}

fn with_short_log(mut smoke: Smoke) -> Smoke {
    if let Smoke::Failed { log, .. } = &mut smoke {
        *log = log_end(log);
    }
    smoke
}
