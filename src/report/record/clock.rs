//! A run's own time: it never goes backwards, and stands still while the run does.

use jiff::Timestamp;

use super::format::Span;

/// When a run began, when it was last heard of, and when nobody ran it.
#[derive(Debug, Default)]
pub(super) struct Clock {
    begun: Option<Timestamp>,
    last: Timestamp,
    pauses: Vec<Span>,
}

impl Clock {
    /// Takes note of a time, and gives it as it counts: a clock that was set back stands still.
    pub(super) fn hear(&mut self, at: Timestamp) -> Timestamp {
        if self.begun.is_none() {
            (self.begun, self.last) = (Some(at), at);
        }
        self.last = self.last.max(at);
        self.last
    }

    /// The first time of all, once there is one.
    pub(super) fn begun(&self) -> Option<Timestamp> {
        self.begun
    }

    /// The last time of all.
    pub(super) fn last(&self) -> Timestamp {
        self.last
    }

    /// Nobody ran the run between what was heard last before and `until`.
    pub(super) fn pause(&mut self, from: Timestamp, until: Timestamp) {
        if until > from {
            self.pauses.push(Span { from, until });
        }
    }

    /// The pauses, in order.
    pub(super) fn pauses(&self) -> &[Span] {
        &self.pauses
    }

    /// How long the run ran between two times, in milliseconds.
    pub(super) fn millis(&self, from: Timestamp, until: Timestamp) -> u64 {
        let whole = Span { from, until };
        let still: u64 = self.pauses.iter().map(|pause| pause.within(whole).millis()).sum();
        whole.millis().saturating_sub(still)
    }
}

impl Span {
    /// How long it is, in milliseconds; 0 where it ends before it begins.
    #[must_use]
    pub fn millis(self) -> u64 {
        let millis = self.until.as_millisecond().saturating_sub(self.from.as_millisecond());
        u64::try_from(millis).unwrap_or(0)
    }

    /// The part of it that lies within another span; of no length where none does.
    #[must_use]
    pub fn within(self, other: Span) -> Span {
        Span { from: self.from.max(other.from), until: self.until.min(other.until) }
    }
}
