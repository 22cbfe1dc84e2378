//! What a file really is, gathered from what it imports and from its record.

use crate::model::abi::AbiFamily;
use crate::model::inspection::Reality;

use super::expectation::Expectation;
use super::facts::Facts;
use super::record::{Module, ModuleRecord};

/// What the facts amount to.
pub(super) fn really(facts: &Facts, expected: &Expectation) -> Reality {
    let module = module(facts, expected);
    let record = module.and_then(|module| module.record);
    Reality {
        module: module.map(|module| module.symbol.clone()),
        machine: facts.machine.to_string(),
        python: single(facts.pythons()),
        abi: single(facts.runtimes()),
        apache_series: record.and_then(|record| record.series()).map(|s| s.name.to_owned()),
        apache_releases: record.and_then(|record| record.releases()),
        module_magic: record.map(|ModuleRecord { major, minor, .. }| format!("{major}:{minor}")),
    }
}

/// The module that Apache would look for; else the first that there is.
pub(super) fn module<'a>(facts: &'a Facts, expected: &Expectation) -> Option<&'a Module> {
    let symbol = expected.symbol();
    facts.modules.iter().find(|module| module.symbol == symbol).or(facts.modules.first())
}

/// The record of that module.
pub(super) fn record(facts: &Facts, expected: &Expectation) -> Option<ModuleRecord> {
    module(facts, expected)?.record
}

fn single<T>(mut all: Vec<T>) -> Option<T> {
    all.pop().filter(|_| all.is_empty())
}

/// The name and the place that a file would rightly have, as a hint; `None` where it is not all
/// known, or is what it has.
pub(super) fn right_place(facts: &Facts, expected: &Expectation) -> Option<String> {
    let really = really(facts, expected);
    let (python, abi) = (really.python?, really.abi?);
    let series = really.apache_series?;
    let module = really.module?;
    let module = module.strip_suffix("_module").unwrap_or(&module);
    let name = format!("mod_{module}-{}-{abi}.so", python.file_tag());
    let folder = match &expected.apache {
        Some(apache)
            if apache.series.as_str() == series
                && facts.machine == apache.arch.into()
                && AbiFamily::of_compiler(&apache.compiler).is_none_or(|theirs| theirs == abi) =>
        {
            format!("the folder {apache}")
        }
        _ => {
            format!("a folder Apache{}-{}-{}", series.replace('.', ""), really.machine, labels(abi))
        }
    };
    Some(format!("this is {name} for Apache {series} {}: it belongs in {folder}", really.machine))
}

/// The labels of the compilers of a family, as folders end in them.
fn labels(family: AbiFamily) -> &'static str {
    match family {
        AbiFamily::Vc14 => "VC14 (or VC15, VS16, VS17, VS18)",
        other => other.as_str(),
    }
}
