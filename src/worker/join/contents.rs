//! The farm's store, as a worker uses it: inputs are brought here once and kept, outputs are sent there.

use std::collections::BTreeSet;
use std::sync::Arc;

use bazel_remote_apis::build::bazel::remote::execution::v2 as reapi;
use bazel_remote_apis::google::bytestream;
use bytestream::byte_stream_client::ByteStreamClient;
use prost::Message as _;
use reapi::content_addressable_storage_client::ContentAddressableStorageClient;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::Status;

use crate::model::digest::Digest;
use crate::model::tree::{from_wire, to_wire};
use crate::sys::dial::Wire;
use crate::sys::files;
use crate::worker::{MESSAGE_LIMIT, Store, blocking, digest_in, status_of};

/// The contents of one batch, in bytes: servers of gRPC take messages of 4 MiB where nobody says more.
const BATCH: u64 = 3 << 20;

/// Contents up to this size travel in batches, larger ones in streams of their own.
const SMALL: u64 = 1 << 20;

/// Contents in one batch: each has its digest beside it.
const MANY: usize = 2000;

/// The bytes of one message of a stream.
const CHUNK: usize = 256 << 10;

/// Folders within folders, and contents, of one action: far more than a compiler needs.
const MOST_DEPTH: usize = 64;
const MOST_CONTENTS: usize = 200_000;

/// The bytes of one action's inputs: no job may fill the disk.
const MOST_BYTES: u64 = 8 << 30;

/// The farm's store, and ours.
#[derive(Debug)]
pub(super) struct Far {
    wire: Wire,
    instance: String,
    store: Arc<Store>,
    /// Held while something is brought, so that what two actions share travels once.
    bringing: tokio::sync::Mutex<()>,
}

impl Far {
    pub(super) fn new(wire: Wire, instance: String, store: Arc<Store>) -> Self {
        Self { wire, instance, store, bringing: tokio::sync::Mutex::default() }
    }

    /// Brings everything here that an action needs: its command, every folder, every file.
    pub(super) async fn bring_here(&self, action: &reapi::Action) -> Result<(), Status> {
        let root = digest_in(action.input_root_digest.as_ref())?;
        self.ensure(vec![digest_in(action.command_digest.as_ref())?]).await?;
        let (mut files, mut seen) = (BTreeSet::new(), BTreeSet::from([root]));
        let (mut level, mut depth) = (vec![root], 0);
        while !level.is_empty() {
            if depth > MOST_DEPTH || seen.len() + files.len() > MOST_CONTENTS {
                return Err(Status::invalid_argument("the action's input tree is too large"));
            }
            self.ensure(level.clone()).await?;
            let mut below = Vec::new();
            for folder in self.folders(level).await? {
                for file in &folder.files {
                    files.insert(digest_in(file.digest.as_ref())?);
                }
                for folder in &folder.directories {
                    let digest = digest_in(folder.digest.as_ref())?;
                    if seen.insert(digest) {
                        below.push(digest);
                    }
                }
            }
            (level, depth) = (below, depth + 1);
        }
        let bytes = files.iter().fold(0_u64, |sum, digest| sum.saturating_add(digest.size));
        if bytes > MOST_BYTES {
            return Err(Status::invalid_argument(format!(
                "the action's inputs have {bytes} bytes; {MOST_BYTES} is the most"
            )));
        }
        self.ensure(files.into_iter().collect()).await
    }

    async fn folders(&self, digests: Vec<Digest>) -> Result<Vec<reapi::Directory>, Status> {
        let store = Arc::clone(&self.store);
        blocking(move || {
            let read = |digest| {
                let bytes = store.read(digest).map_err(|error| status_of(&error))?;
                let bytes = bytes.ok_or_else(|| lacking(digest))?;
                reapi::Directory::decode(bytes.as_slice())
                    .map_err(|_| Status::invalid_argument(format!("{digest} is no folder")))
            };
            digests.into_iter().map(read).collect::<Result<Vec<_>, Status>>()
        })
        .await
    }

    /// Brings those of the contents here that are not.
    pub(super) async fn ensure(&self, mut digests: Vec<Digest>) -> Result<(), Status> {
        let _one_at_a_time = self.bringing.lock().await;
        let store = Arc::clone(&self.store);
        let missing = blocking(move || {
            digests.retain(|digest| !store.contains(*digest));
            Ok::<_, Status>(digests)
        })
        .await?;
        let (small, large): (Vec<Digest>, Vec<Digest>) =
            missing.into_iter().partition(|digest| digest.size <= SMALL);
        for batch in batches(&small) {
            self.bring_batch(batch).await?;
        }
        for digest in large {
            self.bring_stream(digest).await?;
        }
        Ok(())
    }

