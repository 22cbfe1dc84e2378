//! Events in words, the same for every reporter for people.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::flood::Flood;
use super::harmless;
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

/// What is to be known of earlier events to put one into words.
#[derive(Debug)]
pub(super) struct Words {
    /// How many cells each job serves.
    cells: BTreeMap<String, usize>,
    /// The runners with their slots, as far as they are known, and whether they are lost.
    runners: BTreeMap<String, (Option<usize>, bool)>,
    /// Where each job runs.
    running: BTreeMap<String, Vec<String>>,
    ready: Flood,
    lost: Flood,
    dropped: Flood,
    uploads: Uploads,
    said: Option<Instant>,
    /// Whether the jobs are those of a workflow: not all of them build something.
    following: bool,
}

impl Default for Words {
    fn default() -> Self {
        Self {
            cells: BTreeMap::new(),
            runners: BTreeMap::new(),
            running: BTreeMap::new(),
            ready: Flood::of("Ready", Tone::Calm, "runners"),
            lost: Flood::of("Lost", Tone::Warn, "runners"),
            dropped: Flood::of("Dropped", Tone::Calm, "runs of jobs"),
            uploads: Uploads::default(),
            said: None,
            following: false,
        }
    }
}

/// What is under way is said this often where nothing else is.
const QUIET: Duration = Duration::from_secs(20);

/// What was brought to a runner is worth a line if it took this long, in milliseconds.
const LONG: u64 = 5000;

impl Words {
    /// The lines for an event, where it is worth any. A log is shown for what failed, not for what
    /// passed. Nothing in them commands the terminal.
    pub(super) fn lines(&mut self, event: &Event) -> Vec<Line> {
        self.uploads.hear(event);
        // What was held back is said before the line that sums it up.
        let mut lines = self.rest(matches!(event, Event::Planned { .. }));
        let line = self.of_runners(event).or_else(|| self.words(event));
        self.follow(event);
        lines.extend(line.map(|line| Line { text: harmless::lines(&line.text), ..line }));
        if !lines.is_empty() {
            self.said = Some(Instant::now());
        }
        lines
    }

    /// How many more there were of what came by the hundred.
    pub(super) fn rest(&mut self, at_once: bool) -> Vec<Line> {
        let now = Instant::now();
        let floods = [&mut self.ready, &mut self.lost, &mut self.dropped];
        floods.into_iter().filter_map(|flood| flood.rest(now, at_once)).collect()
    }

    /// Takes note of who runs what.
    fn follow(&mut self, event: &Event) {
        match event {
            Event::RunnerReady { runner, slots, .. } => {
                self.runners.insert(runner.clone(), (Some(*slots), false));
            }
            Event::RunnerLost { runner, .. } => {
                self.runners.entry(runner.clone()).or_default().1 = true;
            }
            Event::JobStarted { job, runner } => {
                self.runners.entry(runner.clone()).or_default();
                self.running.entry(job.clone()).or_default().push(runner.clone());
            }
            Event::JobDropped { job, runner, .. } => {
                if let Some(runners) = self.running.get_mut(job) {
                    runners.retain(|other| other != runner);
                }
            }
            Event::JobFinished { job, .. } => {
                self.running.remove(job);
            }
            _ => {}
        }
    }

