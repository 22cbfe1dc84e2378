//! The greeting: what comes from a worker before it can be used, and what is wrong where it cannot.

use std::time::Duration;

use bazel_remote_apis::build::bazel::remote::execution::v2 as reapi;
use reapi::capabilities_client::CapabilitiesClient;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite};
use tokio::process::Child;

use super::refusal::{self, Ending, Refusal};
use super::{Connection, opening, said};
use crate::farm::client::Terms;
use crate::farm::{FarmError, Runner, harmless};
use crate::model::toolset::Toolset;
use crate::sys::dial::{Wire, over};
use crate::worker::{FORMAT_VERSION, HELLO, Hello};

/// How long a worker has to say hello: it may have to ask its compilers for their versions.
pub(super) const GREETING: Duration = Duration::from_secs(30);

/// Why there was no greeting.
#[derive(Debug)]
pub(super) enum Wrong {
    /// Nothing came in time.
    Silent,
    /// What was started ended, or does not speak the protocol; what it printed.
    NoWorker { printed: String, endless: bool },
    /// A worker is there, and it cannot be used.
    Worker { reason: String, hint: Option<String> },
}

impl Wrong {
    pub(super) fn worker(reason: impl Into<String>) -> Self {
        Self::Worker { reason: reason.into(), hint: None }
    }

    /// It in words, with the remedy on a line of its own, of what was not started by us.
    pub(super) fn text(self) -> String {
        match self {
            Self::Worker { reason, hint: None } => reason,
            Self::Worker { reason, hint: Some(hint) } => format!("{reason}\nhint: {hint}"),
            Self::Silent | Self::NoWorker { .. } => {
                "it does not answer as a worker does".to_owned()
            }
        }
    }

    pub(super) fn into_error(self, runner: &Runner, code: Option<i32>, said: String) -> FarmError {
        let tried = match &runner.connection {
            Connection::Ssh(ssh) => format!("`{} {} worker`: ", ssh.shown(), ssh.program),
            _ => String::new(),
        };
        let (refusal, printed) = match self {
            Self::Silent => (silent(&runner.connection), String::new()),
            Self::NoWorker { printed, endless: true } => (chatty(), printed),
            Self::NoWorker { printed, .. } => {
                let ending = Ending { code, printed, said: said.clone() };
                (no_worker(runner, &ending), ending.printed)
            }
            Self::Worker { reason, hint } => (Refusal { reason, hint }, String::new()),
        };
        let hint = refusal.hint.map(|hint| hint.replace("NAME", &runner.name));
        let hint = hint.map(|hint| format!("\nhint: {hint}")).unwrap_or_default();
        FarmError::Greeting {
            runner: runner.name.clone(),
            reason: harmless::message(&format!("{tried}{}", refusal.reason)),
            said: format!("{}{}{hint}", said::quoted(&printed), said::quoted(&said)),
        }
    }
}

fn silent(connection: &Connection) -> Refusal {
    let reason = format!("it did not answer within {} s", GREETING.as_secs());
    let hint = match connection {
        Connection::Ssh(ssh) => {
            Some(format!("try `{}`; does it ask for something?", ssh.by_hand()))
        }
        _ => None,
    };
    Refusal { reason, hint }
}

fn chatty() -> Refusal {
    Refusal {
        reason: "it prints text without end instead of a greeting".to_owned(),
        hint: Some(
            "a start file of the shell there prints to standard output; it should do so on a terminal \
             alone"
                .to_owned(),
        ),
    }
}

fn no_worker(runner: &Runner, ending: &Ending) -> Refusal {
    match &runner.connection {
        Connection::Ssh(ssh) => refusal::explain(ssh, &runner.name, ending),
        _ => Refusal {
            reason: "what was started is not a modfarm worker, or has ended".to_owned(),
            hint: None,
        },
    }
}

/// Greets the worker at the other end of a child's standard input and output.
pub(super) async fn greet_child(
    child: &mut Child,
    terms: Terms,
) -> Result<(Wire, Terms, Hello, String), Wrong> {
    let (Some(mut input), Some(output)) = (child.stdout.take(), child.stdin.take()) else {
        return Err(Wrong::worker("it has no standard input and output"));
    };
    let opening = opening::read(&mut input)
        .await
        .map_err(|error| Wrong::worker(format!("what it prints cannot be read: {error}")))?;
    let endless = opening.is_endless();
    let Some(begun) = opening.begun else {
        return Err(Wrong::NoWorker { printed: opening.text, endless });
    };
    if !opening.text.is_empty() {
        tracing::info!("left out before the protocol: {:?}", opening.text);
    }
    let input = std::io::Cursor::new(begun).chain(input);
    let (wire, terms, hello) = greet(tokio::io::join(input, output), terms).await?;
    Ok((wire, terms, hello, opening.text))
}

/// Speaks the protocol over a stream, and hears what the worker says of itself.
async fn greet<S>(stream: S, terms: Terms) -> Result<(Wire, Terms, Hello), Wrong>
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let wire = over(stream).await.map_err(Wrong::worker)?;
    let capabilities = CapabilitiesClient::new(wire.clone())
        .get_capabilities(reapi::GetCapabilitiesRequest::default())
        .await
        .map_err(|status| {
            Wrong::worker(format!(
                "it speaks the protocol and does not answer: {}",
                status.message()
            ))
        })?;
    let hello = capabilities.metadata().get_bin(HELLO).and_then(|hello| hello.to_bytes().ok());
    let hello =
        hello.ok_or_else(|| Wrong::worker("it does not say that it is a modfarm worker"))?;
    let hello = understood(&hello)?;
    let terms = terms.with(capabilities.get_ref()).map_err(Wrong::worker)?;
    Ok((wire, terms, hello))
}

/// What every greeting says, whatever its version.
#[derive(serde::Deserialize)]
struct Version {
    format_version: u32,
    modfarm: String,
}

/// The greeting of a worker, which may be of another version: it is served by what both know, or refused.
pub(super) fn understood(hello: &[u8]) -> Result<Hello, Wrong> {
    let foreign = |error| Wrong::worker(format!("its greeting cannot be read: {error}"));
    let version: Version = serde_json::from_slice(hello).map_err(foreign)?;
    let other = |why: &str| Wrong::Worker {
        reason: format!(
            "its modfarm is {}, this one is {}, and {why}",
            version.modfarm,
            env!("CARGO_PKG_VERSION")
        ),
        hint: Some("install the same version there: modfarm runners install NAME".to_owned()),
    };
    if version.format_version != FORMAT_VERSION {
        return Err(other("they do not understand each other"));
    }
    let hello: Hello = serde_json::from_slice(hello)
        .map_err(|error| other(&format!("its greeting cannot be read: {error}")))?;
    if hello.toolsets.iter().all(is_described_in_text) {
        return Ok(hello);
    }
    Err(Wrong::worker("its toolsets are described in characters that are no text"))
}

/// Whether a toolset can be shown to people, and be part of a makefile.
pub(super) fn is_described_in_text(toolset: &Toolset) -> bool {
    let settings = toolset.settings.iter().flat_map(|(name, value)| [name, value]);
    settings.chain([&toolset.name, &toolset.version]).all(|said| harmless::is_a_line(said))
}

#[cfg(test)]
mod tests;
