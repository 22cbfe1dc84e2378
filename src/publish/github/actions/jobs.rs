//! The jobs of a run as they are now. Each page is asked for only where it has changed, so that whoever
//! follows a run for an hour costs GitHub next to nothing.

use http::{HeaderValue, Method, header};
use serde::de::DeserializeOwned;
use url::Url;

use super::wire::{JobReply, JobsReply, RunReply};
use super::{Actions, ActionsError};
use crate::publish::github::GitHubError;
use crate::publish::github::client::{Ask, Client};

/// So many pages of a hundred are looked at; a run has no more jobs.
const MOST_PAGES: usize = 20;
const A_PAGE: usize = 100;

/// What is known of a run.
#[derive(Debug, Default)]
pub(super) struct Known {
    run: Option<Page<RunReply>>,
    jobs: Vec<Page<JobsReply>>,
}

/// An answer, and what the server calls it.
#[derive(Debug)]
struct Page<T> {
    value: T,
    tag: Option<String>,
    /// Whether another one follows it.
    more: bool,
}

impl Actions {
    /// How a run is now. What is known is asked for again where it has changed.
    pub(super) async fn look_at(
        &self,
        run: u64,
        known: &mut Known,
    ) -> Result<RunReply, ActionsError> {
        let url = self.run_url(run, &[]);
        match fresh(&self.site.client, "look at the run", url, known.run.take()).await {
            Ok(page) => Ok(known.run.insert(page).value.clone()),
            Err(ActionsError::GitHub(GitHubError::Answered { answer, .. }))
                if answer.status == 404 =>
            {
                Err(self.no_run(run))
            }
            Err(error) => Err(error),
        }
    }

    /// Its jobs.
    pub(super) async fn jobs(
        &self,
        run: u64,
        known: &mut Known,
    ) -> Result<Vec<JobReply>, ActionsError> {
        let mut before = std::mem::take(&mut known.jobs).into_iter();
        for number in 1..=MOST_PAGES {
            let mut url = self.run_url(run, &["jobs"]);
            url.set_query(Some(&format!("filter=latest&per_page={A_PAGE}&page={number}")));
            let page = fresh(&self.site.client, "list the jobs", url, before.next()).await?;
            let more = page.more && !page.value.jobs.is_empty();
            known.jobs.push(page);
            if !more {
                break;
            }
        }
        let mut jobs: Vec<JobReply> =
            known.jobs.iter().flat_map(|page| page.value.jobs.iter().cloned()).collect();
        // Pages move when a job is made between two of them.
        jobs.sort_by_key(|job| job.id);
        jobs.dedup_by_key(|job| job.id);
        Ok(jobs)
    }
}

async fn fresh<T: DeserializeOwned>(
    client: &Client,
    what: &str,
    url: Url,
    known: Option<Page<T>>,
) -> Result<Page<T>, ActionsError> {
    let ask = Ask::new(what, Method::GET, url);
    let (value, reply) = match known {
        None => client.read(&ask).await?,
        Some(page) => match client.read_if_new(&ask.unless(page.tag.clone())).await? {
            Some(read) => read,
            None => return Ok(page),
        },
    };
    let text = |name| reply.headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok());
    let more = text(header::LINK).is_some_and(|link| link.contains("rel=\"next\""));
    Ok(Page { value, tag: text(header::ETAG).map(str::to_owned), more })
}
