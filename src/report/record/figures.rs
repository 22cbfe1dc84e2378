//! A run in figures: how long, how many times as fast as one job after the other, how busy the slots were.

use std::collections::{BTreeMap, HashMap};

use jiff::Timestamp;

use super::clock::Clock;
use super::format::{
    Attempt, AttemptKind, AttemptOutcome, Figures, JobRecord, JobState, RunnerRecord, Span,
};
use super::runners::Runners;

/// The time in which jobs were built, from the first that was queued to the last that ended.
#[derive(Debug)]
pub(super) struct Shape<'a> {
    clock: &'a Clock,
    build: Option<Span>,
}

impl<'a> Shape<'a> {
    pub(super) fn of(clock: &'a Clock, jobs: &[JobRecord]) -> Self {
        Self { clock, build: built_in(jobs) }
    }

    /// The runners, with what they did.
    pub(super) fn runners(
        &self,
        runners: &Runners,
        jobs: &[JobRecord],
        now: Timestamp,
    ) -> Vec<RunnerRecord> {
        let mut runs: BTreeMap<&str, Vec<&Attempt>> = BTreeMap::new();
        for attempt in jobs.iter().flat_map(|job| &job.attempts) {
            runs.entry(&attempt.runner).or_default().push(attempt);
        }
        let mut finished: HashMap<&str, usize> = HashMap::new();
        for attempt in jobs.iter().filter_map(JobRecord::counted) {
            *finished.entry(&attempt.runner).or_default() += 1;
        }
        let record = |(name, runner): (&String, &super::runners::Runner)| {
            let runs = runs.remove(name.as_str()).unwrap_or_default();
            let (ready, lost) = runner.spans(now);
            let slots = runner.slots.unwrap_or_else(|| side_by_side(&runs));
            let busy_millis = runs.iter().map(|run| self.busy(run)).sum();
            let there = ready.iter().map(|span| self.building(*span)).sum::<u64>();
            RunnerRecord {
                name: name.clone(),
                place: runner.place.clone(),
                slots,
                toolsets: runner.toolsets.clone(),
                utilisation: ratio(busy_millis, there.saturating_mul(slots as u64))
                    .map(|part| part.min(1.0)),
                ready,
                lost,
                runs: runs.len(),
                finished: finished.get(name.as_str()).copied().unwrap_or_default(),
                busy_millis,
                brought: runner.brought,
            }
        };
        runners.0.iter().map(record).collect()
    }

    /// The whole.
    pub(super) fn figures(
        &self,
        jobs: &[JobRecord],
        runners: &[RunnerRecord],
        last: Timestamp,
    ) -> Figures {
        let count = |state| jobs.iter().filter(|job| job.outcome == state).count();
        let begun = |kind| jobs.iter().map(|job| job.begun_as(kind)).sum();
        let build_millis = self.build.map_or(0, |build| self.clock.millis(build.from, build.until));
        let compile_millis = total(jobs.iter().map(|job| job.millis));
        let busy = total(runners.iter().map(|runner| runner.busy_millis));
        let there = total(runners.iter().map(|runner| {
            let there = runner.ready.iter().map(|span| self.building(*span)).sum::<u64>();
            there.saturating_mul(runner.slots as u64)
        }));
        let waits: Vec<u64> = jobs.iter().filter_map(|job| job.queue_millis).collect();
        let brought = runners
            .iter()
            .fold(super::BroughtRecord::default(), |all, runner| all.and(runner.brought));
        Figures {
            wall_millis: self.clock.begun().map_or(0, |begun| self.clock.millis(begun, last)),
            build_millis,
            compile_millis,
            speed_up: ratio(compile_millis, build_millis).filter(|_| compile_millis > 0),
            slots: runners.iter().fold(0, |all: usize, runner| all.saturating_add(runner.slots)),
            utilisation: ratio(busy, there).map(|part| part.min(1.0)),
            cells: jobs.iter().map(|job| job.cells.len()).sum(),
            jobs: jobs.len(),
            built: count(JobState::Built),
            cached: count(JobState::Cached),
            failed: count(JobState::Failed),
            cancelled: count(JobState::Cancelled),
            unfinished: count(JobState::Unfinished),
            retries: begun(AttemptKind::Retry),
            second_starts: begun(AttemptKind::Second),
            runners_lost: runners.iter().map(|runner| runner.lost.len()).sum(),
            queue_mean_millis: total(waits.iter().copied()).checked_div(waits.len() as u64),
            queue_longest_millis: waits.into_iter().max(),
            brought,
        }
    }

    /// How long a run of a job kept a slot busy.
    fn busy(&self, attempt: &Attempt) -> u64 {
        match attempt.started {
            Some(started) if attempt.outcome != AttemptOutcome::Cached => {
                self.building(Span { from: started, until: attempt.ended })
            }
            _ => 0,
        }
    }

    /// The part of a span in which jobs were built, in milliseconds.
    fn building(&self, span: Span) -> u64 {
        let Some(build) = self.build else { return 0 };
        let both = span.within(build);
        if both.until <= both.from { 0 } else { self.clock.millis(both.from, both.until) }
    }
}

/// From the first job that was queued to the last that ended.
pub(in crate::report) fn built_in(jobs: &[JobRecord]) -> Option<Span> {
    let starts = jobs.iter().flat_map(|job| {
        job.queued.into_iter().chain(job.attempts.iter().filter_map(|attempt| attempt.started))
    });
    let ends = jobs.iter().flat_map(|job| {
        job.finished.into_iter().chain(job.attempts.iter().map(|attempt| attempt.ended))
    });
    Some(Span { from: starts.min()?, until: ends.max()? })
}

/// The most runs that went on at the same time.
fn side_by_side(runs: &[&Attempt]) -> usize {
    let mut steps: Vec<(Timestamp, i32)> = runs
        .iter()
        .filter_map(|run| Some((run.started?, run.ended)))
        .flat_map(|(started, ended)| [(started, 1), (ended, -1)])
        .collect();
    // One that ends when another starts gives it its place.
    steps.sort_unstable();
    let mut now = 0;
    let most = steps.iter().map(|(_, step)| {
        now += step;
        now
    });
    usize::try_from(most.max().unwrap_or(0)).unwrap_or(0)
}

fn total(millis: impl Iterator<Item = u64>) -> u64 {
    millis.fold(0, u64::saturating_add)
}

#[expect(clippy::cast_precision_loss, reason = "it is shown with two digits")]
fn ratio(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}
