//! The content store on disk: contents by SHA-256, and results by the digest of their action.
//!
//! Everything takes its name only when it is whole, so that a worker may be killed at any point; what
//! is damaged all the same is found when it is read, and then is as good as missing. Several workers
//! may use one store: each has a folder of its own for what is under way.

use std::collections::HashMap;
use std::io::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use bazel_remote_apis::build::bazel::remote::execution::v2 as reapi;
use camino::{Utf8Path, Utf8PathBuf};
use prost::Message as _;
use sha2::Digest as _;

use crate::model::digest::{Digest, Sha256};
use crate::model::tree::from_wire;
use crate::sys::files::{self, FileError, Lock};

/// What went wrong in the store.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// A file of it could not be read or written.
    #[error("the content store: {0}")]
    File(#[from] FileError),
    /// The bytes are not what they were said to be.
    #[error("the content said to be {expected} is {actual}")]
    WrongDigest {
        /// What was promised.
        expected: Digest,
        /// What came; of a content that is too long, what came so far.
        actual: Digest,
    },
}

/// Outputs travel in the result that names them up to this size, all together.
const INLINE_LIMIT: u64 = 3 << 20;

/// A use is noted down unless one was so shortly before.
pub(super) const NOTED_EVERY: Duration = Duration::from_secs(60 * 60);

/// Contents from this size on are not read again for their digest right after they were written.
const WORTH_TRUSTING: u64 = 64 << 10;

/// The store, open in this process.
#[derive(Debug)]
pub struct Store {
    root: Utf8PathBuf,
    own: Utf8PathBuf,
    _lock: Lock,
    /// Contents whose bytes were seen to be right, with the time of their last change then.
    verified: Mutex<HashMap<Digest, SystemTime>>,
}

impl Store {
    /// Opens the store in a folder, which is made where it is missing, and clears away what workers
    /// that were killed left under way.
    pub fn open(root: &Utf8Path) -> Result<Self, StoreError> {
        files::create_dir_all(root)?;
        let root = files::canonical(root)?;
        let under_way = root.join("work");
        files::create_dir_all(&under_way)?;
        sweep(&under_way)?;
        let (own, lock) = claim(&under_way)?;
        files::create_dir_all(&own.join("new"))?;
        files::create_dir_all(&own.join("jobs"))?;
        let store = Self { root, own, _lock: lock, verified: Mutex::default() };
        store.insert(Digest::of(b""), b"")?;
        Ok(store)
    }

    /// The folder of the store.
    #[must_use]
    pub fn root(&self) -> &Utf8Path {
        &self.root
    }

    /// Whether a content is there, as far as its name and size tell.
    #[must_use]
    pub fn contains(&self, digest: Digest) -> bool {
        let path = self.blob(digest);
        let found = files::metadata(&path).ok().filter(|found| found.len() == digest.size);
        found.inspect(|found| Self::used(&path, found)).is_some()
    }

    /// Puts a content there.
    pub fn insert(&self, digest: Digest, bytes: &[u8]) -> Result<(), StoreError> {
        let mut writer = self.writer(digest)?;
        writer.write(bytes)?;
        writer.finish()
    }

    /// Puts the content of a file there that a job made.
    pub fn insert_file(&self, path: &Utf8Path) -> Result<Digest, StoreError> {
        let digest = files::digest(path)?;
        let mut reader = files::open(path)?;
        let mut writer = self.writer(digest)?;
        let mut buffer = vec![0; 1 << 16];
        loop {
            let read = std::io::Read::read(&mut reader, &mut buffer)
                .map_err(|source| FileError::new("read", path, source))?;
            if read == 0 {
                break;
            }
            writer.write(&buffer[..read])?;
        }
        writer.finish()?;
        Ok(digest)
    }

