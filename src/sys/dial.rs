//! Reaching a server of the Remote Execution API over TCP: its address, how to be let in, and a channel
//! that is connected again by itself. Every error says what is wrong there and what to do about it.

use std::fmt;
use std::io;
use std::str::FromStr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use camino::Utf8PathBuf;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncBufRead, AsyncBufReadExt as _, AsyncRead, AsyncWrite, BufReader};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_rustls::rustls::{
    AlertDescription, CertificateError, ClientConfig, Error as RustlsError,
};
use tonic::metadata::AsciiMetadataValue;
use tonic::service::Interceptor;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::{Channel, Endpoint, Uri};
use tonic::{Code, Request, Status};

use super::secret::{Secret, SecretError};
use super::tls::{self, Identity, TlsError};

/// How long one address of a server has to take a connection, and a server to agree on TLS.
const PATIENCE: Duration = Duration::from_secs(15);

/// How long a server that asked for a certificate has to say what it thinks of it. Most speak at once;
/// some wait for the client's first words, and then it is as good as accepted.
const VERDICT: Duration = Duration::from_secs(3);

/// The most of a server's own words that is shown, in characters.
const LONGEST_WORDS: usize = 1000;

/// What requests travel over.
pub type Wire = InterceptedService<Channel, Credentials>;

/// What a server asks to see with each request; nothing where the stream itself is trusted.
#[derive(Clone, Debug, Default)]
pub struct Credentials {
    /// The value of the header `authorization`, marked as sensitive.
    authorization: Option<AsciiMetadataValue>,
}

impl Credentials {
    fn new(secret: Option<&Secret>) -> Self {
        let value =
            secret.and_then(|secret| AsciiMetadataValue::try_from(secret.header().as_bytes()).ok());
        let authorization = value.map(|mut value| {
            value.set_sensitive(true);
            value
        });
        Self { authorization }
    }
}

impl Interceptor for Credentials {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        if let Some(value) = &self.authorization {
            request.metadata_mut().insert("authorization", value.clone());
        }
        Ok(request)
    }
}

/// Where a server is: `grpc://host:port`, or with TLS `grpcs://host:port`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    host: String,
    port: u16,
    tls: bool,
}

impl FromStr for Address {
    type Err = DialError;

    fn from_str(text: &str) -> Result<Self, DialError> {
        let parsed = || {
            let (scheme, rest) = text.split_once("://")?;
            let tls = match scheme {
                "grpc" => false,
                "grpcs" => true,
                _ => return None,
            };
            let (host, port) = rest.trim_end_matches('/').rsplit_once(':')?;
            let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
            let host = bare.unwrap_or(host);
            let is_host = !host.is_empty()
                && host.chars().all(|c| c.is_ascii_alphanumeric() || "-._:%".contains(c))
                && (bare.is_some() || !host.contains(':'));
            let port = port.parse().ok().filter(|port| *port > 0)?;
            is_host.then(|| Self { host: host.to_owned(), port, tls })
        };
        parsed().ok_or_else(|| DialError::Address(text.to_owned()))
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.tls { "grpcs" } else { "grpc" };
        if self.host.contains(':') {
            write!(f, "{scheme}://[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{scheme}://{}:{}", self.host, self.port)
        }
    }
}

/// How to be let in. The files are read at each [`connect`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Access {
    /// A file that holds the token for the header `authorization: Bearer`.
    pub token: Option<Utf8PathBuf>,
    /// The certificates to trust, in PEM, where not the system's.
    pub authority: Option<Utf8PathBuf>,
    /// A certificate to be known by.
    pub identity: Option<Identity>,
}

/// Why a server is not reached.
#[derive(Debug, thiserror::Error)]
pub enum DialError {
    /// The address is none.
    #[error(
        "'{0}' is no address of a server\nhint: write grpc://HOST:PORT, or with TLS grpcs://HOST:PORT"
    )]
    Address(String),
    /// The token cannot be had.
    #[error(transparent)]
    Secret(#[from] SecretError),
    /// Certificates cannot be had.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// Certificates were named for a connection that has none.
    #[error(
        "{0} is without TLS, and certificates were named for it\nhint: write grpcs:// in the address, or name no certificates"
    )]
    CertificatesInTheClear(Address),
    /// The host is not known.
    #[error(
        "the host of {address} is not found: {source}\nhint: is its name right, and does this machine resolve it?"
    )]
    Host {
        /// The server.
        address: Address,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// Nobody takes the connection.
    #[error(
        "{address} takes no connection: {source}\nhint: is the server running there, and does a firewall let this machine through?"
    )]
    Connect {
        /// The server.
        address: Address,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// The two do not agree on TLS.
    #[error("{address}: {reason}{hint}")]
    Handshake {
        /// The server.
        address: Address,
        /// Why.
        reason: String,
        /// What to do, on a line of its own.
        hint: &'static str,
    },
    /// What answers is not a server of the protocol.
    #[error("{address} does not speak the protocol: {reason}{}", protocol_hint(address))]
    Protocol {
        /// The server.
        address: Address,
        /// What the other end did.
        reason: String,
    },
}

