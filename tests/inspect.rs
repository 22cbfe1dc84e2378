//! `modfarm inspect` on files under right and wrong names, on archives, folders and rubbish.

use std::io::Write as _;
use std::path::Path;

use serde_json::Value;

use crate::made::pe::{AP22, Made};
use crate::program::{Ran, modfarm};

const RIGHT: &str = "Apache24-win64-VS17/modules/mod_wsgi-py313-VC14.so";

fn inspect(folder: &Path, args: &[&str]) -> Ran {
    let folder = camino::Utf8Path::from_path(folder).expect("Unicode");
    Ran::of(modfarm(folder, &["inspect"]).args(args))
}

/// A folder with these files in it.
fn folder(files: &[(&str, Vec<u8>)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    for (path, bytes) in files {
        let path = camino::Utf8Path::from_path(folder.path()).expect("Unicode").join(path);
        modfarm::sys::files::write_atomic(&path, bytes).expect("a file");
    }
    folder
}

fn right() -> Vec<u8> {
    Made::module("python313.dll").bytes()
}

fn zipped(members: &[(&str, Vec<u8>)]) -> Vec<u8> {
    let mut writer = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (name, bytes) in members {
        writer.start_file(*name, zip::write::SimpleFileOptions::default()).expect("a member");
        writer.write_all(bytes).expect("its bytes");
    }
    writer.finish().expect("a zip").into_inner()
}

fn tarred(members: &[(&str, Vec<u8>)]) -> Vec<u8> {
    let gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    let mut builder = tar::Builder::new(gzip);
    for (name, bytes) in members {
        let mut header = tar::Header::new_gnu();
        header.set_size(bytes.len() as u64);
        builder.append_data(&mut header, name, bytes.as_slice()).expect("a member");
    }
    builder.into_inner().and_then(flate2::write::GzEncoder::finish).expect("a tar.gz")
}

#[test]
fn a_right_file_passes() {
    let folder = folder(&[(RIGHT, right())]);
    let ran = inspect(folder.path(), &[RIGHT]);
    assert_eq!((ran.code, ran.stderr.as_str()), (0, ""));
    assert_eq!(
        ran.stdout,
        format!(
            "{RIGHT}: wsgi_module, Python 3.13, win64, Apache 2.4 (headers of 2.4.60 to 2.4.62), \
             VC14 (the Universal C Runtime)\n1 file, 0 refused: 0 errors, 0 warnings, 0 notes\n"
        )
    );
}

#[test]
fn a_file_in_the_folder_of_another_compiler_is_refused() {
    let right = Made::module("python313.dll").bytes();
    let moved = "Apache24-win64-VC10/modules/mod_wsgi-py313-VC14.so";
    let site = folder(&[(moved, right)]);
    let ran = inspect(site.path(), &[moved]);
    assert_eq!(ran.code, 1, "{}", ran.stdout);
    let says = "error: in the folder of a VC10 Apache (MSVCR100.dll) but its C runtime is the \
                Universal C Runtime (VC14) [apache-abi]\n    hint: this is mod_wsgi-py313-VC14.so for \
                Apache 2.4 win64: it belongs in a folder Apache24-win64-VC14 (or VC15, VS16, VS17, VS18)\n";
    assert!(ran.stdout.contains(says), "{}", ran.stdout);

    // The two that the document publishes all the same, and no others.
    let vc9 = |arch: &str| {
        let made = Made::module("python27.dll").runtime(&["MSVCR90.dll"]);
        match arch {
            "amd64" => made.vc90_manifest(2, arch).bytes(),
            _ => made.win32().vc90_manifest(2, arch).bytes(),
        }
    };
    let (published, other) = (
        "Apache24-win64-VC10/modules/mod_wsgi-py27-VC9.so",
        "Apache24-win32-VC10/modules/mod_wsgi-py27-VC9.so",
    );
    let site = folder(&[(published, vc9("amd64")), (other, vc9("x86"))]);
    let ran = inspect(site.path(), &[published]);
    assert_eq!(ran.code, 0, "{}", ran.stdout);
    assert!(
        ran.stdout.contains("warning: mixes a VC9 module with a VC10 Apache"),
        "{}",
        ran.stdout
    );
    let ran = inspect(site.path(), &[other]);
    assert_eq!(ran.code, 1, "{}", ran.stdout);
    assert!(ran.stdout.contains("[apache-abi]"), "{}", ran.stdout);
}

#[test]
fn a_renamed_file_is_refused_and_named() {
    let mut apache22 = Made::module("python313.dll");
    apache22.magic = AP22;
    apache22.imports[1].1[0] = "ap_log_error".to_owned();
    let vc9 = Made::module("python313.dll").runtime(&["MSVCR90.dll"]).vc90_manifest(2, "amd64");
    let py311 = Made::module("python311.dll").bytes();
    for (bytes, says, hint) in [
        (
            py311,
            "named for Python 3.13 (python313.dll) but imports python311.dll [python-dll]",
            "mod_wsgi-py311-VC14.so",
        ),
        (
            Made::module("python313.dll").win32().bytes(),
            "named for win64 but is a win32 binary [machine]",
            "Apache24-win32-",
        ),
        (
            vc9.bytes(),
            "named for VC14 (the Universal C Runtime) but its C runtime is MSVCR90.dll (VC9) [c-runtime]",
            "mod_wsgi-py313-VC9.so",
        ),
        (
            apache22.bytes(),
            "named for Apache 2.4 (20120211) but its module magic is that of Apache 2.2 (20051115) [magic]",
            "Apache22-win64-",
        ),
    ] {
        let folder = folder(&[(RIGHT, bytes)]);
        let ran = inspect(folder.path(), &[RIGHT]);
        assert_eq!(ran.code, 1, "{}", ran.stdout);
        assert!(
            ran.stdout.contains(&format!("\n  error: {says}\n    hint: this is ")),
            "{}",
            ran.stdout
        );
        assert!(ran.stdout.contains(hint), "{}", ran.stdout);
        assert!(
            ran.stdout.ends_with("1 file, 1 refused: 1 error, 0 warnings, 0 notes\n"),
            "{}",
            ran.stdout
        );
    }
}

#[test]
fn the_folder_of_a_bare_name_counts_too() {
    let folder = folder(&[(RIGHT, Made::module("python313.dll").win32().bytes())]);
    let modules = folder.path().join("Apache24-win64-VS17/modules");
    let ran = inspect(&modules, &["mod_wsgi-py313-VC14.so"]);
    assert_eq!(ran.code, 1);
    assert!(ran.stdout.contains("named for win64"), "{}", ran.stdout);
}

#[test]
fn rubbish_is_told_by_kind() {
    let random: Vec<u8> =
        (0..4096_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 13).to_le_bytes()[0]).collect();
    let half = right()[..1500].to_vec();
    for (bytes, says) in [
        (Vec::new(), "the file is empty"),
        (half, "a Windows binary cut short: its section .data ends at byte"),
        (random, "of an unknown kind, not a Windows DLL"),
        (b"\x7fELF\x02\x01\x01\0".to_vec(), "an ELF file, which is for Linux"),
        (b"<!DOCTYPE html><title>Not Found</title>".to_vec(), "a web page (HTML)"),
    ] {
        let folder = folder(&[("mod_wsgi-py313-VC14.so", bytes)]);
        let ran = inspect(folder.path(), &["mod_wsgi-py313-VC14.so"]);
        assert_eq!((ran.code, ran.stderr.as_str()), (2, ""), "{}", ran.stdout);
        assert!(ran.stdout.contains(says), "{}", ran.stdout);
        assert!(ran.stdout.contains("[dll]\n    hint: "), "{}", ran.stdout);
    }
}

