//! `modfarm release` with real compilers: what stands in a release, that it is the same everywhere,
//! and that nothing is lost or left behind when a run is broken off.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Command, Stdio};
use std::sync::LazyLock;
use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};
use modfarm::model::manifest::Manifest;
use modfarm::package::{Names, notes};
use modfarm::sys::files;
use rustix::process::Signal;
use serde_json::Value;

use crate::made::source;
use crate::program::{
    Ran, Site, digests, folder, json, listing, read, repository, site_with_source,
};

/// A release of a real mod_wsgi, made once for all tests that only look at it.
struct Released {
    site: Site,
    ran: Ran,
    version: &'static str,
    unpacked: Utf8PathBuf,
}

impl Released {
    fn make(version: &'static str, only: &[&str]) -> Self {
        let site = site_with_source(version);
        let mut arguments = vec!["release", "--format", "json", "--module-version", version];
        arguments.extend(only.iter().flat_map(|glob| ["--only", glob]));
        let ran = site.run(&arguments).ended(0);
        let unpacked = site.folder.join("unpacked");
        files::create_dir_all(&unpacked).expect("a folder");
        let released = Self { site, ran, version, unpacked };
        let tar = released.file(".tar.gz");
        let mut command = Command::new("tar");
        command.args(["-xzf", tar.as_str(), "-C", released.unpacked.as_str()]);
        Ran::of(&mut command).ended(0);
        released
    }

    fn folder(&self) -> Utf8PathBuf {
        self.site.folder.join(format!("dist/mod_wsgi-{}", self.version))
    }

    /// The name of everything: `mod_wsgi-windows-6.1.1`.
    fn stem(&self) -> String {
        format!("mod_wsgi-windows-{}", self.version)
    }

    fn file(&self, end: &str) -> Utf8PathBuf {
        self.folder().join(format!("{}{end}", self.stem()))
    }

    /// The unpacked archive's top folder.
    fn top(&self) -> Utf8PathBuf {
        self.unpacked.join(self.stem())
    }

    fn modules(&self) -> Vec<String> {
        let paths = files::walk(&self.top()).expect("a folder");
        paths.into_iter().filter(|path| is_a(path, "so")).collect()
    }

    fn cell(&self, id: &str) -> Value {
        let manifest = json(&self.file(".manifest.json"));
        let cells = manifest["cells"].as_array().expect("cells");
        cells.iter().find(|cell| cell["id"] == id).expect("a cell").clone()
    }
}

fn is_a(path: &str, extension: &str) -> bool {
    Utf8Path::new(path).extension() == Some(extension)
}

/// Two labels of both arches, two Pythons.
static NEWEST: LazyLock<Released> = LazyLock::new(|| {
    Released::make("6.1.1", &["Apache24-*-VS1[78]/py311-*", "Apache24-win64-VS1[78]/py314t-*"])
});

/// The Python 2.7 of the document, both ways.
static OLD: LazyLock<Released> =
    LazyLock::new(|| Released::make("4.4.12", &["Apache24-win32-VC9/py27-*", "*-VC10/py27-*"]));

static MIDDLE: LazyLock<Released> = LazyLock::new(|| {
    Released::make("4.9.4", &["Apache24-win32-VS16/py39-*", "Apache24-win64-VS17/py311-*"])
});

fn all() -> [&'static Released; 3] {
    [&NEWEST, &OLD, &MIDDLE]
}

