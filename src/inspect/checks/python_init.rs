//! `python-init`: from 4.5.8 on the module is a Python extension too. Apache does not need that.

use super::{Check, Context, Expectation, Facts, Finding};

pub(super) static CHECK: Check = Check::new(
    "python-init",
    "the module can be imported by its Python too (a note where not)",
    check,
);

fn check(facts: &Facts, expected: &Expectation, _: &Context) -> Vec<Finding> {
    let [python] = facts.pythons()[..] else { return Vec::new() };
    let init = match python.major {
        2 => format!("init{}", expected.module),
        _ => format!("PyInit_{}", expected.module),
    };
    if facts.exports_name(&init) {
        return Vec::new();
    }
    let message = format!("does not export {init}: Apache can load it, Python {python} cannot");
    vec![CHECK.note(message)]
}
