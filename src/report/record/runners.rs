//! What is known of every runner: when it was there and when it was not, and what was brought there.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::format::{BroughtRecord, LostRecord, Span};

/// The runners of a run, by name.
#[derive(Debug, Default)]
pub(super) struct Runners(pub(super) BTreeMap<String, Runner>);

/// A runner so far.
#[derive(Debug, Default)]
pub(super) struct Runner {
    pub(super) place: Option<String>,
    pub(super) slots: Option<usize>,
    pub(super) toolsets: Vec<String>,
    pub(super) ready: Vec<Span>,
    pub(super) lost: Vec<LostRecord>,
    pub(super) brought: BroughtRecord,
    state: State,
}

/// Whether the last span of one kind goes on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    #[default]
    Unknown,
    Ready,
    Lost,
}

impl Runners {
    /// A runner was reached, or was seen to run something.
    pub(super) fn there(&mut self, at: Timestamp, name: &str) -> &mut Runner {
        let runner = self.0.entry(name.to_owned()).or_default();
        if runner.state != State::Ready {
            runner.close(at);
            runner.ready.push(Span { from: at, until: at });
            runner.state = State::Ready;
        }
        runner
    }

    /// A job was started on a runner. One that is lost stays so: what it was told before its loss may
    /// be heard after it.
    pub(super) fn used(&mut self, at: Timestamp, name: &str) {
        if self.0.get(name).is_none_or(|runner| runner.state == State::Unknown) {
            self.there(at, name);
        }
    }

    /// A runner does not answer.
    pub(super) fn lost(&mut self, at: Timestamp, name: &str, reason: &str, for_good: bool) {
        let runner = self.0.entry(name.to_owned()).or_default();
        if let (State::Lost, Some(last)) = (runner.state, runner.lost.last_mut()) {
            // It was tried once more, in vain.
            reason.clone_into(&mut last.reason);
            last.for_good |= for_good;
            return;
        }
        runner.close(at);
        let span = Span { from: at, until: at };
        runner.lost.push(LostRecord { span, reason: reason.to_owned(), for_good });
        runner.state = State::Lost;
    }

    /// Something was brought there.
    pub(super) fn brought(&mut self, name: &str, what: BroughtRecord) {
        let runner = self.0.entry(name.to_owned()).or_default();
        runner.brought = runner.brought.and(what);
    }

    /// The run is broken off here, and no runner is reached any more.
    pub(super) fn broken_off(&mut self, at: Timestamp) {
        for runner in self.0.values_mut() {
            runner.close(at);
            runner.state = State::Unknown;
        }
    }
}

impl Runner {
    /// Ends the span that goes on.
    fn close(&mut self, at: Timestamp) {
        match self.state {
            State::Ready => self.ready.last_mut().map(|span| span.until = at),
            State::Lost => self.lost.last_mut().map(|lost| lost.span.until = at),
            State::Unknown => None,
        };
    }

    /// When it was there and when it was not, as it stands at this time.
    pub(super) fn spans(&self, at: Timestamp) -> (Vec<Span>, Vec<LostRecord>) {
        let (mut ready, mut lost) = (self.ready.clone(), self.lost.clone());
        match self.state {
            State::Ready => ready.last_mut().map(|span| span.until = at),
            State::Lost => lost.last_mut().map(|lost| lost.span.until = at),
            State::Unknown => None,
        };
        (ready, lost)
    }
}

impl BroughtRecord {
    /// Both together.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self {
            files: self.files.saturating_add(other.files),
            bytes: self.bytes.saturating_add(other.bytes),
            sent: self.sent.saturating_add(other.sent),
            millis: self.millis.saturating_add(other.millis),
        }
    }
}
