//! Plan, roots and inspected files -> what a release says of itself.

use std::collections::{BTreeMap, BTreeSet};

use super::{Contents, wheel};
use crate::inspect::Inspected;
use crate::model::cell::{CellId, Verdict};
use crate::model::digest::Sha256;
use crate::model::manifest::{
    BuiltRecord, CellRecord, FORMAT_VERSION, InputsRecord, Manifest, ModuleRecord, RootRecord,
    ToolsetRecord,
};
use crate::model::smoke::Smoke;
use crate::model::toolset::Toolset;
use crate::plan::{Assignment, Build, Plan, PlannedCell};
use crate::roots::python_package::PythonPackage;
use crate::roots::{Root, Source};

/// A cell's file, with the digests of what built it.
#[derive(Debug)]
pub struct Proven {
    /// The file, as the inspection passed it.
    pub file: Inspected,
    /// The action's digest.
    pub action: Sha256,
    /// The digest of its command.
    pub command: Sha256,
    /// The digest of the tree it ran in.
    pub input_root: Sha256,
}

/// What a release is described from.
#[derive(Debug)]
pub struct Facts<'a> {
    /// The plan.
    pub plan: &'a Plan,
    /// The module's source.
    pub source: &'a Source,
    /// The roots, by name.
    pub roots: &'a BTreeMap<String, Root>,
    /// The toolsets, by the names of the runner and of the toolset: two runners may have different ones
    /// of one name.
    pub toolsets: &'a BTreeMap<(String, String), Toolset>,
    /// The files, by cell.
    pub proven: BTreeMap<CellId, Proven>,
    /// What was seen of the files, by cell.
    pub seen: BTreeMap<CellId, Smoke>,
}

/// The contents of the release, its archives still to be made.
#[must_use]
pub fn describe(facts: Facts<'_>) -> Contents {
    let Facts { plan, source, roots, toolsets, mut proven, mut seen } = facts;
    let mut modules = BTreeMap::new();
    let mut used = BTreeSet::new();
    let cells = plan
        .cells
        .iter()
        .map(|cell| {
            let proven = proven.remove(&cell.id);
            let seen = seen.remove(&cell.id);
            let made_of =
                |by: &Assignment, proven: &Proven| inputs(by, proven, source, roots, toolsets);
            let record = record(plan, cell, proven.as_ref(), seen, roots, made_of);
            if let (Some(built), Some(proven)) = (&record.built, proven) {
                used.extend([built.apache_root.clone(), built.python_root.clone()]);
                modules.insert(built.path.clone(), proven.file);
            }
            record
        })
        .collect();
    let mut manifest = Manifest {
        format_version: FORMAT_VERSION,
        modfarm: env!("CARGO_PKG_VERSION").to_owned(),
        module: ModuleRecord {
            name: plan.module.clone(),
            version: source.version.clone(),
            source: source.origin.clone(),
            source_sha256: source.sha256,
            source_tree: source.tree.digest().sha256,
            package: source.package.as_ref().ok().map(PythonPackage::digest),
        },
        toolsets: distinct(toolsets),
        roots: roots.values().filter(|root| used.contains(&root.name)).map(root_record).collect(),
        cells,
        archives: Vec::new(),
        warnings: warnings(plan, toolsets),
    };
    match &source.package {
        Ok(_) => wheel::assign(&mut manifest),
        Err(reason) => manifest.warnings.push(format!("There are no wheels for pip: {reason}.")),
    }
    let (licence, package) = (source.licence.clone(), source.package.clone().ok());
    Contents { manifest, modules, licence, package }
}

