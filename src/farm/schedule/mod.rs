//! Who runs what, when: decisions alone. Without a clock, without tasks, without I/O it is told what
//! happened and when, and answers with orders and with the time at which it wants to be woken. The same
//! story gives the same orders.
//!
//! Jobs that the same seats may take are of one class, with one queue, and each class keeps its seats with
//! a free slot in order: what an event costs grows with the logarithm of jobs and seats.

mod class;
mod faults;
mod give;
mod load;
mod median;
#[cfg(test)]
mod random;
mod seat;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use self::class::{Class, Length, Watch};
use self::median::Median;
use self::seat::{Place, Speed};

/// A job, as far as its place in the run goes. Jobs and seats are known by their places in the lists that
/// [`Schedule::new`] is given.
#[derive(Clone, Debug)]
pub struct Task {
    /// Which jobs may go to the same seats; the classes of a seat come with [`Happened::Reached`].
    pub class: usize,
    /// How long it took the last time.
    pub expected: Option<Duration>,
}

/// A runner, at the beginning of a run.
#[derive(Clone, Debug)]
pub struct Seat {
    /// Its name, for reasons.
    pub name: String,
    /// How many jobs it runs at once.
    pub slots: usize,
    /// The classes of the jobs that it may take; or why it was not reached, and will be tried again.
    pub classes: Result<Vec<usize>, String>,
}

/// One run of a job on a seat. A job may be run more than once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RunId(u64);

/// What the schedule is told.
#[derive(Clone, Debug)]
pub enum Happened {
    /// Time has passed: the run begins, or the time that was asked for has come.
    Woken,
    /// A seat was reached anew.
    Reached {
        /// The seat.
        seat: usize,
        /// The classes of the jobs that it may take.
        classes: Vec<usize>,
    },
    /// A seat could not be reached.
    Unreached {
        /// The seat.
        seat: usize,
        /// Why.
        reason: String,
    },
    /// The command of a run has started.
    Began {
        /// The run.
        run: RunId,
    },
    /// A run has ended. It may be one that was dropped meanwhile.
    Ended {
        /// The run.
        run: RunId,
        /// How.
        end: End,
    },
    /// The whole run is given up.
    Cancelled,
}

/// How a run of a job ended.
#[derive(Clone, Debug)]
pub enum End {
    /// With the job's file.
    Built {
        /// How long the command ran; nothing where the result was known there already.
        took: Option<Duration>,
    },
    /// With a reason that would be the same anywhere: the compiler's, or the job's own.
    Failed,
    /// With a fault of the runner, which is there still.
    Fault {
        /// Which.
        reason: String,
    },
    /// The runner is not there any more, and nothing that ran there is.
    Gone {
        /// How that was noticed.
        reason: String,
    },
}

/// What is to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Order {
    /// Run a job on a seat.
    Start {
        /// What to call this run.
        run: RunId,
        /// The job.
        job: usize,
        /// The seat.
        seat: usize,
    },
    /// A run is over without an outcome; end it where it goes on.
    Drop {
        /// The run.
        run: RunId,
        /// Its job.
        job: usize,
        /// Its seat.
        seat: usize,
        /// Why.
        reason: String,
    },
    /// What this run came to is what the job came to.
    Conclude {
        /// The run.
        run: RunId,
        /// Its job.
        job: usize,
        /// Its seat.
        seat: usize,
    },
    /// A job has failed without the outcome of a run.
    Fail {
        /// The job.
        job: usize,
        /// Why, with the runners.
        reason: String,
    },
    /// A job has ended because the run was given up; so have its runs.
    Cancel {
        /// The job.
        job: usize,
    },
    /// A seat is at fault: it gets nothing new.
    Lost {
        /// The seat.
        seat: usize,
        /// Why.
        reason: String,
        /// Whether it is given up for this run.
        for_good: bool,
    },
    /// Let go of a seat and reach it anew; the answer is [`Happened::Reached`] or
    /// [`Happened::Unreached`].
    Reach {
        /// The seat.
        seat: usize,
    },
}

