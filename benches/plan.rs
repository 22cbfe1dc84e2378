//! `cargo bench --bench plan`: how long a matrix of 100, 10,000 and 100,000 cells takes to read and
//! to plan. Every figure is the median of its runs.

#![allow(clippy::print_stdout, clippy::cast_precision_loss, reason = "it prints a table")]

mod measure;

use std::time::{Duration, Instant};

use modfarm::matrix::{self, Limits};
use modfarm::model::abi::AbiFamily;
use modfarm::model::arch::Arch;
use modfarm::model::offer::{ApacheOffer, Offer, PythonOffer, Serves};
use modfarm::plan::{Request, formats, plan};

use measure::cells::matrix_text;

/// Apaches × Pythons, and how often each is measured.
const SIZES: [(usize, usize, usize); 3] = [(10, 10, 200), (100, 100, 50), (400, 250, 15)];

fn main() {
    println!("{:>8} {:>9} {:>9} {:>9} {:>10}  (ms)", "cells", "parse", "plan", "table", "µs/cell");
    for (apaches, pythons, runs) in SIZES {
        let text = matrix_text(apaches, pythons);
        let offers = [offer(pythons)];
        let read = || matrix::parse(&text, "bench.yaml", Limits::default()).expect("a good matrix");
        let matrix = read();
        let request = Request::of(matrix.release.clone());
        let planned = plan(&matrix, &request, &offers).expect("a plan");
        assert_eq!(planned.cells.len(), apaches * pythons);
        let times = [
            median(runs, read),
            median(runs, || plan(&matrix, &request, &offers).expect("a plan")),
            median(runs, || formats::table(&planned)),
        ];
        let [parse, plan, table] = times.map(|time| time.as_secs_f64() * 1e3);
        let each = (parse + plan) * 1e3 / (apaches * pythons) as f64;
        println!("{:>8} {parse:>9.2} {plan:>9.2} {table:>9.2} {each:>10.2}", planned.cells.len());
    }
}

fn median<T>(runs: usize, mut work: impl FnMut() -> T) -> Duration {
    let mut times: Vec<Duration> = (0..runs)
        .map(|_| {
            let start = Instant::now();
            let result = work();
            let time = start.elapsed();
            drop(result);
            time
        })
        .collect();
    times.sort_unstable();
    times[runs / 2]
}

/// A runner with every second Python, so that half of the cells have a reason instead.
fn offer(pythons: usize) -> Offer {
    let of_arch = |arch| ApacheOffer {
        root: format!("apache-{arch}"),
        version: "2.4.68".parse().ok(),
        arch,
        serves: Serves::Series("2.4".parse().expect("a version")),
    };
    let python = |minor: usize, arch| PythonOffer {
        root: format!("python-3.{minor}-{arch}"),
        version: None,
        tag: format!("3.{minor}").parse().expect("a Python"),
        arch,
    };
    Offer {
        runner: "cross".to_owned(),
        toolset: "cross".to_owned(),
        families: AbiFamily::ALL.to_vec(),
        arches: Arch::ALL.to_vec(),
        apaches: Arch::ALL.map(of_arch).to_vec(),
        pythons: (0..pythons)
            .step_by(2)
            .flat_map(|minor| Arch::ALL.map(|arch| python(minor, arch)))
            .collect(),
    }
}
