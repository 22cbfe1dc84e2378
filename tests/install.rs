//! `modfarm install` and `uninstall`: a module comes into an Apache and out of it again, and what was there
//! before is there again. The Apache and the Python are those of the kit, and `httpd -t` is theirs.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use camino::{Utf8Path, Utf8PathBuf};
use modfarm::model::arch::Arch;
use modfarm::sys::files;
use rustix::process::Signal;
use serde_json::Value;

use crate::fetch::{TAG, publish, released};
use crate::github::{REPOSITORY, StandIn};
use crate::made::installations;
use crate::program::{
    Ran, Running, folder, free_port, json, modfarm, read, running_roots, site_with_source,
};

const CELL: &str = "Apache24-win64-VS17/py313-VC14";
const MODULE: &str = "mod_wsgi-py313-VC14.so";
const INCLUDE: &str = "Include conf/extra/mod_wsgi-modfarm.conf";
const RECORD: &str = "modules/modfarm-install.json";

/// The loader and the server of Debian's Wine, which are not on the `PATH`.
const LOADER: &str = "/usr/lib/wine/wine64";
const SERVER: &str = "/usr/lib/wine/wineserver64";

/// A machine with an Apache and a Python of its own.
struct Machine {
    _keep: tempfile::TempDir,
    folder: Utf8PathBuf,
}

impl Machine {
    fn new() -> Self {
        let (keep, folder) = folder();
        let machine = Self { _keep: keep, folder };
        files::create_dir_all(&machine.folder.join("Prógram Files")).expect("a folder");
        copy(&running_roots().join("apache/2.4-win64"), &machine.apache());
        machine
            .write("conf/httpd.conf", machine.configuration(80).replace('\n', "\r\n").as_bytes());
        machine
    }

    fn apache(&self) -> Utf8PathBuf {
        self.folder.join("Prógram Files/Apache24")
    }

    /// As little as serves a page, with what an editor of Windows leaves in a file.
    fn configuration(&self, port: u16) -> String {
        let root = self.apache();
        format!(
            "\u{feff}# f\u{fc}r Windows\nDefine SRVROOT \"Z:{root}\"\nServerRoot \"${{SRVROOT}}\"\n\
             Listen 127.0.0.1:{port}\nServerName 127.0.0.1\nPidFile \"${{SRVROOT}}/logs/httpd.pid\"\n\
             ErrorLog \"${{SRVROOT}}/logs/error.log\"\nAcceptFilter http none\n\
             LoadModule authz_core_module modules/mod_authz_core.so\n#LoadModule wsgi_module modules/x.so"
        )
    }

    fn write(&self, path: &str, bytes: &[u8]) {
        let path = self.apache().join(path);
        files::create_dir_all(files::parent(&path)).expect("a folder");
        files::write_atomic(&path, bytes).expect("a file");
    }

    fn bytes(&self, path: &str) -> Vec<u8> {
        files::read(&self.apache().join(path)).expect("a file")
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let apache = self.apache();
        let mut command = modfarm(&self.folder, arguments);
        command.args(["--apache", apache.as_str()]).env_remove("GH_TOKEN");
        command
    }

    /// Installs from the folder of a release.
    fn install(&self, arguments: &[&str]) -> Ran {
        let from = released();
        Ran::of(self.command(&["install", "--from", from.as_str()]).args(arguments))
    }

    fn uninstall(&self, arguments: &[&str]) -> Ran {
        Ran::of(self.command(&["uninstall"]).args(arguments))
    }

    /// Every file of the Apache with its digest.
    fn state(&self) -> Vec<(String, String)> {
        let digest = |path: &String| files::digest(&self.apache().join(path)).expect("a digest");
        let paths = files::walk(&self.apache()).expect("files");
        paths.iter().map(|path| (path.clone(), digest(path).sha256.to_string())).collect()
    }
}

fn python(version: &str) -> Utf8PathBuf {
    running_roots().join(format!("python/{version}-win64"))
}

fn copy(from: &Utf8Path, to: &Utf8Path) {
    Ran::of(Command::new("cp").args(["-r", from.as_str(), to.as_str()])).ended(0);
}

