//! A workflow's file: what of it is known here, what its jobs need, and what they may do.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::event::Repository;
use crate::program::yaml;

/// A workflow with what it was started or called with.
#[derive(Debug)]
pub(crate) struct Flow {
    pub(crate) workflow: Value,
    pub(crate) inputs: Value,
    /// The repository that the workflow is of.
    pub(crate) of: Repository,
    /// In front of its jobs' names: the name of the job that called it.
    pub(crate) prefix: String,
    /// What the calling job may do; a job may do no more.
    pub(crate) granted: Option<Value>,
}

impl Flow {
    /// What a job may do: what it says itself, which must be within what its caller may.
    #[track_caller]
    pub(crate) fn permissions(&self, job: &Value) -> Value {
        let all = job.get("permissions").unwrap_or(&self.workflow["permissions"]).clone();
        let Some(granted) = &self.granted else { return all };
        for (scope, access) in all.as_object().expect("permissions") {
            let enough = granted[scope] == *access || granted[scope] == "write";
            assert!(enough, "the calling job does not grant {scope}: {access}");
        }
        all
    }
}

/// The keys of a job that are known here.
pub(crate) const JOB: [&str; 13] = [
    "name",
    "needs",
    "if",
    "strategy",
    "runs-on",
    "container",
    "timeout-minutes",
    "environment",
    "permissions",
    "outputs",
    "steps",
    "uses",
    "with",
];

/// Panics where a mapping has a key that is not known here.
#[track_caller]
pub(crate) fn known(mapping: &Value, keys: &[&str]) {
    for key in mapping.as_object().expect("a mapping").keys() {
        assert!(keys.contains(&key.as_str()), "{key} is not known to this stand-in for Actions");
    }
}

/// A workflow of a repository.
#[track_caller]
pub(crate) fn load(of: &Repository, workflow: &str) -> Value {
    let workflow = yaml(&of.files.join(".github/workflows").join(workflow));
    known(&workflow, &["name", "on", "permissions", "concurrency", "defaults", "env", "jobs"]);
    workflow
}

/// A mapping in another one, which is empty where it is not there.
pub(crate) fn mapping(of: &Value, key: &str) -> Value {
    of.get(key).cloned().unwrap_or_else(|| json!({}))
}

/// The ids of the jobs that a job needs.
pub(crate) fn needs(job: &Value) -> Vec<String> {
    let needs = job.get("needs").map(|needs| needs.as_array().expect("a list of needs"));
    needs.into_iter().flatten().map(|need| need.as_str().expect("an id").to_owned()).collect()
}

/// The jobs that one needs, and those that they need.
pub(crate) fn ancestors(jobs: &Map<String, Value>, id: &str) -> BTreeSet<String> {
    let mut all = BTreeSet::new();
    let mut open = needs(&jobs[id]);
    while let Some(need) = open.pop() {
        open.extend(needs(&jobs[&need]));
        all.insert(need);
    }
    all
}
