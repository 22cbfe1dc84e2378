//! The four rules: each kept, each broken with what to change, and what else is wrong.

use modfarm::download::doctor::{Parts, diagnose};
use modfarm::download::installation::discovery::Discovered;
use modfarm::model::arch::Arch;
use modfarm::model::diagnosis::Ending;
use modfarm::model::installation::{Apache, Python};
use modfarm::sys::files;

use super::{Drive, made, says};
use crate::program::running_roots;

#[test]
fn what_fits_is_said_with_the_lines() {
    let drive = Drive::right();
    let module =
        drive.module("Apache24/modules/mod_wsgi-py313-VC14.so", "3.13", Arch::Win64, "VS17");
    let home = &drive.folder;
    let ran = drive.both(&["--module", module.as_str()]).ended(0);
    says(
        &ran,
        &[
            "Apache 2.4.66, win64, VC14 (VS17)\n",
            "Python 3.13.2, win64, VC14 (VS17)\n",
            "kept  1. everything is 32 bit, or everything is 64 bit: everything is 64 bit (win64)",
            "kept  3. Apache and Python are from one compiler family: both are of VC14",
            "kept  4. mod_wsgi is from that family",
            "the file of a release: Apache24-win64-VS17/modules/mod_wsgi-py313-VC14.so\n",
        ],
    );
    // To Apache a relative path would be relative to its own folder.
    let line = format!("    LoadFile \"{home}/Python/python313.dll\"\n");
    says(&ran, &[&line, &format!("    WSGIPythonHome \"{home}/Python\"\n")]);
    let (apache, python) = (home.join("Apache24"), home.join("Python"));
    let named = ["--apache", apache.as_str(), "--python", python.as_str()];
    let ran = drive.doctor(&named).ended(0);
    let lines = format!(
        "in httpd.conf:\n    LoadFile \"{python}/python313.dll\"\n    LoadModule wsgi_module \
         modules/mod_wsgi-py313-VC14.so\n    WSGIPythonHome \"{python}\"\n"
    );
    says(&ran, &[&lines, "the lines name the folders as this system sees them"]);
}

#[test]
fn rule_1_bitness() {
    let drive = Drive::empty();
    drive.apache("2.4.66", Arch::Win64, "VS17");
    drive.python("3.13.2", Arch::Win32, "VS17");
    let ran = drive.both(&[]).ended(1);
    let because = "BROKEN  1. everything is 32 bit, or everything is 64 bit: Apache is 64 bit \
                   (win64), Python is 32 bit (win32)";
    says(&ran, &[because, "install the 64 bit Python 3.13, or take an Apache for win32 (32 bit)"]);
    assert!(!ran.stdout.contains("in httpd.conf"), "{}", ran.stdout);

    let drive = Drive::right();
    let module = drive.module("mod_wsgi.so", "3.13", Arch::Win32, "VS17");
    let ran = drive.both(&["--module", module.as_str()]).ended(1);
    says(
        &ran,
        &["mod_wsgi.so is 32 bit (win32)", "take the module for win64", "rule 1, rule 4 broken"],
    );
    let told =
        drive.json(&["--apache", "Apache24", "--python", "Python", "--module", "mod_wsgi.so"]);
    assert_eq!(
        (&told["ending"], &told["rules"][0]["answer"]),
        (&"broken".into(), &"broken".into())
    );
    assert_eq!(told["modules"][0]["build"]["arch"], "win32");
}

#[test]
fn rule_2_for_all_users() {
    let drive = Drive::empty();
    drive.apache("2.4.66", Arch::Win64, "VS17");
    let of = |path: &str| {
        made::python(&drive.folder.join(path), "3.13.2", Arch::Win64, "VS17");
        drive.doctor(&["--apache", "Apache24", "--python", path])
    };
    let ran = of("Users/joe/AppData/Local/Programs/Python/Python313").ended(1);
    says(
        &ran,
        &[
            "BROKEN  2. Python is installed for all users: it lies in the profile of joe",
            "\"Install Python for all users\"",
            "or let Apache's service log on as joe",
        ],
    );
    let ran = of("Program Files/WindowsApps/PythonSoftwareFoundation.Python.3.13_x64").ended(1);
    says(&ran, &["it is from the Microsoft Store", "with the installer of python.org"]);
    says(&of("Program Files/Python313").ended(0), &["kept  2. Python is installed for all users"]);
    says(&of("elsewhere").ended(0), &["cannot tell  2. ", "must be able to read that folder"]);
}

