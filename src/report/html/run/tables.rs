//! The tables: runners, jobs with their build records, retries, what a real Apache did, what was said.

use super::words::{self, digest, log_link, millis, percent, sign, since, table};
use crate::model::smoke::Smoke;
use crate::report::harmless::html;
use crate::report::record::{
    Attempt, AttemptKind, AttemptOutcome, JobRecord, Remark, RunReport, RunnerRecord, SmokeRecord,
    Span, built_in,
};
use crate::report::say::{bytesize, count};

/// Where each runner is, what it did, and when it was lost.
pub(super) fn runners(report: &RunReport) -> String {
    if report.runners.is_empty() {
        return String::new();
    }
    let rows: Vec<String> = report.runners.iter().map(runner).collect();
    let columns = ["Runner", "Place", "Toolsets", "#Slots", "#Jobs", "#Busy", "#Sent", "Lost"];
    section("runners", "Runners", &table("Runners", &columns, &rows))
}

fn runner(runner: &RunnerRecord) -> String {
    let lost: Vec<String> = runner
        .lost
        .iter()
        .map(|lost| {
            let for_good = if lost.for_good { "for good" } else { &millis(lost.span.millis()) };
            format!("<li>{for_good}: {}</li>", html(&lost.reason))
        })
        .collect();
    let lost = if lost.is_empty() { String::new() } else { format!("<ul>{}</ul>", lost.concat()) };
    let busy = runner.utilisation.map_or(String::new(), percent);
    format!(
        "<tr><th scope=\"row\">{}</th><td>{}</td><td class=\"wide\">{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td>\
         <td class=\"n\">{busy}</td><td class=\"n\">{}</td><td class=\"wide\">{lost}</td></tr>\n",
        html(&runner.name),
        html(runner.place.as_deref().unwrap_or_default()),
        html(&runner.toolsets.join("; ")),
        runner.slots,
        runner.finished,
        if runner.brought.files > 0 { bytesize(runner.brought.sent) } else { String::new() },
    )
}

/// Every job with the build record of its cells.
pub(super) fn jobs(report: &RunReport) -> String {
    if report.jobs.is_empty() {
        return String::new();
    }
    let begin = built_in(&report.jobs).map(|build| build.from);
    let rows: Vec<String> = report.jobs.iter().map(|job| self::job(report, job, begin)).collect();
    let columns = [
        "Job", "Outcome", "Cells", "Runner", "#Started", "#Waited", "#Took", "#Tries", "Action",
        "Log",
    ];
    section("jobs", "Jobs and their build records", &table("Jobs", &columns, &rows))
}

fn job(report: &RunReport, job: &JobRecord, begin: Option<jiff::Timestamp>) -> String {
    let counted = job.counted().or(job.attempts.last());
    let started = begin.zip(counted.and_then(|attempt| attempt.started));
    let cells = match job.cells.len() {
        0 | 1 => job.cells.len().to_string(),
        cells => {
            format!("<details><summary>{cells}</summary>{}</details>", html(&job.cells.join(", ")))
        }
    };
    let took = if job.millis > 0 { millis(job.millis) } else { String::new() };
    format!(
        "<tr><th scope=\"row\">{}</th><td>{}</td><td>{cells}</td><td>{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td>\
         <td class=\"n\">{took}</td><td class=\"n\">{}</td><td>{}</td><td>{}</td></tr>\n",
        html(&job.job),
        sign(words::state(job.outcome)),
        html(counted.map_or("", |attempt| &attempt.runner)),
        started.map_or(String::new(), |(begin, at)| since(own_time(report, begin, at))),
        job.queue_millis.map_or(String::new(), millis),
        job.attempts.len(),
        digest(job.action.as_deref()),
        log_link(job.log.as_deref(), &job.job),
    )
}

/// The run's own time between two times, in milliseconds.
fn own_time(report: &RunReport, from: jiff::Timestamp, until: jiff::Timestamp) -> u64 {
    let whole = Span { from, until };
    let still: u64 = report.pauses.iter().map(|pause| pause.within(whole).millis()).sum();
    whole.millis().saturating_sub(still)
}

