//! Changes to files that can be taken back: what was there before is remembered until all is done.

use camino::{Utf8Path, Utf8PathBuf};

use super::InstallError;
use crate::sys::files;

/// More than any file has that is written over here.
const LARGEST: u64 = 64 << 20;

/// So many copies of one file are kept at most; the last one is written over.
const MOST: u32 = 10_000;

/// What was done, and what was there before.
#[derive(Debug, Default)]
pub(super) struct Changes(Vec<(Utf8PathBuf, Option<Vec<u8>>)>);

impl Changes {
    /// Writes a file whole; one that has these bytes already is left alone.
    pub(super) fn write(&mut self, path: &Utf8Path, bytes: &[u8]) -> Result<(), InstallError> {
        let before = before(path)?;
        if before.as_deref() == Some(bytes) {
            return Ok(());
        }
        let is_there = before.is_some();
        files::write_atomic(path, bytes)
            .map_err(|error| InstallError::of_writing(error, is_there))?;
        self.0.push((path.to_owned(), before));
        Ok(())
    }

    /// Removes a file.
    pub(super) fn remove(&mut self, path: &Utf8Path) -> Result<(), InstallError> {
        let before = before(path)?;
        files::remove_file(path).map_err(|error| InstallError::of_writing(error, true))?;
        self.0.push((path.to_owned(), before));
        Ok(())
    }

    /// Makes everything as it was, the last change first.
    pub(super) fn take_back(self) -> Result<(), InstallError> {
        for (path, before) in self.0.into_iter().rev() {
            match before {
                Some(bytes) => files::write_atomic(&path, &bytes),
                None => files::remove_file(&path),
            }
            .map_err(|error| InstallError::of_writing(error, true))?;
        }
        Ok(())
    }
}

fn before(path: &Utf8Path) -> Result<Option<Vec<u8>>, InstallError> {
    match files::read_limited(path, LARGEST) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.is_not_found() => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// The first name of this kind that is free: `mod_wsgi-py313-VC14.so.before-1`.
pub(super) fn free_name(path: &Utf8Path) -> Utf8PathBuf {
    let name = |number: u32| Utf8PathBuf::from(format!("{path}.before-{number}"));
    (1..MOST).map(name).find(|path| !files::exists(path)).unwrap_or_else(|| name(MOST))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_is_as_it_was() {
        let keep = tempfile::tempdir().unwrap();
        let folder = Utf8Path::from_path(keep.path()).unwrap();
        let [old, new, gone] = ["old", "new", "gone"].map(|name| folder.join(name));
        files::write_atomic(&old, b"one").unwrap();
        files::write_atomic(&gone, b"three").unwrap();
        let mut changes = Changes::default();
        changes.write(&old, b"two").unwrap();
        changes.write(&old, b"two and a half").unwrap();
        changes.write(&new, b"two").unwrap();
        changes.remove(&gone).unwrap();
        assert_eq!(free_name(&old), folder.join("old.before-1"));
        changes.take_back().unwrap();
        assert_eq!(files::names(folder).unwrap(), ["gone", "old"]);
        assert_eq!(files::read(&old).unwrap(), b"one");
    }
}