    /// What happens to runners, and to jobs because of it.
    fn of_runners(&mut self, event: &Event) -> Option<Line> {
        let now = Instant::now();
        match event {
            Event::RunnerReady { runner, place, slots, toolsets } => {
                let text = match self.runners.get(runner) {
                    Some((_, true)) => format!("{runner} is there again"),
                    // The machine that this runs on is no news.
                    _ if place == "local" => return None,
                    _ => {
                        let toolsets = toolsets.iter().map(|toolset| format!("; {toolset}"));
                        let toolsets: String = toolsets.collect();
                        format!("{runner} ({place}): {}{toolsets}", count(*slots, "slot"))
                    }
                };
                self.ready.line(text, now)
            }
            Event::RunnerLost { runner, reason, for_good } => {
                let left_out = if *for_good { "; it is left out of this run" } else { "" };
                let (reason, hint) = reason.split_once('\n').unwrap_or((reason, ""));
                let mut text = format!("{runner}: {reason}{left_out}");
                if !hint.is_empty() {
                    text.push('\n');
                    text.push_str(hint);
                }
                self.lost.line(text, now)
            }
            Event::JobDropped { job, runner, reason } => {
                let elsewhere = |runners: &Vec<String>| runners.iter().any(|other| other != runner);
                let text = match self.running.get(job) {
                    None if self.cells.contains_key(job) => {
                        format!("{job} on {runner}: a second run was quicker")
                    }
                    Some(runners) if elsewhere(runners) => {
                        format!("{job} on {runner}: {reason}; its other run goes on")
                    }
                    _ => format!("{job} is tried again: {reason}"),
                };
                self.dropped.line(text, now)
            }
            _ => None,
        }
    }