#[test]
fn the_archives_unpack_to_the_layout_of_the_document() {
    let modules = [
        "Apache24-win32-VS17/modules/mod_wsgi-py311-VC14.so",
        "Apache24-win32-VS18/modules/mod_wsgi-py311-VC14.so",
        "Apache24-win64-VS17/modules/mod_wsgi-py311-VC14.so",
        "Apache24-win64-VS17/modules/mod_wsgi-py314t-VC14.so",
        "Apache24-win64-VS18/modules/mod_wsgi-py311-VC14.so",
        "Apache24-win64-VS18/modules/mod_wsgi-py314t-VC14.so",
    ];
    assert_eq!(NEWEST.modules(), modules);
    let labels = ["win32-VS17", "win32-VS18", "win64-VS17", "win64-VS18"];
    let mut names: Vec<String> =
        labels.iter().map(|label| format!("{}-Apache24-{label}.zip", NEWEST.stem())).collect();
    for end in
        [".SHA256SUMS", ".cdx.json", ".manifest.json", ".notes.md", ".provenance.json", ".tar.gz"]
    {
        names.push(format!("{}{end}", NEWEST.stem()));
    }
    names.push(format!("{}.zip", NEWEST.stem()));
    let tags = ["cp311-cp311-win32", "cp311-cp311-win_amd64", "cp314-cp314t-win_amd64"];
    names.splice(0..0, tags.map(|tag| format!("mod_wsgi-6.1.1-{tag}.whl")));
    assert_eq!(files::names(&NEWEST.folder()).expect("a folder"), names);

    // The zips by somebody else's hand, against what tar gave.
    let (_keep, place) = folder();
    let unzip = "import sys, zipfile; zipfile.ZipFile(sys.argv[1]).extractall(sys.argv[2])";
    for name in names.iter().filter(|name| is_a(name, "zip")) {
        let to = place.join(name);
        let archive = NEWEST.folder().join(name);
        let arguments = ["-c", unzip, archive.as_str(), to.as_str()];
        Ran::of(Command::new("python3").args(arguments)).ended(0);
        let top = to.join(NEWEST.stem());
        assert_eq!(files::names(&to).expect("a folder"), [NEWEST.stem()]);
        let label = labels.iter().find(|label| name.contains(**label));
        let mut expected: Vec<&str> = modules
            .into_iter()
            .filter(|module| label.is_none_or(|label| module.contains(label)))
            .collect();
        expected.extend(["INSTALL.txt", "LICENSE", "SHA256SUMS"]);
        expected.sort_unstable();
        assert_eq!(files::walk(&top).expect("a folder"), expected, "{name}");
        for module in expected.iter().filter(|path| is_a(path, "so")) {
            let (one, other) = (top.join(module), NEWEST.top().join(module));
            assert_eq!(files::digest(&one).expect("a file"), files::digest(&other).expect("it"));
        }
        sums_agree(&top, "SHA256SUMS");
    }
    sums_agree(&NEWEST.top(), "SHA256SUMS");
}

#[track_caller]
fn sums_agree(folder: &Utf8Path, sums: &str) {
    let mut command = Command::new("sha256sum");
    let ran = Ran::of(command.args(["-c", "--strict", sums]).current_dir(folder)).ended(0);
    let checked = ran.stdout.lines().filter(|line| line.ends_with(": OK")).count();
    assert_eq!(checked, read(&folder.join(sums)).lines().count());
    assert!(checked > 0);
}

#[test]
fn sha256sum_agrees_with_every_file_of_the_release() {
    for released in all() {
        let sums = format!("{}.SHA256SUMS", released.stem());
        sums_agree(&released.folder(), &sums);
        let names = files::names(&released.folder()).expect("a folder");
        assert_eq!(read(&released.folder().join(sums)).lines().count(), names.len() - 1);
    }
}

#[test]
fn a_person_finds_what_to_do_inside() {
    for released in all() {
        let install = read(&released.top().join("INSTALL.txt"));
        assert!(install.lines().all(|line| line.chars().count() < 400), "{install}");
        let notes = read(&released.file(".notes.md"));
        assert!(notes.chars().count() < 125_000);
        for module in released.modules() {
            let (_, name) = module.rsplit_once('/').expect("a place");
            let line = format!("LoadModule wsgi_module modules/{name}\r\n");
            assert!(install.contains(&line), "{line} is not in {install}");
            assert!(install.contains(&module.replace('/', "\\")), "{module} is not in {install}");
            let label = module.split('/').next().expect("a label");
            let row = notes.lines().find(|line| line.starts_with(&format!("| `{label}` |")));
            assert!(row.expect("a row").contains(&format!("`{name}`")), "{notes}");
        }
        assert!(files::exists(&released.top().join("LICENSE")));
    }
}

#[test]
fn the_manifest_names_every_file_and_is_what_its_schema_says() {
    let schema = json(&repository().join("src/model/manifest.schema.json"));
    let validator = jsonschema::validator_for(&schema).expect("a schema");
    for released in all() {
        let manifest = json(&released.file(".manifest.json"));
        let errors: Vec<_> = validator.iter_errors(&manifest).map(|e| e.to_string()).collect();
        assert!(errors.is_empty(), "{errors:#?}");
        let cells = manifest["cells"].as_array().expect("cells");
        let built: Vec<&Value> =
            cells.iter().map(|cell| &cell["built"]).filter(|built| !built.is_null()).collect();
        let mut paths: Vec<&str> =
            built.iter().map(|built| built["path"].as_str().expect("a path")).collect();
        paths.sort_unstable();
        assert_eq!(paths, released.modules());
        for built in built {
            let path = released.top().join(built["path"].as_str().expect("a path"));
            let digest = files::digest(&path).expect("a file");
            assert_eq!(built["sha256"], digest.sha256.to_string());
            assert_eq!(built["size"], digest.size);
            assert_eq!(built["smoke"]["result"], "not_run");
            inputs_are_those_of_the_release(&manifest, built);
        }
        for archive in manifest["archives"].as_array().expect("archives") {
            let path = released.folder().join(archive["name"].as_str().expect("a name"));
            let digest = files::digest(&path).expect("an archive");
            assert_eq!(archive["sha256"], digest.sha256.to_string());
        }
        let text = read(&released.file(".manifest.json"));
        for local in [released.site.folder.as_str(), repository().as_str()] {
            assert!(!text.contains(local), "a path of this machine is in the manifest");
        }
    }
}

