//! Where a release is had from: GitHub, a mirror of static files, a folder. Its manifest is read first, and
//! every other file is compared with that before it has its name.

mod error;
mod folder;
mod github;
mod mirror;
mod origin;
mod transfer;

use camino::{Utf8Path, Utf8PathBuf};
use tokio_util::sync::CancellationToken;
use url::Url;

use self::folder::Folder;
use self::github::GitHub;
use self::mirror::Mirror;
use super::reference::{Reference, ReferenceError};
use crate::model::digest::Sha256;
use crate::model::event::Events;
use crate::model::harmless::is_file_name;
use crate::model::manifest::{ArchiveRecord, FILE_END, Manifest};
use crate::model::version::Version;
use crate::sys::files;
use crate::sys::github::address::{Api, is_loopback};
use crate::sys::github::token::Token;

pub use error::SourceError;
pub use origin::Origin;

/// GitHub takes no larger files.
const LARGEST: u64 = 2 << 30;

/// How a release is had.
#[derive(Clone, Debug)]
pub struct Terms {
    /// The version that is wanted, where there may be several.
    pub version: Option<Version>,
    /// The digest that its manifest must have.
    pub manifest_sha256: Option<Sha256>,
    /// GitHub's API.
    pub api: Api,
    /// The token for it.
    pub token: Option<Token>,
    /// Where downloads are kept until they are whole.
    pub cache: Utf8PathBuf,
    /// Whether the run was given up.
    pub stop: CancellationToken,
}

/// A release that can be had, by its manifest.
#[derive(Debug)]
pub struct Source {
    /// Where it is, for people: `github:OWNER/REPO, release TAG`.
    pub name: String,
    /// Its manifest.
    pub reference: Reference,
    /// The bytes of that.
    pub manifest: Vec<u8>,
    place: Place,
}

#[derive(Debug)]
enum Place {
    Folder(Folder),
    Mirror(Mirror),
    GitHub(GitHub),
}

/// A file of the release, whole and compared.
#[derive(Debug)]
pub struct Obtained {
    /// Where it lies.
    pub path: Utf8PathBuf,
    /// Whether it lies there for us alone.
    is_ours: bool,
}

/// A manifest as it was found, not yet looked into.
struct Found {
    name: String,
    /// Its address or path.
    path: Utf8PathBuf,
    bytes: Vec<u8>,
    place: Place,
}

impl Source {
    /// Finds a release and reads its manifest.
    pub fn open(origin: &Origin, terms: &Terms, events: &Events) -> Result<Self, SourceError> {
        let found = match origin {
            Origin::GitHub { repository, tag } => github::find(repository, tag.as_deref(), terms)?,
            Origin::Mirror(url) => {
                warn_of_plain_text(url, terms, events);
                mirror::find(url, terms)?
            }
            Origin::Folder(path) => folder::find(path, terms)?,
        };
        let Found { name, path, bytes, place } = found;
        let reference = examine(&name, &path, &bytes, terms)?;
        Ok(Self { name, reference, manifest: bytes, place })
    }

    /// What it says of itself.
    #[must_use]
    pub fn manifest(&self) -> &Manifest {
        &self.reference.manifest
    }

    /// A small file of it, if it is there. What it is worth is for the caller to say.
    pub fn small(&self, name: &str) -> Result<Option<Vec<u8>>, SourceError> {
        match &self.place {
            Place::Folder(folder) => folder.small(name),
            Place::Mirror(mirror) => mirror.small(name),
            Place::GitHub(github) => github.small(name),
        }
    }

    /// Brings a file of it here, whole and compared.
    pub fn obtain(&self, wanted: &ArchiveRecord, events: &Events) -> Result<Obtained, SourceError> {
        match &self.place {
            Place::Folder(folder) => folder.obtain(wanted),
            Place::Mirror(mirror) => mirror.obtain(&self.name, wanted, events),
            Place::GitHub(github) => github.obtain(&self.name, wanted, events),
        }
    }
}

