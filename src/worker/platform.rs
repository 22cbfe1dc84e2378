//! Whether a job may run on this worker: an action that asks for a toolset, by the platform properties
//! that modfarm gives its jobs, runs where that very toolset is and nowhere else.

use bazel_remote_apis::build::bazel::remote::execution::v2 as reapi;
use tonic::Status;

use crate::model::toolset::Toolset;

/// Refuses an action whose toolset is not here. The worker is at fault, not the job: somewhere else it
/// runs, which is what `FAILED_PRECONDITION` says. Properties that do not speak of a toolset are for
/// whoever gives out jobs.
pub(super) fn check(
    action: &reapi::Action,
    command: &reapi::Command,
    toolsets: &[Toolset],
) -> Result<(), Status> {
    let wanted = Wanted::of(action, command);
    if wanted.is_empty() || toolsets.iter().any(|toolset| wanted.is(toolset)) {
        return Ok(());
    }
    Err(Status::failed_precondition(format!(
        "the job needs {wanted}, and this worker has {}",
        described(toolsets)
    )))
}

/// What an action asks for, each as often as it does.
#[derive(Debug, Default)]
struct Wanted<'a> {
    names: Vec<&'a str>,
    versions: Vec<&'a str>,
    digests: Vec<&'a str>,
}

impl<'a> Wanted<'a> {
    fn of(action: &'a reapi::Action, command: &'a reapi::Command) -> Self {
        #[allow(deprecated, reason = "clients of version 2.1 and before send nothing else")]
        let old = &command.platform;
        let mut wanted = Self::default();
        let properties = action.platform.as_ref().or(old.as_ref());
        for property in properties.iter().flat_map(|platform| &platform.properties) {
            let value = property.value.as_str();
            match property.name.as_str() {
                "toolset" => wanted.names.push(value),
                "toolset-version" => wanted.versions.push(value),
                "toolset-digest" => wanted.digests.push(value),
                _ => {}
            }
        }
        wanted
    }

    fn is_empty(&self) -> bool {
        self.names.is_empty() && self.versions.is_empty() && self.digests.is_empty()
    }

    fn is(&self, toolset: &Toolset) -> bool {
        self.names.iter().all(|name| *name == toolset.name)
            && self.versions.iter().all(|version| *version == toolset.version)
            && self.digests.iter().all(|digest| *digest == toolset.digest.to_string())
    }
}

impl std::fmt::Display for Wanted<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the toolset")?;
        for name in &self.names {
            write!(f, " '{name}'")?;
        }
        for version in &self.versions {
            write!(f, " of version '{version}'")?;
        }
        for digest in &self.digests {
            write!(f, " of digest {}", short(digest))?;
        }
        Ok(())
    }
}

fn described(toolsets: &[Toolset]) -> String {
    if toolsets.is_empty() {
        return "none".to_owned();
    }
    let described = toolsets.iter().map(|toolset| {
        let digest = toolset.digest.to_string();
        format!("'{}' of version '{}' of digest {}", toolset.name, toolset.version, short(&digest))
    });
    described.collect::<Vec<_>>().join(", ")
}

/// As much of a digest as tells two of them apart.
fn short(digest: &str) -> &str {
    digest.get(..12).unwrap_or(digest)
}

#[cfg(test)]
mod tests {
    use tonic::Code;

    use super::*;
    use crate::model::digest::Sha256;

    fn cross() -> Toolset {
        Toolset {
            name: "cross".to_owned(),
            version: "clang 14".to_owned(),
            digest: Sha256::of(b"cross"),
            families: Vec::new(),
            arches: Vec::new(),
            settings: std::collections::BTreeMap::new(),
        }
    }

    fn platform(properties: &[(&str, &str)]) -> reapi::Platform {
        let properties = properties.iter().map(|(name, value)| reapi::platform::Property {
            name: (*name).to_owned(),
            value: (*value).to_owned(),
        });
        reapi::Platform { properties: properties.collect() }
    }

    fn checked(properties: &[(&str, &str)], toolsets: &[Toolset]) -> Result<(), String> {
        let asked = reapi::Action { platform: Some(platform(properties)), ..Default::default() };
        let checked = check(&asked, &reapi::Command::default(), toolsets);
        checked.map_err(|status| {
            assert_eq!(status.code(), Code::FailedPrecondition);
            status.message().to_owned()
        })
    }

    #[test]
    fn an_action_runs_where_its_toolset_is() {
        let digest = Sha256::of(b"cross").to_string();
        let asked =
            [("toolset", "cross"), ("toolset-version", "clang 14"), ("toolset-digest", &digest)];
        assert_eq!(checked(&asked, &[cross()]), Ok(()));
        assert_eq!(
            checked(&asked, &[]).unwrap_err(),
            format!(
                "the job needs the toolset 'cross' of version 'clang 14' of digest {}, and this \
                 worker has none",
                &digest[..12]
            )
        );
    }

    #[test]
    fn another_toolset_version_or_digest_is_refused_by_name() {
        for (name, value, named) in [
            ("toolset", "msvc", "'msvc'"),
            ("toolset-version", "clang 15", "'clang 15'"),
            ("toolset-digest", "0123456789abcdef", "0123456789ab"),
        ] {
            let error = checked(&[("toolset", "cross"), (name, value)], &[cross()]).unwrap_err();
            assert!(error.contains(named), "{error}");
            assert!(error.contains("has 'cross' of version 'clang 14'"), "{error}");
        }
    }

    #[test]
    fn an_action_that_asks_for_no_toolset_runs_anywhere() {
        assert_eq!(checked(&[], &[]), Ok(()));
        assert_eq!(checked(&[("OSFamily", "Linux")], &[]), Ok(()));
        let action = reapi::Action::default();
        assert!(check(&action, &reapi::Command::default(), &[]).is_ok());
    }

    #[test]
    fn what_an_old_client_asks_for_is_heard() {
        #[allow(deprecated, reason = "it is old")]
        let command = reapi::Command {
            platform: Some(platform(&[("toolset", "msvc")])),
            ..Default::default()
        };
        assert!(check(&reapi::Action::default(), &command, &[cross()]).is_err());
    }
}
