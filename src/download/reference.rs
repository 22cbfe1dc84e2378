//! What files are compared with: the manifest of a release, and the checksums beside it.

use std::collections::BTreeMap;

use camino::{Utf8Path, Utf8PathBuf};

use crate::model::checksums;
use crate::model::digest::{Digest, Sha256};
use crate::model::manifest::{FILE_END, LONGEST, Manifest};
use crate::sys::files::{self, FileError};

/// A module stands three folders below the top of the archive that it was unpacked from.
const LEVELS: usize = 4;

/// The manifest of a release, as it lies in a folder.
#[derive(Debug)]
pub struct Reference {
    /// Where it lies.
    pub path: Utf8PathBuf,
    /// Its digest.
    pub digest: Digest,
    /// What it says.
    pub manifest: Manifest,
    /// The checksums that lie beside it, and what they say.
    pub checksums: Option<(Utf8PathBuf, BTreeMap<String, Sha256>)>,
}

/// Why there is nothing to compare with.
#[derive(Debug, thiserror::Error)]
pub enum ReferenceError {
    /// There is no manifest near the files.
    #[error(
        "there is no manifest in {folder} or above it to compare with\nhint: download the file *.manifest.json from the page of the release into it, or name the file with --manifest"
    )]
    None {
        /// The folder of the first file.
        folder: Utf8PathBuf,
    },
    /// There are several manifests.
    #[error(
        "{folder} has the manifests of several releases: {}\nhint: name one with --manifest",
        names.join(", ")
    )]
    Several {
        /// The folder.
        folder: Utf8PathBuf,
        /// Their names.
        names: Vec<String>,
    },
    /// It cannot be understood.
    #[error("cannot read {path}: {reason}\nhint: download it again from the page of the release")]
    Unreadable {
        /// The file.
        path: Utf8PathBuf,
        /// Why.
        reason: String,
    },
    /// It cannot be read.
    #[error(transparent)]
    File(#[from] FileError),
}

impl Reference {
    /// The manifest nearest to a path: in the folder, or beside the file, or above.
    pub fn near(path: &Utf8Path) -> Result<Self, ReferenceError> {
        let whole = files::canonical(path)?;
        let folder = if files::is_dir(&whole) { whole.as_path() } else { files::parent(&whole) };
        for place in folder.ancestors().take(LEVELS) {
            match Self::in_folder(place) {
                Err(ReferenceError::None { .. }) => {}
                found => return found,
            }
        }
        Err(ReferenceError::None { folder: folder.to_owned() })
    }

    /// The one manifest in a folder.
    pub fn in_folder(folder: &Utf8Path) -> Result<Self, ReferenceError> {
        // A folder that may not be listed has none.
        let names = files::names(folder).unwrap_or_default();
        let mut names: Vec<String> =
            names.into_iter().filter(|name| name.ends_with(FILE_END)).collect();
        match (names.pop(), names.is_empty()) {
            (None, _) => Err(ReferenceError::None { folder: folder.to_owned() }),
            (Some(name), true) => Self::read(&folder.join(name)),
            (Some(name), false) => {
                names.push(name);
                Err(ReferenceError::Several { folder: folder.to_owned(), names })
            }
        }
    }

    /// The manifest in a file.
    pub fn read(path: &Utf8Path) -> Result<Self, ReferenceError> {
        let bytes = files::read_limited(path, LONGEST)?;
        let mut reference = Self::of(path, &bytes)?;
        let sums = Utf8PathBuf::from(format!(
            "{}.SHA256SUMS",
            path.as_str().strip_suffix(FILE_END).unwrap_or(path.as_str())
        ));
        if files::exists(&sums) {
            let text = String::from_utf8(files::read_limited(&sums, LONGEST)?).ok();
            let lines = text.as_deref().and_then(checksums::parse);
            let lines =
                lines.ok_or_else(|| unreadable(&sums, "a line is no checksum".to_owned()))?;
            reference.checksums = Some((sums, lines.into_iter().collect()));
        }
        Ok(reference)
    }

    /// The manifest that these bytes are, wherever they came from.
    pub fn of(path: &Utf8Path, bytes: &[u8]) -> Result<Self, ReferenceError> {
        let manifest = Manifest::parse(bytes).map_err(|reason| unreadable(path, reason))?;
        Ok(Self { path: path.to_owned(), digest: Digest::of(bytes), manifest, checksums: None })
    }
}

fn unreadable(path: &Utf8Path, reason: String) -> ReferenceError {
    ReferenceError::Unreadable { path: path.to_owned(), reason }
}
