//! Runs modfarm as its users do, in folders of the test's own, with nothing in the environment that
//! would change what it says or does.

use std::collections::BTreeMap;
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use camino::{Utf8Path, Utf8PathBuf};
use modfarm::model::digest::Sha256;
use modfarm::sys::files;
use serde_json::Value;

use crate::github::TOKEN_MARK;

/// What a run printed, and how it ended; −1 where a signal ended it.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Ran {
    /// Runs a command to its end.
    pub(crate) fn of(command: &mut Command) -> Self {
        Self::from(command.output().expect("it starts"))
    }

    fn from(output: std::process::Output) -> Self {
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("UTF-8");
        let code = output.status.code().unwrap_or(-1);
        let ran = Self { code, stdout: text(output.stdout), stderr: text(output.stderr) };
        assert!(!ran.said().contains(TOKEN_MARK), "a token is shown: {ran:?}");
        ran
    }

    /// All that it said.
    pub(crate) fn said(&self) -> String {
        format!("{}{}", self.stdout, self.stderr)
    }

    /// The same without traces.
    pub(crate) fn told(&self) -> String {
        let traces = [" TRACE ", " DEBUG ", " INFO "];
        let said = self.said();
        let told = |line: &&str| !traces.iter().any(|trace| line.contains(trace));
        said.split_inclusive('\n').filter(told).collect()
    }

    /// The run, if it ended with this code; a panic that shows what it said otherwise.
    #[track_caller]
    pub(crate) fn ended(self, code: i32) -> Self {
        assert_eq!(self.code, code, "stdout: {}\nstderr: {}", self.stdout, self.stderr);
        self
    }

    /// The run, if it ended with this code and said all of these on standard error.
    #[track_caller]
    pub(crate) fn refused(self, code: i32, words: &[&str]) -> Self {
        let ran = self.ended(code);
        for word in words {
            assert!(ran.stderr.contains(word), "{word:?} is not in: {}", ran.stderr);
        }
        assert!(!ran.stderr.contains("panicked"), "{}", ran.stderr);
        ran
    }

    /// The JSON lines on standard output.
    pub(crate) fn events(&self) -> Vec<Value> {
        self.stdout.lines().map(|line| serde_json::from_str(line).expect(line)).collect()
    }
}

/// An empty folder, for as long as the first value lives.
pub(crate) fn folder() -> (tempfile::TempDir, Utf8PathBuf) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = files::canonical(Utf8Path::from_path(folder.path()).expect("Unicode"));
    (folder, path.expect("a path"))
}

/// A port that nobody listens on.
pub(crate) fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).expect("a port");
    listener.local_addr().expect("an address").port()
}

/// modfarm in a folder, with an environment that holds the path to the compilers alone.
pub(crate) fn modfarm(folder: &Utf8Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_modfarm"));
    command.args(arguments).current_dir(folder).env_clear().stdin(Stdio::null());
    command.env("HOME", folder).env("LC_ALL", "C.UTF-8");
    // Whoever publishes has one set, and so may whoever builds. It must be nowhere afterwards.
    command.env("GH_TOKEN", format!("ghp_{TOKEN_MARK}000000000000000000000"));
    command.env("PATH", std::env::var_os("PATH").unwrap_or_default());
    command
}

/// The repository.
pub(crate) fn repository() -> &'static Utf8Path {
    Utf8Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The cross kit of the repository, without links in its path.
pub(crate) fn kit() -> Utf8PathBuf {
    files::canonical(&repository().join(".modfarm/kit")).expect("`make kit` makes the cross kit")
}

/// The Apache and the Pythons of the kit that can run.
pub(crate) fn running_roots() -> Utf8PathBuf {
    kit().join("run")
}

/// Panics if a token is in a file below a folder, links aside.
#[track_caller]
pub(crate) fn assert_no_token(folder: &Utf8Path) {
    for path in files::walk(folder).expect("a folder") {
        let path = folder.join(path);
        if files::symlink_metadata(&path).is_ok_and(|metadata| metadata.is_file()) {
            let bytes = files::read(&path).expect("a file");
            let text = String::from_utf8_lossy(&bytes);
            assert!(!text.contains(TOKEN_MARK), "a token is in {path}");
        }
    }
}

/// A folder like the repository: the matrix, its lock, and a runner with the cross kit.
#[derive(Debug)]
pub(crate) struct Site {
    _keep: tempfile::TempDir,
    pub(crate) folder: Utf8PathBuf,
}

