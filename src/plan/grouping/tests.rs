//! The grouping against every other one there is, where there are few enough.

use super::model::MOST_CELLS;
use super::*;

/// Work of random tasks over a few kinds, Pythons and Apaches.
fn random_work(random: &mut fastrand::Rng, tasks: usize) -> Work {
    let durations = Durations {
        start: random.u64(0..60),
        modfarm: random.u64(0..90),
        compile: random.u64(5..90),
        smoke: random.u64(0..40),
        ..Durations::default()
    };
    let mut work = Work::new(random.usize(1..5), durations);
    let (kinds, pythons, apaches) = (random.usize(1..3), random.usize(1..5), random.usize(1..3));
    work.roots = (0..pythons + apaches).map(|_| random.u64(0..30)).collect();
    work.machines = vec![None; kinds];
    work.tasks = (0..tasks)
        .map(|_| Task {
            kind: random.usize(0..kinds),
            roots: [random.usize(0..pythons), pythons + random.usize(0..apaches)],
            cells: random.usize(1..5),
        })
        .collect();
    work
}

/// The least that any grouping costs, on the best schedule of it that there is.
fn least(work: &Work) -> u64 {
    fn part(work: &Work, task: usize, jobs: &mut Vec<Vec<usize>>, least: &mut u64) {
        if task == work.tasks.len() {
            *least = (*least).min(cost_on_the_best_schedule(work, jobs));
            return;
        }
        for job in 0..jobs.len() {
            if work.tasks[jobs[job][0]].kind == work.tasks[task].kind {
                jobs[job].push(task);
                part(work, task + 1, jobs, least);
                jobs[job].pop();
            }
        }
        jobs.push(vec![task]);
        part(work, task + 1, jobs, least);
        jobs.pop();
    }
    let mut least = u64::MAX;
    part(work, 0, &mut Vec::new(), &mut least);
    least
}

/// With every way to give the jobs to so many machines, not only the longest first.
fn cost_on_the_best_schedule(work: &Work, jobs: &[Vec<usize>]) -> u64 {
    fn place(times: &[u64], ends: &mut [u64], least: &mut u64) {
        let Some((time, rest)) = times.split_first() else {
            *least = (*least).min(ends.iter().copied().max().unwrap_or(0));
            return;
        };
        for machine in 0..ends.len() {
            if ends[machine] + time < *least && !ends[..machine].contains(&ends[machine]) {
                ends[machine] += time;
                place(rest, ends, least);
                ends[machine] -= time;
            }
        }
    }
    let cost = work.cost(jobs);
    let times: Vec<u64> = jobs.iter().map(|job| work.durations.start + work.seconds(job)).collect();
    let mut least = cost.seconds;
    place(&times, &mut vec![0; work.concurrent], &mut least);
    Cost { seconds: least, ..cost }.weighed()
}

#[test]
fn it_is_within_15_per_cent_of_the_best_there_is() {
    let mut worst: f64 = 1.0;
    for seed in 0..250 {
        let mut random = fastrand::Rng::with_seed(seed);
        let tasks = random.usize(1..8);
        let work = random_work(&mut random, tasks);
        let jobs = arrange(&work).unwrap();
        let (found, best) = (work.cost(&jobs).weighed(), least(&work));
        assert!(found >= best, "seed {seed}: the search missed {jobs:?}");
        #[expect(clippy::cast_precision_loss, reason = "seconds")]
        let ratio = found as f64 / best as f64;
        assert!(ratio <= 1.15, "seed {seed}: {found} against {best}: {jobs:?} of {work:?}");
        worst = worst.max(ratio);
    }
    assert!(worst < 1.15, "{worst}");
}

#[test]
fn every_task_is_in_one_job_of_its_kind_and_machines_are_enough() {
    for seed in 0..30 {
        let mut random = fastrand::Rng::with_seed(seed);
        let tasks = random.usize(1..200);
        let mut work = random_work(&mut random, tasks);
        work.concurrent = random.usize(1..70);
        work.machines = work.machines.iter().map(|_| random.bool().then_some(3)).collect();
        let jobs = arrange(&work).unwrap();
        let mut all = jobs.concat();
        all.sort_unstable();
        assert_eq!(all, (0..tasks).collect::<Vec<_>>(), "seed {seed}");
        assert!(jobs.len() <= MOST_JOBS, "seed {seed}");
        let kind = |job: &Vec<usize>| work.tasks[job[0]].kind;
        for job in &jobs {
            assert!(job.iter().all(|task| work.tasks[*task].kind == kind(job)), "seed {seed}");
            let cells: usize = job.iter().map(|task| work.tasks[*task].cells).sum();
            assert!(cells <= MOST_CELLS, "seed {seed}");
        }
        for (number, machines) in work.machines.iter().enumerate() {
            let of_kind = jobs.iter().filter(|job| kind(job) == number).count();
            assert!(machines.is_none_or(|machines| of_kind <= machines), "seed {seed}");
        }
        let seconds: Vec<u64> = jobs.iter().map(|job| work.seconds(job)).collect();
        assert!(seconds.is_sorted_by(|one, next| one >= next), "seed {seed}: the longest first");
        assert_eq!(arrange(&work), Some(jobs), "seed {seed}: the same again");
    }
}

#[test]
fn more_kinds_than_jobs_are_refused() {
    let mut work = Work::new(20, Durations::default());
    work.roots = vec![0];
    for kind in 0..=MOST_JOBS {
        work.tasks.push(Task { kind, roots: [0, 0], cells: 1 });
        work.machines.push(None);
    }
    assert_eq!(arrange(&work), None);
    work.tasks.pop();
    assert_eq!(arrange(&work).map(|jobs| jobs.len()), Some(MOST_JOBS));
}

#[test]
fn jobs_wait_for_room_and_every_one_is_rounded_up() {
    let durations = Durations { start: 10, ..Durations::default() };
    let work = Work::new(2, durations);
    let cost = work.cost_of(&mut [50, 100, 61]);
    // 100 and 61 at once, then 50 where the 61 were.
    assert_eq!(cost, Cost { jobs: 3, seconds: 131, minutes: 1 + 2 + 2 });
    assert_eq!(work.cost_of(&mut []), Cost { jobs: 0, seconds: 0, minutes: 0 });
}
