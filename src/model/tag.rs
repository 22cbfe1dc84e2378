//! Tags and the versions they name, whoever made them: for a plan, for a part, for a release on GitHub.

use super::harmless::is_file_name;
use super::version::Version;

/// A version that is wanted, and the tag that names it, where one does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// The version.
    pub version: Version,
    /// The tag.
    pub tag: Option<String>,
}

/// A tag that names no version of the module.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TagError {
    /// It is a release of something else.
    #[error(
        "the tag '{tag}' is one of {package}, not of {module}\nhint: a release of {module} is tagged {module}-6.1.1 or 6.1.1"
    )]
    OtherPackage {
        /// The tag.
        tag: String,
        /// What it is a release of.
        package: String,
        /// What is released here.
        module: String,
    },
    /// It names no version at all.
    #[error(
        "the tag '{tag}' names no version of {module}\nhint: expected {module}-6.1.1 or 6.1.1; a candidate is {module}-6.2.0.rc1, a development version {module}-6.2.0.dev1"
    )]
    NoVersion {
        /// The tag.
        tag: String,
        /// What is released here.
        module: String,
    },
}

impl Asked {
    /// What a tag asks for.
    pub fn by_tag(module: &str, tag: &str) -> Result<Self, TagError> {
        if let Some(version) = version(module, tag) {
            return Ok(Self { version, tag: Some(tag.to_owned()) });
        }
        let (tag, module) = (tag.to_owned(), module.to_owned());
        let named = tag.rsplit_once('-').filter(|(package, rest)| {
            *package != module && is_file_name(package) && rest.parse::<Version>().is_ok()
        });
        Err(match named.map(|(package, _)| package.to_owned()) {
            Some(package) => TagError::OtherPackage { tag, package, module },
            None => TagError::NoVersion { tag, module },
        })
    }

    /// In words: `6.1.1`, `6.1.1, which the tag mod_wsgi-6.1.1 names`.
    #[must_use]
    pub fn describe(&self) -> String {
        match &self.tag {
            Some(tag) => format!("{}, which the tag {tag} names", self.version),
            None => self.version.to_string(),
        }
    }
}

impl From<Version> for Asked {
    fn from(version: Version) -> Self {
        Self { version, tag: None }
    }
}

/// The spellings of the tag of a version, the one that is made where none is there first: upstream's
/// tags are `mod_wsgi-6.1.1` from 6.0.0 on and `5.0.2` before.
#[must_use]
pub fn spellings(module: &str, version: &Version) -> [String; 2] {
    [format!("{module}-{version}"), version.to_string()]
}

/// The version that a tag names: of `mod_wsgi-6.1.1`, `6.1.1` and `v6.1.1` alike.
#[must_use]
pub fn version(module: &str, tag: &str) -> Option<Version> {
    let bare = tag.strip_prefix(module).and_then(|rest| rest.strip_prefix('-')).unwrap_or(tag);
    bare.strip_prefix('v').unwrap_or(bare).parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_names_a_version() {
        for (tag, said, early) in [
            ("mod_wsgi-6.1.1", "6.1.1", false),
            ("6.1.1", "6.1.1", false),
            ("5.0.2", "5.0.2", false),
            ("mod_wsgi-6.2.0.rc1", "6.2.0.rc1", true),
            ("6.2.0rc2", "6.2.0rc2", true),
            ("mod_wsgi-6.2.0.dev1", "6.2.0.dev1", true),
        ] {
            let asked = Asked::by_tag("mod_wsgi", tag).unwrap();
            assert_eq!((asked.version.as_str(), asked.version.is_prerelease()), (said, early));
            let spelled = spellings("mod_wsgi", &asked.version);
            assert!(spelled.contains(&tag.to_owned()), "{tag}: {spelled:?}");
        }
    }

    #[test]
    fn another_package_and_nonsense_are_refused_with_what_is_expected() {
        let said = |tag: &str| Asked::by_tag("mod_wsgi", tag).unwrap_err().to_string();
        let other = said("mod_wsgi-telemetry-1.0.0");
        assert!(other.contains("is one of mod_wsgi-telemetry, not of mod_wsgi"), "{other}");
        assert!(said("mod_x-6.1.1").contains("is one of mod_x"));
        for nonsense in [
            "",
            "latest",
            "mod_wsgi",
            "mod_wsgi-",
            "mod_wsgi-6.1.x",
            "refs/tags/mod_wsgi-6.1.1",
            "6.1 .1",
        ] {
            let error = said(nonsense);
            assert!(error.contains("expected mod_wsgi-6.1.1 or 6.1.1"), "{error}");
        }
    }
}
