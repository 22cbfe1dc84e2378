//! Parts -> one set of cells: all of them of the same module and source, each cell from the part that counts,
//! and every file proven again.

use std::collections::BTreeMap;

use bytes::Bytes;

use super::read::StoredPart;
use super::{PartError, ReleaseError};
use crate::inspect::{self, Context};
use crate::model::cell::{CellId, Verdict};
use crate::model::digest::Sha256;
use crate::model::event::{Event, Events};
use crate::model::manifest::{BuiltRecord, CellRecord, ModuleRecord, RootRecord};
use crate::model::part::{FailedCell, FailedStage};
use crate::package::describe::{Made, MadeCell};
use crate::plan::{Build, Plan, PlannedCell};

/// The cells that count.
#[derive(Debug, Default)]
pub(super) struct Chosen<'a> {
    cells: BTreeMap<CellId, Found<'a>>,
    failed: BTreeMap<CellId, &'a FailedCell>,
}

/// A cell of a part.
#[derive(Clone, Copy, Debug)]
struct Found<'a> {
    part: &'a StoredPart,
    cell: &'a CellRecord,
    built: &'a BuiltRecord,
}

/// Chooses of parts that come oldest first: the latest that has a cell, whatever failed before or after it.
pub(super) fn choose<'a>(
    parts: &'a [StoredPart],
    plan: &Plan,
    module: &ModuleRecord,
) -> Result<Chosen<'a>, PartError> {
    let planned: BTreeMap<&CellId, &PlannedCell> =
        plan.cells.iter().map(|cell| (&cell.id, cell)).collect();
    let mut actions = BTreeMap::new();
    let mut chosen = Chosen::default();
    for part in parts {
        same_module(part, module)?;
        for cell in &part.part.cells {
            let Some(built) = &cell.built else { continue };
            let found = Found { part, cell, built };
            same_cell(found, planned.get(&cell.id).copied())?;
            let known = *actions.entry((&cell.id, built.action)).or_insert(found);
            if known.built.sha256 != built.sha256 {
                return Err(disagree(known, found));
            }
            if part.part.failure(&cell.id).is_none() {
                chosen.cells.insert(cell.id.clone(), found);
            }
        }
        chosen.failed.extend(part.part.failed.iter().map(|failed| (failed.id.clone(), failed)));
    }
    Ok(chosen)
}

impl Chosen<'_> {
    /// How many cells there are.
    pub(super) fn len(&self) -> usize {
        self.cells.len()
    }

    /// The cells that the plan gives to a runner and that are in no part, and those that failed.
    pub(super) fn missing(&self, plan: &Plan) -> Vec<FailedCell> {
        let missing = plan.cells.iter().filter(|cell| !self.cells.contains_key(&cell.id));
        let failed = missing.filter_map(|cell| match (self.failed.get(&cell.id), &cell.build) {
            (Some(failed), _) => Some((*failed).clone()),
            (None, Build::By(_)) => {
                let reason = "it is in no part";
                Some(FailedCell::new(cell.id.clone(), FailedStage::Missing, reason, ""))
            }
            (None, Build::Nobody { .. } | Build::Never) => None,
        });
        failed.collect()
    }
}

/// Reads every file, and inspects it again: this time without the roots that it was built against, which
/// are not here.
pub(super) fn prove(
    chosen: &Chosen<'_>,
    plan: &Plan,
    events: &Events,
) -> Result<Made, ReleaseError> {
    let names = Names::of(chosen);
    let mut made = Made::default();
    let mut refused = Vec::new();
    for (id, found) in &chosen.cells {
        let file = Bytes::from(found.part.file(found.cell, found.built)?);
        let mixing_allowed = matches!(found.cell.verdict, Verdict::Unsupported { .. });
        let context = Context { mixing_allowed, ..Context::default() };
        match inspect::prove(file, id, &plan.module, &context) {
            Ok(file) => {
                let record = names.put(found, &mut made);
                made.cells.insert(id.clone(), MadeCell { file, record });
            }
            Err(refusal) => {
                for finding in refusal.findings {
                    events.emit(Event::Found { subject: id.to_string(), finding });
                }
                refused.push(id.to_string());
            }
        }
    }
    if refused.is_empty() { Ok(made) } else { Err(ReleaseError::Refused { cells: refused }) }
}

