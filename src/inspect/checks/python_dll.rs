//! `python-dll`: the module works with the one Python whose DLL it imports.

use super::{Check, Context, Expectation, Facts, Finding, hinted, misnamed};

pub(super) static CHECK: Check =
    Check::new("python-dll", "exactly one pythonXY.dll is imported, and the name's", check);

fn check(facts: &Facts, expected: &Expectation, _: &Context) -> Vec<Finding> {
    if let Some(debug) = dll_that(facts, is_debug) {
        let message = format!("imports {debug}, which only debug builds of Python have");
        return vec![hinted(CHECK.error(message), "build with NDEBUG and without _DEBUG")];
    }
    match (facts.pythons().as_slice(), expected.python) {
        ([], _) => vec![no_python(facts)],
        ([is], Some(named)) if *is != named => {
            let (named_dll, is_dll) = (named.dll(), is.dll());
            let message = format!("named for Python {named} ({named_dll}) but imports {is_dll}");
            vec![misnamed(CHECK.error(message), facts, expected)]
        }
        ([_], _) => Vec::new(),
        (several, _) => {
            let dlls: Vec<_> = several.iter().map(|python| python.dll()).collect();
            let message = format!("imports several Pythons: {}", dlls.join(", "));
            vec![hinted(CHECK.error(message), "name one Python root alone on the link line")]
        }
    }
}

fn no_python(facts: &Facts) -> Finding {
    match dll_that(facts, is_stable_abi) {
        Some(dll) => {
            let message = format!("imports {dll} alone: built for the stable ABI (abi3)");
            hinted(CHECK.error(message), "build without Py_LIMITED_API; Apache needs pythonXY.dll")
        }
        None => CHECK.error("imports no pythonXY.dll"),
    }
}

fn dll_that(facts: &Facts, is: fn(&str) -> bool) -> Option<&str> {
    let mut dlls = facts.imports.iter().map(|import| import.dll.as_str());
    dlls.find(|dll| is(&dll.to_ascii_lowercase()))
}

fn is_debug(dll: &str) -> bool {
    dll.starts_with("python") && dll.ends_with("_d.dll")
}

fn is_stable_abi(dll: &str) -> bool {
    matches!(dll, "python3.dll" | "python3t.dll")
}
