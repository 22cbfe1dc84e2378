//! A release that a workflow builds on GitHub Actions: started and followed from here, what it made brought
//! here and proven once more, put in its folder as one that was built here, and published from there.

mod error;
mod proof;

use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};
use tokio_util::sync::CancellationToken;

use self::error::Left;
use self::proof::{prove, top_of};
use super::Released;
use crate::model::event::{Event, Events, Stage};
use crate::model::version::Version;
use crate::package::Names;
use crate::publish::directory::Directory;
use crate::publish::github::actions::{Actions, ActionsError, Ended, Run, Start};
use crate::publish::github::{self, GitHub};
use crate::publish::{self, PublishError, Release};
use crate::roots::unpack::unpack_at_most;
use crate::sys::digests::DigestCache;
use crate::sys::files;

pub use error::ViaError;

/// The artifact that the workflow leaves the release's folder in.
const ARTIFACT: &str = "release";

/// What small texts unpack to, at most.
const SMALL: u64 = 64 << 20;

/// How long one waits for an answer after Ctrl-C, so as to say which run goes on.
const GRACE: Duration = Duration::from_secs(8);

/// What somebody wants built there.
#[derive(Clone, Debug)]
pub struct ViaRequest {
    /// The repository that has the workflow.
    pub there: github::Settings,
    /// The workflow's file.
    pub workflow: String,
    /// Which run of it.
    pub task: ViaTask,
    /// Whether the run is to end where this one is given up.
    pub cancel_with_us: bool,
    /// How often one looks how far it is.
    pub every: Duration,
    /// The module that is released.
    pub module: String,
    /// Its version, where one was asked for.
    pub version: Option<Version>,
    /// The folder that the release's own folder is made in.
    pub to: Utf8PathBuf,
    /// Where on GitHub it goes from there, if anywhere.
    pub github: Option<github::Settings>,
    /// The folder of what is kept between runs.
    pub state: Utf8PathBuf,
}

/// Which run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ViaTask {
    /// One that is started now.
    Start(Start),
    /// One that exists.
    Follow {
        /// Its number.
        run: u64,
        /// Whether what failed in it runs again first.
        again: bool,
    },
}

/// Has the release built there, and brings it here.
pub async fn via(
    request: &ViaRequest,
    events: &Events,
    cancel: &CancellationToken,
) -> Result<Released, ViaError> {
    events.stage(Stage::Preflight);
    let (mut ready, actions) =
        or_cancelled(Box::pin(prepare(request, events, cancel)), cancel).await?;
    let run = take_up(request, &actions, cancel).await?;
    events.emit(following(request, &actions, &run));
    events.stage(Stage::Build);
    let ended = tokio::select! {
        ended = actions.follow(&run, request.every, events) => ended?,
        () = cancel.cancelled() => return Err(leave(request, &actions, &run).await),
    };
    if !ended.is_well() {
        return Err(failed(&run, ended));
    }
    tokio::select! {
        released = bring(request, &mut ready, &actions, &run, events) => released,
        () = cancel.cancelled() => Err(ViaError::Left { run: run.id, url: run.url, how: Left::Over }),
    }
}

/// The places that the release goes to, taken before anything is started, as far as its version is known.
struct Ready {
    place: Option<Directory>,
    github: Option<GitHub>,
}

/// Everything that may be refused, before anything is started.
async fn prepare(
    request: &ViaRequest,
    events: &Events,
    cancel: &CancellationToken,
) -> Result<(Ready, Actions), ViaError> {
    let mut ready = Ready { place: None, github: None };
    if let Some(version) = &request.version {
        let names = Names::new(&request.module, version.as_str());
        let place = Directory::prepare(&request.to, names.folder(), &names.manifest());
        ready.place = Some(place.map_err(PublishError::from)?);
    }
    let ViaRequest { there, workflow, .. } = request;
    let actions = Actions::open(there, workflow, events, cancel).await?;
    if let (Some(settings), Some(version)) = (&request.github, &request.version) {
        let github = GitHub::open(settings.clone(), &request.module, version, events).await?;
        ready.github = Some(github);
    }
    Ok((ready, actions))
}

