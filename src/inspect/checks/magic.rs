//! `magic`: Apache refuses a module of another series; the minor it never looks at.

use super::{Check, Context, Expectation, Facts, Finding, misnamed};
use crate::inspect::reality;
use crate::inspect::record::{ModuleRecord, SERIES};

pub(super) static CHECK: Check =
    Check::new("magic", "the module magic number is that of the Apache series in the name", check);

fn check(facts: &Facts, expected: &Expectation, context: &Context) -> Vec<Finding> {
    let Some(record) = reality::record(facts, expected) else { return Vec::new() };
    let wrong = contradiction(record)
        .or_else(|| wrong_series(record, expected).map(|wrong| misnamed(wrong, facts, expected)));
    wrong.or_else(|| newer(record, context)).into_iter().collect()
}

/// Apache looks at both the cookie and the major.
fn contradiction(record: ModuleRecord) -> Option<Finding> {
    let (cookie, major) = (record.cookie_text(), record.major);
    let Some(series) = record.series() else {
        return Some(
            CHECK.error(format!("its record is marked {cookie:?}, which no Apache accepts")),
        );
    };
    let wanted = series.major.filter(|&wanted| wanted != major)?;
    let name = series.name;
    Some(CHECK.error(format!(
        "its record is marked {cookie}, for Apache {name}, with the module magic {major} instead \
         of {wanted}: Apache refuses it"
    )))
}

fn wrong_series(record: ModuleRecord, expected: &Expectation) -> Option<Finding> {
    let is = record.series()?;
    let named = expected.series().filter(|&named| named != is.name)?;
    let wanted = SERIES.iter().find(|series| series.name == named).and_then(|series| series.major);
    let wanted = wanted.map_or_else(String::new, |major| format!(" ({major})"));
    Some(CHECK.error(format!(
        "named for Apache {named}{wanted} but its module magic is that of Apache {} ({})",
        is.name, record.major
    )))
}

fn newer(record: ModuleRecord, context: &Context) -> Option<Finding> {
    let newest = context.newest_apache.as_ref()?;
    let releases = record.releases().filter(|_| record.is_newer_than(newest))?;
    Some(CHECK.note(format!(
        "compiled with the headers of Apache {releases}, newer than {newest}, the newest of this \
         label: Apache loads it, but does not promise that it works"
    )))
}
