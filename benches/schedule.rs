//! `cargo bench --bench schedule`: 10,000 jobs on 500 runners, and 100,000 on 5,000, of which some are lost
//! on the way. The schedule and the journal, with its syncs, are the real ones; runners and clock are not.
//! What the jobs take together is compared with a bound that no schedule can pass, and with a greedy list
//! schedule that knows everything beforehand.

#![allow(
    clippy::print_stdout,
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "it reckons and prints a table"
)]

mod measure;

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap};
use std::time::{Duration, Instant};

use modfarm::farm::journal::{Call, Journal};
use modfarm::farm::schedule::{End, Happened, Order, RunId, Schedule, Seat, Task};
use modfarm::model::digest::Sha256;
use modfarm::model::event::{Event, JobOutcome};

/// A share of the runners is lost on the way: one in fifty.
const LOST: usize = 50;

/// How long it takes until a runner that is cut off is known to be.
const SILENCE: Duration = Duration::from_secs(20);

/// How long it takes until one that is gone cannot be reached.
const CONNECT: Duration = Duration::from_secs(10);

/// How long the inputs of a job travel.
const TRAVEL: Duration = Duration::from_millis(50);

/// The jobs and the runners as they really are; only names and old durations are told to the schedule.
struct World {
    jobs: Vec<Job>,
    runners: Vec<Runner>,
}

struct Job {
    name: String,
    /// The seconds that it took the last time.
    recorded: f64,
    /// The seconds that it takes at speed 1.
    work: f64,
}

struct Runner {
    name: String,
    slots: usize,
    speed: f64,
    /// When it is cut off for good, if it is, in seconds.
    lost: f64,
}

/// What came of a run of all the jobs.
#[derive(Default)]
struct Told {
    makespan: f64,
    dropped: usize,
    twice: usize,
    events: usize,
    wall: Duration,
    cpu: Duration,
}

/// How a world is made.
struct Kind {
    jobs: usize,
    runners: usize,
    /// Runners have 1, 2, 4 … slots, so many kinds of them.
    slots: usize,
    /// By how much what was recorded is off, at most.
    noise: f64,
}

/// The world of the targets; the same ten times as large; and one in which little can be known: few jobs
/// for each slot, the longest of them nearly as long as the whole run on a slow runner, and durations that
/// say little.
const KINDS: [Kind; 3] = [
    Kind { jobs: 10_000, runners: 500, slots: 3, noise: 0.1 },
    Kind { jobs: 10_000, runners: 500, slots: 4, noise: 0.25 },
    Kind { jobs: 100_000, runners: 5_000, slots: 3, noise: 0.1 },
];

fn main() {
    let names = [
        "jobs", "runners", "slots", "bound s", "took s", "×", "greedy s", "×", "cpu µs", "wall µs",
        "MiB",
    ];
    println!("{}", names.map(|name| format!("{name:>8}")).join(" "));
    let kinds = if measure::quick() { &KINDS[..2] } else { &KINDS[..] };
    for (number, kind) in kinds.iter().enumerate() {
        let figures = Figures::of(kind);
        if number == 0 {
            let Figures { ratio, cpu, memory, .. } = figures;
            measure::verdict(&format!("{ratio:.3} × the bound (target 1.10)"), ratio <= 1.10);
            measure::verdict(&format!("{cpu:.0} µs of processor a job (target 100)"), cpu <= 100.0);
            measure::verdict(&format!("{memory:.0} MiB at most (target 200)"), memory <= 200.0);
        }
    }
}

/// What is compared with the targets.
struct Figures {
    /// The makespan over the bound.
    ratio: f64,
    /// Microseconds of processor a job.
    cpu: f64,
    /// The most MiB so far.
    memory: f64,
}

