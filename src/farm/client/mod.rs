//! What is asked of a worker, and what is believed of its answers: a file is what its digest says, or
//! it is not taken; nothing is larger than it may be.

mod bring;
mod engine;
mod fetch;
mod follow;
mod inputs;
mod outcome;
mod terms;
mod upload;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bazel_remote_apis::build::bazel::remote::execution::v2 as reapi;
use prost::Message as _;
use reapi::action_cache_client::ActionCacheClient;
use reapi::content_addressable_storage_client::ContentAddressableStorageClient;
use tokio::sync::Semaphore;
use tonic::{Code, Status};

use self::engine::Engine;
pub(super) use self::terms::{Peer, Terms};

use self::inputs::Inputs;
use self::outcome::names_output;
use super::{Outcome, harmless};
use crate::model::event::Events;
use crate::model::job::Action;
use crate::model::tree::{Content, to_wire};
use crate::sys::dial::Wire;
use crate::worker::MESSAGE_LIMIT;

/// Loads that are under way to one server at once, over all jobs: what is in memory of them is a few MiB
/// each.
const SENDING: usize = 4;

/// Answers with contents that are awaited from one server at once, for the same reason.
const ASKING: usize = 6;

/// Why there is no answer that could be an outcome.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Trouble {
    /// The runner is at fault: another one, or another try, may do better.
    Runner(String),
    /// The job is: no other try would end otherwise.
    Job(String),
    /// Contents that the worker was believed to have are not there any more.
    Forgotten(String),
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Runner(reason) | Self::Job(reason) | Self::Forgotten(reason) => {
                f.write_str(reason)
            }
        }
    }
}

/// A client of one worker. Cheap to clone.
#[derive(Clone, Debug)]
pub(super) struct Client {
    runner: Arc<str>,
    wire: Wire,
    terms: Arc<Terms>,
    inputs: Arc<Inputs>,
    sending: Arc<Semaphore>,
    asking: Arc<Semaphore>,
    /// Where the other end is not a worker alone, but an engine that schedules.
    engine: Option<Arc<Engine>>,
}

impl Client {
    /// A client over a connection, of a server that offers what these terms say.
    pub(super) fn new(runner: &str, wire: Wire, terms: Terms) -> Self {
        Self {
            runner: runner.into(),
            wire,
            terms: Arc::new(terms),
            inputs: Arc::default(),
            sending: Arc::new(Semaphore::new(SENDING)),
            asking: Arc::new(Semaphore::new(ASKING)),
            engine: None,
        }
    }

    /// The outcome of an action, if it is known already.
    pub(super) async fn cached(&self, action: &Action) -> Result<Option<Outcome>, Trouble> {
        let action = &self.fitted(action);
        let Ok(_room) = self.asking.acquire().await else { return Ok(None) };
        let request = reapi::GetActionResultRequest {
            instance_name: self.terms.instance.to_string(),
            action_digest: Some(to_wire(action.digest())),
            inline_stdout: true,
            inline_stderr: true,
            inline_output_files: vec![action.output().to_owned()],
            ..Default::default()
        };
        let mut cache =
            ActionCacheClient::new(self.wire.clone()).max_decoding_message_size(MESSAGE_LIMIT);
        let asked = async {
            match cache.get_action_result(request).await {
                Ok(response) => Ok(Some(response.into_inner())),
                Err(status) if status.code() == Code::NotFound => Ok(None),
                Err(status) => Err(status),
            }
        };
        let result = self.within("look up a result", MESSAGE_LIMIT as u64, asked).await?;
        match result.filter(|result| result.exit_code == 0 && names_output(action, result)) {
            Some(result) => self.outcome(action, result, "", Duration::ZERO).await.map(Some),
            None => Ok(None),
        }
    }

    /// Brings what the worker lacks, runs the action and fetches what it made. `started` is called
    /// when the command starts; what travelled there is told as an event.
    pub(super) async fn run(
        &self,
        action: &Action,
        events: &Events,
        started: impl Fn() + Send + Sync,
    ) -> Result<Outcome, Trouble> {
        let action = &self.fitted(action);
        match self.try_once(action, events, &started).await {
            Err(Trouble::Forgotten(_)) => {
                self.inputs.forget();
                self.try_once(action, events, &started).await
            }
            other => other,
        }
    }

    async fn try_once(
        &self,
        action: &Action,
        events: &Events,
        started: &(impl Fn() + Send + Sync),
    ) -> Result<Outcome, Trouble> {
        self.bring(action, events).await?;
        let mut ended = self.follow(action, false, started).await?;
        if ended.is_an_old_failure() {
            // Some engines keep failures. What made it fail may be mended by now.
            ended = self.follow(action, true, started).await?;
        }
        let Ok(_room) = self.asking.acquire().await else { return Err(self.fault("it is gone")) };
        self.ended(action, ended).await
    }

    /// Does something that moves so many bytes, and waits no longer for it than that can take.
    async fn within<T>(
        &self,
        doing: &str,
        bytes: u64,
        work: impl Future<Output = Result<T, Status>>,
    ) -> Result<T, Trouble> {
        let limit = self.terms.deadline(bytes);
        if let Ok(result) = tokio::time::timeout(limit, work).await {
            return result.map_err(|status| self.trouble(doing, &status));
        }
        let limit = limit.as_secs();
        Err(self.fault(&format!("cannot {doing}: it did not answer within {limit} s")))
    }

    fn storage(&self) -> ContentAddressableStorageClient<Wire> {
        ContentAddressableStorageClient::new(self.wire.clone())
            .max_decoding_message_size(MESSAGE_LIMIT)
    }

    /// The runner's fault, in words that may be its own.
    fn fault(&self, reason: &str) -> Trouble {
        let reason = harmless::message(reason);
        Trouble::Runner(format!("runner '{}': {reason}", self.runner))
    }

    /// What a status means that a server answers.
    fn trouble(&self, doing: &str, status: &Status) -> Trouble {
        let reason = harmless::message(&explained(status));
        let reason = format!("runner '{}': cannot {doing}: {reason}", self.runner);
        match status.code() {
            Code::InvalidArgument => Trouble::Job(reason),
            Code::FailedPrecondition => Trouble::Forgotten(reason),
            _ => Trouble::Runner(reason),
        }
    }
}

fn explained(status: &Status) -> String {
    match status.message() {
        "" => format!("{:?}", status.code()),
        message => message.to_owned(),
    }
}

/// The command of an action, for people.
pub(super) fn command_line(action: &Action) -> String {
    let Some((_, Content::Bytes(bytes))) = action.contents().next() else { return String::new() };
    reapi::Command::decode(bytes).map(|command| command.arguments.join(" ")).unwrap_or_default()
}

#[cfg(test)]
mod tests;
