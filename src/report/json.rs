//! One JSON object a line on standard output, for programs.

use super::Reporter;
use super::terminal;
use crate::model::event::Event;

/// Writes every event as it is.
#[derive(Debug, Default)]
pub struct Json;

impl Reporter for Json {
    fn event(&mut self, event: &Event) {
        if let Ok(mut line) = serde_json::to_string(event) {
            line.push('\n');
            terminal::output(&line);
        }
    }
}
