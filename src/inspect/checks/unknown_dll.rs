//! `unknown-dll`: a DLL that is not there is "The specified module could not be found", without a
//! word about which.

use super::{Check, Context, Expectation, Facts, Finding, hinted};
use crate::model::abi::AbiFamily;
use crate::model::python::PythonTag;

pub(super) static CHECK: Check = Check::new(
    "unknown-dll",
    "every imported DLL is Windows', Apache's, Python's or the C runtime",
    check,
);

/// DLLs of compilers that users do not have, by how their names begin.
const NEVER_THERE: [(&str, &str); 11] = [
    ("libgcc_s", "link with -static-libgcc"),
    ("libwinpthread", "link with -static, or with the win32 thread model"),
    ("libstdc++", "link with -static-libstdc++"),
    ("libssp", "compile with -fno-stack-protector"),
    ("libc++", "link libc++ statically"),
    ("libunwind", "link libunwind statically"),
    ("cygwin1", "build for native Windows, not for Cygwin"),
    ("cyg", "build for native Windows, not for Cygwin"),
    ("msys-", "build for native Windows, not for MSYS"),
    ("vcomp", "compile without /openmp"),
    ("clang_rt.", "compile without sanitizers"),
];

const WINDOWS: [&str; 30] = [
    "advapi32",
    "bcrypt",
    "bcryptprimitives",
    "cfgmgr32",
    "crypt32",
    "dbghelp",
    "dnsapi",
    "gdi32",
    "iphlpapi",
    "kernel32",
    "kernelbase",
    "mpr",
    "mswsock",
    "netapi32",
    "ntdll",
    "ole32",
    "oleaut32",
    "powrprof",
    "psapi",
    "rpcrt4",
    "secur32",
    "shell32",
    "shlwapi",
    "synchronization",
    "user32",
    "userenv",
    "version",
    "winmm",
    "ws2_32",
    "wsock32",
];

fn check(facts: &Facts, _: &Expectation, context: &Context) -> Vec<Finding> {
    let dlls = facts.imports.iter().map(|import| import.dll.as_str());
    dlls.filter(|dll| !in_roots(dll, context)).filter_map(judge).collect()
}

fn in_roots(dll: &str, context: &Context) -> bool {
    context.roots.iter().any(|root| root.dll.eq_ignore_ascii_case(dll))
}

fn judge(dll: &str) -> Option<Finding> {
    let name = dll.to_ascii_lowercase();
    if let Some((_, hint)) = NEVER_THERE.iter().find(|(start, _)| name.starts_with(start)) {
        let message = format!("imports {dll}, which is not on users' machines");
        return Some(hinted(CHECK.error(message), *hint));
    }
    let spoken_for = is_windows(&name) || is_checked_elsewhere(&name);
    (!spoken_for).then(|| {
        let message = format!("imports {dll}, which is neither Windows', Apache's nor Python's");
        hinted(
            CHECK.warning(message),
            "it must be installed beside Apache, or the module will not load",
        )
    })
}

/// Whether the DLL of this name, in small letters, comes with Windows itself.
pub(super) fn is_windows(name: &str) -> bool {
    let stem = name.strip_suffix(".dll").or_else(|| name.strip_suffix(".drv")).unwrap_or(name);
    stem.starts_with("api-ms-win-") || stem.starts_with("ext-ms-") || WINDOWS.contains(&stem)
}

/// The DLLs that other checks judge.
fn is_checked_elsewhere(name: &str) -> bool {
    let families = ["python3.", "python3t.", "libhttpd", "httpd", "libapr", "apr", "apache"];
    let runtimes = ["msvcr", "msvcp", "ucrtbase", "vcruntime"];
    PythonTag::of_dll(name).is_some()
        || AbiFamily::of_runtime_dll(name).is_some()
        || families.iter().chain(&runtimes).any(|start| name.starts_with(start))
        || name.starts_with("python") && name.ends_with("_d.dll")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::finding::Severity;

    #[test]
    fn tells_what_is_never_there_from_what_may_be() {
        let severity = |dll: &str| judge(dll).map(|finding| finding.severity);
        for dll in
            ["KERNEL32.dll", "api-ms-win-core-path-l1-1-0.dll", "python313.dll", "VCRUNTIME140.dll"]
        {
            assert_eq!(severity(dll), None, "{dll}");
        }
        for dll in ["libgcc_s_seh-1.dll", "libwinpthread-1.dll", "cygwin1.dll", "VCOMP140.DLL"] {
            assert_eq!(severity(dll), Some(Severity::Error), "{dll}");
        }
        assert_eq!(severity("zlib1.dll"), Some(Severity::Warning));
    }
}
