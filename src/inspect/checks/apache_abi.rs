//! `apache-abi`: rule 3 of the document, the Apache of the folder from the same compiler family.

use super::{Check, Context, Expectation, Facts, Finding, hinted, misnamed};
use crate::model::abi::AbiFamily;
use crate::model::arch::Arch;
use crate::model::cell::ApacheLabel;

pub(super) static CHECK: Check = Check::new(
    "apache-abi",
    "the Apache of the folder's name and the module are of one ABI family",
    check,
);

fn check(facts: &Facts, expected: &Expectation, context: &Context) -> Vec<Finding> {
    let Some(apache) = &expected.apache else { return Vec::new() };
    let [is] = facts.runtimes()[..] else { return Vec::new() };
    let theirs = AbiFamily::of_compiler(&apache.compiler).filter(|theirs| *theirs != is);
    // A file whose own name is wrong is told so by `c-runtime`.
    let Some(theirs) = theirs.filter(|_| expected.abi.is_none_or(|named| named == is)) else {
        return Vec::new();
    };
    if context.mixing_allowed || published_all_the_same(apache, theirs, is) {
        let message = format!("mixes a {is} module with a {theirs} Apache");
        let hint = "it may or may not work, and nobody supports it";
        return vec![hinted(CHECK.warning(message), hint)];
    }
    let message = format!(
        "in the folder of a {theirs} Apache ({}) but its C runtime is {} ({is})",
        theirs.runtime(),
        is.runtime()
    );
    vec![misnamed(CHECK.error(message), facts, expected)]
}

/// The document publishes VC9 modules for win64 VC10 builds of Apache 2.4, since no win64 VC9 build was
/// ever made, and says that they are not supported.
fn published_all_the_same(apache: &ApacheLabel, theirs: AbiFamily, is: AbiFamily) -> bool {
    (theirs, is) == (AbiFamily::Vc10, AbiFamily::Vc9)
        && apache.arch == Arch::Win64
        && apache.series.as_str() == "2.4"
}
