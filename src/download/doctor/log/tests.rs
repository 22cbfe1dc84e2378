//! The messages as users reported them, each known for what it is.

use super::*;

fn ids(text: &str) -> Vec<String> {
    explain(text, &Parts::default()).into_iter().map(|it| it.id).collect()
}

/// What Apache says when Windows does not load a file.
fn load(file: &str, said: &str) -> String {
    format!(
        "httpd.exe: Syntax error on line 188 of C:/Apache24/conf/httpd.conf: Cannot load {file} \
         into server: {said}"
    )
}

#[test]
fn each_refusal_of_windows_is_known() {
    for (said, id) in [
        ("%1 is not a valid Win32 application.", "not-a-win32-application"),
        ("The Apache service named is not a valid Win32 application.", "not-a-win32-application"),
        ("%1 ist keine zulässige Win32-Anwendung.", "not-a-win32-application"),
        ("The specified module could not be found.", "module-not-found"),
        ("Das angegebene Modul wurde nicht gefunden.", "module-not-found"),
        ("A dynamic link library (DLL) initialization routine failed.", "dll-start-failed"),
        ("The specified procedure could not be found.", "procedure-not-found"),
        ("... because its side-by-side configuration is incorrect.", "side-by-side"),
        ("Zugriff verweigert", "access-denied"),
        ("Ei onnistu.", "cannot-load"),
    ] {
        assert_eq!(ids(&load("modules/mod_wsgi.so", said)), [id], "{said}");
        assert_eq!(ids(&load("\"C:/Program Files/python311.dll\"", said)), [id], "{said}");
    }
}

#[test]
fn each_reported_message_is_known() {
    for (id, lines) in [
        ("access-denied", &["PermissionError: [WinError 5] Access is denied"][..]),
        (
            "side-by-side",
            &[
                "R6034 An application has made an attempt to load the C runtime library incorrectly.",
            ],
        ),
        (
            "no-encodings",
            &[
                "ModuleNotFoundError: No module named 'encodings'",
                "Fatal Python error: initfsencoding: unable to load the file system codec",
                "Fatal Python error: Py_Initialize: unable to load the file system codec",
                "Fatal Python error: init_fs_encoding: failed to get the Python codec of the \
                 filesystem encoding",
            ],
        ),
        (
            "python-does-not-start",
            &["Fatal Python error: init_import_site: Failed to import the site module"],
        ),
        (
            "no-module-symbol",
            &["Can't locate API module structure `wsgi_module' in file C:/x.so: No error"],
        ),
        (
            "other-apache-series",
            &[
                "API module structure 'wsgi_module' in file D:/Apache/modules/mod_wsgi.so is \
                 garbled - expected signature 41503232 but saw 41503234 - perhaps this is not an \
                 Apache module DSO, or was compiled for a different Apache version?",
                "httpd: module \"mod_wsgi.c\" is not compatible with this version of Apache (found \
                 20051115, need 20120211).",
            ],
        ),
        (
            "no-compiler",
            &[
                "error: Microsoft Visual C++ 14.0 or greater is required. Get it with \"Microsoft \
                 C++ Build Tools\"",
                "error: Microsoft Visual C++ 9.0 is required (Unable to find vcvarsall.bat).",
            ],
        ),
        (
            "no-headers",
            &[
                "src/server\\wsgi_python.h(24): fatal error C1083: Cannot open include file: \
                 'httpd.h': No such file or directory",
                "fatal error C1083: Datei (Include) kann nicht geöffnet werden: \"httpd.h\"",
                "RuntimeError: No Apache installation can be found. Set the \
                 MOD_WSGI_APACHE_ROOTDIR environment to its location.",
            ],
        ),
        (
            "linked-with-other-bits",
            &[
                "mod_wsgi.obj : error LNK2001: unresolved external symbol __imp__ap_mpm_query@8",
                "fatal error LNK1112: module machine type 'x86' conflicts with target machine type \
                 'x64'",
            ],
        ),
        (
            "child-crashed",
            &["[mpm_winnt:notice] AH00428: Parent: child process 14664 exited with status \
               3221225477 -- Restarting."],
        ),
        (
            "child-does-not-start",
            &["[mpm_winnt:crit] AH00419: master_main: create child process failed. Exiting."],
        ),
        (
            "unknown-directive",
            &["Invalid command 'WSGIScriptAlias', perhaps misspelled or defined by a module not \
               included in the server configuration"],
        ),
        (
            "where-does-it-go",
            &["There is 'LoadModule wsgi_module modules/mod_wsgi.so' line in httpd.conf file"],
        ),
        ("loaded-twice", &["[so:warn] AH01574: module wsgi_module is already loaded, skipping"]),
        (
            "extension-not-loaded",
            &["ImportError: DLL load failed while importing _ssl: The specified module could not \
               be found."],
        ),
    ] {
        for line in lines {
            assert_eq!(ids(line), [id], "{line}");
        }
    }
}

#[test]
fn what_is_no_trouble_is_not_explained() {
    for line in [
        "[mpm_winnt:notice] [pid 1:tid 2] AH00455: Apache/2.4.43 (Win64) mod_wsgi/4.7.1 \
         Python/3.7 configured -- resuming normal operations",
        "[mpm_winnt:notice] AH00418: Parent: Created child process 3084",
        "[mpm_winnt:notice] AH00364: Child: All worker threads have exited.",
        "Child process 292 exited successfully.",
        "ModuleNotFoundError: No module named 'django'",
        "[core:error] AH00037: Symbolic link not allowed or link target not accessible",
        "client denied by server configuration: C:/www",
        "",
    ] {
        assert_eq!(ids(line), [""; 0], "{line}");
    }
}

#[test]
fn lines_are_counted_and_the_last_is_shown() {
    let text = "1 AH00428: Parent: child process 1 exited with status 3221226505 -- Restarting.\nx\n\
                2 AH00428: Parent: child process 2 exited with status 3221225477 -- Restarting.\n\
                Cannot load a.so into server: %1 is not a valid Win32 application.\n";
    let found = explain(text, &Parts::default());
    let [first, second] = found.as_slice() else { panic!("{found:?}") };
    assert_eq!((first.id.as_str(), first.times), ("not-a-win32-application", 1));
    assert_eq!((second.id.as_str(), second.times), ("child-crashed", 2));
    assert!(second.line.starts_with("2 "));
    assert!(second.here.as_ref().unwrap().contains("0xc0000005: an access violation"));
    let long = format!("R6034 {}", "x".repeat(100_000));
    assert_eq!(explain(&long, &Parts::default())[0].line.len(), LONGEST_LINE);
}
