//! The leases of a session: each is one action, carried out beside the others, until the server takes it
//! back or its end is told.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use bazel_remote_apis::build::bazel::remote::execution::v2 as reapi;
use prost::Message as _;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tonic::{Code, Status};

use super::bots::{Lease, LeaseState};
use super::contents::Far;
use super::{News, Tell};
use crate::model::digest::Digest;
use crate::model::tree::from_wire;
use crate::worker::work::{Done, Work};

/// The messages that a lease carries, as the protocol names them.
const ACTION: &str = "build.bazel.remote.execution.v2.Action";
const DIGEST: &str = "build.bazel.remote.execution.v2.Digest";
const RESULT: &str = "type.googleapis.com/build.bazel.remote.execution.v2.ActionResult";

/// The leases of a session.
pub(super) struct Leases {
    hand: Arc<Hand>,
    /// What is under way, and how to end it.
    active: BTreeMap<String, (Lease, CancellationToken)>,
    tasks: JoinSet<Lease>,
    /// What has ended, and was not told yet.
    ended: Vec<Lease>,
    tell: Tell,
}

impl Leases {
    pub(super) fn new(far: Far, work: Arc<Work>, worker: &str, tell: Tell) -> Self {
        let hand = Arc::new(Hand { far, work, worker: worker.to_owned() });
        Self { hand, active: BTreeMap::new(), tasks: JoinSet::new(), ended: Vec::new(), tell }
    }

    /// How many there are.
    pub(super) fn count(&self) -> usize {
        self.active.len() + self.ended.len()
    }

    /// Whether there is an end to tell.
    pub(super) fn have_ended(&self) -> bool {
        !self.ended.is_empty()
    }

    /// What the server is to know.
    pub(super) fn told(&self) -> Vec<Lease> {
        self.active.values().map(|(lease, _)| lease).chain(&self.ended).cloned().collect()
    }

    /// Takes the server's word: what it does not list any more is not wanted, what is new is begun, and
    /// what ended and was told is done with.
    pub(super) fn agree(&mut self, listed: Vec<Lease>) {
        self.ended.clear();
        let tell = Arc::clone(&self.tell);
        self.active.retain(|id, (_, cancel)| {
            let wanted = listed.iter().any(|lease| lease.id == *id);
            if !wanted {
                cancel.cancel();
                tell(News::Ended { lease: id.clone(), how: "taken back by the server".to_owned() });
            }
            wanted
        });
        for lease in listed {
            let is_for_us = matches!(lease.state(), LeaseState::Pending | LeaseState::Active);
            if is_for_us && !self.active.contains_key(&lease.id) {
                self.begin(lease);
            }
        }
    }

    fn begin(&mut self, mut lease: Lease) {
        (self.tell)(News::Begun { lease: lease.id.clone() });
        lease.state = LeaseState::Active.into();
        let (hand, cancel) = (Arc::clone(&self.hand), CancellationToken::new());
        self.active.insert(lease.id.clone(), (lease.clone(), cancel.clone()));
        self.tasks.spawn(async move { hand.carry(lease, &cancel).await });
    }

    /// Waits until one ends; for ever where there is none.
    pub(super) async fn next_end(&mut self) {
        loop {
            match self.tasks.join_next().await {
                Some(Ok(lease)) if self.active.remove(&lease.id).is_some() => {
                    self.note(lease);
                    return;
                }
                // The server has taken it back.
                Some(Ok(_)) => {}
                Some(Err(error)) => {
                    // Whichever it was: the server gives anew what it does not hear of.
                    tracing::error!("an action ended in a panic: {error}");
                    self.active.values().for_each(|(_, cancel)| cancel.cancel());
                    self.active.clear();
                }
                None => std::future::pending().await,
            }
        }
    }

    fn note(&mut self, lease: Lease) {
        let status = lease.status.as_ref();
        let how = match status.map_or(0, |status| status.code) {
            0 => made(&lease),
            code => {
                let message = status.map_or("", |status| status.message.as_str());
                format!("not done ({:?}): {message}", Code::from(code))
            }
        };
        (self.tell)(News::Ended { lease: lease.id.clone(), how });
        self.ended.push(lease);
    }

    /// Ends all that runs. What did is to be given to others.
    pub(super) async fn end(&mut self) {
        for (_, cancel) in self.active.values() {
            cancel.cancel();
        }
        while let Some(joined) = self.tasks.join_next().await {
            match joined {
                Ok(lease) if self.active.remove(&lease.id).is_some() => self.note(lease),
                _ => {}
            }
        }
    }
}

