//! Runs the command of a job: what it says is kept within bounds, and when it ends, for whatever
//! reason, nothing of what it started is left.

use std::collections::VecDeque;
use std::io;
use std::process::Stdio;
use std::time::Duration;

use camino::Utf8Path;
use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::process::Command;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::tokens::Token;
use crate::sys::guarded::Guarded;

/// What is kept of each of a command's two outputs: as much of its beginning and of its end.
const KEPT: usize = 2 << 20;

/// A command, and where and how long it may run.
#[derive(Debug)]
pub(super) struct Invocation<'a> {
    pub(super) arguments: &'a [String],
    pub(super) environment: Vec<(String, String)>,
    pub(super) folder: &'a Utf8Path,
    /// The program that runs for the name `modfarm`, and that is the guard.
    pub(super) own: &'a Utf8Path,
    pub(super) timeout: Duration,
}

/// How a command ended, and what it said.
#[derive(Debug)]
pub(super) struct Ended {
    pub(super) end: End,
    pub(super) stdout: Vec<u8>,
    pub(super) stderr: Vec<u8>,
}

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// By itself, or by a signal, which is added to 128.
    Exited(i32),
    /// By its time limit.
    OutOfTime,
    /// Because nobody wants it any more.
    Cancelled,
}

/// Runs a command to its end.
pub(super) async fn run(
    invocation: &Invocation<'_>,
    token: &Token,
    cancel: &CancellationToken,
) -> io::Result<Ended> {
    let mut child = spawn(invocation, token)?;
    let released = CancellationToken::new();
    let stdout = child.stdout().map(|pipe| capture(pipe, &released));
    let stderr = child.stderr().map(|pipe| capture(pipe, &released));
    let ended = tokio::select! {
        status = child.wait() => Ok(status?),
        () = cancel.cancelled() => Err(End::Cancelled),
        () = tokio::time::sleep(invocation.timeout) => Err(End::OutOfTime),
    };
    let end = match ended {
        Ok(status) => {
            if status.code().is_none() {
                child.kill();
            }
            End::Exited(status.code().unwrap_or(128))
        }
        Err(end) => {
            child.end().await;
            end
        }
    };
    let release = tokio::spawn(release_later(released));
    let said = Ended { end, stdout: said(stdout).await, stderr: said(stderr).await };
    release.abort();
    Ok(said)
}

/// Something outside the tree may hold the pipes; it is not waited for long.
async fn release_later(released: CancellationToken) {
    tokio::time::sleep(Duration::from_secs(2)).await;
    released.cancel();
}

fn spawn(invocation: &Invocation<'_>, token: &Token) -> io::Result<Guarded> {
    Guarded::spawn(invocation.own, invocation.arguments, |command| {
        command
            .env_clear()
            .envs(invocation.environment.iter().map(|(name, value)| (name, value)))
            .current_dir(invocation.folder)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        share(token, command);
    })
}

#[cfg(unix)]
fn share(token: &Token, command: &mut Command) {
    token.share_with(command.as_std_mut());
}

/// NMAKE reads the same variable and does not understand it.
#[cfg(not(unix))]
fn share(_: &Token, _: &mut Command) {}

fn capture(
    mut pipe: impl AsyncRead + Unpin + Send + 'static,
    released: &CancellationToken,
) -> JoinHandle<Vec<u8>> {
    let released = released.clone();
    tokio::spawn(async move {
        let mut said = Said::default();
        let mut buffer = vec![0; 1 << 16];
        loop {
            tokio::select! {
                read = pipe.read(&mut buffer) => match read {
                    Ok(read) if read > 0 => said.add(&buffer[..read]),
                    _ => return said.finish(),
                },
                () = released.cancelled() => return said.finish(),
            }
        }
    })
}

async fn said(capture: Option<JoinHandle<Vec<u8>>>) -> Vec<u8> {
    match capture {
        Some(capture) => capture.await.unwrap_or_default(),
        None => Vec::new(),
    }
}

/// The beginning and the end of what a command says.
#[derive(Debug, Default)]
struct Said {
    head: Vec<u8>,
    tail: VecDeque<u8>,
    cut: u64,
}

impl Said {
    fn add(&mut self, bytes: &[u8]) {
        let (head, rest) = bytes.split_at(bytes.len().min(KEPT - self.head.len()));
        self.head.extend(head);
        self.tail.extend(rest);
        let over = self.tail.len().saturating_sub(KEPT);
        self.tail.drain(..over);
        self.cut += over as u64;
    }

    fn finish(mut self) -> Vec<u8> {
        if self.cut > 0 {
            let note = format!("\n[modfarm: {} bytes are left out here]\n", self.cut);
            self.head.extend(note.as_bytes());
        }
        self.head.extend(self.tail);
        self.head
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_the_beginning_and_the_end() {
        let mut said = Said::default();
        said.add(b"begin");
        for _ in 0..100 {
            said.add(&vec![b'x'; 100_000]);
        }
        said.add(b"end");
        let said = said.finish();
        assert!(said.len() < 2 * KEPT + 100);
        assert!(said.starts_with(b"begin") && said.ends_with(b"end"));
        let text = String::from_utf8(said).unwrap();
        assert!(text.contains(&format!("{} bytes are left out", 10_000_008 - 2 * KEPT)));
    }

    #[test]
    fn keeps_all_of_what_is_not_too_long() {
        let mut said = Said::default();
        said.add(&vec![b'x'; KEPT]);
        said.add(&vec![b'y'; KEPT]);
        assert_eq!(said.finish().len(), 2 * KEPT);
    }
}
