//! Publishing to GitHub: one draft that is filled, compared with GitHub's own digests, published and
//! read back; or, on request, what is missing in a release that is there.

pub mod actions;
pub mod body;
mod client;
mod connection;
mod error;
mod find;
mod headers;
pub mod limits;
pub mod pace;
pub mod retry;
mod site;
mod status;
pub mod tag;
mod upload;
mod wire;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::task::JoinSet;

use self::body::{Marker, appended, title};
use self::client::Client;
use self::find::Seen;
use self::site::Site;
use self::upload::Uploader;
use self::wire::{AssetReply, ReleaseReply, RepositoryReply};
use super::PublishError;
use super::protocol::{Difference, Missing, Place, Stored};
use super::release::{Asset, Release};
use crate::model::digest::Sha256;
use crate::model::event::{Event, Events};
use crate::model::version::Version;
use crate::sys::github::address::{Api, Repository};
use crate::sys::github::token::Token;

pub use error::GitHubError;
pub use status::Status;

/// So many small assets are sent side by side, which is a third of what GitHub allows; a large one counts
/// for several, for one alone fills the line.
const SIDE_BY_SIDE: u64 = 32;
const SMALL: u64 = 2 << 20;
const MOST_SHARES: u64 = 8;

/// Where and how to publish.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The repository.
    pub repository: Repository,
    /// Its API.
    pub api: Api,
    /// The token.
    pub token: Token,
    /// The tag; without it the one that is there for the version, or `MODULE-VERSION`.
    pub tag: Option<String>,
    /// The branch or commit that a new tag is made on; without it the default branch.
    pub target: Option<String>,
    /// Whether the tag must be there.
    pub verify_tag: bool,
    /// Whether to add to a release or draft that is there.
    pub into_existing: bool,
    /// How much time may be lost to limits and faults.
    pub patience: Duration,
    /// A request that moves no byte for so long is given up.
    pub silence: Duration,
}

/// A release on GitHub, being made.
#[derive(Debug)]
pub struct GitHub {
    site: Site,
    settings: Settings,
    module: String,
    version: Version,
    tag: String,
    /// The branch that publishing makes the tag on, where it is not there yet.
    branch: Option<String>,
    /// Whether what is published in the repository can never be changed, as far as the token may know.
    immutable: bool,
    seen: Seen,
    filling: Option<Filling>,
    /// The drafts that this run made, and the one that it last looked into.
    made: Vec<u64>,
    filled: Option<u64>,
    begun: bool,
}

/// The one release that is being filled.
#[derive(Clone, Debug)]
struct Filling {
    release: ReleaseReply,
    kind: Kind,
    identity: Sha256,
    /// Whether it was made just now, and has nothing in it.
    new: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// A draft that modfarm made.
    Ours,
    /// A draft of somebody else's, which stays one.
    ForeignDraft,
    /// A published release.
    Published,
}

impl GitHub {
    /// Looks whether a release of a module and version can be published there, as far as that can be
    /// known before it is built.
    pub async fn open(
        settings: Settings,
        module: &str,
        version: &Version,
        events: &Events,
    ) -> Result<Self, GitHubError> {
        if let Some(tag) = settings.tag.as_ref().filter(|tag| !tag::is_usable(tag)) {
            return Err(GitHubError::BadTag { tag: tag.clone() });
        }
        let Settings { api, token, patience, silence, .. } = settings.clone();
        let client = Client::new(api, token, patience, silence, events.clone())?;
        let mut site = Site {
            client: Arc::new(client),
            repository: settings.repository.clone(),
            digests: Arc::new(Mutex::new(BTreeMap::new())),
        };
        let looks = async |site: &Site| {
            tokio::join!(
                choose_tag(site, &settings, module, version),
                site.releases(),
                site.is_immutable()
            )
        };
        // Side by side; what is wrong with the repository explains what is wrong with the rest.
        let (reply, looked) = tokio::join!(site.repository(), looks(&site));
        let (branch, renamed) = enter(&mut site, reply?, events)?;
        let (tag, releases, immutable) = if renamed { looks(&site).await } else { looked };
        let ((tag, there), immutable) = (tag?, immutable? == Some(true));
        let branch = if there { None } else { Some(settings.target.clone().unwrap_or(branch)) };
        let seen = Seen::among(releases?, &tag);
        let (module, version) = (module.to_owned(), version.clone());
        let (filling, made, filled) = (None, Vec::new(), None);
        Ok(Self {
            site,
            settings,
            module,
            version,
            tag,
            branch,
            immutable,
            seen,
            filling,
            made,
            filled,
            begun: false,
        })
    }

