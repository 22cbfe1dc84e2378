//! A cell and its roots -> the exact commands, as a makefile and the job that runs it. Pure.
//!
//! The makefile that an administrator builds with by hand is the one the farm runs: there is one
//! source of truth for the commands.

pub mod bulk;
pub mod cross;
pub mod differences;
pub mod jobs;
pub mod makefile;
pub mod messages;
pub mod msvc;

pub use jobs::{Build, Inputs, jobs};
