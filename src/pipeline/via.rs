//! A release that a workflow builds on GitHub Actions: started and followed from here, what it made brought
//! here and proven once more, put in its folder as one that was built here, and published from there.

use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};
use tokio_util::sync::CancellationToken;

use super::Released;
use crate::download::reference::{Reference, ReferenceError};
use crate::download::verify::{VerifyError, verify};
use crate::model::event::{Event, Events, Stage};
use crate::model::verification::{Answer, ComparedFile};
use crate::model::version::Version;
use crate::package::Names;
use crate::publish::directory::{Directory, DirectoryError};
use crate::publish::github::actions::{Actions, ActionsError, Ended, Run, Start};
use crate::publish::github::{self, GitHub, GitHubError};
use crate::publish::release::FolderError;
use crate::publish::{self, PublishError, Release};
use crate::roots::unpack::{UnpackError, unpack_at_most};
use crate::sys::digests::DigestCache;
use crate::sys::files::{self, FileError};

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
    pub task: Task,
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
pub enum Task {
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

/// Why there is no release.
#[derive(Debug, thiserror::Error)]
pub enum ViaError {
    /// The workflow, or a run of it.
    #[error(transparent)]
    Actions(#[from] ActionsError),
    /// The release cannot be put where it belongs.
    #[error(transparent)]
    Publish(#[from] PublishError),
    /// The archive cannot be unpacked, or is not to be.
    #[error(transparent)]
    Unpack(#[from] UnpackError),
    /// A file cannot be read or written.
    #[error(transparent)]
    File(#[from] FileError),
    /// The run did not go well.
    #[error(
        "run {run} ended as '{conclusion}'{}\nhint: nothing was fetched; {url} has everything; --run {run} --rerun-failed runs what failed again and follows it",
        listed(jobs)
    )]
    Failed {
        /// The run.
        run: u64,
        /// Its page.
        url: String,
        /// GitHub's word for how it ended.
        conclusion: String,
        /// The jobs that failed, each with its reason.
        jobs: Vec<String>,
    },
    /// What it left is no release.
    #[error(
        "what run {run} left is not a release: {reason}\nhint: nothing of it was kept; the artifact '{ARTIFACT}' has to be the folder that modfarm made there, whole"
    )]
    NoRelease {
        /// The run.
        run: u64,
        /// What is wrong with it.
        reason: String,
    },
    /// It is another release than was asked for.
    #[error(
        "run {run} made {found}, and {wanted} is wanted\nhint: nothing of it was kept; name its version, or start a run of the one that is wanted"
    )]
    Other {
        /// The run.
        run: u64,
        /// What it made.
        found: String,
        /// What is wanted.
        wanted: String,
    },
    /// Given up before a run was known.
    #[error("interrupted\nhint: {}", if *starting { "the workflow may have been started: look at its page before it is started again" } else { "nothing was started" })]
    Cancelled {
        /// Whether the run was being asked for.
        starting: bool,
    },
    /// Given up while a run went on.
    #[error("interrupted; {}\nhint: {url}; --run {run} follows it again", how.words())]
    Left {
        /// The run.
        run: u64,
        /// Its page.
        url: String,
        /// What becomes of it.
        how: Left,
    },
}

/// What becomes of a run that nobody here follows any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Left {
    /// It goes on.
    Alone,
    /// It was asked to end.
    Ended,
    /// It was to end, and goes on.
    NotEnded,
    /// It had ended before.
    Over,
}

fn listed(jobs: &[String]) -> String {
    jobs.iter().flat_map(|job| ["\n  ", job]).collect()
}

impl Left {
    fn words(self) -> &'static str {
        match self {
            Self::Alone => "the run goes on there, and --cancel-on-interrupt would have ended it",
            Self::Ended => "the run was asked to end",
            Self::NotEnded => "the run could not be asked to end, and goes on there",
            Self::Over => "the run has ended well, and what it made is kept there",
        }
    }
}

impl From<DirectoryError> for ViaError {
    fn from(error: DirectoryError) -> Self {
        Self::Publish(error.into())
    }
}

