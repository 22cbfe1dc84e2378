//! A client that means no good, or does too much at once: a worker refuses it, or keeps it waiting, and
//! serves on in bounded memory; nothing of it is left on the disk.

use std::time::Duration;

use bazel_remote_apis::build::bazel::remote::execution::v2 as reapi;
use bazel_remote_apis::google::bytestream;
use camino::{Utf8Path, Utf8PathBuf};
use modfarm::model::digest::Digest;
use modfarm::model::tree::{from_wire, to_wire};
use modfarm::sys::{files, packed};
use prost::Message as _;
use reapi::compressor::Value::Zstd;
use reapi::content_addressable_storage_client::ContentAddressableStorageClient;
use tokio::task::JoinSet;
use tonic::Code;
use tonic::transport::Channel;

use crate::worker::{Place, Worker, job};

/// The most KiB that a worker may take, whatever comes.
const MEMORY: u64 = 256 << 10;

fn storage(worker: &Worker) -> ContentAddressableStorageClient<Channel> {
    ContentAddressableStorageClient::new(worker.channel.clone()).max_decoding_message_size(8 << 20)
}

fn streams(worker: &Worker) -> bytestream::byte_stream_client::ByteStreamClient<Channel> {
    bytestream::byte_stream_client::ByteStreamClient::new(worker.channel.clone())
}

/// The most KiB that a worker ever took.
fn peak(worker: &Worker) -> u64 {
    let status = Utf8PathBuf::from(format!("/proc/{}/status", worker.child.id().unwrap()));
    let status = files::read_to_string(&status).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.split_whitespace().next().unwrap().parse().unwrap()
}

/// What is under way in a store: nothing, once all was answered.
#[track_caller]
fn nothing_is_half_written(store: &Utf8Path) {
    let half: Vec<String> = files::walk(&store.join("work"))
        .unwrap()
        .into_iter()
        .filter(|path| path.contains("/new/"))
        .collect();
    assert_eq!(half, Vec::<String>::new());
}

/// Bytes that look like nothing else.
fn noise(size: usize, seed: u64) -> Vec<u8> {
    let mut random = fastrand::Rng::with_seed(seed);
    std::iter::repeat_with(|| random.u8(..)).take(size).collect()
}

async fn put_packed(
    worker: &Worker,
    digest: Digest,
    data: Vec<u8>,
) -> reapi::BatchUpdateBlobsResponse {
    let request = reapi::batch_update_blobs_request::Request {
        digest: Some(to_wire(digest)),
        data,
        compressor: Zstd.into(),
    };
    let request = reapi::BatchUpdateBlobsRequest { requests: vec![request], ..Default::default() };
    storage(worker).batch_update_blobs(request).await.unwrap().into_inner()
}

async fn write_packed(worker: &Worker, digest: Digest, data: &[u8]) -> Result<i64, tonic::Status> {
    let pieces: Vec<bytestream::WriteRequest> = data
        .chunks(100_000)
        .enumerate()
        .map(|(number, piece)| bytestream::WriteRequest {
            resource_name: format!("uploads/1/compressed-blobs/zstd/{digest}"),
            write_offset: i64::try_from(number * 100_000).unwrap(),
            finish_write: (number + 1) * 100_000 >= data.len(),
            data: piece.to_vec(),
        })
        .collect();
    let answer = streams(worker).write(tokio_stream::iter(pieces)).await?;
    Ok(answer.into_inner().committed_size)
}

