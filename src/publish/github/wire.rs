//! What is read of GitHub's answers, and no more: a field that is of no use here cannot be missing.
//! (octocrab's own models fail on every field that a server leaves out.)

use serde::Deserialize;

use crate::model::digest::Sha256;

/// A repository.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct RepositoryReply {
    pub(super) full_name: String,
    #[serde(default)]
    pub(super) archived: bool,
    #[serde(default)]
    pub(super) default_branch: Option<String>,
    #[serde(default)]
    pub(super) permissions: Option<Permissions>,
}

/// What the user of the token may do.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Permissions {
    #[serde(default)]
    pub(super) push: Option<bool>,
}

/// A release, published or not.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct ReleaseReply {
    pub(super) id: u64,
    pub(super) tag_name: String,
    #[serde(default)]
    pub(super) body: Option<String>,
    pub(super) draft: bool,
    #[serde(default)]
    pub(super) prerelease: bool,
    #[serde(default)]
    pub(super) immutable: Option<bool>,
    pub(super) upload_url: String,
    #[serde(default)]
    pub(super) html_url: String,
}

impl ReleaseReply {
    pub(super) fn body(&self) -> &str {
        self.body.as_deref().unwrap_or_default()
    }
}

/// An asset.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct AssetReply {
    pub(super) id: u64,
    pub(super) name: String,
    pub(super) state: String,
    pub(super) size: u64,
    #[serde(default)]
    pub(super) digest: Option<String>,
    #[serde(default)]
    pub(super) created_at: Option<String>,
}

impl AssetReply {
    pub(super) fn is_whole(&self) -> bool {
        self.state == "uploaded"
    }

    /// GitHub's own digest, where it has one.
    pub(super) fn sha256(&self) -> Option<Sha256> {
        self.digest.as_deref()?.strip_prefix("sha256:")?.parse().ok()
    }
}

/// Whether releases are immutable.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct ImmutableReply {
    #[serde(default)]
    pub(super) enabled: bool,
}
