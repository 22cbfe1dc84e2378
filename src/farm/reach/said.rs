//! What a worker's process says on its standard error: the last of it explains an end.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::io::{AsyncRead, AsyncReadExt as _};

use crate::farm::harmless;

/// How much is kept.
const KEPT: usize = 4096;

/// The last of what a worker says on its standard error.
#[derive(Clone, Debug, Default)]
pub(super) struct Said(Arc<Mutex<VecDeque<u8>>>);

impl Said {
    /// Hears all of it, so that the worker never waits to be heard.
    pub(super) async fn listen(self, runner: String, mut stderr: impl AsyncRead + Unpin) {
        let mut buffer = vec![0; 8192];
        while let Ok(read) = stderr.read(&mut buffer).await {
            if read == 0 {
                break;
            }
            let text = String::from_utf8_lossy(&buffer[..read]);
            tracing::debug!("worker of {runner}: {}", harmless::message(text.trim_end()));
            let mut said = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            said.extend(&buffer[..read]);
            let over = said.len().saturating_sub(KEPT);
            said.drain(..over);
        }
    }

    /// What is kept of it.
    pub(super) fn text(&self) -> String {
        let said = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let bytes: Vec<u8> = said.iter().copied().collect();
        String::from_utf8_lossy(&bytes).into_owned()
    }
}

/// So many lines stand below an error.
const LINES: usize = 8;

/// The last lines of what was said, below the error that they explain.
pub(in crate::farm) fn quoted(text: &str) -> String {
    let frame = |c: char| c == '@' || c.is_whitespace();
    let lines: Vec<&str> = text
        .lines()
        .map(str::trim_end)
        .filter(|line| !line.trim_matches(frame).is_empty())
        .collect();
    let shown = &lines[lines.len().saturating_sub(LINES)..];
    let mut quoted = String::new();
    for line in shown {
        quoted += "\n  it says: ";
        quoted += &harmless::message(line);
    }
    quoted
}
