//! The provenance of a release: an in-toto statement with SLSA's predicate, of all that the manifest
//! knows and of nothing that differs between two builds of the same inputs.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{built, purl};
use crate::model::cell::CellId;
use crate::model::digest::Sha256;
use crate::model::manifest::Manifest;

/// How a release is built, as `README.md` describes it.
const BUILD_TYPE: &str = "urn:modfarm:release:v1";

/// Whoever runs modfarm. Who that was, the signature around this statement says.
const BUILDER: &str = "urn:modfarm:builder:v1";

/// The statement about these files of a release and about the modules in its archives.
#[must_use]
pub fn render<'a>(
    manifest: &'a Manifest,
    files: impl IntoIterator<Item = (&'a str, Sha256)>,
) -> String {
    let modules = built(manifest).map(|(_, built)| (built.path.as_str(), built.sha256));
    let subject: Vec<Value> = files.into_iter().chain(modules).map(subject).collect();
    let statement = json!({
        "_type": "https://in-toto.io/Statement/v1",
        "subject": subject,
        "predicateType": "https://slsa.dev/provenance/v1",
        "predicate": {
            "buildDefinition": {
                "buildType": BUILD_TYPE,
                "externalParameters": parameters(manifest),
                "resolvedDependencies": dependencies(manifest),
            },
            "runDetails": {
                "builder": { "id": BUILDER, "version": { "modfarm": manifest.modfarm } },
            },
        },
    });
    format!("{statement:#}\n")
}

fn subject((name, sha256): (&str, Sha256)) -> Value {
    json!({ "name": name, "digest": { "sha256": sha256.to_string() } })
}

/// What was asked for: the module, its version, and what the matrix says of each combination.
fn parameters(manifest: &Manifest) -> Value {
    let cells: BTreeMap<&CellId, &str> =
        built(manifest).map(|(cell, _)| (&cell.id, cell.verdict.name())).collect();
    let cells: serde_json::Map<String, Value> =
        cells.into_iter().map(|(id, verdict)| (id.to_string(), verdict.into())).collect();
    let module = &manifest.module;
    json!({
        "module": module.name,
        "version": module.version,
        "source": module.source,
        "cells": cells,
    })
}

/// What went in. Digests of folders are those of the Remote Execution API, and of no file.
fn dependencies(manifest: &Manifest) -> Vec<Value> {
    let module = &manifest.module;
    let mut source = json!({
        "name": "the module's source",
        "digest": { "reapiTree": module.source_tree.to_string() },
    });
    if let Some(sha256) = module.source_sha256 {
        source["uri"] = purl(module).into();
        source["digest"]["sha256"] = sha256.to_string().into();
    }
    let roots = manifest.roots.iter().map(|root| {
        json!({
            "name": root.name,
            "digest": { "reapiTree": root.tree.to_string() },
            "annotations": {
                "kind": root.kind,
                "version": root.version,
                "arch": root.arch,
                "origin": root.origin,
            },
        })
    });
    let toolsets = manifest.toolsets.iter().map(|toolset| {
        json!({
            "name": format!("toolset {}", toolset.name),
            "digest": { "modfarmToolset": toolset.digest.to_string() },
            "annotations": { "version": toolset.version },
        })
    });
    std::iter::once(source).chain(roots).chain(toolsets).collect()
}
