//! Words and small pieces of markup that the parts of the page share.

use std::time::Duration;

use crate::report::harmless::html;
use crate::report::record::{Attempt, AttemptKind, AttemptOutcome, JobRecord, JobState};
use crate::report::say::duration;

/// A duration in words.
pub(super) fn millis(millis: u64) -> String {
    duration(Duration::from_millis(millis))
}

/// A time since the begin of the picture: `0:07`, `1:02:07`.
pub(super) fn since(millis: u64) -> String {
    let (minutes, seconds) = (millis / 60_000, millis / 1000 % 60);
    match minutes {
        0 if millis < 10_000 => format!("0:0{seconds}.{}", millis % 1000 / 100),
        0..60 => format!("{minutes}:{seconds:02}"),
        _ => format!("{}:{:02}:{seconds:02}", minutes / 60, minutes % 60),
    }
}

/// A share, as a percentage.
pub(super) fn percent(part: f64) -> String {
    format!("{:.0} %", part * 100.0)
}

/// How a run of a job ended.
pub(super) fn attempt(outcome: AttemptOutcome) -> &'static str {
    match outcome {
        AttemptOutcome::Built => "built",
        AttemptOutcome::Cached => "there already",
        AttemptOutcome::Failed => "failed",
        AttemptOutcome::Dropped => "dropped",
        AttemptOutcome::Cancelled => "cancelled",
        AttemptOutcome::Unfinished => "broken off",
    }
}

/// Why a run of a job was begun.
pub(super) fn kind(kind: AttemptKind) -> &'static str {
    match kind {
        AttemptKind::First => "first",
        AttemptKind::Retry => "retry",
        AttemptKind::Second => "second run",
    }
}

/// How a job stands: the name of a class, a sign and a word.
pub(super) fn state(state: JobState) -> [&'static str; 3] {
    match state {
        JobState::Built => ["built", "✓", "built"],
        JobState::Cached => ["cached", "≡", "cached"],
        JobState::Failed => ["failed", "✗", "failed"],
        JobState::Cancelled => ["cancelled", "–", "cancelled"],
        JobState::Unfinished => ["unfinished", "?", "unfinished"],
    }
}

/// A sign and a word, coloured alike.
pub(super) fn sign([class, sign, word]: [&str; 3]) -> String {
    format!("<span class=\"sign {class}\"><span aria-hidden=\"true\">{sign}</span> {word}</span>")
}

/// What a bar says when it is pointed at.
pub(super) fn run_title(job: &JobRecord, run: &Attempt, from: u64) -> String {
    let begun_as = match run.kind {
        AttemptKind::First => String::new(),
        other => format!(" ({})", kind(other)),
    };
    let took = millis(run.millis());
    let mut title = format!(
        "{}{begun_as} on {}: {} after {took}, from {} to {}",
        job.job,
        run.runner,
        attempt(run.outcome),
        since(from),
        since(from.saturating_add(run.millis())),
    );
    if let Some(reason) = &run.reason {
        title += &format!(": {reason}");
    }
    title
}

/// A reference to a file of the run's folder: what is neither unreserved nor a separator is encoded.
pub(super) fn reference(path: &str) -> String {
    path.bytes().fold(String::new(), |mut reference, byte| {
        match byte {
            b'/' | b'-' | b'.' | b'_' | b'~' => reference.push(byte.into()),
            _ if byte.is_ascii_alphanumeric() => reference.push(byte.into()),
            _ => reference.push_str(&format!("%{byte:02X}")),
        }
        reference
    })
}

/// A link to a log, named after what it is of for those who hear it alone.
pub(super) fn log_link(path: Option<&str>, of: &str) -> String {
    let Some(path) = path else { return String::new() };
    let path = reference(path);
    format!("<a href=\"{path}\">log<span class=\"unseen\"> of {}</span></a>", html(of))
}

/// The first digits of a digest, with all of them for who points at it.
pub(super) fn digest(digest: Option<&str>) -> String {
    let Some(digest) = digest else { return String::new() };
    let short: String = digest.chars().take(12).collect();
    format!("<code title=\"{}\">{}</code>", html(digest), html(&short))
}

/// A table that scrolls by itself where it does not fit: the page never does.
pub(super) fn table(caption: &str, columns: &[&str], rows: &[String]) -> String {
    // What is short is seen whole.
    let tall = if rows.len() > 60 { " tall" } else { "" };
    let heads: String = columns
        .iter()
        .map(|column| match column.strip_prefix('#') {
            Some(column) => format!("<th scope=\"col\" class=\"n\">{column}</th>"),
            None => format!("<th scope=\"col\">{column}</th>"),
        })
        .collect();
    format!(
        "<div class=\"scroll{tall}\" role=\"region\" tabindex=\"0\" aria-label=\"Table: {caption}\">\
         <table><caption class=\"unseen\">{caption}</caption><thead><tr>{heads}</tr></thead>\n\
         <tbody>\n{}</tbody></table></div>\n",
        rows.concat()
    )
}