/// What came of a command that ran to its end, for people.
fn made(lease: &Lease) -> String {
    let any = lease.result.as_ref();
    let result = any.and_then(|any| reapi::ActionResult::decode(any.value.as_slice()).ok());
    let result = result.unwrap_or_default();
    let files: Vec<&str> = result.output_files.iter().map(|file| file.path.as_str()).collect();
    let files = if files.is_empty() { "nothing".to_owned() } else { files.join(", ") };
    format!("made {files}, exit code {}", result.exit_code)
}

/// What carries actions out.
struct Hand {
    far: Far,
    work: Arc<Work>,
    worker: String,
}

impl Hand {
    /// The lease with what came of it.
    async fn carry(&self, mut lease: Lease, cancel: &CancellationToken) -> Lease {
        let begun = Instant::now();
        let done = self.work_on(&lease, cancel).await;
        tracing::info!("lease {}: {} ms", lease.id, begun.elapsed().as_millis());
        lease.state = LeaseState::Completed.into();
        let (result, status) = match done {
            Ok(done) => {
                let status = if done.out_of_time {
                    Status::deadline_exceeded("the command was ended at its time limit")
                } else {
                    Status::ok("")
                };
                (Some(done.result), status)
            }
            Err(_) if cancel.is_cancelled() => {
                (None, Status::unavailable("the worker was asked to end"))
            }
            Err(status) => (None, status),
        };
        let told = lease.status.get_or_insert_default();
        (told.code, told.message) = (told_code(status.code()), status.message().to_owned());
        if let (Some(result), Some(mut any)) = (result, lease.payload.take()) {
            (any.type_url, any.value) = (RESULT.to_owned(), result.encode_to_vec());
            lease.result = Some(any);
        }
        lease
    }

    async fn work_on(&self, lease: &Lease, cancel: &CancellationToken) -> Result<Done, Status> {
        let (key, action) = unless(cancel, self.action(lease)).await?;
        unless(cancel, self.far.bring_here(&action)).await?;
        let mut done = match self.work.carry_out(key, &action, cancel, || ()).await {
            // The store found a content that was damaged: it is gone now, and brought once more.
            Err(status) if status.code() == Code::FailedPrecondition => {
                unless(cancel, self.far.bring_here(&action)).await?;
                self.work.carry_out(key, &action, cancel, || ()).await?
            }
            other => other?,
        };
        done.result.execution_metadata.get_or_insert_default().worker.clone_from(&self.worker);
        unless(cancel, self.far.send(&done.result)).await?;
        Ok(done)
    }

    /// The action that a lease carries: itself, or its digest.
    async fn action(&self, lease: &Lease) -> Result<(Digest, reapi::Action), Status> {
        let foreign = || Status::invalid_argument("the lease carries no action of this protocol");
        let payload = lease.payload.as_ref().ok_or_else(foreign)?;
        let decoded = |bytes: &[u8]| reapi::Action::decode(bytes).map_err(|_| foreign());
        match payload.type_url.rsplit('/').next() {
            Some(ACTION) => Ok((Digest::of(&payload.value), decoded(payload.value.as_slice())?)),
            Some(DIGEST) => {
                let digest =
                    reapi::Digest::decode(payload.value.as_slice()).map_err(|_| foreign())?;
                let digest = from_wire(&digest).ok_or_else(foreign)?;
                self.far.ensure(vec![digest]).await?;
                Ok((digest, self.work.action(digest).await?))
            }
            _ => Err(foreign()),
        }
    }
}

/// What only waits for the server is not waited for once nobody wants it.
async fn unless<T>(
    cancel: &CancellationToken,
    work: impl Future<Output = Result<T, Status>>,
) -> Result<T, Status> {
    tokio::select! {
        done = work => done,
        () = cancel.cancelled() => Err(Status::cancelled("nobody wants it any more")),
    }
}

/// A fault of this machine is one that another machine may not have: the server tries again elsewhere.
fn told_code(code: Code) -> i32 {
    let told = match code {
        Code::Ok
        | Code::InvalidArgument
        | Code::FailedPrecondition
        | Code::DeadlineExceeded
        | Code::Internal => code,
        _ => Code::Unavailable,
    };
    told.into()
}
