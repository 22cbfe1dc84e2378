//! Parts as they stand in folders. Nothing of them is believed but what can be checked, and no path comes
//! from them: a cell's file is where the cell's name says.

use camino::{Utf8Path, Utf8PathBuf};

use super::PartError;
use crate::model::digest::Digest;
use crate::model::manifest::{BuiltRecord, CellRecord};
use crate::model::part::{self, Part};
use crate::sys::files::{self, FileError};

/// More parts than a release is ever built in.
const MOST: usize = 4096;

/// A part in its folder.
#[derive(Debug)]
pub(super) struct StoredPart {
    pub(super) folder: Utf8PathBuf,
    pub(super) part: Part,
}

/// All parts in these folders, the oldest first.
pub(super) fn parts(places: &[Utf8PathBuf]) -> Result<Vec<StoredPart>, PartError> {
    let mut parts = Vec::new();
    for place in places {
        let folders = folders(place)?;
        if folders.is_empty() {
            return Err(PartError::None { path: place.clone() });
        }
        for folder in folders {
            parts.push(StoredPart::read(&folder)?);
        }
    }
    parts.sort_by(|one, other| {
        (one.part.written, &one.folder).cmp(&(other.part.written, &other.folder))
    });
    parts.dedup_by(|one, other| one.folder == other.folder);
    Ok(parts)
}

/// The folders of the parts in a place: itself, or those right in it.
pub(super) fn folders(place: &Utf8Path) -> Result<Vec<Utf8PathBuf>, PartError> {
    if is_part(place) {
        return Ok(vec![place.to_owned()]);
    }
    if !files::is_dir(place) {
        return Ok(Vec::new());
    }
    // What begins with a dot is on its way to be one.
    let names = files::names(place)?.into_iter().filter(|name| !name.starts_with('.'));
    let folders: Vec<Utf8PathBuf> =
        names.map(|name| place.join(name)).filter(|folder| is_part(folder)).collect();
    if folders.len() > MOST {
        return Err(PartError::TooMany { path: place.to_owned(), most: MOST });
    }
    Ok(folders)
}

fn is_part(folder: &Utf8Path) -> bool {
    files::exists(&folder.join(part::FILE))
}

impl StoredPart {
    /// The part in a folder.
    pub(super) fn read(folder: &Utf8Path) -> Result<Self, PartError> {
        let path = folder.join(part::FILE);
        let metadata = files::symlink_metadata(&path)?;
        let parsed = if !metadata.is_file() {
            Err("it is no file".to_owned())
        } else if metadata.len() > part::LONGEST {
            Err(format!("it has {} bytes, more than any part's", metadata.len()))
        } else {
            Part::parse(&files::read_limited(&path, part::LONGEST)?)
        };
        match parsed {
            Ok(part) => Ok(Self { folder: folder.to_owned(), part }),
            Err(reason) => Err(PartError::Unreadable { path, reason }),
        }
    }

    /// The file of a cell, if it is the one of its record.
    pub(super) fn file(
        &self,
        cell: &CellRecord,
        built: &BuiltRecord,
    ) -> Result<Vec<u8>, PartError> {
        let place = cell.id.module_path(&self.part.module.name);
        let path = self.folder.join(part::MODULES).join(place);
        let wrong = |reason: String| {
            Err(PartError::File { path: path.clone(), cell: Box::new(cell.id.clone()), reason })
        };
        match look(&path, self.folder.join(part::MODULES).as_path()) {
            Ok(true) => {}
            Ok(false) => return wrong("it is no file, or lies elsewhere".to_owned()),
            Err(error) if error.is_not_found() => return wrong("it is not there".to_owned()),
            Err(error) => return Err(error.into()),
        }
        let size = files::metadata(&path)?.len();
        if size != built.size {
            return wrong(format!("it has {size} bytes, not {}", built.size));
        }
        let bytes = files::read_limited(&path, part::LARGEST_MODULE)?;
        let digest = Digest::of(&bytes);
        if (digest.sha256, digest.size) != (built.sha256, built.size) {
            return wrong(format!("its SHA-256 is {}, not {}", digest.sha256, built.sha256));
        }
        Ok(bytes)
    }
}

/// Whether a path is that of a file, with no link on the way to it from the folder.
fn look(path: &Utf8Path, folder: &Utf8Path) -> Result<bool, FileError> {
    let is_file = files::symlink_metadata(path)?.is_file();
    Ok(is_file && files::canonical(path)?.starts_with(files::canonical(folder)?))
}
