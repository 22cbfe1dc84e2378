//! A run as one page: `report.html`. It needs no script and fetches nothing; what it says in the picture, it
//! says in tables as well; and whatever a worker said is only text in it.

mod figures;
mod picture;
mod tables;
mod timeline;
mod words;

use self::timeline::Timeline;
use super::Document;
use crate::model::smoke::Smoke;
use crate::report::harmless::html;
use crate::report::record::{JobRecord, JobState, RunOutcome, RunReport};
use crate::report::say;

pub(super) const STYLE: &str = include_str!("run.css");

/// So many failures stand on the page with what was said about them; the table of jobs has all.
const SHOWN: usize = 50;

/// So many of the last lines of a log stand on the page; its file has all.
const LOG_LINES: usize = 20;

/// The page.
#[must_use]
pub fn page(report: &RunReport) -> String {
    let title = html(report.title.as_deref().unwrap_or("a run of modfarm"));
    let (class, sign, word) = outcome(report.outcome);
    let sections = [
        figures::section(report),
        failures(report),
        pictures(report),
        tables::runners(report),
        tables::jobs(report),
        tables::retries(report),
        tables::smoke(report),
        tables::remarks(report),
    ];
    let content = format!(
        "<a class=\"skip\" href=\"#main\">To the report</a>\n\
         <header><p class=\"kind\">modfarm run report</p><h1>{title} \
         <span class=\"outcome {class}\"><span aria-hidden=\"true\">{sign}</span> {word}</span></h1>\n{}</header>\n\
         <main id=\"main\">\n{}</main>\n\
         <footer><p>Written by modfarm {}. <a href=\"report.json\">report.json</a> holds the same for \
         programs, <a href=\"journal.jsonl\">journal.jsonl</a> every event. The digest of a job's action leads \
         to the digests of all its inputs in the release's manifest.</p></footer>\n",
        head(report),
        sections.concat(),
        html(&report.modfarm),
    );
    let title = &format!("{title}: {word}");
    Document { title, style: STYLE, script: None, content: &content }.render()
}

fn outcome(outcome: RunOutcome) -> (&'static str, &'static str, &'static str) {
    match outcome {
        RunOutcome::Released => ("built", "✓", "released"),
        RunOutcome::Built => ("built", "✓", "built"),
        RunOutcome::Failed => ("failed", "✗", "not released"),
        RunOutcome::Interrupted => ("cancelled", "–", "interrupted"),
        RunOutcome::Unfinished => ("unfinished", "?", "unfinished"),
    }
}

/// When it was, where the release stands, and what ended it.
fn head(report: &RunReport) -> String {
    let mut text = String::new();
    if let (Some(begun), Some(ended)) = (report.begun, report.ended) {
        let [begun, ended] = [begun, ended].map(|at| at.strftime("%Y-%m-%d %H:%M:%S").to_string());
        text += &format!("<p class=\"when\">{begun} to {ended} UTC");
        for pause in &report.pauses {
            let at = pause.from.strftime("%Y-%m-%d %H:%M:%S");
            text += &format!(
                "; interrupted at {at}, taken up again {} later",
                words::millis(pause.millis())
            );
        }
        text += "</p>\n";
    }
    if let Some(part) = &report.part {
        let cells = say::count(part.cells, "cell");
        text += &format!("<p>The part stands in <b>{}</b>: {cells}.</p>\n", html(&part.place));
    }
    for place in &report.published {
        let unchanged = if place.unchanged { ", unchanged" } else { "" };
        let files = say::count(place.files, "file");
        text += &format!("<p>Stands in <b>{}</b>: {files}{unchanged}.</p>\n", html(&place.place));
    }
    if let Some(error) = &report.error {
        text += &format!("<pre class=\"error\">{}</pre>\n", html(error));
    }
    text
}

/// What failed, with the end of what was said about it.
fn failures(report: &RunReport) -> String {
    let jobs = report.jobs.iter().filter(|job| job.outcome == JobState::Failed);
    let jobs = jobs.map(failed_job);
    let smoke = report.smoke.iter().filter_map(|record| match &record.result {
        Smoke::Failed { check, reason, log, .. } => Some(failure(
            &record.cells,
            &format!("{check} in a real Apache: {reason}"),
            Some(log),
            "",
        )),
        Smoke::Served { .. } | Smoke::NotRun { .. } => None,
    });
    let cells = report.failed_cells.iter().map(|record| {
        let reason = format!("{}: {}", record.stage.as_str(), record.reason);
        let log = Some(record.log_end.as_str()).filter(|log| !log.is_empty());
        failure(std::slice::from_ref(&record.cell), &reason, log, "")
    });
    let failures: Vec<String> = jobs.chain(smoke).chain(cells).collect();
    if failures.is_empty() {
        return String::new();
    }
    let more = match failures.len().saturating_sub(SHOWN) {
        0 => String::new(),
        more => format!("<p>And {more} more: see the table of jobs.</p>\n"),
    };
    let shown = failures.iter().take(SHOWN).cloned().collect::<String>();
    format!(
        "<section aria-labelledby=\"failed\"><h2 id=\"failed\">Failed ({})</h2>\n{shown}{more}</section>\n",
        failures.len()
    )
}

fn failed_job(job: &JobRecord) -> String {
    let cells = if job.cells.is_empty() { std::slice::from_ref(&job.job) } else { &job.cells };
    let reason = job.reason.as_deref().unwrap_or_default();
    let on = job.counted().map_or(String::new(), |run| format!(", on {}", run.runner));
    let link = match words::log_link(job.log.as_deref(), &job.job) {
        link if link.is_empty() => link,
        link => format!("<p>The whole {link}</p>"),
    };
    failure(cells, &format!("{reason}{on}"), job.log_end.as_deref(), &link)
}

fn failure(cells: &[String], reason: &str, log: Option<&str>, link: &str) -> String {
    let first = html(cells.first().map_or("", String::as_str));
    let more = match cells.len() {
        0 | 1 => String::new(),
        cells => format!(" <small>and {} more</small>", say::count(cells - 1, "cell")),
    };
    let log = log.map(|log| {
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(LOG_LINES)..].join("\n")
    });
    let log = match log.filter(|log| !log.trim().is_empty()) {
        Some(log) => format!(
            "<pre tabindex=\"0\" role=\"region\" aria-label=\"End of the log of {first}\">{}</pre>",
            html(&log)
        ),
        None => String::new(),
    };
    format!(
        "<article class=\"failure\"><h3>{first}{more}</h3>\n<p>{}</p>{log}{link}</article>\n",
        html(reason)
    )
}

fn pictures(report: &RunReport) -> String {
    let mut text = String::new();
    if !report.stages.is_empty() {
        text += &format!(
            "<section aria-labelledby=\"stages\"><h2 id=\"stages\">Stages</h2>\n{}</section>\n",
            picture::stages(&report.stages)
        );
    }
    if let Some(timeline) = Timeline::of(report) {
        text += &format!(
            "<section aria-labelledby=\"timeline\"><h2 id=\"timeline\">Runners and jobs over time</h2>\n{}</section>\n",
            picture::timeline(&timeline)
        );
    }
    text
}
