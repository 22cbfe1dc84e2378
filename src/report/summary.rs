//! A run in Markdown, once it has ended: what was built, what was seen in a real Apache, what failed. For
//! the run's folder, and for the summary of a GitHub Actions step.

use std::collections::BTreeMap;
use std::time::Duration;

use super::say::{count, duration};
use crate::model::event::{Event, JobOutcome};
use crate::model::smoke::Smoke;

/// More of a log than this is in its own file.
const LOG_LINES: usize = 30;

/// What a run was so far.
#[derive(Debug, Default)]
pub struct Summary {
    title: Option<String>,
    built: Vec<(String, u64)>,
    cached: usize,
    seen: BTreeMap<String, Smoke>,
    failures: Vec<Failed>,
    places: Vec<String>,
}

/// Something that failed, with what was said about it.
#[derive(Debug)]
struct Failed {
    what: String,
    log: String,
}

impl Summary {
    /// Takes note of an event.
    pub fn event(&mut self, event: &Event) {
        match event {
            Event::Planned { title, cells, jobs } => {
                let (cells, jobs) = (count(*cells, "cell"), count(*jobs, "job"));
                self.title = Some(format!("{title}: {cells} from {jobs}"));
            }
            Event::JobFinished { job, outcome, millis, .. } => self.job(job, outcome, *millis),
            Event::Found { subject, finding } => {
                let what = format!("`{subject}`: {} [{}]", finding.message, finding.check);
                self.failures.push(Failed { what, log: String::new() });
            }
            Event::SmokeFinished { cells, result, .. } => {
                self.seen.extend(cells.iter().map(|cell| (cell.clone(), result.clone())));
                if let Smoke::Failed { check, reason, log, .. } = result {
                    let what = format!("`{}`, at *{check}*: {reason}", cells.join("`, `"));
                    self.failures.push(Failed { what, log: log.clone() });
                }
            }
            Event::Published { place, unchanged, assets } => {
                let unchanged = if *unchanged { ", unchanged" } else { "" };
                self.places.push(format!("{place} ({}{unchanged})", count(*assets, "file")));
            }
            _ => {}
        }
    }

    fn job(&mut self, job: &str, outcome: &JobOutcome, millis: u64) {
        match outcome {
            JobOutcome::Built => self.built.push((job.to_owned(), millis)),
            JobOutcome::Cached => self.cached += 1,
            JobOutcome::Failed { reason, log } => {
                let what = format!("`{job}`: {reason}");
                self.failures.push(Failed { what, log: log.clone() });
            }
            JobOutcome::Cancelled => {}
        }
    }

    /// The run in Markdown; `error` is what ended it. Nothing where nothing was begun.
    #[must_use]
    pub fn markdown(&self, error: Option<&str>) -> Option<String> {
        let title = self.title.as_ref()?;
        let mut text = format!("## {title}\n\n");
        if let Some(error) = error {
            text += &format!("**Not released:** {}\n\n", error.replace('\n', "  \n"));
        }
        for place in &self.places {
            text += &format!("Released: {place}\n\n");
        }
        let took = self.built.iter().map(|(_, millis)| Duration::from_millis(*millis)).sum();
        text += &format!(
            "{} built in {} of compilers' time, {} from the cache.\n",
            count(self.built.len(), "job"),
            duration(took),
            self.cached
        );
        text += &self.failed();
        text += &self.seen();
        Some(text)
    }

    fn failed(&self) -> String {
        if self.failures.is_empty() {
            return String::new();
        }
        let mut text = "\n### Failed\n\n".to_owned();
        for failed in &self.failures {
            text += &format!("- {}\n", failed.what);
            let lines: Vec<&str> = failed.log.lines().collect();
            let last = &lines[lines.len().saturating_sub(LOG_LINES)..];
            if !last.is_empty() {
                text += "\n      ";
                text += &last.join("\n      ");
                text += "\n\n";
            }
        }
        text
    }