/// Every run of a job that was tried more than once.
pub(super) fn retries(report: &RunReport) -> String {
    let tried = |job: &&JobRecord| {
        let first = |attempt: &Attempt| {
            attempt.kind == AttemptKind::First && attempt.outcome != AttemptOutcome::Dropped
        };
        !job.attempts.iter().all(first)
    };
    let begin = built_in(&report.jobs).map(|build| build.from);
    let rows: Vec<String> = report
        .jobs
        .iter()
        .filter(tried)
        .flat_map(|job| job.attempts.iter().map(move |attempt| (job, attempt)))
        .map(|(job, attempt)| {
            let at = begin.zip(attempt.started);
            format!(
                "<tr><th scope=\"row\">{}</th><td>{}</td><td>{}</td><td>{}</td><td class=\"n\">{}</td>\
                 <td class=\"n\">{}</td><td class=\"wide\">{}</td></tr>\n",
                html(&job.job),
                words::kind(attempt.kind),
                html(&attempt.runner),
                words::attempt(attempt.outcome),
                at.map_or("never".to_owned(), |(begin, at)| since(own_time(report, begin, at))),
                millis(attempt.millis()),
                html(attempt.reason.as_deref().unwrap_or_default()),
            )
        })
        .collect();
    if rows.is_empty() {
        return String::new();
    }
    let columns = ["Job", "Run", "Runner", "Ended", "#Started", "#Took", "Why"];
    let table = table("Retries and second runs", &columns, &rows);
    section("retries", "Retries and second runs", &table)
}

/// What was seen of the files in a real Apache.
pub(super) fn smoke(report: &RunReport) -> String {
    if report.smoke.is_empty() {
        return String::new();
    }
    let rows: Vec<String> = report.smoke.iter().map(tried).collect();
    let columns = ["File of", "Outcome", "#Took", "What was seen"];
    let table = table("Seen in a real Apache", &columns, &rows);
    section("smoke", "Seen in a real Apache", &table)
}

fn tried(record: &SmokeRecord) -> String {
    let (outcome, what) = match &record.result {
        Smoke::Served { by, checks } => {
            let by = format!("{}, {}, {}", by.apache, by.python, by.system);
            (["built", "✓", "served"], format!("{}: {by}", count(checks.len(), "check")))
        }
        Smoke::Failed { check, reason, .. } => {
            (["failed", "✗", "failed"], format!("{check}: {reason}"))
        }
        Smoke::NotRun { reason } => (["cancelled", "–", "not run"], reason.clone()),
    };
    let more = match record.cells.len() {
        0 | 1 => String::new(),
        cells => format!(" <small>and {} more</small>", cells - 1),
    };
    let took = match (record.remembered, record.millis) {
        (true, _) => "seen before".to_owned(),
        (false, 0) => String::new(),
        (false, took) => millis(took),
    };
    format!(
        "<tr><th scope=\"row\">{}{more}</th><td>{}</td><td class=\"n\">{took}</td><td class=\"wide\">{}</td></tr>\n",
        html(record.cells.first().map_or("", String::as_str)),
        sign(outcome),
        html(&what),
    )
}

/// Findings, warnings and notes.
pub(super) fn remarks(report: &RunReport) -> String {
    let findings = report.findings.iter().map(|record| {
        let finding = &record.finding;
        let what = format!("{}: {} [{}]", record.subject, finding.message, finding.check);
        remark(finding.severity.as_str(), &what, finding.hint.as_deref())
    });
    let said = |word, remark: &Remark| self::remark(word, &remark.message, remark.hint.as_deref());
    let warnings = report.warnings.iter().map(|remark| said("warning", remark));
    let notes = report.notes.iter().map(|remark| said("note", remark));
    let all: String = findings.chain(warnings).chain(notes).collect();
    if all.is_empty() {
        return String::new();
    }
    section(
        "remarks",
        "Findings, warnings and notes",
        &format!("<ul class=\"remarks\">{all}</ul>\n"),
    )
}

fn remark(word: &str, message: &str, hint: Option<&str>) -> String {
    let hint =
        hint.map_or(String::new(), |hint| format!("<br><small>hint: {}</small>", html(hint)));
    format!("<li><b class=\"{word}\">{word}</b> {}{hint}</li>\n", html(message))
}

fn section(id: &str, title: &str, content: &str) -> String {
    format!("<section aria-labelledby=\"{id}\"><h2 id=\"{id}\">{title}</h2>\n{content}</section>\n")
}