fn protocol_hint(address: &Address) -> &'static str {
    if address.tls { "" } else { CLEAR_HINT }
}

const CLEAR_HINT: &str = "\nhint: a server behind TLS is reached with grpcs:// instead of grpc://";
const AUTHORITY_HINT: &str = "\nhint: name the certificate of its authority: `authority` in a runner's file, --authority for a worker that joins";
const NAME_HINT: &str = "\nhint: write one of the names in its certificate as the host, or have a certificate made for this one";
const EXPIRED_HINT: &str = "\nhint: it must be renewed there; or is this machine's clock wrong?";
const NO_TLS_HINT: &str =
    "\nhint: a server without TLS is reached with grpc:// instead of grpcs://";
const IDENTITY_HINT: &str = "\nhint: the server wants a certificate of an authority that it knows: `certificate` and `key` in a runner's file, --certificate and --key for a worker that joins";
const UNSAID: &str = "it ended the connection when it had asked for a certificate";
const TOKEN_HINT: &str = "\nhint: is the right token in its file? `token` names it in a runner's file, --token-file for a worker that joins";

/// Connects to a server. When the connection is lost, the next request makes another.
pub async fn connect(address: &Address, access: &Access) -> Result<Wire, DialError> {
    let secret = access.token.as_deref().map(Secret::load).transpose()?;
    let named = access.authority.is_some() || access.identity.is_some();
    if named && !address.tls {
        return Err(DialError::CertificatesInTheClear(address.clone()));
    }
    let tls = if address.tls {
        Some(tls::client(access.authority.as_deref(), access.identity.as_ref())?)
    } else {
        None
    };
    let dialer = Arc::new(Dialer { address: address.clone(), tls });
    // The first connection is made here, where its error has its words still.
    let first = Mutex::new(Some(dialer.dial().await?));
    let protocol = |error: &(dyn std::error::Error + 'static)| DialError::Protocol {
        address: address.clone(),
        reason: innermost(error),
    };
    let connector = tower::service_fn(move |_: Uri| {
        let first = first.lock().unwrap_or_else(PoisonError::into_inner).take();
        let dialer = Arc::clone(&dialer);
        async move {
            match first {
                Some(stream) => Ok(TokioIo::new(stream)),
                None => dialer.dial().await.map(TokioIo::new),
            }
        }
    });
    let channel = tuned(endpoint(address)?)
        .connect_with_connector(connector)
        .await
        .map_err(|error| protocol(&error))?;
    Ok(InterceptedService::new(channel, Credentials::new(secret.as_ref())))
}

/// A channel over one stream that is there already. When the stream is gone, so is the channel.
pub async fn over<S>(stream: S) -> Result<Wire, String>
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let mut stream = Some(TokioIo::new(stream));
    let connector = tower::service_fn(move |_: Uri| {
        let stream = stream.take();
        async move { stream.ok_or_else(|| io::Error::other("the worker is gone")) }
    });
    let channel = tuned(Endpoint::from_static("http://worker"))
        .connect_with_connector(connector)
        .await
        .map_err(|error| format!("it does not speak the protocol: {error}"))?;
    Ok(InterceptedService::new(channel, Credentials::default()))
}

/// The address as the requests name it. The connector, not the scheme, sees to TLS.
fn endpoint(address: &Address) -> Result<Endpoint, DialError> {
    let text = address.to_string();
    let rest = text.split_once("://").map_or("", |(_, rest)| rest);
    let none = |_| DialError::Address(text.clone());
    let endpoint = Endpoint::from_shared(format!("http://{rest}")).map_err(none)?;
    if !address.tls {
        return Ok(endpoint);
    }
    let origin = format!("https://{rest}").parse::<Uri>();
    Ok(endpoint.origin(origin.map_err(|_| DialError::Address(text.clone()))?))
}

