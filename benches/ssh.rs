//! `cargo bench --bench ssh`: how long the compiles of a release take over four workers that are reached
//! through OpenSSH, against `xargs -P` and GNU parallel, which run the very same commands over the same
//! ssh in folders that were laid out beforehand.
//!
//! All four hosts are servers on this machine, of which each may run one compiler at a time, as the peers'
//! slots do: workers that think that all cores are their own would get into each other's way.
//! `MODFARM_BENCH_QUICK=1` takes two Pythons instead of four, `MODFARM_BENCH_ROUNDS=3` the best of three
//! rounds. Needs the cross kit (`make kit`) and OpenSSH's server.

#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::cast_precision_loss,
    reason = "it prints a table and runs its peers"
)]

#[path = "../tests/github/mod.rs"]
#[allow(dead_code, unused_imports, reason = "the tests use more of it")]
mod github;
mod measure;
#[path = "../tests/program.rs"]
#[allow(dead_code, reason = "the tests use more of it")]
mod program;
#[path = "../tests/ssh"]
#[allow(dead_code, reason = "the tests use more of it")]
mod servers {
    pub(crate) mod host;
    pub(crate) mod net;
}

use std::process::Command;

use camino::Utf8PathBuf;
use measure::inputs::{self, Build};
use measure::{Kept, PYTHONS, Taken, cores, fresh_folder, least, time, verdict};
use modfarm::farm::journal::Entry;
use modfarm::model::event::{Event, Stage};
use modfarm::sys::files;
use modfarm::worker::Store;
use program::{Site, script};
use servers::host::{Host, User};

const HOSTS: [&str; 4] = ["build1", "build2", "build3", "build4"];

const TARGET: f64 = 1.0;

fn main() {
    if !files::exists("/usr/sbin/sshd".into()) {
        println!("sshd is not installed: `apt-get install openssh-server`, then run this again");
        return;
    }
    let kept = Kept::release();
    let pythons = if measure::quick() { &PYTHONS[1..3] } else { &PYTHONS[..] };
    let site = Site::new();
    let user = User::new(&site);
    let hosts = HOSTS.map(|name| user.host(name, None));
    for (name, host) in HOSTS.iter().zip(&hosts) {
        user.runner(name, name, sparing(host).as_str(), "slots: 1\n");
    }
    // What travels and what is laid out is there before anything is measured.
    modfarm(&site, &kept, pythons, "first");
    let manifest = manifest(&site);
    let peers = Peers::new(&user, &kept, pythons);
    let (mut ours, mut xargs, mut parallel) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..measure::rounds(2) {
        for host in &hosts {
            let results = host.folder.join("cache/modfarm/store/ac");
            files::remove_dir_all(&results).expect("what was built is forgotten");
        }
        let (state, taken) = modfarm(&site, &kept, pythons, &format!("round{round}"));
        let journal = inputs::journal(&state);
        ours.push(stage(&journal, Stage::Inspect) - stage(&journal, Stage::Build));
        let (compiles, hosts) = (peers.builds.len(), HOSTS.len());
        println!("round {}: {compiles} compiles of a module over {hosts} hosts", round + 1);
        println!("{:<34} {:>8} {:>8} {:>7}", "", "wall s", "cpu s", "others");
        line("modfarm release, all of it", taken.wall.as_secs_f64(), taken);
        line("modfarm release, its compiles", ours[round], taken);
        let taken = peers.xargs(&manifest);
        line("xargs -P 4 ssh", taken.wall.as_secs_f64(), taken);
        xargs.push(taken.wall.as_secs_f64());
        if modfarm::sys::process::find("parallel").is_some() {
            let taken = peers.parallel(&manifest);
            line("parallel -j 4 ssh", taken.wall.as_secs_f64(), taken);
            parallel.push(taken.wall.as_secs_f64());
        }
    }
    let ratio = |theirs: &[f64]| least(ours.iter().copied()) / least(theirs.iter().copied());
    println!("least of {} rounds on {} cores: {:.2} × xargs", ours.len(), cores(), ratio(&xargs));
    if parallel.is_empty() {
        println!("GNU parallel is not installed: `apt-get install parallel`");
    } else {
        println!("{:.2} × GNU parallel", ratio(&parallel));
    }
    verdict(&format!("compiles ≤ {TARGET} × xargs over ssh"), ratio(&xargs) <= TARGET);
}

