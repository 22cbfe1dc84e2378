//! What GitHub Actions is told besides what people read: annotations on lines of files, groups of lines, the
//! outputs of a step. Nowhere else is any of it said.

mod annotation;
mod command;
mod output;
mod place;
mod reporter;

use std::sync::OnceLock;

pub use annotation::Annotation;
pub use output::assignment;
pub use reporter::Annotating;

pub(super) use command::tamed;

/// Whether this is a step of GitHub Actions.
#[must_use]
pub fn here() -> bool {
    static HERE: OnceLock<bool> = OnceLock::new();
    *HERE.get_or_init(|| std::env::var_os("GITHUB_ACTIONS").is_some_and(|value| value == "true"))
}
