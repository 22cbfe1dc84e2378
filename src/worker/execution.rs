//! The service Execution: an action is run once somebody follows it, and ended once nobody does.

use std::collections::HashMap;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Poll};

use bazel_remote_apis::build::bazel::remote::execution::v2 as reapi;
use bazel_remote_apis::google::longrunning::operations_server::Operations;
use bazel_remote_apis::google::longrunning::{self, Operation, operation};
use bazel_remote_apis::google::protobuf::{Any, Empty};
use bazel_remote_apis::google::rpc;
use reapi::execution_stage::Value as Stage;
use tokio::sync::watch;
use tokio_stream::Stream;
use tokio_stream::wrappers::WatchStream;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tonic::{Code, Request, Response, Status};

use super::work::Work;
use super::{blocking, digest_in, not_offered};
use crate::model::digest::Digest;
use crate::model::tree::to_wire;

/// The service.
#[derive(Clone, Debug)]
pub(super) struct Execution(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    work: Arc<Work>,
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
    /// The service for one client.
    pub(super) fn new(work: Arc<Work>) -> Self {
        Self(Arc::new(Shared {
            work,
            running: Mutex::default(),
            count: AtomicU64::new(0),
            tasks: TaskTracker::new(),
            cancel: CancellationToken::new(),
        }))
    }

    /// Ends all that runs, and waits until it has ended.
    pub(super) async fn end(&self) {
        self.0.cancel.cancel();
        self.0.tasks.close();
        self.0.tasks.wait().await;
    }

    /// What runs under a name.
    fn called(&self, name: &str) -> Result<Arc<Running>, Status> {
        let running = lock(&self.0.running).get(name).and_then(Weak::upgrade);
        running.ok_or_else(|| Status::not_found(format!("nothing called '{name}' runs here")))
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
        let running = self.called(&request.into_inner().name)?;
        Ok(Response::new(Following::new(&running)))
    }
}

/// What runs can be asked after and ended by its name: a client that only drops the stream ends it, too.
#[tonic::async_trait]
impl Operations for Execution {
    async fn get_operation(
        &self,
        request: Request<longrunning::GetOperationRequest>,
    ) -> Result<Response<Operation>, Status> {
        let running = self.called(&request.into_inner().name)?;
        let operation = running.updates.borrow().clone();
        Ok(Response::new(operation))
    }

    async fn cancel_operation(
        &self,
        request: Request<longrunning::CancelOperationRequest>,
    ) -> Result<Response<Empty>, Status> {
        self.called(&request.into_inner().name)?.cancel.cancel();
        Ok(Response::new(Empty {}))
    }

    async fn list_operations(
        &self,
        _: Request<longrunning::ListOperationsRequest>,
    ) -> Result<Response<longrunning::ListOperationsResponse>, Status> {
        Err(not_offered("ListOperations"))
    }

    async fn delete_operation(
        &self,
        _: Request<longrunning::DeleteOperationRequest>,
    ) -> Result<Response<Empty>, Status> {
        Err(not_offered("DeleteOperation"))
    }

    async fn wait_operation(
        &self,
        _: Request<longrunning::WaitOperationRequest>,
    ) -> Result<Response<Operation>, Status> {
        Err(not_offered("WaitOperation"))
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
        let work = &self.shared.work;
        let (store, key) = (Arc::clone(&work.store), self.action);
        if !skip_cache && let Some(result) = blocking(move || store.result(key, &[])).await? {
            let (result, cached_result) = (Some(result), true);
            return Ok(reapi::ExecuteResponse { result, cached_result, ..Default::default() });
        }
        let action = work.action(key).await?;
        let executing = operation(&self.name, key, Stage::Executing, None);
        let started = || drop(self.updates.send_replace(executing));
        let done = work.carry_out(key, &action, &self.cancel, started).await?;
        let status = done.out_of_time.then(|| rpc::Status {
            code: Code::DeadlineExceeded.into(),
            message: "the command was ended at its time limit".to_owned(),
            ..Default::default()
        });
        let (result, message) = (Some(done.result), done.message);
        Ok(reapi::ExecuteResponse { result, status, message, ..Default::default() })
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

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
