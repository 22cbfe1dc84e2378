//! Wheels and indexes of them, with pip itself, with the checkers that PyPI's people use, and with
//! setuptools, which says what an installation from source has.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Child, Command, Stdio};
use std::sync::LazyLock;

use camino::{Utf8Path, Utf8PathBuf};
use modfarm::roots::python_package::PythonPackage;
use modfarm::sys::files;
use serde_json::Value;

use crate::github::{REPOSITORY, StandIn};
use crate::made::server::{Answer, Server};
use crate::made::source;
use crate::program::{
    Ran, Site, folder, json, modfarm, read, repository, site_with_source, sources,
};

/// A release of a real mod_wsgi, made once for all tests that only look at it.
pub(crate) struct Released {
    pub(crate) site: Site,
    pub(crate) version: &'static str,
}

impl Released {
    pub(crate) fn make(version: &'static str, only: &[&str]) -> Self {
        let site = site_with_source(version);
        let mut arguments = vec!["release", "--no-smoke", "--module-version", version];
        arguments.extend(only.iter().flat_map(|glob| ["--only", glob]));
        site.run(&arguments).ended(0);
        Self { site, version }
    }

    pub(crate) fn folder(&self) -> Utf8PathBuf {
        self.site.folder.join(format!("dist/mod_wsgi-{}", self.version))
    }

    pub(crate) fn file(&self, end: &str) -> Utf8PathBuf {
        self.folder().join(format!("mod_wsgi-windows-{}{end}", self.version))
    }

    fn wheels(&self) -> Vec<String> {
        let names = files::names(&self.folder()).expect("a folder").into_iter();
        names.filter(|name| is_a(name, "whl")).collect()
    }

    fn wheel_of(&self, id: &str) -> Value {
        let manifest = json(&self.file(".manifest.json"));
        let cells = manifest["cells"].as_array().expect("cells");
        let cell = cells.iter().find(|cell| cell["id"] == id).expect("a cell");
        assert!(cell["built"].is_object(), "{id} is not built");
        cell["built"]["wheel"].clone()
    }
}

pub(crate) static NEWEST: LazyLock<Released> = LazyLock::new(|| {
    let only =
        ["Apache24-win64-VS1[78]/py31[13]-*", "*-win64-VS17/py313t-*", "*-win32-VS17/py313-*"];
    Released::make("6.1.1", &only)
});

/// With Python 2.7, for which Apache 2.2 and 2.4 are supported.
pub(crate) static OLD: LazyLock<Released> = LazyLock::new(|| {
    let only = ["Apache24-win32-VC9/py27-*", "Apache24-win64-VC10/py27-*", "*-win64-VS17/py311-*"];
    Released::make("4.9.4", &only)
});

pub(crate) static MIDDLE: LazyLock<Released> =
    LazyLock::new(|| Released::make("5.0.2", &["Apache24-win64-VS17/py313-*"]));

fn all() -> [&'static Released; 3] {
    [&NEWEST, &MIDDLE, &OLD]
}

pub(crate) fn is_a(name: &str, extension: &str) -> bool {
    Utf8Path::new(name).extension() == Some(extension)
}

/// The tools that `tests/tools/setup` installs.
pub(crate) fn tools() -> Utf8PathBuf {
    repository().join(".modfarm/tools/clients/wheels")
}

/// A Python of this machine with these tools, and with nothing of the user's.
pub(crate) fn python(folder: &Utf8Path, arguments: &[&str]) -> Command {
    let tools = tools();
    assert!(tools.is_dir(), "{tools} is not there: tests/tools/setup makes it");
    let mut command = Command::new("python3");
    command.args(arguments).current_dir(folder).stdin(Stdio::null()).env_clear();
    command.env("PATH", std::env::var_os("PATH").unwrap_or_default());
    command.env("HOME", folder).env("LC_ALL", "C.UTF-8").env("PYTHONPATH", tools);
    command.env("PYTHONDONTWRITEBYTECODE", "1");
    command
}

/// What pip downloads for a Python on Windows, of what it finds in these places and nowhere else.
struct Pip {
    _keep: tempfile::TempDir,
    folder: Utf8PathBuf,
}

impl Pip {
    fn new() -> Self {
        let (keep, folder) = folder();
        Self { _keep: keep, folder }
    }

    fn ask(&self, target: [&str; 3], places: &[&str], what: &str) -> Ran {
        let [platform, version, abi] = target;
        let common = ["-m", "pip", "download", "--isolated", "--disable-pip-version-check"];
        let mut command = python(&self.folder, &common);
        command.args(["--no-cache-dir", "--no-deps", "--only-binary", ":all:", "--dest", "got"]);
        command.args(["--platform", platform, "--python-version", version, "--abi", abi]);
        files::remove_dir_all(&self.folder.join("got")).expect("an empty place");
        Ran::of(command.args(places).arg(what))
    }

