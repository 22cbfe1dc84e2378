//! The log of each job that ran: one file a cell, the same for all cells that the job serves.

use camino::{Utf8Path, Utf8PathBuf};

use super::Outcome;
use super::client::command_line;
use crate::model::cell::CellId;
use crate::model::job::{Job, log_name};
use crate::sys::files::{self, FileError};

/// Writes down what came of a job, and gives the place.
pub(super) fn write(
    folder: &Utf8Path,
    job: &Job,
    runner: Option<&str>,
    outcome: &Outcome,
) -> Result<Option<Utf8PathBuf>, FileError> {
    let (result, log) = match outcome {
        Outcome::Built { cached: true, .. } | Outcome::Cancelled => return Ok(None),
        Outcome::Built { millis, digest, log, .. } => {
            (format!("built in {millis} ms: {} is {digest}", job.action.output()), log)
        }
        Outcome::Failed { reason, log } => (format!("failed: {reason}"), log),
    };
    let cells: Vec<String> = job.cells.iter().map(ToString::to_string).collect();
    let text = format!(
        "cells: {}\nrunner: {}\naction: {}\ncommand: {}\nresult: {result}\n\n{log}",
        cells.join(", "),
        runner.unwrap_or("none"),
        job.action.digest(),
        command_line(&job.action),
    );
    let place = |cell: &CellId| folder.join(log_name(&cell.to_string()));
    let path = place(&job.cells[0]);
    files::write_atomic(&path, text.as_bytes())?;
    for cell in &job.cells[1..] {
        let other = place(cell);
        files::remove_file(&other)?;
        files::link_or_copy(&path, &other)?;
    }
    Ok(Some(path))
}
