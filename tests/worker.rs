//! The worker and the farm: a real worker process and real commands.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test may")]

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use bazel_remote_apis::build::bazel::remote::execution::v2 as reapi;
use bazel_remote_apis::google::longrunning::Operation;
use camino::{Utf8Path, Utf8PathBuf};
use hyper_util::rt::TokioIo;
use modfarm::farm::{Connection, Farm, JobResult, Outcome, Policy, Runner, Settings};
use modfarm::model::digest::Digest;
use modfarm::model::event::{Event, Events};
use modfarm::model::job::{Action, ActionSpec, Job};
use modfarm::model::tree::{TreeBuilder, from_wire, to_wire};
use prost::Message as _;
use reapi::action_cache_client::ActionCacheClient;
use reapi::content_addressable_storage_client::ContentAddressableStorageClient;
use reapi::execution_client::ExecutionClient;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_util::sync::CancellationToken;
use tonic::Streaming;
use tonic::transport::{Channel, Endpoint, Uri};

const PROGRAM: &str = env!("CARGO_BIN_EXE_modfarm");

/// A folder of the test's own.
pub(crate) struct Place {
    _folder: tempfile::TempDir,
    pub(crate) path: Utf8PathBuf,
}

impl Place {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = Utf8PathBuf::from_path_buf(folder.path().to_owned()).unwrap();
        Self { _folder: folder, path }
    }

    fn runner(&self, name: &str, slots: usize) -> Runner {
        let store = self.path.join("store");
        Runner { name: name.to_owned(), slots, connection: Connection::Local { store } }
    }

    fn settings(&self) -> Settings {
        Settings {
            program: PROGRAM.into(),
            durations: Some(self.path.join("durations.json")),
            logs: Some(self.path.join("logs")),
        }
    }

    async fn farm(&self) -> Farm {
        let runners = vec![self.runner("local", 4)];
        Farm::connect(runners, self.settings(), &Events::unheard()).await.unwrap()
    }
}

/// A job that runs a script of the shell and makes `out`.
pub(crate) fn job(number: usize, script: &str) -> Job {
    job_with(number, script, Duration::from_secs(60), TreeBuilder::default())
}

fn job_with(number: usize, script: &str, timeout: Duration, mut inputs: TreeBuilder) -> Job {
    inputs.bytes("in/text", "hello");
    inputs.bytes("script", script.to_owned());
    let spec = ActionSpec {
        arguments: ["sh", "script"].map(str::to_owned).into(),
        environment: BTreeMap::from([("SET".to_owned(), "yes".to_owned())]),
        output: "made/out".to_owned(),
        platform: BTreeMap::new(),
        inputs: inputs.build(),
        timeout,
    };
    let cell = format!("Apache24-win64-VS17/py3{number}-VC14").parse().unwrap();
    Job { cells: vec![cell], runner: "local".to_owned(), action: Action::new(spec) }
}

async fn run(farm: &Farm, jobs: Vec<Job>) -> Vec<JobResult> {
    let policy = Policy { keep_going: true };
    farm.run(jobs, &policy, &Events::unheard(), &CancellationToken::new()).await.unwrap()
}

async fn run_one(farm: &Farm, job: Job) -> Outcome {
    run(farm, vec![job]).await.remove(0).outcome
}

fn built(outcome: &Outcome) -> (&[u8], bool, &str) {
    match outcome {
        Outcome::Built { bytes, cached, log, digest, .. } => {
            assert_eq!(Digest::of(bytes), *digest);
            (bytes, *cached, log)
        }
        other => panic!("{other:?}"),
    }
}

