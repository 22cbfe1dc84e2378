//! `imports-exist`: what is missing in the DLLs at hand is "The specified procedure could not be
//! found" in an administrator's log.

use super::{Check, Context, Expectation, Facts, Finding, hinted};
use crate::inspect::{ImportedDll, RootExports};

pub(super) static CHECK: Check = Check::new(
    "imports-exist",
    "every import is exported by the DLLs of the roots, where they are known",
    check,
);

const MOST_NAMED: usize = 5;

fn check(facts: &Facts, _: &Expectation, context: &Context) -> Vec<Finding> {
    let missing = facts.imports.iter().filter_map(|import| {
        // A root of another machine says nothing: the check of the machine has spoken.
        let root = context.roots.iter().find(|root| {
            root.machine == facts.machine && root.dll.eq_ignore_ascii_case(&import.dll)
        })?;
        missing(import, root)
    });
    missing.collect()
}

/// Names are compared as the loader does: exactly, decoration and all.
fn missing(import: &ImportedDll, root: &RootExports) -> Option<Finding> {
    let names = import.names.iter().filter(|name| !root.names.contains(*name)).cloned();
    // An import library does not tell the ordinals of what it has names for.
    let known = |ordinal: u16| !root.complete || root.ordinals.contains(&u32::from(ordinal));
    let ordinals = import.ordinals.iter().filter(|ordinal| !known(**ordinal));
    let missing: Vec<_> = names.chain(ordinals.map(|ordinal| format!("#{ordinal}"))).collect();
    if missing.is_empty() {
        return None;
    }
    let message =
        format!("imports {} from {}, which has no such export", listed(&missing), root.dll);
    let hint =
        format!("compared with {}: it is another release than the headers were of", root.origin);
    Some(hinted(CHECK.error(message), hint))
}

fn listed(missing: &[String]) -> String {
    let named = missing[..missing.len().min(MOST_NAMED)].join(", ");
    match missing.len().saturating_sub(MOST_NAMED) {
        0 => named,
        more => format!("{named} and {more} more"),
    }
}
