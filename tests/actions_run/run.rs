//! A run of a workflow, as GitHub makes one: jobs in the order of their needs, a matrix, calls of other
//! workflows, and failed jobs run again.

use std::collections::{BTreeMap, BTreeSet};

use camino::Utf8PathBuf;
use serde_json::{Map, Value, json};

use super::artifacts::Artifacts;
use super::event::{self, Event, Repository};
use super::expression::{Expressions, Status};
use super::flow::{Flow, JOB, ancestors, known, load, mapping, needs};
use super::job::{Job, texts};
use crate::github::StandIn;

/// How a job ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Success,
    Failure,
    Skipped,
}

impl Outcome {
    /// As contexts have it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::Failure => "failure",
            Self::Skipped => "skipped",
        }
    }
}

/// What is known of a job that ended.
#[derive(Clone, Debug)]
pub(crate) struct Ended {
    pub(crate) outcome: Outcome,
    pub(crate) outputs: Value,
    /// All that its steps said.
    pub(crate) log: String,
    pub(crate) summary: String,
    /// In which attempt it ran.
    pub(crate) attempt: u32,
}

/// The files that were attested at once, by an SBOM of this format where one says what they are made of, and
/// whether a release was public at that moment.
#[derive(Clone, Debug)]
pub(crate) struct Attested {
    pub(crate) files: Vec<String>,
    pub(crate) sbom: Option<String>,
    pub(crate) published: bool,
}

/// A run.
#[derive(Debug)]
pub(crate) struct Run<'g> {
    pub(crate) github: &'g StandIn,
    pub(crate) artifacts: Artifacts,
    pub(crate) attested: Vec<Attested>,
    /// The repository in which it runs, and modfarm's.
    pub(crate) home: Repository,
    pub(crate) farm: Repository,
    pub(crate) folder: Utf8PathBuf,
    pub(crate) variables: Value,
    pub(crate) attempt: u32,
    pub(crate) expressions: Expressions,
    event: Event,
    ended: BTreeMap<String, Ended>,
    /// What ran in this attempt.
    ran: BTreeSet<String>,
}

impl<'g> Run<'g> {
    /// Makes a run that has not begun. Its folder holds the programs that jobs find, in `programs`.
    pub(crate) fn new(
        folder: Utf8PathBuf,
        github: &'g StandIn,
        [home, farm]: [Repository; 2],
        event: Event,
    ) -> Self {
        let artifacts = Artifacts::within(folder.join("artifacts"));
        let expressions = Expressions::start();
        let (ended, ran, attested) = (BTreeMap::new(), BTreeSet::new(), Vec::new());
        let (attempt, variables) = (0, json!({}));
        Self {
            github,
            artifacts,
            attested,
            home,
            farm,
            folder,
            variables,
            attempt,
            expressions,
            event,
            ended,
            ran,
        }
    }

    /// Runs a workflow of the repository; again, only the jobs that failed and those that need them.
    pub(crate) fn attempt(&mut self, workflow: &str) {
        self.attempt += 1;
        self.ran.clear();
        let workflow = load(&self.home, workflow);
        let inputs = self.event.inputs(&workflow);
        let (of, prefix) = (self.home.clone(), String::new());
        self.flow(&Flow { workflow, inputs, of, prefix, granted: None });
    }

    /// Forgets how the jobs ended, so that the next attempt runs all of them again.
    pub(crate) fn all_again(&mut self) {
        self.ended.clear();
    }

    /// How a job ended, by its name; a called workflow's is `CALLER / NAME`.
    #[track_caller]
    pub(crate) fn job(&self, name: &str) -> &Ended {
        let known: Vec<&String> = self.ended.keys().collect();
        self.ended.get(name).unwrap_or_else(|| panic!("{name} is none of {known:?}"))
    }

    /// The jobs that ran in this attempt.
    pub(crate) fn ran(&self) -> Vec<&str> {
        self.ran.iter().map(String::as_str).collect()
    }

    /// The names of all jobs with how they ended.
    pub(crate) fn outcomes(&self) -> Vec<(&str, Outcome)> {
        self.ended.iter().map(|(name, ended)| (name.as_str(), ended.outcome)).collect()
    }

