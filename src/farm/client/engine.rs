//! What is different where the other end is an engine that schedules: it picks machines by properties, an
//! action goes on there when its stream is dropped, and must be ended by its name.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bazel_remote_apis::google::longrunning::CancelOperationRequest;
use bazel_remote_apis::google::longrunning::operations_client::OperationsClient;

use super::Client;
use crate::model::job::Action;
use crate::sys::dial::Wire;

/// How long an engine has to hear what is not wanted any more.
const FAREWELL: Duration = Duration::from_secs(5);

/// An engine.
#[derive(Debug)]
pub(super) struct Engine {
    properties: BTreeMap<String, String>,
    /// The names of what was begun there and has not ended.
    under_way: Mutex<BTreeSet<String>>,
}

impl Client {
    /// The same client for an engine, and what its machines must be for our jobs.
    pub(in crate::farm) fn of_engine(self, properties: BTreeMap<String, String>) -> Self {
        let engine = Engine { properties, under_way: Mutex::default() };
        Self { engine: Some(Arc::new(engine)), ..self }
    }

    /// The action as this engine's machines are asked for it.
    pub(super) fn fitted<'a>(&self, action: &'a Action) -> Cow<'a, Action> {
        match &self.engine {
            Some(engine) if !engine.properties.is_empty() => {
                Cow::Owned(action.asking_for(&engine.properties))
            }
            _ => Cow::Borrowed(action),
        }
    }

    /// Remembers that something is under way there; nothing where dropping the stream is enough.
    pub(super) fn under_way(&self, name: &str) -> Option<UnderWay> {
        let engine = Arc::clone(self.engine.as_ref()?);
        lock(&engine.under_way).insert(name.to_owned());
        Some(UnderWay { engine, wire: self.wire.clone(), name: name.to_owned() })
    }

    /// Ends everything that is still under way there, in so far as the engine hears it in time.
    pub(in crate::farm) async fn end_all(&self) {
        let Some(engine) = &self.engine else { return };
        let names = std::mem::take(&mut *lock(&engine.under_way));
        let ends = names.into_iter().map(|name| cancel(self.wire.clone(), name));
        let mut ending: tokio::task::JoinSet<()> = ends.collect();
        while ending.join_next().await.is_some() {}
    }
}

/// Something that runs there. Dropped before its end, it is ended there, too.
#[derive(Debug)]
pub(super) struct UnderWay {
    engine: Arc<Engine>,
    wire: Wire,
    name: String,
}

impl UnderWay {
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// It has ended: nothing is left to end.
    pub(super) fn has_ended(self) {
        lock(&self.engine.under_way).remove(&self.name);
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        if !lock(&self.engine.under_way).contains(&self.name) {
            return;
        }
        // Without a runtime nobody could wait for it; what `end_all` is left with, it ends.
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            let (engine, name, wire) =
                (Arc::clone(&self.engine), self.name.clone(), self.wire.clone());
            runtime.spawn(async move {
                cancel(wire, name.clone()).await;
                lock(&engine.under_way).remove(&name);
            });
        }
    }
}

async fn cancel(wire: Wire, name: String) {
    let request = CancelOperationRequest { name: name.clone() };
    let mut operations = OperationsClient::new(wire);
    match tokio::time::timeout(FAREWELL, operations.cancel_operation(request)).await {
        Ok(Ok(_)) => tracing::debug!("{name} is cancelled"),
        Ok(Err(status)) => tracing::debug!("{name} is not cancelled: {status}"),
        Err(_) => tracing::debug!("{name} is not cancelled in time"),
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
