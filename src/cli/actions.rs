//! What a step of GitHub Actions hands to later steps, and the lines of the matrix that it shows; nothing of it
//! anywhere else.

use std::collections::BTreeMap;
use std::io::Write as _;

use camino::Utf8PathBuf;

use crate::model::cell::Verdict;
use crate::model::finding::Severity;
use crate::model::place::Place;
use crate::plan::{Build, Plan};
use crate::report::actions::{self, Annotation};
use crate::report::terminal;
use crate::sys::files::{self, FileError};

/// Gives the step these outputs; those without a value are left out.
pub(super) fn outputs(values: &[(&str, &str)]) {
    let file = std::env::var("GITHUB_OUTPUT").ok().filter(|path| !path.is_empty());
    let (Some(path), true) = (file.map(Utf8PathBuf::from), actions::here()) else { return };
    let given = values.iter().filter(|(_, value)| !value.is_empty());
    let text: String = given.map(|(name, value)| actions::assignment(name, value)).collect();
    let written = files::append(&path).and_then(|mut file| {
        file.write_all(text.as_bytes()).map_err(|source| FileError::new("write", &path, source))
    });
    if let Err(error) = written {
        terminal::warning(&format!("a later step will miss what this one gives: {error}"));
    }
}

/// Shows on the lines of the matrix what is not built, or not supported, and why.
pub(super) fn verdicts(matrix: &str, plan: &Plan) {
    if !actions::here() {
        return;
    }
    let mut said: BTreeMap<(Severity, usize, String), Vec<String>> = BTreeMap::new();
    for cell in &plan.cells {
        let (severity, reason) = match (&cell.verdict, &cell.build) {
            (_, Build::Nobody { reason }) => {
                (Severity::Warning, format!("nobody builds it: {reason}"))
            }
            (Verdict::Unsupported { reason }, _) => {
                (Severity::Note, format!("unsupported: {reason}"))
            }
            (Verdict::Excluded { reason }, _) => (Severity::Note, format!("excluded: {reason}")),
            (Verdict::Supported, _) => continue,
        };
        said.entry((severity, cell.line, reason)).or_default().push(cell.id.to_string());
    }
    for ((severity, line, reason), cells) in said {
        let title = match cells.len() {
            1 => cells[0].clone(),
            more => format!("{} and {} more", cells[0], more - 1),
        };
        let place = Place::new(matrix, line, 0);
        Annotation::new(severity, title, reason).at(Some(place)).say();
    }
}
