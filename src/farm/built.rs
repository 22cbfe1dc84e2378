//! What was built before, by whichever runner: a content store at the orchestrator, asked before any
//! runner is. A file lies in it before the journal says that its job is finished, so that no kill can
//! have anything built again.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bazel_remote_apis::build::bazel::remote::execution::v2 as reapi;
use bytes::Bytes;
use camino::Utf8Path;
use tokio_util::task::TaskTracker;

use super::Outcome;
use crate::model::digest::Digest;
use crate::model::job::{Action, Job};
use crate::model::tree::{from_wire, to_wire};
use crate::worker::{Store, StoreError, timestamp};

/// The store of built files; by default there is none, and nothing is known.
#[derive(Debug, Default)]
pub(super) struct Built {
    store: Option<Arc<Store>>,
    tasks: TaskTracker,
}

impl Built {
    /// The store in a folder, which workers on this machine may use at the same time.
    pub(super) fn open(folder: &Utf8Path) -> Result<Self, StoreError> {
        Ok(Self { store: Some(Arc::new(Store::open(folder)?)), tasks: TaskTracker::new() })
    }

    /// The outcomes that are known, in the order of the jobs. What is damaged, or cannot be read, is not
    /// known.
    pub(super) async fn look_up(&self, jobs: &[Job]) -> Vec<Option<Outcome>> {
        let unknown = vec![None; jobs.len()];
        let Some(store) = self.store.clone() else { return unknown };
        let actions: Vec<Action> = jobs.iter().map(|job| job.action.clone()).collect();
        let looking = self.tasks.spawn_blocking(move || {
            let look = |action| match outcome(&store, action) {
                Ok(outcome) => outcome,
                Err(error) => {
                    tracing::warn!("{error}");
                    None
                }
            };
            actions.iter().map(look).collect()
        });
        looking.await.unwrap_or(unknown)
    }

    /// Keeps what a runner built, or had in its own cache.
    pub(super) fn keep(
        &self,
        job: &Job,
        runner: &str,
        outcome: &Outcome,
    ) -> Result<(), StoreError> {
        let (Some(store), Outcome::Built { bytes, digest, millis, log, .. }) =
            (&self.store, outcome)
        else {
            return Ok(());
        };
        let action = job.action.digest();
        // The local worker's store is this very one.
        if store.result(action, &[])?.is_some() {
            return Ok(());
        }
        store.insert(*digest, bytes)?;
        let said = Digest::of(log.as_bytes());
        store.insert(said, log.as_bytes())?;
        let result = reapi::ActionResult {
            output_files: vec![reapi::OutputFile {
                path: job.action.output().to_owned(),
                digest: Some(to_wire(*digest)),
                ..Default::default()
            }],
            stdout_digest: Some(to_wire(said)),
            execution_metadata: Some(metadata(runner, *millis)),
            ..Default::default()
        };
        store.keep_result(action, &result)
    }

    /// Lets go of the store once nothing looks into it any more.
    pub(super) async fn close(self) {
        self.tasks.close();
        self.tasks.wait().await;
    }
}

/// The outcome of an action, if all of it is there and is what it should be.
fn outcome(store: &Store, action: &Action) -> Result<Option<Outcome>, StoreError> {
    let Some(result) = store.result(action.digest(), &[])? else { return Ok(None) };
    let file = result.output_files.iter().find(|file| file.path == action.output());
    let Some(digest) = file.and_then(|file| file.digest.as_ref()).and_then(from_wire) else {
        return Ok(None);
    };
    let Some(bytes) = store.read(digest)? else { return Ok(None) };
    if result.exit_code != 0 {
        return Ok(None);
    }
    let log = said(store, &result)?;
    Ok(Some(Outcome::Built { bytes: Bytes::from(bytes), digest, cached: true, millis: 0, log }))
}

