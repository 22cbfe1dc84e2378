//! GitHub as plain data: repositories, tags, releases, assets, tokens, and what may be done to them.
//! Nothing here knows of HTTP; `answers.rs` shows it as JSON, `refusal.rs` says how GitHub says no.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use bytes::Bytes;
use serde::Serialize;

use super::TOKEN_MARK;
use super::actions::{Details, Run, Script, Workflow};
use super::names::as_github_names;
use super::refusal::Refusal;

/// The most assets of a release, and the size that an asset must stay below.
pub(crate) const MOST_ASSETS: usize = 1000;
pub(crate) const TOO_LARGE: u64 = 2 << 30;
/// The most characters of a release's notes.
pub(crate) const MOST_NOTES: usize = 125_000;

/// All of GitHub.
#[derive(Debug, Default)]
pub(crate) struct World {
    pub(crate) repositories: BTreeMap<String, Repository>,
    pub(crate) tokens: BTreeMap<String, Token>,
    /// Seconds that GitHub's clock is ahead of ours.
    pub(crate) skew: i64,
    last_id: u64,
}

/// Who asks.
#[derive(Clone, Debug)]
pub(crate) struct Token {
    pub(crate) login: String,
    pub(crate) permission: Permission,
    /// An installation's token, as a workflow has: it may not ask who it is.
    pub(crate) installation: bool,
}

/// What a token may do with every repository.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Permission {
    None,
    Read,
    Push,
}

/// A repository.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Repository {
    pub(crate) id: u64,
    pub(crate) private: bool,
    pub(crate) archived: bool,
    /// Whether releases become immutable when they are published.
    pub(crate) immutable_releases: bool,
    /// Tags and the commits they name.
    pub(crate) tags: BTreeMap<String, String>,
    /// Tags that an immutable release had, and that no release can have again.
    pub(crate) burned: BTreeSet<String>,
    pub(crate) releases: BTreeMap<u64, Release>,
    /// Workflows by their files.
    pub(crate) workflows: BTreeMap<String, Workflow>,
    pub(crate) runs: BTreeMap<u64, Run>,
    /// How the next runs go.
    pub(crate) scripts: VecDeque<Script>,
    /// What is said of a run that was started.
    pub(crate) details: Details,
    /// Everything that the public could see, after each change.
    #[serde(skip)]
    pub(crate) moments: Vec<Vec<Release>>,
}

/// A release, or the draft of one.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Release {
    pub(crate) id: u64,
    pub(crate) tag: String,
    pub(crate) target: String,
    pub(crate) name: Option<String>,
    pub(crate) body: Option<String>,
    pub(crate) draft: bool,
    pub(crate) prerelease: bool,
    pub(crate) immutable: bool,
    /// Whether it asked to be the latest one, and when it last did.
    pub(crate) latest: u64,
    pub(crate) author: String,
    pub(crate) created: i64,
    pub(crate) published: Option<i64>,
    pub(crate) assets: Vec<Asset>,
    /// How many more lists of releases it is missing from.
    pub(crate) unlisted: u32,
}

/// A file of a release.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Asset {
    pub(crate) id: u64,
    pub(crate) name: String,
    pub(crate) label: Option<String>,
    pub(crate) content_type: String,
    pub(crate) state: AssetState,
    pub(crate) size: u64,
    /// What GitHub says the digest is.
    pub(crate) digest: Option<String>,
    /// What it is.
    pub(crate) true_digest: String,
    pub(crate) downloads: u64,
    pub(crate) uploader: String,
    pub(crate) created: i64,
    /// The bytes, unless they were too many to keep.
    #[serde(skip)]
    pub(crate) bytes: Option<Bytes>,
}

/// Whether an asset's bytes came.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum AssetState {
    #[default]
    Starter,
    Uploaded,
}

/// What is asked to become of a release. `None` leaves a field as it is.
#[derive(Clone, Debug, Default, serde::Deserialize)]
pub(crate) struct ReleaseFields {
    pub(crate) tag_name: Option<String>,
    pub(crate) target_commitish: Option<String>,
    pub(crate) name: Option<String>,
    pub(crate) body: Option<String>,
    pub(crate) draft: Option<bool>,
    pub(crate) prerelease: Option<bool>,
    pub(crate) make_latest: Option<String>,
}

/// What was uploaded.
#[derive(Clone, Debug, Default)]
pub(crate) struct Upload {
    pub(crate) name: String,
    pub(crate) label: Option<String>,
    pub(crate) content_type: String,
    pub(crate) size: u64,
    pub(crate) digest: String,
    pub(crate) bytes: Option<Bytes>,
}

