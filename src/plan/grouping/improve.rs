//! Jobs that are close to the best, made better move by move.

use super::model::{Cost, MOST_CELLS, MOST_JOBS, Work};

/// With more jobs or more tasks than these nothing is moved: there the cuts are even enough.
const FEW_JOBS: usize = 40;
const FEW_TASKS: usize = 200;

/// The jobs with a task moved to another job or to one of its own, two exchanged, or two jobs made one, as long
/// as that is better and there are changes left to look at.
pub(super) fn improve(
    work: &Work,
    jobs: Vec<Vec<usize>>,
    moves: &mut usize,
) -> (Rank, Vec<Vec<usize>>) {
    let mut at = Arrangement::new(work, jobs);
    if at.jobs.len() > FEW_JOBS || work.tasks.len() > FEW_TASKS {
        return (at.rank, at.jobs);
    }
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

    /// All changes that keep kinds apart, each made up when it is its turn.
    fn changes(&self) -> impl Iterator<Item = Change> + use<> {
        let kinds: Vec<usize> = (0..self.jobs.len()).map(|job| self.kind(job)).collect();
        let sizes: Vec<usize> = self.jobs.iter().map(Vec::len).collect();
        let count = kinds.len();
        let all = (0..count).flat_map(|one| (one + 1..count).map(move |other| (one, other)));
        let pairs: Vec<(usize, usize)> =
            all.filter(|(one, other)| kinds[*one] == kinds[*other]).collect();
        let merges = pairs.clone().into_iter().map(|(into, from)| Change::Merge { into, from });
        merges.chain(moves(kinds, sizes.clone())).chain(swaps(pairs, sizes))
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

/// Every task to every other job of its kind, and to one of its own unless it has that.
fn moves(kinds: Vec<usize>, sizes: Vec<usize>) -> impl Iterator<Item = Change> {
    let count = kinds.len();
    (0..count).flat_map(move |job| {
        let others = (0..count).filter(|to| *to != job && kinds[*to] == kinds[job]);
        let to: Vec<usize> = others.chain((sizes[job] > 1).then_some(count)).collect();
        (0..sizes[job]).flat_map(move |place| {
            to.clone().into_iter().map(move |to| Change::Move { job, place, to })
        })
    })
}

/// Every task of a job with every one of another of its kind.
fn swaps(pairs: Vec<(usize, usize)>, sizes: Vec<usize>) -> impl Iterator<Item = Change> {
    pairs.into_iter().flat_map(move |(one, other)| {
        let (first, second) = (sizes[one], sizes[other]);
        (0..first).flat_map(move |here| {
            (0..second).map(move |there| Change::Swap { one: (one, here), other: (other, there) })
        })
    })
}

/// Better is less; among equals that with fewer minutes, then that with fewer jobs.
pub(super) type Rank = (u64, u64, usize);

fn rank(cost: &Cost) -> Rank {
    (cost.weighed(), cost.minutes, cost.jobs)
}
