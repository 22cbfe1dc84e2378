//! What can go wrong with a release that a workflow builds. Whatever it is after the start says how to go on
//! with the run: the same command again would start another one.

use super::ARTIFACT;
use crate::publish::PublishError;
use crate::publish::github::GitHubError;
use crate::publish::github::actions::ActionsError;
use crate::roots::unpack::UnpackError;
use crate::sys::files::FileError;

/// Why there is no release.
#[derive(Debug, thiserror::Error)]
pub enum ViaError {
    /// The workflow, or a run of it.
    #[error(transparent)]
    Actions(#[from] ActionsError),
    /// The release cannot be put where it belongs.
    #[error(transparent)]
    Publish(#[from] PublishError),
    /// The archive cannot be unpacked, or is not to be.
    #[error(transparent)]
    Unpack(#[from] UnpackError),
    /// A file cannot be read or written.
    #[error(transparent)]
    File(#[from] FileError),
    /// The run did not go well.
    #[error(
        "run {run} ended as '{conclusion}'{}\nhint: nothing was fetched; {url} has everything; --run {run} --rerun-failed runs what failed again and follows it",
        listed(jobs)
    )]
    Failed {
        /// The run.
        run: u64,
        /// Its page.
        url: String,
        /// GitHub's word for how it ended.
        conclusion: String,
        /// The jobs that failed, each with its reason.
        jobs: Vec<String>,
    },
    /// What it left is no release.
    #[error(
        "what run {run} left is not a release: {reason}\nhint: nothing of it was kept; the artifact '{ARTIFACT}' has to be the folder that modfarm made there, whole"
    )]
    NoRelease {
        /// The run.
        run: u64,
        /// What is wrong with it.
        reason: String,
    },
    /// It is another release than was asked for.
    #[error(
        "run {run} made {found}, and {wanted} is wanted\nhint: nothing of it was kept; name its version, or start a run of the one that is wanted"
    )]
    Other {
        /// The run.
        run: u64,
        /// What it made.
        found: String,
        /// What is wanted.
        wanted: String,
    },
    /// Given up before a run was known.
    #[error("interrupted\nhint: {}", if *starting { "the workflow may have been started: look at its page before it is started again" } else { "nothing was started" })]
    Cancelled {
        /// Whether the run was being asked for.
        starting: bool,
    },
    /// Given up while a run went on.
    #[error("interrupted; {}\nhint: {url}; --run {run} follows it again", how.words())]
    Left {
        /// The run.
        run: u64,
        /// Its page.
        url: String,
        /// What becomes of it.
        how: Left,
    },
}

/// What becomes of a run that nobody here follows any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Left {
    /// It goes on.
    Alone,
    /// It was asked to end.
    Ended,
    /// It was to end, and goes on.
    NotEnded,
    /// It had ended before.
    Over,
}

fn listed(jobs: &[String]) -> String {
    jobs.iter().flat_map(|job| ["\n  ", job]).collect()
}

impl Left {
    fn words(self) -> &'static str {
        match self {
            Self::Alone => "the run goes on there, and --cancel-on-interrupt would have ended it",
            Self::Ended => "the run was asked to end",
            Self::NotEnded => "the run could not be asked to end, and goes on there",
            Self::Over => "the run has ended well, and what it made is kept there",
        }
    }
}

impl From<GitHubError> for ViaError {
    fn from(error: GitHubError) -> Self {
        Self::Publish(error.into())
    }
}
