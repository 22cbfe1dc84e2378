//! A stand-in for GitHub: a plain model in memory (`model.rs`), shown over HTTP (`http.rs`) as the real
//! one shows itself, with its limits (`limits.rs`) and whatever can go wrong (`faults.rs`). It is
//! trusted as far as gh, PyGithub and Octokit work with it, and as its answers agree with GitHub's own
//! description: see `tests/github_clients.rs` and `tests/github_description.rs`.
//!
//! Each stand-in is one's own, on ports of its own:
//!
//! ```ignore
//! let github = StandIn::start();
//! github.fault(Fault::on(Operation::UploadAsset, Does::Status(502)).nth(2));
//! // … `GITHUB_API_URL={github.api()}`, `GITHUB_TOKEN={github.token()}`, repository REPOSITORY …
//! github.assert_published("6.1.1", &[("a.zip".into(), Sha256::of(b"…").to_string())]);
//! ```

pub(crate) mod actions;
pub(crate) mod answers;
pub(crate) mod ask;
pub(crate) mod control;
pub(crate) mod faults;
pub(crate) mod graphql;
pub(crate) mod http;
pub(crate) mod limits;
pub(crate) mod log;
pub(crate) mod model;
pub(crate) mod names;
pub(crate) mod operations;
pub(crate) mod published;
pub(crate) mod refusal;
pub(crate) mod route;
pub(crate) mod tls;
pub(crate) mod wire;

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

pub(crate) use faults::{Does, Fault};
pub(crate) use limits::Limits;
pub(crate) use log::Logged;
pub(crate) use model::{Permission, Repository, Token, World};
pub(crate) use route::Operation;

/// The repository that every stand-in has.
pub(crate) const REPOSITORY: &str = "grey-owl/mod_wsgi";

/// What is in every token here, and must be nowhere else.
pub(crate) const TOKEN_MARK: &str = "NEVERSHOWNTOKEN";

/// How a stand-in behaves.
#[derive(Clone, Debug)]
pub(crate) struct Options {
    /// The port of the API; 0 takes any.
    pub(crate) port: u16,
    pub(crate) limits: Limits,
    /// How long every answer takes at least.
    pub(crate) latency: Duration,
    /// Whether an upload that breaks off leaves a `starter` asset behind, or nothing.
    pub(crate) torn_leaves_starter: bool,
    /// The most bytes of an asset that are kept. Of a larger one only size and digest are.
    pub(crate) keep: u64,
    /// Threads that serve.
    pub(crate) threads: usize,
    /// With this the API speaks TLS.
    pub(crate) tls: Option<tls::Tls>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            port: 0,
            limits: Limits::default(),
            latency: Duration::ZERO,
            torn_leaves_starter: true,
            keep: 8 << 20,
            threads: 1,
            tls: None,
        }
    }
}

/// A GitHub of one's own. It ends when it is dropped.
#[derive(Debug)]
pub(crate) struct StandIn {
    shared: Arc<Shared>,
    token: String,
    /// Taken out to end it.
    runtime: Option<tokio::runtime::Runtime>,
}

/// What the connections share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) options: Options,
    pub(crate) addresses: Addresses,
    /// Until when nobody listens.
    pub(crate) away: tokio::sync::watch::Sender<Instant>,
    state: Mutex<State>,
}

/// Where it is. The hosts differ in more than the port, so that a client sees two.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Addresses {
    pub(crate) scheme: &'static str,
    pub(crate) api: SocketAddr,
    pub(crate) objects: SocketAddr,
}

/// What changes.
#[derive(Debug, Default)]
pub(crate) struct State {
    pub(crate) world: World,
    pub(crate) faults: Vec<Fault>,
    pub(crate) log: Vec<Logged>,
    pub(crate) meters: limits::Meters,
}

impl StandIn {
    /// One with [`REPOSITORY`] and a token that may push to it.
    pub(crate) fn start() -> Self {
        Self::with(Options::default())
    }

