//! What an index of wheels came to, as text for people and as JSON for programs.

use serde_json::{Value, json};

use super::harmless;
use crate::model::index::Indexed;

/// The version of the JSON's format.
const FORMAT_VERSION: u32 = 1;

/// For people: what stands where, and what to do with it.
#[must_use]
pub fn text(indexed: &Indexed) -> String {
    let Indexed { folder, wheels, copied, unchanged } = indexed;
    let count = format!("{} wheel{}", wheels.len(), if wheels.len() == 1 { "" } else { "s" });
    let there = if *unchanged { "unchanged" } else { "written" };
    let copied = if *copied == wheels.len() { "" } else { ", not all of them in it" };
    let folder = harmless::line(folder);
    format!(
        "{folder}: {there}, {count}{copied}\nhint: serve it and give pip its address, with --index-url, or with \
         --extra-index-url beside PyPI's\n"
    )
}

/// For programs.
#[must_use]
pub fn json(indexed: &Indexed) -> String {
    let mut value = json!({ "format_version": FORMAT_VERSION });
    if let (Some(to), Ok(Value::Object(from))) =
        (value.as_object_mut(), serde_json::to_value(indexed))
    {
        to.extend(from);
    }
    format!("{value:#}\n")
}
