//! Workers that lie, dawdle or flood (`tests/hostile/`), in the place of one that is reached through ssh: a
//! release is finished without them, or ends soon with an error that names the runner.

use std::process::{Child, Command, Stdio};
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use camino::{Utf8Path, Utf8PathBuf};
use modfarm::farm::journal::Past;
use modfarm::model::event::{Event, JobOutcome};
use modfarm::sys::files;

use crate::made::source;
use crate::program::{Site, read};

/// The most KiB that modfarm may take, whatever comes.
const MEMORY: u64 = 200 << 10;

/// How long any of this may take, on a machine that is busy otherwise.
const LIMIT: Duration = Duration::from_secs(240);

/// The program, made where it is missing: a run of these tests alone does not make examples.
static HOSTILE_WORKER: LazyLock<Utf8PathBuf> = LazyLock::new(|| {
    let tests = Utf8PathBuf::from_path_buf(std::env::current_exe().unwrap()).unwrap();
    let program = tests.parent().unwrap().with_file_name("examples").join("hostile-worker");
    if !program.exists() {
        let mut command = Command::new(env!("CARGO"));
        command.args(["build", "--locked", "--example", "hostile-worker"]);
        assert!(command.status().unwrap().success());
    }
    program
});

/// A site where the runner `aevil` comes first and is in some mode.
fn site(mode: &str, good: bool) -> Site {
    let site = Site::new();
    source::quick(&site.folder.join("src"), "6.1.1");
    let text = read(&site.folder.join("runners/cross.yaml"));
    let evil = text.replace("connection: local", "connection: ssh\nhost: evil");
    assert_ne!(evil, text);
    site.write("runners/aevil.yaml", &evil);
    if !good {
        files::remove_file(&site.folder.join("runners/cross.yaml")).unwrap();
    }
    let (program, modfarm) = (&*HOSTILE_WORKER, env!("CARGO_BIN_EXE_modfarm"));
    let store = site.folder.join("evil-store");
    // Only a worker is ever asked for.
    let script = format!(
        "#!/bin/sh\ncase \"$*\" in *worker*) exec {program} {mode} {modfarm} {store};; esac\nexit 255\n"
    );
    site.write("bin/ssh", &script);
    assert!(
        Command::new("chmod")
            .args(["+x", site.folder.join("bin/ssh").as_str()])
            .status()
            .unwrap()
            .success()
    );
    site
}

/// How a release ended.
struct Released {
    code: i32,
    said: String,
    /// The most KiB that modfarm's own process had.
    peak: u64,
}

fn release(site: &Site, limit: &str, patience: &str) -> Released {
    let arguments = [
        "release",
        "--source",
        "src",
        "--only",
        "Apache24-win64-VS17/py313-VC14",
        "--no-smoke",
        "--time-limit",
        limit,
    ];
    let path = format!("{}:{}", site.folder.join("bin"), std::env::var("PATH").unwrap());
    let mut command = site.command(&arguments);
    command.env("PATH", path).env("MODFARM_RUNNER_PATIENCE", patience);
    let said = site.folder.join("said");
    let output = files::create(&said).unwrap();
    let also = output.try_clone().unwrap();
    let (code, peak) = watched(command.stdout(output).stderr(also));
    Released { code, said: read(&said), peak }
}

