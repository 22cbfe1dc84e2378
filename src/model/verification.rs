//! What a comparison of files with the manifest of their release found, as it is reported.

use serde::Serialize;

use super::cell::{CellId, Verdict};
use super::digest::Sha256;
use super::version::Version;

/// The comparison of some files with one release.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Verification {
    /// The module that was released: `mod_wsgi`.
    pub module: String,
    /// Its version.
    pub version: Version,
    /// The manifest that the files were compared with.
    pub manifest: String,
    /// Its SHA-256: whoever has it from a place that he trusts knows that all of this holds.
    pub manifest_sha256: Sha256,
    /// The files, in the order in which they were found.
    pub files: Vec<ComparedFile>,
}

impl Verification {
    /// How many files are not what they should be.
    #[must_use]
    pub fn wrong(&self) -> usize {
        self.files.iter().filter(|file| file.answer.is_wrong()).count()
    }

    /// How many files are the release's own, byte for byte.
    #[must_use]
    pub fn right(&self) -> usize {
        self.files.iter().filter(|file| file.answer.is_right()).count()
    }
}

/// One file, or a module in an archive that is none of the release's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ComparedFile {
    /// Its path as it was given, or as it was found in a folder.
    pub file: String,
    /// The path within the archive.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub member: Option<String>,
    /// What it is.
    #[serde(flatten)]
    pub answer: Answer,
}

/// What a file is to the release.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "answer", rename_all = "snake_case")]
pub enum Answer {
    /// An asset of it: an archive, the notes, the checksums.
    Asset {
        /// Its name in the release.
        name: String,
        /// What is in it.
        description: String,
    },
    /// A module of it.
    Module {
        /// The cells that it is built for, of those that its name and folder allow.
        cells: Vec<Cell>,
    },
    /// The bytes of one of its files under the name of another.
    Misnamed {
        /// What its bytes are.
        really: Vec<String>,
        /// What its name says.
        claimed: Vec<String>,
    },
    /// The name of one of its files with other bytes.
    Different {
        /// What it should be.
        claimed: Vec<String>,
        /// What is wrong.
        reason: String,
        /// What to do.
        hint: String,
    },
    /// Named by the caller, and none of its files.
    Unknown,
    /// In a folder beside its files.
    Aside,
    /// Part of the release and not there.
    Missing,
}

impl Answer {
    /// Whether it is the release's, byte for byte and under its own name.
    #[must_use]
    pub fn is_right(&self) -> bool {
        matches!(self, Self::Asset { .. } | Self::Module { .. })
    }

    /// Whether somebody has to do something.
    #[must_use]
    pub fn is_wrong(&self) -> bool {
        !self.is_right() && *self != Self::Aside
    }
}

/// A cell that a file is built for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Cell {
    /// Its name.
    pub id: CellId,
    /// What modfarm thinks of it.
    #[serde(flatten)]
    pub verdict: Verdict,
}
