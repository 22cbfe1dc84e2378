//! Publishing to a directory: the release's folder appears when it is complete, and an earlier one is
//! exchanged for it in one step, never half overwritten.

use camino::{Utf8Path, Utf8PathBuf};

use crate::sys::files::{self, FileError, Lock};

/// A directory that a release is being made for, held so that no other run does the same.
#[derive(Debug)]
pub struct Directory {
    folder: Utf8PathBuf,
    staging: Utf8PathBuf,
    _lock: Lock,
}

/// A directory that cannot take a release.
#[derive(Debug, thiserror::Error)]
pub enum DirectoryError {
    /// Another run holds it.
    #[error(
        "another modfarm is making {path} just now\nhint: wait for it, or name another folder with --to"
    )]
    Busy {
        /// The folder of the release.
        path: Utf8PathBuf,
    },
    /// Something else stands in its place.
    #[error(
        "{path} is there, but is no release of modfarm's\nhint: move it away, or name another folder with --to"
    )]
    Foreign {
        /// The folder of the release.
        path: Utf8PathBuf,
    },
    /// It cannot be written to.
    #[error(transparent)]
    File(#[from] FileError),
}

impl Directory {
    /// Takes the place `parent/name` for a release that has a file called `mark`, and makes a staging
    /// folder beside it: whatever would fail at the end (no permission, no space to write to) fails
    /// here, before anything is built.
    pub fn prepare(parent: &Utf8Path, name: &str, mark: &str) -> Result<Self, DirectoryError> {
        let folder = parent.join(name);
        let lock = files::try_lock(&parent.join(format!(".{name}.lock")))?
            .ok_or_else(|| DirectoryError::Busy { path: folder.clone() })?;
        let foreign = files::exists(&folder)
            && !files::exists(&folder.join(mark))
            && !(files::is_dir(&folder) && files::names(&folder)?.is_empty());
        if foreign {
            return Err(DirectoryError::Foreign { path: folder });
        }
        let staging = parent.join(format!(".{name}.staging"));
        // The lock is ours: what stands there is of a run that was killed.
        files::remove_dir_all(&staging)?;
        files::create_dir_all(&staging)?;
        Ok(Self { folder, staging, _lock: lock })
    }

    /// The folder of the release, where the last one stands, if any.
    #[must_use]
    pub fn folder(&self) -> &Utf8Path {
        &self.folder
    }

    /// The empty folder to write the release into.
    #[must_use]
    pub fn staging(&self) -> &Utf8Path {
        &self.staging
    }

    /// Gives the staged release its place. The earlier one, if any, is gone afterwards.
    pub fn publish(self) -> Result<Utf8PathBuf, DirectoryError> {
        if files::exists(&self.folder) {
            // The earlier release is in the staging folder then, and goes with it.
            files::exchange(&self.staging, &self.folder)?;
        } else {
            files::rename(&self.staging, &self.folder)?;
        }
        files::sync_dir(files::parent(&self.folder))?;
        Ok(self.folder.clone())
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        if let Err(error) = files::remove_dir_all(&self.staging) {
            tracing::warn!(%error, "the staging folder stays");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder() -> (tempfile::TempDir, Utf8PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = Utf8PathBuf::from_path_buf(folder.path().to_owned()).unwrap();
        (folder, path)
    }

    fn release(parent: &Utf8Path, text: &str) {
        let directory = Directory::prepare(parent, "x-1", "mark").unwrap();
        files::write_atomic(&directory.staging().join("mark"), text.as_bytes()).unwrap();
        directory.publish().unwrap();
    }

    #[test]
    fn a_release_replaces_the_earlier_one_whole() {
        let (_keep, parent) = folder();
        release(&parent, "one");
        files::write_atomic(&parent.join("x-1/more"), b"of the first").unwrap();
        release(&parent, "two");
        assert_eq!(files::walk(&parent.join("x-1")).unwrap(), ["mark"]);
        assert_eq!(files::read(&parent.join("x-1/mark")).unwrap(), b"two");
        assert_eq!(files::names(&parent).unwrap(), [".x-1.lock", "x-1"]);
    }

    #[test]
    fn one_that_is_given_up_changes_nothing() {
        let (_keep, parent) = folder();
        release(&parent, "one");
        let directory = Directory::prepare(&parent, "x-1", "mark").unwrap();
        files::write_atomic(&directory.staging().join("mark"), b"half").unwrap();
        drop(directory);
        assert_eq!(files::read(&parent.join("x-1/mark")).unwrap(), b"one");
        assert_eq!(files::names(&parent).unwrap(), [".x-1.lock", "x-1"]);
    }

    #[test]
    fn two_at_once_and_foreign_folders_are_refused() {
        let (_keep, parent) = folder();
        let first = Directory::prepare(&parent, "x-1", "mark").unwrap();
        let busy = Directory::prepare(&parent, "x-1", "mark").unwrap_err();
        assert!(matches!(busy, DirectoryError::Busy { .. }), "{busy}");
        Directory::prepare(&parent, "x-2", "mark").unwrap();
        drop(first);
        files::write_atomic(&parent.join("x-1/precious"), b"").unwrap();
        let foreign = Directory::prepare(&parent, "x-1", "mark").unwrap_err();
        assert!(matches!(foreign, DirectoryError::Foreign { .. }), "{foreign}");
    }
}
