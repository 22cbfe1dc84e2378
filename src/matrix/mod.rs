//! `matrix.yaml` → [`Matrix`]: the compilers, Apaches and Pythons there are, which versions of the
//! module go with them, and the exceptions with their reasons. Every error names line and column
//! and shows the line. What follows from the matrix for a version is said in `plan`.

use std::collections::{BTreeMap, HashMap};

use camino::Utf8Path;
use schemars::schema_for;

mod check;
mod fault;
mod file;
mod nearest;
mod range;

pub use check::is_trusted;
pub use fault::{Fault, Problem};
pub use nearest::{most_like, nearest};
pub use range::{PythonRange, VersionRange};

use crate::model::abi::AbiFamily;
use crate::model::arch::Arch;
use crate::model::cell::{ApacheLabel, Verdict};
use crate::model::digest::Sha256;
use crate::model::place::Place;
use crate::model::python::PythonTag;
use crate::model::version::Version;
use crate::sys::files::{self, FileError};

/// Reads and checks a matrix file.
pub fn load(path: &Utf8Path) -> Result<Matrix, MatrixError> {
    let limits = Limits::default();
    let bytes = files::read_limited(path, limits.bytes).map_err(MatrixError::Read)?;
    let text = check::text(path.as_str(), bytes)?;
    parse(&text, path.as_str(), limits)
}

/// Reads and checks the text of a matrix; `name` stands in the errors.
pub fn parse(text: &str, name: &str, limits: Limits) -> Result<Matrix, MatrixError> {
    if text.len() as u64 > limits.bytes {
        return Err(MatrixError::TooLarge { name: name.to_owned(), limit: limits.bytes });
    }
    if text.lines().all(|line| line.trim().is_empty() || line.trim_start().starts_with('#')) {
        return Err(Problem::new(name, text, (1, 1), Fault::Empty).into());
    }
    let file = serde_yaml::from_str_with_options(text, options(limits))
        .map_err(|error| Problem::from_yaml(name, text, &error))?;
    Ok(check::matrix(file, name, text)?)
}

/// The JSON Schema of `matrix.yaml`, as `src/matrix/schema.json` holds it.
#[must_use]
pub fn schema() -> String {
    format!("{:#}\n", schema_for!(file::MatrixFile).as_value())
}

/// How much a matrix may be, so that a wrong or hostile file costs nothing.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// The size of the file.
    pub bytes: u64,
    /// The number of YAML nodes.
    pub nodes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { bytes: 1 << 20, nodes: 100_000 }
    }
}

fn options(limits: Limits) -> serde_yaml::Options {
    serde_yaml::options! {
        budget: serde_yaml::budget! {
            max_nodes: limits.nodes,
            max_events: limits.nodes.saturating_mul(4),
            max_depth: 16,
            max_anchors: 64,
            max_aliases: 256,
        },
        alias_limits: serde_yaml::alias_limits! { max_total_replayed_events: 10_000 },
        merge_keys: serde_yaml::options::MergeKeyPolicy::Error,
        with_snippet: false,
    }
}

/// Why a matrix cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum MatrixError {
    /// The file cannot be read.
    #[error("{0}{hint}", hint = read_hint(.0))]
    Read(#[source] FileError),
    /// The text is larger than a matrix can be.
    #[error("{name} is larger than {limit} bytes, which no matrix is")]
    TooLarge {
        /// The file.
        name: String,
        /// The limit.
        limit: u64,
    },
    /// Something in it is wrong.
    #[error("{0}")]
    Wrong(Box<Problem>),
}

impl MatrixError {
    /// Where in the file it stands, where it does.
    #[must_use]
    pub fn place(&self) -> Option<Place> {
        match self {
            Self::Wrong(problem) => Some(Place::new(&problem.file, problem.line, problem.column)),
            Self::Read(_) | Self::TooLarge { .. } => None,
        }
    }
}

impl From<Problem> for MatrixError {
    fn from(problem: Problem) -> Self {
        Self::Wrong(Box::new(problem))
    }
}

impl From<Box<Problem>> for MatrixError {
    fn from(problem: Box<Problem>) -> Self {
        Self::Wrong(problem)
    }
}

fn read_hint(error: &FileError) -> &'static str {
    match error.source.kind() {
        std::io::ErrorKind::NotFound => {
            "\nhint: name the matrix with --matrix FILE, or run this in the folder that holds matrix.yaml"
        }
        std::io::ErrorKind::FileTooLarge => {
            "\nhint: no matrix is that large; is this the right file?"
        }
        _ => "",
    }
}

