//! Whole-program tests: one module a command, one binary.

#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "tests make their own files and may panic"
)]

mod bad_input;
mod floors;
mod inspect;
mod kit;
mod made;
mod plan;
mod program;
mod release;
mod smoke;
mod worker;
