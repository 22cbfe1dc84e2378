//! How a run is shown: the one stream of events, to the reporter, to the journal and to the record.

use std::sync::mpsc::RecvTimeoutError;
use std::thread::JoinHandle;
use std::time::Duration;

use clap::ValueEnum;
use jiff::Timestamp;
use tokio_util::sync::CancellationToken;

use super::Failure;
use crate::farm::journal::{Entry, Journal};
use crate::model::event::{Event, Events};
use crate::report::{self, Record, Reporter};

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
    listener: JoinHandle<Shown>,
}

/// What is left of a stream that ended.
#[derive(Debug, Default)]
pub(super) struct Shown {
    /// The run's record.
    pub(super) record: Record,
    /// Its journal, to say how it ended; none where it could not be written to the end.
    pub(super) journal: Option<Journal>,
}

/// What goes on is shown anew this often, where nothing happens.
const TICK: Duration = Duration::from_millis(250);

impl Show {
    /// Begins to listen. `past` is what a run that is gone on with said before: it is part of the record
    /// and not shown again.
    pub(super) fn begin(format: Format, mut journal: Option<Journal>, past: Vec<Entry>) -> Self {
        let mut reporter: Box<dyn Reporter> = match format {
            Format::Text => report::for_people(),
            Format::Json => report::for_programs(),
        };
        let mut record = Record::default();
        for entry in &past {
            record.hear(entry.time, &entry.what);
        }
        let (events, heard) = Events::stream();
        let listener = std::thread::spawn(move || {
            // Kept although nothing can be written any more: its lock says that the run lives.
            let mut unwritten = None;
            loop {
                let event = match heard.recv_timeout(TICK) {
                    Ok(event) => event,
                    Err(RecvTimeoutError::Timeout) => {
                        reporter.tick();
                        continue;
                    }
                    Err(RecvTimeoutError::Disconnected) => break,
                };
                if let Some(open) = &mut journal
                    && let Err(error) = open.append(&event)
                {
                    reporter.event(&Event::Warning { message: error.to_string(), hint: None });
                    unwritten = journal.take();
                }
                reporter.event(&event);
                record.hear(Timestamp::now(), &event);
            }
            reporter.finish();
            drop(unwritten);
            Shown { record, journal }
        });
        Self { events, listener }
    }

    /// Where to say what happens.
    pub(super) fn events(&self) -> &Events {
        &self.events
    }

    /// Does work that says here what happens, to its end; it hears when somebody gives it up.
    pub(super) fn work<T>(
        &self,
        work: impl AsyncFnOnce(&Events, &CancellationToken) -> T,
    ) -> Result<T, Failure> {
        super::asynchronously(async {
            let cancel = CancellationToken::new();
            super::cancel_on_signal(&cancel);
            work(&self.events, &cancel).await
        })
    }

    /// Waits until everything is shown, and gives what is left. Whoever has the events must have
    /// dropped them.
    pub(super) fn end(self) -> Shown {
        let Self { events, listener } = self;
        drop(events);
        listener.join().unwrap_or_else(|_| {
            tracing::error!("the reporter ended in a panic");
            Shown::default()
        })
    }
}

/// How long work has to end after somebody gave it up.
const GRACE: Duration = Duration::from_secs(5);

/// Does work that blocks and shows its events to people; it hears when somebody gives it up.
pub(super) fn blocking<T: Send + 'static>(
    work: impl FnOnce(&CancellationToken, &Events) -> Result<T, Failure> + Send + 'static,
) -> Result<T, Failure> {
    let show = Show::begin(Format::Text, None, Vec::new());
    let events = show.events().clone();
    let done = super::asynchronously(async move {
        let cancel = CancellationToken::new();
        super::cancel_on_signal(&cancel);
        let stop = cancel.clone();
        let mut work = tokio::task::spawn_blocking(move || work(&stop, &events));
        tokio::select! {
            done = &mut work => done.ok(),
            () = cancel.cancelled() => tokio::time::timeout(GRACE, work).await.ok()?.ok(),
        }
    })?;
    // What has not ended still says what it does, and nobody waits for that.
    let Some(done) = done else {
        return Err(Failure::interrupted("interrupted\nhint: run the same command again"));
    };
    show.end();
    done
}
