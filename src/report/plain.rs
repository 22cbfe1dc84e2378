//! Plain lines on standard error, for pipes and logs.

use super::Reporter;
use super::say::{Line, Words, aligned};
use super::terminal;
use crate::model::event::Event;

/// Writes a line for every event that is worth one.
#[derive(Debug, Default)]
pub struct Plain {
    words: Words,
}

impl Reporter for Plain {
    fn event(&mut self, event: &Event) {
        let mut lines = self.words.lines(event);
        if lines.is_empty() {
            lines.extend(self.words.progress(event));
        }
        lines.iter().for_each(write);
    }

    fn tick(&mut self) {
        self.words.rest(false).iter().for_each(write);
    }

    fn finish(&mut self) {
        self.words.rest(true).iter().for_each(write);
    }
}

fn write(line: &Line) {
    terminal::line(&format!("{:>10} {}", line.label, aligned(&line.text)));
}
