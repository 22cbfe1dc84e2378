//! A run in Markdown, once it has ended: what was built, what was seen in a real Apache, what failed. For
//! the run's folder, and for the summary of a GitHub Actions step.

use std::collections::BTreeMap;
use std::time::Duration;

use super::harmless::{lines, markdown as plain, markdown_code as code};
use super::record::{JobState, RunReport, RunnerRecord};
use super::say::{bytesize, count, duration};
use crate::model::smoke::Smoke;

/// More of a log than this is in its own file.
const LOG_LINES: usize = 30;

/// The run in Markdown; `page` is where the whole report stands. Nothing where nothing was begun.
#[must_use]
pub fn markdown(report: &RunReport, page: &str) -> Option<String> {
    let title = plain(report.title.as_ref()?);
    let mut text = format!("## {title}: {}\n\n", extent(report));
    if let Some(error) = &report.error {
        let error: Vec<String> = lines(error).lines().map(plain).collect();
        let not = if report.part.is_some() { "Not all is built" } else { "Not released" };
        text += &format!("**{not}:** {}\n\n", error.join("  \n"));
    }
    if let Some(part) = &report.part {
        let failed =
            if part.failed > 0 { format!(", {} failed", part.failed) } else { String::new() };
        let cells = count(part.cells, "cell");
        text += &format!("Part: {} ({cells}{failed})\n\n", code(&part.place));
    }
    for place in &report.published {
        let unchanged = if place.unchanged { ", unchanged" } else { "" };
        let files = count(place.files, "file");
        text += &format!("Released: {} ({files}{unchanged})\n\n", plain(&place.place));
    }
    if report.parts.is_none() {
        text += &spent(report);
    }
    text += &failed(report);
    text += &cells(report);
    text += &seen(report);
    text += &runners(&report.runners);
    text += &format!("\nAll of it, with every job's way over the runners: {}\n", code(page));
    Some(text)
}

/// How much it was.
fn extent(report: &RunReport) -> String {
    let figures = &report.figures;
    let (cells, jobs) = (count(figures.cells, "cell"), count(figures.jobs, "job"));
    match report.parts {
        Some(parts) => format!("put together from {}", count(parts, "part")),
        // Which cells a workflow's jobs build is known there.
        None if figures.cells == 0 => jobs,
        None => format!("{cells} from {jobs}"),
    }
}

fn spent(report: &RunReport) -> String {
    let figures = &report.figures;
    let built = count(figures.built, "job");
    let time = duration(Duration::from_millis(compilers_time(report)));
    if figures.cells == 0 {
        return format!("{built} went well in {time} of runners' time.\n");
    }
    format!("{built} built in {time} of compilers' time, {} from the cache.\n", figures.cached)
}

/// Of the jobs that were built, in milliseconds.
fn compilers_time(report: &RunReport) -> u64 {
    let built = report.jobs.iter().filter(|job| job.outcome == JobState::Built);
    built.fold(0, |all, job| all.saturating_add(job.millis))
}

fn failed(report: &RunReport) -> String {
    let mut text = String::new();
    for job in report.jobs.iter().filter(|job| job.outcome == JobState::Failed) {
        let reason = job.reason.as_deref().unwrap_or_default();
        let log = job.log_end.as_deref().unwrap_or_default();
        text += &failure(&format!("{}: {}", code(&job.job), plain(reason)), log);
    }
    for record in &report.findings {
        let finding = &record.finding;
        let message = plain(&finding.message);
        text += &failure(&format!("{}: {message} [{}]", code(&record.subject), finding.check), "");
    }
    for record in &report.failed_cells {
        let stage = record.stage.as_str();
        let what = format!("{}: {stage}: {}", code(&record.cell), plain(&record.reason));
        text += &failure(&what, &record.log_end);
    }
    if report.parts.is_some() && !report.failed_cells.is_empty() {
        text += "\nRun the failed jobs again: only these cells are built, all others are taken from their \
                 parts.\n";
    }
    for record in &report.smoke {
        if let Smoke::Failed { check, reason, log, .. } = &record.result {
            let cells: Vec<String> = record.cells.iter().map(|cell| code(cell)).collect();
            let what = format!("{}, at *{}*: {}", cells.join(", "), plain(check), plain(reason));
            text += &failure(&what, log);
        }
    }
    if text.is_empty() { text } else { format!("\n### Failed\n\n{text}") }
}