fn sha256(cell: &str) -> String {
    let manifest = json(&released().join("mod_wsgi-windows-6.1.1.manifest.json"));
    let cells = manifest["cells"].as_array().expect("cells").clone();
    let cell = cells.into_iter().find(|found| found["id"] == cell).expect("a cell");
    cell["built"]["sha256"].as_str().expect("a digest").to_owned()
}

#[test]
fn the_right_module_comes_into_an_apache_and_out_of_it() {
    let machine = Machine::new();
    let before = machine.state();
    let python = python("3.13");
    let planned = machine.install(&["--python", python.as_str(), "--dry-run"]).ended(0);
    assert!(planned.stdout.starts_with("  planned "), "{}", planned.stdout);
    assert_eq!(machine.state(), before);

    let ran = machine.install(&["--python", python.as_str()]).ended(0);
    let target = machine.apache().join("modules").join(MODULE);
    assert_eq!(files::digest(&target).expect("it").sha256.to_string(), sha256(CELL));
    let lines = format!(
        "\n    LoadFile \"{python}/python313.dll\"\n    LoadModule wsgi_module modules/{MODULE}\n    \
         WSGIPythonHome \"{python}\"\n"
    );
    assert!(ran.stdout.contains(&lines), "{}", ran.stdout);
    let first = format!("installed {target}: mod_wsgi 6.1.1, {CELL}\n");
    assert!(ran.stdout.starts_with(&first), "{}", ran.stdout);
    assert!(ran.stderr.contains("Note ") && ran.stderr.contains("win64"), "{}", ran.stderr);
    let record = json(&machine.apache().join(RECORD));
    assert_eq!(
        (&record["format_version"], &record["modules"][0]["file"]),
        (&1.into(), &MODULE.into())
    );

    // Again there is nothing to do.
    let installed = machine.state();
    let again = machine.install(&["--python", python.as_str(), "--format", "json"]).ended(0);
    let told: Value = serde_json::from_str(&again.stdout).expect("JSON");
    assert_eq!((&told["format_version"], &told["change"]), (&1.into(), &"unchanged".into()));
    assert_eq!(machine.state(), installed);

    let ran = machine.uninstall(&[]).ended(0);
    assert_eq!(ran.stdout, format!("  removed {target}\n"));
    assert_eq!(machine.state(), before);
    machine.uninstall(&[]).refused(2, &["modfarm put nothing into ", "modfarm-install.json"]);
}

#[test]
fn what_was_there_before_is_kept_and_restored() {
    let machine = Machine::new();
    let theirs = "modules/mod_wsgi-py313-VC14.so";
    machine.write(theirs, b"somebody else's");
    machine.write("modules/mod_wsgi-py313-VC14.so.before-1", b"of long ago");
    let before = machine.state();
    let ran = machine.install(&[CELL]).ended(0);
    assert!(
        ran.stdout.contains("mod_wsgi-py313-VC14.so.before-2, which was there"),
        "{}",
        ran.stdout
    );
    assert!(ran.stderr.contains("the usual folder of Python 3.13"), "{}", ran.stderr);
    assert!(
        ran.stdout.contains("LoadFile \"C:/Program Files/Python313/python313.dll\"\n"),
        "{}",
        ran.stdout
    );
    assert_eq!(machine.bytes("modules/mod_wsgi-py313-VC14.so.before-2"), b"somebody else's");

    // A second module beside it; each goes by itself.
    machine.install(&["Apache24-win64-VS17/py314-VC14"]).ended(0);
    machine.uninstall(&["Apache24-win64-VS17/py314-VC14"]).ended(0);
    machine
        .uninstall(&["Apache24-win64-VS17/py314-VC14"])
        .refused(2, &["nothing of Apache24-win64"]);
    let ran = machine.uninstall(&["--python", python("3.13").as_str()]).ended(0);
    assert!(ran.stdout.starts_with(" restored "), "{}", ran.stdout);
    assert_eq!(machine.state(), before);
}

/// Elsewhere than on Windows nothing is looked for.
#[test]
fn an_apache_that_nobody_names_is_asked_for() {
    let machine = Machine::new();
    let mut command = modfarm(&machine.folder, &["uninstall"]);
    Ran::of(&mut command).refused(2, &["no Apache is known here", "hint: name its folder with"]);
}

