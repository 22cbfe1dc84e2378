//! A Windows machine for one test: a prefix of Wine with nothing else in it, and modfarm.exe.
//!
//! Making a prefix takes Wine half a minute and 700 MB, so that it is made once, as a template; a
//! test's own has the template's registry and a link to its folder `windows`.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use camino::{Utf8Path, Utf8PathBuf};
use modfarm::model::arch::Arch;
use modfarm::sys::files;

use crate::msvc;
use crate::program::{self, Ran, repository};

/// The loader and the server of Debian's Wine, which are not on the `PATH`.
const LOADER: &str = "/usr/lib/wine/wine64";
const SERVER: &str = "/usr/lib/wine/wineserver64";

/// Wine's own DLLs, of which a prefix has copies.
const LIBRARIES: &str = "/usr/lib/x86_64-linux-gnu/wine/x86_64-windows";

/// A Windows machine; switched off when it is dropped.
pub(super) struct Windows {
    _keep: tempfile::TempDir,
    /// A folder of the test's own, on drive Z:.
    pub(super) folder: Utf8PathBuf,
    prefix: Utf8PathBuf,
}

impl Windows {
    /// A machine that has just been switched on.
    pub(super) fn new() -> Self {
        let template = template();
        let (keep, folder) = program::folder();
        let prefix = folder.join("prefix");
        lay_out(&template, &prefix);
        let windows = Self { _keep: keep, folder, prefix };
        windows.switch_on();
        windows
    }

    /// Whatever starts first is what the server and Windows' services inherit their outputs from.
    #[track_caller]
    fn switch_on(&self) {
        let server = self.quiet(SERVER, &["-p60"]);
        let started = self.quiet(LOADER, &["cmd", "/c", "exit"]);
        assert!(server && started, "Wine does not start");
    }

    fn switch_off(&self) {
        self.quiet(SERVER, &["-k"]);
        self.quiet(SERVER, &["-w"]);
    }

    /// Switches it off and on again. Where one of its programs was killed by Linux, Wine's manager of drives may
    /// have stopped answering: then whoever asks it for anything waits for ever.
    #[track_caller]
    pub(super) fn restart(&self) {
        self.switch_off();
        self.switch_on();
    }

    /// modfarm.exe, still to be started.
    pub(super) fn modfarm(&self, folder: &Utf8Path, arguments: &[&str]) -> Command {
        let mut command = Command::new(LOADER);
        command.arg(program()).args(arguments).current_dir(folder).stdin(Stdio::null());
        command.env_clear().envs(environment(&self.prefix));
        command
    }

    /// Any program for Windows, still to be started, with pipes: Python wants them under Wine.
    pub(super) fn program(&self, program: &Utf8Path, folder: &Utf8Path) -> Command {
        let mut command = Command::new(LOADER);
        command.arg(program).current_dir(folder).stdin(Stdio::piped());
        command.env_clear().envs(environment(&self.prefix));
        command
    }

    /// Drive C:.
    pub(super) fn drive(&self) -> Utf8PathBuf {
        self.prefix.join("drive_c")
    }

    /// Microsoft's tools in a folder of drive C:, which play a version of `cl`.
    pub(super) fn tools(&self, folder: &str, version: &str, arch: Arch) {
        let drive = self.drive();
        let more = format!("drive-c = {drive}\n");
        msvc::lay_out(&stand_in(), &drive.join(folder), version, arch, &more);
    }

    /// Writes the default value of a key of the registry.
    pub(super) fn register(&self, key: &str, value: &str) {
        self.add(&["reg", "add", key, "/ve", "/d", value, "/f"]);
    }

    /// Writes a value of a key of the registry.
    pub(super) fn register_value(&self, key: &str, name: &str, value: &str) {
        self.add(&["reg", "add", key, "/v", name, "/d", value, "/f"]);
    }

    /// Adds to the registry. On a busy machine Wine sometimes starts no process, which is not what is tested.
    fn add(&self, arguments: &[&str]) {
        let written = (0..3).any(|_| self.quiet(LOADER, arguments));
        assert!(written, "{arguments:?}: nothing is written");
    }

