//! A worker at the other end of a child's standard input and output: on this machine, or through ssh.

use std::process::Stdio;
use std::time::Duration;

use tokio::process::{Child, Command};

/// How long a worker has to end by itself: its guards have as long to end what the commands started, and
/// then it clears their folders away.
const FAREWELL: Duration = Duration::from_secs(10);

/// Starts a worker in a process group of its own, so that Ctrl-C on a terminal comes to us alone.
pub(super) fn start(command: &mut Command) -> std::io::Result<Child> {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    #[cfg(unix)]
    command.process_group(0);
    #[cfg(windows)]
    command.creation_flags(0x0000_0200);
    command.spawn()
}

/// The exit code of a worker that ends by itself, if it does so soon and no signal ended it.
pub(super) async fn exit_code(child: &mut Child) -> Option<i32> {
    drop(child.stdin.take());
    tokio::time::timeout(FAREWELL, child.wait()).await.ok()?.ok()?.code()
}

/// Waits for a worker whose standard input is closed, or is about to be; in the end without mercy.
pub(super) async fn end(mut child: Child) {
    drop(child.stdin.take());
    if tokio::time::timeout(FAREWELL, child.wait()).await.is_err() {
        drop(child.kill().await);
    }
}
