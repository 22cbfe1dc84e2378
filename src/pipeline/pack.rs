//! What was made -> a release that stands in its folder: packaged in the staging folder, read again, and put
//! into its place in one step. One that would be the same is left as it stands.

use tokio_util::sync::CancellationToken;

use super::{ReleaseError, Workshop};
use crate::model::event::{Event, Events, Stage};
use crate::package::{self, Contents};
use crate::publish::directory::Directory;
use crate::publish::{self, Release};

/// Packages a release into its place, and says whether it stood there already.
pub(super) async fn pack(
    contents: Contents,
    place: &mut Directory,
    workshop: &mut Workshop,
    events: &Events,
    cancel: &CancellationToken,
) -> Result<bool, ReleaseError> {
    events.stage(Stage::Package);
    if let Some(files) = package::standing(&contents, place.folder(), workshop.digests()) {
        let folder = place.folder().to_string();
        events.emit(Event::Published { place: folder, unchanged: true, assets: files.len() });
        return Ok(true);
    }
    package::package(contents, place.staging())?;
    events.stage(Stage::Publish);
    if cancel.is_cancelled() {
        return Err(ReleaseError::Cancelled);
    }
    let release = Release::read(place.staging(), workshop.digests())?;
    Ok(publish::publish(place, &release, events).await?)
}
