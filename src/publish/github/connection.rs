//! One request and its answer over octocrab's service, built so that its known faults cannot happen:
//! no retries, no redirects, no credentials and no traces of its own, and bodies that are streamed.

use std::fs::File;
use std::io::Read as _;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use bytes::Bytes;
use camino::{Utf8Path, Utf8PathBuf};
use http::{Request, Response};
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt as _;
use http_body_util::combinators::BoxBody;
use hyper_rustls::HttpsConnectorBuilder;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::{Connect, HttpConnector};
use hyper_util::rt::{TokioExecutor, TokioTimer};
use octocrab::{AuthState, OctoBody, Octocrab, OctocrabBuilder};
use sha2::Digest as _;
use tokio::task::JoinHandle;

use super::GitHubError;
use crate::model::digest::{Digest, Sha256};
use crate::sys::files::{self, FileError};

/// A file is read and sent in pieces of this size.
const PIECE: usize = 512 << 10;

/// More than any answer of the API has.
const LONGEST_ANSWER: usize = 64 << 20;

const CONNECT: Duration = Duration::from_secs(30);
const IDLE: Duration = Duration::from_secs(20);

/// Sends requests, one attempt each.
#[derive(Debug)]
pub(super) struct Connection {
    crab: Octocrab,
    silence: Duration,
}

/// An answer's body, not read yet.
pub(super) type Incoming = Response<BoxBody<Bytes, octocrab::Error>>;

impl Connection {
    /// Ready to connect. A request that moves no byte for as long as `silence` is given up. The machine's
    /// certificates are read only where they are needed.
    pub(super) fn open(encrypted: bool, silence: Duration) -> Result<Self, GitHubError> {
        let mut tcp = HttpConnector::new();
        tcp.set_nodelay(true);
        tcp.set_connect_timeout(Some(CONNECT.min(silence)));
        let crab = if encrypted {
            tcp.enforce_http(false);
            let connector = HttpsConnectorBuilder::new()
                .try_with_platform_verifier()
                .map_err(|error| GitHubError::Setup { reason: error.to_string() })?
                .https_only()
                .enable_http1()
                .wrap_connector(tcp);
            crab_over(connector)
        } else {
            crab_over(tcp)
        };
        Ok(Self { crab, silence })
    }

    /// Sends a request, and reads the head of the answer.
    pub(super) async fn send(
        &self,
        request: Request<OctoBody>,
        activity: &Activity,
    ) -> Result<Incoming, String> {
        let answer = async { self.crab.send(request).await.map_err(|error| words(&error)) };
        activity.watch(self.silence, answer).await
    }

    /// Reads an answer to its end.
    pub(super) async fn collect(
        &self,
        incoming: Incoming,
        activity: &Activity,
    ) -> Result<Bytes, String> {
        let mut bytes = Vec::new();
        self.read(incoming, activity, |piece| {
            bytes.extend_from_slice(piece);
            bytes.len() <= LONGEST_ANSWER
        })
        .await?;
        Ok(bytes.into())
    }

    /// The digest of an answer's body, which is kept nowhere.
    pub(super) async fn digest(
        &self,
        incoming: Incoming,
        activity: &Activity,
    ) -> Result<Digest, String> {
        let (mut hash, mut size) = (sha2::Sha256::new(), 0);
        self.read(incoming, activity, |piece| {
            hash.update(piece);
            size += piece.len() as u64;
            true
        })
        .await?;
        Ok(Digest { sha256: Sha256::finish(hash), size })
    }

    async fn read(
        &self,
        incoming: Incoming,
        activity: &Activity,
        mut take: impl FnMut(&[u8]) -> bool,
    ) -> Result<(), String> {
        let mut body = incoming.into_body();
        let reading = async {
            while let Some(frame) = body.frame().await {
                let frame = frame.map_err(|error| words(&error))?;
                activity.touch();
                if frame.data_ref().is_some_and(|piece| !take(piece)) {
                    return Err("the answer has no end".to_owned());
                }
            }
            Ok(())
        };
        activity.watch(self.silence, reading).await
    }
}

/// octocrab over our own client: nothing is asked twice behind our back.
fn crab_over<C>(connector: C) -> Octocrab
where
    C: Connect + Clone + Send + Sync + 'static,
{
    let client = Client::builder(TokioExecutor::new())
        .retry_canceled_requests(false)
        .pool_timer(TokioTimer::new())
        .pool_idle_timeout(IDLE)
        .build::<_, OctoBody>(connector);
    let Ok(crab) =
        OctocrabBuilder::new_empty().with_service(client).with_auth(AuthState::None).build();
    crab
}