#[test]
fn an_archive_is_looked_into() {
    let wrong = "Apache24-win32-VS17/modules/mod_wsgi-py313-VC14.so";
    let members = [(RIGHT, right()), (wrong, right()), ("README.txt", b"no module".to_vec())];
    let wheel = zipped(&[("mod_wsgi/server/mod_wsgi.cp313-win_amd64.pyd", right())]);
    let folder = folder(&[
        ("r.zip", zipped(&members)),
        ("r.tar.gz", tarred(&members)),
        ("mod_wsgi-6.1.1-cp313-cp313-win_amd64.whl", wheel),
    ]);
    for archive in ["r.zip", "r.tar.gz"] {
        let ran = inspect(folder.path(), &[archive]);
        assert_eq!(ran.code, 1, "{}", ran.stderr);
        assert!(ran.stdout.contains(&format!("{archive}/{wrong}: wsgi_module")), "{}", ran.stdout);
        assert!(
            ran.stdout.ends_with("2 files, 1 refused: 1 error, 0 warnings, 0 notes\n"),
            "{}",
            ran.stdout
        );
    }
    assert_eq!(inspect(folder.path(), &["mod_wsgi-6.1.1-cp313-cp313-win_amd64.whl"]).code, 0);
}

#[test]
fn a_broken_archive_is_an_error_and_the_rest_is_looked_at() {
    let whole = zipped(&[(RIGHT, right())]);
    let bomb = zipped(&[("mod_wsgi.so", vec![0; (64 << 20) + 1])]);
    let many: Vec<_> = (0..10_001).map(|n| (format!("{n}.txt"), Vec::new())).collect();
    let many: Vec<_> = many.iter().map(|(name, bytes)| (name.as_str(), bytes.clone())).collect();
    let folder = folder(&[
        ("cut.zip", whole[..whole.len() / 2].to_vec()),
        ("cut.tar.gz", tarred(&[(RIGHT, right())])[..100].to_vec()),
        ("bomb.zip", bomb),
        ("many.zip", zipped(&many)),
        ("nothing.zip", zipped(&[("README.txt", Vec::new())])),
        ("mod_wsgi.so", right()),
    ]);
    for (archive, says) in [
        ("cut.zip", "cannot read cut.zip as a zip archive: "),
        ("cut.tar.gz", "cannot read cut.tar.gz as a tar.gz archive: "),
        ("bomb.zip", "mod_wsgi.so unpacks to more than 64 MiB"),
        ("many.zip", "it has more than 10000 members"),
        ("nothing.zip", "nothing to inspect in nothing.zip"),
        ("missing.so", "missing.so: No such file"),
    ] {
        let ran = inspect(folder.path(), &[archive, "mod_wsgi.so"]);
        assert_eq!(ran.code, 2, "{archive}");
        assert!(ran.stderr.contains(says), "{archive}: {}", ran.stderr);
        assert!(ran.stdout.starts_with("mod_wsgi.so: wsgi_module"), "{archive}: {}", ran.stdout);
    }
}

