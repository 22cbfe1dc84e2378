//! `modfarm plan --format github`: the jobs of a workflow, and what they will take.

use std::collections::BTreeMap;

use crate::cli::{Failure, actions};
use crate::farm::runner_file::{Reached, RunnerFile};
use crate::plan::formats::{self, Machine};
use crate::plan::grouping::{self, Cost, Terms};
use crate::plan::{Build, Plan};
use crate::report::terminal;

/// The job matrix of a plan, for these runners, with so many jobs at once.
pub(super) fn of(
    plan: &Plan,
    runners: &[RunnerFile],
    concurrent: usize,
) -> Result<String, Failure> {
    let machines = machines(runners);
    check(plan, &machines)?;
    let counted = runners.iter().filter_map(|runner| match &runner.reached {
        Reached::Actions(actions) => Some((runner.name.clone(), actions.machines?)),
        _ => None,
    });
    let terms = Terms { concurrent, machines: counted.collect(), ..Terms::default() };
    let grouping = grouping::group(plan, &terms).map_err(Failure::bad_input)?;
    let alone = grouping::one_job_a_cell(plan, &terms);
    terminal::said("Note", &said(&grouping.cost, &alone));
    let jobs = formats::github(&grouping, &machines);
    actions::outputs(&[("version", plan.version.as_str()), ("jobs", jobs.trim_end())]);
    Ok(jobs)
}

/// What a job must know of each runner of GitHub Actions.
fn machines(runners: &[RunnerFile]) -> BTreeMap<&str, Machine<'_>> {
    let machines = runners.iter().filter_map(|runner| {
        let RunnerFile { name, file, reached, .. } = runner;
        let Reached::Actions(actions) = reached else { return None };
        Some((name.as_str(), Machine { file: file.as_str(), runs_on: &actions.runs_on }))
    });
    machines.collect()
}

/// Whether there is a job at all, and GitHub has the machines for every one.
fn check(plan: &Plan, machines: &BTreeMap<&str, Machine<'_>>) -> Result<(), Failure> {
    let mut reason = None;
    let mut any = false;
    for cell in &plan.cells {
        match &cell.build {
            Build::By(by) if machines.contains_key(by.runner.as_str()) => any = true,
            Build::By(by) => {
                return Err(Failure::bad_input(format!(
                    "{} would be built by runner '{}', which is no machine of GitHub Actions\nhint: --runner names the files of those that are, with 'connection: github'; runners/github has some",
                    cell.id, by.runner
                )));
            }
            Build::Nobody { reason: why } => reason = reason.or(Some(why)),
            Build::Never => {}
        }
    }
    if any {
        return Ok(());
    }
    let reason = reason.map_or("all of them are excluded", String::as_str);
    Err(Failure::environment(format!(
        "no runner of GitHub Actions can build any of the {} cells: {reason}\nhint: the files in runners/github say what stands ready there; --runner names others",
        plan.cells.len()
    )))
}

fn said(cost: &Cost, alone: &Cost) -> String {
    let time =
        |cost: &Cost| format!("about {} s and {} billed minutes", cost.seconds, cost.minutes);
    format!("{} jobs: {}; {} with a job for each cell", cost.jobs, time(cost), time(alone))
}