impl From<GitHubError> for ViaError {
    fn from(error: GitHubError) -> Self {
        Self::Publish(error.into())
    }
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
        ready.place = Some(Directory::prepare(&request.to, names.folder(), &names.manifest())?);
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
    let Task::Start(start) = &request.task else {
        let again = matches!(request.task, Task::Follow { again: true, .. });
        let known = or_cancelled(known(&request.task, actions), cancel).await;
        return known.map_err(|error| match error {
            ViaError::Cancelled { .. } => ViaError::Cancelled { starting: again },
            other => other,
        });
    };
    let mut starting = Box::pin(actions.start(start));
    tokio::select! {
        run = &mut starting => return Ok(run?),
        () = cancel.cancelled() => {}
    }
    match tokio::time::timeout(GRACE, starting).await {
        Ok(Ok(run)) => Err(leave(request, actions, &run).await),
        _ => Err(ViaError::Cancelled { starting: true }),
    }
}

async fn known(task: &Task, actions: &Actions) -> Result<Run, ViaError> {
    let Task::Follow { run, again } = task else {
        return Err(ViaError::Cancelled { starting: false });
    };
    let run = actions.run(*run).await?;
    Ok(if *again { actions.again(&run).await? } else { run })
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
        None => Directory::of(&request.to, &release)?,
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

/// The folder of the release: the archive's own, or the only one in it.
fn top_of(folder: &Utf8Path) -> Result<Utf8PathBuf, FileError> {
    let names = files::names(folder)?;
    let only = names.first().filter(|_| names.len() == 1).map(|name| folder.join(name));
    Ok(only.filter(|only| files::is_dir(only)).unwrap_or_else(|| folder.to_owned()))
}

/// The release in a folder: by its checksums, and as `modfarm verify --complete` sees it.
fn prove(run: u64, folder: &Utf8Path) -> Result<Release, ViaError> {
    let no = |error: &dyn std::fmt::Display| {
        // Its remedies are for who made the folder; and where it lies for now is of no interest.
        let text = error.to_string().replace(&format!("{folder}/"), "");
        let reason = text.replace(folder.as_str(), "it");
        let reason = reason.lines().next().unwrap_or_default().to_owned();
        ViaError::NoRelease { run, reason }
    };
    let release = Release::read(folder, &mut fresh()).map_err(|error| match error {
        FolderError::File(error) => ViaError::File(error),
        other => no(&other),
    })?;
    let reference = Reference::in_folder(folder).map_err(|error| match error {
        ReferenceError::File(error) => ViaError::File(error),
        other => no(&other),
    })?;
    let found = verify(&reference, &[folder.to_owned()], true).map_err(|error| match error {
        VerifyError::File(error) => ViaError::File(error),
        other @ VerifyError::Archive(_) => no(&other),
    })?;
    let wrong: Vec<String> =
        found.files.iter().filter(|file| file.answer.is_wrong()).map(fault).collect();
    if !wrong.is_empty() {
        return Err(no(&wrong.join("; ")));
    }
    Ok(release)
}

fn fault(file: &ComparedFile) -> String {
    let name = Utf8Path::new(&file.file).file_name().unwrap_or(&file.file);
    match &file.answer {
        Answer::Different { reason, .. } => format!("{name}: {reason}"),
        Answer::Misnamed { really, .. } => format!("{name} is {}", really.join(", ")),
        Answer::Missing => format!("{name} is missing"),
        _ => format!("{name} is not of the release"),
    }
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
        Task::Start(start) => {
            let on = start.on.as_deref().unwrap_or(actions.default_branch());
            let inputs = start.inputs.iter().map(|(name, value)| format!("{name}={value}"));
            let inputs: Vec<String> = inputs.collect();
            format!("{place} would be started on {on} with {}", inputs.join(", "))
        }
        Task::Follow { run, again } => {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_release_is_found_at_the_top_or_one_below() {
        let keep = tempfile::tempdir().unwrap();
        let folder = Utf8Path::from_path(keep.path()).unwrap();
        files::write_atomic(&folder.join("mod_wsgi-6.1.1/a"), b"a").unwrap();
        assert_eq!(top_of(folder).unwrap(), folder.join("mod_wsgi-6.1.1"));
        files::write_atomic(&folder.join("b"), b"b").unwrap();
        assert_eq!(top_of(folder).unwrap(), folder);
    }

    #[test]
    fn what_is_no_release_is_told_without_where_it_lay() {
        let keep = tempfile::tempdir().unwrap();
        let folder = Utf8Path::from_path(keep.path()).unwrap();
        let error = prove(7, folder).unwrap_err().to_string();
        assert!(error.starts_with("what run 7 left is not a release: it is no release"), "{error}");
        assert!(!error.contains(folder.as_str()) && !error.contains("dist/"), "{error}");
    }
}
