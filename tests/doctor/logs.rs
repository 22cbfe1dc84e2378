//! The messages that users report, explained by what is installed: as they stand in the reports, and as a
//! real Apache writes them here.

use modfarm::model::arch::Arch;
use modfarm::smoke::{Setting, Trial};
use modfarm::sys::files;

use super::{Drive, made, says};
use crate::made::pe::{AP22, Made};
use crate::program::running_roots;
use crate::smoke::{Bench, TRIED, python, without_library};

const SO: &str = "modules/mod_wsgi.so";

impl Drive {
    /// What the doctor says of a log here, with the Apache, the Python and the module that are there.
    fn explains(&self, log: &str, words: &[&str]) {
        made::write(&self.folder.join("error.log"), log.as_bytes());
        let module = self.folder.join("Apache24").join(SO);
        let module = ["--module", module.as_str()];
        let module = if files::exists(module[1].into()) { &module[..] } else { &[] };
        let ran = self.both(&[&["--log", "error.log"], module].concat()).ended(1);
        says(&ran, words);
        assert!(ran.stdout.contains("    means: ") && ran.stdout.contains("    do:    "));
    }

    fn in_modules(&self, made: &Made) {
        made::write(&self.folder.join("Apache24").join(SO), &made.bytes());
    }
}

fn load(said: &str) -> String {
    format!(
        "httpd.exe: Syntax error on line 188 of C:/Apache24/conf/httpd.conf: Cannot load {SO} \
         into server: {said}\n"
    )
}

#[test]
fn a_32_bit_file_for_a_64_bit_apache() {
    let drive = Drive::right();
    drive.in_modules(&made::module("3.13", Arch::Win32, "VS17"));
    let here =
        "here:  Apache is 64 bit (win64), Python is 64 bit (win64), mod_wsgi.so is 32 bit (win32)";
    let german = load("%1 ist keine zulässige Win32-Anwendung.");
    for said in [load("%1 is not a valid Win32 application."), german] {
        drive.explains(
            &said,
            &["not-a-win32-application, once", here, "rule 1: take Apache, Python"],
        );
    }
}

#[test]
fn a_module_or_what_it_imports_that_is_not_found() {
    let drive = Drive::right();
    let french = load("Le module spécifié est introuvable.");
    let english = load("The specified module could not be found.");
    drive.explains(
        &french,
        &["module-not-found, once", "here:  Apache24/modules/mod_wsgi.so is not there"],
    );
    drive.in_modules(&made::module("3.13", Arch::Win64, "VS17"));
    let here = format!(
        "mod_wsgi.so imports python313.dll, which Windows looks for beside httpd.exe, in System32 \
         and on the PATH: write LoadFile \"{}/Python/python313.dll\"",
        drive.folder
    );
    drive.explains(&english, &[&here, "write a LoadFile line with the whole path of pythonXY.dll"]);
    drive.in_modules(&made::module("3.9", Arch::Win64, "VS17"));
    drive.explains(&english, &["here:  mod_wsgi.so is for Python 3.9, and this is Python 3.13"]);
    drive.in_modules(&made::module("3.13", Arch::Win64, "VS17").importing("zlib1.dll", "inflate"));
    drive.explains(&english, &["here:  mod_wsgi.so imports zlib1.dll, which is not there"]);
}

#[test]
fn compilers_that_are_mixed() {
    let drive = Drive::empty();
    drive.apache("2.4.33", Arch::Win64, "VC11");
    drive.python("2.7.15", Arch::Win64, "VC9");
    drive.in_modules(&made::module("2.7", Arch::Win64, "VC9"));
    let here = "here:  Apache is of VC11 (MSVCR110.dll), Python 2.7 of VC9 (MSVCR90.dll)";
    let failed = load("A dynamic link library (DLL) initialization routine failed.");
    drive.explains(&failed, &["dll-start-failed, once", here, "rules 3 and 4: "]);
    let side = load(
        "The application has failed to start because its side-by-side configuration is incorrect. \
         Please see the application event log or use the command-line sxstrace.exe tool for more \
         detail.",
    );
    drive.explains(&side, &["side-by-side, once", here, "Visual C++ 2008 SP1 Redistributable"]);
    let crash = "[mpm_winnt:notice] [pid 5788:tid 828] AH00428: Parent: child process 14664 \
                 exited with status 3221225477 -- Restarting.\n";
    let ends = "here:  it ends in a crash, 0xc0000005: an access violation: it used memory that \
                is not its own; Apache is of VC11";
    drive.explains(
        &crash.repeat(3),
        &["child-crashed, 3 times", ends, "WSGIApplicationGroup %{GLOBAL}"],
    );
}

