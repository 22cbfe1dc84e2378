//! `modfarm verify`: what a release's files are, wherever they lie, and what is not one of them.

use std::io::Write as _;
use std::process::Command;
use std::sync::LazyLock;

use camino::{Utf8Path, Utf8PathBuf};
use modfarm::sys::files;
use serde_json::Value;

use crate::made::source;
use crate::program::{Ran, Site, folder, modfarm, read};

const STEM: &str = "mod_wsgi-windows-6.1.1";
const MODULE: &str = "Apache24-win64-VS17/modules/mod_wsgi-py313-VC14.so";

/// A release of one Python for two labels of both arches; those of one arch have the same bytes.
pub(crate) static RELEASE: LazyLock<Site> = LazyLock::new(|| {
    let site = Site::new();
    source::quick(&site.folder.join("src"), "6.1.1");
    let only = ["--only", "Apache24-*-VS1[78]/py313-*"];
    site.run(&[&["release", "--source", "src", "--no-smoke"][..], &only].concat()).ended(0);
    site
});

fn released(end: &str) -> Utf8PathBuf {
    RELEASE.folder.join(format!("dist/mod_wsgi-6.1.1/{STEM}{end}"))
}

/// What an administrator has: some of the release's files, in a folder of his own.
struct Downloads {
    _keep: tempfile::TempDir,
    folder: Utf8PathBuf,
}

impl Downloads {
    fn of(ends: &[&str]) -> Self {
        let (keep, folder) = folder();
        for end in ends {
            files::copy(&released(end), &folder.join(format!("{STEM}{end}"))).expect("a file");
        }
        Self { _keep: keep, folder }
    }

    /// The manifest, and the archive of everything unpacked beside it.
    fn unpacked() -> Self {
        let downloads = Self::of(&[".manifest.json", ".tar.gz"]);
        let tar = downloads.path(".tar.gz");
        let mut command = Command::new("tar");
        Ran::of(command.args(["-xzf", tar.as_str(), "-C", downloads.folder.as_str()])).ended(0);
        downloads
    }

    fn path(&self, end: &str) -> Utf8PathBuf {
        self.folder.join(format!("{STEM}{end}"))
    }

    fn module(&self, path: &str) -> Utf8PathBuf {
        self.folder.join(STEM).join(path)
    }

    fn verify(&self, arguments: &[&str]) -> Ran {
        Ran::of(modfarm(&self.folder, &["verify"]).args(arguments))
    }
}

fn write(path: &Utf8Path, bytes: &[u8]) {
    files::create_dir_all(files::parent(path)).expect("a folder");
    files::write_atomic(path, bytes).expect("a file");
}

fn answers(ran: &Ran) -> Vec<(String, String)> {
    let told: Value = serde_json::from_str(&ran.stdout).expect("JSON");
    assert_eq!((&told["format_version"], &told["version"]), (&1.into(), &"6.1.1".into()));
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    let files = told["files"].as_array().expect("files");
    files.iter().map(|file| (text(&file["file"]), text(&file["answer"]))).collect()
}

#[test]
fn a_whole_release_is_its_own() {
    let folder = RELEASE.folder.join("dist/mod_wsgi-6.1.1");
    let ran = RELEASE.run(&["verify", "--complete", folder.as_str()]).ended(0);
    let count = files::names(&folder).expect("a folder").len();
    assert_eq!(ran.stdout.matches("\n     ok ").count() + 1, count, "{}", ran.stdout);
    let whole = format!("{STEM}.zip: every file for every Apache and Python\n");
    assert!(ran.stdout.contains(&whole), "{}", ran.stdout);
    let last = format!("{count} files of mod_wsgi 6.1.1, byte for byte; 0 not\ncompared with ");
    let digest = files::digest(&released(".manifest.json")).expect("it").sha256.to_string();
    assert!(ran.stdout.contains(&last) && ran.stdout.contains(&digest), "{}", ran.stdout);
}

