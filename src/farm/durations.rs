//! How long jobs took, kept between runs, so that the longest can begin first.

use std::collections::BTreeMap;

use camino::{Utf8Path, Utf8PathBuf};
use serde::{Deserialize, Serialize};

use crate::sys::files::{self, FileError};

const FORMAT_VERSION: u32 = 1;

/// The recorded durations, by the name of the job.
#[derive(Debug)]
pub(super) struct Durations {
    file: Option<Utf8PathBuf>,
    millis: BTreeMap<String, u64>,
    changed: bool,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    format_version: u32,
    millis: BTreeMap<String, u64>,
}

impl Durations {
    /// Those recorded in a file; none where it is missing or damaged.
    pub(super) fn load(file: Option<&Utf8Path>) -> Self {
        let millis = file
            .and_then(|file| files::read(file).ok())
            .and_then(|bytes| serde_json::from_slice::<Stored>(&bytes).ok())
            .filter(|stored| stored.format_version == FORMAT_VERSION)
            .map(|stored| stored.millis)
            .unwrap_or_default();
        Self { file: file.map(Utf8Path::to_owned), millis, changed: false }
    }

    /// How long a job took the last time.
    pub(super) fn known(&self, job: &str) -> Option<u64> {
        self.millis.get(job).copied()
    }

    /// Records how long a job took.
    pub(super) fn record(&mut self, job: &str, millis: u64) {
        self.millis.insert(job.to_owned(), millis);
        self.changed = true;
    }

    /// Keeps what was learnt.
    pub(super) fn save(self) -> Result<(), FileError> {
        let Some(file) = self.file.filter(|_| self.changed) else { return Ok(()) };
        let stored = Stored { format_version: FORMAT_VERSION, millis: self.millis };
        files::write_atomic(&file, &serde_json::to_vec(&stored).unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn are_kept_and_damage_is_forgotten() {
        let folder = tempfile::tempdir().unwrap();
        let file = Utf8Path::from_path(folder.path()).unwrap().join("durations.json");
        let mut durations = Durations::load(Some(&file));
        durations.record("a", 5);
        durations.save().unwrap();
        let durations = Durations::load(Some(&file));
        assert_eq!((durations.known("a"), durations.known("b")), (Some(5), None));
        files::write_atomic(&file, b"{").unwrap();
        assert_eq!(Durations::load(Some(&file)).known("a"), None);
    }
}
