//! Sends contents: small ones in batches, large ones in streams of their own, packed where that pays.

use std::io::Read;

use bazel_remote_apis::build::bazel::remote::execution::v2 as reapi;
use bazel_remote_apis::google::bytestream;
use reapi::compressor::Value as Compressor;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Code, Status};

use super::{Client, Trouble};
use crate::model::digest::Digest;
use crate::model::tree::{Content, to_wire};
use crate::sys::{files, packed};

/// The bytes of one message of a stream.
const CHUNK: usize = 256 << 10;

/// What travels together.
#[derive(Debug)]
pub(super) enum Load {
    /// Small contents, in one message.
    Batch(Vec<(Digest, Content)>),
    /// A large one, in many.
    Stream(Digest, Content),
}

/// What has arrived, and the bytes that it took.
#[derive(Debug, Default)]
pub(super) struct Sent {
    pub(super) digests: Vec<Digest>,
    pub(super) bytes: u64,
}

impl Sent {
    pub(super) fn add(&mut self, other: Self) {
        self.digests.extend(other.digests);
        self.bytes += other.bytes;
    }
}

impl Client {
    /// Sends a load once there is room for it: over all jobs, few are in memory at once.
    pub(super) async fn send(self, load: Load) -> Result<Sent, Trouble> {
        let Ok(_room) = self.sending.acquire().await else {
            return Err(self.fault("it is gone"));
        };
        match load {
            Load::Batch(batch) => self.send_batch(batch).await,
            Load::Stream(digest, content) => self.send_stream(digest, content).await,
        }
    }

    async fn send_batch(&self, batch: Vec<(Digest, Content)>) -> Result<Sent, Trouble> {
        let digests: Vec<Digest> = batch.iter().map(|(digest, _)| *digest).collect();
        let pack = self.terms.packed_batches;
        let requests = tokio::task::spawn_blocking(move || {
            batch.into_iter().map(|(digest, content)| small(digest, content, pack)).collect()
        });
        let requests: Result<Vec<_>, Trouble> = requests.await.map_err(panicked)?;
        let requests = requests?;
        let bytes = requests.iter().map(|request| request.data.len() as u64).sum();
        let request = reapi::BatchUpdateBlobsRequest {
            instance_name: self.terms.instance.to_string(),
            requests,
            ..Default::default()
        };
        let mut storage = self.storage();
        let doing = "bring the inputs";
        let response = self.within(doing, bytes, storage.batch_update_blobs(request)).await?;
        let responses = response.into_inner().responses;
        let taken = responses.len();
        for blob in responses {
            let status = blob.status.unwrap_or_default();
            if status.code != 0 {
                let status = Status::new(Code::from(status.code), status.message);
                return Err(self.trouble(doing, &status));
            }
        }
        if taken < digests.len() {
            return Err(self.fault("it tells of a part of the inputs alone what became of them"));
        }
        Ok(Sent { digests, bytes })
    }

    async fn send_stream(&self, digest: Digest, content: Content) -> Result<Sent, Trouble> {
        let (sender, receiver) = mpsc::channel(4);
        let stream =
            Stream { digest, name: self.upload_name(digest), pack: self.terms.packed_streams };
        let packed_name = self.packed_upload_name(digest);
        let reading =
            tokio::task::spawn_blocking(move || stream.send(content, packed_name, &sender));
        let mut client = bytestream::byte_stream_client::ByteStreamClient::new(self.wire.clone());
        let writing = client.write(ReceiverStream::new(receiver));
        let doing = "bring the inputs";
        let answer = self.within(doing, digest.size, writing).await;
        let (bytes, packed) = reading.await.map_err(panicked)??;
        let committed = answer?.into_inner().committed_size;
        // Of a packed content that was there already, the protocol says −1.
        if u64::try_from(committed) == Ok(digest.size)
            || packed && (committed == -1 || u64::try_from(committed) == Ok(bytes))
        {
            return Ok(Sent { digests: vec![digest], bytes });
        }
        Err(self.fault("it took only a part of an input"))
    }

