//! modfarm.exe as a worker: the protocol, its jobs and their end, its store on a Windows file system.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use bazel_remote_apis::build::bazel::remote::execution::v2 as reapi;
use camino::{Utf8Path, Utf8PathBuf};
use modfarm::farm::{Connection, Farm, JobResult, Outcome, Policy, Runner, Settings};
use modfarm::model::digest::Digest;
use modfarm::model::event::{Event, Events};
use modfarm::model::job::{Action, ActionSpec, Job};
use modfarm::model::offer::RootKind;
use modfarm::model::tree::{Tree, TreeBuilder};
use modfarm::roots::Root;
use modfarm::sys::digests::DigestCache;
use modfarm::sys::files;
use tokio_util::sync::CancellationToken;
use tonic::Code;

use super::wine::Windows;
use crate::program::{Ran, kit, modfarm};
use crate::worker::Worker;

/// What a job is made of, where it matters.
pub(super) struct Task<'a> {
    pub(super) command: &'a [&'a str],
    pub(super) script: &'a str,
    pub(super) timeout: Duration,
    pub(super) platform: &'a [(&'a str, &'a str)],
    pub(super) root: Option<&'a Tree>,
}

impl Task<'_> {
    pub(super) fn of(script: &str) -> Task<'_> {
        let command = &["cmd", "/c", "script.bat"];
        Task { command, script, timeout: Duration::from_secs(60), platform: &[], root: None }
    }

    /// A job that runs a batch file and makes `made/out`.
    pub(super) fn job(&self) -> Job {
        let mut inputs = TreeBuilder::default();
        inputs.bytes("in/text", "hello");
        inputs.bytes("script.bat", format!("@echo off\r\n{}\r\n", self.script));
        if let Some(root) = self.root {
            inputs.subtree("apache", root.clone());
        }
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        let spec = ActionSpec {
            arguments: self.command.iter().map(|word| (*word).to_owned()).collect(),
            environment: BTreeMap::from([("SET".to_owned(), "yes".to_owned())]),
            output: "made/out".to_owned(),
            platform: self.platform.iter().map(owned).collect(),
            inputs: inputs.build(),
            timeout: self.timeout,
        };
        Job {
            cells: vec!["Apache24-win64-VS17/py313-VC14".parse().unwrap()],
            runner: "windows".to_owned(),
            action: Action::new(spec),
        }
    }
}

fn store(windows: &Windows) -> Utf8PathBuf {
    windows.folder.join("store")
}

/// Panics if a worker that has ended left anything. Wine removes what was open a moment after its end.
#[track_caller]
fn assert_nothing_under_way(windows: &Windows) {
    let start = Instant::now();
    let left = || files::names(&store(windows).join("work")).unwrap();
    while !left().is_empty() {
        assert!(start.elapsed() < Duration::from_secs(20), "{:?}", left());
        std::thread::sleep(Duration::from_millis(20));
    }
}

async fn farm(windows: &Windows) -> Farm {
    let connection = Connection::Local { store: store(windows) };
    let runner = Runner { name: "windows".to_owned(), slots: 2, connection };
    let settings = Settings { program: windows.launcher(), durations: None, logs: None };
    Farm::connect(vec![runner], settings, &Events::unheard()).await.unwrap()
}

async fn run(farm: &Farm, job: Job, events: &Events) -> Outcome {
    let policy = Policy { keep_going: true };
    let results = farm.run(vec![job], &policy, events, &CancellationToken::new()).await;
    let mut results: Vec<JobResult> = results.unwrap();
    results.remove(0).outcome
}

async fn run_unheard(farm: &Farm, script: &str) -> Outcome {
    run(farm, Task::of(script).job(), &Events::unheard()).await
}

#[track_caller]
fn built(outcome: &Outcome) -> (String, bool, String) {
    match outcome {
        Outcome::Built { bytes, cached, log, digest, .. } => {
            assert_eq!(Digest::of(bytes), *digest);
            let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).replace('\r', "");
            (text(bytes), *cached, text(log.as_bytes()))
        }
        other => panic!("{other:?}"),
    }
}

#[track_caller]
fn failed(outcome: &Outcome) -> (&str, String) {
    match outcome {
        Outcome::Failed { reason, log } => (reason, log.replace('\r', "")),
        other => panic!("{other:?}"),
    }
}

/// The cross kit's Apache for win64, as a release brings it to a runner.
fn apache() -> Tree {
    let (name, folder) = ("kit/apache/2.4-win64".to_owned(), kit().join("apache/2.4-win64"));
    let mut digests = DigestCache::load(Utf8Path::new("/nowhere/digests"));
    let (arch, origin) = ("win64".parse().unwrap(), "the kit".to_owned());
    Root::open(name, RootKind::Apache, arch, &folder, origin, &mut digests).unwrap().tree
}