async fn or_cancelled<T>(
    work: impl Future<Output = Result<T, ViaError>>,
    cancel: &CancellationToken,
) -> Result<T, ViaError> {
    tokio::select! {
        done = work => done,
        () = cancel.cancelled() => Err(ViaError::Cancelled { starting: false }),
    }
}

/// The run that is followed.
async fn take_up(
    request: &ViaRequest,
    actions: &Actions,
    cancel: &CancellationToken,
) -> Result<Run, ViaError> {
    match &request.task {
        ViaTask::Start(new) => start(request, actions, new, cancel).await,
        ViaTask::Follow { run, again } => tokio::select! {
            run = known(actions, *run, *again) => Ok(run?),
            () = cancel.cancelled() => Err(ViaError::Cancelled { starting: *again }),
        },
    }
}

/// A run that is started now. Whoever gives it up is still told which one goes on.
async fn start(
    request: &ViaRequest,
    actions: &Actions,
    new: &Start,
    cancel: &CancellationToken,
) -> Result<Run, ViaError> {
    let mut starting = Box::pin(actions.start(new));
    tokio::select! {
        run = &mut starting => return Ok(run?),
        () = cancel.cancelled() => {}
    }
    match tokio::time::timeout(GRACE, starting).await {
        Ok(Ok(run)) => Err(leave(request, actions, &run).await),
        _ => Err(ViaError::Cancelled { starting: true }),
    }
}

/// A run that exists, `again` with what failed in it begun once more.
async fn known(actions: &Actions, run: u64, again: bool) -> Result<Run, ActionsError> {
    let run = actions.run(run).await?;
    if again { actions.again(&run).await } else { Ok(run) }
}

fn following(request: &ViaRequest, actions: &Actions, run: &Run) -> Event {
    let version = request.version.as_ref().map_or(String::new(), |version| format!(" {version}"));
    Event::Following {
        title: format!("{}{version}", request.module),
        place: format!("github:{}", actions.repository()),
        workflow: actions.workflow().to_owned(),
        run: run.id,
        url: run.url.clone(),
    }
}

/// The run goes on without us, unless it is to end.
async fn leave(request: &ViaRequest, actions: &Actions, run: &Run) -> ViaError {
    let how = if request.cancel_with_us {
        match tokio::time::timeout(GRACE, actions.cancel(run.id)).await {
            Ok(Ok(())) => Left::Ended,
            _ => Left::NotEnded,
        }
    } else {
        Left::Alone
    };
    ViaError::Left { run: run.id, url: run.url.clone(), how }
}

/// Takes what the run made to its places.
async fn bring(
    request: &ViaRequest,
    ready: &mut Ready,
    actions: &Actions,
    run: &Run,
    events: &Events,
) -> Result<Released, ViaError> {
    events.stage(Stage::Inspect);
    let (_keep, release) = obtain(request, actions, run, events).await?;
    events.stage(Stage::Publish);
    let mut place = match ready.place.take() {
        Some(place) => place,
        None => Directory::of(&request.to, &release).map_err(PublishError::from)?,
    };
    let unchanged = publish::publish(&mut place, &release, events).await?;
    let folder = place.folder().to_owned();
    let Some(settings) = &request.github else { return Ok(Released { folder, unchanged }) };
    let mut github = if let Some(github) = ready.github.take() {
        github
    } else {
        let module = &release.manifest().module;
        GitHub::open(settings.clone(), &module.name, &module.version, events).await?
    };
    // From where it stands: what is published is what everybody can look at here.
    let release = Release::read(&folder, &mut fresh()).map_err(PublishError::from)?;
    let published = Box::pin(publish_on(&mut github, &release, events)).await;
    if published.is_err() {
        events.note(format!(
            "the release stands in {folder}; with --run {} it is published without being built again",
            run.id
        ));
    }
    Ok(Released { folder, unchanged: published? })
}

