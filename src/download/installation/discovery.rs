//! Which Apaches and Pythons there are on this machine. Windows knows; elsewhere nothing is looked for.

use crate::model::installation::{Apache, Python};
use crate::roots::places;

/// What was found, what is preferred first.
#[derive(Clone, Debug, Default)]
pub struct Discovered {
    /// The Apaches.
    pub apaches: Vec<Apache>,
    /// The Pythons.
    pub pythons: Vec<Python>,
}

/// Looks for all that is installed. What cannot be read is none.
#[must_use]
pub fn discover() -> Discovered {
    let (apaches, pythons) = (places::apaches(), places::pythons());
    Discovered {
        apaches: apaches.iter().filter_map(|folder| Apache::read(folder).ok()).collect(),
        pythons: pythons.iter().filter_map(|known| Python::read(&known.folder).ok()).collect(),
    }
}
