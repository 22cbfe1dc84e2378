//! The services `ContentAddressableStorage`, `ByteStream` and `ActionCache`: the store, as the
//! protocol shows it.

use std::io::{Read as _, Seek as _, SeekFrom};
use std::pin::Pin;
use std::sync::Arc;

use bazel_remote_apis::build::bazel::remote::execution::v2 as reapi;
use bazel_remote_apis::google::bytestream;
use bazel_remote_apis::google::rpc;
use bytes::Bytes;
use prost::Message as _;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tokio_stream::{Stream, StreamExt as _};
use tonic::{Request, Response, Status, Streaming};

use super::store::{Store, StoreError};
use super::{BATCH_LIMIT, blocking, digest_in, status_of};
use crate::model::digest::Digest;
use crate::model::tree::{from_wire, to_wire};

/// The bytes of one message of a stream.
const CHUNK: usize = 256 << 10;

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
        let digests: Vec<Digest> = request
            .into_inner()
            .digests
            .iter()
            .map(|digest| digest_in(Some(digest)))
            .collect::<Result<_, _>>()?;
        let total = digests.iter().fold(0_u64, |sum, digest| sum.saturating_add(digest.size));
        if total > BATCH_LIMIT {
            return Err(Status::invalid_argument(format!(
                "the batch has {total} bytes; at most {BATCH_LIMIT} travel in one"
            )));
        }
        let store = Arc::clone(&self.0);
        let responses = blocking(move || {
            Ok::<_, Status>(digests.into_iter().map(|digest| read(&store, digest)).collect())
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

fn not_offered(method: &str) -> Status {
    Status::unimplemented(format!("a modfarm worker does not offer {method}"))
}

fn update(
    store: &Store,
    blob: reapi::batch_update_blobs_request::Request,
) -> reapi::batch_update_blobs_response::Response {
    let result = match digest_in(blob.digest.as_ref()) {
        Ok(_) if blob.compressor != 0 => {
            Err(Status::invalid_argument("compressed contents are not taken"))
        }
        Ok(digest) => store.insert(digest, &blob.data).map_err(|error| status_of(&error)),
        Err(status) => Err(status),
    };
    reapi::batch_update_blobs_response::Response {
        digest: blob.digest,
        status: Some(to_rpc(&result.err().unwrap_or_else(|| Status::ok("")))),
    }
}

fn read(store: &Store, digest: Digest) -> reapi::batch_read_blobs_response::Response {
    let (data, status) = match store.read(digest) {
        Ok(Some(bytes)) => (bytes, Status::ok("")),
        Ok(None) => (Vec::new(), missing(digest)),
        Err(error) => (Vec::new(), status_of(&error)),
    };
    reapi::batch_read_blobs_response::Response {
        digest: Some(to_wire(digest)),
        data,
        status: Some(to_rpc(&status)),
        ..Default::default()
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
        let digest = named(&request.resource_name)?;
        let offset = u64::try_from(request.read_offset)
            .ok()
            .filter(|offset| *offset <= digest.size)
            .ok_or_else(|| Status::out_of_range("the offset is outside the content"))?;
        let most = match u64::try_from(request.read_limit) {
            Ok(0) => u64::MAX,
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
        let digest = named(&first.resource_name)?;
        let committed_size = i64::try_from(digest.size).unwrap_or(i64::MAX);
        let done = Response::new(bytestream::WriteResponse { committed_size });
        if self.0.contains(digest) {
            return Ok(done);
        }
        let (sender, receiver) = mpsc::channel(4);
        let store = Arc::clone(&self.0);
        let writing = tokio::spawn(blocking(move || write_all(&store, digest, receiver)));
        let finished = forward(first, &mut requests, &sender).await;
        let whole = finished.is_ok();
        drop(if whole { sender.send(None).await.err() } else { None });
        drop(sender);
        let written = writing.await.map_err(|error| Status::internal(error.to_string()))?;
        written.and(finished).map(|()| done)
    }

    async fn query_write_status(
        &self,
        request: Request<bytestream::QueryWriteStatusRequest>,
    ) -> Result<Response<bytestream::QueryWriteStatusResponse>, Status> {
        let digest = named(&request.into_inner().resource_name)?;
        let complete = self.0.contains(digest);
        let size = if complete { digest.size } else { 0 };
        let committed_size = i64::try_from(size).unwrap_or(i64::MAX);
        Ok(Response::new(bytestream::QueryWriteStatusResponse { committed_size, complete }))
    }
}

fn send_all(
    mut reader: impl std::io::Read,
    sender: &mpsc::Sender<Result<bytestream::ReadResponse, Status>>,
) {
    loop {
        let mut buffer = vec![0; CHUNK];
        let message = match reader.read(&mut buffer) {
            Ok(0) => return,
            Ok(read) => {
                buffer.truncate(read);
                Ok(bytestream::ReadResponse { data: buffer })
            }
            Err(error) => Err(error.into()),
        };
        if sender.blocking_send(message).is_err() {
            return;
        }
    }
}

/// Hands the bytes of a stream on as they come, up to the message that says it is the last.
async fn forward(
    first: bytestream::WriteRequest,
    requests: &mut Streaming<bytestream::WriteRequest>,
    sender: &mpsc::Sender<Option<Bytes>>,
) -> Result<(), Status> {
    let (mut request, mut offset) = (first, 0);
    loop {
        if request.write_offset != offset {
            return Err(Status::invalid_argument(format!(
                "the bytes at {} came where those at {offset} were due",
                request.write_offset
            )));
        }
        offset += i64::try_from(request.data.len()).unwrap_or(i64::MAX);
        if sender.send(Some(request.data.into())).await.is_err() || request.finish_write {
            return Ok(());
        }
        let Some(next) = requests.next().await.transpose()? else {
            return Err(Status::invalid_argument("the stream ended before its last message"));
        };
        request = next;
    }
}

/// Writes what comes; what is not ended with `None` is not kept.
fn write_all(
    store: &Store,
    digest: Digest,
    mut chunks: mpsc::Receiver<Option<Bytes>>,
) -> Result<(), StoreError> {
    let mut writer = store.writer(digest)?;
    while let Some(chunk) = chunks.blocking_recv() {
        match chunk {
            Some(bytes) => writer.write(&bytes)?,
            None => return writer.finish(),
        }
    }
    Ok(())
}

/// The content that a resource is named after: `blobs/HASH/SIZE`, with `uploads/UUID/` or the name of
/// an instance before it.
fn named(resource: &str) -> Result<Digest, Status> {
    let parts: Vec<&str> = resource.split('/').collect();
    let digest = parts.iter().position(|part| *part == "blobs").and_then(|at| {
        let hash = (*parts.get(at + 1)?).to_owned();
        let size_bytes = parts.get(at + 2)?.parse().ok()?;
        from_wire(&reapi::Digest { hash, size_bytes })
    });
    digest.ok_or_else(|| {
        Status::invalid_argument(format!("'{resource}' does not name a content: blobs/HASH/SIZE"))
    })
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
            assert_eq!(named(&name).unwrap(), digest, "{name}");
        }
        for name in ["", "blobs", "blobs/x/4", "blobs//", &format!("blobs/{hash}/-1")] {
            assert_eq!(named(name).unwrap_err().code(), Code::InvalidArgument, "{name}");
        }
    }
}
