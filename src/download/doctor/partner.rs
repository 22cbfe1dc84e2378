//! What goes with an Apache or a Python that is known alone.

use super::Parts;
use super::rules::{labels, pythons_of};
use crate::model::arch::Arch;
use crate::model::installation::{Apache, Build, Python};

/// What is to be looked for, in words; nothing where both are known, or neither.
pub(super) fn partner(parts: &Parts) -> Option<String> {
    match (&parts.apache, &parts.python) {
        (Some(apache), None) => Some(python_for(apache)),
        (None, Some(python)) => Some(apache_for(python)),
        _ => None,
    }
}

fn python_for(apache: &Apache) -> String {
    let arch = machine(&apache.build);
    match apache.build.abi.map(|abi| (abi, pythons_of(abi))) {
        Some((_, Some(pythons))) => format!("Python {pythons} for {arch}, installed for all users"),
        Some((abi, None)) => format!("no Python: none was ever compiled with {abi}"),
        None => format!("a Python for {arch}, installed for all users"),
    }
}

fn apache_for(python: &Python) -> String {
    let arch = machine(&python.build);
    match python.build.abi {
        Some(abi) => format!(
            "an Apache 2.4 for {arch} of {}, and of its folder in a release mod_wsgi-{}-{abi}.so",
            labels(abi),
            python.tag.file_tag()
        ),
        None => format!("an Apache 2.4 for {arch}"),
    }
}

fn machine(build: &Build) -> String {
    let bits = |arch: Arch| format!("{arch} ({})", arch.bits());
    build.arch.map_or_else(|| build.machine.clone(), bits)
}