/// What a cell was made from is what the manifest says of source, roots and toolset, by digest.
#[track_caller]
fn inputs_are_those_of_the_release(manifest: &Value, built: &Value) {
    let inputs = &built["inputs"];
    let named = |list: &str, name: &Value| {
        let list = manifest[list].as_array().expect("a list");
        list.iter().find(|record| record["name"] == *name).expect("a record").clone()
    };
    assert_eq!(inputs["source_tree"], manifest["module"]["source_tree"]);
    assert_eq!(inputs["apache_tree"], named("roots", &built["apache_root"])["tree"]);
    assert_eq!(inputs["python_tree"], named("roots", &built["python_root"])["tree"]);
    assert_eq!(inputs["toolset"], named("toolsets", &built["toolset"]));
    let distinct = ["command", "input_root", "source_tree", "apache_tree", "python_tree"];
    let mut distinct: Vec<&Value> = distinct.iter().map(|name| &inputs[name]).collect();
    distinct.push(&built["action"]);
    for (at, digest) in distinct.iter().enumerate() {
        assert_eq!(digest.as_str().map(str::len), Some(64), "{inputs}");
        assert!(!distinct[..at].contains(digest), "{inputs}");
    }
}

/// A hundred Apaches with four Pythons each is more than there will ever be.
#[test]
fn the_notes_of_four_hundred_files_fit_into_a_release_page() {
    let mut manifest: Manifest =
        serde_json::from_str(&read(&NEWEST.file(".manifest.json"))).expect("a manifest");
    let built: Vec<_> = manifest.cells.iter().filter(|cell| cell.built.is_some()).collect();
    let mut cells = Vec::new();
    for label in 0..40 {
        for minor in 10..20 {
            let mut cell = built[cells.len() % built.len()].clone();
            let id = format!("Apache24-win64-VS{label}/py3{minor}-VC14");
            cell.id = id.parse().expect("a cell");
            (cell.apache, cell.python) = (cell.id.apache.clone(), cell.id.python);
            if let Some(built) = &mut cell.built {
                built.path = cell.id.module_path("mod_wsgi");
                built.warnings.push(format!("something about {id} that is long enough to matter"));
            }
            cells.push(cell);
        }
    }
    assert_eq!(cells.len(), 400);
    manifest.cells = cells;
    let notes = notes::render(&manifest);
    assert!(notes.chars().count() < 125_000, "{}", notes.chars().count());
    assert!(notes.contains("`Apache24-win64-VS39`"));
}

#[test]
fn the_names_have_nothing_that_a_page_would_change() {
    let names = Names::new("mod_wsgi", "6.1.1");
    let label = names.apache_zip("Apache24-win64-VS17");
    for name in [names.zip(), names.tar_gz(), names.checksums(), names.manifest(), label] {
        assert!(
            name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte)),
            "{name}"
        );
    }
}

#[test]
fn llvm_agrees_with_every_name() {
    for released in all() {
        for module in released.modules() {
            let path = released.top().join(&module);
            let mut command = Command::new("llvm-readobj");
            let ran = Ran::of(command.args(["--file-headers", "--coff-imports", path.as_str()]));
            let said = ran.ended(0).stdout;
            let machine = if module.contains("win32") { "_I386 " } else { "_AMD64 " };
            assert!(said.contains(&format!("Machine: IMAGE_FILE_MACHINE{machine}")), "{module}");
            let imported: Vec<&str> =
                said.lines().filter_map(|line| line.trim().strip_prefix("Name: ")).collect();
            let pythons: Vec<&str> =
                imported.iter().filter(|dll| dll.starts_with("python")).copied().collect();
            let (_, tag) = module.split_once("mod_wsgi-py").expect("a Python");
            let (digits, abi) = tag.split_once('-').expect("a family");
            assert_eq!(pythons, [format!("python{digits}.dll")], "{module}");
            let universal = imported.iter().any(|dll| dll.starts_with("api-ms-win-crt-"));
            let old: Vec<&str> = imported
                .iter()
                .filter(|dll| dll.starts_with("msvcr") || dll.starts_with("MSVCR"))
                .copied()
                .collect();
            match abi {
                "VC9.so" => assert_eq!((universal, old), (false, vec!["msvcr90.dll"]), "{module}"),
                _ => assert_eq!((universal, old), (true, Vec::new()), "{module}"),
            }
        }
    }
}

