//! One JSON object a line on standard output, for programs.

use super::Reporter;
use super::harmless;
use super::terminal;
use crate::model::event::Event;

/// Writes every event as it is.
#[derive(Debug, Default)]
pub struct Json;

impl Reporter for Json {
    fn event(&mut self, event: &Event) {
        if let Ok(line) = serde_json::to_string(event) {
            terminal::output(&(harmless::json(&line) + "\n"));
        }
    }
}
