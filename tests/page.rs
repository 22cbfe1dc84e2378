//! `modfarm page`: the page on which an administrator finds his file, used in a real browser.

use std::process::Command;
use std::sync::LazyLock;

use camino::{Utf8Path, Utf8PathBuf};
use modfarm::model::manifest::Manifest;
use modfarm::sys::files;
use serde_json::{Value, json};

use crate::github_clients::clients;
use crate::made::source;
use crate::program::{Ran, Site, folder, modfarm, read, repository};

const FILES: &str = "https://downloads.example/mod_wsgi-{version}/";

/// Two releases: the newer for two labels of both arches, the older with the mixed cells of the document.
static RELEASES: LazyLock<Site> = LazyLock::new(|| {
    let site = Site::new();
    for (version, only) in
        [("6.1.1", "Apache24-*-VS1[78]/py31[13]-*"), ("4.9.4", "Apache24-win*-VC*/py27-VC9")]
    {
        source::quick(&site.folder.join(version), version);
        site.run(&["release", "--source", version, "--only", only, "--no-smoke"]).ended(0);
    }
    site
});

fn release(version: &str) -> Utf8PathBuf {
    RELEASES.folder.join(format!("dist/mod_wsgi-{version}"))
}

fn manifest(version: &str) -> Manifest {
    let path = release(version).join(format!("mod_wsgi-windows-{version}.manifest.json"));
    Manifest::parse(read(&path).as_bytes()).expect("a manifest")
}

fn page(name: &str, arguments: &[&str]) -> Utf8PathBuf {
    let to = Utf8Path::new(env!("CARGO_TARGET_TMPDIR")).join("page").join(name);
    let (old, new) = (release("4.9.4"), release("6.1.1"));
    let command = ["page", old.as_str(), new.as_str(), "--to", to.as_str()];
    Ran::of(&mut modfarm(repository(), &[&command[..], arguments].concat())).ended(0);
    to.join("index.html")
}

/// What came of these stories on a page. What holds for every one of them is asserted here.
#[track_caller]
fn live(page: &Utf8Path, stories: &Value) -> Value {
    let (_keep, home) = folder();
    let mut command = Command::new("node");
    command.arg(repository().join("tests/tools/chooser.mjs")).arg(clients().join("node"));
    let shots = page.with_file_name("shot");
    command.args(["/usr/bin/chromium", page.as_str(), shots.as_str(), &stories.to_string()]);
    command.env_clear().env("HOME", &home).env("TMPDIR", &home);
    command.env("PATH", std::env::var_os("PATH").unwrap_or_default());
    let seen: Value = serde_json::from_str(&Ran::of(&mut command).ended(0).stdout).expect("JSON");
    for empty in ["complaints", "requests", "invalid"] {
        assert_eq!(seen[empty], json!([]), "{empty}");
    }
    for (name, view) in seen["stories"].as_object().expect("stories") {
        assert!(view["violations"].as_array().is_none_or(Vec::is_empty), "{name}: {view:#}");
        assert!(view["wider"].as_i64() <= Some(0), "{name}: the page scrolls sideways");
        // Without the style, which the policy might keep out, it would be 16px.
        assert_eq!((&view["font"], &view["images"]), (&json!("15px"), &json!(0)), "{name}");
    }
    seen["stories"].clone()
}

fn text(value: &Value) -> &str {
    value.as_str().expect("a text")
}

fn select(apache: &str, python: &str) -> Value {
    json!({ "select": { "apache": apache, "python": python } })
}

