//! What starts a run: a tag that was pushed, or somebody by hand, in a repository or in a fork of it.

use camino::Utf8PathBuf;
use serde_json::{Map, Value, json};

use crate::github::{REPOSITORY, StandIn};

/// A repository as `actions/checkout` gives it: its name, its only commit, and the files of that.
#[derive(Clone, Debug)]
pub(crate) struct Repository {
    pub(crate) name: &'static str,
    pub(crate) commit: &'static str,
    pub(crate) files: Utf8PathBuf,
}

/// What happened in the repository that the stand-in for GitHub has.
#[derive(Clone, Debug)]
pub(crate) struct Event {
    name: &'static str,
    reference: String,
    inputs: Map<String, Value>,
    fork: bool,
}

impl Event {
    /// A tag was pushed.
    pub(crate) fn tag(tag: &str) -> Self {
        let reference = format!("refs/tags/{tag}");
        Self { name: "push", reference, inputs: Map::new(), fork: false }
    }

    /// Somebody started the workflow by hand, or `modfarm release --via github` did.
    pub(crate) fn by_hand(inputs: Value) -> Self {
        let Value::Object(inputs) = inputs else { panic!("inputs") };
        Self { name: "workflow_dispatch", reference: "refs/heads/main".into(), inputs, fork: false }
    }

    /// The same, in somebody's fork.
    pub(crate) fn in_fork(self) -> Self {
        Self { fork: true, ..self }
    }

    /// The inputs that the workflow gets. A panic if its `on` does not have the event, or not these inputs.
    #[track_caller]
    pub(crate) fn inputs(&self, workflow: &Value) -> Value {
        let on = &workflow["on"][self.name];
        assert!(!on.is_null(), "the workflow does not start on {}", self.name);
        if let Some(tag) = self.reference.strip_prefix("refs/tags/") {
            let patterns = on["tags"].as_array().expect("tags");
            let matches = |pattern: &Value| fits(pattern.as_str().expect("a pattern"), tag);
            assert!(patterns.iter().any(matches), "the workflow does not start on the tag {tag}");
        }
        if self.name == "push" { json!({}) } else { given(&self.inputs, &on["inputs"]) }
    }

    /// The `github` context, but for what differs from job to job.
    pub(crate) fn context(&self, home: &Repository, github: &StandIn) -> Value {
        let (kind, name) = self.kind_and_name();
        json!({
            "event_name": self.name,
            "repository": REPOSITORY,
            "repository_owner": REPOSITORY.split('/').next(),
            "ref": self.reference,
            "ref_name": name,
            "ref_type": kind,
            "sha": home.commit,
            "run_id": "7001",
            "run_number": "1",
            "api_url": github.api(),
            "server_url": "https://github.com",
            "workflow": "release",
            "event": { "repository": { "fork": self.fork, "private": false } },
        })
    }

    fn kind_and_name(&self) -> (&'static str, &str) {
        let name = self.reference.splitn(3, '/').nth(2).expect("a name");
        (if self.reference.starts_with("refs/tags/") { "tag" } else { "branch" }, name)
    }
}

/// The inputs that a workflow gets: those it declares, as they are given or by default.
#[track_caller]
pub(crate) fn given(inputs: &Map<String, Value>, declared: &Value) -> Value {
    let empty = Map::new();
    let declared = declared.as_object().unwrap_or(&empty);
    for (name, value) in inputs {
        let input = declared.get(name).unwrap_or_else(|| panic!("there is no input {name}"));
        let boolean = input["type"] == "boolean";
        assert_eq!(boolean, value.is_boolean(), "the type of the input {name}");
    }
    let value = |(name, input): (&String, &Value)| {
        let value = inputs.get(name).or_else(|| input.get("default"));
        assert!(value.is_some() || input["required"] != true, "the input {name} is required");
        (name.clone(), value.cloned().unwrap_or_else(|| json!("")))
    };
    declared.iter().map(value).collect::<Map<_, _>>().into()
}

/// GitHub's patterns, as far as ours use them: `*` and sets are what they are in a shell.
pub(crate) fn fits(pattern: &str, name: &str) -> bool {
    globset::Glob::new(pattern).expect("a pattern").compile_matcher().is_match(name)
}
