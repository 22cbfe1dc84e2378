//! The administrator's side: what is installed, where a release is had from, which file of it goes with that,
//! whether a file is its own, and how it comes into an Apache.

mod beside;
pub mod choose;
pub mod doctor;
pub mod fetch;
pub mod install;
pub mod installation;
mod lines;
pub mod reference;
pub mod source;
pub mod verify;