    #[track_caller]
    fn gets(&self, target: [&str; 3], places: &[&str], what: &str) -> String {
        self.ask(target, places, what).ended(0);
        let mut got = files::names(&self.folder.join("got")).expect("a folder");
        assert_eq!(got.len(), 1, "{got:?}");
        got.remove(0)
    }
}

const TARGETS: [([&str; 3], &str); 4] = [
    (["win_amd64", "3.13", "cp313"], "cp313-cp313-win_amd64"),
    (["win_amd64", "3.13", "cp313t"], "cp313-cp313t-win_amd64"),
    (["win32", "3.13", "cp313"], "cp313-cp313-win32"),
    (["win_amd64", "3.11", "cp311"], "cp311-cp311-win_amd64"),
];

#[track_caller]
fn every_python_gets_its_own(places: &[&str]) {
    let pip = Pip::new();
    for (target, tag) in TARGETS {
        let expected = format!("mod_wsgi-6.1.1-{tag}.whl");
        assert_eq!(pip.gets(target, places, "mod_wsgi"), expected);
        let released = files::digest(&NEWEST.folder().join(&expected)).expect("a wheel");
        let got = files::digest(&pip.folder.join("got").join(&expected)).expect("a wheel");
        assert_eq!(got, released);
    }
    let none = pip.ask(["win_amd64", "3.12", "cp312"], places, "mod_wsgi");
    none.refused(1, &["No matching distribution found for mod_wsgi"]);
}

#[test]
fn every_cell_that_pip_can_serve_says_by_which_wheel() {
    let wheel = |id: &str| NEWEST.wheel_of(id);
    for label in ["Apache24-win64-VS17", "Apache24-win64-VS18"] {
        assert_eq!(
            wheel(&format!("{label}/py313-VC14")),
            "mod_wsgi-6.1.1-cp313-cp313-win_amd64.whl"
        );
    }
    assert_eq!(
        wheel("Apache24-win64-VS17/py313t-VC14"),
        "mod_wsgi-6.1.1-cp313-cp313t-win_amd64.whl"
    );
    assert_eq!(NEWEST.wheels().len(), 4);
    // Which Apache it is for matters where two are supported that are not the same to a module.
    let ap24 = "mod_wsgi-4.9.4+ap24-cp27-cp27m-win32.whl";
    assert_eq!(OLD.wheel_of("Apache24-win32-VC9/py27-VC9"), ap24);
    assert_eq!(OLD.wheel_of("Apache24-win64-VC10/py27-VC9"), Value::Null);
    assert_eq!(OLD.wheels(), [ap24, "mod_wsgi-4.9.4-cp311-cp311-win_amd64.whl"]);
    for released in all() {
        let manifest = json(&released.file(".manifest.json"));
        let archives = manifest["archives"].as_array().expect("archives");
        let named: Vec<&str> = archives.iter().filter_map(|it| it["name"].as_str()).collect();
        let (notes, install) = (read(&released.file(".notes.md")), install(released));
        for wheel in released.wheels() {
            assert!(named.contains(&wheel.as_str()), "{named:?}");
            assert!(notes.contains(&format!("`{wheel}`")), "{notes}");
            assert!(install.contains(&format!("pip: {wheel}\r\n")), "{install}");
        }
        assert!(notes.contains("--find-links WHERE mod_wsgi=="), "{notes}");
        let says = notes.contains("by its whole version, as in `mod_wsgi==4.9.4+ap24`.");
        assert_eq!(says, released.version == "4.9.4", "{notes}");
    }
}

fn install(released: &Released) -> String {
    let script = "import sys, zipfile\nz = zipfile.ZipFile(sys.argv[1])\n\
                  n, = [n for n in z.namelist() if n.endswith('INSTALL.txt')]\n\
                  sys.stdout.buffer.write(z.read(n))";
    let zip = released.file(".zip");
    Ran::of(&mut python(&released.folder(), &["-c", script, zip.as_str()])).ended(0).stdout
}