    /// Begins to write a content.
    pub fn writer(&self, digest: Digest) -> Result<BlobWriter<'_>, StoreError> {
        let file = files::temporary_file_in(&self.own.join("new"))?;
        Ok(BlobWriter { store: self, digest, file, hash: sha2::Sha256::new(), written: 0 })
    }

    /// A content; `None` where it is missing or damaged.
    pub fn read(&self, digest: Digest) -> Result<Option<Vec<u8>>, StoreError> {
        let path = self.blob(digest);
        if !self.contains(digest) {
            return Ok(None);
        }
        let bytes = match files::read_limited(&path, digest.size) {
            Ok(bytes) => bytes,
            Err(error) if error.is_not_found() => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        if Digest::of(&bytes) == digest {
            return Ok(Some(bytes));
        }
        self.discard(digest)?;
        Ok(None)
    }

    /// The file of a content whose bytes are right; `None` where it is missing or damaged.
    pub fn path(&self, digest: Digest) -> Result<Option<Utf8PathBuf>, StoreError> {
        let path = self.blob(digest);
        let Ok(metadata) = files::metadata(&path) else { return Ok(None) };
        let modified = files::modified(&metadata);
        Self::used(&path, &metadata);
        if self.known().get(&digest) == Some(&modified) && metadata.len() == digest.size {
            return Ok(Some(path));
        }
        match files::digest(&path) {
            Ok(actual) if actual == digest => {
                self.known().insert(digest, modified);
                Ok(Some(path))
            }
            Ok(_) => {
                self.discard(digest)?;
                Ok(None)
            }
            Err(error) if error.is_not_found() => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// The result of an action, if all that it names is there. The bytes of the outputs at the paths
    /// that are asked for come with it, as far as they fit.
    pub fn result(
        &self,
        action: Digest,
        inline: &[String],
    ) -> Result<Option<reapi::ActionResult>, StoreError> {
        let path = self.result_path(action);
        let bytes = match files::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.is_not_found() => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let Some(mut result) = unseal(&bytes) else {
            files::remove_file(&path)?;
            return Ok(None);
        };
        if let Ok(metadata) = files::metadata(&path) {
            Self::used(&path, &metadata);
        }
        let whole = self.complete(&mut result, inline)?;
        Ok(whole.then_some(result))
    }

    /// Whether all that a result names is there, each read once at most.
    fn complete(
        &self,
        result: &mut reapi::ActionResult,
        inline: &[String],
    ) -> Result<bool, StoreError> {
        let mut left = INLINE_LIMIT;
        for file in &mut result.output_files {
            let Some(digest) = file.digest.as_ref().and_then(from_wire) else { return Ok(false) };
            if inline.contains(&file.path) && digest.size <= left {
                let Some(bytes) = self.read(digest)? else { return Ok(false) };
                file.contents = bytes;
                left -= digest.size;
            } else if self.path(digest)?.is_none() {
                return Ok(false);
            }
        }
        for said in [&result.stdout_digest, &result.stderr_digest].into_iter().flatten() {
            let there = from_wire(said).map(|digest| self.path(digest)).transpose()?;
            if there.flatten().is_none() {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Keeps the result of an action.
    pub fn keep_result(
        &self,
        action: Digest,
        result: &reapi::ActionResult,
    ) -> Result<(), StoreError> {
        let mut file = files::temporary_file_in(&self.own.join("new"))?;
        let path = self.result_path(action);
        file.write_all(&seal(result)).map_err(|source| FileError::new("write", &path, source))?;
        Ok(files::persist_read_only(file, &path)?)
    }

    /// A fresh folder for a job, removed when it is dropped.
    pub fn job_folder(&self) -> Result<tempfile::TempDir, StoreError> {
        Ok(files::temporary_dir_in(&self.own.join("jobs"))?)
    }

    /// Notes down that a file of the store is used, if that was not done a short while ago.
    fn used(path: &Utf8Path, metadata: &std::fs::Metadata) {
        let noted = SystemTime::now().checked_sub(NOTED_EVERY);
        if noted.is_some_and(|noted| files::last_use(metadata) < noted) {
            files::note_use(path);
        }
    }

    fn discard(&self, digest: Digest) -> Result<(), StoreError> {
        tracing::warn!("the content {digest} was damaged and is removed");
        self.known().remove(&digest);
        Ok(files::remove_file(&self.blob(digest))?)
    }

    fn known(&self) -> std::sync::MutexGuard<'_, HashMap<Digest, SystemTime>> {
        self.verified.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn blob(&self, digest: Digest) -> Utf8PathBuf {
        fan_out(self.root.join("cas"), &digest.sha256.to_string())
    }

    fn result_path(&self, action: Digest) -> Utf8PathBuf {
        fan_out(self.root.join("ac"), &action.sha256.to_string())
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        drop(files::remove_dir_all(&self.own));
        drop(files::remove_file(&lock_of(&self.own)));
    }
}

/// A content on its way into the store, hashed as it comes.
#[derive(Debug)]
pub struct BlobWriter<'a> {
    store: &'a Store,
    digest: Digest,
    file: tempfile::NamedTempFile,
    hash: sha2::Sha256,
    written: u64,
}

impl BlobWriter<'_> {
    /// Adds the next bytes; refuses more than were promised.
    pub fn write(&mut self, bytes: &[u8]) -> Result<(), StoreError> {
        self.hash.update(bytes);
        self.written += bytes.len() as u64;
        if self.written > self.digest.size {
            return Err(self.wrong());
        }
        let blob = self.store.blob(self.digest);
        Ok(self.file.write_all(bytes).map_err(|source| FileError::new("write", &blob, source))?)
    }

    /// Gives the content its name, if it is what was promised.
    pub fn finish(self) -> Result<(), StoreError> {
        let actual = self.so_far();
        if actual != self.digest {
            return Err(self.wrong());
        }
        if self.store.contains(self.digest) {
            return Ok(());
        }
        let blob = self.store.blob(self.digest);
        files::persist_read_only(self.file, &blob)?;
        if self.digest.size >= WORTH_TRUSTING
            && let Ok(metadata) = files::metadata(&blob)
        {
            self.store.known().insert(self.digest, files::modified(&metadata));
        }
        Ok(())
    }

    fn so_far(&self) -> Digest {
        Digest { sha256: Sha256::finish(self.hash.clone()), size: self.written }
    }

    fn wrong(&self) -> StoreError {
        StoreError::WrongDigest { expected: self.digest, actual: self.so_far() }
    }
}

/// The same for what writes through a packer; the error says what is wrong.
impl std::io::Write for BlobWriter<'_> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        Self::write(self, bytes).map_err(std::io::Error::other)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

fn fan_out(folder: Utf8PathBuf, hash: &str) -> Utf8PathBuf {
    folder.join(&hash[..2]).join(hash)
}

/// A result as it lies on disk: the SHA-256 of the message, then the message.
fn seal(result: &reapi::ActionResult) -> Vec<u8> {
    let message = result.encode_to_vec();
    let mut sealed = Sha256::of(&message).to_string().into_bytes();
    sealed.extend(message);
    sealed
}

pub(super) fn unseal(sealed: &[u8]) -> Option<reapi::ActionResult> {
    let (seal, message) = sealed.split_at_checked(64)?;
    let right = Sha256::of(message).to_string().as_bytes() == seal;
    if right { reapi::ActionResult::decode(message).ok() } else { None }
}

static CLAIMS: AtomicU64 = AtomicU64::new(0);

/// A folder that is this store's own for as long as the lock beside it is held.
fn claim(under_way: &Utf8Path) -> Result<(Utf8PathBuf, Lock), FileError> {
    loop {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let (process, count) = (std::process::id(), CLAIMS.fetch_add(1, Ordering::Relaxed));
        let own = under_way.join(format!("{process}-{count}-{}", now.as_micros()));
        if let Some(lock) = files::try_lock(&lock_of(&own))? {
            return Ok((own, lock));
        }
    }
}

/// Removes the folders whose lock nobody holds: their workers were killed.
pub(super) fn sweep(under_way: &Utf8Path) -> Result<(), FileError> {
    for name in files::names(under_way)? {
        let Some(own) = name.strip_suffix(".lock").map(|name| under_way.join(name)) else {
            continue;
        };
        if let Some(lock) = files::try_lock(&lock_of(&own))? {
            files::remove_dir_all(&own)?;
            drop(lock);
            drop(files::remove_file(&lock_of(&own)));
        }
    }
    Ok(())
}

fn lock_of(own: &Utf8Path) -> Utf8PathBuf {
    own.with_extension("lock")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn store() -> (tempfile::TempDir, Store) {
        let folder = tempfile::tempdir().unwrap();
        let path = Utf8Path::from_path(folder.path()).unwrap();
        let store = Store::open(path).unwrap();
        (folder, store)
    }

    #[cfg(unix)]
    fn overwrite(path: &Utf8Path, bytes: &[u8]) {
        files::write_atomic(path, bytes).unwrap();
    }

    #[test]
    fn refuses_what_is_not_as_promised() {
        let (_keep, store) = store();
        let error = store.insert(Digest::of(b"one"), b"two").unwrap_err();
        assert!(matches!(error, StoreError::WrongDigest { .. }), "{error}");
        let error = store.insert(Digest::of(b"one"), b"one and more").unwrap_err();
        assert!(matches!(error, StoreError::WrongDigest { .. }), "{error}");
        assert!(!store.contains(Digest::of(b"one")));
        assert_eq!(files::names(&store.own.join("new")).unwrap(), Vec::<String>::new());
    }

    #[cfg(unix)]
    #[test]
    fn a_content_is_read_only_and_there_once() {
        use std::os::unix::fs::PermissionsExt as _;
        let (_keep, store) = store();
        store.insert(Digest::of(b"one"), b"one").unwrap();
        store.insert(Digest::of(b"one"), b"one").unwrap();
        let path = store.path(Digest::of(b"one")).unwrap().unwrap();
        assert_eq!(files::metadata(&path).unwrap().permissions().mode() & 0o777, 0o444);
        assert_eq!(store.read(Digest::of(b"one")).unwrap().unwrap(), b"one");
        assert_eq!(store.read(Digest::of(b"")).unwrap().unwrap(), b"");
    }

    #[cfg(unix)]
    #[test]
    fn what_is_damaged_is_missing_and_can_be_put_back() {
        let (_keep, store) = store();
        for damage in [&b"onX"[..], b"on", b"one and more"] {
            let digest = Digest::of(b"one");
            store.insert(digest, b"one").unwrap();
            assert!(store.path(digest).unwrap().is_some());
            std::thread::sleep(Duration::from_millis(5));
            overwrite(&store.blob(digest), damage);
            assert_eq!(store.path(digest).unwrap(), None);
            assert_eq!(store.read(digest).unwrap(), None);
            store.insert(digest, b"one").unwrap();
            overwrite(&store.blob(digest), damage);
            assert_eq!(store.read(digest).unwrap(), None);
        }
    }

    #[test]
    fn a_result_needs_all_that_it_names() {
        let (_keep, store) = store();
        let (action, output) = (Digest::of(b"action"), Digest::of(b"output"));
        let result = reapi::ActionResult {
            output_files: vec![reapi::OutputFile {
                path: "out".to_owned(),
                digest: Some(crate::model::tree::to_wire(output)),
                ..Default::default()
            }],
            ..Default::default()
        };
        store.keep_result(action, &result).unwrap();
        assert_eq!(store.result(action, &[]).unwrap(), None);
        store.insert(output, b"output").unwrap();
        assert_eq!(store.result(action, &[]).unwrap(), Some(result));
        let inline = store.result(action, &["out".to_owned()]).unwrap().unwrap();
        assert_eq!(inline.output_files[0].contents, b"output");
    }

    #[cfg(unix)]
    #[test]
    fn a_damaged_result_is_none() {
        let (_keep, store) = store();
        let action = Digest::of(b"action");
        let result = reapi::ActionResult { exit_code: 7, ..Default::default() };
        store.keep_result(action, &result).unwrap();
        let path = store.result_path(action);
        let mut bytes = files::read(&path).unwrap();
        *bytes.last_mut().unwrap() ^= 1;
        overwrite(&path, &bytes);
        assert_eq!(store.result(action, &[]).unwrap(), None);
        overwrite(&path, b"short");
        assert_eq!(store.result(action, &[]).unwrap(), None);
    }

    #[test]
    fn clears_away_what_a_killed_worker_left_and_nothing_else() {
        let (_keep, store) = store();
        let left = store.root.join("work/1-2-3");
        files::write_atomic(&left.join("jobs/half"), b"half").unwrap();
        files::write_atomic(&lock_of(&left), b"").unwrap();
        let folder = store.job_folder().unwrap();
        let second = Store::open(&store.root).unwrap();
        assert!(!files::exists(&left));
        assert!(folder.path().exists());
        drop(second);
        assert!(folder.path().exists());
        assert_eq!(files::names(&store.root.join("work")).unwrap().len(), 2);
    }
}
