//! `modfarm release --via github:OWNER/REPO`: a workflow on the stand-in for GitHub is started, followed to
//! its end, and what it made is fetched, proven and published from here; and all that can go wrong with that.

use std::io::Write as _;
use std::time::{Duration, Instant};

use camino::Utf8PathBuf;
use modfarm::sys::files;
use rustix::process::Signal;
use serde_json::{Value, json};

use crate::github::actions::{Annotation, Artifact, Details, Job, Moment, Script, Workflow};
use crate::github::route::Role;
use crate::github::{Does, Fault, Operation, Permission, REPOSITORY, StandIn};
use crate::github_description as description;
use crate::made::releases::{self, MadeRelease, VERSION};
use crate::made::server::zip_of;
use crate::program::{
    Ran, Running, assert_no_token, folder, json, listing, modfarm, read, repository, wait, yaml,
};

const TAG: &str = "mod_wsgi-6.1.1";
const DIST: &str = "dist/mod_wsgi-6.1.1";
const INPUTS: [&str; 5] = ["version", "tag", "only", "skip", "publish"];

/// The files of an archive.
type Members = Vec<(String, Vec<u8>)>;
type ChangeMembers<'a> = Box<dyn Fn(&mut Members) + 'a>;
type ChangeArtifact = fn(&mut Artifact);

/// A laptop with a checkout, a GitHub with the workflow, and a release that the workflow makes.
struct Desk {
    _keep: tempfile::TempDir,
    folder: Utf8PathBuf,
    release: MadeRelease,
    github: StandIn,
}

impl Desk {
    fn new() -> Self {
        let (keep, folder) = folder();
        let matrix = read(&repository().join("matrix.yaml"));
        files::write_atomic(&folder.join("matrix.yaml"), matrix.as_bytes()).expect("a file");
        let release = releases::release(&folder.join("made"), 3, 200_000, 1);
        let github = StandIn::start();
        github.add_tag(TAG);
        github.add_workflow("release.yml", &INPUTS);
        Self { _keep: keep, folder, release, github }
    }

    /// One whose workflow goes well the next time.
    fn going_well() -> Self {
        let desk = Self::new();
        desk.github.next_run(Script::well(vec![desk.artifact()]));
        desk
    }

    /// The folder of the release as the workflow uploads it.
    fn artifact(&self) -> Artifact {
        Artifact::of("release", self.zip(|_| {}))
    }

    fn zip(&self, change: impl FnOnce(&mut Members)) -> Vec<u8> {
        let folder = &self.release.folder;
        let names = files::names(folder).expect("a folder");
        let bytes = |name: &String| files::read(&folder.join(name)).expect("a file");
        let mut members = names.iter().map(|name| (name.clone(), bytes(name))).collect();
        change(&mut members);
        zip_of(members.iter().map(|(name, bytes)| (name.clone(), bytes.as_slice())))
    }

    fn command(&self, arguments: &[&str]) -> std::process::Command {
        let via = format!("github:{REPOSITORY}");
        let fixed = ["release", "--via", &via, "--poll", "0.1"];
        let mut command = modfarm(&self.folder, &[&fixed, arguments].concat());
        command.env("GH_TOKEN", self.github.token()).env("GITHUB_API_URL", self.github.api());
        command.env("MODFARM_LOG", "trace");
        command
    }

    fn run(&self, arguments: &[&str]) -> Ran {
        Ran::of(&mut self.command(arguments))
    }

    /// Has it build 6.1.1.
    fn release(&self, arguments: &[&str]) -> Ran {
        self.run(&[&["--module-version", VERSION], arguments].concat())
    }

    /// Waits until this has been asked for so often.
    #[track_caller]
    fn wait_for(&self, operation: Operation, times: usize) {
        let asked = || self.github.asked(operation).len() >= times;
        wait(&self.folder, &format!("{operation:?}"), asked);
    }

    fn run_id(&self) -> String {
        self.github.repository().runs.keys().next().expect("a run").to_string()
    }

