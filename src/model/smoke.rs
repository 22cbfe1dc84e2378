//! Whether a real Apache with a real Python served pages with a file: what was seen, or why nobody looked.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Whether a real Apache served a page with a file.
///
/// Nothing in it differs between two runs over the same files on the same system: it is part of the
/// manifest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", tag = "result", deny_unknown_fields)]
pub enum Smoke {
    /// Every check passed.
    Served {
        /// What it was tried with.
        by: SmokeHost,
        /// What was checked, in order.
        checks: Vec<String>,
    },
    /// Something did not work.
    Failed {
        /// What it was tried with.
        by: SmokeHost,
        /// Which check: one word, `start` or `threads`.
        check: String,
        /// What is wrong, and its likely cause.
        reason: String,
        /// The end of Apache's error log.
        log: String,
    },
    /// Not tried.
    NotRun {
        /// Why.
        reason: String,
    },
}

/// What a file was tried with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SmokeHost {
    /// The system: `Windows 10.0.20348` or `Wine 8.0`.
    pub system: String,
    /// The Apache, and who built it.
    pub apache: String,
    /// The Python, and who built it.
    pub python: String,
}
