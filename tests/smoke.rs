//! A real Apache under a real Wine: good files are served, bad ones are told apart, and nothing is left
//! behind. The Apache and the Pythons are those of the kit, `KIT/run`.

use std::net::TcpListener;
use std::process::Command;
use std::sync::LazyLock;
use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};
use modfarm::model::smoke::Smoke;
use modfarm::roots::running::Installation;
use modfarm::smoke::{Claim, Harness, Host, PATIENCE, Setting, System, Trial};
use modfarm::sys::files;
use rustix::process::Signal;
use tokio_util::sync::CancellationToken;

use crate::program::{
    Ran, Site, folder, json, read, repository, running_roots, site_with_source, sources,
};

const LABEL: &str = "Apache24-win64-VS17";
const CHECKS: [&str; 10] = [
    "start",
    "versions",
    "libraries",
    "threads",
    "requests",
    "upload",
    "failure",
    "reload",
    "restart",
    "stop",
];

/// A release that is tried as a release is, made once.
pub(crate) struct Tried {
    site: Site,
    ran: Ran,
    top: Utf8PathBuf,
}

pub(crate) static TRIED: LazyLock<Tried> = LazyLock::new(|| {
    let site = site_with_source("6.1.1").running();
    let ran = site.run(&RELEASE).ended(0);
    let tar = site.folder.join(DIST).join("mod_wsgi-windows-6.1.1.tar.gz");
    let arguments = ["-xzf", tar.as_str(), "-C", site.folder.as_str()];
    Ran::of(Command::new("tar").args(arguments)).ended(0);
    let top = site.folder.join("mod_wsgi-windows-6.1.1");
    Tried { site, ran, top }
});

const RELEASE: [&str; 9] = [
    "release",
    "--format",
    "json",
    "--only",
    "Apache24-win64-VS1[78]/py31[13]-*",
    "--only",
    "Apache24-win64-VS17/py314-*",
    "--only",
    "Apache24-win32-VS17/py313-*",
];
const DIST: &str = "dist/mod_wsgi-6.1.1";
const MANIFEST: &str = "dist/mod_wsgi-6.1.1/mod_wsgi-windows-6.1.1.manifest.json";

impl Tried {
    pub(crate) fn module(&self, arch: &str, python: &str) -> Utf8PathBuf {
        self.top.join(format!("Apache24-{arch}-VS17/modules/mod_wsgi-{python}-VC14.so"))
    }

    pub(crate) fn bytes(&self, python: &str) -> Vec<u8> {
        files::read(&self.module("win64", python)).expect("a module")
    }
}

fn apache() -> Utf8PathBuf {
    running_roots().join("apache/2.4-win64")
}

pub(crate) fn python(version: &str) -> Utf8PathBuf {
    running_roots().join(format!("python/{version}-win64"))
}

/// A trial with the kit's roots, its folder and its Wine prefixes in a site of its own.
pub(crate) struct Bench {
    site: Site,
    harness: Harness,
}

impl Bench {
    pub(crate) fn new() -> Self {
        // The template is the one that the release above made.
        let site = Site::new();
        let shared = TRIED.site.folder.join(".modfarm/wine");
        for key in files::names(&shared).expect("the prefixes") {
            let template = files::canonical(&shared.join(&key).join("template"));
            site.link(&template.expect("a template"), &format!(".modfarm/wine/{key}/template"));
        }
        let system = System::for_windows_programs(&site.folder.join(".modfarm/wine"));
        let own = env!("CARGO_BIN_EXE_modfarm").into();
        let harness = Harness { own, system: system.expect("Wine"), patience: PATIENCE };
        Self { site, harness }
    }

    pub(crate) fn trial(&self, file: Vec<u8>, version: &str) -> Trial {
        let apache = Installation::apache(&apache(), "the cross kit").expect("an Apache");
        let python = Installation::python(&python(version), "the cross kit").expect("a Python");
        Trial {
            module: "mod_wsgi".into(),
            file_name: "mod_wsgi-tried.so".into(),
            file: file.into(),
            claim: Claim::default(),
            host: Host::of(&apache, &python),
            setting: Setting::default(),
            folder: self.site.folder.join("run"),
        }
    }

