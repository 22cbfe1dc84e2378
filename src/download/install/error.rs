//! Why a module is not where it should be, or is still there.

use camino::Utf8PathBuf;

use crate::download::fetch::FetchError;
use crate::smoke::{Judgement, NotRun, SmokeError};
use crate::sys::files::{self, FileError};

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
    File(FileError),
}

impl From<FileError> for InstallError {
    /// Whoever holds a file for himself lets nobody read it either.
    fn from(error: FileError) -> Self {
        if cfg!(windows) && is_shared(&error) {
            Self::InUse { path: error.path }
        } else {
            Self::File(error)
        }
    }
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

impl InstallError {
    /// Why a file that is there, or is not, could not be written.
    pub(super) fn of_writing(error: FileError, is_there: bool) -> Self {
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
