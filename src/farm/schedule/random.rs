//! Runs of random jobs on random seats with random faults, and what must hold at every step: nothing is
//! lost or doubled, no seat is given more than it has slots for, and there is always an end.

use std::collections::BTreeMap;

use super::*;

/// The world that the schedule believes in.
struct World {
    random: fastrand::Rng,
    schedule: Schedule,
    now: Duration,
    slots: Vec<usize>,
    classes: Vec<Vec<usize>>,
    of_jobs: Vec<usize>,
    /// Whether a seat may be given something.
    up: Vec<bool>,
    runs: BTreeMap<RunId, (usize, usize)>,
    reaching: Vec<usize>,
    lost: Vec<bool>,
    ends: Vec<usize>,
    /// Out of 100 runs so many end in a fault, and so many with their runner.
    faults: usize,
    falls: usize,
    steps: usize,
}

impl World {
    fn new(seed: u64) -> Self {
        let mut random = fastrand::Rng::with_seed(seed);
        let (jobs, seats, classes) = (random.usize(1..60), random.usize(1..9), random.usize(1..4));
        let of_jobs: Vec<usize> = (0..jobs).map(|_| random.usize(0..classes)).collect();
        let slots: Vec<usize> = (0..seats).map(|_| random.usize(1..4)).collect();
        let of_seats: Vec<Vec<usize>> =
            (0..seats).map(|_| (0..classes).filter(|_| random.bool()).collect()).collect();
        let up: Vec<bool> = (0..seats).map(|_| random.u8(..) > 30).collect();
        let task = |class: &usize| Task {
            class: *class,
            expected: random.bool().then(|| Duration::from_millis(random.u64(1..60_000))),
        };
        let tasks = of_jobs.iter().map(task).collect();
        let seat = |number: usize| Seat {
            name: format!("seat{number}"),
            slots: slots[number],
            classes: if up[number] { Ok(of_seats[number].clone()) } else { Err("away".to_owned()) },
        };
        let (faults, falls) = (random.usize(0..30), random.usize(0..30));
        let seats_given = (0..seats).map(seat).collect();
        let schedule = Schedule::new(tasks, seats_given, random.u8(..) > 60);
        let (lost, ends) = (vec![false; seats], vec![0; jobs]);
        Self {
            schedule,
            now: Duration::ZERO,
            slots,
            classes: of_seats,
            of_jobs,
            up,
            runs: BTreeMap::new(),
            reaching: Vec::new(),
            lost,
            ends,
            faults,
            falls,
            steps: 0,
            random,
        }
    }

    fn tell(&mut self, what: Happened) {
        let orders = self.schedule.tell(self.now, what);
        for order in orders {
            self.obey(order);
        }
        self.steps += 1;
        assert!(self.steps < 5_000, "there is no end");
        assert_eq!(self.schedule.is_over(), self.ends.iter().all(|ends| *ends == 1));
    }

    fn obey(&mut self, order: Order) {
        match order {
            Order::Start { run, job, seat } => {
                assert!(self.up[seat], "{job} is given to seat {seat}, which is away");
                assert!(self.classes[seat].contains(&self.of_jobs[job]));
                assert_eq!(self.ends[job], 0, "{job} has its end and is started");
                let of_job: Vec<usize> =
                    self.runs.values().filter(|(of, _)| *of == job).map(|(_, on)| *on).collect();
                assert!(of_job.len() < 2 && !of_job.contains(&seat), "{job} runs on {of_job:?}");
                assert!(self.runs.insert(run, (job, seat)).is_none());
                let there = self.runs.values().filter(|(_, on)| *on == seat).count();
                assert!(there <= self.slots[seat], "{there} runs on seat {seat}");
            }
            Order::Drop { run, job, seat, .. } => {
                assert_eq!(self.runs.remove(&run), Some((job, seat)));
            }
            Order::Conclude { run, job, seat } => {
                assert_eq!(self.runs.remove(&run), Some((job, seat)));
                self.ends[job] += 1;
            }
            Order::Fail { job, reason } => {
                assert!(!reason.is_empty() && self.runs.values().all(|(of, _)| *of != job));
                self.ends[job] += 1;
            }
            Order::Cancel { job } => {
                self.runs.retain(|_, (of, _)| *of != job);
                self.ends[job] += 1;
            }
            Order::Lost { seat, for_good, .. } => {
                self.up[seat] = false;
                self.lost[seat] |= for_good;
            }
            Order::Reach { seat } => {
                assert!(!self.lost[seat] && !self.up[seat] && !self.reaching.contains(&seat));
                assert!(self.runs.values().all(|(_, on)| *on != seat), "it is in use");
                self.reaching.push(seat);
            }
        }
        assert!(self.ends.iter().all(|ends| *ends <= 1), "a job has two ends");
    }

