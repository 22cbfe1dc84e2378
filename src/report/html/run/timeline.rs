//! Where everything stands in the picture of a run: a row a runner, a lane a slot, a bar for every run of a
//! job. Places along the time axis are in percent of its length, so that the picture fits any width.

use jiff::Timestamp;

use super::words::{self, run_title, since};
use crate::report::record::{
    Attempt, AttemptKind, AttemptOutcome, JobRecord, RunReport, RunnerRecord, Span, built_in,
};

/// More bars than this are not drawn: those that are too small to tell apart are drawn as one.
const MOST_BARS: usize = 4000;

/// Bars shorter than this are drawn as one with such neighbours, in percent of the axis.
const SMALL: f64 = 0.2;

/// The shortest bar that is seen, in percent of the axis.
const SHORTEST: f64 = 0.15;

/// More lanes than this are drawn only where something ran.
const MOST_IDLE: usize = 16;

/// The picture, laid out.
#[derive(Debug)]
pub(super) struct Timeline {
    pub(super) axis: Axis,
    pub(super) rows: Vec<Row>,
    /// The height of a lane, in pixels.
    pub(super) lane: usize,
    /// The height of all rows, in pixels.
    pub(super) height: usize,
}

/// Time, from left to right.
#[derive(Debug)]
pub(super) struct Axis {
    build: Span,
    pauses: Vec<Span>,
    millis: u64,
}

/// A runner.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) name: String,
    /// From the top, in pixels.
    pub(super) top: usize,
    pub(super) height: usize,
    pub(super) lanes: usize,
    pub(super) lost: Vec<Lost>,
    pub(super) bars: Vec<Bar>,
}

/// A time without the runner.
#[derive(Debug)]
pub(super) struct Lost {
    pub(super) at: f64,
    pub(super) width: f64,
    pub(super) title: String,
}

/// A run of a job, or several that are too small to tell apart.
#[derive(Clone, Debug)]
pub(super) struct Bar {
    pub(super) lane: usize,
    pub(super) at: f64,
    pub(super) width: f64,
    pub(super) outcome: AttemptOutcome,
    pub(super) kind: AttemptKind,
    pub(super) runs: usize,
    /// What is written on it, where there is room.
    pub(super) label: String,
    pub(super) title: String,
}

/// A run of a job on its lane.
struct Placed<'a> {
    job: &'a JobRecord,
    attempt: &'a Attempt,
    started: Timestamp,
    lane: usize,
}

impl Timeline {
    /// The picture of a run; none where nothing ran.
    pub(super) fn of(report: &RunReport) -> Option<Self> {
        let axis = Axis::of(report)?;
        let placed: Vec<(&RunnerRecord, Vec<Placed<'_>>)> = by_runner(report);
        let lanes: Vec<usize> =
            placed.iter().map(|(runner, runs)| lanes_of(runner, runs)).collect();
        let lane = match lanes.iter().sum() {
            0..=24_usize => 18,
            25..=80 => 11,
            81..=300 => 6,
            _ => 4,
        };
        let mut top = 2;
        let mut rows = Vec::new();
        let small = axis.small_enough(&placed);
        for ((runner, runs), lanes) in placed.iter().zip(lanes) {
            let height = (lanes * lane).max(14);
            let lost = runner.lost.iter().filter_map(|lost| axis.lost(lost)).collect();
            let bars = axis.bars(runs, small);
            rows.push(Row { name: runner.name.clone(), top, height, lanes, lost, bars });
            top += height + 4;
        }
        Some(Self { axis, rows, lane, height: top })
    }
}

impl Axis {
    fn of(report: &RunReport) -> Option<Self> {
        let anything = report.jobs.iter().any(|job| !job.attempts.is_empty());
        let build = built_in(&report.jobs).filter(|_| anything)?;
        let mut axis = Self { build, pauses: report.pauses.clone(), millis: 0 };
        axis.millis = axis.since_begin(build.until).max(1);
        Some(axis)
    }

    /// The run's own time between the begin of the axis and a time, in milliseconds.
    fn since_begin(&self, at: Timestamp) -> u64 {
        let whole = Span { from: self.build.from, until: at };
        let still: u64 = self.pauses.iter().map(|pause| pause.within(whole).millis()).sum();
        whole.millis().saturating_sub(still)
    }

    /// Where a time stands, from 0 to 100.
    #[expect(clippy::cast_precision_loss, reason = "a pixel is enough")]
    fn at(&self, at: Timestamp) -> f64 {
        let millis = self.since_begin(at.clamp(self.build.from, self.build.until));
        (millis as f64 / self.millis as f64 * 100.0).min(100.0)
    }