#[test]
fn rule_3_one_compiler_family() {
    for (apache, python, version, because, remedy) in [
        (
            "VC11",
            "VS17",
            "3.13.2",
            "Apache is of VC11 (MSVCR110.dll), Python 3.13 of VC14",
            "no Python was ever compiled with VC11",
        ),
        (
            "VC10",
            "VS17",
            "3.13.2",
            "Apache is of VC10",
            "or install Python 3.3 or 3.4, which is of VC10",
        ),
        (
            "VS17",
            "VC10",
            "3.4.4",
            "Python 3.4 of VC10 (MSVCR100.dll)",
            "take an Apache 2.4 of VC10; or install Python 3.5 or later",
        ),
        ("VC9", "VC10", "3.4.4", "Apache is of VC9", "or install Python 2.6, 2.7"),
    ] {
        let drive = Drive::empty();
        drive.apache("2.4.20", Arch::Win64, apache);
        drive.python(version, Arch::Win64, python);
        let ran = drive.both(&[]).ended(1);
        says(&ran, &["BROKEN  3. ", because, remedy, "what one allocates the other cannot free"]);
        assert!(!ran.stdout.contains("the file of a release"), "{}", ran.stdout);
    }
    // All of Visual Studio 2015 to 2026 mix.
    for (apache, python) in [("VC14", "VS17"), ("VS18", "VC14"), ("VS16", "VC15")] {
        let drive = Drive::empty();
        drive.apache("2.4.66", Arch::Win64, apache);
        drive.python("3.13.2", Arch::Win64, python);
        says(&drive.both(&[]).ended(0), &["kept  3. ", "Visual Studio 2015 to 2026 mix"]);
    }
}

/// The two that the document publishes although they break the rule.
#[test]
fn what_is_published_unsupported_is_named_as_that() {
    let drive = Drive::empty();
    drive.apache("2.4.20", Arch::Win64, "VC10");
    drive.python("2.7.18", Arch::Win64, "VC9");
    let ran = drive.both(&[]).ended(1);
    let path = "the file of a release: Apache24-win64-VC10/modules/mod_wsgi-py27-VC9.so";
    says(
        &ran,
        &["BROKEN  3. ", path, "published, and not supported: it mixes two compiler families"],
    );
}

#[test]
fn rule_4_the_right_module() {
    let drive = Drive::right();
    let with = |made: &crate::made::pe::Made| {
        made::write(&drive.folder.join("mod_wsgi.so"), &made.bytes());
        drive.both(&["--module", "mod_wsgi.so"])
    };
    let take = "take Apache24-win64-VS17/modules/mod_wsgi-py313-VC14.so";
    let ran = with(&made::module("3.9", Arch::Win64, "VS17")).ended(1);
    says(&ran, &["BROKEN  4. ", "mod_wsgi.so is for Python 3.9, and this is Python 3.13", take]);
    let ran = with(&made::module("3.13t", Arch::Win64, "VS17")).ended(1);
    says(&ran, &["mod_wsgi.so is for Python 3.13t, and this is Python 3.13", take]);
    let ran = with(&made::module("3.13", Arch::Win64, "VC10")).ended(1);
    says(&ran, &["mod_wsgi.so is of VC10 (MSVCR100.dll), and Python of VC14", take]);
    let old = made::module("3.13", Arch::Win64, "VS17");
    let ran = with(&crate::made::pe::Made { magic: crate::made::pe::AP22, ..old.clone() }).ended(1);
    says(&ran, &["mod_wsgi.so is for Apache 2.2 (20051115:40), and this is Apache 2.4", take]);
    let bare = crate::made::pe::Made { exports: vec!["PyInit_x".into()], ..old.clone() };
    says(&with(&bare).ended(1), &["mod_wsgi.so is no module for Apache", take]);
    says(&with(&old).ended(0), &["kept  4. "]);
}

#[test]
fn a_module_that_lies_in_its_place_is_found() {
    let drive = Drive::right();
    drive.module("Apache24/modules/mod_wsgi-old.so", "3.9", Arch::Win64, "VS17");
    let ran = drive.both(&[]).ended(1);
    says(&ran, &["mod_wsgi-old.so is for Python 3.9", "BROKEN  4. "]);
    // Beside one that fits it is of no harm.
    drive.module("Apache24/modules/mod_wsgi-new.so", "3.13", Arch::Win64, "VS17");
    let ran = drive.both(&[]).ended(0);
    says(
        &ran,
        &[
            "kept  4. ",
            "there is also wsgi_module, Python 3.9",
            "LoadModule wsgi_module modules/mod_wsgi-new.so",
        ],
    );
    files::remove_file(&drive.folder.join("Apache24/modules/mod_wsgi-new.so")).unwrap();
    files::remove_file(&drive.folder.join("Apache24/modules/mod_wsgi-old.so")).unwrap();
    let server = "Python/Lib/site-packages/mod_wsgi/server/mod_wsgi.cp313-win_amd64.pyd";
    let file = drive.module(server, "3.13", Arch::Win64, "VS17");
    let python = drive.folder.join("Python");
    let ran = drive.doctor(&["--apache", "Apache24", "--python", python.as_str()]).ended(0);
    says(&ran, &[&format!("LoadModule wsgi_module \"{file}\"\n")]);
}

