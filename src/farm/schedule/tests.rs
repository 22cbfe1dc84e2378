//! What the schedule decides, told as short stories.

use super::*;

/// A schedule with a clock that is set by hand, in seconds.
struct Story {
    schedule: Schedule,
}

fn seconds(time: f64) -> Duration {
    Duration::from_secs_f64(time)
}

impl Story {
    /// One class; jobs with their expected seconds, where 0 is not known; seats with their slots.
    fn new(jobs: &[u64], seats: &[usize]) -> (Self, Vec<Order>) {
        Self::with(jobs, seats, true)
    }

    fn with(jobs: &[u64], seats: &[usize], keep_going: bool) -> (Self, Vec<Order>) {
        let jobs: Vec<(usize, u64)> = jobs.iter().map(|job| (0, *job)).collect();
        let seats: Vec<(usize, &[usize])> = seats.iter().map(|slots| (*slots, &[0][..])).collect();
        Self::of_classes(&jobs, &seats, keep_going)
    }

    fn of_classes(
        jobs: &[(usize, u64)],
        seats: &[(usize, &[usize])],
        keep_going: bool,
    ) -> (Self, Vec<Order>) {
        let task = |(class, expected): &(usize, u64)| Task {
            class: *class,
            expected: (*expected > 0).then(|| Duration::from_secs(*expected)),
        };
        let seat = |(number, (slots, classes)): (usize, &(usize, &[usize]))| Seat {
            name: ["a", "b", "c", "d", "e"][number].to_owned(),
            slots: *slots,
            classes: Ok(classes.to_vec()),
        };
        let tasks = jobs.iter().map(task).collect();
        let seats = seats.iter().enumerate().map(seat).collect();
        let mut story = Self { schedule: Schedule::new(tasks, seats, keep_going) };
        let orders = story.at(0.0, Happened::Woken);
        (story, orders)
    }

    fn at(&mut self, time: f64, what: Happened) -> Vec<Order> {
        self.schedule.tell(seconds(time), what)
    }

    /// Lets time pass up to the next moment that the schedule asked for.
    fn sleep(&mut self) -> (f64, Vec<Order>) {
        let time = self.schedule.wake_at().expect("something is waited for").as_secs_f64();
        (time, self.at(time, Happened::Woken))
    }

    fn built(&mut self, time: f64, run: u64, took: f64) -> Vec<Order> {
        let end = End::Built { took: Some(seconds(took)) };
        self.at(time, Happened::Ended { run: RunId(run), end })
    }

    fn failed(&mut self, time: f64, run: u64) -> Vec<Order> {
        self.at(time, Happened::Ended { run: RunId(run), end: End::Failed })
    }

    fn fault(&mut self, time: f64, run: u64) -> Vec<Order> {
        let end = End::Fault { reason: "it says no".to_owned() };
        self.at(time, Happened::Ended { run: RunId(run), end })
    }

    fn gone(&mut self, time: f64, run: u64) -> Vec<Order> {
        let end = End::Gone { reason: "cut off".to_owned() };
        self.at(time, Happened::Ended { run: RunId(run), end })
    }

    /// Follows a seat's rests and reaches it in vain until it is set aside.
    fn in_vain(&mut self, seat: usize) -> Vec<Order> {
        let mut orders = Vec::new();
        for _ in 0..10 {
            let (time, woken) = self.sleep();
            if woken.contains(&Order::Reach { seat }) {
                let reason = "no route".to_owned();
                orders = self.at(time + 0.01, Happened::Unreached { seat, reason });
            }
            if orders.iter().any(|order| matches!(order, Order::Lost { for_good: true, .. })) {
                return orders;
            }
        }
        panic!("it is never set aside")
    }
}

/// The jobs and seats of the runs that are started.
fn started(orders: &[Order]) -> Vec<(usize, usize)> {
    let start = |order: &Order| match order {
        Order::Start { job, seat, .. } => Some((*job, *seat)),
        _ => None,
    };
    orders.iter().filter_map(start).collect()
}

/// The orders but for starts, as short words.
fn others(orders: &[Order]) -> Vec<String> {
    let word = |order: &Order| match order {
        Order::Start { .. } => None,
        Order::Drop { job, seat, reason, .. } => Some(format!("drop {job} on {seat}: {reason}")),
        Order::Conclude { job, seat, .. } => Some(format!("conclude {job} on {seat}")),
        Order::Fail { job, reason } => Some(format!("fail {job}: {reason}")),
        Order::Cancel { job } => Some(format!("cancel {job}")),
        Order::Lost { seat, reason, for_good: false } => Some(format!("lost {seat}: {reason}")),
        Order::Lost { seat, reason, .. } => Some(format!("set {seat} aside: {reason}")),
        Order::Reach { seat } => Some(format!("reach {seat}")),
    };
    orders.iter().filter_map(word).collect()
}

