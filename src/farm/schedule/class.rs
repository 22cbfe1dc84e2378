//! A class: the jobs that the same seats may take, those that wait, those that run, the seats that are free
//! for them.

use std::cmp::Reverse;
use std::collections::BTreeSet;
use std::time::Duration;

use super::RunId;
use super::load::Load;
use super::seat::{Place, Speed};

/// A run that takes so many times as long as it should is a straggler.
const STRAGGLES: u32 = 2;

/// No run is a straggler before this time.
const LEAST: Duration = Duration::from_secs(5);

/// How long the inputs of a job may travel before that is taken for straggling as well.
const TRAVEL: Duration = Duration::from_secs(60);

/// A seat of which nothing is known is taken to be so many times as slow as expected at worst.
const SLOWEST: f64 = 4.0;

/// With so many jobs for each slot there is something to choose from.
const CHOICE: usize = 3;

/// Longer than any known job.
const LONGEST: Duration = Duration::from_secs(1 << 40);

/// How long a job is taken to be. The longest comes first; one that is not known may be longer than any.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Length(Reverse<Duration>);

/// A seat among those with a free slot: the fastest first, then the emptiest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Free {
    pub(super) speed: Reverse<Speed>,
    /// The share of its slots that are taken, in thousandths.
    pub(super) load: usize,
    pub(super) seat: usize,
}

/// By what a run is known to take too long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Watch {
    /// When it has to be over.
    Due(Duration),
    /// Since when it runs: nobody knows how long it should.
    Since(Duration),
}

/// A class.
#[derive(Debug, Default)]
pub(super) struct Class {
    waiting: BTreeSet<(Length, usize)>,
    /// Those that wait for another try: they go first, to whichever seat may have them.
    again: BTreeSet<(Length, usize)>,
    pub(super) free: BTreeSet<Free>,
    /// The seats that take jobs, free or not.
    pub(super) working: BTreeSet<(Speed, usize)>,
    /// Every seat that ever was one of its own.
    pub(super) members: BTreeSet<usize>,
    /// Those that are still, and not set aside.
    pub(super) alive: usize,
    pub(super) load: Load,
    /// The only runs of their jobs, by [`Watch::Due`].
    due: BTreeSet<(Duration, RunId)>,
    /// The same by [`Watch::Since`].
    undated: BTreeSet<(Duration, RunId)>,
}

impl Length {
    pub(super) fn of(expected: Option<Duration>) -> Self {
        Self(Reverse(expected.map_or(Duration::MAX, |expected| expected.min(LONGEST))))
    }

    fn known(self) -> Option<Duration> {
        Some(self.0.0).filter(|length| *length != Duration::MAX)
    }
}

impl Class {
    /// Puts a job among those that wait, for the first try or another.
    pub(super) fn wait(&mut self, length: Length, job: usize, again: bool) {
        let queue = if again { &mut self.again } else { &mut self.waiting };
        queue.insert((length, job));
        self.load.wait(length.known());
    }

    /// Takes it from there.
    pub(super) fn wait_no_more(&mut self, length: Length, job: usize) {
        if !self.waiting.remove(&(length, job)) {
            self.again.remove(&(length, job));
        }
        self.load.wait_no_more(length.known());
    }

    /// Whether nothing waits.
    pub(super) fn is_idle(&self) -> bool {
        self.waiting.is_empty() && self.again.is_empty()
    }

    /// Takes all that waits.
    pub(super) fn clear(&mut self) -> impl Iterator<Item = usize> + use<> {
        self.load.clear();
        let again = std::mem::take(&mut self.again);
        again.into_iter().chain(std::mem::take(&mut self.waiting)).map(|(_, job)| job)
    }

