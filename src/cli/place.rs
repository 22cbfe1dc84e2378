//! Where a release goes: a folder or GitHub, and the arguments that `release` and `publish` share.

use std::str::FromStr;
use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};

use super::Failure;
use crate::publish::github::Settings;
use crate::sys::github::address::{AddressError, Api, Repository};
use crate::sys::github::token::Token;

/// Where a release goes.
#[derive(Clone, Debug)]
pub(super) enum Place {
    /// The folder that the release's own folder is made in.
    Folder(Utf8PathBuf),
    /// A repository on GitHub.
    GitHub(Repository),
}

impl FromStr for Place {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.strip_prefix("github:") {
            Some(repository) => Ok(Self::GitHub(repository.parse()?)),
            None => Ok(Self::Folder(Utf8PathBuf::from(text))),
        }
    }
}

/// How to publish on GitHub.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Publishing on GitHub")]
pub(super) struct GitHubArgs {
    /// The branch or commit that a new tag is made on; without it the default branch
    #[arg(long, value_name = "COMMITISH")]
    target: Option<String>,
    /// Refuse where the tag is not there, instead of making it
    #[arg(long, conflicts_with = "target")]
    verify_tag: bool,
    /// Add to the release or draft of that tag that is there; nothing in it is overwritten
    #[arg(long)]
    into_existing: bool,
    /// A file with the token; without it `GH_TOKEN`, then `GITHUB_TOKEN`
    #[arg(long, value_name = "FILE")]
    token_file: Option<Utf8PathBuf>,
    /// The API; without it `GITHUB_API_URL`, then that of `GH_HOST`, then GitHub's own
    #[arg(long, value_name = "URL")]
    api_url: Option<String>,
    /// How much time may be lost to GitHub's limits and to faults before this run ends
    #[arg(long, value_name = "SECONDS", default_value_t = 1800)]
    patience: u64,
    /// After how long a request that moves no byte is made again
    #[arg(long, value_name = "SECONDS", default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..))]
    request_timeout: u64,
}

impl GitHubArgs {
    /// Refuses them for a folder, where they would mean nothing.
    pub(super) fn refuse_for(&self, folder: &Utf8Path) -> Result<(), Failure> {
        self.refuse_unpublished(folder)?;
        let given =
            [("--token-file", self.token_file.is_some()), ("--api-url", self.api_url.is_some())];
        refuse(&given, folder)
    }

    /// Refuses what is about publishing for a release that stays in a folder.
    pub(super) fn refuse_unpublished(&self, folder: &Utf8Path) -> Result<(), Failure> {
        let given = [
            ("--target", self.target.is_some()),
            ("--verify-tag", self.verify_tag),
            ("--into-existing", self.into_existing),
        ];
        refuse(&given, folder)
    }

    /// The settings for a repository.
    pub(super) fn settings(
        self,
        repository: Repository,
        tag: Option<String>,
    ) -> Result<Settings, Failure> {
        let environment = |name: &str| std::env::var(name).ok();
        let api = Api::choose(self.api_url.as_deref(), environment).map_err(Failure::bad_input)?;
        let token =
            Token::find(self.token_file.as_deref(), environment).map_err(Failure::bad_input)?;
        Ok(Settings {
            repository,
            api,
            token,
            tag,
            target: self.target,
            verify_tag: self.verify_tag,
            into_existing: self.into_existing,
            patience: Duration::from_secs(self.patience),
            silence: Duration::from_secs(self.request_timeout),
        })
    }
}

fn refuse(given: &[(&str, bool)], folder: &Utf8Path) -> Result<(), Failure> {
    match given.iter().find(|(_, given)| *given) {
        Some((name, _)) => Err(means_nothing(name, folder)),
        None => Ok(()),
    }
}

/// The error where an argument for GitHub comes with a folder.
pub(super) fn means_nothing(name: &str, folder: &Utf8Path) -> Failure {
    Failure::bad_input(format!(
        "{name} means nothing for the folder {folder}\nhint: it goes with --to github:OWNER/REPO"
    ))
}