    async fn seen(&self, trial: &Trial) -> Smoke {
        self.harness.try_file(trial, &CancellationToken::new()).await.expect("a result").result
    }

    /// The check that fails, and why; the configuration and a log are kept.
    #[track_caller]
    pub(crate) fn failure(&self, trial: &Trial) -> (String, String) {
        let seen = runtime().block_on(self.seen(trial));
        assert!(read(&trial.folder.join("httpd.conf")).contains("LoadModule wsgi_module"));
        assert!(files::exists(&trial.folder.join("logs/output.txt")));
        self.nothing_is_left();
        match seen {
            Smoke::Failed { check, reason, log, .. } => {
                assert!(!log.contains(self.site.folder.as_str()), "a path of this machine: {log}");
                (check, reason)
            }
            other => panic!("{other:?}"),
        }
    }

    #[track_caller]
    fn nothing_is_left(&self) {
        nothing_is_left(&self.site.folder);
    }
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime")
}

/// The processes whose Wine prefix is below a folder, or that stand in it; zombies are none.
fn wine_processes(folder: &Utf8Path) -> Vec<String> {
    let entries = std::fs::read_dir("/proc").expect("/proc");
    let numbers = entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    let named = numbers.filter(|pid| *pid != std::process::id()).filter_map(|pid: u32| {
        let read = |name: &str| std::fs::read(format!("/proc/{pid}/{name}")).ok();
        let environment = String::from_utf8_lossy(&read("environ")?).into_owned();
        let line = String::from_utf8_lossy(&read("cmdline")?).replace('\0', " ");
        let here = |text: &str| text.contains(folder.as_str());
        let wine = here(&environment) || line.contains("httpd") && here(&line);
        (wine && !line.is_empty()).then(|| format!("{pid} {line}"))
    });
    named.collect()
}

#[track_caller]
fn nothing_is_left(folder: &Utf8Path) {
    let left = wine_processes(folder);
    assert!(left.is_empty(), "{left:#?}");
}

pub(crate) fn replaced(bytes: Vec<u8>, from: &[u8], to: &[u8]) -> Vec<u8> {
    assert_eq!(from.len(), to.len());
    let mut bytes = bytes;
    let mut found = 0;
    for at in 0..bytes.len() - from.len() {
        if bytes[at..].starts_with(from) {
            bytes[at..at + to.len()].copy_from_slice(to);
            found += 1;
        }
    }
    assert!(found > 0, "{} is not in it", String::from_utf8_lossy(from));
    bytes
}

#[test]
fn good_files_are_served_in_a_release() {
    let tried = &*TRIED;
    let manifest = json(&tried.site.folder.join(MANIFEST));
    let smoke = |id: &str| {
        let cells = manifest["cells"].as_array().expect("cells");
        cells.iter().find(|cell| cell["id"] == id).expect("a cell")["built"]["smoke"].clone()
    };
    for (tag, version) in [("py311", "3.11.9"), ("py313", "3.13.2")] {
        let seen = smoke(&format!("{LABEL}/{tag}-VC14"));
        assert_eq!(seen["result"], "served", "{seen}");
        assert_eq!(seen["checks"], serde_json::json!(CHECKS));
        let python = format!("CPython {version} for win64, of the cross kit");
        assert_eq!(seen["by"]["python"], python.as_str());
        assert!(seen["by"]["apache"].as_str().expect("it").starts_with("Apache 2.4."), "{seen}");
        assert!(seen["by"]["system"].as_str().expect("it").starts_with("Wine "), "{seen}");
        assert_eq!(smoke(&format!("Apache24-win64-VS18/{tag}-VC14")), seen);
    }
    let reason = |id: &str| smoke(id)["reason"].as_str().expect("a reason").to_owned();
    let python = "no Python 3.14 for win64 to run is at hand";
    assert_eq!(reason(&format!("{LABEL}/py314-VC14")), python);
    let win32 = reason("Apache24-win32-VS17/py313-VC14");
    assert_eq!(win32, "no Apache 2.4 for win32 to run is at hand");

    let notes = read(&tried.site.folder.join(DIST).join("mod_wsgi-windows-6.1.1.notes.md"));
    let row = "| `Apache24-win64-VS17` | served (";
    assert!(notes.contains(row) && notes.contains(&format!("Not run: {python}.")), "{notes}");
    let install = read(&tried.top.join("INSTALL.txt"));
    assert!(install.contains("Seen to serve pages: Apache 2.4."), "{install}");
    assert!(install.contains(&format!("Not tried in a running Apache: {python}")), "{install}");

    let events = tried.ran.events();
    let of = |kind: &str| events.iter().filter(|event| event["event"] == kind).collect::<Vec<_>>();
    assert_eq!(of("smoke_started").len(), 2, "{}", tried.ran.stdout);
    let finished = of("smoke_finished");
    assert_eq!(finished.len(), 4, "{}", tried.ran.stdout);
    assert!(finished.iter().any(|event| event["cells"].as_array().is_some_and(|c| c.len() == 2)));
    nothing_is_left(&tried.site.folder);
}

