//! Puts a module into an Apache, so that it can be taken out again: what was there before is kept, a record
//! says what was done, and what does not work out is taken back.

mod changes;
mod conf;
mod configure;
mod error;
mod lines;
mod loaded;
mod record;
mod trial;
mod uninstall;

use camino::{Utf8Path, Utf8PathBuf};

use self::changes::{Changes, free_name};
use self::record::Place;
use super::choose::Choice;
use super::fetch;
use super::source::Source;
use crate::model::digest::Sha256;
use crate::model::event::Events;
use crate::model::fetched::Change;
use crate::model::installed::{Installed, Kept, ModuleEntry, Record};
use crate::sys::files;

pub use error::InstallError;
pub use lines::lines;
pub use record::is_recorded;
pub use trial::Tester;
pub use uninstall::{Which, uninstall};

/// What is to be put where.
#[derive(Clone, Debug)]
pub struct Request<'a> {
    /// The release.
    pub source: &'a Source,
    /// Its module.
    pub choice: Choice<'a>,
    /// The folder of the Apache.
    pub apache: &'a Utf8Path,
    /// The lines for `httpd.conf`.
    pub lines: Vec<String>,
    /// Nothing is written.
    pub dry_run: bool,
}

/// Puts a module into its Apache. With a `tester` it is configured as well, and tested; if that fails, all
/// is as it was before.
pub fn install(
    request: &Request<'_>,
    tester: Option<&Tester>,
    events: &Events,
) -> Result<Installed, InstallError> {
    let place = Place::of(request.apache)?;
    let record = place.record()?;
    if tester.is_some() {
        configure::look(&place, &request.source.manifest().module.name)?;
    }
    let (target, wanted) = (target(&place, request), request.choice.built.sha256);
    let there = record::there(&target)?;
    if request.dry_run {
        return Ok(report(request, &target, Change::of(there, wanted, false)));
    }
    place.expect_writable()?;
    let bytes = if there == Some(wanted) { None } else { Some(bytes(request, events)?) };
    let mut changes = Changes::default();
    let done = apply(request, &place, record, bytes, tester, &mut changes);
    done.map_err(|error| match changes.take_back() {
        Ok(()) => error,
        Err(again) => InstallError::Stuck { error: error.into(), again: again.into() },
    })
}

fn apply(
    request: &Request<'_>,
    place: &Place,
    mut record: Record,
    bytes: Option<Vec<u8>>,
    tester: Option<&Tester>,
    changes: &mut Changes,
) -> Result<Installed, InstallError> {
    let target = target(place, request);
    let there = record::there(&target)?;
    let mut installed =
        report(request, &target, Change::of(there, request.choice.built.sha256, true));
    if let Some(bytes) = bytes {
        let (kept, copy) = keep(&record, &target, there)?;
        installed.kept.clone_from(&copy.as_ref().map(|(path, _)| path.to_string()));
        enter(&mut record, request, &target, kept);
        // The record first: whoever is killed in between finds in it what to take out.
        place.write(&record, changes)?;
        if let Some((path, bytes)) = copy {
            changes.write(&path, &bytes)?;
        }
        changes.write(&target, &bytes)?;
    }
    if let Some(tester) = tester {
        let written = configure::configure(request, place, &mut record, changes)?;
        let judgement = tester.judge(request, &target)?;
        if !judgement.passed {
            return Err(InstallError::NotTaken { judgement });
        }
        let tested_by = tester.name().to_owned();
        installed.configured = Some(crate::model::installed::Configured { tested_by, ..written });
    }
    Ok(installed)
}

/// The module, compared with the manifest.
fn bytes(request: &Request<'_>, events: &Events) -> Result<Vec<u8>, InstallError> {
    let mut module = Vec::new();
    fetch::take(request.source, &[request.choice], events, |_, bytes| {
        module = bytes.to_vec();
        Ok(())
    })?;
    Ok(module)
}

fn target(place: &Place, request: &Request<'_>) -> Utf8PathBuf {
    let id = &request.choice.cell.id;
    place.modules.join(id.file_name(&request.source.manifest().module.name))
}

/// What of somebody else's is in the module's place, and the copy that it must get.
type ToKeep = (Option<Kept>, Option<(Utf8PathBuf, Vec<u8>)>);

fn keep(record: &Record, target: &Utf8Path, there: Option<Sha256>) -> Result<ToKeep, InstallError> {
    let entry = record.modules.iter().find(|entry| Some(entry.file.as_str()) == target.file_name());
    let is_ours = entry.is_some_and(|entry| Some(entry.sha256) == there);
    let Some(sha256) = there.filter(|_| !is_ours) else {
        return Ok((entry.and_then(|entry| entry.kept.clone()), None));
    };
    let copy = free_name(target);
    let file = copy.file_name().unwrap_or_default().to_owned();
    let bytes = files::read_limited(target, record::LARGEST)?;
    Ok((Some(Kept { file, sha256 }), Some((copy, bytes))))
}

/// Enters the module into the record, in the place of an earlier one of its name.
fn enter(record: &mut Record, request: &Request<'_>, target: &Utf8Path, kept: Option<Kept>) {
    let file = target.file_name().unwrap_or_default().to_owned();
    record.modules.retain(|entry| entry.file != file);
    record.modules.push(ModuleEntry {
        file,
        sha256: request.choice.built.sha256,
        cell: request.choice.cell.id.clone(),
        version: request.source.manifest().module.version.clone(),
        source: request.source.name.clone(),
        manifest_sha256: request.source.reference.digest.sha256,
        kept,
    });
}

fn report(request: &Request<'_>, target: &Utf8Path, change: Change) -> Installed {
    let module = &request.source.manifest().module;
    let Choice { cell, built } = request.choice;
    Installed {
        module: module.name.clone(),
        version: module.version.clone(),
        source: request.source.name.clone(),
        manifest_sha256: request.source.reference.digest.sha256,
        cell: cell.id.clone(),
        unsupported: cell.verdict.reason().map(str::to_owned),
        path: target.to_string(),
        sha256: built.sha256,
        change,
        kept: None,
        lines: request.lines.clone(),
        configured: None,
    }
}