#[tokio::test(flavor = "multi_thread")]
async fn builds_once_and_then_knows_with_a_root_that_travels_once() {
    let windows = Windows::new();
    let (apache, script) = (apache(), "copy in\\text made\\out >nul & echo said %SET%");
    let files = apache.contents().count();
    assert!(files > 50, "{files}");
    let job = |script: &str| Task { root: Some(&apache), ..Task::of(script) }.job();
    for (round, known) in [false, true].into_iter().enumerate() {
        let farm = farm(&windows).await;
        assert_eq!(farm.toolsets("windows"), &[]);
        let (events, heard) = Events::stream();
        let outcome = run(&farm, job(script), &events).await;
        assert_eq!(built(&outcome), ("hello".to_owned(), known, "said yes\n".to_owned()));
        // Another job of the same root, each time.
        let other = format!("dir /b apache\\include\\ap_config.h > made\\out & rem {round}");
        let outcome = run(&farm, job(&other), &events).await;
        assert_eq!(built(&outcome).0, "ap_config.h\n");
        farm.close().await;
        drop(events);
        let brought: Vec<usize> = heard
            .iter()
            .filter_map(|event| match event {
                Event::Brought { files, .. } => Some(files),
                _ => None,
            })
            .collect();
        match brought.as_slice() {
            [first, other] if !known => assert!(*first >= files / 2 && *other < 8, "{brought:?}"),
            [other] if known => assert!(*other < 8, "{brought:?}"),
            _ => panic!("{brought:?}"),
        }
    }
    windows.wait_until_gone("worker");
    assert_nothing_under_way(&windows);
}