    /// What GitHub was sent to start a run, the first or a later one.
    fn sent(&self, number: usize) -> Value {
        self.github.asked(Operation::Dispatch)[number].body.clone().expect("a body")
    }

    /// The release stands here, whole, and nothing is left over.
    #[track_caller]
    fn assert_released(&self) {
        let found = files::names(&self.folder.join(DIST)).expect("the release");
        let mut names: Vec<_> = self.release.assets.iter().map(|(name, _)| name).collect();
        names.sort();
        assert_eq!(found.iter().collect::<Vec<_>>(), names);
        for (name, digest) in &self.release.assets {
            let found = files::digest(&self.folder.join(DIST).join(name)).expect("a file");
            assert_eq!(found.sha256.to_string(), *digest, "{name}");
        }
        self.assert_tidy();
    }

    /// Nothing stands in `dist`, and nothing is left over.
    #[track_caller]
    fn assert_nothing(&self) {
        let found = listing(&self.folder, &["made", ".modfarm"]).into_keys();
        let found: Vec<String> = found.filter(|path| !path.contains(".lock")).collect();
        assert!(
            found.iter().all(|path| ["dist", "matrix.yaml"].contains(&path.as_str())),
            "{found:?}"
        );
        self.assert_tidy();
    }

    #[track_caller]
    fn assert_tidy(&self) {
        let kept = files::walk(&self.folder.join(".modfarm/cache")).unwrap_or_default();
        assert_eq!(kept, [""; 0], "the cache has something left");
    }
}

impl Drop for Desk {
    fn drop(&mut self) {
        if std::thread::panicking() {
            return;
        }
        assert_no_token(&self.folder);
        for logged in self.github.log().iter().filter(|logged| logged.host == Role::Objects) {
            assert_eq!(logged.authorization, None, "a token came to {}", logged.path);
        }
    }
}

fn failing_job() -> Job {
    let mut log = String::from("2026-11-22T22:49:08.1234567Z ##[group]Run modfarm build\r\n");
    log +=
        "2026-11-22T22:49:09.1234567Z wsgi.c(12): error C2065: \u{1b}]0;owned\u{7}\u{202e}'x'\r\n";
    log += "2026-11-22T22:49:09.2234567Z ##[error]Process completed with exit code 1.\r\n";
    log += "2026-11-22T22:49:10.1234567Z Cleaning up orphan processes\r\n";
    let steps = [("Set up job", "success"), ("Build the cells", "failure"), ("Upload", "skipped")];
    let steps = steps.map(|(name, how)| (name.to_owned(), Some(how.to_owned()))).to_vec();
    let said = |path: &str, message: &str| Annotation {
        path: path.to_owned(),
        line: 12,
        level: "failure".to_owned(),
        message: message.to_owned(),
    };
    let annotations = vec![said("wsgi.c", "undeclared identifier"), said(".github", "exit code 1")];
    let log = Some(log);
    Job { steps, log, annotations, ..Job::of("build VS17 x64", "failure") }
}

#[test]
fn a_release_is_built_there_and_published_from_here() {
    let desk = Desk::going_well();
    let to = format!("github:{REPOSITORY}");
    let only = ["--to", &to, "--only", "*/py313-*", "--only", "*/py314-*", "--skip", "*win32*"];
    let words = [
        "Following run ",
        "of release.yml at github:grey-owl/mod_wsgi: http://",
        "Done plan in 63 s",
        "Done build VS17 x64 in 63 s",
        "publish was skipped",
        "Fetched release.zip (",
        "Released dist/mod_wsgi-6.1.1, 6 files",
        "Uploaded mod_wsgi-windows-6.1.1.zip",
    ];
    desk.release(&only).refused(0, &words);
    desk.assert_released();
    desk.github.assert_published(TAG, &desk.release.assets);
    let inputs = json!({
        "version": "6.1.1", "only": "{*/py313-*,*/py314-*}", "skip": "*win32*", "publish": "false",
    });
    assert_eq!((&desk.sent(0)["inputs"], &desk.sent(0)["ref"]), (&inputs, &json!("main")));
    description::assert_agrees(&desk.github);

    // The run is still there: what it made is the same, and nothing has to be sent.
    let sent = desk.github.asked(Operation::UploadAsset).len();
    let again = desk.run(&["--run", &desk.run_id(), "--to", &to]).ended(0);
    assert_eq!(again.stderr.matches(" Unchanged ").count(), 2, "{}", again.stderr);
    assert_eq!(desk.github.asked(Operation::UploadAsset).len(), sent);
    assert_eq!(desk.github.asked(Operation::Dispatch).len(), 1);
}

