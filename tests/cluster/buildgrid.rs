//! A real BuildGrid on a real `PostgreSQL`, and workers of ours that joined it: releases go through them as
//! they come and go.

use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use camino::{Utf8Path, Utf8PathBuf};
use modfarm::sys::files;
use rustix::process::{Pid, Signal};

use super::tls::Authority;
use super::worker::{Beside, wait};
use super::{FOLDER, QUICK, SLOW, bgd, cluster, digests, locally, outcomes, quick, slow};
use crate::program::{Ran, Running, Site, folder, free_port, processes};

/// A server and its database, for as long as a test has it.
struct Grid {
    address: String,
    /// The same over TLS, for clients with a certificate alone.
    sealed: String,
    authority: Authority,
    _papers: tempfile::TempDir,
    end: Option<(Sender<()>, JoinHandle<()>)>,
}

impl Grid {
    /// The one that runs, or a new one.
    fn get() -> Arc<Self> {
        static RUNNING: Mutex<Weak<Grid>> = Mutex::new(Weak::new());
        let mut running = RUNNING.lock().unwrap_or_else(PoisonError::into_inner);
        running.upgrade().unwrap_or_else(|| {
            let grid = Arc::new(Self::start());
            *running = Arc::downgrade(&grid);
            grid
        })
    }

    fn start() -> Self {
        let (papers, place) = folder();
        let authority = Authority::new(&place, "authority");
        let ports = Ports { open: free_port(), sealed: free_port() };
        let channels = ports.channels(&authority);
        let (ready, is_ready) = channel();
        let (end, ends) = channel();
        // The processes end with the thread that started them, however it ends: it outlives every test.
        let keeper = std::thread::spawn(move || keep(ports.open, &channels, &ready, &ends));
        is_ready.recv_timeout(Duration::from_secs(180)).expect("BuildGrid starts");
        Self {
            address: format!("grpc://127.0.0.1:{}", ports.open),
            sealed: format!("grpcs://localhost:{}", ports.sealed),
            authority,
            _papers: papers,
            end: Some((end, keeper)),
        }
    }

    /// The lines of a runner's file for an instance.
    fn connection(&self, instance: &str) -> String {
        format!("{}\ninstance: {instance}", cluster(&self.address))
    }

    /// A worker of ours that has joined an instance.
    fn join(&self, instance: &str, more: &[&str]) -> Beside {
        let arguments = ["--join", &self.address, "--instance", instance, "--jobs", "1"];
        let worker = Beside::worker(&[&arguments, more].concat());
        worker.hear("joined grpc://");
        worker
    }
}

/// Where the server listens.
#[derive(Clone, Copy)]
struct Ports {
    open: u16,
    sealed: u16,
}

impl Ports {
    /// The part of the server's configuration; its certificate is of this authority.
    fn channels(self, authority: &Authority) -> String {
        let own = authority.vouch("server", "localhost");
        format!(
            "  - !channel
    address: 127.0.0.1:{}
    insecure-mode: true
  - !channel
    address: localhost:{}
    insecure-mode: false
    credentials:
      tls-server-key: {}
      tls-server-cert: {}
      tls-client-certs: {}",
            self.open, self.sealed, own.key, own.certificate, authority.certificate
        )
    }
}

impl Drop for Grid {
    fn drop(&mut self) {
        if let Some((end, keeper)) = self.end.take() {
            drop(end);
            drop(keeper.join());
        }
    }
}

