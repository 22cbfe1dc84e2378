//! What was downloaded, as text for people and as JSON for programs.

use std::fmt::Write as _;

use serde::Serialize;
use serde_json::{Value, json};

use super::harmless;
use super::say::bytesize;
use crate::model::fetched::{Change, Fetched, FetchedFile};

/// The version of the JSON's format.
const FORMAT_VERSION: u32 = 1;

/// For people: a line a file, and what was trusted.
#[must_use]
pub fn text(fetched: &Fetched) -> String {
    let Fetched { module, version, source, manifest_sha256, files } = fetched;
    let mut text = String::new();
    for file in files {
        write_file(&mut text, file);
    }
    let source = harmless::line(source);
    _ = writeln!(
        text,
        "{module} {version} from {source}; its manifest has the SHA-256 {manifest_sha256}"
    );
    text
}

fn write_file(text: &mut String, file: &FetchedFile) {
    let what = match file.change {
        Change::New => "new",
        Change::Replaced => "replaced",
        Change::Unchanged => "unchanged",
        Change::Planned => "planned",
    };
    let cell = file.cell.as_ref().map_or_else(String::new, |cell| format!(", {cell}"));
    let path = harmless::line(&file.path);
    _ = writeln!(text, "{what:>9} {path}{cell} ({})", bytesize(file.size));
    if let Some(reason) = &file.unsupported {
        _ = writeln!(text, "          not supported: {}", harmless::line(reason));
    }
}

/// For programs.
#[must_use]
pub fn json(fetched: &Fetched) -> String {
    versioned(FORMAT_VERSION, fetched)
}

/// A value with the version of its format.
pub(super) fn versioned(version: u32, value: &impl Serialize) -> String {
    let mut whole = json!({ "format_version": version });
    if let (Value::Object(all), Ok(Value::Object(rest))) = (&mut whole, serde_json::to_value(value))
    {
        all.extend(rest);
    }
    format!("{whole:#}\n")
}
