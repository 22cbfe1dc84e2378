//! Live progress on a terminal: what is being built, how much is done, how long is left.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use console::Term;
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::Reporter;
use super::field::Field;
use super::harmless;
use super::say::{Line, Words, aligned};
use super::terminal;
use crate::model::event::{Event, Stage};

/// A bar for the whole and, below it, who does what: a line a job where there is one runner, a line a
/// runner where there are several. What has ended scrolls away above.
#[derive(Debug)]
pub struct Progress {
    words: Words,
    bars: MultiProgress,
    whole: ProgressBar,
    running: BTreeMap<String, ProgressBar>,
    field: Field,
    /// The lines of the runners, once there are several.
    board: Option<Board>,
    /// Whether the jobs are those of a workflow.
    following: bool,
    /// Whether the stage of the jobs is over.
    jobs_over: bool,
    colour: bool,
    size: fn() -> (u16, u16),
}

/// The lines of many runners, which are drawn together, and not with every event.
#[derive(Debug)]
struct Board {
    lines: ProgressBar,
    /// What is still to be written above.
    above: Vec<String>,
    drawn: Instant,
}

/// The board is drawn no more often than this, whatever happens.
const REST: Duration = Duration::from_millis(100);

/// Lines that the terminal has beside those of runners: the bar, the sum of the others, the cursor's.
const OTHER_LINES: u16 = 4;

impl Progress {
    /// Nothing is shown before the first event.
    #[must_use]
    pub fn new() -> Self {
        Self::on(ProgressDrawTarget::stderr(), || Term::stderr().size())
    }

    /// The same on another terminal, of this height and width.
    fn on(target: ProgressDrawTarget, size: fn() -> (u16, u16)) -> Self {
        let bars = MultiProgress::with_draw_target(target);
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
            field: Field::default(),
            board: None,
            following: false,
            jobs_over: false,
            colour: terminal::colours(true),
            size,
        }
    }

    /// Writes what is said above the bars.
    fn say(&mut self, line: &Line) {
        let (colour, plain) = if self.colour { (line.tone.colour(), "\x1b[0m") } else { ("", "") };
        let text = format!("{colour}{:>10}{plain} {}", line.label, aligned(&line.text));
        match &mut self.board {
            Some(board) => board.above.push(text),
            None => self.write(&text),
        }
    }

    fn write(&self, text: &str) {
        if self.bars.println(text).is_err() {
            terminal::line(text);
        }
    }

    /// Shows what the field is now: at once where there is one runner, now and then where there are many.
    fn show_field(&mut self, event: &Event) {
        if self.jobs_over {
            return;
        }
        let room = usize::from((self.size)().0.saturating_sub(OTHER_LINES)).max(1);
        if self.board.is_none() && (self.field.several() || self.field.running() > room) {
            self.begin_board();
        }
        if self.board.is_some() {
            return self.draw_board(false);
        }
        match event {
            Event::JobStarted { job, runner } => self.begin(job, format!("{job} on {runner}")),
            Event::JobDropped { job, .. } | Event::JobFinished { job, .. } => self.end(job),
            _ => {}
        }
        if let Event::JobQueued { .. } = event {
            return;
        }
        self.whole.set_message(self.field.sums(Instant::now()));
    }

    fn begin_board(&mut self) {
        for (_, bar) in std::mem::take(&mut self.running) {
            bar.finish_and_clear();
            self.bars.remove(&bar);
        }
        let style = ProgressStyle::with_template("{msg}")
            .unwrap_or_else(|_| ProgressStyle::default_spinner());
        let lines = self.bars.add(ProgressBar::new_spinner()).with_style(style);
        let long_ago = Instant::now().checked_sub(REST).unwrap_or_else(Instant::now);
        self.board = Some(Board { lines, above: Vec::new(), drawn: long_ago });
    }

    fn draw_board(&mut self, now: bool) {
        let Some(board) = &mut self.board else { return };
        if !now && board.drawn.elapsed() < REST {
            return;
        }
        board.drawn = Instant::now();
        let (height, width) = (self.size)();
        let room = usize::from(height.saturating_sub(OTHER_LINES)).max(1);
        let fit = |line: String| {
            console::truncate_str(&line, usize::from(width.saturating_sub(1)), "…").into_owned()
        };
        let lines = self.field.lines(room, Instant::now()).into_iter().map(fit);
        let lines: Vec<String> = lines.collect();
        board.lines.set_message(lines.join("\n"));
        let above = std::mem::take(&mut board.above);
        self.whole.set_message(self.field.sums(Instant::now()));
        if !above.is_empty() {
            self.write(&above.join("\n"));
        }
    }

    /// The lines of runners are of no use once the jobs have ended.
    fn end_board(&mut self) {
        self.draw_board(true);
        if let Some(board) = self.board.take() {
            board.lines.finish_and_clear();
            self.bars.remove(&board.lines);
        }
    }

    fn begin_stage(&mut self, stage: Stage) {
        self.whole.set_prefix(stage.as_str());
        self.jobs_over = stage > Stage::Build;
        if self.jobs_over {
            self.end_board();
        }
    }

    /// A line for something that is under way.
    fn begin(&mut self, what: &str, message: String) {
        self.end(what);
        let style = ProgressStyle::with_template("{spinner:>10} {msg} {elapsed}")
            .unwrap_or_else(|_| ProgressStyle::default_spinner());
        let bar = self.bars.add(ProgressBar::new_spinner()).with_style(style);
        bar.set_message(harmless::line(&message));
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
}

