//! What an index of wheels came to, as it is reported.

use serde::Serialize;

/// An index that stands in a folder.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Indexed {
    /// The folder that pip is given: `public/simple`.
    pub folder: String,
    /// The wheels that it lists.
    pub wheels: Vec<String>,
    /// How many of them lie in it; the others are where they were released.
    pub copied: usize,
    /// Whether it stood there already.
    pub unchanged: bool,
}
