//! What to do about a request that failed: the one place where that is decided.

use std::time::{Duration, Instant};

/// Waits for what passes by itself grow from the first to the last of these.
const SHORT: Duration = Duration::from_millis(250);
const LONGEST_SHORT: Duration = Duration::from_secs(30);

/// Waits after a refusal that says nothing of when to come back.
const LONG: Duration = Duration::from_secs(60);
const LONGEST_LONG: Duration = Duration::from_secs(15 * 60);

/// A request that failed.
#[derive(Clone, Debug)]
pub enum Fault {
    /// No whole answer came. Whether the server did what was asked is not known.
    Lost {
        /// Why.
        reason: String,
    },
    /// The server answered, and not that it was done.
    Answer(Answer),
}

/// An answer that is not that it was done.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// What the server said, scrubbed.
    pub message: String,
    /// The codes of its list of errors: `already_exists`.
    pub codes: Vec<String>,
    /// The value of `retry-after`.
    pub retry_after: Option<Duration>,
    /// How long until `x-ratelimit-reset`, by the server's own clock, where nothing is left until then.
    pub reset_in: Option<Duration>,
    /// Where it leads, when it is a redirect.
    pub location: Option<String>,
}

/// Whether to ask again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retry {
    /// No: the answer stays the same.
    Never,
    /// It passes by itself.
    Soon,
    /// After this, for the server says so; all other requests wait as well.
    After(Duration),
    /// There were too many requests, and the server does not say when it is enough.
    Slowly,
}

impl Fault {
    /// Whether to ask again.
    #[must_use]
    pub fn retry(&self) -> Retry {
        match self {
            Self::Lost { .. } => Retry::Soon,
            Self::Answer(answer) => answer.retry(),
        }
    }

    /// Whether the server may have done what was asked.
    #[must_use]
    pub fn may_be_done(&self) -> bool {
        match self {
            Self::Lost { .. } => true,
            Self::Answer(answer) => answer.status >= 500 || answer.status == 408,
        }
    }

    /// In words.
    #[must_use]
    pub fn words(&self) -> String {
        match self {
            Self::Lost { reason } => reason.clone(),
            Self::Answer(answer) => answer.words(),
        }
    }
}

impl Answer {
    /// Whether its list of errors or its message has this.
    #[must_use]
    pub fn says(&self, words: &str) -> bool {
        self.codes.iter().any(|code| code.contains(words)) || self.message.contains(words)
    }

    /// In words.
    #[must_use]
    pub fn words(&self) -> String {
        let said = [std::slice::from_ref(&self.message), &self.codes].concat();
        let said: Vec<&str> =
            said.iter().map(String::as_str).filter(|text| !text.is_empty()).collect();
        match said[..] {
            [] => format!("GitHub answered {}", self.status),
            _ => format!("GitHub answered {}: {}", self.status, said.join("; ")),
        }
    }

    /// Whether the same question may be answered otherwise later.
    #[must_use]
    pub fn passes(&self) -> bool {
        self.retry() != Retry::Never
    }

    fn retry(&self) -> Retry {
        let asked = self.retry_after.or(self.reset_in);
        match self.status {
            403 | 429 => match asked {
                Some(wait) => Retry::After(wait),
                None if self.status == 429 || self.is_about_limits() => Retry::Slowly,
                None => Retry::Never,
            },
            408 | 500..=599 => self.retry_after.map_or(Retry::Soon, Retry::After),
            _ => Retry::Never,
        }
    }

    fn is_about_limits(&self) -> bool {
        let message = self.message.to_lowercase();
        ["rate limit", "abuse", "too many requests"].iter().any(|words| message.contains(words))
    }
}

/// The waits of one request that is asked again and again.
#[derive(Debug, Default)]
pub struct Waits {
    soon: u32,
    slowly: u32,
}

impl Waits {
    /// How long to wait now. `chance` is between 0 and 1: not all who wait come back at once.
    pub fn next(&mut self, retry: Retry, chance: f64) -> Option<Duration> {
        match retry {
            Retry::Never => None,
            Retry::Soon => {
                let wait = doubled(SHORT, self.soon, LONGEST_SHORT);
                self.soon += 1;
                Some(wait.mul_f64(0.75 + chance / 2.0))
            }
            Retry::After(wait) => {
                let least = self.next(Retry::Soon, chance)?.min(Duration::from_secs(1));
                Some(wait + least)
            }
            Retry::Slowly => {
                let wait = doubled(LONG, self.slowly, LONGEST_LONG);
                self.slowly += 1;
                Some(wait.mul_f64(1.0 + chance / 4.0))
            }
        }
    }
}

