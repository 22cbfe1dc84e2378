//! `cargo bench --bench publish`: publishing to the tests' stand-in for GitHub, against
//! `gh release create` with the same files to the same stand-in in the same run:
//!
//! - 60 assets of 1 MiB where every answer takes 50 ms: time and processor time;
//! - one asset of 1 GiB: the most memory, and bytes a second;
//! - 200 assets where GitHub's limits hold: whether any request is refused. It takes some minutes, for
//!   80 assets a minute are allowed; `MODFARM_BENCH_QUICK=1` leaves it out.

#![allow(
    clippy::disallowed_methods,
    clippy::print_stdout,
    clippy::cast_precision_loss,
    reason = "it prints a table and runs its peers"
)]

#[path = "../tests/github/mod.rs"]
#[allow(dead_code, unused_imports, reason = "the tests use more of it")]
mod github;
mod measure;
#[path = "../tests/made/releases.rs"]
mod releases;

use std::process::Command;
use std::time::{Duration, Instant};

use github::{Limits, Options, REPOSITORY, StandIn};
use measure::{Taken, fresh_folder, least, median, modfarm, quick, rounds, run, verdict};
use modfarm::sys::files;
use releases::{MadeRelease, VERSION};

/// The notes, the checksums and the manifest of a release are assets as well.
const NOT_ARCHIVES: usize = 3;

/// What publishes a release.
type Publisher = fn(&StandIn, &MadeRelease) -> Command;

fn main() {
    if !measure::has("gh", "gh") {
        return;
    }
    many();
    large();
    if !quick() {
        limited();
    }
}

/// 60 assets of 1 MiB, 50 ms.
fn many() {
    let release = releases::release(&fresh_folder("publish"), 60 - NOT_ARCHIVES, 1 << 20, 1);
    rehearse(&release);
    let options = || Options { latency: Duration::from_millis(50), ..Options::default() };
    let [mut ours, mut theirs] = [Vec::new(), Vec::new()];
    for _ in 0..rounds(5) {
        ours.push(timed(publish, &release, options()));
        theirs.push(timed(gh, &release, options()));
    }
    println!("60 assets of 1 MiB, 50 ms an answer, {} rounds in turn (medians)", ours.len());
    println!("{:<10} {:>9} {:>10}", "", "time", "processors");
    let wall = |taken: &[Taken]| median(taken.iter().map(|taken| taken.wall.as_secs_f64()));
    let cpu = |taken: &[Taken]| median(taken.iter().map(|taken| taken.cpu.as_secs_f64()));
    for (what, taken) in [("modfarm", &ours), ("gh", &theirs)] {
        println!("{what:<10} {:>7.2} s {:>8.2} s", wall(taken), cpu(taken));
    }
    let (time, processors) = (wall(&ours) / wall(&theirs), cpu(&ours) / cpu(&theirs));
    verdict(&format!("time ≤ 0.6 × gh's ({time:.2})"), time <= 0.6);
    verdict(&format!("processors ≤ 0.3 × gh's ({processors:.2})"), processors <= 0.3);
}

/// One asset of 1 GiB.
fn large() {
    let size: u64 = if quick() { 256 << 20 } else { 1 << 30 };
    let release = releases::release(&fresh_folder("publish"), 1, size, 1);
    let options = || Options { keep: 1 << 20, threads: 2, ..Options::default() };
    let [mut ours, mut theirs] = [Vec::new(), Vec::new()];
    for _ in 0..rounds(3) {
        ours.push(timed(publish, &release, options()).wall.as_secs_f64());
        theirs.push(timed(gh, &release, options()).wall.as_secs_f64());
    }
    let memory = |command: Publisher| {
        let github = start(options());
        measure::memory::most(&mut command(&github, &release)) as f64 / 1024.0
    };
    let (our_memory, their_memory) = (memory(publish), memory(gh));
    let rate = |seconds: &[f64]| (size >> 20) as f64 / least(seconds.iter().copied());
    println!("\none asset of {} MiB, {} rounds in turn (best)", size >> 20, ours.len());
    println!("{:<10} {:>11} {:>9}", "", "MiB/s", "MiB");
    println!("{:<10} {:>11.0} {our_memory:>9.1}", "modfarm", rate(&ours));
    println!("{:<10} {:>11.0} {their_memory:>9.1}", "gh", rate(&theirs));
    verdict(&format!("memory ≤ 64 MiB ({our_memory:.1})"), our_memory <= 64.0);
    let ratio = rate(&ours) / rate(&theirs);
    verdict(&format!("not slower than gh ({ratio:.2} ×)"), ratio >= 1.0);
    files::remove_dir_all(&release.folder).expect("the files go");
}

/// 200 assets, with the limits that GitHub has.
fn limited() {
    let release = releases::release(&fresh_folder("publish"), 200 - NOT_ARCHIVES, 1000, 1);
    println!("\n200 assets where GitHub's limits hold");
    println!("{:<10} {:>9} {:>9} {:>8}", "", "ended", "time", "refused");
    let commands: [(&str, Publisher); 2] = [("modfarm", publish), ("gh", gh)];
    let mut refused = Vec::new();
    for (what, command) in commands {
        let github = start(Options { limits: Limits::default(), ..Options::default() });
        let start = Instant::now();
        let output = command(&github, &release).output().expect("it runs");
        let time = start.elapsed().as_secs_f64();
        let count = github.log().iter().filter(|logged| logged.limited).count();
        let whole = github.published(VERSION, &release.assets).is_ok();
        let ended = if output.status.success() && whole { "whole" } else { "failed" };
        println!("{what:<10} {ended:>9} {time:>7.1} s {count:>8}");
        refused.push(count + usize::from(!whole));
    }
    verdict("modfarm completes with no request refused", refused[0] == 0);
}

/// A stand-in of one run's own.
fn start(options: Options) -> StandIn {
    let github = StandIn::with(options);
    github.add_tag(VERSION);
    github
}

/// A rehearsal, as a maintainer does it before: it remembers the digests of files that are not brand-new.
fn rehearse(release: &MadeRelease) {
    std::thread::sleep(Duration::from_secs(3));
    run(publish(&start(Options::default()), release).arg("--dry-run"));
}

fn state() -> camino::Utf8PathBuf {
    measure::folder("publish-state")
}

/// One run, which must end in a whole release.
fn timed(command: Publisher, release: &MadeRelease, options: Options) -> Taken {
    let github = start(options);
    let (taken, _) = run(&mut command(&github, release));
    github.assert_published(VERSION, &release.assets);
    taken
}

fn publish(github: &StandIn, release: &MadeRelease) -> Command {
    let to = format!("github:{REPOSITORY}");
    let mut command = modfarm(&["publish", release.folder.as_str(), "--to", &to, "--tag", VERSION]);
    command.env("GH_TOKEN", github.token()).env("GITHUB_API_URL", github.api());
    command.env("MODFARM_STATE", state());
    command
}

fn gh(github: &StandIn, release: &MadeRelease) -> Command {
    let mut command = Command::new("gh");
    command.args(["release", "create", VERSION, "--repo", REPOSITORY, "--title", VERSION]);
    let notes = release.assets.iter().find(|(name, _)| name.ends_with(".notes.md"));
    let notes = release.folder.join(&notes.expect("notes").0);
    command.args(["--notes-file", notes.as_str()]);
    command.args(release.assets.iter().map(|(name, _)| release.folder.join(name)));
    command.envs(github.gh_environment());
    command
}
