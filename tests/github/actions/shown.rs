//! Workflows, runs and what belongs to them as GitHub's JSON.

use serde_json::{Value, json};

use super::{Annotation, Artifact, Job, Run, Workflow};
use crate::github::answers::{Urls, time};
use crate::github::model::{Repository, commit_of};

impl Urls {
    pub(crate) fn workflow(&self, repository: &str, file: &str, workflow: &Workflow) -> Value {
        let (web, id) = (format!("{}/{repository}", self.web), workflow.id);
        json!({
            "id": id,
            "node_id": format!("W_{id}"),
            "name": file.trim_end_matches(".yml"),
            "path": path(file),
            "state": workflow.state,
            "created_at": time(1_600_000_000),
            "updated_at": time(1_600_000_000),
            "url": self.of_actions(repository, &format!("workflows/{id}")),
            "html_url": format!("{web}/blob/main/{}", path(file)),
            "badge_url": format!("{web}/workflows/{file}/badge.svg"),
        })
    }

    pub(crate) fn run(&self, name: &str, repository: &Repository, run: &Run) -> Value {
        let url = self.of_actions(name, &format!("runs/{}", run.id));
        let api = format!("{}/repos/{name}", self.api);
        let workflow = repository.workflows.get(&run.workflow).map_or(0, |it| it.id);
        let minimal = self.repository(name, repository, None);
        let mut value = json!({
            "id": run.id,
            "name": run.workflow.trim_end_matches(".yml"),
            "node_id": format!("WFR_{}", run.id),
            "head_branch": run.branch,
            "head_sha": run.commit,
            "path": path(&run.workflow),
            "display_title": format!("run {}", run.number),
            "run_number": run.number,
            "run_attempt": run.attempt,
            "event": "workflow_dispatch",
            "status": run.now.status,
            "conclusion": run.now.conclusion,
            "workflow_id": workflow,
            "check_suite_id": run.id,
            "check_suite_node_id": format!("CS_{}", run.id),
            "pull_requests": [],
            "referenced_workflows": [],
            "actor": self.user(&run.actor),
            "triggering_actor": self.user(&run.actor),
            "head_commit": commit(&run.commit),
            "repository": minimal,
            "head_repository": minimal,
            "html_url": self.page(name, run),
            "check_suite_url": format!("{api}/check-suites/{}", run.id),
            "workflow_url": format!("{api}/actions/workflows/{workflow}"),
            "previous_attempt_url": Value::Null,
            "url": url,
        });
        for rest in ["jobs", "logs", "artifacts", "cancel", "rerun"] {
            value[format!("{rest}_url")] = format!("{url}/{rest}").into();
        }
        for key in ["created_at", "updated_at", "run_started_at"] {
            value[key] = time(run.created).into();
        }
        value
    }

    pub(crate) fn job(&self, repository: &str, run: &Run, job: &Job) -> Value {
        let id = run.job_id(job);
        let over = job.conclusion.is_some();
        let steps = job.steps.iter().zip(1_u64..).map(|((name, conclusion), number)| {
            json!({ "name": name, "status": "completed", "conclusion": conclusion, "number": number })
        });
        json!({
            "id": id,
            "run_id": run.id,
            "run_url": self.of_actions(repository, &format!("runs/{}", run.id)),
            "run_attempt": run.attempt,
            "node_id": format!("CR_{id}"),
            "head_sha": run.commit,
            "head_branch": run.branch,
            "workflow_name": run.workflow.trim_end_matches(".yml"),
            "url": self.of_actions(repository, &format!("jobs/{id}")),
            "html_url": format!("{}/job/{id}", self.page(repository, run)),
            "check_run_url": format!("{}/repos/{repository}/check-runs/{id}", self.api),
            "name": job.name,
            "status": job.status,
            "conclusion": job.conclusion,
            "created_at": time(run.created),
            "started_at": time(run.created + 2),
            "completed_at": over.then(|| time(run.created + 65)),
            "steps": steps.collect::<Vec<_>>(),
            "labels": ["windows-2025"],
            "runner_id": id,
            "runner_name": format!("GitHub Actions {id}"),
            "runner_group_id": 0,
            "runner_group_name": "GitHub Actions",
        })
    }

    pub(crate) fn annotation(&self, repository: &str, run: &Run, said: &Annotation) -> Value {
        json!({
            "path": said.path,
            "blob_href": format!("{}/{repository}/blob/{}/{}", self.web, run.commit, said.path),
            "start_line": said.line,
            "end_line": said.line,
            "start_column": Value::Null,
            "end_column": Value::Null,
            "annotation_level": said.level,
            "title": "",
            "message": said.message,
            "raw_details": "",
        })
    }

    pub(crate) fn artifact(&self, repository: &str, run: &Run, artifact: &Artifact) -> Value {
        let url = self.of_actions(repository, &format!("artifacts/{}", artifact.id));
        json!({
            "id": artifact.id,
            "node_id": format!("A_{}", artifact.id),
            "name": artifact.name,
            "size_in_bytes": artifact.size,
            "url": url,
            "archive_download_url": format!("{url}/zip"),
            "expired": artifact.expired,
            "digest": artifact.digest,
            "created_at": time(run.created),
            "updated_at": time(run.created),
            "expires_at": time(run.created + 90 * 86_400),
            "workflow_run": {
                "id": run.id,
                "repository_id": 1,
                "head_repository_id": 1,
                "head_branch": run.branch,
                "head_sha": run.commit,
            },
        })
    }

    fn of_actions(&self, repository: &str, rest: &str) -> String {
        format!("{}/repos/{repository}/actions/{rest}", self.api)
    }

    fn page(&self, repository: &str, run: &Run) -> String {
        format!("{}/{repository}/actions/runs/{}", self.web, run.id)
    }
}

fn path(file: &str) -> String {
    format!(".github/workflows/{file}")
}

fn commit(id: &str) -> Value {
    let person = json!({ "name": "Grey Owl", "email": "grey@owl.example" });
    json!({
        "id": id,
        "tree_id": commit_of(id),
        "message": "workflow: as it is",
        "timestamp": time(1_600_000_000),
        "author": person,
        "committer": person,
    })
}
