//! The services `ContentAddressableStorage`, `ByteStream` and `ActionCache`: the store, as the
//! protocol shows it.

use std::io::{Read, Seek as _, SeekFrom};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bazel_remote_apis::build::bazel::remote::execution::v2 as reapi;
use bazel_remote_apis::google::bytestream;
use bazel_remote_apis::google::rpc;
use bytes::Bytes;
use prost::Message as _;
use reapi::compressor::Value as Compressor;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tokio_stream::{Stream, StreamExt as _};
use tonic::{Request, Response, Status, Streaming};

use super::store::{BlobWriter, Store, StoreError};
use super::{BATCH_LIMIT, blocking, digest_in, not_offered, status_of};
use crate::model::digest::Digest;
use crate::model::tree::{from_wire, to_wire};
use crate::sys::packed;

/// The bytes of one message of a stream.
const CHUNK: usize = 256 << 10;

/// The largest content: more than any toolset or root has, less than a disk.
const LARGEST: u64 = 8 << 30;

/// How long an upload may bring nothing before it is given up.
const SILENCE: Duration = Duration::from_secs(120);

/// The three services over one store.
#[derive(Clone, Debug)]
pub(super) struct Contents(pub(super) Arc<Store>);

type Stream_<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

#[tonic::async_trait]
impl reapi::content_addressable_storage_server::ContentAddressableStorage for Contents {
    type GetTreeStream = Stream_<reapi::GetTreeResponse>;
    type GetChunkMappingStream = Stream_<reapi::GetChunkMappingResponse>;

    async fn find_missing_blobs(
        &self,
        request: Request<reapi::FindMissingBlobsRequest>,
    ) -> Result<Response<reapi::FindMissingBlobsResponse>, Status> {
        let asked = request.into_inner().blob_digests;
        let digests: Vec<Digest> =
            asked.iter().map(|digest| digest_in(Some(digest))).collect::<Result<_, _>>()?;
        let store = Arc::clone(&self.0);
        let missing_blob_digests = blocking(move || {
            let missing = digests.into_iter().filter(|digest| !store.contains(*digest));
            Ok::<_, Status>(missing.map(to_wire).collect())
        })
        .await?;
        Ok(Response::new(reapi::FindMissingBlobsResponse { missing_blob_digests }))
    }

    async fn batch_update_blobs(
        &self,
        request: Request<reapi::BatchUpdateBlobsRequest>,
    ) -> Result<Response<reapi::BatchUpdateBlobsResponse>, Status> {
        let store = Arc::clone(&self.0);
        let responses = blocking(move || {
            let requests = request.into_inner().requests;
            Ok::<_, Status>(requests.into_iter().map(|blob| update(&store, blob)).collect())
        })
        .await?;
        Ok(Response::new(reapi::BatchUpdateBlobsResponse { responses }))
    }

    async fn batch_read_blobs(
        &self,
        request: Request<reapi::BatchReadBlobsRequest>,
    ) -> Result<Response<reapi::BatchReadBlobsResponse>, Status> {
        let request = request.into_inner();
        let digests: Vec<Digest> = request
            .digests
            .iter()
            .map(|digest| digest_in(Some(digest)))
            .collect::<Result<_, _>>()?;
        let pack = request.acceptable_compressors.contains(&Compressor::Zstd.into());
        let total = digests.iter().fold(0_u64, |sum, digest| sum.saturating_add(digest.size));
        if total > BATCH_LIMIT {
            return Err(Status::invalid_argument(format!(
                "the batch has {total} bytes; at most {BATCH_LIMIT} travel in one"
            )));
        }
        let store = Arc::clone(&self.0);
        let responses = blocking(move || {
            Ok::<_, Status>(digests.into_iter().map(|digest| read(&store, digest, pack)).collect())
        })
        .await?;
        Ok(Response::new(reapi::BatchReadBlobsResponse { responses }))
    }

    async fn get_tree(
        &self,
        request: Request<reapi::GetTreeRequest>,
    ) -> Result<Response<Self::GetTreeStream>, Status> {
        let root = digest_in(request.into_inner().root_digest.as_ref())?;
        let store = Arc::clone(&self.0);
        let directories = blocking(move || folders_of(&store, root)).await?;
        let tree = reapi::GetTreeResponse { directories, ..Default::default() };
        Ok(Response::new(Box::pin(tokio_stream::once(Ok(tree)))))
    }

    async fn split_blob(
        &self,
        _: Request<reapi::SplitBlobRequest>,
    ) -> Result<Response<reapi::SplitBlobResponse>, Status> {
        Err(not_offered("SplitBlob"))
    }

