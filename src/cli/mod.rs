//! The command line: one thin file a command, and what they share: how an error ends the program.

use std::process::ExitCode;

use clap::{CommandFactory as _, FromArgMatches as _, Parser, Subcommand};
use tokio_util::sync::CancellationToken;

use crate::model::place::Place;

mod actions;
mod amount;
mod assemble;
mod blame;
mod build;
mod cache;
mod doctor;
mod fetch;
mod index;
mod inspect;
mod install;
mod journalled;
mod listing;
mod makefile;
mod making;
mod page;
mod place;
mod plan;
mod publish;
mod release;
mod releases;
mod report;
mod resume;
mod runners;
mod schema;
mod selection;
mod show;
mod site;
mod smoke;
mod source;
mod toolsets;
mod uninstall;
mod verify;
mod via;
mod wanted;
mod worker;

/// Builds, proves and publishes the Windows binaries of Apache's mod_wsgi.
#[derive(Debug, Parser)]
#[command(version, max_term_width = 100, after_help = EXIT_CODES, subcommand_required = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

const EXIT_CODES: &str = "\
Exit codes:
  0    all is well
  1    the work was done and something did not pass: a build failed, a file was refused
  2    the input is wrong: the command line, matrix.yaml, a version, a file
  3    the machine lacks something: a tool, a package, the disk, the network
  130  interrupted with Ctrl-C; the next run continues from the cache

Set MODFARM_LOG=debug to see what happens inside.";

#[derive(Debug, Subcommand)]
enum Command {
    Release(Box<release::Args>),
    Build(Box<build::Args>),
    Assemble(Box<assemble::Args>),
    Publish(publish::Args),
    Plan(plan::Args),
    Makefile(makefile::Args),
    Runners(runners::Args),
    Inspect(inspect::Args),
    Smoke(smoke::Args),
    Doctor(doctor::Args),
    Fetch(Box<fetch::Args>),
    Install(Box<install::Args>),
    Uninstall(uninstall::Args),
    Verify(verify::Args),
    Page(page::Args),
    Index(index::Args),
    Report(report::Args),
    Cache(cache::Args),
    Schema(schema::Args),
    Toolsets(toolsets::Args),
    Worker(Box<worker::Args>),
}

/// Why a command did not end well: what to print, and the exit code.
#[derive(Debug)]
pub(crate) struct Failure {
    message: String,
    code: u8,
    place: Option<Place>,
}

impl Failure {
    /// The work was done and something did not pass.
    pub(crate) fn not_passed(message: impl ToString) -> Self {
        Self { message: message.to_string(), code: 1, place: None }
    }

    /// The input is wrong.
    pub(crate) fn bad_input(message: impl ToString) -> Self {
        Self { message: message.to_string(), code: 2, place: None }
    }

    /// The machine lacks something.
    pub(crate) fn environment(message: impl ToString) -> Self {
        Self { message: message.to_string(), code: 3, place: None }
    }

    /// Ended with Ctrl-C.
    pub(crate) fn interrupted(message: impl ToString) -> Self {
        Self { message: message.to_string(), code: Self::INTERRUPTED, place: None }
    }

    /// The same, where what is wrong stands in a file.
    pub(crate) fn at(self, place: Option<Place>) -> Self {
        Self { place, ..self }
    }

    /// The exit code of what was ended with Ctrl-C.
    const INTERRUPTED: u8 = 130;
}

