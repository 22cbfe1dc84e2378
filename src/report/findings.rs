//! What an inspection found, as text for people, as JSON and SARIF 2.1.0 for programs.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::harmless;
use crate::model::finding::{Finding, Severity};
use crate::model::inspection::{CheckInfo, FileReport, InspectionReport};

/// The version of the JSON's format.
const FORMAT_VERSION: u32 = 1;

/// For people: a line on what each file is, what is wrong with it, and the counts.
#[must_use]
pub fn text(report: &InspectionReport) -> String {
    let mut text = String::new();
    for file in &report.files {
        write_file(&mut text, file);
    }
    let files = counted(report.files.len(), "file");
    let refused = report.files.iter().filter(|file| !file.passed()).count();
    let errors = counted(report.count(Severity::Error), "error");
    let warnings = counted(report.count(Severity::Warning), "warning");
    let notes = counted(report.count(Severity::Note), "note");
    _ = writeln!(text, "{files}, {refused} refused: {errors}, {warnings}, {notes}");
    text
}

fn write_file(text: &mut String, file: &FileReport) {
    let what = file.really.as_ref().map_or("no Windows DLL".to_owned(), ToString::to_string);
    _ = writeln!(text, "{}: {}", harmless::line(&file.name()), harmless::line(&what));
    for Finding { check, severity, message, hint } in &file.findings {
        _ = writeln!(text, "  {severity}: {} [{check}]", harmless::line(message));
        if let Some(hint) = hint {
            _ = writeln!(text, "    hint: {}", harmless::line(hint));
        }
    }
}

fn counted(count: usize, noun: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {noun}{plural}")
}

/// The list of checks for people.
#[must_use]
pub fn checks_text(checks: &[CheckInfo]) -> String {
    let width = checks.iter().map(|check| check.id.len()).max().unwrap_or_default();
    checks.iter().fold(String::new(), |mut text, check| {
        _ = writeln!(text, "{:width$}  {}", check.id, check.description);
        text
    })
}

/// For programs.
#[must_use]
pub fn json(report: &InspectionReport) -> String {
    let files: Vec<_> = report.files.iter().map(file_json).collect();
    pretty(&json!({
        "format_version": FORMAT_VERSION,
        "files": files,
        "unreadable": report.unreadable,
        "errors": report.count(Severity::Error),
        "warnings": report.count(Severity::Warning),
        "notes": report.count(Severity::Note),
    }))
}

fn file_json(file: &FileReport) -> Value {
    json!({
        "file": file.file,
        "member": file.member,
        "readable": file.readable,
        "passed": file.passed(),
        "really": file.really,
        "findings": file.findings,
    })
}

/// The list of checks for programs.
#[must_use]
pub fn checks_json(checks: &[CheckInfo]) -> String {
    pretty(&json!({ "format_version": FORMAT_VERSION, "checks": checks }))
}

/// For code scanning: SARIF 2.1.0.
#[must_use]
pub fn sarif(report: &InspectionReport, checks: &[CheckInfo]) -> String {
    let results = report.files.iter().flat_map(|file| {
        file.findings.iter().map(move |finding| sarif_result(file, finding, checks))
    });
    let rules: Vec<_> = checks.iter().map(sarif_rule).collect();
    pretty(&json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": {
                "name": "modfarm",
                "version": env!("CARGO_PKG_VERSION"),
                "rules": rules,
            }},
            "results": results.collect::<Vec<_>>(),
            "invocations": [sarif_invocation(report)],
        }],
    }))
}

fn sarif_rule(check: &CheckInfo) -> Value {
    json!({ "id": check.id, "shortDescription": { "text": check.description } })
}

fn sarif_result(file: &FileReport, finding: &Finding, checks: &[CheckInfo]) -> Value {
    let hint = finding.hint.as_ref().map(|hint| format!("\n{hint}")).unwrap_or_default();
    let mut location = json!({
        "physicalLocation": { "artifactLocation": { "uri": uri(&file.file) } },
    });
    if let Some(member) = &file.member {
        location["logicalLocations"] =
            json!([{ "fullyQualifiedName": member, "kind": "resource" }]);
    }
    let mut result = json!({
        "ruleId": finding.check,
        "level": finding.severity.as_str(),
        "message": { "text": format!("{}{hint}", finding.message) },
        "locations": [location],
    });
    if let Some(at) = checks.iter().position(|check| check.id == finding.check) {
        result["ruleIndex"] = json!(at);
    }
    result
}

fn sarif_invocation(report: &InspectionReport) -> Value {
    let notification = |error: &String| json!({ "level": "error", "message": { "text": error } });
    let notifications: Vec<_> =
        report.unreadable.iter().map(|unreadable| notification(&unreadable.error)).collect();
    json!({
        "executionSuccessful": notifications.is_empty(),
        "toolExecutionNotifications": notifications,
    })
}

/// A path as a URI reference: what is neither unreserved nor a separator is percent-encoded.
fn uri(path: &str) -> String {
    let path = path.replace('\\', "/");
    let start = if path.starts_with('/') { "file://" } else { "" };
    path.bytes().fold(start.to_owned(), |mut uri, byte| {
        match byte {
            b'/' | b'-' | b'.' | b'_' | b'~' => uri.push(byte.into()),
            _ if byte.is_ascii_alphanumeric() => uri.push(byte.into()),
            _ => _ = write!(uri, "%{byte:02X}"),
        }
        uri
    })
}

fn pretty(value: &Value) -> String {
    format!("{value:#}\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_become_uris() {
        assert_eq!(uri("a b/mod_wsgi.so"), "a%20b/mod_wsgi.so");
        assert_eq!(uri("/x/é#.zip"), "file:///x/%C3%A9%23.zip");
        assert_eq!(uri(r"dist\x.so"), "dist/x.so");
    }

    #[test]
    fn no_name_commands_the_terminal() {
        let file = FileReport {
            file: "a\u{1b}[31m.so".to_owned(),
            member: None,
            readable: false,
            really: None,
            findings: Vec::new(),
        };
        let report = InspectionReport { files: vec![file], unreadable: Vec::new() };
        assert!(!text(&report).contains('\u{1b}'));
        assert!(text(&report).ends_with("1 file, 0 refused: 0 errors, 0 warnings, 0 notes\n"));
    }
}