#[test]
fn modules_are_known_wherever_they_lie() {
    let downloads = Downloads::unpacked();
    let ran = downloads.verify(&["--format", "json", "."]).ended(0);
    let answers = answers(&ran);
    let count = |what: &str| answers.iter().filter(|(_, answer)| answer == what).count();
    assert_eq!((count("module"), count("asset"), count("aside")), (4, 2, 3), "{answers:?}");

    // The bytes of two labels are the same: the folder tells which it is.
    let module = downloads.module(MODULE);
    let ran = downloads.verify(&[module.as_str()]).ended(0);
    let line = format!("     ok {module}: Apache24-win64-VS17/py313-VC14\n");
    assert!(ran.stdout.starts_with(&line), "{}", ran.stdout);
    // In somebody's Apache there is no such folder, and he may call it what he likes.
    let manifest = downloads.path(".manifest.json");
    let (_keep, apache) = folder();
    for name in ["mod_wsgi-py313-VC14.so", "wsgi.so"] {
        let installed = apache.join("Apache24/modules").join(name);
        write(&installed, &files::read(&module).expect("a module"));
        let named = ["--manifest", manifest.as_str(), installed.as_str()];
        let said = downloads.verify(&named).ended(0).stdout;
        let cells = "Apache24-win64-VS17/py313-VC14, Apache24-win64-VS18/py313-VC14\n";
        assert!(said.contains(cells), "{said}");
    }
    write(&apache.join("Apache24/modules/mod_ssl.so"), b"somebody else's");
    let ran = downloads.verify(&["--manifest", manifest.as_str(), apache.as_str()]).ended(0);
    let said =
        "2 files of mod_wsgi 6.1.1, byte for byte; 0 not; 1 file beside them is no part of it";
    assert!(ran.stdout.contains(said) && !ran.stdout.contains("mod_ssl"), "{}", ran.stdout);
}

#[test]
fn what_is_not_the_releases_is_said_with_what_to_do() {
    let downloads = Downloads::unpacked();
    let wrong = |path: &Utf8Path, words: &[&str]| {
        let ran = downloads.verify(&[path.as_str()]).ended(1);
        let line = format!("  WRONG {path}");
        assert!(ran.stdout.contains(&line) && ran.stdout.contains("hint: "), "{}", ran.stdout);
        for word in words {
            assert!(ran.stdout.contains(word), "{word:?} is not in: {}", ran.stdout);
        }
    };
    let (zip, whole) = (downloads.path(".zip"), files::read(&released(".zip")).expect("a zip"));
    write(&zip, &whole[..1000]);
    let cut = format!("it has 1000 of {} bytes: the download was cut short", whole.len());
    wrong(&zip, &[&cut, "hint: download it again"]);
    write(&zip, b"\r\n<!DOCTYPE html><title>Sign in</title>");
    wrong(&zip, &["it is a page in HTML: a proxy or a login answered"]);
    let mut changed = whole;
    changed[2000] ^= 1;
    write(&zip, &changed);
    wrong(&zip, &["its SHA-256 is ", "do not load it"]);

    let (module, other) = (
        downloads.module(MODULE),
        downloads.module("Apache24-win32-VS17/modules/mod_wsgi-py313-VC14.so"),
    );
    let (right, win32) =
        (files::read(&module).expect("a module"), files::read(&other).expect("a module"));
    write(&module, &win32);
    let is =
        "is Apache24-win32-VS17/py313-VC14, Apache24-win32-VS18/py313-VC14, and is called what";
    wrong(&module, &[is, "Apache24-win64-VS17/py313-VC14 is", "take the file of the right name"]);
    let mut changed = right.clone();
    changed[500] ^= 1;
    write(&module, &changed);
    wrong(&module, &["is not Apache24-win64-VS17/py313-VC14: its SHA-256 is"]);
    // One wrong file in a folder is found among the others.
    let ran = downloads.verify(&[STEM]).ended(1);
    assert!(ran.stdout.contains("3 files of mod_wsgi 6.1.1, byte for byte; 1 not"), "{ran:?}");

    let stranger = downloads.folder.join("mod_wsgi.so");
    write(&stranger, b"MZ of another version");
    wrong(&stranger, &["is no file of this release", "is it of another version? --manifest"]);
}

