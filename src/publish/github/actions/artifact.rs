//! What a run left: found among its artifacts, and brought here. GitHub says where the archive is kept, and
//! that place is asked without the token; the archive is compared with GitHub's own digest of it.

use std::sync::mpsc::Receiver;
use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};
use http::Method;

use super::wire::{ArtifactReply, ArtifactsReply};
use super::{Actions, ActionsError, Run, name_of};
use crate::model::digest::Sha256;
use crate::model::event::{Event, Events};
use crate::publish::github::GitHubError;
use crate::publish::github::client::Ask;
use crate::sys::files;
use crate::sys::partial::Partial;
use crate::sys::web::{Wanted, Web, WebError};

/// The archive of no release comes near this, in bytes.
const MOST_BYTES: u64 = 2 << 30;

/// So many pages of a hundred are looked at.
const MOST_PAGES: usize = 10;

/// An address that GitHub gives out is good for a minute; so often another one is asked for.
const ADDRESSES: u32 = 5;

/// What is said elsewhere is passed on this often.
const MOMENT: Duration = Duration::from_millis(100);

/// Something that a run left.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Artifact {
    run: u64,
    id: u64,
    name: String,
    size: u64,
    sha256: Option<Sha256>,
}

/// How an attempt at an address ended.
enum Brought {
    Whole(Utf8PathBuf),
    /// The address is good no more.
    RanOut(WebError),
    /// It is something else.
    Other(Sha256),
}

impl Actions {
    /// The artifact of this name, of the last time that the run ran.
    pub async fn artifact(&self, run: &Run, name: &str) -> Result<Artifact, ActionsError> {
        let all = self.artifacts(run).await.map_err(|error| error.of_run(run.id))?;
        let of_name = all.iter().filter(|artifact| artifact.name == name);
        let Some(found) = of_name.max_by_key(|artifact| artifact.id) else {
            let mut others: Vec<String> = all.iter().map(|other| name_of(&other.name)).collect();
            others.sort_unstable();
            others.dedup();
            let (name, url) = (name.to_owned(), run.url.clone());
            return Err(ActionsError::NoArtifact { run: run.id, url, name, others });
        };
        if found.expired {
            return Err(expired(run.id, found));
        }
        let (name, size) = (found.name.clone(), found.size_in_bytes);
        if size > MOST_BYTES {
            return Err(ActionsError::TooLarge { name, size, most: MOST_BYTES });
        }
        Ok(Artifact { run: run.id, id: found.id, name, size, sha256: found.sha256() })
    }

    async fn artifacts(&self, run: &Run) -> Result<Vec<ArtifactReply>, ActionsError> {
        let mut all = Vec::new();
        for page in 1..=MOST_PAGES {
            let mut url = self.run_url(run.id, &["artifacts"]);
            url.set_query(Some(&format!("per_page=100&page={page}")));
            let ask = Ask::new("list the artifacts", Method::GET, url);
            let (reply, _) = self.site.client.read::<ArtifactsReply>(&ask).await?;
            let last = reply.artifacts.len() < 100;
            all.extend(reply.artifacts);
            if last {
                break;
            }
        }
        Ok(all)
    }

    /// Brings its archive into a folder. What has come of it stays there until it is whole.
    pub async fn fetch(
        &self,
        artifact: &Artifact,
        folder: &Utf8Path,
        events: &Events,
    ) -> Result<Utf8PathBuf, ActionsError> {
        let (place, assets) = (format!("github:{}, run {}", self.repository(), artifact.run), 1);
        events.emit(Event::DownloadPlanned { place, assets, bytes: artifact.size });
        if artifact.sha256.is_none() {
            let name = &artifact.name;
            events
                .note(format!("this GitHub names no digest of '{name}'; its own checksums decide"));
        }
        for number in 1.. {
            let url = self.address(artifact).await.map_err(|error| error.of_run(artifact.run))?;
            let (wanted, folder, stop) = (artifact.clone(), folder.to_owned(), self.stop.clone());
            let (told, heard) = Events::stream();
            let bringing = self.on_web(move |web| {
                let partial = folder.join(wanted.partial());
                let partial = Partial::open(&partial, &stop)?.ok_or(WebError::Stopped)?;
                wanted.bring(web, &url, partial, &folder, &told)
            });
            match pass_on(bringing, &heard, events).await? {
                Brought::Whole(path) => return Ok(path),
                Brought::RanOut(error) if number == ADDRESSES => {
                    return Err(artifact.is_not_brought(error));
                }
                Brought::RanOut(_) => {}
                Brought::Other(found) => return Err(artifact.is_wrong(found)),
            }
        }
        Err(WebError::Stopped.into())
    }

