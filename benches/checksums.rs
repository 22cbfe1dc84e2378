//! `cargo bench --bench checksums`: hashing files and writing their checksums, against `sha256sum` on
//! the same files. One thread each; the files lie in the system's cache.
//!
//! A gigabyte is generated below the target folder and removed afterwards; `MODFARM_BENCH_QUICK=1`
//! takes a quarter of it.

#![allow(
    clippy::disallowed_methods,
    clippy::print_stdout,
    clippy::cast_precision_loss,
    reason = "it prints a table and runs its peers"
)]

mod measure;

use std::io::Write as _;
use std::process::Command;

use camino::Utf8Path;
use measure::{clock, fresh_folder, least, median, run, verdict};
use modfarm::model::checksums;
use modfarm::sys::files;

const FILES: usize = 16;
const ROUNDS: usize = 5;

fn main() {
    let folder = fresh_folder("checksums");
    let megabytes = if measure::quick() { 16 } else { 64 };
    let names: Vec<String> = (0..FILES).map(|number| format!("file{number:02}.zip")).collect();
    for (number, name) in names.iter().enumerate() {
        generate(&folder.join(name), number as u64 + 1, megabytes);
    }
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for _ in 0..measure::rounds(ROUNDS) {
        ours.push(clock(|| write_sums(&folder, &names)).as_secs_f64());
        let mut command = Command::new("sha256sum");
        let (taken, said) = run(command.args(&names).current_dir(&folder));
        theirs.push(taken.wall.as_secs_f64());
        assert_eq!(said.stdout, files::read(&folder.join("SHA256SUMS")).expect("the sums"));
    }
    files::remove_dir_all(&folder).expect("the files go");
    let size = FILES * megabytes;
    println!("{FILES} files, {size} MiB, {} rounds in turn (MiB/s)", ours.len());
    println!("{:<10} {:>8} {:>8}", "", "median", "best");
    for (what, seconds) in [("modfarm", &ours), ("sha256sum", &theirs)] {
        let rate = |seconds: f64| size as f64 / seconds;
        let (median, least) = (median(seconds.iter().copied()), least(seconds.iter().copied()));
        println!("{what:<10} {:>8.0} {:>8.0}", rate(median), rate(least));
    }
    let ratio = least(theirs) / least(ours);
    println!("modfarm is {ratio:.2} × as fast");
    verdict("not slower than sha256sum", ratio >= 1.0);
}

fn write_sums(folder: &Utf8Path, names: &[String]) {
    let digests: Vec<_> = names
        .iter()
        .map(|name| files::digest(&folder.join(name)).expect("a digest").sha256)
        .collect();
    let text = checksums::render(names.iter().map(String::as_str).zip(digests));
    files::write_atomic(&folder.join("SHA256SUMS"), text.as_bytes()).expect("the sums");
}

/// A file of numbers that follow no pattern (xorshift).
fn generate(path: &Utf8Path, mut state: u64, megabytes: usize) {
    let mut file = files::create(path).expect("a file");
    let mut block = Vec::with_capacity(1 << 20);
    for _ in 0..megabytes {
        block.clear();
        while block.len() < 1 << 20 {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            block.extend(state.to_le_bytes());
        }
        file.write_all(&block).expect("its bytes");
    }
}
