//! The wheels of releases, each compared with what its manifest says.

use std::collections::BTreeMap;
use std::io::{self, Read as _};

use camino::{Utf8Path, Utf8PathBuf};

use super::{IndexError, Release};
use crate::model::digest::{Digest, Sha256};
use crate::model::manifest::{ArchiveRecord, FILE_END, LONGEST, Manifest};
use crate::model::version::Version;
use crate::package::wheel;
use crate::sys::files::{self, FileError};

/// More than the metadata of any wheel have.
const LONGEST_METADATA: u64 = 4 << 20;

/// A wheel that is to be listed.
#[derive(Debug)]
pub(super) struct IndexedWheel {
    pub(super) name: String,
    pub(super) path: Utf8PathBuf,
    /// The release that it is of.
    release: Utf8PathBuf,
    /// The project's name as pip asks for it: `mod-wsgi`.
    pub(super) project: String,
    pub(super) version: Version,
    pub(super) digest: Digest,
    /// The folder of the address that it is at, if not beside the page.
    pub(super) elsewhere: Option<String>,
    /// Its `METADATA`.
    pub(super) metadata: String,
}

impl IndexedWheel {
    /// Refuses a file that has other bytes.
    pub(super) fn expect_same(&self, path: &Utf8Path) -> Result<(), IndexError> {
        expect(path, self.digest.sha256)
    }

    /// The version in the file's name, with the Apache that it is for.
    pub(super) fn full_version(&self) -> &str {
        self.name.split('-').nth(1).unwrap_or(self.version.as_str())
    }

    /// The Pythons that its metadata ask for.
    pub(super) fn requires_python(&self) -> Option<&str> {
        let head = self.metadata.split("\n\n").next()?;
        head.lines().find_map(|line| line.strip_prefix("Requires-Python:")).map(str::trim)
    }
}

/// The wheels of all releases, oldest version first. One that several have is listed once.
pub(super) fn read_all(releases: &[Release]) -> Result<Vec<IndexedWheel>, IndexError> {
    let mut found: BTreeMap<(Version, String), IndexedWheel> = BTreeMap::new();
    for release in releases {
        for wheel in read(release)? {
            let key = (wheel.version.clone(), wheel.name.clone());
            match found.get(&key) {
                Some(known) if known.digest != wheel.digest => {
                    return Err(IndexError::Twice {
                        name: wheel.name,
                        one: known.release.clone(),
                        other: release.folder.clone(),
                    });
                }
                Some(_) => {}
                None => drop(found.insert(key, wheel)),
            }
        }
    }
    if found.is_empty() {
        return Err(IndexError::NoWheels);
    }
    Ok(found.into_values().collect())
}

fn read(release: &Release) -> Result<Vec<IndexedWheel>, IndexError> {
    let folder = &release.folder;
    let names = files::names(folder)?;
    let manifests: Vec<&String> = names.iter().filter(|name| name.ends_with(FILE_END)).collect();
    let [manifest] = manifests[..] else {
        return Err(IndexError::NoRelease { folder: folder.to_owned(), found: manifests.len() });
    };
    let path = folder.join(manifest);
    let manifest = Manifest::parse(&files::read_limited(&path, LONGEST)?)
        .map_err(|reason| IndexError::Unreadable { path, reason })?;
    let wheels = manifest.archives.iter().filter(|archive| wheel::is_wheel(&archive.name));
    wheels.map(|wheel| read_wheel(release, &manifest, wheel)).collect()
}

fn read_wheel(
    release: &Release,
    manifest: &Manifest,
    record: &ArchiveRecord,
) -> Result<IndexedWheel, IndexError> {
    let (module, version) = (&manifest.module.name, &manifest.module.version);
    let path = release.folder.join(&record.name);
    let unreadable =
        |path: &Utf8Path, reason| IndexError::Unreadable { path: path.to_owned(), reason };
    if !is_named_for(&record.name, module, version) {
        let reason = format!("its name is none of a wheel of {module} {version}");
        return Err(unreadable(&path, reason));
    }
    expect(&path, record.sha256)?;
    let metadata = metadata(&path).map_err(|error| unreadable(&path, error.to_string()))?;
    Ok(IndexedWheel {
        name: record.name.clone(),
        release: release.folder.clone(),
        project: module.to_lowercase().replace(['_', '.'], "-"),
        version: version.clone(),
        digest: Digest { sha256: record.sha256, size: record.size },
        elsewhere: release.files_url.as_ref().map(|url| url.replace("{version}", version.as_str())),
        metadata,
        path,
    })
}

/// Whether a name is that of a wheel of a module and version. It becomes part of a page and of a path.
fn is_named_for(name: &str, module: &str, version: &Version) -> bool {
    let start = format!("{}-{}", module.replace(['-', '.'], "_"), version.normalized());
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._+-".contains(&byte);
    name.strip_prefix(&start).is_some_and(|rest| rest.starts_with(['-', '+']))
        && name.bytes().all(plain)
        && name.split('-').count() == 5
}

fn expect(path: &Utf8Path, expected: Sha256) -> Result<(), IndexError> {
    let found = files::digest(path)?.sha256;
    if found != expected {
        let (found, expected) = (found.to_string(), expected.to_string());
        return Err(IndexError::Different { path: path.to_owned(), found, expected });
    }
    Ok(())
}

/// What a wheel says of itself.
fn metadata(path: &Utf8Path) -> io::Result<String> {
    let file = files::open(path).map_err(|FileError { source, .. }| source)?;
    let mut archive = zip::ZipArchive::new(io::BufReader::new(file))?;
    for index in 0..archive.len() {
        let member = archive.by_index(index)?;
        let name = member.name()?.into_owned();
        if name.ends_with(".dist-info/METADATA") {
            let mut bytes = Vec::new();
            let read = member.take(LONGEST_METADATA + 1).read_to_end(&mut bytes)?;
            if read as u64 > LONGEST_METADATA {
                return Err(io::Error::other("its metadata are too long"));
            }
            return String::from_utf8(bytes)
                .map_err(|_| io::Error::other("its metadata are not UTF-8"));
        }
    }
    Err(io::Error::other("it has no metadata"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_is_no_wheels_is_refused() {
        let version: Version = "6.2.0.rc1".parse().unwrap();
        let is = |name: &str| is_named_for(name, "mod_wsgi", &version);
        assert!(is("mod_wsgi-6.2.0rc1-cp313-cp313-win_amd64.whl"));
        assert!(is("mod_wsgi-6.2.0rc1+ap24-cp27-cp27m-win32.whl"));
        for bad in [
            "mod_wsgi-6.2.0rc11-cp313-cp313-win_amd64.whl",
            "mod_wsgi-6.2.0rc1-../../../../cp313-cp313-win32.whl",
            "mod_wsgi-6.2.0rc1-\"><script>-cp313-win32.whl",
            "other-6.2.0rc1-cp313-cp313-win32.whl",
            "mod_wsgi-6.2.0rc1.whl",
        ] {
            assert!(!is(bad), "{bad}");
        }
    }
}
