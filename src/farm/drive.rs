//! Carries out what the schedule orders: runs on the runners' links as tasks, runners that are reached
//! anew; and keeps and tells what comes of it.

use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::durations::Durations;
use super::eligible::Classes;
use super::reach::Link;
use super::schedule::{Happened, Order, RunId, Schedule, Seat, Task};
use super::under_way::{About, Came, Done, UnderWay};
use super::{Farm, FarmError, Outcome, Policy, finished, logs, objected, reach_runner, ready};
use crate::model::event::{Event, Events};
use crate::model::job::Job;

/// The jobs of one run.
pub(super) struct Drive<'a> {
    farm: &'a Farm,
    jobs: &'a [Job],
    events: &'a Events,
    /// The jobs that have no outcome yet, in the order in which the schedule knows them.
    numbers: Vec<usize>,
    classes: Classes,
}

impl<'a> Drive<'a> {
    /// A run of the jobs that have no outcome yet.
    pub(super) fn new(
        farm: &'a Farm,
        jobs: &'a [Job],
        events: &'a Events,
        outcomes: &[Option<Outcome>],
    ) -> Self {
        let numbers = (0..jobs.len()).filter(|job| outcomes[*job].is_none()).collect();
        Self { farm, jobs, events, numbers, classes: Classes::of(jobs, &farm.seats) }
    }

    /// Runs them and gives each its outcome. When `cancel` is, it returns at once.
    pub(super) async fn to_the_end(
        &self,
        policy: &Policy,
        outcomes: &mut [Option<Outcome>],
        durations: &mut Durations,
        cancel: &CancellationToken,
    ) -> Result<(), FarmError> {
        let mut schedule = self.schedule(policy.keep_going, durations);
        let (begun, mut heard) = mpsc::unbounded_channel();
        let mut under_way = UnderWay::new(begun);
        let start = Instant::now();
        let (mut what, mut came) = (Happened::Woken, None);
        loop {
            for order in schedule.tell(start.elapsed(), what) {
                if let Some(ended) = self.carry_out(order, &mut came, &mut under_way) {
                    self.conclude(&ended, durations)?;
                    outcomes[ended.job] = Some(ended.outcome);
                }
            }
            if schedule.is_over() {
                break;
            }
            let wake = schedule.wake_at().map(|wake| start + wake);
            (what, came) = tokio::select! {
                biased;
                () = cancel.cancelled() => (Happened::Cancelled, None),
                // Before what ends, so that a job is told to start before it is told to end.
                Some(run) = heard.recv() => (self.began(run, &under_way), None),
                Some(joined) = under_way.next() => self.happened(joined),
                () = sleep_until(wake) => (Happened::Woken, None),
            };
        }
        under_way.end().await;
        Ok(())
    }

    fn schedule(&self, keep_going: bool, durations: &Durations) -> Schedule {
        let task = |job: &usize| Task {
            class: self.classes.of_job(*job),
            expected: durations
                .known(&self.jobs[*job].name())
                .map(std::time::Duration::from_millis),
        };
        let seat = |seat: &super::Seat| Seat {
            name: seat.runner.name.clone(),
            slots: seat.runner.slots,
            classes: match &seat.away {
                None => Ok(self.classes.open_to(&seat.toolsets, seat.families.as_deref())),
                Some(reason) => Err(reason.clone()),
            },
        };
        let tasks = self.numbers.iter().map(task).collect();
        Schedule::new(tasks, self.farm.seats.iter().map(seat).collect(), keep_going)
    }

