//! The administrator's side: whether a file that was downloaded is the release's own.

pub mod reference;
pub mod verify;
