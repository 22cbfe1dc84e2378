//! Files against the manifest of their release: by their bytes first, then by their names.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read as _;

use camino::{Utf8Path, Utf8PathBuf};

use super::reference::Reference;
use crate::model::digest::{Digest, Sha256};
use crate::model::manifest::{BuiltRecord, CellRecord, VOUCHED_ENDS};
use crate::model::verification::{Answer, Cell, ComparedFile, Verification};
use crate::sys::archive;
use crate::sys::files::{self, FileError};

/// Why files could not be compared.
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    /// A file cannot be read.
    #[error(transparent)]
    File(#[from] FileError),
    /// An archive cannot be unpacked, or unpacks to too much.
    #[error("{0}")]
    Archive(String),
}

/// Compares files, and all that is in folders, with a release. With `complete` a folder that lacks an
/// archive of it is told as well.
pub fn verify(
    reference: &Reference,
    paths: &[Utf8PathBuf],
    complete: bool,
) -> Result<Verification, VerifyError> {
    let known = Known::of(reference);
    let mut files = Vec::new();
    for path in paths {
        if files::is_dir(path) {
            for name in files::walk(path)? {
                files.extend(known.compare(&path.join(name), false)?);
            }
        } else {
            files.extend(known.compare(path, true)?);
        }
    }
    if complete {
        files.extend(known.missing(&files));
    }
    Ok(Verification {
        module: reference.manifest.module.name.clone(),
        version: reference.manifest.module.version.clone(),
        manifest: reference.path.to_string(),
        manifest_sha256: reference.digest.sha256,
        files,
    })
}

/// What a release consists of.
struct Known<'a> {
    module: &'a str,
    modules: Vec<Module<'a>>,
    assets: BTreeMap<&'a str, Asset<'a>>,
}

/// A module of it. Cells may share their bytes.
#[derive(Clone, Copy)]
struct Module<'a> {
    cell: &'a CellRecord,
    built: &'a BuiltRecord,
}

impl Module<'_> {
    fn place(&self) -> &Utf8Path {
        Utf8Path::new(&self.built.path)
    }

    fn cell(&self) -> Cell {
        Cell { id: self.cell.id.clone(), verdict: self.cell.verdict.clone() }
    }
}

/// What a file says that it is.
enum Claim<'a> {
    Asset(&'a str, &'a Asset<'a>),
    /// One of these, as far as its name and its folder tell.
    Modules(Vec<Module<'a>>),
    Nothing,
}

impl Claim<'_> {
    fn names(&self) -> Vec<String> {
        match self {
            Self::Asset(name, _) => vec![(*name).to_owned()],
            Self::Modules(modules) => modules.iter().map(|it| it.cell.id.to_string()).collect(),
            Self::Nothing => Vec::new(),
        }
    }
}

/// A file on the page of the release.
struct Asset<'a> {
    sha256: Sha256,
    /// Its size in bytes, where it is known.
    size: Option<u64>,
    description: &'a str,
}

impl Asset<'_> {
    fn answer(&self, name: &str) -> Answer {
        let (name, description) = (name.to_owned(), self.description.to_owned());
        Answer::Asset { name, description }
    }
}

impl<'a> Known<'a> {
    fn of(reference: &'a Reference) -> Self {
        let manifest = &reference.manifest;
        let own = reference.path.file_name().unwrap_or_default();
        let mut assets = BTreeMap::new();
        if let Some((path, sums)) = &reference.checksums {
            let asset = |sha256| Asset { sha256, size: None, description: "" };
            // For all else that they name the manifest alone answers: it is its digest that is trusted.
            let vouched = |name: &str| VOUCHED_ENDS.iter().any(|end| name.ends_with(end));
            let beside = |name: &str| name == own || vouched(name);
            let sums = sums.iter().filter(|(name, _)| beside(name));
            assets.extend(sums.map(|(name, sha256)| (name.as_str(), asset(*sha256))));
            if let (Some(name), Ok(digest)) = (path.file_name(), files::digest(path)) {
                let description = "the checksums that were compared with";
                let size = Some(digest.size);
                assets.insert(name, Asset { sha256: digest.sha256, size, description });
            }
        }
        // What the manifest says goes before what lies beside it.
        assets.extend(manifest.archives.iter().map(|archive| {
            let (sha256, size) = (archive.sha256, Some(archive.size));
            (archive.name.as_str(), Asset { sha256, size, description: &archive.description })
        }));
        let own_asset = assets.entry(own).or_insert(Asset {
            sha256: reference.digest.sha256,
            size: None,
            description: "",
        });
        own_asset.size = Some(reference.digest.size);
        own_asset.description = "the manifest that was compared with";
        let module = |cell: &'a CellRecord| Some(Module { cell, built: cell.built.as_ref()? });
        let modules = manifest.cells.iter().filter_map(module).collect();
        Self { module: &manifest.module.name, modules, assets }
    }

    /// A file; of an archive that nobody knows, each module in it. Of a folder's files only those are of
    /// interest that are, or are called, something of the release.
    fn compare(&self, path: &Utf8Path, is_named: bool) -> Result<Vec<ComparedFile>, VerifyError> {
        let digest = files::digest(path)?;
        let answer = self.answer(path, digest, || beginning(path));
        let answer = match answer {
            Some(answer) => answer,
            None if is_named => {
                let members = self.members(path)?;
                if !members.is_empty() {
                    return Ok(members);
                }
                Answer::Unknown
            }
            None => Answer::Aside,
        };
        Ok(vec![ComparedFile { file: path.to_string(), member: None, answer }])
    }

