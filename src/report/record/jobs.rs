//! What is known of every job and of every run of it. Nothing that is heard is wrong here: a start that
//! was never told, a job that was never queued, an end that comes twice.

use std::collections::HashMap;

use jiff::Timestamp;

use super::format::{Attempt, AttemptKind, AttemptOutcome, JobRecord, JobState};
use crate::model::event::JobOutcome;
use crate::model::job::{log_end, log_name};

/// The jobs of a run, in the order in which they were heard of first.
#[derive(Debug, Default)]
pub(super) struct Jobs {
    jobs: Vec<Job>,
    places: HashMap<String, usize>,
}

/// A job so far.
#[derive(Debug)]
struct Job {
    record: JobRecord,
    /// Since when it waits, until it runs.
    waits_since: Option<Timestamp>,
    attempts: Vec<Try>,
}

/// One run of it so far; it has no outcome while it goes on.
#[derive(Debug)]
struct Try {
    attempt: Attempt,
    open: bool,
}

/// A job's end as an event tells it.
#[derive(Debug)]
pub(super) struct End<'a> {
    pub(super) outcome: &'a JobOutcome,
    pub(super) millis: u64,
    pub(super) runner: Option<&'a str>,
}

impl Jobs {
    /// A job waits.
    pub(super) fn queued(
        &mut self,
        at: Timestamp,
        name: &str,
        cells: &[String],
        action: Option<String>,
        expected_millis: Option<u64>,
    ) {
        let job = self.job(name);
        job.record.cells = cells.to_vec();
        job.record.action = action;
        job.record.expected_millis = expected_millis;
        job.record.queued.get_or_insert(at);
        job.waits_since = Some(at);
        if job.record.outcome != JobState::Built {
            job.record.outcome = JobState::Unfinished;
        }
    }

    /// A run of a job starts.
    pub(super) fn started(&mut self, at: Timestamp, name: &str, runner: &str) {
        let job = self.job(name);
        if let Some(since) = job.waits_since.take()
            && job.record.queue_millis.is_none()
        {
            job.record.queue_millis = Some(super::Span { from: since, until: at }.millis());
        }
        let kind = match job.attempts.last() {
            None => AttemptKind::First,
            Some(_) if job.attempts.iter().any(|other| other.open) => AttemptKind::Second,
            Some(_) => AttemptKind::Retry,
        };
        job.attempts.push(Try::begun(Some(at), at, runner, kind));
    }

    /// A run of a job ended without an outcome.
    pub(super) fn dropped(&mut self, at: Timestamp, name: &str, runner: &str, reason: &str) {
        let job = self.job(name);
        let open = job.attempts.iter_mut().rev().find(|other| other.is_open_on(Some(runner)));
        if let Some(attempt) = open {
            attempt.end(at, AttemptOutcome::Dropped, Some(reason.to_owned()));
            return;
        }
        // It came to nothing before the command started: its inputs were not brought.
        let kind = if job.attempts.is_empty() { AttemptKind::First } else { AttemptKind::Retry };
        let mut attempt = Try::begun(None, at, runner, kind);
        attempt.end(at, AttemptOutcome::Dropped, Some(reason.to_owned()));
        job.attempts.push(attempt);
    }

    /// A job ended. `begun` is the run's begin, before which nothing started.
    pub(super) fn finished(&mut self, at: Timestamp, begun: Timestamp, name: &str, end: &End<'_>) {
        let job = self.job(name);
        let (state, outcome, reason) = meaning(end.outcome);
        job.end_attempt(at, begun, outcome, end, reason.clone());
        // What was built by this run is in the cache when the run is taken up again.
        if state == JobState::Cached && job.record.outcome == JobState::Built {
            return;
        }
        let log = matches!(state, JobState::Built | JobState::Failed);
        job.record.outcome = state;
        job.record.finished = Some(at);
        job.record.millis = end.millis;
        job.record.reason = reason;
        job.record.log = log.then(|| format!("logs/{}", log_name(name)));
        job.record.log_end = match end.outcome {
            JobOutcome::Failed { log, .. } if !log.is_empty() => Some(log_end(log)),
            _ => None,
        };
    }

    /// The run is broken off here: what goes on has no outcome.
    pub(super) fn broken_off(&mut self, at: Timestamp) {
        for attempt in self.jobs.iter_mut().flat_map(|job| &mut job.attempts) {
            if attempt.open {
                attempt.end(at, AttemptOutcome::Unfinished, None);
            }
        }
    }

    /// The jobs as they stand at this time.
    pub(super) fn records(&self, at: Timestamp) -> Vec<JobRecord> {
        let job = |job: &Job| {
            let mut record = job.record.clone();
            record.attempts = job.attempts.iter().map(|attempt| attempt.as_of(at)).collect();
            record.attempts.sort_by_key(|attempt| attempt.started.unwrap_or(attempt.ended));
            // What was given up without a run that counts has no log of its own.
            record.log = record.log.take().filter(|_| record.counted().is_some());
            if record.outcome == JobState::Failed && record.millis == 0 {
                record.millis = record.counted().map_or(0, Attempt::millis);
            }
            record
        };
        self.jobs.iter().map(job).collect()
    }

