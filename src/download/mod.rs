//! The administrator's side: what is installed, what goes with it, and whether a file that was
//! downloaded is the release's own.

pub mod doctor;
pub mod installation;
pub mod reference;
pub mod verify;
