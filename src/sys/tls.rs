//! TLS for both ends: certificates and keys from PEM files, and what they come to.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use camino::{Utf8Path, Utf8PathBuf};
use hyper_rustls::ConfigBuilderExt as _;
use tokio_rustls::rustls::client::ResolvesClientCert;
use tokio_rustls::rustls::pki_types::pem::{Error as PemError, PemObject as _};
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::sign::CertifiedKey;
use tokio_rustls::rustls::{
    ClientConfig, Error as RustlsError, RootCertStore, ServerConfig, SignatureScheme, crypto::ring,
};

use super::files::{self, FileError};

/// A chain of certificates and its key are a few kilobytes; a bundle of authorities is the largest.
const LARGEST: u64 = 4 << 20;

/// The protocol that is spoken within.
const HTTP2: &[u8] = b"h2";

/// Why there is no TLS.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read.
    #[error(transparent)]
    File(#[from] FileError),
    /// A file is not what it should be.
    #[error(
        "{path} {reason}\nhint: it is a text file in PEM, with a part that begins with -----BEGIN {part}-----"
    )]
    NotPem {
        /// The file.
        path: Utf8PathBuf,
        /// What is wrong with it.
        reason: String,
        /// What it should have.
        part: &'static str,
    },
    /// Certificate and key cannot be used.
    #[error("the certificate {path} cannot be used: {reason}")]
    Unusable {
        /// The certificate's file.
        path: Utf8PathBuf,
        /// Why.
        reason: String,
    },
    /// The certificates that the system trusts cannot be had.
    #[error(
        "the certificates that this system trusts cannot be had: {0}\nhint: install ca-certificates, or name the certificate of the server's authority"
    )]
    System(RustlsError),
}

/// A certificate with its chain, and its key, in files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The certificates in PEM, the own one first.
    pub certificate: Utf8PathBuf,
    /// The key in PEM.
    pub key: Utf8PathBuf,
}

/// The client's end: whom it trusts, where not whom the system does, and whom it says to be.
pub fn client(
    authority: Option<&Utf8Path>,
    identity: Option<&Identity>,
) -> Result<Arc<ClientConfig>, TlsError> {
    let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(TlsError::System)?;
    let builder = match authority {
        Some(path) => builder.with_root_certificates(authorities(path)?),
        None => builder.try_with_platform_verifier().map_err(TlsError::System)?,
    };
    let mut config = match identity {
        Some(identity) => builder
            .with_client_auth_cert(certificates(&identity.certificate)?, key(&identity.key)?)
            .map_err(|error| unusable(identity, &error))?,
        None => builder.with_no_client_auth(),
    };
    config.alpn_protocols = vec![HTTP2.to_vec()];
    Ok(Arc::new(config))
}

/// Whether a server asked for a certificate. With TLS 1.3 it says what it thinks of it, or of none, only
/// when the client is done with its part.
#[derive(Debug)]
pub struct Asked {
    resolver: Arc<dyn ResolvesClientCert>,
    asked: AtomicBool,
}

impl Asked {
    /// The client's end for one connection, and what will be known of it.
    #[must_use]
    pub fn within(config: &ClientConfig) -> (Arc<ClientConfig>, Arc<Self>) {
        let resolver = Arc::clone(&config.client_auth_cert_resolver);
        let asked = Arc::new(Self { resolver, asked: AtomicBool::new(false) });
        let mut config = config.clone();
        config.client_auth_cert_resolver = Arc::clone(&asked) as Arc<dyn ResolvesClientCert>;
        (Arc::new(config), asked)
    }

    /// Whether the server asked.
    #[must_use]
    pub fn was_asked(&self) -> bool {
        self.asked.load(Ordering::Relaxed)
    }
}

impl ResolvesClientCert for Asked {
    fn resolve(&self, issuers: &[&[u8]], schemes: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        self.asked.store(true, Ordering::Relaxed);
        self.resolver.resolve(issuers, schemes)
    }

    fn only_raw_public_keys(&self) -> bool {
        self.resolver.only_raw_public_keys()
    }

    fn has_certs(&self) -> bool {
        self.resolver.has_certs()
    }
}

