//! The token: where it comes from, and that it is never shown.

use std::fmt;

use camino::{Utf8Path, Utf8PathBuf};
use http::HeaderValue;

use crate::sys::files::{self, FileError};

/// The variables a token is taken from, in this order.
pub const VARIABLES: [&str; 2] = ["GH_TOKEN", "GITHUB_TOKEN"];

/// More than any token has.
const LONGEST: u64 = 8 << 10;

/// A token. It has no way to be shown.
#[derive(Clone)]
pub struct Token(String);

/// A token that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    /// Its file cannot be read.
    #[error(transparent)]
    File(#[from] FileError),
    /// It has characters that no token has.
    #[error(
        "the token in {origin} has a space, a line break or another character that no token has\nhint: write the token there and nothing else"
    )]
    Malformed {
        /// Where it comes from.
        origin: String,
    },
    /// There is none.
    #[error(
        "there is no token to publish with\nhint: give --token-file FILE, or set GH_TOKEN or GITHUB_TOKEN; a fine-grained token needs the permission Contents: read and write (with --via also Actions: read and write), a classic one the scope repo or public_repo, a workflow `permissions: contents: write`"
    )]
    None,
}

impl Token {
    /// The token in the file, or in the environment. What is empty counts as absent.
    pub fn find(
        file: Option<&Utf8Path>,
        environment: impl Fn(&str) -> Option<String>,
    ) -> Result<Self, TokenError> {
        if let Some(path) = file {
            let bytes = files::read_limited(path, LONGEST)?;
            let text = String::from_utf8_lossy(&bytes).trim_end_matches(['\r', '\n']).to_owned();
            if !text.is_empty() {
                return Self::new(text, || Utf8PathBuf::from(path).into_string());
            }
        }
        for name in VARIABLES {
            let text = environment(name).unwrap_or_default();
            let text = text.trim_end_matches(['\r', '\n']);
            if !text.is_empty() {
                return Self::new(text.to_owned(), || name.to_owned());
            }
        }
        Err(TokenError::None)
    }

    fn new(text: String, origin: impl FnOnce() -> String) -> Result<Self, TokenError> {
        if text.bytes().all(|byte| byte.is_ascii_graphic()) {
            Ok(Self(text))
        } else {
            Err(TokenError::Malformed { origin: origin() })
        }
    }

    /// The value of the `Authorization` header, which no log shows.
    #[must_use]
    pub fn header(&self) -> Option<HeaderValue> {
        let mut value = HeaderValue::from_str(&format!("Bearer {}", self.0)).ok()?;
        value.set_sensitive(true);
        Some(value)
    }

    /// What a server said, fit to be shown: without the token, should it be there, without what would
    /// command a terminal, and not without end.
    #[must_use]
    pub fn scrub(&self, text: &str) -> String {
        let clean: String =
            text.replace(&self.0, "***").replace(char::is_control, " ").chars().take(500).collect();
        clean.trim().to_owned()
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(***)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_that_is_not_empty_is_taken() {
        let folder = tempfile::tempdir().unwrap();
        let path = Utf8Path::from_path(folder.path()).unwrap().join("token");
        let environment = |name: &str| match name {
            "GH_TOKEN" => Some(String::new()),
            "GITHUB_TOKEN" => Some("second".to_owned()),
            _ => None,
        };
        let find = |text: &str| {
            files::write_atomic(&path, text.as_bytes()).unwrap();
            Token::find(Some(&path), environment)
        };
        assert_eq!(find("first\r\n").unwrap().0, "first");
        assert_eq!(find("\n").unwrap().0, "second");
        let error = find("se cret").unwrap_err().to_string();
        assert!(error.contains(path.as_str()) && !error.contains("cret\""), "{error}");
        assert!(matches!(Token::find(None, |_| None), Err(TokenError::None)));
    }

    #[test]
    fn it_is_never_shown() {
        let token = Token::find(None, |_| Some("ghp_secret".to_owned())).unwrap();
        assert_eq!(format!("{token:?} {:?}", token.header().unwrap()), "Token(***) Sensitive");
        assert_eq!(token.scrub("bad ghp_secret\x1b[1m\n"), "bad *** [1m");
    }
}
