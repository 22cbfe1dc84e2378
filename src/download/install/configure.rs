//! A file of our own with the lines, and one line in `httpd.conf` that includes it.

use camino::Utf8Path;

use super::changes::{Changes, free_name};
use super::record::{self, Place};
use super::{InstallError, Request, conf, loaded};
use crate::model::digest::Sha256;
use crate::model::fetched::Change;
use crate::model::installed::{ConfigurationEntry, Configured, Kept, Record};
use crate::sys::files;

/// The line in `httpd.conf`.
pub(super) const LINE: &str = "Include conf/extra/mod_wsgi-modfarm.conf";

/// Refuses an Apache that has no configuration, or loads such a module already.
pub(super) fn look(place: &Place, module: &str) -> Result<(), InstallError> {
    let main = place.main();
    if !files::exists(&main) {
        return Err(InstallError::NoConfiguration { path: main });
    }
    let symbol = format!("{}_module", module.strip_prefix("mod_").unwrap_or(module));
    match loaded::find(&place.apache, &main, &symbol, &place.include()) {
        Some(loaded::Stands { path, line, loads }) => {
            Err(InstallError::Loaded { path, line, symbol, loads })
        }
        None => Ok(()),
    }
}

/// Writes both; the record first.
pub(super) fn configure(
    request: &Request<'_>,
    place: &Place,
    record: &mut Record,
    changes: &mut Changes,
) -> Result<Configured, InstallError> {
    let (main, include) = (place.main(), place.include());
    let before = files::read_limited(&main, record::LARGEST)?;
    let after = conf::with_line(&before, LINE);
    let text = text(&request.lines, conf::line_end(&before));
    let kept = kept(record, &main, &before);
    let module = request.choice.cell.id.file_name(&request.source.manifest().module.name);
    record.configuration = Some(ConfigurationEntry {
        module,
        include_sha256: Sha256::of(&text),
        kept: kept.clone(),
        main_sha256: Sha256::of(&after),
    });
    place.write(record, changes)?;
    let copy = main.with_file_name(&kept.file);
    if !files::exists(&copy) {
        changes.write(&copy, &before)?;
    }
    changes.write(&include, &text)?;
    changes.write(&main, &after)?;
    Ok(Configured {
        include: include.into_string(),
        main: main.into_string(),
        change: if before == after { Change::Unchanged } else { Change::Replaced },
        kept: copy.into_string(),
        tested_by: String::new(),
    })
}

/// The copy of `httpd.conf` without the line: the one that there is, as long as nobody changed the file.
fn kept(record: &Record, main: &Utf8Path, before: &[u8]) -> Kept {
    let now = Sha256::of(before);
    if let Some(entry) = record.configuration.as_ref().filter(|entry| entry.main_sha256 == now) {
        return entry.kept.clone();
    }
    let file = free_name(main).file_name().unwrap_or_default().to_owned();
    Kept { file, sha256: now }
}

fn text(lines: &[String], end: &[u8]) -> Vec<u8> {
    let first = "# Written by `modfarm install --configure`; `modfarm uninstall` takes it away.";
    let lines = std::iter::once(first).chain(lines.iter().map(String::as_str));
    lines.flat_map(|line| [line.as_bytes(), end].concat()).collect()
}