    async fn bring_batch(&self, batch: &[Digest]) -> Result<(), Status> {
        let request = reapi::BatchReadBlobsRequest {
            instance_name: self.instance.clone(),
            digests: batch.iter().copied().map(to_wire).collect(),
            ..Default::default()
        };
        let response = self.storage().batch_read_blobs(request).await?.into_inner();
        let store = Arc::clone(&self.store);
        let asked: BTreeSet<Digest> = batch.iter().copied().collect();
        blocking(move || {
            for blob in response.responses {
                let status = blob.status.unwrap_or_default();
                let digest = digest_in(blob.digest.as_ref())?;
                if status.code != 0 || !asked.contains(&digest) {
                    return Err(lacking(digest));
                }
                store.insert(digest, &blob.data).map_err(|error| damaged(&error))?;
            }
            let absent = asked.iter().find(|digest| !store.contains(**digest));
            absent.map_or(Ok(()), |digest| Err(lacking(*digest)))
        })
        .await
    }

    async fn bring_stream(&self, digest: Digest) -> Result<(), Status> {
        let resource_name = self.resource(&format!("blobs/{digest}"));
        let request = bytestream::ReadRequest { resource_name, ..Default::default() };
        let mut stream = self.streams().read(request).await?.into_inner();
        let (sender, mut receiver) = mpsc::channel::<Option<Vec<u8>>>(4);
        let store = Arc::clone(&self.store);
        let writing = tokio::spawn(blocking(move || {
            let mut writer = store.writer(digest).map_err(|error| status_of(&error))?;
            while let Some(chunk) = receiver.blocking_recv() {
                match chunk {
                    Some(bytes) => writer.write(&bytes).map_err(|error| damaged(&error))?,
                    None => return writer.finish().map_err(|error| damaged(&error)),
                }
            }
            Err(Status::unavailable("the server ended a content before its end"))
        }));
        let mut told = Ok(());
        loop {
            let chunk = match stream.message().await {
                Ok(message) => message.map(|message| message.data),
                Err(status) => {
                    told = Err(status);
                    break;
                }
            };
            let last = chunk.is_none();
            if sender.send(chunk).await.is_err() || last {
                break;
            }
        }
        drop(sender);
        let written = writing.await.map_err(|error| Status::internal(error.to_string()))?;
        told.and(written)
    }

    /// Sends everything there that a result names.
    pub(super) async fn send(&self, result: &reapi::ActionResult) -> Result<(), Status> {
        let files = result.output_files.iter().filter_map(|file| file.digest.as_ref());
        let said = [&result.stdout_digest, &result.stderr_digest].into_iter().flatten();
        let named: BTreeSet<Digest> = files.chain(said).filter_map(from_wire).collect();
        if named.is_empty() {
            return Ok(());
        }
        let request = reapi::FindMissingBlobsRequest {
            instance_name: self.instance.clone(),
            blob_digests: named.into_iter().map(to_wire).collect(),
            ..Default::default()
        };
        let missing = self.storage().find_missing_blobs(request).await?.into_inner();
        let missing: Vec<Digest> =
            missing.missing_blob_digests.iter().filter_map(from_wire).collect();
        let (small, large): (Vec<Digest>, Vec<Digest>) =
            missing.into_iter().partition(|digest| digest.size <= SMALL);
        for batch in batches(&small) {
            self.send_batch(batch.to_vec()).await?;
        }
        for digest in large {
            self.send_stream(digest).await?;
        }
        Ok(())
    }

    async fn send_batch(&self, batch: Vec<Digest>) -> Result<(), Status> {
        let store = Arc::clone(&self.store);
        let requests = blocking(move || {
            let read = |digest| {
                let data = store.read(digest).map_err(|error| status_of(&error))?;
                let data = data.ok_or_else(|| Status::internal("an output is gone"))?;
                Ok(reapi::batch_update_blobs_request::Request {
                    digest: Some(to_wire(digest)),
                    data,
                    ..Default::default()
                })
            };
            batch.into_iter().map(read).collect::<Result<Vec<_>, Status>>()
        })
        .await?;
        let request = reapi::BatchUpdateBlobsRequest {
            instance_name: self.instance.clone(),
            requests,
            ..Default::default()
        };
        let response = self.storage().batch_update_blobs(request).await?.into_inner();
        let refused = response.responses.into_iter().filter_map(|blob| blob.status);
        match refused.into_iter().find(|status| status.code != 0) {
            Some(status) => Err(Status::unavailable(format!(
                "the server does not take an output: {}",
                status.message
            ))),
            None => Ok(()),
        }
    }