/// An error with its causes, which say more than it does.
fn words(error: &(dyn std::error::Error + 'static)) -> String {
    let mut parts: Vec<String> = Vec::new();
    let mut cause = Some(error);
    while let Some(error) = cause {
        let text = error.to_string();
        // The outer layers repeat the inner ones or say that there was an error.
        if error.source().is_none() || !text.to_lowercase().contains("error") {
            parts.push(text);
        }
        cause = error.source();
    }
    parts.dedup();
    parts.join(": ")
}

/// When something last moved.
#[derive(Debug)]
pub(super) struct Activity(Mutex<Instant>);

impl Activity {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self(Mutex::new(Instant::now())))
    }

    fn touch(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
    }

    fn quiet(&self) -> Duration {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).elapsed()
    }

    /// Awaits something, as long as anything moves.
    async fn watch<T>(
        &self,
        silence: Duration,
        future: impl Future<Output = Result<T, String>>,
    ) -> Result<T, String> {
        let silent = async {
            while let Some(left) = silence.checked_sub(self.quiet()).filter(|left| !left.is_zero())
            {
                tokio::time::sleep(left).await;
            }
        };
        tokio::select! {
            result = future => result,
            () = silent => Err(format!("nothing moved for {} s", silence.as_secs())),
        }
    }
}

/// A file as the body of a request. Its first so many bytes are sent, whatever becomes of it meanwhile. The
/// next piece is read while one is sent.
pub(super) struct FileBody {
    next: Option<JoinHandle<Result<(File, Bytes), FileError>>>,
    path: Utf8PathBuf,
    unread: u64,
    left: u64,
    size: u64,
    activity: Arc<Activity>,
    sent: Box<dyn FnMut(u64) + Send + Sync>,
}

impl FileBody {
    /// Begins to read. `sent` hears how much went out.
    pub(super) fn open(
        path: &Utf8Path,
        size: u64,
        activity: Arc<Activity>,
        sent: impl FnMut(u64) + Send + Sync + 'static,
    ) -> Result<Self, FileError> {
        let file = files::open(path)?;
        let (next, path, sent) = (None, path.to_owned(), Box::new(sent));
        let mut body = Self { next, path, unread: size, left: size, size, activity, sent };
        body.read(file);
        Ok(body)
    }

    /// Reads the next piece, if there is one, on a thread that may wait for the disk.
    fn read(&mut self, mut file: File) {
        let length = usize::try_from(self.unread).unwrap_or(PIECE).min(PIECE);
        self.unread -= length as u64;
        let path = self.path.clone();
        self.next = (length > 0).then(|| {
            tokio::task::spawn_blocking(move || {
                let mut piece = Vec::with_capacity(length);
                (&mut file)
                    .take(length as u64)
                    .read_to_end(&mut piece)
                    .map_err(|source| FileError::new("read", &path, source))?;
                Ok((file, piece.into()))
            })
        });
    }
}

impl Body for FileBody {
    type Data = Bytes;
    type Error = FileError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, FileError>>> {
        let Some(next) = &mut self.next else { return Poll::Ready(None) };
        let Poll::Ready(read) = Pin::new(next).poll(context) else { return Poll::Pending };
        self.next = None;
        let (file, piece) = match read {
            Ok(Ok(read)) => read,
            Ok(Err(error)) => return Poll::Ready(Some(Err(error))),
            // The runtime is ending.
            Err(_) => return Poll::Ready(None),
        };
        // A file that ends too early ends the body, which the server takes for broken off.
        if piece.is_empty() {
            return Poll::Ready(None);
        }
        self.read(file);
        self.left = self.left.saturating_sub(piece.len() as u64);
        self.activity.touch();
        let sent = self.size - self.left;
        (self.sent)(sent);
        Poll::Ready(Some(Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.left == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_file_is_sent_in_pieces_and_no_further_than_promised() {
        let folder = tempfile::tempdir().unwrap();
        let path = Utf8Path::from_path(folder.path()).unwrap().join("file");
        files::write_atomic(&path, &vec![7; PIECE * 2 + 5]).unwrap();
        let size = (PIECE * 2) as u64;
        let body = FileBody::open(&path, size, Activity::new(), |_| {}).unwrap();
        assert_eq!(body.size_hint().exact(), Some(size));
        assert_eq!(body.collect().await.unwrap().to_bytes().len(), PIECE * 2);
    }

    #[tokio::test]
    async fn what_is_silent_is_given_up() {
        let activity = Activity::new();
        let silence = Duration::from_millis(5);
        let result = activity.watch::<()>(silence, std::future::pending()).await;
        assert_eq!(result, Err("nothing moved for 0 s".to_owned()));
    }

    #[tokio::test]
    async fn tls_finds_its_provider() {
        Connection::open(true, Duration::from_secs(1)).unwrap();
    }
}