/// Runs the program.
#[must_use]
pub fn main() -> ExitCode {
    tracing_subscriber::fmt()
        .with_env_filter(tracing_subscriber::EnvFilter::from_env("MODFARM_LOG"))
        .with_writer(std::io::stderr)
        .init();
    let result = match parse().command {
        Command::Release(args) => release::run(*args),
        Command::Build(args) => build::run(*args),
        Command::Assemble(args) => assemble::run(*args),
        Command::Publish(args) => publish::run(args),
        Command::Plan(args) => plan::run(args),
        Command::Makefile(args) => makefile::run(args),
        Command::Runners(args) => runners::run(args),
        Command::Inspect(args) => inspect::run(args),
        Command::Verify(args) => verify::run(args),
        Command::Page(args) => page::run(args),
        Command::Fetch(args) => fetch::run(*args),
        Command::Install(args) => install::run(*args),
        Command::Uninstall(args) => uninstall::run(args),
        Command::Index(args) => index::run(args),
        Command::Doctor(args) => doctor::run(args),
        Command::Smoke(args) => smoke::run(args),
        Command::Report(args) => report::run(args),
        Command::Cache(args) => cache::run(args),
        Command::Schema(args) => schema::run(args),
        Command::Toolsets(args) => toolsets::run(args),
        Command::Worker(args) => worker::run(*args),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            if !failure.message.is_empty() {
                crate::report::terminal::error(&failure.message, failure.place.as_ref());
            }
            ExitCode::from(failure.code)
        }
    }
}

/// The command line of this process; what is wrong with it ends the program.
fn parse() -> Cli {
    let matches = command().get_matches();
    Cli::from_arg_matches(&matches).unwrap_or_else(|error| error.exit())
}

fn command() -> clap::Command {
    Cli::command().mut_subcommand("release", resume::alone)
}

/// The arguments of a release as a journal has them; nothing where they are not understood.
fn release_args(arguments: &[String]) -> Option<release::Args> {
    let line = std::iter::once("modfarm").chain(arguments.iter().map(String::as_str));
    match Cli::try_parse_from(line).ok()?.command {
        Command::Release(args) => Some(*args),
        _ => None,
    }
}

/// Runs a future to its end, on as many threads as the machine has cores.
fn asynchronously<T>(future: impl Future<Output = T>) -> Result<T, Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::environment(format!("cannot start: {error}")))?;
    let result = runtime.block_on(future);
    runtime.shutdown_background();
    Ok(result)
}

/// Cancels at the first Ctrl-C or request to end; a second one ends the program at once.
fn cancel_on_signal(cancel: &CancellationToken) {
    let cancel = cancel.clone();
    // Heard from here on, not from whenever the task comes to run, and without a gap in between.
    let mut signals = match Signals::hear() {
        Ok(signals) => signals,
        Err(error) => {
            tracing::error!(%error, "cannot hear signals");
            return;
        }
    };
    tokio::spawn(async move {
        loop {
            signals.next().await;
            if cancel.is_cancelled() {
                std::process::exit(130);
            }
            cancel.cancel();
        }
    });
}

/// The signals that ask the program to end.
#[cfg(unix)]
struct Signals([tokio::signal::unix::Signal; 3]);

#[cfg(unix)]
impl Signals {
    fn hear() -> std::io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self([
            signal(SignalKind::terminate())?,
            signal(SignalKind::interrupt())?,
            signal(SignalKind::hangup())?,
        ]))
    }

    async fn next(&mut self) {
        let [terminate, interrupt, hangup] = &mut self.0;
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
            _ = hangup.recv() => {}
        }
    }
}

/// What Windows tells a program of its console: Ctrl-C, Ctrl-Break, the window is closed, the user logs
/// off, the machine is shut down. After the last three there are seconds left.
#[cfg(windows)]
struct Signals {
    ctrl_c: tokio::signal::windows::CtrlC,
    ctrl_break: tokio::signal::windows::CtrlBreak,
    close: tokio::signal::windows::CtrlClose,
    logoff: tokio::signal::windows::CtrlLogoff,
    shutdown: tokio::signal::windows::CtrlShutdown,
}

#[cfg(windows)]
impl Signals {
    fn hear() -> std::io::Result<Self> {
        use tokio::signal::windows;
        Ok(Self {
            ctrl_c: windows::ctrl_c()?,
            ctrl_break: windows::ctrl_break()?,
            close: windows::ctrl_close()?,
            logoff: windows::ctrl_logoff()?,
            shutdown: windows::ctrl_shutdown()?,
        })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.ctrl_c.recv() => {}
            _ = self.ctrl_break.recv() => {}
            _ = self.close.recv() => {}
            _ = self.logoff.recv() => {}
            _ = self.shutdown.recv() => {}
        }
    }
}
