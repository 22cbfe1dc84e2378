//! What was seen before: a file that was served is not tried again by the same Apache and Python.

use camino::{Utf8Path, Utf8PathBuf};
use serde::{Deserialize, Serialize};

use super::server::SCRIPTS;
use super::{System, Trial, checks};
use crate::model::digest::{Digest, Sha256};
use crate::model::smoke::Smoke;
use crate::sys::files::{self, FileError};

const FORMAT_VERSION: u32 = 1;

/// Raised when the harness comes to judge otherwise.
const HARNESS_VERSION: u32 = 1;

/// So many are remembered, the latest last.
const MOST: usize = 1000;

/// What was seen in earlier runs.
#[derive(Debug)]
pub struct Memory {
    file: Utf8PathBuf,
    seen: Vec<Seen>,
    changed: bool,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    format_version: u32,
    seen: Vec<Seen>,
}

/// One result, by all that it depends on.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Seen {
    key: Sha256,
    result: Smoke,
}

impl Memory {
    /// What a file holds; nothing where it is missing, of another format or damaged.
    #[must_use]
    pub fn load(file: &Utf8Path) -> Self {
        let seen = files::read(file)
            .ok()
            .and_then(|bytes| serde_json::from_slice::<Stored>(&bytes).ok())
            .filter(|stored| stored.format_version == FORMAT_VERSION)
            .map(|stored| stored.seen)
            .unwrap_or_default();
        Self { file: file.to_owned(), seen, changed: false }
    }

    /// What a result depends on: the file and its claim, both installations, the system, the harness.
    #[must_use]
    pub fn key(trial: &Trial, system: &System, installations: [Sha256; 2]) -> Sha256 {
        let checks: Vec<&str> = checks::list().map(|info| info.id).collect();
        let scripts = SCRIPTS.map(|text| Digest::of(text.as_bytes()).sha256);
        let text = format!(
            "{HARNESS_VERSION} {checks:?} {scripts:?} {} {:?} {:?} {} {installations:?}",
            Digest::of(&trial.file).sha256,
            trial.claim.version,
            trial.claim.python,
            system.name(),
        );
        Digest::of(text.as_bytes()).sha256
    }

    /// What was seen under a key.
    #[must_use]
    pub fn recall(&self, key: &Sha256) -> Option<&Smoke> {
        self.seen.iter().rev().find(|seen| seen.key == *key).map(|seen| &seen.result)
    }

    /// Remembers a result, if the file was served: what failed is tried again.
    pub fn keep(&mut self, key: Sha256, result: &Smoke) {
        if matches!(result, Smoke::Served { .. }) {
            self.seen.retain(|seen| seen.key != key);
            self.seen.push(Seen { key, result: result.clone() });
            self.changed = true;
        }
    }

    /// Writes down what is new.
    pub fn save(&mut self) -> Result<(), FileError> {
        if !std::mem::take(&mut self.changed) {
            return Ok(());
        }
        let over = self.seen.len().saturating_sub(MOST);
        self.seen.drain(..over);
        let stored =
            Stored { format_version: FORMAT_VERSION, seen: std::mem::take(&mut self.seen) };
        let bytes = serde_json::to_vec(&stored).unwrap_or_default();
        self.seen = stored.seen;
        files::write_atomic(&self.file, &bytes)
    }
}