impl Default for Progress {
    fn default() -> Self {
        Self::new()
    }
}

impl Reporter for Progress {
    fn event(&mut self, event: &Event) {
        self.field.hear(event, Instant::now());
        for line in self.words.lines(event) {
            self.say(&line);
        }
        match event {
            Event::StageStarted { stage } => self.begin_stage(*stage),
            Event::Planned { jobs, .. } => {
                self.whole.set_length(*jobs as u64);
                self.whole.set_message(" jobs");
            }
            Event::Following { .. } => {
                self.following = true;
                self.whole.set_message(" jobs");
            }
            // How many there are is seen when they are.
            Event::JobQueued { .. } if self.following => self.whole.inc_length(1),
            Event::JobFinished { .. } => {
                self.whole.inc(1);
                self.show_field(event);
            }
            Event::SmokeStarted { subject, .. } => {
                self.begin(subject, format!("{subject} in a real Apache"));
            }
            Event::SmokeFinished { subject, .. } => self.end(subject),
            Event::UploadPlanned { .. } => self.plan_upload(),
            Event::DownloadPlanned { .. } => {
                self.whole.set_prefix("fetch");
                self.plan_upload();
            }
            Event::AssetStarted { asset, .. } => self.start_asset(asset),
            Event::AssetProgress { asset, .. } => self.show_sent(asset),
            Event::AssetFinished { asset, .. } | Event::AssetFetched { asset, .. } => {
                self.end(asset);
                self.show_sent(asset);
            }
            _ => self.show_field(event),
        }
    }

    fn tick(&mut self) {
        for line in self.words.rest(false) {
            self.say(&line);
        }
        self.draw_board(true);
    }

    fn finish(&mut self) {
        for line in self.words.rest(true) {
            self.say(&line);
        }
        self.end_board();
        for bar in self.running.values() {
            bar.finish_and_clear();
        }
        self.whole.finish_and_clear();
    }
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::{Arc, Mutex};

    use indicatif::TermLike;

    use super::*;
    use crate::model::event::JobOutcome;

    /// A terminal of 24 lines that counts what is written to it.
    #[derive(Clone, Debug, Default)]
    struct Written(Arc<Mutex<(usize, String)>>);

    impl Written {
        fn add(&self, text: &str) {
            let mut written = self.0.lock().unwrap();
            written.0 += text.len();
            written.1.push_str(text);
        }
    }

    impl TermLike for Written {
        fn width(&self) -> u16 {
            80
        }
        fn height(&self) -> u16 {
            24
        }
        fn move_cursor_up(&self, _: usize) -> io::Result<()> {
            Ok(())
        }
        fn move_cursor_down(&self, _: usize) -> io::Result<()> {
            Ok(())
        }
        fn move_cursor_right(&self, _: usize) -> io::Result<()> {
            Ok(())
        }
        fn move_cursor_left(&self, _: usize) -> io::Result<()> {
            Ok(())
        }
        fn write_line(&self, text: &str) -> io::Result<()> {
            self.add(&format!("{text}\n"));
            Ok(())
        }
        fn write_str(&self, text: &str) -> io::Result<()> {
            self.add(text);
            Ok(())
        }
        fn clear_line(&self) -> io::Result<()> {
            Ok(())
        }
        fn flush(&self) -> io::Result<()> {
            Ok(())
        }
    }