/// Runs a command to its end, and looks how much memory it takes.
fn watched(command: &mut Command) -> (i32, u64) {
    let begun = Instant::now();
    let mut child: Child = command.stdin(Stdio::null()).spawn().unwrap();
    let status = Utf8PathBuf::from(format!("/proc/{}/status", child.id()));
    let mut most = 0;
    loop {
        most = peak(&status).unwrap_or(0).max(most);
        if let Some(status) = child.try_wait().unwrap() {
            return (status.code().unwrap_or(-1), most);
        }
        if begun.elapsed() > LIMIT {
            child.kill().unwrap();
            return (-1, most);
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn peak(status: &Utf8Path) -> Option<u64> {
    let status = files::read_to_string(status).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.split_whitespace().next()?.parse().ok()
}

impl Released {
    #[track_caller]
    fn is_bounded(&self, site: &Site) {
        site.wait("all of it ends", || site.processes().is_empty());
        assert!(self.peak > 0 && self.peak < MEMORY, "{} KiB: {}", self.peak, self.said);
        let steers = |c: char| (c.is_control() && c != '\n') || c == '\u{202e}';
        assert!(!self.said.contains(steers), "{:?}", self.said);
        let escaped = |path: &String| path.contains("modfarm-escaped");
        assert!(!files::walk(&site.folder).unwrap().iter().any(escaped));
        assert!(!files::exists(Utf8Path::new("/modfarm-escaped")));
        assert!(!files::exists(&site.folder.join("../modfarm-escaped")));
        assert!(!self.said.contains("panicked"), "{}", self.said);
    }

    /// Whether a line that says what is wrong begins with the runner's name.
    fn names_the_runner(&self) -> bool {
        let named = ["runner 'aevil': ", "Lost aevil: ", "Set aside aevil: "];
        named.iter().any(|words| self.said.contains(words))
    }
}

/// With a good runner beside it: the release stands, and the warning names runner and fault.
#[track_caller]
fn is_survived(mode: &str, limit: &str, words: &str) {
    let site = site(mode, true);
    let ran = release(&site, limit, "3");
    assert_eq!(ran.code, 0, "{}", ran.said);
    ran.is_bounded(&site);
    assert!(ran.names_the_runner() && ran.said.contains(words), "{}", ran.said);
    assert!(files::exists(&site.folder.join("dist/mod_wsgi-6.1.1")), "{}", ran.said);
}

/// Alone: an error that names the runner.
#[track_caller]
fn is_refused(mode: &str, words: &str) {
    let site = site(mode, false);
    let ran = release(&site, "60", "3");
    assert!([1, 3].contains(&ran.code), "{}: {}", ran.code, ran.said);
    ran.is_bounded(&site);
    assert!(ran.names_the_runner() && ran.said.contains(words), "{}", ran.said);
    assert!(!files::exists(&site.folder.join("dist/mod_wsgi-6.1.1")), "{}", ran.said);
}

macro_rules! survived {
    ($($name:ident: $mode:literal, $words:literal;)*) => {
        $(#[test] fn $name() { is_survived($mode, "60", $words); })*
    };
}

macro_rules! refused {
    ($($name:ident: $mode:literal, $words:literal;)*) => {
        $(#[test] fn $name() { is_refused($mode, $words); })*
    };
}

survived! {
    what_is_no_protocol: "garbage", "";
    who_never_greets: "silence", "";
    who_ends_with_words_for_the_terminal: "terminal", "␛[2J";
    a_greeting_of_megabytes: "long-hello", "";
    a_greeting_for_the_terminal: "escape-hello", "characters that are no text";
    who_never_says_what_is_missing: "mute-missing", "cannot ask what is missing";
    who_never_takes_an_upload: "mute-upload", "cannot bring the inputs";
    who_never_begins: "mute-run", "cannot run the job";
    a_frame_of_four_gigabytes: "long-frame", "cannot ask what is missing";
    a_status_of_megabytes: "long-status", "cannot ask what is missing";
    a_status_for_the_terminal: "escape-status", "␛[2J";
    who_lacks_the_same_again_and_again: "lacks-all", "something is missing";
    who_lacks_what_nobody_asked_for: "lacks-more", "and more";
    who_knows_what_it_never_built: "knows-all", "I knew it";
    who_is_gone_when_it_is_to_run: "gone", "run the job";
    who_tells_of_another_action: "another", "tells of another action";
    who_stops_to_tell: "ends-early", "stopped to tell of the job";
    who_ends_without_an_answer: "no-answer", "ended the job without an answer";
    who_answers_what_cannot_be_read: "unreadable", "cannot be read";
    who_says_that_time_is_over: "time-over", "job's time is over";
    who_made_nothing: "nothing-made", "did not make";
    who_made_something_else_elsewhere: "elsewhere", "did not make";
    a_file_of_a_terabyte: "enormous", "16 MiB is the most";
    a_file_of_a_negative_size: "negative", "a file without a digest";
    a_file_that_is_another: "wrong", "it promised the content";
    a_file_that_is_not_there: "missing", "it lacks the file";
    a_bomb: "bomb", "more than was promised";
    a_stream_of_bombs: "flood", "more than was promised";
    who_trickles: "trickle", "cannot fetch a file";
}

refused! {
    garbage_alone: "garbage", "";
    a_greeting_for_the_terminal_alone: "escape-hello", "characters that are no text";
    who_never_begins_alone: "mute-run", "cannot run the job";
    who_lacks_the_same_alone: "lacks-all", "something is missing";
    a_bomb_alone: "bomb", "more than was promised";
    a_status_for_the_terminal_alone: "escape-status", "␛[2J";
    who_is_gone_alone: "gone", "run the job";
}

/// What waits for the job's own time limit is given a short one.
#[test]
fn who_keeps_a_job_for_ever() {
    for (mode, words) in [
        ("queued", "it keeps the job waiting"),
        ("running", "long over the job's time limit"),
        ("mute-running", "long over the job's time limit"),
    ] {
        is_survived(mode, "10", words);
    }
}

/// What is told beside the file: all of it is bounded, and the file is taken.
#[test]
fn what_is_told_beside_a_good_file_is_bounded() {
    for mode in ["long-log", "steering-log", "old"] {
        let site = site(mode, false);
        let ran = release(&site, "60", "60");
        assert_eq!(ran.code, 0, "{mode}: {}", ran.said);
        ran.is_bounded(&site);
        let runs = site.folder.join(".modfarm/runs");
        let run = runs.join(files::names(&runs).unwrap().pop().unwrap());
        let log = files::read(&run.join("logs/Apache24-win64-VS17_py313-VC14.log")).unwrap();
        assert!(log.len() < 5 << 20, "{}", log.len());
        let log = String::from_utf8(log).unwrap();
        assert!(!log.contains(|c: char| c.is_control() && !"\n\t".contains(c)));
        let past = Past::read(&run).unwrap();
        let took = past.entries.into_iter().find_map(|entry| match entry.what {
            Event::JobFinished { outcome: JobOutcome::Built, millis, .. } => Some(millis),
            _ => None,
        });
        assert!(took.is_some_and(|millis| millis < 240_000), "{mode}: {took:?}");
    }
}
