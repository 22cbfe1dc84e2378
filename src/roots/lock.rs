//! `matrix.lock`: the SHA-256 of everything that was ever downloaded for a matrix, so that what comes
//! under the same name later is the same, or is refused.

use std::collections::BTreeMap;

use camino::{Utf8Path, Utf8PathBuf};
use serde::{Deserialize, Serialize};

use crate::model::digest::Sha256;
use crate::sys::files::{self, FileError};

const FORMAT_VERSION: u32 = 1;

/// The lock file of a matrix.
#[derive(Debug)]
pub struct LockFile {
    path: Utf8PathBuf,
    seen: BTreeMap<String, Sha256>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    format_version: u32,
    /// Name (a URL, or a package with its version) to SHA-256.
    sha256: BTreeMap<String, Sha256>,
}

/// A lock file that cannot be used, or a download that it does not know.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// It is damaged.
    #[error(
        "{path} cannot be read: {reason}\nhint: restore it from version control, or remove it to trust the next downloads"
    )]
    Damaged {
        /// The lock file.
        path: Utf8PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// Something else came than the last time.
    #[error(
        "{name} has another SHA-256 than it had: {found} now, {known} in {place}\n\
         hint: do not use it before you know why; if the change is right, correct the digest there"
    )]
    Mismatch {
        /// What was downloaded.
        name: String,
        /// What came now.
        found: Sha256,
        /// What is known.
        known: Sha256,
        /// Where that stands.
        place: String,
    },
    /// It cannot be read or written.
    #[error(transparent)]
    File(#[from] FileError),
}

impl LockFile {
    /// The lock file beside a matrix: `matrix.lock` for `matrix.yaml`. One that is missing is empty.
    pub fn beside(matrix: &Utf8Path) -> Result<Self, LockError> {
        let path = matrix.with_extension("lock");
        let seen = match files::read(&path) {
            Err(error) if error.is_not_found() => BTreeMap::new(),
            Err(error) => return Err(error.into()),
            Ok(bytes) => {
                parse(&bytes).map_err(|reason| LockError::Damaged { path: path.clone(), reason })?
            }
        };
        Ok(Self { path, seen })
    }

    /// The digest that is known for a name.
    #[must_use]
    pub fn known(&self, name: &str) -> Option<Sha256> {
        self.seen.get(name).copied()
    }

    /// Compares what came with what is known, in the matrix or here. Answers true where nothing is:
    /// once it has turned out to be of use, it is to be [recorded](Self::record).
    pub fn is_new(
        &self,
        name: &str,
        found: Sha256,
        pinned: Option<Sha256>,
    ) -> Result<bool, LockError> {
        let (known, place) = match pinned {
            Some(pinned) => (Some(pinned), "matrix.yaml".to_owned()),
            None => (self.known(name), self.path.to_string()),
        };
        match known {
            Some(known) if known == found => Ok(false),
            Some(known) => Err(LockError::Mismatch { name: name.to_owned(), found, known, place }),
            None => Ok(true),
        }
    }

    /// Writes down what came, for later ones to match.
    pub fn record(&mut self, name: &str, found: Sha256) -> Result<(), FileError> {
        self.seen.insert(name.to_owned(), found);
        let stored = Stored { format_version: FORMAT_VERSION, sha256: self.seen.clone() };
        let mut text = serde_json::to_string_pretty(&stored).unwrap_or_default();
        text.push('\n');
        files::write_atomic(&self.path, text.as_bytes())
    }
}

fn parse(bytes: &[u8]) -> Result<BTreeMap<String, Sha256>, String> {
    let stored: Stored = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
    if stored.format_version != FORMAT_VERSION {
        return Err(format!(
            "its format is version {}; this modfarm knows {FORMAT_VERSION}",
            stored.format_version
        ));
    }
    Ok(stored.sha256)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_is_written_down_and_later_ones_must_match() {
        let folder = tempfile::tempdir().unwrap();
        let matrix = Utf8PathBuf::from_path_buf(folder.path().join("matrix.yaml")).unwrap();
        let (one, two) = (Sha256::of(b"1"), Sha256::of(b"2"));
        let mut lock = LockFile::beside(&matrix).unwrap();
        assert!(lock.is_new("a", one, None).unwrap());
        lock.record("a", one).unwrap();
        assert!(!lock.is_new("b", two, Some(two)).unwrap());
        let lock = LockFile::beside(&matrix).unwrap();
        assert!(!lock.is_new("a", one, None).unwrap());
        let says = |pinned| lock.is_new("a", two, pinned).unwrap_err().to_string();
        assert!(says(None).contains("matrix.lock"));
        assert!(says(Some(one)).contains("matrix.yaml"));
        assert_eq!(lock.known("b"), None);
    }

    #[test]
    fn a_damaged_one_is_an_error_and_stays() {
        let folder = tempfile::tempdir().unwrap();
        let matrix = Utf8PathBuf::from_path_buf(folder.path().join("matrix.yaml")).unwrap();
        for text in
            ["", "{", r#"{"format_version":2,"sha256":{}}"#, r#"{"format_version":1,"x":1}"#]
        {
            files::write_atomic(&matrix.with_extension("lock"), text.as_bytes()).unwrap();
            assert!(LockFile::beside(&matrix).is_err(), "{text}");
        }
    }
}
