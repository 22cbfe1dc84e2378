//! The plan as a job matrix of GitHub Actions: `strategy: matrix: ${{ fromJSON(…) }}`. A matrix
//! there has at most 256 jobs, so that cells are grouped where there are more.

use std::collections::HashMap;

use serde::Serialize;

use crate::model::abi::AbiFamily;
use crate::model::arch::Arch;
use crate::plan::{Build, Plan, PlannedCell};

/// How many jobs a matrix of GitHub Actions may have.
pub const MAX_ENTRIES: usize = 256;

/// The job matrix, on one line as `GITHUB_OUTPUT` wants it. Excluded cells are left out; a cell that
/// no runner on offer can build has the runner `null`.
#[must_use]
pub fn github(plan: &Plan) -> String {
    let groups = groups(plan);
    let size = group_size(&groups);
    let include = groups
        .iter()
        .flat_map(|group| {
            let chunks = group.cells.len().div_ceil(size);
            let entries = group.cells.chunks(size).enumerate();
            entries.map(move |(index, cells)| entry(group, cells, index, chunks))
        })
        .collect();
    serde_json::to_string(&Jobs { include }).map(|text| text + "\n").unwrap_or_default()
}

#[derive(Serialize)]
struct Jobs {
    include: Vec<Entry>,
}

#[derive(Serialize)]
struct Entry {
    name: String,
    cells: String,
    runner: Option<String>,
    arch: Option<Arch>,
    abi: Option<AbiFamily>,
}

/// Cells that may share a job.
struct Group<'a> {
    runner: Option<&'a str>,
    /// `None` where there are so many groups that arches and families share them.
    kind: Option<(Arch, AbiFamily)>,
    cells: Vec<&'a PlannedCell>,
}

/// The cells by runner, arch and family; by runner alone where that makes more groups than jobs.
fn groups(plan: &Plan) -> Vec<Group<'_>> {
    let fine = grouped(plan, |cell| Some((cell.id.apache.arch, cell.id.abi)));
    if fine.len() <= MAX_ENTRIES { fine } else { grouped(plan, |_| None) }
}

fn grouped(
    plan: &Plan,
    kind: impl Fn(&PlannedCell) -> Option<(Arch, AbiFamily)>,
) -> Vec<Group<'_>> {
    let mut places = HashMap::new();
    let mut groups: Vec<Group<'_>> = Vec::new();
    for cell in &plan.cells {
        let runner = match &cell.build {
            Build::By(by) => Some(by.runner.as_str()),
            Build::Nobody { .. } => None,
            Build::Never => continue,
        };
        let kind = kind(cell);
        let place = *places.entry((runner, kind)).or_insert(groups.len());
        if place == groups.len() {
            groups.push(Group { runner, kind, cells: Vec::new() });
        }
        groups[place].cells.push(cell);
    }
    groups
}

/// The smallest number of cells a job with which the jobs are no more than allowed.
fn group_size(groups: &[Group<'_>]) -> usize {
    let jobs =
        |size: usize| groups.iter().map(|group| group.cells.len().div_ceil(size)).sum::<usize>();
    let (mut low, mut high) = (1, groups.iter().map(|group| group.cells.len()).max().unwrap_or(1));
    while low < high {
        let middle = usize::midpoint(low, high);
        if jobs(middle) <= MAX_ENTRIES { high = middle } else { low = middle + 1 }
    }
    low
}

fn entry(group: &Group<'_>, cells: &[&PlannedCell], index: usize, chunks: usize) -> Entry {
    let ids: Vec<String> = cells.iter().map(|cell| cell.id.to_string()).collect();
    let name = match (&ids[..], group.kind) {
        ([id], _) => id.clone(),
        (_, Some((arch, abi))) => {
            let runner = group.runner.unwrap_or("no runner");
            format!("{arch} {abi} {runner} {}/{chunks}", index + 1)
        }
        (_, None) => format!("{} {}/{chunks}", group.runner.unwrap_or("no runner"), index + 1),
    };
    Entry {
        name,
        cells: ids.join(" "),
        runner: group.runner.map(str::to_owned),
        arch: group.kind.map(|(arch, _)| arch),
        abi: group.kind.map(|(_, abi)| abi),
    }
}
