//! Brings what an action needs and the worker lacks, several loads side by side.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use bazel_remote_apis::build::bazel::remote::execution::v2 as reapi;
use tokio::task::JoinSet;

use super::inputs::Claim;
use super::upload::{Load, Sent, panicked};
use super::{Client, Trouble};
use crate::model::digest::Digest;
use crate::model::event::{Event, Events};
use crate::model::job::Action;
use crate::model::tree::{Content, from_wire, to_wire};

/// Digests in one question for what is missing, and contents in one batch.
const QUESTION: usize = 10_000;

/// The loads of one job that are under way at once.
const SIDE_BY_SIDE: usize = 3;

impl Client {
    /// Brings everything of an action that the worker lacks.
    pub(super) async fn bring(&self, action: &Action, events: &Events) -> Result<(), Trouble> {
        let begun = Instant::now();
        let mut wanted: BTreeMap<Digest, Content> = action.contents().collect();
        let mut brought = Sent::default();
        loop {
            let mut changed = std::pin::pin!(self.inputs.changed());
            changed.as_mut().enable();
            let claim = self.inputs.claim(&mut wanted);
            if !claim.contents().is_empty() {
                self.bring_all(claim, &mut brought).await?;
            } else if wanted.is_empty() {
                break;
            } else {
                changed.await;
            }
        }
        if !brought.digests.is_empty() {
            events.emit(Event::Brought {
                runner: self.runner.to_string(),
                files: brought.digests.len(),
                bytes: brought.digests.iter().map(|digest| digest.size).sum(),
                sent: brought.bytes,
                millis: u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX),
            });
        }
        Ok(())
    }

    async fn bring_all(&self, mut claim: Claim<'_>, brought: &mut Sent) -> Result<(), Trouble> {
        let missing = self.missing(claim.contents()).await?;
        let loads = self.loads(claim.contents(), &missing);
        let there: Vec<Digest> =
            claim.contents().keys().filter(|digest| !missing.contains(*digest)).copied().collect();
        claim.arrived(&there);
        let (mut loads, mut under_way) = (loads.into_iter(), JoinSet::new());
        loop {
            while under_way.len() < SIDE_BY_SIDE
                && let Some(load) = loads.next()
            {
                under_way.spawn(self.clone().send(load));
            }
            let Some(sent) = under_way.join_next().await else { return Ok(()) };
            let sent = sent.map_err(panicked)??;
            claim.arrived(&sent.digests);
            brought.add(sent);
        }
    }

    /// What the worker says that it lacks, of what it was asked for.
    async fn missing(
        &self,
        wanted: &BTreeMap<Digest, Content>,
    ) -> Result<BTreeSet<Digest>, Trouble> {
        let mut missing = BTreeSet::new();
        let wanted_digests: Vec<Digest> = wanted.keys().copied().collect();
        for part in wanted_digests.chunks(QUESTION) {
            let request = reapi::FindMissingBlobsRequest {
                instance_name: self.terms.instance.to_string(),
                blob_digests: part.iter().copied().map(to_wire).collect(),
                ..Default::default()
            };
            let mut storage = self.storage();
            let asked = storage.find_missing_blobs(request);
            let response = self.within("ask what is missing", 0, asked).await?;
            let named = response.into_inner().missing_blob_digests;
            missing.extend(
                named.iter().filter_map(from_wire).filter(|digest| wanted.contains_key(digest)),
            );
        }
        Ok(missing)
    }

    /// What is missing, parted into what travels together.
    fn loads(&self, wanted: &BTreeMap<Digest, Content>, missing: &BTreeSet<Digest>) -> Vec<Load> {
        let (mut loads, mut batch, mut size) = (Vec::new(), Vec::new(), 0);
        for (digest, content) in wanted.iter().filter(|(digest, _)| missing.contains(digest)) {
            if digest.size > self.terms.small() {
                loads.push(Load::Stream(*digest, content.clone()));
                continue;
            }
            // A digest, a status and some bytes of the protocol come with each.
            let weight = digest.size + 128;
            if size + weight > self.terms.batch || batch.len() >= QUESTION {
                loads.push(Load::Batch(std::mem::take(&mut batch)));
                size = 0;
            }
            size += weight;
            batch.push((*digest, content.clone()));
        }
        if !batch.is_empty() {
            loads.push(Load::Batch(batch));
        }
        loads
    }
}