#[test]
fn the_unknown_go_first_in_their_order_then_the_longest() {
    let (mut story, orders) = Story::new(&[5, 0, 500, 50, 0], &[1]);
    let mut order = started(&orders);
    for run in 0..5 {
        order.extend(started(&story.built(f64::from(run), u64::try_from(run).unwrap(), 1.0)));
    }
    assert_eq!(order.iter().map(|(job, _)| *job).collect::<Vec<_>>(), [1, 4, 2, 3, 0]);
    assert!(story.schedule.is_over());
    assert_eq!(story.schedule.wake_at(), None);
}

#[test]
fn the_emptiest_seat_takes_the_next_job_up_to_its_slots() {
    let (_, orders) = Story::new(&[9; 10], &[1, 2, 4]);
    let seats: Vec<usize> = started(&orders).iter().map(|(_, seat)| *seat).collect();
    assert_eq!(seats, [0, 1, 2, 2, 1, 2, 2]);
}

#[test]
fn a_fast_seat_comes_before_an_empty_one_and_a_slow_one_leaves_the_long_jobs() {
    let (mut story, _) = Story::new(&[100, 100, 90, 90, 80, 2], &[2, 2]);
    // The first seat is twice as fast as was expected, the second half as fast.
    let orders = story.built(50.0, 0, 50.0);
    assert_eq!(started(&orders), [(4, 0)]);
    story.at(50.0, Happened::Began { run: RunId(4) });
    // 80 s of work would take the slow one 160 s; the fast one is soon done with all there is.
    let orders = story.built(200.0, 1, 200.0);
    assert_eq!(started(&orders), [(5, 1)]);
    assert_eq!(others(&orders), ["conclude 1 on 1"]);
}

#[test]
fn a_long_job_that_is_tried_again_waits_for_a_fast_seat() {
    let (mut story, _) = Story::new(&[100, 100, 100, 60], &[1, 1, 1]);
    // The first seat is twice as fast as was expected, the second half as fast; the third is cut off.
    assert_eq!(started(&story.built(50.0, 0, 50.0)), [(3, 0)]);
    story.at(50.0, Happened::Began { run: RunId(3) });
    assert_eq!(started(&story.gone(51.0, 2)), []);
    // It would be over at 260 s on the slow one, at 130 s on the fast one.
    assert_eq!(started(&story.built(60.0, 1, 200.0)), []);
    assert_eq!(started(&story.built(80.0, 3, 30.0)), [(2, 0)]);
    // Where the fast one had a part in what befell it, the slow one takes it.
    assert_eq!(started(&story.gone(90.0, 4)), [(2, 1)]);
}

#[test]
fn where_there_are_many_jobs_no_seat_shows_by_the_longest_how_slow_it_is() {
    // 66 s for each of two slots: a seat that were four times as slow would do 16 s of that.
    let (mut story, orders) = Story::new(&[64, 24, 16, 8, 8, 4, 4, 4], &[1, 1]);
    assert_eq!(started(&orders), [(2, 0), (3, 1)]);
    // As fast as was expected: it is not slow, and takes the longest.
    assert_eq!(started(&story.built(8.0, 1, 8.0)), [(0, 1)]);
    // Of few jobs the longest is the first anywhere.
    let (_, orders) = Story::new(&[64, 24, 16, 8, 8, 4], &[1, 1]);
    assert_eq!(started(&orders), [(0, 0), (1, 1)]);
}

#[test]
fn a_job_goes_only_where_its_class_may() {
    let jobs = [(0, 10), (1, 20), (1, 5), (2, 1)];
    let (mut story, orders) = Story::of_classes(&jobs, &[(1, &[0]), (1, &[1]), (1, &[0, 1])], true);
    assert_eq!(started(&orders), [(0, 0), (1, 2), (2, 1)]);
    // Nobody ever could build the last.
    assert_eq!(others(&orders), ["fail 3: no runner is left that could build it"]);
    for run in 0..3 {
        story.built(1.0, run, 1.0);
    }
    assert!(story.schedule.is_over());
}

#[test]
fn a_failure_is_not_tried_again() {
    let (mut story, _) = Story::new(&[9, 8], &[1, 1]);
    assert_eq!(others(&story.failed(1.0, 0)), ["conclude 0 on 0"]);
    assert!(!story.schedule.is_over());
    let orders = story.failed(1.0, 1);
    assert_eq!((started(&orders), story.schedule.is_over()), (vec![], true));
}