/// Runs database and server until nobody needs them any more.
fn keep(port: u16, channels: &str, ready: &Sender<()>, ends: &Receiver<()>) {
    let (_keep, folder) = folder();
    let sockets = folder.join("db");
    let mut database = database(&folder, &sockets);
    wait("the database listens", || files::exists(&sockets.join(".s.PGSQL.5432")));
    let connection = format!("postgresql://bgd@/postgres?host={sockets}");
    migrate(&folder, &connection);
    files::write_atomic(&folder.join("config.yml"), config(channels, &connection).as_bytes())
        .expect("a file");
    let log = folder.join("server.log");
    let command = bgd(&folder, &["server", "start", "config.yml"]);
    let mut server = with_us(&command, &log).spawn().expect("setpriv, of util-linux");
    let start = Instant::now();
    while !answers(port) {
        let log = files::read_to_string(&log).unwrap_or_default();
        let ended = server.try_wait().expect("a child");
        assert!(ended.is_none() && start.elapsed().as_secs() < 120, "{ended:?}: {log}");
        std::thread::sleep(Duration::from_millis(200));
    }
    ready.send(()).expect("somebody waits");
    ends.recv().ok();
    let ended = server.try_wait().expect("a child");
    assert!(ended.is_none(), "{ended:?}: {}", files::read_to_string(&log).unwrap_or_default());
    end(&mut server, Signal::TERM);
    end(&mut database, Signal::INT);
}

/// A database of its own, reached by a socket alone, under another user than root, whom it refuses.
fn database(folder: &Utf8Path, place: &Utf8Path) -> Child {
    files::create_dir_all(place).expect("a folder");
    let open = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(folder, open).expect("its owner");
    if rustix::process::getuid().is_root() {
        Ran::of(Command::new("chown").args(["nobody", place.as_str()])).ended(0);
    }
    let initdb =
        ["-D", "data", "-U", "bgd", "-A", "trust", "--no-sync", "--no-locale", "-E", "UTF8"];
    let mut made = as_nobody(program("initdb").as_str(), &initdb);
    Ran::of(made.current_dir(place)).ended(0);
    let settings =
        ["-D", "data", "-k", place.as_str(), "-c", "listen_addresses=", "-c", "fsync=off"];
    let mut command = as_nobody(program("postgres").as_str(), &settings);
    command.current_dir(place);
    let log = folder.join("database.log");
    with_us(&command, &log).spawn().expect("setpriv, of util-linux")
}

/// Whether a server listens there. A client may get the very port it connects to, and then hears itself.
fn answers(port: u16) -> bool {
    let Ok(stream) = TcpStream::connect(("127.0.0.1", port)) else { return false };
    stream.local_addr().ok() != stream.peer_addr().ok()
}

/// A program of the newest `PostgreSQL` of this machine.
fn program(name: &str) -> Utf8PathBuf {
    let versions = Utf8Path::new("/usr/lib/postgresql");
    let found = files::names(versions).expect("tests/tools/setup installs postgresql");
    let newest = found.iter().max_by_key(|version| version.parse::<u32>().ok()).expect("a version");
    versions.join(newest).join("bin").join(name)
}

fn as_nobody(program: &str, arguments: &[&str]) -> Command {
    let mut command = Command::new("setpriv");
    if rustix::process::getuid().is_root() {
        command.args(["--reuid=nobody", "--regid=nogroup", "--clear-groups"]);
    }
    command.arg("--").arg(program).args(arguments).env("LC_ALL", "C");
    command
}

/// A command that is killed when the thread that starts it is gone; what it says goes to a file.
fn with_us(command: &Command, log: &Utf8Path) -> Command {
    let mut wrapped = Command::new("setpriv");
    wrapped.args(["--pdeathsig", "KILL", "--"]).arg(command.get_program()).args(command.get_args());
    wrapped.env_clear();
    wrapped.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
    wrapped.env("PATH", std::env::var_os("PATH").unwrap_or_default());
    wrapped.current_dir(command.get_current_dir().expect("a folder"));
    let log = files::create(log).expect("a file");
    wrapped.stdin(Stdio::null()).stdout(log.try_clone().expect("it")).stderr(log);
    wrapped
}

fn migrate(folder: &Utf8Path, connection: &str) {
    let start = Instant::now();
    loop {
        // The socket is there a moment before the database is.
        let ran = Ran::of(&mut bgd(folder, &["migrate", "apply", connection]));
        if ran.code == 0 {
            return;
        }
        assert!(start.elapsed().as_secs() < 60, "{ran:?}");
    }
}