    /// How far the upload is, now and then, for who sees lines only.
    pub(super) fn progress(&mut self, event: &Event) -> Option<Line> {
        let Event::AssetProgress { asset, .. } = event else { return None };
        if self.said.is_some_and(|said| said.elapsed() < QUIET) {
            return None;
        }
        self.said = Some(Instant::now());
        let text = format!("{asset}: {}; {}", self.uploads.text_of(asset)?, self.uploads.text());
        let label = self.uploads.doing();
        Some(Line { label, tone: Tone::Calm, text: harmless::lines(&text) })
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
            | Event::Sourced { .. }
            | Event::Objected { .. }
            | Event::JobStarted { .. }
            | Event::JobDropped { .. }
            | Event::RunnerReady { .. }
            | Event::RunnerLost { .. }
            | Event::SmokeStarted { .. }
            | Event::AssetStarted { .. }
            | Event::Brought { millis: ..LONG, .. }
            | Event::AssetProgress { .. } => return None,
            Event::Planned { title, cells, jobs } => {
                let (cells, jobs) = (count(*cells, "cell"), count(*jobs, "job"));
                let text = format!("{title}: {cells} from {jobs}{}", self.on_runners());
                ("Building", Tone::Good, text)
            }
            Event::Following { place, workflow, run, url, .. } => {
                self.following = true;
                ("Following", Tone::Good, format!("run {run} of {workflow} at {place}: {url}"))
            }
            Event::Resumed { finished } => {
                let text = format!("{} finished before", count(*finished, "job"));
                ("Resumed", Tone::Good, text)
            }
            Event::Brought { runner, files, bytes, sent, millis } => {
                let took = duration(Duration::from_millis(*millis));
                let (files, bytes, sent) =
                    (count(*files, "file"), bytesize(*bytes), bytesize(*sent));
                (
                    "Brought",
                    Tone::Calm,
                    format!("{files} to {runner} in {took}: {bytes}, {sent} sent"),
                )
            }
            Event::JobFinished { job, outcome, millis, runner } => {
                self.finished(job, outcome, *millis, runner.as_deref())
            }
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
            Event::DownloadPlanned { place, assets, bytes } => {
                let text =
                    format!("from {place}: {}, {}", count(*assets, "file"), bytesize(*bytes));
                ("Fetching", Tone::Good, text)
            }
            Event::AssetFetched { asset, size } => {
                ("Fetched", Tone::Good, format!("{asset} ({})", bytesize(*size)))
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
            Event::Assembling { .. } | Event::CellFailed { .. } | Event::PartWritten { .. } => {
                return of_parts(event);
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

    /// Where there are several.
    fn on_runners(&self) -> String {
        if self.runners.len() < 2 {
            return String::new();
        }
        let slots = self.runners.values().filter_map(|(slots, _)| *slots);
        let slots = slots.fold(0, usize::saturating_add);
        format!(" on {}, {}", count(self.runners.len(), "runner"), count(slots, "slot"))
    }

    fn finished(
        &self,
        job: &str,
        outcome: &JobOutcome,
        millis: u64,
        runner: Option<&str>,
    ) -> (&'static str, Tone, String) {
        let on = match runner.filter(|_| self.runners.len() > 1) {
            Some(runner) => format!(" on {runner}"),
            None => String::new(),
        };
        let more = match self.cells.get(job) {
            Some(2..) => format!(" (+{} with the same inputs)", self.cells[job] - 1),
            _ => String::new(),
        };
        match outcome {
            JobOutcome::Built => {
                let took = duration(Duration::from_millis(millis));
                let label = if self.following { "Done" } else { "Built" };
                (label, Tone::Good, format!("{job}{more} in {took}{on}"))
            }
            JobOutcome::Cached => ("Cached", Tone::Calm, format!("{job}{more}")),
            JobOutcome::Cancelled => ("Cancelled", Tone::Warn, job.to_owned()),
            JobOutcome::Failed { reason, log } => {
                let mut text = format!("{job}{more}{on}: {reason}");
                push_log(&mut text, log);
                ("Failed", Tone::Bad, text)
            }
        }
    }
}

/// What is said of releases that are built in parts.
fn of_parts(event: &Event) -> Option<Line> {
    let (label, tone, text) = match event {
        Event::Assembling { title, parts } => {
            ("Assembling", Tone::Good, format!("{title} from {}", count(*parts, "part")))
        }
        Event::CellFailed { cell, stage, reason, log } => {
            let mut text = format!("{cell}: {}: {reason}", stage.as_str());
            push_log(&mut text, log);
            ("Failed", Tone::Bad, text)
        }
        Event::PartWritten { place, cells, failed: 0 } => {
            ("Part", Tone::Good, format!("{place}, {}", count(*cells, "cell")))
        }
        Event::PartWritten { place, cells, failed } => {
            let text = format!("{place}, {}; {failed} failed", count(*cells, "cell"));
            ("Part", Tone::Warn, text)
        }
        _ => return None,
    };
    Some(Line { label, tone, text })
}

fn push_log(text: &mut String, log: &str) {
    for line in log.lines() {
        text.push_str("\n| ");
        text.push_str(line);
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
#[must_use]
pub fn bytesize(bytes: u64) -> String {
    if bytes < 1 << 10 {
        count(usize::try_from(bytes).unwrap_or_default(), "byte")
    } else {
        indicatif::BinaryBytes(bytes).to_string()
    }
}

/// `0.4 s`, `12 s`, `3 min 20 s`, `2 h 5 min`.
pub(super) fn duration(duration: Duration) -> String {
    let seconds = duration.as_secs();
    match seconds {
        0..10 => format!("{:.1} s", duration.as_secs_f64()),
        10..120 => format!("{seconds} s"),
        120..7200 => format!("{} min {} s", seconds / 60, seconds % 60),
        _ => format!("{} h {} min", seconds / 3600, seconds % 3600 / 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(words: &mut Words, event: Event) -> String {
        let lines = words.lines(&event);
        let lines = lines.iter().map(|line| format!("{} {}", line.label, line.text));
        lines.collect::<Vec<_>>().join("\n")
    }

    fn finished(job: &str, outcome: JobOutcome, runner: Option<&str>) -> Event {
        let runner = runner.map(str::to_owned);
        Event::JobFinished { job: job.to_owned(), outcome, millis: 5000, runner }
    }

    fn started(job: &str, runner: &str) -> Event {
        Event::JobStarted { job: job.to_owned(), runner: runner.to_owned() }
    }

    fn dropped(job: &str, runner: &str) -> Event {
        let [job, runner, reason] = [job, runner, "it is gone"].map(str::to_owned);
        Event::JobDropped { job, runner, reason }
    }

    fn ready(runner: &str, place: &str) -> Event {
        let (runner, place) = (runner.to_owned(), place.to_owned());
        Event::RunnerReady { runner, place, slots: 4, toolsets: vec!["cross 14".to_owned()] }
    }

    fn lost(runner: &str, for_good: bool) -> Event {
        let reason = "no answer\nhint: look at it".to_owned();
        Event::RunnerLost { runner: runner.to_owned(), reason, for_good }
    }

    #[test]
    fn a_log_is_shown_for_what_failed() {
        let mut words = Words::default();
        let log = "x.c:1: \u{1b}[31mno\n".into();
        let failed = JobOutcome::Failed { reason: "exit code 2".into(), log };
        let said = text(&mut words, finished("a/b", failed, Some("local")));
        assert_eq!(said, "Failed a/b: exit code 2\n| x.c:1: \u{fffd}[31mno");
    }

    #[test]
    fn one_runner_is_never_named_and_several_always_are() {
        let mut words = Words::default();
        let built = || finished("a/b", JobOutcome::Built, Some("build1"));
        assert_eq!(text(&mut words, ready("build1", "local")), "");
        assert_eq!(text(&mut words, built()), "Built a/b in 5.0 s");
        let said = text(&mut words, ready("build2", "ssh b2\u{7}"));
        assert_eq!(said, "Ready build2 (ssh b2\u{fffd}): 4 slots; cross 14");
        assert_eq!(text(&mut words, built()), "Built a/b in 5.0 s on build1");
        let planned = Event::Planned { title: "x 1".into(), cells: 2, jobs: 1 };
        let said = text(&mut words, planned);
        assert_eq!(said, "Building x 1: 2 cells from 1 job on 2 runners, 8 slots");
    }

    #[test]
    fn a_runner_is_lost_and_is_there_again() {
        let mut words = Words::default();
        text(&mut words, ready("a", "ssh a"));
        assert_eq!(text(&mut words, lost("a", false)), "Lost a: no answer\nhint: look at it");
        assert_eq!(text(&mut words, ready("a", "ssh a")), "Ready a is there again");
        let said = text(&mut words, lost("a", true));
        assert_eq!(said, "Lost a: no answer; it is left out of this run\nhint: look at it");
    }

    #[test]
    fn a_run_of_a_job_is_dropped_for_three_reasons() {
        let mut words = Words::default();
        let (job, action) = ("j".to_owned(), String::new());
        let queued = Event::JobQueued { job, cells: Vec::new(), action, expected_millis: None };
        text(&mut words, queued);
        text(&mut words, started("j", "a"));
        assert_eq!(text(&mut words, dropped("j", "a")), "Dropped j is tried again: it is gone");
        text(&mut words, started("j", "a"));
        text(&mut words, started("j", "b"));
        let said = text(&mut words, dropped("j", "b"));
        assert_eq!(said, "Dropped j on b: it is gone; its other run goes on");
        text(&mut words, started("j", "b"));
        text(&mut words, finished("j", JobOutcome::Built, Some("b")));
        let said = text(&mut words, dropped("j", "a"));
        assert_eq!(said, "Dropped j on a: a second run was quicker");
    }

    #[test]
    fn what_was_brought_is_said_where_it_took_long() {
        let mut words = Words::default();
        let brought = |millis| {
            let (runner, files, bytes, sent) = ("a".to_owned(), 700, 3 << 20, 1 << 20);
            Event::Brought { runner, files, bytes, sent, millis }
        };
        assert_eq!(text(&mut words, brought(4999)), "");
        let said = text(&mut words, brought(12_000));
        assert_eq!(said, "Brought 700 files to a in 12 s: 3.00 MiB, 1.00 MiB sent");
        let said = text(&mut words, Event::Resumed { finished: 3 });
        assert_eq!(said, "Resumed 3 jobs finished before");
    }

    #[test]
    fn durations_are_readable() {
        let say = |millis| duration(Duration::from_millis(millis));
        assert_eq!([say(340), say(12_900), say(200_000)], ["0.3 s", "12 s", "3 min 20 s"]);
        assert_eq!([say(7_199_000), say(7_500_000)], ["119 min 59 s", "2 h 5 min"]);
    }
}