#[test]
fn a_source_without_a_package_has_a_release_without_wheels() {
    let site = Site::new();
    source::quick(&site.folder.join("src"), "6.1.1");
    let only = ["release", "--source", "src", "--no-smoke", "--only", "*-win64-VS17/py313-*"];
    site.run(&only).ended(0);
    let folder = site.folder.join("dist/mod_wsgi-6.1.1");
    assert!(files::names(&folder).expect("it").iter().all(|name| !is_a(name, "whl")));
    let notes = read(&folder.join("mod_wsgi-windows-6.1.1.notes.md"));
    assert!(notes.contains("There are no wheels for pip: its source has no setup.py."), "{notes}");
    assert!(!notes.contains("With pip"), "{notes}");
    let refused = site.run(&["index", "dist/mod_wsgi-6.1.1", "--to", "public"]);
    refused.refused(2, &["none of these releases has a wheel", "hint: "]);
    assert!(!files::exists(&site.folder.join("public/simple")));
}

#[test]
fn the_checkers_of_pypi_find_nothing() {
    for released in all() {
        let wheels = released.wheels();
        let names: Vec<&str> = wheels.iter().map(String::as_str).collect();
        let twine = [&["-m", "twine", "check", "--strict"], &names[..]].concat();
        let ran = Ran::of(&mut python(&released.folder(), &twine)).ended(0);
        assert_eq!(ran.stdout.matches("PASSED").count(), names.len(), "{}", ran.stdout);
        // On Python 2 the module has the name that its own code looks for, as it has on Linux, which
        // is none that Python could import; Apache has no need to.
        let ignored: &[&str] =
            if released.version == "4.9.4" { &["--ignore", "W004"] } else { &[] };
        let check = [&["-m", "check_wheel_contents"], ignored].concat();
        let ran = Ran::of(&mut python(&released.folder(), &[&check, &names[..]].concat())).ended(0);
        assert_eq!(ran.stdout.matches(": OK").count(), names.len(), "{}", ran.stdout);
        for name in names {
            records_are_right(&released.folder(), name).ended(0);
        }
    }
    // They do find what is wrong.
    let (_keep, place) = folder();
    let name = "mod_wsgi-6.1.1-cp313-cp313-win_amd64.whl";
    let script = "import sys, zipfile\n\
        with zipfile.ZipFile(sys.argv[1]) as old, zipfile.ZipFile(sys.argv[2], 'w') as new:\n\
        \x20   for n in old.namelist():\n\
        \x20       new.writestr(n, old.read(n) + (b'#' if n.endswith('cli.py') else b''))";
    let (old, new) = (NEWEST.folder().join(name), place.join(name));
    Ran::of(&mut python(&place, &["-c", script, old.as_str(), new.as_str()])).ended(0);
    let old = OLD.wheels().remove(0);
    let ran = Ran::of(&mut python(&OLD.folder(), &["-m", "check_wheel_contents", &old])).ended(1);
    assert!(ran.stdout.contains("W004: Module is not located at importable path"), "{ran:?}");
    records_are_right(&NEWEST.folder(), name).ended(0);
    let wrong = records_are_right(&place, name).ended(1);
    assert!(wrong.stderr.contains("mod_wsgi/express/cli.py"), "{}", wrong.stderr);
}

/// Whether each file of a wheel is in its record, with its digest.
fn records_are_right(folder: &Utf8Path, name: &str) -> Ran {
    let script = "import sys\nfrom installer.sources import WheelFile\n\
                  with WheelFile.open(sys.argv[1]) as wheel: wheel.validate_record()";
    Ran::of(&mut python(folder, &["-c", script, name]))
}

/// What setuptools would install from the same source, on this machine, which has an Apache to compile
/// against: the same files but for the module, and metadata that say the same.
#[test]
fn a_wheel_has_what_setuptools_installs() {
    for released in all() {
        let (_keep, place) = folder();
        let unpacked = sources(released.version);
        let from = unpacked.join(format!("mod_wsgi-{}", released.version));
        Ran::of(Command::new("cp").args(["-r", from.as_str(), place.join("src").as_str()]))
            .ended(0);
        let top = place.join("src");
        let build = ["setup.py", "-q", "build_py", "--build-lib", "../lib"];
        Ran::of(&mut python(&top, &build)).ended(0);
        Ran::of(&mut python(&top, &["setup.py", "-q", "egg_info", "--egg-base", ".."])).ended(0);
        let theirs = files::walk(&place.join("lib")).expect("what setuptools installs");

        let wheel = released.wheels().pop().expect("a wheel");
        let wheel = released.folder().join(wheel);
        let unzip = ["-m", "zipfile", "-e", wheel.as_str(), "wheel"];
        Ran::of(&mut python(&place, &unzip)).ended(0);
        let ours = files::walk(&place.join("wheel")).expect("the wheel");
        let (about, mut ours): (Vec<_>, Vec<_>) =
            ours.into_iter().partition(|path| path.contains(".dist-info/"));
        ours.retain(|path| !is_a(path, "pyd"));
        assert_eq!(ours, theirs, "{}", released.version);
        for path in ours.iter().filter(|path| !path.ends_with("apxs_config.py")) {
            let [one, other] = ["wheel", "lib"].map(|it| files::read(&place.join(it).join(path)));
            assert_eq!(one.expect("ours"), other.expect("theirs"), "{path}");
        }
        configurations_agree(&place, &ours);
        let metadata = about.iter().find(|path| path.ends_with("METADATA")).expect("metadata");
        let ours = headers(&read(&place.join("wheel").join(metadata)));
        let mut theirs = headers(&read(&place.join("mod_wsgi.egg-info/PKG-INFO")));
        theirs.insert("Version".to_owned(), ours["Version"].clone());
        for (name, values) in &theirs {
            // What tells of the tool that wrote it, and of files that newer tools find.
            if !["Metadata-Version", "Dynamic", "License-File"].contains(&name.as_str()) {
                assert_eq!(ours.get(name), Some(values), "{name} of {}", released.version);
            }
        }
    }
}

