//! Where a release is had from: the arguments that `fetch` and `install` share.

use camino::Utf8PathBuf;
use tokio_util::sync::CancellationToken;

use super::Failure;
use crate::download::fetch::FetchError;
use crate::download::source::{Origin, SourceError, Terms};
use crate::model::digest::Sha256;
use crate::model::version::Version;
use crate::sys::github::address::Api;
use crate::sys::github::token::{Token, TokenError};
use crate::sys::web::WebError;

/// Where a release is had from.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "The release")]
pub(super) struct SourceArgs {
    /// github:OWNER/REPO for its latest release, github:OWNER/REPO@TAG, a folder, the address of a
    /// manifest, or that of a folder on a server (with --release)
    #[arg(long, value_name = "SOURCE", env = "MODFARM_FROM")]
    from: String,
    /// The version, where there are several: 6.1.1
    #[arg(long, value_name = "VERSION")]
    release: Option<Version>,
    /// The SHA-256 that the release's manifest must have; all else is compared with the manifest
    #[arg(long, value_name = "HEX")]
    manifest_sha256: Option<Sha256>,
    /// A file with GitHub's token; without it `GH_TOKEN`, then `GITHUB_TOKEN`; none is needed for what
    /// is public
    #[arg(long, value_name = "FILE")]
    token_file: Option<Utf8PathBuf>,
    /// GitHub's API; without it `GITHUB_API_URL`, then that of `GH_HOST`, then GitHub's own
    #[arg(long, value_name = "URL")]
    api_url: Option<String>,
    /// Where downloads are kept until they are whole, and what else can be had again; without it a
    /// folder of the user's own
    #[arg(long, value_name = "DIR", env = "MODFARM_CACHE")]
    cache: Option<Utf8PathBuf>,
}

impl SourceArgs {
    /// Where what can be had again is kept.
    fn cache(&self) -> Utf8PathBuf {
        self.cache.clone().unwrap_or_else(own_cache)
    }

    /// Where Wine's prefixes are kept.
    pub(super) fn prefixes(&self) -> Utf8PathBuf {
        self.cache().join("wine")
    }

    /// Where, and how.
    pub(super) fn terms(self, stop: &CancellationToken) -> Result<(Origin, Terms), Failure> {
        // Not by clap, whose own error would repeat a password that stands in an address.
        let origin = self.from.parse().map_err(Failure::bad_input)?;
        let environment = |name: &str| std::env::var(name).ok();
        let api = Api::choose(self.api_url.as_deref(), environment).map_err(Failure::bad_input)?;
        let token = match Token::find(self.token_file.as_deref(), environment) {
            Ok(token) => Some(token),
            Err(TokenError::None) => None,
            Err(error) => return Err(Failure::bad_input(error)),
        };
        let cache = self.cache().join("downloads");
        let terms = Terms {
            version: self.release,
            manifest_sha256: self.manifest_sha256,
            api,
            token,
            cache,
            stop: stop.clone(),
        };
        Ok((origin, terms))
    }
}

/// The folder of the user's own for what can be had again.
fn own_cache() -> Utf8PathBuf {
    let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    let folder = if cfg!(windows) {
        variable("LOCALAPPDATA").map(Utf8PathBuf::from)
    } else {
        let home = || Some(Utf8PathBuf::from(variable("HOME")?).join(".cache"));
        variable("XDG_CACHE_HOME").map(Utf8PathBuf::from).or_else(home)
    };
    let temporary = || Utf8PathBuf::from_path_buf(std::env::temp_dir()).unwrap_or_default();
    folder.unwrap_or_else(temporary).join("modfarm")
}

/// Whose fault it is that nothing was had.
pub(super) fn blame(error: FetchError) -> Failure {
    match &error {
        FetchError::Source(source) => match source {
            SourceError::Web(WebError::Stopped) => Failure::interrupted(error),
            SourceError::Web(WebError::Refused { status: 401 | 404, .. }) => {
                Failure::bad_input(error)
            }
            SourceError::Web(_) | SourceError::Page { .. } | SourceError::Answer { .. } => {
                Failure::environment(error)
            }
            SourceError::Wrong { .. }
            | SourceError::Untrusted { .. }
            | SourceError::Name { .. }
            | SourceError::Size { .. }
            | SourceError::Missing { .. } => Failure::not_passed(error),
            SourceError::File(file) if !file.is_not_found() => Failure::environment(error),
            _ => Failure::bad_input(error),
        },
        FetchError::File(_) => Failure::environment(error),
        _ => Failure::not_passed(error),
    }
}
