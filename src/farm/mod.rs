//! The orchestrator: gives jobs to runners, follows them, brings their outputs home. It is a client of
//! the Remote Execution API; a runner is a worker at the other end of some stream, and not trusted.

mod actions;
mod built;
mod client;
mod drive;
mod durations;
mod eligible;
mod harmless;
pub mod install;
pub mod journal;
mod logs;
mod reach;
pub mod runner_file;
pub mod runs;
pub mod schedule;
mod under_way;

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use camino::{Utf8Path, Utf8PathBuf};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

pub use self::actions::{Actions, DeclaredApache};
pub use self::reach::{Answer, Cluster, Connection, Ssh, probe};

use self::built::Built;
use self::client::Client;
use self::drive::Drive;
use self::durations::Durations;
use self::reach::Link;
use crate::model::abi::AbiFamily;
use crate::model::digest::Digest;
use crate::model::event::{Event, Events, JobOutcome};
use crate::model::finding::Severity;
use crate::model::job::Job;
use crate::model::message::Message;
use crate::model::toolset::Toolset;
use crate::sys::files::FileError;
use crate::toolset::messages::messages;
use crate::worker::StoreError;

/// A place that can build.
#[derive(Clone, Debug)]
pub struct Runner {
    /// Its name, which jobs are planned for.
    pub name: String,
    /// How many jobs it runs at once; 0 for as many as its worker says.
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
    #[error("runner '{runner}': {}{}", harmless::message(reason), harmless::log(said.as_bytes()))]
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
    /// The store of built files.
    #[error(transparent)]
    Built(#[from] StoreError),
}

impl FarmError {
    /// The reason in one line, for where the runner's name stands already.
    fn because(&self) -> String {
        match self {
            Self::Start { program, source, .. } => format!("cannot start {program}: {source}"),
            Self::Greeting { reason, .. } => reason.lines().next().unwrap_or_default().to_owned(),
            other => other.to_string(),
        }
    }
}

/// How long a runner has to be reached and to answer, whatever it is that takes long: after it the others
/// begin without it.
const ANSWER: Duration = Duration::from_secs(60);

/// The runners, connected.
#[derive(Debug)]
pub struct Farm {
    settings: Settings,
    seats: Vec<Seat>,
    built: Built,
    /// What was built elsewhere, by the digests of the actions.
    elsewhere: HashMap<Digest, Bytes>,
}

/// A runner, as it was found when the farm was connected.
#[derive(Debug)]
struct Seat {
    runner: Runner,
    toolsets: Vec<Toolset>,
    /// The families that it builds for, where not all that its toolsets can.
    families: Option<Vec<AbiFamily>>,
    /// Why it was not reached, if it was not. It may be later.
    away: Option<String>,
    link: Mutex<Option<Link>>,
}

impl Seat {
    fn new(mut runner: Runner, link: Result<Link, String>) -> Self {
        let (link, away) = match link {
            Ok(link) => (Some(link), None),
            Err(reason) => (None, Some(reason)),
        };
        if runner.slots == 0 {
            runner.slots = link.as_ref().map_or(1, |link| link.jobs);
        }
        let toolsets = link.as_ref().map_or_else(Vec::new, |link| link.toolsets.clone());
        Self { runner, toolsets, families: None, away, link: Mutex::new(link) }
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
    /// Reaches every runner, all at the same time. One that is not there in time is a warning, as long as
    /// another is; it is tried again while jobs run.
    pub async fn connect(
        runners: Vec<Runner>,
        settings: Settings,
        events: &Events,
    ) -> Result<Self, FarmError> {
        let mut opening = JoinSet::new();
        for (place, runner) in runners.into_iter().enumerate() {
            let settings = settings.clone();
            opening.spawn(async move {
                let link = reach_runner(&runner, &settings).await;
                (place, runner, link)
            });
        }
        let mut opened = Vec::new();
        while let Some(joined) = opening.join_next().await {
            match joined {
                Ok(it) => opened.push(it),
                Err(error) => tracing::error!("a connection ended in a panic: {error}"),
            }
        }
        opened.sort_by_key(|(place, ..)| *place);
        let someone = opened.iter().any(|(.., link)| link.is_ok());
        let mut seats = Vec::new();
        for (_, runner, link) in opened {
            let seat = match link {
                Ok(link) => Seat::new(runner, Ok(link)),
                Err(error) if !someone => return Err(error),
                Err(error) => {
                    warn(events, &error.to_string());
                    Seat::new(runner, Err(error.because()))
                }
            };
            if seat.away.is_none() {
                events.emit(ready(&seat.runner, &seat.toolsets));
            }
            seats.push(seat);
        }
        if seats.is_empty() {
            return Err(FarmError::NoRunner);
        }
        Ok(Self { settings, seats, built: Built::default(), elsewhere: HashMap::new() })
    }

    /// A farm without a runner: nothing is reached, and it builds nothing.
    #[must_use]
    pub fn idle(settings: Settings) -> Self {
        Self { settings, seats: Vec::new(), built: Built::default(), elsewhere: HashMap::new() }
    }

    /// Has a runner build for these families alone, whatever its toolsets can.
    pub fn limit(&mut self, runner: &str, families: Vec<AbiFamily>) {
        if let Some(seat) = self.seats.iter_mut().find(|seat| seat.runner.name == runner) {
            seat.families = Some(families);
        }
    }

    /// The same farm, with a folder in which all that is built is kept, whoever builds it.
    pub fn keeping(self, folder: &Utf8Path) -> Result<Self, FarmError> {
        Ok(Self { built: Built::open(folder)?, ..self })
    }

    /// Tells of a file that was built elsewhere: it is taken where its action comes up, and not kept.
    pub fn tell(&mut self, action: Digest, file: Bytes) {
        self.elsewhere.insert(action, file);
    }

    /// The names of the runners that were reached.
    pub fn runners(&self) -> impl Iterator<Item = &str> {
        let reached = self.seats.iter().filter(|seat| seat.away.is_none());
        reached.map(|seat| seat.runner.name.as_str())
    }

    /// What compiles on a runner; nothing where it was not reached.
    #[must_use]
    pub fn toolsets(&self, runner: &str) -> &[Toolset] {
        let seat = self.seats.iter().find(|seat| seat.runner.name == runner);
        seat.map_or(&[], |seat| seat.toolsets.as_slice())
    }

    /// The outcomes that are known already, in the order of the jobs. Nothing is uploaded or run.
    pub async fn look_up(&self, jobs: &[Job]) -> Vec<Option<Outcome>> {
        let mut known = self.built.look_up(jobs).await;
        for (job, known) in jobs.iter().zip(&mut known).filter(|(_, known)| known.is_none()) {
            *known = self.built_elsewhere(job);
        }
        let mut asked = JoinSet::new();
        for (index, job) in jobs.iter().enumerate().filter(|(index, _)| known[*index].is_none()) {
            if let Some(client) = self.seat_for(job).and_then(Seat::client) {
                let action = job.action.clone();
                asked.spawn(async move { (index, client.cached(&action).await) });
            }
        }
        while let Some(joined) = asked.join_next().await {
            match joined {
                Ok((index, Ok(outcome))) => {
                    if let Some(Err(error)) = outcome
                        .as_ref()
                        .map(|outcome| self.built.keep(&jobs[index], &jobs[index].runner, outcome))
                    {
                        tracing::warn!("{error}");
                    }
                    known[index] = outcome;
                }
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
            let drive = Drive::new(self, &jobs, events, &outcomes);
            let driven = drive.to_the_end(policy, &mut outcomes, &mut durations, cancel).await;
            // What was learnt is kept however it ended.
            durations.save()?;
            driven?;
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
        self.built.close().await;
    }

    fn built_elsewhere(&self, job: &Job) -> Option<Outcome> {
        let bytes = self.elsewhere.get(&job.action.digest())?.clone();
        let (digest, log) = (Digest::of(&bytes), String::new());
        Some(Outcome::Built { bytes, digest, cached: true, millis: 0, log })
    }

    /// The runner that a job was planned for, or the first where that was not reached.
    fn seat_for(&self, job: &Job) -> Option<&Seat> {
        let reached = || self.seats.iter().filter(|seat| seat.away.is_none());
        reached().find(|seat| seat.runner.name == job.runner).or_else(|| reached().next())
    }
}

/// Reaches a runner, or gives the reason why it is not there.
async fn reach_runner(runner: &Runner, settings: &Settings) -> Result<Link, FarmError> {
    let opening = Link::open(runner, &settings.program);
    tokio::time::timeout(ANSWER, opening).await.unwrap_or_else(|_| {
        Err(FarmError::Greeting {
            runner: runner.name.clone(),
            reason: format!("it was not reached within {} s", ANSWER.as_secs()),
            said: String::new(),
        })
    })
}

fn ready(runner: &Runner, toolsets: &[Toolset]) -> Event {
    let place = match &runner.connection {
        Connection::Local { .. } => "local".to_owned(),
        Connection::Ssh(ssh) => format!("ssh {}", ssh.host),
        Connection::Cluster(cluster) => cluster.address.clone(),
    };
    let toolsets = toolsets.iter().map(|it| format!("{} ({})", it.name, it.version)).collect();
    Event::RunnerReady { runner: runner.name.clone(), place, slots: runner.slots, toolsets }
}

/// Warns, with the hint where there is one.
fn warn(events: &Events, message: &str) {
    let (message, hint) = match message.split_once("\nhint: ") {
        Some((message, hint)) => (message, Some(hint.to_owned())),
        None => (message, None),
    };
    events.warn(message, hint);
}

/// What the tools of a job that failed object to, where they say so.
fn objected(job: &Job, outcome: &Outcome) -> Option<Event> {
    /// More errors than these follow from the first.
    const MOST: usize = 20;
    let Outcome::Failed { log, .. } = outcome else { return None };
    let errors = messages(log).into_iter().filter(|message| message.severity == Severity::Error);
    let messages: Vec<Message> = errors.take(MOST).collect();
    (!messages.is_empty()).then(|| Event::Objected { job: job.name(), messages })
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