    /// Does what is ordered; gives a job's outcome where that is the order. What just came of a run is
    /// there for the order that is about it.
    fn carry_out(
        &self,
        order: Order,
        came: &mut Option<Outcome>,
        under_way: &mut UnderWay,
    ) -> Option<Ended<'a>> {
        match order {
            Order::Start { run, job, seat } => self.start(run, job, seat, under_way),
            Order::Reach { seat } => self.reach(seat, under_way),
            Order::Drop { run, job, seat, reason } => {
                under_way.drop_run(run);
                let (job, runner) = (self.job(job).name(), self.runner(seat).to_owned());
                self.events.emit(Event::JobDropped { job, runner, reason });
            }
            Order::Lost { seat, reason, for_good } => {
                let runner = self.runner(seat).to_owned();
                self.events.emit(Event::RunnerLost { runner, reason, for_good });
            }
            Order::Conclude { job, seat, .. } => {
                let (job, runner) = (self.numbers[job], Some(self.runner(seat)));
                return came.take().map(|outcome| Ended { job, runner, outcome });
            }
            Order::Fail { job, reason } => {
                let outcome = Outcome::Failed { reason, log: String::new() };
                return Some(Ended { job: self.numbers[job], runner: None, outcome });
            }
            Order::Cancel { job } => {
                let outcome = Outcome::Cancelled;
                return Some(Ended { job: self.numbers[job], runner: None, outcome });
            }
        }
        None
    }

    fn start(&self, run: RunId, job: usize, seat: usize, under_way: &mut UnderWay) {
        let client = self.farm.seats[seat].client();
        let action = self.job(job).action.clone();
        under_way.start(About { run, job, seat }, client, action, self.events);
    }

    /// Lets go of a runner and reaches it anew.
    fn reach(&self, seat: usize, under_way: &mut UnderWay) {
        let old = self.farm.seats[seat].link().take();
        let runner = self.farm.seats[seat].runner.clone();
        let settings = self.farm.settings.clone();
        under_way.reach(seat, async move {
            if let Some(old) = old {
                old.close().await;
            }
            reach_runner(&runner, &settings).await
        });
    }

    fn began(&self, run: RunId, under_way: &UnderWay) -> Happened {
        if let Some(about) = under_way.about(run) {
            let runner = self.runner(about.seat).to_owned();
            self.events.emit(Event::JobStarted { job: self.job(about.job).name(), runner });
        }
        Happened::Began { run }
    }

    fn happened(&self, done: Done) -> (Happened, Option<Outcome>) {
        match done {
            Done::Run(about, came) => {
                let end = came.end(self.runner(about.seat));
                let outcome = match came {
                    Came::Outcome(outcome) => Some(outcome),
                    Came::Fault(_) | Came::Gone(_) => None,
                };
                (Happened::Ended { run: about.run, end }, outcome)
            }
            Done::Reached(seat, link) => (self.reached(seat, *link), None),
            Done::Nothing => (Happened::Woken, None),
        }
    }

    /// A runner that is back has what its greeting says, which may be something else than before.
    fn reached(&self, seat: usize, link: Result<Link, String>) -> Happened {
        let it = &self.farm.seats[seat];
        match link {
            Ok(link) => {
                self.events.emit(ready(&it.runner, &link.toolsets));
                let classes = self.classes.open_to(&link.toolsets, it.families.as_deref());
                *it.link() = Some(link);
                Happened::Reached { seat, classes }
            }
            Err(reason) => Happened::Unreached { seat, reason },
        }
    }

    /// Keeps and tells what came of a job.
    fn conclude(&self, ended: &Ended<'_>, durations: &mut Durations) -> Result<(), FarmError> {
        let job = &self.jobs[ended.job];
        if let Outcome::Built { cached: false, millis, .. } = &ended.outcome {
            durations.record(&job.name(), *millis);
        }
        if let Some(folder) = &self.farm.settings.logs {
            logs::write(folder, job, ended.runner, &ended.outcome)?;
        }
        // Before it is told: what a journal calls finished is never built again.
        self.farm.built.keep(job, ended.runner.unwrap_or_default(), &ended.outcome)?;
        if let Some(objected) = objected(job, &ended.outcome) {
            self.events.emit(objected);
        }
        self.events.emit(finished(job, &ended.outcome, ended.runner));
        Ok(())
    }

    fn job(&self, number: usize) -> &'a Job {
        &self.jobs[self.numbers[number]]
    }

    fn runner(&self, seat: usize) -> &'a str {
        &self.farm.seats[seat].runner.name
    }
}

/// A job that has its outcome, and the runner that it ran on, if it did.
struct Ended<'a> {
    job: usize,
    runner: Option<&'a str>,
    outcome: Outcome,
}

async fn sleep_until(time: Option<Instant>) {
    match time {
        Some(time) => tokio::time::sleep_until(time).await,
        None => std::future::pending().await,
    }
}
