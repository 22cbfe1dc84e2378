//! The releases of a repository that have our tag: published, our drafts, others' drafts.

use std::time::{Duration, Instant};

use super::GitHubError;
use super::body::Marker;
use super::site::Site;
use super::wire::ReleaseReply;

/// What was seen a moment ago need not be looked at again: GitHub's own list is no younger.
const MOMENT: Duration = Duration::from_secs(1);

/// What was seen.
#[derive(Clone, Debug)]
pub(super) struct Seen {
    at: Instant,
    /// The published release of the tag.
    pub(super) published: Option<ReleaseReply>,
    /// Drafts of the tag that modfarm made, the lowest number first.
    pub(super) ours: Vec<ReleaseReply>,
    /// Drafts of the tag that somebody else made.
    pub(super) foreign: Vec<ReleaseReply>,
    stable: Vec<String>,
}

impl Seen {
    /// Looks at all releases: none but the list has drafts.
    pub(super) async fn look(site: &Site, tag: &str) -> Result<Self, GitHubError> {
        Ok(Self::among(site.releases().await?, tag))
    }

    /// What there is of a tag among all releases, listed just now.
    pub(super) fn among(releases: Vec<ReleaseReply>, tag: &str) -> Self {
        let (at, stable) = (Instant::now(), Vec::new());
        let mut seen = Self { at, published: None, ours: Vec::new(), foreign: Vec::new(), stable };
        for release in releases {
            if !release.draft && !release.prerelease {
                seen.stable.push(release.tag_name.clone());
            }
            if release.tag_name == tag {
                seen.add(release);
            }
        }
        seen
    }

    /// Whether it was a moment ago.
    pub(super) fn is_fresh(&self) -> bool {
        self.at.elapsed() < MOMENT
    }

    /// Adds a release of the tag; one that was seen already is no other.
    pub(super) fn add(&mut self, release: ReleaseReply) {
        if !release.draft {
            self.published.get_or_insert(release);
            return;
        }
        let ours = Marker::find(release.body()).is_some();
        let drafts = if ours { &mut self.ours } else { &mut self.foreign };
        if !drafts.iter().any(|known| known.id == release.id) {
            drafts.push(release);
            drafts.sort_by_key(|draft| draft.id);
        }
    }

    /// The tags of the published stable releases.
    pub(super) fn stable_tags(&self) -> impl Iterator<Item = &str> {
        self.stable.iter().map(String::as_str)
    }

    /// The first draft for the bytes of a release.
    pub(super) fn draft_of(&self, marker: &Marker) -> Option<&ReleaseReply> {
        self.ours.iter().find(|draft| Marker::find(draft.body()).as_ref() == Some(marker))
    }

    /// Removes the drafts for the same bytes but the first, where they are empty or this run made them.
    /// Others are named.
    pub(super) async fn drop_duplicates(
        &mut self,
        site: &Site,
        marker: &Marker,
        made: &[u64],
    ) -> Result<(), GitHubError> {
        let kept = self.draft_of(marker).map(|draft| draft.id);
        for draft in self.ours.iter().filter(|draft| Some(draft.id) != kept) {
            if Marker::find(draft.body()).as_ref() != Some(marker) {
                site.client.events().note(format!(
                    "{} is a draft of another build; it goes when this one is published",
                    draft.html_url
                ));
                continue;
            }
            let empty = match site.assets(draft.id).await {
                Ok((assets, _)) => assets.is_empty(),
                // Another run has removed it.
                Err(GitHubError::Moved { .. }) => continue,
                Err(error) => return Err(error),
            };
            if empty || made.contains(&draft.id) {
                site.delete_draft(draft).await?;
            } else {
                site.client.events().warn(
                    format!("{} is a second draft of modfarm's, and not empty", draft.html_url),
                    Some("`modfarm publish --abandon` removes drafts of modfarm's".to_owned()),
                );
            }
        }
        Ok(())
    }

    /// Removes all our drafts of a tag that is published: only now can none of them become a release
    /// between a look and the removal.
    pub(super) async fn drop_drafts(&mut self, site: &Site) -> Result<(), GitHubError> {
        for draft in self.ours.drain(..) {
            site.delete_draft(&draft).await?;
        }
        Ok(())
    }
}
