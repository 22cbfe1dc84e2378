//! Starts the workflow, exactly once, and tells which run that is: from GitHub's answer, or from servers that
//! do not say it from their list of runs.

use std::time::{Duration, Instant};

use http::Method;
use serde_json::{Map, Value, json};

use super::wire::{RunReply, RunsReply, StartedReply};
use super::{Actions, ActionsError, Run, SOON};
use crate::publish::github::GitHubError;
use crate::publish::github::client::{Ask, Content};
use crate::publish::github::retry::{Answer, Fault, Waits};

/// How it is to be started.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Start {
    /// The branch or tag whose workflow runs; without it the default branch.
    pub on: Option<String>,
    /// The workflow's inputs.
    pub inputs: Vec<(String, String)>,
}

/// How long a run may take to appear in GitHub's list.
const APPEARS: Duration = Duration::from_secs(60);

/// How long it is looked for where nobody knows whether it was started.
const MAY_APPEAR: Duration = Duration::from_secs(8);

impl Actions {
    /// Starts the workflow.
    pub async fn start(&self, start: &Start) -> Result<Run, ActionsError> {
        if self.archived {
            let repository = self.site.repository.to_string();
            return Err(GitHubError::Archived { repository }.into());
        }
        let branch = start.on.as_deref().unwrap_or(&self.branch);
        let url = self.site.url(&["actions", "workflows", &self.workflow, "dispatches"]);
        let what = format!("start {} on {branch}", self.workflow);
        let mut detailed = true;
        let mut waits = Waits::default();
        loop {
            let began = Instant::now();
            let body = Content::Json(body(branch, &start.inputs, detailed));
            let ask = Ask::new(&what, Method::POST, url.clone()).with(body);
            let fault = match self.site.client.attempt(&ask).await? {
                Ok(reply) => return self.started(&reply.bytes, branch).await,
                Err(fault) => fault,
            };
            match &fault {
                Fault::Answer(answer) if detailed && knows_no_details(answer) => {
                    detailed = false;
                    continue;
                }
                Fault::Answer(answer) if !answer.passes() => {
                    return Err(self.refused(what, branch, answer));
                }
                _ => self.site.client.pause(&mut waits, &fault, &what, began).await?,
            }
            // It must not be started twice.
            if fault.may_be_done()
                && let Some(run) = self.look(branch, MAY_APPEAR).await?
            {
                return Ok(run);
            }
        }
    }

    /// The run of an answer that it was started.
    async fn started(&self, answer: &[u8], branch: &str) -> Result<Run, ActionsError> {
        match serde_json::from_slice::<StartedReply>(answer) {
            Ok(started) => self.appeared(started.workflow_run_id).await,
            Err(_) => self.look(branch, APPEARS).await?.ok_or_else(|| self.not_found(Vec::new())),
        }
    }

    /// A run that was started just now, and may not be there for everybody.
    async fn appeared(&self, id: u64) -> Result<Run, ActionsError> {
        let until = Instant::now() + APPEARS;
        loop {
            match self.run(id).await {
                Err(ActionsError::NoRun { .. }) if Instant::now() < until => {
                    tokio::time::sleep(SOON).await;
                }
                other => return other.map_err(|error| error.of_run(id)),
            }
        }
    }

    /// Looks for the one run that was started since the workflow was looked at.
    async fn look(&self, branch: &str, patience: Duration) -> Result<Option<Run>, ActionsError> {
        let until = Instant::now() + patience;
        let mut wait = SOON / 4;
        loop {
            match self.candidates(branch).await?.as_slice() {
                [] if Instant::now() >= until => return Ok(None),
                [] => tokio::time::sleep(wait).await,
                [one] => return Ok(Some(one.run())),
                several => {
                    return Err(self.not_found(several.iter().map(|run| run.run().id).collect()));
                }
            }
            wait = (wait * 2).min(SOON * 5);
        }
    }

    async fn candidates(&self, branch: &str) -> Result<Vec<RunReply>, ActionsError> {
        let mut url = self.site.url(&["actions", "workflows", &self.workflow, "runs"]);
        let branch = branch.trim_start_matches("refs/heads/").trim_start_matches("refs/tags/");
        let created = format!(">={}", self.since.strftime("%Y-%m-%dT%H:%M:%SZ"));
        url.query_pairs_mut()
            .append_pair("event", "workflow_dispatch")
            .append_pair("branch", branch)
            .append_pair("created", &created)
            .append_pair("per_page", "20");
        let ask = Ask::new("look for the run that was started", Method::GET, url);
        let (reply, _) = self.site.client.read::<RunsReply>(&ask).await?;
        // Servers that know no such filter list older ones as well.
        let second = self.since.as_second();
        let young =
            |run: &RunReply| run.created_at.is_none_or(|created| created.as_second() >= second);
        Ok(reply.workflow_runs.into_iter().filter(young).collect())
    }

    fn not_found(&self, runs: Vec<u64>) -> ActionsError {
        let workflow = self.workflow.clone();
        let url = self.site.url(&["actions", "workflows", &workflow]);
        ActionsError::NotFound { workflow, runs, url: url.to_string() }
    }

    fn refused(&self, what: String, branch: &str, answer: &Answer) -> ActionsError {
        let message = answer.words();
        match answer.status {
            // GitHub answers 404 to who may read and not write.
            403 | 404 => ActionsError::Forbidden { what, message },
            422 => {
                let (workflow, branch) = (self.workflow.clone(), branch.to_owned());
                ActionsError::NotStarted { workflow, branch, message }
            }
            _ => GitHubError::Answered { what, answer: Box::new(answer.clone()) }.into(),
        }
    }

    /// Has what failed in a run run again, and all that comes after it.
    pub async fn again(&self, run: &Run) -> Result<Run, ActionsError> {
        let url = self.run_url(run.id, &["rerun-failed-jobs"]);
        let ask = Ask::new(format!("run what failed in run {} again", run.id), Method::POST, url);
        match self.site.client.call(&ask).await {
            Err(GitHubError::Answered { answer, .. })
                if matches!(answer.status, 403 | 409 | 422) =>
            {
                let (url, message) = (run.url.clone(), answer.words());
                return Err(ActionsError::NotAgain { run: run.id, url, message });
            }
            other => drop(other?),
        }
        let until = Instant::now() + APPEARS;
        loop {
            let now = self.run(run.id).await?;
            // For a moment it still is what it was.
            if now.attempt > run.attempt || Instant::now() >= until {
                return Ok(now);
            }
            tokio::time::sleep(SOON).await;
        }
    }
}

fn body(branch: &str, inputs: &[(String, String)], detailed: bool) -> Value {
    let inputs: Map<String, Value> =
        inputs.iter().map(|(name, value)| (name.clone(), json!(value))).collect();
    let mut body = json!({ "ref": branch, "inputs": inputs });
    if detailed {
        body["return_run_details"] = json!(true);
    }
    body
}

/// Whether a server does not know what it was asked to tell.
fn knows_no_details(answer: &Answer) -> bool {
    answer.status == 400 || (answer.status == 422 && answer.says("return_run_details"))
}
