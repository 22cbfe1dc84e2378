//! The report of a run, looked at as people do, in a real browser, and as programs do, by its schema.

use std::process::Command;

use camino::{Utf8Path, Utf8PathBuf};
use modfarm::model::event::Event;
use modfarm::report::Record;
use modfarm::report::record::{Ended, RunReport};
use modfarm::sys::files;
use rustix::process::Signal;
use serde_json::Value;

use crate::github_clients::clients;
use crate::made::{runs, source};
use crate::program::{Ran, Site, json, modfarm, read, repository};

const QUICK: [&str; 5] = ["release", "--source", "src", "--only", "Apache24-*-VS1[78]/py31[13]-*"];

fn quick() -> Site {
    let site = Site::new();
    source::quick(&site.folder.join("src"), "6.1.1");
    site
}

/// The folder of the latest run.
#[track_caller]
fn run_of(site: &Site) -> Utf8PathBuf {
    let runs = site.folder.join(".modfarm/runs");
    let latest = files::names(&runs).expect("the runs").pop().expect("a run");
    runs.join(latest)
}

/// A report that is what its schema says.
#[track_caller]
fn report_in(folder: &Utf8Path) -> RunReport {
    let ran = Ran::of(&mut modfarm(repository(), &["schema", "report"])).ended(0);
    let schema: Value = serde_json::from_str(&ran.stdout).expect("JSON");
    let report = json(&folder.join("report.json"));
    let schema = jsonschema::options().should_validate_formats(true).build(&schema);
    let schema = schema.expect("a schema");
    let errors: Vec<_> = schema.iter_errors(&report).map(|error| error.to_string()).collect();
    assert_eq!(errors, Vec::<String>::new());
    serde_json::from_value(report).expect("a report")
}

/// What a browser sees of a page, in both colour schemes, on a screen and on a telephone. What holds for
/// every page is asserted here.
#[track_caller]
fn look_at(page: &Utf8Path, name: &str) -> Value {
    let shots = Utf8Path::new(env!("CARGO_TARGET_TMPDIR")).join("report");
    files::create_dir_all(&shots).expect("a folder");
    // For whoever looks at the screenshots.
    let page = &copied(page, &shots.join(format!("{name}.html")));
    let (_keep, home) = crate::program::folder();
    let mut command = Command::new("node");
    command.arg(repository().join("tests/tools/page.mjs")).arg(clients().join("node"));
    command.args(["/usr/bin/chromium", page.as_str(), shots.join(name).as_str()]);
    command.env_clear().env("HOME", &home).env("TMPDIR", &home);
    command.env("PATH", std::env::var_os("PATH").unwrap_or_default());
    let said = Ran::of(&mut command).ended(0).stdout;
    let seen: Value = serde_json::from_str(&said).expect("JSON");
    for empty in ["complaints", "requests", "invalid"] {
        assert_eq!(seen[empty], serde_json::json!([]), "{empty}");
    }
    for (name, view) in seen["views"].as_object().expect("views") {
        assert_eq!(view["violations"], serde_json::json!([]), "{name}");
        assert!(view["passes"].as_u64() > Some(10), "{name}: axe looked at next to nothing");
        assert_eq!([&view["scripts"], &view["images"], &view["outside"]], [0, 0, 0], "{name}");
        assert_eq!(view["landmarks"].as_array().map(Vec::len), Some(3), "{name}");
        assert_eq!(view["firstFocus"], "skip", "{name}");
        // Without the style, which the policy might keep out, it would be 16px.
        assert_eq!(view["font"], "15px", "{name}");
        assert!(view["wider"].as_i64() <= Some(0), "{name}: the page scrolls sideways");
        assert!(view["colours"].as_u64() > Some(30), "{name}: a blank screenshot");
    }
    let background = |view: &str| seen["views"][view]["background"].clone();
    assert_ne!(background("light 1280"), background("dark 1280"));
    seen["views"]["light 1280"].clone()
}

fn copied(from: &Utf8Path, to: &Utf8Path) -> Utf8PathBuf {
    files::write_atomic(to, read(from).as_bytes()).expect("a file");
    to.to_owned()
}

fn strings(values: &Value) -> Vec<&str> {
    values.as_array().expect("a list").iter().map(|value| value.as_str().expect("text")).collect()
}