    /// One thing that may happen in this world now.
    fn step(&mut self) {
        let wake = self.schedule.wake_at();
        assert!(
            !self.runs.is_empty() || !self.reaching.is_empty() || wake.is_some(),
            "nothing happens any more"
        );
        self.now += Duration::from_millis(self.random.u64(0..3_000));
        let what = self.random.usize(0..100);
        if what < 1 {
            return self.tell(Happened::Woken);
        }
        let run = (!self.runs.is_empty())
            .then(|| self.random.usize(0..self.runs.len()))
            .and_then(|place| self.runs.keys().nth(place).copied());
        match (run, wake) {
            (Some(run), _) if what < 60 => self.end(run),
            (Some(run), _) if what < 70 => self.tell(Happened::Began { run }),
            (_, Some(wake)) if what < 85 || self.reaching.is_empty() => {
                self.now = self.now.max(wake);
                self.tell(Happened::Woken);
            }
            _ if !self.reaching.is_empty() => self.answer(),
            (Some(run), _) => self.end(run),
            _ => {}
        }
    }

    fn end(&mut self, run: RunId) {
        let dice = self.random.usize(0..100);
        let reason = "bad luck".to_owned();
        let end = if dice < self.faults {
            End::Fault { reason }
        } else if dice < self.faults + self.falls {
            End::Gone { reason }
        } else if dice < self.faults + self.falls + 3 {
            End::Failed
        } else {
            let took = Duration::from_millis(self.random.u64(0..90_000));
            End::Built { took: Some(took).filter(|_| self.random.u8(..) > 20) }
        };
        self.tell(Happened::Ended { run, end });
    }

    fn answer(&mut self) {
        let seat = self.reaching.swap_remove(self.random.usize(0..self.reaching.len()));
        if self.random.u8(..) < 80 {
            return self.tell(Happened::Unreached { seat, reason: "away".to_owned() });
        }
        if self.random.u8(..) < 20 {
            let all: Vec<usize> = (0..4).filter(|_| self.random.bool()).collect();
            self.classes[seat] = all;
        }
        self.up[seat] = true;
        self.tell(Happened::Reached { seat, classes: self.classes[seat].clone() });
    }
}

#[test]
fn whatever_happens_every_job_has_one_end() {
    for seed in 0..1_000 {
        let mut world = World::new(seed);
        world.tell(Happened::Woken);
        while !world.schedule.is_over() {
            world.step();
            if world.random.u16(..) < 10 {
                world.tell(Happened::Cancelled);
            }
        }
        assert!(world.ends.iter().all(|ends| *ends == 1), "seed {seed}: {:?}", world.ends);
        assert!(world.runs.is_empty(), "seed {seed}: {:?} runs on", world.runs);
    }
}

#[test]
fn the_same_story_gives_the_same_orders() {
    let tell = |seed| {
        let mut world = World::new(seed);
        world.tell(Happened::Woken);
        let mut ends = Vec::new();
        while !world.schedule.is_over() {
            world.step();
            ends.push((world.now, world.runs.keys().copied().collect::<Vec<_>>()));
        }
        ends
    };
    for seed in 0..50 {
        assert_eq!(tell(seed), tell(seed));
    }
}
