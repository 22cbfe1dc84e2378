//! Plan → the jobs of a workflow: which cells share one, so that machines are not set up more often than it
//! pays. Pure, and the same plan always gives the same jobs.
//!
//! Cells that share a compile are one task and never parted. A job is of one runner and one architecture, for
//! it is one machine and `setup-python` installs for one; within it tasks share the set-up of the machine and
//! of each root.
//!
//! **What is minimised** is waiting and money in one figure: the seconds until the last job has ended, with so
//! many jobs at once, and two seconds for every minute that GitHub bills, which rounds each job up. Waiting
//! alone would spend any number of machines on the last second; minutes alone would build everything in one
//! job. At two seconds, thirty billed minutes are worth a minute of a maintainer's: waiting decides unless the
//! price is steep, and between groupings that are equally quick the cheaper one is taken.

mod arrange;
mod improve;
mod model;

use std::collections::{BTreeMap, HashMap};

use super::{Assignment, Build, Plan, PlannedCell};
use crate::model::arch::Arch;

use arrange::arrange;
use model::{Task, Work};

pub use model::{Cost, Durations, MOST_JOBS};

/// What the jobs are made for.
#[derive(Clone, Debug)]
pub struct Terms {
    /// How many jobs run at once: 20 on GitHub Free, 40 with Pro, 60 with Team.
    pub concurrent: usize,
    /// How long things take there.
    pub durations: Durations,
    /// How many machines of a runner there are, where that is known: it gets no more jobs.
    pub machines: BTreeMap<String, usize>,
}

impl Default for Terms {
    fn default() -> Self {
        Self { concurrent: 20, durations: Durations::default(), machines: BTreeMap::new() }
    }
}

/// The jobs of a plan, in the order that they are to be started in: the longest first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grouping<'a> {
    /// The jobs.
    pub groups: Vec<Group<'a>>,
    /// What they will take, as far as the model knows.
    pub cost: Cost,
}

/// The cells of one job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group<'a> {
    /// The runner that the job is for.
    pub runner: &'a str,
    /// The architecture of all its cells.
    pub arch: Arch,
    /// The cells with what each is built against, in the order of the plan.
    pub cells: Vec<(&'a PlannedCell, &'a Assignment)>,
}

/// Why there are no jobs.
#[derive(Debug, thiserror::Error)]
pub enum GroupingError {
    /// More than a workflow can have.
    #[error(
        "{cells} cells do not fit into the {MOST_JOBS} jobs that a matrix of GitHub Actions may have\nhint: plan a part of them with --only, and the others in another run"
    )]
    TooMany {
        /// The cells.
        cells: usize,
    },
}

/// The jobs for all cells that a runner of the plan builds.
pub fn group<'a>(plan: &'a Plan, terms: &Terms) -> Result<Grouping<'a>, GroupingError> {
    let tasks = Tasks::of(plan, terms, Sharing::Compile);
    let Some(jobs) = arrange(&tasks.work) else {
        return Err(GroupingError::TooMany { cells: tasks.cells.iter().map(Vec::len).sum() });
    };
    let cost = tasks.work.cost(&jobs);
    let groups = jobs.iter().map(|job| tasks.group(job)).collect();
    Ok(Grouping { groups, cost })
}

/// What the same cells would take with a job for each.
#[must_use]
pub fn one_job_a_cell(plan: &Plan, terms: &Terms) -> Cost {
    let tasks = Tasks::of(plan, terms, Sharing::Nothing);
    let jobs: Vec<Vec<usize>> = (0..tasks.cells.len()).map(|task| vec![task]).collect();
    tasks.work.cost(&jobs)
}

/// Which cells are one task.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Sharing {
    /// Those with the same roots and toolset, which one compile serves.
    Compile,
    /// None.
    Nothing,
}

/// The tasks of a plan, and the cells behind each.
struct Tasks<'a> {
    work: Work,
    kinds: Vec<(&'a str, Arch)>,
    cells: Vec<Vec<(usize, &'a PlannedCell, &'a Assignment)>>,
}

impl<'a> Tasks<'a> {
    fn of(plan: &'a Plan, terms: &Terms, sharing: Sharing) -> Self {
        let mut work = Work::new(terms.concurrent, terms.durations);
        let mut kinds = Numbered::default();
        let mut roots = Numbered::default();
        let mut known = HashMap::new();
        let mut cells: Vec<Vec<_>> = Vec::new();
        for (place, cell) in plan.cells.iter().enumerate() {
            let Build::By(by) = &cell.build else { continue };
            let kind = kinds.number((by.runner.as_str(), cell.id.apache.arch));
            let both = [&by.python_root, &by.apache_root].map(|root| roots.number(root.as_str()));
            let own = (sharing == Sharing::Nothing).then_some(place);
            let key = (kind, both, by.toolset.as_str(), own);
            let task = *known.entry(key).or_insert(cells.len());
            if task == cells.len() {
                work.tasks.push(Task { kind, roots: both, cells: 0 });
                cells.push(Vec::new());
            }
            work.tasks[task].cells += 1;
            cells[task].push((place, cell, by));
        }
        work.roots = roots.all.iter().map(|root| terms.durations.of_root(root)).collect();
        let machines = kinds.all.iter().map(|(runner, _)| terms.machines.get(*runner).copied());
        work.machines = machines.collect();
        Self { work, kinds: kinds.all, cells }
    }

    fn group(&self, job: &[usize]) -> Group<'a> {
        let (runner, arch) = self.kinds[self.work.tasks[job[0]].kind];
        let mut cells: Vec<_> = job.iter().flat_map(|task| self.cells[*task].iter()).collect();
        cells.sort_unstable_by_key(|(place, ..)| *place);
        Group { runner, arch, cells: cells.into_iter().map(|(_, cell, by)| (*cell, *by)).collect() }
    }
}

/// Values by the order in which they were first seen.
struct Numbered<T> {
    all: Vec<T>,
    numbers: HashMap<T, usize>,
}

impl<T> Default for Numbered<T> {
    fn default() -> Self {
        Self { all: Vec::new(), numbers: HashMap::new() }
    }
}

impl<T: Copy + Eq + std::hash::Hash> Numbered<T> {
    fn number(&mut self, value: T) -> usize {
        let next = self.all.len();
        let number = *self.numbers.entry(value).or_insert(next);
        if number == next {
            self.all.push(value);
        }
        number
    }
}

#[cfg(test)]
mod tests;
