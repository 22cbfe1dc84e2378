//! Who does what at this moment: the runners with their jobs, the queue, how long is left. No terminal is
//! known here: what there is to show comes as lines.

use std::collections::{BTreeMap, HashMap};
use std::time::{Duration, Instant};

use super::harmless;
use super::say::{count, duration};
use crate::model::event::{Event, JobOutcome};

/// The longest name of a runner that is shown whole.
const NAME: usize = 20;

/// The runners and the jobs of a run, now.
#[derive(Debug, Default)]
pub(super) struct Field {
    runners: BTreeMap<String, Seat>,
    /// What waits, and how long it took the last time.
    waiting: HashMap<String, Option<Duration>>,
    /// How long each job that was queued took the last time.
    expected: HashMap<String, Option<Duration>>,
    /// The time of what was built, and how many jobs that was.
    took: (Duration, u32),
    failed: usize,
}

#[derive(Debug, Default)]
struct Seat {
    slots: Option<usize>,
    lost: bool,
    /// What runs there, the oldest first.
    running: Vec<(String, Instant)>,
}

/// How long is left, as far as one can tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Left {
    pub(super) time: Duration,
    /// Jobs that were never timed and count as the mean of the others.
    pub(super) guessed: usize,
}

impl Field {
    /// Takes note of an event.
    pub(super) fn hear(&mut self, event: &Event, now: Instant) {
        match event {
            Event::RunnerReady { runner, slots, .. } => {
                let seat = self.runners.entry(runner.clone()).or_default();
                (seat.slots, seat.lost) = (Some(*slots), false);
            }
            Event::RunnerLost { runner, .. } => {
                self.runners.entry(runner.clone()).or_default().lost = true;
            }
            Event::JobQueued { job, expected_millis, .. } => {
                let expected = expected_millis.map(Duration::from_millis);
                self.waiting.insert(job.clone(), expected);
                self.expected.insert(job.clone(), expected);
            }
            Event::JobStarted { job, runner } => {
                self.waiting.remove(job);
                let seat = self.runners.entry(runner.clone()).or_default();
                seat.running.push((job.clone(), now));
            }
            Event::JobDropped { job, runner, .. } => self.dropped(job, runner),
            Event::JobFinished { job, outcome, .. } => self.finished(job, outcome, now),
            _ => {}
        }
    }

    fn dropped(&mut self, job: &str, runner: &str) {
        if let Some(seat) = self.runners.get_mut(runner) {
            seat.running.retain(|(running, _)| running != job);
        }
        let elsewhere = |seat: &Seat| seat.running.iter().any(|(running, _)| running == job);
        // What was queued and does not run any more waits again, until its end is told.
        if let Some(expected) = self.expected.get(job)
            && !self.runners.values().any(elsewhere)
        {
            self.waiting.insert(job.to_owned(), *expected);
        }
    }

    fn finished(&mut self, job: &str, outcome: &JobOutcome, now: Instant) {
        let mut since = None;
        for seat in self.runners.values_mut() {
            seat.running.retain(|(running, started)| {
                if running == job {
                    since = since.max(Some(*started));
                }
                running != job
            });
        }
        self.waiting.remove(job);
        self.expected.remove(job);
        match (outcome, since) {
            (JobOutcome::Built, Some(since)) => {
                let (sum, jobs) = self.took;
                self.took = (sum + now.saturating_duration_since(since), jobs + 1);
            }
            (JobOutcome::Failed { .. }, _) => self.failed += 1,
            _ => {}
        }
    }

    /// Whether there is more than one runner.
    pub(super) fn several(&self) -> bool {
        self.runners.len() > 1
    }

    /// How many runs of jobs go on.
    pub(super) fn running(&self) -> usize {
        self.runners.values().map(|seat| seat.running.len()).sum()
    }

    /// How many jobs run at once, of what is there.
    fn slots(&self) -> usize {
        let there = self.runners.values().filter(|seat| !seat.lost);
        let slots = there.map(|seat| seat.slots.unwrap_or(seat.running.len()).max(1));
        slots.fold(0, usize::saturating_add).max(1)
    }

    /// What is said beside the bar of the whole.
    pub(super) fn sums(&self, now: Instant) -> String {
        let mut text = " jobs".to_owned();
        if self.failed > 0 {
            text += &format!(", {} failed", self.failed);
        }
        if self.several() {
            let lost = self.runners.values().filter(|seat| seat.lost).count();
            text += &format!(", {} waiting", self.waiting.len());
            text += &format!(", {} of {} busy", self.running(), count(self.slots(), "slot"));
            if lost > 0 {
                text += &format!(", {} lost", count(lost, "runner"));
            }
        }
        match self.left(now) {
            Some(Left { time, guessed: 0 }) => text += &format!(", about {} left", duration(time)),
            Some(Left { time, guessed }) => {
                let never = count(guessed, "job");
                text += &format!(", perhaps {} left ({never} never timed)", duration(time));
            }
            None => {}
        }
        text
    }

