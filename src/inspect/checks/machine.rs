//! `machine`: rule 1 of the document, the same bitness everywhere.

use super::{Check, Context, Expectation, Facts, Finding, hinted, misnamed};
use crate::inspect::Machine;

pub(super) static CHECK: Check =
    Check::new("machine", "the machine is that of the folder's name: win32 or win64", check);

fn check(facts: &Facts, expected: &Expectation, _: &Context) -> Vec<Finding> {
    let (is, claimed) = (facts.machine, expected.machine);
    if let Some(claimed) = claimed.filter(|&claimed| claimed != is) {
        let message = format!("named for {claimed} but is a {is} binary");
        return vec![misnamed(CHECK.error(message), facts, expected)];
    }
    if !matches!(is, Machine::I386 | Machine::X64) && claimed.is_none() {
        let message = format!("is a {is} binary, for which no Apache for Windows is published");
        return vec![hinted(CHECK.error(message), "build it for win32 or win64")];
    }
    if facts.pe32_plus != is.is_64() && !matches!(is, Machine::Other(_)) {
        let format = if facts.pe32_plus { "PE32+" } else { "PE32" };
        return vec![CHECK.error(format!("is a {is} binary with a {format} header: damaged"))];
    }
    Vec::new()
}
