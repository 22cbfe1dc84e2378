//! What the benches share: running modfarm and its peers, time, processor time and memory of child
//! processes, the release that most of them measure on, and the printing of a table.

#![allow(clippy::disallowed_methods, dead_code, reason = "every bench uses a part of it")]

pub(crate) mod cells;
pub(crate) mod inputs;
pub(crate) mod memory;
pub(crate) mod sshd;

use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use camino::{Utf8Path, Utf8PathBuf};
use modfarm::sys::files;

/// The program, as `cargo bench` built it.
pub(crate) const MODFARM: &str = env!("CARGO_BIN_EXE_modfarm");

/// The Pythons of the measured release: four for each of ten Apache folders are 40 cells, and win32
/// and win64 of each are 8 jobs.
pub(crate) const PYTHONS: [&str; 4] = ["py311", "py313", "py314", "py315"];

/// The cores of this machine.
pub(crate) fn cores() -> u32 {
    std::thread::available_parallelism().map_or(1, |cores| u32::try_from(cores.get()).unwrap_or(1))
}

/// Whether somebody is in a hurry: `MODFARM_BENCH_QUICK=1`.
pub(crate) fn quick() -> bool {
    std::env::var_os("MODFARM_BENCH_QUICK").is_some()
}

/// How often the long measurements are made: `MODFARM_BENCH_ROUNDS`.
pub(crate) fn rounds(usual: usize) -> usize {
    let rounds = std::env::var("MODFARM_BENCH_ROUNDS").ok().and_then(|text| text.parse().ok());
    rounds.unwrap_or(usual).max(1)
}

/// A folder of a bench's own below the target folder.
pub(crate) fn folder(name: &str) -> Utf8PathBuf {
    let folder = Utf8Path::new(env!("CARGO_TARGET_TMPDIR")).join("bench").join(name);
    files::create_dir_all(&folder).expect("a folder");
    folder
}

/// The same, empty.
pub(crate) fn fresh_folder(name: &str) -> Utf8PathBuf {
    files::remove_dir_all(&folder(name)).expect("an old folder goes");
    folder(name)
}

/// A command of modfarm, run where `matrix.yaml` is, in an environment that changes nothing.
pub(crate) fn modfarm(arguments: &[&str]) -> Command {
    let mut command = Command::new(MODFARM);
    command.args(arguments).current_dir(env!("CARGO_MANIFEST_DIR"));
    for name in ["CI", "GITHUB_ACTIONS", "MODFARM_LOG", "MODFARM_STATE", "RUST_LOG"] {
        command.env_remove(name);
    }
    command
}

/// The release that the benches measure on: made the first time, standing afterwards.
#[derive(Debug)]
pub(crate) struct Kept {
    /// What is kept between runs.
    pub(crate) state: Utf8PathBuf,
    /// The folder that the release's folder stands in.
    pub(crate) to: Utf8PathBuf,
    /// The module's source, unpacked.
    pub(crate) source: Utf8PathBuf,
}

impl Kept {
    /// Makes it where it is missing.
    pub(crate) fn release() -> Self {
        let (state, to) = (folder("kept/state"), folder("kept/dist"));
        println!("(the release of 40 cells that is measured on is made where it is missing)");
        time(&mut release(&state, &to, &PYTHONS));
        let unpacked = state.join("cache/unpacked");
        let source = files::names(&unpacked).expect("the source").remove(0);
        Self { state, to, source: unpacked.join(source) }
    }

    /// The file in the release whose name ends so.
    pub(crate) fn file(&self, end: &str) -> Utf8PathBuf {
        let all = files::walk(&self.to).expect("the release");
        let name = all.iter().find(|name| name.ends_with(end)).expect("the file");
        self.to.join(name)
    }
}

/// `modfarm release` of every Apache folder that these Pythons are for.
pub(crate) fn release(state: &Utf8Path, to: &Utf8Path, pythons: &[&str]) -> Command {
    let mut command = modfarm(&["release", "--state", state.as_str(), "--to", to.as_str()]);
    for python in pythons {
        command.args(["--only", &format!("*/{python}-VC14")]);
    }
    command
}