    /// What is still to do, shared by the slots that are there; no less than the longest job needs. A
    /// job that has no recorded duration counts as the mean of those that are known.
    pub(super) fn left(&self, now: Instant) -> Option<Left> {
        let running = || {
            let runs = self.runners.values().flat_map(|seat| &seat.running);
            runs.map(|(job, started)| (self.expected.get(job).copied().flatten(), *started))
        };
        let known = self.waiting.values().copied().chain(running().map(|(known, _)| known));
        let (mut sum, mut timed) = self.took;
        let mut guessed = 0;
        for known in known {
            match known {
                Some(known) => (sum, timed) = (sum.saturating_add(known), timed + 1),
                None => guessed += 1,
            }
        }
        let mean = sum.checked_div(timed)?;
        let waiting = self.waiting.values().map(|known| known.unwrap_or(mean));
        let under_way = running().map(|(known, started)| {
            known.unwrap_or(mean).saturating_sub(now.saturating_duration_since(started))
        });
        let mut jobs = 0_usize;
        let (mut all, mut longest) = (Duration::ZERO, Duration::ZERO);
        for left in waiting.chain(under_way) {
            (all, longest, jobs) = (all.saturating_add(left), longest.max(left), jobs + 1);
        }
        let side_by_side = u32::try_from(self.slots().min(jobs.max(1))).unwrap_or(u32::MAX);
        Some(Left { time: (all / side_by_side).max(longest), guessed })
    }

    /// A line a runner, for as many as there is room for; the others in one line more.
    pub(super) fn lines(&self, room: usize, now: Instant) -> Vec<String> {
        let mut seats: Vec<(&String, &Seat)> = self.runners.iter().collect();
        // Those that are longest at one job are of most interest, those that are not there of least.
        seats.sort_by_key(|(_, seat)| {
            let since = seat.running.first().map(|(_, since)| *since);
            (seat.lost && since.is_none(), since.is_none(), since)
        });
        let more = seats.split_off(seats.len().min(room));
        seats.sort_by_key(|(name, _)| *name);
        let width = seats.iter().map(|(name, _)| name.chars().count()).max().unwrap_or_default();
        let width = width.clamp(10, NAME);
        let mut lines: Vec<String> =
            seats.iter().map(|(name, seat)| seat.line(name, width, now)).collect();
        if !more.is_empty() {
            let jobs = more.iter().map(|(_, seat)| seat.running.len()).sum();
            let runners = count(more.len(), "more runner");
            lines.push(format!("{:>width$} and {runners}, {}", "", count(jobs, "job")));
        }
        lines
    }
}