    /// A program for Linux that runs modfarm.exe here with the arguments that it is given.
    pub(super) fn launcher(&self) -> Utf8PathBuf {
        self.script("modfarm", &format!("exec {LOADER} {} \"$@\"", program()))
    }

    /// A program for Linux that runs what an SSH server is asked to run as Windows' own server does: by
    /// `cmd`, in the user's folder; files come to that folder as well.
    pub(super) fn login(&self, home: &Utf8Path) -> Utf8PathBuf {
        // Wine wants pipes, where sshd has sockets.
        let run = format!(
            "cd {home} || exit\ncase $SSH_ORIGINAL_COMMAND in */sftp-server) exec \
             $SSH_ORIGINAL_COMMAND;; esac\nexec {LOADER} cmd /c \"$SSH_ORIGINAL_COMMAND\" \
             < <(cat) > >(cat) 2> >(cat >&2)"
        );
        self.script("login", &run)
    }

    fn script(&self, name: &str, line: &str) -> Utf8PathBuf {
        let variables = environment(&self.prefix);
        let exports = variables.iter().map(|(name, value)| format!("export {name}='{value}'\n"));
        let text = format!("#!/bin/bash\n{}{line}\n", exports.collect::<String>());
        let path = self.folder.join(name);
        files::write_atomic(&path, text.as_bytes()).expect("a script");
        make_executable(&path);
        path
    }

    /// Runs a program of Wine's to its end, with its outputs nowhere.
    fn quiet(&self, program: &str, arguments: &[&str]) -> bool {
        run_quietly(&self.prefix, program, arguments)
    }

    /// The processes that run here with this in their command line.
    pub(super) fn processes(&self, word: &str) -> Vec<String> {
        let mark = format!("WINEPREFIX={}", self.prefix);
        let pids = files::names(Utf8Path::new("/proc")).expect("/proc");
        let pids = pids.iter().filter(|pid| pid.bytes().all(|byte| byte.is_ascii_digit()));
        pids.filter_map(|pid| {
            let of = |name: &str| files::read(&Utf8Path::new("/proc").join(pid).join(name));
            let (environment, line) = (of("environ").ok()?, of("cmdline").ok()?);
            let line = String::from_utf8_lossy(&line).replace('\0', " ");
            let here = String::from_utf8_lossy(&environment).split('\0').any(|it| it == mark);
            (here && line.contains(word)).then(|| format!("{pid} {line}"))
        })
        .collect()
    }

    /// Whether a process with each of these in its command line has begun. Until then it bears the loader's name,
    /// and one that is ended stays for ever: Wine's server knows it no more, and it waits for an answer of it.
    pub(super) fn have_begun(&self, words: &[&str]) -> bool {
        let all = self.processes("");
        let begun = all.iter().filter(|process| !process.contains(LOADER));
        words.iter().all(|word| begun.clone().any(|process| process.contains(word)))
    }

    /// Waits until they have.
    #[track_caller]
    pub(super) fn wait_until_begun(&self, words: &[&str]) {
        self.wait(&words.join(", "), || self.have_begun(words));
    }

    /// Waits until there is none of them.
    #[track_caller]
    pub(super) fn wait_until_gone(&self, word: &str) {
        self.wait(word, || self.processes(word).is_empty());
    }

