//! The record of well-behaved and of hostile streams.

use jiff::Timestamp;

use super::*;
use crate::model::event::JobOutcome;

/// A stream with its times, in seconds.
#[derive(Default)]
struct Stream(Record);

impl Stream {
    fn at(&mut self, seconds: i64, event: Event) -> &mut Self {
        self.0.hear(time(seconds), &event);
        self
    }

    fn report(&self) -> RunReport {
        self.0.report(Ended::Unknown)
    }
}

fn time(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_000_000 + seconds).unwrap()
}

fn queued(job: &str) -> Event {
    let cells = vec![format!("{job}/1"), format!("{job}/2")];
    let action = "aa/1".to_owned();
    Event::JobQueued { job: job.to_owned(), cells, action, expected_millis: None }
}

fn started(job: &str, runner: &str) -> Event {
    Event::JobStarted { job: job.to_owned(), runner: runner.to_owned() }
}

fn dropped(job: &str, runner: &str) -> Event {
    let reason = "it is gone".to_owned();
    Event::JobDropped { job: job.to_owned(), runner: runner.to_owned(), reason }
}

fn finished(job: &str, outcome: JobOutcome, millis: u64, runner: Option<&str>) -> Event {
    Event::JobFinished { job: job.to_owned(), outcome, millis, runner: runner.map(str::to_owned) }
}

fn built(job: &str, millis: u64, runner: &str) -> Event {
    finished(job, JobOutcome::Built, millis, Some(runner))
}

fn ready(runner: &str, slots: usize) -> Event {
    let (place, toolsets) = (format!("ssh {runner}"), vec!["cross 14".to_owned()]);
    Event::RunnerReady { runner: runner.to_owned(), place, slots, toolsets }
}

fn lost(runner: &str, for_good: bool) -> Event {
    let reason = "no answer".to_owned();
    Event::RunnerLost { runner: runner.to_owned(), reason, for_good }
}

fn preflight() -> Event {
    Event::StageStarted { stage: Stage::Preflight }
}

fn kinds(job: &JobRecord) -> Vec<(AttemptKind, AttemptOutcome)> {
    job.attempts.iter().map(|attempt| (attempt.kind, attempt.outcome)).collect()
}

#[test]
fn a_runner_is_lost_and_its_job_is_built_elsewhere() {
    let mut stream = Stream::default();
    stream.at(0, preflight()).at(1, ready("a", 1)).at(1, ready("b", 1)).at(2, queued("x"));
    stream.at(2, queued("y")).at(3, started("x", "a")).at(4, started("y", "b"));
    stream.at(5, lost("a", false)).at(5, dropped("x", "a")).at(8, ready("a", 1));
    stream.at(10, built("y", 6000, "b")).at(10, started("x", "b")).at(12, built("x", 2000, "b"));
    let report = stream.report();
    let [x, y] = [&report.jobs[0], &report.jobs[1]];
    assert_eq!(
        kinds(x),
        [
            (AttemptKind::First, AttemptOutcome::Dropped),
            (AttemptKind::Retry, AttemptOutcome::Built)
        ]
    );
    assert_eq!((x.queue_millis, y.queue_millis), (Some(1000), Some(2000)));
    let figures = &report.figures;
    assert_eq!((figures.wall_millis, figures.build_millis), (12_000, 10_000));
    assert_eq!((figures.compile_millis, figures.speed_up), (8000, Some(0.8)));
    // Both runners were there from 2 on; a was not from 5 to 8. Jobs ran for 2 + 6 + 2 of 17 seconds.
    assert_eq!(figures.utilisation, Some(10.0 / 17.0));
    assert_eq!((figures.retries, figures.second_starts, figures.runners_lost), (1, 0, 1));
    let span = Span { from: time(5), until: time(8) };
    let reason = "no answer".to_owned();
    assert_eq!(report.runners[0].lost, [LostRecord { span, reason, for_good: false }]);
    let cell = &report.cells[1];
    assert_eq!((cell.cell.as_str(), cell.job.as_str()), ("x/2", "x"));
    assert_eq!((cell.runner.as_deref(), cell.attempts), (Some("b"), 2));
    assert_eq!((cell.started, cell.finished), (Some(time(10)), Some(time(12))));
    assert_eq!(cell.log.as_deref(), Some("logs/x_2.log"));
    assert_eq!(cell.toolsets, ["cross 14"]);
}

