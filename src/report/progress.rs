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
        self.show_running(job, format!("{job} on {runner}"));
        let expected = self.jobs.waiting.remove(job).flatten();
        self.jobs.started.insert(job.to_owned(), (Instant::now(), expected));
        self.show_left();
    }

    fn show_running(&mut self, what: &str, message: String) {
        let style = ProgressStyle::with_template("{spinner:>10} {msg} {elapsed}")
            .unwrap_or_else(|_| ProgressStyle::default_spinner());
        let bar = self.bars.add(ProgressBar::new_spinner()).with_style(style);
        bar.set_message(message);
        bar.enable_steady_tick(Duration::from_millis(120));
        self.running.insert(what.to_owned(), bar);
    }

    fn hide_running(&mut self, what: &str) {
        if let Some(bar) = self.running.remove(what) {
            bar.finish_and_clear();
            self.bars.remove(&bar);
        }
    }

    fn finish_job(&mut self, job: &str, outcome: &JobOutcome) {
        self.hide_running(job);
        self.jobs.waiting.remove(job);
        if let Some((started, _)) = self.jobs.started.remove(job)
            && *outcome == JobOutcome::Built
        {
            self.jobs.took.push(started.elapsed());
        }
        self.whole.inc(1);
        self.show_left();
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
                self.show_running(subject, format!("{subject} in a real Apache"));
            }
            Event::SmokeFinished { subject, .. } => self.hide_running(subject),
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