/// A checkout has no metadata but what setup.py says, which is what an sdist of it would have.
#[test]
fn a_checkout_has_the_metadata_of_its_sdist() {
    for released in all() {
        let (_keep, place) = folder();
        let unpacked = sources(released.version);
        let from = unpacked.join(format!("mod_wsgi-{}", released.version));
        let top = place.join("mod_wsgi");
        Ran::of(Command::new("cp").args(["-r", from.as_str(), top.as_str()])).ended(0);
        let read_package = || {
            let version = released.version.parse().expect("a version");
            let package = PythonPackage::read("mod_wsgi", &version, &top).expect("it is there");
            package.expect("a package")
        };
        let sdist = read_package();
        files::remove_file(&top.join("PKG-INFO")).expect("removed");
        files::remove_dir_all(&top.join("mod_wsgi.egg-info")).expect("removed");
        let checkout = read_package();
        assert_eq!(checkout.files, sdist.files);
        let points = |package: &PythonPackage| {
            String::from_utf8_lossy(&package.entry_points).trim().to_owned()
        };
        assert_eq!(points(&checkout), points(&sdist));
        let (mut ours, mut theirs) = (headers(&checkout.metadata), headers(&sdist.metadata));
        for name in ["Metadata-Version", "Dynamic", "License-File", "Platform"] {
            ours.remove(name);
            theirs.remove(name);
        }
        assert_eq!(ours, theirs, "{}", released.version);
        let described = |package: &PythonPackage| {
            package.metadata.split_once("\n\n").map(|(_, text)| text.trim().to_owned())
        };
        assert_eq!(described(&checkout), described(&sdist));
    }
}

/// The names in the configuration that setup.py wrote here are all in ours.
fn configurations_agree(place: &Utf8Path, paths: &[String]) {
    let path =
        paths.iter().find(|path| path.ends_with("/apxs_config.py")).expect("a configuration");
    let script = "import runpy, sys\n\
        names = lambda top: {n for n in runpy.run_path(top + '/' + sys.argv[1]) if n.isupper()}\n\
        print(sorted(names('lib') - names('wheel')), len(names('lib')))";
    let ran = Ran::of(&mut python(place, &["-c", script, path])).ended(0);
    let count = ran.stdout.trim().strip_prefix("[] ").and_then(|count| count.parse().ok());
    assert!(count.is_some_and(|count: u32| count > 8), "{}", ran.stdout);
}

fn headers(text: &str) -> BTreeMap<String, Vec<String>> {
    let head = text.split("\n\n").next().unwrap_or_default();
    let mut headers: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (name, value) in head.lines().filter_map(|line| line.split_once(": ")) {
        headers.entry(name.to_owned()).or_default().push(value.to_owned());
    }
    headers
}

#[test]
fn pip_takes_the_right_one_from_a_folder() {
    let found = NEWEST.folder();
    every_python_gets_its_own(&["--no-index", "--find-links", found.as_str()]);
}

