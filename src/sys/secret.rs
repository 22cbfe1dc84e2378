//! A token that lets a client in: read from a file, compared in constant time, never shown.

use std::fmt;

use camino::{Utf8Path, Utf8PathBuf};
use http::HeaderValue;
use sha2::Digest as _;

use super::files::{self, FileError};

/// More than any token has.
const LONGEST: u64 = 8 << 10;

/// What stands before a token in the header `authorization`.
const SCHEME: &str = "Bearer ";

/// A token. It has no way to be shown.
#[derive(Clone)]
pub struct Secret(HeaderValue);

/// A token that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// Its file cannot be read.
    #[error(transparent)]
    File(#[from] FileError),
    /// The file holds something else.
    #[error(
        "{path} does not hold a token: it is empty, or has a space, a line break or another character that no token has\nhint: write the token there and nothing else"
    )]
    Malformed {
        /// The file.
        path: Utf8PathBuf,
    },
}

impl Secret {
    /// The token in a file; a line break at its end does not belong to it.
    pub fn load(path: &Utf8Path) -> Result<Self, SecretError> {
        let malformed = || SecretError::Malformed { path: path.to_owned() };
        let text =
            String::from_utf8(files::read_limited(path, LONGEST)?).map_err(|_| malformed())?;
        let token = text.trim_end_matches(['\r', '\n']);
        if token.is_empty() || !token.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(malformed());
        }
        let header = HeaderValue::from_str(&format!("{SCHEME}{token}"));
        let mut header = header.map_err(|_| malformed())?;
        header.set_sensitive(true);
        Ok(Self(header))
    }

    /// The value of the header `authorization`, which no log shows.
    #[must_use]
    pub fn header(&self) -> HeaderValue {
        self.0.clone()
    }

    /// Whether this is what a client said in the header `authorization`. How long that takes tells
    /// nothing of the token.
    #[must_use]
    pub fn is_said_in(&self, header: Option<&HeaderValue>) -> bool {
        let said = header.map_or(&b""[..], HeaderValue::as_bytes);
        // Digests are of one length, and to be alike in part is of no use to a guesser.
        let [ours, theirs] = [self.0.as_bytes(), said].map(sha2::Sha256::digest);
        let differing =
            ours.iter().zip(theirs.iter()).fold(0, |seen, (one, other)| seen | (one ^ other));
        differing == 0
    }
}

/// Whether others on this machine than its owner may read a file; never where files have no modes.
#[must_use]
pub fn is_open_to_others(path: &Utf8Path) -> bool {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        files::metadata(path).is_ok_and(|metadata| metadata.permissions().mode() & 0o007 != 0)
    }
    #[cfg(not(unix))]
    {
        let _ = path;
        false
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(***)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(text: &str) -> Result<Secret, SecretError> {
        let folder = tempfile::tempdir().unwrap();
        let path = Utf8Path::from_path(folder.path()).unwrap().join("token");
        files::write_atomic(&path, text.as_bytes()).unwrap();
        Secret::load(&path)
    }

    #[test]
    fn it_knows_itself_and_nothing_else() {
        let secret = load("swordfish\n").unwrap();
        let said = |text: &'static str| secret.is_said_in(Some(&HeaderValue::from_static(text)));
        assert!(said("Bearer swordfish"));
        for wrong in ["", "swordfish", "Bearer swordfis", "Bearer swordfish2", "Basic swordfish"] {
            assert!(!said(wrong), "{wrong}");
        }
        assert!(!secret.is_said_in(None));
    }

    #[test]
    fn it_is_never_shown() {
        let secret = load("swordfish").unwrap();
        assert_eq!(format!("{secret:?} {:?}", secret.header()), "Secret(***) Sensitive");
        for text in ["", "\n", "sword fish", "sword\nfish", "schwert\u{e4}"] {
            let error = load(text).unwrap_err().to_string();
            assert!(error.contains("does not hold a token") && !error.contains("sword"), "{error}");
        }
    }
}
