//! Inspected files and the manifest -> the files of a release, bit-identical on re-creation.
//!
//! What the release holds is decided here; where it goes is `publish`'s.

pub mod archives;
pub mod describe;
pub mod index;
pub mod install;
pub mod names;
pub mod notes;
pub mod provenance;
pub mod sbom;
pub mod wheel;

use std::collections::BTreeMap;

use camino::Utf8Path;

use self::archives::Archive;
use crate::inspect::Inspected;
use crate::model::checksums;
use crate::model::digest::{Digest, Sha256};
use crate::model::manifest::{ArchiveRecord, BuiltRecord, CellRecord, Manifest, ModuleRecord};
use crate::roots::python_package::PythonPackage;
use crate::sys::digests::DigestCache;
use crate::sys::files::{self, FileError};

pub use names::Names;

/// Everything a release is made of. The modules can only be files that passed the inspection.
#[derive(Debug)]
pub struct Contents {
    /// What the release says of itself; its list of archives is filled in by [`package`].
    pub manifest: Manifest,
    /// The modules by their place in the layout.
    pub modules: BTreeMap<String, Inspected>,
    /// The text of the module's licence, where its source has one.
    pub licence: Option<Vec<u8>>,
    /// What the wheels have beside the module, where the source has a package for pip.
    pub package: Option<PythonPackage>,
}

/// A release that stands complete in its staging folder.
#[derive(Debug)]
pub struct Packaged {
    /// The manifest, with the archives.
    pub manifest: Manifest,
    /// The names of all files, sorted.
    pub files: Vec<String>,
}

/// Writes the files of a release into an empty folder: archives and wheels first, then what speaks of them.
pub fn package(contents: Contents, folder: &Utf8Path) -> Result<Packaged, FileError> {
    let mut manifest = contents.manifest.clone();
    let names = Names::new(&manifest.module.name, manifest.module.version.as_str());
    let mut written = Written { folder, digests: BTreeMap::new() };
    let wheels = wheel::planned(&contents);
    for archive in archives::planned(&contents, &names).into_iter().chain(wheels) {
        let digest = written.archive(&archive)?;
        manifest.archives.push(record(archive.name, digest, archive.description));
    }
    let digest = written.text(names.sbom(), &sbom::render(&manifest))?;
    manifest.archives.push(record(names.sbom(), digest, SBOM.to_owned()));
    written.text(names.notes(), &notes::render(&manifest))?;
    written.text(names.manifest(), &manifest_text(&manifest))?;
    // Of all but itself, and the checksums, which name it.
    let statement = provenance::render(&manifest, written.sums());
    written.text(names.provenance(), &statement)?;
    let sums = checksums::render(written.sums());
    written.text(names.checksums(), &sums)?;
    Ok(Packaged { manifest, files: written.digests.into_keys().collect() })
}

/// The files that stand in a folder, with their digests.
struct Written<'a> {
    folder: &'a Utf8Path,
    digests: BTreeMap<String, Digest>,
}

impl Written<'_> {
    fn archive(&mut self, archive: &Archive) -> Result<Digest, FileError> {
        let path = self.folder.join(&archive.name);
        archives::write(archive, &path)?;
        let digest = files::digest(&path)?;
        self.digests.insert(archive.name.clone(), digest);
        Ok(digest)
    }

    fn text(&mut self, name: String, text: &str) -> Result<Digest, FileError> {
        files::write_atomic(&self.folder.join(&name), text.as_bytes())?;
        let digest = Digest::of(text.as_bytes());
        self.digests.insert(name, digest);
        Ok(digest)
    }

    fn sums(&self) -> impl Iterator<Item = (&str, Sha256)> {
        self.digests.iter().map(|(name, digest)| (name.as_str(), digest.sha256))
    }
}

/// What the bill of materials is, in the manifest's words.
const SBOM: &str = "what the modules are made of, for programs (CycloneDX)";

fn record(name: String, digest: Digest, description: String) -> ArchiveRecord {
    let Digest { sha256, size } = digest;
    ArchiveRecord { name, sha256, size, description }
}

/// The files of the release that stands in `folder`, if it is the very one that [`package`] would make.
///
/// The manifest there must say what the new one says, and every file must have the digest that the
/// checksums there say.
pub fn standing(
    contents: &Contents,
    folder: &Utf8Path,
    digests: &mut DigestCache,
) -> Option<Vec<String>> {
    let names =
        Names::new(&contents.manifest.module.name, contents.manifest.module.version.as_str());
    let bytes = files::read(&folder.join(names.manifest())).ok()?;
    let mut manifest: Manifest = serde_json::from_slice(&bytes).ok()?;
    manifest.archives.clear();
    if manifest != contents.manifest {
        return None;
    }
    let sums = checksums::parse(&files::read_to_string(&folder.join(names.checksums())).ok()?)?;
    let mut expected: Vec<String> = sums.iter().map(|(name, _)| name.clone()).collect();
    expected.push(names.checksums());
    expected.sort_unstable();
    let same = sums.iter().all(|(name, sha256)| {
        digests.digest(&folder.join(name)).is_ok_and(|digest| digest.sha256 == *sha256)
    });
    (same && files::names(folder).ok()? == expected).then_some(expected)
}

/// The manifest as it stands in the release.
#[must_use]
pub fn manifest_text(manifest: &Manifest) -> String {
    let mut text = serde_json::to_string_pretty(manifest).unwrap_or_default();
    text.push('\n');
    text
}

/// The package URL of a module whose source is the one on PyPI.
fn purl(module: &ModuleRecord) -> String {
    let name = module.name.to_lowercase().replace(['_', '.'], "-");
    format!("pkg:pypi/{name}@{}", module.version.normalized())
}

/// The cells that have a file, in the order of the manifest.
fn built(manifest: &Manifest) -> impl Iterator<Item = (&CellRecord, &BuiltRecord)> {
    manifest.cells.iter().filter_map(|cell| Some((cell, cell.built.as_ref()?)))
}