#[test]
fn the_second_run_of_a_job_may_be_the_quicker() {
    let mut stream = Stream::default();
    stream.at(0, queued("x")).at(0, started("x", "a")).at(9, started("x", "b"));
    stream.at(11, built("x", 2000, "b")).at(11, dropped("x", "a"));
    let report = stream.report();
    assert_eq!(
        kinds(&report.jobs[0]),
        [
            (AttemptKind::First, AttemptOutcome::Dropped),
            (AttemptKind::Second, AttemptOutcome::Built)
        ]
    );
    assert_eq!(report.jobs[0].counted().unwrap().runner, "b");
    assert_eq!(report.figures.second_starts, 1);
    assert_eq!((report.runners[0].finished, report.runners[1].finished), (0, 1));
}

#[test]
fn a_clock_that_goes_back_stands_still() {
    let mut stream = Stream::default();
    stream.at(100, queued("x")).at(110, started("x", "a")).at(20, built("x", u64::MAX, "a"));
    stream.at(50, queued("y")).at(60, started("y", "a")).at(115, built("y", 5000, "a"));
    let report = stream.report();
    assert_eq!(report.figures.wall_millis, 15_000);
    assert_eq!(report.figures.compile_millis, u64::MAX);
    assert_eq!(report.jobs[0].finished, Some(time(110)));
    assert_eq!(report.jobs[0].attempts[0].millis(), 0);
    assert!(report.figures.utilisation.unwrap() <= 1.0);
}

#[test]
fn events_that_come_in_no_order_are_no_fault() {
    let mut stream = Stream::default();
    stream.at(0, dropped("ghost", "nowhere")).at(1, built("x", 99_000, "a")).at(2, queued("x"));
    stream.at(3, lost("b", true)).at(4, lost("b", false)).at(4, started("late", "b"));
    stream
        .at(5, started("x", "a"))
        .at(6, built("x", 1000, "c"))
        .at(7, Event::Resumed { finished: 3 });
    let failed = JobOutcome::Failed { reason: "no".into(), log: String::new() };
    stream
        .at(8, finished("never", failed, 0, None))
        .at(8, finished("x", JobOutcome::Cached, 0, None));
    let report = stream.report();
    let names: Vec<&str> = report.jobs.iter().map(|job| job.job.as_str()).collect();
    assert_eq!(names, ["ghost", "x", "late", "never"]);
    assert_eq!(report.jobs[0].attempts[0].started, None);
    // It cannot have begun before the run did.
    assert_eq!(report.jobs[1].attempts[0].started, Some(time(0)));
    assert_eq!(report.jobs[1].outcome, JobState::Built);
    assert_eq!(report.jobs[2].outcome, JobState::Unfinished);
    assert_eq!(report.jobs[3].outcome, JobState::Failed);
    let b = report.runners.iter().find(|runner| runner.name == "b").unwrap();
    assert_eq!((b.lost.len(), b.lost[0].for_good, b.ready.len()), (1, true, 0));
    assert_eq!(report.outcome, RunOutcome::Failed);
}

#[test]
fn what_a_resumed_run_did_not_do_meanwhile_counts_for_nothing() {
    let mut stream = Stream::default();
    stream.at(0, preflight()).at(0, ready("a", 1)).at(1, queued("x")).at(1, queued("y"));
    stream.at(1, started("x", "a")).at(3, built("x", 2000, "a")).at(3, started("y", "a"));
    stream.at(4, Event::Note { message: "the last word before the kill".to_owned() });
    // Taken up again an hour later.
    stream.at(3604, preflight()).at(3604, Event::Resumed { finished: 1 }).at(3605, ready("a", 1));
    stream.at(3606, queued("x")).at(3606, queued("y"));
    stream.at(3606, finished("x", JobOutcome::Cached, 0, None));
    stream.at(3607, started("y", "a")).at(3609, built("y", 2000, "a"));
    let report = stream.report();
    assert_eq!(report.pauses, [Span { from: time(4), until: time(3604) }]);
    let figures = &report.figures;
    assert_eq!((figures.wall_millis, figures.build_millis), (9000, 8000));
    assert_eq!((figures.built, figures.cached, figures.retries), (2, 0, 1));
    assert_eq!(
        kinds(&report.jobs[1]),
        [
            (AttemptKind::First, AttemptOutcome::Unfinished),
            (AttemptKind::Retry, AttemptOutcome::Built)
        ]
    );
    let ready: Vec<u64> = report.runners[0].ready.iter().map(|span| span.millis()).collect();
    assert_eq!(ready, [4000, 4000]);
    assert_eq!(report.stages[0].span, Span { from: time(0), until: time(4) });
    assert_eq!(report.runners[0].busy_millis, 2000 + 1000 + 2000);
}