    fn upload_name(&self, digest: Digest) -> String {
        self.terms.resource(&format!("uploads/{}/blobs/{digest}", unique()))
    }

    fn packed_upload_name(&self, digest: Digest) -> String {
        self.terms.resource(&format!("uploads/{}/compressed-blobs/zstd/{digest}", unique()))
    }
}

/// A name that no other upload has, in the form of a UUID of version 4.
fn unique() -> String {
    let random = fastrand::u128(..);
    let digits = format!("{random:032x}");
    let (a, b, c, d) = (&digits[..8], &digits[8..12], &digits[13..16], &digits[17..20]);
    format!("{a}-{b}-4{c}-a{d}-{}", &digits[20..])
}

pub(super) fn panicked(error: tokio::task::JoinError) -> Trouble {
    Trouble::Job(format!("reading the inputs: {error}"))
}

/// A content as a part of a batch. A file that is not any more what it was is found here.
fn small(
    digest: Digest,
    content: Content,
    pack: bool,
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
    let smaller = if pack && packed::pays(&data) { packed::pack(&data).ok() } else { None };
    let smaller = smaller.filter(|smaller| smaller.len() < data.len());
    let compressor = if smaller.is_some() { Compressor::Zstd } else { Compressor::Identity };
    Ok(reapi::batch_update_blobs_request::Request {
        digest: Some(to_wire(digest)),
        data: smaller.unwrap_or(data),
        compressor: compressor.into(),
    })
}

/// A large content on its way.
struct Stream {
    digest: Digest,
    name: String,
    pack: bool,
}

impl Stream {
    /// Sends it in pieces, and stops where nobody takes them. Says how many bytes that was, and whether
    /// they were packed.
    fn send(
        mut self,
        content: Content,
        packed_name: String,
        sender: &mpsc::Sender<bytestream::WriteRequest>,
    ) -> Result<(u64, bool), Trouble> {
        let unread = |error: std::io::Error| Trouble::Job(format!("cannot pack an input: {error}"));
        let (reader, pack) = self.open(content)?;
        let reader = reader.take(self.digest.size);
        if !pack {
            return Ok((self.pieces(reader, sender)?, false));
        }
        self.name = packed_name;
        let reader = packed::packing(reader).map_err(unread)?;
        Ok((self.pieces(reader, sender)?, true))
    }

    fn open(&self, content: Content) -> Result<(Box<dyn Read>, bool), Trouble> {
        let job = |error: files::FileError| Trouble::Job(error.to_string());
        Ok(match content {
            Content::Bytes(bytes) => {
                let pack = self.pack && packed::pays(&bytes);
                (Box::new(std::io::Cursor::new(bytes)), pack)
            }
            Content::File(path) => {
                let sample = packed::sample_size();
                let pack = self.pack && packed::pays(&files::head(&path, sample).map_err(job)?);
                (Box::new(files::open(&path).map_err(job)?), pack)
            }
        })
    }

    fn pieces(
        self,
        mut reader: impl Read,
        sender: &mpsc::Sender<bytestream::WriteRequest>,
    ) -> Result<u64, Trouble> {
        let mut next = piece(&mut reader)?;
        let mut offset = 0_u64;
        loop {
            let data = std::mem::replace(&mut next, piece(&mut reader)?);
            let size = data.len() as u64;
            let request = bytestream::WriteRequest {
                resource_name: if offset == 0 { self.name.clone() } else { String::new() },
                write_offset: i64::try_from(offset).unwrap_or(i64::MAX),
                finish_write: next.is_empty(),
                data,
            };
            offset += size;
            if sender.blocking_send(request).is_err() || next.is_empty() {
                return Ok(offset);
            }
        }
    }
}

/// The next bytes of a message; none at the end.
fn piece(reader: &mut impl Read) -> Result<Vec<u8>, Trouble> {
    let mut data = Vec::with_capacity(CHUNK);
    reader
        .take(CHUNK as u64)
        .read_to_end(&mut data)
        .map_err(|error| Trouble::Job(format!("an input cannot be read: {error}")))?;
    Ok(data)
}