/// What was served is not tried again, and a manifest says the same of it.
#[test]
fn what_was_seen_is_remembered_and_nothing_differs() {
    let site = site_with_source("6.1.1").running();
    let only = format!("{LABEL}/py313-VC14");
    let release = ["release", "--format", "json", "--only", &only];
    let first = site.run(&release).ended(0).events();
    let again = site.run(&release).ended(0).events();
    let finished = |events: &[serde_json::Value]| {
        let found = events.iter().find(|event| event["event"] == "smoke_finished");
        found.expect("an event").clone()
    };
    assert_eq!(finished(&first)["remembered"], false);
    assert_eq!(finished(&again)["remembered"], true);
    assert_eq!(again.last().expect("an event")["unchanged"], true);
    // Tried anew, it is the same to the last byte.
    let before = read(&site.folder.join(MANIFEST));
    files::remove_file(&site.folder.join(".modfarm/smoked.json")).expect("removed");
    let anew = site.run(&release).ended(0).events();
    assert_eq!(finished(&anew)["remembered"], false);
    assert_eq!(anew.last().expect("an event")["unchanged"], true);
    assert_eq!(read(&site.folder.join(MANIFEST)), before);
    assert!(!files::exists(&site.folder.join(".modfarm/runs/smoke")));

    let arguments = [&release[..], &["--no-smoke"]].concat();
    let unseen = finished(&site.run(&arguments).ended(0).events());
    assert_eq!(unseen["result"]["reason"], "not wanted (--no-smoke)");
    nothing_is_left(&site.folder);
}

#[test]
fn a_file_that_fails_fails_the_release_unless_that_is_allowed() {
    let site = Site::new().running();
    bad_source(&site.folder.join("src"), "*(volatile int *) 0 = 0;", "");
    let only = format!("{LABEL}/py313-VC14");
    let release = ["release", "--source", "src", "--only", &only];
    let says =
        ["1 cell did not pass in a real Apache", &only, "an access violation", "nothing was"];
    let step = site.folder.join("step.md");
    let on_actions =
        |arguments: &[&str]| Ran::of(site.command(arguments).env("GITHUB_STEP_SUMMARY", &step));
    let ran = on_actions(&release).refused(1, &says);
    let summary = read(&step);
    assert!(summary.contains("**Not released:** 1 cell did not pass"), "{summary}");
    assert!(summary.contains("| `Apache24-win64-VS17` | **failed** |"), "{summary}");
    let (_, folder) = ran.stderr.rsplit_once("logs are in ").expect("a folder");
    let (folder, _) = folder.split_once(';').expect("an end");
    let kept = site.folder.join(folder).join(&only);
    assert!(read(&kept.join("httpd.conf")).contains("LoadModule wsgi_module"));
    assert!(read(&kept.join("logs/error.log")).contains("resuming normal operations"));
    assert!(!files::exists(&site.folder.join(DIST)));

    on_actions(&[&release[..], &["--allow-failed-smoke"]].concat()).ended(0);
    let both = read(&step);
    assert!(
        both.starts_with(&summary) && both.contains("Released: dist/mod_wsgi-6.1.1 ("),
        "{both}"
    );
    let text = read(&site.folder.join(MANIFEST));
    assert!(
        text.contains("\"result\": \"failed\"") && text.contains("an access violation"),
        "{text}"
    );
    assert!(!text.contains(site.folder.as_str()), "{text}");
    let notes = read(&site.folder.join(DIST).join("mod_wsgi-windows-6.1.1.notes.md"));
    assert!(notes.contains("**failed** (1)"), "{notes}");
    nothing_is_left(&site.folder);
}