/// A checked matrix.
#[derive(Clone, Debug)]
pub struct Matrix {
    /// The name of the file, as it was given.
    pub file: String,
    /// The Apache module that is built: `mod_wsgi`.
    pub module: String,
    /// The version that is built when none is named.
    pub release: Version,
    /// The Apache builds in the order of the layout: series, age of the compiler, arch.
    pub apaches: Vec<Apache>,
    /// The Pythons, oldest first; a free-threaded build follows the ordinary one.
    pub pythons: Vec<Python>,
    /// Which versions go with which Pythons; no two overlap.
    pub rules: Vec<Rule>,
    /// Versions known not to work on Windows.
    pub broken: Vec<Broken>,
    /// What is not in the matrix, and why.
    pub absent: Vec<Absent>,
    /// What is not as the rules make it, and why.
    pub exceptions: Vec<Exception>,
    /// The compilers' labels and their families.
    pub compilers: BTreeMap<String, AbiFamily>,
    /// The versions of Microsoft's tools that are pinned, or their beginnings, by the compilers' labels.
    pub msvc: BTreeMap<String, String>,
    apache_index: BTreeMap<ApacheLabel, usize>,
    python_index: HashMap<PythonTag, usize>,
    decided: HashMap<(usize, usize), usize>,
    named: Vec<Vec<usize>>,
}

impl Matrix {
    /// The place of an Apache build in [`Matrix::apaches`].
    #[must_use]
    pub fn apache(&self, label: &ApacheLabel) -> Option<usize> {
        self.apache_index.get(label).copied()
    }

    /// The place of a Python in [`Matrix::pythons`].
    #[must_use]
    pub fn python(&self, tag: PythonTag) -> Option<usize> {
        self.python_index.get(&tag).copied()
    }

    /// The exception that decides the cell of an Apache and a Python, both by their places.
    #[must_use]
    pub fn exception(&self, apache: usize, python: usize) -> Option<&Exception> {
        self.decided.get(&(apache, python)).map(|&index| &self.exceptions[index])
    }

    /// The Pythons, by their places, with which an exception makes a cell of an Apache although
    /// they are of another ABI family; oldest first.
    #[must_use]
    pub fn mixed_with(&self, apache: usize) -> &[usize] {
        &self.named[apache]
    }

    /// The rule for a version of the module.
    #[must_use]
    pub fn rule(&self, version: &Version) -> Option<&Rule> {
        self.rules.iter().find(|rule| rule.versions.contains(version))
    }
}

/// An Apache build.
#[derive(Clone, Debug)]
pub struct Apache {
    /// Its label: a folder of the release.
    pub label: ApacheLabel,
    /// The ABI family of its compiler.
    pub abi: AbiFamily,
    /// The year of the Visual Studio it was built with.
    pub visual_studio: u16,
    /// The oldest Apache version that bore the label.
    pub oldest: Option<Version>,
    /// The newest Apache version that bore the label.
    pub newest: Option<Version>,
    /// An archive to build against.
    pub root: Option<Pin>,
    /// Its line in the file.
    pub line: usize,
}

/// A Python.
#[derive(Clone, Debug)]
pub struct Python {
    /// Which.
    pub tag: PythonTag,
    /// The label of its compiler.
    pub compiler: String,
    /// The ABI family of its compiler.
    pub abi: AbiFamily,
    /// Archives and packages to build against.
    pub roots: BTreeMap<Arch, PythonPin>,
    /// Its line in the file.
    pub line: usize,
}

/// An archive with a root, pinned where its SHA-256 is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pin {
    /// Where it is.
    pub url: String,
    /// What it must be; without it the first download is recorded.
    pub sha256: Option<Sha256>,
}

/// A Python that is downloaded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PythonPin {
    /// Any archive.
    Archive(Pin),
    /// NuGet's package of this version, and what it must be, where that is known.
    NuGet {
        /// The version, as NuGet spells it.
        version: String,
        /// What it must be; without it the first download is recorded.
        sha256: Option<Sha256>,
    },
}

/// Which Pythons some versions of the module go with.
#[derive(Clone, Debug)]
pub struct Rule {
    /// The versions.
    pub versions: VersionRange,
    /// Their Pythons.
    pub pythons: PythonRange,
    /// The one Apache series they need.
    pub apaches: Option<Version>,
    /// Its line in the file.
    pub line: usize,
}

/// Versions known not to work on Windows.
#[derive(Clone, Debug)]
pub struct Broken {
    /// The versions.
    pub versions: VersionRange,
    /// The Pythons with which they are broken; `None` for all.
    pub pythons: Option<PythonRange>,
    /// What does not work.
    pub reason: String,
    /// The first version that works again.
    pub fixed_in: Option<Version>,
    /// Its line in the file.
    pub line: usize,
}

/// Something that people ask for and that is not in the matrix.
#[derive(Clone, Debug)]
pub struct Absent {
    /// What.
    pub what: AbsentThing,
    /// Why it is not there.
    pub reason: String,
    /// Its line in the file.
    pub line: usize,
}

/// What can be absent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AbsentThing {
    /// An Apache build.
    Apache(ApacheLabel),
    /// A Python.
    Python(PythonTag),
}

/// Cells that are not as the rules make them.
#[derive(Clone, Debug)]
pub struct Exception {
    /// What holds for them, with its reason.
    pub verdict: Verdict,
    /// Its line in the file.
    pub line: usize,
}

#[cfg(test)]
mod tests;