    async fn address(&self, artifact: &Artifact) -> Result<url::Url, ActionsError> {
        let url = self.site.url(&["actions", "artifacts", &artifact.id.to_string(), "zip"]);
        let ask = Ask::new(format!("fetch the artifact '{}'", artifact.name), Method::GET, url);
        match self.site.client.leads_to(&ask).await {
            Err(GitHubError::Answered { answer, .. }) if answer.status == 410 => {
                let (run, name) = (artifact.run, artifact.name.clone());
                Err(ActionsError::Expired { run, name, when: None })
            }
            other => Ok(other?),
        }
    }
}

impl Artifact {
    /// How what has come of it is called: never gone on with as another one.
    fn partial(&self) -> String {
        match self.sha256 {
            Some(sha256) => format!("{sha256}.partial"),
            None => format!("artifact-{}.partial", self.id),
        }
    }

    /// Brings it here from an address.
    fn bring(
        &self,
        web: &Web,
        url: &url::Url,
        mut partial: Partial,
        folder: &Utf8Path,
        events: &Events,
    ) -> Result<Brought, ActionsError> {
        let name = format!("{}.zip", self.name);
        let wanted = Wanted { name: &name, url, size: self.size };
        loop {
            let begun = partial.size() > 0;
            let came = web.resume(&wanted, &mut partial, events);
            if came.is_err() && partial.size() == 0 {
                partial.discard()?;
            }
            match came {
                Ok(()) => {}
                Err(error @ WebError::Refused { status: 401 | 403 | 404 | 410, .. }) => {
                    return Ok(Brought::RanOut(error));
                }
                Err(error) => return Err(self.is_not_brought(error)),
            }
            let found = partial.digest()?.sha256;
            if self.sha256.is_none_or(|expected| expected == found) {
                let path = folder.join(format!("{}-{}.zip", self.id, std::process::id()));
                partial.finish(&path)?;
                events
                    .emit(Event::AssetFetched { asset: name, size: files::metadata(&path)?.len() });
                return Ok(Brought::Whole(path));
            }
            if !begun {
                partial.discard()?;
                return Ok(Brought::Other(found));
            }
            // What was there before may have been the wrong part.
            partial.restart()?;
        }
    }

    fn is_not_brought(&self, error: WebError) -> ActionsError {
        match error {
            WebError::Failed { reason, .. } => {
                ActionsError::NotBrought { run: self.run, name: self.name.clone(), reason }
            }
            WebError::Refused { status, .. } => {
                let reason = format!("where GitHub keeps it, the answer is {status}");
                ActionsError::NotBrought { run: self.run, name: self.name.clone(), reason }
            }
            other => other.into(),
        }
    }

    fn is_wrong(&self, found: Sha256) -> ActionsError {
        let expected = self.sha256.unwrap_or(found);
        ActionsError::Wrong { run: self.run, name: self.name.clone(), found, expected }
    }
}

/// Passes on what work says that goes on on another thread. Whoever gives it up need not wait until that
/// thread has noticed: it may be waiting for a server.
async fn pass_on<T>(work: impl Future<Output = T>, heard: &Receiver<Event>, events: &Events) -> T {
    let mut work = std::pin::pin!(work);
    loop {
        let done = tokio::time::timeout(MOMENT, &mut work).await;
        for event in heard.try_iter() {
            events.emit(event);
        }
        if let Ok(done) = done {
            return done;
        }
    }
}

fn expired(run: u64, artifact: &ArtifactReply) -> ActionsError {
    let when = artifact.expires_at.map(|when| when.strftime("%Y-%m-%d").to_string());
    ActionsError::Expired { run, name: artifact.name.clone(), when }
}