fn doubled(first: Duration, times: u32, most: Duration) -> Duration {
    first.saturating_mul(2_u32.saturating_pow(times)).min(most)
}

/// How much time a run may lose to limits and faults in all. What passes side by side counts once.
#[derive(Debug)]
pub struct Patience {
    limit: Duration,
    lost: Duration,
    until: Option<Instant>,
}

impl Patience {
    /// So much may be lost.
    #[must_use]
    pub fn new(limit: Duration) -> Self {
        Self { limit, lost: Duration::ZERO, until: None }
    }

    /// Counts the time from one moment to a later one. `false` where that is more than there is; then
    /// nothing is counted, for nobody waits.
    pub fn spend(&mut self, from: Instant, to: Instant) -> bool {
        let start = self.until.map_or(from, |until| from.max(until));
        let lost = self.lost + to.saturating_duration_since(start);
        if lost > self.limit {
            return false;
        }
        self.lost = lost;
        self.until = Some(self.until.map_or(to, |until| until.max(to)));
        true
    }

    /// How much may be lost.
    #[must_use]
    pub fn limit(&self) -> Duration {
        self.limit
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, message: &str) -> Answer {
        Answer { status, message: message.to_owned(), ..Answer::default() }
    }

    #[test]
    fn what_passes_is_told_from_what_stays() {
        let cases = [
            (answer(500, ""), Retry::Soon),
            (answer(502, ""), Retry::Soon),
            (answer(408, ""), Retry::Soon),
            (answer(401, "Bad credentials"), Retry::Never),
            (answer(404, "Not Found"), Retry::Never),
            (answer(422, "Validation Failed"), Retry::Never),
            (answer(403, "Resource not accessible by personal access token"), Retry::Never),
            (answer(403, "You have exceeded a secondary rate limit."), Retry::Slowly),
            (answer(429, ""), Retry::Slowly),
        ];
        for (answer, retry) in cases {
            assert_eq!(answer.retry(), retry, "{answer:?}");
        }
        let seconds = Duration::from_secs;
        let both =
            Answer { retry_after: Some(seconds(3)), reset_in: Some(seconds(9)), ..answer(403, "") };
        assert_eq!(both.retry(), Retry::After(seconds(3)));
        let reset = Answer { reset_in: Some(seconds(9)), ..answer(403, "") };
        assert_eq!(reset.retry(), Retry::After(seconds(9)));
        assert!(!Fault::Answer(answer(422, "")).may_be_done());
        assert!(Fault::Answer(answer(502, "")).may_be_done());
    }

    #[test]
    fn waits_grow_and_are_bounded() {
        let mut waits = Waits::default();
        let first = waits.next(Retry::Soon, 0.5).unwrap();
        assert_eq!([first, waits.next(Retry::Soon, 0.5).unwrap()], [SHORT, SHORT * 2]);
        let long = (0..40).map(|_| waits.next(Retry::Soon, 1.0).unwrap()).max().unwrap();
        assert!(long <= LONGEST_SHORT.mul_f64(1.25));
        let mut slow = Waits::default();
        assert!(slow.next(Retry::Slowly, 0.0).unwrap() >= LONG);
        assert!(slow.next(Retry::Slowly, 0.0).unwrap() >= LONG * 2);
        let asked = Duration::from_secs(7);
        assert!(slow.next(Retry::After(asked), 0.0).unwrap() >= asked);
        assert_eq!(slow.next(Retry::Never, 0.0), None);
    }

    #[test]
    fn patience_counts_what_passes_side_by_side_once() {
        let (mut patience, start) = (Patience::new(Duration::from_secs(10)), Instant::now());
        let at = |seconds| start + Duration::from_secs(seconds);
        assert!(patience.spend(at(0), at(4)));
        assert!(patience.spend(at(1), at(4)));
        assert!(patience.spend(at(2), at(6)));
        assert!(!patience.spend(at(20), at(25)));
        assert!(patience.spend(at(20), at(24)));
    }
}