/// An unsupported cell is published whatever is seen of it, and what is seen is said.
#[test]
fn an_unsupported_cell_that_fails_is_recorded() {
    let site = Site::new().running();
    bad_source(&site.folder.join("src"), "*(volatile int *) 0 = 0;", "");
    let exception = "exceptions:\n  - apache: Apache24-win64-VS17\n    python: \"3.13\"\n    \
                     verdict: unsupported\n    reason: \"a test says so\"\n";
    site.edit("matrix.yaml", "exceptions:\n", exception);
    let only = format!("{LABEL}/py313-VC14");
    let ran = site.run(&["release", "--source", "src", "--only", &only]).ended(0);
    assert!(
        ran.stderr.contains("    Failed Apache24-win64-VS17/py313-VC14: start: "),
        "{}",
        ran.stderr
    );
    let manifest = json(&site.folder.join(MANIFEST));
    let cells = manifest["cells"].as_array().expect("cells");
    let cell = cells.iter().find(|cell| cell["id"] == only.as_str()).expect("the cell");
    assert_eq!(cell["verdict"]["verdict"], "unsupported");
    assert_eq!(cell["built"]["smoke"]["result"], "failed");
    nothing_is_left(&site.folder);
}

/// A module of few lines, which knows the directives of a configuration and does one bad thing.
pub(crate) fn bad_source(folder: &Utf8Path, in_child: &str, in_parent: &str) {
    let text = include_str!("made/bad_module.c")
        .replace("IN_CHILD", in_child)
        .replace("IN_PARENT", in_parent);
    let write = |path: &str, text: &str| {
        files::write_atomic(&folder.join(path), text.as_bytes()).expect("a file");
    };
    write("src/server/wsgi_version.h", "#define MOD_WSGI_VERSION_STRING \"6.1.1\"\n");
    write("src/server/mod_wsgi.c", &text);
    write("LICENSE", "made by a test\n");
}

fn bad_module(in_child: &str, in_parent: &str) -> Vec<u8> {
    let site = Site::new();
    bad_source(&site.folder.join("src"), in_child, in_parent);
    let only = format!("{LABEL}/py313-VC14");
    site.run(&["release", "--source", "src", "--only", &only, "--no-smoke"]).ended(0);
    let tar = site.folder.join(DIST).join("mod_wsgi-windows-6.1.1.tar.gz");
    let arguments = ["-xzf", tar.as_str(), "-C", site.folder.as_str()];
    Ran::of(Command::new("tar").args(arguments)).ended(0);
    let name = format!("mod_wsgi-windows-6.1.1/{LABEL}/modules/mod_wsgi-py313-VC14.so");
    files::read(&site.folder.join(name)).expect("a module")
}

#[test]
fn a_crash_in_the_start_of_the_child_is_told() {
    let bench = Bench::new();
    let bad = bad_module("*(volatile int *) 0 = 0;", "");
    let (check, reason) = bench.failure(&bench.trial(bad, "3.13"));
    assert_eq!(check, "start");
    let says = "httpd starts, and its child process, which runs the module, ends in a crash, \
                0xc0000005: an access violation";
    assert!(reason.starts_with(says), "{reason}");
}

#[test]
fn a_hang_is_told_and_where_it_is() {
    let mut bench = Bench::new();
    bench.harness.patience = Duration::from_secs(15);
    for (in_child, in_parent, says) in [
        ("apr_sleep(apr_time_from_sec(3600));", "", "in the start of its child process"),
        ("", "apr_sleep(apr_time_from_sec(3600));", "while it reads its configuration"),
    ] {
        let bad = bad_module(in_child, in_parent);
        let (check, reason) = bench.failure(&bench.trial(bad, "3.13"));
        assert_eq!(check, "start");
        let hangs = "httpd runs and serves nothing within 15 s; it hangs ";
        assert!(reason.starts_with(hangs) && reason.contains(says), "{reason}");
    }
}

