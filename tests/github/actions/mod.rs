//! GitHub Actions as plain data: workflows, and runs of them that go as a script says. Each look at a run
//! shows the next moment of its script; the last one stays.

pub(crate) mod operations;
pub(crate) mod shown;

use std::collections::{BTreeMap, VecDeque};

use bytes::Bytes;
use modfarm::model::digest::Sha256;
use serde::Serialize;

use super::model::{Repository, World, commit_of};
use super::refusal::Refusal;

/// So many numbers are kept free for what a run leaves.
const MOST_ARTIFACTS: u64 = 20;

/// A workflow that can be started by hand.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Workflow {
    pub(crate) id: u64,
    pub(crate) state: String,
    /// The inputs that it takes.
    pub(crate) inputs: Vec<String>,
}

/// What a server says of a run that it has started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) enum Details {
    /// Which one it is, for those who ask.
    #[default]
    Told,
    /// Nothing, whoever asks.
    Ignored,
    /// Nothing, and whoever asks is refused.
    Refused,
}

/// How a run goes.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Script {
    pub(crate) moments: VecDeque<Moment>,
    pub(crate) artifacts: Vec<Artifact>,
    /// How it goes when what failed runs again.
    pub(crate) again: Option<Box<Script>>,
}

/// A run at one moment.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Moment {
    pub(crate) status: String,
    pub(crate) conclusion: Option<String>,
    pub(crate) jobs: Vec<Job>,
}

/// A job at one moment. It is known by its name.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Job {
    pub(crate) name: String,
    pub(crate) status: String,
    pub(crate) conclusion: Option<String>,
    /// Its steps and how they ended.
    pub(crate) steps: Vec<(String, Option<String>)>,
    pub(crate) log: Option<String>,
    pub(crate) annotations: Vec<Annotation>,
}

/// What a job says of a line.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Annotation {
    pub(crate) path: String,
    pub(crate) line: u64,
    pub(crate) level: String,
    pub(crate) message: String,
}

/// What a run leaves.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Artifact {
    pub(crate) id: u64,
    pub(crate) name: String,
    pub(crate) size: u64,
    /// What GitHub says the digest is.
    pub(crate) digest: Option<String>,
    pub(crate) expired: bool,
    #[serde(skip)]
    pub(crate) bytes: Bytes,
}

/// A run.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Run {
    pub(crate) id: u64,
    pub(crate) workflow: String,
    pub(crate) number: u64,
    pub(crate) attempt: u64,
    pub(crate) branch: String,
    pub(crate) commit: String,
    pub(crate) actor: String,
    pub(crate) created: i64,
    pub(crate) inputs: BTreeMap<String, String>,
    pub(crate) now: Moment,
    script: Script,
    /// The numbers of its jobs.
    jobs: BTreeMap<String, u64>,
    pub(crate) artifacts: Vec<Artifact>,
    /// How many more lists of runs it is missing from.
    pub(crate) unlisted: u32,
}

impl Script {
    /// Three jobs that go well one after the other, and leave this.
    pub(crate) fn well(artifacts: Vec<Artifact>) -> Self {
        let build = "build VS17 x64";
        let moments = [
            Moment::of("queued", &[]),
            Moment::of("in_progress", &[("plan", "in_progress")]),
            Moment::of("in_progress", &[("plan", "success"), (build, "queued")]),
            Moment::of("in_progress", &[("plan", "success"), (build, "in_progress")]),
            Moment::of("in_progress", &[("plan", "success"), (build, "in_progress")]),
            Moment::of(
                "success",
                &[("plan", "success"), (build, "success"), ("publish", "skipped")],
            ),
        ];
        Self { moments: moments.into(), artifacts, again: None }
    }

    /// A job that fails, with what it says of that.
    pub(crate) fn badly(job: Job) -> Self {
        let mut last = Moment::of("failure", &[("plan", "success")]);
        let begun = Job { status: "in_progress".to_owned(), conclusion: None, ..job.clone() };
        let mut before = Moment::of("in_progress", &[("plan", "success")]);
        before.jobs.push(begun);
        last.jobs.push(job);
        Self { moments: [before, last].into(), ..Self::default() }
    }
}

impl Moment {
    /// A run that is so, or ended so, with these jobs that are so or ended so.
    pub(crate) fn of(state: &str, jobs: &[(&str, &str)]) -> Self {
        let (status, conclusion) = split(state);
        let jobs = jobs.iter().map(|(name, state)| Job::of(name, state)).collect();
        Self { status, conclusion, jobs }
    }
}

impl Job {
    /// A job that is so, or ended so.
    pub(crate) fn of(name: &str, state: &str) -> Self {
        let (status, conclusion) = split(state);
        let log = conclusion.is_some().then(|| "2026-11-22T22:49:08.1234567Z well\n".to_owned());
        Self { name: name.to_owned(), status, conclusion, log, ..Self::default() }
    }
}

