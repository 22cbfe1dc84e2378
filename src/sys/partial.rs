//! A file that is being downloaded: what has come stays where it is, also when the program ends, and the
//! next one goes on from there. One process at a time writes to it.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};
use tokio_util::sync::CancellationToken;

use super::files::{self, FileError};
use crate::model::digest::Digest;

/// How often one looks whether another process has ended its download of the same file.
const LOOK: Duration = Duration::from_millis(100);

/// Enough of a file to see that it is a page.
const BEGINNING: u64 = 64;

/// The beginning of a file. Locked until it is dropped.
#[derive(Debug)]
pub struct Partial {
    path: Utf8PathBuf,
    file: File,
    size: u64,
    /// What the server calls the version of the file that this is the beginning of, where it said so in
    /// this run.
    pub(super) etag: Option<String>,
}

impl Partial {
    /// What there is of the file, be it nothing; `None` once `stop` is cancelled. Waits while another
    /// process downloads the same.
    pub fn open(path: &Utf8Path, stop: &CancellationToken) -> Result<Option<Self>, FileError> {
        let at = |action| move |source| FileError::new(action, path, source);
        files::create_dir_all(files::parent(path))?;
        while !stop.is_cancelled() {
            let mut options = OpenOptions::new();
            let options = options.read(true).write(true).create(true).truncate(false);
            let mut file = options.open(path).map_err(at("open"))?;
            match file.try_lock() {
                // Whoever had it may just have taken it away.
                Ok(()) if !files::exists(path) => {}
                Ok(()) => {
                    let size = file.seek(SeekFrom::End(0)).map_err(at("read"))?;
                    return Ok(Some(Self { path: path.to_owned(), file, size, etag: None }));
                }
                Err(fs::TryLockError::WouldBlock) => std::thread::sleep(LOOK),
                Err(fs::TryLockError::Error(source)) => return Err(at("lock")(source)),
            }
        }
        Ok(None)
    }

    /// How much of it is there.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Adds what came.
    pub(super) fn write(&mut self, bytes: &[u8]) -> Result<(), FileError> {
        self.file.write_all(bytes).map_err(|source| FileError::new("write", &self.path, source))?;
        self.size += bytes.len() as u64;
        Ok(())
    }

    /// Forgets what came.
    pub fn restart(&mut self) -> Result<(), FileError> {
        let emptied = self.file.set_len(0).and_then(|()| self.file.rewind());
        emptied.map_err(|source| FileError::new("write", &self.path, source))?;
        (self.size, self.etag) = (0, None);
        Ok(())
    }

    /// The digest of what is there.
    pub fn digest(&mut self) -> Result<Digest, FileError> {
        self.read(|file| files::digest_reader(file))
    }

    /// The first bytes of what is there.
    pub fn beginning(&mut self) -> Result<Vec<u8>, FileError> {
        self.read(|file| {
            let mut bytes = Vec::new();
            file.take(BEGINNING).read_to_end(&mut bytes).map(|_| bytes)
        })
    }

    fn read<T>(&mut self, read: impl FnOnce(&File) -> io::Result<T>) -> Result<T, FileError> {
        let value = self.file.rewind().and_then(|()| read(&self.file));
        let value = value.and_then(|value| self.file.seek(SeekFrom::End(0)).map(|_| value));
        value.map_err(|source| FileError::new("read", &self.path, source))
    }

    /// Gives it its name, now that it is whole.
    pub fn finish(self, to: &Utf8Path) -> Result<(), FileError> {
        self.file.sync_all().map_err(|source| FileError::new("write", &self.path, source))?;
        files::rename(&self.path, to)
    }

    /// Takes away what came; whoever waits for it begins anew.
    pub fn discard(&self) -> Result<(), FileError> {
        files::remove_file(&self.path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_come_stays_and_one_at_a_time_writes() {
        let folder = tempfile::tempdir().unwrap();
        let path = Utf8Path::from_path(folder.path()).unwrap().join("a/b.partial");
        let stop = CancellationToken::new();
        let mut one = Partial::open(&path, &stop).unwrap().unwrap();
        one.write(b"begin").unwrap();
        let (again, other) = (path.clone(), stop.clone());
        let second = std::thread::spawn(move || Partial::open(&again, &other).unwrap().unwrap());
        std::thread::sleep(Duration::from_millis(20));
        assert!(!second.is_finished());
        drop(one);
        let mut two = second.join().unwrap();
        assert_eq!((two.size(), two.digest().unwrap()), (5, Digest::of(b"begin")));
        two.write(b"ning").unwrap();
        assert_eq!(two.beginning().unwrap(), b"beginning");
        two.finish(&folder_path(&path).join("c")).unwrap();
        assert_eq!(files::names(&folder_path(&path)).unwrap(), ["c"]);
        stop.cancel();
        assert!(Partial::open(&path, &stop).unwrap().is_none());
    }

    fn folder_path(path: &Utf8Path) -> Utf8PathBuf {
        files::parent(path).to_owned()
    }
}
