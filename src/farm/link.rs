//! A connection to a worker: the process that carries it, and the greeting.

use std::collections::VecDeque;
use std::process::Stdio;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bazel_remote_apis::build::bazel::remote::execution::v2 as reapi;
use camino::Utf8Path;
use hyper_util::rt::TokioIo;
use reapi::capabilities_client::CapabilitiesClient;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite};
use tokio::process::{Child, ChildStderr, Command};
use tonic::transport::{Channel, Endpoint, Uri};

use super::client::Client;
use super::{Connection, FarmError, Runner};
use crate::model::toolset::Toolset;
use crate::sys::process;
use crate::worker::{FORMAT_VERSION, HELLO, Hello};

/// How long a worker has to say hello: it may have to ask its compilers for their versions.
const GREETING: Duration = Duration::from_secs(30);

/// How long a worker has to end by itself.
const FAREWELL: Duration = Duration::from_secs(2);

/// How much of a worker's standard error is kept to explain its end.
const SAID: usize = 4096;

/// A worker that was started and has answered.
#[derive(Debug)]
pub(super) struct Link {
    pub(super) client: Client,
    pub(super) toolsets: Vec<Toolset>,
    child: Child,
}

impl Link {
    /// Starts a runner's worker and greets it.
    pub(super) async fn open(runner: &Runner, program: &Utf8Path) -> Result<Self, FarmError> {
        let Connection::Local { store } = &runner.connection;
        let mut command = Command::from(process::command(program));
        command.args(["worker", "--store", store.as_str()]);
        let mut child = start(&mut command).map_err(|source| FarmError::Start {
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
            Ok(Ok((channel, toolsets))) => {
                let client = Client::new(&runner.name, channel);
                return Ok(Self { client, toolsets, child });
            }
            Ok(Err(reason)) => reason,
            Err(_) => format!("it did not answer within {} s", GREETING.as_secs()),
        };
        end(child).await;
        Err(FarmError::Greeting { runner: runner.name.clone(), reason, said: said.quoted() })
    }

    /// Ends the worker and waits for its end.
    pub(super) async fn close(self) {
        let Self { client, child, .. } = self;
        drop(client);
        end(child).await;
    }
}

/// Starts a worker in a process group of its own, so that Ctrl-C on a terminal comes to us alone.
fn start(command: &mut Command) -> std::io::Result<Child> {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    #[cfg(unix)]
    command.process_group(0);
    #[cfg(windows)]
    command.creation_flags(0x0000_0200);
    command.spawn()
}

/// Waits for a worker whose standard input is closed, or is about to be; in the end without mercy.
async fn end(mut child: Child) {
    drop(child.stdin.take());
    if tokio::time::timeout(FAREWELL, child.wait()).await.is_err() {
        drop(child.kill().await);
    }
}

async fn greet(child: &mut Child) -> Result<(Channel, Vec<Toolset>), String> {
    let (Some(input), Some(output)) = (child.stdout.take(), child.stdin.take()) else {
        return Err("it has no standard input and output".to_owned());
    };
    let channel = over(tokio::io::join(input, output)).await?;
    let capabilities = CapabilitiesClient::new(channel.clone())
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
    Ok((channel, hello.toolsets))
}

/// A channel over one stream. When the stream is gone, so is the channel.
pub(super) async fn over<S>(stream: S) -> Result<Channel, String>
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let mut stream = Some(TokioIo::new(stream));
    let connector = tower::service_fn(move |_: Uri| {
        let stream = stream.take();
        async move { stream.ok_or_else(|| std::io::Error::other("the worker is gone")) }
    });
    Endpoint::from_static("http://worker")
        .initial_stream_window_size(4 << 20)
        .initial_connection_window_size(16 << 20)
        .max_frame_size(1 << 20)
        .http2_max_header_list_size(256 << 10)
        .http2_keep_alive_interval(Duration::from_secs(10))
        .keep_alive_timeout(Duration::from_secs(20))
        .keep_alive_while_idle(true)
        .timeout(Duration::from_secs(10 * 60))
        .connect_with_connector(connector)
        .await
        .map_err(|error| format!("it does not speak the protocol: {error}"))
}

/// The last of what a worker says on its standard error.
#[derive(Clone, Debug, Default)]
struct Said(Arc<Mutex<VecDeque<u8>>>);

impl Said {
    /// Hears all of it, so that the worker never waits to be heard.
    async fn listen(self, runner: String, mut stderr: ChildStderr) {
        let mut buffer = vec![0; 8192];
        while let Ok(read) = stderr.read(&mut buffer).await {
            if read == 0 {
                break;
            }
            let text = String::from_utf8_lossy(&buffer[..read]);
            tracing::debug!("worker of {runner}: {}", text.trim_end());
            let mut said = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            said.extend(&buffer[..read]);
            let over = said.len().saturating_sub(SAID);
            said.drain(..over);
        }
    }

    fn quoted(&self) -> String {
        let said = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let bytes: Vec<u8> = said.iter().copied().collect();
        let text = String::from_utf8_lossy(&bytes);
        let mut quoted = String::new();
        for line in text.lines() {
            quoted.push_str("\n  it says: ");
            quoted.push_str(line);
        }
        quoted
    }
}