fn failure(what: &str, log: &str) -> String {
    let mut text = format!("- {what}\n");
    let log = lines(log);
    let lines: Vec<&str> = log.lines().collect();
    let last = &lines[lines.len().saturating_sub(LOG_LINES)..];
    if !last.is_empty() {
        text += "\n      ";
        text += &last.join("\n      ");
        text += "\n\n";
    }
    text
}

/// Who did how much, where there is more than one.
fn runners(runners: &[RunnerRecord]) -> String {
    if runners.len() < 2 {
        return String::new();
    }
    let mut text = "\n### Runners\n\n| Runner | Place | Slots | Jobs | Busy | Sent | Lost |\n\
                    | --- | --- | ---: | ---: | ---: | ---: | --- |\n"
        .to_owned();
    for runner in runners {
        let lost: Vec<String> = runner
            .lost
            .iter()
            .map(|lost| {
                let for_good = if lost.for_good { "for good: " } else { "" };
                format!("{for_good}{}", plain(&lost.reason))
            })
            .collect();
        text += &format!(
            "| {} | {} | {} | {} | {} | {} | {} |\n",
            code(&runner.name),
            plain(runner.place.as_deref().unwrap_or_default()),
            runner.slots,
            runner.finished,
            runner.utilisation.map_or(String::new(), |part| format!("{:.0} %", part * 100.0)),
            if runner.brought.files > 0 { bytesize(runner.brought.sent) } else { String::new() },
            lost.join("; "),
        );
    }
    text
}

/// What became of every cell.
fn cells(report: &RunReport) -> String {
    let word = |state| match state {
        JobState::Built => "built",
        JobState::Cached => "built before",
        JobState::Failed => "**failed**",
        JobState::Cancelled | JobState::Unfinished => "not built",
    };
    let mut words: BTreeMap<&str, String> = BTreeMap::new();
    for record in &report.cells {
        words.insert(&record.cell, word(record.outcome).to_owned());
    }
    for record in &report.failed_cells {
        words.insert(&record.cell, format!("**{}**", record.stage.as_str()));
    }
    table("Cells", &words)
}

/// What was seen of every cell, and below the reasons of what was not run.
fn seen(report: &RunReport) -> String {
    let mut words: BTreeMap<&str, String> = BTreeMap::new();
    let mut reasons: Vec<&str> = Vec::new();
    let cells = report
        .smoke
        .iter()
        .flat_map(|record| record.cells.iter().map(move |cell| (cell.as_str(), &record.result)));
    let by_cell: BTreeMap<&str, &Smoke> = cells.collect();
    for (cell, smoke) in by_cell {
        let word = match smoke {
            Smoke::Served { .. } => "served".to_owned(),
            Smoke::Failed { .. } => "**failed**".to_owned(),
            Smoke::NotRun { reason } => {
                let known = reasons.iter().position(|known| known == reason);
                let number = known.unwrap_or_else(|| {
                    reasons.push(reason);
                    reasons.len() - 1
                });
                format!("not run ({})", number + 1)
            }
        };
        words.insert(cell, word);
    }
    let mut text = table("Seen in a real Apache", &words);
    for (number, reason) in reasons.iter().enumerate() {
        let gap = if number == 0 { "\n" } else { "" };
        text += &format!("{gap}{}. Not run: {}.\n", number + 1, plain(reason));
    }
    text
}

