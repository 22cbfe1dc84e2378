//! What was put into an Apache: the record that stays there, so that exactly that can be taken out again,
//! and what is reported of it.

use serde::{Deserialize, Serialize};

use super::cell::CellId;
use super::digest::Sha256;
use super::fetched::Change;
use super::version::Version;

/// The version of the record's format. A reader refuses a greater one.
pub const FORMAT_VERSION: u32 = 1;

/// What modfarm put into an Apache.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Record {
    /// The version of this format, [`FORMAT_VERSION`].
    pub format_version: u32,
    /// The version of modfarm that wrote it last.
    pub modfarm: String,
    /// The modules in the folder `modules`.
    pub modules: Vec<ModuleEntry>,
    /// What was written below the folder `conf`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub configuration: Option<ConfigurationEntry>,
}

/// A module that was put there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModuleEntry {
    /// Its name.
    pub file: String,
    /// Its SHA-256.
    pub sha256: Sha256,
    /// The cell that it was built for.
    pub cell: CellId,
    /// The version of the module.
    pub version: Version,
    /// Where its release is.
    pub source: String,
    /// The SHA-256 of the release's manifest.
    pub manifest_sha256: Sha256,
    /// What was there before under its name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kept: Option<Kept>,
}

/// A file of somebody else's under another name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Kept {
    /// Its name now.
    pub file: String,
    /// Its SHA-256.
    pub sha256: Sha256,
}

/// What was written below `conf`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConfigurationEntry {
    /// The module that it loads.
    pub module: String,
    /// The SHA-256 of the file that loads it.
    pub include_sha256: Sha256,
    /// `httpd.conf` as it was before.
    pub kept: Kept,
    /// The SHA-256 of `httpd.conf` with the line.
    pub main_sha256: Sha256,
}

/// What an installation did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Installed {
    /// The module that was released: `mod_wsgi`.
    pub module: String,
    /// Its version.
    pub version: Version,
    /// Where the release is, in words.
    pub source: String,
    /// The SHA-256 of its manifest.
    pub manifest_sha256: Sha256,
    /// The cell that it was built for.
    pub cell: CellId,
    /// Why it is not supported.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unsupported: Option<String>,
    /// The file.
    pub path: String,
    /// Its SHA-256.
    pub sha256: Sha256,
    /// What became of it.
    pub change: Change,
    /// What was there before, under its new name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kept: Option<String>,
    /// The lines for `httpd.conf`.
    pub lines: Vec<String>,
    /// What was configured.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub configured: Option<Configured>,
}

/// What was configured.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Configured {
    /// The file with the lines.
    pub include: String,
    /// The file that includes it.
    pub main: String,
    /// What became of the latter.
    pub change: Change,
    /// The copy of it as it was before.
    pub kept: String,
    /// What `httpd -t` ran on.
    pub tested_by: String,
}

/// What was taken out again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Uninstalled {
    /// The Apache.
    pub apache: String,
    /// What became of each file.
    pub files: Vec<TakenOut>,
}

/// A file that was put there once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TakenOut {
    /// The file.
    pub path: String,
    /// What became of it.
    pub outcome: Outcome,
}

/// What became of a file that is taken out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It is gone.
    Removed,
    /// What was there before is there again.
    Restored,
    /// Somebody has changed it since; our line alone is gone.
    Edited,
    /// It was gone already.
    Missing,
}