#[test]
fn a_module_built_with_another_pythons_headers_is_told() {
    let bench = Bench::new();
    let bad = replaced(TRIED.bytes("py311"), b"python311.dll", b"python313.dll");
    let (check, reason) = bench.failure(&bench.trial(bad, "3.13"));
    assert!(["start", "versions"].contains(&check.as_str()), "{check}: {reason}");
    assert!(reason.contains("compiled with the headers of Python 3.11"), "{reason}");
}

#[test]
fn a_module_for_another_architecture_is_told() {
    let tried = &*TRIED;
    let bench = Bench::new();
    let bad = files::read(&tried.module("win32", "py313")).expect("a module");
    let (check, reason) = bench.failure(&bench.trial(bad, "3.13"));
    assert_eq!(check, "start");
    assert!(reason.contains("it is a win32 binary and this Apache is win64"), "{reason}");
}

#[test]
fn a_module_without_its_symbol_is_told() {
    let bench = Bench::new();
    let bad = replaced(TRIED.bytes("py313"), b"wsgi_module\0", b"wsgj_module\0");
    let (check, reason) = bench.failure(&bench.trial(bad, "3.13"));
    assert_eq!(check, "start");
    let says = "the file exports no wsgi_module, which the LoadModule line names";
    assert!(reason.starts_with(says), "{reason}");
}

#[test]
fn a_module_for_apache_2_2_is_told() {
    let bench = Bench::new();
    let record = |magic: u32, cookie: &[u8]| (magic.to_le_bytes(), cookie.to_vec());
    let ((new, ap24), (old, ap22)) = (record(20_120_211, b"42PA"), record(20_051_115, b"22PA"));
    let bad = replaced(TRIED.bytes("py313"), &ap24, &ap22);
    let bad = replaced(bad, &new, &old);
    let (check, reason) = bench.failure(&bench.trial(bad, "3.13"));
    assert_eq!(check, "start");
    let says = "the module was built for Apache 2.2 (its magic is 20051115)";
    assert!(reason.starts_with(says), "{reason}");
}

#[test]
fn an_administrators_mistakes_are_told() {
    let bench = Bench::new();
    let right = bench.trial(TRIED.bytes("py313"), "3.13");
    let busy = TcpListener::bind(("127.0.0.1", 0)).expect("a port");
    let port = busy.local_addr().expect("an address").port();
    let bare = Setting { without_load_file: true, ..Setting::default() };
    let taken = Setting { port: Some(port), ..Setting::default() };
    for (trial, says) in [
        (
            Trial { setting: bare, ..right.clone() },
            "python313.dll is not beside httpd.exe and no LoadFile names it",
        ),
        (Trial { setting: taken, ..right.clone() }, "the port is in use: another program"),
        (
            Trial { host: without_library(&bench), ..right.clone() },
            "Python does not find its library (No module named 'encodings'): WSGIPythonHome",
        ),
    ] {
        let (check, reason) = bench.failure(&trial);
        assert_eq!(check, "start");
        assert!(reason.contains(says), "{reason}");
    }
    let other = bench.trial(TRIED.bytes("py311"), "3.13");
    let (_, reason) = bench.failure(&other);
    assert!(reason.contains("no LoadFile names it; it names python313.dll"), "{reason}");
}

/// Before 3.11 Python learns from the registry where its library is, as after an installation for all users:
/// rule 2 of mod_wsgi's own document.
#[test]
fn a_python_that_is_not_for_all_users_is_told() {
    let site = site_with_source("5.0.2").running();
    let only = format!("{LABEL}/py39-VC14");
    let arguments = ["release", "--module-version", "5.0.2", "--only", &only];
    let ran = site.run(&arguments).ended(0);
    assert!(
        ran.stderr.contains("    Served Apache24-win64-VS17/py39-VC14: 10 checks"),
        "{}",
        ran.stderr
    );
    let modules = "dist/mod_wsgi-5.0.2/mod_wsgi-windows-5.0.2.tar.gz";
    let top = site.folder.join("unpacked");
    files::create_dir_all(&top).expect("a folder");
    Ran::of(
        Command::new("tar").args(["-xzf", modules, "-C", "unpacked"]).current_dir(&site.folder),
    )
    .ended(0);
    let module = format!("mod_wsgi-windows-5.0.2/{LABEL}/modules/mod_wsgi-py39-VC14.so");
    let file = files::read(&top.join(module)).expect("a module");
    let bench = Bench::new();
    let setting = Setting { not_for_all_users: true, ..Setting::default() };
    let (_, reason) = bench.failure(&Trial { setting, ..bench.trial(file, "3.9") });
    assert!(reason.contains("it is not installed for all users"), "{reason}");
}

