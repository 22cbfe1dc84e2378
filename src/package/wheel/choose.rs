//! Which wheels a release has, which cell's module each of them holds, and which cells it serves.

use std::collections::{BTreeMap, BTreeSet};

use super::tag::Tag;
use crate::model::abi::AbiFamily;
use crate::model::cell::{CellId, Verdict};
use crate::model::manifest::{BuiltRecord, CellRecord, Manifest};
use crate::model::smoke::Smoke;
use crate::model::version::Version;

/// A wheel of a release.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Wheel {
    pub(super) tag: Tag,
    /// `6.1.1`, `4.9.4+ap24`.
    pub(super) version: String,
    /// The Apache series whose module it holds.
    pub(super) series: Version,
    /// The place of the module that it holds.
    pub(super) module: String,
    /// Where the cells that it serves are in the manifest.
    cells: Vec<usize>,
}

impl Wheel {
    pub(super) fn file_name(&self, module: &str) -> String {
        file_name(module, &self.version, self.tag)
    }
}

/// Has every cell that pip can give a module to say by which wheel.
pub fn assign(manifest: &mut Manifest) {
    for wheel in chosen(manifest) {
        let name = wheel.file_name(&manifest.module.name);
        for index in wheel.cells {
            if let Some(built) = &mut manifest.cells[index].built {
                built.wheel = Some(name.clone());
            }
        }
    }
}

/// The names of the wheels for all that may be built of some cells.
pub fn names<'a>(
    module: &str,
    version: &Version,
    cells: impl Iterator<Item = (&'a CellId, &'a Verdict)>,
) -> Vec<String> {
    let series = series(cells);
    let names = series.iter().flat_map(|(tag, series)| {
        series.iter().map(|one| file_name(module, &full_version(version, one, series), *tag))
    });
    names.collect()
}

/// The wheels of a release: one a Python and architecture, and where Apaches of several series are
/// supported for it, one a series. It holds the module that was built against the oldest Apache, which
/// every later one of the series loads.
pub(super) fn chosen(manifest: &Manifest) -> Vec<Wheel> {
    let series = series(manifest.cells.iter().map(|cell| (&cell.id, &cell.verdict)));
    let mut wheels: BTreeMap<(Tag, &Version), Wheel> = BTreeMap::new();
    let mut order: Vec<_> = offered(manifest).collect();
    order.sort_by_key(|&(_, cell, built)| (apache_version(manifest, built), &cell.id));
    for (index, cell, built) in order {
        let tag = tag_of(&cell.id);
        let one = &cell.apache.series;
        let wheel = wheels.entry((tag, one)).or_insert_with(|| Wheel {
            tag,
            version: full_version(&manifest.module.version, one, &series[&tag]),
            series: one.clone(),
            module: built.path.clone(),
            cells: Vec::new(),
        });
        wheel.cells.push(index);
    }
    wheels.into_values().collect()
}

/// The supported cells with a file that did not fail in a real Apache.
fn offered(manifest: &Manifest) -> impl Iterator<Item = (usize, &CellRecord, &BuiltRecord)> {
    let cells = manifest.cells.iter().enumerate();
    cells.filter_map(|(index, cell)| {
        let built = cell.built.as_ref().filter(|_| cell.verdict == Verdict::Supported)?;
        (!matches!(built.smoke, Smoke::Failed { .. })).then_some((index, cell, built))
    })
}

fn apache_version<'a>(manifest: &'a Manifest, built: &BuiltRecord) -> Option<&'a Version> {
    let root = manifest.roots.iter().find(|root| root.name == built.apache_root)?;
    Some(&root.version)
}

/// The Apache series that are supported for each Python and architecture, whether they were built or not.
fn series<'a>(
    cells: impl Iterator<Item = (&'a CellId, &'a Verdict)>,
) -> BTreeMap<Tag, BTreeSet<Version>> {
    let mut series: BTreeMap<Tag, BTreeSet<Version>> = BTreeMap::new();
    for (id, verdict) in cells {
        if *verdict == Verdict::Supported {
            let series = series.entry(tag_of(id)).or_default();
            series.insert(id.apache.series.clone());
            // Only with VC9 there were Apaches of two. A name must not depend on what was asked for, so
            // that the other one counts even where it was not.
            if id.abi == AbiFamily::Vc9 {
                series.extend(["2.2", "2.4"].iter().filter_map(|text| text.parse().ok()));
            }
        }
    }
    series
}

fn tag_of(id: &CellId) -> Tag {
    Tag { python: id.python, arch: id.apache.arch }
}

/// The module's version, and the Apache series where pip could otherwise not tell two wheels apart. Of
/// two local versions pip takes the greater, so the newer Apache's.
fn full_version(version: &Version, one: &Version, all: &BTreeSet<Version>) -> String {
    let version = version.normalized();
    match all.len() {
        0 | 1 => version,
        _ => format!("{version}+ap{}", one.as_str().replace('.', "")),
    }
}

