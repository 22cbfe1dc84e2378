//! Who runs what, when: the longest first, each runner up to its slots; a job that a runner's fault
//! hit is tried again where it can be, a runner that was at fault is started anew.

use std::time::Duration;

use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::client::Trouble;
use super::durations::Durations;
use super::reach::Link;
use super::{Farm, FarmError, Outcome, Policy, finished, logs, warn};
use crate::model::event::{Event, Events};
use crate::model::job::Job;

/// How often a job is tried.
const TRIES: u32 = 3;

/// How often a runner is started anew.
const RESTARTS: u32 = 2;

/// How long is waited before the first new start; four times as long before each further one.
const REST: Duration = Duration::from_millis(250);

/// The jobs of one run.
pub(super) struct Run<'a> {
    pub(super) farm: &'a Farm,
    pub(super) jobs: &'a [Job],
    pub(super) policy: &'a Policy,
    pub(super) events: &'a Events,
}

/// A job that waits for a runner.
#[derive(Clone, Copy, Debug)]
struct Waiting {
    job: usize,
    tries: u32,
    /// The runner that was at fault the last time.
    avoid: Option<usize>,
}

/// A runner during the run.
#[derive(Debug, Default)]
struct Place {
    busy: usize,
    restarts: u32,
    state: State,
}

#[derive(Debug, Default, PartialEq, Eq)]
enum State {
    #[default]
    Works,
    /// At fault: it takes nothing new, and is started anew once it is idle.
    Resting,
    Restarting,
    Lost,
}

/// A job has gone back to those that wait.
struct TriedAgain;

/// Something that ended.
enum Done {
    Job(usize, Waiting, Result<Outcome, Trouble>),
    Restarted(usize, Box<Result<Link, FarmError>>),
}

