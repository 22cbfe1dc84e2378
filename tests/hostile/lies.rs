//! What each mode says instead of the truth.

use std::time::Duration;

use bazel_remote_apis::build::bazel::remote::execution::v2 as reapi;
use bazel_remote_apis::google::bytestream;
use bazel_remote_apis::google::longrunning::{Operation, operation};
use bazel_remote_apis::google::protobuf::{Any, Timestamp};
use bazel_remote_apis::google::rpc;
use http::{Request, Response};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use modfarm::model::digest::Digest;
use modfarm::model::tree::to_wire;
use modfarm::sys::dial::Wire;
use prost::Message;
use reapi::content_addressable_storage_client::ContentAddressableStorageClient;
use reapi::execution_stage::Value as Stage;
use tonic::Code;
use tonic::metadata::{MetadataMap, MetadataValue};
use tower::ServiceExt as _;

use super::answers::{Body, absurdly_long, framed, many, message, never, status};

const HELLO: &str = modfarm::worker::HELLO;

/// A worker in one of its modes, and the real one that it hides behind.
pub(crate) struct Worker {
    pub(crate) mode: String,
    pub(crate) honest: Wire,
}

impl Worker {
    pub(crate) async fn answer(&self, request: Request<Incoming>) -> Response<Body> {
        let method = request.uri().path().rsplit('/').next().unwrap().to_owned();
        match (self.mode.as_str(), method.as_str()) {
            ("long-hello", "GetCapabilities") => self.hello(request, |_| vec![b'x'; 6 << 20]).await,
            ("escape-hello", "GetCapabilities") => self.hello(request, escaped).await,
            ("mute-look-up", "GetActionResult")
            | ("mute-missing", "FindMissingBlobs")
            | ("mute-upload", "BatchUpdateBlobs")
            | ("mute-run", "Execute") => never().await,
            ("long-frame", "FindMissingBlobs") => {
                many(Duration::ZERO, [absurdly_long()].into_iter())
            }
            ("long-status", "FindMissingBlobs") => status(Code::Internal, &vec![b'x'; 2 << 20]),
            ("escape-status", "Execute") => {
                status(Code::Internal, "\x1b[2J\x1b]0;owned\x07\u{202e}\u{9b}5m".as_bytes())
            }
            ("lacks-all", "FindMissingBlobs") => {
                let asked: reapi::FindMissingBlobsRequest = read(request).await;
                let missing_blob_digests = asked.blob_digests;
                message(&reapi::FindMissingBlobsResponse { missing_blob_digests })
            }
            ("lacks-all", "Execute") => status(Code::FailedPrecondition, b"something is missing"),
            ("lacks-more", "FindMissingBlobs") => {
                let digest = |n: u32| to_wire(Digest::of(&n.to_le_bytes()));
                let missing_blob_digests = (0..70_000).map(digest).collect();
                message(&reapi::FindMissingBlobsResponse { missing_blob_digests })
            }
            ("lacks-more", "Execute") => status(Code::FailedPrecondition, b"and more"),
            ("knows-all", "GetActionResult") => {
                let asked: reapi::GetActionResultRequest = read(request).await;
                let file = reapi::OutputFile {
                    path: asked.inline_output_files[0].clone(),
                    digest: Some(to_wire(Digest::of(b"a module"))),
                    contents: b"no mod.".to_vec(),
                    ..Default::default()
                };
                message(&reapi::ActionResult { output_files: vec![file], ..Default::default() })
            }
            ("knows-all", "Execute") => status(Code::Internal, b"I knew it"),
            ("bomb", "BatchReadBlobs") => bomb(read(request).await),
            ("bomb" | "trickle" | "flood", "Read") => self.stream(read(request).await),
            (_, "Execute") => self.execute(request).await,
            _ => self.hand_on(request).await,
        }
    }

    /// What the real worker answers.
    async fn hand_on(&self, request: Request<Incoming>) -> Response<Body> {
        let request = request.map(tonic::body::Body::new);
        let answered = self.honest.clone().oneshot(request).await;
        answered.unwrap().map(http_body_util::BodyExt::boxed_unsync)
    }

