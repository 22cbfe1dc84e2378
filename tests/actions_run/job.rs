//! A job of a run: its steps in their order, each with what GitHub's runner gives it.

use std::collections::BTreeMap;

use camino::Utf8PathBuf;
use serde_json::{Map, Value, json};

use super::action;
use super::expression::Status;
use super::flow::{Flow, known, mapping};
use super::machine::Machine;
use super::run::{Ended, Outcome, Run};
use super::step;
use crate::github::Permission;
use crate::program::yaml;

/// A job that runs.
#[derive(Debug)]
pub(crate) struct Job<'r, 'g> {
    pub(crate) run: &'r mut Run<'g>,
    pub(crate) flow: &'r Flow,
    pub(crate) machine: Machine,
    pub(crate) permissions: Value,
    pub(crate) log: String,
    pub(crate) summary: String,
    id: String,
    text: Value,
    contexts: Map<String, Value>,
    /// The steps that have an id.
    steps: Map<String, Value>,
    failed: bool,
}

/// How a step ended.
#[derive(Debug, Default)]
pub(crate) struct Done {
    pub(crate) well: bool,
    pub(crate) outputs: BTreeMap<String, String>,
}

impl Done {
    /// All went well, or did not for this reason, which the log then has.
    pub(crate) fn of(result: Result<(), String>, log: &mut String) -> Self {
        if let Err(reason) = &result {
            *log += &format!("::error::{reason}\n");
        }
        Self { well: result.is_ok(), outputs: BTreeMap::new() }
    }
}

impl<'r, 'g> Job<'r, 'g> {
    /// A job on a machine of its own, with the contexts that are known before it runs.
    pub(crate) fn new(
        run: &'r mut Run<'g>,
        flow: &'r Flow,
        id: &str,
        name: &str,
        job: &Value,
        mut contexts: Map<String, Value>,
    ) -> Self {
        let plain = name.replace(|found: char| !found.is_ascii_alphanumeric(), "-");
        let folder = run.folder.join(format!("machines/{}-{plain}", run.attempt));
        let machine = Machine::within(&folder, &run.folder.join("programs"));
        let permissions = flow.permissions(job);
        contexts.insert(
            "job".into(),
            json!({ "workflow_repository": flow.of.name, "workflow_sha": flow.of.commit }),
        );
        contexts.insert("secrets".into(), json!({}));
        let runner = json!({ "temp": machine.temporary, "os": "Linux" });
        contexts.insert("runner".into(), runner);
        contexts["github"]["token"] = json!(token(run, &permissions));
        contexts["github"]["workspace"] = json!(machine.workspace);
        let (id, text) = (id.to_owned(), job.clone());
        let (log, summary, steps, failed) = (String::new(), String::new(), Map::new(), false);
        Self { run, flow, machine, permissions, log, summary, id, text, contexts, steps, failed }
    }

    /// Runs it.
    pub(crate) fn run(mut self) -> Ended {
        let labels = self.fill(&self.text["runs-on"].clone());
        assert!([json!("ubuntu-24.04"), json!(["windows-2025"])].contains(&labels), "{labels}");
        let steps = self.text["steps"].as_array().expect("steps").clone();
        for step in &steps {
            let shell = self.flow.workflow["defaults"]["run"]["shell"].clone();
            self.step(step, &shell);
        }
        // Nobody asks where it is, but it must be known.
        self.fill(&mapping(&self.text, "environment"));
        let outputs = texts(&self.fill(&mapping(&self.text, "outputs")));
        let outcome = if self.failed { Outcome::Failure } else { Outcome::Success };
        let attempt = self.run.attempt;
        Ended { outcome, outputs, log: self.log, summary: self.summary, attempt }
    }

    /// Runs the steps of a composite action of the repository that the workflow is of.
    pub(crate) fn composite(&mut self, path: &str) -> Done {
        let file = self.flow.of.files.join(path).join("action.yml");
        let action = yaml(&file);
        assert_eq!(action["runs"]["using"], "composite", "{file}");
        let before = std::mem::take(&mut self.steps);
        for step in action["runs"]["steps"].as_array().expect("steps") {
            self.step(step, &Value::Null);
        }
        self.steps = before;
        Done { well: !self.failed, outputs: BTreeMap::new() }
    }

    /// A piece of the workflow, evaluated.
    #[track_caller]
    pub(crate) fn fill(&mut self, template: &Value) -> Value {
        let (contexts, status) = (self.contexts(), self.status());
        self.run.expressions.fill(template, &contexts, status)
    }

