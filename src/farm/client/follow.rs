//! Follows an action that runs on a worker, to its end and not much longer.

use std::time::Duration;

use bazel_remote_apis::build::bazel::remote::execution::v2 as reapi;
use bazel_remote_apis::google::longrunning::{Operation, operation};
use prost::Message as _;
use reapi::execution_client::ExecutionClient;
use tokio::time::Instant;
use tonic::{Code, Status, Streaming};

use super::engine::UnderWay;
use super::{Client, Trouble};
use crate::model::job::Action;
use crate::model::tree::{from_wire, to_wire};
use crate::sys::dial::Wire;
use crate::worker::MESSAGE_LIMIT;

/// What a worker said at an action's end.
#[derive(Debug)]
pub(super) struct Ended {
    pub(super) response: reapi::ExecuteResponse,
    /// How long all of it took, from the request to the answer.
    pub(super) took: Duration,
}

impl Ended {
    /// Whether this is a failure of another time, out of an engine's cache.
    pub(super) fn is_an_old_failure(&self) -> bool {
        let failed = self.response.result.as_ref().is_some_and(|result| result.exit_code != 0);
        self.response.cached_result && failed
    }
}

/// What is done here.
const RUN: &str = "run the job";

/// A stream that lasts so long after it was taken up again may be taken up once more.
const SETTLED: Duration = Duration::from_secs(10);

impl Client {
    /// Follows an action to its end. An engine's stream that is lost is taken up again: the action runs
    /// on without it.
    pub(super) async fn follow(
        &self,
        action: &Action,
        skip_cache_lookup: bool,
        started: &(impl Fn() + Send + Sync),
    ) -> Result<Ended, Trouble> {
        let begun = Instant::now();
        let request = reapi::ExecuteRequest {
            instance_name: self.terms.instance.to_string(),
            action_digest: Some(to_wire(action.digest())),
            skip_cache_lookup,
            ..Default::default()
        };
        let mut operations =
            self.within(RUN, 0, self.execution().execute(request)).await?.into_inner();
        let mut limit = self.terms.queue(action.timeout()).map(|limit| begun + limit);
        let (mut running, mut under_way, mut resumed) = (false, None, None);
        loop {
            // The time comes first: updates may come without a pause.
            let update = tokio::select! {
                biased;
                () = until(limit) => return Err(self.overdue(running)),
                update = operations.message() => update,
            };
            let Ok(Some(update)) = update else {
                operations = self.resume(under_way.as_ref(), &mut resumed, update.err()).await?;
                continue;
            };
            let metadata = metadata(&update);
            if metadata.as_ref().is_some_and(|metadata| is_of_another(metadata, action)) {
                return Err(
                    self.fault("it tells of another action than the one it was asked to run")
                );
            }
            if update.done {
                if let Some(under_way) = under_way {
                    under_way.has_ended();
                }
                let response = self.response(update)?;
                // A short command may have ended before its start was told.
                if !running && !response.cached_result {
                    started();
                }
                return Ok(Ended { response, took: begun.elapsed() });
            }
            under_way = under_way.or_else(|| self.under_way(&update.name));
            if !running && metadata.is_some_and(|metadata| is_executing(&metadata)) {
                running = true;
                limit = Some(Instant::now() + self.terms.running(action.timeout()));
                started();
            }
        }
    }

    /// The stream of what is under way, once more; or why that cannot be.
    async fn resume(
        &self,
        under_way: Option<&UnderWay>,
        resumed: &mut Option<Instant>,
        lost: Option<Status>,
    ) -> Result<Streaming<Operation>, Trouble> {
        let unsettled = resumed.is_some_and(|resumed| resumed.elapsed() < SETTLED);
        let Some(under_way) = under_way.filter(|_| !unsettled && lost.as_ref().is_none_or(is_cut))
        else {
            let ended = "it stopped to tell of the job before its end";
            return Err(lost.map_or_else(|| self.fault(ended), |lost| self.trouble(RUN, &lost)));
        };
        tracing::info!("runner '{}': {} is taken up again", self.runner, under_way.name());
        *resumed = Some(Instant::now());
        let request = reapi::WaitExecutionRequest { name: under_way.name().to_owned() };
        Ok(self.within(RUN, 0, self.execution().wait_execution(request)).await?.into_inner())
    }

    fn execution(&self) -> ExecutionClient<Wire> {
        ExecutionClient::new(self.wire.clone()).max_decoding_message_size(MESSAGE_LIMIT)
    }

    fn overdue(&self, running: bool) -> Trouble {
        self.fault(if running {
            "it is long over the job's time limit and has not ended it"
        } else {
            "it keeps the job waiting for longer than others can have run before"
        })
    }

    fn response(&self, operation: Operation) -> Result<reapi::ExecuteResponse, Trouble> {
        match operation.result {
            Some(operation::Result::Response(any)) => {
                reapi::ExecuteResponse::decode(any.value.as_ref())
                    .map_err(|error| self.fault(&format!("its answer cannot be read: {error}")))
            }
            Some(operation::Result::Error(status)) => {
                let status = Status::new(Code::from(status.code), status.message);
                Err(self.trouble("run the job", &status))
            }
            None => Err(self.fault("it ended the job without an answer")),
        }
    }
}

/// Whether a stream was cut, rather than ended by the other end's word.
fn is_cut(status: &Status) -> bool {
    use Code::{Cancelled, DeadlineExceeded, Internal, Unavailable, Unknown};
    matches!(status.code(), Unavailable | Unknown | Internal | Cancelled | DeadlineExceeded)
}

async fn until(limit: Option<Instant>) {
    match limit {
        Some(limit) => tokio::time::sleep_until(limit).await,
        None => std::future::pending().await,
    }
}

fn metadata(operation: &Operation) -> Option<reapi::ExecuteOperationMetadata> {
    let any = operation.metadata.as_ref()?;
    reapi::ExecuteOperationMetadata::decode(any.value.as_ref()).ok()
}

fn is_executing(metadata: &reapi::ExecuteOperationMetadata) -> bool {
    metadata.stage() == reapi::execution_stage::Value::Executing
}

fn is_of_another(metadata: &reapi::ExecuteOperationMetadata, action: &Action) -> bool {
    let told = metadata.action_digest.as_ref().and_then(from_wire);
    told.is_some_and(|told| told != action.digest())
}
