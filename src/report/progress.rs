//! Live progress on a terminal: what is being built, how much is done, how long is left.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

use super::Reporter;
use super::say::{Words, aligned, duration};
use super::terminal;
use crate::model::event::{Event, JobOutcome};

/// A bar for the whole and a line for every running job; finished ones scroll away above.
#[derive(Debug)]
pub struct Progress {
    words: Words,
    bars: MultiProgress,
    whole: ProgressBar,
    running: BTreeMap<String, ProgressBar>,
    jobs: Jobs,
    colour: bool,
}

/// What is needed to say how long is left.
#[derive(Debug, Default)]
struct Jobs {
    /// What waits, and how long it took the last time.
    waiting: BTreeMap<String, Option<Duration>>,
    started: BTreeMap<String, (Instant, Option<Duration>)>,
    took: Vec<Duration>,
}

impl Progress {
    /// Nothing is shown before the first event.
    #[must_use]
    pub fn new() -> Self {
        let bars = MultiProgress::new();
        let whole = bars.add(ProgressBar::new(0));
        let style =
            ProgressStyle::with_template("{prefix:>10.cyan.bold} [{bar:30}] {pos}/{len}{msg}")
                .unwrap_or_else(|_| ProgressStyle::default_bar())
                .progress_chars("=> ");
        whole.set_style(style);
        Self {
            words: Words::default(),
            bars,
            whole,
            running: BTreeMap::new(),
            jobs: Jobs::default(),
            colour: terminal::colours(true),
        }
    }

    fn start(&mut self, job: &str, runner: &str) {
        self.begin(job, format!("{job} on {runner}"));
        let expected = self.jobs.waiting.remove(job).flatten();
        self.jobs.started.insert(job.to_owned(), (Instant::now(), expected));
        self.show_left();
    }

    fn finish_job(&mut self, job: &str, outcome: &JobOutcome) {
        self.end(job);
        self.jobs.waiting.remove(job);
        if let Some((started, _)) = self.jobs.started.remove(job)
            && *outcome == JobOutcome::Built
        {
            self.jobs.took.push(started.elapsed());
        }
        self.whole.inc(1);
        self.show_left();
    }

    /// A line for something that is under way.
    fn begin(&mut self, what: &str, message: String) {
        let style = ProgressStyle::with_template("{spinner:>10} {msg} {elapsed}")
            .unwrap_or_else(|_| ProgressStyle::default_spinner());
        let bar = self.bars.add(ProgressBar::new_spinner()).with_style(style);
        bar.set_message(message);
        bar.enable_steady_tick(Duration::from_millis(120));
        self.running.insert(what.to_owned(), bar);
    }

    fn end(&mut self, what: &str) {
        if let Some(bar) = self.running.remove(what) {
            bar.finish_and_clear();
            self.bars.remove(&bar);
        }
    }

    /// From now on the bar is of bytes.
    fn plan_upload(&self) {
        let style = ProgressStyle::with_template("{prefix:>10.cyan.bold} [{bar:30}] {msg}")
            .unwrap_or_else(|_| ProgressStyle::default_bar())
            .progress_chars("=> ");
        self.whole.set_style(style);
        self.show_all_sent();
    }

    fn start_asset(&mut self, asset: &str) {
        // One that is sent again has its line already.
        self.end(asset);
        self.begin(asset, asset.to_owned());
    }

    fn show_sent(&self, asset: &str) {
        if let (Some(bar), Some(sent)) =
            (self.running.get(asset), self.words.uploads().text_of(asset))
        {
            bar.set_message(format!("{asset}: {sent}"));
        }
        self.show_all_sent();
    }

    fn show_all_sent(&self) {
        let (sent, bytes) = self.words.uploads().bytes();
        self.whole.set_length(bytes);
        self.whole.set_position(sent);
        self.whole.set_message(self.words.uploads().text());
    }

    fn show_left(&self) {
        let left = self.jobs.left().map(|left| format!(" jobs, about {} left", duration(left)));
        self.whole.set_message(left.unwrap_or_else(|| " jobs".to_owned()));
    }
}

impl Default for Progress {
    fn default() -> Self {
        Self::new()
    }
}

impl Jobs {
    /// What is still to do, shared by those that run side by side. A job that has no recorded duration
    /// counts as the mean of those that are known.
    fn left(&self) -> Option<Duration> {
        let recorded = self.waiting.values().chain(self.started.values().map(|(_, known)| known));
        let known: Vec<Duration> = recorded.flatten().chain(&self.took).copied().collect();
        let mean =
            known.iter().sum::<Duration>() / u32::try_from(known.len()).ok().filter(|n| *n > 0)?;
        let waiting: Duration = self.waiting.values().map(|took| took.unwrap_or(mean)).sum();
        let running = self
            .started
            .values()
            .map(|(at, took)| took.unwrap_or(mean).saturating_sub(at.elapsed()))
            .sum::<Duration>();
        let side_by_side = u32::try_from(self.started.len().max(1)).ok()?;
        Some((waiting + running) / side_by_side)
    }
}

impl Reporter for Progress {
    fn event(&mut self, event: &Event) {
        if let Some(line) = self.words.line(event) {
            let (colour, plain) =
                if self.colour { (line.tone.colour(), "\x1b[0m") } else { ("", "") };
            let text = format!("{colour}{:>10}{plain} {}", line.label, aligned(&line.text));
            if self.bars.println(&text).is_err() {
                terminal::line(&text);
            }
        }
        match event {
            Event::StageStarted { stage } => self.whole.set_prefix(stage.as_str()),
            Event::Planned { jobs, .. } => {
                self.whole.set_length(*jobs as u64);
                self.whole.set_message(" jobs");
            }
            Event::JobQueued { job, expected_millis, .. } => {
                let expected = expected_millis.map(Duration::from_millis);
                self.jobs.waiting.insert(job.clone(), expected);
            }
            Event::JobStarted { job, runner } => self.start(job, runner),
            Event::JobFinished { job, outcome, .. } => self.finish_job(job, outcome),
            Event::SmokeStarted { subject, .. } => {
                self.begin(subject, format!("{subject} in a real Apache"));
            }
            Event::SmokeFinished { subject, .. } => self.end(subject),
            Event::UploadPlanned { .. } => self.plan_upload(),
            Event::AssetStarted { asset, .. } => self.start_asset(asset),
            Event::AssetProgress { asset, .. } => self.show_sent(asset),
            Event::AssetFinished { asset, .. } => {
                self.end(asset);
                self.show_sent(asset);
            }
            _ => {}
        }
    }

    fn finish(&mut self) {
        for bar in self.running.values() {
            bar.finish_and_clear();
        }
        self.whole.finish_and_clear();
    }
}
