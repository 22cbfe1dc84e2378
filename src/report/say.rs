//! Events in words, the same for every reporter for people.

use std::time::{Duration, Instant};

use super::uploads::Uploads;
use crate::model::event::{Event, JobOutcome};
use crate::model::finding::Severity;
use crate::model::smoke::Smoke;

/// A line for a person.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Line {
    /// Right-aligned before the text, as cargo does.
    pub(super) label: &'static str,
    pub(super) tone: Tone,
    pub(super) text: String,
}

/// How a label is coloured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tone {
    Good,
    Calm,
    Warn,
    Bad,
}

impl Tone {
    pub(super) fn colour(self) -> &'static str {
        match self {
            Self::Good => "\x1b[1;32m",
            Self::Calm => "\x1b[1;36m",
            Self::Warn => "\x1b[1;33m",
            Self::Bad => "\x1b[1;31m",
        }
    }
}

/// How many cells each job serves, for the lines that say so.
#[derive(Debug, Default)]
pub(super) struct Words {
    cells: std::collections::BTreeMap<String, usize>,
    uploads: Uploads,
    said: Option<Instant>,
}

/// What is under way is said this often where nothing else is.
const QUIET: Duration = Duration::from_secs(20);

impl Words {
    /// The line for an event, where it is worth one. A log is shown for what failed, not for what
    /// passed.
    pub(super) fn line(&mut self, event: &Event) -> Option<Line> {
        self.uploads.hear(event);
        let line = self.words(event);
        if line.is_some() {
            self.said = Some(Instant::now());
        }
        line
    }

    /// How far the upload is, now and then, for who sees lines only.
    pub(super) fn progress(&mut self, event: &Event) -> Option<Line> {
        let Event::AssetProgress { asset, .. } = event else { return None };
        if self.said.is_some_and(|said| said.elapsed() < QUIET) {
            return None;
        }
        self.said = Some(Instant::now());
        let text = format!("{asset}: {}; {}", self.uploads.text_of(asset)?, self.uploads.text());
        Some(Line { label: "Sending", tone: Tone::Calm, text })
    }

    /// How far the upload is.
    pub(super) fn uploads(&self) -> &Uploads {
        &self.uploads
    }

    fn words(&mut self, event: &Event) -> Option<Line> {
        let (label, tone, text) = match event {
            Event::JobQueued { job, cells, .. } => {
                self.cells.insert(job.clone(), cells.len());
                return None;
            }
            Event::StageStarted { .. }
            | Event::JobStarted { .. }
            | Event::JobDropped { .. }
            | Event::RunnerReady { .. }
            | Event::RunnerLost { .. }
            | Event::Brought { .. }
            | Event::Resumed { .. }
            | Event::SmokeStarted { .. }
            | Event::AssetStarted { .. }
            | Event::AssetProgress { .. } => return None,
            Event::Planned { title, cells, jobs } => {
                let text =
                    format!("{title}: {} from {}", count(*cells, "cell"), count(*jobs, "job"));
                ("Building", Tone::Good, text)
            }
            Event::JobFinished { job, outcome, millis, .. } => self.finished(job, outcome, *millis),
            Event::Found { subject, finding } => {
                let tone = match finding.severity {
                    Severity::Error => Tone::Bad,
                    Severity::Warning => Tone::Warn,
                    Severity::Note => Tone::Calm,
                };
                let mut text = format!("{subject}: {} [{}]", finding.message, finding.check);
                push_hint(&mut text, finding.hint.as_deref());
                ("Found", tone, text)
            }
            Event::SmokeFinished { subject, cells, result, remembered, millis } => {
                smoked(subject, cells.len(), result, *remembered, *millis)
            }
            Event::UploadPlanned { place, assets, present, bytes } => {
                let there = match present {
                    0 => String::new(),
                    present => format!(", {present} of them there already"),
                };
                let text = format!(
                    "to {place}: {}{there}, {} to send",
                    count(*assets, "asset"),
                    bytesize(*bytes)
                );
                ("Uploading", Tone::Good, text)
            }
            Event::AssetFinished { asset, size } => {
                let text = format!("{asset} ({}); {}", bytesize(*size), self.uploads.text());
                ("Uploaded", Tone::Good, text)
            }
            Event::Waiting { reason, millis } => {
                let text = format!("{} {reason}", duration(Duration::from_millis(*millis)));
                ("Waiting", Tone::Warn, text)
            }
            Event::Note { message } => ("Note", Tone::Calm, message.clone()),
            Event::Warning { message, hint } => {
                let mut text = message.clone();
                push_hint(&mut text, hint.as_deref());
                ("Warning", Tone::Warn, text)
            }
            Event::Published { place, unchanged: true, .. } => {
                ("Unchanged", Tone::Good, format!("{place} is what this run would make"))
            }
            Event::Published { place, assets, .. } => {
                ("Released", Tone::Good, format!("{place}, {}", count(*assets, "file")))
            }
        };
        Some(Line { label, tone, text })
    }

