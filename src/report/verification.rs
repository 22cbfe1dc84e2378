//! What a comparison with a release found, as text for people and as JSON for programs.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::harmless;
use crate::model::cell::Verdict;
use crate::model::verification::{Answer, Cell, ComparedFile, Verification};

/// The version of the JSON's format.
const FORMAT_VERSION: u32 = 1;

/// So many cells of one file are named.
const MOST_NAMES: usize = 4;

/// For people: a line a file, what is wrong with it and what to do, and the counts.
#[must_use]
pub fn text(verification: &Verification) -> String {
    let Verification { module, version, manifest, manifest_sha256, files } = verification;
    let mut text = String::new();
    for file in files {
        write_file(&mut text, file);
    }
    let aside = files.len() - verification.right() - verification.wrong();
    let of = format!("of {module} {version}, byte for byte");
    _ = write!(text, "{} {of}; {} not", counted(verification.right()), verification.wrong());
    if aside > 0 {
        _ = write!(text, "; {} beside them {} no part of it", counted(aside), are(aside));
    }
    _ = writeln!(text, "\ncompared with {} (SHA-256 {manifest_sha256})", harmless::line(manifest));
    text
}

fn counted(count: usize) -> String {
    format!("{count} file{}", if count == 1 { "" } else { "s" })
}

fn are(count: usize) -> &'static str {
    if count == 1 { "is" } else { "are" }
}

fn write_file(text: &mut String, file: &ComparedFile) {
    let name = harmless::line(&match &file.member {
        Some(member) => format!("{}: {member}", file.file),
        None => file.file.clone(),
    });
    let (mark, what, hint) = match &file.answer {
        Answer::Asset { name: own, description } => {
            let own = if file.file.ends_with(own) { String::new() } else { format!(" is {own}") };
            let what = if description.is_empty() { own } else { format!("{own}: {description}") };
            ("ok", what, String::new())
        }
        Answer::Module { cells } => ("ok", format!(": {}", modules(cells)), String::new()),
        Answer::Misnamed { really, claimed } => (
            "WRONG",
            format!(" is {}, and is called what {} is", some(really), some(claimed)),
            "take the file of the right name from the archive; one that was meant for another Apache or \
             Python crashes at start or does not load"
                .to_owned(),
        ),
        Answer::Different { claimed, reason, hint } => {
            ("WRONG", format!(" is not {}: {reason}", some(claimed)), hint.clone())
        }
        Answer::Unknown => (
            "WRONG",
            " is no file of this release".to_owned(),
            "is it of another version? --manifest names the manifest of that one; `modfarm inspect` says \
             what the file is"
                .to_owned(),
        ),
        Answer::Missing => {
            ("MISSING", String::new(), "download it from the page of the release".to_owned())
        }
        Answer::Aside => return,
    };
    _ = writeln!(text, "{mark:>7} {name}{}", harmless::line(&what));
    if !hint.is_empty() {
        _ = writeln!(text, "        hint: {}", harmless::line(&hint));
    }
}

fn modules(cells: &[Cell]) -> String {
    let names: Vec<String> = cells.iter().map(|cell| cell.id.to_string()).collect();
    let reasons: Vec<&str> = cells
        .iter()
        .filter_map(|cell| match &cell.verdict {
            Verdict::Unsupported { reason } => Some(reason.as_str()),
            _ => None,
        })
        .collect();
    match reasons.first() {
        Some(reason) => format!("{}; not supported: {reason}", some(&names)),
        None => some(&names),
    }
}

fn some(names: &[String]) -> String {
    match names.split_at_checked(MOST_NAMES) {
        Some((first, rest)) if !rest.is_empty() => {
            format!("{} and {} more", first.join(", "), rest.len())
        }
        _ => names.join(", "),
    }
}

/// For programs.
#[must_use]
pub fn json(verification: &Verification) -> String {
    let mut value = json!({ "format_version": FORMAT_VERSION });
    if let (Value::Object(all), Ok(Value::Object(rest))) =
        (&mut value, serde_json::to_value(verification))
    {
        all.extend(rest);
    }
    format!("{value:#}\n")
}
