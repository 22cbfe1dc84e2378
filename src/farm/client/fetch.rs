//! Fetches contents: what comes is what its digest says, or it is not taken.

use std::io::Write;

use bazel_remote_apis::build::bazel::remote::execution::v2 as reapi;
use bazel_remote_apis::google::bytestream;
use bytes::Bytes;
use reapi::compressor::Value as Compressor;
use tonic::Status;

use super::{Client, Trouble};
use crate::model::digest::Digest;
use crate::model::tree::to_wire;
use crate::sys::packed;
use crate::worker::MESSAGE_LIMIT;

/// Contents that are smaller come as they are: one message of the protocol is no shorter.
const WORTH_PACKING: u64 = 1 << 10;

impl Client {
    /// The bytes of a content, seen to be what was asked for.
    pub(super) async fn fetch(&self, digest: Digest) -> Result<Bytes, Trouble> {
        let bytes = if digest.size <= self.terms.small() {
            self.fetch_batch(digest).await?
        } else {
            self.fetch_stream(digest).await?
        };
        self.check(digest, bytes)
    }

    /// The bytes, if they are what the digest says.
    pub(super) fn check(&self, digest: Digest, bytes: Bytes) -> Result<Bytes, Trouble> {
        let actual = Digest::of(&bytes);
        if actual == digest {
            return Ok(bytes);
        }
        Err(self.fault(&format!("it promised the content {digest} and sent {actual}")))
    }

    fn packs(&self, digest: Digest) -> bool {
        self.terms.packed_streams && digest.size >= WORTH_PACKING
    }

    async fn fetch_batch(&self, digest: Digest) -> Result<Bytes, Trouble> {
        let zstd = self.packs(digest).then_some(Compressor::Zstd.into());
        let request = reapi::BatchReadBlobsRequest {
            instance_name: self.terms.instance.to_string(),
            digests: vec![to_wire(digest)],
            acceptable_compressors: zstd.into_iter().collect(),
            ..Default::default()
        };
        let mut storage = self.storage();
        let response =
            self.within("fetch a file", digest.size, storage.batch_read_blobs(request)).await?;
        let blob = response.into_inner().responses.into_iter().next();
        let blob =
            blob.ok_or_else(|| self.fault("it answers nothing to the question for a file"))?;
        let status = blob.status.unwrap_or_default();
        if status.code != 0 {
            return Err(self.fault(&format!("it lacks the file it made: {}", status.message)));
        }
        if blob.compressor == i32::from(Compressor::Identity) {
            return Ok(blob.data.into());
        }
        if blob.compressor != i32::from(Compressor::Zstd) || !self.packs(digest) {
            return Err(self.fault("it sends a file packed in a way that it was not asked for"));
        }
        let bytes = packed::unpack(&blob.data, digest.size).map_err(|error| self.torn(&error))?;
        Ok(bytes.into())
    }

    async fn fetch_stream(&self, digest: Digest) -> Result<Bytes, Trouble> {
        let kind = if self.packs(digest) { "compressed-blobs/zstd" } else { "blobs" };
        let request = bytestream::ReadRequest {
            resource_name: self.terms.resource(&format!("{kind}/{digest}")),
            ..Default::default()
        };
        let mut client = bytestream::byte_stream_client::ByteStreamClient::new(self.wire.clone())
            .max_decoding_message_size(MESSAGE_LIMIT);
        let reading = async move {
            let mut stream = client.read(request).await?.into_inner();
            let mut bytes = Received::new(self.packs(digest), digest.size)?;
            while let Some(message) = stream.message().await? {
                bytes.add(&message.data)?;
            }
            bytes.finish()
        };
        Ok(self.within("fetch a file", digest.size, reading).await?.into())
    }

    fn torn(&self, error: &std::io::Error) -> Trouble {
        self.fault(&format!("it sends a file that cannot be unpacked: {error}"))
    }
}

/// What came of a content, never more of it than its size.
enum Received {
    Plain(Vec<u8>, u64),
    Packed(packed::Unpacking<Vec<u8>>),
}

impl Received {
    fn new(packed: bool, size: u64) -> std::io::Result<Self> {
        if packed {
            return Ok(Self::Packed(packed::Unpacking::new(Vec::new(), size)?));
        }
        Ok(Self::Plain(Vec::new(), size))
    }

    fn add(&mut self, data: &[u8]) -> Result<(), Status> {
        match self {
            Self::Plain(bytes, size) if bytes.len() as u64 + data.len() as u64 <= *size => {
                bytes.write_all(data)?;
            }
            Self::Plain(..) => return Err(Status::data_loss("it sends more than it promised")),
            Self::Packed(unpacking) => unpacking.write(data).map_err(damaged)?,
        }
        Ok(())
    }

    fn finish(self) -> Result<Vec<u8>, Status> {
        match self {
            Self::Plain(bytes, _) => Ok(bytes),
            Self::Packed(unpacking) => unpacking.finish().map_err(damaged),
        }
    }
}

fn damaged(error: std::io::Error) -> Status {
    Status::data_loss(format!("it sends a file that cannot be unpacked: {error}"))
}
