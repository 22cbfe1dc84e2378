//! Cells and what they are built from -> distinct jobs: cells whose inputs are the same share one.

use std::collections::BTreeMap;
use std::time::Duration;

use super::{cross, msvc};
use crate::model::cell::CellId;
use crate::model::digest::Digest;
use crate::model::job::{Action, ActionSpec, Job};
use crate::model::toolset::Toolset;
use crate::model::tree::Tree;
use crate::roots::{Root, Source};

/// What one cell is built from.
#[derive(Clone, Copy, Debug)]
pub struct Inputs<'a> {
    /// The cell.
    pub cell: &'a CellId,
    /// The runner it was planned for.
    pub runner: &'a str,
    /// The toolset of that runner.
    pub toolset: &'a Toolset,
    /// The Apache to build against.
    pub apache: &'a Root,
    /// The Python to build against.
    pub python: &'a Root,
}

/// What a build runs, and on what.
#[derive(Clone, Debug)]
pub struct Build {
    /// The program and its arguments.
    pub arguments: Vec<String>,
    /// The environment.
    pub environment: BTreeMap<String, String>,
    /// The file it makes.
    pub output: String,
    /// The folder it runs in.
    pub inputs: Tree,
}

/// The distinct jobs behind these cells, in the order of their first cells.
#[must_use]
pub fn jobs(module: &str, source: &Source, cells: &[Inputs<'_>], limit: Duration) -> Vec<Job> {
    let mut jobs: Vec<Job> = Vec::new();
    let mut known: BTreeMap<Digest, usize> = BTreeMap::new();
    for inputs in cells {
        let action = action(module, source, *inputs, limit);
        if let Some(&index) = known.get(&action.digest()) {
            jobs[index].cells.push(inputs.cell.clone());
        } else {
            known.insert(action.digest(), jobs.len());
            jobs.push(Job {
                cells: vec![inputs.cell.clone()],
                runner: inputs.runner.to_owned(),
                action,
            });
        }
    }
    jobs
}

fn action(module: &str, source: &Source, inputs: Inputs<'_>, limit: Duration) -> Action {
    let toolset = inputs.toolset;
    let build = if msvc::is_msvc(&toolset.name) {
        msvc::build(module, source, inputs)
    } else {
        cross::build(module, source, inputs)
    };
    Action::new(ActionSpec {
        arguments: build.arguments,
        environment: build.environment,
        output: build.output,
        platform: BTreeMap::from([
            ("toolset".to_owned(), toolset.name.clone()),
            ("toolset-version".to_owned(), toolset.version.clone()),
            ("toolset-digest".to_owned(), toolset.digest.to_string()),
        ]),
        inputs: build.inputs,
        timeout: limit,
    })
}