#[test]
fn pip_takes_the_right_one_from_a_served_release() {
    let listing = Served::folder(&NEWEST.folder());
    every_python_gets_its_own(&["--no-index", "--find-links", &listing.address]);

    // GitHub lists a release's assets on a page of their own, with links that begin at the top.
    let server = Server::start();
    let names = files::names(&NEWEST.folder()).expect("a folder");
    let mut page = String::from("<div data-view-component=\"true\" class=\"Box\"><ul>\n");
    for name in &names {
        let path = format!("/owner/repo/releases/download/mod_wsgi-6.1.1/{name}");
        page += &format!("<li><a href=\"{path}\" rel=\"nofollow\"><span>{name}</span></a></li>\n");
        let bytes = files::read(&NEWEST.folder().join(name)).expect("a file");
        server.serve(&path, &[Answer::Bytes(bytes)]);
    }
    let path = "/owner/repo/releases/expanded_assets/mod_wsgi-6.1.1";
    let html = Answer::Typed("text/html; charset=utf-8", (page + "</ul></div>").into_bytes());
    let address = server.serve(path, &[html]);
    every_python_gets_its_own(&["--no-index", "--find-links", &address]);
}

/// A file server of Python's own for a folder, with a page that lists it. It ends with the value.
struct Served {
    child: Child,
    address: String,
}

impl Served {
    fn folder(folder: &Utf8Path) -> Self {
        let arguments = ["-u", "-m", "http.server", "--bind", "127.0.0.1", "0"];
        let mut command = python(folder, &arguments);
        let mut child =
            command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("a server");
        let mut line = String::new();
        let out = child.stdout.take().expect("an output");
        BufReader::new(out.take(1000)).read_line(&mut line).expect("a line");
        // Serving HTTP on 127.0.0.1 port 8000 (http://127.0.0.1:8000/) ...
        let address = line.split(['(', ')']).nth(1).expect("an address").to_owned();
        Self { child, address }
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        self.child.kill().expect("it runs");
        self.child.wait().expect("it ends");
    }
}

/// The newer release of two, unless another is asked for; and of one version the wheel before the sdist.
#[test]
fn pip_takes_the_right_version() {
    let (newest, middle) = (NEWEST.folder(), MIDDLE.folder());
    let both = ["--no-index", "--find-links", newest.as_str(), "--find-links", middle.as_str()];
    let pip = Pip::new();
    let target = TARGETS[0].0;
    let gets = |what: &str| pip.gets(target, &both, what);
    assert_eq!(gets("mod_wsgi"), "mod_wsgi-6.1.1-cp313-cp313-win_amd64.whl");
    assert_eq!(gets("mod_wsgi<6"), "mod_wsgi-5.0.2-cp313-cp313-win_amd64.whl");
    assert_eq!(gets("mod-wsgi==6.1.1"), "mod_wsgi-6.1.1-cp313-cp313-win_amd64.whl");

    // As those pin it who trust nobody on the way.
    let digest = files::digest(&newest.join("mod_wsgi-6.1.1-cp313-cp313-win_amd64.whl"));
    let digest = digest.expect("a wheel").sha256.to_string();
    let pinned = |digest: &str| {
        let line = format!("mod_wsgi==6.1.1 --hash=sha256:{digest}\n");
        files::write_atomic(&pip.folder.join("pinned.txt"), line.as_bytes()).expect("a file");
        pip.ask(target, &[&both[..], &["--require-hashes", "-r"]].concat(), "pinned.txt")
    };
    pinned(&digest).ended(0);
    pinned(&"0".repeat(64)).refused(1, &["THESE PACKAGES DO NOT MATCH THE HASHES"]);

    // pip refuses --platform where sdists are allowed, so the choice itself is asked.
    let script = "import sys\n\
        from pip._internal.index.package_finder import CandidateEvaluator\n\
        from pip._internal.models.candidate import InstallationCandidate\n\
        from pip._internal.models.link import Link\n\
        from pip._internal.models.target_python import TargetPython\n\
        target = TargetPython(platforms=['win_amd64'], py_version_info=(3, 13), abis=['cp313'])\n\
        evaluator = CandidateEvaluator.create('mod_wsgi', target_python=target)\n\
        names = {n: n.split('-')[1].replace('.tar.gz', '') for n in sys.argv[1:]}\n\
        found = [InstallationCandidate('mod_wsgi', v, Link('https://x/' + n.replace('+', '%2B')))\n\
        \x20   for n, v in names.items()]\n\
        print(evaluator.compute_best_candidate(found).best_candidate.link.filename)";
    let best = |names: &[&str]| {
        let arguments = [&["-c", script], names].concat();
        Ran::of(&mut python(&pip.folder, &arguments)).ended(0).stdout.trim().to_owned()
    };
    let (sdist, wheel) = ("mod_wsgi-6.1.1.tar.gz", "mod_wsgi-6.1.1-cp313-cp313-win_amd64.whl");
    assert_eq!(best(&[sdist, wheel]), wheel);
    assert_eq!(best(&[wheel, sdist]), wheel);
    assert_eq!(best(&["mod_wsgi-6.1.2.tar.gz", wheel]), "mod_wsgi-6.1.2.tar.gz");
}

