//! What a worker has of our contents, and what is on its way there: jobs that start together bring what
//! they share once, and none waits for what it does not need.

use std::collections::{BTreeMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use crate::model::digest::Digest;
use crate::model::tree::Content;

/// What is known of a worker's contents.
#[derive(Debug, Default)]
pub(super) struct Inputs {
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Debug, Default)]
struct State {
    there: HashSet<Digest>,
    coming: HashSet<Digest>,
}

impl Inputs {
    /// Takes what nobody brings yet out of what is wanted, to be brought; what is there is not wanted any
    /// more. What is left in `wanted` is on its way.
    pub(super) fn claim(&self, wanted: &mut BTreeMap<Digest, Content>) -> Claim<'_> {
        let mut state = self.state();
        let mut ours = BTreeMap::new();
        wanted.retain(|digest, content| {
            if state.coming.contains(digest) {
                return true;
            }
            if !state.there.contains(digest) {
                state.coming.insert(*digest);
                ours.insert(*digest, content.clone());
            }
            false
        });
        Claim { inputs: self, ours }
    }

    /// Resolves when something has come, or will not. To be made before a look at what is there.
    pub(super) fn changed(&self) -> tokio::sync::futures::Notified<'_> {
        self.changed.notified()
    }

    /// Forgets what is there: the worker has lost something.
    pub(super) fn forget(&self) {
        self.state().there.clear();
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Contents that nobody else brings. When it is dropped, what has not arrived is for others to bring.
#[derive(Debug)]
pub(super) struct Claim<'a> {
    inputs: &'a Inputs,
    ours: BTreeMap<Digest, Content>,
}

impl Claim<'_> {
    /// What is to be brought.
    pub(super) fn contents(&self) -> &BTreeMap<Digest, Content> {
        &self.ours
    }

    /// Notes what the worker has now.
    pub(super) fn arrived<'a>(&mut self, digests: impl IntoIterator<Item = &'a Digest>) {
        let mut state = self.inputs.state();
        for digest in digests {
            if self.ours.remove(digest).is_some() {
                state.coming.remove(digest);
                state.there.insert(*digest);
            }
        }
        drop(state);
        self.inputs.changed.notify_waiters();
    }
}

impl Drop for Claim<'_> {
    fn drop(&mut self) {
        if self.ours.is_empty() {
            return;
        }
        let mut state = self.inputs.state();
        for digest in self.ours.keys() {
            state.coming.remove(digest);
        }
        drop(state);
        self.inputs.changed.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(texts: &[&'static str]) -> BTreeMap<Digest, Content> {
        texts
            .iter()
            .map(|text| (Digest::of(text.as_bytes()), Content::Bytes((*text).into())))
            .collect()
    }

    #[test]
    fn what_two_share_is_brought_by_one_of_them() {
        let inputs = Inputs::default();
        let (mut first, mut second) = (wanted(&["shared", "one"]), wanted(&["shared", "two"]));
        let mut claim = inputs.claim(&mut first);
        assert_eq!((claim.contents().len(), first.len()), (2, 0));
        let other = inputs.claim(&mut second);
        assert_eq!(other.contents().keys().collect::<Vec<_>>(), [&Digest::of(b"two")]);
        assert_eq!(second.len(), 1);
        claim.arrived(&[Digest::of(b"shared")]);
        assert!(inputs.claim(&mut second).contents().is_empty());
        assert!(second.is_empty());
    }

    #[test]
    fn what_one_fails_to_bring_is_for_the_other() {
        let inputs = Inputs::default();
        let (mut first, mut second) = (wanted(&["shared"]), wanted(&["shared"]));
        let claim = inputs.claim(&mut first);
        assert!(inputs.claim(&mut second).contents().is_empty());
        drop(claim);
        assert_eq!(inputs.claim(&mut second).contents().len(), 1);
    }

    #[tokio::test]
    async fn who_waits_is_woken() {
        let inputs = Inputs::default();
        let mut first = wanted(&["shared"]);
        let claim = inputs.claim(&mut first);
        let mut changed = std::pin::pin!(inputs.changed());
        changed.as_mut().enable();
        drop(claim);
        tokio::time::timeout(std::time::Duration::from_secs(5), changed).await.unwrap();
    }
}
