//! How a runner is reached: the stream to its worker, and what was learnt of it.

mod child;
mod cluster;
mod greeting;
mod opening;
mod probe;
mod refusal;
mod said;
mod ssh;

use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};
use tokio::process::{Child, Command};

pub use self::cluster::Cluster;
pub use self::probe::{Answer, probe};
pub use self::ssh::Ssh;

pub(super) use self::refusal::{Ending, explain};
pub(super) use self::said::quoted;
pub(super) use self::ssh::{check_host, check_program};

use self::greeting::{GREETING, Wrong, greet_child};
use self::said::Said;
use super::client::{Client, Peer, Terms};
use super::{FarmError, Runner};
use crate::model::toolset::Toolset;
use crate::sys::process;
use crate::worker::Hello;

/// How a runner is reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Connection {
    /// A worker that is started on this machine.
    Local {
        /// The folder of its content store.
        store: Utf8PathBuf,
    },
    /// A worker that is started on another machine.
    Ssh(Ssh),
    /// A server that runs already.
    Cluster(Cluster),
}

impl Connection {
    /// How a runner is reached, for people: `local`, `ssh build1`, `grpcs://farm:8980`.
    #[must_use]
    pub fn place(&self) -> String {
        match self {
            Self::Local { .. } => "local".to_owned(),
            Self::Ssh(ssh) => ssh.to_string(),
            Self::Cluster(cluster) => cluster.address.clone(),
        }
    }
}

/// A worker that was reached and has answered.
#[derive(Debug)]
pub(super) struct Link {
    pub(super) client: Client,
    pub(super) toolsets: Vec<Toolset>,
    /// How many jobs it takes at once.
    pub(super) jobs: usize,
    /// The version of modfarm there; an engine of others says none.
    pub(super) modfarm: Option<String>,
    /// What came before the protocol, mostly nothing.
    pub(super) banner: String,
    /// The process that is to be waited for; a cluster has none here.
    child: Option<Child>,
}

impl Link {
    /// Reaches a runner's worker and greets it.
    pub(super) async fn open(runner: &Runner, program: &Utf8Path) -> Result<Self, FarmError> {
        match &runner.connection {
            Connection::Local { store } => {
                let mut command = Command::from(process::command(program));
                command.args(["worker", "--store", store.as_str()]);
                Self::start(runner, command, program, Peer::Local).await
            }
            Connection::Ssh(ssh) => {
                let command = ssh.command(&[&ssh.program, "worker"]).await;
                Self::start(runner, command, Utf8Path::new("ssh"), Peer::Remote).await
            }
            Connection::Cluster(cluster) => {
                let greeting = |reason| FarmError::Greeting {
                    runner: runner.name.clone(),
                    reason,
                    said: String::new(),
                };
                cluster::reach(&runner.name, cluster).await.map_err(greeting)
            }
        }
    }

    /// Starts the process at whose other end a worker is.
    async fn start(
        runner: &Runner,
        mut command: Command,
        program: &Utf8Path,
        peer: Peer,
    ) -> Result<Self, FarmError> {
        let mut child = child::start(&mut command).map_err(|source| FarmError::Start {
            runner: runner.name.clone(),
            program: program.to_owned(),
            source,
        })?;
        let said = Said::default();
        let hearing = child
            .stderr
            .take()
            .map(|stderr| tokio::spawn(said.clone().listen(runner.name.clone(), stderr)));
        let greeted = tokio::time::timeout(GREETING, greet_child(&mut child, Terms::new(peer, "")));
        let wrong = match greeted.await.unwrap_or(Err(Wrong::Silent)) {
            Ok((wire, terms, hello, banner)) => {
                let client = Client::new(&runner.name, wire, terms);
                let Hello { toolsets, jobs, modfarm, .. } = hello;
                return Ok(Self {
                    client,
                    toolsets,
                    jobs: jobs.unwrap_or(1),
                    modfarm: Some(modfarm),
                    banner,
                    child: Some(child),
                });
            }
            Err(wrong) => wrong,
        };
        let code = match wrong {
            Wrong::NoWorker { .. } => child::exit_code(&mut child).await,
            Wrong::Silent | Wrong::Worker { .. } => None,
        };
        child::end(child).await;
        if let Some(hearing) = hearing {
            // Whatever holds its standard error open, all that matters was said.
            drop(tokio::time::timeout(Duration::from_secs(1), hearing).await);
        }
        Err(wrong.into_error(runner, code, said.text()))
    }

    /// Ends the worker and waits for its end.
    pub(super) async fn close(self) {
        let Self { client, child, .. } = self;
        client.end_all().await;
        drop(client);
        if let Some(child) = child {
            child::end(child).await;
        }
    }
}
