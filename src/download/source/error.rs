//! Why there is no release to be had, or a file of it.

use crate::download::reference::ReferenceError;
use crate::model::digest::Sha256;
use crate::sys::files::FileError;
use crate::sys::github::address::AddressError;
use crate::sys::web::WebError;

/// Why there is no release to be had.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// It is not said where.
    #[error(
        "'{text}' is no place of a release: {reason}\nhint: github:OWNER/REPO, github:OWNER/REPO@TAG, a folder, or the https:// address of a mirror"
    )]
    Origin {
        /// What was given.
        text: String,
        /// What is wrong with it.
        reason: String,
    },
    /// There is no manifest where one should be.
    #[error("{place} has no manifest{of}\nhint: {hint}")]
    NoManifest {
        /// The place.
        place: String,
        /// Of which version, in words.
        of: String,
        /// What to do.
        hint: String,
    },
    /// There are several.
    #[error(
        "{place} has the manifests of several releases: {}\nhint: name the version with --release",
        names.join(", ")
    )]
    Several {
        /// The place.
        place: String,
        /// Their names.
        names: Vec<String>,
    },
    /// The manifest is not the one that is trusted.
    #[error(
        "the manifest of {place} has the SHA-256 {found}, and --manifest-sha256 says {expected}\nhint: nothing was taken; compare the version, and the digest on the page of the release"
    )]
    Untrusted {
        /// The place.
        place: String,
        /// Its digest.
        found: Sha256,
        /// The one that is trusted.
        expected: Sha256,
    },
    /// The manifest is of another version than was asked for.
    #[error("{place} is of version {found}, and --release asks for {wanted}")]
    OtherVersion {
        /// The place.
        place: String,
        /// Its version.
        found: String,
        /// The one asked for.
        wanted: String,
    },
    /// A page came instead of a file.
    #[error(
        "{path} is a page in HTML: a proxy or a login answered instead of the release\nhint: open the address in a browser to see the page; HTTPS_PROXY and NO_PROXY say who is asked"
    )]
    Page {
        /// What was asked for.
        path: String,
    },
    /// The manifest cannot be understood.
    #[error("cannot read {path}: {reason}\nhint: {}", newer_or_broken(reason))]
    Unreadable {
        /// Its address.
        path: String,
        /// Why.
        reason: String,
    },
    /// The manifest names something that is no file of a release.
    #[error(
        "the manifest of {place} names '{name}', which is no name of a file\nhint: nothing was taken; do not use this release"
    )]
    Name {
        /// The place.
        place: String,
        /// The name.
        name: String,
    },
    /// The manifest names something that is larger than any file of a release.
    #[error(
        "the manifest of {place} says that {name} has {size} bytes, more than any archive of a release\nhint: nothing was taken; do not use this release"
    )]
    Size {
        /// The place.
        place: String,
        /// The file.
        name: String,
        /// Its size.
        size: u64,
    },
    /// A file that the manifest names is not there.
    #[error(
        "{place} has no {name}, which its manifest names\nhint: the release is not complete; take another"
    )]
    Missing {
        /// The place.
        place: String,
        /// The file.
        name: String,
    },
    /// A file is not what the manifest says.
    #[error(
        "{name} of {place} is not what the manifest says: {reason}\nhint: nothing was kept of it; if the same comes again, it was changed by somebody: do not use it"
    )]
    Wrong {
        /// The place.
        place: String,
        /// The file.
        name: String,
        /// In what.
        reason: String,
    },
    /// GitHub says something else than it should.
    #[error(
        "cannot understand what {place} answers: {reason}\nhint: is --api-url the address of GitHub's API?"
    )]
    Answer {
        /// The place.
        place: String,
        /// Why.
        reason: String,
    },
    /// An address cannot be used.
    #[error(transparent)]
    Address(#[from] AddressError),
    /// The manifest in a folder cannot be had.
    #[error(transparent)]
    Reference(#[from] ReferenceError),
    /// A server does not give it.
    #[error(transparent)]
    Web(#[from] WebError),
    /// A file cannot be read or written.
    #[error(transparent)]
    File(#[from] FileError),
}

fn newer_or_broken(reason: &str) -> &'static str {
    if reason.contains("of a later modfarm") {
        "take a newer modfarm, or an older release with --release"
    } else {
        "the release is broken, or the address is that of something else"
    }
}
