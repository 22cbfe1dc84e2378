//! A release as it stands in a folder: every file is what the checksums say, and there is no other.
//! Publishers take this type and no other, and this is the only way to one.

use std::collections::BTreeMap;

use camino::{Utf8Path, Utf8PathBuf};

use crate::model::checksums;
use crate::model::digest::{Digest, Sha256};
use crate::model::manifest::{FILE_END, Manifest};
use crate::sys::digests::DigestCache;
use crate::sys::files::{self, FileError};

/// More than any manifest, checksums or notes have.
const LONGEST: u64 = 64 << 20;

/// A release, verified.
#[derive(Debug)]
pub struct Release {
    folder: Utf8PathBuf,
    manifest: Manifest,
    notes: String,
    assets: Vec<Asset>,
}

/// A file of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asset {
    /// Its name.
    pub name: String,
    /// Where it stands.
    pub path: Utf8PathBuf,
    /// Its digest and size.
    pub digest: Digest,
}

/// A folder that is no release.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    /// There is no manifest in it.
    #[error(
        "{folder} is no release: it has no file *.manifest.json\nhint: name the folder that `modfarm release` made, for example dist/mod_wsgi-6.1.1"
    )]
    NoRelease {
        /// The folder.
        folder: Utf8PathBuf,
    },
    /// There are several manifests in it.
    #[error("{folder} has the manifests of several releases: {}\nhint: a release has a folder of its own", names.join(", "))]
    Several {
        /// The folder.
        folder: Utf8PathBuf,
        /// Their names.
        names: Vec<String>,
    },
    /// A file of it cannot be understood.
    #[error("cannot read {path}: {reason}\nhint: make the release again with `modfarm release`")]
    Unreadable {
        /// The file.
        path: Utf8PathBuf,
        /// Why.
        reason: String,
    },
    /// The files are not those of the checksums.
    #[error("{folder} is not the release that was made: {}\nhint: nothing was sent; make it again with `modfarm release`, and keep other files elsewhere", faults.join("; "))]
    Faulty {
        /// The folder.
        folder: Utf8PathBuf,
        /// What is wrong, file by file.
        faults: Vec<String>,
    },
    /// A file cannot be read.
    #[error(transparent)]
    File(#[from] FileError),
}

impl Release {
    /// The release in a folder. Every file is compared with its checksum, and read unless it is known to
    /// be the one whose digest is remembered.
    pub fn read(folder: &Utf8Path, digests: &mut DigestCache) -> Result<Self, FolderError> {
        let names = files::names(folder)?;
        let manifests: Vec<&String> =
            names.iter().filter(|name| name.ends_with(FILE_END)).collect();
        let stem = match manifests[..] {
            [one] => one.trim_end_matches(FILE_END).to_owned(),
            [] => return Err(FolderError::NoRelease { folder: folder.to_owned() }),
            _ => {
                let names = manifests.into_iter().cloned().collect();
                return Err(FolderError::Several { folder: folder.to_owned(), names });
            }
        };
        let [manifest, sums, notes] =
            [FILE_END, ".SHA256SUMS", ".notes.md"].map(|ending| format!("{stem}{ending}"));
        let parsed = manifest_in(&folder.join(&manifest))?;
        let expected = checksums_in(&folder.join(&sums))?;
        let (found, faults) =
            compare(folder, &names, &expected, &parsed, [&manifest, &sums, &notes], digests)?;
        if !faults.is_empty() {
            return Err(FolderError::Faulty { folder: folder.to_owned(), faults });
        }
        let mut assets: Vec<Asset> = found
            .into_iter()
            .map(|(name, digest)| Asset { path: folder.join(&name), name, digest })
            .collect();
        assets.sort_by_key(|asset| asset.name == manifest);
        let notes = text(&folder.join(&notes))?;
        Ok(Self { folder: folder.to_owned(), manifest: parsed, notes, assets })
    }

    /// Its folder.
    #[must_use]
    pub fn folder(&self) -> &Utf8Path {
        &self.folder
    }

    /// What it says of itself.
    #[must_use]
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// Its notes, in Markdown.
    #[must_use]
    pub fn notes(&self) -> &str {
        &self.notes
    }

    /// Its files, the manifest last.
    #[must_use]
    pub fn assets(&self) -> &[Asset] {
        &self.assets
    }

    /// The manifest's file, which completes a release when it is there.
    #[must_use]
    pub fn is_manifest(asset: &Asset) -> bool {
        asset.name.ends_with(FILE_END)
    }

    /// The digest of the manifest, which has the digests of all else.
    #[must_use]
    pub fn identity(&self) -> Sha256 {
        let manifest = self.assets.iter().find(|asset| Self::is_manifest(asset));
        manifest.map_or_else(|| Sha256::of(b""), |asset| asset.digest.sha256)
    }
}

fn manifest_in(path: &Utf8Path) -> Result<Manifest, FolderError> {
    let unreadable = |reason: String| FolderError::Unreadable { path: path.to_owned(), reason };
    Manifest::parse(&files::read_limited(path, LONGEST)?).map_err(unreadable)
}

fn checksums_in(path: &Utf8Path) -> Result<BTreeMap<String, Sha256>, FolderError> {
    let unreadable =
        |reason: &str| FolderError::Unreadable { path: path.to_owned(), reason: reason.to_owned() };
    let lines =
        checksums::parse(&text(path)?).ok_or_else(|| unreadable("a line is no checksum"))?;
    let count = lines.len();
    let sums: BTreeMap<String, Sha256> = lines.into_iter().collect();
    if sums.len() != count {
        return Err(unreadable("a file is there twice"));
    }
    Ok(sums)
}