#[test]
fn a_run_that_says_only_that_it_goes_on_is_one_that_was_broken_off() {
    let mut stream = Stream::default();
    stream.at(0, queued("x")).at(1, started("x", "a")).at(100, Event::Resumed { finished: 0 });
    stream.at(101, started("x", "a")).at(103, built("x", 2000, "a"));
    let report = stream.report();
    assert_eq!(report.figures.wall_millis, 4000);
    assert_eq!(report.jobs[0].attempts.len(), 2);
}

#[test]
fn a_run_that_goes_on_says_so_before_its_first_stage_or_after_it() {
    for first in [true, false] {
        let warned = || Event::Warning { message: "it rains".into(), hint: None };
        let mut stream = Stream::default();
        stream.at(0, preflight()).at(1, warned()).at(1, queued("x")).at(2, started("x", "a"));
        let mut events = [Event::Resumed { finished: 0 }, preflight()];
        if !first {
            events.reverse();
        }
        for (seconds, event) in (100..).zip(events) {
            stream.at(seconds, event);
        }
        stream.at(102, warned()).at(103, queued("x")).at(104, started("x", "a"));
        stream.at(106, built("x", 2000, "a"));
        let report = stream.report();
        assert_eq!(report.pauses, [Span { from: time(2), until: time(100) }]);
        assert_eq!((report.figures.wall_millis, report.warnings.len()), (8000, 1));
    }
}

#[test]
fn a_job_that_was_given_up_has_no_log() {
    let mut stream = Stream::default();
    let failed = JobOutcome::Failed { reason: "lost three times".into(), log: String::new() };
    stream.at(0, queued("x")).at(1, started("x", "a")).at(2, dropped("x", "a"));
    stream.at(3, finished("x", failed, 0, None));
    let job = &stream.report().jobs[0];
    assert_eq!((job.outcome, &job.log), (JobState::Failed, &None));
    assert_eq!(stream.report().cells[0].log, None);
}

#[test]
fn a_run_that_was_killed_has_runs_without_an_end() {
    let mut stream = Stream::default();
    stream.at(0, queued("x")).at(0, queued("y")).at(1, started("x", "a"));
    stream.at(7, Event::Warning { message: "it rains".into(), hint: None });
    let report = stream.report();
    assert_eq!(report.outcome, RunOutcome::Unfinished);
    assert_eq!(report.jobs[0].attempts[0].outcome, AttemptOutcome::Unfinished);
    assert_eq!(report.jobs[0].attempts[0].millis(), 6000);
    assert_eq!((report.figures.unfinished, report.figures.built), (2, 0));
    assert_eq!(report.runners[0].slots, 1);
}

#[test]
fn a_log_without_end_is_cut_at_its_begin() {
    let mut stream = Stream::default();
    let log = format!("{}\n{}last", "é".repeat(100_000), "line\n".repeat(1000));
    let failed = JobOutcome::Failed { reason: "exit code 2".into(), log };
    stream.at(0, queued("x")).at(0, started("x", "a")).at(9, finished("x", failed, 0, Some("a")));
    let job = &stream.report().jobs[0];
    let end = job.log_end.as_ref().unwrap();
    assert!(end.ends_with("line\nlast") && end.lines().count() == 40);
    assert_eq!((job.log.as_deref(), job.millis), (Some("logs/x.log"), 9000));
    assert!(log_end(&"é".repeat(100_000)).len() <= 8 << 10);
}

#[test]
fn an_empty_run_has_a_report() {
    let report = Record::default().report(Ended::Badly("no runner"));
    assert_eq!((report.outcome, report.begun, report.jobs.len()), (RunOutcome::Failed, None, 0));
    let text = serde_json::to_string(&report).unwrap();
    assert_eq!(serde_json::from_str::<RunReport>(&text).unwrap(), report);
}