#[test]
fn a_folder_is_walked() {
    let folder = folder(&[
        (&format!("x/{RIGHT}"), right()),
        ("x/a.txt", Vec::new()),
        ("empty/a", Vec::new()),
    ]);
    let ran = inspect(folder.path(), &["x"]);
    assert_eq!(ran.code, 0);
    assert!(ran.stdout.starts_with(&format!("x/{RIGHT}: wsgi_module")), "{}", ran.stdout);
    assert_eq!(inspect(folder.path(), &["empty"]).code, 2);
}

#[test]
fn a_cell_may_be_named() {
    let folder = folder(&[("mod_wsgi.so", right())]);
    let run = |cell: &str| inspect(folder.path(), &["--as", cell, "mod_wsgi.so"]);
    assert_eq!(run("Apache24-win64-VS18/py313-VC14").code, 0);
    assert_eq!(run("Apache24-win64-VS18/py312-VC14").code, 1);
    let bad = run("Apache24");
    assert_eq!(bad.code, 2);
    assert!(bad.stderr.contains("'Apache24' is not a cell"), "{}", bad.stderr);
}

#[test]
fn imports_are_compared_with_the_roots() {
    let exporting = |names: &[&str]| {
        let exports = names.iter().map(|&name| name.to_owned()).collect();
        Made { exports, ..Made::module("python313.dll") }.bytes()
    };
    let folder = folder(&[
        ("mod_wsgi.so", right()),
        ("apache/bin/libhttpd.dll", exporting(&["ap_log_error_"])),
        ("python/python313.dll", exporting(&["Py_Initialize", "PyErr_Print"])),
        ("none/readme.txt", Vec::new()),
    ]);
    assert_eq!(inspect(folder.path(), &["mod_wsgi.so", "--python-root", "python"]).code, 0);
    let ran = inspect(folder.path(), &["mod_wsgi.so", "--apache-root", "apache"]);
    assert_eq!(ran.code, 1);
    assert!(ran.stdout.contains("imports ap_hook_handler from libhttpd.dll"), "{}", ran.stdout);
    assert!(ran.stdout.contains("compared with apache/bin/libhttpd.dll"), "{}", ran.stdout);
    let none = inspect(folder.path(), &["mod_wsgi.so", "--apache-root", "none"]);
    assert_eq!(none.code, 2);
    assert!(
        none.stderr.contains("no DLL and no import library in none\nhint: "),
        "{}",
        none.stderr
    );
}