#[test]
fn a_release_has_a_report_of_all_that_was_built() {
    let site = quick();
    site.run(&QUICK).ended(0);
    let run = run_of(&site);
    let report = report_in(&run);
    assert_eq!(serde_json::to_value(report.outcome).expect("JSON"), "released");
    assert_eq!((report.figures.built, report.figures.cells), (4, 8));
    // How much of it is the machine's business, which may be busy with other tests.
    let figures = &report.figures;
    assert!(figures.compile_millis > 0 && figures.speed_up > Some(0.0), "{figures:?}");
    assert!(figures.utilisation > Some(0.0), "{figures:?}");
    let times = report.begun.zip(report.ended).expect("times");
    assert_eq!(report.cells.len(), 8);
    for cell in &report.cells {
        assert!(files::exists(&run.join(cell.log.as_ref().expect("a log"))), "{cell:?}");
        assert_eq!((cell.runner.as_deref(), cell.attempts), (Some("cross"), 1));
        let moments = [times.0, cell.queued.expect("a time"), cell.started.expect("a time")];
        let moments = [&moments[..], &[cell.finished.expect("a time"), times.1]].concat();
        assert!(moments.is_sorted(), "{moments:?}");
    }
    // The key to the manifest's digests of the inputs.
    let manifest =
        json(&site.folder.join("dist/mod_wsgi-6.1.1/mod_wsgi-windows-6.1.1.manifest.json"));
    for cell in
        manifest["cells"].as_array().expect("cells").iter().filter(|cell| cell["built"].is_object())
    {
        let record = report.cells.iter().find(|record| cell["id"] == record.cell.as_str());
        let action = record.and_then(|record| record.action.as_deref()).expect("an action");
        assert_eq!(cell["built"]["action"], action.split('/').next().expect("a digest"));
    }

    let seen = look_at(&run.join("report.html"), "release");
    assert_eq!(seen["title"], "mod_wsgi 6.1.1: released");
    assert_eq!((&seen["bars"], &seen["lost"], &seen["marks"]), (&4.into(), &0.into(), &0.into()));
    let jobs: Vec<&str> = report.jobs.iter().map(|job| job.job.as_str()).collect();
    assert_eq!(strings(&seen["jobs"]), jobs);
    for link in strings(&seen["links"]).into_iter().filter(|link| !link.starts_with('#')) {
        assert!(files::exists(&run.join(link)), "{link} leads nowhere");
    }

    // Made again of the journal, it says the same.
    files::remove_file(&run.join("report.html")).expect("removed");
    let ran = site.run(&["report"]).ended(0);
    assert!(
        ran.stdout.contains("report.html\n## mod_wsgi 6.1.1: 8 cells from 4 jobs"),
        "{}",
        ran.stdout
    );
    let again = report_in(&run);
    assert_eq!((again.outcome, again.jobs.len()), (report.outcome, 4));
    assert!(files::exists(&run.join("report.html")));

    // All of it from the cache: nothing ran, and there is a report all the same.
    site.run(&QUICK).ended(0);
    let report = report_in(&run_of(&site));
    assert_eq!((report.figures.cached, report.figures.speed_up), (4, None));
    assert!(!read(&run_of(&site).join("report.html")).contains("<svg class=\"bars\""));
}

#[test]
fn a_failed_run_shows_what_the_compiler_said() {
    let site = quick();
    site.edit("src/src/server/mod_wsgi.c", "return OK;", "return <b>OK</b>;");
    let ran = site.run(&QUICK).ended(1);
    let run = run_of(&site);
    assert!(
        ran.stderr.contains(&format!(
            "    Report .modfarm/runs/{}/report.html\n",
            run.file_name().expect("a name")
        )),
        "{}",
        ran.stderr
    );
    let report = report_in(&run);
    assert_eq!(serde_json::to_value(report.outcome).expect("JSON"), "failed");
    assert!(
        report.error.as_ref().is_some_and(|error| error.contains("4 jobs failed")),
        "{report:?}"
    );
    let seen = look_at(&run.join("report.html"), "failed");
    assert_eq!(seen["title"], "mod_wsgi 6.1.1: not released");
    assert_eq!(strings(&seen["failures"]).len(), 4);
    assert!(strings(&seen["logs"]).iter().all(|log| log.contains("return <b>OK</b>;")), "{seen}");
    assert!(strings(&seen["links"]).iter().filter(|link| link.starts_with("logs/")).count() >= 8);
    let summary = read(&run.join("summary.md"));
    assert!(
        summary.contains("**Not released:** 4 jobs failed") && summary.contains("report.html`"),
        "{summary}"
    );
}

#[test]
fn runs_that_were_ended_have_a_report_too() {
    let site = Site::new();
    source::slow(&site.folder.join("src"), "6.1.1", 3);
    for (signal, outcome) in [(Signal::INT, "interrupted"), (Signal::KILL, "unfinished")] {
        let running = site.start(&QUICK);
        site.wait("a job runs", || {
            let journal = files::names(&site.folder.join(".modfarm/runs"));
            let started = |run: &String| {
                let journal = site.folder.join(".modfarm/runs").join(run).join("journal.jsonl");
                let text = files::read_to_string(&journal).unwrap_or_default();
                text.contains("job_started")
                    && !files::exists(&journal.with_file_name("report.json"))
            };
            journal.is_ok_and(|runs| runs.last().is_some_and(started))
        });
        running.signal(signal);
        running.end();
        let run = run_of(&site);
        if signal == Signal::KILL {
            assert!(!files::exists(&run.join("report.html")));
            site.run(&["report", run.file_name().expect("a name")]).ended(0);
        }
        let report = report_in(&run);
        assert_eq!(serde_json::to_value(report.outcome).expect("JSON"), outcome);
        assert!(files::exists(&run.join("report.html")));
        site.wait("nothing runs any more", || site.processes().is_empty());
    }
}