/// A free-threaded Python has a DLL of its own, and often stands beside the other. There is none for
/// Windows that could run here, so that the wheel's own code is told that it runs in one.
#[test]
fn a_free_threaded_python_is_named_by_its_own_dll() {
    let (_keep, place) = folder();
    let name = "mod_wsgi-6.1.1-cp313-cp313t-win_amd64.whl";
    let wheel = NEWEST.folder().join(name);
    Ran::of(&mut python(&place, &["-m", "zipfile", "-e", wheel.as_str(), "lib"])).ended(0);
    for dll in ["python313.dll", "python313t.dll"] {
        files::write_atomic(&place.join(dll), b"MZ").expect("a file");
    }
    let script = "import sys, os, copy, optparse, shutil, signal, subprocess, sysconfig, getpass\n\
        import tempfile, inspect, locale, math, pprint, threading, time, traceback, types, re\n\
        sys.path.insert(0, 'lib')\n\
        sys.version_info = (3, 13, 2, 'final', 0)\n\
        sys.prefix = sys.base_prefix = os.getcwd()\n\
        sysconfig.get_config_vars().update(VERSION='313', SOABI=None, EXT_SUFFIX=sys.argv[1])\n\
        os.name = 'nt'\n\
        from mod_wsgi.express import cli\n\
        cli.cmd_module_config([])";
    for (suffix, dll) in
        [(".cp313t-win_amd64.pyd", "python313t.dll"), (".cp313-win_amd64.pyd", "python313.dll")]
    {
        let said = Ran::of(&mut python(&place, &["-c", script, suffix])).ended(0).stdout;
        let server = format!("{place}/lib/mod_wsgi/server");
        let lines = format!(
            "LoadFile \"{place}/{dll}\"\nLoadModule wsgi_module \"{server}/mod_wsgi{suffix}\"\n\
             WSGIPythonHome \"{place}\"\n"
        );
        assert_eq!(said, lines);
    }
}

/// Apache 2.4 by itself, Apache 2.2 when it is asked for.
#[test]
fn pip_tells_two_apaches_apart() {
    let pip = Pip::new();
    let place = pip.folder.join("wheels");
    let ap24 = "mod_wsgi-4.9.4+ap24-cp27-cp27m-win32.whl";
    let ap22 = ap24.replace("+ap24", "+ap22");
    files::create_dir_all(&place).expect("a folder");
    files::copy(&OLD.folder().join(ap24), &place.join(ap24)).expect("a copy");
    // No Apache 2.2 can be built against here: its wheel is this one under the other version.
    let script = "import sys, zipfile\n\
        with zipfile.ZipFile(sys.argv[1]) as old, zipfile.ZipFile(sys.argv[2], 'w') as new:\n\
        \x20   for n in old.namelist():\n\
        \x20       bytes = old.read(n)\n\
        \x20       if '.dist-info/' in n: bytes = bytes.replace(b'+ap24', b'+ap22')\n\
        \x20       new.writestr(n.replace('+ap24', '+ap22'), bytes)";
    Ran::of(&mut python(&place, &["-c", script, ap24, &ap22])).ended(0);
    let places = ["--no-index", "--find-links", place.as_str()];
    let target = ["win32", "2.7", "cp27m"];
    for what in ["mod_wsgi", "mod_wsgi==4.9.4", "mod_wsgi==4.9.4+ap24"] {
        assert_eq!(pip.gets(target, &places, what), ap24, "{what}");
    }
    assert_eq!(pip.gets(target, &places, "mod_wsgi==4.9.4+ap22"), ap22);
}

#[test]
fn wheels_are_bit_identical() {
    let again = Released::make("5.0.2", &["Apache24-win64-VS17/py313-*"]);
    let names = files::names(&MIDDLE.folder()).expect("a folder");
    assert_eq!(files::names(&again.folder()).expect("a folder"), names);
    for name in names {
        let [one, other] = [&*MIDDLE, &again].map(|it| files::digest(&it.folder().join(&name)));
        assert_eq!(one.expect("a file"), other.expect("a file"), "{name}");
    }
}

