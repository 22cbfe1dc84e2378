//! A run with a journal, from its beginning to what it leaves: shown while it goes, reported on at its end.

use camino::{Utf8Path, Utf8PathBuf};
use tokio_util::sync::CancellationToken;

use super::show::{Format, Show, Shown};
use super::{Failure, actions, report, resume, site};
use crate::farm::journal::{Call, Ending, Entry, Journal};
use crate::model::event::{Event, Events};
use crate::pipeline::WorkshopRequest;
use crate::report::terminal;
use crate::sys::files;

/// A run that has its journal.
#[derive(Debug)]
pub(super) struct Run {
    /// Its folder.
    pub(super) folder: Utf8PathBuf,
    pub(super) journal: Journal,
    /// What the journal holds already.
    pub(super) past: Vec<Entry>,
    /// What is to be said first.
    pub(super) first: Vec<Event>,
}

impl Run {
    /// A new one in its folder, for a matrix file.
    pub(super) fn new(matrix: &Utf8Path, workshop: &WorkshopRequest) -> Result<Self, Failure> {
        Self::begin(&workshop.state, &workshop.run, &call(matrix)?)
    }

    /// A new one in a folder, and room for it among the others in the folder of state.
    pub(super) fn begin(state: &Utf8Path, folder: &Utf8Path, call: &Call) -> Result<Self, Failure> {
        site::forget_old_runs(state).map_err(Failure::environment)?;
        let journal = Journal::create(folder, call).map_err(Failure::environment)?;
        Ok(Self { folder: folder.to_owned(), journal, past: Vec::new(), first: Vec::new() })
    }

    /// Does its work, which makes a folder; `well` is how it ends where that stands.
    pub(super) fn of(
        self,
        format: Format,
        well: Ending,
        work: impl AsyncFnOnce(&Events, &CancellationToken) -> Result<Utf8PathBuf, Failure>,
    ) -> Result<(), Failure> {
        let Self { folder, journal, past, first } = self;
        let show = Show::begin(format, Some(journal), past);
        for event in first {
            show.events().emit(event);
        }
        let result = show.work(work)?;
        let Shown { record, journal } = show.end();
        report::conclude(&record, result.as_ref().map(drop), &folder, format);
        actions::made(result.as_ref().ok().map(Utf8PathBuf::as_path), &record);
        let ending = match &result {
            Ok(_) => well,
            Err(failure) if failure.code == Failure::INTERRUPTED => Ending::Interrupted,
            Err(_) => Ending::Failed,
        };
        if let Some(Err(error)) = journal.map(|journal| journal.end(ending)) {
            terminal::warning(&error.to_string());
        }
        result.map(drop)
    }
}

/// How this run is begun.
pub(super) fn call(matrix: &Utf8Path) -> Result<Call, Failure> {
    Ok(Call {
        arguments: resume::own_arguments(),
        folder: resume::here()?,
        matrix: files::digest(matrix).map_err(Failure::bad_input)?.sha256,
    })
}
