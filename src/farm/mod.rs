//! The orchestrator: gives jobs to runners, follows them, brings their outputs home. It is a client of
//! the Remote Execution API; a runner is a worker at the other end of some stream, and not trusted.

mod client;
mod durations;
pub mod journal;
mod logs;
mod reach;
pub mod runner_file;
mod schedule;

use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use camino::Utf8PathBuf;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

pub use self::reach::{Cluster, Connection, Ssh};

use self::client::Client;
use self::durations::Durations;
use self::reach::Link;
use crate::model::digest::Digest;
use crate::model::event::{Event, Events, JobOutcome};
use crate::model::job::Job;
use crate::model::toolset::Toolset;
use crate::sys::files::FileError;

/// A place that can build.
#[derive(Clone, Debug)]
pub struct Runner {
    /// Its name, which jobs are planned for.
    pub name: String,
    /// How many jobs it runs at once.
    pub slots: usize,
    /// How it is reached.
    pub connection: Connection,
}

/// Where the farm keeps what it learns, and the program that is its worker.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The executable of modfarm, started as the local worker.
    pub program: Utf8PathBuf,
    /// The file of the recorded durations; nothing is recorded without it.
    pub durations: Option<Utf8PathBuf>,
    /// The folder of the jobs' logs; none are kept without it.
    pub logs: Option<Utf8PathBuf>,
}

impl Settings {
    /// Settings under which this very executable is the worker and nothing is kept.
    pub fn new() -> Result<Self, FarmError> {
        let program = std::env::current_exe().map_err(FarmError::OwnProgram)?;
        let program = Utf8PathBuf::from_path_buf(program).map_err(|path| {
            FarmError::OwnProgram(std::io::Error::other(format!(
                "its path {} is not Unicode",
                path.display()
            )))
        })?;
        Ok(Self { program, durations: None, logs: None })
    }
}

/// What a run does about a failure.
#[derive(Clone, Copy, Debug, Default)]
pub struct Policy {
    /// Whether the other jobs go on; else they are cancelled.
    pub keep_going: bool,
}

/// A job and what came of it.
#[derive(Clone, Debug)]
pub struct JobResult {
    /// The job.
    pub job: Job,
    /// What came of it.
    pub outcome: Outcome,
}

/// What came of a job.
#[derive(Clone, Debug)]
pub enum Outcome {
    /// Its file.
    Built {
        /// The bytes of the file, seen to be of the digest.
        bytes: Bytes,
        /// Their digest.
        digest: Digest,
        /// Whether it was built before.
        cached: bool,
        /// How long the command ran, in milliseconds; 0 from the cache.
        millis: u64,
        /// What the command said.
        log: String,
    },
    /// There is no file, and the reason.
    Failed {
        /// The reason in one line.
        reason: String,
        /// What the command said.
        log: String,
    },
    /// It was ended, or never begun, because the run was.
    Cancelled,
}

/// What keeps the farm from working at all.
#[derive(Debug, thiserror::Error)]
pub enum FarmError {
    /// Who are we?
    #[error("cannot find my own executable: {0}")]
    OwnProgram(std::io::Error),
    /// There is nothing to build on.
    #[error("no runner was named")]
    NoRunner,
    /// A worker does not start.
    #[error("runner '{runner}': cannot start {program}: {source}")]
    Start {
        /// The runner.
        runner: String,
        /// What was to be started.
        program: Utf8PathBuf,
        /// What the system says.
        #[source]
        source: std::io::Error,
    },
    /// A worker does not answer as one does.
    #[error("runner '{runner}': {reason}{said}")]
    Greeting {
        /// The runner.
        runner: String,
        /// What is wrong.
        reason: String,
        /// What it said on its standard error, on lines of its own.
        said: String,
    },
    /// A file of the farm's own.
    #[error(transparent)]
    File(#[from] FileError),
}

/// The runners, connected.
#[derive(Debug)]
pub struct Farm {
    settings: Settings,
    seats: Vec<Seat>,
}

/// A runner that was reached.
#[derive(Debug)]
struct Seat {
    runner: Runner,
    toolsets: Vec<Toolset>,
    link: Mutex<Option<Link>>,
}

impl Seat {
    fn new(runner: Runner, link: Link) -> Self {
        Self { runner, toolsets: link.toolsets.clone(), link: Mutex::new(Some(link)) }
    }

    /// A client over the connection as it stands.
    fn client(&self) -> Option<Client> {
        self.link().as_ref().map(|link| link.client.clone())
    }

