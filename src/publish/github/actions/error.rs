//! What can go wrong with a workflow and its runs.

use std::time::Duration;

use super::super::GitHubError;
use crate::model::digest::Sha256;
use crate::sys::files::FileError;
use crate::sys::web::WebError;

/// Why a workflow did not give what it should.
#[derive(Debug, thiserror::Error)]
pub enum ActionsError {
    /// The same that can go wrong with publishing.
    #[error(transparent)]
    GitHub(GitHubError),
    /// A file of it cannot be brought here.
    #[error(transparent)]
    Web(#[from] WebError),
    /// A file cannot be read or written.
    #[error(transparent)]
    File(#[from] FileError),
    /// The token may not do this.
    #[error(
        "the token may not {what}: {message}\nhint: a fine-grained token needs the permission Actions: read and write for this repository, a classic one the scope repo; an organisation with SSO has to authorize it"
    )]
    Forbidden {
        /// What was asked for.
        what: String,
        /// What GitHub says.
        message: String,
    },
    /// There is no such workflow.
    #[error(
        "{repository} has no workflow {workflow} that the token may see\nhint: it is the name of a file in .github/workflows of the default branch; name another one with --workflow; a fine-grained token needs the permission Actions: read and write"
    )]
    NoWorkflow {
        /// The repository.
        repository: String,
        /// The workflow's file.
        workflow: String,
    },
    /// It is switched off.
    #[error(
        "the workflow {workflow} of {repository} is switched off ({state})\nhint: switch it on: `gh workflow enable {workflow} --repo {repository}`, or on its page"
    )]
    Disabled {
        /// The repository.
        repository: String,
        /// The workflow's file.
        workflow: String,
        /// GitHub's word for it.
        state: String,
    },
    /// GitHub does not start it like this.
    #[error(
        "GitHub does not start {workflow} on {branch}: {message}\nhint: look at `on: workflow_dispatch` and its inputs in .github/workflows/{workflow} there; --ref names another branch or tag"
    )]
    NotStarted {
        /// The workflow's file.
        workflow: String,
        /// The branch or tag.
        branch: String,
        /// What GitHub says.
        message: String,
    },
    /// It was started, but which run it is cannot be told.
    #[error(
        "{workflow} was started, but {}\nhint: find it at {url} and follow it with --run ID",
        which(runs)
    )]
    NotFound {
        /// The workflow's file.
        workflow: String,
        /// The runs that it may be.
        runs: Vec<u64>,
        /// The page of its runs.
        url: String,
    },
    /// There is no such run.
    #[error("{repository} has no run {run}\nhint: the number is at the end of its page's address")]
    NoRun {
        /// Its number.
        run: u64,
        /// The repository.
        repository: String,
    },
    /// It cannot run again.
    #[error(
        "run {run} cannot run again: {message}\nhint: {url} shows why; without --run a new one is started"
    )]
    NotAgain {
        /// Its number.
        run: u64,
        /// Its page.
        url: String,
        /// What GitHub says.
        message: String,
    },
    /// The run left nothing of this name.
    #[error(
        "run {run} has no artifact '{name}'; it has {}\nhint: the workflow has to upload the release's folder under this name; {url} shows what it did",
        listed(others)
    )]
    NoArtifact {
        /// The run.
        run: u64,
        /// Its page.
        url: String,
        /// The artifact.
        name: String,
        /// What is there.
        others: Vec<String>,
    },
    /// GitHub has deleted it.
    #[error(
        "the artifact '{name}' of run {run} is no longer there{}\nhint: start the workflow again: the same command without --run", when.as_ref().map_or(String::new(), |when| format!(": it expired on {when}"))
    )]
    Expired {
        /// The run.
        run: u64,
        /// The artifact.
        name: String,
        /// When it expired.
        when: Option<String>,
    },
    /// It is too large.
    #[error(
        "the artifact '{name}' has {size} bytes, and a release has at most {most}\nhint: nothing was fetched; look at what the workflow uploads"
    )]
    TooLarge {
        /// The artifact.
        name: String,
        /// Its size.
        size: u64,
        /// The most.
        most: u64,
    },
    /// It does not come.
    #[error(
        "cannot fetch the artifact '{name}': {reason}\nhint: look at the network and the proxy (HTTPS_PROXY, NO_PROXY), then add --run {run}: nothing is built again, and what has come is gone on with"
    )]
    NotBrought {
        /// The run.
        run: u64,
        /// The artifact.
        name: String,
        /// Why.
        reason: String,
    },
    /// What came is not what GitHub says it is.
    #[error(
        "the artifact '{name}' is not what GitHub says: its SHA-256 is {found}, and should be {expected}\nhint: nothing of it was kept; something between here and GitHub changed it; run the same command again with --run {run}"
    )]
    Wrong {
        /// The run.
        run: u64,
        /// The artifact.
        name: String,
        /// What it has.
        found: Sha256,
        /// What it should have.
        expected: Sha256,
    },
    /// The patience is at its end.
    #[error(
        "gave up after {} s lost to limits and faults ({what}: {reason}){}\nhint: {}; --patience SECONDS waits longer", limit.as_secs(), goes_on(*run), again(*run)
    )]
    OutOfPatience {
        /// What was asked for last.
        what: String,
        /// What came of it.
        reason: String,
        /// How much patience there was.
        limit: Duration,
        /// The run that was followed.
        run: Option<u64>,
    },
}

impl ActionsError {
    /// The same of a run that goes on without us.
    pub(super) fn of_run(self, id: u64) -> Self {
        match self {
            Self::OutOfPatience { what, reason, limit, .. } => {
                Self::OutOfPatience { what, reason, limit, run: Some(id) }
            }
            other => other,
        }
    }
}

impl From<GitHubError> for ActionsError {
    fn from(error: GitHubError) -> Self {
        match error {
            GitHubError::Forbidden { what, message } => Self::Forbidden { what, message },
            GitHubError::OutOfPatience { what, reason, limit, .. } => {
                Self::OutOfPatience { what, reason, limit, run: None }
            }
            GitHubError::Answered { what, answer } if answer.status == 403 => {
                Self::Forbidden { what, message: answer.message }
            }
            other => Self::GitHub(other),
        }
    }
}

fn which(runs: &[u64]) -> String {
    let numbers: Vec<String> = runs.iter().map(u64::to_string).collect();
    match numbers[..] {
        [] => "its run does not appear in GitHub's list".to_owned(),
        _ => format!("its run may be any of {}", numbers.join(", ")),
    }
}

fn listed(names: &[String]) -> String {
    const SHOWN: usize = 8;
    match names.len() {
        0 => "none at all".to_owned(),
        count if count > SHOWN => {
            format!("{} and {} more", names[..SHOWN].join(", "), count - SHOWN)
        }
        _ => names.join(", "),
    }
}

fn goes_on(run: Option<u64>) -> &'static str {
    if run.is_some() { "; the run goes on there" } else { "" }
}

fn again(run: Option<u64>) -> String {
    match run {
        Some(run) => format!("add --run {run} to follow it again"),
        None => "run the same command again".to_owned(),
    }
}