#[test]
fn what_was_changed_since_is_left_alone() {
    let machine = Machine::new();
    let module = format!("modules/{MODULE}");
    machine.write(&module, b"somebody else's");
    let before = machine.state();
    machine.install(&[CELL]).ended(0);
    let ours = machine.bytes(&module);
    machine.write(&module, b"a later one");
    let changed = machine.state();
    let words = ["was changed since modfarm wrote it", "nothing was done; --force"];
    machine.uninstall(&[]).refused(1, &words);
    assert_eq!(machine.state(), changed);
    machine.write(&module, &ours);
    // What was kept is somebody else's, too.
    let kept = format!("{module}.before-1");
    machine.write(&kept, b"changed");
    machine.uninstall(&[]).refused(1, &["which was there before modfarm, is gone or was changed"]);
    machine.write(&kept, b"somebody else's");
    machine.uninstall(&[]).ended(0);
    assert_eq!(machine.state(), before);

    machine.install(&[CELL]).ended(0);
    machine.write(&module, b"a later one");
    machine.uninstall(&["--force"]).ended(0);
    assert_eq!(machine.state(), before);
    // A record of a later modfarm, and one that leads elsewhere.
    machine.install(&[CELL]).ended(0);
    let record = read(&machine.apache().join(RECORD));
    let later = record.replacen("\"format_version\": 1", "\"format_version\": 2", 1);
    machine.write(RECORD, later.as_bytes());
    machine.uninstall(&[]).refused(2, &["it was written by a later modfarm"]);
    machine.install(&[CELL]).refused(2, &["it was written by a later modfarm"]);
    machine.write(RECORD, record.replace(MODULE, "../../x").as_bytes());
    machine.uninstall(&["--force"]).refused(2, &["'../../x' is no name of a file"]);
}

/// A run that was killed has written its record first: all states in between can be taken out.
#[test]
fn what_a_killed_run_left_can_be_taken_out() {
    let machine = Machine::new();
    let module = format!("modules/{MODULE}");
    machine.write(&module, b"somebody else's");
    let before = machine.state();
    machine.install(&[CELL]).ended(0);
    let kept = format!("{module}.before-1");
    // Killed before the module was written, and before the copy was.
    machine.write(&module, b"somebody else's");
    let with_copy = machine.state();
    machine.uninstall(&[]).ended(0);
    assert_eq!(machine.state(), before);
    machine.install(&[CELL]).ended(0);
    machine.write(&module, b"somebody else's");
    files::remove_file(&machine.apache().join(&kept)).expect("removed");
    assert_ne!(machine.state(), with_copy);
    machine.uninstall(&[]).ended(0);
    assert_eq!(machine.state(), before);
}

#[test]
fn what_cannot_be_installed_is_refused_and_nothing_is_changed() {
    let machine = Machine::new();
    let before = machine.state();
    let old = python("3.11");
    machine.install(&["--python", old.as_str()]).refused(
        2,
        &[
            "mod_wsgi 6.1.1 has nothing for an Apache 2.4 win64",
            "with Python 3.11",
            "3.13, 3.14",
            "modfarm doctor",
        ],
    );
    let other = [CELL, "--python", old.as_str()];
    machine.install(&other).refused(2, &["is not for Python 3.11", "leave the cell out"]);
    machine.install(&["Apache24-win64-VS17/py331-VC14"]).refused(2, &["the nearest are ", CELL]);
    machine.install(&["--python", "nowhere"]).refused(2, &["nowhere is not there"]);
    machine.install(&[]).refused(2, &["there is no Python to choose a module for", "--python"]);
    let configure = [CELL, "--configure"];
    machine.install(&configure).refused(2, &["there is no Python to choose a module for"]);
    assert_eq!(machine.state(), before);

    let from = released();
    let (_keep, empty) = folder();
    let arguments = ["install", CELL, "--from", from.as_str(), "--apache", empty.as_str()];
    Ran::of(&mut modfarm(&empty, &arguments)).refused(2, &["holds no Apache", "bin/httpd.exe"]);
    // Where nobody may write.
    files::remove_dir_all(&machine.apache().join("modules")).expect("removed");
    files::symlink(Utf8Path::new("/sys/kernel"), &machine.apache().join("modules"))
        .expect("a link");
    let words = ["cannot write /", "hint: run it as a user who may"];
    machine.install(&[CELL]).refused(3, &words);
    files::remove_file(&machine.apache().join("modules")).expect("removed");
    machine.install(&[CELL]).refused(2, &["has no folder 'modules'"]);
}

