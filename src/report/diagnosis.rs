//! What `doctor` found, as text for people and as JSON for programs.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::harmless;
use crate::model::diagnosis::{
    Answer, Diagnosis, Ending, Explanation, LogReading, Released, ReleasedFile, Rule, Take,
};
use crate::model::finding::{Finding, Severity};
use crate::model::smoke::Smoke;

/// The version of the JSON's format.
const FORMAT_VERSION: u32 = 1;

/// For people: what there is, the rules, what else is wrong, what a log says, and how it ends.
#[must_use]
pub fn text(diagnosis: &Diagnosis) -> String {
    let mut text = String::new();
    write_parts(&mut text, diagnosis);
    if !diagnosis.rules.is_empty() {
        text.push('\n');
    }
    for rule in &diagnosis.rules {
        write_rule(&mut text, rule);
    }
    if !diagnosis.findings.is_empty() {
        text.push('\n');
    }
    for finding in &diagnosis.findings {
        write_finding(&mut text, finding);
    }
    if let Some(log) = &diagnosis.log {
        write_log(&mut text, log);
    }
    write_ending(&mut text, diagnosis);
    text
}

fn write_parts(text: &mut String, diagnosis: &Diagnosis) {
    let mut part = |what: &str, place: &str| {
        _ = writeln!(text, "{}\n    {}", harmless::line(what), harmless::line(place));
    };
    if let Some(apache) = &diagnosis.apache {
        part(&apache.describe(), apache.folder.as_str());
    }
    if let Some(python) = &diagnosis.python {
        let place = if python.is_environment {
            format!("{}, a virtual environment of {}", python.home, python.base)
        } else {
            python.base.to_string()
        };
        part(&python.describe(), &place);
    }
    for module in &diagnosis.modules {
        part(&module.describe(), module.file.as_str());
    }
    for found in &diagnosis.also_found {
        _ = writeln!(text, "there is also {}", harmless::line(found));
    }
}

fn write_rule(text: &mut String, rule: &Rule) {
    let mark = match rule.answer {
        Answer::Broken => "BROKEN",
        answer => answer.as_str(),
    };
    let because = harmless::line(&rule.because);
    _ = writeln!(text, "{mark:>11}  {}. {}: {because}", rule.number, rule.rule);
    if let Some(remedy) = &rule.remedy {
        _ = writeln!(text, "                {}", harmless::line(remedy));
    }
}

fn write_finding(text: &mut String, finding: &Finding) {
    let Finding { severity, message, hint, .. } = finding;
    _ = writeln!(text, "{:>11}  {}", severity.as_str(), harmless::line(message));
    if let Some(hint) = hint {
        _ = writeln!(text, "             {}", harmless::line(hint));
    }
}

fn write_log(text: &mut String, log: &LogReading) {
    let LogReading { file, size, read, explanations } = log;
    let part = if read < size {
        format!(" (the last {} of {})", super::bytesize(*read), super::bytesize(*size))
    } else {
        String::new()
    };
    let known = match explanations.len() {
        0 => "nothing in it is a message that is known here".to_owned(),
        1 => "one message is known".to_owned(),
        many => format!("{many} messages are known"),
    };
    _ = writeln!(text, "\n{}{part}: {known}", harmless::line(file));
    for explanation in explanations {
        write_explanation(text, explanation);
    }
}

fn write_explanation(text: &mut String, explanation: &Explanation) {
    let Explanation { id, times, line, means, here, remedy } = explanation;
    let times = if *times == 1 { "once".to_owned() } else { format!("{times} times") };
    _ = writeln!(text, "\n  {id}, {times}\n    > {}", harmless::line(line));
    _ = writeln!(text, "    means: {means}");
    if let Some(here) = here {
        _ = writeln!(text, "    here:  {}", harmless::line(here));
    }
    _ = writeln!(text, "    do:    {remedy}");
}

fn write_ending(text: &mut String, diagnosis: &Diagnosis) {
    let broken = diagnosis.rules.iter().filter(|rule| rule.answer == Answer::Broken);
    let broken: Vec<String> = broken.map(|rule| format!("rule {}", rule.number)).collect();
    let errors = diagnosis.findings.iter().any(|finding| finding.severity == Severity::Error);
    let why = match (broken.as_slice(), errors) {
        ([], true) => "see the errors above".to_owned(),
        ([], false) => "see what the log says".to_owned(),
        (rules, _) => format!("{} broken", rules.join(", ")),
    };
    let ending = match diagnosis.ending() {
        Ending::Fits => "It fits.".to_owned(),
        Ending::NothingBroken if diagnosis.rules.is_empty() => "Nothing is wrong.".to_owned(),
        Ending::NothingBroken => "Nothing is broken, as far as can be told.".to_owned(),
        Ending::Broken => format!("Something must be changed: {why}."),
    };
    _ = writeln!(text, "\n{ending}");
    if let Some(partner) = &diagnosis.goes_with {
        _ = writeln!(text, "goes with it: {}", harmless::line(partner));
    }
    if let Some(take) = &diagnosis.take {
        write_take(text, take);
    }
    if !diagnosis.lines.is_empty() {
        text.push_str("\nin httpd.conf:\n");
    }
    for line in &diagnosis.lines {
        _ = writeln!(text, "    {}", harmless::line(line));
    }
}

fn write_take(text: &mut String, take: &Take) {
    let what = match take.is_there {
        Some(false) => "the release does not have the file",
        Some(true) => "the file of the release",
        None => "the file of a release",
    };
    _ = writeln!(text, "\n{what}: {}", harmless::line(&take.path));
    if let Some(remark) = &take.remark {
        _ = writeln!(text, "    {}", harmless::line(remark));
    }
    if let Some(released) = &take.released {
        write_released(text, released);
    }
}

fn write_released(text: &mut String, released: &Released) {
    let Released { version, verdict, file, not_built } = released;
    let reason = verdict.reason().map_or_else(String::new, |reason| format!(": {reason}"));
    let verdict = format!("of version {version}, {}{reason}", verdict.name());
    _ = writeln!(text, "    {}", harmless::line(&verdict));
    if let Some(why) = not_built {
        _ = writeln!(text, "    not built: {}", harmless::line(why));
    }
    if let Some(ReleasedFile { sha256, size, archives, smoke }) = file {
        _ = writeln!(text, "    {size} bytes, SHA-256 {sha256}");
        if !archives.is_empty() {
            _ = writeln!(text, "    in {}", harmless::line(&archives.join(", ")));
        }
        _ = writeln!(text, "    {}", harmless::line(&seen(smoke)));
    }
}

fn seen(smoke: &Smoke) -> String {
    match smoke {
        Smoke::Served { by, .. } => format!("seen to serve pages: {}, {}", by.apache, by.python),
        Smoke::Failed { check, reason, .. } => format!("seen to fail ({check}): {reason}"),
        Smoke::NotRun { reason } => format!("not tried in a running Apache: {reason}"),
    }
}

/// For programs.
#[must_use]
pub fn json(diagnosis: &Diagnosis) -> String {
    let mut value = json!({ "format_version": FORMAT_VERSION, "ending": diagnosis.ending() });
    if let (Value::Object(all), Ok(Value::Object(rest))) =
        (&mut value, serde_json::to_value(diagnosis))
    {
        all.extend(rest);
    }
    // Line ends stand between the values alone, and stay.
    let text = format!("{value:#}");
    text.lines().map(|line| harmless::json(line) + "\n").collect()
}