/// A host's modfarm, whose workers run one compiler at a time.
fn sparing(host: &Host) -> Utf8PathBuf {
    let modfarm = &host.program;
    let text =
        format!("[ \"$1\" = worker ] && exec {modfarm} \"$@\" --jobs 1\nexec {modfarm} \"$@\"");
    script(&host.folder.join("sparing"), &text)
}

fn line(what: &str, wall: f64, taken: Taken) {
    let cpu = taken.cpu.as_secs_f64();
    println!("{what:<34} {wall:>8.1} {cpu:>8.1} {:>5.0} %", 100.0 * taken.others);
}

/// A release over all hosts with a state of its own, which is given back.
fn modfarm(site: &Site, kept: &Kept, pythons: &[&str], name: &str) -> (Utf8PathBuf, Taken) {
    let state = site.folder.join(name);
    files::remove_dir_all(&site.folder.join("dist")).expect("an old release goes");
    let mut command = site.command(&["release", "--no-smoke", "--state", state.as_str()]);
    command.args(["--source", kept.source.as_str()]);
    for python in pythons {
        command.args(["--only", &format!("*/{python}-VC14")]);
    }
    let taken = time(&mut command);
    (state, taken)
}

fn manifest(site: &Site) -> String {
    let all = files::walk(&site.folder.join("dist")).expect("the release");
    let name = all.iter().find(|name| name.ends_with("manifest.json")).expect("the manifest");
    files::read_to_string(&site.folder.join("dist").join(name)).expect("a text")
}

/// When a stage began, in seconds.
fn stage(journal: &[Entry], wanted: Stage) -> f64 {
    let entry = journal
        .iter()
        .find(|entry| matches!(entry.what, Event::StageStarted { stage } if stage == wanted));
    entry.expect("the stage").time.as_millisecond() as f64 / 1e3
}

/// The same commands in folders of their own.
struct Peers {
    folder: Utf8PathBuf,
    store: Store,
    builds: Vec<Build>,
}

impl Peers {
    fn new(user: &User<'_>, kept: &Kept, pythons: &[&str]) -> Self {
        let (folder, store) = (fresh_folder("ssh"), inputs::store(&kept.state));
        let mut builds = inputs::builds(&kept.state, &store);
        let wanted =
            |cell: &String| pythons.iter().any(|python| cell.ends_with(&format!("/{python}-VC14")));
        builds.retain(|build| build.cells.iter().any(wanted));
        let one = format!(
            "#!/bin/sh\n# A number of a folder, and a host.\ncd {folder}/variant$1 && exec ssh -n -F {} \
             -o BatchMode=yes \"$2\" \"cd $PWD && $(cat command)\"\n",
            user.config()
        );
        files::write_atomic(&folder.join("one"), one.as_bytes()).expect("a script");
        Self { folder, store, builds }
    }

    /// `xargs`, each of whose four slots has a host.
    fn xargs(&self, manifest: &str) -> Taken {
        let each = format!("sh {}/one NUMBER build$((SLOT + 1))", self.folder);
        let slots = "xargs -P 4 -I NUMBER --process-slot-var=SLOT sh -c";
        self.run(&format!("{} | {slots} '{each}'", self.numbers()), manifest)
    }

    /// GNU parallel, the same way.
    fn parallel(&self, manifest: &str) -> Taken {
        let each = format!("sh {}/one {{}} build{{%}}", self.folder);
        self.run(&format!("{} | parallel --will-cite -j 4 '{each}'", self.numbers()), manifest)
    }

    fn numbers(&self) -> String {
        format!("seq 0 {}", self.builds.len() - 1)
    }

    /// Lays everything out, runs a line of the shell, and sees that it made what the release has.
    fn run(&self, line: &str, manifest: &str) -> Taken {
        let place = |number: usize| self.folder.join(format!("variant{number}"));
        for (number, build) in self.builds.iter().enumerate() {
            files::remove_dir_all(&place(number)).expect("an old folder goes");
            inputs::lay_out(&self.store, build.inputs, &place(number));
            let command = build.command.arguments.join(" ");
            files::write_atomic(&place(number).join("command"), command.as_bytes()).expect("it");
        }
        let taken = time(Command::new("bash").args(["-o", "pipefail", "-c", line]));
        for (number, build) in self.builds.iter().enumerate() {
            let output = place(number).join(&build.command.output_paths[0]);
            let digest = files::digest(&output).expect("a module").sha256.to_string();
            assert!(manifest.contains(&digest), "{output} is not what the release has");
        }
        taken
    }
}
