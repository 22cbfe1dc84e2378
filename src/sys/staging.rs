//! A folder that appears whole: it is written beside its place, where nobody looks, and takes the place in
//! one step. A lock keeps two runs from doing so at once.

use camino::{Utf8Path, Utf8PathBuf};

use super::files::{self, FileError, Lock};

/// A place for a folder, held.
#[derive(Debug)]
pub struct Staging {
    folder: Utf8PathBuf,
    beside: Utf8PathBuf,
    _lock: Lock,
}

/// A place that cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum StagingError {
    /// Another run holds it.
    #[error(
        "another modfarm is making {path} just now\nhint: wait for it, or name another folder with --to"
    )]
    Busy {
        /// The place.
        path: Utf8PathBuf,
    },
    /// Something else stands there.
    #[error(
        "{path} is there, but is no {what} of modfarm's\nhint: move it away, or name another folder with --to"
    )]
    Foreign {
        /// The place.
        path: Utf8PathBuf,
        /// What it is to be.
        what: &'static str,
    },
    /// It cannot be written to.
    #[error(transparent)]
    File(#[from] FileError),
}

impl Staging {
    /// Takes a place: for `what`, which is known by the file `mark` in it. Whatever would fail at the end
    /// (no permission, no space to write to, something of somebody else's) fails here.
    pub fn take(folder: &Utf8Path, what: &'static str, mark: &str) -> Result<Self, StagingError> {
        let (parent, name) = (files::parent(folder), folder.file_name().unwrap_or_default());
        let beside = |end: &str| parent.join(format!(".{name}.{end}"));
        let lock = files::try_lock(&beside("lock"))?
            .ok_or_else(|| StagingError::Busy { path: folder.to_owned() })?;
        let foreign = files::exists(folder)
            && !files::exists(&folder.join(mark))
            && !(files::is_dir(folder) && files::names(folder)?.is_empty());
        if foreign {
            return Err(StagingError::Foreign { path: folder.to_owned(), what });
        }
        let beside = beside("staging");
        // The lock is ours: what stands there is of a run that was killed.
        files::remove_dir_all(&beside)?;
        files::create_dir_all(&beside)?;
        Ok(Self { folder: folder.to_owned(), beside, _lock: lock })
    }

    /// The place, where an earlier folder stands, if any.
    #[must_use]
    pub fn folder(&self) -> &Utf8Path {
        &self.folder
    }

    /// The empty folder to write into.
    #[must_use]
    pub fn staging(&self) -> &Utf8Path {
        &self.beside
    }

    /// Gives what was written its place. The earlier folder, if any, is gone afterwards.
    pub fn complete(&mut self) -> Result<(), FileError> {
        if files::exists(&self.folder) {
            // The earlier folder is the staging folder then, and goes with it.
            files::exchange(&self.beside, &self.folder)?;
        } else {
            files::rename(&self.beside, &self.folder)?;
        }
        files::sync_dir(files::parent(&self.folder))
    }
}

impl Drop for Staging {
    fn drop(&mut self) {
        if let Err(error) = files::remove_dir_all(&self.beside) {
            tracing::warn!(%error, "the staging folder stays");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder() -> (tempfile::TempDir, Utf8PathBuf) {
        let keep = tempfile::tempdir().unwrap();
        let path = Utf8PathBuf::from_path_buf(keep.path().to_owned()).unwrap();
        (keep, path)
    }

    #[test]
    fn it_appears_whole_or_not_at_all() {
        let (_keep, parent) = folder();
        let place = parent.join("x");
        let put = |text: &str, complete: bool| {
            let mut staging = Staging::take(&place, "thing", "mark").unwrap();
            files::write_atomic(&staging.staging().join("mark"), text.as_bytes()).unwrap();
            if complete {
                staging.complete().unwrap();
            }
        };
        put("none", false);
        assert!(!files::exists(&place));
        put("one", true);
        put("none", false);
        assert_eq!(files::read(&place.join("mark")).unwrap(), b"one");
        put("two", true);
        assert_eq!(files::read(&place.join("mark")).unwrap(), b"two");
        assert_eq!(files::names(&parent).unwrap(), [".x.lock", "x"]);
    }

    #[test]
    fn two_at_once_and_foreign_folders_are_refused() {
        let (_keep, parent) = folder();
        let take = |name: &str| Staging::take(&parent.join(name), "thing", "mark");
        let first = take("x").unwrap();
        assert!(matches!(take("x").unwrap_err(), StagingError::Busy { .. }));
        take("y").unwrap();
        drop(first);
        files::write_atomic(&parent.join("x/precious"), b"").unwrap();
        let foreign = take("x").unwrap_err();
        assert!(foreign.to_string().contains("is no thing of modfarm's"), "{foreign}");
    }
}
