//! How an action is carried out, whoever gave it: a client that follows it, or a farm that this machine
//! has joined.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bazel_remote_apis::build::bazel::remote::execution::v2 as reapi;
use bazel_remote_apis::google::protobuf::Timestamp;
use tokio_util::sync::CancellationToken;
use tonic::Status;

use super::command::{self, End, Ended, Invocation};
use super::platform;
use super::sandbox::{Sandbox, SandboxError};
use super::store::Store;
use super::tokens::Tokens;
use super::{BATCH_LIMIT, Options, blocking, digest_in, status_of};
use crate::model::digest::Digest;
use crate::model::toolset::Toolset;
use crate::model::tree::to_wire;

/// Up to this size a command's output travels in the result itself.
const INLINE_OUTPUT: usize = 32 << 10;

/// What every action on this machine shares: the store and the tokens of its processors.
#[derive(Debug)]
pub(super) struct Work {
    pub(super) store: Arc<Store>,
    tokens: Tokens,
    options: Options,
    toolsets: Vec<Toolset>,
}

/// What came of an action.
#[derive(Debug)]
pub(super) struct Done {
    pub(super) result: reapi::ActionResult,
    /// Whether it was ended at its time limit.
    pub(super) out_of_time: bool,
    /// What is to be said of a command that ended well; mostly nothing.
    pub(super) message: String,
}

impl Work {
    /// Work over a store, with a pool of tokens of its own, on actions that need one of these toolsets,
    /// or none.
    pub(super) fn new(
        store: Arc<Store>,
        options: Options,
        toolsets: Vec<Toolset>,
    ) -> std::io::Result<Self> {
        Ok(Self { store, tokens: Tokens::new(options.jobs)?, options, toolsets })
    }

    /// The action of a digest.
    pub(super) async fn action(&self, digest: Digest) -> Result<reapi::Action, Status> {
        self.message(digest).await
    }

    /// Runs an action whose contents are in the store: it waits for a token, calls `started`, and puts
    /// what came of it into the store. `key` is the action's digest.
    pub(super) async fn carry_out(
        &self,
        key: Digest,
        action: &reapi::Action,
        cancel: &CancellationToken,
        started: impl FnOnce(),
    ) -> Result<Done, Status> {
        let queued = SystemTime::now();
        let command: reapi::Command =
            self.message(digest_in(action.command_digest.as_ref())?).await?;
        platform::check(action, &command, &self.toolsets)?;
        let token = tokio::select! {
            token = self.tokens.acquire() => token?,
            () = cancel.cancelled() => return Err(unwanted()),
        };
        started();
        let sandbox = self.sandbox(action, &command).await?;
        let begun = SystemTime::now();
        let invocation = self.invocation(action, &command, &sandbox);
        let ended = command::run(&invocation, &token, cancel).await?;
        drop(token);
        let times = [queued, begun, SystemTime::now()];
        self.conclude(key, action, command, sandbox, ended, times).await
    }

    /// A message of the action that lies in the store.
    async fn message<M: prost::Message + Default>(&self, digest: Digest) -> Result<M, Status> {
        if digest.size > BATCH_LIMIT {
            return Err(Status::invalid_argument(format!("{digest} is too large for a message")));
        }
        let store = Arc::clone(&self.store);
        let bytes = blocking(move || store.read(digest)).await?;
        let missing = || Status::failed_precondition(format!("the content {digest} is missing"));
        M::decode(bytes.ok_or_else(missing)?.as_slice())
            .map_err(|error| Status::invalid_argument(format!("the content {digest}: {error}")))
    }

    async fn sandbox(
        &self,
        action: &reapi::Action,
        command: &reapi::Command,
    ) -> Result<Sandbox, Status> {
        if command.arguments.is_empty() {
            return Err(Status::invalid_argument("the action's command is empty"));
        }
        let tree = digest_in(action.input_root_digest.as_ref())?;
        let (store, command) = (Arc::clone(&self.store), command.clone());
        blocking(move || Sandbox::lay_out(&store, tree, &command)).await
    }