    /// What the jobs said that failed.
    pub(crate) fn failures(&self) -> String {
        let failed = self.ended.iter().filter(|(_, end)| end.outcome == Outcome::Failure);
        failed.fold(String::new(), |all, (name, end)| all + "---- " + name + "\n" + &end.log)
    }

    /// The contexts that every expression of a workflow may use.
    pub(crate) fn contexts(&self, flow: &Flow) -> Map<String, Value> {
        let mut github = self.event.context(&self.home, self.github);
        github["run_attempt"] = json!(self.attempt.to_string());
        let (inputs, variables) = (flow.inputs.clone(), self.variables.clone());
        let contexts = [("github", github), ("inputs", inputs), ("vars", variables)];
        contexts.map(|(name, context)| (name.to_owned(), context)).into_iter().collect()
    }

    /// Runs the jobs of a workflow; how they ended, by their ids.
    fn flow(&mut self, flow: &Flow) -> BTreeMap<String, Ended> {
        let jobs = flow.workflow["jobs"].as_object().expect("jobs").clone();
        let mut ended: BTreeMap<String, Ended> = BTreeMap::new();
        while ended.len() < jobs.len() {
            let ready = |(id, job): &(&String, &Value)| {
                !ended.contains_key(*id) && needs(job).iter().all(|need| ended.contains_key(need))
            };
            let (id, job) = jobs.iter().find(ready).expect("no circle of needs");
            known(job, &JOB);
            let end = self.one(flow, id, job, &ended, status(&jobs, id, &ended));
            ended.insert(id.clone(), end);
        }
        ended
    }

    /// Runs a job, all of its matrix, or the workflow that it calls.
    fn one(
        &mut self,
        flow: &Flow,
        id: &str,
        job: &Value,
        ended: &BTreeMap<String, Ended>,
        status: Status,
    ) -> Ended {
        let mut contexts = self.contexts(flow);
        let need = |id: String| {
            let Ended { outcome, outputs, .. } = &ended[&id];
            let need = json!({ "result": outcome.name(), "outputs": outputs });
            (id, need)
        };
        contexts.insert("needs".into(), needs(job).into_iter().map(need).collect());
        let context = Value::Object(contexts.clone());
        if !self.expressions.holds(&job["if"], &context, status) {
            let own = job["name"].as_str().filter(|_| job["strategy"].is_null());
            let name = format!("{}{}", flow.prefix, own.unwrap_or(id));
            return self.keep(name, self.skipped());
        }
        if job["uses"].is_string() {
            return self.call(flow, id, job, &context);
        }
        let again = needs(job).iter().any(|id| ended[id].attempt == self.attempt);
        let mut all = Vec::new();
        for matrix in self.instances(job, &context) {
            contexts.insert("matrix".into(), matrix);
            all.push(self.instance(flow, id, job, &contexts, again));
        }
        together(&all)
    }

    /// Runs one job of a matrix, unless it was well in an earlier attempt and nothing that it needs is new.
    fn instance(
        &mut self,
        flow: &Flow,
        id: &str,
        job: &Value,
        contexts: &Map<String, Value>,
        again: bool,
    ) -> Ended {
        let name = job.get("name").cloned().unwrap_or_else(|| json!(id));
        let name = self.expressions.fill(&name, &contexts.clone().into(), Status::WELL);
        let name = flow.prefix.clone() + name.as_str().expect("a name");
        let earlier = self.ended.get(&name).filter(|end| end.outcome == Outcome::Success && !again);
        if let Some(end) = earlier {
            return end.clone();
        }
        self.ran.insert(name.clone());
        let end = Job::new(self, flow, id, &name, job, contexts.clone()).run();
        self.keep(name, end)
    }