fn pefile_on(folder: &Utf8Path) -> Ran {
    let python_path = std::env::var("MODFARM_TEST_PYTHONPATH")
        .unwrap_or_else(|_| repository().join(".modfarm/tools/python").into_string());
    let mut command = Command::new("python3");
    command.arg(repository().join("tests/agree.py")).arg(folder).env("PYTHONPATH", python_path);
    Ran::of(command.env("PYTHONDONTWRITEBYTECODE", "1"))
}

#[test]
fn pefile_agrees_with_every_name() {
    for released in all() {
        let ran = pefile_on(&released.unpacked).ended(0);
        assert_eq!(ran.stdout.lines().count(), released.modules().len());
        assert!(ran.stdout.lines().all(|line| line.ends_with(": agrees")), "{}", ran.stdout);
    }
    let (_keep, place) = folder();
    let wrong = place.join("Apache24-win32-VC10/modules/mod_wsgi-py34-VC10.so");
    let right = OLD.top().join("Apache24-win64-VC10/modules/mod_wsgi-py27-VC9.so");
    files::write_atomic(&wrong, &files::read(&right).expect("a file")).expect("a file");
    let ran = pefile_on(&place).ended(1);
    for word in ["machine is 0x8664", "python27.dll", "msvcr90.dll", "its manifest is"] {
        assert!(ran.stdout.contains(word), "{}", ran.stdout);
    }
}

#[test]
fn the_mixed_cell_of_the_document_is_there_with_its_reason() {
    let reason = "mixes a VC9 Python with a VC10 Apache";
    let cell = OLD.cell("Apache24-win64-VC10/py27-VC9");
    assert_eq!(cell["verdict"]["verdict"], "unsupported", "{cell}");
    assert!(cell["verdict"]["reason"].as_str().expect("a reason").contains(reason), "{cell}");
    assert!(!cell["built"].is_null());
    assert_eq!(OLD.cell("Apache24-win32-VC9/py27-VC9")["verdict"]["verdict"], "supported");
    let notes = read(&OLD.file(".notes.md"));
    assert!(notes.contains("`mod_wsgi-py27-VC9.so` ⚠"), "{notes}");
    assert!(notes.contains(reason), "{notes}");
    let install = read(&OLD.top().join("INSTALL.txt"));
    assert!(install.contains(&format!("UNSUPPORTED: {reason}")), "{install}");
    let plan = OLD.site.run(&["plan", "--module-version", "4.4.12"]).ended(0).stdout;
    assert!(plan.contains("unsupported") && plan.contains(reason), "{plan}");
    let root = "the newest Apache of this label is 2.4.9";
    assert!(notes.contains(root) && install.contains(root));
    assert!(OLD.cell("Apache24-win32-VC9/py27-VC9").to_string().contains(root));
}

#[test]
fn labels_of_one_family_share_one_compile() {
    let events = NEWEST.ran.events();
    let of = |kind: &str| events.iter().filter(|event| event["event"] == kind).collect::<Vec<_>>();
    let queued = of("job_queued");
    assert_eq!(queued.len(), 3);
    for job in &queued {
        let cells = job["cells"].as_array().expect("cells");
        assert_eq!(cells.len(), 2, "{job}");
    }
    assert_eq!(of("job_started").len(), 3);
    let planned = of("planned");
    assert_eq!((&planned[0]["cells"], &planned[0]["jobs"]), (&6.into(), &3.into()));
    let action = |label: &str| NEWEST.cell(&format!("{label}/py311-VC14"))["built"].clone();
    let (one, other) = (action("Apache24-win64-VS17"), action("Apache24-win64-VS18"));
    assert_eq!((&one["action"], &one["sha256"]), (&other["action"], &other["sha256"]));
    assert_ne!(one["action"], action("Apache24-win32-VS17")["action"]);
}