fn end(child: &mut Child, signal: Signal) {
    rustix::process::kill_process(Pid::from_child(child), signal).ok();
    let start = Instant::now();
    while matches!(child.try_wait(), Ok(None)) && start.elapsed() < Duration::from_secs(10) {
        std::thread::sleep(Duration::from_millis(20));
    }
    drop(child.kill());
    drop(child.wait());
}

/// The configuration of runners/README.md, with more instances and shorter times.
fn config(channels: &str, connection: &str) -> String {
    let instance = |name: &str| {
        format!(
            "  - name: '{name}'
    services:
      - !cas
        storage: *contents
      - !bytestream
        storage: *contents
      - !action-cache
        cache: *results
      - !execution
        scheduler: *scheduler
      - !bots
        scheduler: *scheduler
"
        )
    };
    let instances: String =
        ["killed", "left", "asked", "sealed"].into_iter().map(instance).collect();
    format!(
        "\
server:
{channels}

connections:
  - !sql-connection &database
    connection-string: {connection}

storages:
  - !lru-storage &contents
    size: 512mb

caches:
  - !lru-action-cache &results
    storage: *contents
    max-cached-refs: 1000
    allow-updates: true
    cache-failed-actions: false

schedulers:
  - !sql-scheduler &scheduler
    sql: *database
    storage: *contents
    action-cache: *results
    property-set: !dynamic-property-set
      match-property-keys: [toolset, toolset-version, toolset-digest, pool]
    bot-session-keepalive-timeout: 10
    session-expiry-timer-interval: 1
    poll-interval: 0.2
    bot-poll-interval: 0.2
    assigners:
      - !priority-age-assigner
        count: 1
        interval: 0.2

instances:
{instances}
thread-pool-size: 200
"
    )
}

/// A slow release of its own: no other test has its actions.
fn slow_of(connection: &str, mark: &str) -> Site {
    let site = slow(connection);
    let own = format!("\"{mark} %s\"");
    site.edit("src/src/server/mod_wsgi.c", "\"Python %s\"", &own);
    site
}

/// What a worker has built.
fn built(worker: &Beside) -> usize {
    worker.said().lines().filter(|line| line.contains(": made ") && line.contains(".so")).count()
}

#[test]
fn a_worker_that_is_killed_costs_no_release_and_nothing_is_built_twice() {
    let grid = Grid::get();
    let (first, second) = (grid.join("killed", &[]), grid.join("killed", &[]));
    let site = slow_of(&grid.connection("killed"), "killed");
    let running = site.start(&SLOW);
    wait("both work", || first.compiles() && second.compiles());
    first.signal(Signal::KILL);
    first.end();
    let ran = running.end().ended(0);
    assert_eq!(outcomes(&ran).len(), 4, "{}", ran.stdout);
    assert!(built(&second) >= 3, "{}", second.said());
    wait("what the killed one ran is gone", || processes(&first.folder).is_empty());
    assert_eq!(digests(&site), locally(&SLOW, slow_of("connection: local", "killed")));

    // An orchestrator that has nothing finds all of it in BuildGrid's cache.
    let built_before = built(&second);
    let other = slow_of(&grid.connection("killed"), "killed");
    let ran = other.run(&SLOW).ended(0);
    assert_eq!(outcomes(&ran), ["cached"; 4], "{}", ran.stdout);
    assert_eq!(digests(&other), digests(&site));
    assert_eq!(built(&second), built_before, "{}", second.said());
}

