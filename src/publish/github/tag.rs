//! Tags as git and GitHub take them, and what follows from the version: the latest or not.

use crate::model::tag;
use crate::model::version::Version;

/// Whether a release is to be the latest: a stable one, where no published stable release in the
/// repository is of a greater version.
#[must_use]
pub fn is_latest<'a>(
    module: &str,
    ours: &Version,
    mut stable: impl Iterator<Item = &'a str>,
) -> bool {
    !ours.is_prerelease()
        && !stable.any(|tag| {
            tag::version(module, tag).is_some_and(|other| !other.is_prerelease() && other > *ours)
        })
}

/// What git does not take as the name of a tag.
#[must_use]
pub fn is_usable(tag: &str) -> bool {
    let part_is_good = |part: &str| {
        !part.is_empty() && !part.starts_with('.') && !part.to_lowercase().ends_with(".lock")
    };
    let bad = |c: char| c.is_control() || c.is_whitespace() || "~^:?*[\\".contains(c);
    !tag.contains(bad)
        && !tag.contains("..")
        && !tag.contains("@{")
        && !tag.starts_with('-')
        && !tag.ends_with('.')
        && tag != "@"
        && tag.split('/').all(part_is_good)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_become_flags() {
        let latest = |ours: &str, tags: &[&str]| {
            is_latest("mod_wsgi", &ours.parse().unwrap(), tags.iter().copied())
        };
        assert!(latest("6.1.1", &[]));
        assert!(latest("6.1.1", &["5.0.2", "mod_wsgi-6.1.0", "v6.0.0", "nonsense", "6.1.1"]));
        assert!(!latest("5.0.2", &["mod_wsgi-6.1.0"]));
        assert!(!latest("5.0.2", &["v6"]));
        assert!(latest("6.1.1", &["mod_wsgi-6.2.0.rc1"]));
        for early in ["6.2.0.rc1", "6.2.0.dev1", "6.2.0a1", "6.2.0b2"] {
            assert!(!latest(early, &[]), "{early}");
        }
    }

    #[test]
    fn tags_are_names_that_git_takes() {
        for good in ["mod_wsgi-6.1.1", "6.1.1", "a/b", "v1@x"] {
            assert!(is_usable(good), "{good}");
        }
        for bad in
            ["", " ", "a b", "-a", "a..b", "a/", "/a", "a//b", ".a", "a.lock", "a^", "@", "x."]
        {
            assert!(!is_usable(bad), "{bad}");
        }
    }
}