impl Run<'_> {
    /// Runs every job that has no outcome yet.
    pub(super) async fn to_the_end(
        &self,
        outcomes: &mut [Option<Outcome>],
        durations: &mut Durations,
        cancel: &CancellationToken,
    ) -> Result<(), FarmError> {
        let cancel = cancel.child_token();
        let mut waiting = self.queue(outcomes, durations);
        let mut places: Vec<Place> = self.farm.seats.iter().map(|_| Place::default()).collect();
        let mut under_way = JoinSet::new();
        while !cancel.is_cancelled() {
            self.start_what_can(&mut waiting, &mut places, &mut under_way);
            let joined = tokio::select! {
                joined = under_way.join_next() => joined,
                () = cancel.cancelled() => break,
            };
            match joined {
                Some(Ok(Done::Job(place, was, result))) => {
                    places[place].busy -= 1;
                    let ended = result.or_else(|trouble| {
                        self.after(trouble, place, was, &mut places, &mut waiting)
                    });
                    if let Ok(outcome) = ended {
                        self.conclude(was.job, place, &outcome, durations, &cancel)?;
                        outcomes[was.job] = Some(outcome);
                    }
                }
                Some(Ok(Done::Restarted(place, link))) => {
                    self.restarted(place, *link, &mut places[place]);
                }
                Some(Err(error)) => tracing::error!("a job ended in a panic: {error}"),
                None => break,
            }
        }
        under_way.shutdown().await;
        self.give_up(outcomes, cancel.is_cancelled());
        Ok(())
    }

    /// The jobs without an outcome, those expected to take longest first.
    fn queue(&self, outcomes: &[Option<Outcome>], durations: &Durations) -> Vec<Waiting> {
        let mut queue: Vec<Waiting> = (0..self.jobs.len())
            .filter(|job| outcomes[*job].is_none())
            .map(|job| Waiting { job, tries: 0, avoid: None })
            .collect();
        let expected = |waiting: &Waiting| durations.expected(&self.jobs[waiting.job].name());
        queue.sort_by_key(|waiting| std::cmp::Reverse(expected(waiting)));
        queue
    }

    /// Gives every free slot the first job that may go there.
    fn start_what_can(
        &self,
        waiting: &mut Vec<Waiting>,
        places: &mut [Place],
        under_way: &mut JoinSet<Done>,
    ) {
        for place in 0..places.len() {
            if places[place].state == State::Resting && places[place].busy == 0 {
                self.restart(place, &mut places[place], under_way);
            }
            while places[place].state == State::Works
                && places[place].busy < self.farm.seats[place].runner.slots.max(1)
            {
                let next = waiting.iter().position(|job| self.may_go(*job, place, places));
                let Some(next) = next else { break };
                let job = waiting.remove(next);
                places[place].busy += 1;
                self.start(job, place, under_way);
            }
        }
    }

    /// Whether a job may go to a runner: the one it was planned for, and any that compiles with the
    /// very same toolsets once that one is lost or was at fault; any at all if it was never there.
    fn may_go(&self, waiting: Waiting, place: usize, places: &[Place]) -> bool {
        let job = &self.jobs[waiting.job];
        let seats = &self.farm.seats;
        let planned = seats.iter().position(|seat| seat.runner.name == job.runner);
        let usable = |place: usize| {
            let stands_in =
                planned.is_none_or(|planned| seats[planned].toolsets == seats[place].toolsets);
            places[place].state != State::Lost && stands_in
        };
        let other = (0..seats.len()).any(|other| Some(other) != waiting.avoid && usable(other));
        if waiting.avoid == Some(place) && other {
            return false;
        }
        match planned.filter(|planned| {
            places[*planned].state != State::Lost && waiting.avoid != Some(*planned)
        }) {
            Some(planned) => planned == place,
            None => usable(place),
        }
    }

    fn start(&self, was: Waiting, place: usize, under_way: &mut JoinSet<Done>) {
        let seat = &self.farm.seats[place];
        let job = &self.jobs[was.job];
        let (client, action) = (seat.client(), job.action.clone());
        let (name, runner, events) = (job.name(), seat.runner.name.clone(), self.events.clone());
        under_way.spawn(async move {
            let started =
                || events.emit(Event::JobStarted { job: name.clone(), runner: runner.clone() });
            let result = match client {
                Some(client) => client.run(&action, &events, started).await,
                None => Err(Trouble::Runner(format!("runner '{runner}': it is gone"))),
            };
            Done::Job(place, was, result)
        });
    }

    /// What is to be done after a job that has no outcome: one all the same, or another try.
    fn after(
        &self,
        trouble: Trouble,
        place: usize,
        was: Waiting,
        places: &mut [Place],
        waiting: &mut Vec<Waiting>,
    ) -> Result<Outcome, TriedAgain> {
        let (Trouble::Runner(reason) | Trouble::Forgotten(reason)) = trouble else {
            return Ok(Outcome::Failed { reason: trouble.to_string(), log: String::new() });
        };
        if places[place].state == State::Works {
            places[place].state = State::Resting;
        }
        let tries = was.tries + 1;
        if tries >= TRIES {
            return Ok(Outcome::Failed { reason, log: String::new() });
        }
        let job = self.jobs[was.job].name();
        warn(self.events, &format!("{job} is tried again: {reason}"));
        waiting.insert(0, Waiting { job: was.job, tries, avoid: Some(place) });
        Err(TriedAgain)
    }

    /// Ends a runner's worker and starts another.
    fn restart(&self, place: usize, state: &mut Place, under_way: &mut JoinSet<Done>) {
        let seat = &self.farm.seats[place];
        if state.restarts >= RESTARTS {
            state.state = State::Lost;
            let name = &seat.runner.name;
            self.events.warn(
                format!("runner '{name}' was at fault again and again; it is left out"),
                None,
            );
            return;
        }
        let rest = REST * 4_u32.pow(state.restarts);
        state.restarts += 1;
        state.state = State::Restarting;
        let (old, runner) = (seat.link().take(), seat.runner.clone());
        let program = self.farm.settings.program.clone();
        under_way.spawn(async move {
            if let Some(old) = old {
                old.close().await;
            }
            tokio::time::sleep(rest).await;
            Done::Restarted(place, Box::new(Link::open(&runner, &program).await))
        });
    }

    fn restarted(&self, place: usize, link: Result<Link, FarmError>, state: &mut Place) {
        match link {
            Ok(link) => {
                *self.farm.seats[place].link() = Some(link);
                state.state = State::Works;
            }
            Err(error) => {
                warn(self.events, &error.to_string());
                state.state = State::Resting;
            }
        }
    }

    /// Keeps and tells what came of a job. The first failure may end the run.
    fn conclude(
        &self,
        job: usize,
        place: usize,
        outcome: &Outcome,
        durations: &mut Durations,
        cancel: &CancellationToken,
    ) -> Result<(), FarmError> {
        if matches!(outcome, Outcome::Failed { .. }) && !self.policy.keep_going {
            cancel.cancel();
        }
        let job = &self.jobs[job];
        let runner = self.farm.seats[place].runner.name.as_str();
        if let Outcome::Built { cached: false, millis, .. } = outcome {
            durations.record(&job.name(), *millis);
        }
        if let Some(folder) = &self.farm.settings.logs {
            logs::write(folder, job, runner, outcome)?;
        }
        self.events.emit(finished(job, outcome, Some(runner)));
        Ok(())
    }

    /// Gives an outcome to those that will not run any more.
    fn give_up(&self, outcomes: &mut [Option<Outcome>], cancelled: bool) {
        for (job, outcome) in self.jobs.iter().zip(outcomes) {
            if outcome.is_some() {
                continue;
            }
            let given = if cancelled {
                Outcome::Cancelled
            } else {
                let reason = "no runner is left that could build it".to_owned();
                Outcome::Failed { reason, log: String::new() }
            };
            self.events.emit(finished(job, &given, None));
            *outcome = Some(given);
        }
    }
}