#[test]
fn every_event_is_a_line_of_json_and_the_run_has_its_report() {
    let desk = Desk::going_well();
    let two = ["--format", "json", "--tag", TAG];
    desk.release(&two).refused(2, &["cannot be used with"]);
    let ran = desk.run(&["--format", "json", "--tag", TAG]).ended(0);
    let events = ran.events();
    let names: Vec<&str> = events.iter().filter_map(|event| event["event"].as_str()).collect();
    let order =
        ["following", "job_queued", "job_started", "job_finished", "download_planned", "published"];
    let at = order.map(|name| names.iter().position(|found| *found == name).expect(name));
    assert!(at.is_sorted(), "{names:?}");
    let following = events.iter().find(|event| event["event"] == "following").expect("it");
    assert_eq!(
        (&following["title"], &following["workflow"]),
        (&json!("mod_wsgi 6.1.1"), &json!("release.yml"))
    );
    assert_eq!(desk.sent(0)["inputs"], json!({ "tag": TAG, "publish": "false" }));
    desk.assert_released();
    let runs = desk.folder.join(".modfarm/runs");
    let run = runs.join(&files::names(&runs).expect("runs")[0]);
    let report = json(&run.join("report.json"));
    assert_eq!(report["outcome"], "released");
    let jobs: Vec<_> = report["jobs"]
        .as_array()
        .unwrap()
        .iter()
        .map(|job| (&job["job"], &job["outcome"]))
        .collect();
    let built = json!("built");
    assert_eq!(jobs, [(&json!("plan"), &built), (&json!("build VS17 x64"), &built)]);
    let note = report["notes"][0]["message"].as_str().expect("a note");
    assert!(note.starts_with("built by run ") && note.contains("/actions/runs/"), "{note}");
    let summary = read(&run.join("summary.md"));
    assert!(summary.starts_with("## mod_wsgi 6.1.1: 2 jobs\n"), "{summary}");
    assert!(read(&run.join("report.html")).contains("build VS17 x64"));
}

#[test]
fn a_failed_job_is_named_with_its_step_and_the_end_of_its_log() {
    let desk = Desk::new();
    let again = Script::well(vec![desk.artifact()]);
    desk.github.next_run(Script { again: Some(Box::new(again)), ..Script::badly(failing_job()) });
    let words = [
        "Failed build VS17 x64: its step 'Build the cells' failed: http://",
        "| wsgi.c(12): error C2065: \u{fffd}'x'",
        "| Process completed with exit code 1.",
        "Found build VS17 x64: wsgi.c:12: undeclared identifier [github]",
        "Found build VS17 x64: exit code 1 [github]",
        "ended as 'failure'\n  build VS17 x64: its step 'Build the cells' failed",
        "--rerun-failed runs what failed again",
    ];
    let ran = desk.release(&[]).refused(1, &words);
    assert!(!ran.stderr.contains("orphan") && !ran.stderr.contains('\u{1b}'), "{}", ran.stderr);
    desk.assert_nothing();
    description::assert_agrees(&desk.github);

    // The same end for who only looks; and what failed runs again.
    let run = desk.run_id();
    desk.release(&["--run", &run]).refused(1, &["its step 'Build the cells' failed"]);
    desk.release(&["--run", &run, "--rerun-failed"]).refused(0, &["Done build VS17 x64"]);
    desk.assert_released();
    let cannot = ["cannot run again: GitHub answered 403: This workflow run cannot be retried"];
    desk.release(&["--run", &run, "--rerun-failed"]).refused(2, &cannot);
}

