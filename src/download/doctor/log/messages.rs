//! The messages that users of `mod_wsgi` on Windows report, with what each means and what to do. A line
//! is explained by the first that knows it; what explains most stands first.

use super::here;
use super::windows::{Refusal, load_failure};
use crate::download::doctor::Parts;
use crate::smoke::words;

/// A message that is known.
#[derive(Debug)]
pub(super) struct Message {
    /// Its name, stable across versions.
    pub(super) id: &'static str,
    /// Whether a line has it.
    pub(super) is: fn(&str) -> bool,
    /// What it means.
    pub(super) means: &'static str,
    /// What it comes from here, by what the parts are.
    pub(super) here: fn(&str, &Parts) -> Option<String>,
    /// What to do.
    pub(super) remedy: &'static str,
}

/// All of them.
pub(super) static MESSAGES: [Message; 20] = [
    Message {
        id: "not-a-win32-application",
        is: |line| refused(line, Refusal::NotWin32),
        means: "Apache is 64 bit and the file that it names is 32 bit, or the other way round (a \
                file that is cut short or is no DLL is answered the same)",
        here: here::bitness,
        remedy: "rule 1: take Apache, Python and mod_wsgi all of 64 bit, or all of 32 bit",
    },
    Message {
        id: "side-by-side",
        is: |line| {
            let words =
                ["R6034", "load the C runtime library incorrectly", "side-by-side configuration"];
            refused(line, Refusal::SideBySide) || any(line, &words)
        },
        means: "the file is of VC9, and its manifest for MSVCR90.dll is missing, or that runtime \
                is not installed",
        here: here::compilers,
        remedy: "install the Visual C++ 2008 SP1 Redistributable of the right bitness; take a module \
                 with the manifest, as those of a release have it",
    },
    Message {
        id: "dll-start-failed",
        is: |line| refused(line, Refusal::StartFailed),
        means: "the DLL was found, and its start failed: mostly because a runtime or a Python of \
                another compiler is in the process already, or the LoadFile line names another \
                Python than the module is for",
        here: here::compilers,
        remedy: "rules 3 and 4: Apache, Python and mod_wsgi of one compiler family; let LoadFile \
                 name the pythonXY.dll of the very Python that the module is for",
    },
    Message {
        id: "procedure-not-found",
        is: |line| {
            let entry = line.contains("entry point") && line.contains("could not be located");
            refused(line, Refusal::NoProcedure) || entry || line.contains("undefined symbol")
        },
        means: "a DLL is there, and lacks a function that is imported from it: it is of another \
                version than the one that the module was compiled against",
        here: here::other_versions,
        remedy: "take the module for this Apache and this Python; see that no other pythonXY.dll \
                 or libhttpd.dll comes first (beside httpd.exe, in System32, on the PATH)",
    },
    Message {
        id: "access-denied",
        is: |line| {
            let python = ["PermissionError", "[WinError 5]", "Error 5: Access"];
            refused(line, Refusal::Denied) || any(line, &python)
        },
        means: "the account that Apache runs as may not read (or write) a file. Where Apache \
                cannot load it: Python or the module lies in the profile of one user, or comes \
                from the Microsoft Store",
        here: here::for_one_user,
        remedy: "rule 2: install Python for all users, from python.org, and put environments and \
                 modules where the service may read them",
    },
    Message {
        id: "module-not-found",
        is: |line| refused(line, Refusal::NotFound),
        means: "the file is not there, or a DLL that it imports is not found: mostly \
                pythonXY.dll, else the Visual C++ runtime. Windows does not say which",
        here: here::missing,
        remedy: "write a LoadFile line with the whole path of pythonXY.dll before LoadModule, and \
                 install the Visual C++ Redistributable",
    },
    Message {
        id: "cannot-load",
        is: |line| refused(line, Refusal::Other),
        means: "Windows does not load the file, in words that are not known here",
        here: here::any_rule,
        remedy: "compare with the four rules above; name the file with --module",
    },
    Message {
        id: "no-module-symbol",
        is: |line| line.contains("Can't locate API module structure"),
        means: "the file is a DLL, and not the module that the LoadModule line names: a Python \
                extension, a renamed object file, or another module",
        here: here::symbol,
        remedy: "write `LoadModule wsgi_module`, and name a file that exports wsgi_module",
    },
    Message {
        id: "other-apache-series",
        is: |line| {
            let garbled = line.contains("API module structure") && line.contains("garbled");
            garbled || line.contains("is not compatible with this version of Apache")
        },
        means: "the module was compiled for another series of Apache: signature 41503232 is \
                Apache 2.2, 41503234 is 2.4",
        here: here::series,
        remedy: "take the module from the folder of this Apache's series: Apache24-… for 2.4",
    },
    Message {
        id: "no-encodings",
        is: |line| {
            let older = ["unable to load the file system codec", "Py_Initialize: "];
            any(line, &words::NO_ENCODINGS) || line.contains(words::NO_CODEC) || any(line, &older)
        },
        means: "Python does not find its standard library: WSGIPythonHome names no Python of this \
                version, or an environment whose Python is gone, or Python is not installed for \
                all users",
        here: here::home,
        remedy: "let WSGIPythonHome name the folder of the Python (or of the virtual environment) \
                 that the module is for, and let Apache's account read it",
    },
    Message {
        id: "python-does-not-start",
        is: |line| any(line, &["Fatal Python error: ", "Python interpreter configuration failed"]),
        means: "Python gives up as it starts inside Apache",
        here: here::home,
        remedy: "see what it says in this line, and compare WSGIPythonHome and LoadFile with the \
                 lines below",
    },
    Message {
        id: "child-does-not-start",
        is: |line| line.contains("create child process failed"),
        means: "Apache's child process, which runs Python and mod_wsgi, ends before it is ready; \
                what Python said of it stands above, or in the console alone",
        here: here::home,
        remedy: "start bin\\httpd.exe in a console to see what Python says; compare \
                 WSGIPythonHome and LoadFile with the lines below",
    },
    Message {
        id: "child-crashed",
        is: |line| words::child_status(line).is_some(),
        means: "Apache's child process, which runs Python and mod_wsgi, ends by itself and is \
                started again",
        here: here::crash,
        remedy: "rules 3 and 4 first: one compiler family, the module for this very Python. Where \
                 they are kept, an extension module does not bear several interpreters: write \
                 WSGIApplicationGroup %{GLOBAL}",
    },
    Message {
        id: "unknown-directive",
        is: |line| line.contains("Invalid command 'WSGI"),
        means: "Apache does not know the directive: no line loads mod_wsgi before it",
        here: here::loading,
        remedy: "put the module's file into Apache's modules folder and the LoadModule line \
                 before the first WSGI directive",
    },
    Message {
        id: "where-does-it-go",
        is: |line| {
            line.contains("line in httpd.conf file") || line.contains("but there no 'mod_wsgi")
        },
        means: "a LoadModule line names a file that is not in Apache's modules folder",
        here: here::loading,
        remedy: "put the file there, or let the line name its whole path, and let there be one \
                 such line alone",
    },
    Message {
        id: "loaded-twice",
        is: |line| line.contains("module wsgi_module is already loaded"),
        means: "two LoadModule lines load mod_wsgi, and the first wins, whatever file it names",
        here: here::loading,
        remedy: "leave one of them",
    },
    Message {
        id: "extension-not-loaded",
        is: |line| line.contains("DLL load failed"),
        means: "mod_wsgi works, and a Python package does not find a DLL of its own, or was \
                compiled for another Python: the PATH of Apache's service is not that of your \
                console",
        here: here::for_one_user,
        remedy: "install the package again with the pip of this very Python; for conda put its \
                 Library\\bin on the PATH of the service; a package that bears one interpreter \
                 alone wants WSGIApplicationGroup %{GLOBAL}",
    },
    Message {
        id: "no-compiler",
        is: |line| {
            let wanted = line.contains("Microsoft Visual C++") && line.contains("is required");
            wanted || line.contains("Unable to find vcvarsall.bat")
        },
        means: "pip compiles mod_wsgi here, and there is no compiler of Microsoft's",
        here: here::built,
        remedy: "take a file or a wheel that is built: neither compiler nor headers are needed \
                 then",
    },
    Message {
        id: "no-headers",
        is: |line| {
            let header = any(line, &["httpd.h", "ap_config.h", "http_config.h", "apr.h"]);
            let missing = any(line, &["Cannot open include file", "C1083", "No such file"]);
            header && missing || line.contains("No Apache installation can be found")
        },
        means: "pip compiles mod_wsgi here, and finds no Apache with headers: those of XAMPP, \
                WampServer and Bitnami have none",
        here: here::headers,
        remedy: "take a file or a wheel that is built; or name an Apache of Apache Lounge, which \
                 has headers, with MOD_WSGI_APACHE_ROOTDIR=C:/Apache24",
    },
    Message {
        id: "linked-with-other-bits",
        is: |line| {
            any(line, &["LNK1112", "LNK4272"])
                || any(line, &["LNK2001", "LNK2019"]) && line.contains("__imp_")
        },
        means: "the compiler makes code for one bitness, and the libraries of Apache or Python are \
                for the other",
        here: here::bitness,
        remedy: "rule 1; compile in the \"x64 Native Tools\" prompt for a 64 bit Python; or take \
                 a file that is built",
    },
];

fn refused(line: &str, refusal: Refusal) -> bool {
    load_failure(line).is_some_and(|(_, is)| is == refusal)
}

fn any(line: &str, words: &[&str]) -> bool {
    words.iter().any(|word| line.contains(word))
}
