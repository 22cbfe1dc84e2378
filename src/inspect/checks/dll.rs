//! `dll`: Apache loads DLLs, whatever their extension.

use super::{Check, Context, Expectation, Facts, Finding};

pub(super) static CHECK: Check = Check::new(
    "dll",
    "the file is a whole Windows DLL, not a page, an archive or a program",
    check,
);

fn check(facts: &Facts, _: &Expectation, _: &Context) -> Vec<Finding> {
    if facts.is_dll {
        return Vec::new();
    }
    vec![CHECK.error("the file is a Windows program: its header is not marked as that of a DLL")]
}
