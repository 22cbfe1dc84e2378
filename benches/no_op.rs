//! `cargo bench --bench no_op`: a second run with nothing changed of a release of 40 cells, against
//! ninja's on as many outputs that depend on the same files. Runs alternate.
//!
//! Needs the cross kit (`make kit`) and `ninja-build`.

#![allow(
    clippy::disallowed_methods,
    clippy::print_stdout,
    clippy::cast_precision_loss,
    reason = "it prints a table and runs its peers"
)]

mod measure;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::process::Command;

use camino::{Utf8Path, Utf8PathBuf};
use measure::{
    Kept, PYTHONS, Taken, fresh_folder, has, inputs, least, median, release, run, time, verdict,
};
use modfarm::model::digest::Digest;
use modfarm::model::tree::from_wire;
use modfarm::sys::files;

const RUNS: usize = 41;
const CELLS: usize = 40;
const TARGET: f64 = 150.0;

fn main() {
    if !has("ninja", "ninja-build") {
        return;
    }
    let kept = Kept::release();
    let ninja_folder = ninja(&kept.state);
    let ninja = || {
        let (taken, said) = run(Command::new("ninja").arg("-C").arg(&ninja_folder));
        let said = String::from_utf8_lossy(&said.stdout).into_owned();
        assert!(said.contains("no work to do"), "{said}");
        taken
    };
    let ours = || {
        let (taken, said) = run(&mut release(&kept.state, &kept.to, &PYTHONS));
        let said = String::from_utf8_lossy(&said.stderr).into_owned();
        assert!(said.contains("nchanged"), "it is no no-op: {said}");
        taken
    };
    // What was only just written is hashed again until its time tells that it is not being written.
    std::thread::sleep(std::time::Duration::from_secs(3));
    ours();
    let (mut modfarms, mut ninjas) = (Vec::new(), Vec::new());
    for _ in 0..measure::rounds(RUNS) {
        modfarms.push(ours());
        ninjas.push(ninja());
    }
    println!("{CELLS} cells, {} runs each in turn (ms)", modfarms.len());
    println!("{:<10} {:>8} {:>8} {:>8}", "", "median", "least", "cpu");
    let ours = line("modfarm", &modfarms);
    let theirs = line("ninja", &ninjas);
    println!("modfarm takes {:.1} × ninja's time", ours / theirs);
    verdict(&format!("no-op of {CELLS} cells ≤ {TARGET} ms (median)"), ours <= TARGET);
}

/// Prints a line, and gives its median.
fn line(what: &str, taken: &[Taken]) -> f64 {
    let walls = || taken.iter().map(|taken| taken.wall.as_secs_f64() * 1e3);
    let cpu = taken.iter().map(|taken| taken.cpu.as_secs_f64() * 1e3).sum::<f64>();
    let (median, least) = (median(walls()), least(walls()));
    println!("{what:<10} {median:>8.1} {least:>8.1} {:>8.1}", cpu / taken.len() as f64);
    median
}

/// A folder in which ninja has built an output a cell from the inputs that the cell's job had. Trees
/// that jobs share stand there once, and are one name to depend on.
fn ninja(state: &Utf8Path) -> Utf8PathBuf {
    let folder = fresh_folder("no_op");
    let store = inputs::store(state);
    let mut text = String::from("rule make\n  command = touch $out\n");
    let mut trees: BTreeMap<Digest, String> = BTreeMap::new();
    let mut outputs = 0;
    for (number, build) in inputs::builds(state, &store).into_iter().enumerate() {
        let listing = inputs::listing(&store, build.inputs);
        let mut needs = Vec::new();
        for inner in &listing.directories {
            let digest = inner.digest.as_ref().and_then(from_wire).expect("a digest");
            let count = trees.len();
            let name = trees.entry(digest).or_insert_with(|| {
                let name = format!("tree{count}");
                let files = inputs::lay_out(&store, digest, &folder.join(&name).join("files"));
                writeln!(text, "build {name}.all: phony {}", relative(&files, &folder))
                    .expect("text");
                name
            });
            needs.push(format!("{name}.all"));
        }
        for file in &listing.files {
            let path = format!("makefiles{number}/{}", file.name);
            files::write_atomic(&folder.join(&path), b"").expect("a makefile");
            needs.push(path);
        }
        for cell in build.cells {
            outputs += 1;
            writeln!(text, "build out/{cell}.so: make | {}", needs.join(" ")).expect("text");
        }
    }
    assert_eq!(outputs, CELLS);
    files::write_atomic(&folder.join("build.ninja"), text.as_bytes()).expect("build.ninja");
    time(Command::new("ninja").arg("-C").arg(&folder));
    folder
}

fn relative(files: &[Utf8PathBuf], folder: &Utf8Path) -> String {
    let names = files.iter().map(|file| file.strip_prefix(folder).unwrap_or(file).as_str());
    names.collect::<Vec<_>>().join(" ")
}