impl World {
    /// Makes a repository with a tag for each name.
    pub(crate) fn add_repository(&mut self, name: &str, tags: &[&str]) {
        let id = self.next_id();
        let tags = tags.iter().map(|tag| ((*tag).to_owned(), commit_of(tag))).collect();
        let repository = Repository { id, tags, ..Repository::default() };
        self.repositories.insert(name.to_owned(), repository);
    }

    /// Makes a token. Its text can be told from any other.
    pub(crate) fn add_token(&mut self, permission: Permission, installation: bool) -> String {
        let kind = if installation { "ghs" } else { "ghp" };
        let random: String = std::iter::repeat_with(fastrand::alphanumeric).take(21).collect();
        let text = format!("{kind}_{TOKEN_MARK}{random}");
        let login = if installation { "github-actions[bot]" } else { "grey-owl" };
        let token = Token { login: login.to_owned(), permission, installation };
        self.tokens.insert(text.clone(), token);
        text
    }

    /// A repository that a test asks about.
    #[track_caller]
    pub(crate) fn repository(&mut self, name: &str) -> &mut Repository {
        self.repositories.get_mut(name).unwrap_or_else(|| panic!("no repository {name}"))
    }

    /// The time that GitHub says it is, in seconds.
    pub(crate) fn now(&self) -> i64 {
        jiff::Timestamp::now().as_second() + self.skew
    }

    /// The repository of a request, if its token may see it.
    pub(crate) fn seen(
        &mut self,
        name: &str,
        token: Option<&Token>,
    ) -> Result<&mut Repository, Refusal> {
        let permission = token.map_or(Permission::None, |token| token.permission);
        let name = self.repositories.keys().find(|known| known.eq_ignore_ascii_case(name)).cloned();
        let repository = name.and_then(|name| self.repositories.get_mut(&name));
        repository
            .filter(|repository| !repository.private || permission >= Permission::Read)
            .ok_or_else(Refusal::not_found)
    }

    /// The repository of a request that changes something.
    pub(crate) fn changed(
        &mut self,
        name: &str,
        token: Option<&Token>,
    ) -> Result<&mut Repository, Refusal> {
        let repository = self.seen(name, token)?;
        match token {
            None => Err(Refusal::requires_authentication()),
            Some(token) if token.permission < Permission::Push => {
                Err(Refusal::not_accessible(token))
            }
            Some(_) if repository.archived => Err(Refusal::archived()),
            Some(_) => Ok(repository),
        }
    }

    /// Makes a release or a draft.
    pub(crate) fn create_release(
        &mut self,
        name: &str,
        token: Option<&Token>,
        fields: ReleaseFields,
        unlisted: u32,
    ) -> Result<Release, Refusal> {
        let (id, now) = (self.next_id(), self.now());
        let repository = self.changed(name, token)?;
        let Some(tag) = fields.tag_name.clone().filter(|tag| !tag.is_empty()) else {
            return Err(Refusal::invalid("Release", "missing_field", "tag_name"));
        };
        let mut release = Release {
            id,
            tag,
            target: "main".to_owned(),
            draft: true,
            author: token.map(|token| token.login.clone()).unwrap_or_default(),
            created: now,
            unlisted,
            ..Release::default()
        };
        // Only what is not asked to be a draft is published.
        let draft = Some(fields.draft.unwrap_or(false));
        repository.apply(&mut release, &ReleaseFields { draft, ..fields }, now)?;
        repository.releases.insert(id, release.clone());
        repository.remember();
        Ok(release)
    }

    /// Changes a release, and publishes it if that is asked.
    pub(crate) fn update_release(
        &mut self,
        name: &str,
        token: Option<&Token>,
        id: u64,
        fields: &ReleaseFields,
    ) -> Result<Release, Refusal> {
        let now = self.now();
        let repository = self.changed(name, token)?;
        let mut release = repository.releases.get(&id).cloned().ok_or_else(Refusal::not_found)?;
        repository.apply(&mut release, fields, now)?;
        repository.releases.insert(id, release.clone());
        repository.remember();
        Ok(release)
    }

    /// Takes a release away. Its tag stays.
    pub(crate) fn delete_release(
        &mut self,
        name: &str,
        token: Option<&Token>,
        id: u64,
    ) -> Result<(), Refusal> {
        let repository = self.changed(name, token)?;
        let release = repository.releases.remove(&id).ok_or_else(Refusal::not_found)?;
        if release.immutable {
            repository.burned.insert(release.tag);
        }
        repository.remember();
        Ok(())
    }

