//! Runs jobs where the compiler is: a small server of the Remote Execution API over any stream, over TCP,
//! or as a worker of a farm that it joins. The content store is a folder; when a client is gone, all that
//! it started is ended.

mod admission;
mod command;
mod connection;
mod contents;
mod execution;
mod gate;
pub mod join;
pub mod listen;
mod names;
mod platform;
pub mod prune;
mod sandbox;
mod store;
mod tokens;
pub mod toolsets;
mod work;

use std::sync::Arc;
use std::time::Duration;

use bazel_remote_apis::build::bazel::remote::execution::v2 as reapi;
use bazel_remote_apis::build::bazel::semver::SemVer;
use bazel_remote_apis::google::bytestream::byte_stream_server::ByteStreamServer;
use bazel_remote_apis::google::longrunning::operations_server::OperationsServer;
use camino::Utf8PathBuf;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::service::TowerToHyperService;
use reapi::action_cache_server::ActionCacheServer;
use reapi::capabilities_server::{Capabilities, CapabilitiesServer};
use reapi::content_addressable_storage_server::ContentAddressableStorageServer;
use reapi::execution_server::ExecutionServer;
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_util::sync::CancellationToken;
use tonic::metadata::MetadataValue;
use tonic::service::Routes;
use tonic::{Request, Response, Status};

pub use self::store::{BlobWriter, Store, StoreError};
pub use self::work::timestamp;

use self::connection::Watched;
use self::contents::Contents;
use self::execution::Execution;
use self::gate::Gate;
use self::work::Work;
use crate::model::digest::Digest;
use crate::model::toolset::Toolset;
use crate::model::tree::from_wire;

/// The metadata of the answer to `GetCapabilities` in which a worker says [`Hello`].
pub const HELLO: &str = "modfarm-worker-bin";

/// The version of [`Hello`], and of what the two ends take for granted of each other.
pub const FORMAT_VERSION: u32 = 1;

/// The contents of one batch, in bytes.
pub const BATCH_LIMIT: u64 = 4 << 20;

/// One message: a batch and what is around it.
pub const MESSAGE_LIMIT: usize = 6 << 20;

/// What a worker says of itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hello {
    /// [`FORMAT_VERSION`].
    pub format_version: u32,
    /// The worker's own version.
    pub modfarm: String,
    /// What compiles there.
    pub toolsets: Vec<Toolset>,
    /// How many compilers run there at once; unknown of a worker that is older than this field.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jobs: Option<usize>,
}

/// How a worker works.
#[derive(Clone, Debug)]
pub struct Options {
    /// The executable of this program.
    pub program: Utf8PathBuf,
    /// How many compilers run at once, over all jobs.
    pub jobs: usize,
    /// How long any job may run.
    pub longest: Duration,
    /// Ends the serving from outside, and with it all that was started.
    pub stop: CancellationToken,
}

/// Why a worker stopped serving.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The jobserver could not be made.
    #[error("cannot make a jobserver: {0}")]
    Jobserver(std::io::Error),
    /// What comes is not the protocol.
    #[error("what the client sends is not the Remote Execution API: {0}{FOREIGN_HINT}")]
    Foreign(String),
}

const FOREIGN_HINT: &str =
    "\nhint: a worker is started by modfarm itself, which speaks to it over this stream";

/// Serves one client over one stream until the client closes it; then ends all that it started.
pub async fn serve<S>(
    stream: S,
    store: Arc<Store>,
    options: Options,
    toolsets: Vec<Toolset>,
) -> Result<(), ServeError>
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let (stop, jobs) = (options.stop.clone(), options.jobs);
    let work =
        Work::new(Arc::clone(&store), options, toolsets.clone()).map_err(ServeError::Jobserver)?;
    let execution = Execution::new(Arc::new(work));
    let (stream, heard) = Watched::new(stream);
    let services = services(execution.clone(), Contents(store), Introduction { toolsets, jobs });
    let http2 = http2();
    let connection =
        http2.serve_connection(TokioIo::new(stream), TowerToHyperService::new(Gate::new(services)));
    let ended = tokio::select! {
        ended = connection => ended,
        () = heard.end() => Ok(()),
        () = stop.cancelled() => Ok(()),
    };
    execution.end().await;
    match ended {
        _ if stop.is_cancelled() || heard.is_orderly_end() => Ok(()),
        Err(error) => Err(ServeError::Foreign(error.to_string())),
        Ok(()) if heard.is_torn() => Err(ServeError::Foreign("it ended at once".to_owned())),
        Ok(()) => Ok(()),
    }
}

fn services(execution: Execution, contents: Contents, introduction: Introduction) -> Routes {
    let storage = ContentAddressableStorageServer::new(contents.clone())
        .max_decoding_message_size(MESSAGE_LIMIT)
        .max_encoding_message_size(MESSAGE_LIMIT);
    let streams = ByteStreamServer::new(contents.clone()).max_decoding_message_size(MESSAGE_LIMIT);
    Routes::new(CapabilitiesServer::new(introduction))
        .add_service(storage)
        .add_service(streams)
        .add_service(ActionCacheServer::new(contents).max_encoding_message_size(MESSAGE_LIMIT))
        .add_service(ExecutionServer::new(execution.clone()))
        .add_service(OperationsServer::new(execution))
        .prepare()
}