/// What the command said: its standard output, then its standard error.
fn said(store: &Store, result: &reapi::ActionResult) -> Result<String, StoreError> {
    let mut log = String::new();
    for (raw, digest) in
        [(&result.stdout_raw, &result.stdout_digest), (&result.stderr_raw, &result.stderr_digest)]
    {
        match digest.as_ref().and_then(from_wire).filter(|_| raw.is_empty()) {
            Some(digest) => {
                log.push_str(&String::from_utf8_lossy(&store.read(digest)?.unwrap_or_default()));
            }
            None => log.push_str(&String::from_utf8_lossy(raw)),
        }
    }
    Ok(log)
}

/// Who built it, and how long it took; when, only as far as this machine knows.
fn metadata(runner: &str, millis: u64) -> reapi::ExecutedActionMetadata {
    let end = SystemTime::now();
    let start = end.checked_sub(Duration::from_millis(millis)).unwrap_or(end);
    reapi::ExecutedActionMetadata {
        worker: runner.to_owned(),
        execution_start_timestamp: Some(timestamp(start)),
        execution_completed_timestamp: Some(timestamp(end)),
        ..Default::default()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::model::job::ActionSpec;
    use crate::model::tree::TreeBuilder;
    use crate::sys::files;

    fn job(program: &str) -> Job {
        let spec = ActionSpec {
            arguments: vec![program.to_owned()],
            environment: BTreeMap::new(),
            output: "out".to_owned(),
            platform: BTreeMap::new(),
            inputs: TreeBuilder::default().build(),
            timeout: Duration::from_secs(1),
        };
        let cell = "Apache24-win64-VS17/py313-VC14".parse().unwrap();
        Job { cells: vec![cell], runner: "a".to_owned(), action: Action::new(spec) }
    }

    fn built(bytes: &'static [u8]) -> Outcome {
        let (digest, log) = (Digest::of(bytes), "said\n".to_owned());
        Outcome::Built { bytes: Bytes::from_static(bytes), digest, cached: false, millis: 7, log }
    }

    #[tokio::test]
    async fn what_one_farm_kept_another_knows() {
        let folder = tempfile::tempdir().unwrap();
        let folder = Utf8Path::from_path(folder.path()).unwrap();
        let (one, other) = (Built::open(folder).unwrap(), Built::open(folder).unwrap());
        let jobs = [job("one"), job("two"), job("three")];
        one.keep(&jobs[1], "far", &built(b"bits")).unwrap();
        let failed = Outcome::Failed { reason: "no".to_owned(), log: String::new() };
        one.keep(&jobs[2], "far", &failed).unwrap();
        let known = other.look_up(&jobs).await;
        let [None, Some(Outcome::Built { bytes, cached: true, log, .. }), None] = &known[..] else {
            panic!("{known:?}");
        };
        assert_eq!((&bytes[..], log.as_str()), (&b"bits"[..], "said\n"));
        let result = one.store.as_ref().unwrap().result(jobs[1].action.digest(), &[]).unwrap();
        assert_eq!(result.unwrap().execution_metadata.unwrap().worker, "far");
        one.close().await;
        other.close().await;
        assert_eq!(files::names(&folder.join("work")).unwrap(), Vec::<String>::new());
    }

    #[tokio::test]
    async fn what_is_damaged_is_not_known_and_can_be_kept_again() {
        let folder = tempfile::tempdir().unwrap();
        let folder = Utf8Path::from_path(folder.path()).unwrap();
        let (jobs, store) = ([job("one")], Built::open(folder).unwrap());
        store.keep(&jobs[0], "far", &built(b"bits")).unwrap();
        let hash = Digest::of(b"bits").sha256.to_string();
        let path = folder.join("cas").join(&hash[..2]).join(&hash);
        files::write_atomic(&path, b"bats").unwrap();
        let fresh = Built::open(folder).unwrap();
        assert!(fresh.look_up(&jobs).await[0].is_none());
        fresh.keep(&jobs[0], "far", &built(b"bits")).unwrap();
        assert!(fresh.look_up(&jobs).await[0].is_some());
    }

    #[tokio::test]
    async fn without_a_folder_nothing_is_known() {
        let (jobs, none) = ([job("one")], Built::default());
        none.keep(&jobs[0], "far", &built(b"bits")).unwrap();
        assert!(none.look_up(&jobs).await[0].is_none());
        none.close().await;
    }
}
