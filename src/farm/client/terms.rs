//! What is agreed on with the server at the other end of a connection: what it says of itself, and how
//! long is waited for it.

use std::sync::Arc;
use std::time::Duration;

use bazel_remote_apis::build::bazel::remote::execution::v2 as reapi;
use reapi::compressor::Value::Zstd;
use reapi::digest_function::Value::Sha256;

use crate::worker::BATCH_LIMIT;

/// How long a server may take over what it must do, unless `MODFARM_RUNNER_PATIENCE` says otherwise.
const PATIENCE: Duration = Duration::from_secs(60);

/// The variable with another patience, in seconds.
const PATIENCE_VARIABLE: &str = "MODFARM_RUNNER_PATIENCE";

/// The bytes of a second by which the slowest link is told from one that holds us up.
const SLOWEST: u64 = 16 << 10;

/// The least that a server must take in one batch to be of use.
const LEAST_BATCH: u64 = 64 << 10;

/// What is at the other end of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::farm) enum Peer {
    /// A worker on this machine, at the other end of a pipe.
    Local,
    /// A worker on another machine.
    Remote,
    /// A server that queues jobs for workers of its own, for as long as there are none.
    Cluster,
}

/// What holds for all requests to a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::farm) struct Terms {
    pub(super) peer: Peer,
    /// The name of the instance, which is part of every request; mostly empty.
    pub(super) instance: Arc<str>,
    /// The bytes of contents in one batch.
    pub(super) batch: u64,
    /// Whether contents may be packed in batches that are sent.
    pub(super) packed_batches: bool,
    /// Whether contents may be packed in streams, and in batches that are fetched.
    pub(super) packed_streams: bool,
    patience: Duration,
}

impl Terms {
    /// The terms of a server that has said nothing of itself.
    pub(in crate::farm) fn new(peer: Peer, instance: &str) -> Self {
        let patience = std::env::var(PATIENCE_VARIABLE).ok().and_then(|text| text.parse().ok());
        Self {
            peer,
            instance: instance.into(),
            batch: BATCH_LIMIT,
            packed_batches: false,
            packed_streams: false,
            patience: patience.map_or(PATIENCE, Duration::from_secs),
        }
    }

    /// The same with what the server says it can do; the error is what it lacks.
    pub(in crate::farm) fn with(
        mut self,
        capabilities: &reapi::ServerCapabilities,
    ) -> Result<Self, String> {
        let cache = capabilities.cache_capabilities.as_ref();
        let cache = cache.ok_or("it does not say that it keeps contents")?;
        if !cache.digest_functions.contains(&Sha256.into()) {
            return Err("it does not know contents by their SHA-256".to_owned());
        }
        // None, or one that is no number of bytes, is no limit of the server's.
        if let Ok(most @ 1..) = u64::try_from(cache.max_batch_total_size_bytes) {
            self.batch = most.clamp(LEAST_BATCH, BATCH_LIMIT);
        }
        // A pipe is quicker than any packer.
        let far = self.peer != Peer::Local;
        let zstd = i32::from(Zstd);
        self.packed_batches = far && cache.supported_batch_update_compressors.contains(&zstd);
        self.packed_streams = far && cache.supported_compressors.contains(&zstd);
        Ok(self)
    }

    /// Contents up to this size travel in batches, larger ones in streams of their own.
    pub(super) fn small(&self) -> u64 {
        (self.batch / 4).min(1 << 20)
    }

    /// How long a request may take that moves so many bytes.
    pub(in crate::farm) fn deadline(&self, bytes: u64) -> Duration {
        self.patience + Duration::from_secs(bytes / SLOWEST)
    }

    /// How long a job may wait for its turn. A worker is given as many jobs as it has places for, and no
    /// job keeps a place longer than its time limit; a cluster's queue is its own affair.
    pub(super) fn queue(&self, timeout: Duration) -> Option<Duration> {
        (self.peer != Peer::Cluster).then(|| 2 * timeout + self.patience)
    }

    /// How long a job may run.
    pub(super) fn running(&self, timeout: Duration) -> Duration {
        timeout + self.patience
    }

    /// The name of a resource on the server.
    pub(super) fn resource(&self, rest: &str) -> String {
        if self.instance.is_empty() { rest.to_owned() } else { format!("{}/{rest}", self.instance) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn capabilities(cache: reapi::CacheCapabilities) -> reapi::ServerCapabilities {
        reapi::ServerCapabilities { cache_capabilities: Some(cache), ..Default::default() }
    }

    fn cache() -> reapi::CacheCapabilities {
        reapi::CacheCapabilities { digest_functions: vec![Sha256.into()], ..Default::default() }
    }

    #[test]
    fn packs_where_the_server_can_and_the_way_is_long() {
        let zstd = vec![i32::from(Zstd)];
        let able = capabilities(reapi::CacheCapabilities {
            supported_compressors: zstd.clone(),
            supported_batch_update_compressors: zstd,
            ..cache()
        });
        let packs = |peer, capabilities| {
            let terms = Terms::new(peer, "").with(capabilities).unwrap();
            (terms.packed_batches, terms.packed_streams)
        };
        assert_eq!(packs(Peer::Remote, &able), (true, true));
        assert_eq!(packs(Peer::Local, &able), (false, false));
        assert_eq!(packs(Peer::Cluster, &capabilities(cache())), (false, false));
    }

    #[test]
    fn a_batch_is_what_the_server_takes_and_never_absurd() {
        for (said, taken) in [
            (0, BATCH_LIMIT),
            (-1, BATCH_LIMIT),
            (1 << 20, 1 << 20),
            (1, LEAST_BATCH),
            (i64::MAX, BATCH_LIMIT),
        ] {
            let capabilities = capabilities(reapi::CacheCapabilities {
                max_batch_total_size_bytes: said,
                ..cache()
            });
            let terms = Terms::new(Peer::Remote, "").with(&capabilities).unwrap();
            assert_eq!(terms.batch, taken, "{said}");
            assert!(terms.small() * 4 <= taken, "{said}");
        }
    }

    #[test]
    fn a_server_without_sha256_is_of_no_use() {
        let terms = Terms::new(Peer::Cluster, "main");
        let error = terms.clone().with(&capabilities(reapi::CacheCapabilities::default()));
        assert!(error.unwrap_err().contains("SHA-256"));
        assert!(terms.clone().with(&reapi::ServerCapabilities::default()).is_err());
        assert_eq!(terms.resource("blobs/x/1"), "main/blobs/x/1");
    }
}
