//! One asset, until it is there: whatever happened to an attempt, the release is looked at before the
//! next one.

use std::sync::Arc;
use std::time::{Duration, Instant};

use http::Method;
use jiff::Timestamp;

use super::client::{Ask, Client, Content, parse};
use super::retry::{Fault, Waits};
use super::site::Site;
use super::wire::{AssetReply, ReleaseReply};
use super::{GitHubError, Kind};
use crate::model::digest::Sha256;
use crate::model::event::Event;
use crate::publish::protocol::Stored;
use crate::publish::release::Asset;
use crate::sys::files;

/// An upload that nobody finished is taken for given up when it is older than this and than the time
/// it takes at this speed. It may be another run's that is still at it.
const GRACE: Duration = Duration::from_secs(3);
const SPEED: u64 = 4 << 20;

/// Sends assets to one release.
#[derive(Clone, Debug)]
pub(super) struct Uploader {
    pub(super) site: Site,
    pub(super) release: ReleaseReply,
    /// Whose draft it is.
    pub(super) kind: Kind,
    /// The manifest of what is being published.
    pub(super) identity: Sha256,
}

/// What is there under an asset's name.
enum There {
    Nothing,
    Right,
    Wrong(u64),
    Unfinished { id: u64, age: Option<Duration> },
}

impl Uploader {
    fn client(&self) -> &Arc<Client> {
        &self.site.client
    }

    /// Sends an asset. It is there, whole and with the right digest where the server tells, or this
    /// fails. `true` where the server told.
    pub(super) async fn send(
        self,
        asset: Asset,
        unfinished: Option<Stored>,
    ) -> Result<bool, GitHubError> {
        let vouched = self.deliver(&asset, unfinished.is_some()).await?;
        self.client().one_more();
        let (asset, size) = (asset.name, asset.digest.size);
        self.client().events().emit(Event::AssetFinished { asset, size });
        Ok(vouched)
    }

    async fn deliver(&self, asset: &Asset, unfinished: bool) -> Result<bool, GitHubError> {
        let mut grace = GRACE + Duration::from_secs(asset.digest.size / SPEED);
        let mut waits = Waits::default();
        if unfinished && self.make_room(asset, &mut grace).await? {
            return Ok(true);
        }
        loop {
            let began = Instant::now();
            let ask = self.ask(asset)?;
            let fault = match self.attempt(asset, &ask).await? {
                Ok(vouched) => return Ok(vouched),
                Err(fault) => fault,
            };
            let exists = self.explain(&fault)?;
            let there = if exists {
                self.make_room(asset, &mut grace).await?
            } else {
                fault.may_be_done() && self.clear_own(asset).await?
            };
            if there {
                return Ok(true);
            }
            // Room was made for what was refused since something stood in its place.
            let fault = if exists { Fault::Lost { reason: fault.words() } } else { fault };
            self.client().pause(&mut waits, &fault, &ask.what, began).await?;
        }
    }

    /// Sends it once. Whether the server told its digest, or what went wrong.
    async fn attempt(
        &self,
        asset: &Asset,
        ask: &Ask<'_>,
    ) -> Result<Result<bool, Fault>, GitHubError> {
        match self.client().attempt(ask).await? {
            Ok(reply) => match parse::<AssetReply>(&reply, &ask.what)? {
                Ok(reply) => self.judge(asset, &reply).await,
                Err(fault) => Ok(Err(fault)),
            },
            Err(fault) => Ok(Err(fault)),
        }
    }

