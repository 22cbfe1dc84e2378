//! How a run is shown: the one stream of events, to the reporter and to the journal.

use std::thread::JoinHandle;

use clap::ValueEnum;

use crate::farm::journal::Journal;
use crate::model::event::{Event, Events};
use crate::report::{self, Json, Reporter, Summary};

/// How a run is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    /// For people, on standard error
    Text,
    /// One event a line, on standard output
    Json,
}

/// A stream of events, and who listens to it.
#[derive(Debug)]
pub(super) struct Show {
    events: Events,
    listener: JoinHandle<Summary>,
}

impl Show {
    /// Begins to listen.
    pub(super) fn begin(format: Format, mut journal: Option<Journal>) -> Self {
        let mut reporter: Box<dyn Reporter> = match format {
            Format::Text => report::for_people(),
            Format::Json => Box::new(Json),
        };
        let (events, heard) = Events::stream();
        let listener = std::thread::spawn(move || {
            let mut summary = Summary::default();
            for event in heard {
                if let Some(open) = &mut journal
                    && let Err(error) = open.append(&event)
                {
                    reporter.event(&Event::Warning { message: error.to_string(), hint: None });
                    journal = None;
                }
                reporter.event(&event);
                summary.event(&event);
            }
            reporter.finish();
            summary
        });
        Self { events, listener }
    }

    /// Where to say what happens.
    pub(super) fn events(&self) -> &Events {
        &self.events
    }

    /// Waits until everything is shown, and sums it up. Whoever has the events must have dropped them.
    pub(super) fn end(self) -> Summary {
        let Self { events, listener } = self;
        drop(events);
        listener.join().unwrap_or_else(|_| {
            tracing::error!("the reporter ended in a panic");
            Summary::default()
        })
    }
}
