//! What a running program says, kept while it runs: its end only, where it says too much.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::io::{AsyncRead, AsyncReadExt as _};

use crate::sys::guarded::Guarded;

/// What is kept, in bytes.
const KEPT: usize = 64 << 10;

/// Both outputs of a program, as they come.
#[derive(Clone, Debug, Default)]
pub(super) struct Said(Arc<Mutex<Vec<u8>>>);

impl Said {
    /// Listens to a program until it says no more.
    pub(super) fn listen(child: &mut Guarded) -> Self {
        let said = Self::default();
        if let Some(pipe) = child.stdout() {
            tokio::spawn(said.clone().keep(pipe));
        }
        if let Some(pipe) = child.stderr() {
            tokio::spawn(said.clone().keep(pipe));
        }
        said
    }

    /// What it said so far.
    pub(super) fn text(&self) -> String {
        let said = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        String::from_utf8_lossy(&said).replace('\r', "")
    }

    async fn keep(self, mut pipe: impl AsyncRead + Unpin) {
        let mut buffer = vec![0; 4096];
        while let Ok(read @ 1..) = pipe.read(&mut buffer).await {
            let mut said = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            said.extend_from_slice(&buffer[..read]);
            let over = said.len().saturating_sub(KEPT);
            said.drain(..over);
        }
    }
}