#[test]
fn an_archive_that_somebody_made_is_looked_into() {
    let downloads = Downloads::unpacked();
    let module = files::read(&downloads.module(MODULE)).expect("a module");
    let mut changed = module.clone();
    changed[500] ^= 1;
    let own = downloads.folder.join("ours.zip");
    let mut writer = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (name, bytes) in [(MODULE, &module), ("old/mod_wsgi-py313-VC14.so", &changed)] {
        writer.start_file(name, zip::write::SimpleFileOptions::default()).expect("a member");
        writer.write_all(bytes).expect("its bytes");
    }
    write(&own, writer.finish().expect("a zip").get_ref());
    let ran = downloads.verify(&["ours.zip"]).ended(1);
    let right = format!("     ok ours.zip: {MODULE}: Apache24-win64-VS17/py313-VC14\n");
    assert!(ran.stdout.starts_with(&right), "{}", ran.stdout);
    assert!(ran.stdout.contains("  WRONG ours.zip: old/mod_wsgi-py313-VC14.so is not "), "{ran:?}");
    // One that is cut short, or is none.
    let bytes = files::read(&own).expect("a zip");
    write(&own, &bytes[..bytes.len() / 2]);
    downloads.verify(&["ours.zip"]).refused(2, &["cannot read ours.zip as a zip", "hint: "]);
}

#[test]
fn what_is_missing_is_told_where_all_is_asked_for() {
    let downloads = Downloads::of(&[".manifest.json", ".SHA256SUMS", ".zip"]);
    downloads.verify(&["."]).ended(0);
    let ran = downloads.verify(&["--complete", "."]).ended(1);
    assert!(ran.stdout.contains(&format!("MISSING {STEM}.tar.gz\n")), "{}", ran.stdout);
    assert!(!ran.stdout.contains(&format!("MISSING {STEM}.zip")), "{}", ran.stdout);
    // Checksums vouch for no file that the manifest does not know.
    let (sums, other) = (downloads.path(".SHA256SUMS"), downloads.folder.join("other.zip"));
    write(&other, b"PK of somebody");
    let digest = files::digest(&other).expect("a file").sha256;
    write(&sums, format!("{}{digest}  other.zip\n", read(&sums)).as_bytes());
    let named = ["--manifest", &format!("{STEM}.manifest.json"), "other.zip"];
    assert!(!downloads.verify(&named).said().contains(" ok "));
    files::remove_file(&other).expect("a file");
    // A manifest that is not the one of its checksums.
    let manifest = downloads.path(".manifest.json");
    let text = read(&manifest).replace("\"modfarm\":", "\"modfarm\" :");
    write(&manifest, text.as_bytes());
    let ran = downloads.verify(&["."]).ended(1);
    assert!(ran.stdout.contains(&format!("{STEM}.manifest.json is not ")), "{}", ran.stdout);
}

#[test]
fn without_a_manifest_that_can_be_read_nothing_is_compared() {
    let downloads = Downloads::of(&[".zip"]);
    let zip = format!("{STEM}.zip");
    let words = ["there is no manifest in ", "hint: download the file *.manifest.json"];
    downloads.verify(&[&zip]).refused(2, &words);
    downloads.verify(&["nothing.zip"]).refused(2, &["nothing.zip"]);
    let manifest = downloads.path(".manifest.json");
    let text = read(&released(".manifest.json"));
    let later = text.replacen("\"format_version\": 1", "\"format_version\": 9", 1);
    for (bytes, words) in [
        (later.as_bytes(), "its format is 9, of a later modfarm"),
        (&text.as_bytes()[..500], "EOF while parsing"),
        (b"<html>", "hint: download it again"),
        (b"", "EOF"),
        (&[0xff; 100], "hint: download it again"),
    ] {
        write(&manifest, bytes);
        downloads.verify(&[&zip]).refused(2, &["manifest.json: ", words]);
    }
    write(&manifest, text.as_bytes());
    downloads.verify(&[&zip]).ended(0);
    write(&downloads.folder.join("other.manifest.json"), text.as_bytes());
    let words = ["has the manifests of several releases: ", "hint: name one with --manifest"];
    downloads.verify(&[&zip]).refused(2, &words);
    let (_keep, empty) = folder();
    let named = ["--manifest", manifest.as_str(), empty.as_str()];
    downloads.verify(&named).refused(1, &["nothing of the release is among these files"]);
}