    /// Refuses what is known to end in a refusal before anything is built, from the names of the files
    /// that will be made.
    pub async fn check_names(&mut self, names: &[String]) -> Result<(), GitHubError> {
        limits::check_names(names.iter().map(String::as_str))?;
        limits::check_count(names.len(), 0)?;
        if let Some(branch) = &self.branch {
            let (repository, tag) = (&self.site.repository, &self.tag);
            self.events()
                .note(format!("{repository} has no tag {tag}; publishing makes it on {branch}"));
        }
        let Some(release) = self.seen.published.clone() else {
            return match self.seen.foreign.first() {
                Some(_) if !self.seen.ours.is_empty() || self.settings.into_existing => Ok(()),
                Some(draft) => Err(self.foreign_draft(draft)),
                None => {
                    self.warn_of_immutable();
                    Ok(())
                }
            };
        };
        let (there, _) = self.site.assets(release.id).await?;
        let missing: Vec<String> = names
            .iter()
            .filter(|name| !there.iter().any(|asset| asset.name == **name && asset.is_whole()))
            .map(|name| format!("{name} is missing"))
            .collect();
        if missing.is_empty() {
            return Ok(());
        }
        self.may_add_to(&release, missing)?;
        check_room(names.iter().map(String::as_str), &there)
    }

    fn warn_of_immutable(&self) {
        if self.immutable {
            self.events().note(format!(
                "releases of {} are immutable: once it is published, nothing can be added or changed",
                self.site.repository
            ));
        }
    }

    fn may_add_to(&self, release: &ReleaseReply, faults: Vec<String>) -> Result<(), GitHubError> {
        let url = release.html_url.clone();
        if !self.settings.into_existing {
            return Err(GitHubError::PublishedAlready { url, faults });
        }
        if release.immutable == Some(true) {
            return Err(GitHubError::Immutable { url });
        }
        Ok(())
    }

    /// Refuses to add to a published release that has other bytes, or that nobody asked to add to.
    fn may_complete(
        &self,
        release: &ReleaseReply,
        difference: &Difference<'_>,
    ) -> Result<(), GitHubError> {
        if difference.wrong.is_empty() {
            return self.may_add_to(release, difference.names());
        }
        let names = difference.wrong.iter().map(|stored| stored.name.clone()).collect();
        Err(GitHubError::Differs { url: release.html_url.clone(), names })
    }

    fn foreign_draft(&self, draft: &ReleaseReply) -> GitHubError {
        GitHubError::ForeignDraft { url: draft.html_url.clone(), tag: self.tag.clone() }
    }

    fn events(&self) -> &Events {
        self.site.client.events()
    }

    /// The same from the files themselves.
    pub async fn check(&mut self, release: &Release) -> Result<(), GitHubError> {
        Self::check_limits(release)?;
        let names: Vec<String> = release.assets().iter().map(|asset| asset.name.clone()).collect();
        self.check_names(&names).await
    }

    /// Refuses a release that GitHub would not take.
    fn check_limits(release: &Release) -> Result<(), GitHubError> {
        let assets = release.assets();
        limits::check_names(assets.iter().map(|asset| asset.name.as_str()))?;
        limits::check_count(assets.len(), 0)?;
        limits::check_notes(&Self::marker(release).body(release.notes()))?;
        assets.iter().try_for_each(|asset| limits::check_size(&asset.name, asset.digest.size))
    }

    fn marker(release: &Release) -> Marker {
        Marker::new(&release.manifest().module, release.identity())
    }

    /// What the release's page says and how it is listed.
    fn fields(&self, release: &Release, draft: bool) -> Value {
        let latest = tag::is_latest(&self.module, &self.version, self.seen.stable_tags());
        let mut fields = json!({
            "tag_name": self.tag,
            "name": title(&release.manifest().module),
            "body": Self::marker(release).body(release.notes()),
            "draft": draft,
            "prerelease": self.version.is_prerelease(),
            "make_latest": if latest { "true" } else { "false" },
        });
        if let Some(target) = &self.settings.target {
            fields["target_commitish"] = json!(target);
        }
        fields
    }

    /// Puts our notes below what somebody else wrote.
    async fn append_notes(
        &self,
        theirs: &ReleaseReply,
        release: &Release,
    ) -> Result<ReleaseReply, GitHubError> {
        if Marker::find(theirs.body()).is_some() {
            return Ok(theirs.clone());
        }
        let body = appended(theirs.body(), &title(&release.manifest().module), release.notes());
        limits::check_notes(&body)?;
        if body == theirs.body() {
            return Ok(theirs.clone());
        }
        self.site.change("add the notes", theirs.id, &json!({ "body": body })).await
    }

