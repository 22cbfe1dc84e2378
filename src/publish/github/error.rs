//! What can go wrong with GitHub.

use std::time::Duration;

use super::retry::Answer;
use crate::model::digest::Sha256;
use crate::sys::files::FileError;
use crate::sys::github::address::AddressError;
use crate::sys::github::token::TokenError;

/// Why a release is not on GitHub.
#[derive(Debug, thiserror::Error)]
pub enum GitHubError {
    /// An address cannot be used.
    #[error(transparent)]
    Address(#[from] AddressError),
    /// There is no token.
    #[error(transparent)]
    Token(#[from] TokenError),
    /// A file cannot be read.
    #[error(transparent)]
    File(#[from] FileError),
    /// Connections cannot be made at all.
    #[error(
        "cannot connect to anything: {reason}\nhint: install the system's CA certificates (Debian: ca-certificates)"
    )]
    Setup {
        /// Why.
        reason: String,
    },
    /// The token is not valid.
    #[error(
        "{api} does not know the token: {message}\nhint: it may have expired, or be of another server; make a new one"
    )]
    BadToken {
        /// The API.
        api: String,
        /// What it says.
        message: String,
    },
    /// The token may not do this.
    #[error(
        "the token may not {what}: {message}\nhint: a fine-grained token needs the permission Contents: read and write for this repository, a classic one the scope repo or public_repo, a workflow `permissions: contents: write`; an organisation with SSO has to authorize it"
    )]
    Forbidden {
        /// What was asked for.
        what: String,
        /// What GitHub says.
        message: String,
    },
    /// There is no such repository, or the token does not see it.
    #[error(
        "there is no repository {repository} at {api}, or the token may not see it\nhint: look at the name, and at the repositories that the token is for"
    )]
    NoRepository {
        /// Which.
        repository: String,
        /// The API.
        api: String,
    },
    /// It is archived.
    #[error(
        "{repository} is archived: nothing can be published there\nhint: unarchive it in its settings, or publish elsewhere"
    )]
    Archived {
        /// Which.
        repository: String,
    },
    /// A tag that git does not take.
    #[error("'{tag}' cannot be the name of a tag\nhint: tags look like mod_wsgi-6.1.1")]
    BadTag {
        /// The tag.
        tag: String,
    },
    /// The tag is not there, and must not be made.
    #[error(
        "{repository} has no tag {tag}\nhint: push the tag first, name another one with --tag, or leave out --verify-tag to have it made"
    )]
    NoTag {
        /// The repository.
        repository: String,
        /// The tag.
        tag: String,
    },
    /// Names that would not stay.
    #[error("GitHub would rename {}\nhint: nothing was sent; names have letters, digits and _ + @ - . alone", names.join(", "))]
    Names {
        /// The names, and what they would become.
        names: Vec<String>,
    },
    /// Two names that differ in case alone.
    #[error(
        "two files are called {name}, but for upper and lower case\nhint: nothing was sent; rename one of them"
    )]
    SameName {
        /// The name in lower case.
        name: String,
    },
    /// An asset that GitHub does not take.
    #[error(
        "{name} has {size} bytes\nhint: nothing was sent; GitHub takes assets of 1 byte to just below 2 GiB"
    )]
    Size {
        /// Its name.
        name: String,
        /// Its size.
        size: u64,
    },
    /// Too many assets.
    #[error("the release would have {} assets, {ours} of ours and {others} of others\nhint: nothing was sent; GitHub takes {most}", ours + others)]
    TooMany {
        /// So many are ours.
        ours: usize,
        /// So many are there.
        others: usize,
        /// So many go.
        most: usize,
    },
    /// Notes that are too long.
    #[error(
        "the text of the release would have {length} characters\nhint: nothing was sent; GitHub takes {most}"
    )]
    NotesTooLong {
        /// So many it has.
        length: usize,
        /// So many go.
        most: usize,
    },
    /// A release of the tag is published.
    #[error(
        "{url} is published already and is not this release: {}\nhint: nothing was sent; add --into-existing to add what is missing, or name another tag with --tag",
        listed(faults)
    )]
    PublishedAlready {
        /// Its page.
        url: String,
        /// What differs.
        faults: Vec<String>,
    },
    /// A published release has the names with other bytes.
    #[error(
        "{url} is published with other bytes than these: {}\nhint: nothing was sent; what is published is never overwritten; publish a new version, or under another tag",
        listed(names)
    )]
    Differs {
        /// Its page.
        url: String,
        /// The assets.
        names: Vec<String>,
    },
    /// The published release cannot be changed.
    #[error(
        "{url} is immutable: GitHub locks its assets\nhint: nothing was sent; publish a new version, or under another tag"
    )]
    Immutable {
        /// Its page.
        url: String,
    },
    /// The tag was used by an immutable release.
    #[error(
        "the tag {tag} was used by an immutable release that was deleted; GitHub never gives it out again\nhint: publish under another tag with --tag"
    )]
    BurnedTag {
        /// The tag.
        tag: String,
    },
    /// A draft that modfarm did not make.
    #[error(
        "{url} is a draft for {tag} that modfarm did not make\nhint: nothing was sent; publish it, delete it, or add --into-existing to put the files into it; it stays a draft then"
    )]
    ForeignDraft {
        /// Its page.
        url: String,
        /// The tag.
        tag: String,
    },
    /// Another run has put other bytes into the draft.
    #[error(
        "another run took the draft {url} for a release with the manifest {theirs}; ours is {ours}\nhint: decide which of the two builds is to be published, end the other run, and run that one again"
    )]
    Overtaken {
        /// The draft's page.
        url: String,
        /// Their manifest.
        theirs: Sha256,
        /// Ours.
        ours: Sha256,
    },
    /// The server redirects what must not be redirected.
    #[error(
        "{what}: {answer}\nhint: the token was not sent on; give the address that it leads to with --api-url, or the repository's new name"
    )]
    Redirected {
        /// What was asked for.
        what: String,
        /// What the server said.
        answer: String,
    },
    /// The server said no.
    #[error("cannot {what}: {}{}", answer.words(), hint(answer))]
    Answered {
        /// What was asked for.
        what: String,
        /// What it said.
        answer: Box<Answer>,
    },
    /// The server said something that cannot be understood.
    #[error(
        "cannot {what}: the answer is not what GitHub's API gives: {reason}\nhint: look at --api-url, GITHUB_API_URL and GH_HOST"
    )]
    Unexpected {
        /// What was asked for.
        what: String,
        /// Why.
        reason: String,
    },
    /// The patience is at its end.
    #[error("gave up after {} s lost to limits and faults ({what}: {reason}); {reached}\nhint: run the same command again, it goes on from there; --patience SECONDS waits longer", limit.as_secs())]
    OutOfPatience {
        /// What was asked for last.
        what: String,
        /// What came of it.
        reason: String,
        /// How far it came.
        reached: String,
        /// How much patience there was.
        limit: Duration,
    },
    /// GitHub gave an asset another name.
    #[error(
        "GitHub called {name} {kept}\nhint: the release was not published; please report this, and rename the file"
    )]
    Renamed {
        /// Ours.
        name: String,
        /// Theirs.
        kept: String,
    },
    /// A file changed while it was sent.
    #[error(
        "{name} changed while it was sent\nhint: the release was not published; leave the folder alone and run the same command again"
    )]
    FileChanged {
        /// Its name.
        name: String,
    },
    /// The page shows something else than what was published.
    #[error(
        "{tag} was published, but shows another release ({url})\nhint: look at the page: somebody else published for the same tag at the same time"
    )]
    OtherRelease {
        /// The tag.
        tag: String,
        /// What it shows.
        url: String,
    },
    /// What was being filled is gone or no longer the one.
    #[error("{reason}")]
    Moved {
        /// What happened.
        reason: String,
    },
}

fn listed(names: &[String]) -> String {
    const SHOWN: usize = 5;
    match names.len() {
        0 => "the assets differ".to_owned(),
        count if count > SHOWN => {
            format!("{} and {} more", names[..SHOWN].join(", "), count - SHOWN)
        }
        _ => names.join(", "),
    }
}

fn hint(answer: &Answer) -> &'static str {
    match answer.status {
        401 | 403 => "\nhint: look at the permissions of the token",
        422 => "\nhint: GitHub does not take this; what it says above is the reason",
        _ => "\nhint: run the same command again; it goes on from where this one came to",
    }
}
