//! `apache-dlls`: the module calls Apache's DLLs and no other server's.

use super::{Check, Context, Expectation, Facts, Finding, hinted};

pub(super) static CHECK: Check = Check::new(
    "apache-dlls",
    "libhttpd.dll and libapr-1.dll are imported, and no others like them",
    check,
);

const NEEDED: [&str; 2] = ["libhttpd.dll", "libapr-1.dll"];
const USUAL: [&str; 3] = ["libhttpd.dll", "libapr-1.dll", "libaprutil-1.dll"];

fn check(facts: &Facts, _: &Expectation, _: &Context) -> Vec<Finding> {
    let missing = NEEDED.into_iter().filter(|dll| !facts.imports_dll(dll)).map(|dll| {
        let hint =
            "it is no module of an Apache for Windows, or was linked with another's libraries";
        hinted(CHECK.error(format!("imports nothing from {dll}")), hint)
    });
    let strange = facts.imports.iter().filter_map(|import| strange(&import.dll));
    missing.chain(strange).collect()
}

fn strange(dll: &str) -> Option<Finding> {
    let name = dll.to_ascii_lowercase();
    let alike = ["libhttpd", "httpd", "libapr", "apr", "apache", "libapache"];
    if USUAL.contains(&name.as_str()) || !alike.iter().any(|start| name.starts_with(start)) {
        return None;
    }
    if name == "libapriconv-1.dll" {
        return Some(CHECK.note("imports libapriconv-1.dll, which modules rarely need"));
    }
    let message = format!("imports {dll}: Apache 2.2 and 2.4 for Windows have no DLL of this name");
    Some(hinted(CHECK.error(message), "link with libhttpd.lib, libapr-1.lib and libaprutil-1.lib"))
}
