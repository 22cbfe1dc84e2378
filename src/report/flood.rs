//! Lines that may come by the hundred when a network goes down: the first ones are said, the others counted.

use std::time::{Duration, Instant};

use super::say::{Line, Tone};

/// So many lines of a kind are said in a row.
const SAID: usize = 12;

/// After this a new row begins.
const ROW: Duration = Duration::from_secs(10);

/// The lines of one kind.
#[derive(Debug)]
pub(super) struct Flood {
    label: &'static str,
    tone: Tone,
    /// What is counted: `runners are there`.
    what: &'static str,
    since: Option<Instant>,
    said: usize,
    held: usize,
}

impl Flood {
    pub(super) fn of(label: &'static str, tone: Tone, what: &'static str) -> Self {
        Self { label, tone, what, since: None, said: 0, held: 0 }
    }

    /// The line, where it is one of the first.
    pub(super) fn line(&mut self, text: String, now: Instant) -> Option<Line> {
        if self.is_over(now) {
            (self.since, self.said) = (Some(now), 0);
        }
        if self.said == SAID {
            self.held += 1;
            return None;
        }
        self.said += 1;
        Some(Line { label: self.label, tone: self.tone, text })
    }

    /// How many others there were, once their row is over, or at once.
    pub(super) fn rest(&mut self, now: Instant, at_once: bool) -> Option<Line> {
        if self.held == 0 || !(at_once || self.is_over(now)) {
            return None;
        }
        let text = format!("and {} more {}", std::mem::take(&mut self.held), self.what);
        Some(Line { label: self.label, tone: self.tone, text })
    }

    fn is_over(&self, now: Instant) -> bool {
        self.since.is_none_or(|since| now.saturating_duration_since(since) >= ROW)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_are_said_and_the_others_counted() {
        let now = Instant::now();
        let mut flood = Flood::of("Lost", Tone::Warn, "runners");
        let said = (0..500).filter_map(|n| flood.line(n.to_string(), now)).count();
        assert_eq!((said, flood.rest(now, false)), (SAID, None));
        let later = now + ROW;
        assert_eq!(flood.rest(later, false).unwrap().text, "and 488 more runners");
        assert_eq!(flood.rest(later, true), None);
        assert_eq!(flood.line("x".to_owned(), later).unwrap().text, "x");
    }
}
