//! What an administrator does on Windows, where Apache and Python are found by themselves: Apache where
//! Apache Lounge's zip is unpacked to, Python where its installer registers it.

use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};

use camino::{Utf8Path, Utf8PathBuf};
use modfarm::sys::files;

use super::wine::Windows;
use crate::program::{Ran, kit, read};

/// A machine with the kit's Apache and Python, installed for all users.
fn machine() -> (Windows, Utf8PathBuf) {
    let windows = Windows::new();
    let drive = windows.drive();
    let run = kit().join("run");
    copied(&run.join("apache/2.4-win64"), &drive.join("Apache24"));
    let conf = "ServerRoot \"C:/Apache24\"\r\nListen 127.0.0.1:8080\r\nServerName localhost\r\n";
    files::write_atomic(&drive.join("Apache24/conf/httpd.conf"), conf.as_bytes()).expect("a file");
    files::create_dir_all(&drive.join("Apache24/logs")).expect("a folder");
    copied(&run.join("python/3.13-win64"), &drive.join("Program Files/Python313"));
    let key = r"HKLM\SOFTWARE\Python\PythonCore\3.13\InstallPath";
    windows.register(key, r"C:\Program Files\Python313\");
    (windows, drive)
}

fn copied(from: &Utf8Path, to: &Utf8Path) {
    files::create_dir_all(files::parent(to)).expect("a folder");
    Ran::of(Command::new("cp").args(["-r", from.as_str(), to.as_str()])).ended(0);
}

#[test]
fn a_module_comes_into_the_apache_that_windows_knows_and_out_of_it() {
    let (windows, drive) = machine();
    let folder = windows.folder.clone();
    let modfarm = |arguments: &[&str]| Ran::of(&mut windows.modfarm(&folder, arguments));
    let before = read(&drive.join("Apache24/conf/httpd.conf"));

    let found = modfarm(&["doctor"]).ended(0).stdout.replace('\r', "");
    for words in [
        "Apache 2.4.",
        "Python 3.13.2, win64, VC14 (VS17), for all users",
        "LoadFile \"C:/Program Files/Python313/python313.dll\"",
        "WSGIPythonHome \"C:/Program Files/Python313\"",
    ] {
        assert!(found.contains(words), "{words}: {found}");
    }

    let release = crate::wheels::NEWEST.folder();
    let installed = modfarm(&["install", "--from", release.as_str(), "--configure"]).ended(0);
    let module = drive.join("Apache24/modules/mod_wsgi-py313-VC14.so");
    assert!(files::exists(&module), "{installed:?}");
    let conf = read(&drive.join("Apache24/conf/extra/mod_wsgi-modfarm.conf"));
    let line = "LoadModule wsgi_module modules/mod_wsgi-py313-VC14.so";
    assert!(conf.contains(line), "{conf}");
    assert!(read(&drive.join("Apache24/conf/httpd.conf")).contains("mod_wsgi-modfarm.conf"));

    let kept = modfarm(&["doctor", "--manifest", release.as_str()]).ended(0).stdout;
    assert!(kept.contains("mod_wsgi-py313-VC14.so"), "{kept}");
    let whole = modfarm(&["verify", module.as_str(), "--manifest", &manifest(&release)]);
    assert!(whole.ended(0).stdout.contains("1 file of mod_wsgi 6.1.1, byte for byte; 0 not"));

    modfarm(&["uninstall"]).ended(0);
    assert!(!files::exists(&module));
    assert_eq!(read(&drive.join("Apache24/conf/httpd.conf")), before);
}

fn manifest(release: &Utf8Path) -> String {
    release.join("mod_wsgi-windows-6.1.1.manifest.json").into_string()
}

/// Holds a file as a program does that shares it with nobody, until its input ends.
const HOLDS: &str = "\
import ctypes, sys
create = ctypes.windll.kernel32.CreateFileW
create.restype = ctypes.c_void_p
assert create(sys.argv[1], 0x80000000, 0, None, 3, 0, None) not in (None, 2**64 - 1)
print('held', flush=True)
sys.stdin.read()
";

#[test]
fn a_file_in_use_is_said_and_nothing_is_changed() {
    let (windows, drive) = machine();
    let folder = windows.folder.clone();
    let module = drive.join("Apache24/modules/mod_wsgi-py313-VC14.so");
    files::write_atomic(&module, b"somebody else's").expect("a file");
    files::write_atomic(&folder.join("holds.py"), HOLDS.as_bytes()).expect("a script");
    let python = drive.join("Program Files/Python313/python.exe");
    let mut holder = windows.program(&python, &folder);
    holder.args(["holds.py", r"C:\Apache24\modules\mod_wsgi-py313-VC14.so"]);
    let holder = holder.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut holder = holder.spawn().expect("python");
    let mut said = String::new();
    let mut output = BufReader::new(holder.stdout.take().expect("an output"));
    output.read_line(&mut said).expect("a line");
    assert_eq!(said.trim(), "held");

    let release = crate::wheels::NEWEST.folder();
    let arguments = ["install", "--from", release.as_str()];
    let install = || Ran::of(&mut windows.modfarm(&folder, &arguments));
    let before = files::names(&drive.join("Apache24/modules")).expect("names");
    install().refused(3, &["mod_wsgi-py313-VC14.so: it is in use", "hint: stop Apache first"]);
    assert_eq!(files::names(&drive.join("Apache24/modules")).expect("names"), before);

    drop(holder.stdin.take());
    assert!(holder.wait().expect("it ends").success());
    assert_eq!(read(&module), "somebody else's");
    install().ended(0);
    assert_eq!(read(&module.with_extension("so.before-1")), "somebody else's");
}
