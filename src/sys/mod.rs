//! The outside world: files, child processes, http. Knows only `model`; every error names its path
//! or program, so that no one above has to add it.

// The one place where these are called; everywhere else `.clippy.toml` refuses them.
#![allow(clippy::disallowed_methods)]

pub mod archive;
pub mod bounded;
pub mod dial;
pub mod digests;
pub mod files;
pub mod github;
#[cfg(target_os = "linux")]
pub mod guard;
pub mod guarded;
pub mod http;
pub mod packed;
pub mod partial;
pub mod process;
pub mod registry;
pub mod secret;
pub mod staging;
#[cfg(windows)]
mod stubborn;
pub mod tls;
pub mod web;