async fn publish_on(
    github: &mut GitHub,
    release: &Release,
    events: &Events,
) -> Result<bool, PublishError> {
    github.check(release).await?;
    publish::publish(github, release, events).await
}

fn failed(run: &Run, ended: Ended) -> ViaError {
    let jobs = ended.failed.into_iter().map(|job| format!("{}: {}", job.name, job.reason));
    let (url, conclusion, jobs) = (run.url.clone(), ended.conclusion, jobs.collect());
    ViaError::Failed { run: run.id, url, conclusion, jobs }
}

/// What the run made, in a folder of its own that is gone with the first value; proven.
async fn obtain(
    request: &ViaRequest,
    actions: &Actions,
    run: &Run,
    events: &Events,
) -> Result<(tempfile::TempDir, Release), ViaError> {
    let artifact = actions.artifact(run, ARTIFACT).await?;
    let cache = request.state.join("cache/artifacts");
    let archive = actions.fetch(&artifact, &cache, events).await?;
    let (keep, run_id) = (files::temporary_dir_in(&cache)?, run.id);
    let folder = Utf8PathBuf::from_path_buf(keep.path().join(ARTIFACT)).unwrap_or_default();
    let proving = tokio::task::spawn_blocking(move || {
        let name = format!("the artifact '{ARTIFACT}' of run {run_id}");
        // Nearly all of a release is packed already.
        let most = files::metadata(&archive)?.len().saturating_mul(8).saturating_add(SMALL);
        let unpacked = unpack_at_most(&archive, &name, &folder, most);
        files::remove_file(&archive)?;
        unpacked?;
        prove(run_id, &top_of(&folder)?)
    });
    let release = proving.await.unwrap_or(Err(ViaError::Cancelled { starting: false }))?;
    is_wanted(request, run.id, &release)?;
    Ok((keep, release))
}

fn is_wanted(request: &ViaRequest, run: u64, release: &Release) -> Result<(), ViaError> {
    let module = &release.manifest().module;
    let version = request.version.as_ref().unwrap_or(&module.version);
    if module.name == request.module && module.version == *version {
        return Ok(());
    }
    let found = format!("{} {}", module.name, module.version);
    let wanted = format!("{} {version}", request.module);
    Err(ViaError::Other { run, found, wanted })
}

/// What came just now was never looked at.
fn fresh() -> DigestCache {
    DigestCache::load(Utf8Path::new(""))
}

/// What [`via`] would do, in words. Nothing is started.
pub async fn rehearse_via(
    request: &ViaRequest,
    events: &Events,
    cancel: &CancellationToken,
) -> Result<String, ViaError> {
    let (ready, actions) = or_cancelled(Box::pin(prepare(request, events, cancel)), cancel).await?;
    let place = format!("{} of github:{}", actions.workflow(), actions.repository());
    let what = match &request.task {
        ViaTask::Start(start) => {
            let on = start.on.as_deref().unwrap_or(actions.default_branch());
            let inputs = start.inputs.iter().map(|(name, value)| format!("{name}={value}"));
            let inputs: Vec<String> = inputs.collect();
            format!("{place} would be started on {on} with {}", inputs.join(", "))
        }
        ViaTask::Follow { run, again } => {
            let run = or_cancelled(async { Ok(actions.run(*run).await?) }, cancel).await?;
            let again = if *again { " again, what failed in it," } else { "" };
            format!("run {}{again} would be followed: {}", run.id, run.url)
        }
    };
    let folder = ready.place.map_or(request.to.clone(), |place| place.folder().to_owned());
    let github = ready.github.map(|github| publish::protocol::Place::name(&github));
    let github = github.map_or(String::new(), |name| format!(" and go to {name}"));
    Ok(format!(
        "Dry run: {what}; its artifact '{ARTIFACT}' would stand in {folder}{github}. Nothing was started.\n"
    ))
}
