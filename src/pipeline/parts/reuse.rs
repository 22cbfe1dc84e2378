//! What earlier parts have of what is about to be built: found by the digests of the actions, so that a
//! change of anything that goes in is another build. What is damaged is built again.

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;
use camino::Utf8PathBuf;

use super::read::{self, StoredPart};
use crate::farm::Farm;
use crate::model::digest::Sha256;
use crate::model::event::Events;
use crate::model::job::Job;

/// The cells of earlier parts.
#[derive(Debug, Default)]
pub(in crate::pipeline) struct Reusable {
    /// By the digest of the action: the part and the place of the cell in it.
    cells: HashMap<Sha256, Vec<(Arc<StoredPart>, usize)>>,
}

impl Reusable {
    /// Those in these folders, which may be empty or not there.
    pub(super) fn read(places: &[Utf8PathBuf], module: &str, events: &Events) -> Self {
        let mut reusable = Self::default();
        for place in places {
            let folders = read::folders(place).unwrap_or_else(|error| {
                warn(events, &error.to_string());
                Vec::new()
            });
            for folder in folders {
                match StoredPart::read(&folder) {
                    Ok(part) if part.part.module.name == module => reusable.add(part),
                    Ok(_) => {}
                    Err(error) => warn(events, &error.to_string()),
                }
            }
        }
        reusable
    }

    fn add(&mut self, part: StoredPart) {
        let part = Arc::new(part);
        for (place, cell) in part.part.cells.iter().enumerate() {
            if let Some(built) = &cell.built {
                self.cells.entry(built.action).or_default().push((Arc::clone(&part), place));
            }
        }
    }

    /// Tells the farm of the files that are there of these jobs.
    pub(in crate::pipeline) fn tell(&self, jobs: &[Job], farm: &mut Farm, events: &Events) {
        let mut taken = 0;
        for job in jobs {
            let action = job.action.digest();
            if let Some(file) = self.file(action.sha256, events) {
                farm.tell(action, file);
                taken += job.cells.len();
            }
        }
        if taken > 0 {
            let cells =
                if taken == 1 { "1 cell is".to_owned() } else { format!("{taken} cells are") };
            events.note(format!("{cells} in earlier parts and not built again"));
        }
    }

    fn file(&self, action: Sha256, events: &Events) -> Option<Bytes> {
        for (part, place) in self.cells.get(&action)? {
            let cell = part.part.cells.get(*place)?;
            match part.file(cell, cell.built.as_ref()?) {
                Ok(bytes) => return Some(bytes.into()),
                Err(error) => warn(events, &error.to_string()),
            }
        }
        None
    }
}

/// Says that something is built again, and why; what to do about it is done.
fn warn(events: &Events, error: &str) {
    let reason = error.split("\nhint: ").next().unwrap_or_default();
    events.warn(
        format!("not reused: {reason}"),
        Some("what it should hold is built again".to_owned()),
    );
}
