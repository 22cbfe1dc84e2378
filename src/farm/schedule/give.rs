//! What is given to whom: waiting jobs to free seats, and stragglers to idle ones a second time.

use std::cmp::Reverse;

use super::class::{Free, Length, Watch};
use super::seat::{Speed, State};
use super::{Order, Run, RunId, Schedule};

/// What there is for a free seat.
enum Choice {
    Job(usize),
    /// What fits is not for this seat, but may be for another.
    NotForThis,
    Nothing,
}

impl Schedule {
    /// Starts all that can be.
    pub(super) fn give(&mut self) {
        while !self.is_over() {
            let Some(class) = self.stirred.pop_first() else { break };
            self.classes[class].load.advance(self.now);
            while let Some((job, seat)) = self.next_pair(class) {
                self.start(job, seat);
            }
            self.start_stragglers_again(class);
        }
    }

    /// A job and the best free seat for it. A seat is offered the longest of all its classes.
    fn next_pair(&self, class: usize) -> Option<(usize, usize)> {
        for free in &self.classes[class].free {
            match self.choose(free.seat) {
                Choice::Job(job) => return Some((job, free.seat)),
                Choice::NotForThis => {}
                // Seats that come later are no faster: less fits them.
                Choice::Nothing => break,
            }
        }
        None
    }

    fn choose(&self, seat: usize) -> Choice {
        let place = &self.places[seat];
        let median = self.measured.get();
        let (mut best, mut passed) = (None, false);
        for class in &place.classes {
            let class = &self.classes[*class];
            let has_faster = |job| self.has_faster(job, place.speed);
            for (length, job) in class.fitting(place, self.now, median, has_faster) {
                if !self.may_go(job, seat) {
                    passed = true;
                    continue;
                }
                if best.is_none_or(|best| (length, job) < best) {
                    best = Some((length, job));
                }
                break;
            }
        }
        match best {
            Some((_, job)) => Choice::Job(job),
            None if passed => Choice::NotForThis,
            None => Choice::Nothing,
        }
    }

    /// Whether a job may go to a seat of its class: not where it was hit by a fault, while another seat
    /// works; not beside another that may be what brings runners down.
    fn may_go(&self, job: usize, seat: usize) -> bool {
        let it = &self.jobs[job];
        let working = &self.classes[it.class].working;
        let has_other = || working.iter().any(|(_, other)| !it.avoids(*other));
        let alone = !it.is_suspect() || self.places[seat].suspects == 0;
        alone && !(it.avoids(seat) && has_other())
    }

    /// Whether a seat that is faster than this works and had no part in what befell a job.
    fn has_faster(&self, job: usize, speed: Speed) -> bool {
        let it = &self.jobs[job];
        let working = self.classes[it.class].working.iter().rev();
        working.take_while(|(other, _)| *other > speed).any(|(_, other)| !it.avoids(*other))
    }

    fn start(&mut self, job: usize, seat: usize) {
        let it = &self.jobs[job];
        let length = Length::of(it.expected);
        self.classes[it.class].wait_no_more(length, job);
        let run = self.order(job, seat);
        self.watch(run);
    }

    /// Orders a run.
    fn order(&mut self, job: usize, seat: usize) -> RunId {
        let run = RunId(self.next_run);
        self.next_run += 1;
        let speed = self.places[seat].speed;
        let it = &mut self.jobs[job];
        let length = it.expected.or(self.measured.get()).unwrap_or_default();
        let end = self.now + speed.time_of(length);
        let suspect = it.is_suspect();
        it.runs.push(run);
        self.classes[it.class].load.begin(run, speed, end);
        let began = false;
        self.runs.insert(run, Run { job, seat, began, suspect, watch: None, end, speed });
        self.places[seat].runs.push(run);
        self.places[seat].suspects += usize::from(suspect);
        self.relist(seat);
        self.orders.push(Order::Start { run, job, seat });
        run
    }

    /// Where nothing waits that a free seat could take, it takes what runs far too long elsewhere.
    fn start_stragglers_again(&mut self, class: usize) {
        if self.classes[class].free.is_empty() {
            return;
        }
        for run in self.classes[class].overdue(self.now, self.measured.get()) {
            let Run { job, seat, .. } = self.runs[&run];
            let mut free = self.classes[class].free.iter().map(|free| free.seat);
            let other = free.find(|other| *other != seat && self.may_go(job, *other));
            if let Some(other) = other {
                self.unwatch(run);
                self.order(job, other);
            }
        }
    }

    /// From now on it is seen to when a run takes too long.
    pub(super) fn watch(&mut self, run: RunId) {
        let Some(it) = self.runs.get_mut(&run) else { return };
        let job = &self.jobs[it.job];
        let should = job.expected.map(|expected| it.speed.time_of(expected));
        let watch = Watch::new(self.now, it.began, should);
        it.watch = Some(watch);
        self.classes[job.class].watch(run, watch);
    }

    /// It is not any more.
    pub(super) fn unwatch(&mut self, run: RunId) {
        let Some(it) = self.runs.get_mut(&run) else { return };
        if let Some(watch) = it.watch.take() {
            self.classes[self.jobs[it.job].class].unwatch(run, watch);
        }
    }

    /// A seat takes jobs from now on.
    pub(super) fn enlist(&mut self, seat: usize) {
        let place = &self.places[seat];
        if place.state != State::Works {
            return;
        }
        for class in &place.classes {
            let it = &mut self.classes[*class];
            it.working.insert((place.speed, seat));
            it.load.open(place.speed, place.slots);
        }
        self.relist(seat);
    }

    /// It takes none any more.
    pub(super) fn delist(&mut self, seat: usize) {
        let place = &mut self.places[seat];
        let listed = place.listed.take();
        for class in &place.classes {
            let it = &mut self.classes[*class];
            if it.working.remove(&(place.speed, seat)) {
                it.load.close(place.speed, place.slots);
            }
            if let Some(listed) = listed {
                it.free.remove(&listed);
            }
            self.stirred.insert(*class);
        }
    }

    /// Its slots have changed.
    pub(super) fn relist(&mut self, seat: usize) {
        let place = &mut self.places[seat];
        let free = place.state == State::Works && place.runs.len() < place.slots;
        let load = place.runs.len() * 1000 / place.slots;
        let listed = free.then_some(Free { speed: Reverse(place.speed), load, seat });
        let before = std::mem::replace(&mut place.listed, listed);
        for class in &place.classes {
            let it = &mut self.classes[*class];
            if let Some(before) = before {
                it.free.remove(&before);
            }
            it.free.extend(listed);
            self.stirred.insert(*class);
        }
    }
}