#[tokio::test(flavor = "multi_thread")]
async fn says_how_a_job_ended() {
    let windows = Windows::new();
    let farm = farm(&windows).await;
    let outcome = run_unheard(&farm, "echo broken.c(1): error& exit 3").await;
    let expected = ("the command ended with exit code 3", "broken.c(1): error\n".to_owned());
    assert_eq!(failed(&outcome), expected);
    let outcome = run_unheard(&farm, "echo hm").await;
    assert_eq!(failed(&outcome).0, "the command ended well but did not make made/out");
    // What is said at length goes the way of files.
    let script = "for /L %%i in (1,1,3000) do echo a line of some forty characters: %%i\r\n\
                  echo x > made\\out";
    let (_, _, log) = built(&run_unheard(&farm, script).await);
    assert_eq!(log.lines().count(), 3000);
    // The worker's own program, for the name that stands for it anywhere.
    let job = Task { command: &["modfarm", "schema", "runner"], ..Task::of("") }.job();
    let outcome = run(&farm, job, &Events::unheard()).await;
    let here = Ran::of(&mut modfarm(&windows.folder, &["schema", "runner"])).ended(0);
    assert_eq!(failed(&outcome).1, here.stdout);
    // Programs that know nothing of long paths get such as they take.
    let job = Task::of("type script.bat > made\\out & echo %CD%& echo %TEMP%").job();
    let (_, _, log) = built(&run(&farm, job, &Events::unheard()).await);
    let places: Vec<&str> = log.lines().collect();
    assert!(places[0].starts_with("Z:\\") && places[0].ends_with("\\root"), "{log}");
    assert!(places[1].starts_with("Z:\\") && places[1].ends_with("\\tmp"), "{log}");
    farm.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn ends_a_job_and_all_that_it_started_at_its_time_limit_and_when_it_ends() {
    let windows = Windows::new();
    let farm = farm(&windows).await;
    // What a batch file leaves behind is not waited for, and is gone afterwards.
    let script = "start /b ping -n 401 127.0.0.1 >nul 2>nul\r\necho x > made\\out";
    let started = Instant::now();
    built(&run_unheard(&farm, script).await);
    assert!(started.elapsed() < Duration::from_secs(20), "{:?}", started.elapsed());
    windows.wait_until_gone("ping");

    let script = "echo so far\r\nstart /b ping -n 402 127.0.0.1 >nul\r\nping -n 403 127.0.0.1 >nul";
    let slow = Task { timeout: Duration::from_secs(3), ..Task::of(script) }.job();
    let outcome = run(&farm, slow, &Events::unheard()).await;
    let expected = ("it was ended at its time limit of 3 s", "so far\n".to_owned());
    assert_eq!(failed(&outcome), expected);
    windows.wait_until_gone("ping");
    farm.close().await;
    assert_nothing_under_way(&windows);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_is_cancelled_leaves_nothing() {
    let windows = Windows::new();
    let farm = farm(&windows).await;
    let cancel = CancellationToken::new();
    let script = "start /b ping -n 411 127.0.0.1 >nul\r\nping -n 412 127.0.0.1 >nul";
    let job = vec![Task::of(script).job()];
    let (policy, events) = (Policy::default(), Events::unheard());
    let running = farm.run(job, &policy, &events, &cancel);
    let cancelled = async {
        let start = Instant::now();
        while !windows.have_begun(&["ping.exe -n 411", "ping -n 412"]) {
            assert!(start.elapsed() < Duration::from_secs(120), "{:#?}", windows.processes(""));
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        cancel.cancel();
    };
    let (results, ()) = tokio::join!(running, cancelled);
    assert!(matches!(results.unwrap()[0].outcome, Outcome::Cancelled));
    farm.close().await;
    windows.wait_until_gone("ping");
    windows.wait_until_gone("worker");
    assert_nothing_under_way(&windows);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_is_gone_and_a_worker_that_is_killed_leave_nothing() {
    let windows = Windows::new();
    for how in ["close", "kill"] {
        let mut worker = Worker::of(windows.launcher(), &store(&windows)).await;
        let script = "start /b ping -n 421 127.0.0.1 >nul\r\nping -n 422 127.0.0.1 >nul";
        let job = Task::of(&format!("{script}\r\nrem {how}")).job();
        worker.bring(&job.action).await;
        let operations = worker.begin(job.action.digest()).await;
        tokio::task::block_in_place(|| {
            windows.wait_until_begun(&["ping.exe -n 421", "ping -n 422"]);
        });
        if how == "kill" {
            worker.child.start_kill().unwrap();
        }
        drop((operations, worker.channel));
        let ended = tokio::time::timeout(Duration::from_secs(20), worker.child.wait()).await;
        assert_eq!(ended.unwrap().unwrap().success(), how == "close");
        windows.wait_until_gone("ping");
        windows.wait_until_gone("worker");
    }
    // What the killed one left is cleared away by the next, which ends while it still looks at the store.
    let work = store(&windows).join("work");
    let left = files::names(&work).unwrap();
    assert!(!left.is_empty(), "it was killed while a job ran");
    windows.restart();
    farm(&windows).await.close().await;
    assert!(left.iter().all(|name| !files::exists(&work.join(name))), "{left:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn refuses_a_job_whose_toolset_it_lacks_and_names_that_mean_something_else() {
    let windows = Windows::new();
    let mut worker = Worker::of(windows.launcher(), &store(&windows)).await;
    let platform = [("toolset", "msvc"), ("toolset-version", "19.44")];
    let job = Task { platform: &platform, ..Task::of("echo x > made\\out") }.job();
    worker.bring(&job.action).await;
    let status = worker.execute(job.action.digest()).await.status.unwrap();
    assert_eq!(status.code, i32::from(Code::FailedPrecondition));
    let expected = "the job needs the toolset 'msvc' of version '19.44', and this worker has none";
    assert_eq!(status.message, expected);

    for name in ["..", "a\\b", "NUL", "con.h", "COM1.c", "file.c::$DATA", "C:", "a.", "a ", "a*"] {
        let files = vec![file(&worker, name).await];
        let tree = reapi::Directory { files, ..Default::default() };
        let status = worker.execute_in(tree).await.status.unwrap();
        assert_eq!(status.code, i32::from(Code::InvalidArgument), "{name:?}");
        assert!(status.message.contains("is not a name"), "{}", status.message);
    }
    let files = vec![file(&worker, "Makefile").await, file(&worker, "MAKEFILE").await];
    let tree = reapi::Directory { files, ..Default::default() };
    let status = worker.execute_in(tree).await.status.unwrap();
    assert!(status.message.contains("stands twice"), "{}", status.message);
    worker.end().await;
}

async fn file(worker: &Worker, name: &str) -> reapi::FileNode {
    let digest = Some(worker.put(b"text").await);
    reapi::FileNode { name: name.to_owned(), digest, ..Default::default() }
}

#[tokio::test(flavor = "multi_thread")]
async fn inputs_are_read_only_and_damage_in_the_store_is_mended() {
    let windows = Windows::new();
    let before = farm(&windows).await;
    for round in 0..3 {
        // Nobody keeps the administrator of Linux from writing; what is then damaged is brought again.
        let script = format!(
            "attrib in\\text\r\ncopy in\\text made\\out >nul & rem {round}\r\n\
             echo no >> in\\text\r\ndel /f in\\text"
        );
        let (made, cached, said) = built(&run_unheard(&before, &script).await);
        assert_eq!((made.as_str(), cached), ("hello", false));
        assert!(said.split_whitespace().any(|word| word.contains('R')), "{said}");
    }
    before.close().await;
    let hello = Digest::of(b"hello").sha256.to_string();
    let blob = store(&windows).join("cas").join(&hello[..2]).join(&hello);
    files::write_atomic(&blob, b"HELLO and more").unwrap();
    let farm = farm(&windows).await;
    let outcome = run_unheard(&farm, "copy in\\text made\\out >nul & rem 3").await;
    assert_eq!(built(&outcome).0, "hello");
    assert_eq!(files::read(&blob).unwrap(), b"hello");
    farm.close().await;
}
