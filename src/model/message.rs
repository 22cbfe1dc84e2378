//! What a compiler, a linker or a make says of what it was given: the place in a file, and what is
//! wrong there.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::finding::Severity;

/// One message of a tool that builds.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Message {
    /// The file, relative to the folder of the build where it lies in it, with `/` between its parts:
    /// `src/server/mod_wsgi.c`. The object or library where a linker speaks of one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// The line in it, from 1 on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<u32>,
    /// The column in the line, from 1 on; older compilers tell none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub column: Option<u32>,
    /// How bad it is: an error or a warning.
    pub severity: Severity,
    /// The tool's own number for it, `C2065` or `LNK1104`, or the warning's name, `-Wformat`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// What is wrong, in the tool's words, on one line.
    pub text: String,
}

impl Message {
    /// The file if it is one that somebody writes, and the line is known: a place to look at.
    #[must_use]
    pub fn place(&self) -> Option<(&str, u32)> {
        let file = self.file.as_deref()?;
        let extension = file.rsplit_once('.').map(|(_, extension)| extension.to_ascii_lowercase());
        let written = matches!(extension.as_deref(), Some("c" | "h" | "cc" | "cpp" | "hpp" | "mk"));
        Some((file, self.line.filter(|_| written)?))
    }
}

/// As `src/server/mod_wsgi.c:12:5: error C2065: what is wrong`.
impl fmt::Display for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(file) = &self.file {
            write!(f, "{file}")?;
            for number in [self.line, self.column].into_iter().flatten() {
                write!(f, ":{number}")?;
            }
            write!(f, ": ")?;
        }
        write!(f, "{}", self.severity)?;
        if let Some(code) = &self.code {
            write!(f, " {code}")?;
        }
        write!(f, ": {}", self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_shown_with_its_place() {
        let mut message = Message {
            file: Some("src/server/mod_wsgi.c".to_owned()),
            line: Some(12),
            column: Some(5),
            severity: Severity::Error,
            code: Some("C2065".to_owned()),
            text: "'x': undeclared identifier".to_owned(),
        };
        let shown = "src/server/mod_wsgi.c:12:5: error C2065: 'x': undeclared identifier";
        assert_eq!(message.to_string(), shown);
        assert_eq!(message.place(), Some(("src/server/mod_wsgi.c", 12)));
        message.file = Some("mod_wsgi.obj".to_owned());
        assert_eq!(message.place(), None);
        message.file = None;
        message.code = None;
        assert_eq!(message.to_string(), "error: 'x': undeclared identifier");
    }
}
