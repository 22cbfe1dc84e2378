//! A worker that listens: the same services over TCP, for many clients at once. They share one content
//! store and one pool of tokens; what a client starts is its own, and ends with its connection.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use camino::Utf8PathBuf;
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_util::task::TaskTracker;

use super::admission::{Admitted, Requests};
use super::connection::Watched;
use super::contents::Contents;
use super::execution::Execution;
use super::gate::Gate;
use super::work::Work;
use super::{Introduction, Options, ServeError, Store, http2, services};
use crate::model::toolset::Toolset;
use crate::sys::files;
use crate::sys::secret::Secret;
use crate::sys::tls::{self, Identity, TlsError};

/// So many connections are served at once; one more is closed at once.
const MOST_CONNECTIONS: usize = 128;

/// How long a client has to agree on TLS and to begin with HTTP/2.
const HANDSHAKE: Duration = Duration::from_secs(10);

/// After so long without a request a connection is closed; a client connects again when it has one.
const IDLE: Duration = Duration::from_secs(10 * 60);

/// A client that does not answer within the second time when it is asked after the first is gone.
const KEEPALIVE: [Duration; 2] = [Duration::from_secs(10), Duration::from_secs(20)];

/// Who is let in, and how.
#[derive(Debug, Default)]
pub struct Door {
    /// TLS, and who vouches for the clients.
    pub tls: Option<Certificates>,
    /// The token that every request must have.
    pub token: Option<Secret>,
}

impl Door {
    /// Whether it keeps anybody out.
    fn is_guarded(&self) -> bool {
        self.token.is_some() || self.tls.as_ref().is_some_and(|tls| tls.clients.is_some())
    }
}

/// Why a worker does not listen.
#[derive(Debug, thiserror::Error)]
pub enum ListenError {
    /// The place cannot be had.
    #[error("cannot listen on {address}: {source}")]
    Bind {
        /// What was asked for.
        address: String,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// Anybody could run anything.
    #[error(
        "{0} can be reached from other machines, and whoever reaches a worker runs any command on it\nhint: --token-file FILE, or --certificate, --key and --clients, let in only whom you know; --allow-anyone lets in everybody"
    )]
    Anyone(SocketAddr),
}

/// A place to listen at, where nobody is served yet.
#[derive(Debug)]
pub struct Listener {
    socket: TcpListener,
    door: Door,
    /// Where it listens, with the port that it was given.
    pub address: SocketAddr,
}

impl Listener {
    /// Takes a place: `HOST:PORT`, where port 0 is any that is free. Without a token and without
    /// certificates for clients it must be one that only this machine reaches.
    pub async fn bind(address: &str, door: Door, allow_anyone: bool) -> Result<Self, ListenError> {
        let fault = |source| ListenError::Bind { address: address.to_owned(), source };
        let socket = TcpListener::bind(address).await.map_err(fault)?;
        let address = socket.local_addr().map_err(fault)?;
        if !address.ip().is_loopback() && !door.is_guarded() && !allow_anyone {
            return Err(ListenError::Anyone(address));
        }
        Ok(Self { socket, door, address })
    }

    /// Whether a token would travel where others can read it.
    #[must_use]
    pub fn shows_token(&self) -> bool {
        self.door.token.is_some() && self.door.tls.is_none() && !self.address.ip().is_loopback()
    }

    /// Serves clients until it is stopped; then ends all that they started.
    pub async fn serve(
        self,
        store: Arc<Store>,
        options: Options,
        toolsets: Vec<Toolset>,
    ) -> Result<(), ServeError> {
        let (stop, jobs) = (options.stop.clone(), options.jobs);
        let work = Work::new(store, options, toolsets.clone()).map_err(ServeError::Jobserver)?;
        let introduction = Introduction { toolsets, jobs };
        let house = Arc::new(House { work: Arc::new(work), introduction, door: self.door, stop });
        let (places, guests) = (Arc::new(Semaphore::new(MOST_CONNECTIONS)), TaskTracker::new());
        loop {
            let accepted = tokio::select! {
                accepted = self.socket.accept() => accepted,
                () = house.stop.cancelled() => break,
            };
            let (stream, peer) = match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    // It may be that there are no more file descriptors: others have to go first.
                    tracing::warn!("a connection is not taken: {error}");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                    continue;
                }
            };
            let Ok(place) = Arc::clone(&places).try_acquire_owned() else {
                tracing::warn!("{peer} is one connection too many: {MOST_CONNECTIONS} are served");
                continue;
            };
            let house = Arc::clone(&house);
            guests.spawn(async move {
                house.receive(stream, peer).await;
                drop(place);
            });
        }
        guests.close();
        guests.wait().await;
        Ok(())
    }
}

/// What all connections share.
#[derive(Debug)]
struct House {
    work: Arc<Work>,
    introduction: Introduction,
    door: Door,
    stop: tokio_util::sync::CancellationToken,
}

impl House {
    async fn receive(&self, stream: TcpStream, peer: SocketAddr) {
        // A matter of speed alone.
        stream.set_nodelay(true).ok();
        let Some(certificates) = &self.door.tls else { return self.attend(stream, peer).await };
        let shaking = tokio::time::timeout(HANDSHAKE, shake(certificates.current(), stream));
        let shaken = tokio::select! {
            shaken = shaking => shaken,
            () = self.stop.cancelled() => return,
        };
        match shaken {
            Ok(Ok(stream)) => self.attend(stream, peer).await,
            Ok(Err(error)) => tracing::info!("{peer} does not agree on TLS: {error}"),
            Err(_) => tracing::info!("{peer} takes too long to agree on TLS"),
        }
    }