    async fn get_chunk_mapping(
        &self,
        _: Request<reapi::GetChunkMappingRequest>,
    ) -> Result<Response<Self::GetChunkMappingStream>, Status> {
        Err(not_offered("GetChunkMapping"))
    }

    async fn splice_blob(
        &self,
        _: Request<reapi::SpliceBlobRequest>,
    ) -> Result<Response<reapi::SpliceBlobResponse>, Status> {
        Err(not_offered("SpliceBlob"))
    }

    async fn register_chunk_mapping(
        &self,
        _: Request<Streaming<reapi::RegisterChunkMappingRequest>>,
    ) -> Result<Response<reapi::RegisterChunkMappingResponse>, Status> {
        Err(not_offered("RegisterChunkMapping"))
    }
}

fn update(
    store: &Store,
    blob: reapi::batch_update_blobs_request::Request,
) -> reapi::batch_update_blobs_response::Response {
    let result = digest_in(blob.digest.as_ref()).and_then(|digest| {
        if blob.compressor == i32::from(Compressor::Identity) {
            return store.insert(digest, &blob.data).map_err(|error| status_of(&error));
        }
        if blob.compressor != i32::from(Compressor::Zstd) {
            return Err(Status::invalid_argument("contents are packed by zstd or not at all"));
        }
        if digest.size > BATCH_LIMIT {
            return Err(too_large(digest, BATCH_LIMIT));
        }
        let bytes = packed::unpack(&blob.data, digest.size)
            .map_err(|error| not_unpacked(digest, &error))?;
        store.insert(digest, &bytes).map_err(|error| status_of(&error))
    });
    reapi::batch_update_blobs_response::Response {
        digest: blob.digest,
        status: Some(to_rpc(&result.err().unwrap_or_else(|| Status::ok("")))),
    }
}

fn too_large(digest: Digest, most: u64) -> Status {
    Status::invalid_argument(format!(
        "the content {digest} is too large; {most} bytes are the most"
    ))
}

fn not_unpacked(digest: Digest, error: &std::io::Error) -> Status {
    // What the store says of its own disk comes through the unpacking.
    if let Some(error) = error.get_ref().and_then(|inner| inner.downcast_ref::<StoreError>()) {
        return status_of(error);
    }
    Status::invalid_argument(format!("the content {digest} cannot be unpacked: {error}"))
}

fn read(store: &Store, digest: Digest, pack: bool) -> reapi::batch_read_blobs_response::Response {
    let (mut data, status) = match store.read(digest) {
        Ok(Some(bytes)) => (bytes, Status::ok("")),
        Ok(None) => (Vec::new(), missing(digest)),
        Err(error) => (Vec::new(), status_of(&error)),
    };
    let mut compressor = Compressor::Identity;
    if pack
        && packed::pays(&data)
        && let Ok(smaller) = packed::pack(&data)
    {
        (data, compressor) = (smaller, Compressor::Zstd);
    }
    reapi::batch_read_blobs_response::Response {
        digest: Some(to_wire(digest)),
        data,
        compressor: compressor.into(),
        status: Some(to_rpc(&status)),
    }
}

fn missing(digest: Digest) -> Status {
    Status::not_found(format!("the content {digest} is not here"))
}

fn to_rpc(status: &Status) -> rpc::Status {
    rpc::Status {
        code: status.code().into(),
        message: status.message().to_owned(),
        ..Default::default()
    }
}

/// Every folder of a tree, each once, as far as they are there and fit into one answer.
fn folders_of(store: &Store, root: Digest) -> Result<Vec<reapi::Directory>, Status> {
    let (mut folders, mut waiting) = (Vec::new(), vec![root]);
    let (mut seen, mut size) = (std::collections::HashSet::new(), 0);
    while let Some(digest) = waiting.pop() {
        if !seen.insert(digest) {
            continue;
        }
        size += digest.size;
        if size > BATCH_LIMIT {
            return Err(Status::resource_exhausted("the tree is too large to list in one answer"));
        }
        let bytes = store.read(digest).map_err(|error| status_of(&error))?;
        let Some(bytes) = bytes else {
            if digest == root {
                return Err(missing(digest));
            }
            continue;
        };
        let folder = reapi::Directory::decode(bytes.as_slice())
            .map_err(|error| Status::invalid_argument(format!("{digest} is no folder: {error}")))?;
        waiting
            .extend(folder.directories.iter().filter_map(|node| from_wire(node.digest.as_ref()?)));
        folders.push(folder);
    }
    Ok(folders)
}

#[tonic::async_trait]
impl bytestream::byte_stream_server::ByteStream for Contents {
    type ReadStream = ReceiverStream<Result<bytestream::ReadResponse, Status>>;

