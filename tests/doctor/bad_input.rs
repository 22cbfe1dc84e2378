//! What is no installation, no module and no log ends in a message that helps.

use std::io::Write as _;

use modfarm::model::arch::Arch;
use modfarm::sys::files;

use super::{Drive, made, says};

#[test]
fn nothing_to_look_at_is_said() {
    let drive = Drive::empty();
    drive.doctor(&[]).refused(2, &["there is nothing to look at", "hint: name their folders"]);
    drive.doctor(&["--apache", "missing"]).refused(2, &["missing is not there", "bin/httpd.exe"]);
    let unc = ["--python", r"\\server\share\Python313"];
    drive.doctor(&unc).refused(2, &[r"\\server\share\Python313 is not there", "on this system"]);
    made::write(&drive.folder.join("x.zip"), b"PK");
    drive.doctor(&["--apache", "x.zip"]).refused(2, &["x.zip is a file", "hint: name the folder"]);
    drive.doctor(&["--python", "."]).refused(2, &["pythonXY.dll is not there"]);
}

#[test]
fn damaged_and_foreign_files_are_told_as_what_they_are() {
    let drive = Drive::right();
    let module = drive.module("mod_wsgi.so", "3.13", Arch::Win64, "VS17");
    let whole = files::read(&module).unwrap();
    for (bytes, words) in [
        (&whole[..whole.len() / 2], "is a Windows binary cut short"),
        (b"", "the file is empty"),
        (b"\x7fELF\x02\x01", "an ELF file"),
        (b"<html>Sign in</html>", "a web page"),
        (&[0x9d; 5000], "of an unknown kind"),
    ] {
        made::write(&module, bytes);
        let words = ["cannot read mod_wsgi.so: ", words, "\nhint: "];
        drive.both(&["--module", "mod_wsgi.so"]).refused(2, &words);
    }
    let huge = files::create(&module).unwrap();
    huge.set_len(3 << 30).unwrap();
    drive.both(&["--module", "mod_wsgi.so"]).refused(2, &["it is larger than 64 MiB"]);
    drive.both(&["--module", "Apache24"]).refused(2, &["cannot read Apache24"]);
}

#[test]
fn paths_with_spaces_and_other_letters_are_looked_into() {
    let drive = Drive::empty();
    let apache = drive.folder.join("Programme für Ä 漢/Apache 24");
    made::apache(&apache, "2.4.66", Arch::Win64, "VS17");
    let python = drive.folder.join("Program Files/Pýthon 3.13");
    made::python(&python, "3.13.2", Arch::Win64, "VS17");
    let named = ["--apache", apache.as_str(), "--python", python.as_str()];
    let ran = drive.doctor(&named).ended(0);
    says(&ran, &[&format!("WSGIPythonHome \"{python}\""), apache.as_str()]);
}

/// What may not be read is said with whom it hinders; root may read everything.
#[cfg(unix)]
#[test]
fn a_folder_without_permission_is_said() {
    use std::os::unix::fs::PermissionsExt as _;
    let drive = Drive::right();
    let folder = drive.folder.join("Apache24");
    let set = |mode| std::fs::set_permissions(&folder, std::fs::Permissions::from_mode(mode));
    set(0o000).unwrap();
    if std::fs::read_dir(&folder).is_err() {
        drive.both(&[]).refused(2, &["Permission denied", "hint: this user may not do that"]);
    }
    set(0o755).unwrap();
    drive.both(&[]).ended(0);
}

/// Who made a binary, or wrote a log, commands no terminal.
#[test]
fn hostile_texts_are_made_harmless() {
    let drive = Drive::right();
    let evil = "Evil\u{1b}[2J\u{202e}Inc.";
    let library = crate::made::pe::Made::binary(&["VCRUNTIME140.dll"], &["core_module"]);
    let library = library.version([2, 4, 66, 0], evil);
    made::write(&drive.folder.join("Apache24/bin/libhttpd.dll"), &library.clone().bytes());
    let program = crate::made::pe::Made { dll: false, exports: Vec::new(), ..library };
    made::write(&drive.folder.join("Apache24/bin/httpd.exe"), &program.bytes());
    made::write(&drive.folder.join("log"), format!("R6034 {evil}\n").as_bytes());
    let text = drive.both(&["--log", "log"]).ended(1).stdout;
    let json = drive.both(&["--log", "log", "--format", "json"]).ended(1).stdout;
    for said in [&text, &json] {
        assert!(said.contains("Evil") && said.contains("R6034"), "{said}");
        assert!(!said.contains(['\u{1b}', '\u{202e}']), "{said:?}");
    }
}

#[test]
fn logs_that_are_none_are_read_all_the_same() {
    let drive = Drive::empty();
    made::write(&drive.folder.join("empty"), b"");
    let ran = drive.doctor(&["--log", "empty"]).ended(0);
    says(&ran, &["empty: nothing in it is a message that is known here", "Nothing is wrong."]);
    made::write(&drive.folder.join("random"), &vec![0x9d; 100_000]);
    drive.doctor(&["--log", "random"]).ended(0);
    drive.doctor(&["--log", "missing"]).refused(2, &["cannot open missing"]);
    drive.doctor(&["--log", "."]).refused(2, &["cannot read ."]);
    // Hundreds of megabytes: the end alone is read.
    let path = drive.folder.join("large");
    let large = files::create(&path).unwrap();
    large.set_len(700 << 20).unwrap();
    drop(large);
    let line =
        b"\nCannot load modules/mod_wsgi.so into server: %1 is not a valid Win32 application.\n";
    files::append(&path).unwrap().write_all(line).unwrap();
    let ran = drive.doctor(&["--log", "large"]).ended(1);
    says(&ran, &["large (the last 16.00 MiB of 700.00 MiB)", "not-a-win32-application, once"]);
}
