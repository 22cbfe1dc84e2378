//! A packaged release -> its place: a directory, GitHub. The steps are those of [`protocol`], whatever
//! the place; after every one of them a run may end, and the next one goes on.

pub mod directory;
pub mod github;
pub mod protocol;
pub mod release;

use self::github::GitHubError;
use self::release::FolderError;
use crate::sys::files::FileError;
use crate::sys::staging::StagingError;

pub use protocol::publish;
pub use release::Release;

/// Why a release is not in its place.
#[derive(Debug, thiserror::Error)]
pub enum PublishError {
    /// The folder is no release.
    #[error(transparent)]
    Folder(#[from] FolderError),
    /// A directory does not take it.
    #[error(transparent)]
    Directory(#[from] StagingError),
    /// GitHub does not take it.
    #[error(transparent)]
    GitHub(#[from] GitHubError),
    /// Whatever is sent, something is wrong with it there.
    #[error("{place} does not become right: {}\nhint: it was not published; somebody else may be at work there; run the same command again", faults.join(", "))]
    NeverRight {
        /// The place.
        place: String,
        /// What is wrong.
        faults: Vec<String>,
    },
    /// What everybody sees is not what was verified.
    #[error("{place} was published, but is not what was verified: {}\nhint: somebody or something changed it meanwhile; compare it with `modfarm publish --status`", faults.join(", "))]
    ReadBack {
        /// The place.
        place: String,
        /// What is wrong.
        faults: Vec<String>,
    },
}

impl PublishError {
    /// Whether another run changed what this one was at work on, so that the steps begin anew.
    #[must_use]
    pub fn begins_anew(&self) -> bool {
        matches!(self, Self::GitHub(GitHubError::Moved { .. }))
    }
}

impl From<FileError> for PublishError {
    fn from(error: FileError) -> Self {
        Self::Directory(error.into())
    }
}
