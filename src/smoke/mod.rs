//! A real Apache with a real Python loads a file and serves pages with it: natively on Windows, under
//! Wine on Linux. What was seen is said in the words of `model::smoke`; a failure names its likely cause.

mod ask;
mod cause;
pub mod checks;
mod conf;
mod configuration;
mod host;
mod log;
pub mod memory;
pub mod native;
mod reasons;
mod said;
mod server;
mod system;
#[cfg_attr(windows, allow(dead_code, reason = "Windows needs none"))]
mod wine;
pub mod words;

use std::io;
use std::time::{Duration, Instant};

use bytes::Bytes;
use camino::Utf8PathBuf;
use tokio_util::sync::CancellationToken;

use crate::model::python::PythonTag;
use crate::model::smoke::Smoke;
use crate::model::version::Version;
use crate::sys::files::{self, FileError};

pub use configuration::Judgement;
pub use host::Host;
pub use reasons::NotRun;
pub use system::System;

use server::Server;

/// How long an Apache has to answer its first request, and then each of the others. It takes two seconds
/// under Wine; a busy machine needs more.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// How often it is tried where somebody else was quicker with the port, or where the system started no
/// process for Apache.
const TRIES: usize = 4;

/// A file to try, and everything it is tried with.
#[derive(Clone, Debug)]
pub struct Trial {
    /// The module: `mod_wsgi`.
    pub module: String,
    /// The file's name, which is also the name it is loaded by.
    pub file_name: String,
    /// The file.
    pub file: Bytes,
    /// What it says of itself.
    pub claim: Claim,
    /// The Apache and the Python.
    pub host: Host,
    /// What an administrator may get wrong; by default all is right.
    pub setting: Setting,
    /// The folder for configuration, scripts and logs; made anew, and kept where a check failed.
    pub folder: Utf8PathBuf,
}

/// What a file says of itself, as far as it does.
#[derive(Clone, Debug, Default)]
pub struct Claim {
    /// The module's version.
    pub version: Option<Version>,
    /// The Python it is for.
    pub python: Option<PythonTag>,
}

/// What an administrator may get wrong.
#[derive(Clone, Debug, Default)]
pub struct Setting {
    /// No `LoadFile` line names the Python's DLL.
    pub without_load_file: bool,
    /// The Python was not installed for all users: Windows does not know of it.
    pub not_for_all_users: bool,
    /// What `WSGIPythonHome` says, where not the Python's folder.
    pub python_home: Option<Utf8PathBuf>,
    /// The port, where not one that is free.
    pub port: Option<u16>,
}

/// What runs trials.
#[derive(Clone, Debug)]
pub struct Harness {
    /// This very program, to be the guard of what is started.
    pub own: Utf8PathBuf,
    /// What runs an Apache here.
    pub system: System,
    /// See [`PATIENCE`].
    pub patience: Duration,
}

/// Nothing was seen of a file, through no fault of its own.
#[derive(Debug, thiserror::Error)]
pub enum SmokeError {
    /// The run was given up.
    #[error("interrupted")]
    Cancelled,
    /// Wine does not do what it should.
    #[error("Wine cannot be used: {reason}\nhint: try `wine winecfg`; --no-smoke goes without")]
    Wine {
        /// Why.
        reason: String,
    },
    /// A program cannot be started.
    #[error("cannot run {program}: {source}")]
    Start {
        /// Which.
        program: Utf8PathBuf,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// No port is free.
    #[error("there is no free port on 127.0.0.1: {source}")]
    Port {
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// A file cannot be read or written.
    #[error(transparent)]
    File(#[from] FileError),
}

/// What was seen of a file, and how long it took.
#[derive(Clone, Debug)]
pub struct Seen {
    /// What was seen.
    pub result: Smoke,
    /// How long it took.
    pub took: Duration,
}

impl Harness {
    /// Starts an Apache with the file and runs every check; the first that fails ends it. When this
    /// returns, whatever it returns, no process is left.
    pub async fn try_file(
        &self,
        trial: &Trial,
        cancel: &CancellationToken,
    ) -> Result<Seen, SmokeError> {
        let start = Instant::now();
        let mut result = self.once(trial, cancel).await?;
        for _ in 1..TRIES {
            let other_port = trial.setting.port.is_none() && cause::is_port_in_use(&result);
            if !other_port && !cause::is_of_the_system(&result) {
                break;
            }
            result = self.once(trial, cancel).await?;
        }
        if matches!(result, Smoke::Served { .. }) {
            files::remove_dir_all(&trial.folder)?;
        }
        Ok(Seen { result, took: start.elapsed() })
    }

    async fn once(&self, trial: &Trial, cancel: &CancellationToken) -> Result<Smoke, SmokeError> {
        let seat = tokio::select! {
            seat = self.system.seat(&self.own) => seat?,
            () = cancel.cancelled() => return Err(SmokeError::Cancelled),
        };
        let mut server = Server::start(self, trial, seat)?;
        let result = tokio::select! {
            result = checks::run(&mut server) => Ok(result),
            () = cancel.cancelled() => Err(SmokeError::Cancelled),
        };
        server.end().await;
        if result.is_err() {
            files::remove_dir_all(&trial.folder)?;
        }
        result
    }
}

impl Trial {
    /// The symbol that Apache looks for: `wsgi_module`.
    fn symbol(&self) -> String {
        format!("{}_module", self.module.strip_prefix("mod_").unwrap_or(&self.module))
    }
}