#[test]
fn two_questions_lead_to_the_file() {
    let page = page("questions", &["--files-url", FILES]);
    let seen = live(
        &page,
        &json!([
            { "name": "fits", "steps": [select("Apache24-win64-VS17", "3.13-win64")] },
            { "name": "telephone", "scheme": "dark", "width": 360,
              "steps": [select("Apache24-win64-VS17", "3.13-win64")] },
            { "name": "elsewhere", "steps": [select("Apache24-win32-VS18", "3.11-win32"),
              { "type": { "into": "home", "text": "D:\\My Pythons\\3.11\\" } }] },
            { "name": "older", "steps": [select("Apache24-win64-VC10", "2.7-win64")] },
            { "name": "address", "address": "#apache=Apache24-win64-VS17&python=3.11-win64" },
        ]),
    );
    let release = manifest("6.1.1");
    let cell =
        release.cells.iter().find(|cell| cell.id.to_string() == "Apache24-win64-VS17/py313-VC14");
    let built = cell.and_then(|cell| cell.built.as_ref()).expect("a file");
    let zip = "mod_wsgi-windows-6.1.1-Apache24-win64-VS17.zip";
    let archive = release.archives.iter().find(|archive| archive.name == zip).expect("a zip");
    for name in ["fits", "telephone"] {
        let fits = &seen[name];
        assert_eq!(fits["title"], "mod_wsgi-py313-VC14.so", "{name}");
        assert_eq!(fits["links"][0], format!("https://downloads.example/mod_wsgi-6.1.1/{zip}"));
        for words in
            [&built.sha256.to_string(), &archive.sha256.to_string(), "supported", "not tried: "]
        {
            assert!(text(&fits["answer"]).contains(words), "{name}: {words}: {}", fits["answer"]);
        }
        let lines = "LoadFile \"C:/Program Files/Python313/python313.dll\"\n\
                     LoadModule wsgi_module modules/mod_wsgi-py313-VC14.so\n\
                     WSGIPythonHome \"C:/Program Files/Python313\"\n";
        assert_eq!(fits["lines"], lines);
        assert_eq!(fits["address"], "#apache=Apache24-win64-VS17&python=3.13-win64");
    }
    let lines = "LoadFile \"D:/My Pythons/3.11/python311.dll\"\n\
                 LoadModule wsgi_module modules/mod_wsgi-py311-VC14.so\n\
                 WSGIPythonHome \"D:/My Pythons/3.11\"\n";
    assert_eq!(seen["elsewhere"]["lines"], lines);
    // The newest release that has it, with the reason why it is not supported.
    let older = &seen["older"];
    assert_eq!(older["title"], "mod_wsgi-py27-VC9.so");
    let answer = text(&older["answer"]);
    assert!(
        answer.contains("mod_wsgi 4.9.4") && answer.contains("unsupported: mixes a VC9 Python"),
        "{answer}"
    );
    assert_eq!(seen["address"]["title"], "mod_wsgi-py311-VC14.so");
}

/// With pip's own words for a wheel that must have this digest.
#[test]
fn pip_is_told_where_the_wheel_is() {
    let to = Utf8Path::new(env!("CARGO_TARGET_TMPDIR")).join("page/pip");
    let release = crate::wheels::NEWEST.folder();
    let told = |urls: &[&str]| {
        let command = ["page", release.as_str(), "--to", to.as_str()];
        Ran::of(&mut modfarm(repository(), &[&command[..], urls].concat())).ended(0);
        let steps = [select("Apache24-win64-VS18", "3.13-win64")];
        let seen = live(&to.join("index.html"), &json!([{ "name": "pip", "steps": steps }]));
        (text(&seen["pip"]["pip"]).to_owned(), seen["pip"]["links"].clone())
    };
    let wheel = "mod_wsgi-6.1.1-cp313-cp313-win_amd64.whl";
    let digest = files::digest(&release.join(wheel)).expect("a wheel").sha256;
    let (pip, _) = told(&["--files-url", FILES]);
    let address = format!("https://downloads.example/mod_wsgi-6.1.1/{wheel}#sha256={digest}");
    let install =
        format!("py -3.13 -m pip install \"{address}\"\nmod_wsgi-express module-config\n");
    assert_eq!(pip, install);
    let (pip, links) = told(&[]);
    assert!(pip.starts_with(&format!("py -3.13 -m pip install {wheel}\n")), "{pip}");
    assert_eq!(links[1], format!("./{wheel}"));
}

#[test]
fn what_does_not_go_together_is_said() {
    let page = page("problems", &[]);
    let seen = live(
        &page,
        &json!([
            { "name": "bits", "steps": [select("Apache24-win64-VS17", "3.13-win32")] },
            { "name": "compilers", "steps": [select("Apache24-win64-VS17", "2.7-win64")] },
            { "name": "half", "steps": [{ "select": { "apache": "Apache24-win64-VS17" } }] },
        ]),
    );
    let problems = |name: &str| seen[name]["problems"].to_string();
    assert!(
        problems("bits").contains("is 64 bit and this Python is 32 bit"),
        "{}",
        problems("bits")
    );
    assert!(problems("bits").contains("Install the 64 bit Python 3.13"));
    assert!(
        problems("compilers").contains("family VC14, this Python by one of VC9"),
        "{}",
        problems("compilers")
    );
    assert!(problems("compilers").contains("there are files for Python 3.13, 3.11"));
    assert_eq!(seen["half"]["answer"], "");
}