impl Site {
    pub(crate) fn new() -> Self {
        let (keep, folder) = folder();
        let site = Self { _keep: keep, folder };
        for name in ["matrix.yaml", "matrix.lock"] {
            site.write(name, &read(&repository().join(name)));
        }
        // What can be built against; see `running` for what can run.
        for kind in ["apache", "python"] {
            site.link(&kit().join(kind), &format!("kit/{kind}"));
        }
        let kit = site.folder.join("kit");
        let runner = format!("connection: local\ntoolset: cross\nkit: {kit}\n");
        site.write("runners/cross.yaml", &runner);
        site
    }

    /// Adds the kit's Apache and Pythons that can run, and the template of Wine's prefixes, which all
    /// tests share.
    pub(crate) fn running(self) -> Self {
        self.link(&running_roots(), "kit/run");
        let wine = Utf8Path::new(env!("CARGO_TARGET_TMPDIR")).join("wine");
        files::create_dir_all(&wine).expect("a folder");
        self.link(&wine, ".modfarm/wine");
        self
    }

    /// Gives a folder a place here.
    pub(crate) fn link(&self, folder: &Utf8Path, name: &str) {
        let link = self.folder.join(name);
        files::create_dir_all(files::parent(&link)).expect("a folder");
        std::os::unix::fs::symlink(folder, link).expect("a link");
    }

    /// Writes a file here, and never through a link into the repository's own kit.
    pub(crate) fn write(&self, path: &str, text: &str) {
        let path = self.folder.join(path);
        let folder = files::parent(&path);
        files::create_dir_all(folder).expect("a folder");
        let real = files::canonical(folder).expect("a folder");
        assert!(real.starts_with(&self.folder), "{path} is behind a link");
        files::write_atomic(&path, text.as_bytes()).expect("a file");
    }

    /// Replaces a piece of a file, which must be there.
    #[track_caller]
    pub(crate) fn edit(&self, path: &str, from: &str, to: &str) {
        let text = read(&self.folder.join(path));
        assert!(text.contains(from), "{from:?} is not in {path}");
        self.write(path, &text.replacen(from, to, 1));
    }

    /// modfarm here, still to be started.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        modfarm(&self.folder, arguments)
    }

    /// Runs modfarm here.
    pub(crate) fn run(&self, arguments: &[&str]) -> Ran {
        Ran::of(&mut self.command(arguments))
    }

    /// Starts modfarm here; what it says is kept.
    pub(crate) fn start(&self, arguments: &[&str]) -> Running {
        Running::start(&mut self.command(arguments))
    }

    /// Every file here with its size and time of change, but for those below the folders named.
    pub(crate) fn listing(&self, but: &[&str]) -> BTreeMap<String, (u64, std::time::SystemTime)> {
        listing(&self.folder, but)
    }

    /// The processes that work here: that stand in a folder of this site, or were told of one.
    pub(crate) fn processes(&self) -> Vec<String> {
        processes(&self.folder)
    }

    /// Whether a compiler runs here.
    pub(crate) fn compiles(&self) -> bool {
        let processes = self.processes();
        processes.iter().any(|process| process.contains("clang") && process.contains("/c "))
    }

    /// Waits until this holds; a panic with the words after a while.
    #[track_caller]
    pub(crate) fn wait(&self, words: &str, holds: impl FnMut() -> bool) {
        wait(&self.folder, words, holds);
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        // Journals, logs and caches are written while a token is in the environment.
        if !std::thread::panicking() {
            assert_no_token(&self.folder);
        }
    }
}

/// A run that has not ended.
#[derive(Debug)]
pub(crate) struct Running(Child);

impl Running {
    pub(crate) fn start(command: &mut Command) -> Self {
        let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
        Self(child.expect("it starts"))
    }

    pub(crate) fn signal(&self, signal: rustix::process::Signal) {
        let pid = rustix::process::Pid::from_child(&self.0);
        rustix::process::kill_process(pid, signal).expect("it runs");
    }

    pub(crate) fn has_ended(&mut self) -> bool {
        self.0.try_wait().expect("a child").is_some()
    }

    pub(crate) fn end(self) -> Ran {
        Ran::from(self.0.wait_with_output().expect("a child"))
    }
}

/// Every file below a folder with its size and time of change, folders as well, but for what is below
/// those named.
pub(crate) fn listing(
    folder: &Utf8Path,
    but: &[&str],
) -> BTreeMap<String, (u64, std::time::SystemTime)> {
    let entries = walkdir::WalkDir::new(folder).min_depth(1).into_iter().filter_entry(|entry| {
        let path = entry.path().strip_prefix(folder.as_std_path()).unwrap_or(entry.path());
        !but.iter().any(|but| path == std::path::Path::new(but))
    });
    entries
        .map(|entry| {
            let entry = entry.expect("an entry");
            let metadata = entry.metadata().expect("metadata");
            // A folder's time is that of any file that ever came or went.
            let (size, time) = if metadata.is_dir() {
                (0, std::time::UNIX_EPOCH)
            } else {
                (metadata.len(), metadata.modified().expect("a time"))
            };
            let path = entry.path().strip_prefix(folder).expect("below");
            (path.to_str().expect("Unicode").to_owned(), (size, time))
        })
        .collect()
}

