//! What is wrong outside of the matrix: sources, roots, downloads, disks, other runs. Each ends in a
//! clear error, and loses nothing.

use std::io::Write as _;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use camino::{Utf8Path, Utf8PathBuf};
use modfarm::sys::files;
use rustix::process::Signal;

use crate::made::server::{Answer, Server, packed, zip_of};
use crate::made::source;
use crate::program::{Ran, Running, Site, json, kit, listing, read};

const CELL: &str = "Apache24-win64-VS17/py313-VC14";
const RELEASE: [&str; 5] = ["release", "--source", "src", "--only", CELL];
const FOLDER: &str = "dist/mod_wsgi-6.1.1";

fn with<'a>(arguments: &[&'a str], more: &[&'a str]) -> Vec<&'a str> {
    [arguments, more].concat()
}

/// A site with a source, where a release of it stands already.
struct Standing {
    site: Site,
    before: Before,
}

type Before = std::collections::BTreeMap<String, (u64, std::time::SystemTime)>;

impl Standing {
    fn new() -> Self {
        let site = Site::new();
        source::quick(&site.folder.join("src"), "6.1.1");
        site.run(&RELEASE).ended(0);
        let before = site.listing(&[".modfarm"]);
        Self { site, before }
    }

    /// After something else here was changed on purpose.
    fn changed(&mut self) {
        self.before = self.site.listing(&[".modfarm"]);
    }

    /// The inputs, the lock file and the earlier release are as they were, and nothing else is there.
    #[track_caller]
    fn is_unharmed(&self) {
        assert_eq!(self.site.listing(&[".modfarm"]), self.before);
    }

    #[track_caller]
    fn refuses(&self, arguments: &[&str], code: i32, words: &[&str]) -> Ran {
        let ran = self.site.run(arguments).refused(code, words);
        self.is_unharmed();
        ran
    }
}

/// The source as an sdist, in a folder that pip looks into instead of an index.
fn sdist(site: &Site, version: &str, note: &str) {
    let name = format!("mod_wsgi-{version}");
    let tree = site.folder.join("sdists").join(&name);
    source::quick(&tree, version);
    let metadata = format!("Metadata-Version: 2.1\nName: mod_wsgi\nVersion: {version}\n");
    files::write_atomic(&tree.join("PKG-INFO"), metadata.as_bytes()).expect("a file");
    let setup = b"raise SystemExit('nobody runs me')\n";
    files::write_atomic(&tree.join("setup.py"), setup).expect("a file");
    files::write_atomic(&tree.join("README"), note.as_bytes()).expect("a file");
    let mut tar = Command::new("tar");
    tar.args(["-czf", &format!("{name}.tar.gz"), &name]).current_dir(site.folder.join("sdists"));
    Ran::of(&mut tar).ended(0);
    files::remove_dir_all(&tree).expect("removed");
}

/// modfarm with a pip that knows of no network.
fn offline(site: &Site, arguments: &[&str]) -> Ran {
    let mut command = site.command(arguments);
    command.env("PIP_NO_INDEX", "1").env("PIP_CONFIG_FILE", "/dev/null");
    command.env("PIP_FIND_LINKS", site.folder.join("sdists"));
    Ran::of(&mut command)
}

#[test]
fn a_version_that_does_not_exist() {
    let site = Site::new();
    site.write("matrix.lock", "{\"format_version\":1,\"sha256\":{}}");
    files::create_dir_all(&site.folder.join("sdists")).expect("a folder");
    let release = ["release", "--only", CELL];
    let nothing = ["mod_wsgi 6.1.1 cannot be had from PyPI: the index has no version", "hint: "];
    offline(&site, &release).refused(3, &nothing);

    sdist(&site, "6.1.0", "");
    let unknown = ["there is no mod_wsgi 6.1.1 on PyPI", "hint: `python3 -m pip index versions"];
    offline(&site, &release).refused(2, &unknown);
    assert_eq!(read(&site.folder.join("matrix.lock")), "{\"format_version\":1,\"sha256\":{}}");

    // The first that comes is written down; another under the same name is refused.
    sdist(&site, "6.1.1", "one");
    let ran = offline(&site, &release).ended(0);
    assert!(ran.stderr.contains("came from PyPI for the first time"), "{}", ran.stderr);
    let lock = read(&site.folder.join("matrix.lock"));
    assert!(lock.contains("\"PyPI: mod_wsgi 6.1.1\": \""), "{lock}");
    let standing = listing(&site.folder.join(FOLDER), &[]);
    sdist(&site, "6.1.1", "another");
    offline(&site, &release).ended(0);
    files::remove_dir_all(&site.folder.join(".modfarm")).expect("removed");
    let other = ["PyPI: mod_wsgi 6.1.1 has another SHA-256 than it had", "matrix.lock", "hint: "];
    offline(&site, &release).refused(2, &other);
    assert_eq!(read(&site.folder.join("matrix.lock")), lock);
    assert_eq!(listing(&site.folder.join(FOLDER), &[]), standing);
}

#[test]
fn a_machine_without_python() {
    let site = Site::new();
    site.write("matrix.lock", "{\"format_version\":1,\"sha256\":{}}");
    files::create_dir_all(&site.folder.join("bin")).expect("a folder");
    let mut command = site.command(&["release", "--only", CELL]);
    command.env("PATH", "bin");
    // Without compilers there is nothing to build with, and that is said first.
    let words = ["no runner can build any of the 1 cells", "hint: run runners/cross/setup"];
    Ran::of(&mut command).refused(3, &words);
    for program in ["clang", "ld.lld", "llvm-rc", "make"] {
        let found = std::env::var("PATH").expect("a path");
        let found = found.split(':').map(|folder| Utf8Path::new(folder).join(program));
        let found = found.into_iter().find(|path| path.exists()).expect(program);
        std::os::unix::fs::symlink(found, site.folder.join("bin").join(program)).expect("a link");
    }
    let bin = site.folder.join("bin");
    let mut command = site.command(&["release", "--only", CELL]);
    let words = ["cannot run python3: No such file", "hint: install python3"];
    Ran::of(command.env("PATH", bin)).refused(3, &words);
}

#[test]
fn a_source_that_is_none() {
    let mut standing = Standing::new();
    standing.site.write("other/README", "no server here");
    standing.changed();
    for folder in ["other", "missing"] {
        let arguments = ["release", "--source", folder, "--only", CELL];
        let path = format!("{folder} is no source of mod_wsgi: src/server is not there");
        standing.refuses(&arguments, 2, &[&path, "hint: name the folder of a checkout"]);
    }
    let arguments = with(&RELEASE, &["--module-version", "6.1.0"]);
    let words = ["the source is mod_wsgi 6.1.1, not 6.1.0", "hint: leave out --module-version"];
    standing.refuses(&arguments, 2, &words);
}

#[test]
fn a_source_that_does_not_compile() {
    let mut standing = Standing::new();
    standing.site.edit("src/src/server/mod_wsgi.c", "return OK;", "return OK");
    standing.changed();
    let words = [
        "src/server/mod_wsgi.c(",
        "error: expected ';' after return statement",
        &format!("Failed {CELL}: the command ended with exit code 2"),
        &format!("error: 1 job failed: {CELL}\nhint: nothing was published; the logs are in "),
    ];
    let ran = standing.refuses(&RELEASE, 1, &words);
    let logs = ran.stderr.split("the logs are in ").nth(1).expect("a place");
    let logs = standing.site.folder.join(logs.split(';').next().expect("a place"));
    let log = read(&logs.join("Apache24-win64-VS17_py313-VC14.log"));
    assert!(log.contains("expected ';' after return statement"), "{log}");
    assert!(log.contains("command: make "), "{log}");

    // One that compiles and is not linked.
    standing.site.edit(
        "src/src/server/mod_wsgi.c",
        "return OK",
        "extern int nowhere; return nowhere;",
    );
    standing.changed();
    standing.refuses(&RELEASE, 1, &["undefined symbol: nowhere"]);
    // One that is linked and is no module of Apache.
    standing.site.edit(
        "src/src/server/mod_wsgi.c",
        "extern int nowhere; return nowhere;",
        "return 0;",
    );
    standing.site.edit("src/src/server/mod_wsgi.c", "wsgi_module =", "whisky_module =");
    standing.changed();
    let words =
        ["wsgi_module", &format!("error: the inspection refused {CELL}\nhint: nothing was")];
    standing.refuses(&RELEASE, 1, &words);
}

/// A folder of links to the parts of a kit's root that the test wants in it.
fn partial_root(site: &Site, name: &str, parts: &[(&str, Utf8PathBuf)]) -> String {
    let root = site.folder.join(name);
    files::create_dir_all(&root).expect("a folder");
    for (part, from) in parts {
        std::os::unix::fs::symlink(from, root.join(part)).expect("a link");
    }
    root.into_string()
}

#[test]
fn a_root_that_is_none() {
    let mut standing = Standing::new();
    let site = &standing.site;
    let (python, apache) = (kit().join("python"), kit().join("apache"));
    let include = |name: &str| ("include", python.join(name).join("include"));
    let libs = |name: &str| ("libs", python.join(name).join("libs"));
    let headless = partial_root(site, "headless", &[libs("3.13-win64")]);
    let bookless = partial_root(site, "bookless", &[include("3.13-win64")]);
    let mixed = partial_root(site, "mixed", &[include("3.13-win64"), libs("3.11-win64")]);
    let empty = site.folder.join("empty");
    files::create_dir_all(&empty).expect("a folder");
    let (other_arch, other) = (python.join("3.13-win32"), python.join("3.11-win64"));
    let apache_arch = apache.join("2.4-win32");
    let apache_less = partial_root(site, "apacheless", &[]);
    let one_library = site.folder.join("one/lib");
    files::create_dir_all(&one_library).expect("a folder");
    let libhttpd = apache.join("2.4-win64/lib/libhttpd.lib");
    files::link_or_copy(&libhttpd, &one_library.join("libhttpd.lib")).expect("a copy");
    let one = partial_root(site, "one", &[("include", apache.join("2.4-win64/include"))]);
    standing.changed();
    for (option, which, folder, words) in [
        (
            "--python-root",
            "3.13-win64",
            headless.as_str(),
            ["is no python root", "include/Python.h is not there"],
        ),
        (
            "--python-root",
            "3.13-win64",
            bookless.as_str(),
            ["libs has no import libraries (*.lib)", "hint: "],
        ),
        (
            "--python-root",
            "3.13-win64",
            mixed.as_str(),
            ["libs has no python313.lib", "hint: install the development files"],
        ),
        (
            "--python-root",
            "3.13-win64",
            empty.as_str(),
            ["empty is no python root", "hint: name the folder"],
        ),
        (
            "--python-root",
            "3.13-win64",
            "nowhere",
            ["nowhere is no python root", "hint: name the folder"],
        ),
        (
            "--python-root",
            "3.13-win64",
            other_arch.as_str(),
            ["python313.lib is for win32, not win64", "hint: rule 1"],
        ),
        (
            "--python-root",
            "3.13-win64",
            other.as_str(),
            ["is python 3.11.", ", not 3.13\nhint: name the folder"],
        ),
        (
            "--apache-root",
            "2.4-win64",
            apache_arch.as_str(),
            ["is for win32, not win64", "hint: rule 1"],
        ),
        (
            "--apache-root",
            "Apache24-win64-VS17",
            apache_less.as_str(),
            ["is no apache root", "include/httpd.h"],
        ),
        (
            "--apache-root",
            "Apache24-win64-VS17",
            one.as_str(),
            ["lib has no libapr-1.lib", "hint: "],
        ),
        ("--apache-root", "2.4-win64", other.as_str(), ["is no apache root", "include/httpd.h"]),
    ] {
        let argument = format!("{which}={folder}");
        standing.refuses(&with(&RELEASE, &[option, &argument]), 2, &words);
    }
    for (option, argument) in [("--python-root", "3.13"), ("--apache-root", "2.4-arm64=x")] {
        standing.refuses(&with(&RELEASE, &[option, argument]), 2, &[argument, "expected "]);
    }
}

#[test]
fn a_kit_that_is_damaged_or_missing() {
    let mut standing = Standing::new();
    let site = &standing.site;
    let runner = |kit: &str| format!("connection: local\ntoolset: cross\nkit: {kit}\n");
    site.write("torn/python/3.13-win64/modfarm-root.json", "{\"format_version\":1,");
    site.write("kits/python/readme/modfarm-root.json", "not looked at");
    site.write("runners/cross.yaml", &runner("torn"));
    standing.changed();
    let words =
        ["torn/python/3.13-win64/modfarm-root.json is damaged: ", "hint: remove it and run"];
    standing.refuses(&RELEASE, 2, &words);
    standing.refuses(&["plan"], 2, &words);
    for kit in ["kits", "nowhere"] {
        standing.site.write("runners/cross.yaml", &runner(kit));
        standing.changed();
        let words =
            ["no runner can build any of the 1 cells: no runner has ", "runners/cross/setup"];
        standing.refuses(&RELEASE, 3, &words);
    }
}

#[test]
fn a_runner_file_that_is_wrong() {
    let mut standing = Standing::new();
    let wrong = "connection: local\ntoolset: cross\nslot: 3\n";
    standing.site.write("runners/cross.yaml", wrong);
    standing.changed();
    let words = ["runners/cross.yaml: ", "line 3", "slot", "hint: `modfarm schema runner`"];
    standing.refuses(&RELEASE, 2, &words);
    standing.refuses(&["plan"], 2, &words);
    let words = ["my.yaml: No such file"];
    standing.refuses(&with(&RELEASE, &["--runner", "my.yaml"]), 2, &words);
}

#[test]
fn a_label_that_is_no_compiler_and_no_family() {
    let mut standing = Standing::new();
    let runner =
        format!("connection: local\ntoolset: cross\nkit: {}\nlabels: [VS17, VC71]\n", kit());
    standing.site.write("runners/cross.yaml", &runner);
    standing.changed();
    let words = ["runner 'cross': the label 'VC71' is neither", "hint: a label is one of VC10, "];
    standing.refuses(&RELEASE, 2, &words);
    standing.refuses(&["plan"], 2, &words);
}

#[test]
fn a_lock_file_that_is_damaged() {
    let mut standing = Standing::new();
    let conflict = "<<<<<<< HEAD\n{}\n=======\n";
    for text in ["", "{", conflict, "{\"format_version\":9,\"sha256\":{}}"] {
        standing.site.write("matrix.lock", text);
        standing.changed();
        let words = ["matrix.lock cannot be read: ", "hint: restore it from version control"];
        standing.refuses(&RELEASE, 2, &words);
    }
}

/// A matrix whose VS17 Apache of win64 is downloaded.
fn pin_apache(site: &Site, pin: &str) {
    let row = "{ name: Apache24-win64-VS17, oldest: \"2.4.55\", newest: \"2.4.66\" }";
    let pinned = row.replace(" }", &format!(", root: {{ {pin} }} }}"));
    site.edit("matrix.yaml", row, &pinned);
}

#[test]
fn downloads_are_unpacked_built_against_and_held_to_their_digest() {
    let server = Server::start();
    let apache = packed(&kit().join("apache/2.4-win64"), "Apache24");
    let python = packed(&kit().join("python/3.13-win64"), "tools");
    let apache_url =
        server.serve("/httpd-2.4.zip", &[Answer::Status(500), Answer::Bytes(apache.clone())]);
    let python_url =
        server.serve("/python.3.13.nupkg", &[Answer::Half(python.clone()), Answer::Bytes(python)]);
    let site = Site::new();
    source::quick(&site.folder.join("src"), "6.1.1");
    let sha256 = modfarm::model::digest::Sha256::of(&apache).to_string();
    pin_apache(&site, &format!("url: \"{apache_url}\", sha256: \"{sha256}\""));
    let row = "{ version: \"3.13\", compiler: VS17 }";
    let pinned = format!(
        "{{ version: \"3.13\", compiler: VS17, roots: {{ win64: {{ url: \"{python_url}\" }} }} }}"
    );
    site.edit("matrix.yaml", row, &pinned);

    let ran = site.run(&RELEASE).ended(0);
    assert!(ran.stderr.contains(&format!("downloading {apache_url}")), "{}", ran.stderr);
    assert!(
        ran.stderr.contains(&format!("{python_url} came for the first time")),
        "{}",
        ran.stderr
    );
    assert_eq!(server.asked(), 4);
    let lock = json(&site.folder.join("matrix.lock"));
    assert!(lock["sha256"][&python_url].is_string() && lock["sha256"][&apache_url].is_null());
    let manifest = json(&site.folder.join(FOLDER).join("mod_wsgi-windows-6.1.1.manifest.json"));
    let roots = manifest["roots"].as_array().expect("roots");
    let origins: Vec<&str> =
        roots.iter().map(|root| root["origin"].as_str().expect("an origin")).collect();
    assert_eq!(origins, [apache_url.as_str(), python_url.as_str()]);

    // What is there is not asked for again.
    let ran = site.run(&RELEASE).ended(0);
    assert!(ran.stderr.contains("Unchanged"), "{}", ran.stderr);
    assert_eq!(server.asked(), 4);

    // What comes later must be the same.
    let before = site.listing(&[".modfarm"]);
    files::remove_dir_all(&site.folder.join(".modfarm")).expect("removed");
    let other = zip_of([("tools/include/Python.h".to_owned(), b"other".as_slice())]);
    server.serve("/python.3.13.nupkg", &[Answer::Bytes(other)]);
    let says = format!("{python_url} has another SHA-256 than it had: ");
    site.run(&RELEASE).refused(2, &[&says, "matrix.lock", "hint: do not use it"]);
    assert_eq!(site.listing(&[".modfarm"]), before);
}

#[test]
fn a_download_that_is_not_what_it_should_be() {
    let mut standing = Standing::new();
    let server = Server::start();
    let whole = packed(&kit().join("apache/2.4-win64"), "Apache24");
    let evil = zip_of(
        [("Apache24/x", b"x".as_slice()), ("../../../evil".to_owned().as_str(), b"evil")]
            .map(|(name, bytes)| (name.to_owned(), bytes)),
    );
    let page = b"<!DOCTYPE html><title>Please click here</title>".to_vec();
    let no_root = zip_of([("readme.txt".to_owned(), b"hello".as_slice())]);
    pin_apache(&standing.site, "url: \"http://127.0.0.1:1/a.zip\"");
    let matrix = read(&standing.site.folder.join("matrix.yaml"));
    for (path, answers, code, words) in [
        (
            "/cut.zip",
            vec![Answer::Bytes(whole[..whole.len() - 999].to_vec())],
            2,
            ["is damaged or cut short", "nothing of it was kept"],
        ),
        (
            "/evil.zip",
            vec![Answer::Bytes(evil)],
            2,
            ["\"../../../evil\" would leave the folder", "nothing of it was kept"],
        ),
        (
            "/page.zip",
            vec![Answer::Bytes(page)],
            2,
            ["is a web page, neither a zip nor a tar.gz", "the file may have moved"],
        ),
        ("/empty.zip", vec![Answer::Bytes(Vec::new())], 2, ["is empty, neither", "hint: "]),
        (
            "/missing.zip",
            vec![Answer::Status(404)],
            3,
            ["the server answered 404", "hint: look at the address"],
        ),
        ("/broken.zip", vec![Answer::Half(whole.clone())], 3, ["cannot download", "hint: "]),
        ("/tired.zip", vec![Answer::Status(503)], 3, ["the server answered 503", "hint: "]),
        (
            "/no-root.zip",
            vec![Answer::Bytes(no_root)],
            2,
            ["is no apache root: include/httpd.h is not there", "hint: "],
        ),
    ] {
        let url = server.serve(path, &answers);
        standing.site.write("matrix.yaml", &matrix.replace("http://127.0.0.1:1/a.zip", &url));
        standing.changed();
        if path == "/no-root.zip" {
            // Whole, and so known from now on; what is wrong with it is another matter.
            standing.site.run(&RELEASE).refused(code, &[&url, words[0], words[1]]);
            continue;
        }
        standing.refuses(&RELEASE, code, &[&url, words[0], words[1]]);
        let left = files::names(&standing.site.folder.join(".modfarm/cache")).expect("a cache");
        let left: Vec<_> =
            left.iter().filter(|name| *name != "store" && *name != "unpacked").collect();
        assert!(left.is_empty(), "{left:?}");
    }
    let digest = "0".repeat(64);
    let url = server.serve("/right.zip", &[Answer::Bytes(whole)]);
    let pin = format!("{url}\", sha256: \"{digest}");
    standing.site.write("matrix.yaml", &matrix.replace("http://127.0.0.1:1/a.zip", &pin));
    standing.changed();
    let says = format!("{url} has another SHA-256 than it had: ");
    standing.refuses(&RELEASE, 2, &[&says, &format!("{digest} in matrix.yaml"), "hint: "]);
    for (url, code, words) in [
        ("http://example.com/a.zip", 2, "'http://example.com/a.zip' is no https URL"),
        ("http://127.0.0.1.example.com/a.zip", 2, "is no https URL"),
        ("file:///etc/passwd", 2, "'file:///etc/passwd' is no https URL"),
        ("http://127.0.0.1:1/a.zip", 3, "cannot download http://127.0.0.1:1/a.zip: "),
    ] {
        standing.site.write("matrix.yaml", &matrix.replace("http://127.0.0.1:1/a.zip", url));
        standing.changed();
        standing.refuses(&RELEASE, code, &[url, words, "hint: "]);
    }
}

/// Runs lines of shell where folders can be mounted that nobody else sees; `None`, said aloud, where
/// the system does not let this user do so.
fn in_a_namespace(site: &Site, lines: &str) -> Option<Ran> {
    let may =
        |arguments: &[&str]| Ran::of(Command::new("unshare").args(arguments).stdin(Stdio::null()));
    let probe = "mount -t tmpfs tmpfs /mnt";
    if may(&["-rm", "sh", "-c", probe]).code != 0 {
        // Past the harness, which shows what a test says only where it fails.
        let words = "SKIPPED: a disk to fill, for this user may not mount one of his own";
        writeln!(std::io::stderr(), "{words}").expect("standard error");
        return None;
    }
    let modfarm = site.command(&RELEASE);
    let mut command = Command::new("unshare");
    command.args(["-rm", "bash", "-c", &format!("set -u\n{lines}"), "bash"]);
    command.arg(modfarm.get_program()).args(RELEASE).current_dir(&site.folder);
    command.env_clear().envs(modfarm.get_envs().filter_map(|(name, value)| Some((name, value?))));
    Some(Ran::of(command.stdin(Stdio::null())))
}

#[test]
fn a_full_disk() {
    let site = Site::new();
    source::quick(&site.folder.join("src"), "6.1.1");
    files::create_dir_all(&site.folder.join("dist")).expect("a folder");
    let lines = "
        mount -t tmpfs -o size=1m tmpfs dist
        \"$@\" 2>/dev/null || exit 90
        cat /dev/zero >dist/filler 2>/dev/null
        sed -i 's/Python %s/another Python %s/' src/src/server/mod_wsgi.c
        \"$@\"
        code=$?
        (cd dist/mod_wsgi-6.1.1 && sha256sum --quiet -c ./*.SHA256SUMS) >&2 || exit 91
        [ \"$(ls -A dist | tr '\\n' ' ')\" = '.mod_wsgi-6.1.1.lock filler mod_wsgi-6.1.1 ' ] || exit 92
        rm dist/filler
        \"$@\" 2>/dev/null || exit 93
        exit $code";
    if let Some(ran) = in_a_namespace(&site, lines) {
        let words = [
            "No space left on device",
            "cannot write dist/.mod_wsgi-6.1.1.staging/",
            "hint: the disk is full",
        ];
        ran.refused(3, &words);
    }
    // The folder of caches is full.
    let lines = "
        mkdir -p .modfarm
        mount -t tmpfs -o size=2m tmpfs .modfarm
        \"$@\"";
    if let Some(ran) = in_a_namespace(&site, lines) {
        ran.refused(3, &["No space left on device", "hint: the disk is full"]);
        assert_eq!(files::names(&site.folder.join("dist")).expect("it"), [".mod_wsgi-6.1.1.lock"]);
    }
}

/// The same where no file may grow, which every system can do to everybody.
#[test]
fn a_file_that_may_not_grow() {
    let standing = Standing::new();
    let release = standing.site.command(&RELEASE);
    let mut command = Command::new("bash");
    let line = "trap '' XFSZ; ulimit -f 4; exec \"$@\" --to other";
    command.args(["-c", line, "bash"]).arg(release.get_program()).args(RELEASE);
    command.current_dir(&standing.site.folder).env_clear().stdin(Stdio::null());
    command.envs(release.get_envs().filter_map(|(name, value)| Some((name, value?))));
    Ran::of(&mut command).refused(3, &["cannot write other/.mod_wsgi-6.1.1.staging/", "too large"]);
    assert_eq!(
        files::names(&standing.site.folder.join("other")).expect("it"),
        [".mod_wsgi-6.1.1.lock"]
    );
    files::remove_dir_all(&standing.site.folder.join("other")).expect("removed");
    standing.is_unharmed();
}

#[test]
fn a_target_that_cannot_be_written_to() {
    let mut standing = Standing::new();
    standing.site.write("file", "precious");
    standing.changed();
    for to in ["file", "file/below"] {
        let ran =
            standing.refuses(&with(&RELEASE, &["--to", to]), 3, &["cannot make the folder file"]);
        assert!(!ran.stderr.contains("Building"), "{}", ran.stderr);
    }
    let ran = standing.refuses(&with(&RELEASE, &["--state", "file/state"]), 3, &["file/state"]);
    assert!(!ran.stderr.contains("Building"), "{}", ran.stderr);
    let lines = "
        mkdir -p sealed
        mount -t tmpfs -o ro tmpfs sealed
        \"$@\" --to sealed";
    if let Some(ran) = in_a_namespace(&standing.site, lines) {
        let words = ["sealed", "Read-only file system", "hint: the file system is read-only"];
        let ran = ran.refused(3, &words);
        assert!(!ran.stderr.contains("Building"), "{}", ran.stderr);
    }
    if !rustix::process::geteuid().is_root() {
        use std::os::unix::fs::PermissionsExt as _;
        let sealed = standing.site.folder.join("locked");
        files::create_dir_all(&sealed).expect("a folder");
        let mode = std::fs::Permissions::from_mode(0o555);
        std::fs::set_permissions(&sealed, mode).expect("its permissions");
        let ran = standing.site.run(&with(&RELEASE, &["--to", "locked"]));
        ran.refused(3, &["locked", "Permission denied", "hint: this user may not do that"]);
    }
}

#[test]
fn a_folder_of_something_else_in_the_way() {
    let site = Site::new();
    source::quick(&site.folder.join("src"), "6.1.1");
    let mut standing = Standing { site, before: Before::new() };
    let words =
        ["dist/mod_wsgi-6.1.1 is there, but is no release of modfarm's", "hint: move it away"];
    for precious in ["dist/mod_wsgi-6.1.1/thesis.txt", "dist/mod_wsgi-6.1.1"] {
        standing.site.write(precious, "years of work");
        standing.site.write("dist/.mod_wsgi-6.1.1.lock", "");
        standing.changed();
        let ran = standing.refuses(&RELEASE, 2, &words);
        assert!(!ran.stderr.contains("Building"), "{}", ran.stderr);
        files::remove_dir_all(&standing.site.folder.join("dist")).expect("removed");
    }
}

#[test]
fn two_runs_at_once() {
    let site = Site::new();
    source::slow(&site.folder.join("src"), "6.1.1", 2);
    let mut first = site.start(&RELEASE);
    let staging = site.folder.join("dist/.mod_wsgi-6.1.1.staging");
    site.wait("the first has begun", || files::exists(&staging));
    let words = ["another modfarm is making dist/mod_wsgi-6.1.1 just now", "hint: wait for it"];
    site.run(&RELEASE).refused(3, &words);
    assert!(!first.has_ended(), "the second was to come while the first was at work");
    assert!(files::exists(&staging));
    // Into another folder it may, with the same caches.
    let second = site.start(&with(&RELEASE, &["--to", "elsewhere"]));
    first.end().ended(0);
    second.end().ended(0);
    let sums = |folder: &str| {
        read(&site.folder.join(folder).join("mod_wsgi-6.1.1/mod_wsgi-windows-6.1.1.SHA256SUMS"))
    };
    assert_eq!(sums("dist"), sums("elsewhere"));
    // A lock outlives nobody.
    let third = site.start(&with(&RELEASE, &["--to", "third"]));
    third.signal(Signal::KILL);
    third.end().ended(-1);
    site.run(&with(&RELEASE, &["--to", "third"])).ended(0);
}

/// pip and a server may be silent for minutes; who gives up need not wait for them.
#[test]
fn whoever_waits_for_the_network_may_give_up() {
    let server = Server::start();
    server.serve("/simple/mod-wsgi/", &[Answer::Silence]);
    let url = server.serve("/httpd.zip", &[Answer::Silence]);
    let site = Site::new();
    source::quick(&site.folder.join("src"), "6.1.1");
    pin_apache(&site, &format!("url: \"{url}\""));
    site.write("matrix.lock", "{\"format_version\":1,\"sha256\":{}}");
    let from_index = ["release", "--only", CELL];
    for arguments in [&from_index[..], &with(&from_index, &["--dry-run"]), &RELEASE] {
        let asked = server.asked();
        let mut command = site.command(arguments);
        command.env("PIP_CONFIG_FILE", "/dev/null").env("PIP_INDEX_URL", server.index());
        let mut running = Running::start(&mut command);
        site.wait("the server is asked", || server.asked() > asked);
        running.signal(Signal::INT);
        let start = Instant::now();
        site.wait("it ends", || running.has_ended());
        assert!(start.elapsed() < Duration::from_secs(10), "{arguments:?}");
        running.end().refused(130, &["error: interrupted\nhint: nothing was published"]);
        assert_eq!(site.processes(), Vec::<String>::new());
        let left = files::names(&site.folder.join(".modfarm/cache")).expect("a cache");
        assert_eq!(left, ["store"], "{arguments:?}");
        let dist = files::names(&site.folder.join("dist")).unwrap_or_default();
        assert!(dist.iter().all(|name| name == ".mod_wsgi-6.1.1.lock"), "{dist:?}");
    }
}
