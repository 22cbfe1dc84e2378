//! What is asked of a worker, and what is believed of its answers: a file is what its digest says, or
//! it is not taken; nothing is larger than it may be.

use std::collections::HashSet;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bazel_remote_apis::build::bazel::remote::execution::v2 as reapi;
use bazel_remote_apis::google::bytestream;
use bazel_remote_apis::google::longrunning::{Operation, operation};
use bytes::{Bytes, BytesMut};
use prost::Message as _;
use reapi::action_cache_client::ActionCacheClient;
use reapi::content_addressable_storage_client::ContentAddressableStorageClient;
use reapi::execution_client::ExecutionClient;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Code, Status};

use super::Outcome;
use super::reach::Wire;
use crate::model::digest::Digest;
use crate::model::event::{Event, Events};
use crate::model::job::Action;
use crate::model::tree::{Content, from_wire, to_wire};
use crate::sys::files;
use crate::worker::{BATCH_LIMIT, MESSAGE_LIMIT};

/// The largest file that a job may make.
const OUTPUT_LIMIT: u64 = 256 << 20;

/// The longest log of one of a command's two outputs.
const LOG_LIMIT: u64 = 8 << 20;

/// Contents up to this size travel in batches, larger ones in streams of their own.
const SMALL: u64 = 1 << 20;

/// Digests in one question for what is missing.
const QUESTION: usize = 10_000;

/// The bytes of one message of a stream.
const CHUNK: usize = 256 << 10;

/// How long a worker may take over an action's own time limit before it is given up.
const GRACE: Duration = Duration::from_secs(60);

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
    /// What the worker is known to have.
    there: Arc<Mutex<HashSet<Digest>>>,
    /// Held while something is brought, so that what two jobs share travels once.
    bringing: Arc<tokio::sync::Mutex<()>>,
}

impl Client {
    /// A client over a connection.
    pub(super) fn new(runner: &str, wire: Wire) -> Self {
        Self { runner: runner.into(), wire, there: Arc::default(), bringing: Arc::default() }
    }

    /// The outcome of an action, if it is known already.
    pub(super) async fn cached(&self, action: &Action) -> Result<Option<Outcome>, Trouble> {
        let request = reapi::GetActionResultRequest {
            action_digest: Some(to_wire(action.digest())),
            inline_stdout: true,
            inline_stderr: true,
            inline_output_files: vec![action.output().to_owned()],
            ..Default::default()
        };
        let mut cache =
            ActionCacheClient::new(self.wire.clone()).max_decoding_message_size(MESSAGE_LIMIT);
        let result = match cache.get_action_result(request).await {
            Ok(response) => response.into_inner(),
            Err(status) if status.code() == Code::NotFound => return Ok(None),
            Err(status) => return Err(self.trouble("look up a result", &status)),
        };
        if result.exit_code != 0 || !names_output(action, &result) {
            return Ok(None);
        }
        self.outcome(action, result, "", true).await.map(Some)
    }

