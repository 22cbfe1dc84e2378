//! What is read of GitHub's answers about workflows, and no more. Whether a job is queued, and how it ended,
//! stays text: GitHub has more words for that than its description, and will have others.

use jiff::Timestamp;
use serde::Deserialize;

use super::{Run, name_of};
use crate::model::digest::Sha256;

/// A workflow.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct WorkflowReply {
    #[serde(default)]
    pub(super) state: String,
}

impl WorkflowReply {
    pub(super) fn is_disabled(&self) -> bool {
        self.state.starts_with("disabled") || self.state == "deleted"
    }
}

/// What a server that gives details says of a run that it started.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct StartedReply {
    pub(super) workflow_run_id: u64,
}

/// A run.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct RunReply {
    id: u64,
    #[serde(default)]
    html_url: String,
    #[serde(default)]
    run_attempt: Option<u64>,
    #[serde(default)]
    pub(super) status: Option<String>,
    #[serde(default)]
    pub(super) conclusion: Option<String>,
    #[serde(default)]
    pub(super) created_at: Option<Timestamp>,
}

impl RunReply {
    pub(super) fn run(&self) -> Run {
        let (id, url) = (self.id, self.html_url.clone());
        Run { id, url, attempt: self.run_attempt.unwrap_or(1) }
    }

    /// How it ended, once it has.
    pub(super) fn ended(&self) -> Option<String> {
        let is_over = self.status.as_deref() == Some("completed");
        is_over.then(|| name_of(self.conclusion.as_deref().unwrap_or("unknown")))
    }
}

/// A list of runs.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct RunsReply {
    pub(super) workflow_runs: Vec<RunReply>,
}

/// A page of the jobs of a run.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct JobsReply {
    pub(super) jobs: Vec<JobReply>,
}

/// A job.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct JobReply {
    pub(super) id: u64,
    pub(super) name: String,
    pub(super) status: String,
    #[serde(default)]
    pub(super) conclusion: Option<String>,
    #[serde(default)]
    pub(super) html_url: Option<String>,
    #[serde(default)]
    pub(super) check_run_url: Option<String>,
    #[serde(default)]
    pub(super) started_at: Option<Timestamp>,
    #[serde(default)]
    pub(super) completed_at: Option<Timestamp>,
    #[serde(default)]
    pub(super) labels: Option<Vec<String>>,
    #[serde(default)]
    pub(super) runner_name: Option<String>,
    #[serde(default)]
    pub(super) steps: Option<Vec<StepReply>>,
}

/// A step of a job.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct StepReply {
    pub(super) name: String,
    #[serde(default)]
    pub(super) conclusion: Option<String>,
}

/// What a job said of a place in a file.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct AnnotationReply {
    pub(super) path: String,
    #[serde(default)]
    pub(super) start_line: Option<u64>,
    #[serde(default)]
    pub(super) annotation_level: Option<String>,
    #[serde(default)]
    pub(super) title: Option<String>,
    #[serde(default)]
    pub(super) message: Option<String>,
}

/// A page of the artifacts of a run.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct ArtifactsReply {
    pub(super) artifacts: Vec<ArtifactReply>,
}

/// An artifact.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct ArtifactReply {
    pub(super) id: u64,
    pub(super) name: String,
    pub(super) size_in_bytes: u64,
    pub(super) expired: bool,
    #[serde(default)]
    pub(super) digest: Option<String>,
    #[serde(default)]
    pub(super) expires_at: Option<Timestamp>,
}

impl ArtifactReply {
    /// GitHub's own digest of the archive, where it has one.
    pub(super) fn sha256(&self) -> Option<Sha256> {
        self.digest.as_deref()?.strip_prefix("sha256:")?.parse().ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_that_nobody_knows_are_kept() {
        let run: RunReply = serde_json::from_str(
            r#"{"id":1,"html_url":"u","status":"completed","conclusion":"startup_failure"}"#,
        )
        .unwrap();
        assert_eq!(run.ended().as_deref(), Some("startup_failure"));
        assert_eq!(run.run().attempt, 1);
        let job = r#"{"id":1,"name":"x","status":"requested","conclusion":"stale","labels":null}"#;
        let job: JobReply = serde_json::from_str(job).unwrap();
        assert_eq!((job.status.as_str(), job.conclusion.as_deref()), ("requested", Some("stale")));
    }
}