impl Drop for Obtained {
    /// What lies there for us alone is taken away.
    fn drop(&mut self) {
        if self.is_ours
            && let Err(error) = files::remove_file(&self.path)
        {
            tracing::warn!(%error, "a download is left in the cache");
        }
    }
}

/// What is in a manifest, as far as that can be believed.
fn examine(
    name: &str,
    path: &Utf8Path,
    bytes: &[u8],
    terms: &Terms,
) -> Result<Reference, SourceError> {
    let found = Sha256::of(bytes);
    let place = || name.to_owned();
    if let Some(expected) = terms.manifest_sha256.filter(|expected| *expected != found) {
        return Err(SourceError::Untrusted { place: place(), found, expected });
    }
    if is_page(bytes) {
        return Err(SourceError::Page { path: path.to_string() });
    }
    let reference = Reference::of(path, bytes).map_err(|error| match error {
        ReferenceError::Unreadable { reason, .. } => {
            SourceError::Unreadable { path: path.to_string(), reason }
        }
        other => other.into(),
    })?;
    let manifest = &reference.manifest;
    let mut names = manifest.archives.iter().map(|archive| &archive.name);
    let module = [&manifest.module.name];
    if let Some(name) = names.by_ref().chain(module).find(|name| !is_file_name(name)) {
        return Err(SourceError::Name { place: place(), name: name.clone() });
    }
    if let Some(ArchiveRecord { name, size, .. }) =
        manifest.archives.iter().find(|archive| archive.size > LARGEST)
    {
        return Err(SourceError::Size { place: place(), name: name.clone(), size: *size });
    }
    match &terms.version {
        Some(wanted) if *wanted != manifest.module.version => {
            let (found, wanted) = (manifest.module.version.to_string(), wanted.to_string());
            Err(SourceError::OtherVersion { place: place(), found, wanted })
        }
        _ => Ok(reference),
    }
}

fn is_page(bytes: &[u8]) -> bool {
    bytes.trim_ascii_start().starts_with(b"<")
}

/// Over plain text anybody on the way may change the manifest, and all else with it.
fn warn_of_plain_text(url: &Url, terms: &Terms, events: &Events) {
    if url.scheme() == "http" && !is_loopback(url) && terms.manifest_sha256.is_none() {
        let hint = "--manifest-sha256 with the digest from the page of the release makes sure";
        events.warn(
            format!("{url} is not encrypted: others may change what comes"),
            Some(hint.into()),
        );
    }
}

/// The version in the name of a manifest: the 6.1.1 of `mod_wsgi-windows-6.1.1.manifest.json`.
fn version_in(name: &str) -> Option<Version> {
    let stem = name.strip_suffix(FILE_END)?;
    stem.rsplit_once("-windows-")?.1.parse().ok()
}

/// `, of version 6.1.1`, where one was asked for.
fn of_version(terms: &Terms) -> String {
    terms.version.as_ref().map_or_else(String::new, |version| format!(" of version {version}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_others_may_change_is_warned_of() {
        let warned = |url: &str, manifest_sha256| {
            let terms = Terms {
                version: None,
                manifest_sha256,
                api: Api::choose(None, |_| None).unwrap(),
                token: None,
                cache: Utf8PathBuf::new(),
                stop: CancellationToken::new(),
            };
            let (events, heard) = Events::stream();
            warn_of_plain_text(&Url::parse(url).unwrap(), &terms, &events);
            drop(events);
            heard.iter().count()
        };
        assert_eq!(warned("http://mirror.example/", None), 1);
        assert_eq!(warned("http://mirror.example/", Some(Sha256::of(b""))), 0);
        assert_eq!(warned("https://mirror.example/", None), 0);
        assert_eq!(warned("http://127.0.0.1:80/", None), 0);
    }

    #[test]
    fn a_manifest_says_its_version_in_its_name() {
        let version = |name| version_in(name).map(|version| version.to_string());
        assert_eq!(version("mod_wsgi-windows-6.1.1.manifest.json").as_deref(), Some("6.1.1"));
        assert_eq!(
            [version("x.manifest.json"), version("mod_wsgi-windows-6.1.1.zip")],
            [None, None]
        );
    }
}
