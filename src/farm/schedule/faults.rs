//! Faults: of runners, which rest and are reached anew, and what they mean for the jobs that ran there.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use super::seat::{RESTS, State};
use super::{Order, Run, RunId, Schedule};

/// How often a job is tried, where its runner is at fault and there still.
const TRIES: usize = 3;

/// A job that was there when so many different runners went is given up.
const FALLEN_RUNNERS: usize = 3;

/// The same where there are not so many to go to: less often than a runner comes back, so that one that
/// is the only one outlives the job.
const FALLS: usize = 4;

/// So many runners are named in a reason.
const NAMED: usize = 20;

impl Schedule {
    /// A runner was at fault about one job. What else runs there goes on.
    pub(super) fn fault(&mut self, run: RunId, job: usize, seat: usize, reason: String) {
        self.ail(seat, &reason);
        self.jobs[job].faults.push(seat);
        self.orders.push(Order::Drop { run, job, seat, reason: reason.clone() });
        if self.runs_still(job) {
            return;
        }
        let faults = &self.jobs[job].faults;
        if faults.len() >= TRIES {
            let (tries, on) = (faults.len(), self.names(faults));
            self.fail(job, format!("{reason} (tried {tries} times, on {on})"));
            self.after_failure();
        } else {
            self.wait(job);
        }
    }

    /// Whether a job has another run, which is its only one then.
    fn runs_still(&mut self, job: usize) -> bool {
        let Some(run) = self.jobs[job].runs.first().copied() else { return false };
        self.watch(run);
        true
    }

    /// A runner is gone, as one of the runs there found out. Which job brought it down, if any did, can be
    /// told where it ran alone, or where one alone was there before when a runner went.
    pub(super) fn fall(&mut self, first: RunId, it: Run, reason: &str) {
        let seat = it.seat;
        let mut fallen = vec![(first, it.job)];
        self.ail(seat, reason);
        self.orders.push(Order::Drop { run: first, job: it.job, seat, reason: reason.to_owned() });
        for run in std::mem::take(&mut self.places[seat].runs) {
            let Some(it) = self.forget(run) else { continue };
            fallen.push((run, it.job));
            self.orders.push(Order::Drop { run, job: it.job, seat, reason: reason.to_owned() });
        }
        let suspects = fallen.iter().filter(|(_, job)| self.jobs[*job].is_suspect()).count();
        for (_, job) in fallen {
            if suspects != 1 || self.jobs[job].is_suspect() {
                self.jobs[job].falls.push((seat, reason.to_owned()));
            }
            self.try_again_after_fall(job);
            if self.is_over() {
                return;
            }
        }
    }

    fn try_again_after_fall(&mut self, job: usize) {
        if self.runs_still(job) {
            return;
        }
        let it = &self.jobs[job];
        let runners: BTreeSet<usize> = it.falls.iter().map(|(seat, _)| *seat).collect();
        if runners.len() < FALLEN_RUNNERS && it.falls.len() < FALLS {
            self.wait(job);
            return;
        }
        let mut reason = format!("{} runners failed while it ran there: ", it.falls.len());
        for (index, (seat, why)) in it.falls.iter().enumerate() {
            let joint = if index == 0 { "" } else { "; " };
            write!(reason, "{joint}'{}' ({why})", self.places[*seat].name).unwrap_or_default();
        }
        self.fail(job, reason);
        self.after_failure();
    }

    /// A seat takes nothing new. Several faults at once are one.
    fn ail(&mut self, seat: usize, reason: &str) {
        if self.places[seat].state != State::Works {
            return;
        }
        self.delist(seat);
        let place = &mut self.places[seat];
        place.state = State::Ailing;
        place.faults += 1;
        reason.clone_into(&mut place.reason);
        self.orders.push(Order::Lost { seat, reason: reason.to_owned(), for_good: false });
    }

    /// A seat that is at fault rests once nothing runs there.
    pub(super) fn rest_if_idle(&mut self, seat: usize) {
        let place = &self.places[seat];
        if place.state == State::Ailing && place.runs.is_empty() {
            self.rest(seat);
        }
    }

