//! The service Execution: an action is run once somebody follows it, and ended once nobody does.

use std::collections::HashMap;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Poll};
use std::time::{Duration, SystemTime};

use bazel_remote_apis::build::bazel::remote::execution::v2 as reapi;
use bazel_remote_apis::google::longrunning::{Operation, operation};
use bazel_remote_apis::google::protobuf::{Any, Timestamp};
use bazel_remote_apis::google::rpc;
use reapi::execution_stage::Value as Stage;
use tokio::sync::watch;
use tokio_stream::Stream;
use tokio_stream::wrappers::WatchStream;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tonic::{Code, Request, Response, Status};

use super::command::{self, End, Ended, Invocation};
use super::sandbox::{Sandbox, SandboxError};
use super::store::Store;
use super::tokens::Tokens;
use super::{Options, blocking, digest_in, status_of};
use crate::model::digest::Digest;
use crate::model::tree::to_wire;

/// Up to this size a command's output travels in the result itself.
const INLINE_OUTPUT: usize = 32 << 10;

/// The service.
#[derive(Clone, Debug)]
pub(super) struct Execution(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    store: Arc<Store>,
    tokens: Tokens,
    options: Options,
    running: Mutex<HashMap<String, Weak<Running>>>,
    count: AtomicU64,
    tasks: TaskTracker,
    cancel: CancellationToken,
}

/// An action that somebody follows.
#[derive(Debug)]
struct Running {
    updates: watch::Receiver<Operation>,
    followers: AtomicUsize,
    cancel: CancellationToken,
}

impl Execution {
    /// The service over a store.
    pub(super) fn new(store: Arc<Store>, options: Options) -> std::io::Result<Self> {
        Ok(Self(Arc::new(Shared {
            store,
            tokens: Tokens::new(options.jobs)?,
            options,
            running: Mutex::default(),
            count: AtomicU64::new(0),
            tasks: TaskTracker::new(),
            cancel: CancellationToken::new(),
        })))
    }

    /// Ends all that runs, and waits until it has ended.
    pub(super) async fn end(&self) {
        self.0.cancel.cancel();
        self.0.tasks.close();
        self.0.tasks.wait().await;
    }
}

#[tonic::async_trait]
impl reapi::execution_server::Execution for Execution {
    type ExecuteStream = Following;
    type WaitExecutionStream = Following;

    async fn execute(
        &self,
        request: Request<reapi::ExecuteRequest>,
    ) -> Result<Response<Following>, Status> {
        let request = request.into_inner();
        let action = digest_in(request.action_digest.as_ref())?;
        let number = self.0.count.fetch_add(1, Ordering::Relaxed);
        let name = format!("operations/{}-{number}", std::process::id());
        let (updates, receiver) = watch::channel(operation(&name, action, Stage::Queued, None));
        let cancel = self.0.cancel.child_token();
        let running = Arc::new(Running {
            updates: receiver,
            followers: AtomicUsize::new(0),
            cancel: cancel.clone(),
        });
        let following = Following::new(&running);
        lock(&self.0.running).insert(name.clone(), Arc::downgrade(&running));
        let task = Task { shared: Arc::clone(&self.0), action, name, updates, cancel };
        self.0.tasks.spawn(task.run(request.skip_cache_lookup, running));
        Ok(Response::new(following))
    }

    async fn wait_execution(
        &self,
        request: Request<reapi::WaitExecutionRequest>,
    ) -> Result<Response<Following>, Status> {
        let name = request.into_inner().name;
        let running = lock(&self.0.running).get(&name).and_then(Weak::upgrade);
        match running {
            Some(running) => Ok(Response::new(Following::new(&running))),
            None => Err(Status::not_found(format!("nothing called '{name}' runs here"))),
        }
    }
}

/// The stream of an operation's changes. When the last one is dropped, the action is ended.
#[derive(Debug)]
pub(super) struct Following {
    updates: WatchStream<Operation>,
    running: Arc<Running>,
}

impl Following {
    fn new(running: &Arc<Running>) -> Self {
        running.followers.fetch_add(1, Ordering::SeqCst);
        Self { updates: WatchStream::new(running.updates.clone()), running: Arc::clone(running) }
    }
}

impl Stream for Following {
    type Item = Result<Operation, Status>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        Pin::new(&mut self.updates).poll_next(cx).map(|update| update.map(Ok))
    }
}

impl Drop for Following {
    fn drop(&mut self) {
        if self.running.followers.fetch_sub(1, Ordering::SeqCst) == 1 {
            self.running.cancel.cancel();
        }
    }
}

/// One action on its way.
struct Task {
    shared: Arc<Shared>,
    action: Digest,
    name: String,
    updates: watch::Sender<Operation>,
    cancel: CancellationToken,
}

