//! The run in figures, and what each of them means.

use super::words::{millis, percent};
use crate::model::smoke::Smoke;
use crate::report::record::{Figures, RunReport};
use crate::report::say::{bytesize, count};

/// The section of figures.
pub(super) fn section(report: &RunReport) -> String {
    let Figures { brought, .. } = &report.figures;
    let figures = &report.figures;
    let mut tiles = vec![
        tile("Wall time", &millis(figures.wall_millis), &built_in(figures)),
        tile("Jobs", &figures.jobs.to_string(), &jobs(figures)),
    ];
    if figures.compile_millis > 0 {
        let speed_up =
            figures.speed_up.map_or_else(|| "unknown".to_owned(), |by| format!("{by:.1} ×"));
        tiles.push(tile("Compile time", &millis(figures.compile_millis), "of all jobs, summed up"));
        tiles.push(tile("Speed-up", &speed_up, "compile time / time of building"));
    }
    if let Some(part) = figures.utilisation {
        let slots = format!("of {}", on(figures.slots, report.runners.len()));
        tiles.push(tile("Slots busy", &percent(part), &slots));
    }
    if let (Some(mean), Some(longest)) = (figures.queue_mean_millis, figures.queue_longest_millis) {
        tiles.push(tile(
            "Wait for a slot",
            &millis(mean),
            &format!("on the mean, {} at most", millis(longest)),
        ));
    }
    if brought.files > 0 {
        let files = count(usize::try_from(brought.files).unwrap_or(usize::MAX), "file");
        let what = format!("to runners, for {files} of {}", bytesize(brought.bytes));
        tiles.push(tile("Sent", &bytesize(brought.sent), &what));
    }
    if figures.runners_lost + figures.retries + figures.second_starts > 0 {
        let retries = if figures.retries == 1 { "retry" } else { "retries" };
        let second = count(figures.second_starts, "second run");
        let what = format!("times; {} {retries}, {second}", figures.retries);
        tiles.push(tile("Runners lost", &figures.runners_lost.to_string(), &what));
    }
    tiles.extend(seen(report));
    format!(
        "<section aria-labelledby=\"figures\"><h2 id=\"figures\" class=\"unseen\">Figures</h2>\n\
         <dl class=\"figures\">{}</dl></section>\n",
        tiles.concat()
    )
}

fn tile(name: &str, value: &str, what: &str) -> String {
    format!("<div><dt>{name}</dt><dd><b>{value}</b><small>{what}</small></dd></div>\n")
}

fn built_in(figures: &Figures) -> String {
    if figures.build_millis == 0 {
        return "nothing was built".to_owned();
    }
    format!("{} of it building", millis(figures.build_millis))
}

fn jobs(figures: &Figures) -> String {
    let counts = [
        (figures.built, "built"),
        (figures.cached, "cached"),
        (figures.failed, "failed"),
        (figures.cancelled, "cancelled"),
        (figures.unfinished, "unfinished"),
    ];
    let words = counts.iter().filter(|(number, _)| *number > 0);
    let words: Vec<String> = words.map(|(number, word)| format!("{number} {word}")).collect();
    format!("for {}: {}", count(figures.cells, "cell"), words.join(", "))
}

fn on(slots: usize, runners: usize) -> String {
    format!("{} on {}", count(slots, "slot"), count(runners, "runner"))
}

fn seen(report: &RunReport) -> Option<String> {
    let files = |wanted: fn(&Smoke) -> bool| {
        report.smoke.iter().filter(|record| wanted(&record.result)).count()
    };
    let served = files(|result| matches!(result, Smoke::Served { .. }));
    let failed = files(|result| matches!(result, Smoke::Failed { .. }));
    let not_run = files(|result| matches!(result, Smoke::NotRun { .. }));
    let value = if failed > 0 { format!("{failed} failed") } else { format!("{served} served") };
    let what = if failed > 0 {
        format!("of files tried in a real Apache; {served} served, {not_run} not run")
    } else {
        format!("files in a real Apache; {not_run} not run")
    };
    (!report.smoke.is_empty()).then(|| tile("Seen to work", &value, &what))
}