    fn finished(
        &self,
        job: &str,
        outcome: &JobOutcome,
        millis: u64,
    ) -> (&'static str, Tone, String) {
        let more = match self.cells.get(job) {
            Some(2..) => format!(" (+{} with the same inputs)", self.cells[job] - 1),
            _ => String::new(),
        };
        match outcome {
            JobOutcome::Built => {
                let took = duration(Duration::from_millis(millis));
                ("Built", Tone::Good, format!("{job}{more} in {took}"))
            }
            JobOutcome::Cached => ("Cached", Tone::Calm, format!("{job}{more}")),
            JobOutcome::Cancelled => ("Cancelled", Tone::Warn, job.to_owned()),
            JobOutcome::Failed { reason, log } => {
                let mut text = format!("{job}{more}: {reason}");
                for line in log.lines() {
                    text.push_str("\n| ");
                    text.push_str(line);
                }
                ("Failed", Tone::Bad, text)
            }
        }
    }
}

/// What was seen of a file in a real Apache.
fn smoked(
    subject: &str,
    cells: usize,
    result: &Smoke,
    remembered: bool,
    millis: u64,
) -> (&'static str, Tone, String) {
    let more =
        if cells > 1 { format!(" (+{} with the same file)", cells - 1) } else { String::new() };
    let when = if remembered {
        "as seen before".to_owned()
    } else {
        format!("in {}", duration(Duration::from_millis(millis)))
    };
    match result {
        Smoke::Served { by, checks } => {
            let what = format!("{}, {}, {}", by.apache, by.python, by.system);
            let text =
                format!("{subject}{more}: {} by {what}, {when}", count(checks.len(), "check"));
            ("Served", Tone::Good, text)
        }
        Smoke::Failed { check, reason, log, .. } => {
            let mut text = format!("{subject}{more}: {check}: {reason}");
            for line in log.lines() {
                text.push_str("\n| ");
                text.push_str(line);
            }
            ("Failed", Tone::Bad, text)
        }
        Smoke::NotRun { reason } => {
            let more = if cells > 1 { format!(" (+{})", cells - 1) } else { String::new() };
            ("Not run", Tone::Calm, format!("{subject}{more}: {reason}"))
        }
    }
}

fn push_hint(text: &mut String, hint: Option<&str>) {
    if let Some(hint) = hint {
        text.push_str("\nhint: ");
        text.push_str(hint);
    }
}

/// A text of several lines with all but the first below where the first begins.
pub(super) fn aligned(text: &str) -> String {
    text.replace('\n', "\n           ")
}

/// `1 cell`, `2 cells`.
pub(super) fn count(number: usize, noun: &str) -> String {
    if number == 1 { format!("1 {noun}") } else { format!("{number} {noun}s") }
}

/// `512 bytes`, `1.5 MiB`.
pub(super) fn bytesize(bytes: u64) -> String {
    if bytes < 1 << 10 {
        count(usize::try_from(bytes).unwrap_or_default(), "byte")
    } else {
        indicatif::BinaryBytes(bytes).to_string()
    }
}

/// `0.4 s`, `12 s`, `3 min 20 s`.
pub(super) fn duration(duration: Duration) -> String {
    let seconds = duration.as_secs();
    match seconds {
        0..10 => format!("{:.1} s", duration.as_secs_f64()),
        10..120 => format!("{seconds} s"),
        _ => format!("{} min {} s", seconds / 60, seconds % 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_is_shown_for_what_failed() {
        let mut words = Words::default();
        let failed = JobOutcome::Failed { reason: "exit code 2".into(), log: "x.c:1: no\n".into() };
        let event =
            Event::JobFinished { job: "a/b".into(), outcome: failed, millis: 5, runner: None };
        assert_eq!(words.line(&event).unwrap().text, "a/b: exit code 2\n| x.c:1: no");
    }

    #[test]
    fn durations_are_readable() {
        let say = |millis| duration(Duration::from_millis(millis));
        assert_eq!([say(340), say(12_900), say(200_000)], ["0.3 s", "12 s", "3 min 20 s"]);
    }
}
