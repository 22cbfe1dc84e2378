//! The checks: one file each, a table of all, and the order in which their findings stand.

use std::collections::HashSet;

use crate::model::finding::{Finding, Severity};
use crate::model::inspection::CheckInfo;

use super::expectation::Expectation;
use super::exports::Context;
use super::facts::Facts;
use super::nature::NotAModule;

mod apache_abi;
mod apache_dlls;
mod c_runtime;
mod dll;
mod imports_exist;
mod log_symbol;
mod machine;
mod magic;
mod module_symbol;
mod python_dll;
mod python_init;
mod unknown_dll;
mod vc90_manifest;

/// One check.
#[derive(Debug)]
pub struct Check {
    /// Its id and what it makes sure of.
    pub info: CheckInfo,
    check: fn(&Facts, &Expectation, &Context) -> Vec<Finding>,
}

/// Every check, in the order in which findings of one severity stand: what explains most is first.
static CHECKS: [&Check; 13] = [
    &dll::CHECK,
    &machine::CHECK,
    &python_dll::CHECK,
    &c_runtime::CHECK,
    &apache_abi::CHECK,
    &vc90_manifest::CHECK,
    &apache_dlls::CHECK,
    &module_symbol::CHECK,
    &magic::CHECK,
    &log_symbol::CHECK,
    &imports_exist::CHECK,
    &unknown_dll::CHECK,
    &python_init::CHECK,
];

/// What there is to check, for `--checks` and for SARIF.
pub fn list() -> impl Iterator<Item = CheckInfo> {
    CHECKS.iter().map(|check| check.info)
}

/// Whether the DLL of this name comes with Windows itself.
#[must_use]
pub fn is_windows_dll(name: &str) -> bool {
    unknown_dll::is_windows(&name.to_ascii_lowercase())
}

/// What all checks object to, worst first.
pub(super) fn run(facts: &Facts, expected: &Expectation, context: &Context) -> Vec<Finding> {
    let mut findings: Vec<_> =
        CHECKS.iter().flat_map(|check| (check.check)(facts, expected, context)).collect();
    findings.sort_by_key(|finding| std::cmp::Reverse(finding.severity));
    say_hints_once(&mut findings);
    findings
}

/// The finding about a file that is nothing to run the checks on.
pub(super) fn not_a_module(not: &NotAModule) -> Finding {
    Finding { hint: Some(not.hint().to_owned()), ..dll::CHECK.error(not.to_string()) }
}

/// A file under a wrong name fails several checks, and each knows the same right one.
fn say_hints_once(findings: &mut [Finding]) {
    let mut said = HashSet::new();
    for finding in findings {
        finding.hint = finding.hint.take().filter(|hint| said.insert(hint.clone()));
    }
}

impl Check {
    const fn new(
        id: &'static str,
        description: &'static str,
        check: fn(&Facts, &Expectation, &Context) -> Vec<Finding>,
    ) -> Self {
        Self { info: CheckInfo { id, description }, check }
    }

    fn finding(&self, severity: Severity, message: impl Into<String>) -> Finding {
        Finding { check: self.info.id.to_owned(), severity, message: message.into(), hint: None }
    }

    fn error(&self, message: impl Into<String>) -> Finding {
        self.finding(Severity::Error, message)
    }

    fn warning(&self, message: impl Into<String>) -> Finding {
        self.finding(Severity::Warning, message)
    }

    fn note(&self, message: impl Into<String>) -> Finding {
        self.finding(Severity::Note, message)
    }
}

/// A finding with what to do next.
fn hinted(finding: Finding, hint: impl Into<String>) -> Finding {
    Finding { hint: Some(hint.into()), ..finding }
}

/// A finding with the name that the file would rightly have, where that is known.
fn misnamed(finding: Finding, facts: &Facts, expected: &Expectation) -> Finding {
    Finding { hint: super::reality::right_place(facts, expected), ..finding }
}
