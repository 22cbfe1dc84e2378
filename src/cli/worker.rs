//! `modfarm worker`: serves the orchestrator at the other end of standard input and output, clients over
//! TCP, or a farm that it joins.

mod join;
mod listen;

use std::io::IsTerminal as _;
use std::sync::Arc;
use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_util::sync::CancellationToken;

use super::Failure;
use super::amount::Size;
use crate::model::toolset::Toolset;
use crate::report::terminal;
use crate::sys::secret;
use crate::sys::tls::Identity;
use crate::worker::prune::{self, Bounds};
use crate::worker::{self, Options, ServeError, Store};

/// Run jobs for an orchestrator that speaks the Remote Execution API over standard input and output
///
/// modfarm starts this itself, on this machine or through ssh; there is nothing to type. It ends,
/// with all that it started, when its standard input does. It logs to standard error.
///
/// With --listen it serves clients over TCP instead, and with --join it works for a BuildGrid, until it
/// gets SIGTERM or Ctrl-C.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The folder of the content store [default: modfarm/store in the user's cache folder]
    #[arg(long, value_name = "DIR")]
    store: Option<Utf8PathBuf>,

    /// How many compilers run at once [default: one a core]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=4096))]
    jobs: Option<u16>,

    /// How large the store may be when the worker starts; what was not used for longest goes
    #[arg(long, value_name = "SIZE", default_value = "20GiB")]
    store_limit: Size,

    /// Run one command, and end it with everything it started when standard input ends
    #[arg(long, hide = true, requires = "command", conflicts_with_all = ["listen", "join"])]
    guard: bool,

    #[arg(last = true, hide = true, requires = "guard")]
    command: Vec<String>,

    /// With --listen, the file of the token that clients must have; with --join, of the one to show
    #[arg(long, value_name = "FILE", requires = "place", help_heading = "Over TCP")]
    token_file: Option<Utf8PathBuf>,

    /// The file of the certificate to be known by, in PEM; --listen then speaks TLS alone
    #[arg(
        long,
        value_name = "FILE",
        requires = "key",
        requires = "place",
        help_heading = "Over TCP"
    )]
    certificate: Option<Utf8PathBuf>,

    /// The file of that certificate's key, in PEM
    #[arg(long, value_name = "FILE", requires = "certificate", help_heading = "Over TCP")]
    key: Option<Utf8PathBuf>,

    #[command(flatten)]
    listen: listen::Listening,

    #[command(flatten)]
    join: join::Joining,
}

/// No compiler of one module needs longer.
const LONGEST: Duration = Duration::from_secs(2 * 60 * 60);

/// How long is waited for requests that were being answered when the client went.
const LEAVING: Duration = Duration::from_secs(5);

pub(super) fn run(args: Args) -> Result<(), Failure> {
    let program = own_program()?;
    if args.guard {
        return guard(&args.command, &program);
    }
    let is_served_over_streams = args.listen.listen.is_none() && args.join.join.is_none();
    if is_served_over_streams && std::io::stdin().is_terminal() {
        return Err(Failure::bad_input(
            "a worker speaks the Remote Execution API over standard input, and this is a terminal\n\
             hint: modfarm starts its workers itself; to build on this machine, run modfarm release; to serve \
             other machines, give --listen or --join",
        ));
    }
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let jobs = args.jobs.map_or(cores, usize::from);
    let options = Options { program, jobs, longest: LONGEST, stop: CancellationToken::new() };
    let store = match &args.store {
        Some(store) => store.clone(),
        None => default_store()?,
    };
    let store = Arc::new(Store::open(&store).map_err(Failure::environment)?);
    keep_small(&store, args.store_limit);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(|error| Failure::environment(format!("cannot start: {error}")))?;
    let result = runtime.block_on(serve(args, Arc::clone(&store), options));
    // What a request is still busy with has the store as well: the last one to let go of it clears away
    // its folder, and must not be overtaken by the end of the program. A read of standard input may
    // never end, where that is no pipe.
    runtime.shutdown_timeout(LEAVING);
    drop(store);
    result
}

/// Brings a store below its limit, while the worker begins to work: nothing that it uses from now on goes.
fn keep_small(store: &Store, limit: Size) {
    let root = store.root().to_owned();
    let bounds = Bounds { keep: Some(limit.bytes()), ..Bounds::default() };
    std::thread::spawn(move || match prune::prune(&root, &bounds, false) {
        Ok(pruned) => {
            tracing::debug!("{} bytes of {root} were removed", pruned.removed.bytes());
        }
        // It works all the same.
        Err(error) => tracing::warn!("the store stays as large as it is: {error}"),
    });
}

fn own_program() -> Result<Utf8PathBuf, Failure> {
    let path = std::env::current_exe()
        .map_err(|error| Failure::environment(format!("cannot find my own executable: {error}")))?;
    Utf8PathBuf::from_path_buf(path).map_err(|path| {
        Failure::environment(format!("my own path {} is not Unicode", path.display()))
    })
}

#[cfg(target_os = "linux")]
fn guard(command: &[String], program: &Utf8Path) -> Result<(), Failure> {
    match crate::sys::guard::run(command, program) {
        0 => Ok(()),
        code => Err(Failure { message: String::new(), code, place: None }),
    }
}