fn failed(outcome: &Outcome) -> (&str, &str) {
    match outcome {
        Outcome::Failed { reason, log } => (reason, log),
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn builds_once_and_then_knows() {
    let place = Place::new();
    let script = "cat in/text > made/out; echo said $SET; echo loud >&2";
    let farm = place.farm().await;
    let first = run_one(&farm, job(1, script)).await;
    assert_eq!(built(&first), (&b"hello"[..], false, "said yes\nloud\n"));
    let second = run_one(&farm, job(1, script)).await;
    assert_eq!(built(&second), (&b"hello"[..], true, "said yes\nloud\n"));
    farm.close().await;

    let farm = place.farm().await;
    assert!(built(&run_one(&farm, job(1, script)).await).1);
    farm.close().await;
    let log = read(&place.path.join("logs/Apache24-win64-VS17_py31-VC14.log"));
    assert!(log.contains("command: sh script\n") && log.ends_with("loud\n"), "{log}");
    assert!(read(&place.path.join("durations.json")).contains("Apache24-win64-VS17/py31-VC14"));
}

#[expect(clippy::disallowed_methods, reason = "the test's own file")]
fn read(path: &Utf8Path) -> String {
    std::fs::read_to_string(path).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_sees_its_own_environment_and_its_inputs_alone() {
    let place = Place::new();
    let farm = place.farm().await;
    let script = "mkdir -p made; (env | sort; find . -type f; touch in/text) > made/out 2>&1; \
                  test -w in/text && test $(id -u) != 0 && exit 1; exit 0";
    let outcome = run_one(&farm, job(1, script)).await;
    let text = String::from_utf8_lossy(built(&outcome).0).into_owned();
    for (name, _) in text.lines().filter_map(|line| line.split_once('=')) {
        let expected = ["SET", "PATH", "TMPDIR", "PWD", "OLDPWD", "_", "SHLVL", "MAKEFLAGS"];
        assert!(expected.contains(&name), "{name} in:\n{text}");
    }
    let files: Vec<&str> = text.lines().filter(|line| line.starts_with("./")).collect();
    assert_eq!(files.len(), 3, "{text}");
    farm.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_action_gives_the_same_result_in_another_store() {
    let mut results = Vec::new();
    for _ in 0..2 {
        let place = Place::new();
        let mut worker = Worker::start(&place.path.join("store")).await;
        let job = job(1, "pwd >/dev/null; cat in/text script > made/out; echo done");
        worker.bring(&job.action).await;
        let response = worker.execute(job.action.digest()).await;
        let mut result = response.result.unwrap();
        result.execution_metadata = None;
        results.push(result);
        worker.end().await;
    }
    assert_eq!(results[0], results[1]);
}

/// A program that starts a worker decides what its streams are: some give sockets, or one of each.
#[tokio::test(flavor = "multi_thread")]
async fn it_serves_over_whatever_its_streams_are() {
    for (socket_in, socket_out) in [(false, true), (true, false), (true, true)] {
        let place = Place::new();
        let (near, far) = std::os::unix::net::UnixStream::pair().unwrap();
        near.set_nonblocking(true).unwrap();
        let of_socket = || Stdio::from(std::os::fd::OwnedFd::from(far.try_clone().unwrap()));
        let side = |is_socket: bool| if is_socket { of_socket() } else { Stdio::piped() };
        let mut child = tokio::process::Command::new(PROGRAM)
            .args(["worker", "--store", place.path.join("store").as_str()])
            .stdin(side(socket_in))
            .stdout(side(socket_out))
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        drop(far);
        let (from_socket, to_socket) = tokio::net::UnixStream::from_std(near).unwrap().into_split();
        let input: Box<dyn AsyncRead + Send + Unpin> = match child.stdout.take() {
            Some(pipe) => Box::new(pipe),
            None => Box::new(from_socket),
        };
        let output: Box<dyn AsyncWrite + Send + Unpin> = match child.stdin.take() {
            Some(pipe) => Box::new(pipe),
            None => Box::new(to_socket),
        };
        let mut worker = Worker::over(child, tokio::io::join(input, output)).await;
        let job = job(1, "cat in/text > made/out");
        worker.bring(&job.action).await;
        let response = worker.execute(job.action.digest()).await;
        assert_eq!(response.result.unwrap().output_files.len(), 1, "{socket_in} {socket_out}");
        worker.end().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failure_says_why() {
    let place = Place::new();
    let farm = place.farm().await;
    let outcome = run_one(&farm, job(1, "echo broken.c:1: error; exit 3")).await;
    assert_eq!(failed(&outcome), ("the command ended with exit code 3", "broken.c:1: error\n"));
    let outcome = run_one(&farm, job(1, "echo hm")).await;
    let expected = ("the command ended well but did not make made/out", "hm\n");
    assert_eq!(failed(&outcome), expected);
    let outcome = run_one(&farm, job(1, "kill -9 $$")).await;
    assert_eq!(failed(&outcome).0, "the command ended with exit code 137");
    let started = Instant::now();
    let slow = job_with(1, "echo so far; sleep 77", Duration::from_secs(1), TreeBuilder::default());
    let outcome = run_one(&farm, slow).await;
    assert_eq!(failed(&outcome), ("it was ended at its time limit of 1 s", "so far\n"));
    assert!(started.elapsed() < Duration::from_secs(4));
    farm.close().await;
    // A failure is not remembered.
    let farm = place.farm().await;
    let outcome = run_one(&farm, job(1, "echo broken.c:1: error; exit 3")).await;
    assert_eq!(failed(&outcome).0, "the command ended with exit code 3");
    farm.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_failure_cancels_the_rest_unless_told_otherwise() {
    let place = Place::new();
    let farm = place.farm().await;
    let jobs = || vec![job(1, "sleep 60"), job(2, "exit 1"), job(3, "echo x > made/out")];
    let started = Instant::now();
    let (events, heard) = Events::stream();
    let cancel = CancellationToken::new();
    let results = farm.run(jobs(), &Policy::default(), &events, &cancel).await.unwrap();
    assert!(started.elapsed() < Duration::from_secs(5));
    assert!(matches!(results[0].outcome, Outcome::Cancelled));
    assert!(matches!(results[1].outcome, Outcome::Failed { .. }));
    drop(events);
    let ends = heard.iter().filter(|event| matches!(event, Event::JobFinished { .. })).count();
    assert_eq!(ends, 3);
    farm.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn longest_first_and_unknown_ones_before_all() {
    let place = Place::new();
    let mut settings = place.settings();
    let durations = place.path.join("known.json");
    let known = r#"{"format_version":1,"millis":{"Apache24-win64-VS17/py31-VC14":5,
        "Apache24-win64-VS17/py32-VC14":500,"Apache24-win64-VS17/py33-VC14":50}}"#;
    modfarm::sys::files::write_atomic(&durations, known.as_bytes()).unwrap();
    settings.durations = Some(durations);
    let farm =
        Farm::connect(vec![place.runner("local", 1)], settings, &Events::unheard()).await.unwrap();
    let (events, heard) = Events::stream();
    let jobs = (1..=4).map(|n| job(n, &format!("echo {n} > made/out"))).collect();
    farm.run(jobs, &Policy::default(), &events, &CancellationToken::new()).await.unwrap();
    drop(events);
    let order: Vec<String> = heard
        .iter()
        .filter_map(|event| match event {
            Event::JobStarted { job, .. } => Some(job[22..24].to_owned()),
            _ => None,
        })
        .collect();
    assert_eq!(order, ["34", "32", "33", "31"]);
    farm.close().await;
}

/// Processes whose command line or environment has this in it.
fn processes_with(mark: &str) -> Vec<String> {
    let mut found = Vec::new();
    for pid in modfarm::sys::files::names(Utf8Path::new("/proc")).unwrap() {
        let folder = Utf8Path::new("/proc").join(pid);
        let of = |name: &str| modfarm::sys::files::read(&folder.join(name)).unwrap_or_default();
        let all = [of("cmdline"), of("environ")].concat();
        if String::from_utf8_lossy(&all).contains(mark) {
            found.push(String::from_utf8_lossy(&of("cmdline")).replace('\0', " "));
        }
    }
    found
}

fn gone_within(mark: &str, limit: Duration) {
    let started = Instant::now();
    while !processes_with(mark).is_empty() {
        assert!(started.elapsed() < limit, "left: {:?}", processes_with(mark));
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// A script that leaves children of all kinds, and says so in a file once they run.
fn many_children(place: &Place) -> String {
    let ready = place.path.join("ready");
    format!(
        "sleep 301 & (sleep 302 &) \n setsid sh -c 'sleep 303 & sleep 304' & \n\
         nohup setsid sleep 305 >/dev/null 2>&1 & sleep 0.2; touch {ready}; sleep 306"
    )
}

fn wait_for(path: &Utf8Path) {
    let started = Instant::now();
    while !path.exists() {
        assert!(started.elapsed() < Duration::from_secs(120), "{path} never came");
        std::thread::sleep(Duration::from_millis(10));
    }
}

fn mark(place: &Place) -> String {
    place.path.file_name().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn cancel_ends_the_whole_tree() {
    let place = Place::new();
    let farm = place.farm().await;
    let cancel = CancellationToken::new();
    let stop = cancel.clone();
    let ready = place.path.join("ready");
    let waiting = tokio::task::spawn_blocking(move || {
        wait_for(&ready);
        stop.cancel();
        Instant::now()
    });
    let jobs = vec![job(1, &many_children(&place)), job(2, "sleep 307")];
    let results = farm.run(jobs, &Policy::default(), &Events::unheard(), &cancel).await.unwrap();
    let cancelled = waiting.await.unwrap();
    assert!(cancelled.elapsed() < Duration::from_millis(500), "{:?}", cancelled.elapsed());
    assert!(results.iter().all(|result| matches!(result.outcome, Outcome::Cancelled)));
    farm.close().await;
    assert_eq!(processes_with(&mark(&place)), Vec::<String>::new());
    assert_eq!(modfarm::sys::files::names(&place.path.join("store/work")).unwrap().len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_that_ends_leaves_nothing_behind() {
    let place = Place::new();
    let farm = place.farm().await;
    let script = "setsid sleep 311 & sleep 312 & echo x > made/out";
    let started = Instant::now();
    assert_eq!(built(&run_one(&farm, job(1, script)).await).0, b"x\n");
    assert!(started.elapsed() < Duration::from_secs(2));
    // Not even one that ends its own guard.
    let outcome = run_one(&farm, job(2, "sleep 313 & kill -9 $PPID; sleep 314")).await;
    assert!(failed(&outcome).0.starts_with("the command ended with exit code"), "{outcome:?}");
    let left = processes_with(&mark(&place));
    assert!(left.iter().all(|command| !command.contains("sleep")), "{left:?}");
    farm.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_is_gone_and_a_worker_that_is_killed_leave_nothing() {
    for how in ["close", "kill", "terminate"] {
        let place = Place::new();
        let mut worker = Worker::start(&place.path.join("store")).await;
        let job = job(1, &many_children(&place));
        worker.bring(&job.action).await;
        let operations = worker.begin(job.action.digest()).await;
        wait_for(&place.path.join("ready"));
        assert!(processes_with(&mark(&place)).len() >= 6);
        let pid = worker.child.id().unwrap().cast_signed();
        let pid = rustix::process::Pid::from_raw(pid).unwrap();
        match how {
            "close" => drop((operations, worker.channel)),
            "kill" => {
                rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
            }
            _ => rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap(),
        }
        worker.child.wait().await.unwrap();
        gone_within(&mark(&place), Duration::from_secs(2));
    }
}

/// What a request is busy with when the client goes is no reason to leave a folder behind.
#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_goes_while_it_brings_contents_leaves_no_folder() {
    let place = Place::new();
    let store = place.path.join("store");
    for round in 0..3 {
        let mut worker = Worker::start(&store).await;
        let requests = (0..3000_u32).map(|number| {
            let data = format!("{round} {number}").into_bytes();
            let digest = Some(to_wire(Digest::of(&data)));
            reapi::batch_update_blobs_request::Request { digest, data, ..Default::default() }
        });
        let request =
            reapi::BatchUpdateBlobsRequest { requests: requests.collect(), ..Default::default() };
        let mut storage = ContentAddressableStorageClient::new(worker.channel.clone());
        let bringing = tokio::spawn(async move { storage.batch_update_blobs(request).await });
        let first = Digest::of(format!("{round} 0").as_bytes()).sha256.to_string();
        wait_for(&store.join("cas").join(&first[..2]).join(&first));
        bringing.abort();
        drop(worker.channel);
        assert!(worker.child.wait().await.unwrap().success());
        let left = modfarm::sys::files::names(&store.join("work")).unwrap();
        assert!(left.is_empty(), "{left:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_runner_that_is_killed_is_started_anew_and_nothing_is_lost() {
    let place = Place::new();
    let farm = place.farm().await;
    let ready = place.path.join("ready");
    // The first time the job ends its own worker, the second time it builds.
    let script = format!(
        "if test -e {ready}; then echo x > made/out; else touch {ready}; \
         ps -o ppid= -p $PPID | xargs kill -9; sleep 60; fi"
    );
    let (events, heard) = Events::stream();
    let jobs = vec![job(1, &script), job(2, "echo y > made/out")];
    let policy = Policy { keep_going: true };
    let results = farm.run(jobs, &policy, &events, &CancellationToken::new()).await.unwrap();
    assert_eq!(built(&results[0].outcome).0, b"x\n");
    assert_eq!(built(&results[1].outcome).0, b"y\n");
    farm.close().await;
    drop(events);
    let told: Vec<&str> = heard
        .iter()
        .filter_map(|event| match event {
            Event::RunnerLost { runner, reason, for_good: false } => {
                assert!(runner == "local" && !reason.is_empty(), "{runner}: {reason}");
                Some("lost")
            }
            Event::JobDropped { job, runner, .. } if job.contains("py31-") => {
                assert_eq!(runner, "local");
                Some("dropped")
            }
            Event::RunnerReady { runner, place, .. } => {
                assert_eq!([runner, place], ["local"; 2]);
                Some("ready")
            }
            _ => None,
        })
        .collect();
    assert_eq!(told, ["lost", "dropped", "ready"]);
}

/// Two runners with stores of their own.
async fn two_runners(place: &Place) -> Farm {
    let runner = |name: &str, slots| Runner {
        name: name.to_owned(),
        slots,
        connection: Connection::Local { store: place.path.join(name) },
    };
    let runners = vec![runner("local", 1), runner("other", 1)];
    Farm::connect(runners, place.settings(), &Events::unheard()).await.unwrap()
}

/// The runs that were dropped, with the runner and the reason of each.
fn dropped(heard: std::sync::mpsc::Receiver<Event>) -> Vec<(String, String, String)> {
    let dropped = |event| match event {
        Event::JobDropped { job, runner, reason } => Some((job, runner, reason)),
        _ => None,
    };
    heard.into_iter().filter_map(dropped).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn jobs_are_shared_by_runners_that_have_the_same_and_a_hit_one_is_tried_elsewhere() {
    let place = Place::new();
    let farm = two_runners(&place).await;
    let ready = place.path.join("ready");
    let bad = format!(
        "if test -e {ready}; then echo x > made/out; else touch {ready}; \
         ps -o ppid= -p $PPID | xargs kill -9; sleep 60; fi"
    );
    let mut jobs = vec![job(1, &bad)];
    jobs.extend((2..8).map(|n| job(n, &format!("sleep 0.1; echo {n} > made/out"))));
    let (events, heard) = Events::stream();
    let policy = Policy { keep_going: true };
    let results = farm.run(jobs, &policy, &events, &CancellationToken::new()).await.unwrap();
    assert!(results.iter().all(|it| matches!(it.outcome, Outcome::Built { .. })), "{results:?}");
    farm.close().await;
    drop(events);
    let (mut ran_on, mut lost, mut dropped) = (BTreeMap::new(), Vec::new(), Vec::new());
    for event in heard {
        match event {
            Event::JobFinished { job, runner, .. } => {
                assert!(ran_on.insert(job, runner.unwrap()).is_none(), "a job ended twice");
            }
            Event::RunnerLost { runner, .. } => lost.push(runner),
            Event::JobDropped { job, runner, .. } => dropped.push((job, runner)),
            _ => {}
        }
    }
    let name = "Apache24-win64-VS17/py31-VC14".to_owned();
    assert_eq!(ran_on.len(), 7);
    // It was the first to be started, on the first runner, and ended on the other.
    assert_eq!(
        (lost, dropped),
        (vec!["local".to_owned()], vec![(name.clone(), "local".to_owned())])
    );
    assert_eq!(ran_on[&name], "other");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_straggler_is_overtaken_and_ended() {
    let place = Place::new();
    let farm = two_runners(&place).await;
    // It hangs where it is run first.
    let first = place.path.join("first");
    let hangs = format!("if mkdir {first} 2>&1; then sleep 321; fi; echo x > made/out");
    let mut jobs = vec![job(1, &hangs)];
    jobs.extend((2..6).map(|n| job(n, &format!("sleep 0.2; echo {n} > made/out"))));
    let (events, heard) = Events::stream();
    let policy = Policy { keep_going: true };
    let started = Instant::now();
    let results = farm.run(jobs, &policy, &events, &CancellationToken::new()).await.unwrap();
    assert!(started.elapsed() < Duration::from_secs(60), "{:?}", started.elapsed());
    assert_eq!(built(&results[0].outcome).0, b"x\n");
    gone_within("sleep 321", Duration::from_secs(5));
    farm.close().await;
    drop(events);
    let [(job, runner, reason)] = &dropped(heard)[..] else { panic!("one run is dropped") };
    assert_eq!([job, runner], ["Apache24-win64-VS17/py31-VC14", "local"]);
    assert_eq!(reason, "runner 'other' was first");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_runner_that_is_not_there_is_a_warning_and_the_others_go_on() {
    let place = Place::new();
    let file = place.path.join("file");
    modfarm::sys::files::write_atomic(&file, b"no folder").unwrap();
    let mut away = place.runner("away", 1);
    away.connection = Connection::Local { store: file };
    let (events, heard) = Events::stream();
    let runners = vec![away, place.runner("local", 1)];
    let farm = Farm::connect(runners, place.settings(), &events).await.unwrap();
    assert_eq!(farm.runners().collect::<Vec<_>>(), ["local"]);
    let outcome = run_one(&farm, job(1, "echo x > made/out")).await;
    assert_eq!(built(&outcome).0, b"x\n");
    farm.close().await;
    drop(events);
    let warned = |event: &Event| matches!(event, Event::Warning { message, .. } if message.starts_with("runner 'away': "));
    assert_eq!(heard.iter().filter(warned).count(), 1);
}

/// The worker that it was connected to is replaced by something that never starts.
#[tokio::test(flavor = "multi_thread")]
async fn a_runner_that_does_not_come_back_is_set_aside_and_its_jobs_say_why() {
    let place = Place::new();
    let program = place.path.join("program");
    let script = |text: &str| modfarm::sys::files::write_atomic(&program, text.as_bytes()).unwrap();
    script(&format!("#!/bin/sh\nexec {PROGRAM} \"$@\"\n"));
    make_executable(&program);
    let settings = Settings { program: program.clone(), ..place.settings() };
    let runners = vec![place.runner("local", 1)];
    let farm = Farm::connect(runners, settings, &Events::unheard()).await.unwrap();
    script("#!/bin/sh\nexit 1\n");
    let (events, heard) = Events::stream();
    let jobs =
        vec![job(1, "ps -o ppid= -p $PPID | xargs kill -9; sleep 60"), job(2, "echo y > made/out")];
    let policy = Policy { keep_going: true };
    let results = farm.run(jobs, &policy, &events, &CancellationToken::new()).await.unwrap();
    for result in &results {
        let reason = failed(&result.outcome).0;
        assert!(reason.starts_with("no runner is left that could build it: 'local' ("), "{reason}");
    }
    farm.close().await;
    drop(events);
    let lost = |event: &Event| match event {
        Event::RunnerLost { for_good, .. } => Some(*for_good),
        _ => None,
    };
    assert_eq!(heard.iter().filter_map(|event| lost(&event)).collect::<Vec<_>>(), [false, true]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_runner_that_never_works_is_an_error_that_names_it() {
    let place = Place::new();
    let mut settings = place.settings();
    settings.program = "/bin/false".into();
    let runners = vec![place.runner("local", 1)];
    let error = Farm::connect(runners, settings, &Events::unheard()).await.unwrap_err();
    assert!(error.to_string().starts_with("runner 'local': "), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn endless_output_is_bounded() {
    let place = Place::new();
    let farm = place.farm().await;
    let script = "echo begin; yes | head -c 30000000; echo end; echo x > made/out";
    let outcome = run_one(&farm, job(1, script)).await;
    let (_, _, log) = built(&outcome);
    assert!(log.len() < 5 << 20, "{}", log.len());
    assert!(log.starts_with("begin\n") && log.ends_with("end\n") && log.contains("left out here"));
    farm.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn large_inputs_and_outputs_travel() {
    let place = Place::new();
    let large: Vec<u8> =
        (0..9_000_000_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    let file = place.path.join("large");
    modfarm::sys::files::write_atomic(&file, &large).unwrap();
    let mut inputs = TreeBuilder::default();
    let content = modfarm::model::tree::Content::File(file.clone());
    inputs.file("large", Digest::of(&large), content);
    let job = job_with(1, "cat large > made/out", Duration::from_secs(60), inputs);
    let farm = place.farm().await;
    assert_eq!(built(&run_one(&farm, job.clone()).await).0, large);
    let (bytes, cached) = {
        let again = run_one(&farm, job).await;
        let (bytes, cached, _) = built(&again);
        (bytes.len(), cached)
    };
    assert_eq!((bytes, cached), (large.len(), true));
    farm.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_input_that_changed_meanwhile_is_named() {
    let place = Place::new();
    let file = place.path.join("input.h");
    modfarm::sys::files::write_atomic(&file, b"after").unwrap();
    let mut inputs = TreeBuilder::default();
    inputs.file("input.h", Digest::of(b"befor"), modfarm::model::tree::Content::File(file));
    let farm = place.farm().await;
    let outcome = run_one(&farm, job_with(1, "true", Duration::from_secs(9), inputs)).await;
    assert!(failed(&outcome).0.contains("input.h has changed since"), "{outcome:?}");
    farm.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_workers_share_a_store() {
    let place = Place::new();
    let (one, other) = (place.farm().await, place.farm().await);
    let jobs =
        |from: usize| (from..from + 6).map(|n| job(n, &format!("echo {n} > made/out"))).collect();
    let (first, second) = tokio::join!(run(&one, jobs(1)), run(&other, jobs(4)));
    assert!(first.iter().chain(&second).all(|it| matches!(it.outcome, Outcome::Built { .. })));
    assert!(built(&run_one(&one, job(9, "echo 9 > made/out")).await).1);
    one.close().await;
    assert_eq!(built(&run_one(&other, job(20, "cat in/text > made/out")).await).0, b"hello");
    other.close().await;
}

/// How many ran at once at most, by the lines `+` and `-` that each wrote when it began and ended.
fn most_at_once(path: &Utf8Path) -> usize {
    let (mut now, mut most) = (0_usize, 0);
    for line in read(path).lines() {
        now = if line == "+" { now + 1 } else { now - 1 };
        most = most.max(now);
    }
    most
}

#[tokio::test(flavor = "multi_thread")]
async fn over_all_jobs_so_many_compilers_run_as_there_are_tokens() {
    for jobs in [1, 3] {
        let place = Place::new();
        let trace = place.path.join("trace");
        let targets: Vec<String> = (0..9).map(|n| format!("t{n}")).collect();
        let makefile = format!(
            "all: {0}\n\tcp in/text made/out\n{0}:\n\t@echo + >> {trace}; sleep 0.15; echo - >> {trace}\n",
            targets.join(" ")
        );
        let program = place.path.join("modfarm-2");
        // The worker takes its number of tokens from the command line.
        modfarm::sys::files::write_atomic(
            &program,
            format!("#!/bin/sh\nexec {PROGRAM} \"$@\" --jobs 3\n").as_bytes(),
        )
        .unwrap();
        make_executable(&program);
        let settings = Settings { program, ..place.settings() };
        let farm = Farm::connect(vec![place.runner("local", 4)], settings, &Events::unheard())
            .await
            .unwrap();
        let all = (0..jobs)
            .map(|n| {
                let mut inputs = TreeBuilder::default();
                inputs.bytes("makefile", makefile.clone());
                inputs.bytes("number", n.to_string());
                job_with(n, "exec make", Duration::from_secs(60), inputs)
            })
            .collect();
        let started = Instant::now();
        for result in run(&farm, all).await {
            let (_, _, log) = built(&result.outcome);
            assert!(!log.contains("warning"), "{log}");
        }
        farm.close().await;
        assert_eq!(most_at_once(&trace), 3, "{jobs} jobs");
        let ideal = Duration::from_millis(150 * 3 * jobs as u64);
        assert!(started.elapsed() < ideal * 2, "{:?} of {ideal:?}", started.elapsed());
    }
}

fn make_executable(path: &Utf8Path) {
    let status = Command::new("chmod").args(["+x", path.as_str()]).status().unwrap();
    assert!(status.success());
}

/// A worker and a client of it that says what it likes.
pub(crate) struct Worker {
    pub(crate) child: tokio::process::Child,
    pub(crate) channel: Channel,
}

impl Worker {
    pub(crate) async fn start(store: &Utf8Path) -> Self {
        Self::of(PROGRAM.into(), store).await
    }

    /// The same of another program.
    pub(crate) async fn of(program: Utf8PathBuf, store: &Utf8Path) -> Self {
        let mut child = tokio::process::Command::new(program)
            .args(["worker", "--store", store.as_str()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let stream = tokio::io::join(child.stdout.take().unwrap(), child.stdin.take().unwrap());
        Self::over(child, stream).await
    }

    /// The one that has started, over its standard streams.
    async fn over(
        child: tokio::process::Child,
        stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
    ) -> Self {
        let mut stream = Some(TokioIo::new(stream));
        let connector = tower::service_fn(move |_: Uri| {
            let stream = stream.take();
            async move { stream.ok_or_else(|| std::io::Error::other("gone")) }
        });
        let endpoint = Endpoint::from_static("http://worker");
        let channel = endpoint.connect_with_connector(connector).await.unwrap();
        Self { child, channel }
    }

    pub(crate) async fn put(&self, bytes: &[u8]) -> reapi::Digest {
        let digest = to_wire(Digest::of(bytes));
        assert_eq!(self.put_as(&digest, bytes).await, 0);
        digest
    }

    pub(crate) async fn put_as(&self, digest: &reapi::Digest, data: &[u8]) -> i32 {
        let request = reapi::batch_update_blobs_request::Request {
            digest: Some(digest.clone()),
            data: data.into(),
            ..Default::default()
        };
        let request =
            reapi::BatchUpdateBlobsRequest { requests: vec![request], ..Default::default() };
        let mut storage = ContentAddressableStorageClient::new(self.channel.clone());
        let response = storage.batch_update_blobs(request).await.unwrap().into_inner();
        response.responses[0].status.clone().unwrap_or_default().code
    }

    pub(crate) async fn bring(&self, action: &Action) {
        for (_, content) in action.contents() {
            match content {
                modfarm::model::tree::Content::Bytes(bytes) => self.put(&bytes).await,
                modfarm::model::tree::Content::File(file) => panic!("{file}"),
            };
        }
    }

    /// Has an action begin; what is told of it.
    pub(crate) async fn begin(&self, action: Digest) -> Streaming<Operation> {
        let request =
            reapi::ExecuteRequest { action_digest: Some(to_wire(action)), ..Default::default() };
        let mut client = ExecutionClient::new(self.channel.clone());
        client.execute(request).await.unwrap().into_inner()
    }

    pub(crate) async fn execute(&mut self, action: Digest) -> reapi::ExecuteResponse {
        use bazel_remote_apis::google::longrunning::operation::Result::Response;
        let mut stream = self.begin(action).await;
        while let Some(operation) = stream.message().await.unwrap() {
            if let Some(Response(any)) = operation.result {
                return reapi::ExecuteResponse::decode(any.value.as_slice()).unwrap();
            }
        }
        panic!("no response")
    }

    pub(crate) async fn execute_in(
        &mut self,
        directory: reapi::Directory,
    ) -> reapi::ExecuteResponse {
        let command = reapi::Command { arguments: vec!["true".to_owned()], ..Default::default() };
        let action = reapi::Action {
            command_digest: Some(self.put(&command.encode_to_vec()).await),
            input_root_digest: Some(self.put(&directory.encode_to_vec()).await),
            ..Default::default()
        };
        let digest = self.put(&action.encode_to_vec()).await;
        self.execute(from_wire(&digest).unwrap()).await
    }

    pub(crate) async fn end(self) {
        let Self { mut child, channel } = self;
        drop(channel);
        let ended = tokio::time::timeout(Duration::from_secs(5), child.wait()).await;
        assert!(ended.unwrap().unwrap().success());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn refuses_a_hostile_tree() {
    let place = Place::new();
    let mut worker = Worker::start(&place.path.join("store")).await;
    for name in ["..", "a/b", "/tmp/modfarm-hostile", ""] {
        let file = reapi::FileNode {
            name: name.to_owned(),
            digest: Some(worker.put(b"text").await),
            ..Default::default()
        };
        let tree = reapi::Directory { files: vec![file], ..Default::default() };
        let status = worker.execute_in(tree).await.status.unwrap();
        assert_eq!(status.code, i32::from(tonic::Code::InvalidArgument), "{name:?}");
        assert!(status.message.contains("is not a name"), "{}", status.message);
    }
    let link = reapi::SymlinkNode {
        name: "link".to_owned(),
        target: "/etc".to_owned(),
        ..Default::default()
    };
    let tree = reapi::Directory { symlinks: vec![link], ..Default::default() };
    let status = worker.execute_in(tree).await.status.unwrap();
    assert!(status.message.contains("symbolic link"), "{}", status.message);
    assert_eq!(worker.execute_in(reapi::Directory::default()).await.status, None);
    worker.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn refuses_wrong_bytes_and_heals_damaged_ones() {
    let place = Place::new();
    let store = place.path.join("store");
    let mut worker = Worker::start(&store).await;
    let right = to_wire(Digest::of(b"right"));
    assert_eq!(worker.put_as(&right, b"wrong").await, i32::from(tonic::Code::InvalidArgument));
    let job = job(1, "tr a-z A-Z < in/text > made/out");
    worker.bring(&job.action).await;
    let hello = Digest::of(b"hello").sha256.to_string();
    let blob = store.join("cas").join(&hello[..2]).join(&hello);
    modfarm::sys::files::write_atomic(&blob, b"HELLO").unwrap();
    let status = worker.execute(job.action.digest()).await.status.unwrap();
    assert_eq!(status.code, i32::from(tonic::Code::FailedPrecondition), "{}", status.message);
    worker.put(b"hello").await;
    let result = worker.execute(job.action.digest()).await.result.unwrap();
    assert_eq!(result.output_files[0].digest, Some(to_wire(Digest::of(b"HELLO"))));

    // A damaged output makes the result unknown, and the next run builds it again.
    let made = Digest::of(b"HELLO").sha256.to_string();
    let blob = store.join("cas").join(&made[..2]).join(&made);
    modfarm::sys::files::write_atomic(&blob, b"HELL").unwrap();
    let request = reapi::GetActionResultRequest {
        action_digest: Some(to_wire(job.action.digest())),
        ..Default::default()
    };
    let mut cache = ActionCacheClient::new(worker.channel.clone());
    let error = cache.get_action_result(request).await.unwrap_err();
    assert_eq!(error.code(), tonic::Code::NotFound);
    drop(cache);
    worker.end().await;
    let farm = place.farm().await;
    let outcome = run_one(&farm, job).await;
    assert_eq!(built(&outcome).0, b"HELLO");
    assert!(!built(&outcome).1);
    farm.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_content_damaged_under_a_running_farm_is_brought_again() {
    let place = Place::new();
    let farm = place.farm().await;
    assert_eq!(built(&run_one(&farm, job(1, "cat in/text > made/out; :")).await).0, b"hello");
    let hello = Digest::of(b"hello").sha256.to_string();
    let blob = place.path.join("store/cas").join(&hello[..2]).join(&hello);
    modfarm::sys::files::write_atomic(&blob, b"HELLO").unwrap();
    assert_eq!(built(&run_one(&farm, job(2, "cat in/text > made/out; : :")).await).0, b"hello");
    farm.close().await;
}

#[test]
fn garbage_ends_the_worker_with_an_error_and_costs_no_memory() {
    let preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
    // A frame of headers that says it is 16 MiB long; settings first, as is due.
    let frame = [&[0, 0, 0, 4, 0, 0, 0, 0, 0], &[0xff, 0xff, 0xff, 1, 4, 0, 0, 0, 1][..]].concat();
    let absurd = [&preface[..], &frame, &vec![b'x'; 1 << 20]].concat();
    for garbage in
        [&b"hello\n"[..], b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", &vec![0xff; 100_000], &absurd]
    {
        let place = Place::new();
        let mut child = Command::new(PROGRAM)
            .args(["worker", "--store", place.path.join("store").as_str()])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut input = child.stdin.take().unwrap();
        // The worker may have ended before it has read all of it.
        drop(input.write_all(garbage));
        let started = Instant::now();
        let status = loop {
            if let Some(status) = child.try_wait().unwrap() {
                break status;
            }
            if garbage.len() < 24 && started.elapsed() > Duration::from_millis(200) {
                break {
                    drop(input);
                    child.wait().unwrap()
                };
            }
            assert!(started.elapsed() < Duration::from_secs(5), "it does not end");
            std::thread::sleep(Duration::from_millis(5));
        };
        let mut said = String::new();
        child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
        assert_eq!(status.code(), Some(2), "{said}");
        assert!(said.starts_with("error: "), "{said}");
    }
}

#[test]
fn an_empty_standard_input_is_no_error() {
    let place = Place::new();
    let output = Command::new(PROGRAM)
        .args(["worker", "--store", place.path.join("store").as_str()])
        .stdin(Stdio::null())
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    assert!(output.stdout.len() < 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn forty_known_jobs_take_no_time() {
    let place = Place::new();
    let jobs: Vec<Job> = (10..50)
        .map(|n| job(n, &format!("head -c 250000 /dev/zero > made/out; echo {n}")))
        .collect();
    let farm = place.farm().await;
    let started = Instant::now();
    let results = run(&farm, jobs.clone()).await;
    let each = started.elapsed() / 40;
    assert!(results.iter().all(|it| !built(&it.outcome).1));
    farm.close().await;
    let started = Instant::now();
    let farm = place.farm().await;
    let connected = started.elapsed();
    let results = run(&farm, jobs).await;
    let ran = started.elapsed();
    assert!(results.iter().all(|it| built(&it.outcome).1));
    farm.close().await;
    println!(
        "a job: {each:?}; 40 known: connect {connected:?}, run {ran:?}, close {:?}",
        started.elapsed()
    );
    assert!(ran < Duration::from_secs(2), "{ran:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_action_runs_as_long_as_anybody_follows_it() {
    use bazel_remote_apis::google::longrunning::operation::Result::Response;
    let place = Place::new();
    let worker = Worker::start(&place.path.join("store")).await;
    let job = job(1, "sleep 0.4; cat in/text > made/out");
    worker.bring(&job.action).await;
    let mut client = ExecutionClient::new(worker.channel.clone());
    let mut first = worker.begin(job.action.digest()).await;
    let name = first.message().await.unwrap().unwrap().name;
    let request = reapi::WaitExecutionRequest { name };
    let mut second = client.wait_execution(request.clone()).await.unwrap().into_inner();
    drop(first);
    let mut last = None;
    while let Some(operation) = second.message().await.unwrap() {
        last = Some(operation);
    }
    let Some(Response(any)) = last.unwrap().result else { panic!("no response") };
    let response = reapi::ExecuteResponse::decode(any.value.as_slice()).unwrap();
    assert_eq!(response.result.unwrap().exit_code, 0);
    let error = client.wait_execution(request).await.unwrap_err();
    assert_eq!(error.code(), tonic::Code::NotFound);
    drop((second, client));
    worker.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_the_rest_of_the_protocol() {
    use bazel_remote_apis::google::bytestream;
    let place = Place::new();
    let worker = Worker::start(&place.path.join("store")).await;
    let action = job(1, "true").action;
    worker.bring(&action).await;
    let mut storage = ContentAddressableStorageClient::new(worker.channel.clone());

    let message = action.contents().find_map(|(digest, content)| match content {
        modfarm::model::tree::Content::Bytes(bytes) if digest == action.digest() => Some(bytes),
        _ => None,
    });
    let root = reapi::Action::decode(message.unwrap()).unwrap().input_root_digest;
    let request = reapi::GetTreeRequest { root_digest: root, ..Default::default() };
    let mut tree = storage.get_tree(request).await.unwrap().into_inner();
    assert_eq!(tree.message().await.unwrap().unwrap().directories.len(), 2);

    let error = storage.split_blob(reapi::SplitBlobRequest::default()).await.unwrap_err();
    assert_eq!(error.code(), tonic::Code::Unimplemented);

    let mut streams = bytestream::byte_stream_client::ByteStreamClient::new(worker.channel.clone());
    let content = Digest::of(b"in two parts");
    let name = format!("uploads/1/blobs/{content}");
    let part = |offset: usize, data: &[u8], last| bytestream::WriteRequest {
        resource_name: name.clone(),
        write_offset: i64::try_from(offset).unwrap(),
        finish_write: last,
        data: data.into(),
    };
    let ask = bytestream::QueryWriteStatusRequest { resource_name: name.clone() };
    let torn = tokio_stream::iter(vec![part(0, b"in two", false)]);
    assert!(streams.write(torn).await.is_err());
    let wrong = tokio_stream::iter(vec![part(0, b"in two", false), part(6, b" pieces", true)]);
    assert!(streams.write(wrong).await.is_err());
    assert!(!streams.query_write_status(ask.clone()).await.unwrap().into_inner().complete);
    let right = tokio_stream::iter(vec![part(0, b"in two", false), part(6, b" parts", true)]);
    assert_eq!(streams.write(right).await.unwrap().into_inner().committed_size, 12);
    assert!(streams.query_write_status(ask).await.unwrap().into_inner().complete);
    let request = bytestream::ReadRequest {
        resource_name: format!("blobs/{content}"),
        read_offset: 7,
        read_limit: 3,
    };
    let mut read = streams.read(request).await.unwrap().into_inner();
    assert_eq!(read.message().await.unwrap().unwrap().data, b"par");
    drop((storage, streams, tree, read));
    worker.end().await;
}

#[test]
fn a_terminal_gets_told_what_a_worker_is_for() {
    let place = Place::new();
    let command = format!("{PROGRAM} worker --store {}", place.path.join("store"));
    let output = Command::new("script")
        .args(["-qec", &command, "/dev/null"])
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains("hint: modfarm starts its workers itself"), "{said}");
}