    /// Says whether an upload would be taken, before its bytes are looked at.
    pub(crate) fn may_upload(
        &mut self,
        repository: &str,
        token: Option<&Token>,
        release: u64,
        name: &str,
        size: u64,
    ) -> Result<(), Refusal> {
        let repository = self.changed(repository, token)?;
        let release = repository.releases.get(&release).ok_or_else(Refusal::not_found)?;
        if release.immutable {
            return Err(Refusal::immutable("Cannot upload assets to an immutable release."));
        }
        if name.is_empty() {
            return Err(Refusal::invalid("ReleaseAsset", "missing_field", "name"));
        }
        if size == 0 {
            return Err(Refusal::said(
                "ReleaseAsset",
                "size",
                "size must be greater than or equal to 1",
            ));
        }
        if size >= TOO_LARGE {
            return Err(Refusal::said("ReleaseAsset", "size", "size must be less than 2147483648"));
        }
        if release.assets.len() >= MOST_ASSETS {
            let text = "file_count limited to 1000 assets per release";
            return Err(Refusal::said("ReleaseAsset", "file_count", text));
        }
        let name = as_github_names(name);
        if release.assets.iter().any(|asset| asset.name == name) {
            return Err(Refusal::invalid("ReleaseAsset", "already_exists", "name"));
        }
        Ok(())
    }

    /// Adds an asset; what `state` says is what became of its bytes.
    pub(crate) fn upload(
        &mut self,
        repository: &str,
        token: Option<&Token>,
        release: u64,
        upload: Upload,
        state: AssetState,
    ) -> Result<Asset, Refusal> {
        self.may_upload(repository, token, release, &upload.name, upload.size)?;
        let (id, created) = (self.next_id(), self.now());
        let whole = state == AssetState::Uploaded;
        let asset = Asset {
            id,
            name: as_github_names(&upload.name),
            label: upload.label,
            content_type: upload.content_type,
            state,
            size: if whole { upload.size } else { 0 },
            digest: whole.then(|| upload.digest.clone()),
            true_digest: if whole { upload.digest } else { String::new() },
            downloads: 0,
            uploader: token.map(|token| token.login.clone()).unwrap_or_default(),
            created,
            bytes: upload.bytes,
        };
        let repository = self.changed(repository, token)?;
        let release = repository.releases.get_mut(&release).ok_or_else(Refusal::not_found)?;
        release.assets.push(asset.clone());
        repository.remember();
        Ok(asset)
    }

    /// Changes an asset's name and label.
    pub(crate) fn update_asset(
        &mut self,
        repository: &str,
        token: Option<&Token>,
        id: u64,
        name: Option<&str>,
        label: Option<&str>,
    ) -> Result<Asset, Refusal> {
        let repository = self.changed(repository, token)?;
        let release = repository.release_of(id)?;
        if release.immutable {
            return Err(Refusal::immutable("Cannot update assets of an immutable release."));
        }
        let name = name.map(as_github_names);
        if release.assets.iter().any(|other| other.id != id && Some(&other.name) == name.as_ref()) {
            return Err(Refusal::invalid("ReleaseAsset", "already_exists", "name"));
        }
        let asset = release.assets.iter_mut().find(|asset| asset.id == id);
        let asset = asset.ok_or_else(Refusal::not_found)?;
        asset.name = name.unwrap_or_else(|| asset.name.clone());
        asset.label = label.map(str::to_owned).or_else(|| asset.label.clone());
        let asset = asset.clone();
        repository.remember();
        Ok(asset)
    }

    /// Takes an asset away.
    pub(crate) fn delete_asset(
        &mut self,
        repository: &str,
        token: Option<&Token>,
        id: u64,
    ) -> Result<(), Refusal> {
        let repository = self.changed(repository, token)?;
        let release = repository.release_of(id)?;
        if release.immutable {
            return Err(Refusal::immutable("Cannot delete assets from an immutable release."));
        }
        release.assets.retain(|asset| asset.id != id);
        repository.remember();
        Ok(())
    }

    pub(crate) fn next_id(&mut self) -> u64 {
        self.last_id += 1;
        1_000 + self.last_id
    }

    /// Leaves some numbers out, and gives the one before them.
    pub(crate) fn skip_ids(&mut self, count: u64) -> u64 {
        let before = 1_000 + self.last_id;
        self.last_id += count;
        before
    }
}

impl Repository {
    /// The releases that this asker sees in a list, newest first. Each list brings what is not listed
    /// yet a step nearer.
    pub(crate) fn listed(&mut self, drafts: bool) -> Vec<Release> {
        let mut listed = Vec::new();
        for release in self.releases.values_mut().rev() {
            if release.unlisted > 0 {
                release.unlisted -= 1;
            } else if drafts || !release.draft {
                listed.push(release.clone());
            }
        }
        listed
    }

