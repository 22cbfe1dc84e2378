//! `c-runtime`: rules 3 and 4 of the document. Two C runtimes in one process each have their own
//! heap, files and locale; what one allocates the other cannot free.

use super::{Check, Context, Expectation, Facts, Finding, hinted, misnamed};
use crate::inspect::expectation::family_of;
use crate::model::abi::AbiFamily;

pub(super) static CHECK: Check =
    Check::new("c-runtime", "the C runtime is the release one of the name's ABI family", check);

fn check(facts: &Facts, expected: &Expectation, _: &Context) -> Vec<Finding> {
    let foreign: Vec<_> = facts.imports.iter().filter_map(|import| foreign(&import.dll)).collect();
    if !foreign.is_empty() {
        return foreign;
    }
    match facts.runtimes().as_slice() {
        [] => vec![no_runtime()],
        [is] => wrong_family(*is, facts, expected).into_iter().collect(),
        several => vec![mixed(several)],
    }
}

/// Runtimes that no module may have.
fn foreign(dll: &str) -> Option<Finding> {
    let name = dll.to_ascii_lowercase();
    if is_debug(&name) {
        let message = format!("a debug build: imports {dll}, which no user has");
        return Some(hinted(CHECK.error(message), "compile with /MD, not with /MDd"));
    }
    if name == "msvcrt.dll" {
        let message = "imports msvcrt.dll, the C runtime of Windows itself and of mingw's default";
        let hint = "link the runtime of the ABI family: -lucrt, -lmsvcr100 or -lmsvcr90";
        return Some(hinted(CHECK.error(message), hint));
    }
    let unknown = is_msvcr(&name) && AbiFamily::of_runtime_dll(&name).is_none();
    unknown.then(|| CHECK.error(format!("imports {dll}, the C runtime of no supported compiler")))
}

/// Whether the DLL of this name, in small letters, is the C runtime of a compiler with a number of its own.
fn is_msvcr(name: &str) -> bool {
    let number = name.strip_prefix("msvcr").or_else(|| name.strip_prefix("msvcp"));
    number.is_some_and(|number| number.starts_with(|c: char| c.is_ascii_digit()))
}

fn is_debug(name: &str) -> bool {
    let Some(stem) = name.strip_suffix("d.dll") else { return false };
    let versioned = is_msvcr(stem) || stem.starts_with("vcruntime");
    stem == "ucrtbase" || versioned && stem.ends_with(|c: char| c.is_ascii_digit())
}

fn no_runtime() -> Finding {
    let message = "imports no C runtime: it is linked statically, with a heap of its own";
    hinted(CHECK.warning(message), "compile with /MD, as Apache and Python are")
}

fn wrong_family(is: AbiFamily, facts: &Facts, expected: &Expectation) -> Option<Finding> {
    if let Some(named) = expected.abi {
        let (named_runtime, runtime) = (named.runtime(), is.runtime());
        let message =
            format!("named for {named} ({named_runtime}) but its C runtime is {runtime} ({is})");
        return (is != named).then(|| misnamed(CHECK.error(message), facts, expected));
    }
    let [python] = facts.pythons()[..] else { return None };
    let family = family_of(python);
    let message = format!(
        "imports {}, which is built with {family}, but its C runtime is {} ({is})",
        python.dll(),
        is.runtime()
    );
    (is != family).then(|| CHECK.error(message))
}

fn mixed(several: &[AbiFamily]) -> Finding {
    let runtimes: Vec<_> = several.iter().map(|family| family.runtime()).collect();
    let message = format!("mixes C runtimes: {}", runtimes.join(", "));
    hinted(CHECK.error(message), "link everything in it, static libraries too, to one runtime")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_runtimes_are_told_from_release_ones() {
        for debug in ["msvcr90d.dll", "ucrtbased.dll", "vcruntime140d.dll", "vcruntime140_1d.dll"] {
            assert!(is_debug(debug), "{debug}");
        }
        for release in
            ["msvcr90.dll", "ucrtbase.dll", "vcruntime140_1.dll", "python313.dll", "d.dll"]
        {
            assert!(!is_debug(release), "{release}");
        }
        assert!(foreign("MSVCR71.dll").is_some());
        assert!(foreign("MSVCR120.dll").is_none());
        assert!(foreign("msvcrt.dll").is_some());
    }
}
