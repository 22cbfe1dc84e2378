//! Pacing: GitHub's documented limits are never reached. Below them nothing is slowed.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// So many requests that create content go through in a minute and in an hour.
const CONTENT_A_MINUTE: u32 = 80;
const CONTENT_AN_HOUR: u32 = 500;

/// So many points; a reading request costs one, any other five.
const POINTS_A_MINUTE: u32 = 900;

/// What is sent may arrive closer together than it was sent: the windows are a little longer than
/// what they stand for.
const MINUTE: Duration = Duration::from_secs(62);
const HOUR: Duration = Duration::from_secs(3610);

/// What a request counts as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cost {
    /// It reads.
    Read,
    /// It deletes.
    Write,
    /// It creates or changes content.
    Content,
}

/// When requests were sent, and when the next may be.
#[derive(Debug)]
pub struct Pace {
    content_a_minute: Window,
    content_an_hour: Window,
    points: Window,
    hold: Option<Instant>,
}

impl Pace {
    /// Nothing was sent yet.
    #[must_use]
    pub fn new() -> Self {
        Self {
            content_a_minute: Window::new(MINUTE, CONTENT_A_MINUTE),
            content_an_hour: Window::new(HOUR, CONTENT_AN_HOUR),
            points: Window::new(MINUTE, POINTS_A_MINUTE),
            hold: None,
        }
    }

    /// Counts a request that is sent now, or says how long it has to wait before it asks again.
    pub fn take(&mut self, cost: Cost, now: Instant) -> Result<(), Duration> {
        let points = if cost == Cost::Read { 1 } else { 5 };
        let mut wait =
            self.hold.map_or(Duration::ZERO, |until| until.saturating_duration_since(now));
        wait = wait.max(self.points.wait(points, now));
        if cost == Cost::Content {
            wait = wait.max(self.content_a_minute.wait(1, now));
            wait = wait.max(self.content_an_hour.wait(1, now));
        }
        if !wait.is_zero() {
            return Err(wait);
        }
        self.points.count(points, now);
        if cost == Cost::Content {
            self.content_a_minute.count(1, now);
            self.content_an_hour.count(1, now);
        }
        Ok(())
    }

    /// Counts content that an earlier run created `age` ago: its requests count for the server as well.
    pub fn remember(&mut self, age: Duration, now: Instant) {
        if let Some(at) = now.checked_sub(age) {
            self.content_a_minute.insert(1, at, now);
            self.content_an_hour.insert(1, at, now);
            self.points.insert(5, at, now);
        }
    }

    /// Nothing is sent before this: the server said so.
    pub fn hold(&mut self, until: Instant) {
        self.hold = Some(self.hold.map_or(until, |known| known.max(until)));
    }
}

impl Default for Pace {
    fn default() -> Self {
        Self::new()
    }
}

/// No more than so much in any stretch of this length.
#[derive(Debug)]
struct Window {
    length: Duration,
    most: u32,
    sent: VecDeque<(Instant, u32)>,
}

impl Window {
    fn new(length: Duration, most: u32) -> Self {
        Self { length, most, sent: VecDeque::new() }
    }

    /// How long until so much more fits.
    fn wait(&mut self, cost: u32, now: Instant) -> Duration {
        while self
            .sent
            .front()
            .is_some_and(|(at, _)| now.saturating_duration_since(*at) >= self.length)
        {
            self.sent.pop_front();
        }
        let mut used: u32 = self.sent.iter().map(|(_, cost)| cost).sum();
        let mut wait = Duration::ZERO;
        for (at, sent) in &self.sent {
            if used + cost <= self.most {
                break;
            }
            used -= sent;
            wait = (*at + self.length).saturating_duration_since(now);
        }
        wait
    }

    fn count(&mut self, cost: u32, now: Instant) {
        self.sent.push_back((now, cost));
    }

    fn insert(&mut self, cost: u32, at: Instant, now: Instant) {
        if now.saturating_duration_since(at) < self.length {
            let place = self.sent.partition_point(|(known, _)| *known <= at);
            self.sent.insert(place, (at, cost));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Sends so many requests one after the other as soon as each may be; when each was sent.
    fn sent(cost: Cost, count: usize) -> Vec<Duration> {
        let (mut pace, start) = (Pace::new(), Instant::now());
        let mut now = start;
        (0..count)
            .map(|_| {
                while let Err(wait) = pace.take(cost, now) {
                    now += wait;
                }
                now - start
            })
            .collect()
    }

    #[test]
    fn sixty_assets_are_not_slowed_and_no_window_overflows() {
        assert!(sent(Cost::Content, 80).iter().all(Duration::is_zero));
        let times = sent(Cost::Content, 1200);
        for (most, length) in [(80, 60), (500, 3600)] {
            for pair in times.windows(most + 1) {
                let took = pair[most].saturating_sub(pair[0]);
                assert!(took > Duration::from_secs(length), "{most}: {pair:?}");
            }
        }
    }

    #[test]
    fn reads_and_deletes_cost_points() {
        assert_eq!(sent(Cost::Read, 901).iter().filter(|at| at.is_zero()).count(), 900);
        assert_eq!(sent(Cost::Write, 181).iter().filter(|at| at.is_zero()).count(), 180);
    }

    #[test]
    fn what_an_earlier_run_sent_counts() {
        let (mut pace, now) = (Pace::new(), Instant::now() + HOUR);
        for _ in 0..80 {
            pace.remember(Duration::from_secs(30), now);
        }
        pace.remember(HOUR * 2, now);
        assert_eq!(pace.take(Cost::Content, now), Err(Duration::from_secs(32)));
        assert_eq!(pace.take(Cost::Read, now), Ok(()));
        pace.hold(now + Duration::from_secs(7));
        pace.hold(now + Duration::from_secs(5));
        assert_eq!(pace.take(Cost::Read, now), Err(Duration::from_secs(7)));
        assert_eq!(pace.take(Cost::Read, now + Duration::from_secs(7)), Ok(()));
    }
}
