//! Roots from pinned archives: Apache Lounge's zips, NuGet packages (zips as well).

use camino::{Utf8Path, Utf8PathBuf};
use tokio_util::sync::CancellationToken;

use super::lock::{LockError, LockFile};
use super::unpack::{UnpackError, unpack};
use crate::model::digest::Sha256;
use crate::model::event::Events;
use crate::sys::files::{self, FileError};
use crate::sys::http::{self, HttpError};

/// No archive of an Apache or Python comes near this, in bytes.
const MOST_BYTES: u64 = 1 << 30;

/// An archive that could not be had.
#[derive(Debug, thiserror::Error)]
pub enum ArchiveError {
    /// It cannot be downloaded.
    #[error(transparent)]
    Http(#[from] HttpError),
    /// It is not the one that is pinned.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// It cannot be unpacked.
    #[error(transparent)]
    Unpack(#[from] UnpackError),
    /// A file cannot be read or written.
    #[error(transparent)]
    File(#[from] FileError),
}

/// An archive, and what it must be.
#[derive(Clone, Copy, Debug)]
pub struct Wanted<'a> {
    /// Where it is.
    pub url: &'a str,
    /// What the lock file knows it by.
    pub name: &'a str,
    /// Its digest, where the matrix says it.
    pub pinned: Option<Sha256>,
}

/// The folder of an unpacked archive, downloaded and checked where it is not there yet.
///
/// `cache` is where archives and their unpacked trees are kept, by digest. Where no digest is known
/// the first download records it in the lock file and says so.
pub fn fetch(
    wanted: Wanted<'_>,
    cache: &Utf8Path,
    lock: &mut LockFile,
    events: &Events,
    stop: &CancellationToken,
) -> Result<Utf8PathBuf, ArchiveError> {
    let Wanted { url, name, pinned } = wanted;
    let unpacked = |sha256: Sha256| cache.join("unpacked").join(sha256.to_string());
    if let Some(known) = pinned.or_else(|| lock.known(name))
        && files::is_dir(&unpacked(known))
    {
        return Ok(unpacked(known));
    }
    events.note(format!("downloading {url}"));
    let staging = files::temporary_dir_in(cache)?;
    let file = Utf8PathBuf::from_path_buf(staging.path().join("archive")).unwrap_or_default();
    let sha256 = http::download(url, &file, MOST_BYTES, stop)?.sha256;
    let new = lock.is_new(name, sha256, pinned)?;
    let folder = unpacked(sha256);
    unpack(&file, url, &folder)?;
    // Not before: an error page that came instead would be what all later ones must match.
    if new {
        lock.record(name, sha256)?;
        events.note(format!(
            "{name} came for the first time: its SHA-256 {sha256} is written to matrix.lock, and later ones must match"
        ));
    }
    Ok(folder)
}
