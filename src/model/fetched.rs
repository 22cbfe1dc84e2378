//! What was downloaded of a release, as it is reported.

use serde::Serialize;

use super::cell::CellId;
use super::digest::Sha256;
use super::version::Version;

/// What was taken of a release.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Fetched {
    /// The module that was released: `mod_wsgi`.
    pub module: String,
    /// Its version.
    pub version: Version,
    /// Where the release is, in words.
    pub source: String,
    /// The SHA-256 of its manifest: whoever has it from a place that he trusts knows that all of this holds.
    pub manifest_sha256: Sha256,
    /// The files, in the order in which they were asked for.
    pub files: Vec<FetchedFile>,
}

/// One of them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FetchedFile {
    /// Where it stands now.
    pub path: String,
    /// What became of it.
    pub change: Change,
    /// The cell, where it is a module.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cell: Option<CellId>,
    /// Its SHA-256.
    pub sha256: Sha256,
    /// Its size in bytes.
    pub size: u64,
    /// Why it is not supported.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unsupported: Option<String>,
}

/// What became of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Change {
    /// It was not there before.
    New,
    /// Another one was there.
    Replaced,
    /// It was there already.
    Unchanged,
    /// It would be new; nothing was done.
    Planned,
}

impl Change {
    /// What is done to a place where these bytes are, or none, or others.
    #[must_use]
    pub fn of(there: Option<Sha256>, wanted: Sha256, is_done: bool) -> Self {
        match there {
            Some(found) if found == wanted => Self::Unchanged,
            _ if !is_done => Self::Planned,
            Some(_) => Self::Replaced,
            None => Self::New,
        }
    }
}