    async fn send_stream(&self, digest: Digest) -> Result<(), Status> {
        let store = Arc::clone(&self.store);
        let path = blocking(move || store.path(digest)).await?;
        let path = path.ok_or_else(|| Status::internal("an output is gone"))?;
        let unique = format!("{:016x}", fastrand::u64(..));
        let resource = self.resource(&format!("uploads/{unique}/blobs/{digest}"));
        let (sender, receiver) = mpsc::channel(4);
        let reading = tokio::task::spawn_blocking(move || pieces(&path, resource, digest, &sender));
        let sent = self.streams().write(ReceiverStream::new(receiver)).await;
        let read = reading.await.map_err(|error| Status::internal(error.to_string()))?;
        read?;
        let committed = sent?.into_inner().committed_size;
        // A server that has it by now may say so with -1.
        if committed == -1 || u64::try_from(committed) == Ok(digest.size) {
            return Ok(());
        }
        Err(Status::unavailable("the server took only a part of an output"))
    }

    /// The name of a resource of the instance.
    fn resource(&self, name: &str) -> String {
        if self.instance.is_empty() { name.to_owned() } else { format!("{}/{name}", self.instance) }
    }

    fn storage(&self) -> ContentAddressableStorageClient<Wire> {
        ContentAddressableStorageClient::new(self.wire.clone())
            .max_decoding_message_size(MESSAGE_LIMIT)
    }

    fn streams(&self) -> ByteStreamClient<Wire> {
        ByteStreamClient::new(self.wire.clone()).max_decoding_message_size(MESSAGE_LIMIT)
    }
}

/// Digests in groups of which each is one message.
fn batches(digests: &[Digest]) -> Vec<&[Digest]> {
    let (mut batches, mut begin, mut bytes) = (Vec::new(), 0, 0);
    for (at, digest) in digests.iter().enumerate() {
        if at > begin && (bytes + digest.size > BATCH || at - begin >= MANY) {
            batches.push(&digests[begin..at]);
            (begin, bytes) = (at, 0);
        }
        bytes += digest.size;
    }
    if begin < digests.len() {
        batches.push(&digests[begin..]);
    }
    batches
}

/// The messages in which a file travels.
fn pieces(
    path: &camino::Utf8Path,
    resource: String,
    digest: Digest,
    sender: &mpsc::Sender<bytestream::WriteRequest>,
) -> Result<(), Status> {
    let mut file = files::open(path).map_err(|error| Status::internal(error.to_string()))?;
    let mut resource = Some(resource);
    let mut offset = 0;
    while offset < digest.size {
        let left = usize::try_from(digest.size - offset).unwrap_or(CHUNK);
        let mut data = vec![0; CHUNK.min(left)];
        std::io::Read::read_exact(&mut file, &mut data)?;
        let write_offset = i64::try_from(offset).unwrap_or(i64::MAX);
        offset += data.len() as u64;
        let request = bytestream::WriteRequest {
            resource_name: resource.take().unwrap_or_default(),
            write_offset,
            finish_write: offset == digest.size,
            data,
        };
        if sender.blocking_send(request).is_err() {
            // The server has heard enough; its answer says why.
            break;
        }
    }
    Ok(())
}

/// The client has to bring it again.
fn lacking(digest: Digest) -> Status {
    Status::failed_precondition(format!("the content {digest} is missing on the server"))
}

/// What came is not what it was said to be, or cannot be kept: another try may do better.
fn damaged(error: &crate::worker::StoreError) -> Status {
    Status::unavailable(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn batches_fit_into_a_message_and_leave_nothing_out() {
        let sized = |size| Digest { size, ..Digest::of(b"") };
        let digests: Vec<Digest> = [SMALL, SMALL, SMALL, 1, 0, SMALL].map(sized).to_vec();
        let counts: Vec<usize> = batches(&digests).iter().map(|batch| batch.len()).collect();
        assert_eq!(counts, [3, 3]);
        assert!(batches(&[]).is_empty());
        let many = vec![sized(1); MANY + 1];
        assert_eq!(batches(&many).len(), 2);
    }
}
