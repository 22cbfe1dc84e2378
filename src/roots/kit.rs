//! The cross kit: roots that `runners/cross/setup` makes from Debian's packages.

use camino::Utf8Path;
use serde::Deserialize;

use super::root::RootError;
use crate::model::arch::Arch;
use crate::model::offer::{ApacheOffer, PythonOffer, RootKind, Serves};
use crate::model::version::Version;
use crate::sys::files::{self, FileError};

const DESCRIPTION: &str = "modfarm-root.json";

/// The roots that stand in a kit, as a runner offers them. A kit that is not there has none.
pub fn offers(kit: &Utf8Path) -> Result<(Vec<ApacheOffer>, Vec<PythonOffer>), RootError> {
    let mut apaches = Vec::new();
    for (name, number, arch) in entries(kit, RootKind::Apache)? {
        let Ok(series) = number.parse() else { continue };
        let version = said_version(kit, &name)?;
        apaches.push(ApacheOffer { root: name, version, arch, serves: Serves::Series(series) });
    }
    let mut pythons = Vec::new();
    for (name, number, arch) in entries(kit, RootKind::Python)? {
        let Ok(tag) = number.parse() else { continue };
        let version = said_version(kit, &name)?;
        pythons.push(PythonOffer { root: name, version, tag, arch });
    }
    Ok((apaches, pythons))
}

/// The names below `KIT/apache` or `KIT/python`: `python/3.13-win64` with its number and arch.
fn entries(kit: &Utf8Path, kind: RootKind) -> Result<Vec<(String, String, Arch)>, FileError> {
    let folder = kit.join(kind.as_str());
    if !files::is_dir(&folder) {
        return Ok(Vec::new());
    }
    let names = files::names(&folder)?;
    Ok(names
        .iter()
        .filter_map(|name| {
            let (number, arch) = name.rsplit_once('-')?;
            let arch = arch.parse().ok()?;
            Some((format!("{}/{name}", kind.as_str()), number.to_owned(), arch))
        })
        .collect())
}

fn said_version(kit: &Utf8Path, name: &str) -> Result<Option<Version>, RootError> {
    Ok(Description::of(&kit.join(name))?.and_then(|said| said.version.parse().ok()))
}

/// What the kit wrote down of a root.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Description {
    format_version: u32,
    #[serde(rename = "kind")]
    _kind: RootKind,
    version: String,
    #[serde(rename = "arch")]
    _arch: Arch,
    made_from: Vec<Package>,
    /// What stands in for something that could not be had.
    pub stand_ins: Vec<String>,
    /// What whoever compiles against the headers must define: `Py_GIL_DISABLED=1`.
    #[serde(default)]
    pub defines: Vec<String>,
    exports_from: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Package {
    #[serde(rename = "package")]
    name: String,
    version: String,
    #[serde(default)]
    suite: Option<String>,
    #[serde(default, rename = "sha256")]
    _sha256: Option<String>,
}

impl Description {
    /// What stands beside the root; `None` for a root that the kit did not make.
    pub fn of(root: &Utf8Path) -> Result<Option<Self>, RootError> {
        let path = root.join(DESCRIPTION);
        let bytes = match files::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.is_not_found() => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let damaged = |reason: String| RootError::Description { path: path.clone(), reason };
        let description: Self =
            serde_json::from_slice(&bytes).map_err(|error| damaged(error.to_string()))?;
        if description.format_version != 1 {
            return Err(damaged(format!("its format is version {}", description.format_version)));
        }
        Ok(Some(description))
    }

    /// Where the root came from, in words.
    #[must_use]
    pub fn origin(&self) -> String {
        let packages: Vec<String> = self
            .made_from
            .iter()
            .map(|from| match &from.suite {
                Some(suite) => format!("{} {} ({suite})", from.name, from.version),
                None => format!("{} {}", from.name, from.version),
            })
            .collect();
        format!("the cross kit, from {}; exports from {}", packages.join(", "), self.exports_from)
    }
}
