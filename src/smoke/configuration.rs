//! Whether an Apache takes its own configuration: `httpd -t`, on whatever runs it here.

use std::process::Stdio;

use tokio_util::sync::CancellationToken;

use super::cause::{self, Evidence};
use super::said::Said;
use super::system::Seat;
use super::{Harness, SmokeError, Trial};
use crate::sys::guarded::Guarded;

/// What an Apache says of its configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Judgement {
    /// Whether it would start with it.
    pub passed: bool,
    /// Its words.
    pub said: String,
    /// Why it would not, where that is known.
    pub cause: Option<String>,
}

impl Harness {
    /// Asks the Apache of a trial about the `conf/httpd.conf` that it has. When this returns, no process is
    /// left.
    pub async fn judge_configuration(
        &self,
        trial: &Trial,
        cancel: &CancellationToken,
    ) -> Result<Judgement, SmokeError> {
        tokio::select! {
            judgement = self.ask_httpd(trial) => judgement,
            () = cancel.cancelled() => Err(SmokeError::Cancelled),
        }
    }

    async fn ask_httpd(&self, trial: &Trial) -> Result<Judgement, SmokeError> {
        let seat = self.system.seat(&self.own).await?;
        let host = &trial.host;
        if let Some(python) = &host.registration {
            seat.register(python, &host.python.folder)?;
        }
        let mut child = self.start(trial, &seat)?;
        let said = Said::listen(&mut child);
        let ended = tokio::time::timeout(self.patience, child.wait()).await;
        child.end().await;
        // What it said last is still on its way through the pipe.
        tokio::time::sleep(super::server::LOOK).await;
        let said = said.text();
        let status = match ended {
            Ok(Ok(status)) => Some(status),
            _ => None,
        };
        let exit = status.map(|status| status.code().unwrap_or(-1));
        let passed = exit == Some(0);
        let evidence = Evidence { trial, said: &said, log: "", exit };
        let cause = if passed { None } else { cause::likely(&evidence) };
        Ok(Judgement { passed, said: said.trim().to_owned(), cause })
    }

    fn start(&self, trial: &Trial, seat: &Seat) -> Result<Guarded, SmokeError> {
        let apache = &trial.host.apache.folder;
        let arguments = ["-d".to_owned(), seat.spell(apache), "-t".to_owned()];
        let command = seat.command(&trial.host.program, &arguments);
        Guarded::spawn(&self.own, &command, |command| {
            command.env_clear().envs(seat.environment()).current_dir(apache);
            command.stdout(Stdio::piped()).stderr(Stdio::piped());
        })
        .map_err(|source| SmokeError::Start { program: trial.host.program.clone(), source })
    }
}
