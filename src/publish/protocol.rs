//! The steps that end in one complete release or in none, written once for every place: find, begin,
//! send what is missing, verify, complete, read back. Each can be repeated after any failure.

use super::PublishError;
use super::release::{Asset, Release};
use crate::model::digest::Sha256;
use crate::model::event::{Event, Events};

/// So often the steps begin anew when the ground moved under them: another run was at work.
const BEGINNINGS: u32 = 8;

/// So often what is missing is sent before it is given up.
const ROUNDS: u32 = 12;

/// Where a release goes.
#[allow(async_fn_in_trait, reason = "nobody sends these futures to another thread")]
pub trait Place {
    /// Its name, and that of the release there, for people.
    fn name(&self) -> String;

    /// What of the release stands there for everybody to see; `None` where there is nothing.
    async fn published(&mut self, release: &Release) -> Result<Option<Vec<Stored>>, PublishError>;

    /// Finds or makes the one unfinished release to fill. Whatever must not be touched is refused here,
    /// before anything is sent.
    async fn begin(
        &mut self,
        release: &Release,
        published: Option<&Difference<'_>>,
    ) -> Result<(), PublishError>;

    /// What is in what is being filled.
    async fn contents(&mut self, release: &Release) -> Result<Vec<Stored>, PublishError>;

    /// Whether files that are not of the release are to be removed from it.
    fn is_ours_alone(&self) -> bool;

    /// Removes a file. One that is gone already is no error.
    async fn remove(&mut self, stored: &Stored) -> Result<(), PublishError>;

    /// Sends files, in whatever order. `true` where the place itself said of each that it has its digest.
    async fn send(
        &mut self,
        missing: Vec<Missing<'_>>,
        events: &Events,
    ) -> Result<bool, PublishError>;

    /// Shows it to everybody.
    async fn complete(&mut self, release: &Release) -> Result<(), PublishError>;

    /// What everybody sees now.
    async fn read_back(&mut self, release: &Release) -> Result<Vec<Stored>, PublishError>;

    /// Says how it ended.
    fn outcome(&self, release: &Release, unchanged: bool) -> Event {
        let assets = release.assets().len();
        Event::Published { place: self.name(), unchanged, assets }
    }
}

/// A file in a place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    /// Its name.
    pub name: String,
    /// The number it has there, where files have one.
    pub id: u64,
    /// The digest of what it holds; `None` where its upload did not come to its end.
    pub sha256: Option<Sha256>,
}

/// A file that is to be sent.
#[derive(Clone, Debug)]
pub struct Missing<'a> {
    /// The file.
    pub asset: &'a Asset,
    /// What stands in its place: an upload that did not come to its end, or is not there yet.
    pub unfinished: Option<Stored>,
}

/// What a place lacks, or has too much.
#[derive(Debug, Default)]
pub struct Difference<'a> {
    /// Not there, or not whole.
    pub missing: Vec<Missing<'a>>,
    /// There under the right name with other bytes.
    pub wrong: Vec<Stored>,
    /// Not of the release.
    pub extra: Vec<Stored>,
    /// How many are right.
    pub right: usize,
}

impl<'a> Difference<'a> {
    /// Compares a release with what is there.
    #[must_use]
    pub fn between(release: &'a Release, there: &[Stored]) -> Self {
        let mut difference = Self::default();
        for asset in release.assets() {
            let stored = there.iter().find(|stored| stored.name == asset.name);
            match stored.map(|stored| (stored, stored.sha256)) {
                Some((_, Some(sha256))) if sha256 == asset.digest.sha256 => difference.right += 1,
                Some((stored, Some(_))) => difference.wrong.push(stored.clone()),
                Some((stored, None)) => {
                    let unfinished = Some(stored.clone());
                    difference.missing.push(Missing { asset, unfinished });
                }
                None => difference.missing.push(Missing { asset, unfinished: None }),
            }
        }
        let ours = |name: &str| release.assets().iter().any(|asset| asset.name == name);
        difference.extra = there.iter().filter(|stored| !ours(&stored.name)).cloned().collect();
        difference
    }

