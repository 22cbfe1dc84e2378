//! `cargo bench --bench grouping`: what the jobs of a release take on GitHub Actions, grouped and with a job for
//! each cell, by the model of `plan::grouping`; how close to the best grouping that is, where there are few
//! enough cells to try every one; and how long it takes to find.

#![allow(clippy::print_stdout, clippy::cast_precision_loss, reason = "it prints tables")]

mod measure;

use std::collections::BTreeSet;

use camino::Utf8Path;
use modfarm::farm::runner_file::{Reached, RunnerFile};
use modfarm::matrix::{self, Limits, Matrix};
use modfarm::model::abi::AbiFamily;
use modfarm::model::arch::Arch;
use modfarm::model::offer::{ApacheOffer, Offer, PythonOffer, Serves};
use modfarm::plan::grouping::{Cost, Durations, Terms, group, one_job_a_cell};
use modfarm::plan::{Build, Plan, Request, plan};

use measure::cells::matrix_text;
use measure::{clock, median, verdict};

/// The repository itself.
const HERE: &str = env!("CARGO_MANIFEST_DIR");

fn main() {
    releases();
    small_cases();
    large_cases();
}

/// The repository's own matrix and runners.
fn releases() {
    let matrix = matrix::load(&Utf8Path::new(HERE).join("matrix.yaml")).expect("the matrix");
    println!(
        "{:<31} {:>7} | {:>5} {:>8} {:>8} | {:>5} {:>8} {:>8}",
        "release", "at once", "jobs", "seconds", "minutes", "cells", "seconds", "minutes"
    );
    for (what, kit) in [("win64", false), ("win32 and win64", true)] {
        let request = Request::of(matrix.release.clone());
        let plan = plan(&matrix, &request, &[offer(&matrix, kit)]).expect("a plan");
        for concurrent in [20, 60] {
            let terms = Terms { concurrent, ..Terms::default() };
            let (grouped, alone) = costs(&plan, &terms);
            let name = format!("{} {}, {what}", matrix.module, matrix.release);
            let Cost { jobs, seconds, minutes } = grouped;
            println!(
                "{name:<31} {concurrent:>7} | {jobs:>5} {seconds:>8} {minutes:>8} | {:>5} {:>8} {:>8}",
                alone.jobs, alone.seconds, alone.minutes
            );
            assert!(seconds <= alone.seconds && minutes <= alone.minutes);
        }
    }
}

fn costs(plan: &Plan, terms: &Terms) -> (Cost, Cost) {
    (group(plan, terms).expect("jobs").cost, one_job_a_cell(plan, terms))
}

/// What `runners/github/windows-2022.yaml` declares, perhaps with the cross kit, whose Apache is for win32 too.
fn offer(matrix: &Matrix, kit: bool) -> Offer {
    let path = Utf8Path::new(HERE).join("runners/github/windows-2022.yaml");
    let file = RunnerFile::load(&path).expect("the runner's file");
    let Reached::Actions(actions) = &file.reached else { panic!("{path} is of GitHub Actions") };
    let mut apaches = actions.apaches();
    apaches.extend(kit.then(apache_of_the_kit));
    Offer {
        runner: file.name.clone(),
        toolset: file.toolset.clone(),
        families: vec![AbiFamily::Vc14],
        arches: actions.arches.clone(),
        apaches,
        pythons: actions.pythons(matrix),
    }
}

fn apache_of_the_kit() -> ApacheOffer {
    let serves = Serves::Series("2.4".parse().expect("a series"));
    ApacheOffer {
        root: "kit/apache/2.4-win32".to_owned(),
        version: None,
        arch: Arch::Win32,
        serves,
    }
}

/// A compile: its architecture and its two roots.
type Task = (Arch, [String; 2]);

/// Some compiles of the release, on few machines: every way to group them is tried.
fn small_cases() {
    let matrix = matrix::load(&Utf8Path::new(HERE).join("matrix.yaml")).expect("the matrix");
    let offer = offer(&matrix, true);
    let mut random = fastrand::Rng::with_seed(1);
    let cases = if measure::quick() { 60 } else { 300 };
    let mut ratios = Vec::new();
    for _ in 0..cases {
        let mut request = Request::of(matrix.release.clone());
        let mut pythons = ["310", "311", "312", "313", "313t", "314", "314t", "315"];
        random.shuffle(&mut pythons);
        for python in &pythons[..random.usize(1..=4)] {
            let arch = ["win32", "win64", "*"][random.usize(0..3)];
            request.only.push(format!("Apache24-{arch}-*/py{python}-VC14"));
        }
        let plan = plan(&matrix, &request, std::slice::from_ref(&offer)).expect("a plan");
        let durations = Durations {
            compile: random.u64(5..90),
            modfarm: random.u64(0..90),
            ..Durations::default()
        };
        let terms = Terms { concurrent: random.usize(1..=4), durations, ..Terms::default() };
        let tasks = tasks(&plan);
        if tasks.len() > 7 {
            continue;
        }
        let found = group(&plan, &terms).expect("jobs").cost.weighed();
        ratios.push(found as f64 / best(&tasks, &terms) as f64);
    }
    let worst = ratios.iter().copied().fold(1.0, f64::max);
    let optimal = ratios.iter().filter(|ratio| **ratio <= 1.0).count();
    println!(
        "\n{} small cases against every grouping there is: {optimal} are the best, the worst costs {worst:.3} x, \
         the middle one {:.3} x",
        ratios.len(),
        median(ratios.iter().copied())
    );
    verdict("within 1.15 of the best", worst <= 1.15);
}