/// A Python's DLLs without its library. Where the library is beside the DLL, Python 3.13 finds it whatever
/// `WSGIPythonHome` says.
pub(crate) fn without_library(bench: &Bench) -> Host {
    let folder = bench.site.folder.join("no library");
    files::create_dir_all(&folder).expect("a folder");
    for dll in ["python313.dll", "vcruntime140.dll", "vcruntime140_1.dll", "modfarm-root.json"] {
        files::copy(&python("3.13").join(dll), &folder.join(dll)).expect("a copy");
    }
    let apache = Installation::apache(&apache(), "the cross kit").expect("an Apache");
    Host::of(&apache, &Installation::python(&folder, "a directory").expect("a Python"))
}

#[test]
fn the_command_says_what_it_sees() {
    let tried = &*TRIED;
    let bench = Bench::new();
    let file = tried.module("win64", "py313");
    let (apache, python) = (apache(), python("3.13"));
    let roots = ["--apache", apache.as_str(), "--python", python.as_str()];
    let arguments = [&["smoke", file.as_str()], &roots[..]].concat();
    let ran = bench.site.run(&arguments).ended(0);
    assert!(ran.stderr.contains("Served") && ran.stderr.contains("10 checks by Apache 2.4."));
    assert_eq!(files::names(&bench.site.folder.join(".modfarm/runs")).unwrap_or_default().len(), 0);

    let wrong = [&["smoke", file.as_str(), "--module-version", "6.1.0"], &roots[..]].concat();
    let says = "versions: mod_wsgi says it is 6.1.1, and the file should be 6.1.0";
    let ran =
        bench.site.run(&wrong).refused(1, &[says, "hint: the configuration and Apache's logs"]);
    assert!(!ran.stderr.contains("panicked"));

    let listed = bench.site.run(&["smoke", "--checks"]).ended(0).stdout;
    let ids: Vec<&str> = listed.lines().filter_map(|line| line.split(' ').next()).collect();
    assert_eq!(ids, CHECKS);
    let nothing = bench.site.folder.join("nothing");
    files::create_dir_all(&nothing).expect("a folder");
    let no_root = ["smoke", file.as_str(), "--apache", nothing.as_str()];
    bench.site.run(&no_root).refused(2, &["holds no Apache that can run: bin/httpd.exe"]);
    // Without a kit that can run, nothing is at hand.
    bench
        .site
        .run(&["smoke", file.as_str()])
        .refused(3, &["no Apache 2.4 for win64 to run is at hand"]);
    bench.site.write("text.so", "no module");
    bench.site.run(&["smoke", "text.so"]).refused(2, &["the file is a text"]);
    bench.nothing_is_left();
}