    /// The ticks with their words: at most nine, at times that a person would choose.
    #[expect(clippy::cast_precision_loss, reason = "a pixel is enough")]
    pub(super) fn ticks(&self) -> Vec<(f64, String)> {
        const SECOND: u64 = 1000;
        const MINUTE: u64 = 60 * SECOND;
        const HOUR: u64 = 60 * MINUTE;
        let small = [1, 2, 5, 10, 20, 50, 100, 200, 500].into_iter();
        let seconds = [1, 2, 5, 10, 15, 30].map(|n| n * SECOND);
        let minutes = [1, 2, 5, 10, 15, 30].map(|n| n * MINUTE);
        let hours = [1, 2, 3, 6, 12, 24, 48, 168, 720, 8760].map(|n| n * HOUR);
        let mut steps = small.chain(seconds).chain(minutes).chain(hours);
        let step = steps.find(|step| self.millis / step <= 8).unwrap_or(self.millis);
        let word = |millis: u64| match step {
            _ if millis == 0 => "0".to_owned(),
            ..SECOND => format!("{} s", millis as f64 / 1000.0),
            SECOND..MINUTE => format!("{} s", millis / SECOND),
            MINUTE..HOUR => format!("{} min", millis / MINUTE),
            _ => format!("{} h", millis / HOUR),
        };
        let place = |millis: u64| millis as f64 / self.millis as f64 * 100.0;
        (0..=self.millis / step).map(|n| n * step).map(|at| (place(at), word(at))).collect()
    }

    /// Where the run was interrupted, and for how long, in milliseconds.
    pub(super) fn breaks(&self) -> impl Iterator<Item = (f64, u64)> {
        let inside = |pause: &&Span| pause.from > self.build.from && pause.from < self.build.until;
        self.pauses.iter().filter(inside).map(|pause| (self.at(pause.from), pause.millis()))
    }

    /// How long the axis is, in milliseconds.
    pub(super) fn millis(&self) -> u64 {
        self.millis
    }

    fn lost(&self, lost: &crate::report::record::LostRecord) -> Option<Lost> {
        let (at, until) = (self.at(lost.span.from), self.at(lost.span.until));
        if lost.span.from >= self.build.until {
            return None;
        }
        let for_good = if lost.for_good { ", for good" } else { "" };
        let took =
            self.since_begin(lost.span.until).saturating_sub(self.since_begin(lost.span.from));
        let title = format!("not there for {}{for_good}: {}", words::millis(took), lost.reason);
        let width = (until - at).max(SHORTEST);
        Some(Lost { at: at.min(100.0 - width), width, title })
    }

