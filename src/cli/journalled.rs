//! A run with a journal that is shown while it goes and reported on at its end, for `build` and `assemble`.

use camino::{Utf8Path, Utf8PathBuf};
use tokio_util::sync::CancellationToken;

use super::show::{Format, Show, Shown};
use super::{Failure, actions, blame, release, report, site};
use crate::farm::journal::{Ending, Journal};
use crate::model::event::Events;
use crate::pipeline::{ReleaseError, WorkshopRequest};
use crate::report::terminal;

/// What a run is about.
#[derive(Debug)]
pub(super) struct Run<'a> {
    /// The file of the matrix.
    pub(super) matrix: &'a Utf8Path,
    /// Its folder, and that of all runs.
    pub(super) workshop: &'a WorkshopRequest,
    /// How it is shown.
    pub(super) format: Format,
    /// How it ends where all is well.
    pub(super) well: Ending,
}

impl Run<'_> {
    /// Does the work of the run, which makes a folder.
    pub(super) fn of(
        self,
        work: impl AsyncFnOnce(&Events, &CancellationToken) -> Result<Utf8PathBuf, ReleaseError>,
    ) -> Result<(), Failure> {
        let folder = &self.workshop.run;
        site::forget_old_runs(&self.workshop.state).map_err(Failure::environment)?;
        let call = release::call(self.matrix)?;
        let journal = Journal::create(folder, &call).map_err(Failure::environment)?;
        let show = Show::begin(self.format, Some(journal), Vec::new());
        let result = super::asynchronously(async {
            let cancel = CancellationToken::new();
            super::cancel_on_signal(&cancel);
            work(show.events(), &cancel).await
        })?;
        let Shown { record, journal } = show.end();
        let result = result.map_err(blame::failure);
        report::conclude(&record, result.as_ref().map(|_| ()), folder, self.format);
        actions::made(result.as_ref().ok().map(Utf8PathBuf::as_path), &record);
        let ending = match &result {
            Ok(_) => self.well,
            Err(failure) if failure.code == Failure::INTERRUPTED => Ending::Interrupted,
            Err(_) => Ending::Failed,
        };
        if let Some(Err(error)) = journal.map(|journal| journal.end(ending)) {
            terminal::warning(&error.to_string());
        }
        result.map(drop)
    }
}
