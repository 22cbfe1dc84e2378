//! How far a release is, what publishing would do, and giving a draft up.

use super::{GitHub, GitHubError, tag};
use crate::model::event::Events;
use crate::publish::protocol::{Difference, Place as _};
use crate::publish::release::Release;

/// How far a release is.
#[derive(Clone, Debug)]
pub struct Status {
    /// In words.
    pub text: String,
    /// Whether it is published and complete.
    pub complete: bool,
}

impl GitHub {
    /// How far the release is. Nothing is changed.
    pub async fn status(&mut self, release: &Release) -> Result<Status, GitHubError> {
        let name = self.name();
        let ours = self.seen.draft_of(&Self::marker(release)).or(self.seen.ours.first());
        let (standing, kind) = match (&self.seen.published, ours) {
            (Some(published), _) => (published.clone(), "published"),
            (None, Some(draft)) => (draft.clone(), "a draft"),
            (None, None) => {
                let Some(draft) = self.seen.foreign.first() else {
                    let text = format!("{name}: no draft and no release\n");
                    return Ok(Status { text, complete: false });
                };
                (draft.clone(), "a draft that modfarm did not make")
            }
        };
        let stored = self.stored(standing.id, release).await?;
        let difference = Difference::between(release, &stored);
        let complete = self.seen.published.is_some() && difference.is_complete();
        let whole = if difference.is_complete() { "complete" } else { "incomplete" };
        let (right, of) = (difference.right, release.assets().len());
        let mut text = format!("{name}: {kind}, {whole}: {right} of {of} assets are right\n");
        for fault in difference.names() {
            text += &format!("  {fault}\n");
        }
        text += &self.others(standing.id);
        Ok(Status { text, complete })
    }

    fn others(&self, but: u64) -> String {
        let others = self.seen.ours.iter().filter(|draft| draft.id != but);
        others.fold(String::new(), |text, draft| {
            text + &format!("  another draft of modfarm's: {}\n", draft.html_url)
        })
    }

    /// What publishing would do. Nothing is changed.
    pub async fn rehearse(&mut self, release: &Release) -> Result<String, GitHubError> {
        self.check(release).await?;
        let standing = self
            .seen
            .published
            .as_ref()
            .or(self.seen.draft_of(&Self::marker(release)))
            .or(self.seen.foreign.first().filter(|_| self.seen.ours.is_empty()))
            .cloned();
        let stored = match &standing {
            Some(standing) => self.stored(standing.id, release).await?,
            None => Vec::new(),
        };
        let difference = Difference::between(release, &stored);
        let how = match &standing {
            Some(published) if !published.draft => {
                if difference.is_complete() {
                    return Ok(format!(
                        "Dry run: {} is this release already.\n",
                        published.html_url
                    ));
                }
                self.may_complete(published, &difference)?;
                "the published release would be added to"
            }
            Some(_) if !self.seen.ours.is_empty() => {
                "the draft that is there would be gone on with"
            }
            Some(_) => "the draft that is there would be filled and left a draft",
            None => "a draft would be made",
        };
        let latest = match tag::is_latest(&self.module, &self.version, self.seen.stable_tags()) {
            _ if self.version.is_prerelease() => "a prerelease",
            true => "the latest release",
            false => "a release that is not the latest",
        };
        let missing: u64 = difference.missing.iter().map(|missing| missing.asset.digest.size).sum();
        let wrong = difference.wrong.len();
        Ok(format!(
            "Dry run: to {}: {how}; {} of {} assets are there already, {} to send ({missing} bytes), \
             {wrong} to replace; it would be {latest}. Nothing was sent.\n",
            self.name(),
            difference.right,
            release.assets().len(),
            difference.missing.len(),
        ))
    }

    /// Removes the drafts that modfarm made for this tag. `false` where there are none.
    pub async fn abandon(&mut self, events: &Events) -> Result<bool, GitHubError> {
        for draft in &self.seen.ours {
            // It may have been published since it was listed.
            match self.site.release(draft.id).await? {
                Some(now) if now.draft => self.site.delete_draft(&now).await?,
                _ => continue,
            }
            events.note(format!("{} was a draft of modfarm's and is removed", draft.html_url));
        }
        Ok(!self.seen.ours.is_empty())
    }
}