    /// Brings what the worker lacks, runs the action and fetches what it made. `started` is called
    /// when the command starts; what travelled there is told as an event.
    pub(super) async fn run(
        &self,
        action: &Action,
        events: &Events,
        started: impl Fn() + Send + Sync,
    ) -> Result<Outcome, Trouble> {
        match self.try_once(action, events, &started).await {
            Err(Trouble::Forgotten(_)) => {
                lock(&self.there).clear();
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
        let response = self.follow(action, started).await?;
        let status = response.status.unwrap_or_default();
        let result = response.result.unwrap_or_default();
        let cached = response.cached_result;
        match Code::from(status.code) {
            Code::Ok => self.outcome(action, result, &response.message, cached).await,
            Code::DeadlineExceeded => {
                let limit = action.timeout().as_secs();
                let reason = format!("it was ended at its time limit of {limit} s");
                Ok(Outcome::Failed { reason, log: self.log(&result).await? })
            }
            code => Err(self.trouble("run the job", &Status::new(code, status.message))),
        }
    }

    /// Follows an action to its end.
    async fn follow(
        &self,
        action: &Action,
        started: &(impl Fn() + Send + Sync),
    ) -> Result<reapi::ExecuteResponse, Trouble> {
        let request = reapi::ExecuteRequest {
            action_digest: Some(to_wire(action.digest())),
            ..Default::default()
        };
        let wrong = |status: Status| self.trouble("run the job", &status);
        let mut operations = ExecutionClient::new(self.wire.clone())
            .max_decoding_message_size(MESSAGE_LIMIT)
            .execute(request)
            .await
            .map_err(wrong)?
            .into_inner();
        let mut limit = None;
        loop {
            let next = operations.message();
            let update = match limit {
                Some(limit) => tokio::time::timeout_at(limit, next)
                    .await
                    .map_err(|_| self.fault("it is long over the job's time limit and silent"))?,
                None => next.await,
            };
            let Some(update) = update.map_err(wrong)? else {
                return Err(self.fault("it stopped to tell of the job before its end"));
            };
            if update.done {
                let response = self.response(update)?;
                // A short command may have ended before its start was told.
                if limit.is_none() && !response.cached_result {
                    started();
                }
                return Ok(response);
            }
            if limit.is_none() && is_executing(&update) {
                limit = Some(tokio::time::Instant::now() + action.timeout() + GRACE);
                started();
            }
        }
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

    async fn outcome(
        &self,
        action: &Action,
        result: reapi::ActionResult,
        message: &str,
        cached: bool,
    ) -> Result<Outcome, Trouble> {
        let log = self.log(&result).await?;
        if result.exit_code != 0 {
            let reason = format!("the command ended with exit code {}", result.exit_code);
            return Ok(Outcome::Failed { reason, log });
        }
        let millis = if cached { 0 } else { millis(&result) };
        let mut files = result.output_files.into_iter();
        let Some(file) = files.find(|file| file.path == action.output()) else {
            let reason = if message.is_empty() {
                format!("the command ended well but did not make {}", action.output())
            } else {
                message.to_owned()
            };
            return Ok(Outcome::Failed { reason, log });
        };
        let digest = file.digest.as_ref().and_then(from_wire);
        let digest = digest.ok_or_else(|| self.fault("it names a file without a digest"))?;
        if digest.size > OUTPUT_LIMIT {
            let reason =
                format!("{} has {} bytes; {OUTPUT_LIMIT} is the most", file.path, digest.size);
            return Ok(Outcome::Failed { reason, log });
        }
        let bytes = if file.contents.len() as u64 == digest.size {
            self.check(digest, file.contents.into())?
        } else {
            self.fetch(digest).await?
        };
        Ok(Outcome::Built { bytes, digest, cached, millis, log })
    }

    /// What a command said: its standard output, then its standard error.
    async fn log(&self, result: &reapi::ActionResult) -> Result<String, Trouble> {
        let mut log = String::new();
        for (raw, digest) in [
            (&result.stdout_raw, &result.stdout_digest),
            (&result.stderr_raw, &result.stderr_digest),
        ] {
            let said = match digest.as_ref().and_then(from_wire).filter(|_| raw.is_empty()) {
                Some(digest) if digest.size > LOG_LIMIT => {
                    log.push_str("[modfarm: a log larger than 8 MiB is left out here]\n");
                    continue;
                }
                Some(digest) => self.fetch(digest).await?,
                None => raw.clone().into(),
            };
            log.push_str(&String::from_utf8_lossy(&said));
        }
        Ok(log)
    }

    /// The bytes of a content, seen to be what was asked for.
    async fn fetch(&self, digest: Digest) -> Result<Bytes, Trouble> {
        let bytes = if digest.size <= SMALL {
            self.fetch_batch(digest).await?
        } else {
            self.fetch_stream(digest).await?
        };
        self.check(digest, bytes)
    }

    async fn fetch_batch(&self, digest: Digest) -> Result<Bytes, Trouble> {
        let request =
            reapi::BatchReadBlobsRequest { digests: vec![to_wire(digest)], ..Default::default() };
        let response = self.storage().batch_read_blobs(request).await;
        let response = response.map_err(|status| self.trouble("fetch a file", &status))?;
        let blob = response.into_inner().responses.into_iter().next();
        let blob =
            blob.ok_or_else(|| self.fault("it answers nothing to the question for a file"))?;
        let status = blob.status.unwrap_or_default();
        if status.code != 0 {
            return Err(self.fault(&format!("it lacks the file it made: {}", status.message)));
        }
        Ok(blob.data.into())
    }

    async fn fetch_stream(&self, digest: Digest) -> Result<Bytes, Trouble> {
        let wrong = |status: Status| self.trouble("fetch a file", &status);
        let request = bytestream::ReadRequest {
            resource_name: format!("blobs/{digest}"),
            ..Default::default()
        };
        let mut client = bytestream::byte_stream_client::ByteStreamClient::new(self.wire.clone())
            .max_decoding_message_size(MESSAGE_LIMIT);
        let mut stream = client.read(request).await.map_err(wrong)?.into_inner();
        let mut bytes = BytesMut::new();
        while let Some(message) = stream.message().await.map_err(wrong)? {
            bytes.extend_from_slice(&message.data);
            if bytes.len() as u64 > digest.size {
                return Err(self.fault("it sends more than it promised"));
            }
        }
        Ok(bytes.freeze())
    }

    fn check(&self, digest: Digest, bytes: Bytes) -> Result<Bytes, Trouble> {
        let actual = Digest::of(&bytes);
        if actual == digest {
            return Ok(bytes);
        }
        Err(self.fault(&format!("it promised the content {digest} and sent {actual}")))
    }

    /// Brings everything of an action that the worker lacks.
    async fn bring(&self, action: &Action, events: &Events) -> Result<(), Trouble> {
        let begun = Instant::now();
        let _one_at_a_time = self.bringing.lock().await;
        let mut wanted: Vec<(Digest, Content)> = {
            let there = lock(&self.there);
            action.contents().filter(|(digest, _)| !there.contains(digest)).collect()
        };
        wanted.sort_unstable_by_key(|(digest, _)| *digest);
        wanted.dedup_by_key(|(digest, _)| *digest);
        let missing = self.missing(&wanted).await?;
        let (mut batch, mut size) = (Vec::new(), 0);
        for (digest, content) in wanted.iter().filter(|(digest, _)| missing.contains(digest)) {
            if digest.size > SMALL {
                self.bring_stream(*digest, content.clone()).await?;
                continue;
            }
            if size + digest.size > BATCH_LIMIT - SMALL / 4 || batch.len() >= QUESTION {
                self.bring_batch(std::mem::take(&mut batch)).await?;
                size = 0;
            }
            size += digest.size;
            batch.push((*digest, content.clone()));
        }
        self.bring_batch(batch).await?;
        if !missing.is_empty() {
            let bytes = missing.iter().map(|digest| digest.size).sum();
            events.emit(Event::Brought {
                runner: self.runner.to_string(),
                files: missing.len(),
                bytes,
                sent: bytes,
                millis: u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX),
            });
        }
        lock(&self.there).extend(wanted.iter().map(|(digest, _)| *digest));
        Ok(())
    }

    async fn missing(&self, wanted: &[(Digest, Content)]) -> Result<HashSet<Digest>, Trouble> {
        let mut missing = HashSet::new();
        for part in wanted.chunks(QUESTION) {
            let request = reapi::FindMissingBlobsRequest {
                blob_digests: part.iter().map(|(digest, _)| to_wire(*digest)).collect(),
                ..Default::default()
            };
            let response = self.storage().find_missing_blobs(request).await;
            let response =
                response.map_err(|status| self.trouble("ask what is missing", &status))?;
            missing.extend(response.into_inner().missing_blob_digests.iter().filter_map(from_wire));
        }
        Ok(missing)
    }

    async fn bring_batch(&self, batch: Vec<(Digest, Content)>) -> Result<(), Trouble> {
        if batch.is_empty() {
            return Ok(());
        }
        let requests = tokio::task::spawn_blocking(move || {
            batch.into_iter().map(|(digest, content)| small(digest, content)).collect()
        });
        let requests: Result<Vec<_>, Trouble> = requests.await.map_err(panicked)?;
        let request = reapi::BatchUpdateBlobsRequest { requests: requests?, ..Default::default() };
        let response = self.storage().batch_update_blobs(request).await;
        let response = response.map_err(|status| self.trouble("bring the inputs", &status))?;
        for blob in response.into_inner().responses {
            let status = blob.status.unwrap_or_default();
            if status.code != 0 {
                let status = Status::new(Code::from(status.code), status.message);
                return Err(self.trouble("bring the inputs", &status));
            }
        }
        Ok(())
    }

    async fn bring_stream(&self, digest: Digest, content: Content) -> Result<(), Trouble> {
        let (sender, receiver) = mpsc::channel(4);
        let reading = tokio::task::spawn_blocking(move || large(digest, content, &sender));
        let sent = bytestream::byte_stream_client::ByteStreamClient::new(self.wire.clone())
            .write(ReceiverStream::new(receiver))
            .await;
        reading.await.map_err(panicked)??;
        let sent = sent.map_err(|status| self.trouble("bring the inputs", &status))?;
        if u64::try_from(sent.into_inner().committed_size) == Ok(digest.size) {
            return Ok(());
        }
        Err(self.fault("it took only a part of an input"))
    }

    fn storage(&self) -> ContentAddressableStorageClient<Wire> {
        ContentAddressableStorageClient::new(self.wire.clone())
            .max_decoding_message_size(MESSAGE_LIMIT)
    }

    fn fault(&self, reason: &str) -> Trouble {
        Trouble::Runner(format!("runner '{}': {reason}", self.runner))
    }

    fn trouble(&self, doing: &str, status: &Status) -> Trouble {
        let reason = format!("runner '{}': cannot {doing}: {}", self.runner, explained(status));
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

fn panicked(error: tokio::task::JoinError) -> Trouble {
    Trouble::Job(format!("reading the inputs: {error}"))
}

/// A content as a part of a batch. A file that is not any more what it was is found here.
fn small(
    digest: Digest,
    content: Content,
) -> Result<reapi::batch_update_blobs_request::Request, Trouble> {
    let data = match content {
        Content::Bytes(bytes) => bytes.into(),
        Content::File(path) => {
            let bytes = files::read_limited(&path, digest.size)
                .map_err(|error| Trouble::Job(error.to_string()))?;
            if Digest::of(&bytes) != digest {
                return Err(Trouble::Job(format!(
                    "{path} has changed since it was read\nhint: run the same command again"
                )));
            }
            bytes
        }
    };
    Ok(reapi::batch_update_blobs_request::Request {
        digest: Some(to_wire(digest)),
        data,
        ..Default::default()
    })
}

/// Sends a content in pieces, and stops where nobody takes them.
fn large(
    digest: Digest,
    content: Content,
    sender: &mpsc::Sender<bytestream::WriteRequest>,
) -> Result<(), Trouble> {
    let mut reader: Box<dyn std::io::Read> = match content {
        Content::Bytes(bytes) => Box::new(std::io::Cursor::new(bytes)),
        Content::File(path) => {
            Box::new(files::open(&path).map_err(|error| Trouble::Job(error.to_string()))?)
        }
    };
    let resource = format!("uploads/{}/blobs/{digest}", digest.sha256.short());
    let (mut offset, mut left) = (0_u64, digest.size);
    while left > 0 {
        let mut data = vec![0; CHUNK.min(usize::try_from(left).unwrap_or(CHUNK))];
        reader
            .read_exact(&mut data)
            .map_err(|error| Trouble::Job(format!("an input became shorter: {error}")))?;
        let size = data.len() as u64;
        left -= size;
        let request = bytestream::WriteRequest {
            resource_name: if offset == 0 { resource.clone() } else { String::new() },
            write_offset: i64::try_from(offset).unwrap_or(i64::MAX),
            finish_write: left == 0,
            data,
        };
        offset += size;
        if sender.blocking_send(request).is_err() {
            return Ok(());
        }
    }
    Ok(())
}

fn is_executing(operation: &Operation) -> bool {
    let metadata = operation.metadata.as_ref();
    let metadata = metadata.map(|any| reapi::ExecuteOperationMetadata::decode(any.value.as_ref()));
    matches!(metadata, Some(Ok(it)) if it.stage() == reapi::execution_stage::Value::Executing)
}

fn names_output(action: &Action, result: &reapi::ActionResult) -> bool {
    result.output_files.iter().any(|file| file.path == action.output())
}

/// How long the command ran, as the worker says.
fn millis(result: &reapi::ActionResult) -> u64 {
    let Some(metadata) = &result.execution_metadata else { return 0 };
    let at = |time: &Option<bazel_remote_apis::google::protobuf::Timestamp>| {
        let time = time.as_ref()?;
        time.seconds.checked_mul(1000)?.checked_add(i64::from(time.nanos) / 1_000_000)
    };
    let ended = at(&metadata.execution_completed_timestamp);
    let taken = ended.zip(at(&metadata.execution_start_timestamp));
    taken.and_then(|(end, start)| u64::try_from(end.checked_sub(start)?).ok()).unwrap_or(0)
}

/// The command of an action, for people.
pub(super) fn command_line(action: &Action) -> String {
    let Some((_, Content::Bytes(bytes))) = action.contents().next() else { return String::new() };
    reapi::Command::decode(bytes).map(|command| command.arguments.join(" ")).unwrap_or_default()
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use tonic::{Request, Response, Streaming};

    use super::*;
    use crate::farm::reach::over;
    use crate::model::job::ActionSpec;
    use crate::model::tree::TreeBuilder;

    type Messages = ReceiverStream<Result<bytestream::ReadResponse, Status>>;

    /// A worker that knows every result, and gives for the file of it what it likes.
    #[derive(Clone)]
    struct Liar {
        promised: Digest,
        inline: Vec<u8>,
        /// What it sends again and again, without end.
        endless: Vec<u8>,
    }

    #[tonic::async_trait]
    impl reapi::action_cache_server::ActionCache for Liar {
        async fn get_action_result(
            &self,
            _: Request<reapi::GetActionResultRequest>,
        ) -> Result<Response<reapi::ActionResult>, Status> {
            let file = reapi::OutputFile {
                path: "out".to_owned(),
                digest: Some(to_wire(self.promised)),
                contents: self.inline.clone(),
                ..Default::default()
            };
            let output_files = vec![file];
            Ok(Response::new(reapi::ActionResult { output_files, ..Default::default() }))
        }

        async fn update_action_result(
            &self,
            _: Request<reapi::UpdateActionResultRequest>,
        ) -> Result<Response<reapi::ActionResult>, Status> {
            Err(Status::unimplemented(""))
        }
    }

    #[tonic::async_trait]
    impl bytestream::byte_stream_server::ByteStream for Liar {
        type ReadStream = Messages;

        async fn read(
            &self,
            _: Request<bytestream::ReadRequest>,
        ) -> Result<Response<Messages>, Status> {
            let (sender, receiver) = mpsc::channel(1);
            let data = self.endless.clone();
            tokio::spawn(async move {
                while sender.send(Ok(bytestream::ReadResponse { data: data.clone() })).await.is_ok()
                {
                }
            });
            Ok(Response::new(ReceiverStream::new(receiver)))
        }

        async fn write(
            &self,
            _: Request<Streaming<bytestream::WriteRequest>>,
        ) -> Result<Response<bytestream::WriteResponse>, Status> {
            Err(Status::unimplemented(""))
        }

        async fn query_write_status(
            &self,
            _: Request<bytestream::QueryWriteStatusRequest>,
        ) -> Result<Response<bytestream::QueryWriteStatusResponse>, Status> {
            Err(Status::unimplemented(""))
        }
    }

    /// What is made of the liar's answer.
    async fn believed(liar: Liar) -> Result<Option<Outcome>, Trouble> {
        use hyper_util::rt::{TokioExecutor, TokioIo};
        let (near, far) = tokio::io::duplex(1 << 16);
        let services = tonic::service::Routes::new(
            reapi::action_cache_server::ActionCacheServer::new(liar.clone()),
        )
        .add_service(bytestream::byte_stream_server::ByteStreamServer::new(liar))
        .prepare();
        tokio::spawn(async move {
            let services = hyper_util::service::TowerToHyperService::new(services);
            let server = hyper_util::server::conn::auto::Builder::new(TokioExecutor::new());
            drop(server.serve_connection(TokioIo::new(far), services).await);
        });
        let client = Client::new("liar", over(near).await.unwrap());
        let spec = ActionSpec {
            arguments: vec!["true".to_owned()],
            environment: BTreeMap::new(),
            output: "out".to_owned(),
            platform: BTreeMap::new(),
            inputs: TreeBuilder::default().build(),
            timeout: Duration::from_secs(1),
        };
        client.cached(&Action::new(spec)).await
    }

    fn liar(promised: Digest, inline: &[u8]) -> Liar {
        Liar { promised, inline: inline.to_vec(), endless: vec![0; 1 << 20] }
    }

    #[tokio::test]
    async fn believes_what_is_true_and_nothing_else() {
        let outcome = believed(liar(Digest::of(b"right"), b"right")).await;
        assert!(matches!(outcome, Ok(Some(Outcome::Built { cached: true, .. }))), "{outcome:?}");
        let error = believed(liar(Digest::of(b"right"), b"wrong")).await.unwrap_err();
        assert!(error.to_string().starts_with("runner 'liar': it promised"), "{error}");
    }

    #[tokio::test]
    async fn takes_no_more_than_was_promised() {
        let promised = Digest { size: 2 << 20, ..Digest::of(b"right") };
        let error = believed(liar(promised, b"")).await.unwrap_err();
        assert!(error.to_string().ends_with("it sends more than it promised"), "{error}");
        let promised = Digest { size: 1 << 40, ..Digest::of(b"right") };
        let outcome = believed(liar(promised, b"")).await.unwrap().unwrap();
        assert!(
            matches!(outcome, Outcome::Failed { reason, .. } if reason.contains("is the most"))
        );
    }
}