    fn link(&self) -> MutexGuard<'_, Option<Link>> {
        self.link.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Farm {
    /// Reaches every runner. One that cannot be reached is a warning, as long as another can.
    pub async fn connect(
        runners: Vec<Runner>,
        settings: Settings,
        events: &Events,
    ) -> Result<Self, FarmError> {
        let mut opening = JoinSet::new();
        for (place, runner) in runners.into_iter().enumerate() {
            let program = settings.program.clone();
            opening.spawn(async move {
                let link = Link::open(&runner, &program).await;
                (place, runner, link)
            });
        }
        let (mut reached, mut lost) = (Vec::new(), Vec::new());
        while let Some(joined) = opening.join_next().await {
            match joined {
                Ok((place, runner, Ok(link))) => reached.push((place, Seat::new(runner, link))),
                Ok((_, _, Err(error))) => lost.push(error),
                Err(error) => tracing::error!("a connection ended in a panic: {error}"),
            }
        }
        if reached.is_empty() {
            return Err(lost.pop().unwrap_or(FarmError::NoRunner));
        }
        for error in lost {
            warn(events, &error.to_string());
        }
        reached.sort_by_key(|(place, _)| *place);
        Ok(Self { settings, seats: reached.into_iter().map(|(_, seat)| seat).collect() })
    }

    /// The names of the runners that were reached.
    pub fn runners(&self) -> impl Iterator<Item = &str> {
        self.seats.iter().map(|seat| seat.runner.name.as_str())
    }

    /// What compiles on a runner; nothing where it was not reached.
    #[must_use]
    pub fn toolsets(&self, runner: &str) -> &[Toolset] {
        let seat = self.seats.iter().find(|seat| seat.runner.name == runner);
        seat.map_or(&[], |seat| seat.toolsets.as_slice())
    }

    /// The outcomes that are known already, in the order of the jobs. Nothing is uploaded or run.
    pub async fn look_up(&self, jobs: &[Job]) -> Vec<Option<Outcome>> {
        let mut asked = JoinSet::new();
        for (index, job) in jobs.iter().enumerate() {
            if let Some(client) = self.seat_for(job).and_then(Seat::client) {
                let action = job.action.clone();
                asked.spawn(async move { (index, client.cached(&action).await) });
            }
        }
        let mut known = vec![None; jobs.len()];
        while let Some(joined) = asked.join_next().await {
            match joined {
                Ok((index, Ok(outcome))) => known[index] = outcome,
                // Whatever it is, the job that is run instead will meet it again.
                Ok((index, Err(trouble))) => tracing::warn!("{}: {trouble}", jobs[index].name()),
                Err(error) => tracing::error!("a look-up ended in a panic: {error}"),
            }
        }
        known
    }

    /// Runs the jobs that are not known already. The results come in the order of the jobs.
    ///
    /// When `cancel` is, this returns at once; [`Farm::close`] waits until nothing runs any more.
    pub async fn run(
        &self,
        jobs: Vec<Job>,
        policy: &Policy,
        events: &Events,
        cancel: &CancellationToken,
    ) -> Result<Vec<JobResult>, FarmError> {
        let mut durations = Durations::load(self.settings.durations.as_deref());
        for job in &jobs {
            events.emit(Event::JobQueued {
                expected_millis: durations.known(&job.name()),
                job: job.name(),
                cells: job.cells.iter().map(ToString::to_string).collect(),
                action: job.action.digest().to_string(),
            });
        }
        let known = tokio::select! {
            known = self.look_up(&jobs) => known,
            () = cancel.cancelled() => vec![None; jobs.len()],
        };
        for (job, outcome) in jobs.iter().zip(&known) {
            if let Some(outcome) = outcome {
                events.emit(finished(job, outcome, None));
            }
        }
        let mut outcomes = known;
        if outcomes.iter().any(Option::is_none) {
            let jobs = schedule::Run { farm: self, jobs: &jobs, policy, events };
            jobs.to_the_end(&mut outcomes, &mut durations, cancel).await?;
            durations.save()?;
        }
        let outcomes = outcomes.into_iter().map(|outcome| outcome.unwrap_or(Outcome::Cancelled));
        Ok(jobs
            .into_iter()
            .zip(outcomes)
            .map(|(job, outcome)| JobResult { job, outcome })
            .collect())
    }

    /// Ends the workers, and waits until they have ended all that they started.
    pub async fn close(self) {
        let mut closing = JoinSet::new();
        for seat in self.seats {
            if let Some(link) = seat.link().take() {
                closing.spawn(link.close());
            }
        }
        closing.join_all().await;
    }

    /// The runner that a job was planned for, or the first where that was not reached.
    fn seat_for(&self, job: &Job) -> Option<&Seat> {
        let planned = self.seats.iter().find(|seat| seat.runner.name == job.runner);
        planned.or(self.seats.first())
    }
}

/// Warns, with the hint where there is one.
fn warn(events: &Events, message: &str) {
    let (message, hint) = match message.split_once("\nhint: ") {
        Some((message, hint)) => (message, Some(hint.to_owned())),
        None => (message, None),
    };
    events.warn(message, hint);
}

fn finished(job: &Job, outcome: &Outcome, runner: Option<&str>) -> Event {
    let (outcome, millis) = match outcome {
        Outcome::Built { cached: true, .. } => (JobOutcome::Cached, 0),
        Outcome::Built { millis, .. } => (JobOutcome::Built, *millis),
        Outcome::Failed { reason, log } => {
            (JobOutcome::Failed { reason: reason.clone(), log: log.clone() }, 0)
        }
        Outcome::Cancelled => (JobOutcome::Cancelled, 0),
    };
    Event::JobFinished { job: job.name(), outcome, millis, runner: runner.map(str::to_owned) }
}
