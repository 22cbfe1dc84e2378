//! Which file of a release is the one: by its manifest, with digest, verdict and what was seen of it.

use modfarm::model::arch::Arch;
use modfarm::sys::files;

use super::{Drive, made, says};
use crate::program::{json, read};
use crate::verify::RELEASE;

fn manifest() -> String {
    let path = "dist/mod_wsgi-6.1.1/mod_wsgi-windows-6.1.1.manifest.json";
    RELEASE.folder.join(path).into_string()
}

#[test]
fn the_exact_file_is_named() {
    let drive = Drive::right();
    let path = manifest();
    let told = json(path.as_str().into());
    let cells = told["cells"].as_array().expect("cells");
    let cell = cells.iter().find(|cell| cell["id"] == "Apache24-win64-VS17/py313-VC14");
    let built = &cell.expect("the cell")["built"];
    let sha256 = built["sha256"].as_str().expect("a digest");
    let ran = drive.both(&["--manifest", &path]).ended(0);
    says(
        &ran,
        &[
            "the file of the release: Apache24-win64-VS17/modules/mod_wsgi-py313-VC14.so\n",
            "of version 6.1.1, supported\n",
            &format!("{} bytes, SHA-256 {sha256}\n", built["size"]),
            "mod_wsgi-windows-6.1.1-Apache24-win64-VS17.zip",
            "not tried in a running Apache: not wanted (--no-smoke)\n",
        ],
    );
    assert!(!ran.stdout.contains("VS18"), "{}", ran.stdout);
    let named = ["--apache", "Apache24", "--python", "Python", "--manifest", &path];
    let take = &drive.json(&named)["take"];
    assert_eq!(take["cell"], "Apache24-win64-VS17/py313-VC14");
    assert_eq!(take["released"]["file"]["sha256"], sha256);
}

/// A release has no folder for the label of every Apache of the family.
#[test]
fn another_label_of_the_family_serves() {
    let drive = Drive::empty();
    drive.apache("2.4.50", Arch::Win32, "VC15");
    drive.python("3.13.2", Arch::Win32, "VS17");
    let path = manifest();
    let text = read(path.as_str().into());
    let without = text.replace("Apache24-win32-VC15", "Apache24-win32-VC95");
    made::write(&drive.folder.join("x.manifest.json"), without.as_bytes());
    let ran = drive.both(&["--manifest", "x.manifest.json"]).ended(0);
    says(
        &ran,
        &[
            "the file of the release: Apache24-win32-VS1",
            "the release has no folder Apache24-win32-VC15",
        ],
    );
    drive.python("3.4.4", Arch::Win32, "VC10");
    files::remove_file(&drive.folder.join("Python/python313.dll")).unwrap();
    drive.apache("2.4.20", Arch::Win32, "VC10");
    let ran = drive.both(&["--manifest", &path]).ended(0);
    says(&ran, &["the release does not have the file: ", "another version of it may"]);
}

/// A combination that the release has no file for: not at all, or for a reason.
#[test]
fn what_is_not_in_the_release_is_said() {
    let drive = Drive::right();
    let mut told = json(manifest().as_str().into());
    for cell in told["cells"].as_array_mut().expect("cells") {
        cell.as_object_mut().expect("a cell").remove("built");
        cell["not_built"] = "a test says so".into();
        cell["verdict"] = serde_json::json!({ "verdict": "excluded", "reason": "it crashes" });
    }
    made::write(&drive.folder.join("x.manifest.json"), told.to_string().as_bytes());
    let ran = drive.both(&["--manifest", "x.manifest.json"]).ended(0);
    let path = "Apache24-win64-VS17/modules/mod_wsgi-py313-VC14.so";
    let said = format!("the release does not have the file: {path}\n");
    says(&ran, &[&said, "excluded: it crashes\n", "not built: a test says so\n"]);
    assert!(!ran.stdout.contains("in httpd.conf"), "{}", ran.stdout);

    files::remove_file(&drive.folder.join("Python/python313.dll")).unwrap();
    drive.python("3.12.10", Arch::Win64, "VS17");
    let path = manifest();
    let ran = drive.both(&["--manifest", &path]).ended(0);
    says(&ran, &["the release does not have the file: ", "another version of it may"]);
    assert!(!ran.stdout.contains("in httpd.conf"), "{}", ran.stdout);
    // The folder of a release is as good as its manifest.
    let folder = camino::Utf8Path::new(&path).parent().expect("a folder");
    let again = drive.both(&["--manifest", folder.as_str()]).ended(0);
    assert_eq!(again.stdout, ran.stdout);
}

#[test]
fn a_manifest_that_cannot_be_read_is_refused() {
    let drive = Drive::right();
    let text = read(manifest().as_str().into());
    let later = text.replacen("\"format_version\": 1", "\"format_version\": 9", 1);
    for (bytes, words) in [
        (later.as_bytes(), "its format is 9, of a later modfarm"),
        (&b"<html>"[..], "hint: download it again"),
        (b"", "EOF"),
    ] {
        made::write(&drive.folder.join("x.manifest.json"), bytes);
        drive.both(&["--manifest", "x.manifest.json"]).refused(2, &["x.manifest.json: ", words]);
    }
    drive.both(&["--manifest", "nothing.json"]).refused(2, &["nothing.json"]);
}