    fn invocation<'a>(
        &'a self,
        action: &reapi::Action,
        command: &'a reapi::Command,
        sandbox: &'a Sandbox,
    ) -> Invocation<'a> {
        let most = self.options.longest;
        let given = action.timeout.as_ref().and_then(|given| u64::try_from(given.seconds).ok());
        Invocation {
            arguments: &command.arguments,
            environment: environment(command, sandbox),
            folder: sandbox.working(),
            own: &self.options.program,
            timeout: given.filter(|given| *given > 0).map_or(most, Duration::from_secs).min(most),
        }
    }

    /// What came of it: outputs and what was said go to the store, and the result, if it may be used
    /// again, to the action cache.
    async fn conclude(
        &self,
        key: Digest,
        action: &reapi::Action,
        command: reapi::Command,
        sandbox: Sandbox,
        ended: Ended,
        times: [SystemTime; 3],
    ) -> Result<Done, Status> {
        let exit_code = match ended.end {
            End::Exited(code) => code,
            End::OutOfTime => 128 + 9,
            End::Cancelled => return Err(unwanted()),
        };
        let out_of_time = ended.end == End::OutOfTime;
        let store = Arc::clone(&self.store);
        let keep = exit_code == 0 && !action.do_not_cache;
        let (result, missing) = blocking(move || {
            let (output_files, missing) = sandbox.collect(&store, &command)?;
            let mut result = reapi::ActionResult {
                output_files,
                exit_code,
                execution_metadata: Some(metadata(times)),
                ..Default::default()
            };
            (result.stdout_raw, result.stdout_digest) = keep_said(&store, ended.stdout)?;
            (result.stderr_raw, result.stderr_digest) = keep_said(&store, ended.stderr)?;
            if keep && missing.is_empty() {
                store.keep_result(key, &result)?;
            }
            Ok::<_, SandboxError>((result, missing))
        })
        .await?;
        let message = if exit_code == 0 && !missing.is_empty() {
            format!("the command ended well but did not make {}", missing.join(", "))
        } else {
            String::new()
        };
        Ok(Done { result, out_of_time, message })
    }
}

/// What becomes of an action that nobody wants any more.
fn unwanted() -> Status {
    Status::cancelled("nobody follows it")
}

/// Exactly what the command asks for, and what no command can do without.
fn environment(command: &reapi::Command, sandbox: &Sandbox) -> Vec<(String, String)> {
    let mut environment: Vec<(String, String)> = command
        .environment_variables
        .iter()
        .map(|variable| (variable.name.clone(), variable.value.clone()))
        .collect();
    // The worker's own PATH is the one on which the toolset was found.
    let inherited: &[&str] =
        if cfg!(windows) { &["PATH", "SystemRoot", "ComSpec", "PATHEXT"] } else { &["PATH"] };
    // Else compilers that are ended leave their temporary files to the machine.
    let temporary: &[&str] = if cfg!(windows) { &["TEMP", "TMP"] } else { &["TMPDIR"] };
    let inherited = inherited.iter().filter_map(|name| Some((*name, std::env::var(name).ok()?)));
    let temporary = temporary.iter().map(|name| (*name, sandbox.temporary().to_string()));
    for (name, value) in inherited.chain(temporary) {
        if !environment.iter().any(|(set, _)| is_same_variable(set, name)) {
            environment.push((name.to_owned(), value));
        }
    }
    environment
}

fn is_same_variable(one: &str, other: &str) -> bool {
    if cfg!(windows) { one.eq_ignore_ascii_case(other) } else { one == other }
}

type Said = (Vec<u8>, Option<reapi::Digest>);

fn keep_said(store: &Store, said: Vec<u8>) -> Result<Said, SandboxError> {
    if said.len() <= INLINE_OUTPUT {
        return Ok((said, None));
    }
    let digest = Digest::of(&said);
    store.insert(digest, &said)?;
    Ok((Vec::new(), Some(to_wire(digest))))
}

fn metadata([queued, started, completed]: [SystemTime; 3]) -> reapi::ExecutedActionMetadata {
    reapi::ExecutedActionMetadata {
        queued_timestamp: Some(timestamp(queued)),
        execution_start_timestamp: Some(timestamp(started)),
        execution_completed_timestamp: Some(timestamp(completed)),
        ..Default::default()
    }
}

/// A time as the protocol has it.
#[must_use]
pub fn timestamp(time: SystemTime) -> Timestamp {
    let since = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    Timestamp {
        seconds: i64::try_from(since.as_secs()).unwrap_or(i64::MAX),
        nanos: i32::try_from(since.subsec_nanos()).unwrap_or_default(),
    }
}

impl From<SandboxError> for Status {
    fn from(error: SandboxError) -> Self {
        let message = error.to_string();
        match error {
            SandboxError::Missing(..) => Self::failed_precondition(message),
            SandboxError::Store(error) => status_of(&error),
            SandboxError::File(_) => Self::internal(message),
            _ => Self::invalid_argument(message),
        }
    }
}
