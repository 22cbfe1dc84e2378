//! Where things are built: the runners, the roots and the folder of caches; the arguments that `plan`,
//! `build`, `assemble`, `release` and `runners` share.

use camino::{Utf8Path, Utf8PathBuf};

use super::Failure;
use crate::farm::runner_file::{RunnerFile, RunnerFileError};
use crate::farm::runs;
use crate::pipeline::{OnActions, WorkshopRequest};
use crate::roots::catalogue::{ApacheArgument, PythonArgument};
use crate::sys::files::{self, FileError};

/// Where things are built.
#[derive(Debug, clap::Args)]
pub(super) struct Site {
    /// A runner's file, or a folder of such; repeatable; without it every runners/*.yaml beside the matrix
    #[arg(long, value_name = "FILE")]
    runner: Vec<Utf8PathBuf>,
    /// How many jobs a runner runs at once; without it what its file says, or one a core
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    slots: Option<u16>,
    /// An Apache to build against, before all others: Apache24-win64-VS17=DIR or 2.4-win64=DIR
    #[arg(long, value_name = "WHICH=DIR")]
    apache_root: Vec<ApacheArgument>,
    /// A Python to build against, before all others: 3.13-win64=DIR
    #[arg(long, value_name = "WHICH=DIR")]
    python_root: Vec<PythonArgument>,
    /// What is kept between runs: what was built and downloaded, logs, journals
    #[arg(long, value_name = "DIR", env = "MODFARM_STATE", default_value = ".modfarm")]
    state: Utf8PathBuf,
}

/// So many runs' journals and logs are kept.
const KEPT_RUNS: usize = 20;

impl Site {
    /// The folder of what is kept between runs.
    pub(super) fn state(&self) -> &Utf8Path {
        &self.state
    }

    /// Puts another in its place.
    pub(super) fn in_state(&mut self, state: &Utf8Path) {
        state.clone_into(&mut self.state);
    }

    /// Takes the runners of GitHub Actions beside the matrix, where none is named.
    pub(super) fn of_actions(&mut self, matrix: &str) {
        let folder = files::parent(Utf8Path::new(matrix)).join("runners/github");
        if self.runner.is_empty() && files::is_dir(&folder) {
            self.runner.push(folder);
        }
    }

    /// Whether a runner was named or stands beside the matrix. A plan is worth seeing without one.
    pub(super) fn has_runners(&self, matrix: &str) -> bool {
        let runners = self.runners(Utf8Path::new(matrix));
        !matches!(runners, Err(RunnerFileError::None { .. }))
    }

    /// The workshop's request, for a matrix file. Runners of GitHub Actions are refused when it is opened.
    pub(super) fn workshop(&self, matrix: &str) -> Result<WorkshopRequest, Failure> {
        let runners = self.runners(Utf8Path::new(matrix)).map_err(|error| {
            let place = error.place();
            Failure::bad_input(error).at(place)
        })?;
        Ok(self.request(runners))
    }

    /// The same, with runners of GitHub Actions taken as their files declare them.
    pub(super) fn declared(&self, matrix: &str) -> Result<WorkshopRequest, Failure> {
        Ok(WorkshopRequest { on_actions: OnActions::Declared, ..self.workshop(matrix)? })
    }

    /// The same, where there may be no runner at all.
    pub(super) fn planning(&self, matrix: &str) -> Result<WorkshopRequest, Failure> {
        if self.has_runners(matrix) {
            return self.declared(matrix);
        }
        Ok(self.request(Vec::new()))
    }

    fn request(&self, runners: Vec<RunnerFile>) -> WorkshopRequest {
        WorkshopRequest {
            runners,
            on_actions: OnActions::default(),
            slots: self.slots.map(usize::from),
            apaches: self.apache_root.clone(),
            pythons: self.python_root.clone(),
            run: new_run(&self.state),
            state: self.state.clone(),
        }
    }

    fn runners(&self, matrix: &Utf8Path) -> Result<Vec<RunnerFile>, RunnerFileError> {
        if self.runner.is_empty() {
            return RunnerFile::load_all(&files::parent(matrix).join("runners"));
        }
        let mut paths = Vec::new();
        for named in &self.runner {
            if files::is_dir(named) {
                paths.extend(RunnerFile::files_in(named)?);
            } else {
                paths.push(named.clone());
            }
        }
        RunnerFile::load_these(&paths)
    }
}

/// Removes the journals and logs in a folder of state, of all but the latest runs.
pub(super) fn forget_old_runs(state: &Utf8Path) -> Result<(), FileError> {
    runs::forget_old(state, KEPT_RUNS)
}

/// The folder of a run that begins now.
pub(super) fn new_run(state: &Utf8Path) -> Utf8PathBuf {
    let now = jiff::Timestamp::now().strftime("%Y%m%dT%H%M%S%3fZ");
    runs::folder(state).join(format!("{now}-{}", std::process::id()))
}
