//! `cargo bench --bench fan_out`: how long the compiles of a release take, against the document's way:
//! a shell script of the very same commands on the very same inputs, one after the other.
//!
//! `MODFARM_BENCH_QUICK=1` takes two Pythons instead of four, `MODFARM_BENCH_ROUNDS=3` the best of
//! three rounds. Needs the cross kit (`make kit`).

#![allow(
    clippy::disallowed_methods,
    clippy::print_stdout,
    clippy::cast_precision_loss,
    reason = "it prints a table and runs its peers"
)]

mod measure;

use std::fmt::Write as _;
use std::process::Command;

use camino::{Utf8Path, Utf8PathBuf};
use measure::inputs::{self, Build};
use measure::{Kept, PYTHONS, Taken, cores, fresh_folder, least, release, run, time, verdict};
use modfarm::farm::journal::Entry;
use modfarm::model::event::{Event, JobOutcome, Stage};
use modfarm::sys::files;

const TARGET: f64 = 1.9;

/// One round's figures.
struct Round {
    whole: Taken,
    compile: f64,
    script: Taken,
}

fn main() {
    let kept = Kept::release();
    let pythons = if measure::quick() { &PYTHONS[1..3] } else { &PYTHONS[..] };
    let rounds: Vec<Round> =
        (0..measure::rounds(1)).map(|round| one_round(&kept, pythons, round)).collect();
    let best = |figure: fn(&Round) -> f64| least(rounds.iter().map(figure));
    let (compile, script) =
        (best(|round| round.compile), best(|round| round.script.wall.as_secs_f64()));
    let ratio = script / compile;
    println!("least of {} round(s): {ratio:.2} × as fast", rounds.len());
    verdict(&format!("fan-out ≥ {TARGET} × on two cores"), ratio >= TARGET);
}

fn one_round(kept: &Kept, pythons: &[&str], round: usize) -> Round {
    let folder = fresh_folder("fan_out");
    let (state, to) = (folder.join("state"), folder.join("dist"));
    let mut command = release(&state, &to, pythons);
    command.arg("--no-smoke");
    let whole = time(command.args(["--source", kept.source.as_str()]));
    let journal = inputs::journal(&state);
    let compile = stage(&journal, Stage::Inspect) - stage(&journal, Stage::Build);
    let script = in_sequence(&folder, &state, &kept.file_text("manifest.json"));

    let (cells, built) = counts(&journal);
    println!("round {}: {cells} cells from {built} compiles of a module", round + 1);
    println!("{:<34} {:>8} {:>8} {:>7} {:>7}", "", "wall s", "cpu s", "busy", "others");
    line("modfarm release, all of it", whole.wall.as_secs_f64(), whole);
    line("modfarm release, its compiles", compile, Taken { cpu: whole.cpu, ..whole });
    line("shell script, one after the other", script.wall.as_secs_f64(), script);
    Round { whole, compile, script }.said()
}

impl Round {
    fn said(self) -> Self {
        let script = self.script.wall.as_secs_f64();
        let whole = script / self.whole.wall.as_secs_f64();
        println!("compiles {:.2} ×, the whole release {whole:.2} ×\n", script / self.compile);
        self
    }
}

fn line(what: &str, wall: f64, taken: Taken) {
    let cpu = taken.cpu.as_secs_f64();
    let busy = 100.0 * cpu / (wall * f64::from(cores()));
    println!("{what:<34} {wall:>8.1} {cpu:>8.1} {busy:>5.0} % {:>5.0} %", 100.0 * taken.others);
}

/// The document's way, on the inputs that the release had; it must give the same files.
fn in_sequence(folder: &Utf8Path, state: &Utf8Path, manifest: &str) -> Taken {
    let store = inputs::store(state);
    let mut text = String::from("set -e\n");
    let mut outputs = Vec::new();
    for (number, build) in inputs::builds(state, &store).into_iter().enumerate() {
        let place = folder.join(format!("variant{number}"));
        inputs::lay_out(&store, build.inputs, &place);
        writeln!(text, "cd {place}\n{}", commands(&build, &place)).expect("text");
        outputs.push(place.join(&build.command.output_paths[0]));
    }
    let script = folder.join("build-all.sh");
    files::write_atomic(&script, text.as_bytes()).expect("the script");
    let taken = time(Command::new("sh").arg(&script).env("LC_ALL", "C"));
    for output in outputs {
        let digest = files::digest(&output).expect("a module").sha256.to_string();
        assert!(manifest.contains(&digest), "{output} is not what the release has");
    }
    taken
}

/// The commands that `make` would run, as it writes them.
fn commands(build: &Build, place: &Utf8Path) -> String {
    let (program, arguments) = build.command.arguments.split_first().expect("a command");
    let mut make = Command::new(program);
    let (_, said) = run(make.args(arguments).arg("--dry-run").current_dir(place));
    String::from_utf8(said.stdout).expect("text")
}

/// When a stage began, in seconds.
fn stage(journal: &[Entry], wanted: Stage) -> f64 {
    let entry = journal
        .iter()
        .find(|entry| matches!(entry.what, Event::StageStarted { stage } if stage == wanted));
    entry.expect("the stage").time.as_millisecond() as f64 / 1e3
}

/// The cells of a run, and how many modules were compiled for them.
fn counts(journal: &[Entry]) -> (usize, usize) {
    let cells = journal.iter().find_map(|entry| match entry.what {
        Event::Planned { cells, .. } => Some(cells),
        _ => None,
    });
    let built = journal.iter().filter(|entry| {
        matches!(entry.what, Event::JobFinished { outcome: JobOutcome::Built, .. })
    });
    (cells.unwrap_or_default(), built.count())
}

impl Kept {
    fn file_text(&self, end: &str) -> String {
        let path: Utf8PathBuf = self.file(end);
        files::read_to_string(&path).expect("a text")
    }
}
