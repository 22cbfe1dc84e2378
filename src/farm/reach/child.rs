//! A worker at the other end of a child's standard input and output: on this machine, or through ssh.

use std::process::Stdio;
use std::time::Duration;

use tokio::io::Join;
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

/// How long a worker has to end by itself.
const FAREWELL: Duration = Duration::from_secs(2);

/// Starts a worker in a process group of its own, so that Ctrl-C on a terminal comes to us alone.
pub(super) fn start(command: &mut Command) -> std::io::Result<Child> {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    #[cfg(unix)]
    command.process_group(0);
    #[cfg(windows)]
    command.creation_flags(0x0000_0200);
    command.spawn()
}

/// The stream to the worker, once.
pub(super) fn stream(child: &mut Child) -> Result<Join<ChildStdout, ChildStdin>, String> {
    match (child.stdout.take(), child.stdin.take()) {
        (Some(input), Some(output)) => Ok(tokio::io::join(input, output)),
        _ => Err("it has no standard input and output".to_owned()),
    }
}

/// Waits for a worker whose standard input is closed, or is about to be; in the end without mercy.
pub(super) async fn end(mut child: Child) {
    drop(child.stdin.take());
    if tokio::time::timeout(FAREWELL, child.wait()).await.is_err() {
        drop(child.kill().await);
    }
}