    fn rest(&mut self, seat: usize) {
        let place = &mut self.places[seat];
        if place.faults <= RESTS {
            place.state = State::Resting;
            self.resting.insert((self.now + place.rest(seat), seat));
            return;
        }
        place.state = State::Gone;
        let reason = format!("{} ({} faults in a row)", place.reason, place.faults);
        self.orders.push(Order::Lost { seat, reason, for_good: true });
        for class in &place.classes {
            self.classes[*class].alive -= 1;
            self.stirred.insert(*class);
        }
        self.is_known(seat);
    }

    /// Orders that the seats are reached whose rest is over.
    pub(super) fn reach_the_rested(&mut self) {
        while let Some((until, seat)) = self.resting.first().copied() {
            if until > self.now || self.is_over() {
                break;
            }
            self.resting.pop_first();
            self.places[seat].state = State::Reaching;
            self.orders.push(Order::Reach { seat });
        }
    }

    /// A seat was reached, with what it may take now.
    pub(super) fn reached(&mut self, seat: usize, mut classes: Vec<usize>) {
        let place = &mut self.places[seat];
        if place.state != State::Reaching {
            return;
        }
        classes.sort_unstable();
        classes.dedup();
        classes.retain(|class| *class < self.classes.len());
        for class in std::mem::replace(&mut place.classes, classes) {
            self.classes[class].alive -= 1;
            self.stirred.insert(class);
        }
        for class in &place.classes {
            self.classes[*class].alive += 1;
            self.classes[*class].members.insert(seat);
        }
        place.state = State::Works;
        self.is_known(seat);
        self.enlist(seat);
    }

    /// It is known what a seat may take, or that it takes nothing. After the last one it is known whether
    /// there is a seat for every job.
    fn is_known(&mut self, seat: usize) {
        if std::mem::replace(&mut self.places[seat].known, true) {
            return;
        }
        self.unknown_places -= 1;
        if self.unknown_places == 0 {
            self.stirred.extend(0..self.classes.len());
        }
    }

    /// A seat could not be reached.
    pub(super) fn unreached(&mut self, seat: usize, reason: String) {
        let place = &mut self.places[seat];
        if place.state != State::Reaching {
            return;
        }
        place.faults += 1;
        place.reason = reason;
        self.rest(seat);
    }

    /// Fails what no seat is left for.
    pub(super) fn bury(&mut self) {
        if self.unknown_places > 0 || self.is_over() {
            return;
        }
        let dead =
            |class: &usize| self.classes[*class].alive == 0 && !self.classes[*class].is_idle();
        let dead: Vec<usize> = self.stirred.iter().copied().filter(dead).collect();
        for class in dead {
            let reason = self.no_runner(class);
            for job in self.classes[class].clear() {
                self.fail(job, reason.clone());
            }
            self.after_failure();
            if self.is_over() {
                return;
            }
        }
    }

    /// Why there is no seat for a class.
    fn no_runner(&self, class: usize) -> String {
        let members = &self.classes[class].members;
        let mut reason = "no runner is left that could build it".to_owned();
        for (index, seat) in members.iter().take(NAMED).enumerate() {
            let place = &self.places[*seat];
            let why = match place.state {
                State::Gone => place.reason.as_str(),
                _ => "it came back with another toolset",
            };
            let joint = if index == 0 { ":" } else { ";" };
            write!(reason, "{joint} '{}' ({why})", place.name).unwrap_or_default();
        }
        if let Some(more) = members.len().checked_sub(NAMED + 1) {
            write!(reason, " and {} more", more + 1).unwrap_or_default();
        }
        reason
    }

    fn names(&self, seats: &[usize]) -> String {
        let names: BTreeSet<&str> =
            seats.iter().map(|seat| self.places[*seat].name.as_str()).collect();
        names.into_iter().map(|name| format!("'{name}'")).collect::<Vec<_>>().join(", ")
    }
}