/// A row an Apache build, a column a Python.
fn table(title: &str, words: &BTreeMap<&str, String>) -> String {
    let mut pythons: Vec<String> = Vec::new();
    let mut rows: BTreeMap<&str, BTreeMap<String, &str>> = BTreeMap::new();
    for (cell, word) in words {
        let Some((apache, python)) = cell.split_once('/') else { continue };
        let python = plain(python);
        if !pythons.contains(&python) {
            pythons.push(python.clone());
        }
        rows.entry(apache).or_default().insert(python, word);
    }
    if rows.is_empty() {
        return String::new();
    }
    pythons.sort_by_key(|python| (python.len(), python.clone()));
    let mut text = format!("\n### {title}\n\n| | {} |\n", pythons.join(" | "));
    text += &format!("| --- |{}\n", " --- |".repeat(pythons.len()));
    for (apache, row) in rows {
        let words: Vec<&str> =
            pythons.iter().map(|python| row.get(python).copied().unwrap_or_default()).collect();
        text += &format!("| {} | {} |\n", code(apache), words.join(" | "));
    }
    text
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::model::event::{Event, JobOutcome};
    use crate::model::part::FailedStage;
    use crate::model::smoke::SmokeHost;
    use crate::report::record::{Ended, Record, RunOutcome};

    const PAGE: &str = "runs/1/report.html";

    fn by() -> SmokeHost {
        let [system, apache, python] = ["Wine 8.0", "Apache", "Python"].map(str::to_owned);
        SmokeHost { system, apache, python }
    }

    fn hear(record: &mut Record, event: Event) {
        record.hear(Timestamp::UNIX_EPOCH, &event);
    }

    fn tried(record: &mut Record, cells: &[&str], result: Smoke) {
        let cells: Vec<String> = cells.iter().map(ToString::to_string).collect();
        let subject = cells[0].clone();
        let (remembered, millis) = (false, 5);
        hear(record, Event::SmokeFinished { subject, cells, result, remembered, millis });
    }

    fn planned() -> Event {
        Event::Planned { title: "mod_wsgi 6.1.1".into(), cells: 3, jobs: 1 }
    }

    fn queued(job: &str, cells: usize) -> Event {
        let names = (0..cells).map(|n| format!("{job}{n}")).collect();
        let (job, action) = (job.to_owned(), "0/0".to_owned());
        Event::JobQueued { job, cells: names, action, expected_millis: None }
    }

    fn built(job: &str, runner: Option<&str>) -> Event {
        let (job, runner) = (job.to_owned(), runner.map(str::to_owned));
        Event::JobFinished { job, outcome: JobOutcome::Built, millis: 1500, runner }
    }

    #[test]
    fn a_table_of_what_was_seen_and_the_reasons() {
        let mut record = Record::default();
        assert_eq!(markdown(&record.report(Ended::Well), PAGE), None);
        hear(&mut record, planned());
        hear(&mut record, queued("A-win64/py311-VC14", 3));
        hear(&mut record, built("A-win64/py311-VC14", None));
        let served = Smoke::Served { by: by(), checks: vec!["start".into()] };
        tried(&mut record, &["A-win64/py311-VC14", "B-win64/py311-VC14"], served);
        let reason = "no Python 3.14 for win64 to run is at hand".to_owned();
        tried(&mut record, &["A-win64/py314-VC14"], Smoke::NotRun { reason });
        hear(&mut record, Event::Published { place: "dist/x".into(), unchanged: false, assets: 4 });
        assert_eq!(
            markdown(&record.report(Ended::Well), PAGE).unwrap(),
            "## mod_wsgi 6.1.1: 3 cells from 1 job\n\n\
             Released: dist/x (4 files)\n\n\
             1 job built in 1.5 s of compilers' time, 0 from the cache.\n\n\
             ### Cells\n\n\
             | | py311-VC140 | py311-VC141 | py311-VC142 |\n| --- | --- | --- | --- |\n\
             | `A-win64` | built | built | built |\n\n\
             ### Seen in a real Apache\n\n\
             | | py311-VC14 | py314-VC14 |\n| --- | --- | --- |\n\
             | `A-win64` | served | not run (1) |\n| `B-win64` | served |  |\n\n\
             1. Not run: no Python 3.14 for win64 to run is at hand.\n\n\
             All of it, with every job's way over the runners: `runs/1/report.html`\n"
        );
    }

    #[test]
    fn what_failed_stands_above_with_the_end_of_its_log() {
        let mut record = Record::default();
        hear(&mut record, planned());
        let log = (0..100).map(|line| format!("line {line}")).collect::<Vec<_>>().join("\n");
        let (check, reason) = ("start".to_owned(), "it crashed".to_owned());
        tried(&mut record, &["A/py311-VC14"], Smoke::Failed { by: by(), check, reason, log });
        let report = record.report(Ended::Badly("1 cell did not pass\nhint: look"));
        let text = markdown(&report, PAGE).unwrap();
        assert!(text.contains("**Not released:** 1 cell did not pass  \nhint: look"), "{text}");
        assert!(text.contains("- `A/py311-VC14`, at *start*: it crashed\n"), "{text}");
        assert!(text.contains("      line 99\n") && !text.contains("line 69\n"), "{text}");
        assert!(text.contains("| `A` | **failed** |"), "{text}");
        assert!(!text.contains("### Runners"), "{text}");
    }

    #[test]
    fn parts_are_named_and_what_keeps_them_from_a_release() {
        let mut record = Record::default();
        hear(&mut record, Event::Assembling { title: "mod_wsgi 6.1.1".into(), parts: 2 });
        let failed = |cell: &str, stage, log: &str| Event::CellFailed {
            cell: cell.into(),
            stage,
            reason: "a | reason".into(),
            log: log.into(),
        };
        hear(&mut record, failed("A/py311-VC14", FailedStage::Build, "x.c(1): error\n"));
        hear(&mut record, failed("A/py313-VC14", FailedStage::Missing, ""));
        assert_eq!(
            markdown(&record.report(Ended::Badly("no")), PAGE).unwrap(),
            "## mod_wsgi 6.1.1: put together from 2 parts\n\n**Not released:** no\n\n\n\
             ### Failed\n\n- `A/py311-VC14`: build: a \\| reason\n\n      x.c(1): error\n\n\
             - `A/py313-VC14`: missing: a \\| reason\n\nRun the failed jobs again: only these cells \
             are built, all others are taken from their parts.\n\n\
             ### Cells\n\n| | py311-VC14 | py313-VC14 |\n| --- | --- | --- |\n\
             | `A` | **build** | **missing** |\n\n\
             All of it, with every job's way over the runners: `runs/1/report.html`\n"
        );

        let mut record = Record::default();
        hear(&mut record, planned());
        hear(&mut record, Event::PartWritten { place: "parts/1".into(), cells: 2, failed: 1 });
        let text = markdown(&record.report(Ended::Badly("1 cell of 3")), PAGE).unwrap();
        let words = "**Not all is built:** 1 cell of 3\n\nPart: `parts/1` (2 cells, 1 failed)\n";
        assert!(text.contains(words), "{text}");
        assert_eq!(record.report(Ended::Well).outcome, RunOutcome::Built);
    }

    #[test]
    fn several_runners_have_a_table_in_which_their_words_are_text() {
        let mut record = Record::default();
        hear(&mut record, planned());
        let ready = |runner: &str| Event::RunnerReady {
            runner: runner.to_owned(),
            place: "ssh <b>".to_owned(),
            slots: 4,
            toolsets: Vec::new(),
        };
        hear(&mut record, ready("one"));
        hear(&mut record, ready("two"));
        let reason = "no | answer\u{1b}[1m".to_owned();
        hear(&mut record, Event::RunnerLost { runner: "two".into(), reason, for_good: true });
        hear(&mut record, built("a", Some("one")));
        let text = markdown(&record.report(Ended::Well), PAGE).unwrap();
        assert!(text.contains("| `one` | ssh &lt;b> | 4 | 1 |"), "{text}");
        let lost = "| `two` | ssh &lt;b> | 4 | 0 |  |  | for good: no \\| answer\u{fffd}\\[1m |";
        assert!(text.contains(lost), "{text}");
    }
}
