//! `module-symbol`: the record that `LoadModule` names. Other exports are nobody's business.

use super::{Check, Context, Expectation, Facts, Finding, hinted};

pub(super) static CHECK: Check = Check::new(
    "module-symbol",
    "the module's record (wsgi_module) is exported and readable",
    check,
);

fn check(facts: &Facts, expected: &Expectation, _: &Context) -> Vec<Finding> {
    let symbol = expected.symbol();
    let Some(module) = facts.modules.iter().find(|module| module.symbol == symbol) else {
        return vec![absent(facts, &symbol)];
    };
    if module.record.is_none() {
        let message = format!("exports {symbol}, but it points to no Apache module's record");
        return vec![hinted(CHECK.error(message), "declare it with AP_MODULE_DECLARE_DATA")];
    }
    Vec::new()
}

fn absent(facts: &Facts, symbol: &str) -> Finding {
    let error = CHECK.error(format!("does not export {symbol}, which LoadModule looks for"));
    match facts.modules.first() {
        Some(other) => hinted(error, format!("it is another module: it exports {}", other.symbol)),
        None => error,
    }
}
