//! How much work of a class is left, kept up to date with every job that begins or ends: by it a slow seat
//! knows which jobs to leave to faster ones.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::RunId;
use super::seat::Speed;

/// The work of a class, in seconds at the speed that was expected.
#[derive(Debug, Default)]
pub(super) struct Load {
    waiting: f64,
    /// Jobs that wait and of which nobody knows how long they are.
    unknown: u32,
    /// The seats and runs of one speed.
    lanes: BTreeMap<Speed, Lane>,
}

#[derive(Debug, Default)]
struct Lane {
    /// The slots of the seats that work.
    slots: usize,
    /// The runs that have time left, by the time when they should end, and the sum of those times.
    coming: BTreeSet<(Duration, RunId)>,
    coming_ends: f64,
    /// The runs that should have ended, and the sum of the times when.
    overdue: f64,
    overdue_ends: f64,
}

impl Load {
    /// A job waits, of a length that may be known.
    pub(super) fn wait(&mut self, length: Option<Duration>) {
        match length {
            Some(length) => self.waiting += length.as_secs_f64(),
            None => self.unknown += 1,
        }
    }

    /// It waits no more.
    pub(super) fn wait_no_more(&mut self, length: Option<Duration>) {
        match length {
            Some(length) => self.waiting -= length.as_secs_f64(),
            None => self.unknown -= 1,
        }
    }

    /// Nothing waits any more.
    pub(super) fn clear(&mut self) {
        (self.waiting, self.unknown) = (0.0, 0);
    }

    /// A seat of this speed works.
    pub(super) fn open(&mut self, speed: Speed, slots: usize) {
        self.lanes.entry(speed).or_default().slots += slots;
    }

    /// It works no more.
    pub(super) fn close(&mut self, speed: Speed, slots: usize) {
        self.lanes.entry(speed).or_default().slots -= slots;
    }

    /// A run begins that should end at a time.
    pub(super) fn begin(&mut self, run: RunId, speed: Speed, end: Duration) {
        let lane = self.lanes.entry(speed).or_default();
        if lane.coming.insert((end, run)) {
            lane.coming_ends += end.as_secs_f64();
        }
    }

    /// It is over.
    pub(super) fn over(&mut self, run: RunId, speed: Speed, end: Duration) {
        let lane = self.lanes.entry(speed).or_default();
        if lane.coming.remove(&(end, run)) {
            lane.coming_ends -= end.as_secs_f64();
        } else {
            lane.overdue -= 1.0;
            lane.overdue_ends -= end.as_secs_f64();
        }
    }

    /// Time has passed.
    pub(super) fn advance(&mut self, now: Duration) {
        for lane in self.lanes.values_mut() {
            while let Some((end, _)) = lane.coming.first().copied().filter(|(end, _)| *end < now) {
                lane.coming.pop_first();
                lane.coming_ends -= end.as_secs_f64();
                lane.overdue += 1.0;
                lane.overdue_ends += end.as_secs_f64();
            }
        }
    }

    /// The slots of all seats that work.
    pub(super) fn slots(&self) -> usize {
        self.lanes.values().map(|lane| lane.slots).sum()
    }

    /// In how many seconds all could be over, if all seats shared it.
    pub(super) fn share(&self, now: Duration, median: Option<Duration>) -> f64 {
        let (mut all, mut runs) = (0.0, 0.0);
        for (speed, lane) in &self.lanes {
            all += lane.power(*speed);
            runs += lane.left(now) * speed.factor();
        }
        (self.waiting(median) + runs) / all
    }

    /// For how long, in seconds, the seats that are faster than this are busy yet, if all share what waits.
    /// Jobs of unknown length are taken for such as were measured.
    pub(super) fn left(&self, speed: Speed, now: Duration, median: Option<Duration>) -> f64 {
        let (mut all, mut faster, mut runs) = (0.0, 0.0, 0.0);
        for (lane_speed, lane) in &self.lanes {
            all += lane.power(*lane_speed);
            if *lane_speed > speed {
                faster += lane.power(*lane_speed);
                runs += lane.left(now) * lane_speed.factor();
            }
        }
        self.waiting(median) / all + runs.max(0.0) / faster
    }

    fn waiting(&self, median: Option<Duration>) -> f64 {
        let unknown = median.map_or(0.0, |median| f64::from(self.unknown) * median.as_secs_f64());
        (self.waiting + unknown).max(0.0)
    }
}

impl Lane {
    /// What its slots do in a second.
    fn power(&self, speed: Speed) -> f64 {
        u32::try_from(self.slots).map_or(f64::MAX, f64::from) * speed.factor()
    }

    /// The seconds that the runs will take yet. Of one that is late nothing is known, but that it may well
    /// be late for as long again.
    fn left(&self, now: Duration) -> f64 {
        let now = now.as_secs_f64();
        let coming = u32::try_from(self.coming.len()).map_or(f64::MAX, f64::from);
        let coming = self.coming_ends - coming * now;
        coming.max(0.0) + (self.overdue * now - self.overdue_ends).max(0.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NONE: Option<Duration> = None;

    fn seconds(time: u64) -> Duration {
        Duration::from_secs(time)
    }

    #[test]
    fn what_waits_is_shared_by_all_and_what_runs_keeps_its_own() {
        let slow = Speed::default();
        let fast = Speed::of(4.0);
        let mut load = Load::default();
        load.open(slow, 2);
        load.open(fast, 1);
        load.wait(Some(seconds(60)));
        assert!((load.left(slow, seconds(0), NONE) - 10.0).abs() < 1e-9);
        load.begin(RunId::FIRST, fast, seconds(7));
        load.begin(RunId::LAST, slow, seconds(1000));
        assert!((load.left(slow, seconds(2), NONE) - 15.0).abs() < 1e-9);
        load.advance(seconds(10));
        assert!((load.left(slow, seconds(10), NONE) - 13.0).abs() < 1e-9, "3 s late");
        load.over(RunId::FIRST, fast, seconds(7));
        load.wait_no_more(Some(seconds(60)));
        load.wait(None);
        assert!(load.left(slow, seconds(10), NONE).abs() < 1e-9);
        assert!((load.left(slow, seconds(10), Some(seconds(6))) - 1.0).abs() < 1e-9);
    }
}