    /// What is in a release, with the digests of the files that the release to be made has.
    async fn stored(&self, id: u64, release: &Release) -> Result<Vec<Stored>, GitHubError> {
        let (assets, now) = self.site.assets(id).await?;
        self.site.remember(&assets, now);
        let mut stored = Vec::new();
        for asset in assets {
            let ours = release.assets().iter().find(|ours| ours.name == asset.name);
            let sha256 = match ours {
                // Of another size, or nobody's: there is no need to know more.
                Some(ours) if ours.digest.size != asset.size && asset.is_whole() => {
                    Some(asset.sha256().unwrap_or_else(|| Sha256::of(b"")))
                }
                None => asset.sha256(),
                Some(_) => self.site.digest_of(&asset).await?,
            };
            stored.push(Stored { name: asset.name, id: asset.id, sha256 });
        }
        let difference = Difference::between(release, &stored);
        self.site.client.reached(difference.right, release.assets().len());
        Ok(stored)
    }

    fn fill(&mut self, filled: ReleaseReply, kind: Kind, release: &Release) {
        let identity = release.identity();
        self.filling = Some(Filling { release: filled, kind, identity, new: false });
    }

    /// What is being filled; nothing is before [`Place::begin`].
    fn filling(&self) -> Result<&Filling, GitHubError> {
        let reason = || "no release was begun".to_owned();
        self.filling.as_ref().ok_or_else(|| GitHubError::Moved { reason: reason() })
    }

    /// The draft to fill: of those for these very bytes the one with the lowest number, which every
    /// run of them takes. A draft for other bytes belongs to its own run: which of the two becomes the
    /// release is decided by GitHub, which gives a tag to one.
    async fn our_draft(&mut self, release: &Release) -> Result<ReleaseReply, GitHubError> {
        let marker = Self::marker(release);
        if self.seen.draft_of(&marker).is_none() {
            let fields = self.fields(release, true);
            let tag = self.tag.clone();
            let is_it = |it: &ReleaseReply| {
                it.draft && it.tag_name == tag && Marker::find(it.body()).as_ref() == Some(&marker)
            };
            let made =
                self.site.create(&fields, is_it).await.map_err(|error| self.burned(error))?;
            self.made.push(made.id);
            // Should another run have made one as well, the look before publishing sees it.
            self.seen.add(made);
        }
        self.seen.drop_duplicates(&self.site, &marker, &self.made).await?;
        let gone = || GitHubError::Moved { reason: "the draft is gone".to_owned() };
        self.seen.draft_of(&marker).cloned().ok_or_else(gone)
    }

    fn burned(&self, error: GitHubError) -> GitHubError {
        match error {
            GitHubError::Answered { answer, .. }
                if answer.status == 422 && answer.says("immutable release") =>
            {
                GitHubError::BurnedTag { tag: self.tag.clone() }
            }
            other => other,
        }
    }

    /// What a refusal to publish means: the tag was another run's a moment sooner, or is burned.
    fn not_taken(&self, error: GitHubError) -> GitHubError {
        match error {
            GitHubError::Answered { answer, .. }
                if answer.status == 422 && answer.says("already_exists") =>
            {
                GitHubError::Moved { reason: format!("{} was published meanwhile", self.tag) }
            }
            other => self.burned(other),
        }
    }

    /// Looks once more before publishing: whether the draft is still the one, and still for these bytes.
    /// What was seen a moment ago is not looked at again.
    async fn is_still_ours(&mut self, id: u64, release: &Release) -> Result<(), GitHubError> {
        if !self.seen.is_fresh() {
            let guard = self.site.guard(id, release.identity());
            (self.seen, ()) = tokio::try_join!(Seen::look(&self.site, &self.tag), guard)?;
        }
        let moved = |reason: String| Err(GitHubError::Moved { reason });
        if let Some(other) = &self.seen.published {
            return moved(format!("{} was published meanwhile", other.html_url));
        }
        if let Some(lower) = self.seen.draft_of(&Self::marker(release)).filter(|it| it.id < id) {
            return moved(format!("an earlier draft is there: {}", lower.html_url));
        }
        Ok(())
    }

    async fn look(&mut self) -> Result<(), GitHubError> {
        self.seen = Seen::look(&self.site, &self.tag).await?;
        Ok(())
    }
}

