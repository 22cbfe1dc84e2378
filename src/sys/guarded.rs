//! A child process that leaves nothing behind: on Linux below a guard (`guard.rs`) that ends with us,
//! elsewhere in a process group or job object.

use std::io;
use std::process::{ExitStatus, Stdio};
use std::time::{Duration, Instant};

use camino::{Utf8Path, Utf8PathBuf};
use process_wrap::tokio::{ChildWrapper, CommandWrap};
use tokio::process::{ChildStderr, ChildStdin, ChildStdout, Command};

use super::process;

/// How long the guard has to end what the command started.
const PATIENCE: Duration = Duration::from_secs(10);

/// How long is waited for one that is dropped before its end.
const DROPPED: Duration = Duration::from_secs(2);

/// A command that runs under guard. Dropped, it is ended with everything that it started.
#[derive(Debug)]
pub struct Guarded {
    child: Box<dyn ChildWrapper>,
    lifeline: Option<ChildStdin>,
}

impl Guarded {
    /// Starts a command. `own` is this very program: it is the guard, and runs for the name `modfarm`.
    /// `set` says environment, folder and outputs; standard input is the guard's.
    pub fn spawn(
        own: &Utf8Path,
        arguments: &[String],
        set: impl FnOnce(&mut Command),
    ) -> io::Result<Self> {
        let mut command = guarded(own, arguments);
        set(&mut command);
        let mut command = CommandWrap::from(command);
        #[cfg(unix)]
        command.wrap(process_wrap::tokio::ProcessGroup::leader());
        #[cfg(windows)]
        command.wrap(process_wrap::tokio::JobObject);
        // A guard must not be killed before it has ended what is below it; it goes by itself.
        #[cfg(not(target_os = "linux"))]
        command.wrap(process_wrap::tokio::KillOnDrop);
        let mut child = command.spawn()?;
        let lifeline = child.stdin().take();
        Ok(Self { child, lifeline })
    }

    /// What the command says on standard output, where that is a pipe and was not taken before.
    pub fn stdout(&mut self) -> Option<ChildStdout> {
        self.child.stdout().take()
    }

    /// The same of standard error.
    pub fn stderr(&mut self) -> Option<ChildStderr> {
        self.child.stderr().take()
    }

    /// Waits for the end of the command; what it left behind is ended by then.
    #[cfg(target_os = "linux")]
    pub async fn wait(&mut self) -> io::Result<ExitStatus> {
        self.child.wait().await
    }

    /// Waits for the end of the command, and ends what it left behind: waiting for the whole group or
    /// job object is waiting for that to end by itself.
    #[cfg(not(target_os = "linux"))]
    pub async fn wait(&mut self) -> io::Result<ExitStatus> {
        let status = self.child.inner_mut().wait().await;
        self.kill();
        status
    }

    /// How the command ended, if it has.
    pub fn ended(&mut self) -> io::Result<Option<ExitStatus>> {
        self.child.try_wait()
    }

    /// Ends what is left in its group without another word.
    pub fn kill(&mut self) {
        drop(self.child.start_kill());
    }

    /// Ends the command and all that it started, and returns when nothing of it is left.
    pub async fn end(&mut self) {
        let guarded = self.lifeline.is_some();
        drop(self.lifeline.take());
        if guarded && tokio::time::timeout(PATIENCE, self.child.wait()).await.is_ok() {
            return;
        }
        self.kill();
        drop(tokio::time::timeout(PATIENCE, self.child.inner_mut().wait()).await);
    }
}

impl Drop for Guarded {
    /// What is dropped in the midst is gone before its folder is cleared away.
    fn drop(&mut self) {
        drop(self.lifeline.take());
        // Where there is no guard, nobody hears of the lifeline.
        #[cfg(not(target_os = "linux"))]
        self.kill();
        let start = Instant::now();
        while start.elapsed() < DROPPED && matches!(self.child.try_wait(), Ok(None)) {
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}

/// This very program, to be the guard.
pub fn own_program() -> io::Result<Utf8PathBuf> {
    let path = std::env::current_exe()?;
    Utf8PathBuf::from_path_buf(path)
        .map_err(|path| io::Error::other(format!("my own path {} is not Unicode", path.display())))
}

/// The command below a guard, which ends everything when its standard input does.
#[cfg(target_os = "linux")]
fn guarded(own: &Utf8Path, arguments: &[String]) -> Command {
    let mut command = Command::from(process::command(own));
    command.args(["worker", "--guard", "--"]).args(arguments).stdin(Stdio::piped());
    command
}

/// The command itself: the process group, or on Windows the job object, holds what it starts.
#[cfg(not(target_os = "linux"))]
fn guarded(own: &Utf8Path, arguments: &[String]) -> Command {
    let program = arguments.first().map_or("", String::as_str);
    let program = if program == "modfarm" { own.as_str() } else { program };
    let mut command = Command::from(process::command(program));
    command.args(arguments.iter().skip(1)).stdin(Stdio::null());
    command
}
