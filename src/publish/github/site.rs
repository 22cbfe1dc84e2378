//! A repository on GitHub: the requests that are made of it, by name.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use http::Method;
use jiff::Timestamp;
use serde_json::Value;
use url::Url;

use super::GitHubError;
use super::body::Marker;
use super::client::{Ask, Client, Content, parse};
use super::retry::{Answer, Fault, Waits};
use super::upload::age;
use super::wire::{AssetReply, ImmutableReply, ReleaseReply, RepositoryReply};
use crate::model::digest::Sha256;
use crate::sys::github::address::Repository;

/// So often is looked whether a release that was asked for, with no answer, was made all the same:
/// GitHub's list may be behind.
const LOOKS: u32 = 4;

/// A repository.
#[derive(Clone, Debug)]
pub(super) struct Site {
    pub(super) client: Arc<Client>,
    pub(super) repository: Repository,
    /// The digests of assets that the server does not tell; an asset's bytes never change.
    pub(super) digests: Arc<Mutex<BTreeMap<u64, Sha256>>>,
}

impl Site {
    pub(super) fn url(&self, rest: &[&str]) -> Url {
        let Repository { owner, name } = &self.repository;
        let head = ["repos", owner, name];
        self.client.api().url(head.into_iter().chain(rest.iter().copied()))
    }

    /// The repository. Where it was renamed, under its new name.
    pub(super) async fn repository(&self) -> Result<RepositoryReply, GitHubError> {
        let what = format!("read {}", self.repository);
        let ask = Ask::new(&what, Method::GET, self.url(&[]));
        match self.client.read(&ask).await {
            Ok((reply, _)) => Ok(reply),
            Err(GitHubError::Redirected { .. }) => {
                let next = self.client.redirected(&ask).await?;
                Ok(self.client.read(&Ask::new(what, Method::GET, next)).await?.0)
            }
            Err(GitHubError::Answered { answer, what }) => Err(self.refused(what, *answer)),
            Err(error) => Err(error),
        }
    }

    fn refused(&self, what: String, answer: Answer) -> GitHubError {
        let api = self.client.api().to_string();
        match answer.status {
            401 => GitHubError::BadToken { api, message: answer.message },
            403 => GitHubError::Forbidden { what, message: answer.message },
            404 => GitHubError::NoRepository { repository: self.repository.to_string(), api },
            _ => GitHubError::Answered { what, answer: Box::new(answer) },
        }
    }

    /// Whether a tag is there.
    pub(super) async fn has_tag(&self, tag: &str) -> Result<bool, GitHubError> {
        let segments: Vec<&str> =
            ["git", "ref", "tags"].into_iter().chain(tag.split('/')).collect();
        let ask = Ask::new(format!("look for the tag {tag}"), Method::GET, self.url(&segments));
        Ok(self.unless_missing(&ask).await?.is_some())
    }