/// Takes the repository's present name. Its default branch, and whether it was renamed.
fn enter(
    site: &mut Site,
    reply: RepositoryReply,
    events: &Events,
) -> Result<(String, bool), GitHubError> {
    let renamed = rename(site, &reply, events)?;
    if reply.archived {
        return Err(GitHubError::Archived { repository: reply.full_name });
    }
    if reply.permissions.and_then(|permissions| permissions.push) == Some(false) {
        let what = format!("publish releases of {}", reply.full_name);
        let message = "its user has no right to push there".to_owned();
        return Err(GitHubError::Forbidden { what, message });
    }
    Ok((reply.default_branch.unwrap_or_else(|| "the default branch".to_owned()), renamed))
}

/// Takes the repository's present name; whether it is another than was given.
fn rename(site: &mut Site, reply: &RepositoryReply, events: &Events) -> Result<bool, GitHubError> {
    let now: Repository = reply.full_name.parse()?;
    let renamed = !now.to_string().eq_ignore_ascii_case(&site.repository.to_string());
    if renamed {
        events.note(format!("{} is called {now} now", site.repository));
    }
    site.repository = now;
    Ok(renamed)
}

/// For how many small ones an asset counts.
fn share(asset: &Asset) -> u64 {
    asset.digest.size.div_ceil(SMALL).clamp(1, MOST_SHARES)
}

/// Whether our assets fit beside those that are there.
fn check_room<'a>(
    ours: impl Iterator<Item = &'a str>,
    there: &[AssetReply],
) -> Result<(), GitHubError> {
    let names: Vec<&str> = ours.collect();
    let others = there.iter().filter(|asset| !names.contains(&asset.name.as_str())).count();
    limits::check_count(names.len(), others)
}

/// The tag, and whether it is there.
async fn choose_tag(
    site: &Site,
    settings: &Settings,
    module: &str,
    version: &Version,
) -> Result<(String, bool), GitHubError> {
    let candidates = match &settings.tag {
        Some(tag) => vec![tag.clone()],
        None => crate::model::tag::spellings(module, version).to_vec(),
    };
    for tag in &candidates {
        if site.has_tag(tag).await? {
            return Ok((tag.clone(), true));
        }
    }
    let tag = candidates[0].clone();
    if settings.verify_tag {
        return Err(GitHubError::NoTag { repository: site.repository.to_string(), tag });
    }
    Ok((tag, false))
}

impl Place for GitHub {
    fn name(&self) -> String {
        format!("github:{}, release {}", self.site.repository, self.tag)
    }

    async fn published(&mut self, release: &Release) -> Result<Option<Vec<Stored>>, PublishError> {
        Self::check_limits(release)?;
        // What begins anew does so since something changed.
        if self.begun || !self.seen.is_fresh() {
            self.look().await?;
        }
        self.begun = true;
        match self.seen.published.clone() {
            Some(published) => {
                self.fill(published.clone(), Kind::Published, release);
                let stored = self.stored(published.id, release).await?;
                // Nothing can be published under the tag any more: no draft of ours is needed.
                self.seen.drop_drafts(&self.site).await?;
                Ok(Some(stored))
            }
            None => Ok(None),
        }
    }

    async fn begin(
        &mut self,
        release: &Release,
        published: Option<&Difference<'_>>,
    ) -> Result<(), PublishError> {
        let foreign = self.seen.foreign.first().cloned();
        let (theirs, kind) = match (self.seen.published.clone(), foreign) {
            (Some(theirs), _) => (theirs, Kind::Published),
            (None, Some(theirs)) if self.seen.ours.is_empty() => (theirs, Kind::ForeignDraft),
            _ => {
                let draft = self.our_draft(release).await?;
                let new = self.made.contains(&draft.id) && self.filled != Some(draft.id);
                self.fill(draft, Kind::Ours, release);
                if let Some(filling) = &mut self.filling {
                    filling.new = new;
                }
                return Ok(());
            }
        };
        if kind == Kind::ForeignDraft && !self.settings.into_existing {
            return Err(self.foreign_draft(&theirs).into());
        }
        if let Some(difference) = published {
            self.may_complete(&theirs, difference)?;
        }
        let (there, _) = self.site.assets(theirs.id).await?;
        check_room(release.assets().iter().map(|asset| asset.name.as_str()), &there)?;
        let theirs = self.append_notes(&theirs, release).await?;
        self.fill(theirs, kind, release);
        Ok(())
    }

