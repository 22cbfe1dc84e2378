//! Bytes to facts to findings: what a built or downloaded module is, and whether that is what its
//! name says. Pure: no files, no processes, nothing of runners, so that it serves for any file.

pub mod checks;
mod expectation;
mod exports;
mod facts;
mod image;
mod machine;
mod nature;
mod reality;
mod record;
mod version_resource;

#[cfg(test)]
#[path = "../../tests/made/pe.rs"]
mod pe;
#[cfg(test)]
mod tests;

use bytes::Bytes;

use crate::model::cell::CellId;
use crate::model::digest::Digest;
use crate::model::finding::{Finding, Severity};
use crate::model::inspection::Reality;

pub use expectation::Expectation;
pub use exports::{Context, NotALibrary, RootExports};
pub use facts::{Export, Facts, ImportedDll, Manifest};
pub use machine::Machine;
pub use nature::NotAModule;
pub use record::{Module, ModuleRecord, SERIES, Series};
pub use version_resource::VersionResource;

/// What an inspection found.
#[derive(Clone, Debug)]
pub struct Inspection {
    /// What was read from the file, or what the file is instead.
    pub facts: Result<Facts, NotAModule>,
    /// What the checks object to, worst first.
    pub findings: Vec<Finding>,
    /// What the file really is.
    pub really: Option<Reality>,
}

impl Inspection {
    /// Whether nothing is an error.
    #[must_use]
    pub fn passed(&self) -> bool {
        self.findings.iter().all(|finding| finding.severity < Severity::Error)
    }
}

/// Reads a file and runs every check over it.
#[must_use]
pub fn inspect(bytes: &[u8], expected: &Expectation, context: &Context) -> Inspection {
    match Facts::read(bytes) {
        Ok(facts) => Inspection {
            findings: checks::run(&facts, expected, context),
            really: Some(reality::really(&facts, expected)),
            facts: Ok(facts),
        },
        Err(not) => {
            Inspection { findings: vec![checks::not_a_module(&not)], really: None, facts: Err(not) }
        }
    }
}

/// A module that passed the inspection for its cell. There is no other way to make one, and the
/// packager takes nothing else.
#[derive(Clone, Debug)]
pub struct Inspected {
    cell: CellId,
    bytes: Bytes,
    digest: Digest,
    findings: Vec<Finding>,
}

impl Inspected {
    /// The cell whose file this is.
    #[must_use]
    pub fn cell(&self) -> &CellId {
        &self.cell
    }

    /// The file.
    #[must_use]
    pub fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// The file's digest.
    #[must_use]
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// What the checks object to, short of an error.
    #[must_use]
    pub fn findings(&self) -> &[Finding] {
        &self.findings
    }
}

/// A module that is not what its cell says.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{cell}: {}", summary(findings))]
pub struct Refused {
    /// The cell whose file it was to be.
    pub cell: CellId,
    /// What the checks object to.
    pub findings: Vec<Finding>,
}

fn summary(findings: &[Finding]) -> String {
    let errors = findings.iter().filter(|finding| finding.severity == Severity::Error);
    let lines = errors.map(|finding| match &finding.hint {
        Some(hint) => format!("{} ({})\nhint: {hint}", finding.message, finding.check),
        None => format!("{} ({})", finding.message, finding.check),
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// Inspects the file built for a cell; only one without an error is given back.
pub fn prove(
    bytes: Bytes,
    cell: &CellId,
    module: &str,
    context: &Context,
) -> Result<Inspected, Refused> {
    let inspection = inspect(&bytes, &Expectation::of_cell(cell, module), context);
    let (cell, passed, findings) = (cell.clone(), inspection.passed(), inspection.findings);
    if !passed {
        return Err(Refused { cell, findings });
    }
    Ok(Inspected { cell, digest: Digest::of(&bytes), bytes, findings })
}