/// The jobs and seats of one run.
#[derive(Debug)]
pub struct Schedule {
    now: Duration,
    keep_going: bool,
    jobs: Vec<Job>,
    places: Vec<Place>,
    classes: Vec<Class>,
    runs: BTreeMap<RunId, Run>,
    next_run: u64,
    /// Seats that rest, by the end of it.
    resting: BTreeSet<(Duration, usize)>,
    /// Classes that may have something to give.
    stirred: BTreeSet<usize>,
    /// Seats of which nobody knows yet what they could take.
    unknown_places: usize,
    measured: Median,
    /// Jobs that have no end yet.
    left: usize,
    orders: Vec<Order>,
}

/// A job during the run.
#[derive(Debug)]
struct Job {
    class: usize,
    expected: Option<Duration>,
    /// At most two: the second is for a straggler.
    runs: Vec<RunId>,
    /// The seats whose fault ended a run of it while they were there still.
    faults: Vec<usize>,
    /// The seats that were gone while it ran there, and how that was noticed.
    falls: Vec<(usize, String)>,
    done: bool,
}

/// A run of a job.
#[derive(Debug)]
struct Run {
    job: usize,
    seat: usize,
    began: bool,
    /// Whether it counts as one of a job that may bring runners down.
    suspect: bool,
    /// By what it is known to take too long; nothing where the job runs twice.
    watch: Option<Watch>,
    /// When it should end, and the speed of its seat by which that was reckoned.
    end: Duration,
    speed: Speed,
}

impl Schedule {
    /// A schedule that has done nothing yet; [`Happened::Woken`] begins it. With `keep_going` a failure
    /// leaves the other jobs running, else it cancels them.
    #[must_use]
    pub fn new(tasks: Vec<Task>, seats: Vec<Seat>, keep_going: bool) -> Self {
        let classes = tasks.iter().map(|task| task.class + 1).max().unwrap_or(0);
        let mut schedule = Self {
            now: Duration::ZERO,
            keep_going,
            left: tasks.len(),
            jobs: tasks.into_iter().map(Job::new).collect(),
            places: Vec::new(),
            classes: (0..classes).map(|_| Class::default()).collect(),
            runs: BTreeMap::new(),
            next_run: 0,
            resting: BTreeSet::new(),
            stirred: BTreeSet::new(),
            unknown_places: 0,
            measured: Median::default(),
            orders: Vec::new(),
        };
        for job in 0..schedule.jobs.len() {
            schedule.wait(job);
        }
        for seat in seats {
            schedule.seat(seat);
        }
        schedule
    }

    /// Tells what happened, at a time since the run began, and gives what is to be done now.
    pub fn tell(&mut self, now: Duration, what: Happened) -> Vec<Order> {
        self.now = self.now.max(now);
        if self.is_over() {
            return Vec::new();
        }
        match what {
            Happened::Woken => self.stirred.extend(0..self.classes.len()),
            Happened::Reached { seat, classes } => self.reached(seat, classes),
            Happened::Unreached { seat, reason } => self.unreached(seat, reason),
            Happened::Began { run } => self.began(run),
            Happened::Ended { run, end } => self.ended(run, end),
            Happened::Cancelled => self.cancel(),
        }
        self.reach_the_rested();
        self.bury();
        self.give();
        std::mem::take(&mut self.orders)
    }

    /// When to tell it [`Happened::Woken`], if nothing else happens before.
    #[must_use]
    pub fn wake_at(&self) -> Option<Duration> {
        if self.is_over() {
            return None;
        }
        let rested = self.resting.first().map(|(until, _)| *until);
        let median = self.measured.get();
        let overdue = self.classes.iter().filter_map(|class| class.next_overdue(self.now, median));
        overdue.chain(rested).min()
    }