    /// The real greeting with other words in it.
    async fn hello(
        &self,
        request: Request<Incoming>,
        change: impl FnOnce(Vec<u8>) -> Vec<u8>,
    ) -> Response<Body> {
        let mut response = self.hand_on(request).await;
        let mut metadata = MetadataMap::from_headers(response.headers().clone());
        let hello = metadata.get_bin(HELLO).unwrap().to_bytes().unwrap();
        metadata.insert_bin(HELLO, MetadataValue::from_bytes(&change(hello.to_vec())));
        *response.headers_mut() = metadata.into_headers();
        response
    }

    async fn execute(&self, request: Request<Incoming>) -> Response<Body> {
        if self.mode == "gone" {
            std::process::exit(0);
        }
        let action = read::<reapi::ExecuteRequest>(request).await.action_digest.unwrap();
        let output = self.output(&action).await;
        let one = |done| many(Duration::ZERO, [framed(&done)].into_iter());
        let second = Duration::from_secs(1);
        let file = |path: &str, digest| reapi::OutputFile {
            path: path.to_owned(),
            digest: Some(digest),
            ..Default::default()
        };
        let made = |files| reapi::ActionResult { output_files: files, ..Default::default() };
        let of_size = |size_bytes| reapi::Digest { size_bytes, ..to_wire(Digest::of(b"it")) };
        let result = match self.mode.as_str() {
            "queued" => {
                return many(second, std::iter::repeat(framed(&stage(&action, Stage::Queued))));
            }
            "mute-running" => {
                let told = [framed(&stage(&action, Stage::Executing))];
                return many(Duration::from_secs(3600), told.into_iter());
            }
            "running" => {
                let told = framed(&stage(&action, Stage::Executing));
                return many(Duration::ZERO, std::iter::repeat(told));
            }
            "another" => {
                let other = to_wire(Digest::of(b"another action"));
                return one(stage(&other, Stage::Executing));
            }
            "ends-early" => return one(stage(&action, Stage::Executing)),
            "no-answer" => {
                return one(Operation { done: true, ..stage(&action, Stage::Completed) });
            }
            "unreadable" => {
                let value = vec![0xff; 5 << 20];
                return one(ended(&action, Any { value, ..Default::default() }));
            }
            "time-over" => return one(over(&action, Code::DeadlineExceeded)),
            "nothing-made" => made(Vec::new()),
            "elsewhere" => made(vec![
                file("/modfarm-escaped", of_size(2)),
                file("../../../modfarm-escaped", of_size(2)),
                file(&format!("./{output}"), of_size(2)),
            ]),
            "enormous" => made(vec![file(&output, of_size(1 << 40))]),
            "negative" => made(vec![file(&output, of_size(-1))]),
            "wrong" => {
                let mut file = file(&output, to_wire(Digest::of(b"right")));
                file.contents = b"wrong".to_vec();
                made(vec![file])
            }
            "missing" => made(vec![file(&output, of_size(3000))]),
            "bomb" | "trickle" | "flood" => {
                // Both ways of fetching are tried: small ones come in batches, large ones in streams.
                made(vec![file(&output, of_size(if self.mode == "bomb" { 3000 } else { 2 << 20 }))])
            }
            "long-log" | "steering-log" | "old" => {
                return self.honestly_but(&action, &output).await;
            }
            other => panic!("no mode is called {other}"),
        };
        one(finished(&action, result))
    }

    /// Runs the action on the real worker, and tells more of it than is true.
    async fn honestly_but(&self, action: &reapi::Digest, output: &str) -> Response<Body> {
        let request =
            reapi::ExecuteRequest { action_digest: Some(action.clone()), ..Default::default() };
        let mut client = reapi::execution_client::ExecutionClient::new(self.honest.clone());
        let mut stream = client.execute(request).await.unwrap().into_inner();
        let mut result = loop {
            let update = stream.message().await.unwrap().unwrap();
            if let Some(operation::Result::Response(any)) = update.result {
                break reapi::ExecuteResponse::decode(any.value.as_slice())
                    .unwrap()
                    .result
                    .unwrap();
            }
        };
        assert_eq!(result.output_files[0].path, output);
        match self.mode.as_str() {
            "long-log" => {
                result.stdout_raw = vec![b'x'; 5 << 20];
                let endless = reapi::Digest { size_bytes: 10 << 30, ..to_wire(Digest::of(b"")) };
                (result.stderr_raw, result.stderr_digest) = (Vec::new(), Some(endless));
            }
            "steering-log" => result.stdout_raw = b"\x1b[2J\x1b]0;owned\x07\xff\x9b5m".repeat(1000),
            _ => {
                let at = |seconds| Some(Timestamp { seconds, nanos: i32::MAX });
                result.execution_metadata = Some(reapi::ExecutedActionMetadata {
                    execution_start_timestamp: at(-1 << 40),
                    execution_completed_timestamp: at(1 << 40),
                    ..Default::default()
                });
                // Files that nobody asked for.
                let extra = reapi::OutputFile {
                    path: "../../modfarm-escaped".to_owned(),
                    contents: b"evil".to_vec(),
                    digest: Some(to_wire(Digest::of(b"evil"))),
                    ..Default::default()
                };
                result.output_files.insert(0, extra);
            }
        }
        many(Duration::ZERO, [framed(&finished(action, result))].into_iter())
    }

