//! A release on GitHub: of a tag, or the one of the greatest version that has a manifest. The token, if
//! there is one, goes to the API and not to where that sends a download.

use std::collections::BTreeMap;

use camino::Utf8PathBuf;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use url::Url;

use super::transfer::Transfer;
use super::{Found, Obtained, Place, SourceError, Terms, of_version, version_in};
use crate::model::event::Events;
use crate::model::manifest::{ArchiveRecord, FILE_END, LONGEST};
use crate::sys::github::address::{Api, Repository};
use crate::sys::web::{BYTES, Web, WebError};

/// The release.
#[derive(Debug)]
pub(super) struct GitHub {
    transfer: Transfer,
    api: Api,
    repository: Repository,
    /// Its files by their names.
    assets: BTreeMap<String, AssetReply>,
}

/// What is read of GitHub's answers.
#[derive(Clone, Debug, Deserialize)]
struct ReleaseReply {
    tag_name: String,
    draft: bool,
    prerelease: bool,
    assets: Vec<AssetReply>,
}

#[derive(Clone, Debug, Deserialize)]
struct AssetReply {
    id: u64,
    name: String,
    state: String,
    browser_download_url: String,
}

const JSON: &str = "application/vnd.github+json";

/// So many releases are on a page of their list, and so many pages are looked at.
const PER_PAGE: usize = 100;
const MOST_PAGES: usize = 10;

/// The release of a tag, or the latest one that has a manifest, of the version that is asked for.
pub(super) fn find(
    repository: &Repository,
    tag: Option<&str>,
    terms: &Terms,
) -> Result<Found, SourceError> {
    let token = terms.token.clone().map(|token| (terms.api.clone(), token));
    let web = Web::new(terms.api.is_encrypted(), token, terms.stop.clone());
    let asker = Asker { web: &web, api: &terms.api, repository };
    let release = match tag {
        Some(tag) => asker.of_tag(tag)?,
        None => asker.latest(terms)?,
    };
    let name = format!("github:{repository}, release {}", release.tag_name);
    let manifest = release.manifest(&name, terms)?.clone();
    let bytes = web.read(&asker.url_of(&manifest), BYTES, LONGEST)?;
    let assets = release.whole().map(|asset| (asset.name.clone(), asset.clone())).collect();
    let transfer = Transfer { web, cache: terms.cache.clone(), stop: terms.stop.clone() };
    let (api, repository) = (terms.api.clone(), repository.clone());
    let place = Place::GitHub(GitHub { transfer, api, repository, assets });
    let path = Utf8PathBuf::from(manifest.browser_download_url);
    Ok(Found { name, path, bytes, place })
}

/// One who asks of one repository.
struct Asker<'a> {
    web: &'a Web,
    api: &'a Api,
    repository: &'a Repository,
}

