//! A seat during the run: how fast it is, how often it was at fault, how long it rests.

use std::time::Duration;

use super::RunId;
use super::class::Free;

/// How often in a row a seat may be at fault; after one more it is set aside.
pub(super) const RESTS: u32 = 4;

/// The first rest; each further one in a row is four times as long.
const REST: Duration = Duration::from_millis(250);

/// Jobs of unknown length that a seat must have ended before they say how fast it is.
const SAMPLES: u32 = 3;

/// A seat.
#[derive(Debug)]
pub(super) struct Place {
    pub(super) name: String,
    pub(super) slots: usize,
    pub(super) classes: Vec<usize>,
    pub(super) state: State,
    pub(super) runs: Vec<RunId>,
    /// Runs of jobs that may be what brings runners down.
    pub(super) suspects: usize,
    /// How often in a row it was at fault.
    pub(super) faults: u32,
    /// Why it was at fault the last time.
    pub(super) reason: String,
    /// Whether it is known what it may take: it was reached once, or is set aside.
    pub(super) known: bool,
    /// Its place in the lists of free seats.
    pub(super) listed: Option<Free>,
    pub(super) speed: Speed,
    expected: Duration,
    took: Duration,
    samples: u32,
}

/// What a seat is at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// It takes jobs.
    Works,
    /// At fault: it takes nothing new, and rests once nothing runs there any more.
    Ailing,
    Resting,
    Reaching,
    /// Set aside for this run.
    Gone,
}

/// How fast a seat is, in quarters of an octave, so that noise makes no difference between two: at 0 jobs
/// take as long as expected, at 4 half as long.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Speed(i32);

impl Speed {
    /// The speed that is nearest to a ratio.
    pub(super) fn of(ratio: f64) -> Self {
        let upper = |step: &i32| ratio < 2_f64.powf((f64::from(*step) + 0.5) / 4.0);
        Self((-20..20).find(upper).unwrap_or(20))
    }

    /// The expected time of a job over the one that it takes there.
    pub(super) fn factor(self) -> f64 {
        2_f64.powf(f64::from(self.0) / 4.0)
    }

    /// How long a job takes there.
    pub(super) fn time_of(self, expected: Duration) -> Duration {
        expected.div_f64(self.factor())
    }
}

impl Place {
    /// A seat that is about to be reached.
    pub(super) fn new(name: String, slots: usize) -> Self {
        Self {
            name,
            slots: slots.max(1),
            classes: Vec::new(),
            state: State::Reaching,
            runs: Vec::new(),
            suspects: 0,
            faults: 0,
            reason: String::new(),
            known: false,
            listed: None,
            speed: Speed::default(),
            expected: Duration::ZERO,
            took: Duration::ZERO,
            samples: 0,
        }
    }

    /// Whether it is known how fast it is.
    pub(super) fn is_measured(&self) -> bool {
        self.samples >= SAMPLES
    }

    /// Learns from a job. What is only supposed to be as long as others counts from the third on.
    pub(super) fn learn(&mut self, expected: Duration, took: Duration, is_known: bool) {
        self.expected += expected;
        self.took += took;
        self.samples += if is_known { SAMPLES } else { 1 };
        if self.is_measured() {
            self.speed = Speed::of(self.expected.as_secs_f64() / self.took.as_secs_f64());
        }
    }

    /// How long it rests now: each seat a little longer than the one before, so that not all are reached
    /// at once.
    pub(super) fn rest(&self, seat: usize) -> Duration {
        let rest = REST * 4_u32.pow(self.faults.clamp(1, RESTS) - 1);
        rest + rest / 64 * u32::try_from(seat % 16).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_speed_is_the_step_that_is_nearest() {
        let factor = |ratio: f64| Speed::of(ratio).factor();
        assert!((factor(1.05) - 1.0).abs() < 1e-9);
        assert!((factor(2.1) - 2.0).abs() < 1e-9 && (factor(0.26) - 0.25).abs() < 1e-9);
        assert!(Speed::of(0.0) < Speed::of(0.5) && Speed::of(1e9) > Speed::of(4.0));
    }

    #[test]
    fn what_is_not_known_says_little() {
        let mut place = Place::new("a".to_owned(), 1);
        let (expected, took) = (Duration::from_secs(4), Duration::from_secs(1));
        place.learn(expected, took, false);
        place.learn(expected, took, false);
        assert_eq!(place.speed, Speed::default());
        place.learn(expected, took, false);
        assert!(place.speed > Speed::default());
        let mut place = Place::new("b".to_owned(), 1);
        place.learn(expected, took, true);
        assert!(place.speed > Speed::default());
    }

    #[test]
    fn rests_grow_and_differ() {
        let mut place = Place::new("a".to_owned(), 1);
        let mut rests = Vec::new();
        for faults in 1..=RESTS {
            place.faults = faults;
            rests.push(place.rest(0).as_millis());
            assert!(place.rest(1) > place.rest(0) && place.rest(15) < place.rest(0) * 2);
        }
        assert_eq!(rests, [250, 1000, 4000, 16000]);
    }
}