    /// The jobs that a seat may begin now, the best first: other tries, then the longest that it ends by
    /// the time when all could be over. Where it ends none by then it begins a short one, if it ends that no
    /// later than the fastest seat would after all else. So nothing long is left on a slow seat in the end;
    /// but of other tries those that have no faster seat fit any.
    pub(super) fn fitting(
        &self,
        seat: &Place,
        now: Duration,
        median: Option<Duration>,
        has_faster: impl Fn(usize) -> bool,
    ) -> impl Iterator<Item = (Length, usize)> {
        let limit = self.limit(seat, now, median);
        let unknown_fits = median.is_none_or(|median| median <= limit);
        let unknown = unknown_fits.then(|| self.waiting.range(..(Length::of(Some(LONGEST)), 0)));
        let known = self.waiting.range((Length::of(Some(limit)), 0)..);
        let limit_at_last = self.limit_at_last(seat.speed, now, median);
        let time = move |length: Length| length.known().or(median).unwrap_or_default();
        let again = self.again.iter().filter(move |(length, job)| {
            time(*length) <= limit.max(limit_at_last) || !has_faster(*job)
        });
        let last = self.waiting.iter().rev().take_while(move |(length, _)| {
            let length = time(*length);
            length > limit && length <= limit_at_last
        });
        again.chain(unknown.into_iter().flatten()).chain(known).chain(last).copied()
    }

    /// The longest job that a seat ends by the time when all could be over. One of which nobody knows how
    /// fast it is may be slow, where there are jobs to choose from: it does not begin with the longest.
    fn limit(&self, seat: &Place, now: Duration, median: Option<Duration>) -> Duration {
        let is_fastest = self.working.last().is_none_or(|(fastest, _)| *fastest == seat.speed);
        let speed = if seat.is_measured() || !self.is_choice() {
            if is_fastest {
                return LONGEST;
            }
            seat.speed.factor()
        } else {
            seat.speed.factor() / SLOWEST
        };
        duration(self.load.share(now, median) * speed)
    }

    /// Whether there are so many jobs that it matters little which comes first.
    fn is_choice(&self) -> bool {
        self.working.len() > 1 && self.load.slots() * CHOICE < self.waiting.len()
    }

    /// The longest job that a seat of this speed ends no later than the fastest would after all else.
    fn limit_at_last(&self, speed: Speed, now: Duration, median: Option<Duration>) -> Duration {
        match self.working.last() {
            Some((fastest, _)) if *fastest > speed => {
                let lag = 1.0 / speed.factor() - 1.0 / fastest.factor();
                duration(self.load.left(speed, now, median) / lag)
            }
            _ => LONGEST,
        }
    }

    /// Looks after a run that is the only one of its job.
    pub(super) fn watch(&mut self, run: RunId, watch: Watch) {
        match watch {
            Watch::Due(due) => self.due.insert((due, run)),
            Watch::Since(since) => self.undated.insert((since, run)),
        };
    }

    /// Looks after it no more.
    pub(super) fn unwatch(&mut self, run: RunId, watch: Watch) {
        match watch {
            Watch::Due(due) => self.due.remove(&(due, run)),
            Watch::Since(since) => self.undated.remove(&(since, run)),
        };
    }

    /// The runs that take far too long, those of known length first.
    pub(super) fn overdue(&self, now: Duration, median: Option<Duration>) -> Vec<RunId> {
        let dated = self.due.iter().take_while(|(due, _)| *due <= now);
        let undated = self
            .undated
            .iter()
            .take_while(|(since, _)| median.is_some_and(|median| *since + patience(median) <= now));
        dated.chain(undated).map(|(_, run)| *run).collect()
    }

    /// When the next one takes too long, if a seat is free for it.
    pub(super) fn next_overdue(&self, now: Duration, median: Option<Duration>) -> Option<Duration> {
        if self.free.is_empty() {
            return None;
        }
        let due = self.due.range((now, RunId::LAST)..).next().map(|(due, _)| *due);
        let undated = median.map(patience).and_then(|patience| {
            let from = now
                .checked_sub(patience)
                .map_or((Duration::ZERO, RunId::FIRST), |from| (from, RunId::LAST));
            Some(self.undated.range(from..).next()?.0 + patience)
        });
        due.into_iter().chain(undated).min()
    }
}

impl Watch {
    /// For a run that began, or was ordered, at a time, and should take so long where that is known.
    pub(super) fn new(since: Duration, began: bool, should: Option<Duration>) -> Self {
        let since = if began { since } else { since + TRAVEL };
        should.map_or(Self::Since(since), |should| Self::Due(since + patience(should)))
    }
}

/// A time in seconds, in bounds.
fn duration(seconds: f64) -> Duration {
    Duration::try_from_secs_f64(seconds).map_or(LONGEST, |time| time.min(LONGEST))
}

/// How long a run may take that should take so long.
fn patience(should: Duration) -> Duration {
    should.saturating_mul(STRAGGLES).max(LEAST)
}