#[test]
fn one_module_is_loaded_and_not_a_second() {
    let machine = Machine::new();
    let python = python("3.13");
    let configure = ["--python", python.as_str(), "--configure"];
    machine
        .write("conf/extra/theirs.conf", b"# theirs\r\nLoadModule wsgi_module modules/old.so\r\n");
    let main = format!("{}\n\nInclude conf/extra/*.conf\n", machine.configuration(80));
    machine.write("conf/httpd.conf", main.as_bytes());
    let before = machine.state();
    let words =
        ["theirs.conf, line 2, loads a wsgi_module already: modules/old.so", "nothing was changed"];
    machine.install(&configure).refused(2, &words);
    assert_eq!(machine.state(), before);
    files::remove_file(&machine.apache().join("conf/httpd.conf")).expect("removed");
    machine.install(&configure).refused(2, &["httpd.conf is not there", "the lines are printed"]);
}

/// The released module of the tests knows no directives, so that Apache refuses the lines.
#[test]
fn what_httpd_does_not_take_is_taken_back() {
    let machine = Machine::new();
    machine.share_wine();
    machine.write(&format!("modules/{MODULE}"), b"somebody else's");
    let before = machine.state();
    let python = python("3.13");
    let ran = machine.install(&["--python", python.as_str(), "--configure"]);
    let words = [
        "httpd -t says no: ",
        "Invalid command 'WSGIPythonHome'",
        "all that was changed is as it was",
        "it said:\n",
    ];
    ran.refused(1, &words);
    assert_eq!(machine.state(), before);
    nothing_runs(&machine.folder);
}

impl Machine {
    /// Takes the template of Wine's prefixes that all tests share, and makes it where it is missing.
    fn share_wine(&self) -> Utf8PathBuf {
        let shared = Utf8Path::new(env!("CARGO_TARGET_TMPDIR")).join("wine");
        files::create_dir_all(&shared).expect("a folder");
        let cache = self.folder.join(".cache/modfarm");
        files::create_dir_all(&cache).expect("a folder");
        files::symlink(&shared, &cache.join("wine")).expect("a link");
        shared
    }

    /// Prefixes of this machine's own, from that template; the folder that they are in.
    fn own_wine(&self) -> Utf8PathBuf {
        let shared = Utf8Path::new(env!("CARGO_TARGET_TMPDIR")).join("wine");
        let keys = files::names(&shared).expect("prefixes");
        let key = keys.iter().find(|key| files::exists(&shared.join(key).join("template")));
        let key = key.expect("a template");
        let own = self.folder.join("own/wine").join(key);
        files::create_dir_all(&own).expect("a folder");
        files::symlink(&shared.join(key).join("template"), &own.join("template")).expect("a link");
        own
    }
}