/// A program whose header names another linker.
fn linked_by(mut bytes: Vec<u8>, linker: [u8; 2]) -> Vec<u8> {
    let header = u32::from_le_bytes(bytes[60..64].try_into().expect("four bytes")) as usize;
    bytes[header + 26..header + 28].copy_from_slice(&linker);
    bytes
}

fn write(path: &Utf8Path, bytes: &[u8]) {
    files::create_dir_all(files::parent(path)).expect("a folder");
    files::write_atomic(path, bytes).expect("a file");
}

#[test]
fn files_are_read_in_the_browser() {
    let page = page("dropped", &[]);
    let (_keep, folder) = folder();
    let kit = repository().join(".modfarm/kit/run");
    let httpd = kit.join("apache/2.4-win64/bin/httpd.exe");
    let python = kit.join("python/3.13-win64/python313.dll");
    let made = crate::made::pe::Made::module("python311.dll");
    let mut program = made.clone();
    program.dll = false;
    let made_by = |linker: [u8; 2]| {
        let path = folder.join(format!("{}.{}/httpd.exe", linker[0], linker[1]));
        write(&path, &linked_by(program.bytes(), linker));
        path
    };
    let (newer, older) = (made_by([14, 44]), made_by([14, 29]));
    let (noise, short) = (folder.join("noise.dll"), folder.join("python313.dll"));
    write(&noise, "noise".repeat(20_000).as_bytes());
    write(&short, &files::read(&python).expect("a DLL")[..3000]);
    let module = folder.join("mod_wsgi.so");
    let unpacked = Command::new("unzip")
        .args(["-q", "-j", "-d", folder.as_str()])
        .arg(release("6.1.1").join("mod_wsgi-windows-6.1.1-Apache24-win64-VS17.zip"))
        .arg("*/mod_wsgi-py311-VC14.so")
        .status();
    assert!(unpacked.expect("unzip").success());
    files::copy(&folder.join("mod_wsgi-py311-VC14.so"), &module).expect("a copy");
    let foreign = folder.join("foreign.so");
    write(&foreign, &made.bytes());
    let large = folder.join("large.dll");
    files::create(&large).expect("a file").set_len(70 << 20).expect("a size");
    let seen = live(
        &page,
        &json!([
            { "name": "pair", "steps": [{ "drop": [newer, python], "until": "is Python 3.13" }] },
            { "name": "chosen", "steps": [{ "files": [httpd, python], "until": "is Python 3.13" }] },
            { "name": "label", "steps": [{ "drop": [older], "until": "is an Apache" }] },
            { "name": "bad", "steps": [{ "drop": [noise, short, kit.join("python/3.13-win64/python3.dll")],
              "until": "passes on" }, { "files": [large], "until": "too large" }] },
            { "name": "modules", "steps": [{ "drop": [module, foreign], "until": "is none of the files" }] },
        ]),
    );
    let said = |name: &str| seen[name]["seen"].to_string();
    assert_eq!(seen["pair"]["title"], "mod_wsgi-py313-VC14.so", "{}", said("pair"));
    assert_eq!(seen["pair"]["chosen"], json!(["Apache24-win64-VS17", "3.13-win64"]));
    assert!(said("pair").contains("httpd.exe is"), "{}", said("pair"));
    assert!(
        said("chosen").contains("python313.dll is Python 3.13.2, 64 bit"),
        "{}",
        said("chosen")
    );
    assert!(
        said("chosen").contains("64 bit, made by no compiler of Microsoft's; there is no file")
    );
    assert_eq!(seen["chosen"]["chosen"], json!(["", "3.13-win64"]));
    assert!(
        said("label").contains("64 bit, made by VS16; the files for Apache24-win64-VS18 fit it"),
        "{}",
        said("label")
    );
    let bad = said("bad");
    for words in [
        "noise.dll is no Windows program",
        "python313.dll is no Windows program, or is cut short",
        "python3.dll only passes on",
        "large.dll is too large",
    ] {
        assert!(bad.contains(words), "{words}: {bad}");
    }
    let modules = said("modules");
    assert!(
        modules.contains(
            "mod_wsgi.so is, byte for byte, Apache24-win64-VS17/py311-VC14 of mod_wsgi 6.1.1"
        ),
        "{modules}"
    );
    assert!(modules.contains("foreign.so is none of the files here"), "{modules}");
}