impl Task {
    async fn run(self, skip_cache: bool, running: Arc<Running>) {
        let response = self.respond(skip_cache).await.unwrap_or_else(|status| refusal(&status));
        lock(&self.shared.running).remove(&self.name);
        let done = operation(&self.name, self.action, Stage::Completed, Some(response));
        self.updates.send_replace(done);
        drop(running);
    }

    async fn respond(&self, skip_cache: bool) -> Result<reapi::ExecuteResponse, Status> {
        let queued = SystemTime::now();
        let store = Arc::clone(&self.shared.store);
        let key = self.action;
        if !skip_cache && let Some(result) = blocking(move || store.result(key, &[])).await? {
            let (result, cached_result) = (Some(result), true);
            return Ok(reapi::ExecuteResponse { result, cached_result, ..Default::default() });
        }
        let action: reapi::Action = self.message(self.action).await?;
        let command: reapi::Command =
            self.message(digest_in(action.command_digest.as_ref())?).await?;
        let token = tokio::select! {
            token = self.shared.tokens.acquire() => token?,
            () = self.cancel.cancelled() => return Err(Status::cancelled("nobody follows it")),
        };
        self.updates.send_replace(operation(&self.name, self.action, Stage::Executing, None));
        let sandbox = self.sandbox(&action, &command).await?;
        let started = SystemTime::now();
        let invocation = self.invocation(&action, &command, &sandbox);
        let ended = command::run(&invocation, &token, &self.cancel).await?;
        drop(token);
        let times = [queued, started, SystemTime::now()];
        self.conclude(&action, command, sandbox, ended, times).await
    }

    /// A message of the action that lies in the store.
    async fn message<M: prost::Message + Default>(&self, digest: Digest) -> Result<M, Status> {
        let store = Arc::clone(&self.shared.store);
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
        let (store, command) = (Arc::clone(&self.shared.store), command.clone());
        blocking(move || Sandbox::lay_out(&store, tree, &command)).await
    }

    fn invocation<'a>(
        &'a self,
        action: &reapi::Action,
        command: &'a reapi::Command,
        sandbox: &'a Sandbox,
    ) -> Invocation<'a> {
        let most = self.shared.options.longest;
        let given = action.timeout.as_ref().and_then(|given| u64::try_from(given.seconds).ok());
        Invocation {
            arguments: &command.arguments,
            environment: environment(command, sandbox),
            folder: sandbox.working(),
            own: &self.shared.options.program,
            timeout: given.filter(|given| *given > 0).map_or(most, Duration::from_secs).min(most),
        }
    }

    /// What came of it: outputs and what was said go to the store, and the result, if it may be used
    /// again, to the action cache.
    async fn conclude(
        &self,
        action: &reapi::Action,
        command: reapi::Command,
        sandbox: Sandbox,
        ended: Ended,
        times: [SystemTime; 3],
    ) -> Result<reapi::ExecuteResponse, Status> {
        let exit_code = match ended.end {
            End::Exited(code) => code,
            End::OutOfTime => 128 + 9,
            End::Cancelled => return Err(Status::cancelled("nobody follows it")),
        };
        let (store, key) = (Arc::clone(&self.shared.store), self.action);
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
        let mut response = reapi::ExecuteResponse { result: Some(result), ..Default::default() };
        if ended.end == End::OutOfTime {
            response.status = Some(rpc::Status {
                code: Code::DeadlineExceeded.into(),
                message: "the command was ended at its time limit".to_owned(),
                ..Default::default()
            });
        } else if exit_code == 0 && !missing.is_empty() {
            response.message =
                format!("the command ended well but did not make {}", missing.join(", "));
        }
        Ok(response)
    }
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

fn timestamp(time: SystemTime) -> Timestamp {
    let since = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    Timestamp {
        seconds: i64::try_from(since.as_secs()).unwrap_or(i64::MAX),
        nanos: i32::try_from(since.subsec_nanos()).unwrap_or_default(),
    }
}

fn refusal(status: &Status) -> reapi::ExecuteResponse {
    reapi::ExecuteResponse {
        status: Some(rpc::Status {
            code: status.code().into(),
            message: status.message().to_owned(),
            ..Default::default()
        }),
        ..Default::default()
    }
}

fn operation(
    name: &str,
    action: Digest,
    stage: Stage,
    response: Option<reapi::ExecuteResponse>,
) -> Operation {
    let metadata = reapi::ExecuteOperationMetadata {
        stage: stage.into(),
        action_digest: Some(to_wire(action)),
        ..Default::default()
    };
    Operation {
        name: name.to_owned(),
        metadata: Some(any("ExecuteOperationMetadata", &metadata)),
        done: response.is_some(),
        result: response
            .map(|response| operation::Result::Response(any("ExecuteResponse", &response))),
    }
}

fn any(name: &str, message: &impl prost::Message) -> Any {
    Any {
        type_url: format!("type.googleapis.com/build.bazel.remote.execution.v2.{name}"),
        value: message.encode_to_vec(),
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

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
