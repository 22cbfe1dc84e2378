//! Digests of files that are remembered between runs by what the system says of the file, as git's
//! index does, so that a root of a thousand headers is not read again to learn that it is the same.

use std::collections::BTreeMap;
use std::fs::Metadata;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use camino::{Utf8Path, Utf8PathBuf};
use serde::{Deserialize, Serialize};
use sha2::Digest as _;

use super::files::{self, FileError};
use crate::model::digest::{Digest, Sha256};

const FORMAT_VERSION: u32 = 1;

/// A file written this shortly before it was hashed may be written again without its time changing.
const RACY: Duration = Duration::from_secs(2);

/// By path: as text, since paths are compared part by part, which takes several times as long.
type Known = BTreeMap<String, (Stamp, Digest)>;

/// The remembered digests.
#[derive(Debug)]
pub struct DigestCache {
    file: Utf8PathBuf,
    known: Known,
    changed: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Stamp {
    modified: u128,
    changed: i128,
    size: u64,
    inode: u64,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    format_version: u32,
    known: Known,
}

impl DigestCache {
    /// The digests remembered in `file`; none where it is missing, of another format or damaged.
    #[must_use]
    pub fn load(file: &Utf8Path) -> Self {
        let known = files::read(file)
            .ok()
            .and_then(|bytes| serde_json::from_slice::<Stored>(&bytes).ok())
            .filter(|stored| stored.format_version == FORMAT_VERSION)
            .map(|stored| stored.known)
            .unwrap_or_default();
        Self { file: file.to_owned(), known, changed: false }
    }

    /// The digest of a file, read only where it is not known to be unchanged.
    pub fn digest(&mut self, path: &Utf8Path) -> Result<Digest, FileError> {
        let metadata = files::metadata(path)?;
        let stamp = Stamp::of(&metadata);
        if let Some((known, digest)) = self.known.get(path.as_str())
            && *known == stamp
        {
            return Ok(*digest);
        }
        let digest = files::digest(path)?;
        let age = SystemTime::now().duration_since(files::modified(&metadata)).unwrap_or_default();
        if age > RACY {
            self.known.insert(path.to_string(), (stamp, digest));
            self.changed = true;
        }
        Ok(digest)
    }

    /// Writes down what was learnt; files that are gone are forgotten.
    pub fn save(mut self) -> Result<(), FileError> {
        if !self.changed {
            return Ok(());
        }
        self.known.retain(|path, _| files::exists(Utf8Path::new(path)));
        let stored = Stored { format_version: FORMAT_VERSION, known: self.known };
        let bytes = serde_json::to_vec(&stored).unwrap_or_default();
        files::write_atomic(&self.file, &bytes)
    }
}

/// Tells the state of a folder from any other that it was in: by what the system says of every file in
/// it, of which none is read. Not the same on another machine or in a copy.
pub fn fingerprint(folder: &Utf8Path) -> Result<Sha256, FileError> {
    let mut hash = sha2::Sha256::new();
    for path in files::walk(folder)? {
        let stamp = Stamp::of(&files::symlink_metadata(&folder.join(&path))?);
        hash.update(format!("{path}\0{stamp:?}\n"));
    }
    Ok(Sha256::finish(hash))
}

impl Stamp {
    fn of(metadata: &Metadata) -> Self {
        #[cfg(unix)]
        let (inode, changed) = {
            use std::os::unix::fs::MetadataExt as _;
            let nanos = i128::from(metadata.ctime()) * 1_000_000_000;
            (metadata.ino(), nanos + i128::from(metadata.ctime_nsec()))
        };
        #[cfg(not(unix))]
        let (inode, changed) = (0, 0);
        let modified = files::modified(metadata);
        Self {
            modified: modified.duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos(),
            changed,
            size: metadata.len(),
            inode,
        }
    }
}