    /// A row an Apache build, a column a Python, and below the reasons of what was not run.
    fn seen(&self) -> String {
        let parts = |cell: &str| cell.split_once('/').map(|(a, p)| (a.to_owned(), p.to_owned()));
        let mut pythons: Vec<String> = Vec::new();
        let mut rows: BTreeMap<String, BTreeMap<String, String>> = BTreeMap::new();
        let mut reasons: Vec<&str> = Vec::new();
        for (cell, smoke) in &self.seen {
            let Some((apache, python)) = parts(cell) else { continue };
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
            if !pythons.contains(&python) {
                pythons.push(python.clone());
            }
            rows.entry(apache).or_default().insert(python, word);
        }
        if rows.is_empty() {
            return String::new();
        }
        pythons.sort_by_key(|python| (python.len(), python.clone()));
        let mut text = format!("\n### Seen in a real Apache\n\n| | {} |\n", pythons.join(" | "));
        text += &format!("| --- |{}\n", " --- |".repeat(pythons.len()));
        for (apache, row) in rows {
            let words: Vec<&str> =
                pythons.iter().map(|python| row.get(python).map_or("", String::as_str)).collect();
            text += &format!("| `{apache}` | {} |\n", words.join(" | "));
        }
        for (number, reason) in reasons.iter().enumerate() {
            text += &format!(
                "{}{}. Not run: {reason}.\n",
                if number == 0 { "\n" } else { "" },
                number + 1
            );
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::smoke::SmokeHost;

    fn by() -> SmokeHost {
        let [system, apache, python] = ["Wine 8.0", "Apache", "Python"].map(str::to_owned);
        SmokeHost { system, apache, python }
    }

    fn tried(summary: &mut Summary, cells: &[&str], result: Smoke) {
        let cells: Vec<String> = cells.iter().map(ToString::to_string).collect();
        let subject = cells[0].clone();
        let (remembered, millis) = (false, 5);
        summary.event(&Event::SmokeFinished { subject, cells, result, remembered, millis });
    }

    #[test]
    fn a_table_of_what_was_seen_and_the_reasons() {
        let mut summary = Summary::default();
        assert_eq!(summary.markdown(None), None);
        summary.event(&Event::Planned { title: "mod_wsgi 6.1.1".into(), cells: 3, jobs: 2 });
        let job = "A-win64/py311-VC14".to_owned();
        summary.event(&Event::JobFinished {
            job,
            outcome: JobOutcome::Built,
            millis: 1500,
            runner: None,
        });
        let served = Smoke::Served { by: by(), checks: vec!["start".into()] };
        tried(&mut summary, &["A-win64/py311-VC14", "B-win64/py311-VC14"], served);
        let reason = "no Python 3.14 for win64 to run is at hand".to_owned();
        tried(&mut summary, &["A-win64/py314-VC14"], Smoke::NotRun { reason });
        summary.event(&Event::Published { place: "dist/x".into(), unchanged: false, assets: 4 });
        assert_eq!(
            summary.markdown(None).unwrap(),
            "## mod_wsgi 6.1.1: 3 cells from 2 jobs\n\n\
             Released: dist/x (4 files)\n\n\
             1 job built in 1.5 s of compilers' time, 0 from the cache.\n\n\
             ### Seen in a real Apache\n\n\
             | | py311-VC14 | py314-VC14 |\n| --- | --- | --- |\n\
             | `A-win64` | served | not run (1) |\n| `B-win64` | served |  |\n\n\
             1. Not run: no Python 3.14 for win64 to run is at hand.\n"
        );
    }

    #[test]
    fn what_failed_stands_above_with_the_end_of_its_log() {
        let mut summary = Summary::default();
        summary.event(&Event::Planned { title: "x".into(), cells: 1, jobs: 1 });
        let log = (0..100).map(|line| format!("line {line}")).collect::<Vec<_>>().join("\n");
        let (check, reason) = ("start".to_owned(), "it crashed".to_owned());
        tried(&mut summary, &["A/py311-VC14"], Smoke::Failed { by: by(), check, reason, log });
        let text = summary.markdown(Some("1 cell did not pass\nhint: look")).unwrap();
        assert!(text.contains("**Not released:** 1 cell did not pass  \nhint: look"), "{text}");
        assert!(text.contains("- `A/py311-VC14`, at *start*: it crashed\n"), "{text}");
        assert!(text.contains("      line 99\n") && !text.contains("line 69\n"), "{text}");
        assert!(text.contains("| `A` | **failed** |"), "{text}");
    }
}