#[test]
fn a_library_that_python_does_not_find() {
    let log = "Fatal Python error: init_fs_encoding: failed to get the Python codec of the \
               filesystem encoding\nPython runtime state: core initialized\nModuleNotFoundError: \
               No module named 'encodings'\n";
    let drive = Drive::right();
    let home = format!("for Python 3.13 write WSGIPythonHome \"{}/Python\"", drive.folder);
    drive.explains(log, &["no-encodings, 2 times", &home]);
    files::remove_dir_all(&drive.folder.join("Python/Lib")).unwrap();
    drive.explains(log, &["here:  Python has no Lib/encodings"]);
    let drive = Drive::right();
    let users = drive.folder.join("Users/joe/Python313");
    made::python(&users, "3.13.2", Arch::Win64, "VS17");
    made::write(&drive.folder.join("error.log"), log.as_bytes());
    let named = ["--apache", "Apache24", "--python", users.as_str(), "--log", "error.log"];
    let ran = drive.doctor(&named).ended(1);
    says(&ran, &["; it lies in the profile of joe", "let Apache's account read it"]);
}

#[test]
fn a_python_that_the_service_may_not_read() {
    let drive = Drive::right();
    let store = "Program \
                 Files/WindowsApps/PythonSoftwareFoundation.Python.3.11_3.11.1008.0_x64__qbz5n2kfra8p0";
    made::python(&drive.folder.join(store), "3.11.9", Arch::Win64, "VS17");
    let log =
        format!("httpd: Cannot load C:/{store}/python311.dll into server: Zugriff verweigert\n");
    made::write(&drive.folder.join("error.log"), log.as_bytes());
    let ran = drive.doctor(&["--python", store, "--log", "error.log"]).ended(1);
    says(
        &ran,
        &["access-denied, once", "here:  it is from the Microsoft Store", "rule 2: install Python"],
    );
}

#[test]
fn a_file_that_is_not_the_module() {
    let drive = Drive::right();
    let made = made::module("3.13", Arch::Win64, "VS17");
    drive.in_modules(&Made { exports: vec!["PyInit_x".into()], ..made.clone() });
    let log = "httpd.exe: Syntax error on line 5: Can't locate API module structure `wsgi_module' \
               in file C:/Apache24/modules/mod_wsgi.so: The specified procedure could not be \
               found.\n";
    let here = "here:  mod_wsgi.so exports no symbol of an Apache module";
    drive.explains(log, &["no-module-symbol, once", here, "write `LoadModule wsgi_module`"]);
    drive.in_modules(&Made { magic: AP22, ..made });
    let log = "httpd: API module structure 'wsgi_module' in file C:/Apache24/modules/mod_wsgi.so \
               is garbled - expected signature 41503234 but saw 41503232 - perhaps this is not an \
               Apache module DSO, or was compiled for a different Apache version?\n";
    let here = "here:  mod_wsgi.so is for Apache 2.2, and this is Apache 2.4";
    drive.explains(log, &["other-apache-series, once", here, "Apache24-… for 2.4"]);
}

#[test]
fn functions_that_are_missing() {
    let drive = Drive::right();
    drive.in_modules(&made::module("3.12", Arch::Win64, "VS17"));
    let here = "here:  mod_wsgi.so is for Python 3.12, and this is Python 3.13";
    let said = load("The specified procedure could not be found.");
    drive.explains(&said, &["procedure-not-found, once", here, "no other pythonXY.dll"]);
}

#[test]
fn builds_without_a_compiler_or_headers() {
    let drive = Drive::empty();
    made::apache(&drive.folder.join("xampp/apache"), "2.4.58", Arch::Win64, "VS16");
    drive.python("3.13.2", Arch::Win64, "VS17");
    let said = |log: &str, words: &[&str]| {
        made::write(&drive.folder.join("pip.log"), log.as_bytes());
        let named = ["--apache", "xampp/apache", "--python", "Python", "--log", "pip.log"];
        says(&drive.doctor(&named).ended(1), words);
    };
    let file = "the file is Apache24-win64-VS16/modules/mod_wsgi-py313-VC14.so";
    let log = "error: Microsoft Visual C++ 14.0 or greater is required. Get it with \"Microsoft \
               C++ Build Tools\"\n";
    said(log, &["no-compiler, once", file, "take a file or a wheel that is built"]);
    let log = "src/server\\wsgi_apache.h(36): fatal error C1083: Cannot open include file: \
               'httpd.h': No such file or directory\n";
    let here = "here:  xampp/apache (XAMPP) has no include/httpd.h; the file is ";
    said(log, &["no-headers, once", here, "MOD_WSGI_APACHE_ROOTDIR"]);
    let log = "mod_wsgi.obj : error LNK2001: unresolved external symbol __imp__ap_mpm_query@8\n";
    said(log, &["linked-with-other-bits, once", "x64 Native Tools"]);
}