    /// Whether all files of the release are there as they should be.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.missing.is_empty() && self.wrong.is_empty()
    }

    /// The names of what is not there as it should be.
    #[must_use]
    pub fn names(&self) -> Vec<String> {
        let missing =
            self.missing.iter().map(|missing| format!("{} is missing", missing.asset.name));
        let wrong = self.wrong.iter().map(|stored| format!("{} has other bytes", stored.name));
        missing.chain(wrong).collect()
    }

    fn bytes(&self) -> u64 {
        self.missing.iter().map(|missing| missing.asset.digest.size).sum()
    }
}

/// Publishes a release. `true` where it stood there already.
pub async fn publish(
    place: &mut impl Place,
    release: &Release,
    events: &Events,
) -> Result<bool, PublishError> {
    let mut beginnings = 1;
    let unchanged = loop {
        match once(place, release, events).await {
            Err(error) if error.begins_anew() && beginnings < BEGINNINGS => {
                events.note(format!("{error}; looking again"));
                beginnings += 1;
            }
            result => break result?,
        }
    };
    events.emit(place.outcome(release, unchanged));
    Ok(unchanged)
}

async fn once(
    place: &mut impl Place,
    release: &Release,
    events: &Events,
) -> Result<bool, PublishError> {
    let published = place.published(release).await?;
    let published = published.map(|there| Difference::between(release, &there));
    let exact =
        |it: &Difference<'_>| it.is_complete() && (it.extra.is_empty() || !place.is_ours_alone());
    if published.as_ref().is_some_and(exact) {
        return Ok(true);
    }
    place.begin(release, published.as_ref()).await?;
    fill(place, release, events).await?;
    place.complete(release).await?;
    let there = place.read_back(release).await?;
    let difference = Difference::between(release, &there);
    if difference.is_complete() {
        return Ok(false);
    }
    Err(PublishError::ReadBack { place: place.name(), faults: difference.names() })
}

/// Sends what is missing until a listing shows that nothing is. The manifest is sent when all else is
/// known to be right, from the place's answers or from a listing, so that it completes the release.
async fn fill(
    place: &mut impl Place,
    release: &Release,
    events: &Events,
) -> Result<(), PublishError> {
    let mut faults = Vec::new();
    for round in 0..ROUNDS {
        let there = place.contents(release).await?;
        let mut difference = Difference::between(release, &there);
        if round == 0 && !difference.is_complete() {
            events.emit(Event::UploadPlanned {
                place: place.name(),
                assets: release.assets().len(),
                present: difference.right,
                bytes: difference.bytes() + wrong_bytes(release, &difference),
            });
        }
        let extra: &[Stored] = if place.is_ours_alone() { &difference.extra } else { &[] };
        if difference.is_complete() && extra.is_empty() {
            return Ok(());
        }
        for stored in difference.wrong.iter().chain(extra) {
            place.remove(stored).await?;
        }
        faults = difference.names();
        for stored in std::mem::take(&mut difference.wrong) {
            let asset = release.assets().iter().find(|asset| asset.name == stored.name);
            difference.missing.extend(asset.map(|asset| Missing { asset, unfinished: None }));
        }
        let (last, first): (Vec<_>, Vec<_>) =
            difference.missing.into_iter().partition(|missing| Release::is_manifest(missing.asset));
        let right = first.is_empty() || place.send(first, events).await?;
        if right && !last.is_empty() {
            place.send(last, events).await?;
        }
    }
    Err(PublishError::NeverRight { place: place.name(), faults })
}

fn wrong_bytes(release: &Release, difference: &Difference<'_>) -> u64 {
    let wrong = |asset: &&Asset| difference.wrong.iter().any(|stored| stored.name == asset.name);
    release.assets().iter().filter(wrong).map(|asset| asset.digest.size).sum()
}