    /// Whether every job has its end.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.left == 0
    }

    fn seat(&mut self, seat: Seat) {
        let number = self.places.len();
        self.places.push(Place::new(seat.name, seat.slots));
        self.unknown_places += 1;
        match seat.classes {
            Ok(classes) => self.reached(number, classes),
            Err(reason) => self.unreached(number, reason),
        }
    }

    /// Its time counts from now on: until the command runs, inputs travel.
    fn began(&mut self, run: RunId) {
        let Some(it) = self.runs.get_mut(&run).filter(|it| !it.began) else { return };
        it.began = true;
        if it.watch.is_some() {
            self.unwatch(run);
            self.watch(run);
        }
    }

    fn ended(&mut self, run: RunId, end: End) {
        let Some(it) = self.forget(run) else { return };
        let (job, seat) = (it.job, it.seat);
        match end {
            End::Built { took } => {
                self.measure(job, seat, took);
                self.conclude(run, job, seat);
            }
            End::Failed => {
                self.conclude(run, job, seat);
                self.after_failure();
            }
            End::Fault { reason } => self.fault(run, job, seat, reason),
            End::Gone { reason } => self.fall(run, it, &reason),
        }
        self.rest_if_idle(seat);
    }

    /// The first result of a job is the job's.
    fn conclude(&mut self, run: RunId, job: usize, seat: usize) {
        self.places[seat].faults = 0;
        self.orders.push(Order::Conclude { run, job, seat });
        self.finish(job);
        for other in std::mem::take(&mut self.jobs[job].runs) {
            let reason = format!("runner '{}' was first", self.places[seat].name);
            self.drop_run(other, reason);
        }
    }

    /// Learns how fast a seat is from how long a job took there.
    fn measure(&mut self, job: usize, seat: usize, took: Option<Duration>) {
        let Some(took) = took.filter(|took| !took.is_zero()) else { return };
        let median = self.measured.get();
        let known = self.jobs[job].expected;
        self.measured.add(took.mul_f64(self.places[seat].speed.factor()));
        if let Some(expected) = known.or(median) {
            self.delist(seat);
            self.places[seat].learn(expected, took, known.is_some());
            self.enlist(seat);
        }
    }

    /// A run that is over: its slot is free.
    fn forget(&mut self, run: RunId) -> Option<Run> {
        self.unwatch(run);
        let it = self.runs.remove(&run)?;
        let job = &mut self.jobs[it.job];
        job.runs.retain(|other| *other != run);
        self.classes[job.class].load.over(run, it.speed, it.end);
        let place = &mut self.places[it.seat];
        place.runs.retain(|other| *other != run);
        place.suspects -= usize::from(it.suspect);
        self.relist(it.seat);
        Some(it)
    }

    /// Ends a run that goes on.
    fn drop_run(&mut self, run: RunId, reason: String) {
        if let Some(it) = self.forget(run) {
            self.orders.push(Order::Drop { run, job: it.job, seat: it.seat, reason });
            self.rest_if_idle(it.seat);
        }
    }

    fn fail(&mut self, job: usize, reason: String) {
        self.finish(job);
        self.orders.push(Order::Fail { job, reason });
    }

    /// Ends a job. Nothing of it waits: it has just run, or was taken from those that wait.
    fn finish(&mut self, job: usize) {
        self.jobs[job].done = true;
        self.left -= 1;
    }

    /// The first failure may end the run.
    fn after_failure(&mut self) {
        if !self.keep_going {
            self.cancel();
        }
    }

    fn cancel(&mut self) {
        let open = self.jobs.iter_mut().enumerate().filter(|(_, job)| !job.done);
        self.orders.extend(open.map(|(number, job)| {
            job.done = true;
            Order::Cancel { job: number }
        }));
        self.left = 0;
    }

    /// Puts a job among those that wait.
    fn wait(&mut self, job: usize) {
        let (class, length) = (self.jobs[job].class, Length::of(self.jobs[job].expected));
        let again = self.jobs[job].was_hit();
        self.classes[class].wait(length, job, again);
        self.stirred.insert(class);
    }
}

impl Job {
    fn new(task: Task) -> Self {
        Self {
            class: task.class,
            expected: task.expected,
            runs: Vec::new(),
            faults: Vec::new(),
            falls: Vec::new(),
            done: false,
        }
    }

    /// Whether a fault of a runner ended a run of it.
    fn was_hit(&self) -> bool {
        !self.faults.is_empty() || !self.falls.is_empty()
    }

    /// Whether a seat had a part in what befell it.
    fn avoids(&self, seat: usize) -> bool {
        self.faults.contains(&seat) || self.falls.iter().any(|(fallen, _)| *fallen == seat)
    }

    /// Whether it may well be what brings runners down: two of such never run on one seat, so that the
    /// next fall tells which of them it is.
    fn is_suspect(&self) -> bool {
        self.falls.len() >= 2
    }
}

impl RunId {
    const FIRST: Self = Self(0);
    const LAST: Self = Self(u64::MAX);
}