#[tokio::test(flavor = "multi_thread")]
async fn packed_contents_travel_both_ways() {
    let place = Place::new();
    let worker = Worker::start(&place.path.join("store")).await;
    let text = b"#define AP_SERVER_MAJORVERSION 2\n".repeat(60_000);
    let (small, large) = (&text[..40_000], &text[..]);
    let answer = put_packed(&worker, Digest::of(small), packed::pack(small).unwrap()).await;
    assert_eq!(answer.responses[0].status.as_ref().unwrap().code, 0, "{answer:?}");
    let packed_large = packed::pack(large).unwrap();
    let digest = Digest::of(large);
    let sent = i64::try_from(packed_large.len()).unwrap();
    assert_eq!(write_packed(&worker, digest, &packed_large).await.unwrap(), sent);
    // What is there already is not taken twice.
    assert_eq!(write_packed(&worker, digest, &packed_large).await.unwrap(), -1);

    let request = reapi::BatchReadBlobsRequest {
        digests: vec![to_wire(Digest::of(small))],
        acceptable_compressors: vec![Zstd.into()],
        ..Default::default()
    };
    let blob =
        storage(&worker).batch_read_blobs(request).await.unwrap().into_inner().responses.remove(0);
    assert!(blob.compressor == i32::from(Zstd) && blob.data.len() < 4000);
    assert_eq!(packed::unpack(&blob.data, 40_000).unwrap(), small);

    let resource_name = format!("compressed-blobs/zstd/{digest}");
    let request = bytestream::ReadRequest { resource_name, ..Default::default() };
    let mut read = streams(&worker).read(request).await.unwrap().into_inner();
    let mut data = Vec::new();
    while let Some(message) = read.message().await.unwrap() {
        data.extend(message.data);
    }
    assert!(data.len() < large.len() / 10);
    assert_eq!(packed::unpack(&data, digest.size).unwrap(), large);
    drop(read);
    worker.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn bombs_are_refused_and_leave_nothing() {
    let place = Place::new();
    let store = place.path.join("store");
    let worker = Worker::start(&store).await;
    let zeros = vec![0; 128 << 20];
    let bomb = packed::pack(&zeros).unwrap();
    for promised in [1000, 100_000, 3 << 20] {
        let digest = Digest { size: promised, ..Digest::of(b"it") };
        let answer = put_packed(&worker, digest, bomb.clone()).await;
        let status = answer.responses[0].status.clone().unwrap();
        assert_eq!(status.code, i32::from(Code::InvalidArgument), "{}", status.message);
        assert!(status.message.contains("more than was promised"), "{}", status.message);
        let error = write_packed(&worker, digest, &bomb).await.unwrap_err();
        assert_eq!(error.code(), Code::InvalidArgument, "{error}");
    }
    // Its right size does not fit into a batch, and a content may not be of any size.
    let answer = put_packed(&worker, Digest::of(&zeros), bomb.clone()).await;
    assert_eq!(answer.responses[0].status.clone().unwrap().code, i32::from(Code::InvalidArgument));
    let digest = Digest { size: 1 << 40, ..Digest::of(b"it") };
    let error = write_packed(&worker, digest, &bomb).await.unwrap_err();
    assert!(error.message().contains("too large"), "{error}");
    nothing_is_half_written(&store);
    assert!(peak(&worker) < MEMORY, "{} KiB", peak(&worker));
    worker.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn many_batches_at_once_take_bounded_memory() {
    let place = Place::new();
    let worker = Worker::start(&place.path.join("store")).await;
    let data = noise(3_500_000, 1);
    let digest = to_wire(Digest::of(&data));
    let mut sending = JoinSet::new();
    for _ in 0..150 {
        let blob = reapi::batch_update_blobs_request::Request {
            digest: Some(digest.clone()),
            data: data.clone(),
            ..Default::default()
        };
        let request = reapi::BatchUpdateBlobsRequest { requests: vec![blob], ..Default::default() };
        let mut storage = storage(&worker);
        sending.spawn(async move { storage.batch_update_blobs(request).await });
    }
    for sent in sending.join_all().await {
        assert_eq!(
            sent.unwrap().into_inner().responses[0].status.clone().unwrap_or_default().code,
            0
        );
    }
    let mut reading = JoinSet::new();
    for _ in 0..150 {
        let digests = vec![digest.clone()];
        let request = reapi::BatchReadBlobsRequest { digests, ..Default::default() };
        let mut storage = storage(&worker);
        reading.spawn(async move {
            let answer = storage.batch_read_blobs(request).await.unwrap().into_inner();
            answer.responses[0].data.len()
        });
    }
    assert!(reading.join_all().await.into_iter().all(|size| size == 3_500_000));
    assert!(peak(&worker) < MEMORY, "{} KiB", peak(&worker));
    worker.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_question_of_a_million_digests_is_refused() {
    let place = Place::new();
    let worker = Worker::start(&place.path.join("store")).await;
    let digest = to_wire(Digest::of(b"x"));
    let ask = |digests| {
        let request =
            reapi::FindMissingBlobsRequest { blob_digests: digests, ..Default::default() };
        let mut storage = storage(&worker);
        async move { storage.find_missing_blobs(request).await }
    };
    let error = ask(vec![digest.clone(); 1_000_000]).await.unwrap_err();
    assert_eq!(error.code(), Code::OutOfRange, "{error}");
    let error = ask(vec![reapi::Digest::default(); 1_000_000]).await.unwrap_err();
    assert_eq!(error.code(), Code::InvalidArgument, "{error}");
    assert_eq!(
        ask(vec![digest; 50_000]).await.unwrap().into_inner().missing_blob_digests.len(),
        50_000
    );
    assert!(peak(&worker) < MEMORY, "{} KiB", peak(&worker));
    worker.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_that_is_not_what_it_says_leaves_nothing() {
    let place = Place::new();
    let store = place.path.join("store");
    let worker = Worker::start(&store).await;
    let data = noise(200_000, 2);
    for (promised, sent) in [(300_000, 200_000), (100_000, 200_000), (200_000, 200_000)] {
        let digest = Digest { size: promised, ..Digest::of(b"other") };
        let piece = bytestream::WriteRequest {
            resource_name: format!("uploads/1/blobs/{digest}"),
            write_offset: 0,
            finish_write: true,
            data: data[..sent].to_vec(),
        };
        let error = streams(&worker).write(tokio_stream::iter([piece])).await.unwrap_err();
        assert_eq!(error.code(), Code::InvalidArgument, "{error}");
    }
    nothing_is_half_written(&store);
    worker.end().await;
}

/// The status of an action with this command in an empty folder.
async fn status_of(worker: &mut Worker, command: reapi::Command) -> (Code, String) {
    let action = reapi::Action {
        command_digest: Some(worker.put(&command.encode_to_vec()).await),
        input_root_digest: Some(worker.put(b"").await),
        ..Default::default()
    };
    let digest = worker.put(&action.encode_to_vec()).await;
    let status = worker.execute(from_wire(&digest).unwrap()).await.status.unwrap_or_default();
    (Code::from(status.code), status.message)
}

#[tokio::test(flavor = "multi_thread")]
async fn commands_that_no_machine_can_run_are_refused() {
    let place = Place::new();
    let store = place.path.join("store");
    let mut worker = Worker::start(&store).await;
    let command = |arguments: &[&str]| reapi::Command {
        arguments: arguments.iter().map(|argument| (*argument).to_owned()).collect(),
        ..Default::default()
    };
    for path in ["../out", "/tmp/modfarm-out", "a/../../out", "a\0b"] {
        let output_paths = vec![path.to_owned()];
        let (code, said) =
            status_of(&mut worker, reapi::Command { output_paths, ..command(&["true"]) }).await;
        assert_eq!(code, Code::InvalidArgument, "{path}: {said}");
        let working_directory = path.to_owned();
        let (code, said) =
            status_of(&mut worker, reapi::Command { working_directory, ..command(&["true"]) })
                .await;
        assert_eq!(code, Code::InvalidArgument, "{path}: {said}");
    }
    assert_eq!(status_of(&mut worker, command(&[])).await.0, Code::InvalidArgument);
    for (name, value) in [("A\0B", "x"), ("A", "x\0y")] {
        let variable =
            reapi::command::EnvironmentVariable { name: name.to_owned(), value: value.to_owned() };
        let environment_variables = vec![variable];
        let bad = reapi::Command { environment_variables, ..command(&["true"]) };
        let (code, said) = status_of(&mut worker, bad).await;
        assert_ne!(code, Code::Ok, "{said}");
    }
    assert_ne!(status_of(&mut worker, command(&["true", "a\0b"])).await.0, Code::Ok);

    // An action whose parts are not there, or that is far too long to be one.
    let absent = reapi::Action {
        command_digest: Some(to_wire(Digest::of(b"absent"))),
        ..Default::default()
    };
    let absent = worker.put(&absent.encode_to_vec()).await;
    let status = worker.execute(from_wire(&absent).unwrap()).await.status.unwrap();
    assert_eq!(status.code, i32::from(Code::FailedPrecondition), "{}", status.message);
    let long = Digest { size: 1 << 33, ..Digest::of(b"long") };
    let status = worker.execute(long).await.status.unwrap();
    assert_eq!(status.code, i32::from(Code::InvalidArgument), "{}", status.message);
    assert_eq!(status_of(&mut worker, command(&["true"])).await.0, Code::Ok);
    worker.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_actions_at_once_wait_for_their_turn() {
    let place = Place::new();
    let worker = Worker::start(&place.path.join("store")).await;
    let action = job(1, "sleep 60").action;
    worker.bring(&action).await;
    let mut asking = JoinSet::new();
    for _ in 0..100 {
        let mut client = reapi::execution_client::ExecutionClient::new(worker.channel.clone());
        let request = reapi::ExecuteRequest {
            action_digest: Some(to_wire(action.digest())),
            ..Default::default()
        };
        asking.spawn(async move {
            let mut told = client.execute(request).await.unwrap().into_inner();
            while told.message().await.is_ok_and(|update| update.is_some()) {}
        });
    }
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert!(peak(&worker) < MEMORY, "{} KiB", peak(&worker));
    asking.shutdown().await;
    // Nobody follows any of them now.
    let known = tokio::time::timeout(Duration::from_secs(30), worker.put(b"a content")).await;
    assert_eq!(known.unwrap(), to_wire(Digest::of(b"a content")));
    worker.end().await;
}