    /// The combinations of a job's matrix: those that `include` lists, or the one of a job that has none.
    fn instances(&mut self, job: &Value, context: &Value) -> Vec<Value> {
        let Some(strategy) = job.get("strategy") else { return vec![json!({})] };
        known(strategy, &["fail-fast", "matrix"]);
        let matrix = self.expressions.fill(&strategy["matrix"], context, Status::WELL);
        known(&matrix, &["include"]);
        let instances = matrix["include"].as_array().expect("a list").clone();
        assert!(!instances.is_empty(), "GitHub refuses an empty matrix");
        assert!(instances.len() <= 256, "GitHub refuses a matrix of {} jobs", instances.len());
        instances
    }

    /// Runs the workflow that a job calls, in this repository or in modfarm's.
    fn call(&mut self, flow: &Flow, id: &str, job: &Value, context: &Value) -> Ended {
        let (of, path) = self.called(flow, job["uses"].as_str().expect("a workflow"));
        let workflow = load(&of, &path);
        let with = self.expressions.fill(&mapping(job, "with"), context, Status::WELL);
        let on = &workflow["on"]["workflow_call"];
        assert!(on.is_object(), "{path} is not to be called");
        let inputs = event::given(with.as_object().expect("inputs"), &on["inputs"]);
        let name = job["name"].as_str().unwrap_or(id).to_owned();
        let granted = Some(flow.permissions(job));
        let prefix = format!("{}{name} / ", flow.prefix);
        let called = Flow { workflow, inputs, of, prefix, granted };
        let jobs = self.flow(&called);
        let mut contexts = self.contexts(&called);
        let shown = |(id, end): (&String, &Ended)| (id.clone(), json!({ "outputs": end.outputs }));
        contexts.insert("jobs".into(), jobs.iter().map(shown).collect());
        let values = called.workflow["on"]["workflow_call"]["outputs"].as_object();
        let values: Map<String, Value> = values
            .into_iter()
            .flatten()
            .map(|(name, output)| (name.clone(), output["value"].clone()))
            .collect();
        let mut end = together(&jobs.into_values().collect::<Vec<_>>());
        end.outputs = texts(&self.expressions.fill(&values.into(), &contexts.into(), Status::WELL));
        self.keep(format!("{}{name}", flow.prefix), end)
    }

    /// The workflow that a call names: of the same repository, or of modfarm's by its commit.
    fn called(&self, flow: &Flow, uses: &str) -> (Repository, String) {
        let (of, path) = if let Some(path) = uses.strip_prefix("./") {
            (flow.of.clone(), path)
        } else {
            let (path, commit) = uses.split_once('@').expect("a commit");
            assert_eq!(commit, self.farm.commit, "{uses}");
            let name = format!("{}/", self.farm.name);
            (self.farm.clone(), path.strip_prefix(&name).expect("modfarm's repository"))
        };
        (of, path.strip_prefix(".github/workflows/").expect("a workflow").to_owned())
    }

    fn keep(&mut self, name: String, end: Ended) -> Ended {
        self.ended.insert(name, end.clone());
        end
    }

    fn skipped(&self) -> Ended {
        let (log, summary) = (String::new(), String::new());
        Ended { outcome: Outcome::Skipped, outputs: json!({}), log, summary, attempt: self.attempt }
    }
}

/// How several jobs ended, as one.
fn together(all: &[Ended]) -> Ended {
    let has = |outcome: Outcome| all.iter().any(|end| end.outcome == outcome);
    let outcome = match (has(Outcome::Failure), has(Outcome::Success)) {
        (true, _) => Outcome::Failure,
        (false, true) => Outcome::Success,
        (false, false) => Outcome::Skipped,
    };
    let attempt = all.iter().map(|end| end.attempt).max().unwrap_or_default();
    let outputs = all.last().map_or_else(|| json!({}), |end| end.outputs.clone());
    Ended { outcome, outputs, log: String::new(), summary: String::new(), attempt }
}

/// What a job is told of all that it needs, over others as well: one that was skipped is no success.
fn status(jobs: &Map<String, Value>, id: &str, ended: &BTreeMap<String, Ended>) -> Status {
    let outcomes: Vec<Outcome> = ancestors(jobs, id).iter().map(|id| ended[id].outcome).collect();
    Status {
        success: outcomes.iter().all(|outcome| *outcome == Outcome::Success),
        failure: outcomes.contains(&Outcome::Failure),
    }
}