impl Asker<'_> {
    fn of_tag(&self, tag: &str) -> Result<ReleaseReply, SourceError> {
        let url = self.below(&["releases", "tags", tag]);
        self.ask(&url).map_err(|error| match error {
            SourceError::Web(WebError::Refused { status: 404, .. }) => SourceError::NoManifest {
                place: format!("github:{}", self.repository),
                of: format!(": it has no release {tag}"),
                hint: "without @TAG the latest one is taken; what is private needs GH_TOKEN"
                    .to_owned(),
            },
            other => other,
        })
    }

    fn latest(&self, terms: &Terms) -> Result<ReleaseReply, SourceError> {
        let wanted = |release: &ReleaseReply| match (&terms.version, release.version()) {
            (Some(wanted), found) => found.as_ref() == Some(wanted),
            (None, _) => release.is_stable() && release.manifests().next().is_some(),
        };
        let releases =
            self.releases()?.into_iter().filter(|release| !release.draft && wanted(release));
        // Of those whose names say no version the list has the latest first.
        let latest = releases.rev().max_by(|one, other| one.version().cmp(&other.version()));
        latest.ok_or_else(|| SourceError::NoManifest {
            place: format!("github:{}", self.repository),
            of: format!("{} in any of its releases", of_version(terms)),
            hint: "these are not the releases of modfarm: is it the right repository? A candidate is named by its tag, @TAG".to_owned(),
        })
    }

    fn releases(&self) -> Result<Vec<ReleaseReply>, SourceError> {
        let mut releases = Vec::new();
        for page in 1..=MOST_PAGES {
            let mut url = self.below(&["releases"]);
            url.set_query(Some(&format!("per_page={PER_PAGE}&page={page}")));
            let more: Vec<ReleaseReply> = self.ask(&url)?;
            let is_last = more.len() < PER_PAGE;
            releases.extend(more);
            if is_last {
                break;
            }
        }
        Ok(releases)
    }

    fn ask<T: DeserializeOwned>(&self, url: &Url) -> Result<T, SourceError> {
        let bytes = self.web.read(url, JSON, LONGEST)?;
        if super::is_page(&bytes) {
            return Err(SourceError::Page { path: url.to_string() });
        }
        serde_json::from_slice(&bytes).map_err(|error| SourceError::Answer {
            place: self.api.to_string(),
            reason: error.to_string(),
        })
    }

    fn below(&self, segments: &[&str]) -> Url {
        let Repository { owner, name } = self.repository;
        self.api.url(["repos", owner, name].into_iter().chain(segments.iter().copied()))
    }

    /// Who has no token takes the link of the page, which does not count against the API's limit.
    fn url_of(&self, asset: &AssetReply) -> Url {
        let link = Url::parse(&asset.browser_download_url).ok();
        let link = link.filter(|url| !self.web.has_token() && self.api.may_lead_to(url));
        link.unwrap_or_else(|| self.below(&["releases", "assets", &asset.id.to_string()]))
    }
}

impl ReleaseReply {
    fn whole(&self) -> impl Iterator<Item = &AssetReply> {
        self.assets.iter().filter(|asset| asset.state == "uploaded")
    }

    fn manifests(&self) -> impl Iterator<Item = &AssetReply> {
        self.whole().filter(|asset| asset.name.ends_with(FILE_END))
    }

    fn version(&self) -> Option<crate::model::version::Version> {
        self.manifests().filter_map(|asset| version_in(&asset.name)).max()
    }

    fn is_stable(&self) -> bool {
        !self.prerelease && self.version().is_none_or(|version| !version.is_prerelease())
    }

    fn manifest(&self, name: &str, terms: &Terms) -> Result<&AssetReply, SourceError> {
        let wanted = |asset: &&AssetReply| {
            terms.version.is_none() || version_in(&asset.name) == terms.version
        };
        let found: Vec<&AssetReply> = self.manifests().filter(wanted).collect();
        match found.as_slice() {
            [] => Err(SourceError::NoManifest {
                place: name.to_owned(),
                of: of_version(terms),
                hint: "it was not made by modfarm, or is not complete; take another release"
                    .to_owned(),
            }),
            [manifest] => Ok(manifest),
            several => Err(SourceError::Several {
                place: name.to_owned(),
                names: several.iter().map(|asset| asset.name.clone()).collect(),
            }),
        }
    }
}

impl GitHub {
    fn asker(&self) -> Asker<'_> {
        Asker { web: &self.transfer.web, api: &self.api, repository: &self.repository }
    }

    /// A small file of it, if it is there.
    pub(super) fn small(&self, name: &str) -> Result<Option<Vec<u8>>, SourceError> {
        match self.assets.get(name) {
            Some(asset) => self.transfer.small(&self.asker().url_of(asset)),
            None => Ok(None),
        }
    }

    /// Brings a file of it here.
    pub(super) fn obtain(
        &self,
        place: &str,
        wanted: &ArchiveRecord,
        events: &Events,
    ) -> Result<Obtained, SourceError> {
        let missing =
            || SourceError::Missing { place: place.to_owned(), name: wanted.name.clone() };
        let asset = self.assets.get(&wanted.name).ok_or_else(missing)?;
        self.transfer.bring(place, &self.asker().url_of(asset), wanted, events)
    }
}
