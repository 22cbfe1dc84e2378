//! How a runner is reached: the stream to its worker, and the greeting.

mod channel;
mod child;
mod cluster;
mod said;
mod ssh;

use std::time::Duration;

use bazel_remote_apis::build::bazel::remote::execution::v2 as reapi;
use camino::{Utf8Path, Utf8PathBuf};
use reapi::capabilities_client::CapabilitiesClient;
use tokio::process::{Child, Command};

pub use self::cluster::Cluster;
pub use self::ssh::Ssh;

pub(super) use self::channel::{Wire, over};

use self::said::Said;
use super::client::Client;
use super::{FarmError, Runner};
use crate::model::toolset::Toolset;
use crate::sys::process;
use crate::worker::{FORMAT_VERSION, HELLO, Hello};

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

/// How long a worker has to say hello: it may have to ask its compilers for their versions.
const GREETING: Duration = Duration::from_secs(30);

/// A worker that was reached and has answered.
#[derive(Debug)]
pub(super) struct Link {
    pub(super) client: Client,
    pub(super) toolsets: Vec<Toolset>,
    child: Child,
}

impl Link {
    /// Starts a runner's worker and greets it.
    pub(super) async fn open(runner: &Runner, program: &Utf8Path) -> Result<Self, FarmError> {
        let (mut command, program) = match &runner.connection {
            Connection::Local { store } => {
                let mut command = Command::from(process::command(program));
                command.args(["worker", "--store", store.as_str()]);
                (command, program)
            }
            Connection::Ssh(host) => (ssh::command(host), Utf8Path::new("ssh")),
            Connection::Cluster(_) => {
                return Err(FarmError::Greeting {
                    runner: runner.name.clone(),
                    reason: "clusters are not reached yet".to_owned(),
                    said: String::new(),
                });
            }
        };
        let mut child = child::start(&mut command).map_err(|source| FarmError::Start {
            runner: runner.name.clone(),
            program: program.to_owned(),
            source,
        })?;
        let said = Said::default();
        if let Some(stderr) = child.stderr.take() {
            tokio::spawn(said.clone().listen(runner.name.clone(), stderr));
        }
        let greeted = tokio::time::timeout(GREETING, greet(&mut child)).await;
        let reason = match greeted {
            Ok(Ok((wire, toolsets))) => {
                let client = Client::new(&runner.name, wire);
                return Ok(Self { client, toolsets, child });
            }
            Ok(Err(reason)) => reason,
            Err(_) => format!("it did not answer within {} s", GREETING.as_secs()),
        };
        child::end(child).await;
        Err(FarmError::Greeting { runner: runner.name.clone(), reason, said: said.quoted() })
    }

    /// Ends the worker and waits for its end.
    pub(super) async fn close(self) {
        let Self { client, child, .. } = self;
        drop(client);
        child::end(child).await;
    }
}

async fn greet(child: &mut Child) -> Result<(Wire, Vec<Toolset>), String> {
    let wire = over(child::stream(child)?).await?;
    let capabilities = CapabilitiesClient::new(wire.clone())
        .get_capabilities(reapi::GetCapabilitiesRequest::default())
        .await
        .map_err(|status| {
            format!("what was started is not a modfarm worker, or has ended: {}", status.message())
        })?;
    let hello = capabilities
        .metadata()
        .get_bin(HELLO)
        .and_then(|hello| hello.to_bytes().ok())
        .ok_or("it does not say that it is a modfarm worker")?;
    let hello: Hello = serde_json::from_slice(&hello)
        .map_err(|error| format!("its greeting cannot be read: {error}"))?;
    if hello.format_version != FORMAT_VERSION {
        return Err(format!(
            "its modfarm is {}, this one is {}, and they do not understand each other\n\
             hint: install the same version there",
            hello.modfarm,
            env!("CARGO_PKG_VERSION")
        ));
    }
    Ok((wire, hello.toolsets))
}
