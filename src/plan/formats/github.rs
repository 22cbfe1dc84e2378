//! The jobs of a plan as a matrix of GitHub Actions: `strategy: matrix: ${{ fromJSON(…) }}`.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::model::arch::Arch;
use crate::model::offer::DECLARED_PYTHON;
use crate::model::python::PythonTag;
use crate::plan::grouping::{Group, Grouping};

/// What a job must know of a runner.
#[derive(Clone, Copy, Debug)]
pub struct Machine<'a> {
    /// Its file, as the job names it to modfarm.
    pub file: &'a str,
    /// What the job asks GitHub for.
    pub runs_on: &'a [String],
}

/// The job matrix, on one line as `GITHUB_OUTPUT` wants it; a job of a runner that is none of these machines
/// is left out.
#[must_use]
pub fn github(grouping: &Grouping<'_>, machines: &BTreeMap<&str, Machine<'_>>) -> String {
    let mut of_kind: BTreeMap<(&str, Arch), usize> = BTreeMap::new();
    for group in &grouping.groups {
        *of_kind.entry((group.runner, group.arch)).or_default() += 1;
    }
    let mut seen: BTreeMap<(&str, Arch), usize> = BTreeMap::new();
    let mut include = Vec::new();
    for (place, group) in grouping.groups.iter().enumerate() {
        let kind = (group.runner, group.arch);
        let number = seen.entry(kind).or_default();
        *number += 1;
        if let Some(machine) = machines.get(group.runner) {
            include.push(entry(group, *machine, place + 1, (*number, of_kind[&kind])));
        }
    }
    serde_json::to_string(&Jobs { include }).map(|text| text + "\n").unwrap_or_default()
}

#[derive(Serialize)]
struct Jobs<'a> {
    include: Vec<Entry<'a>>,
}

/// A job: what people see of it, what its parts are called by, and what it is told.
#[derive(Serialize)]
struct Entry<'a> {
    name: String,
    /// Safe in the name of an artifact, and of no other job.
    id: String,
    /// The cells, with blanks between.
    cells: String,
    runner: String,
    runs_on: &'a [String],
    /// As `setup-python` says it.
    arch: &'static str,
    /// A line each, as `setup-python` reads them; empty where all roots come from elsewhere.
    pythons: String,
}

fn entry<'a>(
    group: &Group<'_>,
    machine: Machine<'a>,
    place: usize,
    (number, of): (usize, usize),
) -> Entry<'a> {
    let arch = match group.arch {
        Arch::Win32 => "x86",
        Arch::Win64 => "x64",
    };
    let count = if of > 1 { format!(" {number} of {of}") } else { String::new() };
    let cells: Vec<String> = group.cells.iter().map(|(cell, _)| cell.id.to_string()).collect();
    Entry {
        name: format!("{} on {}{count}: {}", group.arch, group.runner, pythons_of(group)),
        id: format!("{place:03}-{}-{arch}", safe(group.runner)),
        cells: cells.join(" "),
        runner: machine.file.replace('\\', "/").trim_start_matches("./").to_owned(),
        runs_on: machine.runs_on,
        arch,
        pythons: declared(group),
    }
}

/// The Pythons of a job, for people: the first ones, where they are many.
fn pythons_of(group: &Group<'_>) -> String {
    const SHOWN: usize = 4;
    let tags: BTreeSet<PythonTag> = group.cells.iter().map(|(cell, _)| cell.id.python).collect();
    let names: Vec<String> = tags.iter().take(SHOWN).map(|tag| tag.file_tag()).collect();
    match tags.len() {
        count if count > SHOWN => format!("{} and {} more", names.join(" "), count - SHOWN),
        _ => names.join(" "),
    }
}

/// The Pythons that nobody but `setup-python` brings.
fn declared(group: &Group<'_>) -> String {
    let declared = group.cells.iter().filter(|(_, by)| by.python_root.starts_with(DECLARED_PYTHON));
    let tags: BTreeSet<PythonTag> = declared.map(|(cell, _)| cell.id.python).collect();
    tags.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

/// A runner's name as a part of a file's name.
fn safe(name: &str) -> String {
    let plain = |found: char| found.is_ascii_alphanumeric() || "-_.".contains(found);
    name.chars().take(40).map(|found| if plain(found) { found } else { '_' }).collect()
}
