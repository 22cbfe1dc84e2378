//! A release on a server of static files: below one address, under the names that its manifest has.

use camino::Utf8PathBuf;
use url::Url;

use super::transfer::Transfer;
use super::{Found, Obtained, Place, SourceError, Terms, of_version};
use crate::model::event::Events;
use crate::model::manifest::{ArchiveRecord, FILE_END, LONGEST};
use crate::sys::web::{Web, WebError};

/// The server.
#[derive(Debug)]
pub(super) struct Mirror {
    transfer: Transfer,
    /// The address of the manifest; the other files are beside it.
    manifest: Url,
}

/// The only module of which there are releases.
const MODULE: &str = "mod_wsgi";

/// The manifest at an address, or of the version that is asked for in the folder at an address.
pub(super) fn find(url: &Url, terms: &Terms) -> Result<Found, SourceError> {
    let manifest =
        if url.path().ends_with(FILE_END) { url.clone() } else { in_folder(url, terms)? };
    let stop = terms.stop.clone();
    let web = Web::new(url.scheme() == "https", None, stop.clone());
    let bytes = web.read(&manifest, "*/*", LONGEST).map_err(|error| match error {
        WebError::Refused { status: 404, .. } => SourceError::NoManifest {
            place: url.to_string(),
            of: of_version(terms),
            hint: format!("{manifest} is not there; look at the address and the version"),
        },
        other => other.into(),
    })?;
    let path = Utf8PathBuf::from(manifest.as_str());
    let transfer = Transfer { web, cache: terms.cache.clone(), stop };
    let place = Place::Mirror(Mirror { transfer, manifest });
    Ok(Found { name: url.to_string(), path, bytes, place })
}

fn in_folder(url: &Url, terms: &Terms) -> Result<Url, SourceError> {
    let Some(version) = &terms.version else {
        return Err(SourceError::NoManifest {
            place: url.to_string(),
            of: " that is named".to_owned(),
            hint: format!(
                "--release VERSION names the one in this folder, or give the address of a *{FILE_END}"
            ),
        });
    };
    let mut folder = url.clone();
    if let Ok(mut path) = folder.path_segments_mut() {
        path.pop_if_empty().push(&format!("{MODULE}-windows-{version}{FILE_END}"));
    }
    Ok(folder)
}

impl Mirror {
    /// A small file of it, if it is there.
    pub(super) fn small(&self, name: &str) -> Result<Option<Vec<u8>>, SourceError> {
        self.transfer.small(&self.url_of(name))
    }

    fn url_of(&self, name: &str) -> Url {
        let mut url = self.manifest.clone();
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop().push(name);
        }
        url
    }

    /// Brings a file of it here.
    pub(super) fn obtain(
        &self,
        place: &str,
        wanted: &ArchiveRecord,
        events: &Events,
    ) -> Result<Obtained, SourceError> {
        self.transfer.bring(place, &self.url_of(&wanted.name), wanted, events)
    }
}
