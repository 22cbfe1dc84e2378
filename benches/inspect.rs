//! `cargo bench --bench inspect`: the inspection of the modules of a release against Python's pefile
//! reading the same: headers, sections, imports, exports and the manifest, of bytes in memory. Then
//! the command against a Python program, each started anew and reading the files itself.
//!
//! Needs the cross kit (`make kit`), and pefile in the folder `MODFARM_TEST_PYTHONPATH`:
//! `python3 -m pip install --target .modfarm/tools/python pefile==2024.8.26`.

#![allow(
    clippy::disallowed_methods,
    clippy::print_stdout,
    clippy::cast_precision_loss,
    reason = "it prints a table and runs its peers"
)]

mod measure;

use std::io::Read as _;
use std::process::Command;

use camino::{Utf8Path, Utf8PathBuf};
use measure::{Kept, clock, fresh_folder, least, median, modfarm, run, time, verdict};
use modfarm::inspect::{Context, Expectation, inspect};
use modfarm::sys::files;

const ROUNDS: usize = 7;
const TARGET: f64 = 50.0;

/// Reads the files, then says how many seconds the parsing of all took. `fast` leaves out the
/// directories that the inspection does not look into either; `all` is pefile's default.
const PEFILE: &str = r#"
import sys, time
import pefile
how, paths = sys.argv[1], sys.argv[2:]
contents = [open(path, "rb").read() for path in paths]
wanted = [pefile.DIRECTORY_ENTRY["IMAGE_DIRECTORY_ENTRY_" + name]
          for name in ("IMPORT", "EXPORT", "RESOURCE")]
names = 0
start = time.perf_counter()
for content in contents:
    pe = pefile.PE(data=content, fast_load=how == "fast")
    if how == "fast":
        pe.parse_data_directories(directories=wanted)
    names += sum(len(dll.imports) for dll in pe.DIRECTORY_ENTRY_IMPORT)
    names += len(pe.DIRECTORY_ENTRY_EXPORT.symbols)
print(time.perf_counter() - start)
assert names > 100 * len(paths)
"#;

fn main() {
    let default = concat!(env!("CARGO_MANIFEST_DIR"), "/.modfarm/tools/python");
    let python_path = std::env::var("MODFARM_TEST_PYTHONPATH").unwrap_or(default.to_owned());
    if !files::exists(&Utf8Path::new(&python_path).join("pefile.py")) {
        println!(
            "pefile is not in {python_path}: \
             `python3 -m pip install --target .modfarm/tools/python pefile==2024.8.26`"
        );
        return;
    }
    let folder = fresh_folder("inspect");
    let modules = unpack(&Kept::release().file("mod_wsgi-windows-6.1.1.zip"), &folder);
    let contents: Vec<(Expectation, Vec<u8>)> = modules
        .iter()
        .map(|path| (Expectation::of_path(path.as_str()), files::read(path).expect("a module")))
        .collect();
    let script = folder.join("read.py");
    files::write_atomic(&script, PEFILE.as_bytes()).expect("the script");
    let python = |how: &str| {
        let mut command = Command::new("python3");
        command.arg(&script).arg(how).args(&modules).env("PYTHONPATH", &python_path);
        command
    };
    let library = || {
        clock(|| {
            for (expected, bytes) in &contents {
                assert!(inspect(bytes, expected, &Context::default()).passed());
            }
        })
        .as_secs_f64()
    };
    let inside = |how: &str| {
        let (_, said) = run(&mut python(how));
        String::from_utf8_lossy(&said.stdout).trim().parse::<f64>().expect("seconds")
    };
    let command = || {
        let mut command = modfarm(&["inspect", "--format", "json"]);
        time(command.args(&modules)).wall.as_secs_f64()
    };
    let mut figures: [Vec<f64>; 5] = Default::default();
    for _ in 0..measure::rounds(ROUNDS) {
        figures[0].push(least((0..20).map(|_| library())));
        figures[1].push(inside("fast"));
        figures[2].push(inside("all"));
        figures[3].push(command());
        figures[4].push(time(&mut python("fast")).wall.as_secs_f64());
    }
    let each = |figures: &Vec<f64>| {
        median(figures.iter().map(|seconds| seconds * 1e6 / modules.len() as f64))
    };
    let [library, fast, all, command, program] = [0, 1, 2, 3, 4].map(|at| each(&figures[at]));
    let size: usize = contents.iter().map(|(_, bytes)| bytes.len()).sum();
    println!(
        "{} modules of {} KiB on average, {} rounds in turn, median (µs a file)",
        modules.len(),
        size / 1024 / modules.len(),
        figures[0].len()
    );
    for (what, figure, against) in [
        ("modfarm::inspect, parsing and all checks", library, library),
        ("pefile, the directories that matter", fast, library),
        ("pefile, as it comes", all, library),
        ("modfarm inspect, the process", command, command),
        ("python with pefile, the process", program, command),
    ] {
        println!("{what:<42} {figure:>10.1} {:>8.0} ×", figure / against);
    }
    verdict(&format!("inspect ≥ {TARGET} × pefile"), fast / library >= TARGET);
}

/// Unpacks the modules of an archive; gives their paths.
fn unpack(archive: &Utf8Path, to: &Utf8Path) -> Vec<Utf8PathBuf> {
    let file = files::open(archive).expect("the archive");
    let mut archive = zip::ZipArchive::new(file).expect("a zip");
    let mut paths = Vec::new();
    for index in 0..archive.len() {
        let mut member = archive.by_index(index).expect("a member");
        let path = to.join(member.name().expect("a name").as_ref());
        if path.extension() == Some("so") {
            let mut bytes = Vec::new();
            member.read_to_end(&mut bytes).expect("its bytes");
            files::write_atomic(&path, &bytes).expect("a module");
            paths.push(path);
        }
    }
    paths
}