#[test]
fn the_first_failure_may_cancel_the_rest() {
    let (mut story, _) = Story::with(&[9, 8, 7], &[1, 1], false);
    story.built(1.0, 0, 1.0);
    assert_eq!(others(&story.failed(2.0, 1)), ["conclude 1 on 1", "cancel 2"]);
    assert!(story.schedule.is_over());
    assert_eq!(story.built(3.0, 2, 1.0), []);
    let (mut story, _) = Story::new(&[9, 8], &[1]);
    assert_eq!(others(&story.at(1.0, Happened::Cancelled)), ["cancel 0", "cancel 1"]);
}

#[test]
fn a_job_that_a_fault_hit_is_tried_elsewhere_and_three_times() {
    let (mut story, orders) = Story::new(&[9], &[1, 1, 1]);
    assert_eq!(started(&orders), [(0, 0)]);
    let orders = story.fault(1.0, 0);
    assert_eq!(others(&orders), ["lost 0: it says no", "drop 0 on 0: it says no"]);
    assert_eq!(started(&orders), [(0, 1)]);
    assert_eq!(started(&story.fault(2.0, 1)), [(0, 2)]);
    let orders = others(&story.fault(3.0, 2));
    assert_eq!(orders[2], "fail 0: it says no (tried 3 times, on 'a', 'b', 'c')");
    assert!(story.schedule.is_over());
}

#[test]
fn where_there_is_one_seat_alone_the_job_is_tried_there_again() {
    let (mut story, _) = Story::new(&[9], &[1]);
    story.fault(1.0, 0);
    let (time, orders) = story.sleep();
    assert!((time - 1.25).abs() < 1e-6, "{time}");
    assert_eq!(others(&orders), ["reach 0"]);
    let reached = Happened::Reached { seat: 0, classes: vec![0] };
    assert_eq!(started(&story.at(time, reached)), [(0, 0)]);
    story.built(2.0, 1, 1.0);
    assert!(story.schedule.is_over());
}

#[test]
fn a_seat_at_fault_ends_what_it_has_and_rests_longer_each_time_in_a_row() {
    let (mut story, _) = Story::new(&[9; 9], &[2]);
    story.fault(1.0, 0);
    // The other job there goes on, and nothing new comes beside it.
    assert_eq!(story.schedule.wake_at(), None);
    let orders = story.built(5.0, 1, 4.0);
    assert_eq!((started(&orders), others(&orders)), (vec![], vec!["conclude 1 on 0".to_owned()]));
    let (mut time, mut rests, mut run) = (5.0, Vec::new(), 2);
    let mut back = |story: &mut Story, time: &mut f64| {
        let before = *time;
        let (woken, orders) = story.sleep();
        assert_eq!(others(&orders), ["reach 0"]);
        rests.push(woken - before);
        *time = woken;
        story.at(woken, Happened::Reached { seat: 0, classes: vec![0] });
    };
    for _ in 0..2 {
        back(&mut story, &mut time);
        story.gone(time, run);
        run += 2;
    }
    back(&mut story, &mut time);
    story.built(time, run, 1.0);
    // A success, and the rests begin anew.
    story.gone(time, run + 1);
    back(&mut story, &mut time);
    let rests: Vec<String> = rests.iter().map(|rest| format!("{rest:.2}")).collect();
    assert_eq!(rests, ["0.25", "0.25", "1.00", "0.25"]);
}

#[test]
fn a_seat_that_is_never_reached_again_is_set_aside_and_its_jobs_say_why() {
    let (mut story, _) = Story::new(&[9, 8], &[1]);
    story.gone(1.0, 0);
    let orders = others(&story.in_vain(0));
    assert_eq!(orders[0], "set 0 aside: no route (5 faults in a row)");
    assert_eq!(orders[1], "fail 0: no runner is left that could build it: 'a' (no route)");
    assert_eq!(orders.len(), 3);
    assert!(story.schedule.is_over());
}

#[test]
fn a_runner_that_is_gone_loses_nothing() {
    let (mut story, orders) = Story::new(&[9, 8, 7, 6], &[2, 2]);
    assert_eq!(started(&orders), [(0, 0), (1, 1), (2, 0), (3, 1)]);
    let orders = story.gone(1.0, 0);
    assert_eq!(
        others(&orders),
        ["lost 0: cut off", "drop 0 on 0: cut off", "drop 2 on 0: cut off"]
    );
    // What the broken connection says of the other run comes too late to matter.
    assert_eq!(story.gone(1.0, 2), []);
    assert_eq!(started(&story.built(2.0, 1, 2.0)), [(0, 1)]);
    assert_eq!(started(&story.built(2.0, 3, 2.0)), [(2, 1)]);
    story.built(3.0, 4, 1.0);
    story.built(3.0, 5, 1.0);
    assert!(story.schedule.is_over());
}

