//! `modfarm release` killed at any moment, and gone on with: the same release, nothing built twice, nothing
//! left running.

use std::collections::{BTreeMap, BTreeSet};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use camino::{Utf8Path, Utf8PathBuf};
use modfarm::model::digest::Sha256;
use modfarm::sys::files;
use rustix::process::Signal;
use serde_json::Value;

use crate::made::source;
use crate::program::{Ran, Running, Site, clang_after, digests, read};
use crate::publishing::in_parallel;

const FOLDER: &str = "dist/mod_wsgi-6.1.1";

/// Eight cells of four jobs, each compiled in an instant.
const RELEASE: [&str; 8] = [
    "release",
    "--source",
    "src",
    "--only",
    "*-VS1[78]/py31[13]-VC14",
    "--no-smoke",
    "--slots",
    "2",
];

/// So many runs at a time.
const SIDE_BY_SIDE: usize = 2;

/// How long what a killed run started may take to end.
const ORPHANS: Duration = Duration::from_secs(30);

/// A site where every module that is compiled is counted.
struct Bench {
    site: Site,
    path: String,
}

impl Bench {
    /// With a source that compiles in an instant.
    fn quick() -> Self {
        let bench = Self::empty();
        source::quick(&bench.site.folder.join("src"), "6.1.1");
        bench
    }

    /// With one that compiles for a while.
    fn slow() -> Self {
        let bench = Self::empty();
        source::slow(&bench.site.folder.join("src"), "6.1.1", 2);
        bench
    }

    fn empty() -> Self {
        let inherited = std::env::var("PATH").expect("a PATH");
        // The same for all sites: the place of a tool is a part of what is built.
        Self { site: Site::new(), path: format!("{}:{inherited}", counted_clang()) }
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = self.site.command(arguments);
        command.env("PATH", &self.path);
        command
    }

    fn run(&self, arguments: &[&str]) -> Ran {
        Ran::of(&mut self.command(arguments))
    }

    fn start(&self, arguments: &[&str]) -> Running {
        Running::start(&mut self.command(arguments))
    }

    fn resume(&self) -> Ran {
        self.run(&["release", "--resume"])
    }

    /// The makefiles whose module was compiled, in order.
    fn made(&self) -> Vec<String> {
        let log = self.site.folder.join("made");
        if !files::exists(&log) {
            return Vec::new();
        }
        read(&log).lines().map(str::to_owned).collect()
    }

    /// The digest of every file of the release.
    fn release(&self) -> BTreeMap<String, Sha256> {
        digests(&self.site.folder.join(FOLDER))
    }

    /// The folders of the runs, oldest first.
    fn runs(&self) -> Vec<Utf8PathBuf> {
        let runs = self.site.folder.join(".modfarm/runs");
        let names = files::names(&runs).unwrap_or_default();
        names.into_iter().map(|name| runs.join(name)).collect()
    }

    fn last_run(&self) -> Utf8PathBuf {
        self.runs().pop().expect("a run")
    }

    fn name_of_last(&self) -> String {
        self.last_run().file_name().expect("a name").to_owned()
    }