    fn shown(events: impl IntoIterator<Item = Event>) -> (usize, String) {
        let written = Written::default();
        let target = ProgressDrawTarget::term_like(Box::new(written.clone()));
        let mut progress = Progress::on(target, || (24, 80));
        progress.colour = false;
        events.into_iter().for_each(|event| progress.event(&event));
        progress.tick();
        progress.finish();
        let written = written.0.lock().unwrap();
        written.clone()
    }

    fn ready(runner: usize) -> Event {
        let (runner, place) = (format!("build{runner}"), "ssh x".to_owned());
        Event::RunnerReady { runner, place, slots: 4, toolsets: Vec::new() }
    }

    fn started(job: usize, runner: usize) -> Event {
        Event::JobStarted { job: format!("job{job}"), runner: format!("build{runner}") }
    }

    #[test]
    fn five_hundred_runners_flood_no_terminal() {
        let (runners, jobs) = (500, 20_000);
        let mut events = vec![Event::StageStarted { stage: Stage::Preflight }];
        events.extend((0..runners).map(ready));
        events.push(Event::Planned { title: "x 1".into(), cells: jobs, jobs });
        events.extend((0..jobs).map(|job| started(job, job % runners)));
        events.extend((0..runners).map(|runner| Event::RunnerLost {
            runner: format!("build{runner}"),
            reason: "the network is down".into(),
            for_good: false,
        }));
        events.extend((0..jobs).map(|job| Event::JobDropped {
            job: format!("job{job}"),
            runner: format!("build{}", job % runners),
            reason: "it is gone".into(),
        }));
        let (bytes, text) = shown(events);
        assert!(text.contains(" build0 (ssh x): 4 slots"), "{text}");
        assert!(text.contains(" and 488 more"), "{text}");
        assert!(text.contains("on 500 runners, 2000 slots"), "{text}");
        assert!(text.contains("more runners, "), "{text}");
        // Each line of its own, the 21,500 events were more than a megabyte.
        assert!(bytes < 200_000, "{bytes}");
    }

    #[test]
    fn the_jobs_of_a_workflow_are_counted_as_they_are_seen() {
        let [title, place, workflow] = ["x 1", "github:a/b", "release.yml"].map(str::to_owned);
        let url = "https://x.example/1".to_owned();
        let mut events = vec![Event::Following { title, place, workflow, run: 1, url }];
        for job in ["plan", "build"] {
            let (job, action) = (job.to_owned(), String::new());
            events.push(Event::JobQueued { job, cells: Vec::new(), action, expected_millis: None });
        }
        let (job, runner) = ("plan".to_owned(), "windows-2025".to_owned());
        events.push(Event::JobStarted { job: job.clone(), runner: runner.clone() });
        let outcome = JobOutcome::Built;
        events.push(Event::JobFinished { job, outcome, millis: 1000, runner: Some(runner) });
        let (_, text) = shown(events);
        assert!(text.contains("Following run 1 of release.yml at github:a/b: https://"), "{text}");
        assert!(text.contains("Done plan in 1.0 s") && text.contains("1/2 jobs"), "{text}");
    }

    #[test]
    fn every_job_that_ended_has_its_line() {
        let mut events = vec![ready(0), ready(1)];
        for job in 0..300 {
            events.push(started(job, job % 2));
            let (job, runner) = (format!("job{job}"), Some(format!("build{}", job % 2)));
            let outcome = JobOutcome::Built;
            events.push(Event::JobFinished { job, outcome, millis: 1000, runner });
        }
        let (_, text) = shown(events);
        for job in 0..300 {
            let line = format!("Built job{job} in 1.0 s on build{}", job % 2);
            assert!(text.contains(&line), "{line} is not in {text}");
        }
    }
}
