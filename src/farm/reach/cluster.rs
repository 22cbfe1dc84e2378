//! A server of the Remote Execution API over TCP: a worker that listens, or an engine with workers of its
//! own, which schedules and stores.

use std::collections::BTreeMap;

use camino::Utf8PathBuf;

/// A server, and how to be let in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cluster {
    /// `grpc://host:port`, or with TLS `grpcs://host:port`.
    pub address: String,
    /// The instance's name in the protocol, mostly empty.
    pub instance: String,
    /// A file that holds the token for the header `authorization: Bearer`.
    pub token: Option<Utf8PathBuf>,
    /// The certificates to trust, in PEM, where not the system's.
    pub authority: Option<Utf8PathBuf>,
    /// A certificate to be known by, and its key, in PEM.
    pub identity: Option<(Utf8PathBuf, Utf8PathBuf)>,
    /// Platform properties that every job asks for, besides its toolset.
    pub properties: BTreeMap<String, String>,
}