#[test]
fn lines_that_are_missing_or_stand_twice() {
    let drive = Drive::right();
    let here = "here:  the line is: LoadModule wsgi_module modules/mod_wsgi-py313-VC14.so";
    let log = "Invalid command 'WSGIScriptAlias', perhaps misspelled or defined by a module not \
               included in the server configuration\n";
    drive.explains(log, &["unknown-directive, once", here, "into Apache's modules folder"]);
    let log = "There is 'LoadModule wsgi_module modules/mod_wsgi.so' line in httpd.conf file\n \
               but there no 'mod_wsgi.so' file in apachex.y.z/modules/ directory.\n";
    drive.explains(log, &["where-does-it-go, 2 times", here]);
    let log =
        "[so:warn] [pid 7040:tid 144] AH01574: module wsgi_module is already loaded, skipping\n";
    drive.explains(log, &["loaded-twice, once", "leave one of them"]);
}

#[test]
fn an_extension_that_is_not_loaded() {
    let drive = Drive::right();
    files::create_dir_all(&drive.folder.join("Python/conda-meta")).unwrap();
    let log = "[wsgi:error] ImportError: DLL load failed while importing _ssl: The specified \
               module could not be found.\n";
    drive.explains(
        log,
        &["extension-not-loaded, once", "here:  Python is conda's Python", "Library\\bin"],
    );
}

/// PowerShell writes UTF-16, and Apache escapes what is no ASCII.
#[test]
fn every_encoding_of_a_log_is_understood() {
    let drive = Drive::right();
    let german = load("%1 ist keine zulässige Win32-Anwendung.");
    let utf16: Vec<u8> =
        std::iter::once(0xfeff).chain(german.encode_utf16()).flat_map(u16::to_le_bytes).collect();
    let code_page: Vec<u8> =
        german.chars().map(|c| u8::try_from(u32::from(c)).expect("Latin")).collect();
    let escaped = load(r"Le module sp\xc3\xa9cifi\xc3\xa9 est introuvable.").into_bytes();
    for (bytes, id) in [
        (utf16, "not-a-win32-application"),
        (code_page, "not-a-win32-application"),
        (escaped, "module-not-found"),
    ] {
        made::write(&drive.folder.join("log"), &bytes);
        says(&drive.both(&["--log", "log"]).ended(1), &[id]);
    }
}

/// A real Apache meets what is wrong; the doctor explains what it wrote.
#[test]
fn what_a_real_apache_writes_is_explained() {
    let bench = Bench::new();
    let right = bench.trial(TRIED.bytes("py313"), "3.13");
    let made = |made: Made| bench.trial(made.bytes(), "3.13");
    let win32 = files::read(&TRIED.module("win32", "py313")).expect("a module");
    let bare = crate::smoke::replaced(TRIED.bytes("py313"), b"wsgi_module\0", b"wsgj_module\0");
    let unloaded = Setting { without_load_file: true, ..Setting::default() };
    let module = Made::module("python313.dll");
    for (trial, words) in [
        (
            bench.trial(win32, "3.13"),
            ["not-a-win32-application", "mod_wsgi-tried.so is 32 bit (win32)"],
        ),
        (Trial { setting: unloaded, ..right.clone() }, ["module-not-found", "write LoadFile \""]),
        (
            made(module.clone().importing("nowhere.dll", "x")),
            ["module-not-found", "mod_wsgi-tried.so imports nowhere.dll, which is not there"],
        ),
        (bench.trial(bare, "3.13"), ["no-module-symbol", "mod_wsgi-tried.so exports wsgj_module"]),
        (
            made(Made { magic: AP22, ..module }),
            ["other-apache-series", "mod_wsgi-tried.so is for Apache 2.2"],
        ),
        (
            Trial { host: without_library(&bench), ..right },
            ["no-encodings", "for Python 3.13 write WSGIPythonHome"],
        ),
    ] {
        bench.failure(&trial);
        let logs = ["logs/error.log", "logs/output.txt"];
        let said = logs.map(|name| files::read(&trial.folder.join(name)).unwrap_or_default());
        let drive = Drive::empty();
        made::write(&drive.folder.join("log"), &said.concat());
        let (apache, python) = (running_roots().join("apache/2.4-win64"), python("3.13"));
        let module = trial.folder.join(&trial.file_name);
        let named = ["--apache", apache.as_str(), "--python", python.as_str(), "--log", "log"];
        let ran = drive.doctor(&[&named[..], &["--module", module.as_str()]].concat());
        let log = String::from_utf8_lossy(&said.concat()).into_owned();
        assert_eq!(ran.code, 1, "{log}\n{ran:?}");
        for word in words {
            assert!(ran.stdout.contains(word), "{word:?}: {log}\n{}", ran.stdout);
        }
    }
}