#[test]
fn a_worker_that_leaves_gives_back_its_job_and_a_release_that_ends_takes_its_own_with_it() {
    let grid = Grid::get();
    let (first, second) = (grid.join("left", &[]), grid.join("left", &["--property", "pool=a"]));
    let site = slow_of(&grid.connection("left"), "left");
    let running = site.start(&SLOW);
    wait("both work", || first.compiles() && second.compiles());
    first.signal(Signal::TERM);
    assert_eq!(first.end(), 0, "{}", first.said());
    assert!(first.said().contains("not done (Unavailable): the worker was asked to end"));
    assert!(first.runs().is_empty(), "{:?}", first.runs());
    running.end().ended(0);
    assert_eq!(digests(&site), locally(&SLOW, slow_of("connection: local", "left")));

    let ended = slow_of(&grid.connection("left"), "ended");
    let running: Running = ended.start(&SLOW);
    wait("it works", || second.compiles());
    running.signal(Signal::INT);
    running.end().ended(130);
    wait("the compilers are ended", || second.runs().is_empty());
    second.hear("taken back by the server");
    std::thread::sleep(Duration::from_secs(2));
    assert!(second.runs().is_empty(), "the next job was begun: {}", second.said());
    assert!(!files::exists(&ended.folder.join(FOLDER)));
}

#[test]
fn machines_are_asked_for_what_they_have_and_for_what_nobody_has() {
    let grid = Grid::get();
    let worker = grid.join("asked", &["--property", "pool=fast"]);
    let pool = |name: &str| format!("{}\nproperties:\n  pool: {name}", grid.connection("asked"));
    let site = quick(&pool("fast"));
    let ran = site.run(&QUICK).ended(0);
    assert_eq!(outcomes(&ran), ["built", "built"], "{}", ran.stdout);
    assert_eq!(digests(&site), locally(&QUICK, quick("connection: local")));
    worker.hear("made toolsets.json, exit code 0");

    let nobody = quick(&pool("slow"));
    let mut command = nobody.command(&QUICK);
    command.env("MODFARM_RUNNER_PATIENCE", "4");
    let words = [
        "waited in the queue for 4 s",
        "no worker that is free has all of toolset=cross, pool=slow",
        "hint: is one running? `modfarm worker --join`",
    ];
    Ran::of(&mut command).refused(3, &words);
    let unknown = quick(&format!("{}\nproperties:\n  colour: red", grid.connection("asked")));
    let words =
        ["colour", "hint: an engine takes only properties that it knows", "match-property-keys"];
    unknown.run(&QUICK).refused(3, &words);
    let elsewhere = quick(&grid.connection("no-such-instance"));
    elsewhere.run(&QUICK).refused(3, &["no-such-instance"]);
}

#[test]
fn a_worker_joins_over_tls_with_a_certificate() {
    let grid = Grid::get();
    let [client, own] = ["client", "worker"].map(|name| grid.authority.vouch(name, name));
    let authority = grid.authority.certificate.as_str();
    let join = |more: &[&str]| {
        let arguments = ["--join", &grid.sealed, "--instance", "sealed", "--authority", authority];
        Beside::worker(&[&arguments, more].concat())
    };
    let unknown = join(&[]);
    unknown.hear("warning: grpcs://localhost");
    unknown.hear("hint: the server wants a certificate of an authority that it knows");

    let identity = ["--certificate", own.certificate.as_str(), "--key", own.key.as_str()];
    let worker = join(&identity);
    worker.hear("joined grpcs://localhost");
    let connection = format!(
        "{}\ninstance: sealed\nauthority: {authority}\ncertificate: {}\nkey: {}",
        cluster(&grid.sealed),
        client.certificate,
        client.key
    );
    let site = quick(&connection);
    site.run(&QUICK).ended(0);
    assert_eq!(digests(&site), locally(&QUICK, quick("connection: local")));
    worker.signal(Signal::TERM);
    assert_eq!(worker.end(), 0, "{}", worker.said());
}

#[test]
fn a_server_that_is_not_there_is_tried_again() {
    let address = format!("grpc://127.0.0.1:{}", free_port());
    let worker = Beside::worker(&["--join", &address]);
    worker.hear(&format!("warning: {address} takes no connection"));
    worker.hear("it is tried again in 1 s");
    worker.hear("it is tried again in 2 s");
    worker.signal(Signal::TERM);
    assert_eq!(worker.end(), 0, "{}", worker.said());
}
