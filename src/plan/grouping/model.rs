//! How long things take on GitHub's machines, and what a choice of jobs costs by that.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use crate::model::offer::{DECLARED, DECLARED_PYTHON};

/// How many jobs a matrix of GitHub Actions may have.
pub const MOST_JOBS: usize = 256;

/// A job is told its cells on a command line, which Windows ends at 32,767 characters.
pub(super) const MOST_CELLS: usize = 500;

/// What a minute that is billed is worth, in seconds of waiting.
const MINUTE: u64 = 2;

/// How long things take on a machine of GitHub's, in seconds.
///
/// They are assumed, in round figures, for a machine with four cores; nothing of it was measured on GitHub's. How
/// cells are grouped depends on their proportions, and little on those.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Durations {
    /// From when a job may run to its first step: a machine is found and made ready. Not billed.
    pub start: u64,
    /// `checkout` of the repository and of the module's source.
    pub checkout: u64,
    /// Setting up modfarm: its program is fetched or compiled, and Visual Studio is looked for.
    pub modfarm: u64,
    /// A Python that `setup-python` installs.
    pub python: u64,
    /// A root that is downloaded and unpacked.
    pub root: u64,
    /// Compiling and linking a module.
    pub compile: u64,
    /// Trying a module in a real Apache.
    pub smoke: u64,
    /// Handing on what was built, and ending.
    pub hand_over: u64,
}

impl Default for Durations {
    fn default() -> Self {
        Self {
            start: 20,
            checkout: 8,
            modfarm: 30,
            python: 10,
            root: 8,
            compile: 25,
            smoke: 12,
            hand_over: 7,
        }
    }
}

impl Durations {
    /// What every job takes, whatever it builds.
    #[must_use]
    pub fn of_job(&self) -> u64 {
        self.checkout + self.modfarm + self.hand_over
    }

    /// What a compile takes, and the trial of its file.
    #[must_use]
    pub fn of_task(&self) -> u64 {
        self.compile + self.smoke
    }

    /// What it takes to have the root of this name: nothing where it stands there already.
    #[must_use]
    pub fn of_root(&self, name: &str) -> u64 {
        match name {
            _ if name.starts_with(DECLARED_PYTHON) => self.python,
            _ if name.starts_with(DECLARED) => 0,
            _ => self.root,
        }
    }
}

/// What a choice of jobs costs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cost {
    /// How many jobs there are.
    pub jobs: usize,
    /// Seconds until the last has ended.
    pub seconds: u64,
    /// Minutes as GitHub bills them: each job's rounded up.
    pub minutes: u64,
}

impl Cost {
    /// Waiting and money in one figure: see the module's own words.
    #[must_use]
    pub fn weighed(&self) -> u64 {
        self.seconds + MINUTE * self.minutes
    }
}

/// A compile and the cells that it serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Task {
    /// Its runner and architecture, by number: tasks of one kind may share a job.
    pub(super) kind: usize,
    /// Its Python root and its Apache root, by number.
    pub(super) roots: [usize; 2],
    /// How many cells it serves.
    pub(super) cells: usize,
}

/// All that is to be done, and what of it takes how long.
#[derive(Clone, Debug)]
pub(super) struct Work {
    pub(super) tasks: Vec<Task>,
    /// The seconds that each root takes once in a job.
    pub(super) roots: Vec<u64>,
    /// How many machines of each kind there are, where that is known.
    pub(super) machines: Vec<Option<usize>>,
    pub(super) concurrent: usize,
    pub(super) durations: Durations,
}

impl Work {
    pub(super) fn new(concurrent: usize, durations: Durations) -> Self {
        let (tasks, roots, machines) = (Vec::new(), Vec::new(), Vec::new());
        Self { tasks, roots, machines, concurrent: concurrent.max(1), durations }
    }

    /// What these jobs cost, whatever order they are written in: they are started the longest first.
    pub(super) fn cost(&self, jobs: &[Vec<usize>]) -> Cost {
        let mut seconds: Vec<u64> = jobs.iter().map(|job| self.seconds(job)).collect();
        self.cost_of(&mut seconds)
    }

    /// The same of jobs that take so many seconds each, which are sorted by that.
    pub(super) fn cost_of(&self, seconds: &mut [u64]) -> Cost {
        seconds.sort_unstable_by_key(|seconds| Reverse(*seconds));
        Cost {
            jobs: seconds.len(),
            minutes: seconds.iter().map(|seconds| seconds.div_ceil(60)).sum(),
            seconds: self.last_end(seconds),
        }
    }

    /// The seconds that a machine works on a job: what is billed.
    pub(super) fn seconds(&self, job: &[usize]) -> u64 {
        let mut roots: Vec<usize> = job.iter().flat_map(|task| self.tasks[*task].roots).collect();
        roots.sort_unstable();
        roots.dedup();
        let set_up: u64 = roots.iter().map(|root| self.roots[*root]).sum();
        self.durations.of_job() + set_up + self.durations.of_task() * job.len() as u64
    }

    /// The same; nothing for a job without a task, which is none.
    pub(super) fn seconds_or_none(&self, job: &[usize]) -> u64 {
        if job.is_empty() { 0 } else { self.seconds(job).max(1) }
    }

    /// When the last of these ends: each begins in its turn as soon as there is room.
    fn last_end(&self, seconds: &[u64]) -> u64 {
        let took = |seconds: &u64| self.durations.start + seconds;
        if seconds.len() <= self.concurrent {
            return seconds.first().map_or(0, took);
        }
        let mut free: BinaryHeap<Reverse<u64>> =
            seconds[..self.concurrent].iter().map(|seconds| Reverse(took(seconds))).collect();
        let mut last = took(&seconds[0]);
        for seconds in &seconds[self.concurrent..] {
            let Some(Reverse(begun)) = free.pop() else { break };
            let end = begun + took(seconds);
            last = last.max(end);
            free.push(Reverse(end));
        }
        last
    }
}
