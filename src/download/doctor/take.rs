//! Which file of a release goes with an Apache and a Python: by the rule that names the files, and by a
//! manifest where one is named.

use camino::Utf8Path;

use super::Parts;
use super::rules::labels;
use crate::download::reference::Reference;
use crate::model::abi::AbiFamily;
use crate::model::arch::Arch;
use crate::model::cell::{ApacheLabel, CellId};
use crate::model::diagnosis::{Released, ReleasedFile, Take};
use crate::model::installation::{Apache, Python};
use crate::model::manifest::{BuiltRecord, CellRecord, Manifest};
use crate::sys::archive;

const MODULE: &str = "mod_wsgi";

/// The file, if any goes with both.
pub(super) fn take(parts: &Parts, reference: Option<&Reference>) -> Option<Take> {
    let (apache, python) = (parts.apache.as_ref()?, parts.python.as_ref()?);
    let wanted = wanted(apache, python)?;
    let manifest = reference.map(|reference| &reference.manifest);
    let cell = manifest.and_then(|manifest| nearest(manifest, &wanted, apache.build.abi));
    let id = cell.map_or(&wanted, |cell| &cell.id);
    let module = manifest.map_or(MODULE, |manifest| &manifest.module.name);
    let released = manifest.and_then(|manifest| Some(released(manifest, cell?)));
    let built = cell.is_some_and(|cell| cell.built.is_some());
    let is_there = manifest.map(|_| built);
    let remark = remark(apache, python, &wanted, cell, manifest);
    Some(Take { cell: id.clone(), path: id.module_path(module), is_there, remark, released })
}

/// The cell by the rule of names. Where Apache's compiler is unknown, its family's first label stands.
fn wanted(apache: &Apache, python: &Python) -> Option<CellId> {
    let arch = apache.build.arch.filter(|_| apache.build.arch == python.build.arch)?;
    let abi = python.build.abi?;
    let mixes = apache.build.abi.is_some_and(|theirs| theirs != abi);
    if mixes && !published_all_the_same(apache, arch, python) {
        return None;
    }
    let compiler = apache.build.compiler.clone().unwrap_or_else(|| abi.to_string());
    let series = apache.series.as_ref()?.parse().ok()?;
    Some(CellId { apache: ApacheLabel { series, arch, compiler }, python: python.tag, abi })
}

/// The two modules that the document publishes although they mix two families.
fn published_all_the_same(apache: &Apache, arch: Arch, python: &Python) -> bool {
    arch == Arch::Win64
        && apache.series.as_deref() == Some("2.4")
        && apache.build.abi == Some(AbiFamily::Vc10)
        && (python.tag.major, python.tag.minor) >= (2, 6)
        && python.tag.major == 2
}

/// The cell of the manifest that this is, or one of another label whose Apache loads the same module.
fn nearest<'a>(
    manifest: &'a Manifest,
    wanted: &CellId,
    family: Option<AbiFamily>,
) -> Option<&'a CellRecord> {
    if let Some(exact) = manifest.cells.iter().find(|cell| cell.id == *wanted)
        && (family.is_some() || exact.built.is_some())
    {
        return Some(exact);
    }
    let same_but_label = |cell: &&CellRecord| {
        let label = &cell.id.apache;
        cell.id.python == wanted.python
            && cell.id.abi == wanted.abi
            && (label.arch, &label.series) == (wanted.apache.arch, &wanted.apache.series)
            && AbiFamily::of_compiler(&label.compiler) == Some(family.unwrap_or(wanted.abi))
    };
    let mut cells: Vec<&CellRecord> = manifest.cells.iter().filter(same_but_label).collect();
    cells.sort_by_key(|cell| cell.built.is_some());
    cells.pop()
}

fn remark(
    apache: &Apache,
    python: &Python,
    wanted: &CellId,
    cell: Option<&CellRecord>,
    manifest: Option<&Manifest>,
) -> Option<String> {
    let family = wanted.abi;
    if apache.build.abi.is_some_and(|theirs| theirs != family) {
        let why = "published, and not supported: it mixes two compiler families (rule 3)";
        return Some(why.to_owned());
    }
    if apache.build.abi.is_none() {
        return Some(format!(
            "what this Apache is compiled with cannot be told; the module is the same for {}",
            labels(family)
        ));
    }
    match (cell, manifest) {
        (Some(cell), _) if cell.id != *wanted => Some(format!(
            "the release has no folder {}; every Apache of {} loads the same module",
            wanted.apache,
            labels(family)
        )),
        (None, Some(manifest)) => Some(format!(
            "{} {} has no module for Python {} on such an Apache: another version of it may",
            manifest.module.name, manifest.module.version, python.tag
        )),
        _ => None,
    }
}

fn released(manifest: &Manifest, cell: &CellRecord) -> Released {
    Released {
        version: manifest.module.version.clone(),
        verdict: cell.verdict.clone(),
        file: cell.built.as_ref().map(|built| file(manifest, cell, built)),
        not_built: cell.not_built.clone(),
    }
}

fn file(manifest: &Manifest, cell: &CellRecord, built: &BuiltRecord) -> ReleasedFile {
    let own = format!("-{}.zip", cell.id.apache);
    let names = manifest.archives.iter().map(|archive| archive.name.as_str());
    let holds = |name: &&str| name.ends_with(&own) || !name.contains("-Apache");
    let is_wheel = |name: &str| Utf8Path::new(name).extension() == Some("whl");
    let is_archive = |name: &&str| archive::kind(Utf8Path::new(name)).is_some() && !is_wheel(name);
    ReleasedFile {
        sha256: built.sha256,
        size: built.size,
        archives: names.filter(is_archive).filter(holds).map(str::to_owned).collect(),
        smoke: built.smoke.clone(),
    }
}