    /// The same, behaving otherwise.
    pub(crate) fn with(options: Options) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(options.threads)
            .enable_all()
            .build()
            .expect("threads");
        let bind = |address: &str, port: u16| {
            let listen = tokio::net::TcpListener::bind((address.to_owned(), port));
            runtime.block_on(listen).expect("a port")
        };
        let listeners = [bind("127.0.0.1", options.port), bind("127.0.0.2", 0)];
        let [api, objects] =
            listeners.each_ref().map(|listener| listener.local_addr().expect("an address"));
        let scheme = if options.tls.is_some() { "https" } else { "http" };
        let addresses = Addresses { scheme, api, objects };
        let away = tokio::sync::watch::Sender::new(Instant::now());
        let shared = Arc::new(Shared { options, addresses, away, state: Mutex::default() });
        wire::listen(&runtime, listeners, &shared);
        let token = shared.state().world.add_token(Permission::Push, false);
        shared.state().world.add_repository(REPOSITORY, &[]);
        Self { shared, token, runtime: Some(runtime) }
    }

    /// The API's base, as api.github.com's.
    pub(crate) fn api(&self) -> String {
        let Addresses { scheme, api, .. } = self.shared.addresses;
        format!("{scheme}://{api}")
    }

    /// The API's base, as an Enterprise server's.
    pub(crate) fn enterprise(&self) -> String {
        format!("{}/api/v3", self.api())
    }

    /// What makes gh talk to this GitHub: it speaks plain HTTP to this host, through a proxy.
    pub(crate) fn gh_environment(&self) -> [(&'static str, String); 5] {
        [
            ("GH_HOST", "github.localhost".to_owned()),
            ("GH_TOKEN", self.token.clone()),
            ("GH_PROMPT_DISABLED", "1".to_owned()),
            ("GH_NO_UPDATE_NOTIFIER", "1".to_owned()),
            ("HTTP_PROXY", self.api()),
        ]
    }

    /// A token that may push.
    pub(crate) fn token(&self) -> &str {
        &self.token
    }

    /// Another token.
    pub(crate) fn add_token(&self, permission: Permission, installation: bool) -> String {
        self.state().world.add_token(permission, installation)
    }

    /// Gives [`REPOSITORY`] a tag.
    pub(crate) fn add_tag(&self, tag: &str) {
        let commit = model::commit_of(tag);
        self.state().world.repository(REPOSITORY).tags.insert(tag.to_owned(), commit);
    }

    /// Gives [`REPOSITORY`] a workflow of this file, which takes these inputs.
    pub(crate) fn add_workflow(&self, file: &str, inputs: &[&str]) {
        let mut state = self.state();
        let id = state.world.next_id();
        let inputs = inputs.iter().map(ToString::to_string).collect();
        let workflow = actions::Workflow { id, state: "active".to_owned(), inputs };
        state.world.repository(REPOSITORY).workflows.insert(file.to_owned(), workflow);
    }

    /// The next run of a workflow goes like this.
    pub(crate) fn next_run(&self, script: actions::Script) {
        self.change(|repository| repository.scripts.push_back(script));
    }

    /// Adds a rule for what goes wrong.
    pub(crate) fn fault(&self, fault: Fault) {
        self.state().faults.push(fault);
    }

    /// Nothing goes wrong any more.
    pub(crate) fn no_more_faults(&self) {
        self.state().faults.clear();
    }

    /// How many requests the faults have struck.
    pub(crate) fn struck(&self) -> u32 {
        self.state().faults.iter().map(|fault| fault.struck).sum()
    }

    /// A rule that struck nothing, if there is one.
    pub(crate) fn unused_fault(&self) -> Option<Fault> {
        self.state().faults.iter().find(|fault| fault.struck == 0).cloned()
    }

    /// All requests so far.
    pub(crate) fn log(&self) -> Vec<Logged> {
        self.state().log.clone()
    }

    /// The requests of one operation so far.
    pub(crate) fn asked(&self, operation: Operation) -> Vec<Logged> {
        let mut log = self.log();
        log.retain(|logged| logged.operation == operation);
        log
    }

    /// [`REPOSITORY`] as it is now.
    pub(crate) fn repository(&self) -> Repository {
        self.state().world.repository(REPOSITORY).clone()
    }

    /// Changes [`REPOSITORY`].
    pub(crate) fn change(&self, change: impl FnOnce(&mut Repository)) {
        change(self.state().world.repository(REPOSITORY));
    }

    /// Sets GitHub's clock ahead of ours, by seconds.
    pub(crate) fn skew(&self, seconds: i64) {
        self.state().world.skew = seconds;
    }

    /// Everything, to look at or change.
    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.shared.state()
    }
}

impl Drop for StandIn {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

impl Shared {
    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