impl Figures {
    fn of(kind: &Kind) -> Self {
        let world = World::new(kind);
        let told = run(&world);
        let memory = measure::memory::own_peak() as f64 / 1024.0;
        let (bound, greedy) = (world.bound(), world.greedy());
        let each = |time: Duration| time.as_secs_f64() * 1e6 / kind.jobs as f64;
        let (ratio, cpu) = (told.makespan / bound, each(told.cpu));
        let slots: usize = world.runners.iter().map(|runner| runner.slots).sum();
        println!(
            "{:>8} {:>8} {slots:>8} {bound:>8.1} {:>8.1} {ratio:>8.3} {greedy:>8.1} {:>8.3} {cpu:>8.1} {:>8.1} {memory:>8.1}",
            kind.jobs,
            kind.runners,
            told.makespan,
            told.makespan / greedy,
            each(told.wall),
        );
        println!(
            "  {} runners lost, {} runs dropped, {} jobs started twice, {} events; no job lost, none doubled",
            kind.runners / LOST,
            told.dropped,
            told.twice,
            told.events
        );
        Self { ratio, cpu, memory }
    }
}

impl World {
    /// Jobs from 4 s to 2 min, and runners that differ by a factor of four in speed, which nobody knows
    /// beforehand.
    fn new(kind: &Kind) -> Self {
        let mut random = fastrand::Rng::with_seed(42);
        let mut job = |number: usize| {
            let work = 4.0 * 30_f64.powf(random.f64());
            let recorded = work * (1.0 + kind.noise * (2.0 * random.f64() - 1.0));
            Job { name: format!("Apache24-win64-VS17/job{number}"), recorded, work }
        };
        let jobs = (0..kind.jobs).map(&mut job).collect();
        let runner = |number: usize| Runner {
            name: format!("runner{number}"),
            slots: 1 << random.usize(0..kind.slots),
            speed: 0.5 * 4_f64.powf(random.f64()),
            lost: f64::INFINITY,
        };
        let runners = (0..kind.runners).map(runner).collect();
        let mut world = Self { jobs, runners };
        let end = world.bound();
        for runner in world.runners.iter_mut().step_by(LOST) {
            runner.lost = end * (0.1 + 0.8 * random.f64());
        }
        world
    }

    /// The seconds below which no schedule gets: all work over the speed of all slots, each until its runner
    /// is lost, or the longest job on the fastest runner.
    fn bound(&self) -> f64 {
        let work: f64 = self.jobs.iter().map(|job| job.work).sum();
        let done_by = |time: f64| -> f64 {
            let power = |it: &Runner| it.slots as f64 * it.speed * time.min(it.lost);
            self.runners.iter().map(power).sum()
        };
        let (mut low, mut high) = (0.0, work);
        for _ in 0..100 {
            let middle = f64::midpoint(low, high);
            if done_by(middle) < work { low = middle } else { high = middle }
        }
        let longest = self.jobs.iter().map(|job| job.work).fold(0.0, f64::max);
        let fastest = self.runners.iter().map(|runner| runner.speed).fold(0.0, f64::max);
        high.max(longest / fastest)
    }

    /// The peer: the longest job first, each to the slot that ends it first, with perfect knowledge of
    /// durations, of speeds and of when a runner will be lost.
    fn greedy(&self) -> f64 {
        let mut jobs: Vec<f64> = self.jobs.iter().map(|job| job.work).collect();
        jobs.sort_by(|one, other| other.total_cmp(one));
        // Slots of one runner are alike; the one that is free first is on top.
        let mut slots: Vec<BinaryHeap<Reverse<u64>>> =
            self.runners.iter().map(|runner| vec![Reverse(0); runner.slots].into()).collect();
        let mut makespan = 0_f64;
        for work in jobs {
            let ends = |(number, slots): (usize, &BinaryHeap<Reverse<u64>>)| {
                let Reverse(free) = slots.peek().expect("a slot");
                let end = *free as f64 / 1e6 + work / self.runners[number].speed;
                (number, if end > self.runners[number].lost { f64::INFINITY } else { end })
            };
            let best =
                slots.iter().enumerate().map(ends).min_by(|one, other| one.1.total_cmp(&other.1));
            let (number, end) = best.expect("a runner");
            slots[number].pop();
            slots[number].push(Reverse(seconds(end).as_micros() as u64));
            makespan = makespan.max(end);
        }
        makespan
    }
}