    /// Serves one client to its end, and ends what it started.
    async fn attend<S>(&self, stream: S, peer: SocketAddr)
    where
        S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        tracing::info!("{peer} is connected");
        let execution = Execution::new(Arc::clone(&self.work));
        let (stream, heard) = Watched::new(stream);
        let requests = Requests::new();
        let contents = Contents(Arc::clone(&self.work.store));
        let services = services(execution.clone(), contents, self.introduction.clone());
        let services =
            Admitted::new(Gate::new(services), self.door.token.clone(), requests.clone());
        let mut http2 = http2();
        http2
            .http2()
            .timer(hyper_util::rt::TokioTimer::new())
            .keep_alive_interval(KEEPALIVE[0])
            .keep_alive_timeout(KEEPALIVE[1]);
        let connection =
            http2.serve_connection(TokioIo::new(stream), TowerToHyperService::new(services));
        tokio::pin!(connection);
        let silent = async {
            tokio::time::sleep(HANDSHAKE).await;
            if heard.is_a_client() {
                std::future::pending::<()>().await;
            }
        };
        let why = tokio::select! {
            ended = &mut connection => match ended {
                Ok(()) => "it has ended".to_owned(),
                Err(error) => error.to_string(),
            },
            () = heard.end() => "it is gone".to_owned(),
            () = silent => "it says nothing".to_owned(),
            () = requests.idle_for(IDLE) => {
                connection.as_mut().graceful_shutdown();
                drop(tokio::time::timeout(HANDSHAKE, &mut connection).await);
                "it is idle".to_owned()
            }
            () = self.stop.cancelled() => "the worker ends".to_owned(),
        };
        tracing::info!("{peer} is let go: {why}");
        execution.end().await;
    }
}

/// Agrees on TLS. A client that is refused is told why before the connection is closed.
async fn shake(
    config: Arc<ServerConfig>,
    stream: TcpStream,
) -> io::Result<tokio_rustls::server::TlsStream<TcpStream>> {
    let accepted = TlsAcceptor::from(config).accept(stream).into_fallible().await;
    let (error, mut stream) = match accepted {
        Ok(stream) => return Ok(stream),
        Err(refused) => refused,
    };
    // What the client has sent meanwhile must be read, or the system throws away the alert.
    drop(stream.shutdown().await);
    let mut rest = [0; 4096];
    let drained = async { while matches!(stream.read(&mut rest).await, Ok(read) if read > 0) {} };
    drop(tokio::time::timeout(Duration::from_secs(1), drained).await);
    Err(error)
}

/// Certificates that are read again for the next connection when their files have changed.
#[derive(Debug)]
pub struct Certificates {
    identity: Identity,
    clients: Option<Utf8PathBuf>,
    now: Mutex<(Vec<Option<SystemTime>>, Arc<ServerConfig>)>,
}

impl Certificates {
    /// Reads the certificate and its key, and that of the authority of clients, which then must have one.
    pub fn load(identity: Identity, clients: Option<Utf8PathBuf>) -> Result<Self, TlsError> {
        let times = times(&identity, clients.as_ref());
        let config = tls::server(&identity, clients.as_deref())?;
        Ok(Self { identity, clients, now: Mutex::new((times, config)) })
    }

    /// As the files stand. Ones that cannot be used, be it that one of the two is replaced already and
    /// the other is not, leave it at those that could.
    fn current(&self) -> Arc<ServerConfig> {
        let times = times(&self.identity, self.clients.as_ref());
        let mut now = self.now.lock().unwrap_or_else(PoisonError::into_inner);
        if now.0 != times {
            match tls::server(&self.identity, self.clients.as_deref()) {
                Ok(config) => *now = (times, config),
                Err(error) => tracing::error!("the old certificates stay in use: {error}"),
            }
        }
        Arc::clone(&now.1)
    }
}

fn times(identity: &Identity, clients: Option<&Utf8PathBuf>) -> Vec<Option<SystemTime>> {
    let time = |path| files::metadata(path).ok().map(|metadata| files::modified(&metadata));
    [Some(&identity.certificate), Some(&identity.key), clients]
        .into_iter()
        .map(|path| path.and_then(|path| time(path)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use camino::Utf8Path;

    #[tokio::test]
    async fn a_door_that_stands_open_is_not_for_other_machines() {
        let bind = |allow| Listener::bind("0.0.0.0:0", Door::default(), allow);
        let error = bind(false).await.unwrap_err().to_string();
        assert!(error.contains("0.0.0.0:") && error.contains("--allow-anyone"), "{error}");
        assert!(bind(true).await.is_ok());
        assert!(Listener::bind("127.0.0.1:0", Door::default(), false).await.is_ok());
    }

    #[test]
    fn new_certificates_are_taken_and_bad_ones_are_not() {
        let folder = tempfile::tempdir().unwrap();
        let folder = Utf8Path::from_path(folder.path()).unwrap();
        let identity = Identity { certificate: folder.join("c"), key: folder.join("k") };
        let renew = |second| {
            let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
            let key = made.signing_key.serialize_pem();
            for (path, text) in [(&identity.certificate, made.cert.pem()), (&identity.key, key)] {
                files::write_atomic(path, text.as_bytes()).unwrap();
                let time = SystemTime::UNIX_EPOCH + Duration::from_secs(second);
                files::open(path).unwrap().set_modified(time).unwrap();
            }
        };
        renew(1);
        let certificates = Certificates::load(identity.clone(), None).unwrap();
        let first = certificates.current();
        assert!(Arc::ptr_eq(&first, &certificates.current()));
        renew(2);
        let second = certificates.current();
        assert!(!Arc::ptr_eq(&first, &second));
        files::write_atomic(&identity.certificate, b"not yet").unwrap();
        assert!(Arc::ptr_eq(&second, &certificates.current()));
    }
}