    /// A stream of a content that does not keep what was promised.
    fn stream(&self, request: bytestream::ReadRequest) -> Response<Body> {
        let (piece, pause) = match self.mode.as_str() {
            "trickle" => (vec![0; 1], Duration::from_millis(200)),
            "flood" if request.resource_name.contains("compressed-blobs") => {
                (zeros(16 << 20), Duration::ZERO)
            }
            _ => (vec![0; 1 << 20], Duration::ZERO),
        };
        let piece = framed(&bytestream::ReadResponse { data: piece });
        many(pause, std::iter::repeat(piece))
    }

    /// The path of what the action is to make.
    async fn output(&self, action: &reapi::Digest) -> String {
        let action: reapi::Action = self.content(action).await;
        let command: reapi::Command = self.content(&action.command_digest.unwrap()).await;
        command.output_paths[0].clone()
    }

    async fn content<M: Message + Default>(&self, digest: &reapi::Digest) -> M {
        let request =
            reapi::BatchReadBlobsRequest { digests: vec![digest.clone()], ..Default::default() };
        let mut storage = ContentAddressableStorageClient::new(self.honest.clone());
        let response = storage.batch_read_blobs(request).await.unwrap().into_inner();
        M::decode(response.responses[0].data.as_slice()).unwrap()
    }
}

fn escaped(hello: Vec<u8>) -> Vec<u8> {
    let hello = String::from_utf8(hello).unwrap();
    hello.replacen("clang", "\\u001b]0;owned\\u0007clang", 1).into_bytes()
}

async fn read<M: Message + Default>(request: Request<Incoming>) -> M {
    let body = request.into_body().collect().await.unwrap().to_bytes();
    M::decode(body.slice(5..)).unwrap()
}

/// Zeros, packed: little that becomes much.
fn zeros(size: usize) -> Vec<u8> {
    modfarm::sys::packed::pack(&vec![0; size]).unwrap()
}

fn bomb(request: reapi::BatchReadBlobsRequest) -> Response<Body> {
    let zstd = i32::from(reapi::compressor::Value::Zstd);
    assert_eq!(request.acceptable_compressors, [zstd]);
    let blob = reapi::batch_read_blobs_response::Response {
        digest: Some(request.digests[0].clone()),
        data: zeros(64 << 20),
        compressor: zstd,
        status: Some(rpc::Status::default()),
    };
    message(&reapi::BatchReadBlobsResponse { responses: vec![blob] })
}

fn stage(action: &reapi::Digest, stage: Stage) -> Operation {
    let metadata = reapi::ExecuteOperationMetadata {
        stage: stage.into(),
        action_digest: Some(action.clone()),
        ..Default::default()
    };
    let metadata = Some(Any { value: metadata.encode_to_vec(), ..Default::default() });
    Operation { name: "it".to_owned(), metadata, ..Default::default() }
}

fn ended(action: &reapi::Digest, answer: Any) -> Operation {
    let result = Some(operation::Result::Response(answer));
    Operation { done: true, result, ..stage(action, Stage::Completed) }
}

fn finished(action: &reapi::Digest, result: reapi::ActionResult) -> Operation {
    let response = reapi::ExecuteResponse { result: Some(result), ..Default::default() };
    ended(action, Any { value: response.encode_to_vec(), ..Default::default() })
}

fn over(action: &reapi::Digest, code: Code) -> Operation {
    let status = rpc::Status { code: code.into(), ..Default::default() };
    let response = reapi::ExecuteResponse { status: Some(status), ..Default::default() };
    ended(action, Any { value: response.encode_to_vec(), ..Default::default() })
}