/// The processes that stand below a folder or have it in their command line, but for zombies.
pub(crate) fn processes(folder: &Utf8Path) -> Vec<String> {
    let entries = std::fs::read_dir("/proc").expect("/proc");
    let numbers = entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    numbers
        .filter_map(|pid: u32| {
            let place = std::fs::read_link(format!("/proc/{pid}/cwd")).ok()?;
            let line = std::fs::read(format!("/proc/{pid}/cmdline")).ok()?;
            let line = String::from_utf8_lossy(&line).replace('\0', " ");
            let here = place.starts_with(folder) || line.contains(folder.as_str());
            (here && pid != std::process::id()).then(|| format!("{pid} {line}"))
        })
        .collect()
}

/// Waits until this holds; after a while a panic with the words and with what runs in the folder.
#[track_caller]
pub(crate) fn wait(folder: &Utf8Path, words: &str, mut holds: impl FnMut() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < Duration::from_secs(180), "{words}: {:#?}", processes(folder));
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// The digest of every file below a folder.
pub(crate) fn digests(folder: &Utf8Path) -> BTreeMap<String, Sha256> {
    let names = files::walk(folder).expect("a folder").into_iter();
    names
        .map(|name| (name.clone(), files::digest(&folder.join(name)).expect("a file").sha256))
        .collect()
}

/// Makes an executable script of the shell.
pub(crate) fn script(path: &Utf8Path, text: &str) -> Utf8PathBuf {
    use std::os::unix::fs::PermissionsExt as _;
    // Renamed into its place: a file that is still open for writing cannot be executed.
    files::write_atomic(path, format!("#!/bin/sh\n{text}\n").as_bytes()).expect("a script");
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).expect("a mode");
    path.to_owned()
}

/// Makes a `clang` in a folder that does something before it is one.
pub(crate) fn clang_after(first: &str, folder: &Utf8Path) {
    let clang = modfarm::sys::process::find("clang").expect("clang");
    let text = format!("{first}\nexec '{clang}' \"$@\"");
    // Never written over while another run of the tests may start it.
    let new = script(&folder.join(format!("clang-{}", std::process::id())), &text);
    files::rename(&new, &folder.join("clang")).expect("renamed");
}

/// The text of a file.
#[track_caller]
pub(crate) fn read(path: &Utf8Path) -> String {
    files::read_to_string(path).expect("a text")
}

/// The JSON of a file.
#[track_caller]
pub(crate) fn json(path: &Utf8Path) -> Value {
    serde_json::from_str(&read(path)).expect("JSON")
}

/// What a file of YAML says.
#[track_caller]
pub(crate) fn yaml(path: &Utf8Path) -> Value {
    serde_yaml::from_str(&read(path)).expect("YAML")
}

/// The digest by which the repository's lock knows PyPI's source of mod_wsgi in a version.
pub(crate) fn locked(version: &str) -> String {
    let lock = json(&repository().join("matrix.lock"));
    let digest = lock["sha256"][format!("PyPI: mod_wsgi {version}")].as_str();
    digest.expect("a digest").to_owned()
}

/// The folder of state that has the real source of mod_wsgi in these versions. They are downloaded
/// with pip by whichever test comes first, and kept for every later run of the tests.
pub(crate) fn sources(version: &str) -> Utf8PathBuf {
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    let _one = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let state = Utf8Path::new(env!("CARGO_TARGET_TMPDIR")).join("sources");
    let unpacked = state.join("cache/unpacked").join(locked(version));
    if !unpacked.is_dir() {
        let site = Site::new();
        let arguments = ["release", "--dry-run", "--module-version", version];
        let mut command = site.command(&arguments);
        command.args(["--state", state.as_str()]);
        // Which index, which proxy and which certificates is the machine's business.
        command.envs(std::env::vars().filter(|(name, _)| !name.starts_with("MODFARM")));
        Ran::of(&mut command).ended(0);
    }
    unpacked
}

/// A site whose state has the source of a version already.
pub(crate) fn site_with_source(version: &str) -> Site {
    let unpacked = sources(version);
    let site = Site::new();
    site.link(files::parent(&unpacked), ".modfarm/cache/unpacked");
    site
}