    async fn contents(&mut self, release: &Release) -> Result<Vec<Stored>, PublishError> {
        let Filling { release: filled, kind, identity, new } = self.filling()?.clone();
        self.filled = Some(filled.id);
        if new {
            // Should another run be quicker, the uploads will tell.
            self.filling.iter_mut().for_each(|filling| filling.new = false);
            self.site.remember(&[], None);
            self.site.client.reached(0, release.assets().len());
            return Ok(Vec::new());
        }
        let stored = self.stored(filled.id, release);
        if kind != Kind::Ours || !filled.draft {
            return Ok(stored.await?);
        }
        let guard = self.site.guard(filled.id, identity);
        let (seen, (), stored) =
            tokio::try_join!(Seen::look(&self.site, &self.tag), guard, stored)?;
        self.seen = seen;
        Ok(stored)
    }

    fn is_ours_alone(&self) -> bool {
        self.filling.as_ref().is_some_and(|filling| filling.kind == Kind::Ours)
    }

    async fn remove(&mut self, stored: &Stored) -> Result<(), PublishError> {
        let Filling { release, kind, identity, .. } = self.filling()?;
        match kind {
            Kind::Ours => self.site.guard(release.id, *identity).await?,
            Kind::ForeignDraft => {}
            Kind::Published => {
                let (url, names) = (release.html_url.clone(), vec![stored.name.clone()]);
                return Err(GitHubError::Differs { url, names }.into());
            }
        }
        Ok(self.site.delete_asset(stored.id, &stored.name).await?)
    }

    async fn send(&mut self, missing: Vec<Missing<'_>>, _: &Events) -> Result<bool, PublishError> {
        let Filling { release, kind, identity, .. } = self.filling()?.clone();
        let uploader = Uploader { site: self.site.clone(), release, kind, identity };
        // The largest first, so that not one of them is left over at the end.
        let mut waiting = missing;
        waiting.sort_by_key(|missing| missing.asset.digest.size);
        let (mut running, mut room, mut vouched) = (JoinSet::new(), SIDE_BY_SIDE, true);
        loop {
            while let Some(next) =
                waiting.pop_if(|next| running.is_empty() || share(next.asset) <= room)
            {
                let (uploader, taken) = (uploader.clone(), share(next.asset));
                room = room.saturating_sub(taken);
                let asset = next.asset.clone();
                running.spawn(async move { (taken, uploader.send(asset, next.unfinished).await) });
            }
            match running.join_next().await {
                Some(Ok((taken, result))) => {
                    vouched &= result?;
                    room += taken;
                }
                Some(Err(error)) => {
                    return Err(GitHubError::Moved { reason: error.to_string() }.into());
                }
                None => return Ok(vouched),
            }
        }
    }

    async fn complete(&mut self, release: &Release) -> Result<(), PublishError> {
        let Filling { release: draft, kind, .. } = self.filling()?.clone();
        if kind != Kind::Ours {
            return Ok(());
        }
        self.is_still_ours(draft.id, release).await?;
        let fields = self.fields(release, false);
        self.site.publish(draft.id, &fields).await.map_err(|error| self.not_taken(error))?;
        self.seen.ours.retain(|other| other.id != draft.id);
        self.seen.published = Some(draft);
        Ok(self.seen.drop_drafts(&self.site).await?)
    }

    async fn read_back(&mut self, release: &Release) -> Result<Vec<Stored>, PublishError> {
        let Filling { release: filled, kind, .. } = self.filling()?.clone();
        if kind == Kind::ForeignDraft {
            return self.contents(release).await;
        }
        let stored = self.stored(filled.id, release);
        let (shown, stored) = tokio::try_join!(self.site.release_of(&self.tag), stored)?;
        if shown.id != filled.id {
            let (tag, url) = (self.tag.clone(), shown.html_url);
            return Err(GitHubError::OtherRelease { tag, url }.into());
        }
        self.fill(shown, kind, release);
        Ok(stored)
    }

    fn outcome(&self, release: &Release, unchanged: bool) -> Event {
        let (place, assets) = (self.name(), release.assets().len());
        match &self.filling {
            Some(Filling { release, kind: Kind::ForeignDraft, .. }) => Event::Note {
                message: format!(
                    "{} has all {assets} assets and is a draft still: publish it yourself",
                    release.html_url
                ),
            },
            Some(Filling { release, .. }) if !release.html_url.is_empty() => {
                Event::Published { place: release.html_url.clone(), unchanged, assets }
            }
            _ => Event::Published { place, unchanged, assets },
        }
    }
}
