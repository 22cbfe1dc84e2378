//! Everything that is written to the terminal. Knows `model` alone.

#![allow(clippy::print_stdout, clippy::print_stderr)]

pub mod actions;
pub mod diagnosis;
pub mod fetched;
mod field;
pub mod findings;
mod flood;
mod harmless;
mod html;
pub mod index;
pub mod installed;
mod json;
mod plain;
mod progress;
pub mod record;
mod say;
mod summary;
pub mod terminal;
mod uploads;
pub mod verification;

use std::io::IsTerminal as _;

use crate::model::event::Event;
use actions::Annotating;

pub use html::{Offered, chooser, page};
pub use json::Json;
pub use plain::Plain;
pub use progress::Progress;
pub use record::Record;
pub use say::bytesize;
pub use summary::markdown;

/// Consumes the events of a run and shows them.
pub trait Reporter: Send {
    /// Shows one event.
    fn event(&mut self, event: &Event);

    /// Nothing has happened for a moment.
    fn tick(&mut self) {}

    /// The run has ended, well or not.
    fn finish(&mut self) {}
}

/// The reporter for people: live on a terminal, plain lines in a pipe, on GitHub Actions with what it shows.
#[must_use]
pub fn for_people() -> Box<dyn Reporter> {
    if actions::here() {
        Box::new(Annotating::for_people(Box::new(Plain::default())))
    } else if std::io::stderr().is_terminal() {
        Box::new(Progress::new())
    } else {
        Box::new(Plain::default())
    }
}

/// The reporter for programs, one event a line.
#[must_use]
pub fn for_programs() -> Box<dyn Reporter> {
    if actions::here() {
        Box::new(Annotating::for_programs(Box::new(Json)))
    } else {
        Box::new(Json)
    }
}