#[test]
fn a_job_that_brings_down_three_runners_is_given_up_and_the_others_are_not() {
    // Job 0 brings every runner down; the others run beside it.
    let (mut story, orders) = Story::new(&[9, 8, 7, 6, 5, 4], &[2, 2, 2]);
    let mut runs: Vec<(usize, usize)> = started(&orders);
    let mut told = Vec::new();
    let (mut time, mut down) = (1.0, 0);
    while !story.schedule.is_over() {
        // The bad job's run ends first, in a fall; else the oldest one that still runs is built.
        let over: Vec<usize> = told.iter().filter_map(ended_run).collect();
        let open = |run: &usize| !over.contains(run);
        let bad = (0..runs.len()).filter(open).find(|run| runs[*run].0 == 0);
        let next = bad.or_else(|| (0..runs.len()).find(open));
        let orders = match next {
            Some(run) if bad.is_some() => {
                down += 1;
                story.gone(time, run as u64)
            }
            Some(run) => story.built(time, run as u64, 1.0),
            None => {
                let (woken, orders) = story.sleep();
                time = woken;
                let reach = orders.iter().find_map(|order| match order {
                    Order::Reach { seat } => Some(*seat),
                    _ => None,
                });
                let reached = Happened::Reached { seat: reach.unwrap(), classes: vec![0] };
                story.at(time, reached)
            }
        };
        runs.extend(started(&orders));
        told.extend(orders);
        time += 0.001;
    }
    let ends = others(&told);
    let failed: Vec<&String> = ends.iter().filter(|end| end.starts_with("fail")).collect();
    assert_eq!(
        failed,
        [
            "fail 0: 3 runners failed while it ran there: 'a' (cut off); 'b' (cut off); 'c' (cut off)"
        ]
    );
    assert_eq!(ends.iter().filter(|end| end.starts_with("conclude")).count(), 5);
    assert_eq!(down, 3);
}

/// The run that an order ends.
fn ended_run(order: &Order) -> Option<usize> {
    match order {
        Order::Drop { run, .. } | Order::Conclude { run, .. } => usize::try_from(run.0).ok(),
        _ => None,
    }
}

#[test]
fn the_only_runner_outlives_a_job_that_brings_it_down() {
    let (mut story, _) = Story::new(&[9, 8], &[2]);
    let mut told = story.gone(1.0, 0);
    let mut run = 2;
    while !told.iter().any(|order| matches!(order, Order::Fail { .. })) {
        let (time, _) = story.sleep();
        let orders = story.at(time, Happened::Reached { seat: 0, classes: vec![0] });
        let bad = started(&orders).iter().position(|(job, _)| *job == 0);
        let count = started(&orders).len() as u64;
        told.extend(orders);
        told.extend(story.gone(time, run + bad.unwrap() as u64));
        run += count;
    }
    // The other was beside it twice, and has its turn alone before it is suspected further.
    let (time, _) = story.sleep();
    let orders = story.at(time, Happened::Reached { seat: 0, classes: vec![0] });
    assert_eq!(started(&orders), [(1, 0)]);
    story.built(time, run, 1.0);
    assert!(story.schedule.is_over());
}

#[test]
fn a_straggler_is_run_a_second_time_and_the_first_result_wins() {
    let (mut story, orders) = Story::new(&[10, 9], &[1, 1]);
    assert_eq!(started(&orders), [(0, 0), (1, 1)]);
    for run in 0..2 {
        story.at(1.0, Happened::Began { run: RunId(run) });
    }
    assert_eq!(story.schedule.wake_at(), None, "nobody is free for a second run");
    story.built(10.0, 1, 9.0);
    let (time, orders) = story.sleep();
    assert_eq!((time, started(&orders)), (21.0, vec![(0, 1)]));
    assert_eq!(story.schedule.wake_at(), None, "there is no third run");
    let orders = others(&story.built(30.0, 2, 9.0));
    assert_eq!(orders, ["conclude 0 on 1", "drop 0 on 0: runner 'b' was first"]);
    assert!(story.schedule.is_over());
}