fn text(path: &Utf8Path) -> Result<String, FolderError> {
    String::from_utf8(files::read_limited(path, LONGEST)?).map_err(|_| FolderError::Unreadable {
        path: path.to_owned(),
        reason: "it is not UTF-8".to_owned(),
    })
}

/// The digest of every file, and what is wrong with them.
fn compare(
    folder: &Utf8Path,
    names: &[String],
    expected: &BTreeMap<String, Sha256>,
    manifest: &Manifest,
    [manifest_name, sums, notes]: [&String; 3],
    digests: &mut DigestCache,
) -> Result<(BTreeMap<String, Digest>, Vec<String>), FolderError> {
    let (mut found, mut faults) = (BTreeMap::new(), Vec::new());
    for name in names {
        let path = folder.join(name);
        if name != sums && !expected.contains_key(name) {
            faults.push(format!("{name} is not in the checksums"));
        } else if files::symlink_metadata(&path)?.is_file() {
            let digest = digests.digest(&path)?;
            if expected.get(name).is_some_and(|sha256| *sha256 != digest.sha256) {
                faults.push(format!("{name} is not what its checksum says"));
            }
            found.insert(name.clone(), digest);
        } else {
            faults.push(format!("{name} is no file"));
        }
    }
    let archives = manifest.archives.iter().map(|archive| (&archive.name, Some(archive.sha256)));
    let listed = expected.keys().chain([manifest_name, notes]).map(|name| (name, None));
    for (name, sha256) in archives.chain(listed) {
        let right = found.get(name).map(|digest| sha256.is_none_or(|it| it == digest.sha256));
        match right {
            Some(true) => {}
            Some(false) => faults.push(format!("{name} is not what the manifest says")),
            None => faults.push(format!("{name} is missing")),
        }
    }
    faults.dedup();
    Ok((found, faults))
}

#[cfg(test)]
pub(in crate::publish) mod tests {
    use super::*;
    use crate::model::manifest::{ArchiveRecord, FORMAT_VERSION, ModuleRecord};

    const STEM: &str = "mod_wsgi-windows-6.1.1";

    /// Writes a release with one archive.
    pub(in crate::publish) fn write(folder: &Utf8Path, text: &str) {
        let archive = format!("{STEM}.zip");
        let manifest = Manifest {
            format_version: FORMAT_VERSION,
            modfarm: "0.1.0".to_owned(),
            module: ModuleRecord {
                name: "mod_wsgi".to_owned(),
                version: "6.1.1".parse().unwrap(),
                source: "a directory".to_owned(),
                source_sha256: None,
                source_tree: Sha256::of(b"source"),
                package: None,
            },
            toolsets: Vec::new(),
            roots: Vec::new(),
            cells: Vec::new(),
            archives: vec![ArchiveRecord {
                name: archive.clone(),
                sha256: Sha256::of(text.as_bytes()),
                size: text.len() as u64,
                description: "all".to_owned(),
            }],
            warnings: Vec::new(),
        };
        let manifest = serde_json::to_string(&manifest).unwrap();
        let written = [
            (archive, text),
            (format!("{STEM}.manifest.json"), manifest.as_str()),
            (format!("{STEM}.notes.md"), "# Notes\n"),
        ];
        let sums = checksums::render(
            written.iter().map(|(name, text)| (name.as_str(), Sha256::of(text.as_bytes()))),
        );
        for (name, text) in written.iter().chain([&(format!("{STEM}.SHA256SUMS"), sums.as_str())]) {
            files::write_atomic(&folder.join(name), text.as_bytes()).unwrap();
        }
    }

    #[test]
    fn a_release_is_what_its_checksums_say() {
        let folder = tempfile::tempdir().unwrap();
        let folder = Utf8Path::from_path(folder.path()).unwrap();
        let archive = folder.join(format!("{STEM}.zip"));
        let refused = || {
            Release::read(folder, &mut DigestCache::load(Utf8Path::new("")))
                .unwrap_err()
                .to_string()
        };
        assert!(refused().contains("it has no file *.manifest.json"));

        write(folder, "archive");
        let release = Release::read(folder, &mut DigestCache::load(Utf8Path::new(""))).unwrap();
        assert_eq!(release.assets().len(), 4);
        assert!(Release::is_manifest(&release.assets()[3]));

        files::write_atomic(&archive, b"other").unwrap();
        assert!(refused().contains(".zip is not what its checksum says"), "{}", refused());
        files::remove_file(&archive).unwrap();
        assert!(refused().contains(".zip is missing"), "{}", refused());

        write(folder, "archive");
        files::write_atomic(&folder.join("stranger"), b"").unwrap();
        assert!(refused().contains("stranger is not in the checksums"), "{}", refused());
        files::remove_file(&folder.join("stranger")).unwrap();
        files::write_atomic(&folder.join("x.manifest.json"), b"{}").unwrap();
        assert!(refused().contains("the manifests of several releases"), "{}", refused());
    }

    #[test]
    fn a_later_format_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let folder = Utf8Path::from_path(folder.path()).unwrap();
        write(folder, "archive");
        let path = folder.join(format!("{STEM}.manifest.json"));
        let later = files::read_to_string(&path)
            .unwrap()
            .replace("\"format_version\":1", "\"format_version\":99");
        files::write_atomic(&path, later.as_bytes()).unwrap();
        let error = Release::read(folder, &mut DigestCache::load(Utf8Path::new("")))
            .unwrap_err()
            .to_string();
        assert!(error.contains("its format is 99, of a later modfarm"), "{error}");
    }
}
