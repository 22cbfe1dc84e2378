//! What is believed of a result: the one file that was asked for, a log of some length, and a time that
//! can be.

use std::time::Duration;

use bazel_remote_apis::build::bazel::remote::execution::v2 as reapi;
use tonic::{Code, Status};

use super::follow::Ended;
use super::terms::Peer;
use super::{Client, Trouble};
use crate::farm::{Outcome, harmless};
use crate::model::job::Action;
use crate::model::tree::from_wire;

/// The largest file that a job may make: fifty times what a module has.
const OUTPUT_LIMIT: u64 = 16 << 20;

/// The longest log of one of a command's two outputs.
const LOG_LIMIT: u64 = 8 << 20;

impl Client {
    /// What came of an action that was run.
    pub(super) async fn ended(&self, action: &Action, ended: Ended) -> Result<Outcome, Trouble> {
        let Ended { response, took } = ended;
        let status = response.status.unwrap_or_default();
        let result = response.result.unwrap_or_default();
        match Code::from(status.code) {
            Code::Ok => {
                let took = if response.cached_result { Duration::ZERO } else { took };
                self.outcome(action, result, &response.message, took).await
            }
            Code::DeadlineExceeded if took < action.timeout() => {
                Err(self.fault("it says that the job's time is over, and it is not"))
            }
            Code::DeadlineExceeded => {
                let limit = action.timeout().as_secs();
                let reason = format!("it was ended at its time limit of {limit} s");
                Ok(Outcome::Failed { reason, log: self.log(&result).await? })
            }
            code => Err(self.trouble("run the job", &Status::new(code, status.message))),
        }
    }

    /// What a result says. It took at most so long; no time where it was known already.
    pub(super) async fn outcome(
        &self,
        action: &Action,
        result: reapi::ActionResult,
        message: &str,
        took: Duration,
    ) -> Result<Outcome, Trouble> {
        let log = self.log(&result).await?;
        if result.exit_code != 0 {
            let reason = format!("the command ended with exit code {}", result.exit_code);
            return Ok(Outcome::Failed { reason, log });
        }
        let millis = millis(&result, took);
        let mut files = result.output_files.into_iter();
        let Some(file) = files.find(|file| file.path == action.output()) else {
            return self.nothing_made(action, message, log);
        };
        let digest = file.digest.as_ref().and_then(from_wire);
        let digest = digest.ok_or_else(|| self.fault("it names a file without a digest"))?;
        if digest.size > OUTPUT_LIMIT {
            let limit = OUTPUT_LIMIT >> 20;
            let reason =
                format!("its {} has {} bytes; {limit} MiB is the most", file.path, digest.size);
            return Err(self.fault(&reason));
        }
        let bytes = if file.contents.len() as u64 == digest.size {
            self.check(digest, file.contents.into())?
        } else {
            self.fetch(digest).await?
        };
        Ok(Outcome::Built { bytes, digest, cached: took.is_zero(), millis, log })
    }

    /// A command may end well and make nothing. modfarm's own worker says so then; one that does not is
    /// not believed.
    fn nothing_made(&self, action: &Action, said: &str, log: String) -> Result<Outcome, Trouble> {
        let reason = format!("the command ended well but did not make {}", action.output());
        if said.is_empty() && self.terms.peer != Peer::Cluster {
            return Err(self.fault(&format!("it says no more than that {reason}")));
        }
        let reason = if said.is_empty() { reason } else { harmless::message(said) };
        Ok(Outcome::Failed { reason, log })
    }

    /// What a command said: its standard output, then its standard error.
    async fn log(&self, result: &reapi::ActionResult) -> Result<String, Trouble> {
        let mut log = String::new();
        for (raw, digest) in [
            (&result.stdout_raw, &result.stdout_digest),
            (&result.stderr_raw, &result.stderr_digest),
        ] {
            let fetched = match digest.as_ref().and_then(from_wire).filter(|_| raw.is_empty()) {
                Some(digest) if digest.size > LOG_LIMIT => {
                    log.push_str("[modfarm: a log larger than 8 MiB is left out here]\n");
                    continue;
                }
                Some(digest) => Some(self.fetch(digest).await?),
                None => None,
            };
            log.push_str(&harmless::log(fetched.as_deref().unwrap_or(raw)));
        }
        Ok(log)
    }
}

/// Whether a result has the file that the action is for.
pub(super) fn names_output(action: &Action, result: &reapi::ActionResult) -> bool {
    result.output_files.iter().any(|file| file.path == action.output())
}

/// How long the command ran, as the worker says, and no longer than it was away.
fn millis(result: &reapi::ActionResult, took: Duration) -> u64 {
    let Some(metadata) = &result.execution_metadata else { return 0 };
    let at = |time: &Option<bazel_remote_apis::google::protobuf::Timestamp>| {
        let time = time.as_ref()?;
        time.seconds.checked_mul(1000)?.checked_add(i64::from(time.nanos) / 1_000_000)
    };
    let ended = at(&metadata.execution_completed_timestamp);
    let span = ended.zip(at(&metadata.execution_start_timestamp));
    let span = span.and_then(|(end, start)| u64::try_from(end.checked_sub(start)?).ok());
    span.unwrap_or(0).min(u64::try_from(took.as_millis()).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use bazel_remote_apis::google::protobuf::Timestamp;

    use super::*;

    #[test]
    fn a_time_that_cannot_be_is_not_believed() {
        let at = |seconds, nanos| Some(Timestamp { seconds, nanos });
        let took = Duration::from_millis(1500);
        for (start, end, expected) in [
            (at(100, 0), at(101, 0), 1000),
            (at(100, 0), at(999, 0), 1500),
            (at(i64::MIN, i32::MIN), at(i64::MAX, i32::MAX), 0),
            (at(0, 0), at(i64::MAX / 1000, 0), 1500),
            (at(101, 0), at(100, 0), 0),
            (None, at(100, 0), 0),
        ] {
            let metadata = reapi::ExecutedActionMetadata {
                execution_start_timestamp: start,
                execution_completed_timestamp: end,
                ..Default::default()
            };
            let result =
                reapi::ActionResult { execution_metadata: Some(metadata), ..Default::default() };
            assert_eq!(millis(&result, took), expected, "{start:?} {end:?}");
        }
    }
}
