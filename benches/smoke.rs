//! `cargo bench --bench smoke`: how long a real Apache under Wine takes to try one file, what the first
//! run on a machine pays more, and what a release pays that remembers all that was seen.
//!
//! Needs the cross kit with its roots for running (`make kit`) and Wine.

#![allow(clippy::print_stdout, reason = "it prints a table")]

mod measure;

use camino::Utf8Path;
use measure::{folder, fresh_folder, has, median, modfarm, release, rounds, time, verdict};
use modfarm::sys::process;

const RUNS: usize = 7;
const TARGET: f64 = 15.0;
const PYTHONS: [&str; 2] = ["py311", "py313"];

fn main() {
    if !has("wine", "wine") {
        return;
    }
    let (state, to) = (folder("smoke/state"), folder("smoke/dist"));
    let seconds = |command: &mut std::process::Command| time(command).wall.as_secs_f64();
    seconds(&mut release(&state, &to, &PYTHONS));
    let unpacked = fresh_folder("smoke/unpacked");
    let file = module(&to, &unpacked);
    let try_in = |state: &Utf8Path| {
        seconds(&mut modfarm(&["smoke", file.as_str(), "--state", state.as_str()]))
    };
    let first = try_in(&fresh_folder("smoke/nothing"));
    println!("{:<46} {first:>8.2} s", "the first on a machine, which makes a prefix");
    let runs: Vec<f64> = (0..rounds(RUNS)).map(|_| try_in(&state)).collect();
    let each = median(runs.iter().copied());
    println!("{:<46} {each:>8.2} s", "each other, 10 checks (median)");

    // Both in turn, with nothing changed.
    let (mut seen, mut not) = (Vec::new(), Vec::new());
    let unseen = folder("smoke/unseen");
    seconds(release(&state, &unseen, &PYTHONS).arg("--no-smoke"));
    for _ in 0..rounds(3 * RUNS) {
        seen.push(1e3 * seconds(&mut release(&state, &to, &PYTHONS)));
        not.push(1e3 * seconds(release(&state, &unseen, &PYTHONS).arg("--no-smoke")));
    }
    let (seen, not) = (median(seen), median(not));
    println!("{:<46} {seen:>8.1} ms", "a release that remembers all that was seen");
    println!("{:<46} {not:>8.1} ms", "the same with --no-smoke");
    verdict(&format!("one cell's smoke ≤ {TARGET} s (median)"), each <= TARGET);
}

/// The module for Python 3.13 in the release, unpacked where its folder says what it is.
fn module(to: &Utf8Path, unpacked: &Utf8Path) -> camino::Utf8PathBuf {
    let all = modfarm::sys::files::walk(to).expect("the release");
    let tar = all.iter().find(|name| name.ends_with(".tar.gz")).expect("an archive");
    let tar = to.join(tar);
    time(process::command("tar").args(["-xzf", tar.as_str(), "-C", unpacked.as_str()]));
    let wanted = "Apache24-win64-VS17/modules/mod_wsgi-py313-VC14.so";
    let all = modfarm::sys::files::walk(unpacked).expect("the archive");
    unpacked.join(all.iter().find(|name| name.ends_with(wanted)).expect("the module"))
}