    async fn read(
        &self,
        request: Request<bytestream::ReadRequest>,
    ) -> Result<Response<Self::ReadStream>, Status> {
        let request = request.into_inner();
        let (digest, packed) = named(&request.resource_name)?;
        let offset = u64::try_from(request.read_offset)
            .ok()
            .filter(|offset| *offset <= digest.size)
            .ok_or_else(|| Status::out_of_range("the offset is outside the content"))?;
        let most = match u64::try_from(request.read_limit) {
            Ok(0) => u64::MAX,
            Ok(_) if packed => {
                return Err(Status::invalid_argument("a packed content has no limit to its bytes"));
            }
            Ok(most) => most,
            Err(_) => return Err(Status::invalid_argument("the limit is negative")),
        };
        let store = Arc::clone(&self.0);
        let path = blocking(move || store.path(digest)).await?.ok_or_else(|| missing(digest))?;
        let (sender, receiver) = mpsc::channel(4);
        tokio::task::spawn_blocking(move || {
            let mut opened = crate::sys::files::open(&path)
                .map_err(StoreError::from)
                .map_err(|error| status_of(&error));
            if let Ok(file) = &mut opened
                && let Err(error) = file.seek(SeekFrom::Start(offset))
            {
                opened = Err(error.into());
            }
            match opened {
                Ok(file) if packed => match packed::packing(file) {
                    Ok(reader) => send_all(reader, &sender),
                    Err(error) => drop(sender.blocking_send(Err(error.into()))),
                },
                Ok(file) => send_all(file.take(most), &sender),
                Err(status) => drop(sender.blocking_send(Err(status))),
            }
        });
        Ok(Response::new(ReceiverStream::new(receiver)))
    }

    async fn write(
        &self,
        request: Request<Streaming<bytestream::WriteRequest>>,
    ) -> Result<Response<bytestream::WriteResponse>, Status> {
        let mut requests = request.into_inner();
        let Some(first) = requests.next().await.transpose()? else {
            return Err(Status::invalid_argument("the stream is empty"));
        };
        let (digest, packed) = named(&first.resource_name)?;
        if digest.size > LARGEST {
            return Err(too_large(digest, LARGEST));
        }
        let answer = |size: u64, there: bool| {
            let committed_size =
                if packed && there { -1 } else { i64::try_from(size).unwrap_or(i64::MAX) };
            Response::new(bytestream::WriteResponse { committed_size })
        };
        if self.0.contains(digest) {
            return Ok(answer(digest.size, true));
        }
        let (sender, receiver) = mpsc::channel(4);
        let store = Arc::clone(&self.0);
        let writing = tokio::spawn(blocking(move || write_all(&store, digest, packed, receiver)));
        let finished = forward(first, &mut requests, &sender).await;
        if finished.is_ok() {
            drop(sender.send(None).await);
        }
        drop(sender);
        let written = writing.await.map_err(|error| Status::internal(error.to_string()))?;
        written.and(finished).map(|size| answer(size, false))
    }

    async fn query_write_status(
        &self,
        request: Request<bytestream::QueryWriteStatusRequest>,
    ) -> Result<Response<bytestream::QueryWriteStatusResponse>, Status> {
        let (digest, _) = named(&request.into_inner().resource_name)?;
        let complete = self.0.contains(digest);
        let size = if complete { digest.size } else { 0 };
        let committed_size = i64::try_from(size).unwrap_or(i64::MAX);
        Ok(Response::new(bytestream::QueryWriteStatusResponse { committed_size, complete }))
    }
}

fn send_all(
    mut reader: impl Read,
    sender: &mpsc::Sender<Result<bytestream::ReadResponse, Status>>,
) {
    loop {
        let mut data = Vec::with_capacity(CHUNK);
        let message = match reader.by_ref().take(CHUNK as u64).read_to_end(&mut data) {
            Ok(0) => return,
            Ok(_) => Ok(bytestream::ReadResponse { data }),
            Err(error) => Err(error.into()),
        };
        if sender.blocking_send(message).is_err() {
            return;
        }
    }
}

/// Hands the bytes of a stream on as they come, up to the message that says it is the last. Says how many
/// they were.
async fn forward(
    first: bytestream::WriteRequest,
    requests: &mut Streaming<bytestream::WriteRequest>,
    sender: &mpsc::Sender<Option<Bytes>>,
) -> Result<u64, Status> {
    let (mut request, mut offset) = (first, 0_u64);
    loop {
        if u64::try_from(request.write_offset) != Ok(offset) {
            return Err(Status::invalid_argument(format!(
                "the bytes at {} came where those at {offset} were due",
                request.write_offset
            )));
        }
        offset += request.data.len() as u64;
        if sender.send(Some(request.data.into())).await.is_err() || request.finish_write {
            return Ok(offset);
        }
        let Ok(next) = tokio::time::timeout(SILENCE, requests.next()).await else {
            return Err(Status::deadline_exceeded("nothing more of the content came"));
        };
        let Some(next) = next.transpose()? else {
            return Err(Status::invalid_argument("the stream ended before its last message"));
        };
        request = next;
    }
}

