//! Which tasks share a job. Finding the best is bin packing; this finds one that is close to it: tasks in the
//! order of their roots are cut into jobs of even length, for every number of jobs that may be worth it, and
//! where there are few of them single tasks are moved as long as that helps.

use std::cell::RefCell;
use std::cmp::Reverse;
use std::collections::HashMap;
use std::ops::Range;

use super::improve::{Rank, improve};
use super::model::{MOST_CELLS, MOST_JOBS, Work};

/// The jobs, each a list of tasks, the longest first; `None` where there would be more than are allowed.
pub(super) fn arrange(work: &Work) -> Option<Vec<Vec<usize>>> {
    let mut best: Option<(Rank, Vec<Vec<usize>>)> = None;
    let mut moves = MOVES;
    for first in [0, 1] {
        let cutter = Cutter::new(work, first);
        let mut before = Vec::new();
        for jobs in counts(work) {
            let Some(cuts) = cutter.at_most(jobs) else { continue };
            // Several numbers come to the same.
            if before == cuts {
                continue;
            }
            let jobs: Vec<Vec<usize>> =
                cuts.iter().map(|cut| cutter.order[cut.clone()].to_vec()).collect();
            before = cuts;
            let (rank, jobs) = improve(work, jobs, &mut moves);
            if best.as_ref().is_none_or(|(known, _)| rank < *known) {
                best = Some((rank, jobs));
            }
        }
    }
    let (_, mut jobs) = best?;
    for job in &mut jobs {
        job.sort_unstable();
    }
    jobs.sort_by_key(|job| (Reverse(work.seconds(job)), job[0]));
    Some(jobs)
}

/// So many changes are looked at in all.
const MOVES: usize = 8_000;

/// The numbers of jobs to try: all small ones, and of the others those that fill every turn of the machines.
fn counts(work: &Work) -> Vec<usize> {
    let most = work.tasks.len().clamp(1, MOST_JOBS);
    let small = if work.tasks.len() <= MANY { 64 } else { 1 };
    let turns = (1..).map(|turn| turn * work.concurrent).take_while(|jobs| *jobs < most);
    let mut counts: Vec<usize> = (1..=small.min(most)).chain(turns).chain([most]).collect();
    counts.sort_unstable();
    counts.dedup();
    counts
}

/// From so many tasks on fewer numbers of jobs are tried.
const MANY: usize = 256;

/// Cuts the tasks, in an order in which those with a common root are neighbours, into jobs.
struct Cutter<'a> {
    work: &'a Work,
    order: Vec<usize>,
    /// The tasks of each kind, as places in the order, and how many jobs they may be.
    kinds: Vec<(Range<usize>, usize)>,
    /// No job is shorter than the longest of a single task, nor longer than one of all.
    between: (u64, u64),
    /// How many jobs each limit makes, as far as it was asked.
    counted: RefCell<HashMap<u64, usize>>,
}

impl<'a> Cutter<'a> {
    /// Tasks with the same Python (0) or the same Apache (1) are neighbours.
    fn new(work: &'a Work, first: usize) -> Self {
        let mut order: Vec<usize> = (0..work.tasks.len()).collect();
        order.sort_by_key(|task| {
            let task = work.tasks[*task];
            (task.kind, task.roots[first], task.roots[1 - first])
        });
        let mut kinds: Vec<(Range<usize>, usize)> = Vec::new();
        for (place, task) in order.iter().enumerate() {
            let kind = work.tasks[*task].kind;
            match kinds.last_mut() {
                Some((range, _)) if work.tasks[order[range.start]].kind == kind => {
                    range.end = place + 1;
                }
                _ => {
                    let machines = work.machines.get(kind).copied().flatten();
                    kinds.push((place..place + 1, machines.unwrap_or(usize::MAX)));
                }
            }
        }
        let least = order.iter().map(|task| work.seconds(&[*task])).max().unwrap_or(0);
        let most = kinds.iter().map(|(range, _)| work.seconds(&order[range.clone()])).max();
        Self {
            work,
            order,
            kinds,
            between: (least, most.unwrap_or(least)),
            counted: RefCell::default(),
        }
    }

    /// The shortest jobs that are no more than these.
    fn at_most(&self, jobs: usize) -> Option<Vec<Range<usize>>> {
        let limit = least(self.between, |limit| self.count(limit) <= jobs)?;
        let cuts: Vec<_> =
            self.kinds.iter().flat_map(|(range, most)| self.of_kind(range, *most, limit)).collect();
        (cuts.len() <= MOST_JOBS).then_some(cuts)
    }

    /// How many jobs there are where none is longer than this. Searches for different numbers of them ask the
    /// same again and again.
    fn count(&self, limit: u64) -> usize {
        if let Some(known) = self.counted.borrow().get(&limit) {
            return *known;
        }
        let mut count = 0;
        for (range, machines) in &self.kinds {
            let mut of_kind = 0;
            self.walk(range, limit, |_| of_kind += 1);
            count += of_kind.min(*machines);
        }
        self.counted.borrow_mut().insert(limit, count);
        count
    }

    /// The jobs of one kind that are no longer than this, unless there are not machines enough for that.
    fn of_kind(&self, range: &Range<usize>, machines: usize, limit: u64) -> Vec<Range<usize>> {
        let fits = |limit| {
            let mut of_kind = 0;
            self.walk(range, limit, |_| of_kind += 1);
            of_kind <= machines
        };
        // So many cells that no command line holds them wait for a machine.
        let limit = if machines == usize::MAX || fits(limit) {
            limit
        } else {
            least((limit, self.between.1), fits).unwrap_or(self.between.1)
        };
        let mut begins = Vec::new();
        self.walk(range, limit, |place| begins.push(place));
        let ends = begins.iter().skip(1).copied().chain([range.end]);
        begins.iter().zip(ends).map(|(begin, end)| *begin..end).collect()
    }

    /// Fills each job up to a limit before it begins the next, and says at which place that is.
    fn walk(&self, range: &Range<usize>, limit: u64, mut begin: impl FnMut(usize)) {
        let work = self.work;
        let (of_job, of_task) = (work.durations.of_job(), work.durations.of_task());
        // By the number of a root, the job that has it already.
        let mut has = vec![0_usize; work.roots.len()];
        let (mut job, mut seconds, mut cells) = (0, 0, 0);
        for place in range.clone() {
            let task = work.tasks[self.order[place]];
            let mut longer = seconds + of_task;
            let [one, other] = task.roots;
            longer += if has[one] == job { 0 } else { work.roots[one] };
            longer += if has[other] == job || other == one { 0 } else { work.roots[other] };
            cells += task.cells;
            if job == 0 || longer > limit || cells > MOST_CELLS {
                begin(place);
                job += 1;
                longer = of_job + of_task + work.roots[one];
                longer += if other == one { 0 } else { work.roots[other] };
                cells = task.cells;
            }
            seconds = longer;
            (has[one], has[other]) = (job, job);
        }
    }
}

/// The least limit that will do, where the greatest does.
fn least((mut low, mut high): (u64, u64), will_do: impl Fn(u64) -> bool) -> Option<u64> {
    if !will_do(high) {
        return None;
    }
    while low < high {
        let middle = u64::midpoint(low, high);
        if will_do(middle) { high = middle } else { low = middle + 1 }
    }
    Some(high)
}
