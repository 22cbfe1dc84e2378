//! `cargo bench --bench memory`: the most memory that the orchestrator and its worker ever have, each
//! alone and compilers aside: in a release from nothing and in one with nothing to do, while planning
//! 100,000 cells, and while looking into a large archive.
//!
//! Needs the cross kit (`make kit`). `MODFARM_BENCH_QUICK=1` takes two Pythons instead of four.

#![allow(clippy::print_stdout, clippy::cast_precision_loss, reason = "it prints a table")]

mod measure;

use std::io::{Read as _, Write as _};
use std::process::Command;

use camino::{Utf8Path, Utf8PathBuf};
use measure::memory::{Role, peaks};
use measure::{Kept, PYTHONS, fresh_folder, modfarm, release, verdict};
use modfarm::sys::files;

/// In MiB.
const TARGET: f64 = 100.0;

/// How often each module of the release stands in the large archive.
const COPIES: usize = 100;

fn main() {
    let kept = Kept::release();
    let folder = fresh_folder("memory");
    let pythons = if measure::quick() { &PYTHONS[1..3] } else { &PYTHONS[..] };
    println!("{:<44} {:>8} {:>8} {:>8}  (MiB)", "", "program", "worker", "a guard");
    let mut most = [
        show("plan of 100,000 cells, as a table", &mut plan(&folder, "table")),
        show("plan of 100,000 cells, as JSON", &mut plan(&folder, "json")),
        inspect(&kept, &folder),
        show("release, nothing to do (40 cells)", &mut release(&kept.state, &kept.to, &PYTHONS)),
        0.0,
    ];
    let (state, to) = (folder.join("state"), folder.join("dist"));
    let mut cold = release(&state, &to, pythons);
    cold.arg("--no-smoke");
    cold.args(["--source", kept.source.as_str()]);
    most[4] = show("release, from nothing", &mut cold);
    files::remove_dir_all(&folder).expect("the files go");
    let most = most.into_iter().fold(0.0, f64::max);
    verdict(&format!("memory < {TARGET} MiB throughout ({most:.1})"), most < TARGET);
}

/// Runs a command and prints its line; gives the most that one of its processes had.
fn show(what: &str, command: &mut Command) -> f64 {
    let peaks = peaks(command);
    let shown = [Role::Program, Role::Worker, Role::Guard].map(|role| {
        peaks.get(&role).map_or("—".to_owned(), |peak| format!("{:.1}", *peak as f64 / 1024.0))
    });
    println!("{what:<44} {:>8} {:>8} {:>8}", shown[0], shown[1], shown[2]);
    peaks.values().max().map_or(0.0, |peak| *peak as f64 / 1024.0)
}

fn plan(folder: &Utf8Path, format: &str) -> Command {
    let matrix = folder.join("matrix.yaml");
    let text = measure::cells::matrix_text(400, 250);
    files::write_atomic(&matrix, text.as_bytes()).expect("a matrix");
    modfarm(&["plan", "--matrix", matrix.as_str(), "--format", format])
}

fn inspect(kept: &Kept, folder: &Utf8Path) -> f64 {
    let (archive, members, size) = large_archive(kept, folder);
    let what = format!("inspect of a zip: {members} modules, {} MiB", size >> 20);
    show(&what, &mut modfarm(&["inspect", archive.as_str()]))
}

/// The modules of the release many times over in one zip; how many, and their size unpacked.
fn large_archive(kept: &Kept, folder: &Utf8Path) -> (Utf8PathBuf, usize, u64) {
    let file = files::open(&kept.file("mod_wsgi-windows-6.1.1.zip")).expect("the archive");
    let mut from = zip::ZipArchive::new(file).expect("a zip");
    let path = folder.join("large.zip");
    let mut to = zip::ZipWriter::new(files::create(&path).expect("a file"));
    let options = zip::write::SimpleFileOptions::default().compression_level(Some(1));
    let (mut members, mut size) = (0, 0);
    for index in 0..from.len() {
        let mut member = from.by_index(index).expect("a member");
        let name = member.name().expect("a name").into_owned();
        if Utf8Path::new(&name).extension() != Some("so") {
            continue;
        }
        let mut bytes = Vec::new();
        member.read_to_end(&mut bytes).expect("its bytes");
        for copy in 0..COPIES {
            to.start_file(format!("{copy}/{name}"), options).expect("a member");
            to.write_all(&bytes).expect("its bytes");
            members += 1;
            size += bytes.len() as u64;
        }
    }
    to.finish().expect("a zip");
    (path, members, size)
}
