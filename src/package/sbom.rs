//! The software bill of materials of a release, in CycloneDX: every module and wheel, and what each of
//! them was made of and needs.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::{built, purl, wheel};
use crate::model::digest::Sha256;
use crate::model::manifest::{
    ArchiveRecord, BuiltRecord, CellRecord, Manifest, RootRecord, ToolsetRecord,
};
use crate::model::offer::RootKind;

/// The bill of a release whose archives are made.
#[must_use]
pub fn render(manifest: &Manifest) -> String {
    let mut bom = json!({
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": "",
        "version": 1,
        "metadata": {
            "tools": {
                "components": [
                    { "type": "application", "name": "modfarm", "version": manifest.modfarm },
                ],
            },
            "component": {
                "type": "library",
                "bom-ref": RELEASE,
                "name": format!("{}-windows", manifest.module.name),
                "version": manifest.module.version,
            },
        },
        "components": components(manifest),
        "dependencies": dependencies(manifest),
    });
    bom["serialNumber"] = serial_number(&bom.to_string()).into();
    format!("{bom:#}\n")
}

const RELEASE: &str = "release";
const SOURCE: &str = "source";

/// A UUID made from what it names (RFC 9562, version 8), for a random one would differ every time.
fn serial_number(content: &str) -> String {
    let hex = Sha256::of(content.as_bytes()).to_string();
    let part = |from: usize, to: usize| &hex[from..to];
    // The two eights are the version and the variant.
    let (version, variant) = (part(12, 15), part(15, 18));
    format!("urn:uuid:{}-{}-8{version}-8{variant}-{}", part(0, 8), part(8, 12), part(18, 30))
}

fn components(manifest: &Manifest) -> Vec<Value> {
    let mut components = vec![source(manifest)];
    components.extend(built(manifest).map(|(cell, built)| module(cell, built)));
    components.extend(wheels(manifest).map(|wheel| wheel_component(manifest, wheel)));
    components.extend(manifest.roots.iter().map(root));
    for toolset in &manifest.toolsets {
        components.extend(parts(toolset).into_iter().map(|part| part.component(toolset)));
    }
    components
}

fn source(manifest: &Manifest) -> Value {
    let module = &manifest.module;
    let mut source = json!({
        "type": "library",
        "bom-ref": SOURCE,
        "name": module.name,
        "version": module.version,
        "description": format!("the source: {}", module.source),
        "properties": [property("modfarm:tree", &module.source_tree.to_string())],
    });
    if let Some(sha256) = module.source_sha256 {
        source["purl"] = purl(module).into();
        source["hashes"] = hashes(sha256);
    }
    source
}

fn module(cell: &CellRecord, built: &BuiltRecord) -> Value {
    json!({
        "type": "file",
        "bom-ref": built.path,
        "name": built.path,
        "hashes": hashes(built.sha256),
        "properties": [
            property("modfarm:cell", &cell.id.to_string()),
            property("modfarm:verdict", cell.verdict.name()),
            property("modfarm:action", &built.action.to_string()),
        ],
    })
}

fn wheels(manifest: &Manifest) -> impl Iterator<Item = &ArchiveRecord> {
    manifest.archives.iter().filter(|archive| wheel::is_wheel(&archive.name))
}

fn wheel_component(manifest: &Manifest, wheel: &ArchiveRecord) -> Value {
    json!({
        "type": "file",
        "bom-ref": wheel.name,
        "name": wheel.name,
        "version": manifest.module.version,
        "description": wheel.description,
        "hashes": hashes(wheel.sha256),
    })
}

/// What a module meets where it runs. It is not part of the release.
fn root(root: &RootRecord) -> Value {
    let (kind, name) = match root.kind {
        RootKind::Apache => ("application", "Apache HTTP Server"),
        RootKind::Python => ("platform", "CPython"),
    };
    let mut properties = vec![
        property("modfarm:tree", &root.tree.to_string()),
        property("modfarm:arch", root.arch.as_str()),
        property("modfarm:origin", &root.origin),
    ];
    properties.extend(root.stand_ins.iter().map(|what| property("modfarm:stand-in", what)));
    json!({
        "type": kind,
        "bom-ref": root_ref(&root.name),
        "name": name,
        "version": root.version,
        "scope": "required",
        "properties": properties,
    })
}

fn root_ref(name: &str) -> String {
    format!("root:{name}")
}

/// A part of a toolset: `clang 14.0.6`.
struct Part<'a> {
    name: &'a str,
    version: &'a str,
}

/// The parts of a toolset, as its version lists them.
fn parts(toolset: &ToolsetRecord) -> Vec<Part<'_>> {
    let parts = toolset.version.split(", ").filter(|part| !part.trim().is_empty());
    parts
        .map(|part| {
            let (name, version) = part.split_once(' ').unwrap_or((part, ""));
            Part { name, version }
        })
        .collect()
}

impl Part<'_> {
    fn reference(&self, toolset: &ToolsetRecord) -> String {
        format!("toolset:{}:{}:{}", toolset.name, toolset.digest.short(), self.name)
    }

    /// Compilers stay where they are; of mingw-w64 the code that a DLL starts with is in every module.
    fn component(&self, toolset: &ToolsetRecord) -> Value {
        let is_linked = self.name.starts_with("mingw");
        json!({
            "type": if is_linked { "library" } else { "application" },
            "bom-ref": self.reference(toolset),
            "name": self.name,
            "version": self.version,
            "scope": if is_linked { "required" } else { "excluded" },
            "properties": [
                property("modfarm:toolset", &toolset.name),
                property("modfarm:toolset-digest", &toolset.digest.to_string()),
            ],
        })
    }
}

fn dependencies(manifest: &Manifest) -> Vec<Value> {
    let mut needs: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (_, built) in built(manifest) {
        let mut of = BTreeSet::from([SOURCE.to_owned()]);
        of.extend([&built.apache_root, &built.python_root].map(|name| root_ref(name)));
        let toolset = &built.inputs.toolset;
        of.extend(parts(toolset).iter().map(|part| part.reference(toolset)));
        needs.insert(built.path.clone(), of);
    }
    for (wheel, module) in wheel::modules(manifest) {
        needs.insert(wheel, BTreeSet::from([SOURCE.to_owned(), module]));
    }
    let all = needs.keys().cloned().collect();
    let leaves: BTreeSet<String> = needs.values().flatten().cloned().collect();
    for leaf in leaves {
        needs.entry(leaf).or_default();
    }
    needs.insert(RELEASE.to_owned(), all);
    needs.into_iter().map(|(of, on)| json!({ "ref": of, "dependsOn": on })).collect()
}

fn hashes(sha256: Sha256) -> Value {
    json!([{ "alg": "SHA-256", "content": sha256.to_string() }])
}

fn property(name: &str, value: &str) -> Value {
    json!({ "name": name, "value": value })
}