    /// Nothing of a killed run is left after a while.
    fn no_orphan(&self) -> Result<(), String> {
        let start = Instant::now();
        while !self.site.processes().is_empty() {
            if start.elapsed() > ORPHANS {
                return Err(format!("still there: {:#?}", self.site.processes()));
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    }

    /// Begins a run and kills it once compilers run.
    fn killed_while_compiling(&self) {
        let running = self.start(&RELEASE);
        self.site.wait("compilers run", || self.site.compiles());
        running.signal(Signal::KILL);
        running.end().ended(-1);
        self.no_orphan().unwrap();
    }
}

/// A folder with a `clang` that notes down the makefile of each module that it compiles, in the site that
/// it works for.
fn counted_clang() -> Utf8PathBuf {
    static MADE: std::sync::Once = std::sync::Once::new();
    let folder = Utf8Path::new(env!("CARGO_TARGET_TMPDIR")).join("counted");
    MADE.call_once(|| {
        let note = "case \"$*\" in *' /c '*/mod_wsgi.c*)\n\
                    echo *.mk >>\"${PWD%%/.modfarm/*}/made\" ;;\nesac";
        clang_after(note, &folder);
    });
    folder
}

/// The whole lines of a run's journal.
fn journal(run: &Utf8Path) -> Vec<Value> {
    let text = read(&run.join("journal.jsonl"));
    let whole = text.rfind('\n').map_or("", |end| &text[..end]);
    whole.lines().map(|line| serde_json::from_str(line).expect(line)).collect()
}

/// The jobs that a journal calls built, once for each time.
fn built(journal: &[Value]) -> Vec<String> {
    let events = journal.iter().map(|line| &line["what"]);
    events
        .filter(|event| event["outcome"]["outcome"] == "built")
        .map(|event| event["job"].as_str().expect("a job").to_owned())
        .collect()
}

/// The makefile of a job: its first cell is `Apache24-win64-VS17/py313-VC14`.
fn is_of(makefile: &str, job: &str) -> bool {
    let (label, python) = job.split_once('/').expect("a cell");
    let python = python.split('-').next().expect("a Python");
    let arch = label.split('-').nth(1).expect("an arch");
    makefile.contains(python) && makefile.contains(arch)
}

#[test]
fn a_killed_release_is_gone_on_with() {
    kill(8);
}

/// `make kills`.
#[test]
#[ignore = "takes minutes"]
fn a_hundred_killed_releases_are_gone_on_with() {
    kill(100);
}

fn kill(times: u32) {
    let bench = Bench::quick();
    let start = Instant::now();
    bench.run(&RELEASE).ended(0);
    let whole = start.elapsed();
    let right = bench.release();
    assert_eq!((right.len(), bench.made().len()), (11, 4));
    // One somewhere in each part of the run, so that none is spared.
    let mut random = fastrand::Rng::with_seed(u64::from(times));
    let part = whole / times;
    let moments: Vec<Duration> =
        (0..times).map(|n| part * n + part.mul_f64(random.f64())).collect();
    let wrong = in_parallel(moments, SIDE_BY_SIDE, |moment| {
        killed(*moment, &right).map_err(|wrong| format!("killed after {moment:?}: {wrong}"))
    });
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn killed(moment: Duration, right: &BTreeMap<String, Sha256>) -> Result<(), String> {
    let bench = Bench::quick();
    let mut command = bench.command(&RELEASE);
    let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn();
    let mut child = child.map_err(|error| error.to_string())?;
    std::thread::sleep(moment);
    // SIGKILL; one that has ended already is no error.
    let status = child.kill().and_then(|()| child.wait()).map_err(|error| error.to_string())?;
    bench.no_orphan()?;
    let made_before = bench.made().len();
    let before = bench.runs().pop().map(|run| journal(&run)).unwrap_or_default();
    let second = bench.resume();
    if before.is_empty() || status.success() {
        // It had not begun, or had come to its end.
        if second.code != 2 || !second.stderr.contains("was left unfinished") {
            return Err(format!("nothing was to be gone on with: {}", second.said()));
        }
        bench.run(&RELEASE).ended(0);
    } else if second.code != 0 {
        return Err(format!("then it ended with {}: {}", second.code, second.said()));
    }
    bench.no_orphan()?;
    if bench.release() != *right {
        return Err("the release is another".to_owned());
    }
    let after = journal(&bench.last_run());
    let jobs = built(&after);
    if jobs.iter().collect::<BTreeSet<_>>().len() != jobs.len() {
        return Err(format!("a job was built twice: {jobs:?}"));
    }
    let finished = built(&before);
    let again = &bench.made()[made_before..];
    match again.iter().find(|makefile| finished.iter().any(|job| is_of(makefile, job))) {
        Some(makefile) => Err(format!("{makefile} was built again, after {finished:?}")),
        None => Ok(()),
    }
}

/// The local worker lives on for a moment; it and its compilers see that nobody is there any more.
#[test]
fn what_a_killed_run_leaves_ends_by_itself_and_nothing_is_lost() {
    let bench = Bench::slow();
    let running = bench.start(&RELEASE);
    let results = bench.site.folder.join(".modfarm/cache/store/ac");
    let a_job_is_done = || files::walk(&results).is_ok_and(|results| !results.is_empty());
    bench.site.wait("a job is done", a_job_is_done);
    bench.site.wait("compilers run", || bench.site.compiles());
    running.signal(Signal::KILL);
    running.end().ended(-1);
    bench.no_orphan().unwrap();
    let made = bench.made().len();
    let ran = bench.run(&["release", "--resume", "--format", "json"]).ended(0);
    let events = ran.events();
    assert_eq!(events[0]["event"], "resumed", "{}", ran.stdout);
    let told = events[1]["message"].as_str().expect("a note");
    assert!(told.contains(&bench.name_of_last()) && told.contains(" goes on; "), "{told}");
    let cached = events.iter().filter(|event| event["outcome"]["outcome"] == "cached").count();
    assert!(cached >= 1, "{}", ran.stdout);
    assert_eq!(bench.made().len() - made, 4 - cached);
    // One run, one folder; its summary is of all of it.
    assert_eq!(bench.runs().len(), 1);
    let summary = read(&bench.last_run().join("summary.md"));
    assert!(summary.contains("Released: dist/mod_wsgi-6.1.1"), "{summary}");
    let last = journal(&bench.last_run()).pop().expect("a line");
    assert_eq!(last["ended"], "released");
    let left = files::names(&bench.site.folder.join(".modfarm/cache/store/work")).expect("it");
    assert_eq!(left, Vec::<String>::new());
}

#[test]
fn a_run_is_killed_and_gone_on_with_again_and_again() {
    let bench = Bench::slow();
    bench.killed_while_compiling();
    for _ in 0..2 {
        let mut running = bench.start(&["release", "--resume"]);
        bench.site.wait("compilers run", || bench.site.compiles() || running.has_ended());
        if !running.has_ended() {
            running.signal(Signal::KILL);
        }
        running.end();
        bench.no_orphan().unwrap();
    }
    let last = bench.resume();
    assert!([0, 2].contains(&last.code), "{}", last.said());
    bench.resume().refused(2, &["no run in .modfarm was left unfinished", "is released"]);
    let name = bench.name_of_last();
    let words = [&format!("run {name} came to its end: it was released")[..], "hint: "];
    bench.run(&["release", "--resume", &name]).refused(2, &words);
    let journal = journal(&bench.last_run());
    let numbers: Vec<u64> =
        journal[1..].iter().map(|line| line["sequence"].as_u64().expect("a number")).collect();
    assert!(numbers.iter().copied().eq(1..=numbers.len() as u64), "{numbers:?}");
    let jobs = built(&journal);
    assert_eq!(jobs.iter().collect::<BTreeSet<_>>().len(), jobs.len(), "{jobs:?}");
}

#[test]
fn an_interrupted_run_is_gone_on_with_and_a_running_one_is_not() {
    let bench = Bench::slow();
    let running = bench.start(&RELEASE);
    bench.site.wait("compilers run", || bench.site.compiles());
    let name = bench.name_of_last();
    for arguments in [&["release", "--resume"][..], &["release", "--resume", &name]] {
        let words = ["is at work just now (process ", &name, "hint: wait for its end"];
        bench.run(arguments).refused(3, &words);
    }
    running.signal(Signal::INT);
    running.end().ended(130);
    let last = journal(&bench.last_run()).pop().expect("a line");
    assert_eq!(last["ended"], "interrupted");
    bench.resume().ended(0);
    assert_eq!((bench.release().len(), bench.runs().len()), (11, 1));
}

#[test]
fn the_same_command_goes_on_by_itself_and_says_so_once() {
    let bench = Bench::slow();
    let running = bench.start(&RELEASE);
    let a_job_is_built = || bench.runs().iter().any(|run| !built(&journal(run)).is_empty());
    bench.site.wait("a job is built", || bench.site.compiles() && a_job_is_built());
    running.signal(Signal::KILL);
    running.end().ended(-1);
    bench.no_orphan().unwrap();
    let name = bench.name_of_last();
    let told = format!("Note run {name} was not finished; ");
    // Another release is not the same.
    let other = ["release", "--source", "src", "--only", "no-such-cell"];
    assert!(!bench.run(&other).stderr.contains("was not finished"));
    let ran = bench.run(&RELEASE).ended(0);
    assert!(ran.stderr.contains(&told), "{}", ran.stderr);
    assert!(ran.stderr.contains(" of 4 jobs are built and will not be built again"));
    let ran = bench.run(&RELEASE).ended(0);
    assert!(!ran.stderr.contains("was not finished"), "{}", ran.stderr);
    bench.resume().refused(2, &["was left unfinished"]);
    // It can be named all the same.
    bench.run(&["release", "--resume", &name]).ended(0);
}

#[test]
fn what_cannot_be_gone_on_with_is_refused_with_what_to_do() {
    let bench = Bench::slow();
    let none = ["no run in .modfarm was left unfinished", "hint: modfarm release begins a run"];
    bench.resume().refused(2, &none);
    let unknown = ["there is no run 'x' in .modfarm/runs; there is none at all"];
    bench.run(&["release", "--resume", "x"]).refused(2, &unknown);
    bench.killed_while_compiling();
    let name = bench.name_of_last();
    let listed =
        ["there is no run 'x' in .modfarm/runs\nhint: there are\n  ", &name, "  unfinished"];
    bench.run(&["release", "--resume", "x"]).refused(2, &listed);
    for more in [&["--only", "*"][..], &["--no-smoke"], &["--to", "elsewhere"], &["--dry-run"]] {
        let arguments = [&["release", "--resume"][..], more].concat();
        bench.run(&arguments).refused(2, &["--resume", "cannot be used with", more[0]]);
    }
    let elsewhere = bench.site.folder.join("elsewhere");
    files::create_dir_all(&elsewhere).expect("a folder");
    let state = bench.site.folder.join(".modfarm");
    let mut command = bench.command(&["release", "--resume", "--state", state.as_str()]);
    let words = ["was begun in ", bench.site.folder.as_str(), "hint: run the same command in"];
    Ran::of(command.current_dir(&elsewhere)).refused(2, &words);

    // Of another version of modfarm.
    let path = format!(".modfarm/runs/{name}/journal.jsonl");
    let whole = read(&bench.site.folder.join(&path));
    bench.site.edit(&path, "\"format_version\":2", "\"format_version\":77,\"mood\":\"fine\"");
    let words = ["the format is 77, of modfarm ", "hint: begin anew with modfarm release"];
    bench.run(&["release", "--resume", &name]).refused(2, &words);
    bench.resume().refused(2, &["was left unfinished"]);
    bench.site.write(&path, &whole.replacen("\"--no-smoke\"", "\"--no-such-thing\"", 1));
    bench.resume().refused(2, &["with arguments that this one does not know", "--no-such-thing"]);
    // Damaged where no kill damages it.
    bench.site.write(&path, &whole.replacen("\"sequence\":2", "\"seq\":2", 1));
    bench.run(&["release", "--resume", &name]).refused(2, &["journal.jsonl, line 3: "]);
    // Torn before its first line was whole.
    bench.site.write(&path, &whole[..30]);
    bench.run(&["release", "--resume", &name]).refused(2, &["has no first line"]);
    // Torn as a crash does, in the midst of a line.
    bench.site.write(&path, &whole[..whole.len() - 20]);
    bench.resume().ended(0);
    assert_eq!(bench.release().len(), 11);
}

#[test]
fn a_matrix_that_changed_meanwhile_is_said_and_heeded() {
    let bench = Bench::slow();
    bench.killed_while_compiling();
    bench.site.edit("matrix.yaml", "module: mod_wsgi\n", "# Changed.\nmodule: mod_wsgi\n");
    let ran = bench.resume().ended(0);
    assert!(
        ran.stderr.contains("the matrix has changed since, and what that makes"),
        "{}",
        ran.stderr
    );
    assert_eq!(bench.release().len(), 11);
}

#[test]
fn a_run_killed_while_it_publishes_is_gone_on_with() {
    let bench = Bench::quick();
    bench.run(&RELEASE).ended(0);
    let right = bench.release();
    for _ in 0..3 {
        files::remove_dir_all(&bench.site.folder.join("dist")).expect("removed");
        let mut running = bench.start(&RELEASE);
        let staging = bench.site.folder.join("dist/.mod_wsgi-6.1.1.staging");
        let begun = || files::names(&staging).is_ok_and(|names| !names.is_empty());
        bench.site.wait("it is packaged", || begun() || running.has_ended());
        if !running.has_ended() {
            running.signal(Signal::KILL);
        }
        running.end();
        let resumed = bench.resume();
        assert!([0, 2].contains(&resumed.code), "{}", resumed.said());
        assert_eq!(bench.release(), right);
        let left = files::names(&bench.site.folder.join("dist")).expect("it");
        assert_eq!(left, [".mod_wsgi-6.1.1.lock", "mod_wsgi-6.1.1"]);
    }
}

/// What no file can be written in is refused, and nothing is broken by it.
#[test]
fn a_state_that_is_read_only_or_full() {
    let bench = Bench::slow();
    bench.killed_while_compiling();
    let modfarm = bench.command(&["release", "--resume"]);
    let probe = Ran::of(Command::new("unshare").args(["-rm", "mount", "-t", "tmpfs", "t", "/mnt"]));
    if probe.code == 0 {
        let seal = "mount -o bind .modfarm .modfarm && mount -o remount,ro,bind .modfarm";
        // A file may take no byte more than it has, which ends as a full disk does.
        for (how, words) in [
            (format!("{seal}; exec \"$@\""), "hint: the file system is read-only"),
            ("trap '' XFSZ; ulimit -f 0; exec \"$@\"".to_owned(), "cannot write .modfarm/runs/"),
        ] {
            let mut command = Command::new("unshare");
            command.args(["-rm", "bash", "-c", &how, "bash"]).arg(modfarm.get_program());
            command.args(modfarm.get_args()).current_dir(&bench.site.folder).env_clear();
            command.envs(modfarm.get_envs().filter_map(|(name, value)| Some((name, value?))));
            Ran::of(command.stdin(Stdio::null())).refused(3, &[words]);
        }
    }
    bench.resume().ended(0);
    assert_eq!(bench.release().len(), 11);
}