/// Whatever ends modfarm ends Apache, Wine's server and all that they started.
#[test]
fn an_interrupted_run_leaves_no_process() {
    let tried = &*TRIED;
    let bench = Bench::new();
    let file = tried.module("win64", "py313");
    let (apache, python) = (apache(), python("3.13"));
    let arguments =
        ["smoke", file.as_str(), "--apache", apache.as_str(), "--python", python.as_str()];
    for (signal, code) in [(Signal::KILL, -1), (Signal::INT, 130), (Signal::TERM, 130)] {
        let mut running = bench.site.start(&arguments);
        let mut has_ended = false;
        let serves = || {
            has_ended = running.has_ended();
            let all = wine_processes(&bench.site.folder);
            has_ended || all.iter().filter(|line| line.contains("httpd.exe")).count() >= 2
        };
        bench.site.wait("Apache and its child run", serves);
        assert!(!has_ended, "it ended before Apache ran: {:?}", running.end());
        running.signal(signal);
        assert_eq!(running.end().code, code);
        let start = std::time::Instant::now();
        while !wine_processes(&bench.site.folder).is_empty() {
            let left = wine_processes(&bench.site.folder);
            assert!(start.elapsed() < Duration::from_secs(5), "{left:#?}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }
    bench.site.run(&arguments).ended(0);
}

/// The same in the midst of a release, which is not there then; the next run makes it.
#[test]
fn an_interrupted_release_leaves_no_process() {
    let site = site_with_source("6.1.1").running();
    let only = format!("{LABEL}/py313-VC14");
    let release = ["release", "--only", &only];
    for (signal, code) in [(Signal::KILL, -1), (Signal::INT, 130)] {
        let running = site.start(&release);
        let serves = || {
            let all = wine_processes(&site.folder);
            all.iter().filter(|line| line.contains("httpd.exe")).count() >= 2
        };
        site.wait("Apache and its child run", serves);
        running.signal(signal);
        assert_eq!(running.end().code, code);
        site.wait("all of them end", || wine_processes(&site.folder).is_empty());
        assert!(!files::exists(&site.folder.join(DIST)));
    }
    site.run(&release).ended(0);
    nothing_is_left(&site.folder);
}

fn in_a_row(times: usize) {
    let bench = Bench::new();
    let trial = bench.trial(TRIED.bytes("py313"), "3.13");
    let state = || {
        let all = walkdir::WalkDir::new(bench.site.folder.join(".modfarm")).into_iter();
        all.filter_map(Result::ok).map(|entry| entry.path().to_owned()).collect::<Vec<_>>()
    };
    let runtime = runtime();
    let mut after_the_first = None;
    for time in 0..times {
        let seen = runtime.block_on(bench.seen(&trial));
        assert!(matches!(seen, Smoke::Served { .. }), "{time}: {seen:?}");
        bench.nothing_is_left();
        assert!(!files::exists(&trial.folder));
        let first = after_the_first.get_or_insert_with(&state);
        assert_eq!(state().len(), first.len(), "{time}");
    }
}

fn at_once(many: usize) {
    let bench = Bench::new();
    let trial = bench.trial(TRIED.bytes("py313"), "3.13");
    let results = runtime().block_on(async {
        let mut running = tokio::task::JoinSet::new();
        for number in 0..many {
            let folder = bench.site.folder.join(format!("run {number}"));
            let (harness, trial) = (bench.harness.clone(), Trial { folder, ..trial.clone() });
            running.spawn(async move {
                harness.try_file(&trial, &CancellationToken::new()).await.expect("a result").result
            });
        }
        running.join_all().await
    });
    for seen in results {
        assert!(matches!(seen, Smoke::Served { .. }), "{seen:?}");
    }
    bench.nothing_is_left();
}

#[test]
fn runs_in_a_row_leave_nothing() {
    in_a_row(3);
}

#[test]
fn runs_at_once_do_not_disturb_each_other() {
    at_once(4);
}

#[test]
#[ignore = "takes minutes: make test-long"]
fn fifty_runs_in_a_row_leave_nothing() {
    in_a_row(50);
}

#[test]
#[ignore = "takes minutes: make test-long"]
fn twenty_runs_at_once_do_not_disturb_each_other() {
    at_once(20);
}

/// Linux's own Apache with a module that is compiled for it.
#[test]
fn the_harness_is_tried_natively() {
    let (_keep, place) = folder();
    let unpacked = sources("6.1.1");
    let name = files::names(&unpacked).expect("a folder").remove(0);
    let source = unpacked.join(name);
    let arguments = ["smoke", "--native", "--source", source.as_str()];
    let ran = Ran::of(&mut crate::program::modfarm(&place, &arguments));
    let needed = ["/usr/sbin/apache2", "/usr/bin/apxs", "/usr/bin/python3-config"];
    if needed.iter().all(|program| files::exists(Utf8Path::new(program))) {
        let ran = ran.ended(0);
        assert!(ran.stderr.contains("10 checks by Apache 2.4."), "{}", ran.stderr);
        nothing_is_left(&place);
    } else {
        ran.refused(3, &["--native needs ", "hint: apt-get install "]);
    }
    assert!(files::exists(repository()));
}
