//! Why there is no release, and no part of one.

use camino::Utf8PathBuf;

use super::parts::PartError;
use crate::farm::FarmError;
use crate::model::cell::CellId;
use crate::model::version::Version;
use crate::plan::{Build, Explanation, Plan, PlanError};
use crate::publish::PublishError;
use crate::publish::github::GitHubError;
use crate::publish::release::FolderError;
use crate::roots::catalogue::CatalogueError;
use crate::roots::lock::LockError;
use crate::roots::running::RunningError;
use crate::roots::{RootError, SourceError};
use crate::smoke::SmokeError;
use crate::sys::files::FileError;
use crate::sys::staging::StagingError;

/// Why there is no release.
#[derive(Debug, thiserror::Error)]
pub enum ReleaseError {
    /// The request makes no plan.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// The module's source cannot be had.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// A root cannot be had.
    #[error(transparent)]
    Root(#[from] CatalogueError),
    /// `matrix.lock` cannot be used.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// No runner can be reached.
    #[error(transparent)]
    Farm(#[from] FarmError),
    /// The release cannot be put where it belongs.
    #[error(transparent)]
    Publish(#[from] PublishError),
    /// A file cannot be read or written.
    #[error(transparent)]
    File(#[from] FileError),
    /// There are cells, but nobody can build any.
    #[error(
        "no runner can build any of the {cells} cells: {reason}\nhint: run runners/cross/setup, or name roots with --apache-root and --python-root"
    )]
    NothingToBuild {
        /// How many cells there are.
        cells: usize,
        /// Why the first of them is not built.
        reason: String,
    },
    /// A runner is a machine of GitHub Actions.
    #[error(
        "runner '{runner}' is a machine that a job of GitHub Actions gets ({file}): nothing can be built on it from here\nhint: `modfarm release --via github` has the workflow build there"
    )]
    OnActions {
        /// The runner.
        runner: String,
        /// Its file.
        file: Utf8PathBuf,
    },
    /// A runner's label is none that the matrix knows.
    #[error(
        "runner '{runner}': the label '{label}' is neither a compiler of the matrix nor an ABI family\nhint: a label is one of {}", known.join(", ")
    )]
    Label {
        /// The runner.
        runner: String,
        /// The label.
        label: String,
        /// What it could be.
        known: Vec<String>,
    },
    /// Jobs failed.
    #[error("{} failed: {}\nhint: nothing was published; the logs are in {logs}; the next run builds only what failed", count(jobs.len()), jobs.join(", "))]
    Failed {
        /// Their names.
        jobs: Vec<String>,
        /// The folder of the logs.
        logs: Utf8PathBuf,
    },
    /// Built files are not what their names say.
    #[error("the inspection refused {}\nhint: nothing was published; the findings stand above", cells.join(", "))]
    Refused {
        /// The cells.
        cells: Vec<String>,
    },
    /// Built files do not work.
    #[error(
        "{} did not pass in a real Apache: {}\nhint: nothing was published; configuration and logs are in {folder}; --allow-failed-smoke publishes all the same and says so",
        cells_count(cells.len()), cells.join(", ")
    )]
    NotServed {
        /// The cells.
        cells: Vec<String>,
        /// The folder with a folder of configuration and logs for each.
        folder: Utf8PathBuf,
    },
    /// What was named to try files with is no installation.
    #[error(transparent)]
    Running(#[from] RunningError),
    /// Files cannot be tried.
    #[error(transparent)]
    Smoke(#[from] SmokeError),
    /// What somebody asks for is never built.
    #[error(
        "{cell} is never built: {reason}\nhint: leave it out; `modfarm plan --explain {cell}` names the line of the matrix that says so"
    )]
    Excluded {
        /// The cell.
        cell: Box<CellId>,
        /// Why.
        reason: String,
    },
    /// What somebody asks for is no cell.
    #[error("{0}")]
    NoCell(Box<Explanation>),
    /// Parts cannot be put together.
    #[error(transparent)]
    Part(#[from] PartError),
    /// A part was written, and not all of it was built.
    #[error(
        "{} of {of} did not come as far as {} should{}\nhint: what was built is in {folder}; `modfarm build --reuse {folder}` builds only the others",
        cells_count(cells.len()), if cells.len() == 1 { "it" } else { "they" }, listed(cells)
    )]
    PartFailed {
        /// The cells, each with its reason.
        cells: Vec<String>,
        /// So many cells were to be built.
        of: usize,
        /// The part.
        folder: Utf8PathBuf,
    },
    /// Some cells are in no part, or failed in all of them.
    #[error(
        "{module} {version} is not released: {} of {of} {} not built{}\nhint: nothing was written; run the jobs of these cells again: only they are built, all others are taken from their parts",
        cells_count(cells.len()), if cells.len() == 1 { "is" } else { "are" }, listed(cells)
    )]
    Incomplete {
        /// The module.
        module: String,
        /// Its version.
        version: Box<Version>,
        /// The cells, each with its reason.
        cells: Vec<String>,
        /// So many cells make the release.
        of: usize,
    },
    /// Ended with Ctrl-C.
    #[error("interrupted\nhint: nothing was published; the next run continues from the cache")]
    Cancelled,
}

fn cells_count(cells: usize) -> String {
    if cells == 1 { "1 cell".to_owned() } else { format!("{cells} cells") }
}

/// One a line; what is more than a person reads is counted.
fn listed(cells: &[String]) -> String {
    const MOST: usize = 40;
    let mut text = String::new();
    for cell in cells.iter().take(MOST) {
        text += &format!("\n  {cell}");
    }
    if cells.len() > MOST {
        text += &format!("\n  and {} more", cells.len() - MOST);
    }
    text
}

fn count(jobs: usize) -> String {
    if jobs == 1 { "1 job".to_owned() } else { format!("{jobs} jobs") }
}

impl ReleaseError {
    /// There are cells, but nobody can build any.
    pub(super) fn nothing_to_build(plan: &Plan) -> Self {
        let reason = plan
            .cells
            .iter()
            .find_map(|cell| match &cell.build {
                Build::Nobody { reason } => Some(reason.clone()),
                Build::By(_) | Build::Never => None,
            })
            .unwrap_or_else(|| "all of them are excluded".to_owned());
        Self::NothingToBuild { cells: plan.cells.len(), reason }
    }

    /// modfarm does not find itself.
    pub(super) fn own_program(source: std::io::Error) -> Self {
        Self::Smoke(SmokeError::Start { program: "modfarm".into(), source })
    }
}

impl From<StagingError> for ReleaseError {
    fn from(error: StagingError) -> Self {
        Self::Publish(error.into())
    }
}

impl From<GitHubError> for ReleaseError {
    fn from(error: GitHubError) -> Self {
        Self::Publish(error.into())
    }
}

impl From<FolderError> for ReleaseError {
    fn from(error: FolderError) -> Self {
        Self::Publish(error.into())
    }
}

impl From<RootError> for ReleaseError {
    fn from(error: RootError) -> Self {
        Self::Root(error.into())
    }
}
