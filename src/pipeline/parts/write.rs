//! What was made -> a part's folder, which appears whole.

use camino::Utf8Path;
use jiff::Timestamp;

use crate::model::job::log_name;
use crate::model::part::{self, FailedCell, Part};
use crate::package::describe::{Made, cell_record, module_record};
use crate::plan::Plan;
use crate::roots::Source;
use crate::sys::files::{self, FileError};
use crate::sys::staging::Staging;

/// Writes a part: the modules, the logs of this run, and last what speaks of them.
pub(super) fn part(
    mut place: Staging,
    plan: &Plan,
    source: &Source,
    made: Made,
    failed: &[FailedCell],
    logs: &Utf8Path,
) -> Result<(), FileError> {
    let folder = place.staging().to_owned();
    for cell in made.cells.values() {
        let path = folder.join(part::MODULES).join(&cell.record.path);
        files::create_dir_all(files::parent(&path))?;
        files::write_atomic(&path, cell.file.bytes())?;
    }
    let named = made.cells.keys().chain(failed.iter().map(|failed| &failed.id));
    for name in named.map(|cell| log_name(&cell.to_string())) {
        keep_log(&logs.join(&name), &folder.join(part::LOGS).join(&name))?;
    }
    let text = describe(plan, source, made, failed).to_json();
    files::write_atomic(&folder.join(part::FILE), text.as_bytes())?;
    place.complete()
}

fn keep_log(from: &Utf8Path, to: &Utf8Path) -> Result<(), FileError> {
    // What was not run this time has none; a cell that failed may have a file as well.
    if !files::exists(from) || files::exists(to) {
        return Ok(());
    }
    files::create_dir_all(files::parent(to))?;
    files::copy(from, to)
}

fn describe(plan: &Plan, source: &Source, made: Made, failed: &[FailedCell]) -> Part {
    let toolsets = made.toolsets();
    let Made { roots, mut cells } = made;
    let built = plan.cells.iter().filter_map(|cell| {
        let made = cells.remove(&cell.id)?;
        Some(cell_record(cell, Some(made.record)))
    });
    Part {
        format_version: part::FORMAT_VERSION,
        modfarm: env!("CARGO_PKG_VERSION").to_owned(),
        written: Timestamp::now(),
        module: module_record(&plan.module, source),
        toolsets,
        cells: built.collect(),
        roots: roots.into_values().collect(),
        failed: failed.to_vec(),
    }
}
