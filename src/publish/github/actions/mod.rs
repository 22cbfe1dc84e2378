//! A workflow of a repository that builds releases: started, followed, and what it made brought here. It
//! stands beside publishing because it is done with the same repository, by the same token, at the same
//! pace: what is asked here goes through the same client. What becomes of the files is the pipeline's.

mod artifact;
mod error;
mod failure;
mod follow;
mod jobs;
mod start;
mod wire;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use http::Method;
use jiff::Timestamp;
use tokio_util::sync::CancellationToken;

use self::wire::{RunReply, WorkflowReply};
use super::client::{Ask, Client};
use super::headers::server_time;
use super::site::Site;
use super::{GitHubError, Settings, rename};
use crate::model::event::Events;
use crate::sys::github::address::Repository;
use crate::sys::web::{Web, WebError};

pub use artifact::Artifact;
pub use error::ActionsError;
pub use follow::{Ended, FailedJob};
pub use start::Start;

/// A workflow of a repository.
#[derive(Debug)]
pub struct Actions {
    site: Site,
    /// The name of its file: `release.yml`.
    workflow: String,
    /// The branch that is taken where none is named.
    branch: String,
    /// Whether anything can be started there.
    archived: bool,
    /// When it was looked at, by the server's clock: what is started from here on is younger.
    since: Timestamp,
    /// Whether it was given up here.
    stop: CancellationToken,
}

/// One run of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Run {
    /// Its number.
    pub id: u64,
    /// Its page.
    pub url: String,
    /// How often it was begun: 1, and one more with each time that it ran again.
    pub attempt: u64,
}

impl Actions {
    /// Looks for the workflow.
    pub async fn open(
        settings: &Settings,
        workflow: &str,
        events: &Events,
        stop: &CancellationToken,
    ) -> Result<Self, ActionsError> {
        let Settings { repository, api, token, patience, silence, .. } = settings.clone();
        let client = Client::new(api, token, patience, silence, events.clone())?;
        let digests = Arc::new(Mutex::new(BTreeMap::new()));
        let mut site = Site { client: Arc::new(client), repository, digests };
        let reply = site.repository().await?;
        rename(&mut site, &reply, events)?;
        let branch = reply.default_branch.unwrap_or_else(|| "main".to_owned());
        let since = look_for(&site, workflow).await?;
        let (workflow, archived) = (workflow.to_owned(), reply.archived);
        Ok(Self { site, workflow, branch, archived, since, stop: stop.clone() })
    }

    /// The repository, under its present name.
    #[must_use]
    pub fn repository(&self) -> &Repository {
        &self.site.repository
    }

    /// The workflow's file.
    #[must_use]
    pub fn workflow(&self) -> &str {
        &self.workflow
    }

    /// The branch that is taken where none is named.
    #[must_use]
    pub fn default_branch(&self) -> &str {
        &self.branch
    }

    /// A run that exists.
    pub async fn run(&self, id: u64) -> Result<Run, ActionsError> {
        let ask = Ask::new(format!("read run {id}"), Method::GET, self.run_url(id, &[]));
        match self.site.client.read::<RunReply>(&ask).await {
            Ok((reply, _)) => Ok(reply.run()),
            Err(GitHubError::Answered { answer, .. }) if answer.status == 404 => {
                Err(self.no_run(id))
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Asks that a run end. One that has ended is no error.
    pub async fn cancel(&self, run: u64) -> Result<(), ActionsError> {
        let ask =
            Ask::new(format!("cancel run {run}"), Method::POST, self.run_url(run, &["cancel"]));
        match self.site.client.call(&ask).await {
            Err(GitHubError::Answered { answer, .. }) if answer.status == 409 => Ok(()),
            other => Ok(other.map(drop)?),
        }
    }

    /// Does what waits for a server on a thread that may wait.
    async fn on_web<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Web) -> Result<T, ActionsError> + Send + 'static,
    ) -> Result<T, ActionsError> {
        // Without the token: it asks where GitHub keeps files, which is no place for it.
        let web = Web::new(self.site.client.api().is_encrypted(), None, self.stop.clone());
        let done = tokio::task::spawn_blocking(move || work(&web)).await;
        done.unwrap_or(Err(ActionsError::Web(WebError::Stopped)))
    }

    fn no_run(&self, run: u64) -> ActionsError {
        ActionsError::NoRun { run, repository: self.site.repository.to_string() }
    }

    fn run_url(&self, run: u64, rest: &[&str]) -> url::Url {
        let run = run.to_string();
        self.site.url(&[&["actions", "runs", &run], rest].concat())
    }
}

/// The server's time when it was found.
async fn look_for(site: &Site, workflow: &str) -> Result<Timestamp, ActionsError> {
    let url = site.url(&["actions", "workflows", workflow]);
    let ask = Ask::new(format!("look for the workflow {workflow}"), Method::GET, url);
    let (workflow, repository) = (workflow.to_owned(), site.repository.to_string());
    match site.client.read::<WorkflowReply>(&ask).await {
        Ok((found, _)) if found.is_disabled() => {
            Err(ActionsError::Disabled { workflow, repository, state: found.state })
        }
        Ok((_, reply)) => Ok(server_time(&reply.headers).unwrap_or_else(Timestamp::now)),
        Err(GitHubError::Answered { answer, .. }) if answer.status == 404 => {
            Err(ActionsError::NoWorkflow { workflow, repository })
        }
        Err(error) => Err(error.into()),
    }
}

/// The longest name of a job or step that is taken as it is, in characters.
const LONGEST_NAME: usize = 200;

/// A name that somebody gave, not without end.
fn name_of(text: &str) -> String {
    let mut name: String = text.chars().take(LONGEST_NAME).collect();
    if name.len() < text.len() {
        name.push('…');
    }
    name
}

/// How often one looks at something that is about to be there.
const SOON: Duration = Duration::from_secs(1);