#[test]
fn it_serves_without_script_and_without_mouse() {
    let page = page("plain", &[]);
    let seen = live(
        &page,
        &json!([
            { "name": "no-script", "script": false },
            { "name": "no-script-telephone", "script": false, "width": 360, "scheme": "dark" },
            { "name": "keyboard", "steps": [
                { "keys": { "at": "apache", "press": ["A", "p", "a", "c", "h", "e"] } },
                { "keys": { "at": "python", "press": ["P", "y", "t", "h", "o", "n"] } },
            ] },
        ]),
    );
    for name in ["no-script", "no-script-telephone"] {
        let view = &seen[name];
        assert_eq!((&view["asked"], &view["answer"]), (&json!(false), &json!("")), "{name}");
    }
    let mut built = 0;
    for version in ["6.1.1", "4.9.4"] {
        for cell in manifest(version).cells {
            let Some(file) = cell.built else { continue };
            built += 1;
            let html = read(&page);
            assert!(html.contains(&format!("<code>{}</code>", file.sha256)), "{}", cell.id);
        }
    }
    assert_eq!(seen["no-script"]["rows"].as_array().map(Vec::len), Some(built));
    let links: Vec<&str> =
        seen["no-script"]["tableLinks"].as_array().expect("links").iter().map(text).collect();
    assert!(links.contains(&"./mod_wsgi-windows-6.1.1-Apache24-win64-VS17.zip"), "{links:?}");
    // The first of each list, which is the newest.
    assert_eq!(seen["keyboard"]["chosen"], json!(["Apache24-win64-VS18", "3.13-win64"]));
    assert_eq!(seen["keyboard"]["title"], "mod_wsgi-py313-VC14.so");
}

#[test]
fn what_a_manifest_says_is_only_text() {
    let (_keep, folder) = folder();
    let evil = "</script><script>alert(1)</script><img src=x onerror=alert(2)>";
    let mut release = manifest("4.9.4");
    for cell in &mut release.cells {
        if let Some(built) = &mut cell.built {
            built.warnings.push(evil.to_owned());
        }
        cell.verdict = modfarm::model::cell::Verdict::Unsupported { reason: evil.to_owned() };
    }
    let path = folder.join("evil.manifest.json");
    write(&path, serde_json::to_string(&release).expect("JSON").as_bytes());
    let to = folder.join("page");
    Ran::of(&mut modfarm(&folder, &["page", path.as_str(), "--to", to.as_str()])).ended(0);
    let steps = [select("Apache24-win64-VC10", "2.7-win64")];
    let seen = live(&to.join("index.html"), &json!([{ "name": "evil", "steps": steps }]));
    assert!(text(&seen["evil"]["answer"]).contains(evil));
    assert!(text(&seen["evil"]["table"]).contains(evil));
}

#[test]
fn what_makes_no_page_is_refused() {
    let (_keep, folder) = folder();
    let new = release("6.1.1");
    let manifest = new.join("mod_wsgi-windows-6.1.1.manifest.json");
    let future = folder.join("future.manifest.json");
    write(
        &future,
        read(&manifest).replacen("\"format_version\": 1", "\"format_version\": 2", 1).as_bytes(),
    );
    let empty = tempfile::tempdir().expect("a folder");
    let page = |arguments: &[&str]| {
        Ran::of(&mut modfarm(&folder, &[&["page", "--to", "site"][..], arguments].concat()))
    };
    for (arguments, words) in [
        (vec![empty.path().to_str().expect("a path")], "there is no manifest in"),
        (vec!["nowhere"], "nowhere"),
        (vec![new.as_str(), manifest.as_str()], "are both mod_wsgi 6.1.1\nhint: "),
        (vec![future.as_str()], "its format is 2, of a later modfarm"),
        (vec![new.as_str(), "--files-url", "ftp://a"], "it must begin with https://"),
        (vec![new.as_str(), "--files-url", "https://a/?b"], "a file's name cannot stand behind it"),
        (
            vec![new.as_str(), "--files-url", "https://a", "--files-url", "https://b"],
            "--files-url is given 2 times for 1 releases",
        ),
    ] {
        let ran = page(&arguments);
        assert_eq!(ran.code, 2, "{arguments:?}: {}", ran.stderr);
        assert!(ran.stderr.contains(words), "{arguments:?}: {}", ran.stderr);
    }
    assert!(!files::exists(&folder.join("site")));
}