fn record(
    plan: &Plan,
    cell: &PlannedCell,
    proven: Option<&Proven>,
    seen: Option<Smoke>,
    roots: &BTreeMap<String, Root>,
    made_of: impl Fn(&Assignment, &Proven) -> Option<InputsRecord>,
) -> CellRecord {
    let id = &cell.id;
    let built = match (&cell.build, proven) {
        (Build::By(by), Some(proven)) => {
            let seen = seen.unwrap_or_else(|| Smoke::NotRun { reason: "not tried".to_owned() });
            made_of(by, proven)
                .map(|inputs| built_record(&plan.module, id, by, proven, seen, roots, inputs))
        }
        _ => None,
    };
    let not_built = match &cell.build {
        Build::Nobody { reason } => Some(reason.clone()),
        Build::By(_) | Build::Never => None,
    };
    CellRecord {
        id: id.clone(),
        apache: id.apache.clone(),
        python: id.python,
        arch: id.apache.arch,
        abi: id.abi,
        verdict: cell.verdict.clone(),
        built,
        not_built,
    }
}

fn built_record(
    module: &str,
    id: &CellId,
    by: &Assignment,
    proven: &Proven,
    smoke: Smoke,
    roots: &BTreeMap<String, Root>,
    inputs: InputsRecord,
) -> BuiltRecord {
    let mut warnings = by.warnings.clone();
    for name in [&by.apache_root, &by.python_root] {
        if let Some(root) = roots.get(name) {
            let kind = root.kind.as_str();
            warnings.extend(root.stand_ins.iter().map(|what| format!("{kind} root: {what}")));
        }
    }
    let digest = proven.file.digest();
    BuiltRecord {
        path: id.module_path(module),
        sha256: digest.sha256,
        size: digest.size,
        load_module: id.load_module_line(module),
        action: proven.action,
        inputs,
        toolset: by.toolset.clone(),
        apache_root: by.apache_root.clone(),
        python_root: by.python_root.clone(),
        warnings,
        findings: proven.file.findings().to_vec(),
        smoke,
        wheel: None,
    }
}

/// What a file was made from. There is no file without roots and a toolset.
fn inputs(
    by: &Assignment,
    proven: &Proven,
    source: &Source,
    roots: &BTreeMap<String, Root>,
    toolsets: &BTreeMap<(String, String), Toolset>,
) -> Option<InputsRecord> {
    let tree = |name: &String| roots.get(name).map(|root| root.tree.digest().sha256);
    let toolset = toolsets.get(&(by.runner.clone(), by.toolset.clone()))?;
    Some(InputsRecord {
        command: proven.command,
        input_root: proven.input_root,
        source_tree: source.tree.digest().sha256,
        apache_tree: tree(&by.apache_root)?,
        python_tree: tree(&by.python_root)?,
        toolset: toolset_record(toolset),
    })
}

/// Every toolset once, whichever runners have it.
fn distinct(toolsets: &BTreeMap<(String, String), Toolset>) -> Vec<ToolsetRecord> {
    let by_digest: BTreeMap<_, _> =
        toolsets.values().map(|toolset| ((&toolset.name, toolset.digest), toolset)).collect();
    by_digest.into_values().map(toolset_record).collect()
}

fn toolset_record(toolset: &Toolset) -> ToolsetRecord {
    ToolsetRecord {
        name: toolset.name.clone(),
        version: toolset.version.clone(),
        digest: toolset.digest,
    }
}

fn root_record(root: &Root) -> RootRecord {
    RootRecord {
        name: root.name.clone(),
        kind: root.kind,
        version: root.version.clone(),
        arch: root.arch,
        tree: root.tree.digest().sha256,
        origin: root.origin.clone(),
        stand_ins: root.stand_ins.clone(),
    }
}

/// What holds for every file of the release.
fn warnings(plan: &Plan, toolsets: &BTreeMap<(String, String), Toolset>) -> Vec<String> {
    let mut warnings = plan.warnings.clone();
    if toolsets.keys().any(|(_, toolset)| toolset == "cross") {
        warnings.push(
            "Compiled with clang and linked with lld against mingw-w64's import library of the same \
             C runtime, not with Microsoft's compiler."
                .to_owned(),
        );
    }
    if plan.cells.iter().any(|cell| matches!(cell.verdict, Verdict::Unsupported { .. })) {
        warnings.push(
            "The files marked unsupported mix C runtimes: they may or may not work for you."
                .to_owned(),
        );
    }
    warnings
}