#[test]
fn what_failed_without_a_log_or_a_page_has_failed_all_the_same() {
    let desk = Desk::new();
    let job = Job { log: None, steps: Vec::new(), ..failing_job() };
    desk.github.next_run(Script::badly(job));
    desk.github.fault(Fault::on(Operation::Annotations, Does::Primary(0)).times(0));
    let words = ["build VS17 x64: it failed: http", "| its log cannot be had: "];
    desk.release(&[]).refused(1, &words);
}

#[test]
fn servers_that_do_not_say_which_run_it_is() {
    for details in [Details::Ignored, Details::Refused] {
        let desk = Desk::going_well();
        desk.github.change(|repository| repository.details = details);
        // It takes a moment to be listed.
        let dispatch = Fault::on(Operation::Dispatch, Does::Lag(2)).times(9);
        desk.github.fault(dispatch);
        desk.release(&[]).refused(0, &["Following run "]);
        desk.assert_released();
        assert_eq!(desk.github.repository().runs.len(), 1);
    }
    // Somebody else starts one before the answer has come: nobody guesses.
    let desk = Desk::going_well();
    desk.github.change(|repository| repository.details = Details::Ignored);
    let path = format!("/repos/{REPOSITORY}/actions/workflows/release.yml/dispatches");
    desk.github.fault(Fault::on(Operation::Dispatch, Does::Slow(5000)));
    let running = Running::start(&mut desk.command(&["--module-version", VERSION]));
    desk.wait_for(Operation::Dispatch, 1);
    desk.github.ask("POST", &path, r#"{"ref":"main"}"#).expect("started");
    let words = ["release.yml was started, but its run may be any of ", "follow it with --run ID"];
    running.end().refused(3, &words);
}

#[test]
fn it_is_started_once_whatever_becomes_of_the_answer() {
    let lost = [Does::LoseAnswer, Does::CutAnswer, Does::ResetAfterBody, Does::Status(502)];
    std::thread::scope(|scope| {
        for does in lost {
            scope.spawn(move || {
                let desk = Desk::going_well();
                desk.github.fault(Fault::on(Operation::Dispatch, does.clone()));
                desk.release(&[]).ended(0);
                assert_eq!(desk.github.repository().runs.len(), 1, "{does:?}");
                desk.assert_released();
            });
        }
    });
}

#[test]
fn words_that_nobody_knows_are_shown_as_they_are() {
    let desk = Desk::new();
    let moments = [
        Moment::of("requested", &[]),
        Moment::of("in_progress", &[("build", "pending"), ("approve", "waiting")]),
        Moment::of(
            "startup_failure",
            &[("build", "stale"), ("approve", "cancelled"), ("x", "odd\u{1b}[2J")],
        ),
    ];
    desk.github.next_run(Script { moments: moments.into(), ..Script::default() });
    let words = [
        "approve waits to be approved: http",
        "Failed build: it ended as 'stale'",
        "Cancelled approve",
        "Failed x: it ended as 'odd\u{fffd}[2J'",
        "ended as 'startup_failure'",
    ];
    desk.release(&[]).refused(1, &words);
    desk.assert_nothing();
}

#[test]
fn an_artifact_that_cannot_be_had() {
    let cases: [(ChangeArtifact, &str); 4] = [
        (|artifact| artifact.expired = true, "is no longer there: it expired on 20"),
        (
            |artifact| artifact.name = "part-1-1".to_owned(),
            "has no artifact 'release'; it has part-1-1",
        ),
        (|artifact| artifact.size = 3 << 30, "has 3221225472 bytes, and a release has at most"),
        (
            |artifact| artifact.digest = Some(format!("sha256:{:064x}", 0xbad)),
            "is not what GitHub says: its SHA-256 is ",
        ),
    ];
    for (change, words) in cases {
        let desk = Desk::new();
        let mut artifact = desk.artifact();
        change(&mut artifact);
        desk.github.next_run(Script::well(vec![artifact]));
        desk.release(&[]).refused(1, &[words, "hint: "]);
        desk.assert_nothing();
    }
    // It expires between two questions.
    let desk = Desk::going_well();
    desk.github.fault(Fault::on(Operation::DownloadArtifact, Does::Status(410)));
    desk.release(&[]).refused(1, &["the artifact 'release' of run "]);
    desk.assert_nothing();
    // It is never given.
    let desk = Desk::going_well();
    desk.github.fault(Fault::on(Operation::Blob, Does::Status(403)).times(1000));
    let words =
        ["cannot fetch the artifact 'release': where GitHub keeps it, the answer is 403", "--run "];
    desk.release(&[]).refused(3, &words);
    desk.assert_nothing();
    // The run is gone while it is followed.
    let desk = Desk::going_well();
    desk.github.fault(Fault::on(Operation::GetRun, Does::Status(404)).nth(3));
    desk.release(&[]).refused(2, &["grey-owl/mod_wsgi has no run "]);
}

#[test]
fn a_download_that_breaks_off_goes_on() {
    let desk = Desk::new();
    let mut artifact = desk.artifact();
    // Older servers name no digest.
    artifact.digest = None;
    desk.github.next_run(Script::well(vec![artifact]));
    desk.github.fault(Fault::on(Operation::Blob, Does::CutAnswer).times(2));
    desk.github.fault(Fault::on(Operation::Blob, Does::Status(403)).nth(4));
    desk.release(&[])
        .refused(0, &["this GitHub names no digest of 'release'", "to go on with release.zip"]);
    let statuses: Vec<_> = desk.github.asked(Operation::Blob).iter().map(|it| it.status).collect();
    assert!(statuses.contains(&Some(206)), "{statuses:?}");
    desk.assert_released();
}

#[test]
fn a_download_that_was_left_goes_on_in_the_next_run() {
    let desk = Desk::going_well();
    desk.github.fault(Fault::on(Operation::Blob, Does::CutAnswer));
    desk.github.fault(Fault::on(Operation::Blob, Does::Slow(60_000)).nth(2));
    let running = Running::start(&mut desk.command(&["--module-version", VERSION]));
    desk.wait_for(Operation::Blob, 2);
    let start = Instant::now();
    running.signal(Signal::INT);
    let words = ["interrupted; the run has ended well, and what it made is kept there"];
    running.end().refused(130, &words);
    assert!(start.elapsed() < Duration::from_secs(30), "nobody waits for a server that is silent");
    desk.github.no_more_faults();
    desk.release(&["--run", &desk.run_id()]).ended(0);
    let asked = desk.github.asked(Operation::Blob);
    assert_eq!(asked.last().expect("a request").status, Some(206));
    desk.assert_released();
}

#[test]
fn what_stands_here_is_published_later_without_building_it_again() {
    let desk = Desk::going_well();
    let to = format!("github:{REPOSITORY}");
    desk.github.fault(Fault::on(Operation::UploadAsset, Does::Status(502)).times(1000));
    let ran = desk.release(&["--to", &to, "--patience", "1"]).ended(3);
    let words = format!("with --run {} it is published without being built again", desk.run_id());
    assert!(ran.stderr.contains(&words), "{}", ran.stderr);
    desk.assert_released();
    desk.github.no_more_faults();
    desk.release(&["--to", &to, "--run", &desk.run_id()]).ended(0);
    desk.github.assert_published(TAG, &desk.release.assets);
    assert_eq!(desk.github.repository().runs.len(), 1);
}

#[test]
fn an_address_that_ran_out_is_asked_for_again() {
    let desk = Desk::going_well();
    desk.github.fault(Fault::on(Operation::Blob, Does::Status(403)).times(2));
    desk.release(&[]).ended(0);
    assert_eq!(desk.github.asked(Operation::DownloadArtifact).len(), 3);
    desk.assert_released();
}

#[test]
fn what_is_no_release_is_refused() {
    let manifest = "mod_wsgi-windows-6.1.1.manifest.json";
    let remove = |members: &mut Members| members.retain(|(name, _)| name != manifest);
    let cases: [(ChangeMembers<'_>, &str); 7] = [
        (Box::new(|it| it.push(("../evil".into(), vec![1]))), "would leave the folder"),
        (Box::new(|it| it.push(("C:\\evil".into(), vec![1]))), "would leave the folder"),
        (Box::new(remove), "is not a release: it is no release: it has no file *.manifest.json"),
        (Box::new(|it| it.push(("extra.so".into(), vec![1]))), "extra.so is not in the checksums"),
        (Box::new(|it| it[1].1.push(0)), "is not what its checksum says"),
        (Box::new(|it| drop(it.remove(0))), " is missing"),
        (Box::new(Vec::clear), "it has no file *.manifest.json"),
    ];
    for (change, words) in cases {
        let desk = Desk::new();
        let zip = desk.zip(|members| change(members));
        desk.github.next_run(Script::well(vec![Artifact::of("release", zip)]));
        desk.release(&[]).refused(1, &[words, "hint: nothing of it was kept"]);
        desk.assert_nothing();
        let evil = |path: &String| path.ends_with("evil");
        assert!(!listing(&desk.folder, &["made"]).keys().any(evil), "a member left the folder");
    }
    let desk = Desk::new();
    for (bytes, words) in
        [(&b"<html>"[..], "is a web page"), (b"PK\x03\x04cut", "is damaged or cut short")]
    {
        desk.github.next_run(Script::well(vec![Artifact::of("release", bytes.to_vec())]));
        desk.release(&[]).refused(1, &[words]);
    }
    desk.assert_nothing();
}

#[test]
fn a_bomb_does_not_fill_the_disk() {
    let desk = Desk::new();
    let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    let options = zip::write::SimpleFileOptions::default();
    zip.start_file("bomb", options).expect("a member");
    zip.write_all(&vec![0; 100 << 20]).expect("zeros");
    let bomb = zip.finish().expect("a zip").into_inner();
    desk.github.next_run(Script::well(vec![Artifact::of("release", bomb)]));
    desk.release(&[]).refused(1, &["is refused: it unpacks to more than 64 MiB"]);
    desk.assert_nothing();
}

#[test]
fn another_release_than_was_asked_for() {
    let desk = Desk::new();
    for _ in 0..2 {
        desk.github.next_run(Script::well(vec![desk.artifact()]));
    }
    let other = ["made mod_wsgi 6.1.1, and mod_wsgi 6.1.0 is wanted"];
    desk.run(&["--module-version", "6.1.0"]).refused(1, &other);
    desk.assert_nothing();
    // Who names no version takes what the workflow makes.
    desk.run(&[]).ended(0);
    assert_eq!(desk.sent(1)["inputs"], json!({ "publish": "false" }));
    desk.assert_released();
}

/// What stands in the release's place stays, and is exchanged in one step where there is a new one.
#[test]
fn an_earlier_release_is_exchanged_whole() {
    let desk = Desk::new();
    let earlier = releases::release(&desk.folder.join(DIST), 2, 1000, 7);
    let before = listing(&desk.folder.join(DIST), &[]);
    let zip = desk.zip(|members| drop(members.remove(0)));
    desk.github.next_run(Script::well(vec![Artifact::of("release", zip)]));
    desk.release(&[]).ended(1);
    assert_eq!(listing(&desk.folder.join(DIST), &[]), before);
    desk.github.next_run(Script::well(vec![desk.artifact()]));
    desk.release(&[]).ended(0);
    desk.assert_released();
    assert_ne!(earlier.assets, desk.release.assets);
    // Something that is no release is found before anything is started.
    let started = desk.github.asked(Operation::Dispatch).len();
    files::write_atomic(&desk.folder.join("elsewhere/mod_wsgi-6.1.1/precious"), b"")
        .expect("a file");
    desk.release(&["--to", "elsewhere"]).refused(2, &["is there, but is no release of modfarm's"]);
    assert_eq!(desk.github.asked(Operation::Dispatch).len(), started);
}

#[test]
fn who_asks_too_often_waits_and_what_is_known_costs_nothing() {
    let desk = Desk::new();
    let mut script = Script::well(vec![desk.artifact()]);
    for _ in 0..6 {
        let building = script.moments[3].clone();
        script.moments.insert(3, building);
    }
    desk.github.next_run(script);
    desk.github.fault(Fault::on(Operation::Dispatch, Does::Secondary(403, Some(1))));
    desk.github.fault(Fault::on(Operation::GetRun, Does::Secondary(429, Some(1))).nth(2));
    desk.github.fault(Fault::on(Operation::ListJobs, Does::Status(502)).nth(2));
    desk.github.fault(Fault::on(Operation::DownloadArtifact, Does::Primary(1)));
    let ran = desk.release(&[]).ended(0);
    assert!(ran.stderr.matches(" Waiting ").count() >= 3, "{}", ran.stderr);
    let known =
        |operation| desk.github.asked(operation).iter().filter(|it| it.status == Some(304)).count();
    assert!(known(Operation::GetRun) >= 5 && known(Operation::ListJobs) >= 5);
    assert_eq!(desk.github.repository().runs.len(), 1);
    desk.assert_released();
    description::assert_agrees(&desk.github);
}

#[test]
fn who_loses_patience_says_how_to_go_on() {
    let desk = Desk::going_well();
    desk.github.fault(Fault::on(Operation::GetRun, Does::Status(502)).nth(3).times(1000));
    let ran = desk.release(&["--patience", "1"]).ended(3);
    let words =
        format!("the run goes on there\nhint: add --run {} to follow it again", desk.run_id());
    assert!(ran.stderr.contains(&words), "{}", ran.stderr);
    desk.assert_nothing();
}

/// A run that goes on until somebody ends it.
fn endless() -> Script {
    let moments = [Moment::of("in_progress", &[("build", "in_progress")])];
    Script { moments: moments.into(), ..Script::default() }
}

#[test]
fn whoever_leaves_is_told_how_to_come_back() {
    let desk = Desk::new();
    desk.github.next_run(endless());
    let mut running = Running::start(&mut desk.command(&["--module-version", VERSION]));
    desk.wait_for(Operation::ListJobs, 2);
    assert!(!running.has_ended());
    running.signal(Signal::INT);
    let ran = running.end().refused(130, &["interrupted; the run goes on there"]);
    assert!(
        ran.stderr.contains(&format!("--run {} follows it again", desk.run_id())),
        "{}",
        ran.stderr
    );
    assert!(desk.github.asked(Operation::CancelRun).is_empty());

    // It is gone on with, and not started once more.
    let well = Script::well(Vec::new());
    let artifact = Artifact { id: 9_999, ..desk.artifact() };
    desk.github.change(|repository| {
        let run = repository.runs.values_mut().next().expect("a run");
        run.now = well.moments.back().expect("an end").clone();
        run.artifacts.push(artifact);
    });
    let mut resumed = modfarm(&desk.folder, &["release", "--resume"]);
    resumed.env("GH_TOKEN", desk.github.token()).env("GITHUB_API_URL", desk.github.api());
    Ran::of(&mut resumed).refused(0, &["Done build VS17 x64", "Released dist/mod_wsgi-6.1.1"]);
    assert_eq!(desk.github.asked(Operation::Dispatch).len(), 1);
    desk.assert_released();
}

#[test]
fn the_run_ends_with_us_on_request() {
    let desk = Desk::new();
    desk.github.next_run(endless());
    let arguments = ["--module-version", VERSION, "--cancel-on-interrupt"];
    let running = Running::start(&mut desk.command(&arguments));
    desk.wait_for(Operation::ListJobs, 2);
    running.signal(Signal::TERM);
    running.end().refused(130, &["interrupted; the run was asked to end"]);
    let run = desk.github.repository().runs.into_values().next().expect("a run");
    assert_eq!(run.now.conclusion.as_deref(), Some("cancelled"));
    let words = ["Cancelled build", "ended as 'cancelled'"];
    desk.release(&["--run", &run.id.to_string()]).refused(1, &words);
    description::assert_agrees(&desk.github);
}

#[test]
fn what_cannot_be_started_is_said_before_or_in_githubs_words() {
    let desk = Desk::going_well();
    let cases: [(&[&str], i32, &[&str]); 6] = [
        (&["--workflow", "other.yml"], 2, &["has no workflow other.yml", "--workflow"]),
        (
            &["--ref", "gone"],
            2,
            &["GitHub does not start release.yml on gone", "No ref found for: gone"],
        ),
        (&["--run", "17"], 2, &["grey-owl/mod_wsgi has no run 17"]),
        (&["--to", "github:no/such"], 2, &["there is no repository no/such"]),
        (&["--verify-tag"], 2, &["--verify-tag means nothing for the folder dist"]),
        (&["--no-smoke"], 2, &["cannot be used with"]),
    ];
    for (arguments, code, words) in cases {
        desk.release(arguments).refused(code, words);
    }
    assert_eq!(desk.github.repository().runs.len(), 0);
    let mut nobody = desk.command(&["--module-version", VERSION]);
    Ran::of(nobody.env("GH_TOKEN", "ghp_nobody")).refused(2, &["does not know the token"]);
    let reader = desk.github.add_token(Permission::Read, false);
    let mut reading = desk.command(&["--module-version", VERSION]);
    let words = ["the token may not start release.yml on main", "Actions: read and write"];
    Ran::of(reading.env("GH_TOKEN", reader)).refused(2, &words);

    let change = |change: fn(&mut Workflow)| {
        desk.github.change(|repository| {
            change(repository.workflows.get_mut("release.yml").expect("a workflow"));
        });
    };
    change(|workflow| workflow.inputs.retain(|input| input != "skip"));
    desk.release(&["--skip", "x"])
        .refused(2, &["Unexpected inputs provided: [\"skip\"]", "hint: "]);
    change(|workflow| "disabled_manually".clone_into(&mut workflow.state));
    desk.release(&[]).refused(2, &["is switched off (disabled_manually)", "gh workflow enable"]);
    change(|workflow| "active".clone_into(&mut workflow.state));
    desk.github.change(|repository| repository.archived = true);
    desk.release(&[]).refused(2, &["grey-owl/mod_wsgi is archived"]);
    assert_eq!(desk.github.repository().runs.len(), 0);
    desk.assert_nothing();
}

#[test]
fn a_dry_run_starts_nothing() {
    let desk = Desk::going_well();
    let ran = desk.release(&["--dry-run", "--publish-there", "--ref", TAG]).ended(0);
    let words = format!(
        "Dry run: release.yml of github:{REPOSITORY} would be started on {TAG} with version=6.1.1, \
         publish=true; its artifact 'release' would stand in {DIST}. Nothing was started.\n"
    );
    assert_eq!(ran.stdout, words);
    assert!(desk.github.asked(Operation::Dispatch).is_empty());
    assert!(!files::exists(&desk.folder.join(DIST)));
    desk.release(&["--publish-there", "--ref", TAG]).ended(0);
    assert_eq!(desk.sent(0)["inputs"], json!({ "version": "6.1.1", "publish": "true" }));
    let again = desk.release(&["--dry-run", "--run", &desk.run_id()]).ended(0).stdout;
    assert!(again.contains("would be followed: http"), "{again}");
}

#[test]
fn the_workflow_of_this_repository_takes_what_is_sent() {
    let workflow = yaml(&repository().join(".github/workflows/release.yml"));
    for input in INPUTS {
        let declared = &workflow["on"]["workflow_dispatch"]["inputs"][input];
        assert!(declared.is_object(), "{input} is no input");
    }
    let steps = workflow["jobs"]["assemble"]["steps"].as_array().expect("steps");
    let uploads = |step: &&Value| {
        step["uses"].as_str().is_some_and(|uses| uses.starts_with("actions/upload-artifact@"))
    };
    let names: Vec<&Value> =
        steps.iter().filter(uploads).map(|step| &step["with"]["name"]).collect();
    assert_eq!(names, ["release"], "what is fetched is called so");
}