fn tasks(plan: &Plan) -> Vec<Task> {
    let tasks: BTreeSet<Task> = plan
        .cells
        .iter()
        .filter_map(|cell| match &cell.build {
            Build::By(by) => {
                let roots = [by.python_root.clone(), by.apache_root.clone()];
                Some((cell.id.apache.arch, roots))
            }
            _ => None,
        })
        .collect();
    tasks.into_iter().collect()
}

/// What the best grouping costs, reckoned here from the durations alone.
fn best(tasks: &[Task], terms: &Terms) -> u64 {
    fn part(tasks: &[Task], at: usize, jobs: &mut Vec<Vec<usize>>, terms: &Terms) -> u64 {
        if at == tasks.len() {
            return cost(tasks, jobs, terms);
        }
        let mut least = u64::MAX;
        for job in 0..jobs.len() {
            if tasks[jobs[job][0]].0 == tasks[at].0 {
                jobs[job].push(at);
                least = least.min(part(tasks, at + 1, jobs, terms));
                jobs[job].pop();
            }
        }
        jobs.push(vec![at]);
        least = least.min(part(tasks, at + 1, jobs, terms));
        jobs.pop();
        least
    }
    part(tasks, 0, &mut Vec::new(), terms)
}

/// With the jobs on machines in the best way there is.
fn cost(tasks: &[Task], jobs: &[Vec<usize>], terms: &Terms) -> u64 {
    fn place(times: &[u64], ends: &mut [u64]) -> u64 {
        let Some((time, rest)) = times.split_first() else {
            return ends.iter().copied().max().unwrap_or(0);
        };
        let mut least = u64::MAX;
        for machine in 0..ends.len() {
            if ends[..machine].contains(&ends[machine]) {
                continue;
            }
            ends[machine] += time;
            least = least.min(place(rest, ends));
            ends[machine] -= time;
        }
        least
    }
    let durations = &terms.durations;
    let seconds: Vec<u64> = jobs
        .iter()
        .map(|job| {
            let roots: BTreeSet<&str> =
                job.iter().flat_map(|task| &tasks[*task].1).map(String::as_str).collect();
            let set_up: u64 = roots.iter().map(|root| durations.of_root(root)).sum();
            durations.of_job() + set_up + durations.of_task() * job.len() as u64
        })
        .collect();
    let times: Vec<u64> = seconds.iter().map(|seconds| durations.start + seconds).collect();
    let minutes = seconds.iter().map(|seconds| seconds.div_ceil(60)).sum();
    let seconds = place(&times, &mut vec![0; terms.concurrent]);
    Cost { jobs: jobs.len(), seconds, minutes }.weighed()
}

/// How long it takes to find the jobs of a plan.
fn large_cases() {
    println!("\n{:>8} {:>9} {:>6} {:>10}", "cells", "compiles", "jobs", "ms");
    let mut slowest = 0.0;
    for (apaches, pythons) in [(10, 9), (100, 100), (400, 250)] {
        let text = matrix_text(apaches, pythons);
        let matrix = matrix::parse(&text, "bench.yaml", Limits::default()).expect("a good matrix");
        let request = Request::of(matrix.release.clone());
        let plan = plan(&matrix, &request, &[every(&matrix)]).expect("a plan");
        let terms = Terms::default();
        let times = (0..5).map(|_| clock(|| group(&plan, &terms)).as_secs_f64() * 1e3);
        let time = median(times);
        let jobs = group(&plan, &terms).map(|grouping| grouping.groups.len());
        let jobs = jobs.map_or("none".to_owned(), |jobs| jobs.to_string());
        println!("{:>8} {:>9} {jobs:>6} {time:>10.1}", plan.cells.len(), tasks(&plan).len());
        if plan.cells.len() <= 10_000 {
            slowest = f64::max(slowest, time);
        }
    }
    verdict("10,000 cells within 100 ms", slowest <= 100.0);
}

/// A runner that has a root of its own for every label, so that every cell is a compile of its own.
fn every(matrix: &Matrix) -> Offer {
    let apaches = matrix.apaches.iter().map(|apache| ApacheOffer {
        root: format!("pinned/apache/{}", apache.label),
        version: None,
        arch: apache.label.arch,
        serves: Serves::Label(apache.label.clone()),
    });
    let pythons = matrix.pythons.iter().flat_map(|python| {
        Arch::ALL.map(|arch| PythonOffer {
            root: format!("declared/python/{}-{arch}", python.tag),
            version: None,
            tag: python.tag,
            arch,
        })
    });
    Offer {
        runner: "windows".to_owned(),
        toolset: "msvc".to_owned(),
        families: AbiFamily::ALL.to_vec(),
        arches: Arch::ALL.to_vec(),
        apaches: apaches.collect(),
        pythons: pythons.collect(),
    }
}