    /// The published release of a tag. A draft is never found so.
    pub(crate) fn by_tag(&self, tag: &str) -> Option<&Release> {
        self.releases.values().find(|release| !release.draft && release.tag == tag)
    }

    /// The release that is shown as the latest.
    pub(crate) fn latest(&self) -> Option<&Release> {
        let published =
            self.releases.values().filter(|release| !release.draft && !release.prerelease);
        published.max_by_key(|release| (release.latest, release.created, release.id))
    }

    /// The release that has an asset.
    pub(crate) fn release_of(&mut self, asset: u64) -> Result<&mut Release, Refusal> {
        let mut releases = self.releases.values_mut();
        releases
            .find(|release| release.assets.iter().any(|other| other.id == asset))
            .ok_or_else(Refusal::not_found)
    }

    /// Gives a release these fields, if GitHub would; nothing is changed otherwise.
    fn apply(
        &mut self,
        release: &mut Release,
        fields: &ReleaseFields,
        now: i64,
    ) -> Result<(), Refusal> {
        if let Some(tag) = &fields.tag_name
            && release.immutable
            && *tag != release.tag
        {
            return Err(Refusal::immutable("Cannot change the tag of an immutable release."));
        }
        if fields.body.as_ref().is_some_and(|body| body.chars().count() > MOST_NOTES) {
            let text = "body is too long (maximum is 125000 characters)";
            return Err(Refusal::said("Release", "body", text));
        }
        let set = |to: &mut String, from: &Option<String>| {
            if let Some(from) = from {
                to.clone_from(from);
            }
        };
        set(&mut release.tag, &fields.tag_name);
        set(&mut release.target, &fields.target_commitish);
        release.name = fields.name.clone().or(release.name.take());
        release.body = fields.body.clone().or(release.body.take());
        release.prerelease = fields.prerelease.unwrap_or(release.prerelease);
        let publish = release.draft && fields.draft == Some(false);
        if publish {
            self.publish(release, now)?;
        } else if fields.draft == Some(true) && !release.draft {
            if release.immutable {
                return Err(Refusal::immutable("Cannot make a draft of an immutable release."));
            }
            release.draft = true;
        }
        let asked = fields.make_latest.as_deref();
        if !release.draft && asked.map_or(publish, |asked| asked == "true") {
            release.latest =
                1 + self.releases.values().map(|other| other.latest).max().unwrap_or(0);
        }
        if asked == Some("false") {
            release.latest = 0;
        }
        Ok(())
    }

    /// Makes a draft public, with its tag.
    fn publish(&mut self, release: &mut Release, now: i64) -> Result<(), Refusal> {
        if self.by_tag(&release.tag).is_some_and(|other| other.id != release.id) {
            return Err(Refusal::invalid("Release", "already_exists", "tag_name"));
        }
        if self.burned.contains(&release.tag) {
            let text = "tag_name was used by an immutable release";
            return Err(Refusal::said("Release", "tag_name", text));
        }
        if !self.tags.contains_key(&release.tag) {
            let target = release.target.as_str();
            let commit = target.len() == 40 && target.bytes().all(|byte| byte.is_ascii_hexdigit());
            if target != "main" && !commit && !self.tags.contains_key(target) {
                return Err(Refusal::invalid("Release", "invalid", "target_commitish"));
            }
            let commit = if commit { target.to_owned() } else { commit_of(target) };
            self.tags.insert(release.tag.clone(), commit);
        }
        release.draft = false;
        release.published.get_or_insert(now);
        release.immutable = self.immutable_releases;
        Ok(())
    }

    /// Notes what the public sees now.
    fn remember(&mut self) {
        let public = self.releases.values().filter(|release| !release.draft);
        let public: Vec<Release> = public.map(Release::without_bytes).collect();
        if !public.is_empty() || !self.moments.is_empty() {
            self.moments.push(public);
        }
    }
}

impl Release {
    fn without_bytes(&self) -> Self {
        let assets =
            self.assets.iter().map(|asset| Asset { bytes: None, ..asset.clone() }).collect();
        Self { assets, body: None, ..self.clone() }
    }
}

/// A commit for a name: any will do, as long as it stays the same.
pub(crate) fn commit_of(name: &str) -> String {
    let digest = modfarm::model::digest::Sha256::of(name.as_bytes()).to_string();
    digest.trim_start_matches("sha256:")[..40].to_owned()
}