#[test]
fn a_straggler_is_left_alone_while_something_waits_or_where_it_runs_itself() {
    // The seat of the straggler has a free slot; that is no other runner.
    let (mut story, _) = Story::new(&[10, 9], &[2]);
    story.at(0.0, Happened::Began { run: RunId(0) });
    story.built(9.0, 1, 9.0);
    let (time, orders) = story.sleep();
    assert_eq!((time, orders), (20.0, vec![]));
    assert_eq!(story.schedule.wake_at(), None);
    // While something waits nobody is idle.
    let (mut story, _) = Story::new(&[10, 9, 8], &[1, 1]);
    story.at(0.0, Happened::Began { run: RunId(0) });
    assert_eq!(started(&story.built(50.0, 1, 9.0)), [(2, 1)]);
    assert_eq!(started(&story.built(58.0, 2, 8.0)), [(0, 1)]);
}

#[test]
fn of_unknown_jobs_the_median_tells_which_is_a_straggler_and_short_ones_never_are() {
    let (mut story, orders) = Story::new(&[0, 0, 0, 0], &[2, 2]);
    assert_eq!(started(&orders), [(0, 0), (1, 1), (2, 0), (3, 1)]);
    for run in 0..4 {
        story.at(0.0, Happened::Began { run: RunId(run) });
    }
    story.built(4.0, 1, 4.0);
    let (time, orders) = story.sleep();
    assert_eq!((time, started(&orders)), (8.0, vec![(0, 1)]));
    story.built(9.0, 4, 1.0);
    // The median is 1 s now; yet 5 s are the least, and long past.
    assert!(story.schedule.wake_at().is_none_or(|time| time > seconds(9.0)));
}

#[test]
fn inputs_may_travel_for_a_while_before_that_is_straggling() {
    let (mut story, _) = Story::new(&[10, 9], &[1, 1]);
    story.built(10.0, 1, 9.0);
    let (time, orders) = story.sleep();
    assert_eq!((time, started(&orders)), (80.0, vec![(0, 1)]));
}

#[test]
fn the_second_run_goes_on_when_the_first_is_hit() {
    let (mut story, _) = Story::new(&[10, 9], &[1, 1]);
    story.built(10.0, 1, 9.0);
    story.sleep();
    let orders = others(&story.gone(90.0, 0));
    assert_eq!(orders, ["lost 0: cut off", "drop 0 on 0: cut off"]);
    // It is looked after in its turn.
    story.at(91.0, Happened::Began { run: RunId(2) });
    let reached = story.at(92.0, Happened::Reached { seat: 0, classes: vec![0] });
    assert_eq!(started(&reached), []);
    let (time, orders) = story.sleep();
    assert_eq!((time, started(&orders)), (111.0, vec![]), "it was at fault there");
    assert_eq!(others(&story.built(112.0, 2, 4.0)), ["conclude 0 on 1"]);
}

#[test]
fn a_seat_that_comes_late_takes_part_and_is_waited_for() {
    let tasks = vec![Task { class: 0, expected: None }];
    let late = Seat { name: "late".to_owned(), slots: 1, classes: Err("asleep".to_owned()) };
    let mut schedule = Schedule::new(tasks.clone(), vec![late.clone()], true);
    assert_eq!(schedule.tell(Duration::ZERO, Happened::Woken), []);
    assert_eq!(schedule.wake_at(), Some(Duration::from_millis(250)));
    let orders = schedule.tell(Duration::from_millis(250), Happened::Woken);
    assert_eq!(orders, [Order::Reach { seat: 0 }]);
    let reached = Happened::Reached { seat: 0, classes: vec![0] };
    assert_eq!(started(&schedule.tell(seconds(1.0), reached)), [(0, 0)]);

    let mut story = Story { schedule: Schedule::new(tasks, vec![late], true) };
    story.at(0.0, Happened::Woken);
    let orders = others(&story.in_vain(0));
    assert_eq!(orders[1], "fail 0: no runner is left that could build it");
}

#[test]
fn a_seat_that_comes_back_as_another_takes_other_jobs() {
    let (mut story, _) = Story::of_classes(&[(0, 9), (1, 8)], &[(1, &[0]), (1, &[1])], true);
    story.gone(1.0, 0);
    let (time, _) = story.sleep();
    let orders = story.at(time, Happened::Reached { seat: 0, classes: vec![1] });
    assert_eq!(
        others(&orders),
        ["fail 0: no runner is left that could build it: 'a' (it came back with another toolset)"]
    );
}

#[test]
fn ends_of_runs_that_were_dropped_mean_nothing() {
    let (mut story, _) = Story::new(&[10, 9, 8], &[1, 1]);
    assert_eq!(story.built(1.0, 77, 1.0), []);
    story.gone(1.0, 0);
    assert_eq!(story.built(1.1, 0, 1.0), []);
    assert_eq!(story.at(1.2, Happened::Began { run: RunId(0) }), []);
}