    /// What a file is to the release, if anything.
    fn answer(
        &self,
        path: &Utf8Path,
        digest: Digest,
        beginning: impl FnOnce() -> Vec<u8>,
    ) -> Option<Answer> {
        let sha256 = digest.sha256;
        let assets = self.assets.iter().filter(|(_, asset)| asset.sha256 == sha256);
        let assets: Vec<&str> = assets.map(|(name, _)| *name).collect();
        let is_it = |module: &&Module<'_>| module.built.sha256 == sha256;
        let modules: Vec<Module<'_>> = self.modules.iter().filter(is_it).copied().collect();
        let claim = self.claim(path);
        let (expected, size) = match &claim {
            Claim::Asset(name, asset) if asset.sha256 == sha256 => {
                return Some(asset.answer(name));
            }
            Claim::Modules(claimed) if claimed.iter().any(|it| is_it(&it)) => {
                return Some(Answer::Module {
                    cells: claimed.iter().filter(is_it).map(Module::cell).collect(),
                });
            }
            // Whoever gave a file a name of his own knows what he did.
            Claim::Nothing => {
                return match assets.first() {
                    Some(name) => Some(self.assets[name].answer(name)),
                    None if modules.is_empty() => None,
                    None => {
                        Some(Answer::Module { cells: modules.iter().map(Module::cell).collect() })
                    }
                };
            }
            Claim::Asset(_, asset) => (asset.sha256, asset.size),
            Claim::Modules(claimed) => {
                let first = claimed.first()?.built;
                (first.sha256, Some(first.size))
            }
        };
        let claimed = claim.names();
        let ids = modules.iter().map(|module| module.cell.id.to_string());
        let really: Vec<String> = assets.into_iter().map(str::to_owned).chain(ids).collect();
        if really.is_empty() {
            return Some(different(claimed, digest, expected, size, &beginning()));
        }
        Some(Answer::Misnamed { really, claimed })
    }

    /// What a file says that it is, by its name, and by its folder where that is one of the release's.
    fn claim(&self, path: &Utf8Path) -> Claim<'_> {
        let name = path.file_name().unwrap_or_default();
        if let Some((name, asset)) = self.assets.get_key_value(name) {
            return Claim::Asset(name, asset);
        }
        let whole = camino::absolute_utf8(path).unwrap_or_else(|_| path.to_owned());
        let placed = self.modules.iter().filter(|module| whole.ends_with(module.place()));
        let placed: Vec<Module<'_>> = placed.copied().collect();
        let named = self.modules.iter().filter(|module| module.place().file_name() == Some(name));
        match (placed.is_empty(), named.copied().collect::<Vec<_>>()) {
            (false, _) => Claim::Modules(placed),
            (true, named) if named.is_empty() => Claim::Nothing,
            (true, named) => Claim::Modules(named),
        }
    }

    /// The modules in an archive, or nothing where it is none or has none of this name.
    fn members(&self, path: &Utf8Path) -> Result<Vec<ComparedFile>, VerifyError> {
        let mut members = Vec::new();
        let mut look = |member: &str, bytes: &[u8]| {
            let digest = Digest::of(bytes);
            let answer = self.answer(Utf8Path::new(member), digest, || head(bytes).to_vec());
            let is_ours =
                Utf8Path::new(member).file_name().is_some_and(|name| name.starts_with(self.module));
            let answer = answer.unwrap_or(if is_ours { Answer::Unknown } else { Answer::Aside });
            let member = Some(member.to_owned());
            members.push(ComparedFile { file: path.to_string(), member, answer });
        };
        archive::modules(path, &mut look).map_err(VerifyError::Archive)?;
        Ok(members)
    }

    /// The archives that none of these is.
    fn missing(&self, files: &[ComparedFile]) -> Vec<ComparedFile> {
        let there: BTreeSet<&str> = files
            .iter()
            .filter_map(|file| match &file.answer {
                Answer::Asset { name, .. } => Some(name.as_str()),
                Answer::Different { .. } => Utf8Path::new(&file.file).file_name(),
                _ => None,
            })
            .collect();
        let missing = |name: &&str| ComparedFile {
            file: (*name).to_owned(),
            member: None,
            answer: Answer::Missing,
        };
        self.assets.keys().filter(|name| !there.contains(*name)).map(missing).collect()
    }
}

/// What is wrong with a file of the right name.
fn different(
    claimed: Vec<String>,
    found: Digest,
    expected: Sha256,
    size: Option<u64>,
    beginning: &[u8],
) -> Answer {
    let (reason, hint) = if beginning.trim_ascii_start().starts_with(b"<") {
        (
            "it is a page in HTML: a proxy or a login answered instead of the release".to_owned(),
            "open the address in a browser to see the page, and download the file again",
        )
    } else if let Some(size) = size.filter(|size| found.size < *size) {
        (
            format!("it has {} of {size} bytes: the download was cut short", found.size),
            "download it again",
        )
    } else {
        (
            format!("its SHA-256 is {}, and the release's is {expected}", found.sha256),
            "download it again; if the same comes, it is of another build or was changed by somebody: \
             do not load it",
        )
    };
    Answer::Different { claimed, reason, hint: hint.to_owned() }
}

/// Enough of a file to see that it is a page.
fn beginning(path: &Utf8Path) -> Vec<u8> {
    let mut bytes = Vec::new();
    if let Ok(file) = files::open(path) {
        drop(file.take(64).read_to_end(&mut bytes));
    }
    bytes
}

fn head(bytes: &[u8]) -> &[u8] {
    &bytes[..bytes.len().min(64)]
}
