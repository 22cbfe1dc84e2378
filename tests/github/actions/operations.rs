//! What is asked of workflows and runs is done, and what came of it is told.

use serde_json::{Value, json};

use super::{Details, MOST_ARTIFACTS, Run};
use crate::github::faults::Does;
use crate::github::operations::{Answer, Request};
use crate::github::refusal::Refusal;
use crate::github::route::Operation;

impl Request<'_> {
    /// Answers what is asked of Actions.
    pub(crate) fn actions(&mut self) -> Result<Answer, Refusal> {
        match self.asked.route.operation {
            Operation::GetWorkflow | Operation::ListWorkflows => self.workflows(),
            Operation::Dispatch => self.dispatch(),
            Operation::ListRuns | Operation::ListRunsOfWorkflow => self.runs(),
            Operation::GetRun | Operation::CancelRun | Operation::RerunFailed => self.run(),
            Operation::ListJobs => self.jobs(),
            Operation::GetJob | Operation::JobLogs | Operation::Annotations => self.job(),
            Operation::ListArtifacts => self.artifacts(),
            Operation::DownloadArtifact => self.download_artifact(),
            _ => self.blob(),
        }
    }

    fn workflows(&mut self) -> Result<Answer, Refusal> {
        let (name, token) = (self.asked.route.repository.clone(), self.token.clone());
        let repository = self.state.world.seen(&name, token.as_ref())?;
        let urls = &self.asked.urls;
        if self.asked.route.operation == Operation::ListWorkflows {
            let all = repository.workflows.iter();
            let all: Vec<Value> =
                all.map(|(file, workflow)| urls.workflow(&name, file, workflow)).collect();
            return Ok(self.counted("workflows", &all));
        }
        let (file, workflow) = repository.workflow(&self.asked.route.name)?;
        Ok(Answer::json(200, urls.workflow(&name, file, workflow)))
    }

    fn dispatch(&mut self) -> Result<Answer, Refusal> {
        let (name, token) = (self.asked.route.repository.clone(), self.token.clone());
        let json = self.json.clone().unwrap_or_default();
        let details = self.state.world.changed(&name, token.as_ref())?.details;
        let asked = json["return_run_details"] == true;
        if asked && details == Details::Refused {
            return Err(Refusal::new(400, "Invalid request: return_run_details is not permitted"));
        }
        let inputs = json["inputs"].as_object().cloned().unwrap_or_default();
        let text = |value: Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        let inputs = inputs.into_iter().map(|(name, value)| (name, text(value))).collect();
        let branch = json["ref"].as_str().unwrap_or_default();
        let workflow = self.asked.route.name.clone();
        let run = self.state.world.dispatch(&name, &workflow, branch, inputs)?;
        if let Some(Does::Lag(lists)) = self.fault
            && let Some(run) = self.state.world.repository(&name).runs.get_mut(&run.id)
        {
            run.unlisted = *lists;
        }
        if !asked || details == Details::Ignored {
            return Ok(Answer::empty(204));
        }
        let shown = json!({
            "workflow_run_id": run.id,
            "run_url": format!("{}/repos/{name}/actions/runs/{}", self.asked.urls.api, run.id),
            "html_url": format!("{}/{name}/actions/runs/{}", self.asked.urls.web, run.id),
        });
        Ok(Answer::json(200, shown))
    }

    fn runs(&mut self) -> Result<Answer, Refusal> {
        let (name, token) = (self.asked.route.repository.clone(), self.token.clone());
        let repository = self.state.world.seen(&name, token.as_ref())?;
        let workflow = match self.asked.route.name.as_str() {
            "" => String::new(),
            wanted => repository.workflow(wanted)?.0.to_owned(),
        };
        for run in repository.runs.values_mut() {
            run.unlisted = run.unlisted.saturating_sub(1);
        }
        let asked = |key: &str, value: &str| self.asked.parameter(key).is_none_or(|it| it == value);
        let since = self.asked.parameter("created").and_then(|text| text.strip_prefix(">="));
        let since = since.map(|text| text.parse::<jiff::Timestamp>().expect("a time").as_second());
        let wanted = |run: &&Run| {
            (workflow.is_empty() || run.workflow == workflow)
                && run.unlisted == 0
                && asked("event", "workflow_dispatch")
                && asked("branch", &run.branch)
                && since.is_none_or(|since| run.created >= since)
        };
        let repository = repository.clone();
        let found = repository.runs.values().rev().filter(wanted);
        let shown: Vec<Value> =
            found.map(|run| self.asked.urls.run(&name, &repository, run)).collect();
        Ok(self.counted("workflow_runs", &shown))
    }

    fn run(&mut self) -> Result<Answer, Refusal> {
        let (name, token) = (self.asked.route.repository.clone(), self.token.clone());
        let (operation, id) = (self.asked.route.operation, self.asked.route.id);
        let world = &mut self.state.world;
        if operation != Operation::GetRun {
            // The artifacts of what runs again get them.
            let last = world.skip_ids(MOST_ARTIFACTS);
            let repository = world.changed(&name, token.as_ref())?;
            let run = repository.runs.get_mut(&id).ok_or_else(Refusal::not_found)?;
            let cancels = operation == Operation::CancelRun;
            let done = if cancels { run.cancel() } else { run.run_again(last) };
            done?;
            return Ok(Answer::json(if cancels { 202 } else { 201 }, json!({})));
        }
        let repository = world.seen(&name, token.as_ref())?;
        repository.runs.get_mut(&id).ok_or_else(Refusal::not_found)?.look();
        let repository = repository.clone();
        let shown = self.asked.urls.run(&name, &repository, &repository.runs[&id]);
        Ok(self.conditional(Answer::json(200, shown)))
    }

    fn jobs(&mut self) -> Result<Answer, Refusal> {
        let name = self.asked.route.repository.clone();
        let run = self.run_of(|run, id| run.id == id)?;
        let jobs = run.now.jobs.iter().filter(|job| run.knows(job));
        let shown: Vec<Value> = jobs.map(|job| self.asked.urls.job(&name, &run, job)).collect();
        let answer = self.counted("jobs", &shown);
        Ok(self.conditional(answer))
    }

    fn job(&mut self) -> Result<Answer, Refusal> {
        let (name, id) = (self.asked.route.repository.clone(), self.asked.route.id);
        let run = self.run_of(|run, id| run.job(id).is_some())?;
        let job = run.job(id).ok_or_else(Refusal::not_found)?;
        let urls = &self.asked.urls;
        match self.asked.route.operation {
            Operation::GetJob => Ok(Answer::json(200, urls.job(&name, &run, job))),
            Operation::JobLogs if job.log.is_some() => Ok(self.sends_to("logs", id)),
            Operation::JobLogs => Err(Refusal::not_found()),
            _ => {
                let shown: Vec<Value> =
                    job.annotations.iter().map(|it| urls.annotation(&name, &run, it)).collect();
                Ok(Answer::json(200, shown.into()))
            }
        }
    }

    fn artifacts(&mut self) -> Result<Answer, Refusal> {
        let name = self.asked.route.repository.clone();
        let run = self.run_of(|run, id| run.id == id)?;
        let wanted = self.asked.parameter("name");
        let found = run.artifacts.iter().filter(|it| wanted.is_none_or(|name| it.name == name));
        let shown: Vec<Value> = found.map(|it| self.asked.urls.artifact(&name, &run, it)).collect();
        Ok(self.counted("artifacts", &shown))
    }

    /// Only who is known may have it, whoever may see the repository.
    fn download_artifact(&mut self) -> Result<Answer, Refusal> {
        if self.token.is_none() {
            return Err(Refusal::requires_authentication());
        }
        let id = self.asked.route.id;
        let run = self.run_of(|run, id| run.artifacts.iter().any(|it| it.id == id))?;
        if run.artifacts.iter().any(|it| it.id == id && it.expired) {
            return Err(Refusal::new(410, "Artifact has expired"));
        }
        Ok(self.sends_to("artifacts", id))
    }

    /// The bytes of a log or an artifact.
    fn blob(&mut self) -> Result<Answer, Refusal> {
        let (id, kind) = (self.asked.route.id, self.asked.route.name.as_str());
        let runs = self.state.world.repositories.values().flat_map(|it| it.runs.values());
        let bytes = if kind == "logs" {
            let mut logs = runs.filter_map(|run| run.job(id)?.log.clone());
            logs.next().map(bytes::Bytes::from)
        } else {
            let mut artifacts = runs.flat_map(|run| run.artifacts.iter());
            artifacts.find(|it| it.id == id).map(|it| it.bytes.clone())
        };
        let bytes = bytes.ok_or_else(Refusal::not_found)?;
        let content_type = if kind == "logs" { "text/plain" } else { "application/zip" };
        self.serve(bytes, content_type, &format!("{kind}-{id}"))
    }

    fn run_of(&mut self, is_it: impl Fn(&Run, u64) -> bool) -> Result<Run, Refusal> {
        let (name, token) = (self.asked.route.repository.clone(), self.token.clone());
        let id = self.asked.route.id;
        let repository = self.state.world.seen(&name, token.as_ref())?;
        let found = repository.runs.values().find(|run| is_it(run, id));
        found.cloned().ok_or_else(Refusal::not_found)
    }

    fn sends_to(&self, kind: &str, id: u64) -> Answer {
        Answer::redirect(self.elsewhere(&format!("blobs/{kind}/{id}")))
    }

    /// A page of a list that says how long the whole is.
    fn counted(&self, key: &str, all: &[Value]) -> Answer {
        let mut page = self.paged(all, Value::clone);
        let shown = page.json.take().unwrap_or_default();
        page.json = Some(json!({ "total_count": all.len(), key: shown }));
        page
    }

    /// Nothing, where who asks knows it already. That does not count as one of the hour's requests.
    fn conditional(&mut self, mut answer: Answer) -> Answer {
        let text = answer.json.as_ref().map(Value::to_string).unwrap_or_default();
        let tag = format!("W/\"{}\"", modfarm::model::digest::Sha256::of(text.as_bytes()));
        if self.asked.if_none_match.as_deref() == Some(tag.as_str()) {
            let meter = self.state.meters.of(self.asked.token().unwrap_or_default());
            meter.used = meter.used.saturating_sub(1);
            return Answer { headers: vec![("etag", tag)], ..Answer::empty(304) };
        }
        answer.headers.push(("etag", tag));
        answer
    }
}