/// A client that is cut off without a word is gone after the time of an interval and a silence: nobody is
/// left to fetch what its jobs make.
const INTERVAL: Duration = Duration::from_secs(10);
const SILENCE: Duration = Duration::from_secs(20);

/// What may come of one stream before it is read.
const WINDOW: u32 = 512 << 10;

/// Streams of one client. Each has its whole window at all times, so that those that wait at the gate hold
/// up none of those that are let through.
const STREAMS: u32 = 128;

fn http2() -> Builder<TokioExecutor> {
    let mut server = Builder::new(TokioExecutor::new()).http2_only();
    server
        .http2()
        .timer(TokioTimer::new())
        .keep_alive_interval(INTERVAL)
        .keep_alive_timeout(SILENCE)
        .initial_stream_window_size(WINDOW)
        .initial_connection_window_size(WINDOW * STREAMS)
        .max_frame_size(1 << 20)
        .max_header_list_size(64 << 10)
        .max_concurrent_streams(STREAMS);
    server
}

/// The service Capabilities.
#[derive(Clone, Debug)]
struct Introduction {
    toolsets: Vec<Toolset>,
    jobs: usize,
}

#[tonic::async_trait]
impl Capabilities for Introduction {
    async fn get_capabilities(
        &self,
        _: Request<reapi::GetCapabilitiesRequest>,
    ) -> Result<Response<reapi::ServerCapabilities>, Status> {
        let hello = Hello {
            format_version: FORMAT_VERSION,
            modfarm: env!("CARGO_PKG_VERSION").to_owned(),
            toolsets: self.toolsets.clone(),
            jobs: Some(self.jobs),
        };
        let hello =
            serde_json::to_vec(&hello).map_err(|error| Status::internal(error.to_string()))?;
        let mut response = Response::new(capabilities());
        response.metadata_mut().insert_bin(HELLO, MetadataValue::from_bytes(&hello));
        Ok(response)
    }
}

fn capabilities() -> reapi::ServerCapabilities {
    let sha256 = i32::from(reapi::digest_function::Value::Sha256);
    let zstd = i32::from(reapi::compressor::Value::Zstd);
    let version = |minor| Some(SemVer { major: 2, minor, ..Default::default() });
    reapi::ServerCapabilities {
        cache_capabilities: Some(reapi::CacheCapabilities {
            digest_functions: vec![sha256],
            action_cache_update_capabilities: Some(reapi::ActionCacheUpdateCapabilities {
                update_enabled: true,
            }),
            max_batch_total_size_bytes: BATCH_LIMIT.cast_signed(),
            supported_compressors: vec![zstd],
            supported_batch_update_compressors: vec![zstd],
            ..Default::default()
        }),
        execution_capabilities: Some(reapi::ExecutionCapabilities {
            digest_function: sha256,
            digest_functions: vec![sha256],
            exec_enabled: true,
            ..Default::default()
        }),
        low_api_version: version(0),
        high_api_version: version(3),
        ..Default::default()
    }
}

/// Does something that waits for the disk where it keeps nobody else waiting.
async fn blocking<T, E>(work: impl FnOnce() -> Result<T, E> + Send + 'static) -> Result<T, Status>
where
    T: Send + 'static,
    E: Into<Status> + Send + 'static,
{
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result.map_err(Into::into),
        Err(error) => Err(Status::internal(error.to_string())),
    }
}

/// The digest that a message must have.
fn digest_in(digest: Option<&reapi::Digest>) -> Result<Digest, Status> {
    digest
        .and_then(from_wire)
        .ok_or_else(|| Status::invalid_argument("a digest is missing, or is not a SHA-256"))
}

fn not_offered(method: &str) -> Status {
    Status::unimplemented(format!("a modfarm worker does not offer {method}"))
}

fn status_of(error: &StoreError) -> Status {
    use std::io::ErrorKind::{QuotaExceeded, StorageFull};
    match error {
        StoreError::WrongDigest { .. } => Status::invalid_argument(error.to_string()),
        StoreError::File(file) if matches!(file.source.kind(), StorageFull | QuotaExceeded) => {
            Status::resource_exhausted(error.to_string())
        }
        StoreError::File(_) => Status::internal(error.to_string()),
    }
}

impl From<StoreError> for Status {
    fn from(error: StoreError) -> Self {
        status_of(&error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::files::FileError;

    #[test]
    fn a_full_disk_is_the_runners_fault_and_says_what_to_do() {
        let source = std::io::Error::from(std::io::ErrorKind::StorageFull);
        let status = status_of(&FileError::new("write", "/store/cas".into(), source).into());
        assert_eq!(status.code(), tonic::Code::ResourceExhausted);
        assert!(status.message().contains("/store/cas"), "{status}");
        assert!(status.message().contains("\nhint: the disk is full"), "{status}");
    }
}
