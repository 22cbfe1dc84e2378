//! What else is known to go wrong, beyond the four rules: missing DLLs, a Python without its library, a
//! virtual environment, an Apache that nothing can be compiled against.

use super::{Parts, name};
use crate::download::installation::{conf_path, user};
use crate::model::abi::AbiFamily;
use crate::model::finding::{Finding, Severity};
use crate::model::installation::{Apache, Build, Module, Need, Python, PythonKind};
use crate::model::version::Version;

/// Everything, worst first.
pub(super) fn findings(parts: &Parts, lines: &[String]) -> Vec<Finding> {
    let mut all = Vec::new();
    if let Some(apache) = &parts.apache {
        all.extend(needed(&apache.needs, &apache.build));
        all.extend(headers(apache));
        all.extend(parts.python.as_ref().and_then(|python| other_copy(apache, python)));
    }
    if let Some(python) = &parts.python {
        all.extend(needed(&python.needs, &python.build));
        all.extend(library(python));
        all.extend(environment(python));
        all.extend(environment_of_one(python));
        all.extend(kind(python));
    }
    for module in &parts.modules {
        all.extend(parts.needs_of(module).filter_map(|need| need_of(need, &module.build)));
        all.extend(inspected(module));
    }
    all.extend(newest_runtime(parts));
    all.extend(other_system(lines));
    say_once(&mut all);
    all.sort_by_key(|finding| std::cmp::Reverse(finding.severity));
    all
}

fn finding(severity: Severity, check: &str, message: String, hint: impl Into<String>) -> Finding {
    let hint = Some(hint.into()).filter(|hint| !hint.is_empty());
    Finding { check: check.to_owned(), severity, message, hint }
}

/// What is neither Windows' own nor beside who imports it.
fn needed(needs: &[Need], build: &Build) -> Vec<Finding> {
    needs.iter().filter_map(|need| need_of(need, build)).collect()
}

fn need_of(need: &Need, build: &Build) -> Option<Finding> {
    let Need { dll, by, runtime, in_system, .. } = need;
    let bits = if build.machine == "win32" { "x86" } else { "x64" };
    match (runtime, in_system) {
        (_, Some(true)) => None,
        (Some(family), Some(false)) => Some(finding(
            Severity::Error,
            "runtime-missing",
            format!(
                "{by} imports {dll}, which is neither beside it nor in the system folder: Windows \
                 says \"The specified module could not be found\""
            ),
            format!("install {} ({bits})", family.redistributable()),
        )),
        (Some(family), None) => Some(finding(
            Severity::Note,
            "runtime",
            format!("{by} imports {dll}; whether Windows has it cannot be seen from here"),
            format!("it comes with {} ({bits})", family.redistributable()),
        )),
        (None, _) => Some(finding(
            Severity::Error,
            "dll-missing",
            format!("{by} imports {dll}, which is neither beside it nor Windows' own"),
            format!("put {dll} back beside {by}, or unpack the distribution again"),
        )),
    }
}

fn headers(apache: &Apache) -> Option<Finding> {
    let missing = match (apache.headers.httpd_h, apache.headers.libhttpd_lib) {
        (true, true) => return None,
        (false, _) => "include/httpd.h",
        (true, false) => "lib/libhttpd.lib",
    };
    Some(finding(
        Severity::Note,
        "no-headers",
        format!(
            "this Apache has no {missing}: it runs modules, and none can be compiled against it"
        ),
        "`pip install mod_wsgi` from source fails with it (\"Cannot open include file: \
         'httpd.h'\"); take a file that is built, or the zip of Apache Lounge, which has the \
         headers",
    ))
}

/// Windows takes the one beside httpd.exe before any other.
fn other_copy(apache: &Apache, python: &Python) -> Option<Finding> {
    let dll = python.tag.dll();
    let copy = apache.folder.join("bin").join(&dll);
    if !crate::sys::files::exists(&copy) {
        return None;
    }
    Some(finding(
        Severity::Warning,
        "second-python-dll",
        format!("{copy} is another copy of {dll}, and Windows takes it before Python's own"),
        "remove it; the LoadFile line names the right one",
    ))
}

fn library(python: &Python) -> Option<Finding> {
    if python.has_library {
        return None;
    }
    let base = &python.base;
    Some(finding(
        Severity::Error,
        "no-library",
        format!(
            "{base} has no Lib/encodings: Python says \"No module named 'encodings'\" and ends \
             Apache's child process"
        ),
        "install this Python again, or name the folder of a whole one",
    ))
}