#[test]
fn a_renamed_file_is_refused_and_named() {
    let right = "Apache24-win64-VS17/modules/mod_wsgi-py311-VC14.so";
    let bytes = files::read(&NEWEST.top().join(right)).expect("a file");
    let (_keep, place) = folder();
    for (wrong, says, hint) in [
        (
            "Apache24-win64-VS17/modules/mod_wsgi-py312-VC14.so",
            "named for Python 3.12 (python312.dll) but imports python311.dll",
            "mod_wsgi-py311-VC14.so",
        ),
        (
            "Apache24-win32-VS17/modules/mod_wsgi-py311-VC14.so",
            "named for win32 but is a win64 binary",
            "Apache24-win64-",
        ),
        (
            "Apache24-win64-VC10/modules/mod_wsgi-py311-VC10.so",
            "but its C runtime is the Universal C Runtime (VC14)",
            "mod_wsgi-py311-VC14.so",
        ),
        ("Apache22-win64-VS17/modules/mod_wsgi-py311-VC14.so", "named for Apache 2.2", "Apache24-"),
    ] {
        files::write_atomic(&place.join(wrong), &bytes).expect("a file");
        let ran = Ran::of(&mut crate::program::modfarm(&place, &["inspect", wrong])).ended(1);
        assert!(ran.stdout.contains(says), "{wrong}: {}", ran.stdout);
        assert!(ran.stdout.contains("hint: this is "), "{wrong}: {}", ran.stdout);
        assert!(ran.stdout.contains(hint), "{wrong}: {}", ran.stdout);
        assert!(ran.stdout.contains("Python 3.11, win64, Apache 2.4"), "{wrong}: {}", ran.stdout);
    }
    let whole = NEWEST.file(".zip");
    let ran = Ran::of(&mut crate::program::modfarm(&place, &["inspect", whole.as_str()])).ended(0);
    assert!(ran.stdout.contains("6 files, 0 refused"), "{}", ran.stdout);
}

/// The quick release of the tests below: one Python, both arches.
const QUICK: [&str; 5] = ["release", "--source", "src", "--only", "Apache24-*-VS1[78]/py313-*"];
const FOLDER: &str = "dist/mod_wsgi-6.1.1";

fn quick() -> Site {
    let site = Site::new();
    source::quick(&site.folder.join("src"), "6.1.1");
    site
}