    /// How small a bar must be to be drawn as one with its neighbours.
    fn small_enough(&self, placed: &[(&RunnerRecord, Vec<Placed<'_>>)]) -> f64 {
        let mut small = SMALL;
        for _ in 0..7 {
            let bars: usize = placed.iter().map(|(_, runs)| self.bars(runs, small).len()).sum();
            if bars <= MOST_BARS {
                break;
            }
            small *= 2.0;
        }
        small
    }

    fn bars(&self, runs: &[Placed<'_>], small: f64) -> Vec<Bar> {
        let mut bars: Vec<Bar> = Vec::new();
        let mut last_of: Vec<Option<(usize, &Placed<'_>)>> = Vec::new();
        for run in runs {
            let bar = self.bar(run);
            if last_of.len() <= run.lane {
                last_of.resize(run.lane + 1, None);
            }
            if let Some((index, first)) = last_of[run.lane]
                && bars[index].takes(&bar, small)
            {
                let merged = &mut bars[index];
                merged.width = (bar.at + bar.width - merged.at).min(100.0 - merged.at);
                merged.runs += 1;
                merged.title = self.title_of_several(first, run, merged.runs);
                merged.label = format!("{} jobs", merged.runs);
                continue;
            }
            last_of[run.lane] = Some((bars.len(), run));
            bars.push(bar);
        }
        bars
    }

    fn bar(&self, run: &Placed<'_>) -> Bar {
        let at = self.at(run.started);
        let width = (self.at(run.attempt.ended) - at).max(SHORTEST);
        let from = self.since_begin(run.started);
        Bar {
            lane: run.lane,
            at: at.min(100.0 - width),
            width,
            outcome: run.attempt.outcome,
            kind: run.attempt.kind,
            runs: 1,
            label: run.job.job.rsplit('/').next().unwrap_or_default().to_owned(),
            title: run_title(run.job, run.attempt, from),
        }
    }

    fn title_of_several(&self, first: &Placed<'_>, last: &Placed<'_>, runs: usize) -> String {
        format!(
            "{runs} jobs on {}, {}, from {} to {}: {} … {}",
            first.attempt.runner,
            words::attempt(first.attempt.outcome),
            since(self.since_begin(first.started)),
            since(self.since_begin(last.attempt.ended)),
            first.job.job,
            last.job.job,
        )
    }
}

impl Bar {
    /// Whether the next bar of the lane is drawn as one with this.
    fn takes(&self, next: &Bar, small: f64) -> bool {
        let alike = (self.outcome, self.kind) == (next.outcome, next.kind);
        let tiny = next.width < small && (self.runs > 1 || self.width < small);
        alike && tiny && next.at - (self.at + self.width) < small
    }
}

/// The runs of every runner on their lanes, in the order of their starts.
fn by_runner(report: &RunReport) -> Vec<(&RunnerRecord, Vec<Placed<'_>>)> {
    let mut runs: std::collections::HashMap<&str, Vec<Placed<'_>>> =
        std::collections::HashMap::new();
    for job in &report.jobs {
        for attempt in &job.attempts {
            let Some(started) = attempt.started else { continue };
            let placed = Placed { job, attempt, started, lane: 0 };
            runs.entry(&attempt.runner).or_default().push(placed);
        }
    }
    let of = |runner| {
        let runner: &RunnerRecord = runner;
        let mut runs = runs.remove(runner.name.as_str()).unwrap_or_default();
        place(&mut runs);
        (runner, runs)
    };
    report.runners.iter().map(of).collect()
}

/// Gives every run the first lane that is free.
fn place(runs: &mut [Placed<'_>]) {
    runs.sort_by_key(|run| (run.started, run.attempt.ended));
    let mut free_at: Vec<Timestamp> = Vec::new();
    for run in runs {
        let lane = free_at.iter().position(|free| *free <= run.started);
        run.lane = lane.unwrap_or(free_at.len());
        if run.lane == free_at.len() {
            free_at.push(run.attempt.ended);
        } else {
            free_at[run.lane] = run.attempt.ended;
        }
    }
}

fn lanes_of(runner: &RunnerRecord, runs: &[Placed<'_>]) -> usize {
    let used = runs.iter().map(|run| run.lane + 1).max().unwrap_or(1);
    used.max(runner.slots.min(MOST_IDLE))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn axis(millis: i64) -> Axis {
        let [from, until] =
            [0, millis].map(|millis| Timestamp::from_millisecond(millis).expect("a time"));
        let build = Span { from, until };
        Axis { build, pauses: Vec::new(), millis: build.millis().max(1) }
    }

    #[test]
    fn ticks_are_few_and_round() {
        let words = |millis| {
            axis(millis).ticks().into_iter().map(|(_, word)| word).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(words(0), "0 0.001 s");
        assert_eq!(words(1800), "0 0.5 s 1 s 1.5 s");
        assert_eq!(words(14_000), "0 2 s 4 s 6 s 8 s 10 s 12 s 14 s");
        assert_eq!(words(100_000), "0 15 s 30 s 45 s 60 s 75 s 90 s");
        assert_eq!(words(3_000_000), "0 10 min 20 min 30 min 40 min 50 min");
        assert_eq!(words(100_000_000), "0 6 h 12 h 18 h 24 h");
        for millis in (1..40).map(|n| 3_i64.pow(n.min(30))) {
            let ticks = axis(millis).ticks();
            assert!((1..=9).contains(&ticks.len()), "{millis}: {ticks:?}");
            assert!(ticks.iter().all(|(at, _)| (0.0..=100.0).contains(at)), "{ticks:?}");
        }
    }

    #[test]
    fn time_stands_still_while_nobody_runs_the_run() {
        let time = |millis| Timestamp::from_millisecond(millis).expect("a time");
        let mut axis = axis(10_000);
        axis.pauses = vec![Span { from: time(2000), until: time(8000) }];
        axis.millis = axis.since_begin(time(10_000));
        assert_eq!(axis.millis, 4000);
        let places = [0, 2000, 5000, 8000, 9000, 10_000, 20_000].map(|at| axis.at(time(at)));
        assert_eq!(
            places.map(|at| at.round().to_string()),
            ["0", "50", "50", "50", "75", "100", "100"]
        );
        assert_eq!(axis.breaks().collect::<Vec<_>>(), [(50.0, 6000)]);
    }
}