fn environment(python: &Python) -> Option<Finding> {
    if !python.is_environment {
        return None;
    }
    let (home, base) = (conf_path(&python.home), conf_path(&python.base));
    Some(finding(
        Severity::Note,
        "environment",
        format!(
            "{home} is a virtual environment of the Python in {base}: WSGIPythonHome names the \
             environment, LoadFile the DLL of its Python, for the environment has none"
        ),
        "",
    ))
}

/// Its Python may be for all users.
fn environment_of_one(python: &Python) -> Option<Finding> {
    let user = user(&python.home).filter(|_| python.is_environment)?;
    Some(finding(
        Severity::Warning,
        "environment-of-one-user",
        format!(
            "{} lies in the profile of {user}, where the account of Apache's service may not read",
            python.home
        ),
        "make the environment in a folder that all may read, as C:\\www\\venv",
    ))
}

fn kind(python: &Python) -> Option<Finding> {
    let (check, message, hint) = match python.kind {
        PythonKind::Embeddable => (
            "embeddable",
            format!(
                "this is the embeddable zip, which looks for modules where python{}._pth says and \
                 nowhere else",
                python.tag.digits()
            ),
            "WSGIPythonHome, WSGIPythonPath and virtual environments do nothing with it: install \
             Python with the installer of python.org",
        ),
        PythonKind::Conda => (
            "conda",
            "this is conda's Python, whose modules need the DLLs of its folder Library\\bin"
                .to_owned(),
            "Apache does not find them there (\"DLL load failed while importing\"): install \
             Python from python.org, or put that folder on the PATH of the service",
        ),
        _ => return None,
    };
    Some(finding(Severity::Warning, check, message, hint))
}

/// What an inspection of the module itself objects to.
fn inspected(module: &Module) -> Vec<Finding> {
    let name = name(module);
    let worth = module.findings.iter().filter(|finding| finding.severity > Severity::Note);
    worth
        .map(|finding| Finding {
            message: format!("{name}: {}", finding.message),
            ..finding.clone()
        })
        .collect()
}

/// The runtime that Visual Studio 2026 brought.
const OF_VS18: &str = "14.50";

/// The runtime must be at least as new as the newest compiler.
fn newest_runtime(parts: &Parts) -> Option<Finding> {
    let is_vs18 = |build: &&Build| build.compiler.as_deref() == Some("VS18");
    let builds = parts.builds();
    let (name, build) = builds.iter().find(|(_, build)| is_vs18(build))?;
    let bits = if build.machine == "win32" { "x86" } else { "x64" };
    let wanted: Version = OF_VS18.parse().ok()?;
    let needs = parts.apache.iter().flat_map(|apache| &apache.needs);
    let needs = needs.chain(parts.modules.iter().flat_map(|module| &module.needs));
    let installed = needs.filter_map(|need| need.system_version.as_ref()).max();
    let (severity, check, is) = match installed {
        Some(installed) if *installed >= wanted => return None,
        Some(installed) => {
            (Severity::Error, "runtime-too-old", format!("; {installed} is installed"))
        }
        None => (Severity::Note, "new-runtime", String::new()),
    };
    Some(finding(
        severity,
        check,
        format!(
            "{name} is compiled with VS18 and needs version {OF_VS18} or later of the Visual C++ \
             runtime{is}"
        ),
        format!("install {} ({bits})", AbiFamily::Vc14.redistributable()),
    ))
}

/// On a mounted drive the paths are not those that the Apache there knows.
fn other_system(lines: &[String]) -> Option<Finding> {
    let foreign = |line: &&String| line.contains("\"/") && !line.contains("\"//");
    lines.iter().find(foreign)?;
    Some(finding(
        Severity::Note,
        "paths",
        "the lines name the folders as this system sees them".to_owned(),
        "on the Windows machine write its own paths, as C:/Python313, with forward slashes",
    ))
}

/// The same runtime is needed by several.
fn say_once(findings: &mut Vec<Finding>) {
    let mut seen = std::collections::HashSet::new();
    let key = |finding: &Finding| match finding.check.as_str() {
        "runtime" | "runtime-missing" => format!("{} {:?}", finding.check, finding.hint),
        _ => finding.message.clone(),
    };
    findings.retain(|finding| seen.insert(key(finding)));
}
