//! Where somebody says that a release is, in one word.

use std::fmt;
use std::str::FromStr;

use camino::Utf8PathBuf;
use url::Url;

use super::SourceError;
use crate::sys::github::address::Repository;

/// Where somebody says that a release is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// A release on GitHub: of a tag, or the latest one.
    GitHub {
        /// The repository.
        repository: Repository,
        /// The tag.
        tag: Option<String>,
    },
    /// The address of a manifest, or of the folder that it is in.
    Mirror(Url),
    /// A folder, or a manifest in one.
    Folder(Utf8PathBuf),
}

impl FromStr for Origin {
    type Err = SourceError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let bad =
            |reason: &str| SourceError::Origin { text: text.to_owned(), reason: reason.to_owned() };
        if let Some(rest) = text.strip_prefix("github:") {
            let (repository, tag) = match rest.split_once('@') {
                Some((_, "")) => return Err(bad("there is no tag after the @")),
                Some((repository, tag)) => (repository, Some(tag.to_owned())),
                None => (rest, None),
            };
            return Ok(Self::GitHub { repository: repository.parse()?, tag });
        }
        if !text.starts_with("http://") && !text.starts_with("https://") {
            return match text {
                "" => Err(bad("it is empty")),
                _ if text.contains("://") => {
                    Err(bad("it begins with neither http:// nor https://"))
                }
                _ => Ok(Self::Folder(text.into())),
            };
        }
        let url = Url::parse(text).map_err(|error| bad(&error.to_string()))?;
        if !url.username().is_empty() || url.password().is_some() {
            // The text is not repeated: it holds a password.
            let (text, reason) =
                (url.host_str().unwrap_or_default(), "it has a name or password in it");
            return Err(SourceError::Origin { text: text.to_owned(), reason: reason.to_owned() });
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(bad("it has a '?' or '#' in it"));
        }
        Ok(Self::Mirror(url))
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::GitHub { repository, tag: None } => write!(f, "github:{repository}"),
            Self::GitHub { repository, tag: Some(tag) } => write!(f, "github:{repository}@{tag}"),
            Self::Mirror(url) => url.fmt(f),
            Self::Folder(path) => path.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_said_in_one_word() {
        for text in ["github:a/b", "github:a/b@mod_wsgi-6.1.1", "https://x.example/y/", "dist/x"] {
            assert_eq!(text.parse::<Origin>().unwrap().to_string(), text);
        }
        for bad in ["", "github:a", "github:a/b@", "ftp://x", "https://", "https://x/?y"] {
            bad.parse::<Origin>().unwrap_err();
        }
        let secret = "https://me:secret@x.example/".parse::<Origin>().unwrap_err().to_string();
        assert!(secret.contains("name or password") && !secret.contains("secret"), "{secret}");
    }
}
