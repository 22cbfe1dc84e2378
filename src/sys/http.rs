//! Downloads over http: to a file, digested on the way, bounded in size and time.

use std::io::{self, Read as _, Write as _};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::Duration;

use camino::Utf8Path;
use sha2::Digest as _;
use tokio_util::sync::CancellationToken;
use ureq::tls::{RootCerts, TlsConfig};

use super::files::{self, FileError};
use crate::model::digest::{Digest, Sha256};

/// Apache Lounge answers only clients that name themselves.
const USER_AGENT: &str = concat!("modfarm/", env!("CARGO_PKG_VERSION"));

/// How often a download is tried, and how long is waited before the second try; then twice that.
const TRIES: u32 = 3;
const FIRST_WAIT: Duration = Duration::from_millis(500);

/// How often one looks whether the run was given up.
const LOOK: Duration = Duration::from_millis(50);

/// A server that says nothing for this long is given up.
const SILENCE: Duration = Duration::from_secs(60);

/// A download that did not come to an end.
#[derive(Debug, thiserror::Error)]
pub enum HttpError {
    /// The server could not be reached, broke off, or said no.
    #[error(
        "cannot download {url}: {reason}\nhint: look at the address and at the network, then run the same command again"
    )]
    Failed {
        /// From where.
        url: String,
        /// Why, in words.
        reason: String,
    },
    /// More came than anything of the kind is large.
    #[error("cannot download {url}: it is larger than {} MiB", limit >> 20)]
    TooLarge {
        /// From where.
        url: String,
        /// The limit, in bytes.
        limit: u64,
    },
    /// The run was given up.
    #[error("the download of {url} was broken off, for the run was interrupted")]
    Stopped {
        /// From where.
        url: String,
    },
    /// The file could not be written.
    #[error(transparent)]
    File(#[from] FileError),
}

/// Downloads `url` into the file `to`, of at most `limit` bytes. The file is there whole or not at
/// all. What may pass (a lost connection, an overloaded server) is tried again. Once `stop` is
/// cancelled, this returns, however long the server is silent.
pub fn download(
    url: &str,
    to: &Utf8Path,
    limit: u64,
    stop: &CancellationToken,
) -> Result<Digest, HttpError> {
    let (ended, end) = channel();
    let (from, place) = (url.to_owned(), to.to_owned());
    std::thread::spawn(move || ended.send(download_patiently(&from, &place, limit)));
    loop {
        match end.recv_timeout(LOOK) {
            Ok(result) => return result,
            Err(RecvTimeoutError::Timeout) if !stop.is_cancelled() => {}
            Err(_) => return Err(HttpError::Stopped { url: url.to_owned() }),
        }
    }
}

fn download_patiently(url: &str, to: &Utf8Path, limit: u64) -> Result<Digest, HttpError> {
    let mut wait = FIRST_WAIT;
    for _ in 1..TRIES {
        match try_download(url, to, limit) {
            Err(Attempt::MayPass(reason)) => {
                tracing::debug!(url, reason, "download failed; trying again");
                std::thread::sleep(wait);
                wait *= 2;
            }
            Err(Attempt::Final(error)) => return Err(error),
            Ok(digest) => return Ok(digest),
        }
    }
    try_download(url, to, limit).map_err(|attempt| match attempt {
        Attempt::MayPass(reason) => HttpError::Failed { url: url.to_owned(), reason },
        Attempt::Final(error) => error,
    })
}

enum Attempt {
    MayPass(String),
    Final(HttpError),
}

impl From<FileError> for Attempt {
    fn from(error: FileError) -> Self {
        Self::Final(error.into())
    }
}

fn try_download(url: &str, to: &Utf8Path, limit: u64) -> Result<Digest, Attempt> {
    let mut response = agent().get(url).call().map_err(|error| refused(url, &error))?;
    let expected = response.body().content_length();
    let mut body = response.body_mut().as_reader();
    let mut file = files::temporary_beside(to)?;
    let mut hash = sha2::Sha256::new();
    let mut size = 0;
    let mut buffer = vec![0; 1 << 16];
    loop {
        let read = body.read(&mut buffer).map_err(|error| Attempt::MayPass(error.to_string()))?;
        if read == 0 {
            break;
        }
        size += read as u64;
        if size > limit {
            return Err(Attempt::Final(HttpError::TooLarge { url: url.to_owned(), limit }));
        }
        hash.update(&buffer[..read]);
        file.write_all(&buffer[..read]).map_err(|source| FileError::new("write", to, source))?;
    }
    if let Some(expected) = expected
        && expected != size
    {
        return Err(Attempt::MayPass(format!("it ended after {size} of {expected} bytes")));
    }
    file.as_file().sync_all().map_err(|source| FileError::new("write", to, source))?;
    files::persist(file, to)?;
    Ok(Digest { sha256: Sha256::finish(hash), size })
}

fn agent() -> ureq::Agent {
    ureq::Agent::config_builder()
        .user_agent(USER_AGENT)
        .tls_config(TlsConfig::builder().root_certs(RootCerts::PlatformVerifier).build())
        .timeout_connect(Some(SILENCE))
        .timeout_recv_response(Some(SILENCE))
        .timeout_per_read(Some(SILENCE))
        .build()
        .new_agent()
}

fn refused(url: &str, error: &ureq::Error) -> Attempt {
    let reason = match error {
        ureq::Error::StatusCode(status) => format!("the server answered {status}"),
        other => other.to_string(),
    };
    let passing = match error {
        ureq::Error::StatusCode(status) => *status >= 500 || *status == 429,
        ureq::Error::Io(error) => error.kind() != io::ErrorKind::InvalidInput,
        ureq::Error::Timeout(_) | ureq::Error::ConnectionFailed => true,
        _ => false,
    };
    if passing {
        Attempt::MayPass(reason)
    } else {
        Attempt::Final(HttpError::Failed { url: url.to_owned(), reason })
    }
}