/// What a command took.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Taken {
    /// The time on the clock.
    pub(crate) wall: Duration,
    /// The time on the processors, of all that it started too.
    pub(crate) cpu: Duration,
    /// The share of the machine that others took meanwhile, from 0 to 1.
    pub(crate) others: f64,
}

/// Runs a command to its end; one that fails ends the bench with what it said.
pub(crate) fn time(command: &mut Command) -> Taken {
    run(command).0
}

/// The same, with what it said.
pub(crate) fn run(command: &mut Command) -> (Taken, Output) {
    let (before, busy) = (children_cpu(), machine_busy());
    let start = Instant::now();
    let output = command.stdin(Stdio::null()).output();
    let wall = start.elapsed();
    let program = command.get_program().to_string_lossy().into_owned();
    let output = output.unwrap_or_else(|error| panic!("cannot run {program}: {error}"));
    assert!(
        output.status.success(),
        "{program} failed: {}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    let cpu = children_cpu().saturating_sub(before);
    let busy = machine_busy().saturating_sub(busy).saturating_sub(cpu);
    let others = busy.as_secs_f64() / (wall.as_secs_f64() * f64::from(cores()));
    (Taken { wall, cpu, others }, output)
}

/// Whether a program that a bench is measured against is here; says how to get it otherwise.
pub(crate) fn has(program: &str, package: &str) -> bool {
    let found = modfarm::sys::process::find(program).is_some();
    if !found {
        println!("{program} is not installed: `apt-get install {package}`, then run this again");
    }
    found
}

/// The processor time of all children that ended, theirs included.
fn children_cpu() -> Duration {
    let stat = files::read_to_string(Utf8Path::new("/proc/self/stat")).expect("Linux");
    let (_, fields) = stat.rsplit_once(") ").expect("the fields after the name");
    ticks(fields.split(' ').skip(13).take(2))
}

/// The processor time of this process itself so far.
pub(crate) fn own_cpu() -> Duration {
    let stat = files::read_to_string(Utf8Path::new("/proc/self/stat")).expect("Linux");
    let (_, fields) = stat.rsplit_once(") ").expect("the fields after the name");
    ticks(fields.split(' ').skip(11).take(2))
}

/// The time that the machine's processors were not idle.
fn machine_busy() -> Duration {
    let stat = files::read_to_string(Utf8Path::new("/proc/stat")).expect("Linux");
    let first = stat.lines().next().unwrap_or_default();
    let fields: Vec<&str> = first.split_whitespace().skip(1).collect();
    // user, nice, system; then idle and waiting; irq, softirq, steal.
    ticks(fields[..3].iter().chain(&fields[5..8]).copied())
}

/// Linux tells times in hundredths of a second.
fn ticks<'a>(fields: impl Iterator<Item = &'a str>) -> Duration {
    Duration::from_millis(10 * fields.filter_map(|field| field.parse::<u64>().ok()).sum::<u64>())
}

/// The time that some work takes here, without what it gives being dropped.
pub(crate) fn clock<T>(work: impl FnOnce() -> T) -> Duration {
    let start = Instant::now();
    let result = work();
    let time = start.elapsed();
    drop(result);
    time
}

/// The middle of some figures.
pub(crate) fn median(figures: impl IntoIterator<Item = f64>) -> f64 {
    let mut figures: Vec<f64> = figures.into_iter().collect();
    figures.sort_unstable_by(f64::total_cmp);
    figures[figures.len() / 2]
}

/// The least of some figures.
pub(crate) fn least(figures: impl IntoIterator<Item = f64>) -> f64 {
    figures.into_iter().fold(f64::INFINITY, f64::min)
}

/// Says whether a figure is what it should be.
pub(crate) fn verdict(what: &str, met: bool) {
    println!("{}: {what}", if met { "met" } else { "MISSED" });
}