#[cfg(not(target_os = "linux"))]
fn guard(_: &[String], _: &Utf8Path) -> Result<(), Failure> {
    Err(Failure::bad_input("a guard is needed on Linux alone"))
}

pub(super) fn default_store() -> Result<Utf8PathBuf, Failure> {
    let cache = if cfg!(windows) {
        std::env::var("LOCALAPPDATA").map(Utf8PathBuf::from)
    } else {
        std::env::var("XDG_CACHE_HOME")
            .map(Utf8PathBuf::from)
            .or_else(|_| std::env::var("HOME").map(|home| Utf8PathBuf::from(home).join(".cache")))
    };
    cache.map(|cache| cache.join("modfarm").join("store")).map_err(|_| {
        Failure::environment("there is no cache folder\nhint: name a folder with --store")
    })
}

async fn serve(args: Args, store: Arc<Store>, options: Options) -> Result<(), Failure> {
    let look = worker::toolsets::detect(&store.root().join("digests.json"));
    look.troubles.iter().for_each(|trouble| tracing::warn!("{trouble}"));
    let toolsets = look.toolsets;
    let stop = options.stop.clone();
    let stopping = tokio::spawn({
        let stop = stop.clone();
        async move {
            if let Err(error) = signalled().await {
                tracing::error!("cannot hear signals: {error}");
                std::future::pending::<()>().await;
            }
            stop.cancel();
        }
    });
    let over_tcp = args.listen.listen.is_some() || args.join.join.is_some();
    let served = if over_tcp {
        serve_over_tcp(args, store, options, toolsets).await
    } else {
        worker::serve(standard_streams(), store, options, toolsets).await.map_err(failure)
    };
    stopping.abort();
    if stop.is_cancelled() && !over_tcp {
        return Err(Failure::interrupted("the worker was interrupted; its jobs are ended"));
    }
    served
}

/// What a worker over TCP has, on whichever side the connections are made.
struct Equipment {
    /// Its certificate.
    identity: Option<Identity>,
    /// The file of the token.
    token: Option<Utf8PathBuf>,
    store: Arc<Store>,
    options: Options,
    toolsets: Vec<Toolset>,
}

async fn serve_over_tcp(
    args: Args,
    store: Arc<Store>,
    options: Options,
    toolsets: Vec<Toolset>,
) -> Result<(), Failure> {
    if toolsets.is_empty() {
        terminal::warning("this machine has no toolset that modfarm knows: it will get no jobs");
    }
    if let Some(file) = args.token_file.as_deref().filter(|file| secret::is_open_to_others(file)) {
        terminal::warning(&format!("{file} can be read by others\nhint: chmod 600 {file}"));
    }
    let identity =
        args.certificate.zip(args.key).map(|(certificate, key)| Identity { certificate, key });
    let equipment = Equipment { identity, token: args.token_file, store, options, toolsets };
    if args.listen.listen.is_some() {
        listen::run(args.listen, equipment).await
    } else {
        join::run(args.join, equipment).await
    }
}

fn failure(error: ServeError) -> Failure {
    match error {
        ServeError::Jobserver(_) => Failure::environment(error),
        ServeError::Foreign(_) => Failure::bad_input(error),
    }
}

#[cfg(unix)]
async fn signalled() -> std::io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let (mut terminate, mut hang_up) =
        (signal(SignalKind::terminate())?, signal(SignalKind::hangup())?);
    tokio::select! {
        interrupted = tokio::signal::ctrl_c() => interrupted,
        _ = terminate.recv() => Ok(()),
        _ = hang_up.recv() => Ok(()),
    }
}

#[cfg(windows)]
async fn signalled() -> std::io::Result<()> {
    super::Signals::hear()?.next().await;
    Ok(())
}

trait Duplex: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Duplex for T {}

/// Standard input and output as one stream; where both are pipes, without a thread in between.
fn standard_streams() -> Box<dyn Duplex> {
    #[cfg(unix)]
    if let Ok(Some((input, output))) = pipes() {
        return Box::new(tokio::io::join(input, output));
    }
    Box::new(tokio::io::join(tokio::io::stdin(), tokio::io::stdout()))
}

/// Both, if both are pipes. Nothing is changed where one is not: a thread cannot read what does not block.
#[cfg(unix)]
fn pipes()
-> std::io::Result<Option<(tokio::net::unix::pipe::Receiver, tokio::net::unix::pipe::Sender)>> {
    use std::os::fd::AsFd as _;
    use tokio::net::unix::pipe::{Receiver, Sender};
    let input = std::io::stdin().as_fd().try_clone_to_owned()?;
    let output = std::io::stdout().as_fd().try_clone_to_owned()?;
    for end in [&input, &output] {
        if !rustix::fs::FileType::from_raw_mode(rustix::fs::fstat(end)?.st_mode).is_fifo() {
            return Ok(None);
        }
    }
    #[cfg(target_os = "linux")]
    for pipe in [&input, &output] {
        // A matter of speed alone: the two ends wait less for each other.
        rustix::pipe::fcntl_setpipe_size(pipe, 1 << 20).ok();
    }
    Ok(Some((Receiver::from_owned_fd(input)?, Sender::from_owned_fd(output)?)))
}
