//! A release in a folder, as `modfarm release` makes it or as somebody downloaded it.

use camino::{Utf8Path, Utf8PathBuf};

use super::transfer::difference;
use super::{Found, Obtained, Place, SourceError, Terms, of_version, version_in};
use crate::model::manifest::{ArchiveRecord, FILE_END, LONGEST};
use crate::sys::files;

/// The folder.
#[derive(Debug)]
pub(super) struct Folder(Utf8PathBuf);

/// The manifest in a folder, or the one that is named.
pub(super) fn find(path: &Utf8Path, terms: &Terms) -> Result<Found, SourceError> {
    let path = files::canonical(path)?;
    let manifest = if files::is_dir(&path) { in_folder(&path, terms)? } else { path };
    let bytes = files::read_limited(&manifest, LONGEST)?;
    let folder = files::parent(&manifest).to_owned();
    Ok(Found {
        name: folder.to_string(),
        path: manifest,
        bytes,
        place: Place::Folder(Folder(folder)),
    })
}

fn in_folder(folder: &Utf8Path, terms: &Terms) -> Result<Utf8PathBuf, SourceError> {
    let mut names = files::names(folder)?;
    let wanted = |name: &String| terms.version.is_none() || version_in(name) == terms.version;
    names.retain(|name| name.ends_with(FILE_END) && wanted(name));
    let place = folder.to_string();
    match names.as_slice() {
        [] => Err(SourceError::NoManifest {
            place,
            of: of_version(terms),
            hint: "name the folder of a release, the one with *.manifest.json in it".to_owned(),
        }),
        [name] => Ok(folder.join(name)),
        _ => Err(SourceError::Several { place, names }),
    }
}

impl Folder {
    /// A small file of it, if it is there.
    pub(super) fn small(&self, name: &str) -> Result<Option<Vec<u8>>, SourceError> {
        let path = self.0.join(name);
        if !files::exists(&path) {
            return Ok(None);
        }
        Ok(Some(files::read_limited(&path, LONGEST)?))
    }

    /// A file of it, compared.
    pub(super) fn obtain(&self, wanted: &ArchiveRecord) -> Result<Obtained, SourceError> {
        let path = self.0.join(&wanted.name);
        let (place, name) = (self.0.to_string(), wanted.name.clone());
        if !files::exists(&path) {
            return Err(SourceError::Missing { place, name });
        }
        let (found, beginning) = (files::digest(&path)?, files::head(&path, 64)?);
        match difference(wanted, found, &beginning) {
            None => Ok(Obtained { path, is_ours: false }),
            Some(reason) => Err(SourceError::Wrong { place, name, reason }),
        }
    }
}
