//! What the script knows: the releases, as JSON in the page.

use serde_json::{Value, json};

use super::Offered;
use crate::model::abi::AbiFamily;
use crate::model::manifest::{ArchiveRecord, BuiltRecord, CellRecord, Manifest};
use crate::model::smoke::Smoke;

/// The JSON, in which nothing can end the element that it stands in.
pub(super) fn embedded(offered: &[Offered]) -> String {
    let releases: Vec<Value> = offered.iter().map(of_release).collect();
    let known = json!({ "compilers": compilers(), "releases": releases });
    known.to_string().replace('<', "\\u003c")
}

/// Every compiler's label, the oldest first, with its family and the first version of its linker.
fn compilers() -> Vec<(AbiFamily, u8, &'static str)> {
    let mut compilers: Vec<(AbiFamily, u8, &'static str)> = Vec::new();
    for family in AbiFamily::ALL {
        for minor in 0..100 {
            let label = family.compiler((14, minor));
            if compilers.last().is_none_or(|(_, _, last)| *last != label) {
                compilers.push((family, minor, label));
            }
        }
    }
    compilers
}

fn of_release(offered: &Offered) -> Value {
    let release = &offered.release;
    let module = &release.module;
    json!({
        "module": module.name,
        "version": module.version,
        "prerelease": module.version.is_prerelease(),
        "cells": release.cells.iter().map(|cell| of_cell(offered, cell)).collect::<Vec<_>>(),
        "archives": release.archives.iter().map(|archive| json!({
            "name": archive.name, "sha256": archive.sha256, "description": archive.description,
        })).collect::<Vec<_>>(),
    })
}

fn of_cell(offered: &Offered, cell: &CellRecord) -> Value {
    json!({
        "id": cell.id,
        "apache": cell.apache,
        "series": cell.apache.series,
        "compiler": cell.apache.compiler,
        "family": AbiFamily::of_compiler(&cell.apache.compiler),
        "arch": cell.arch,
        "bits": cell.arch.bits(),
        "python": cell.python.to_string(),
        "dll": cell.python.dll(),
        "home": cell.python.usual_folder(cell.arch),
        "abi": cell.abi,
        "verdict": cell.verdict.name(),
        "reason": cell.verdict.reason().or(cell.not_built.as_deref()),
        "built": cell.built.as_ref().map(|built| of_built(offered, cell, built)),
    })
}

fn of_built(offered: &Offered, cell: &CellRecord, built: &BuiltRecord) -> Value {
    let release = &offered.release;
    let asset = |archive: &ArchiveRecord| {
        json!({
            "name": archive.name, "url": offered.to(&archive.name),
            "sha256": archive.sha256, "size": archive.size,
        })
    };
    json!({
        "path": built.path,
        "sha256": built.sha256,
        "size": built.size,
        "load_module": built.load_module,
        "archive": archive(release, cell).map(asset),
        "wheel": wheel(release, built).map(asset),
        "warnings": built.warnings,
        "smoke": smoke(&built.smoke),
    })
}

/// The zip with the folder of the cell's Apache.
pub(super) fn archive<'a>(release: &'a Manifest, cell: &CellRecord) -> Option<&'a ArchiveRecord> {
    let end = format!("-{}.zip", cell.apache);
    release.archives.iter().find(|archive| archive.name.ends_with(&end))
}

/// The wheel with the cell's module.
pub(super) fn wheel<'a>(release: &'a Manifest, built: &BuiltRecord) -> Option<&'a ArchiveRecord> {
    let name = built.wheel.as_ref()?;
    release.archives.iter().find(|archive| archive.name == *name)
}

/// What was seen of a file in a real Apache, in words.
pub(super) fn smoke(smoke: &Smoke) -> String {
    match smoke {
        Smoke::Served { by, .. } => {
            format!("served pages in {} with {} on {}", by.apache, by.python, by.system)
        }
        Smoke::Failed { reason, .. } => format!("failed: {reason}"),
        Smoke::NotRun { reason } => format!("not tried: {reason}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_begins_with_a_linker() {
        let labels: Vec<_> =
            compilers().into_iter().map(|(_, minor, label)| (minor, label)).collect();
        let last = [(0, "VC14"), (10, "VC15"), (20, "VS16"), (30, "VS17"), (50, "VS18")];
        assert_eq!(labels[..4], [(0, "VC9"), (0, "VC10"), (0, "VC11"), (0, "VC12")]);
        assert_eq!(labels[4..], last);
    }
}