/// The Python code is no part of what is compiled, and of the release nevertheless.
#[test]
fn a_release_whose_code_changed_is_made_anew() {
    let site = Site::new();
    let copy = site.folder.join("src");
    let from = sources("5.0.2").join("mod_wsgi-5.0.2");
    Ran::of(Command::new("cp").args(["-r", from.as_str(), copy.as_str()])).ended(0);
    let only = "Apache24-win64-VS17/py313-VC14";
    let release = ["release", "--no-smoke", "--source", "src", "--only", only];
    let wheel = site.folder.join("dist/mod_wsgi-5.0.2/mod_wsgi-5.0.2-cp313-cp313-win_amd64.whl");
    site.run(&release).ended(0);
    let before = files::digest(&wheel).expect("a wheel");
    assert!(site.run(&release).ended(0).stderr.contains(" Unchanged "));
    let path = "src/src/server/environ.py";
    site.write(path, &(read(&site.folder.join(path)) + "\n# changed\n"));
    let ran = site.run(&release).ended(0);
    assert!(ran.stderr.contains(" Released "), "{}", ran.stderr);
    assert_ne!(files::digest(&wheel).expect("a wheel"), before);
}

/// A plus sign is a space where an address is read carelessly.
#[test]
fn every_wheel_keeps_its_name_on_github() {
    let github = StandIn::start();
    github.add_tag("mod_wsgi-4.9.4");
    let to = format!("github:{REPOSITORY}");
    let arguments = ["publish", OLD.folder().as_str(), "--to", &to].map(str::to_owned);
    let mut command = modfarm(&OLD.site.folder, &arguments.each_ref().map(String::as_str));
    command.env("GH_TOKEN", "").env("GITHUB_TOKEN", github.token());
    Ran::of(command.env("GITHUB_API_URL", github.api())).ended(0);
    let names = files::names(&OLD.folder()).expect("a folder").into_iter();
    let assets = names.map(|name| {
        let digest = files::digest(&OLD.folder().join(&name)).expect("a file");
        (name, digest.sha256.to_string())
    });
    let assets: Vec<(String, String)> = assets.collect();
    assert!(assets.iter().any(|(name, _)| name.contains("+ap24")), "{assets:?}");
    github.assert_published("mod_wsgi-4.9.4", &assets);
}

fn index(place: &Utf8Path, releases: &[&Utf8Path], more: &[&str]) -> Ran {
    let releases = releases.iter().map(|folder| folder.as_str());
    let mut command = modfarm(place, &["index", "--to", "public"]);
    Ran::of(command.args(releases).args(more))
}

#[test]
fn pip_installs_from_the_index() {
    let (_keep, place) = folder();
    let (newest, old) = (NEWEST.folder(), OLD.folder());
    let ran = index(&place, &[&newest, &old, &newest], &[]).ended(0);
    assert!(ran.stdout.starts_with("public/simple: written, 6 wheels\n"), "{}", ran.stdout);
    let before = crate::program::listing(&place, &[]);
    let again = index(&place, &[&old, &newest], &["--format", "json"]).ended(0);
    let said: Value = serde_json::from_str(&again.stdout).expect("JSON");
    assert_eq!((&said["format_version"], &said["unchanged"]), (&1.into(), &true.into()));
    assert_eq!(said["wheels"].as_array().map(Vec::len), Some(6));
    assert_eq!(crate::program::listing(&place, &[]), before);

    let served = Served::folder(&place.join("public"));
    let address = format!("{}simple/", served.address);
    every_python_gets_its_own(&["--index-url", &address]);
    let pip = Pip::new();
    let ap24 = pip.gets(["win32", "2.7", "cp27m"], &["--index-url", &address], "mod_wsgi");
    assert_eq!(ap24, "mod_wsgi-4.9.4+ap24-cp27-cp27m-win32.whl");

    // A wheel that somebody changed on the way.
    let name = "mod_wsgi-6.1.1-cp313-cp313-win_amd64.whl";
    let wheel = place.join("public/simple/mod-wsgi").join(name);
    let mut bytes = files::read(&wheel).expect("a wheel");
    bytes[5000] ^= 1;
    files::write_atomic(&wheel, &bytes).expect("a wheel");
    let ran = pip.ask(TARGETS[0].0, &["--index-url", &address], "mod_wsgi");
    ran.refused(1, &["THESE PACKAGES DO NOT MATCH THE HASHES"]);
    // The next run puts it right.
    index(&place, &[&newest, &old], &[]).ended(0);
    assert_eq!(pip.gets(TARGETS[0].0, &["--index-url", &address], "mod_wsgi"), name);
}