fn file_name(module: &str, version: &str, tag: Tag) -> String {
    format!("{}-{version}-{}.whl", module.replace(['-', '.'], "_"), tag.text())
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    const DIGEST: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    fn cell(id: &str, root: &str, verdict: &str, smoke: &str) -> Value {
        let id: CellId = id.parse().unwrap();
        let reason = if verdict == "supported" { None } else { Some("mixes") };
        let mut said = json!({ "verdict": verdict });
        if let Some(reason) = reason {
            said["reason"] = reason.into();
        }
        let by = json!({ "system": "a", "apache": "b", "python": "c" });
        json!({
            "id": id, "apache": id.apache, "python": id.python, "arch": id.apache.arch, "abi": id.abi,
            "verdict": said,
            "built": {
                "path": id.module_path("mod_wsgi"), "sha256": DIGEST, "size": 1,
                "load_module": "", "action": DIGEST, "toolset": "cross",
                "inputs": {
                    "command": DIGEST, "input_root": DIGEST, "source_tree": DIGEST,
                    "apache_tree": DIGEST, "python_tree": DIGEST,
                    "toolset": { "name": "cross", "version": "1", "digest": DIGEST },
                },
                "apache_root": root, "python_root": "python", "warnings": [], "findings": [],
                "smoke": match smoke {
                    "failed" => json!({
                        "result": "failed", "by": by, "check": "start", "reason": "r", "log": "",
                    }),
                    _ => json!({ "result": "not_run", "reason": "not wanted" }),
                },
            },
        })
    }

    /// The wheel and the module in it, by cell.
    fn assigned(cells: Vec<Value>) -> (Vec<Option<String>>, Vec<String>) {
        let root = |version: &str| {
            json!({
                "name": version, "kind": "apache", "version": version, "arch": "win64",
                "tree": DIGEST, "origin": "", "stand_ins": [],
            })
        };
        let manifest = json!({
            "format_version": 1, "modfarm": "0.1.0",
            "module": {
                "name": "mod_wsgi", "version": "4.9.4", "source": "", "source_tree": DIGEST,
            },
            "toolsets": [], "roots": [root("2.2.34"), root("2.4.9"), root("2.4.10")],
            "cells": cells, "archives": [], "warnings": [],
        });
        let mut manifest: Manifest = serde_json::from_value(manifest).unwrap();
        assign(&mut manifest);
        let modules = chosen(&manifest).into_iter().map(|wheel| wheel.module).collect();
        let wheels = manifest.cells.into_iter().map(|cell| cell.built.unwrap().wheel).collect();
        (wheels, modules)
    }

    #[test]
    fn a_wheel_holds_the_module_for_the_oldest_apache_and_serves_all() {
        let (wheels, modules) = assigned(vec![
            cell("Apache24-win64-VC15/py39-VC14", "2.4.10", "supported", ""),
            cell("Apache24-win64-VS17/py39-VC14", "2.4.9", "supported", ""),
            cell("Apache24-win32-VS17/py39-VC14", "2.4.10", "supported", ""),
        ]);
        let [win32, win64] =
            ["win32", "win_amd64"].map(|it| Some(format!("mod_wsgi-4.9.4-cp39-cp39-{it}.whl")));
        assert_eq!(wheels, [win64.clone(), win64, win32]);
        let place = |arch| format!("Apache24-{arch}-VS17/modules/mod_wsgi-py39-VC14.so");
        assert_eq!(modules, [place("win32"), place("win64")]);
    }

    #[test]
    fn two_series_have_a_wheel_each_with_or_without_the_other() {
        let ap22 = || cell("Apache22-win32-VC9/py27-VC9", "2.2.34", "supported", "");
        let ap24 = || cell("Apache24-win32-VC9/py27-VC9", "2.4.9", "supported", "");
        let name = |local: &str| Some(format!("mod_wsgi-4.9.4+{local}-cp27-cp27m-win32.whl"));
        assert_eq!(assigned(vec![ap22(), ap24()]).0, [name("ap22"), name("ap24")]);
        assert_eq!(assigned(vec![ap22()]).0, [name("ap22")]);
        assert_eq!(assigned(vec![ap24()]).0, [name("ap24")]);
    }

    #[test]
    fn what_is_unsupported_or_failed_has_none() {
        let (wheels, modules) = assigned(vec![
            cell("Apache24-win64-VC10/py27-VC9", "2.4.9", "unsupported", ""),
            cell("Apache24-win64-VS16/py39-VC14", "2.4.9", "supported", "failed"),
            cell("Apache24-win64-VS17/py39-VC14", "2.4.10", "supported", ""),
        ]);
        let name = "mod_wsgi-4.9.4-cp39-cp39-win_amd64.whl".to_owned();
        assert_eq!(wheels, [None, None, Some(name)]);
        assert_eq!(modules, ["Apache24-win64-VS17/modules/mod_wsgi-py39-VC14.so"]);
    }
}
