//! Certificates for the moment: an authority, and whom it vouches for.

use camino::{Utf8Path, Utf8PathBuf};
use modfarm::sys::files;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, date_time_ymd};

/// An authority, with its certificate in a file.
pub(crate) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    folder: Utf8PathBuf,
    pub(crate) certificate: Utf8PathBuf,
}

/// A certificate and its key, in files.
pub(crate) struct Pair {
    pub(crate) certificate: Utf8PathBuf,
    pub(crate) key: Utf8PathBuf,
}

impl Authority {
    /// One of this name, whose files are in a folder.
    pub(crate) fn new(folder: &Utf8Path, name: &str) -> Self {
        let mut params = CertificateParams::new(Vec::new()).expect("parameters");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(rcgen::DnType::CommonName, name);
        let key = KeyPair::generate().expect("a key");
        let made = params.self_signed(&key).expect("a certificate");
        let certificate = folder.join(format!("{name}.pem"));
        files::write_atomic(&certificate, made.pem().as_bytes()).expect("a file");
        Self { issuer: Issuer::new(params, key), folder: folder.to_owned(), certificate }
    }

    /// A certificate for a server or a client of this name.
    pub(crate) fn vouch(&self, file: &str, name: &str) -> Pair {
        self.vouch_until(file, name, 2099)
    }

    /// The same, which expires with a year.
    pub(crate) fn vouch_until(&self, file: &str, name: &str, year: i32) -> Pair {
        let mut params = CertificateParams::new(vec![name.to_owned()]).expect("a name");
        params.not_before = date_time_ymd(2001, 1, 1);
        params.not_after = date_time_ymd(year, 12, 31);
        let key = KeyPair::generate().expect("a key");
        let made = params.signed_by(&key, &self.issuer).expect("a certificate");
        let pair = Pair {
            certificate: self.folder.join(format!("{file}.pem")),
            key: self.folder.join(format!("{file}.key")),
        };
        files::write_atomic(&pair.certificate, made.pem().as_bytes()).expect("a file");
        files::write_atomic(&pair.key, key.serialize_pem().as_bytes()).expect("a file");
        pair
    }
}