    fn job(&mut self, name: &str) -> &mut Job {
        let place = *self.places.entry(name.to_owned()).or_insert_with(|| {
            self.jobs.push(Job::named(name));
            self.jobs.len() - 1
        });
        &mut self.jobs[place]
    }
}

impl Job {
    fn named(name: &str) -> Self {
        let record = JobRecord {
            job: name.to_owned(),
            cells: Vec::new(),
            action: None,
            outcome: JobState::Unfinished,
            reason: None,
            log_end: None,
            log: None,
            queued: None,
            queue_millis: None,
            finished: None,
            millis: 0,
            expected_millis: None,
            attempts: Vec::new(),
        };
        Self { record, waits_since: None, attempts: Vec::new() }
    }

    /// Ends the run of the job that came to its outcome. One whose start was never told is added, as
    /// long as its command took.
    fn end_attempt(
        &mut self,
        at: Timestamp,
        begun: Timestamp,
        outcome: AttemptOutcome,
        end: &End<'_>,
        reason: Option<String>,
    ) {
        if outcome == AttemptOutcome::Cancelled {
            for attempt in self.attempts.iter_mut().filter(|attempt| attempt.open) {
                attempt.end(at, outcome, None);
            }
            return;
        }
        let open = self.attempts.iter_mut().rev().find(|other| other.is_open_on(end.runner));
        if let Some(attempt) = open {
            attempt.end(at, outcome, reason);
            return;
        }
        let Some(runner) = end.runner.filter(|_| outcome == AttemptOutcome::Built) else { return };
        let millis = i64::try_from(end.millis).unwrap_or(i64::MAX);
        let started = at.as_millisecond().saturating_sub(millis);
        let started = Timestamp::from_millisecond(started).unwrap_or(begun).clamp(begun, at);
        let kind = if self.attempts.is_empty() { AttemptKind::First } else { AttemptKind::Retry };
        let mut attempt = Try::begun(Some(started), at, runner, kind);
        attempt.end(at, outcome, reason);
        self.attempts.push(attempt);
    }
}

impl Try {
    fn begun(started: Option<Timestamp>, at: Timestamp, runner: &str, kind: AttemptKind) -> Self {
        let runner = runner.to_owned();
        let outcome = AttemptOutcome::Unfinished;
        Self {
            attempt: Attempt { runner, started, ended: at, kind, outcome, reason: None },
            open: true,
        }
    }

    fn is_open_on(&self, runner: Option<&str>) -> bool {
        self.open && runner.is_none_or(|runner| runner == self.attempt.runner)
    }

    fn end(&mut self, at: Timestamp, outcome: AttemptOutcome, reason: Option<String>) {
        self.open = false;
        self.attempt = Attempt { ended: at, outcome, reason, ..self.attempt.clone() };
    }

    fn as_of(&self, at: Timestamp) -> Attempt {
        let ended = if self.open { at } else { self.attempt.ended };
        Attempt { ended, ..self.attempt.clone() }
    }
}

impl JobRecord {
    /// The run whose outcome counts.
    #[must_use]
    pub fn counted(&self) -> Option<&Attempt> {
        let counts = |attempt: &&Attempt| match self.outcome {
            JobState::Built => attempt.outcome == AttemptOutcome::Built,
            JobState::Failed => attempt.outcome == AttemptOutcome::Failed,
            JobState::Cached => attempt.outcome == AttemptOutcome::Cached,
            JobState::Cancelled | JobState::Unfinished => false,
        };
        self.attempts.iter().rev().find(counts)
    }

    /// How many of its runs were begun for this.
    #[must_use]
    pub fn begun_as(&self, kind: AttemptKind) -> usize {
        self.attempts.iter().filter(|attempt| attempt.kind == kind).count()
    }
}

impl Attempt {
    /// How long it ran, in milliseconds; 0 where it never started.
    #[must_use]
    pub fn millis(&self) -> u64 {
        let ended = self.ended;
        self.started.map_or(0, |from| super::Span { from, until: ended }.millis())
    }
}

fn meaning(outcome: &JobOutcome) -> (JobState, AttemptOutcome, Option<String>) {
    match outcome {
        JobOutcome::Built => (JobState::Built, AttemptOutcome::Built, None),
        JobOutcome::Cached => (JobState::Cached, AttemptOutcome::Cached, None),
        JobOutcome::Cancelled => (JobState::Cancelled, AttemptOutcome::Cancelled, None),
        JobOutcome::Failed { reason, .. } => {
            (JobState::Failed, AttemptOutcome::Failed, Some(reason.clone()))
        }
    }
}
