//! Which tasks share a job. Finding the best is bin packing; this finds one that is close to it: tasks in the
//! order of their roots are cut into jobs of even length, for every number of jobs that may be worth it, and
//! where there are few of them single tasks are moved as long as that helps.

use std::cell::RefCell;
use std::cmp::Reverse;
use std::collections::HashMap;
use std::ops::Range;

use super::model::{Cost, MOST_CELLS, MOST_JOBS, Work};

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

/// Better is less; among equals that with fewer minutes, then that with fewer jobs.
type Rank = (u64, u64, usize);

fn rank(cost: &Cost) -> Rank {
    (cost.weighed(), cost.minutes, cost.jobs)
}

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

/// So many moves of a task are looked at in all.
const MOVES: usize = 10_000;

/// Moves a task to another job or to one of its own, exchanges two, or makes two jobs one, as long as that is
/// better.
fn improve(work: &Work, jobs: Vec<Vec<usize>>, moves: &mut usize) -> (Rank, Vec<Vec<usize>>) {
    let mut at = Arrangement::new(work, jobs);
    'better: loop {
        for change in at.changes() {
            if *moves == 0 {
                break 'better;
            }
            *moves -= 1;
            if at.take_if_better(change) {
                continue 'better;
            }
        }
        break;
    }
    (at.rank, at.jobs)
}

/// A choice of jobs that is being made better.
struct Arrangement<'a> {
    work: &'a Work,
    jobs: Vec<Vec<usize>>,
    seconds: Vec<u64>,
    rank: Rank,
}

/// What may be done to it.
#[derive(Clone, Copy)]
enum Change {
    /// The task at this place of a job goes to another job; to a new one where there is none of that number.
    Move { job: usize, place: usize, to: usize },
    /// The tasks at these places change jobs.
    Swap { one: (usize, usize), other: (usize, usize) },
    /// The second job becomes part of the first.
    Merge { into: usize, from: usize },
}

impl<'a> Arrangement<'a> {
    fn new(work: &'a Work, jobs: Vec<Vec<usize>>) -> Self {
        let seconds: Vec<u64> = jobs.iter().map(|job| work.seconds(job)).collect();
        let rank = rank(&work.cost_of(&mut seconds.clone()));
        Self { work, jobs, seconds, rank }
    }

    fn kind(&self, job: usize) -> usize {
        self.work.tasks[self.jobs[job][0]].kind
    }

    /// All changes that are allowed, each made when it is its turn.
    fn changes(&self) -> impl Iterator<Item = Change> + use<> {
        let kinds: Vec<usize> = (0..self.jobs.len()).map(|job| self.kind(job)).collect();
        let sizes: Vec<usize> = self.jobs.iter().map(Vec::len).collect();
        let count = kinds.len();
        let pairs = move |kinds: &[usize]| -> Vec<(usize, usize)> {
            let all = (0..count).flat_map(|one| (one + 1..count).map(move |other| (one, other)));
            all.filter(|(one, other)| kinds[*one] == kinds[*other]).collect()
        };
        let pairs = if count <= FEW { pairs(&kinds) } else { Vec::new() };
        let merges: Vec<Change> =
            pairs.iter().map(|&(into, from)| Change::Merge { into, from }).collect();
        let (of_moves, targets) = (sizes.clone(), kinds);
        let moves = (0..if count <= FEW { count } else { 0 }).flat_map(move |job| {
            let to: Vec<usize> = (0..count)
                .filter(|to| *to != job && targets[*to] == targets[job])
                .chain((of_moves[job] > 1).then_some(count))
                .collect();
            (0..of_moves[job]).flat_map(move |place| {
                let to = to.clone();
                to.into_iter().map(move |to| Change::Move { job, place, to })
            })
        });
        let swaps = pairs.into_iter().flat_map(move |(one, other)| {
            let (first, second) = (sizes[one], sizes[other]);
            (0..first).flat_map(move |here| {
                (0..second)
                    .map(move |there| Change::Swap { one: (one, here), other: (other, there) })
            })
        });
        merges.into_iter().chain(moves).chain(swaps)
    }

    /// Makes the change where that is better.
    fn take_if_better(&mut self, change: Change) -> bool {
        let [one, other] = self.after(change);
        let mut seconds = self.seconds.clone();
        for (job, tasks) in [&one, &other] {
            match seconds.get_mut(*job) {
                Some(known) => *known = self.work.seconds_or_none(tasks),
                None => seconds.push(self.work.seconds_or_none(tasks)),
            }
        }
        let mut counted: Vec<u64> = seconds.iter().copied().filter(|known| *known > 0).collect();
        let rank = rank(&self.work.cost_of(&mut counted));
        if rank >= self.rank || !self.is_allowed(counted.len(), [&one.1, &other.1]) {
            return false;
        }
        (self.rank, self.seconds) = (rank, seconds);
        for (job, tasks) in [one, other] {
            if job == self.jobs.len() {
                self.jobs.push(tasks);
            } else {
                self.jobs[job] = tasks;
            }
        }
        self.jobs.retain(|job| !job.is_empty());
        self.seconds.retain(|seconds| *seconds > 0);
        true
    }

    /// The two jobs that a change touches, by number, with their tasks after it.
    fn after(&self, change: Change) -> [(usize, Vec<usize>); 2] {
        match change {
            Change::Move { job, place, to } => {
                let mut left = self.jobs[job].clone();
                let mut target = self.jobs.get(to).cloned().unwrap_or_default();
                target.push(left.swap_remove(place));
                [(job, left), (to, target)]
            }
            Change::Swap { one: (one, here), other: (other, there) } => {
                let (mut first, mut second) = (self.jobs[one].clone(), self.jobs[other].clone());
                std::mem::swap(&mut first[here], &mut second[there]);
                [(one, first), (other, second)]
            }
            Change::Merge { into, from } => {
                let all = [self.jobs[into].as_slice(), &self.jobs[from]].concat();
                [(into, all), (from, Vec::new())]
            }
        }
    }

    /// Whether there are machines for so many jobs, and room for the cells of those that were touched on a
    /// command line.
    fn is_allowed(&self, jobs: usize, touched: [&[usize]; 2]) -> bool {
        let cells =
            |job: &[usize]| -> usize { job.iter().map(|task| self.work.tasks[*task].cells).sum() };
        if touched.iter().any(|job| job.len() > 1 && cells(job) > MOST_CELLS) {
            return false;
        }
        // There is a job more of a kind only where there is one more of all.
        let kind =
            touched.iter().find_map(|job| job.first()).map(|task| self.work.tasks[*task].kind);
        let most = kind.and_then(|kind| self.work.machines[kind]).unwrap_or(usize::MAX);
        let of_kind = (0..self.jobs.len()).filter(|job| Some(self.kind(*job)) == kind).count();
        jobs <= self.jobs.len() || (jobs <= MOST_JOBS && of_kind < most)
    }
}

/// With more jobs than this nothing is moved: there the cuts are even enough.
const FEW: usize = 40;
