//! Why a file was not tried: all the reasons there are, in the words that manifests and notes have.

use crate::model::arch::Arch;
use crate::model::cell::ApacheLabel;
use crate::model::python::PythonTag;
use crate::model::smoke::Smoke;
use crate::model::version::Version;

/// A reason not to try a file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotRun {
    /// Somebody said so.
    #[error("not wanted (--no-smoke)")]
    NotWanted,
    /// No such Apache.
    #[error("no Apache {series} for {arch} to run is at hand")]
    NoApache {
        /// The series of the file's Apache.
        series: Version,
        /// Its architecture.
        arch: Arch,
    },
    /// No Apache of any series.
    #[error("no Apache for {arch} to run is at hand")]
    NoApacheAtAll {
        /// The file's architecture.
        arch: Arch,
    },
    /// No such Python.
    #[error("no Python {tag} for {arch} to run is at hand")]
    NoPython {
        /// The file's Python.
        tag: PythonTag,
        /// Its architecture.
        arch: Arch,
    },
    /// Nothing here runs a Windows program.
    #[error("no Wine on this machine")]
    NoWine,
    /// Nothing here runs a 32 bit Windows program.
    #[error("no 32-bit Wine on this machine")]
    NoWine32,
}

impl NotRun {
    /// The same for an Apache's label.
    #[must_use]
    pub fn no_apache(label: &ApacheLabel) -> Self {
        Self::NoApache { series: label.series.clone(), arch: label.arch }
    }
}

impl From<NotRun> for Smoke {
    fn from(why: NotRun) -> Self {
        Self::NotRun { reason: why.to_string() }
    }
}
