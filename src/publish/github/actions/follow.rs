//! Follows a run to its end: what happens to its jobs is said as it happens.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::jobs::Known;
use super::wire::JobReply;
use super::{Actions, ActionsError, Run, name_of};
use crate::model::event::{Event, Events, JobOutcome};

/// A run that has come to its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ended {
    /// GitHub's word for how.
    pub conclusion: String,
    /// The jobs that did not end well.
    pub failed: Vec<FailedJob>,
}

/// A job that did not end well.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FailedJob {
    /// Its name.
    pub name: String,
    /// What went wrong, in one line.
    pub reason: String,
}

impl Ended {
    /// Whether everything that had to went well.
    #[must_use]
    pub fn is_well(&self) -> bool {
        self.conclusion == "success"
    }
}

/// Where nothing happens, one looks less and less often; but every so many intervals.
const SELDOM: u32 = 4;

/// What has been said of the jobs.
#[derive(Debug, Default)]
struct Told {
    seen: BTreeSet<u64>,
    waiting: BTreeSet<u64>,
    started: BTreeSet<u64>,
    ended: BTreeSet<u64>,
    failed: Vec<FailedJob>,
}

impl Told {
    /// How much it is: whatever is said makes it more.
    fn much(&self) -> usize {
        self.seen.len() + self.waiting.len() + self.started.len() + self.ended.len()
    }
}

impl Actions {
    /// Follows a run. GitHub is asked at this interval, and less often where nothing happens.
    pub async fn follow(
        &self,
        run: &Run,
        every: Duration,
        events: &Events,
    ) -> Result<Ended, ActionsError> {
        let followed = self.follow_jobs(run, every, events).await;
        followed.map_err(|error| error.of_run(run.id))
    }

    async fn follow_jobs(
        &self,
        run: &Run,
        every: Duration,
        events: &Events,
    ) -> Result<Ended, ActionsError> {
        let (mut known, mut told) = (Known::default(), Told::default());
        let mut wait = every;
        loop {
            // In this order: the jobs of a run that has ended have ended.
            let now = self.look_at(run.id, &mut known).await?;
            let jobs = self.jobs(run.id, &mut known).await?;
            let before = told.much();
            self.tell(&jobs, &mut told, events).await;
            if let Some(conclusion) = now.ended() {
                return Ok(Ended { conclusion, failed: told.failed });
            }
            wait = if told.much() > before { every } else { wait.mul_f64(1.5).min(every * SELDOM) };
            tokio::time::sleep(wait).await;
        }
    }

    /// Says what has happened to the jobs since the last look.
    async fn tell(&self, jobs: &[JobReply], told: &mut Told, events: &Events) {
        let names = names(jobs);
        for job in jobs {
            let name = &names[&job.id];
            let over = job.status == "completed";
            let skipped = over && job.conclusion.as_deref() == Some("skipped");
            if told.seen.insert(job.id) && !skipped {
                events.emit(queued(name));
            }
            if job.status == "waiting" && told.waiting.insert(job.id) {
                events.note(format!("{name} waits to be approved: {}", page(job)));
            }
            let runs = over && !skipped || job.status == "in_progress";
            if runs && told.started.insert(job.id) {
                events.emit(Event::JobStarted { job: name.clone(), runner: runner(job) });
            }
            if over && told.ended.insert(job.id) {
                self.tell_end(job, name, told, events).await;
            }
        }
    }

    async fn tell_end(&self, job: &JobReply, name: &str, told: &mut Told, events: &Events) {
        let outcome = match job.conclusion.as_deref() {
            Some("success" | "neutral") => JobOutcome::Built,
            Some("cancelled") => JobOutcome::Cancelled,
            Some("skipped") => return events.note(format!("{name} was skipped")),
            _ => {
                let (reason, log) = self.explain(job, name, events).await;
                told.failed.push(FailedJob { name: name.to_owned(), reason: reason.clone() });
                JobOutcome::Failed { reason: format!("{reason}: {}", page(job)), log }
            }
        };
        let runner = told.started.contains(&job.id).then(|| runner(job));
        events.emit(Event::JobFinished {
            job: name.to_owned(),
            outcome,
            millis: millis(job),
            runner,
        });
    }
}

fn queued(name: &str) -> Event {
    let (job, action) = (name.to_owned(), String::new());
    Event::JobQueued { job, cells: Vec::new(), action, expected_millis: None }
}

/// What each job is called: no two jobs the same.
fn names(jobs: &[JobReply]) -> BTreeMap<u64, String> {
    let mut taken = BTreeSet::new();
    let mut name = |job: &JobReply| {
        let name = name_of(&job.name);
        if taken.insert(name.clone()) { name } else { format!("{name} (job {})", job.id) }
    };
    jobs.iter().map(|job| (job.id, name(job))).collect()
}

/// What it runs on, by its labels: the machine's own name is another one each time.
fn runner(job: &JobReply) -> String {
    let labels = job.labels.as_deref().unwrap_or_default().join(", ");
    let name = if labels.is_empty() { job.runner_name.clone().unwrap_or_default() } else { labels };
    if name.is_empty() { "GitHub Actions".to_owned() } else { name_of(&name) }
}

fn page(job: &JobReply) -> &str {
    job.html_url.as_deref().unwrap_or("it has no page")
}

fn millis(job: &JobReply) -> u64 {
    let (Some(from), Some(to)) = (job.started_at, job.completed_at) else { return 0 };
    u64::try_from(to.as_millisecond() - from.as_millisecond()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn job(id: u64, name: &str) -> JobReply {
        let text = format!(r#"{{"id":{id},"name":"{name}","status":"queued"}}"#);
        serde_json::from_str(&text).unwrap()
    }

    #[test]
    fn no_two_jobs_have_one_name() {
        let names = names(&[job(1, "build"), job(2, "build"), job(3, &"x".repeat(300))]);
        assert_eq!([names[&1].as_str(), names[&2].as_str()], ["build", "build (job 2)"]);
        assert_eq!(names[&3].chars().count(), 201);
    }

    #[test]
    fn a_job_has_a_runner_and_took_its_time() {
        let mut job = job(1, "build");
        assert_eq!((runner(&job), millis(&job)), ("GitHub Actions".to_owned(), 0));
        job.labels = Some(vec!["windows-2025".to_owned()]);
        job.started_at = "2026-01-01T00:00:00Z".parse().ok();
        job.completed_at = "2026-01-01T00:01:30Z".parse().ok();
        assert_eq!((runner(&job), millis(&job)), ("windows-2025".to_owned(), 90_000));
        // Clocks of theirs may differ as well.
        job.completed_at = "2025-01-01T00:00:00Z".parse().ok();
        assert_eq!(millis(&job), 0);
    }
}
