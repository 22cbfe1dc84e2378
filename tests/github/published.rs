//! Whether a release is what it should be, and ever was.

use std::collections::BTreeMap;

use super::model::{AssetState, Release, Repository};
use super::{REPOSITORY, StandIn};

impl StandIn {
    /// Panics unless [`REPOSITORY`] has exactly one release of this tag: published, with exactly these
    /// assets (name, `sha256:…`), and never seen otherwise by the public; and no draft at all.
    #[track_caller]
    pub(crate) fn assert_published<N: AsRef<str>, D: AsRef<str>>(
        &self,
        tag: &str,
        assets: &[(N, D)],
    ) {
        if let Err(wrong) = self.published(tag, assets) {
            let log: Vec<String> = self.log().iter().map(super::Logged::line).collect();
            panic!("{REPOSITORY}, {tag}: {wrong}\n{}", log.join("\n"));
        }
    }

    /// The same, with what is wrong as an error.
    pub(crate) fn published<N: AsRef<str>, D: AsRef<str>>(
        &self,
        tag: &str,
        assets: &[(N, D)],
    ) -> Result<(), String> {
        let expected = assets.iter().map(|(name, digest)| {
            (name.as_ref().to_owned(), digest.as_ref().trim_start_matches("sha256:").to_owned())
        });
        check(&self.repository(), tag, &expected.collect())
    }
}

fn check(
    repository: &Repository,
    tag: &str,
    expected: &BTreeMap<String, String>,
) -> Result<(), String> {
    let all: Vec<&Release> = repository.releases.values().collect();
    let of_tag: Vec<&&Release> = all.iter().filter(|release| release.tag == tag).collect();
    let [release] = of_tag.as_slice() else {
        return Err(format!("{} releases and drafts have this tag", of_tag.len()));
    };
    if let Some(draft) = all.iter().find(|release| release.draft) {
        return Err(format!("a draft is left: {} of tag {}", draft.id, draft.tag));
    }
    if !repository.tags.contains_key(tag) {
        return Err("the tag is missing".to_owned());
    }
    whole(release, expected)?;
    for (number, moment) in repository.moments.iter().enumerate() {
        for release in moment.iter().filter(|release| release.tag == tag) {
            whole(release, expected).map_err(|wrong| {
                format!("at change {number} the public saw an unfinished release: {wrong}")
            })?;
        }
    }
    Ok(())
}

/// Whether a release has exactly these assets, all of them whole.
fn whole(release: &Release, expected: &BTreeMap<String, String>) -> Result<(), String> {
    for asset in &release.assets {
        let Some(digest) = expected.get(&asset.name) else {
            return Err(format!("{} should not be there", asset.name));
        };
        if asset.state != AssetState::Uploaded {
            return Err(format!("{} is {:?}", asset.name, asset.state));
        }
        if asset.true_digest.trim_start_matches("sha256:") != digest {
            return Err(format!("{} is {}, not {digest}", asset.name, asset.true_digest));
        }
    }
    let there = |name: &&String| !release.assets.iter().any(|asset| asset.name == **name);
    match expected.keys().find(there) {
        Some(missing) => Err(format!("{missing} is missing")),
        None => Ok(()),
    }
}
