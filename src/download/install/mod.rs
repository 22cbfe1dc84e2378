//! Puts a module into an Apache, so that it can be taken out again: what was there before is kept, a record
//! says what was done, and what does not work out is taken back.

mod changes;
mod conf;
mod configure;
mod lines;
mod loaded;
mod record;
mod trial;
mod uninstall;

use camino::{Utf8Path, Utf8PathBuf};

use self::changes::{Changes, free_name};
use self::record::Place;
use super::choose::Choice;
use super::fetch::{self, FetchError};
use super::source::Source;
use crate::model::digest::Sha256;
use crate::model::event::Events;
use crate::model::fetched::Change;
use crate::model::installed::{Installed, Kept, ModuleEntry, Record};
use crate::smoke::{Judgement, NotRun, SmokeError};
use crate::sys::files::{self, FileError};

pub use lines::lines;
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

/// Why a module is not where it should be, or is still there.
#[derive(Debug, thiserror::Error)]
pub enum InstallError {
    /// The folder is no Apache's.
    #[error(
        "{apache} has no folder 'modules'\nhint: name the folder of the Apache, the one that holds bin and modules"
    )]
    NoModules {
        /// The folder.
        apache: Utf8PathBuf,
    },
    /// This user may not write there.
    #[error("cannot write {path}: {reason}\nhint: {}", AS_ADMINISTRATOR)]
    NotPermitted {
        /// The file.
        path: Utf8PathBuf,
        /// What the system says.
        reason: String,
    },
    /// Windows lets nobody write over what is in use.
    #[error(
        "cannot write {path}: it is in use\nhint: stop Apache first: `httpd -k stop`, or `net stop Apache2.4` where it is a service; then run the same command again"
    )]
    InUse {
        /// The file.
        path: Utf8PathBuf,
    },
    /// The record cannot be understood.
    #[error(
        "cannot read {path}: {reason}\nhint: it says what modfarm put there; where it is broken, move it away and see to {folder} yourself"
    )]
    Record {
        /// The file.
        path: Utf8PathBuf,
        /// Its folder.
        folder: Utf8PathBuf,
        /// Why.
        reason: String,
    },
    /// There is nothing to add a line to.
    #[error(
        "{path} is not there, and --configure adds a line to it\nhint: without --configure the lines are printed"
    )]
    NoConfiguration {
        /// The file.
        path: Utf8PathBuf,
    },
    /// A module of this name is loaded already.
    #[error(
        "{path}, line {line}, loads a {symbol} already: {loads}\nhint: Apache takes but one; nothing was changed. Take that line out, or put a # before it, and run the same command again"
    )]
    Loaded {
        /// The file.
        path: Utf8PathBuf,
        /// The line.
        line: usize,
        /// `wsgi_module`.
        symbol: String,
        /// What it loads.
        loads: String,
    },
    /// Apache does not take the configuration.
    #[error(
        "httpd -t says no{}; all that was changed is as it was\nhint: {}",
        why(judgement),
        said(judgement)
    )]
    NotTaken {
        /// What it says.
        judgement: Judgement,
    },
    /// What was changed could not be made as it was.
    #[error("{error}\nand what was changed cannot be taken back: {again}")]
    Stuck {
        /// Why it was to be taken back.
        error: Box<InstallError>,
        /// Why it cannot.
        again: Box<InstallError>,
    },
    /// There is no record, or not of this.
    #[error(
        "modfarm put nothing{of} into {apache}\nhint: `modfarm-install.json` in its folder modules would say so; what others put there they take out"
    )]
    NothingThere {
        /// The folder.
        apache: Utf8PathBuf,
        /// Of what, in words.
        of: String,
    },
    /// Somebody has changed it since.
    #[error(
        "{path} was changed since modfarm wrote it\nhint: nothing was done; --force takes it away all the same"
    )]
    Changed {
        /// The file.
        path: Utf8PathBuf,
    },
    /// What was there before cannot be restored.
    #[error(
        "{path}, which was there before modfarm, is gone or was changed\nhint: nothing was done; --force goes on without it"
    )]
    KeptGone {
        /// The file that was kept.
        path: Utf8PathBuf,
    },
    /// Apache cannot be asked here.
    #[error(
        "the configuration cannot be tested here: {why}\nhint: without --configure the lines are printed"
    )]
    CannotTest {
        /// Why.
        why: NotRun,
    },
    /// Apache could not be asked.
    #[error(transparent)]
    Smoke(#[from] SmokeError),
    /// The release does not give the module.
    #[error(transparent)]
    Fetch(#[from] FetchError),
    /// A file cannot be read or written.
    #[error(transparent)]
    File(#[from] FileError),
}

const AS_ADMINISTRATOR: &str = if cfg!(windows) {
    "open the command prompt with 'Run as administrator' and run the same command again"
} else {
    "run it as a user who may, or name another Apache"
};

fn why(judgement: &Judgement) -> String {
    judgement.cause.as_ref().map_or_else(String::new, |cause| format!(": {cause}"))
}

fn said(judgement: &Judgement) -> String {
    let lines: Vec<&str> = judgement.said.lines().collect();
    let last = lines[lines.len().saturating_sub(8)..].join("\n  ");
    if last.is_empty() { "it said nothing".to_owned() } else { format!("it said:\n  {last}") }
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

impl InstallError {
    /// Why a file that is there, or is not, could not be written.
    fn of_writing(error: FileError, is_there: bool) -> Self {
        use std::io::ErrorKind::{PermissionDenied, ReadOnlyFilesystem};
        let is_denied = matches!(error.source.kind(), PermissionDenied | ReadOnlyFilesystem);
        let path = error.path.clone();
        // To write over a DLL that is loaded is denied like any other thing, also to those who may.
        let is_held = is_there && is_denied && files::temporary_beside(&path).is_ok();
        if cfg!(windows) && (is_held || is_shared(&error)) {
            Self::InUse { path }
        } else if is_denied {
            Self::NotPermitted { path, reason: error.source.to_string() }
        } else {
            Self::File(error)
        }
    }
}

/// Windows' violations of sharing and of locks, which have no kind of their own.
fn is_shared(error: &FileError) -> bool {
    matches!(error.source.raw_os_error(), Some(32 | 33))
}