/// Something that will happen at a time.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Coming {
    Begins(RunId),
    Ends(RunId),
    /// The runner of a run does not answer any more.
    Silent(RunId),
    Unreached(usize),
}

/// The simulated runners, and the orchestrator that listens to them.
struct Simulation<'a> {
    world: &'a World,
    schedule: Schedule,
    journal: Journal,
    random: fastrand::Rng,
    now: Duration,
    coming: BinaryHeap<Reverse<(Duration, Coming)>>,
    /// The runs that go on: job, runner, beginning.
    runs: BTreeMap<RunId, (usize, usize, Duration)>,
    /// How many jobs each runner has.
    busy: Vec<usize>,
    /// How often each job was started.
    started: Vec<u32>,
    ended: BTreeSet<usize>,
    told: Told,
}

fn run(world: &World) -> Told {
    let folder = measure::fresh_folder("schedule");
    let (cpu, start) = (measure::own_cpu(), Instant::now());
    let (matrix, arguments) = (Sha256::of(b""), Vec::new());
    let call = Call { arguments, folder: folder.clone(), matrix };
    let mut simulation =
        Simulation::new(world, Journal::create(&folder, &call).expect("a journal"));
    simulation.queue();
    simulation.run();
    let mut told = simulation.told;
    told.wall = start.elapsed();
    told.cpu = measure::own_cpu().saturating_sub(cpu);
    told.twice = simulation.started.iter().filter(|started| **started > 1).count();
    assert_eq!(simulation.ended.len(), world.jobs.len(), "jobs were lost");
    assert!(simulation.runs.is_empty(), "runs go on after the end");
    told
}

impl<'a> Simulation<'a> {
    fn new(world: &'a World, journal: Journal) -> Self {
        let task = |job: &Job| Task { class: 0, expected: Some(seconds(job.recorded)) };
        let seat = |runner: &Runner| Seat {
            name: runner.name.clone(),
            slots: runner.slots,
            classes: Ok(vec![0]),
        };
        let tasks = world.jobs.iter().map(task).collect();
        let seats = world.runners.iter().map(seat).collect();
        Self {
            world,
            schedule: Schedule::new(tasks, seats, true),
            journal,
            random: fastrand::Rng::with_seed(43),
            now: Duration::ZERO,
            coming: BinaryHeap::new(),
            runs: BTreeMap::new(),
            busy: vec![0; world.runners.len()],
            started: vec![0; world.jobs.len()],
            ended: BTreeSet::new(),
            told: Told::default(),
        }
    }

    /// What a real run tells before its first job.
    fn queue(&mut self) {
        for runner in &self.world.runners {
            self.tell(&Event::RunnerReady {
                runner: runner.name.clone(),
                place: "ssh".to_owned(),
                slots: runner.slots,
                toolsets: vec!["cross (clang 14, lld 14, mingw-w64 10)".to_owned()],
            });
        }
        for job in &self.world.jobs {
            self.tell(&Event::JobQueued {
                job: job.name.clone(),
                cells: vec![job.name.clone()],
                action: "0".repeat(64),
                expected_millis: Some((job.recorded * 1000.0) as u64),
            });
        }
    }

    fn run(&mut self) {
        self.happens(Happened::Woken);
        while !self.schedule.is_over() {
            let wake = self.schedule.wake_at();
            let next = self.coming.peek().map(|Reverse((time, _))| *time);
            if let Some(wake) = wake.filter(|wake| next.is_none_or(|next| *wake < next)) {
                self.now = wake;
                self.happens(Happened::Woken);
                continue;
            }
            let Reverse((time, what)) = self.coming.pop().expect("something happens yet");
            self.now = time;
            self.comes(what);
        }
        self.told.makespan = self.now.as_secs_f64();
    }

