//! What an index of wheels came to, as it is reported.

use serde::Serialize;

/// An index that stands in a folder.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Indexed {
    /// The folder that pip is given: `public/simple`.
    pub folder: String,
    /// The wheels that it lists.
    pub wheels: Vec<String>,
    /// Where they are, if not in it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub files_url: Option<String>,
    /// Whether it stood there already.
    pub unchanged: bool,
}