impl Seat {
    fn line(&self, name: &str, width: usize, now: Instant) -> String {
        let name: String = harmless::line(name).chars().take(width).collect();
        let slots = self.slots.map_or(String::new(), |slots| format!("/{slots}"));
        let jobs: Vec<String> = self
            .running
            .iter()
            .map(|(job, since)| {
                let seconds = now.saturating_duration_since(*since).as_secs();
                let since = if seconds < 120 {
                    format!("{seconds} s")
                } else {
                    format!("{} min", seconds / 60)
                };
                format!("{} {since}", harmless::line(job))
            })
            .collect();
        let jobs = match (jobs.is_empty(), self.lost) {
            (true, true) => "lost".to_owned(),
            (true, false) => "idle".to_owned(),
            (false, lost) => format!("{}{}", if lost { "lost; " } else { "" }, jobs.join(", ")),
        };
        format!("{name:>width$} {}{slots} {jobs}", self.running.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn queued(job: &str, seconds: Option<u64>) -> Event {
        let expected_millis = seconds.map(|seconds| seconds * 1000);
        let (job, action) = (job.to_owned(), String::new());
        Event::JobQueued { job, cells: Vec::new(), action, expected_millis }
    }

    fn ready(runner: &str, slots: usize) -> Event {
        let (runner, place) = (runner.to_owned(), "ssh x".to_owned());
        Event::RunnerReady { runner, place, slots, toolsets: Vec::new() }
    }

    fn started(job: &str, runner: &str) -> Event {
        Event::JobStarted { job: job.to_owned(), runner: runner.to_owned() }
    }

    fn dropped(job: &str, runner: &str) -> Event {
        let [job, runner, reason] = [job, runner, ""].map(str::to_owned);
        Event::JobDropped { job, runner, reason }
    }

    fn lost(runner: &str) -> Event {
        Event::RunnerLost { runner: runner.to_owned(), reason: String::new(), for_good: true }
    }

    fn finished(job: &str, outcome: JobOutcome) -> Event {
        Event::JobFinished { job: job.to_owned(), outcome, millis: 0, runner: None }
    }

    fn field(events: &[Event], now: Instant) -> Field {
        let mut field = Field::default();
        for event in events {
            field.hear(event, now);
        }
        field
    }

    fn left(seconds: u64, guessed: usize) -> Left {
        Left { time: Duration::from_secs(seconds), guessed }
    }

    #[test]
    fn what_is_left_is_shared_by_the_slots_that_are_there() {
        let now = Instant::now();
        let mut events = vec![ready("a", 2), ready("b", 2)];
        events.extend((0..40).map(|job| queued(&job.to_string(), Some(10))));
        let mut field = field(&events, now);
        assert_eq!(field.left(now), Some(left(100, 0)));
        field.hear(&lost("b"), now);
        assert_eq!(field.left(now), Some(left(200, 0)));
        // No run ends before its longest job.
        field.hear(&queued("long", Some(900)), now);
        assert_eq!(field.left(now), Some(left(900, 0)));
    }

    #[test]
    fn what_was_never_timed_is_a_guess_or_unknown() {
        let now = Instant::now();
        let mut field = field(&[ready("a", 1), queued("x", None), queued("y", None)], now);
        assert_eq!((field.left(now), field.sums(now)), (None, " jobs".to_owned()));
        field.hear(&started("x", "a"), now);
        let later = now + Duration::from_secs(30);
        field.hear(&finished("x", JobOutcome::Built), later);
        assert_eq!(field.left(later), Some(left(30, 1)));
        assert_eq!(field.sums(later), " jobs, perhaps 30 s left (1 job never timed)");
    }

    #[test]
    fn what_was_dropped_waits_again_unless_it_runs_elsewhere() {
        let now = Instant::now();
        let events = [ready("a", 1), ready("b", 1), queued("x", Some(9)), started("x", "a")];
        let mut field = field(&events, now);
        field.hear(&dropped("x", "a"), now);
        assert_eq!((field.running(), field.waiting.len()), (0, 1));
        field.hear(&started("x", "b"), now);
        field.hear(&started("x", "a"), now);
        field.hear(&dropped("x", "b"), now);
        assert_eq!((field.running(), field.waiting.len()), (1, 0));
        field.hear(&finished("x", JobOutcome::Built), now);
        field.hear(&dropped("x", "a"), now);
        assert_eq!((field.running(), field.waiting.len()), (0, 0));
    }

    #[test]
    fn there_are_never_more_lines_than_room() {
        let now = Instant::now();
        let later = now + Duration::from_secs(130);
        let mut events: Vec<Event> = (0..500).map(|n| ready(&format!("build{n:03}"), 4)).collect();
        events.extend((0..900).map(|n| queued(&format!("job{n}"), Some(60))));
        let mut field = field(&events, now);
        field.hear(&started("job7", "build499"), now);
        for n in 8..800 {
            field.hear(&started(&format!("job{n}"), &format!("build{:03}", n % 400)), later);
        }
        field.hear(&lost("build001"), later);
        let failed = JobOutcome::Failed { reason: String::new(), log: String::new() };
        field.hear(&finished("job8", failed), later);
        let lines = field.lines(3, later);
        assert_eq!(lines.len(), 4, "{lines:#?}");
        assert_eq!(lines[2], "  build499 1/4 job7 2 min");
        assert_eq!(lines[3], "           and 497 more runners, 789 jobs");
        let sums = field.sums(later);
        let begin = " jobs, 1 failed, 107 waiting, 792 of 1996 slots busy, 1 runner lost, about ";
        assert!(sums.starts_with(begin), "{sums}");
    }

    #[test]
    fn a_runner_says_what_it_does() {
        let now = Instant::now();
        let evil = "e\u{1b}[2J";
        let events = [ready("idle", 2), ready(evil, 1), started("x", evil), lost("gone")];
        let lines = field(&events, now).lines(9, now);
        assert_eq!(lines, ["e\u{fffd}[2J 1/1 x 0 s", "gone 0 lost", "idle 0/2 idle"].map(pad));
    }

    fn pad(line: &str) -> String {
        let (name, rest) = line.split_once(' ').unwrap();
        format!("{name:>10} {rest}")
    }
}
