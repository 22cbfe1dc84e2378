//! `log-symbol`: the headers decide which function logs, so it tells 2.2 from 2.4 a second time.

use super::{Check, Context, Expectation, Facts, Finding, hinted};
use crate::inspect::reality;

pub(super) static CHECK: Check = Check::new(
    "log-symbol",
    "the logging function is that of the series: ap_log_error_ since 2.4",
    check,
);

fn check(facts: &Facts, expected: &Expectation, _: &Context) -> Vec<Finding> {
    let record = reality::record(facts, expected).and_then(|record| record.series());
    let Some(series) = record.map(|series| series.name).or(expected.series()) else {
        return Vec::new();
    };
    let (wanted, other) = match series {
        "2.0" | "2.2" => ("ap_log_error", "ap_log_error_"),
        _ => ("ap_log_error_", "ap_log_error"),
    };
    if !imports(facts, other) || imports(facts, wanted) {
        return Vec::new();
    }
    let message = format!("is for Apache {series} but imports {other} instead of {wanted}");
    let hint = "some of its files were compiled with the headers of another Apache: build it anew";
    vec![hinted(CHECK.error(message), hint)]
}

fn imports(facts: &Facts, function: &str) -> bool {
    let mut names = facts.imports_from("libhttpd.dll").flat_map(|import| &import.names);
    names.any(|name| facts.machine.undecorated(name) == function)
}
