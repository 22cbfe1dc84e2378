//! A file of a release on its way here: gone on with where it broke off, and compared with the manifest
//! before it has a name.

use camino::{Utf8Path, Utf8PathBuf};
use tokio_util::sync::CancellationToken;
use url::Url;

use super::{Obtained, SourceError, is_page};
use crate::model::digest::Digest;
use crate::model::event::{Event, Events};
use crate::model::manifest::ArchiveRecord;
use crate::sys::files;
use crate::sys::partial::Partial;
use crate::sys::web::{Wanted, Web, WebError};

/// What downloads, and where to.
#[derive(Clone, Debug)]
pub(super) struct Transfer {
    pub(super) web: Web,
    pub(super) cache: Utf8PathBuf,
    pub(super) stop: CancellationToken,
}

impl Transfer {
    /// Brings a file here. What has come of it stays in the cache, however this ends, unless it is wrong.
    pub(super) fn bring(
        &self,
        place: &str,
        url: &Url,
        record: &ArchiveRecord,
        events: &Events,
    ) -> Result<Obtained, SourceError> {
        // Named by its digest: the beginning of another file is never gone on with.
        let path = self.cache.join(format!("{}-{}", record.sha256.short(), record.name));
        let partial = self.cache.join(format!("{}.partial", record.sha256));
        let mut partial = Partial::open(&partial, &self.stop)?.ok_or(WebError::Stopped)?;
        let obtained = Obtained { path: path.clone(), is_ours: true };
        if is_there(&path, record) {
            partial.discard()?;
            return Ok(obtained);
        }
        let wanted = Wanted { name: &record.name, url, size: record.size };
        loop {
            let begun = partial.size() > 0;
            if let Err(error) = self.web.resume(&wanted, &mut partial, events) {
                if partial.size() == 0 {
                    partial.discard()?;
                }
                return Err(error.into());
            }
            let (found, beginning) = (partial.digest()?, partial.beginning()?);
            let Some(reason) = difference(record, found, &beginning) else {
                partial.finish(&path)?;
                let (asset, size) = (record.name.clone(), record.size);
                events.emit(Event::AssetFetched { asset, size });
                return Ok(obtained);
            };
            partial.restart()?;
            // What was there before may have been the wrong part.
            if !begun {
                partial.discard()?;
                let (place, name) = (place.to_owned(), record.name.clone());
                return Err(if is_page(&beginning) {
                    SourceError::Page { path: url.to_string() }
                } else {
                    SourceError::Wrong { place, name, reason }
                });
            }
        }
    }
}

fn is_there(path: &Utf8Path, record: &ArchiveRecord) -> bool {
    files::digest(path).is_ok_and(|found| found.sha256 == record.sha256)
}

/// In what a file is not what the manifest says, if it is not.
pub(super) fn difference(
    record: &ArchiveRecord,
    found: Digest,
    beginning: &[u8],
) -> Option<String> {
    if found.sha256 == record.sha256 {
        None
    } else if is_page(beginning) {
        Some("it is a page in HTML".to_owned())
    } else if found.size == record.size {
        Some(format!("its SHA-256 is {}, and should be {}", found.sha256, record.sha256))
    } else {
        Some(format!("it has {} bytes, and should have {}", found.size, record.size))
    }
}
