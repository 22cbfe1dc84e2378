//! GitHub's limits on how often one may ask.

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use super::refusal::Refusal;

/// The limits, as GitHub documents them. Tests may take a shorter minute and hour.
#[derive(Clone, Debug)]
pub(crate) struct Limits {
    /// Whether the secondary limits hold; all requests are counted in any case.
    pub(crate) enforced: bool,
    /// Requests an hour.
    pub(crate) primary: usize,
    /// Requests that make or change something, a minute and an hour.
    pub(crate) creating_a_minute: usize,
    pub(crate) creating_an_hour: usize,
    /// A GET is a point, anything else is five.
    pub(crate) points_a_minute: usize,
    pub(crate) concurrent: usize,
    /// How long these last.
    pub(crate) minute: Duration,
    pub(crate) hour: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            enforced: true,
            primary: 5000,
            creating_a_minute: 80,
            creating_an_hour: 500,
            points_a_minute: 900,
            concurrent: 100,
            minute: Duration::from_secs(60),
            hour: Duration::from_secs(3600),
        }
    }
}

/// What each token has asked.
#[derive(Debug, Default)]
pub(crate) struct Meters(BTreeMap<String, Meter>);

/// What one token has asked.
#[derive(Debug)]
pub(crate) struct Meter {
    /// When the hour of the primary limit began, and how many requests it saw.
    since: Instant,
    pub(crate) used: usize,
    points: VecDeque<(Instant, usize)>,
    creating: VecDeque<Instant>,
    pub(crate) running: usize,
    /// The most that ever ran at once.
    pub(crate) most_running: usize,
}

impl Meters {
    /// A token's own.
    pub(crate) fn of(&mut self, token: &str) -> &mut Meter {
        self.0.entry(token.to_owned()).or_insert_with(|| Meter {
            since: Instant::now(),
            used: 0,
            points: VecDeque::new(),
            creating: VecDeque::new(),
            running: 0,
            most_running: 0,
        })
    }
}

impl Meter {
    /// Counts a request, and says whether it is one too many.
    pub(crate) fn count(&mut self, limits: &Limits, method: &str) -> Result<(), Refusal> {
        let now = Instant::now();
        if now.duration_since(self.since) >= limits.hour {
            (self.since, self.used) = (now, 0);
        }
        self.running += 1;
        self.most_running = self.most_running.max(self.running);
        if self.used >= limits.primary {
            return Err(Refusal::primary());
        }
        self.used += 1;
        self.secondary(limits, method, now)
    }

    /// When the primary limit is full again.
    pub(crate) fn until_reset(&self, limits: &Limits) -> Duration {
        limits.hour.saturating_sub(self.since.elapsed())
    }

    fn secondary(&mut self, limits: &Limits, method: &str, now: Instant) -> Result<(), Refusal> {
        let read = matches!(method, "GET" | "HEAD" | "OPTIONS");
        let creating = matches!(method, "POST" | "PATCH" | "PUT");
        self.points.push_back((now, if read { 1 } else { 5 }));
        self.points.retain(|(then, _)| now.duration_since(*then) < limits.minute);
        if creating {
            self.creating.push_back(now);
        }
        self.creating.retain(|then| now.duration_since(*then) < limits.hour);
        if !limits.enforced {
            return Ok(());
        }
        let points: usize = self.points.iter().map(|(_, points)| points).sum();
        let lately = |then: &&Instant| now.duration_since(**then) < limits.minute;
        let too_many = points > limits.points_a_minute
            || self.running > limits.concurrent
            || (creating && self.creating.len() > limits.creating_an_hour)
            || (creating && self.creating.iter().filter(lately).count() > limits.creating_a_minute);
        if !too_many {
            return Ok(());
        }
        let wait = limits.minute.as_secs().max(1);
        Err(Refusal::secondary(403, Some(wait)))
    }
}