    /// Whether the releases of the repository are immutable; `None` where the token may not know.
    pub(super) async fn is_immutable(&self) -> Result<Option<bool>, GitHubError> {
        let url = self.url(&["immutable-releases"]);
        let ask = Ask::new("read whether releases are immutable", Method::GET, url);
        match self.client.read::<ImmutableReply>(&ask).await {
            Ok((reply, _)) => Ok(Some(reply.enabled)),
            Err(GitHubError::Answered { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    async fn unless_missing(&self, ask: &Ask<'_>) -> Result<Option<Value>, GitHubError> {
        match self.client.read::<Value>(ask).await {
            Ok((value, _)) => Ok(Some(value)),
            Err(GitHubError::Answered { answer, .. }) if answer.status == 404 => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// All releases, drafts as well.
    pub(super) async fn releases(&self) -> Result<Vec<ReleaseReply>, GitHubError> {
        let (mut all, _) =
            self.client.list::<ReleaseReply>("list the releases", &self.url(&["releases"])).await?;
        // Pages move when something is made between two of them.
        all.sort_by_key(|release| release.id);
        all.dedup_by_key(|release| release.id);
        Ok(all)
    }

    /// A release by its number; `None` where it is gone.
    pub(super) async fn release(&self, id: u64) -> Result<Option<ReleaseReply>, GitHubError> {
        let url = self.url(&["releases", &id.to_string()]);
        let ask = Ask::new("read the release", Method::GET, url);
        match self.client.read(&ask).await {
            Ok((release, _)) => Ok(Some(release)),
            Err(GitHubError::Answered { answer, .. }) if answer.status == 404 => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Looks whether a draft is still one, and still for our bytes: before anything of it is removed, and
    /// before it is published.
    pub(super) async fn guard(&self, id: u64, ours: Sha256) -> Result<(), GitHubError> {
        let Some(release) = self.release(id).await? else {
            return Err(GitHubError::Moved { reason: "the draft is gone".to_owned() });
        };
        let url = release.html_url.clone();
        if !release.draft {
            return Err(GitHubError::Moved { reason: format!("{url} was published meanwhile") });
        }
        match Marker::find(release.body()) {
            Some(marker) if marker.manifest == ours => Ok(()),
            Some(Marker { manifest: theirs, .. }) => {
                Err(GitHubError::Overtaken { url, theirs, ours })
            }
            None => Err(GitHubError::ForeignDraft { url, tag: release.tag_name }),
        }
    }

    /// The published release of a tag. What was published just now may not be found at once.
    pub(super) async fn release_of(&self, tag: &str) -> Result<ReleaseReply, GitHubError> {
        let ask = Ask::new(
            format!("read the release {tag}"),
            Method::GET,
            self.url(&["releases", "tags", tag]),
        );
        let mut waits = Waits::default();
        for look in 1.. {
            match self.client.read(&ask).await {
                Err(GitHubError::Answered { answer, .. })
                    if answer.status == 404 && look < 2 * LOOKS =>
                {
                    self.wait(&mut waits, &answer.words(), &format!("the release {tag}")).await?;
                }
                result => return Ok(result?.0),
            }
        }
        Err(GitHubError::Moved { reason: format!("the release {tag} is gone") })
    }

    /// The assets of a release, and the server's time.
    pub(super) async fn assets(
        &self,
        release: u64,
    ) -> Result<(Vec<AssetReply>, Option<Timestamp>), GitHubError> {
        let url = self.url(&["releases", &release.to_string(), "assets"]);
        let listed = self.client.list::<AssetReply>("list the assets", &url).await;
        let (mut assets, now) = match listed {
            Err(GitHubError::Answered { answer, .. }) if answer.status == 404 => {
                return Err(GitHubError::Moved {
                    reason: "the release that was being filled is gone".to_owned(),
                });
            }
            other => other?,
        };
        assets.sort_by_key(|asset| asset.id);
        assets.dedup_by_key(|asset| asset.id);
        Ok((assets, now))
    }

    /// What earlier runs sent counts for GitHub's limits as well.
    pub(super) fn remember(&self, assets: &[AssetReply], now: Option<Timestamp>) {
        self.client.remember(assets.iter().filter_map(|asset| age(asset, now)));
    }

    /// The digest of what an asset holds: GitHub's own, or of what it gives.
    pub(super) async fn digest_of(
        &self,
        asset: &AssetReply,
    ) -> Result<Option<Sha256>, GitHubError> {
        if !asset.is_whole() {
            return Ok(None);
        }
        if let Some(sha256) = asset.sha256() {
            return Ok(Some(sha256));
        }
        let known =
            self.digests.lock().unwrap_or_else(PoisonError::into_inner).get(&asset.id).copied();
        if known.is_some() {
            return Ok(known);
        }
        let url = self.url(&["releases", "assets", &asset.id.to_string()]);
        let what = format!("download {}", asset.name);
        let digest = match self.client.download(&what, &url).await {
            Err(GitHubError::Answered { answer, .. }) if answer.status == 404 => {
                return Err(GitHubError::Moved { reason: format!("{} is gone", asset.name) });
            }
            other => other?,
        };
        self.digests.lock().unwrap_or_else(PoisonError::into_inner).insert(asset.id, digest.sha256);
        Ok(Some(digest.sha256))
    }

    /// Removes an asset. One that is gone is no error.
    pub(super) async fn delete_asset(&self, id: u64, name: &str) -> Result<(), GitHubError> {
        let url = self.url(&["releases", "assets", &id.to_string()]);
        self.delete(&Ask::new(format!("remove {name}"), Method::DELETE, url)).await
    }

    /// Removes a release, which must be a draft. One that is gone is no error.
    pub(super) async fn delete_draft(&self, release: &ReleaseReply) -> Result<(), GitHubError> {
        let url = self.url(&["releases", &release.id.to_string()]);
        self.delete(&Ask::new("remove a draft", Method::DELETE, url)).await
    }

    async fn delete(&self, ask: &Ask<'_>) -> Result<(), GitHubError> {
        match self.client.call(ask).await {
            Err(GitHubError::Answered { answer, .. }) if answer.status == 404 => Ok(()),
            other => other.map(drop),
        }
    }

    /// Makes a release. When no answer comes, it is looked for with `find` before it is asked for again.
    pub(super) async fn create(
        &self,
        fields: &Value,
        find: impl Fn(&ReleaseReply) -> bool,
    ) -> Result<ReleaseReply, GitHubError> {
        let ask = Ask::new("make the draft", Method::POST, self.url(&["releases"]))
            .with(Content::Json(fields.clone()));
        let mut waits = Waits::default();
        loop {
            let began = Instant::now();
            let fault = match self.client.attempt(&ask).await? {
                Ok(reply) => match parse(&reply, &ask.what)? {
                    Ok(release) => return Ok(release),
                    Err(fault) => fault,
                },
                Err(Fault::Answer(answer))
                    if matches!(answer.status, 401 | 403 | 404) && !answer.passes() =>
                {
                    return Err(self.may_not_write(ask.what, answer));
                }
                Err(fault) => fault,
            };
            self.client.pause(&mut waits, &fault, &ask.what, began).await?;
            if fault.may_be_done()
                && let Some(made) = self.look_for(&find).await?
            {
                return Ok(made);
            }
        }
    }

    /// GitHub answers 404 to who may read and not write.
    fn may_not_write(&self, what: String, answer: Answer) -> GitHubError {
        match answer.status {
            401 => GitHubError::BadToken {
                api: self.client.api().to_string(),
                message: answer.message,
            },
            _ => GitHubError::Forbidden {
                what: format!("publish releases of {}", self.repository),
                message: format!("{what}: {}", answer.words()),
            },
        }
    }

    async fn look_for(
        &self,
        find: &impl Fn(&ReleaseReply) -> bool,
    ) -> Result<Option<ReleaseReply>, GitHubError> {
        let mut waits = Waits::default();
        for look in 1..=LOOKS {
            let found = self.releases().await?.into_iter().find(|release| find(release));
            if found.is_some() || look == LOOKS {
                return Ok(found);
            }
            self.wait(&mut waits, "it is not listed", "the draft").await?;
        }
        Ok(None)
    }

    /// Changes a release; asked again until it is done, for it may be done twice.
    pub(super) async fn change(
        &self,
        what: &str,
        id: u64,
        fields: &Value,
    ) -> Result<ReleaseReply, GitHubError> {
        let url = self.url(&["releases", &id.to_string()]);
        let ask = Ask::new(what, Method::PATCH, url).with(Content::Json(fields.clone()));
        match self.client.read(&ask).await {
            Ok((release, _)) => Ok(release),
            Err(GitHubError::Answered { answer, .. }) if answer.status == 404 => {
                Err(GitHubError::Moved { reason: "the release is gone".to_owned() })
            }
            Err(error) => Err(error),
        }
    }

    /// Publishes a draft. When no answer comes, the release is read before it is asked for again.
    pub(super) async fn publish(&self, id: u64, fields: &Value) -> Result<(), GitHubError> {
        let url = self.url(&["releases", &id.to_string()]);
        let ask =
            Ask::new("publish the release", Method::PATCH, url).with(Content::Json(fields.clone()));
        let mut waits = Waits::default();
        loop {
            let began = Instant::now();
            let Err(fault) = self.client.attempt(&ask).await? else { return Ok(()) };
            let refused =
                matches!(&fault, Fault::Answer(answer) if matches!(answer.status, 404 | 422));
            if fault.may_be_done() || refused {
                match self.release(id).await? {
                    Some(release) if !release.draft => return Ok(()),
                    Some(_) => {}
                    None => {
                        return Err(GitHubError::Moved { reason: "the draft is gone".to_owned() });
                    }
                }
            }
            self.client.pause(&mut waits, &fault, &ask.what, began).await?;
        }
    }

    /// Waits for something on GitHub to change.
    pub(super) async fn wait(
        &self,
        waits: &mut Waits,
        because: &str,
        what: &str,
    ) -> Result<(), GitHubError> {
        let what = format!("look at {what}");
        let fault = Fault::Lost { reason: because.to_owned() };
        self.client.pause(waits, &fault, &what, Instant::now()).await
    }
}
