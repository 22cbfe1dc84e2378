//! Whole-program tests: one module a command, one binary.

#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "tests make their own files and may panic"
)]

mod actions;
mod actions_run;
mod bad_input;
mod cache;
mod cluster;
mod doctor;
mod fetch;
mod floors;
#[allow(dead_code, unused_imports, reason = "the example and the benches use more of it")]
mod github;
mod github_clients;
mod github_description;
mod github_faults;
mod hostile;
mod inspect;
mod install;
mod kit;
mod made;
mod makefile;
mod msvc;
mod nmake;
mod page;
mod parts;
mod plan;
mod program;
mod publish;
mod publish_kills;
mod publish_protocol;
mod publish_races;
mod publishing;
mod release;
mod report;
mod resume;
mod roots;
mod smoke;
mod ssh;
mod trust;
mod verify;
mod via;
mod wheels;
mod windows;
mod worker;
mod worker_bounds;
mod workflow_checks;
mod workflows;