/// Windows, frames and the keepalive by which a peer that is cut off is noticed.
fn tuned(endpoint: Endpoint) -> Endpoint {
    endpoint
        .initial_stream_window_size(4 << 20)
        .initial_connection_window_size(16 << 20)
        .max_frame_size(1 << 20)
        .http2_max_header_list_size(256 << 10)
        .http2_keep_alive_interval(Duration::from_secs(10))
        .keep_alive_timeout(Duration::from_secs(20))
        .keep_alive_while_idle(true)
        .timeout(Duration::from_secs(10 * 60))
}

/// A stream to a server, with TLS or without.
trait Duplex: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Duplex for T {}

#[derive(Debug)]
struct Dialer {
    address: Address,
    tls: Option<Arc<ClientConfig>>,
}

impl Dialer {
    async fn dial(&self) -> Result<Box<dyn Duplex>, DialError> {
        let stream = self.reach().await?;
        // A matter of speed alone.
        stream.set_nodelay(true).ok();
        let Some(config) = &self.tls else { return Ok(Box::new(stream)) };
        let name = ServerName::try_from(self.address.host.clone());
        let name = name.map_err(|_| DialError::Address(self.address.to_string()))?;
        let (config, certificate) = tls::Asked::within(config);
        let shaking = TlsConnector::from(config).connect(name, stream);
        let refused = match tokio::time::timeout(PATIENCE, shaking).await {
            Ok(Ok(stream)) => {
                let mut stream = BufReader::new(stream);
                if !certificate.was_asked() {
                    return Ok(Box::new(stream));
                }
                match self.verdict(&mut stream).await {
                    Some(refused) => refused,
                    None => return Ok(Box::new(stream)),
                }
            }
            Ok(Err(error)) => self.refused(&error),
            Err(_) => {
                let seconds = PATIENCE.as_secs();
                (format!("it does not agree on TLS within {seconds} s"), NO_TLS_HINT)
            }
        };
        let (reason, hint) = refused;
        Err(DialError::Handshake { address: self.address.clone(), reason, hint })
    }

    /// What a server that asked for a certificate has against it, or against there being none.
    async fn verdict(
        &self,
        stream: &mut (impl AsyncBufRead + Unpin),
    ) -> Option<(String, &'static str)> {
        match tokio::time::timeout(VERDICT, stream.fill_buf()).await {
            Ok(Ok([])) => Some((UNSAID.to_owned(), IDENTITY_HINT)),
            Ok(Err(error)) if rustls_error(&error).is_none() => {
                Some((format!("{UNSAID}: {error}"), IDENTITY_HINT))
            }
            Ok(Err(error)) => Some(self.refused(&error)),
            Ok(Ok(_)) | Err(_) => None,
        }
    }

    /// The first of the host's addresses that takes the connection.
    async fn reach(&self) -> Result<TcpStream, DialError> {
        let Address { host, port, .. } = &self.address;
        let unknown = |source| DialError::Host { address: self.address.clone(), source };
        let found = tokio::net::lookup_host((host.as_str(), *port)).await.map_err(unknown)?;
        let mut last = io::Error::new(io::ErrorKind::NotFound, "it has no address");
        for place in found {
            match tokio::time::timeout(PATIENCE, TcpStream::connect(place)).await {
                Ok(Ok(stream)) => return Ok(stream),
                Ok(Err(error)) => last = error,
                Err(_) => {
                    let words = format!("no answer within {} s", PATIENCE.as_secs());
                    last = io::Error::new(io::ErrorKind::TimedOut, words);
                }
            }
        }
        Err(DialError::Connect { address: self.address.clone(), source: last })
    }

    /// Why there is no TLS, and what to do.
    fn refused(&self, error: &io::Error) -> (String, &'static str) {
        let host = &self.address.host;
        match rustls_error(error) {
            Some(RustlsError::InvalidCertificate(what)) => match what {
                CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
                    ("its certificate has expired".to_owned(), EXPIRED_HINT)
                }
                CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
                    ("its certificate is not valid yet".to_owned(), EXPIRED_HINT)
                }
                CertificateError::NotValidForName
                | CertificateError::NotValidForNameContext { .. } => {
                    (format!("its certificate is not for the name '{host}'"), NAME_HINT)
                }
                CertificateError::UnknownIssuer => (
                    "its certificate is from an authority that is not trusted here".to_owned(),
                    AUTHORITY_HINT,
                ),
                other => (format!("its certificate is not accepted: {other}"), AUTHORITY_HINT),
            },
            Some(RustlsError::AlertReceived(alert)) => alerted(*alert),
            Some(RustlsError::InvalidMessage(_)) => {
                ("what answers there does not speak TLS".to_owned(), NO_TLS_HINT)
            }
            Some(other) => (format!("it does not agree on TLS: {other}"), ""),
            None => (
                format!("it ended the connection instead of agreeing on TLS: {error}"),
                NO_TLS_HINT,
            ),
        }
    }
}

