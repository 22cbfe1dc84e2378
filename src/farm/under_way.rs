//! What is under way: the tasks of runs and of runners that are being reached.

use std::collections::HashMap;
use std::time::Duration;

use tokio::sync::mpsc::UnboundedSender;
use tokio::task::{AbortHandle, Id, JoinSet};

use super::client::{Client, Trouble};
use super::reach::Link;
use super::schedule::{End, RunId};
use super::{FarmError, Outcome};
use crate::model::event::Events;
use crate::model::job::Action;

/// How long a runner has to say whether it knows a result, after it did not bring a job to its end.
const PROBE: Duration = Duration::from_secs(5);

/// The tasks that are under way.
pub(super) struct UnderWay {
    tasks: JoinSet<Done>,
    /// What each task is for: one that panics does not say it.
    purposes: HashMap<Id, Purpose>,
    runs: HashMap<RunId, (About, AbortHandle)>,
    begun: UnboundedSender<RunId>,
}

/// A run: the job and the seat as the schedule knows them.
#[derive(Clone, Copy, Debug)]
pub(super) struct About {
    pub(super) run: RunId,
    pub(super) job: usize,
    pub(super) seat: usize,
}

#[derive(Clone, Copy)]
enum Purpose {
    Run(About),
    Reach(usize),
}

/// Something that ended.
pub(super) enum Done {
    Run(About, Came),
    Reached(usize, Box<Result<Link, String>>),
    /// A run that was dropped.
    Nothing,
}

/// What came of a run.
pub(super) enum Came {
    Outcome(Outcome),
    /// The runner is at fault, and there still.
    Fault(String),
    /// The runner is not there any more.
    Gone(String),
}

impl UnderWay {
    /// Nothing yet. `begun` hears of each run whose command starts.
    pub(super) fn new(begun: UnboundedSender<RunId>) -> Self {
        Self { tasks: JoinSet::new(), purposes: HashMap::new(), runs: HashMap::new(), begun }
    }

    /// Starts a run.
    pub(super) fn start(
        &mut self,
        about: About,
        client: Option<Client>,
        action: Action,
        events: &Events,
    ) {
        let (begun, events) = (self.begun.clone(), events.clone());
        let handle = self.tasks.spawn(async move {
            let started = || {
                if begun.send(about.run).is_err() {
                    tracing::debug!("all is over, and nobody hears that a run begins");
                }
            };
            let came = match client {
                Some(client) => attempt(&client, &action, &events, started).await,
                None => Came::Gone("it is gone".to_owned()),
            };
            Done::Run(about, came)
        });
        self.purposes.insert(handle.id(), Purpose::Run(about));
        self.runs.insert(about.run, (about, handle));
    }

    /// Reaches a runner.
    pub(super) fn reach<F>(&mut self, seat: usize, reaching: F)
    where
        F: Future<Output = Result<Link, FarmError>> + Send + 'static,
    {
        let handle = self.tasks.spawn(async move {
            let link = reaching.await.map_err(|error| error.because());
            Done::Reached(seat, Box::new(link))
        });
        self.purposes.insert(handle.id(), Purpose::Reach(seat));
    }

    /// Ends a run. Its worker notices and ends the command.
    pub(super) fn drop_run(&mut self, run: RunId) {
        if let Some((_, handle)) = self.runs.remove(&run) {
            handle.abort();
        }
    }

    /// A run that was neither dropped nor has ended.
    pub(super) fn about(&self, run: RunId) -> Option<About> {
        self.runs.get(&run).map(|(about, _)| *about)
    }

    /// What ends next; nothing where nothing is under way.
    pub(super) async fn next(&mut self) -> Option<Done> {
        let (id, done) = match self.tasks.join_next_with_id().await? {
            Ok((id, done)) => (id, Some(done)),
            Err(error) if error.is_cancelled() => (error.id(), None),
            Err(error) => {
                tracing::error!("a task of the farm ended in a panic: {error}");
                let reason = "modfarm itself failed, which is a fault of it".to_owned();
                (error.id(), self.purposes.get(&error.id()).map(|purpose| purpose.failed(reason)))
            }
        };
        self.purposes.remove(&id);
        if let Some(Done::Run(about, _)) = &done {
            self.runs.remove(&about.run);
        }
        Some(done.unwrap_or(Done::Nothing))
    }

    /// Ends all of it.
    pub(super) async fn end(mut self) {
        self.tasks.shutdown().await;
    }
}

impl Purpose {
    /// What is made of a task that did not come to its end.
    fn failed(self, reason: String) -> Done {
        match self {
            Self::Run(about) => {
                Done::Run(about, Came::Outcome(Outcome::Failed { reason, log: String::new() }))
            }
            Self::Reach(seat) => Done::Reached(seat, Box::new(Err(reason))),
        }
    }
}

impl Came {
    /// The same for the schedule.
    pub(super) fn end(&self, runner: &str) -> End {
        match self {
            Self::Outcome(Outcome::Built { cached, millis, .. }) => {
                End::Built { took: (!cached).then(|| Duration::from_millis(*millis)) }
            }
            Self::Outcome(Outcome::Failed { .. } | Outcome::Cancelled) => End::Failed,
            Self::Fault(reason) => End::Fault { reason: bare(reason, runner) },
            Self::Gone(reason) => End::Gone { reason: bare(reason, runner) },
        }
    }
}

/// A reason of a runner without its name, which stands beside it.
fn bare(reason: &str, runner: &str) -> String {
    reason.strip_prefix(&format!("runner '{runner}': ")).unwrap_or(reason).to_owned()
}

/// Runs an action. A runner at fault is asked once more: it may know the result, and whether it answers
/// tells a fault from an end.
async fn attempt(
    client: &Client,
    action: &Action,
    events: &Events,
    started: impl Fn() + Send + Sync,
) -> Came {
    let reason = match client.run(action, events, started).await {
        Ok(outcome) => return Came::Outcome(outcome),
        Err(Trouble::Job(reason)) => {
            return Came::Outcome(Outcome::Failed { reason, log: String::new() });
        }
        Err(Trouble::Runner(reason) | Trouble::Forgotten(reason)) => reason,
    };
    match tokio::time::timeout(PROBE, client.cached(action)).await {
        Ok(Ok(Some(outcome))) => Came::Outcome(outcome),
        Ok(Ok(None)) => Came::Fault(reason),
        Ok(Err(_)) | Err(_) => Came::Gone(reason),
    }
}
