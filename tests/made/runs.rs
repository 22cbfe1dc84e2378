//! Streams of events of runs that never were: over hundreds of runners, some of which are lost.

use std::cmp::Reverse;
use std::collections::{BTreeSet, BinaryHeap, VecDeque};

use jiff::Timestamp;
use modfarm::model::event::{Event, JobOutcome, Stage};

/// A runner's name and a compiler's words that a page and a terminal must take for text.
pub(crate) const EVIL: &str =
    "<script>alert('x')</script><img src=x onerror=alert(1)>\u{1b}]0;owned\u{7}\u{202e}\"&";

/// What a run is to be like.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shape {
    pub(crate) runners: usize,
    pub(crate) jobs: usize,
    /// Every how manyth runner is lost once.
    pub(crate) lost: usize,
    /// Every how manyth job fails.
    pub(crate) failed: usize,
}

struct Run {
    shape: Shape,
    random: fastrand::Rng,
    told: Vec<(u64, Event)>,
    /// When a slot is free, of which runner.
    slots: BinaryHeap<Reverse<(u64, usize)>>,
    lost: BTreeSet<usize>,
}

/// The events of such a run in the order of their times; the same every time.
pub(crate) fn run(shape: Shape) -> Vec<(Timestamp, Event)> {
    let mut run = Run {
        shape,
        random: fastrand::Rng::with_seed(1),
        told: Vec::new(),
        slots: BinaryHeap::new(),
        lost: BTreeSet::new(),
    };
    run.begin();
    run.build();
    run.end();
    run.told.sort_by_key(|(at, _)| *at);
    let begin = 1_790_000_000_000;
    let time = |at| Timestamp::from_millisecond(begin + i64::try_from(at).expect("soon"));
    run.told.into_iter().map(|(at, event)| (time(at).expect("a time"), event)).collect()
}

impl Run {
    fn tell(&mut self, at: u64, event: Event) {
        self.told.push((at, event));
    }

    fn begin(&mut self) {
        let Shape { runners, jobs, .. } = self.shape;
        self.tell(0, Event::StageStarted { stage: Stage::Preflight });
        for runner in 0..runners {
            let slots = 1 + runner % 4;
            let at = self.random.u64(100..1500);
            let toolsets = vec!["cross: clang 14.0.6, lld 14.0.6, mingw-w64 10.0.0".to_owned()];
            let (name, place) = (name(runner), format!("ssh {}", name(runner)));
            self.tell(at, Event::RunnerReady { runner: name, place, slots, toolsets });
            self.slots.extend((0..slots).map(|_| Reverse((4000, runner))));
        }
        self.tell(1600, Event::StageStarted { stage: Stage::Roots });
        self.tell(3000, Event::StageStarted { stage: Stage::Build });
        let title = "mod_wsgi 6.1.1".to_owned();
        self.tell(3001, Event::Planned { title, cells: jobs * 2, jobs });
        for number in 0..jobs {
            let cells = vec![job(number), job(number).replace("VS17", "VS18")];
            let action = format!("{:064x}/142", number + 1);
            let expected_millis = Some(20_000);
            self.tell(3002, Event::JobQueued { job: job(number), cells, action, expected_millis });
        }
    }

    fn build(&mut self) {
        let mut waiting: VecDeque<(usize, u64)> =
            (0..self.shape.jobs).map(|job| (job, 0)).collect();
        while let Some((number, from)) = waiting.pop_front() {
            let Some(Reverse((at, runner))) = self.slots.pop() else { break };
            let took = self.random.u64(4000..30_000) * if number % 50 == 0 { 4 } else { 1 };
            if let Some(dropped) = self.start(number, at.max(from), runner, took) {
                waiting.push_front((number, dropped + 5));
            }
        }
    }

    /// Runs a job. Gives when it was dropped, where it was.
    fn start(&mut self, number: usize, at: u64, runner: usize, took: u64) -> Option<u64> {
        let (this, on) = (job(number), name(runner));
        self.tell(at, Event::JobStarted { job: this.clone(), runner: on.clone() });
        if self.shape.lost > 0 && runner % self.shape.lost == 1 && self.lost.insert(runner) {
            let at = at + took / 2;
            let for_good = runner % 4 == 1;
            let reason = format!("runner '{on}': the connection ended: {EVIL}");
            let lost = Event::RunnerLost { runner: on.clone(), reason: reason.clone(), for_good };
            self.tell(at, lost);
            self.tell(at + 1, Event::JobDropped { job: this, runner: on.clone(), reason });
            if !for_good {
                let back = at + 9000;
                let (place, toolsets) = (format!("ssh {on}"), Vec::new());
                self.tell(
                    back,
                    Event::RunnerReady { runner: on, place, slots: 1 + runner % 4, toolsets },
                );
                self.slots.push(Reverse((back, runner)));
            }
            return Some(at);
        }
        if number % 97 == 5 {
            let Reverse((second_at, second)) = self.slots.pop()?;
            let second_at = second_at.max(at + took);
            let quicker = name(second);
            self.tell(second_at, Event::JobStarted { job: this.clone(), runner: quicker.clone() });
            let reason = format!("it was finished by {quicker}");
            let end = second_at + took / 2;
            self.tell(end, Event::JobDropped { job: this.clone(), runner: on, reason });
            self.finish(end, number, quicker, took / 2);
            self.slots.extend([Reverse((end + 50, runner)), Reverse((end + 50, second))]);
            return None;
        }
        self.finish(at + took, number, on, took - 200);
        self.slots.push(Reverse((at + took + 50, runner)));
        None
    }

    fn finish(&mut self, at: u64, number: usize, runner: String, millis: u64) {
        let failed = self.shape.failed > 0 && number % self.shape.failed == 7;
        let outcome = if failed {
            let lines = (0..60).map(|line| format!("x.c:{line}: error: {EVIL}"));
            let log = lines.collect::<Vec<_>>().join("\n");
            JobOutcome::Failed { reason: "the command ended with exit code 2".to_owned(), log }
        } else {
            JobOutcome::Built
        };
        let millis = if failed { 0 } else { millis };
        self.tell(
            at,
            Event::JobFinished { job: job(number), outcome, millis, runner: Some(runner) },
        );
    }

    fn end(&mut self) {
        let last = self.told.iter().map(|(at, _)| *at).max().unwrap_or_default();
        for (number, stage) in [Stage::Inspect, Stage::Smoke].into_iter().enumerate() {
            self.tell(last + 400 * number as u64, Event::StageStarted { stage });
        }
        for runner in 0..self.shape.runners {
            let (files, bytes, sent) = (700, 9_000_000, 2_100_000);
            let runner = name(runner);
            self.tell(4000, Event::Brought { runner, files, bytes, sent, millis: 800 });
        }
        let message = format!("the toolsets of the runners differ: {EVIL}");
        self.tell(last + 500, Event::Warning { message, hint: Some("update them".to_owned()) });
        self.tell(last + 9000, Event::StageStarted { stage: Stage::Package });
    }
}

fn name(runner: usize) -> String {
    if runner == 3 { format!("evil{EVIL}") } else { format!("build-{runner:03}") }
}

/// The name of a job: a cell that might be.
pub(crate) fn job(number: usize) -> String {
    format!("Apache24-win{}-VS17/py3{number}-VC14", if number.is_multiple_of(2) { 64 } else { 32 })
}