#[test]
fn a_run_that_is_not_there_is_refused() {
    let site = Site::new();
    site.run(&["report"]).refused(2, &["there is no run '' in .modfarm/runs", "hint: "]);
    site.run(&["report", "no-such"]).refused(2, &["there is no run 'no-such'"]);
}

/// The report of a made stream, in a folder.
fn made(folder: &Utf8Path, shape: runs::Shape, ended: Ended<'_>) -> RunReport {
    let mut record = Record::default();
    for (at, event) in runs::run(shape) {
        record.hear(at, &event);
    }
    let report = record.report(ended);
    let json = serde_json::to_vec(&report).expect("JSON");
    files::write_atomic(&folder.join("report.json"), &json).expect("a file");
    let page = modfarm::report::page(&report);
    files::write_atomic(&folder.join("report.html"), page.as_bytes()).expect("a file");
    report
}

#[test]
fn three_thousand_jobs_on_two_hundred_runners_are_legible() {
    let (_keep, folder) = crate::program::folder();
    let shape = runs::Shape { runners: 200, jobs: 3000, lost: 9, failed: 400 };
    let report = made(&folder, shape, Ended::Badly("8 jobs failed\nhint: look"));
    let read_back = report_in(&folder);
    assert_eq!(read_back, report);
    let figures = &report.figures;
    assert_eq!((figures.jobs, figures.built + figures.failed), (3000, 3000));
    assert!(figures.retries >= 20 && figures.second_starts >= 20 && figures.runners_lost >= 20);
    let page = folder.join("report.html");
    let size = read(&page).len();
    assert!(size < 3 << 20, "{size} bytes");
    let seen = look_at(&page, "large");
    let expected: Vec<String> = (0..3000).map(runs::job).collect();
    assert_eq!(strings(&seen["jobs"]), expected);
    assert_eq!(strings(&seen["runners"]).len(), 200);
    assert_eq!(strings(&seen["names"]).len(), 200);
    let runs: usize = report.runners.iter().map(|runner| runner.runs).sum();
    let told = seen["runs"].as_str().expect("an alternative");
    assert!(
        told.starts_with(&format!("{runs} runs on 200 runners with 500 slots over ")),
        "{told}"
    );
    assert!((500..=4000).contains(&seen["bars"].as_u64().expect("bars")), "{}", seen["bars"]);
    assert_eq!(seen["lost"].as_u64(), Some(figures.runners_lost as u64));
    assert!((3..=9).contains(&strings(&seen["ticks"]).len()), "{}", seen["ticks"]);
    assert_eq!(strings(&seen["failures"]).len(), figures.failed);
    // What a worker said is text: the browser shows the tag, and nothing ran.
    assert!(strings(&seen["logs"]).iter().all(|log| log.contains("<script>alert('x')</script>")));
    assert!(strings(&seen["runners"]).iter().any(|name| name.contains("<img src=x onerror=")));
}

/// What a picture with room for words looks like.
#[test]
fn a_handful_of_runners_shows_every_job_by_name() {
    let (_keep, folder) = crate::program::folder();
    let shape = runs::Shape { runners: 5, jobs: 60, lost: 3, failed: 40 };
    let report = made(&folder, shape, Ended::Badly("1 job failed\nhint: look"));
    let seen = look_at(&folder.join("report.html"), "small");
    let started = report.jobs.iter().flat_map(|job| &job.attempts).count();
    assert_eq!(seen["bars"].as_u64(), Some(started as u64));
    assert_eq!(seen["fills"].as_u64(), Some(3), "built, failed and dropped look different");
    let marked = report.figures.retries + report.figures.second_starts;
    assert!(marked > 0 && seen["marks"].as_u64() == Some(marked as u64), "{}", seen["marks"]);
    assert!(strings(&seen["figures"]).iter().any(|figure| figure.ends_with(" ×")));
}

/// One stream, heard twice as it might be by a run that is taken up again, is one run.
#[test]
fn a_journal_from_before_is_part_of_the_run() {
    let stream = runs::run(runs::Shape { runners: 5, jobs: 60, lost: 0, failed: 0 });
    let (before, after) = stream.split_at(stream.len() / 2);
    let mut record = Record::default();
    for (at, event) in before {
        record.hear(*at, event);
    }
    let broken = before.last().expect("an event").0;
    let later = broken + jiff::SignedDuration::from_hours(5);
    record.hear(later, &Event::Resumed { finished: 20 });
    for (at, event) in after {
        record.hear(*at + jiff::SignedDuration::from_hours(5), event);
    }
    let report = record.report(Ended::Well);
    let whole = stream.last().expect("an event").0.duration_since(stream[0].0);
    assert_eq!(u128::from(report.figures.wall_millis), whole.as_millis().unsigned_abs());
    assert_eq!(report.pauses.len(), 1);
}