fn with<'a>(arguments: &[&'a str], more: &[&'a str]) -> Vec<&'a str> {
    [arguments, more].concat()
}

#[test]
fn two_releases_are_bit_identical() {
    let (one, other) = (quick(), quick());
    let first = one.run(&with(&QUICK, &["--slots", "1"])).ended(0);
    assert!(first.stderr.contains("Released"), "{}", first.stderr);
    files::rename(&other.folder.join("src"), &other.folder.join("elsewhere")).expect("moved");
    let arguments = [
        "release",
        "--source",
        "elsewhere/",
        "--only",
        "*-VS1[78]/py313-VC14",
        "--slots",
        "4",
        "--state",
        "some/state",
        "--to",
        "to/there",
    ];
    // Another time, as far as a zip's clock of two seconds goes, and another place.
    std::thread::sleep(Duration::from_millis(2100));
    Ran::of(other.command(&arguments).env("TZ", "Asia/Tokyo")).ended(0);
    let digests = [one.folder.join(FOLDER), other.folder.join("to/there/mod_wsgi-6.1.1")]
        .map(|folder| digests(&folder));
    assert_eq!(digests[0], digests[1]);
    assert_eq!(digests[0].len(), 11);
}

/// The same of the real source: another machine's folder, compiled anew.
#[test]
fn the_real_module_is_bit_identical_as_well() {
    let site = Site::new();
    let source = crate::program::sources("6.1.1");
    let copy = site.folder.join("copy of the source");
    Ran::of(Command::new("cp").args(["-r", source.as_str(), copy.as_str()])).ended(0);
    let cell = "Apache24-win32-VS18/py311-VC14";
    site.run(&["release", "--source", copy.as_str(), "--only", cell, "--slots", "3"]).ended(0);
    let manifest = json(&site.folder.join(FOLDER).join("mod_wsgi-windows-6.1.1.manifest.json"));
    let cells = manifest["cells"].as_array().expect("cells");
    let again = cells.iter().find(|known| known["id"] == cell).expect("the cell");
    for key in ["sha256", "action", "size"] {
        assert_eq!(again["built"][key], NEWEST.cell(cell)["built"][key], "{key}");
    }
}

#[test]
fn an_unchanged_release_is_left_alone() {
    let site = quick();
    site.run(&QUICK).ended(0);
    let before = listing(&site.folder.join(FOLDER), &[]);
    let again = site.run(&with(&QUICK, &["--format", "json"])).ended(0);
    let events = again.events();
    assert_eq!(events.last().expect("an event")["unchanged"], true, "{}", again.stdout);
    assert!(events.iter().all(|event| event["event"] != "job_started"), "{}", again.stdout);
    assert_eq!(listing(&site.folder.join(FOLDER), &[]), before);
    let text = site.run(&QUICK).ended(0).stderr;
    assert!(text.contains(&format!(" Unchanged {FOLDER} is what this run would make")), "{text}");
    assert_eq!(files::names(&site.folder.join("dist")).expect("it").len(), 2);
}

#[test]
fn a_release_that_was_tampered_with_is_made_anew() {
    let site = quick();
    site.run(&QUICK).ended(0);
    let right = digests(&site.folder.join(FOLDER));
    let zip = format!("{FOLDER}/mod_wsgi-windows-6.1.1-Apache24-win64-VS17.zip");
    let sums = format!("{FOLDER}/mod_wsgi-windows-6.1.1.SHA256SUMS");
    let notes = format!("{FOLDER}/mod_wsgi-windows-6.1.1.notes.md");
    let manifest = format!("{FOLDER}/mod_wsgi-windows-6.1.1.manifest.json");
    let harms: [(&str, &dyn Fn()); 6] = [
        ("a byte changed", &|| {
            let mut bytes = files::read(&site.folder.join(&zip)).expect("a zip");
            let middle = bytes.len() / 2;
            bytes[middle] ^= 1;
            files::write_atomic(&site.folder.join(&zip), &bytes).expect("written");
        }),
        ("a file is gone", &|| files::remove_file(&site.folder.join(&notes)).expect("removed")),
        ("a file more", &|| site.write(&format!("{FOLDER}/setup.exe"), "MZ")),
        ("the notes say something else", &|| site.write(&notes, "Take mine.")),
        ("a checksum changed", &|| {
            let text = read(&site.folder.join(&sums));
            site.write(&sums, &text.replace('1', "2"));
        }),
        ("the manifest changed", &|| site.edit(&manifest, "wsgi_module", "evil_module")),
    ];
    for (harm, damage) in harms {
        damage();
        let again = site.run(&QUICK).ended(0);
        assert!(again.stderr.contains(" Released "), "{harm}: {}", again.stderr);
        assert_eq!(digests(&site.folder.join(FOLDER)), right, "{harm}");
    }
}

#[test]
fn an_earlier_release_is_replaced_whole_and_only_by_one_that_stands() {
    let site = quick();
    site.run(&QUICK).ended(0);
    let first = listing(&site.folder.join(FOLDER), &[]);

    let broken = "static int post_config(apr_pool_t *pconf,";
    site.edit("src/src/server/mod_wsgi.c", broken, "static int post_config(nonsense");
    site.run(&QUICK).ended(1);
    assert_eq!(listing(&site.folder.join(FOLDER), &[]), first);
    assert_eq!(files::names(&site.folder.join("dist")).expect("it").len(), 2);

    site.edit("src/src/server/mod_wsgi.c", "static int post_config(nonsense", broken);
    site.edit("src/src/server/mod_wsgi.c", "\"Python %s\"", "\"another Python %s\"");
    let only = ["release", "--source", "src", "--only", "Apache24-win32-VS17/py313-*"];
    site.run(&only).ended(0);
    let names = files::names(&site.folder.join(FOLDER)).expect("a folder");
    assert!(names.iter().all(|name| !name.contains("win64")), "{names:?}");
    assert_eq!(names.len(), 8);
    sums_agree(&site.folder.join(FOLDER), "mod_wsgi-windows-6.1.1.SHA256SUMS");
    assert_eq!(files::names(&site.folder.join("dist")).expect("it").len(), 2);
}

#[test]
fn a_dry_run_says_what_would_be_and_writes_nothing() {
    let site = quick();
    let before = site.listing(&[".modfarm"]);
    let ran = site.run(&with(&QUICK, &["--dry-run"])).ended(0);
    let says = "Dry run: 4 cells from 2 jobs, 0 of them built before and 2 to build; the release \
                would stand in dist/mod_wsgi-6.1.1. Nothing was written.\n";
    assert!(ran.stdout.ends_with(says), "{}", ran.stdout);
    assert_eq!(site.listing(&[".modfarm"]), before);
    assert!(!files::exists(&site.folder.join(".modfarm/runs")));
    assert!(!files::exists(&site.folder.join("dist")));

    site.run(&QUICK).ended(0);
    let before = site.listing(&[]);
    let ran = site.run(&with(&QUICK, &["--dry-run"])).ended(0);
    assert!(ran.stdout.contains("2 of them built before and 0 to build"), "{}", ran.stdout);
    let ignored = [".modfarm/cache/store/work", ".modfarm/cache/store", ".modfarm/digests.json"];
    let shown = |listing: BTreeMap<String, _>| {
        let kept = listing.into_iter();
        kept.filter(|(path, _)| !ignored.contains(&path.as_str()) && path != ".modfarm")
            .collect::<BTreeMap<_, _>>()
    };
    assert_eq!(shown(site.listing(&[])), shown(before));
}

#[test]
fn a_run_is_told_in_lines() {
    let site = quick();
    let ran = site.run(&QUICK).ended(0);
    assert_eq!(ran.stdout, "");
    assert!(!ran.stderr.contains('\u{1b}') && !ran.stderr.contains('\r'), "{}", ran.stderr);
    assert!(ran.stderr.contains("  Building mod_wsgi 6.1.1: 4 cells from 2 jobs\n"));
    let built = "     Built Apache24-win32-VS17/py313-VC14 (+1 with the same inputs) in ";
    assert!(ran.stderr.contains(built), "{}", ran.stderr);
    let (told, report) = ran.stderr.rsplit_once("    Report ").expect("the report's place");
    assert!(told.ends_with("  Released dist/mod_wsgi-6.1.1, 11 files\n"), "{}", ran.stderr);
    assert!(report.starts_with(".modfarm/runs/") && report.ends_with("/report.html\n"), "{report}");

    let events = site.run(&with(&QUICK, &["--format", "json"])).ended(0).events();
    let stages: Vec<&str> = events.iter().filter_map(|event| event["stage"].as_str()).collect();
    assert_eq!(stages, ["preflight", "roots", "build", "inspect", "smoke", "package"]);

    let runs = files::names(&site.folder.join(".modfarm/runs")).expect("the runs");
    let logs = site.folder.join(".modfarm/runs").join(&runs[0]).join("logs");
    assert_eq!(files::names(&logs).expect("the logs").len(), 4, "one a cell");
    let journal = read(&site.folder.join(".modfarm/runs").join(&runs[0]).join("journal.jsonl"));
    let mut last = journal.lines().rev();
    assert!(last.next().expect("a line").contains("\"ended\":\"released\""), "{journal}");
    assert!(last.next().expect("a line").contains("\"published\""), "{journal}");
}

#[test]
fn a_plan_explains_a_cell_with_the_runner_that_builds_it() {
    let site = Site::new();
    let explain = |cell: &str| site.run(&["plan", "--explain", cell]).ended(0).stdout;
    let there = explain("Apache24-win64-VS17/py313-VC14");
    assert!(there.contains("supported") && there.contains("cross"), "{there}");
    let not = explain("Apache24-win64-VS17/py312-VC14");
    assert!(not.contains("no runner has a Python 3.12 win64 root"), "{not}");
}

#[test]
fn a_runner_builds_for_its_labels_alone() {
    let site = Site::new();
    let labels = |label: &str| {
        let kit = site.folder.join("kit");
        let runner = format!("connection: local\ntoolset: cross\nkit: {kit}\nlabels: [{label}]\n");
        site.write("runners/cross.yaml", &runner);
        let builds = |version: &str, cell: &str| {
            let ran = site.run(&["plan", "--module-version", version, "--explain", cell]);
            let said = ran.ended(0).stdout;
            assert!(said.contains("supported"), "{said}");
            !said.contains("no toolset links for")
        };
        [
            builds("6.1.1", "Apache24-win64-VS17/py313-VC14"),
            builds("4.9.4", "Apache24-win32-VC9/py27-VC9"),
        ]
    };
    // The compiler of the one, which says its family; then families as such.
    assert_eq!(labels("VS17"), [true, false]);
    assert_eq!(labels("VC9"), [false, true]);
    assert_eq!(labels("VC9, VC14"), [true, true]);
}

/// Whoever reads may go at any moment, or never have been there.
#[test]
fn a_reader_that_goes_ends_nothing() {
    let site = quick();
    let shell = |line: &str| {
        let command = site.command(&[]);
        let program = command.get_program().to_owned();
        let mut shell = Command::new("bash");
        shell.args(["-c", &format!("set -o pipefail; {line}")]).env("MODFARM", program);
        Ran::of(shell.current_dir(&site.folder).stdin(Stdio::null()))
    };
    let release = "\"$MODFARM\" release --source src --only 'Apache24-*-VS17/py313-*'";
    for (line, end) in [
        (
            format!("{release} --format json | head -1"),
            "{\"event\":\"stage_started\",\"stage\":\"preflight\"}\n",
        ),
        (format!("{release} 2>&1 >/dev/null | head -c 0"), ""),
        (format!("{release} <&- >&- 2>&-"), ""),
    ] {
        assert_eq!(shell(&line).ended(0).stdout, end, "{line}");
        assert!(files::exists(&site.folder.join(FOLDER)), "{line}");
        files::remove_dir_all(&site.folder.join("dist")).expect("removed");
    }
    let refused = format!("{release} --module-version 4 2>&1 | head -c 0");
    shell(&refused).ended(2);
}

/// A release that the compiler is busy with for some seconds.
fn slow() -> Site {
    let site = Site::new();
    source::slow(&site.folder.join("src"), "6.1.1", 3);
    site
}

const SLOW: [&str; 5] = ["release", "--source", "src", "--only", "*-VS17/py31[13]-*"];

/// Nothing runs, nothing is half there.
#[track_caller]
fn nothing_is_left(site: &Site, seconds: u64) {
    let start = std::time::Instant::now();
    while !site.processes().is_empty() {
        let left = start.elapsed() < Duration::from_secs(seconds);
        assert!(left, "still there: {:#?}", site.processes());
        std::thread::sleep(Duration::from_millis(20));
    }
    assert!(!files::exists(&site.folder.join(FOLDER)));
}

#[test]
fn an_interrupted_run_leaves_nothing_and_the_next_continues() {
    let site = slow();
    let moments: [(&str, &dyn Fn() -> bool); 4] = [
        ("at once", &|| !site.processes().is_empty()),
        ("a worker runs", &|| site.processes().iter().any(|line| line.contains(" worker "))),
        ("compilers run", &|| site.compiles()),
        ("a job is done", &|| {
            let results = files::walk(&site.folder.join(".modfarm/cache/store/ac"));
            results.is_ok_and(|results| !results.is_empty())
        }),
    ];
    for (moment, is_there) in moments {
        let running = site.start(&with(&SLOW, &["--slots", "2"]));
        site.wait(moment, is_there);
        // A shell that runs us in the background has its children ignore Ctrl-C until they ask for it.
        running.signal(if moment == "at once" { Signal::TERM } else { Signal::INT });
        let ran = running.end();
        // Before it hears signals it is ended by one, which is as good.
        if moment != "at once" || ran.code != -1 {
            assert_eq!(ran.code, 130, "{moment}: {}", ran.stderr);
            let says = "error: interrupted\nhint: nothing was published";
            assert!(ran.stderr.contains(says), "{moment}: {}", ran.stderr);
        }
        nothing_is_left(&site, 0);
        let names = files::names(&site.folder.join("dist")).unwrap_or_default();
        assert!(names.iter().all(|name| name == ".mod_wsgi-6.1.1.lock"), "{moment}: {names:?}");
        let left = files::names(&site.folder.join(".modfarm/cache/store/work")).unwrap_or_default();
        assert!(left.is_empty(), "{moment}: {left:?}\n{}", ran.stderr);
    }
    let ran = site.run(&with(&SLOW, &["--format", "json"])).ended(0);
    let finished = |how: &str| {
        let events = ran.events();
        events.iter().filter(|event| event["outcome"]["outcome"] == how).count()
    };
    assert_eq!(finished("cached") + finished("built"), 4, "{}", ran.stdout);
    assert!(finished("cached") >= 1, "{}", ran.stdout);
    assert!(files::exists(&site.folder.join(FOLDER)));
}

#[test]
fn a_killed_run_leaves_no_compiler_and_the_next_completes() {
    let site = slow();
    for signal in [Signal::KILL, Signal::TERM] {
        let running = site.start(&SLOW);
        site.wait("compilers run", || site.compiles());
        running.signal(signal);
        let ran = running.end();
        assert_eq!(ran.code, if signal == Signal::KILL { -1 } else { 130 });
        nothing_is_left(&site, 5);
    }
    site.run(&SLOW).ended(0);
    assert_eq!(files::names(&site.folder.join("dist")).expect("it").len(), 2);
}

/// The worker is the orchestrator's child; that one's end must be noticed as well.
#[test]
fn a_worker_that_is_killed_costs_no_release() {
    let site = slow();
    let mut running = site.start(&with(&SLOW, &["--slots", "2"]));
    site.wait("compilers run", || site.compiles());
    let processes = site.processes();
    let worker = processes.iter().find(|line| line.contains("worker --store")).expect("a worker");
    let pid = worker.split(' ').next().and_then(|pid| pid.parse().ok()).expect("a pid");
    let pid = rustix::process::Pid::from_raw(pid).expect("a pid");
    rustix::process::kill_process(pid, Signal::KILL).expect("it runs");
    site.wait("it ends", || running.has_ended());
    running.end().ended(0);
    assert!(files::exists(&site.folder.join(FOLDER)));
    assert_eq!(site.processes(), Vec::<String>::new());
}

/// The live progress, on a terminal that `script` makes.
#[test]
fn a_terminal_is_no_obstacle() {
    let site = quick();
    let program = site.command(&[]).get_program().to_str().expect("Unicode").to_owned();
    let line = format!("{program} release --source src --only Apache24-win32-VS17/py313-VC14");
    let mut script = Command::new("script");
    script.args(["-qec", &line, "/dev/null"]).current_dir(&site.folder).stdin(Stdio::null());
    let mut child = script.stdout(Stdio::piped()).spawn().expect("script, of util-linux");
    let mut shown = Vec::new();
    let mut reader = BufReader::new(child.stdout.take().expect("a pipe"));
    reader.read_until(b'\0', &mut shown).expect("text");
    reader.read_to_end(&mut shown).expect("text");
    let shown = String::from_utf8_lossy(&shown).into_owned();
    assert!(child.wait().expect("it ends").success(), "{shown}");
    assert!(shown.contains('\u{1b}') && shown.contains("Released"), "{shown}");
}
