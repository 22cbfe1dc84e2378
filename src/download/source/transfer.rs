//! A file of a release on its way here: gone on with where it broke off, and compared with the manifest
//! before it has a name.

use camino::Utf8PathBuf;
use tokio_util::sync::CancellationToken;
use url::Url;

use super::{Obtained, SourceError, is_page};
use crate::model::digest::Digest;
use crate::model::event::{Event, Events};
use crate::model::manifest::ArchiveRecord;
use crate::model::manifest::LONGEST;
use crate::sys::partial::Partial;
use crate::sys::web::{BYTES, Wanted, Web, WebError};

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
        let (short, own) = (record.sha256.short(), std::process::id());
        // Once it is whole it is this run's own: another one may be at work on the same file.
        let path = self.cache.join(format!("{short}-{own}-{}", record.name));
        let partial = self.cache.join(format!("{}.partial", record.sha256));
        let mut partial = Partial::open(&partial, &self.stop)?.ok_or(WebError::Stopped)?;
        let wanted = Wanted { name: &record.name, url, size: record.size };
        loop {
            let begun = partial.size() > 0;
            self.resume(&wanted, &mut partial, events)?;
            let (found, beginning) = (partial.digest()?, partial.beginning()?);
            let Some(reason) = difference(record, found, &beginning) else {
                partial.finish(&path)?;
                let (asset, size) = (record.name.clone(), record.size);
                events.emit(Event::AssetFetched { asset, size });
                return Ok(Obtained { path, is_ours: true });
            };
            if !begun {
                partial.discard()?;
                return Err(wrong(place, url, record, &beginning, reason));
            }
            // What was there before may have been the wrong part.
            partial.restart()?;
        }
    }

    /// A small file, if it is there.
    pub(super) fn small(&self, url: &Url) -> Result<Option<Vec<u8>>, SourceError> {
        match self.web.read(url, BYTES, LONGEST) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(WebError::Refused { status: 404, .. }) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// What has come stays, unless nothing has.
    fn resume(
        &self,
        wanted: &Wanted<'_>,
        partial: &mut Partial,
        events: &Events,
    ) -> Result<(), SourceError> {
        let ended = self.web.resume(wanted, partial, events);
        if ended.is_err() && partial.size() == 0 {
            partial.discard()?;
        }
        Ok(ended?)
    }
}

fn wrong(
    place: &str,
    url: &Url,
    record: &ArchiveRecord,
    beginning: &[u8],
    reason: String,
) -> SourceError {
    if is_page(beginning) {
        return SourceError::Page { path: url.to_string() };
    }
    SourceError::Wrong { place: place.to_owned(), name: record.name.clone(), reason }
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
