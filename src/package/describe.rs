//! Plan, roots and inspected files -> what was made, in records; and these -> what a release says of itself.

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

/// What was made is recorded from this.
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

/// What was made of a plan, here or in parts elsewhere: what a release is described from.
#[derive(Debug, Default)]
pub struct Made {
    /// The roots that it was built against, by name.
    pub roots: BTreeMap<String, RootRecord>,
    /// The cells that have a file.
    pub cells: BTreeMap<CellId, MadeCell>,
}

/// A cell's file, and all that is known of it.
#[derive(Debug)]
pub struct MadeCell {
    /// The file, as the inspection passed it.
    pub file: Inspected,
    /// Its record.
    pub record: BuiltRecord,
}

impl Made {
    /// Every toolset once, whichever runners have it.
    #[must_use]
    pub fn toolsets(&self) -> Vec<ToolsetRecord> {
        let toolsets = self.cells.values().map(|cell| &cell.record.inputs.toolset);
        let distinct: BTreeMap<_, _> =
            toolsets.map(|toolset| ((&toolset.name, toolset.digest), toolset)).collect();
        distinct.into_values().cloned().collect()
    }
}

/// What was made, in records.
#[must_use]
pub fn record(facts: Facts<'_>) -> Made {
    let Facts { plan, source, roots, toolsets, mut proven, mut seen } = facts;
    let mut made = Made::default();
    for cell in &plan.cells {
        let (Build::By(by), Some(proven)) = (&cell.build, proven.remove(&cell.id)) else {
            continue;
        };
        let seen = seen.remove(&cell.id);
        let smoke = seen.unwrap_or_else(|| Smoke::NotRun { reason: "not tried".to_owned() });
        let Some(inputs) = inputs(by, &proven, source, roots, toolsets) else { continue };
        let record = built_record(&plan.module, &cell.id, by, &proven, smoke, roots, inputs);
        for name in [&by.apache_root, &by.python_root] {
            made.roots.extend(roots.get(name).map(|root| (name.clone(), root_record(root))));
        }
        made.cells.insert(cell.id.clone(), MadeCell { file: proven.file, record });
    }
    made
}

/// The contents of the release, its archives still to be made.
#[must_use]
pub fn describe(plan: &Plan, source: &Source, made: Made) -> Contents {
    let (toolsets, warnings) = (made.toolsets(), warnings(plan, &made));
    let Made { roots, cells: mut made } = made;
    let mut modules = BTreeMap::new();
    let cells = plan
        .cells
        .iter()
        .map(|cell| {
            let built = made.remove(&cell.id).map(|MadeCell { file, record }| {
                modules.insert(record.path.clone(), file);
                record
            });
            cell_record(cell, built)
        })
        .collect();
    let mut manifest = Manifest {
        format_version: FORMAT_VERSION,
        modfarm: env!("CARGO_PKG_VERSION").to_owned(),
        module: module_record(&plan.module, source),
        toolsets,
        roots: roots.into_values().collect(),
        cells,
        archives: Vec::new(),
        warnings,
    };
    match &source.package {
        Ok(_) => wheel::assign(&mut manifest),
        Err(reason) => manifest.warnings.push(format!("There are no wheels for pip: {reason}.")),
    }
    let (licence, package) = (source.licence.clone(), source.package.clone().ok());
    Contents { manifest, modules, licence, package }
}

/// The module that is built.
#[must_use]
pub fn module_record(module: &str, source: &Source) -> ModuleRecord {
    ModuleRecord {
        name: module.to_owned(),
        version: source.version.clone(),
        source: source.origin.clone(),
        source_sha256: source.sha256,
        source_tree: source.tree.digest().sha256,
        package: source.package.as_ref().ok().map(PythonPackage::digest),
    }
}

/// A cell of the plan, with its file or the reason why there is none.
#[must_use]
pub fn cell_record(cell: &PlannedCell, built: Option<BuiltRecord>) -> CellRecord {
    let id = &cell.id;
    let not_built = match &cell.build {
        Build::Nobody { reason } if built.is_none() => Some(reason.clone()),
        _ => None,
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
fn warnings(plan: &Plan, made: &Made) -> Vec<String> {
    let mut warnings = plan.warnings.clone();
    let toolsets: BTreeSet<&str> =
        made.cells.values().map(|cell| cell.record.toolset.as_str()).collect();
    if toolsets.contains("cross") {
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
