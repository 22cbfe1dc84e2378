//! What a step of GitHub Actions hands to later steps, and the lines of the matrix that it shows; nothing of it
//! anywhere else.

use std::collections::BTreeMap;
use std::io::Write as _;

use camino::{Utf8Path, Utf8PathBuf};

use crate::model::cell::Verdict;
use crate::model::finding::Severity;
use crate::model::manifest::Manifest;
use crate::model::place::Place;
use crate::plan::{Build, Plan};
use crate::report::actions::{self, Annotation};
use crate::report::{Record, terminal};
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

/// What a step that made or published a release, or a part of one, gives.
pub(super) fn made(folder: Option<&Utf8Path>, record: &Record) {
    if !actions::here() {
        return;
    }
    let names = folder.map_or_else(Vec::new, |folder| files::names(folder).unwrap_or_default());
    let file = |end: &str| {
        let name = names.iter().find(|name| name.ends_with(end));
        name.zip(folder).map(|(name, folder)| folder.join(name))
    };
    let manifest = file(".manifest.json");
    let version = manifest.as_deref().and_then(version).unwrap_or_default();
    let slashes = |path: Option<Utf8PathBuf>| {
        path.map(|path| path.as_str().replace('\\', "/")).unwrap_or_default()
    };
    let page = record.page().unwrap_or_default();
    let tag = page.rsplit_once("/releases/tag/").map_or("", |(_, tag)| tag);
    let part = record.part().map(Utf8PathBuf::from);
    outputs(&[
        ("version", &version),
        ("folder", &slashes(folder.map(Utf8Path::to_owned).or(part))),
        ("manifest", &slashes(manifest)),
        ("checksums", &slashes(file(".SHA256SUMS"))),
        ("tag", tag),
        ("published-url", page),
    ]);
}

/// The version of a release, as its manifest says it.
fn version(manifest: &Utf8Path) -> Option<String> {
    /// More than a manifest of the largest release.
    const LARGEST: u64 = 64 << 20;
    let bytes = files::read_limited(manifest, LARGEST).ok()?;
    let manifest: Manifest = serde_json::from_slice(&bytes).ok()?;
    Some(manifest.module.version.to_string())
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