    fn ask<'a>(&self, asset: &'a Asset) -> Result<Ask<'a>, GitHubError> {
        let url = self.client().api().upload(&self.release.upload_url, &asset.name)?;
        let what = format!("upload {}", asset.name);
        Ok(Ask::new(what, Method::POST, url).with(Content::File(asset)))
    }

    /// Whether what the server says it got is what was sent.
    async fn judge(
        &self,
        asset: &Asset,
        reply: &AssetReply,
    ) -> Result<Result<bool, Fault>, GitHubError> {
        if reply.name != asset.name {
            self.site.delete_asset(reply.id, &reply.name).await?;
            let (name, kept) = (asset.name.clone(), reply.name.clone());
            return Err(GitHubError::Renamed { name, kept });
        }
        let right = reply.is_whole()
            && reply.size == asset.digest.size
            && reply.sha256().is_none_or(|sha256| sha256 == asset.digest.sha256);
        if right {
            return Ok(Ok(reply.sha256().is_some()));
        }
        check_unchanged(asset).await?;
        self.site.delete_asset(reply.id, &reply.name).await?;
        Ok(Err(Fault::Lost { reason: "it arrived damaged".to_owned() }))
    }

    /// After an attempt of our own of which nobody knows how it ended: what it left is removed at once.
    /// `true` where the asset is there after all.
    async fn clear_own(&self, asset: &Asset) -> Result<bool, GitHubError> {
        match self.look(asset).await? {
            There::Right => return Ok(true),
            There::Nothing => {}
            There::Unfinished { id, .. } => self.site.delete_asset(id, &asset.name).await?,
            There::Wrong(id) => self.replace(asset, id).await?,
        }
        Ok(false)
    }

    /// Waits until nothing stands in the asset's place, but for the asset itself: then `true`. An
    /// unfinished upload is given time, for it may be another run's; the time grows with every one that
    /// is removed, so that two runs do not end each other's for ever.
    async fn make_room(&self, asset: &Asset, grace: &mut Duration) -> Result<bool, GitHubError> {
        let mut waits = Waits::default();
        loop {
            let (id, age) = match self.look(asset).await? {
                There::Right => return Ok(true),
                There::Nothing => return Ok(false),
                There::Wrong(id) => {
                    self.replace(asset, id).await?;
                    return Ok(false);
                }
                There::Unfinished { id, age } => (id, age),
            };
            if age.is_none_or(|age| age >= *grace) {
                *grace = grace.mul_f64(2.0 + fastrand::f64());
                self.site.delete_asset(id, &asset.name).await?;
                return Ok(false);
            }
            let reason = "another run may be uploading it just now";
            self.site.wait(&mut waits, reason, &asset.name).await?;
        }
    }

    /// Removes what has our name and other bytes: in a draft, never from what is published.
    async fn replace(&self, asset: &Asset, id: u64) -> Result<(), GitHubError> {
        match self.kind {
            Kind::Ours => self.site.guard(self.release.id, self.identity).await?,
            Kind::ForeignDraft => {}
            Kind::Published => {
                let (url, names) = (self.release.html_url.clone(), vec![asset.name.clone()]);
                return Err(GitHubError::Differs { url, names });
            }
        }
        check_unchanged(asset).await?;
        self.site.delete_asset(id, &asset.name).await
    }

    async fn look(&self, asset: &Asset) -> Result<There, GitHubError> {
        let (assets, now) = self.site.assets(self.release.id).await?;
        let Some(there) = assets.into_iter().find(|there| there.name == asset.name) else {
            return Ok(There::Nothing);
        };
        if !there.is_whole() {
            return Ok(There::Unfinished { id: there.id, age: age(&there, now) });
        }
        let right = there.size == asset.digest.size
            && self.site.digest_of(&there).await? == Some(asset.digest.sha256);
        Ok(if right { There::Right } else { There::Wrong(there.id) })
    }

    /// The refusals that have a reason of their own. `true` where something stands in the asset's place.
    fn explain(&self, fault: &Fault) -> Result<bool, GitHubError> {
        let Fault::Answer(answer) = fault else { return Ok(false) };
        let url = || self.release.html_url.clone();
        match answer.status {
            404 => Err(GitHubError::Moved { reason: format!("{} is gone", url()) }),
            422 if answer.says("immutable") => Err(GitHubError::Immutable { url: url() }),
            status => Ok(status == 422 && answer.says("already_exists")),
        }
    }
}

/// How old an asset is by the server's clock.
pub(super) fn age(asset: &AssetReply, now: Option<Timestamp>) -> Option<Duration> {
    let made: Timestamp = asset.created_at.as_deref()?.parse().ok()?;
    let seconds = now?.as_second() - made.as_second();
    Some(Duration::from_secs(u64::try_from(seconds).unwrap_or_default()))
}

/// Whether the file is still what was verified.
async fn check_unchanged(asset: &Asset) -> Result<(), GitHubError> {
    let path = asset.path.clone();
    let digest = tokio::task::spawn_blocking(move || files::digest(&path)).await;
    match digest {
        Ok(Ok(digest)) if digest != asset.digest => {
            Err(GitHubError::FileChanged { name: asset.name.clone() })
        }
        Ok(Err(error)) => Err(error.into()),
        _ => Ok(()),
    }
}