/// Writes what comes; what is not ended with `None` is not kept.
fn write_all(
    store: &Store,
    digest: Digest,
    packed: bool,
    mut chunks: mpsc::Receiver<Option<Bytes>>,
) -> Result<(), Status> {
    let writer = store.writer(digest)?;
    if packed {
        let unpacked = |error: std::io::Error| not_unpacked(digest, &error);
        let mut unpacking = packed::Unpacking::new(writer, digest.size).map_err(unpacked)?;
        while let Some(chunk) = chunks.blocking_recv() {
            match chunk {
                Some(bytes) => unpacking.write(&bytes).map_err(unpacked)?,
                None => return Ok(unpacking.finish().map_err(unpacked)?.finish()?),
            }
        }
        return Ok(());
    }
    write_plain(writer, chunks)
}

fn write_plain(
    mut writer: BlobWriter<'_>,
    mut chunks: mpsc::Receiver<Option<Bytes>>,
) -> Result<(), Status> {
    while let Some(chunk) = chunks.blocking_recv() {
        match chunk {
            Some(bytes) => writer.write(&bytes)?,
            None => return Ok(writer.finish()?),
        }
    }
    Ok(())
}

/// The content that a resource is named after, and whether it is packed: `blobs/HASH/SIZE` or
/// `compressed-blobs/zstd/HASH/SIZE`, with `uploads/UUID/` or the name of an instance before it.
fn named(resource: &str) -> Result<(Digest, bool), Status> {
    let parts: Vec<&str> = resource.split('/').collect();
    let packed = parts.windows(2).position(|pair| *pair == ["compressed-blobs", "zstd"]);
    let plain = parts.iter().position(|part| *part == "blobs").map(|at| at + 1);
    let at = packed.map(|at| at + 2).or(plain);
    let digest = at.and_then(|at| {
        let hash = (*parts.get(at)?).to_owned();
        let size_bytes = parts.get(at + 1)?.parse().ok()?;
        from_wire(&reapi::Digest { hash, size_bytes })
    });
    let digest = digest.ok_or_else(|| {
        Status::invalid_argument(format!("'{resource}' does not name a content: blobs/HASH/SIZE"))
    })?;
    Ok((digest, packed.is_some()))
}

#[tonic::async_trait]
impl reapi::action_cache_server::ActionCache for Contents {
    async fn get_action_result(
        &self,
        request: Request<reapi::GetActionResultRequest>,
    ) -> Result<Response<reapi::ActionResult>, Status> {
        let request = request.into_inner();
        let action = digest_in(request.action_digest.as_ref())?;
        let store = Arc::clone(&self.0);
        let result = blocking(move || store.result(action, &request.inline_output_files)).await?;
        let none = || Status::not_found(format!("the action {action} has no result here"));
        Ok(Response::new(result.ok_or_else(none)?))
    }

    async fn update_action_result(
        &self,
        request: Request<reapi::UpdateActionResultRequest>,
    ) -> Result<Response<reapi::ActionResult>, Status> {
        let request = request.into_inner();
        let action = digest_in(request.action_digest.as_ref())?;
        let Some(result) = request.action_result else {
            return Err(Status::invalid_argument("the result is missing"));
        };
        let store = Arc::clone(&self.0);
        let kept = result.clone();
        blocking(move || store.keep_result(action, &kept)).await?;
        Ok(Response::new(result))
    }
}

#[cfg(test)]
mod tests {
    use tonic::Code;

    use super::*;

    #[test]
    fn reads_the_names_of_resources() {
        let digest = Digest::of(b"text");
        let hash = digest.sha256;
        for name in [
            format!("blobs/{hash}/4"),
            format!("uploads/8b0a/blobs/{hash}/4"),
            format!("instance/uploads/8b0a/blobs/{hash}/4/trailing"),
        ] {
            assert_eq!(named(&name).unwrap(), (digest, false), "{name}");
        }
        for name in [
            format!("compressed-blobs/zstd/{hash}/4"),
            format!("instance/uploads/8b0a/compressed-blobs/zstd/{hash}/4"),
        ] {
            assert_eq!(named(&name).unwrap(), (digest, true), "{name}");
        }
        for name in [
            "",
            "blobs",
            "blobs/x/4",
            "blobs//",
            &format!("blobs/{hash}/-1"),
            &format!("compressed-blobs/lzma/{hash}/4"),
        ] {
            assert_eq!(named(name).unwrap_err().code(), Code::InvalidArgument, "{name}");
        }
    }
}