    #[track_caller]
    fn wait(&self, word: &str, holds: impl Fn() -> bool) {
        let start = Instant::now();
        while !holds() {
            let all = self.processes("");
            assert!(start.elapsed() < Duration::from_secs(120), "{word}: {all:#?}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Windows {
    fn drop(&mut self) {
        self.switch_off();
    }
}

/// The program for Windows.
pub(super) fn program() -> Utf8PathBuf {
    made("modfarm.exe")
}

/// What plays Microsoft's tools.
pub(super) fn stand_in() -> Utf8PathBuf {
    made("msvc-stand-in.exe")
}

fn made(name: &str) -> Utf8PathBuf {
    let program = repository().join("target/windows").join(name);
    assert!(program.is_file(), "{program} is not there: `make windows` makes it");
    program
}

pub(super) fn make_executable(path: &Utf8Path) {
    Ran::of(Command::new("chmod").args(["+x", path.as_str()])).ended(0);
}

/// Nothing of this machine but what Wine needs. The DLL that Wine lacks is in `system32`.
fn environment(prefix: &Utf8Path) -> Vec<(&'static str, String)> {
    let overrides = "mscoree,mshtml=;winemenubuilder.exe=d;bcryptprimitives=n";
    let variables = [
        ("WINEPREFIX", prefix.as_str()),
        ("WINEDEBUG", "-all"),
        ("WINEDLLOVERRIDES", overrides),
        ("HOME", files::parent(prefix).as_str()),
        ("USER", "modfarm"),
        ("LC_ALL", "C.UTF-8"),
        ("PATH", "/usr/bin:/bin"),
    ];
    variables.map(|(name, value)| (name, value.to_owned())).to_vec()
}

fn run_quietly(prefix: &Utf8Path, program: &str, arguments: &[&str]) -> bool {
    let mut command = Command::new(program);
    command
        .args(arguments)
        .env_clear()
        .envs(environment(prefix))
        .current_dir(files::parent(prefix));
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

/// The template, made by whichever test comes first.
fn template() -> Utf8PathBuf {
    assert!(Utf8Path::new(LOADER).is_file(), "there is no Wine: `make kit` installs it");
    let folder = Utf8Path::new(env!("CARGO_TARGET_TMPDIR")).join("windows");
    let start = Instant::now();
    let _lock = loop {
        if let Some(lock) = files::try_lock(&folder.join("template.lock")).expect("a lock") {
            break lock;
        }
        assert!(start.elapsed() < Duration::from_secs(300), "somebody holds {folder}");
        std::thread::sleep(Duration::from_millis(100));
    };
    let template = folder.join("template");
    if !template.is_dir() {
        make(&folder.join("new"));
        files::rename(&folder.join("new"), &template).expect("the template");
    }
    let ours = repository().join("target/windows/wine/bcryptprimitives.dll");
    let there = template.join("drive_c/windows/system32/bcryptprimitives.dll");
    let ours = files::read(&ours).expect("`make windows` makes it");
    if files::read(&there).ok().as_ref() != Some(&ours) {
        files::write_atomic(&there, &ours).expect("the DLL that Wine lacks");
    }
    template
}

fn make(prefix: &Utf8Path) {
    files::remove_dir_all(prefix).expect("an empty place");
    files::create_dir_all(prefix).expect("a folder");
    run_quietly(prefix, LOADER, &["wineboot", "-i"]);
    assert!(run_quietly(prefix, LOADER, &["winecfg", "-v", "win10"]), "Wine makes no prefix");
    run_quietly(prefix, SERVER, &["-w"]);
    let windows = prefix.join("drive_c/windows");
    // There is no 32-bit Wine; the rest is what Wine has already.
    files::remove_dir_all(&windows.join("syswow64")).expect("a folder");
    for path in files::walk(&windows).expect("files") {
        let copy = windows.join(&path);
        let original = Utf8Path::new(LIBRARIES).join(copy.file_name().expect("a name"));
        if original.is_file() && files::read(&original).ok() == files::read(&copy).ok() {
            files::remove_file(&copy).expect("a copy");
            files::symlink(&original, &copy).expect("a link");
        }
    }
}

fn lay_out(template: &Utf8Path, prefix: &Utf8Path) {
    files::create_dir_all(&prefix.join("dosdevices")).expect("a folder");
    for folder in ["users/modfarm/Temp", "users/root/Temp", "ProgramData"] {
        files::create_dir_all(&prefix.join("drive_c").join(folder)).expect("a folder");
    }
    for name in files::names(template).expect("a template") {
        if name == ".update-timestamp" || Utf8Path::new(&name).extension() == Some("reg") {
            files::copy(&template.join(&name), &prefix.join(&name)).expect("a copy");
        }
    }
    let link = |target: &str, name: &str| {
        files::symlink(Utf8Path::new(target), &prefix.join(name)).expect("a link");
    };
    link(template.join("drive_c/windows").as_str(), "drive_c/windows");
    link("../drive_c", "dosdevices/c:");
    link("/", "dosdevices/z:");
}