#[test]
fn what_is_missing_is_named() {
    let drive = Drive::right();
    // Windows is there, and has not the runtime.
    files::create_dir_all(&drive.folder.join("Windows/System32")).unwrap();
    let ran = drive.both(&[]).ended(1);
    let missing = "error  httpd.exe imports VCRUNTIME140.dll, which is neither beside it nor in the system folder";
    says(
        &ran,
        &[
            missing,
            "install the newest Visual C++ Redistributable for Visual Studio 2015 to 2026 (x64)",
        ],
    );
    made::write(&drive.folder.join("Windows/System32/vcruntime140.dll"), b"MZ");
    let ran = drive.both(&[]).ended(0);
    assert!(!ran.stdout.contains("VCRUNTIME140"), "{}", ran.stdout);

    files::remove_file(&drive.folder.join("Apache24/bin/libaprutil-1.dll")).unwrap();
    let ran = drive.both(&[]).ended(1);
    says(&ran, &["error  libhttpd.dll imports libaprutil-1.dll, which is neither beside it nor"]);
    drive.apache("2.4.66", Arch::Win64, "VS18");
    let ran = drive.both(&[]).ended(0);
    says(&ran, &["note  Apache is compiled with VS18 and needs version 14.50 or later"]);
    let runtime = |minor| {
        let made = crate::made::pe::Made::binary(&["KERNEL32.dll"], &["memcpy"]);
        let made = made.version([14, minor, 1, 0], "Microsoft Corporation");
        made::write(&drive.folder.join("Windows/System32/vcruntime140.dll"), &made.bytes());
        drive.both(&[])
    };
    says(&runtime(29).ended(1), &["error  Apache is compiled with VS18", "; 14.29 is installed"]);
    assert!(!runtime(50).ended(0).stdout.contains("VS18 and needs"));

    let library = drive.folder.join("Python/Lib/encodings");
    files::remove_dir_all(&library).unwrap();
    let ran = drive.both(&[]).ended(1);
    says(&ran, &["error  Python has no Lib/encodings", "No module named 'encodings'"]);
}

#[test]
fn environments_headers_and_odd_pythons_are_remarked() {
    let drive = Drive::right();
    let ran = drive.both(&[]).ended(0);
    says(
        &ran,
        &["note  this Apache has no include/httpd.h: it runs modules", "Cannot open include file"],
    );
    made::write(&drive.folder.join("Apache24/include/httpd.h"), b"");
    made::write(&drive.folder.join("Apache24/lib/libhttpd.lib"), b"");
    assert!(!drive.both(&[]).ended(0).stdout.contains("httpd.h"));

    made::environment(&drive.folder.join("my site/venv"), r"C:\Python", "3.13.2");
    let venv = drive.folder.join("my site/venv");
    let ran = drive.doctor(&["--apache", "Apache24", "--python", venv.as_str()]).ended(0);
    let (home, dll) =
        (format!("WSGIPythonHome \"{venv}\""), drive.folder.join("Python/python313.dll"));
    says(
        &ran,
        &[&home, &format!("LoadFile \"{dll}\""), "is a virtual environment of the Python in"],
    );

    let own = drive.folder.join("Users/joe/venv");
    made::environment(&own, r"C:\Python", "3.13.2");
    let ran = drive.doctor(&["--apache", "Apache24", "--python", own.as_str()]).ended(0);
    says(&ran, &["warning  ", "lies in the profile of joe, where the account of Apache's service"]);

    made::write(&drive.folder.join("Apache24/bin/python313.dll"), b"MZ");
    says(&drive.both(&[]).ended(0), &["warning  Apache24/bin/python313.dll is another copy"]);
    made::write(&drive.folder.join("Python/python313._pth"), b".\n");
    says(&drive.both(&[]).ended(0), &["warning  this is the embeddable zip"]);
    files::remove_file(&drive.folder.join("Python/python313._pth")).unwrap();
    files::create_dir_all(&drive.folder.join("Python/conda-meta")).unwrap();
    says(&drive.both(&[]).ended(0), &["warning  this is conda's Python"]);
}