/// The server's end: who it is, and who vouches for its clients, where they must have a certificate.
pub fn server(
    identity: &Identity,
    clients: Option<&Utf8Path>,
) -> Result<Arc<ServerConfig>, TlsError> {
    let provider = Arc::new(ring::default_provider());
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|error| unusable(identity, &error))?;
    let builder = match clients {
        Some(path) => {
            let roots = Arc::new(authorities(path)?);
            let verifier = WebPkiClientVerifier::builder_with_provider(roots, provider).build();
            builder.with_client_cert_verifier(verifier.map_err(|error| TlsError::Unusable {
                path: path.to_owned(),
                reason: error.to_string(),
            })?)
        }
        None => builder.with_no_client_auth(),
    };
    let mut config = builder
        .with_single_cert(certificates(&identity.certificate)?, key(&identity.key)?)
        .map_err(|error| unusable(identity, &error))?;
    config.alpn_protocols = vec![HTTP2.to_vec()];
    Ok(Arc::new(config))
}

fn unusable(identity: &Identity, error: &RustlsError) -> TlsError {
    let reason = match error {
        RustlsError::InconsistentKeys(_) => format!("{} is another one's key", identity.key),
        other => other.to_string(),
    };
    TlsError::Unusable { path: identity.certificate.clone(), reason }
}

fn authorities(path: &Utf8Path) -> Result<RootCertStore, TlsError> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(path)? {
        roots.add(certificate).map_err(|error| TlsError::Unusable {
            path: path.to_owned(),
            reason: error.to_string(),
        })?;
    }
    Ok(roots)
}

fn certificates(path: &Utf8Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    const PART: &str = "CERTIFICATE";
    let not_pem = |reason: String| TlsError::NotPem { path: path.to_owned(), reason, part: PART };
    let bytes = files::read_limited(path, LARGEST)?;
    let certificates: Vec<_> = CertificateDer::pem_slice_iter(&bytes)
        .collect::<Result<_, _>>()
        .map_err(|error| not_pem(format!("is not PEM: {error}")))?;
    if certificates.is_empty() {
        return Err(not_pem("holds no certificate".to_owned()));
    }
    Ok(certificates)
}

/// What is wrong with a key's file is said without a piece of it.
fn key(path: &Utf8Path) -> Result<PrivateKeyDer<'static>, TlsError> {
    PrivateKeyDer::from_pem_slice(&files::read_limited(path, LARGEST)?).map_err(|error| {
        let reason = match error {
            PemError::NoItemsFound => "holds no private key",
            _ => "is not PEM",
        };
        TlsError::NotPem { path: path.to_owned(), reason: reason.to_owned(), part: "PRIVATE KEY" }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_with_a_file_is_said_with_its_path() {
        let folder = tempfile::tempdir().unwrap();
        let folder = Utf8Path::from_path(folder.path()).unwrap();
        let write = |name: &str, text: &str| {
            files::write_atomic(&folder.join(name), text.as_bytes()).unwrap();
            folder.join(name)
        };
        let [one, other] = ["one", "other"].map(|name| {
            let made = rcgen::generate_simple_self_signed([name.to_owned()]).unwrap();
            Identity {
                certificate: write(&format!("{name}.pem"), &made.cert.pem()),
                key: write(&format!("{name}.key"), &made.signing_key.serialize_pem()),
            }
        });
        server(&one, Some(&other.certificate)).unwrap();
        client(Some(&one.certificate), Some(&other)).unwrap();

        let mixed = Identity { certificate: one.certificate.clone(), key: other.key.clone() };
        let error = server(&mixed, None).unwrap_err().to_string();
        assert!(error.contains("one.pem") && error.contains("other.key"), "{error}");
        let swapped = Identity { certificate: one.key.clone(), key: one.certificate.clone() };
        let error = client(Some(&one.certificate), Some(&swapped)).unwrap_err().to_string();
        assert!(error.contains("one.key holds no certificate"), "{error}");
        let error = client(Some(&folder.join("none")), None).unwrap_err().to_string();
        assert!(error.contains("none"), "{error}");
    }
}
