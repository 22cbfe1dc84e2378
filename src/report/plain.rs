//! Plain lines on standard error, for pipes and logs.

use super::Reporter;
use super::say::{Words, aligned};
use super::terminal;
use crate::model::event::Event;

/// Writes a line for every event that is worth one.
#[derive(Debug, Default)]
pub struct Plain {
    words: Words,
}

impl Reporter for Plain {
    fn event(&mut self, event: &Event) {
        let line = self.words.line(event).or_else(|| self.words.progress(event));
        if let Some(line) = line {
            terminal::line(&format!("{:>10} {}", line.label, aligned(&line.text)));
        }
    }
}