    /// The environment that the runner gives to a step.
    pub(crate) fn environment(&self) -> Vec<(&'static str, String)> {
        let github = &self.contexts["github"];
        let text = |name: &str| github[name].as_str().unwrap_or_default().to_owned();
        let mut environment: Vec<_> = [
            ("GITHUB_API_URL", "api_url"),
            ("GITHUB_EVENT_NAME", "event_name"),
            ("GITHUB_REF", "ref"),
            ("GITHUB_REF_NAME", "ref_name"),
            ("GITHUB_REF_TYPE", "ref_type"),
            ("GITHUB_REPOSITORY", "repository"),
            ("GITHUB_RUN_ATTEMPT", "run_attempt"),
            ("GITHUB_RUN_ID", "run_id"),
            ("GITHUB_SERVER_URL", "server_url"),
            ("GITHUB_SHA", "sha"),
            ("GITHUB_WORKFLOW", "workflow"),
            ("GITHUB_WORKSPACE", "workspace"),
        ]
        .map(|(name, key)| (name, text(key)))
        .into();
        environment.push(("GITHUB_ACTIONS", "true".to_owned()));
        environment.push(("CI", "true".to_owned()));
        environment.push(("GITHUB_JOB", self.id.clone()));
        environment.push(("RUNNER_OS", "Linux".to_owned()));
        environment.push(("RUNNER_TEMP", self.machine.temporary.to_string()));
        environment.push(("RUNNER_TOOL_CACHE", self.machine.temporary.join("tools").to_string()));
        environment
    }

    /// A path of the workspace.
    pub(crate) fn path(&self, path: &str) -> Utf8PathBuf {
        self.machine.workspace.join(path)
    }

    /// Runs a step, if its turn comes.
    fn step(&mut self, step: &Value, shell: &Value) {
        known(step, &["id", "name", "if", "env", "run", "shell", "uses", "with"]);
        self.set_environment(step);
        let (contexts, status) = (self.contexts(), self.status());
        let (outcome, outputs) = if self.run.expressions.holds(&step["if"], &contexts, status) {
            let title = step["name"].as_str().or(step["uses"].as_str()).unwrap_or("a step");
            self.log += &format!("##[group]{title}\n");
            let done = self.perform(step, shell);
            self.failed |= !done.well;
            (if done.well { Outcome::Success } else { Outcome::Failure }, done.outputs)
        } else {
            (Outcome::Skipped, BTreeMap::new())
        };
        if let Some(id) = step["id"].as_str() {
            let name = outcome.name();
            let step = json!({ "outputs": outputs, "conclusion": name, "outcome": name });
            self.steps.insert(id.to_owned(), step);
        }
    }

    /// Does what a step says.
    fn perform(&mut self, step: &Value, shell: &Value) -> Done {
        if let Some(uses) = step["uses"].as_str() {
            let with = self.fill(&mapping(step, "with"));
            return action::run(self, uses, &with);
        }
        let shell = step.get("shell").unwrap_or(shell);
        assert_eq!(shell, "bash", "{step}");
        let script = self.fill(&step["run"]);
        step::run(self, script.as_str().expect("a script"))
    }

    /// The variables of a step: the workflow's, those that earlier steps set, its own.
    fn set_environment(&mut self, step: &Value) {
        let mut env = self.fill(&mapping(&self.flow.workflow, "env"));
        for (name, value) in &self.machine.environment {
            env[name] = json!(value);
        }
        self.contexts.insert("env".into(), env.clone());
        for (name, value) in self.fill(&mapping(step, "env")).as_object().expect("variables") {
            env[name] = value.clone();
        }
        self.contexts.insert("env".into(), env);
    }

    /// The variables that the workflow gives to a step.
    pub(crate) fn variables(&self) -> &Value {
        &self.contexts["env"]
    }

    fn contexts(&self) -> Value {
        let mut contexts = self.contexts.clone();
        contexts.insert("steps".into(), Value::Object(self.steps.clone()));
        contexts.entry("env").or_insert_with(|| json!({}));
        Value::Object(contexts)
    }

    fn status(&self) -> Status {
        Status { success: !self.failed, failure: self.failed }
    }
}

/// The job's token, which may do what the job may.
fn token(run: &Run<'_>, permissions: &Value) -> String {
    let permission = match permissions["contents"].as_str() {
        Some("write") => Permission::Push,
        Some("read") => Permission::Read,
        _ => Permission::None,
    };
    run.github.add_token(permission, true)
}

/// The text of an input of an action, or of a variable.
pub(crate) fn text(with: &Value, name: &str) -> String {
    match &with[name] {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// Outputs as other jobs get them: whatever they are, as texts.
pub(crate) fn texts(outputs: &Value) -> Value {
    let names = outputs.as_object().expect("outputs").keys();
    names.map(|name| (name.clone(), json!(text(outputs, name)))).collect::<Map<_, _>>().into()
}