fn rustls_error(error: &io::Error) -> Option<&RustlsError> {
    error.get_ref().and_then(|inner| inner.downcast_ref())
}

fn alerted(alert: AlertDescription) -> (String, &'static str) {
    match alert {
        AlertDescription::CertificateRequired => {
            ("it lets nobody in without a certificate".to_owned(), IDENTITY_HINT)
        }
        alert if ALERTS.contains(&alert) => {
            (format!("it does not accept this machine's certificate ({alert:?})"), IDENTITY_HINT)
        }
        other => (format!("it ended the connection with the TLS alert {other:?}"), ""),
    }
}

/// What a server means by refusing the first request, with what to do where that is known.
#[must_use]
pub fn first_refusal(address: &Address, status: &Status) -> String {
    let is_lost = std::error::Error::source(status).is_some();
    let hint = if is_lost { protocol_hint(address) } else { "" };
    format!("{}{hint}", refusal(status))
}

/// What a server that was reached means by a refusal, with what to do where that is known.
#[must_use]
pub fn refusal(status: &Status) -> String {
    let mut source = std::error::Error::source(status);
    while let Some(error) = source {
        // Another connection was to be made.
        if let Some(error) = error.downcast_ref::<DialError>() {
            return error.to_string();
        }
        source = error.source();
    }
    if let Some(error) = std::error::Error::source(status) {
        let cause = innermost(error);
        // With TLS 1.3 a client's certificate is refused when the client thinks that all is well.
        if let Some(alert) = ALERTS.into_iter().find(|alert| cause.contains(&format!("{alert:?}")))
        {
            let (reason, hint) = alerted(alert);
            return format!("{reason}{hint}");
        }
        return format!("the connection is lost: {cause}");
    }
    // What the other end says may be meant for a terminal, and be long.
    let said: String =
        status.message().replace(char::is_control, " ").chars().take(LONGEST_WORDS).collect();
    let said = if said.is_empty() { format!("{:?}", status.code()) } else { said };
    match status.code() {
        Code::Unauthenticated | Code::PermissionDenied => {
            format!("it does not let this machine in: {said}{TOKEN_HINT}")
        }
        _ => said,
    }
}

/// What a server says of a client's certificate, in the words of TLS.
const ALERTS: [AlertDescription; 7] = [
    AlertDescription::CertificateRequired,
    AlertDescription::UnknownCA,
    AlertDescription::BadCertificate,
    AlertDescription::DecryptError,
    AlertDescription::CertificateExpired,
    AlertDescription::CertificateUnknown,
    AlertDescription::AccessDenied,
];

/// The cause of causes, which has the only words that say something.
fn innermost(error: &(dyn std::error::Error + 'static)) -> String {
    let mut error = error;
    while let Some(source) = error.source() {
        error = source;
    }
    error.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_and_shown_as_they_were() {
        for text in ["grpc://farm:8980", "grpcs://build.example.org:443", "grpc://[::1]:50051"] {
            assert_eq!(text.parse::<Address>().unwrap().to_string(), text);
        }
        for text in [
            "",
            "farm:8980",
            "http://farm:1",
            "grpc://farm",
            "grpc://:1",
            "grpc://a:0",
            "grpc://a b:1",
            "grpc://::1:5",
            "grpc://me@farm:1",
        ] {
            let error = text.parse::<Address>().unwrap_err().to_string();
            assert!(error.contains("grpcs://HOST:PORT"), "{error}");
        }
    }

    #[tokio::test]
    async fn a_port_where_nobody_listens_is_named() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("grpc://{}", listener.local_addr().unwrap());
        drop(listener);
        let address: Address = address.parse().unwrap();
        let error = connect(&address, &Access::default()).await.unwrap_err().to_string();
        assert!(error.contains(&format!("{address} takes no connection")), "{error}");
        assert!(error.contains("\nhint: is the server running there"), "{error}");
        let access = Access { authority: Some("ca.pem".into()), ..Access::default() };
        let error = connect(&address, &access).await.unwrap_err().to_string();
        assert!(error.contains("is without TLS"), "{error}");
    }
}
