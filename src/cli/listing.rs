//! How a command writes what it lists.

use clap::ValueEnum;

/// How a listing is written, on standard output.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    /// For people
    Text,
    /// For programs
    Json,
}