/// The status and the conclusion: some words are a status, any other is how something ended.
fn split(state: &str) -> (String, Option<String>) {
    match state {
        "queued" | "in_progress" | "waiting" | "requested" | "pending" => (state.to_owned(), None),
        _ => ("completed".to_owned(), Some(state.to_owned())),
    }
}

impl Artifact {
    /// These bytes under a name.
    pub(crate) fn of(name: &str, bytes: impl Into<Bytes>) -> Self {
        let (name, bytes) = (name.to_owned(), bytes.into());
        let digest = Some(format!("sha256:{}", Sha256::of(&bytes)));
        Self { name, size: bytes.len() as u64, digest, bytes, ..Self::default() }
    }
}

impl Run {
    /// Goes on to the next moment.
    pub(crate) fn look(&mut self) {
        if let Some(next) = self.script.moments.pop_front() {
            self.now = next;
        }
        for job in &self.now.jobs {
            let next = self.id * 1000 + self.attempt * 100 + self.jobs.len() as u64;
            self.jobs.entry(job.name.clone()).or_insert(next);
        }
    }

    /// Whether a job has been seen by a look at the run.
    pub(crate) fn knows(&self, job: &Job) -> bool {
        self.jobs.contains_key(&job.name)
    }

    pub(crate) fn job_id(&self, job: &Job) -> u64 {
        self.jobs[&job.name]
    }

    /// The job of this number, as it is now.
    pub(crate) fn job(&self, id: u64) -> Option<&Job> {
        self.now.jobs.iter().find(|job| self.jobs.get(&job.name) == Some(&id))
    }

    fn is_over(&self) -> bool {
        self.now.status == "completed"
    }

    fn cancel(&mut self) -> Result<(), Refusal> {
        if self.is_over() {
            return Err(Refusal::new(409, "Cannot cancel a workflow run that is completed."));
        }
        self.script.moments.clear();
        (self.now.status, self.now.conclusion) = split("cancelled");
        for job in self.now.jobs.iter_mut().filter(|job| job.conclusion.is_none()) {
            (job.status, job.conclusion) = split("cancelled");
        }
        Ok(())
    }

    fn run_again(&mut self, last_id: u64) -> Result<(), Refusal> {
        let well = self.now.conclusion.as_deref() == Some("success");
        let Some(again) = self.script.again.take().filter(|_| self.is_over() && !well) else {
            return Err(Refusal::new(403, "This workflow run cannot be retried"));
        };
        self.attempt += 1;
        self.jobs.clear();
        self.now = Moment::of("queued", &[]);
        self.artifacts.extend(numbered(again.artifacts.clone(), last_id));
        self.script = *again;
        Ok(())
    }
}

impl World {
    /// Starts a workflow by hand: it goes as the repository's next script says.
    fn dispatch(
        &mut self,
        name: &str,
        workflow: &str,
        branch: &str,
        inputs: BTreeMap<String, String>,
    ) -> Result<Run, Refusal> {
        let (id, created) = (self.next_id(), self.now());
        // Its artifacts get them.
        self.skip_ids(MOST_ARTIFACTS);
        let repository = self.repository(name);
        let (file, known) = repository.workflow(workflow)?;
        check(repository, known, branch, &inputs)?;
        let workflow = file.to_owned();
        let script = repository.scripts.pop_front().unwrap_or_default();
        let run = Run {
            id,
            workflow,
            number: repository.runs.len() as u64 + 1,
            attempt: 1,
            branch: branch.to_owned(),
            commit: commit_of(branch),
            actor: "grey-owl".to_owned(),
            created,
            inputs,
            now: Moment::of("queued", &[]),
            artifacts: numbered(script.artifacts.clone(), id),
            script,
            ..Run::default()
        };
        repository.runs.insert(id, run.clone());
        Ok(run)
    }
}

impl Repository {
    /// A workflow by its file or its number, and its file.
    fn workflow(&self, wanted: &str) -> Result<(&str, &Workflow), Refusal> {
        let is_it = |(file, workflow): &(&String, &Workflow)| {
            *file == wanted || workflow.id.to_string() == wanted
        };
        let found = self.workflows.iter().find(is_it).ok_or_else(Refusal::not_found)?;
        Ok((found.0, found.1))
    }
}

fn check(
    repository: &Repository,
    workflow: &Workflow,
    branch: &str,
    inputs: &BTreeMap<String, String>,
) -> Result<(), Refusal> {
    if branch != "main" && !repository.tags.contains_key(branch) {
        return Err(Refusal::new(422, &format!("No ref found for: {branch}")));
    }
    if workflow.state != "active" {
        let message = "Cannot trigger a 'workflow_dispatch' on a disabled workflow";
        return Err(Refusal::new(422, message));
    }
    match inputs.keys().find(|name| !workflow.inputs.contains(name)) {
        Some(name) => Err(Refusal::new(422, &format!("Unexpected inputs provided: [\"{name}\"]"))),
        None => Ok(()),
    }
}

fn numbered(mut artifacts: Vec<Artifact>, after: u64) -> Vec<Artifact> {
    for (artifact, id) in artifacts.iter_mut().zip(after + 1..) {
        artifact.id = id;
    }
    artifacts
}