    fn comes(&mut self, what: Coming) {
        match what {
            Coming::Begins(run) => {
                let Some((job, runner, _)) = self.runs.get(&run).copied() else { return };
                let (job, runner) = (self.job_name(job), self.runner_name(runner));
                self.tell(&Event::JobStarted { job, runner });
                self.happens(Happened::Began { run });
            }
            Coming::Ends(run) => {
                let Some((_, _, begun)) = self.runs.get(&run) else { return };
                let end = End::Built { took: Some(self.now.saturating_sub(*begun)) };
                self.happens(Happened::Ended { run, end });
            }
            Coming::Silent(run) => {
                let end = End::Gone { reason: "keep-alive timed out".to_owned() };
                self.happens(Happened::Ended { run, end });
            }
            Coming::Unreached(seat) => {
                let reason = "no route to host".to_owned();
                self.happens(Happened::Unreached { seat, reason });
            }
        }
    }

    fn happens(&mut self, what: Happened) {
        for order in self.schedule.tell(self.now, what) {
            self.obey(order);
        }
    }

    fn obey(&mut self, order: Order) {
        match order {
            Order::Start { run, job, seat } => self.start(run, job, seat),
            Order::Drop { run, job, seat, reason } => {
                self.runs.remove(&run).expect("it runs");
                self.busy[seat] -= 1;
                self.told.dropped += 1;
                let (job, runner) = (self.job_name(job), self.runner_name(seat));
                self.tell(&Event::JobDropped { job, runner, reason });
            }
            Order::Conclude { run, job, seat } => {
                let (_, _, begun) = self.runs.remove(&run).expect("it runs");
                self.busy[seat] -= 1;
                assert!(self.ended.insert(job), "job {job} is doubled");
                let millis = self.now.saturating_sub(begun).as_millis() as u64;
                let (job, runner) = (self.job_name(job), Some(self.runner_name(seat)));
                let outcome = JobOutcome::Built;
                self.tell(&Event::JobFinished { job, outcome, millis, runner });
            }
            Order::Lost { seat, reason, for_good } => {
                assert!(self.world.runners[seat].lost <= self.now.as_secs_f64());
                let runner = self.runner_name(seat);
                self.tell(&Event::RunnerLost { runner, reason, for_good });
            }
            Order::Reach { seat } => {
                self.coming.push(Reverse((self.now + CONNECT, Coming::Unreached(seat))));
            }
            Order::Fail { job, reason } => panic!("job {job} was lost: {reason}"),
            Order::Cancel { job } => panic!("job {job} was cancelled"),
        }
    }

    fn start(&mut self, run: RunId, job: usize, seat: usize) {
        let runner = &self.world.runners[seat];
        self.busy[seat] += 1;
        assert!(self.busy[seat] <= runner.slots, "more jobs than slots");
        self.started[job] += 1;
        self.runs.insert(run, (job, seat, self.now));
        let takes = self.world.jobs[job].work / runner.speed * (0.9 + 0.2 * self.random.f64());
        let end = self.now + seconds(takes);
        let cut = seconds(runner.lost.min(1e9));
        if end > cut {
            let noticed = self.now.max(cut) + SILENCE;
            self.coming.push(Reverse((noticed, Coming::Silent(run))));
        } else {
            self.coming.push(Reverse((end, Coming::Ends(run))));
        }
        self.coming.push(Reverse((self.now + TRAVEL, Coming::Begins(run))));
    }

    fn tell(&mut self, event: &Event) {
        self.told.events += 1;
        self.journal.append(event).expect("the journal");
    }

    fn job_name(&self, job: usize) -> String {
        self.world.jobs[job].name.clone()
    }

    fn runner_name(&self, runner: usize) -> String {
        self.world.runners[runner].name.clone()
    }
}

fn seconds(time: f64) -> Duration {
    Duration::from_secs_f64(time)
}