#[test]
fn one_of_the_two_alone_is_said_as_what_it_is() {
    let drive = Drive::right();
    let ran = drive.doctor(&["--apache", "Apache24"]).ended(0);
    says(
        &ran,
        &["Apache 2.4.66, win64", "cannot tell  1. ", "Apache alone is known: it is of VC14"],
    );
    says(&ran, &["goes with it: Python 3.5 or later for win64 (64 bit)"]);
    let ran = drive.doctor(&["--python", "Python"]).ended(0);
    says(
        &ran,
        &[
            "Python 3.13.2, win64",
            "goes with it: an Apache 2.4 for win64 (64 bit) of VC14, VC15, VS16, VS17 or VS18",
        ],
    );
    let module = drive.module("x.so", "3.13", Arch::Win64, "VS17");
    let ran = drive.doctor(&["--module", module.as_str()]).ended(0);
    says(
        &ran,
        &[
            "wsgi_module, Python 3.13, win64, Apache 2.4",
            "Nothing is broken, as far as can be told.",
        ],
    );
}

/// Without its manifest Windows does not find the runtime of VC9.
#[test]
fn a_vc9_module_without_its_manifest_is_named() {
    let drive = Drive::empty();
    drive.apache("2.2.34", Arch::Win32, "VC9");
    drive.python("2.7.18", Arch::Win32, "VC9");
    let whole = made::module("2.7", Arch::Win32, "VC9");
    let whole = crate::made::pe::Made { magic: crate::made::pe::AP22, ..whole };
    made::write(&drive.folder.join("mod_wsgi.so"), &whole.bytes());
    let ran = drive.both(&["--module", "mod_wsgi.so"]);
    assert!(!ran.stdout.contains("Microsoft.VC90.CRT"), "{}", ran.stdout);
    let bare = crate::made::pe::Made { manifest: None, ..whole };
    made::write(&drive.folder.join("mod_wsgi.so"), &bare.bytes());
    let ran = drive.both(&["--module", "mod_wsgi.so"]).ended(1);
    says(&ran, &["error  mod_wsgi.so: ", "Microsoft.VC90.CRT"]);
}

/// What nobody named is chosen of what was found: the Python that breaks no rule with the Apache.
#[test]
fn of_several_that_were_found_those_that_fit_are_taken() {
    let drive = Drive::empty();
    let of = |path: &str, arch| {
        let folder = made::python(&drive.folder.join(path), "3.13.2", arch, "VS17");
        Python::read(&folder).unwrap()
    };
    let pythons = vec![
        of("Users/joe/Python313", Arch::Win64),
        of("Program Files (x86)/Python313-32", Arch::Win32),
        of("Program Files/Python313", Arch::Win64),
    ];
    let apache = Apache::read(&drive.apache("2.4.66", Arch::Win64, "VS17")).unwrap();
    let mut parts = Parts::default();
    parts.fill(Discovered { apaches: vec![apache.clone(), apache], pythons: pythons.clone() });
    assert_eq!(parts.python.as_ref(), Some(&pythons[2]));
    assert_eq!(parts.also_found.len(), 3, "{:?}", parts.also_found);
    let diagnosis = diagnose(parts.settled(), None);
    assert_eq!(diagnosis.ending(), Ending::NothingBroken);
    let mut parts = Parts::default();
    parts.fill(Discovered { apaches: Vec::new(), pythons: pythons.clone() });
    assert_eq!(parts.python.as_ref(), Some(&pythons[1]));
}

/// The Apache of the kit is mingw's, which is of none of Microsoft's families.
#[test]
fn the_real_ones_of_the_kit_are_judged() {
    let drive = Drive::empty();
    let right = drive.module("right.so", "3.13", Arch::Win64, "VS17");
    let wrong = drive.module("wrong.so", "3.11", Arch::Win32, "VS17");
    let apache = running_roots().join("apache/2.4-win64");
    let python = running_roots().join("python/3.13-win64");
    let named = ["--apache", apache.as_str(), "--python", python.as_str(), "--module"];
    let ran = drive.doctor(&[&named[..], &[right.as_str()]].concat()).ended(0);
    says(
        &ran,
        &["Apache has msvcrt.dll as C runtime, which tells no family", "Nothing is broken, as far"],
    );
    says(&ran, &["Python 3.13.2, win64, VC14 (VS17)", "modules/mod_wsgi-py313-VC14.so"]);
    let ran = drive.doctor(&[&named[..], &[wrong.as_str()]].concat()).ended(1);
    says(
        &ran,
        &["wrong.so is for Python 3.11, and this is Python 3.13", "wrong.so is 32 bit (win32)"],
    );
}
