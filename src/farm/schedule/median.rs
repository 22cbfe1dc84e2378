//! The middle of all that was measured so far.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Duration;

/// Durations, of which the middle one is known at any time.
#[derive(Debug, Default)]
pub(super) struct Median {
    lower: BinaryHeap<Duration>,
    upper: BinaryHeap<Reverse<Duration>>,
}

impl Median {
    /// Adds one.
    pub(super) fn add(&mut self, duration: Duration) {
        self.lower.push(duration);
        self.upper.extend(self.lower.pop().map(Reverse));
        if self.upper.len() > self.lower.len() {
            self.lower.extend(self.upper.pop().map(|Reverse(least)| least));
        }
    }

    /// The middle one, of an even number the lower of the two.
    pub(super) fn get(&self) -> Option<Duration> {
        self.lower.peek().copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_the_middle_of_a_sorted_list() {
        let mut random = fastrand::Rng::with_seed(7);
        let (mut median, mut all) = (Median::default(), Vec::new());
        assert_eq!(median.get(), None);
        for _ in 0..200 {
            let duration = Duration::from_millis(random.u64(0..50));
            median.add(duration);
            all.push(duration);
            all.sort_unstable();
            assert_eq!(median.get(), Some(all[(all.len() - 1) / 2]));
        }
    }
}
