//! Child processes that run to their end while we wait. The worker's, which may have to be ended with
//! all their descendants, are its own.

use std::ffi::OsStr;
use std::io;
use std::process::{Command, Output, Stdio};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::Duration;

use camino::Utf8PathBuf;
use tokio_util::sync::CancellationToken;

/// How often one looks whether the run was given up.
const LOOK: Duration = Duration::from_millis(50);

/// The variables of a token that publishes releases, as GitHub's own programs name them.
pub const TOKENS: [&str; 4] =
    ["GH_TOKEN", "GITHUB_TOKEN", "GH_ENTERPRISE_TOKEN", "GITHUB_ENTERPRISE_TOKEN"];

/// A child process that could not be run, or that failed.
#[derive(Debug, thiserror::Error)]
pub enum ProcessError {
    /// The program is not there, or cannot be started.
    #[error("cannot run {program}: {source}{}", missing_hint(program, source))]
    Start {
        /// Which program.
        program: String,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// It ran and said no.
    #[error("{program} failed ({status}):\n{output}")]
    Failed {
        /// Which program.
        program: String,
        /// Its exit status in words.
        status: String,
        /// The last of what it said.
        output: String,
    },
    /// It did not come to an end.
    #[error("{program} took longer than {seconds} s, and was ended")]
    TooLong {
        /// Which program.
        program: String,
        /// How long it had.
        seconds: u64,
    },
    /// The run was given up while it was at work.
    #[error("{program} was ended, for the run was interrupted")]
    Stopped {
        /// Which program.
        program: String,
    },
}

fn missing_hint(program: &str, source: &io::Error) -> String {
    if source.kind() == io::ErrorKind::NotFound {
        format!("\nhint: install {program}, or put it on the PATH")
    } else {
        String::new()
    }
}

/// A command that runs without the tokens of this process. Every child of modfarm's is made here:
/// what compiles has no business publishing.
pub fn command(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(program);
    for name in TOKENS {
        command.env_remove(name);
    }
    command
}

/// Where on the `PATH` a program stands; it is not started to learn that.
#[must_use]
pub fn find(program: &str) -> Option<Utf8PathBuf> {
    let name = format!("{program}{}", std::env::consts::EXE_SUFFIX);
    std::env::split_paths(&std::env::var_os("PATH")?)
        .map(|folder| folder.join(&name))
        .find(|path| path.is_file())
        .and_then(|path| Utf8PathBuf::from_path_buf(path).ok())
}

/// What a command says on its standard output; an error with the end of what it said otherwise.
pub fn capture(command: &mut Command) -> Result<String, ProcessError> {
    let program = name(command);
    let output = command.stdin(Stdio::null()).output();
    judge(
        output.map_err(|source| ProcessError::Start { program: program.clone(), source })?,
        program,
    )
}

/// The same of a command that may take long: once `stop` is cancelled, it is ended with whatever it
/// started.
pub fn capture_until(
    command: &mut Command,
    stop: &CancellationToken,
) -> Result<String, ProcessError> {
    let program = name(command);
    let start = |source| ProcessError::Start { program: program.clone(), source };
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    #[cfg(unix)]
    std::os::unix::process::CommandExt::process_group(command, 0);
    let child = command.spawn().map_err(start)?;
    let id = child.id();
    let (ended, end) = channel();
    std::thread::spawn(move || ended.send(child.wait_with_output()));
    loop {
        match end.recv_timeout(LOOK) {
            Ok(output) => return judge(output.map_err(start)?, program),
            Err(RecvTimeoutError::Timeout) if !stop.is_cancelled() => {}
            Err(_) => {
                end_group(id);
                drop(end.recv());
                return Err(ProcessError::Stopped { program });
            }
        }
    }
}

#[cfg(unix)]
pub(super) fn end_group(id: u32) {
    use rustix::process::{Pid, Signal, kill_process_group};
    if let Some(group) = i32::try_from(id).ok().and_then(Pid::from_raw) {
        // It may have ended just now.
        kill_process_group(group, Signal::KILL).ok();
    }
}

/// On Windows by the program that comes with it: what the process started, then the process.
#[cfg(windows)]
pub(super) fn end_group(id: u32) {
    // It may have ended just now.
    drop(command("taskkill").args(["/F", "/T", "/PID", &id.to_string()]).output());
}

pub(super) fn name(command: &Command) -> String {
    command.get_program().to_string_lossy().into_owned()
}

fn judge(output: Output, program: String) -> Result<String, ProcessError> {
    let Output { status, stdout, stderr } = output;
    let stdout = String::from_utf8_lossy(&stdout).into_owned();
    if status.success() {
        return Ok(stdout);
    }
    let said = format!("{stdout}{}", String::from_utf8_lossy(&stderr));
    let lines: Vec<&str> = said.lines().filter(|line| !line.trim().is_empty()).collect();
    let output = lines[lines.len().saturating_sub(12)..].join("\n");
    Err(ProcessError::Failed { program, status: status.to_string(), output })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_child_has_no_token() {
        let command = command("env");
        let removed: Vec<_> = command.get_envs().filter(|(_, value)| value.is_none()).collect();
        assert_eq!(removed.len(), TOKENS.len());
    }

    #[test]
    fn a_program_is_looked_for_on_the_path() {
        assert_eq!(find("cargo").unwrap().file_stem(), Some("cargo"));
        assert_eq!(find("no-such-program-anywhere"), None);
    }
}