/// What a server answers that knows PEP 691, with files that are somewhere else.
#[test]
fn pip_installs_from_the_index_as_json_with_files_elsewhere() {
    let (_keep, place) = folder();
    let server = Server::start();
    let nothing = server.serve("/download/mod_wsgi-{version}/", &[]);
    index(&place, &[&NEWEST.folder()], &["--files-url", &nothing]).ended(0);
    let simple = place.join("public/simple/mod-wsgi");
    assert_eq!(files::names(&simple).expect("a folder"), ["index.html", "index.json"]);
    let typed = Answer::Typed(
        "application/vnd.pypi.simple.v1+json",
        files::read(&simple.join("index.json")).expect("a page"),
    );
    server.serve("/simple/mod-wsgi/", &[typed]);
    for name in NEWEST.wheels() {
        let bytes = files::read(&NEWEST.folder().join(&name)).expect("a wheel");
        server.serve(&format!("/download/mod_wsgi-6.1.1/{name}"), &[Answer::Bytes(bytes)]);
    }
    every_python_gets_its_own(&["--index-url", &server.index()]);

    let page = json(&simple.join("index.json"));
    assert_eq!(page["meta"]["api-version"], "1.1");
    assert_eq!(page["versions"], serde_json::json!(["6.1.1"]));
    assert_eq!(page["files"][0]["requires-python"], ">=3.10");
    let html = read(&simple.join("index.html"));
    assert!(html.contains("data-requires-python=\"&gt;=3.10\""), "{html}");
    assert!(html.contains("/download/mod_wsgi-6.1.1/mod_wsgi-6.1.1-cp313-cp313t-"), "{html}");
}

#[test]
fn an_index_is_made_of_releases_and_of_nothing_else() {
    let (_keep, place) = folder();
    let copy = place.join("copy");
    Ran::of(Command::new("cp").args(["-r", MIDDLE.folder().as_str(), copy.as_str()])).ended(0);
    let wheel = copy.join(MIDDLE.wheels().pop().expect("a wheel"));
    let right = files::read(&wheel).expect("a wheel");
    files::write_atomic(&wheel, &right[..right.len() / 2]).expect("a wheel");
    let different = ["is not what the manifest of its release says", "hint: download it again"];
    index(&place, &[&copy], &[]).refused(2, &different);
    files::remove_file(&wheel).expect("removed");
    index(&place, &[&copy], &[]).refused(2, &["cannot open ", ".whl"]);
    files::write_atomic(&wheel, &right).expect("a wheel");

    let manifest = copy.join("mod_wsgi-windows-5.0.2.manifest.json");
    let text = read(&manifest);
    let evil = text.replace("mod_wsgi-5.0.2-cp313-cp313-", "../../mod_wsgi-5.0.2-cp313-cp313-");
    for (text, words) in [
        (evil.as_str(), "its name is none of a wheel of mod_wsgi 5.0.2"),
        (&text.replacen("\"format_version\": 1", "\"format_version\": 9", 1), "of a later modfarm"),
        ("<html>", "hint: make the release again"),
    ] {
        files::write_atomic(&manifest, text.as_bytes()).expect("a manifest");
        index(&place, &[&copy], &[]).refused(2, &[words]);
    }
    files::write_atomic(&manifest, text.as_bytes()).expect("a manifest");
    index(&place, &[&place], &[]).refused(2, &["is no release: it has 0 files *.manifest.json"]);
    for url in ["ftp://x/y", "nothing", "https://x/y?z", "https://x/y#z"] {
        let ran = index(&place, &[&copy], &["--files-url", url]);
        ran.refused(2, &[&format!("invalid value '{url}' for '--files-url <URL>'")]);
    }
    // Two releases of one version with other bytes.
    let changed = text.replacen("\"modfarm\": \"", "\"modfarm\": \"9", 1);
    let other = place.join("other");
    Ran::of(Command::new("cp").args(["-r", copy.as_str(), other.as_str()])).ended(0);
    let mut bytes = right.clone();
    bytes.extend_from_slice(b"more");
    files::write_atomic(&other.join(wheel.file_name().expect("a name")), &bytes).expect("a wheel");
    let digest = |bytes: &[u8]| modfarm::model::digest::Sha256::of(bytes).to_string();
    let changed = changed.replace(&digest(&right), &digest(&bytes));
    files::write_atomic(&other.join(manifest.file_name().expect("a name")), changed.as_bytes())
        .expect("a manifest");
    index(&place, &[&copy, &other], &[]).refused(2, &["have different wheels of the name"]);

    assert!(!files::exists(&place.join("public/simple")));
    let names = files::names(&place.join("public")).unwrap_or_default();
    assert!(names.is_empty(), "{names:?}");
    files::write_atomic(&place.join("public/simple/mine.txt"), b"mine").expect("a file");
    index(&place, &[&copy], &[]).refused(2, &["is there, but is no index of modfarm's"]);
    assert_eq!(read(&place.join("public/simple/mine.txt")), "mine");
}