/// Interrupted, it takes all back itself; killed, it has written down what is to be taken out.
#[test]
fn whoever_is_ended_while_httpd_is_asked_leaves_nothing_behind() {
    let machine = Machine::new();
    machine.share_wine();
    machine.write(&format!("modules/{MODULE}"), b"somebody else's");
    let before = machine.state();
    let (from, python) = (released(), python("3.13"));
    for signal in [Signal::INT, Signal::KILL] {
        let arguments = ["install", "--from", from.as_str(), "--python", python.as_str()];
        let run = Running::start(machine.command(&arguments).arg("--configure"));
        let start = Instant::now();
        while !String::from_utf8_lossy(&machine.bytes("conf/httpd.conf")).contains(INCLUDE) {
            assert!(start.elapsed() < Duration::from_secs(60), "nothing is configured");
            std::thread::sleep(Duration::from_millis(1));
        }
        run.signal(signal);
        let ran = run.end();
        if signal == Signal::INT {
            ran.refused(130, &["interrupted; all that was changed is as it was"]);
        } else {
            assert_eq!(ran.code, -1, "{}", ran.stderr);
            assert_ne!(machine.state(), before);
            machine.uninstall(&[]).ended(0);
        }
        assert_eq!(machine.state(), before);
    }
    let start = Instant::now();
    while !crate::program::processes(&machine.folder).is_empty() {
        assert!(start.elapsed() < Duration::from_secs(20), "something runs");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[track_caller]
fn nothing_runs(folder: &Utf8Path) {
    let left = crate::program::processes(folder);
    assert!(left.is_empty(), "{left:#?}");
}

/// From a release on GitHub, with one command, to a page that is served.
#[test]
fn one_command_makes_a_fresh_apache_serve_a_page() {
    let site = site_with_source("6.1.1").running();
    site.run(&["release", "--only", CELL, "--no-smoke"]).ended(0);
    let github = StandIn::start();
    publish(&github, &site.folder.join("dist/mod_wsgi-6.1.1"), TAG);

    let machine = Machine::new();
    let port = free_port();
    let original = machine.configuration(port).replace('\n', "\r\n");
    machine.write("conf/httpd.conf", original.as_bytes());
    machine.write("logs/none.txt", b"");
    let python_folder = machine.folder.join("Prógram Files/Python313");
    copy(&python("3.13"), &python_folder);
    let before = machine.state();
    let from = format!("github:{REPOSITORY}");
    let install = |cache: &str| {
        let arguments = [
            "install",
            "--from",
            &from,
            "--python",
            python_folder.as_str(),
            "--configure",
            "--cache",
            cache,
        ];
        Ran::of(machine.command(&arguments).env("GITHUB_API_URL", github.api()))
    };
    machine.share_wine();
    let ran = install(".cache/modfarm").ended(0);
    assert!(ran.stdout.contains("`httpd -t` takes it (Wine "), "{}", ran.stdout);
    let main = String::from_utf8(machine.bytes("conf/httpd.conf")).expect("UTF-8");
    assert_eq!(main, format!("{original}\r\n{INCLUDE}\r\n"));
    let include =
        String::from_utf8(machine.bytes("conf/extra/mod_wsgi-modfarm.conf")).expect("UTF-8");
    let load = format!("LoadFile \"Z:{python_folder}/python313.dll\"\r\n");
    assert!(include.contains(&load), "{include}");

    // Again, with prefixes of its own to be served from.
    let installed = machine.state();
    let prefixes = machine.own_wine();
    install("own").ended(0);
    assert_eq!(machine.state(), installed);
    let page = machine.serve(port, &prefixes.join("prefix-0"));
    assert!(page.starts_with("HTTP/1.1 200 ") && page.contains("served by 3.13"), "{page}");

    // All is as it was, but for what the administrator wrote himself since.
    machine.write("conf/httpd.conf", main.as_bytes());
    files::remove_dir_all(&machine.apache().join("logs")).expect("removed");
    machine.write("logs/none.txt", b"");
    let ran = machine.uninstall(&[]).ended(0);
    assert!(
        ran.stdout.contains(" restored ") && ran.stdout.contains("  removed "),
        "{}",
        ran.stdout
    );
    let left: Vec<_> =
        machine.state().into_iter().filter(|(path, _)| !path.starts_with("app/")).collect();
    assert_eq!(left, before);
    nothing_runs(&machine.folder);
}

impl Machine {
    /// Adds an application to the configuration, starts the Apache as it is, and asks for a page.
    fn serve(&self, port: u16, prefix: &Utf8Path) -> String {
        self.write("app/app.wsgi", APPLICATION.as_bytes());
        let alias = "WSGIScriptAlias / \"${SRVROOT}/app/app.wsgi\"\r\n\
                     <Location />\r\nWSGIApplicationGroup %{GLOBAL}\r\n</Location>\r\n";
        let main = [self.bytes("conf/httpd.conf"), alias.as_bytes().to_vec()].concat();
        self.write("conf/httpd.conf", &main);
        let httpd = Httpd::start(&self.apache(), prefix);
        let start = Instant::now();
        loop {
            if let Some(page) = ask(port) {
                break page;
            }
            let log = files::read(&self.apache().join("logs/error.log")).unwrap_or_default();
            let log = String::from_utf8_lossy(&log).into_owned();
            assert!(start.elapsed() < Duration::from_secs(90), "no page: {log} {httpd:?}");
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

const APPLICATION: &str = "import sys\n\
    def application(environ, start_response):\n    \
        start_response('200 OK', [('Content-Type', 'text/plain')])\n    \
        return [b'served by %d.%d' % sys.version_info[:2]]\n";

fn ask(port: u16) -> Option<String> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(30))).ok()?;
    stream.write_all(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").ok()?;
    let mut page = String::new();
    stream.read_to_string(&mut page).ok()?;
    (!page.is_empty()).then_some(page)
}

/// A running Apache; ended with its Windows when it is dropped.
#[derive(Debug)]
struct Httpd {
    child: Child,
    prefix: Utf8PathBuf,
}

impl Httpd {
    fn start(apache: &Utf8Path, prefix: &Utf8Path) -> Self {
        let mut command = wine(LOADER, prefix);
        let program = apache.join("bin/httpd.exe");
        command.args([program.as_str(), "-d", &format!("Z:{apache}")]).current_dir(apache);
        let child = command.spawn().expect("Wine");
        Self { child, prefix: prefix.to_owned() }
    }
}

impl Drop for Httpd {
    fn drop(&mut self) {
        for argument in ["-k", "-w"] {
            drop(wine(SERVER, &self.prefix).arg(argument).status());
        }
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

fn wine(program: &str, prefix: &Utf8Path) -> Command {
    let mut command = Command::new(program);
    command.env_clear().env("WINEPREFIX", prefix).env("HOME", prefix).env("USER", "modfarm");
    command
        .env("WINEDEBUG", "-all")
        .env("WINEDLLOVERRIDES", "mscoree,mshtml=;winemenubuilder.exe=d");
    command.env("LC_ALL", "C.UTF-8").env("PATH", "/usr/bin:/bin");
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command
}

/// Which module that is, the binaries say: the label of their compiler, their bits, their Python.
#[test]
fn the_binaries_say_which_module_is_the_right_one() {
    let (_keep, here) = folder();
    let from = released();
    let apache = |name: &str, arch: Arch, label: &str| {
        installations::apache(&here.join(name), "2.4.66", arch, label)
    };
    let python = |name: &str, version: &str| {
        installations::python(&here.join(name), version, Arch::Win64, "VS17")
    };
    let install = |apache: &Utf8Path, python: &Utf8Path| {
        let arguments =
            ["install", "--dry-run", "--from", from.as_str(), "--apache", apache.as_str()];
        Ran::of(modfarm(&here, &arguments).args(["--python", python.as_str()]))
    };
    let (newest, python313) =
        (apache("Apache24", Arch::Win64, "VS18"), python("Python313", "3.13.2"));
    let ran = install(&newest, &python313).ended(0);
    assert!(ran.stdout.contains(": mod_wsgi 6.1.1, Apache24-win64-VS18/py313-VC14\n"), "{ran:?}");
    assert!(!ran.stderr.contains("is taken"), "{}", ran.stderr);
    // The release has nothing of that label for this Python.
    let ran = install(&newest, &python("Python314", "3.14.0")).ended(0);
    assert!(ran.stdout.contains("Apache24-win64-VS17/py314-VC14\n"), "{ran:?}");
    let note = "Apache24-win64-VS17 is taken: there is nothing for VS18 itself";
    assert!(ran.stderr.contains(note), "{}", ran.stderr);
    let other = apache("Apache32", Arch::Win32, "VS17");
    let words = ["do not go together", "all parts are of 32 bit or all are of 64 bit", "for win32"];
    install(&other, &python313).refused(2, &words);
    let old = apache("Apache10", Arch::Win64, "VC10");
    install(&old, &python313)
        .refused(2, &["nothing for an Apache 2.4 win64 VC10 with Python 3.13"]);

    // A virtual environment is named as such, and its Python's DLL is loaded.
    let venv = installations::environment(&here.join("site"), python313.as_str(), "3.13.2");
    let ran = install(&newest, &venv).ended(0);
    let lines = [
        format!("LoadFile \"{python313}/python313.dll\"\n"),
        format!("WSGIPythonHome \"{venv}\"\n"),
    ];
    assert!(lines.iter().all(|line| ran.stdout.contains(line)), "{}", ran.stdout);
    let own = python("Users/joe/AppData/Local/Programs/Python/Python313", "3.13.2");
    let words = ["is installed for one user (joe)", "hint: install Python for all users"];
    install(&newest, &own).refused(0, &words);
}
