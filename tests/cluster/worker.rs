//! Workers over TCP that run: what they say is kept, and they are ended with the test.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use camino::{Utf8Path, Utf8PathBuf};
use rustix::process::{Pid, Signal};

use crate::github::TOKEN_MARK;
use crate::program::{folder, modfarm, processes};

/// How long is waited for what should come within a second.
const PATIENCE: Duration = Duration::from_secs(90);

/// A program that runs beside the test, in a folder of its own.
pub(crate) struct Beside {
    _keep: tempfile::TempDir,
    pub(crate) folder: Utf8PathBuf,
    child: Mutex<Child>,
    said: Arc<Mutex<String>>,
}

impl Beside {
    /// `modfarm worker` with these arguments and a store of its own.
    pub(crate) fn worker(arguments: &[&str]) -> Self {
        Self::start(|folder| {
            let store = folder.join("store");
            let mut all = vec!["worker", "--store", store.as_str()];
            all.extend(arguments);
            modfarm(folder, &all)
        })
    }

    /// A worker that listens on a port of its own, and its address as a runner's file has it.
    pub(crate) fn listening(arguments: &[&str]) -> (Self, String) {
        let worker = Self::worker(&[&["--listen", "127.0.0.1:0"], arguments].concat());
        let line = worker.hear("listening on ");
        let (_, address) = line.split_once("listening on ").expect("an address");
        (worker, address.trim().to_owned())
    }

    /// Starts the command that is made for a folder.
    pub(crate) fn start(command: impl FnOnce(&Utf8Path) -> Command) -> Self {
        let (keep, folder) = folder();
        let mut command = command(&folder);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("it starts");
        let said = Arc::new(Mutex::new(String::new()));
        let (hearing, stderr) = (Arc::clone(&said), child.stderr.take().expect("a pipe"));
        std::thread::spawn(move || {
            for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                let mut said = hearing.lock().expect("it");
                said.push_str(&line);
                said.push('\n');
            }
        });
        Self { _keep: keep, folder, child: Mutex::new(child), said }
    }

    /// All that it said.
    pub(crate) fn said(&self) -> String {
        self.said.lock().expect("it").clone()
    }

    /// Waits until it has said this; the line.
    #[track_caller]
    pub(crate) fn hear(&self, words: &str) -> String {
        let start = Instant::now();
        loop {
            let said = self.said();
            if let Some(line) = said.lines().find(|line| line.contains(words)) {
                return line.to_owned();
            }
            let runs = self.child().try_wait().expect("a child").is_none();
            assert!(runs && start.elapsed() < PATIENCE, "{words:?} is not said: {said}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// What runs in its folder besides itself.
    pub(crate) fn runs(&self) -> Vec<String> {
        let own = format!("{} ", self.child().id());
        processes(&self.folder).into_iter().filter(|line| !line.starts_with(&own)).collect()
    }

    /// Whether a compiler runs for it.
    pub(crate) fn compiles(&self) -> bool {
        self.runs().iter().any(|process| process.contains("clang") && process.contains("/c "))
    }

    pub(crate) fn signal(&self, signal: Signal) {
        rustix::process::kill_process(Pid::from_child(&self.child()), signal).expect("it runs");
    }

    fn child(&self) -> std::sync::MutexGuard<'_, Child> {
        self.child.lock().expect("it")
    }

    /// Waits for its end; the exit code.
    #[track_caller]
    pub(crate) fn end(&self) -> i32 {
        let start = Instant::now();
        loop {
            if let Some(status) = self.child().try_wait().expect("a child") {
                return status.code().unwrap_or(-1);
            }
            assert!(start.elapsed() < PATIENCE, "it does not end: {}", self.said());
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Beside {
    #[allow(clippy::print_stderr, reason = "a second panic would end the tests")]
    fn drop(&mut self) {
        drop(self.child().kill());
        drop(self.child().wait());
        let said = self.said();
        if std::thread::panicking() {
            eprintln!("{} said:\n{said}", self.folder);
        } else {
            assert!(!said.contains(TOKEN_MARK), "a token is shown: {said}");
            crate::program::assert_no_token(&self.folder);
        }
    }
}

/// Waits until this holds.
#[track_caller]
pub(crate) fn wait(words: &str, mut holds: impl FnMut() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < PATIENCE, "not within {} s: {words}", PATIENCE.as_secs());
        std::thread::sleep(Duration::from_millis(10));
    }
}