/// The names of roots in the release: their own, and where machines had different roots of one name, with
/// what tells them apart.
struct Names<'a>(BTreeMap<&'a str, BTreeMap<Sha256, &'a RootRecord>>);

impl<'a> Names<'a> {
    fn of(chosen: &Chosen<'a>) -> Self {
        let mut names: BTreeMap<&str, BTreeMap<Sha256, &RootRecord>> = BTreeMap::new();
        for root in chosen.cells.values().flat_map(Found::roots) {
            names.entry(&root.name).or_default().entry(root.tree).or_insert(root);
        }
        Self(names)
    }

    /// The record of a cell; its roots are among those of the release afterwards.
    fn put(&self, found: &Found<'a>, made: &mut Made) -> BuiltRecord {
        let mut record = found.built.clone();
        for (name, root) in
            [&mut record.apache_root, &mut record.python_root].into_iter().zip(found.roots())
        {
            let one = self.0.get(name.as_str()).and_then(|trees| trees.get(&root.tree));
            let root = RootRecord { name: self.name(root), ..(*one.unwrap_or(&root)).clone() };
            name.clone_from(&root.name);
            made.roots.insert(root.name.clone(), root);
        }
        record
    }

    fn name(&self, root: &RootRecord) -> String {
        match self.0.get(root.name.as_str()) {
            Some(trees) if trees.len() > 1 => {
                format!("{} ({}, {})", root.name, root.version, root.tree.short())
            }
            _ => root.name.clone(),
        }
    }
}

impl<'a> Found<'a> {
    /// The Apache and the Python that it was built against.
    fn roots(&self) -> Vec<&'a RootRecord> {
        let names = [&self.built.apache_root, &self.built.python_root];
        names.into_iter().filter_map(|name| self.part.part.root(name)).collect()
    }
}

/// Whether a part is of the module and the source that are put together, and made by this modfarm.
fn same_module(part: &StoredPart, ours: &ModuleRecord) -> Result<(), PartError> {
    const SOURCE: &str = "build all parts from the source that is named here; git changes the ends of lines on Windows where core.autocrlf is set";
    const VERSION: &str = "build all parts of one version";
    let theirs = &part.part.module;
    let said = |package: Option<Sha256>| package.map_or("none".to_owned(), |it| it.to_string());
    let modfarm = env!("CARGO_PKG_VERSION").to_owned();
    let [their_version, our_version] = [theirs, ours].map(|it| it.version.to_string());
    let [their_tree, our_tree] = [theirs, ours].map(|it| it.source_tree.to_string());
    let [their_package, our_package] = [theirs, ours].map(|it| said(it.package));
    let [their_sdist, our_sdist] = [theirs, ours].map(|it| said(it.source_sha256));
    let pairs = [
        ("modfarm", part.part.modfarm.clone(), modfarm, "build all parts with one modfarm"),
        ("the module", theirs.name.clone(), ours.name.clone(), VERSION),
        ("the version", their_version, our_version, VERSION),
        ("the source tree", their_tree, our_tree, SOURCE),
        ("the source", theirs.source.clone(), ours.source.clone(), SOURCE),
        ("the sdist", their_sdist, our_sdist, SOURCE),
        ("the package for pip", their_package, our_package, SOURCE),
    ];
    match pairs.into_iter().find(|(_, found, wanted, _)| found != wanted) {
        Some((what, found, wanted, hint)) => {
            Err(PartError::Other { part: part.folder.clone(), what, found, wanted, hint })
        }
        None => Ok(()),
    }
}

/// Whether a cell is one of the plan, with the same verdict.
fn same_cell(found: Found<'_>, planned: Option<&PlannedCell>) -> Result<(), PartError> {
    let reason = match planned {
        Some(planned) if planned.verdict == found.cell.verdict => return Ok(()),
        Some(planned) => {
            let (now, then) = (planned.verdict.name(), found.cell.verdict.name());
            format!("the plan calls it {now} and the part {then}, or for another reason")
        }
        None => "the plan does not".to_owned(),
    };
    let (part, cell) = (found.part.folder.clone(), Box::new(found.cell.id.clone()));
    Err(PartError::Cell { part, cell, reason })
}

fn disagree(one: Found<'_>, other: Found<'_>) -> PartError {
    let (cell, action) = (Box::new(one.cell.id.clone()), one.built.action);
    let (one, other) = (one.part.folder.clone(), other.part.folder.clone());
    PartError::Disagree { cell, action, one, other }
}