fn json(ran: &Ran) -> Value {
    serde_json::from_str(&ran.stdout).expect("JSON")
}

#[test]
fn json_for_programs() {
    let folder = folder(&[("mod_wsgi-py312-VC14.so", right())]);
    let ran = inspect(folder.path(), &["--format", "json", "mod_wsgi-py312-VC14.so", "no.so"]);
    assert_eq!(ran.code, 2);
    let report = json(&ran);
    assert_eq!(report["format_version"], 1);
    assert_eq!(report["errors"], 1);
    let file = &report["files"][0];
    assert_eq!(file["file"], "mod_wsgi-py312-VC14.so");
    assert_eq!((&file["readable"], &file["passed"]), (&Value::Bool(true), &Value::Bool(false)));
    assert_eq!(file["really"]["python"], "3.13");
    assert_eq!(file["really"]["abi"], "VC14");
    assert_eq!(file["really"]["module_magic"], "20120211:134");
    assert_eq!(file["findings"][0]["check"], "python-dll");
    assert_eq!(file["findings"][0]["severity"], "error");
    assert_eq!(report["unreadable"][0]["file"], "no.so");
}

#[test]
fn sarif_for_code_scanning() {
    let wrong = "Apache24-win32-VS17/modules/mod_wsgi-py313-VC14.so";
    let folder = folder(&[("a b.zip", zipped(&[(wrong, right())]))]);
    let ran = inspect(folder.path(), &["--format", "sarif", "a b.zip"]);
    assert_eq!(ran.code, 1);
    let sarif = json(&ran);
    assert_eq!(sarif["version"], "2.1.0");
    let run = &sarif["runs"][0];
    let result = &run["results"][0];
    assert_eq!((&result["ruleId"], &result["level"]), (&"machine".into(), &"error".into()));
    let index = usize::try_from(result["ruleIndex"].as_u64().expect("an index")).expect("small");
    assert_eq!(run["tool"]["driver"]["rules"][index]["id"], "machine");
    assert!(result["message"]["text"].as_str().expect("text").contains("named for win32"));
    let location = &result["locations"][0];
    assert_eq!(location["physicalLocation"]["artifactLocation"]["uri"], "a%20b.zip");
    assert_eq!(location["logicalLocations"][0]["fullyQualifiedName"], wrong);
    assert_eq!(run["invocations"][0]["executionSuccessful"], true);
}

#[test]
fn a_warning_passes_and_an_error_comes_first() {
    let with =
        |dll: &str| Made::module("python313.dll").importing("zlib1.dll", "f").importing(dll, "f");
    let folder = folder(&[
        ("a.so", with("KERNEL32.dll").bytes()),
        ("b.so", with("libgcc_s_seh-1.dll").bytes()),
    ]);
    let ran = inspect(folder.path(), &["a.so"]);
    assert_eq!(ran.code, 0);
    assert!(ran.stdout.contains("\n  warning: imports zlib1.dll"), "{}", ran.stdout);
    let ran = inspect(folder.path(), &["b.so"]);
    assert_eq!(ran.code, 1);
    let at = |words: &str| ran.stdout.find(words).expect(words);
    assert!(at("error: imports libgcc_s_seh-1.dll") < at("warning: imports zlib1.dll"));
}

#[test]
fn the_checks_are_listed() {
    let folder = folder(&[]);
    let text = inspect(folder.path(), &["--checks"]);
    assert_eq!(text.code, 0);
    assert_eq!(text.stdout.lines().count(), 13);
    assert!(text.stdout.contains("\npython-dll     exactly one pythonXY.dll"), "{}", text.stdout);
    let list = json(&inspect(folder.path(), &["--checks", "--format", "json"]));
    assert_eq!(list["checks"].as_array().map(Vec::len), Some(13));
    assert_eq!(inspect(folder.path(), &[]).code, 2);
}
