//! Matrix + request → [`Plan`]: the cells of a version with verdict and reason, the runner that
//! would build each or why none can, and why a combination asked for is not there. Pure.
//!
//! A cell is an Apache and a Python whose compilers are of one ABI family (rule 3 of `mod_wsgi`'s
//! document), of one arch (rule 1), and a module from the Python's compiler (rule 4). Exceptions of
//! the matrix add to that and take from it, with a reason.

mod assign;
mod explain;
pub mod formats;
pub mod grouping;
mod select;

pub use explain::{Explanation, Grounds, Why, explain};

use crate::matrix::{Broken, Matrix, Rule};
use crate::model::cell::{CellId, Verdict};
use crate::model::offer::Offer;
use crate::model::place::Place;
use crate::model::version::Version;

use assign::Assigner;
use select::Selector;

/// What somebody wants to have built.
#[derive(Clone, Debug)]
pub struct Request {
    /// The version of the module.
    pub version: Version,
    /// Globs on the ids of the cells that are wanted; all cells where there are none.
    pub only: Vec<String>,
    /// Globs on the ids of the cells that are not wanted.
    pub skip: Vec<String>,
    /// Builds a version, and the cells of it, that the matrix calls broken.
    pub even_if_broken: bool,
}

impl Request {
    /// All cells of a version.
    #[must_use]
    pub fn of(version: Version) -> Self {
        Self { version, only: Vec::new(), skip: Vec::new(), even_if_broken: false }
    }
}

/// The cells of a version, in the order of the layout: Apache series, age of the label's compiler,
/// arch, Python.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// The module: `mod_wsgi`.
    pub module: String,
    /// Its version.
    pub version: Version,
    /// What holds for the whole plan and may surprise.
    pub warnings: Vec<String>,
    /// The cells.
    pub cells: Vec<PlannedCell>,
}

impl Plan {
    /// The cells that a runner builds, with what it builds them against.
    pub fn assigned(&self) -> impl Iterator<Item = (&PlannedCell, &Assignment)> {
        self.cells.iter().filter_map(|cell| match &cell.build {
            Build::By(by) => Some((cell, by)),
            Build::Nobody { .. } | Build::Never => None,
        })
    }
}

/// A cell, what holds for it, and who builds it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlannedCell {
    /// Its name.
    pub id: CellId,
    /// What holds for it.
    pub verdict: Verdict,
    /// The line of the matrix that decided so.
    pub line: usize,
    /// The newest Apache version that bore the label.
    pub newest_apache: Option<Version>,
    /// Who builds it.
    pub build: Build,
}

/// Who builds a cell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Build {
    /// A runner.
    By(Assignment),
    /// No runner can.
    Nobody {
        /// What they lack.
        reason: String,
    },
    /// Never: the cell is excluded.
    Never,
}

/// The runner of a cell and what it builds against.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assignment {
    /// The runner's name.
    pub runner: String,
    /// The toolset it compiles with.
    pub toolset: String,
    /// The name of the Apache root.
    pub apache_root: String,
    /// The name of the Python root.
    pub python_root: String,
    /// What may surprise in the result.
    pub warnings: Vec<String>,
}

/// Why there is no plan.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    /// The matrix says nothing about the version.
    #[error(
        "{file} has no row in `modules` for {module} {version}\n\
         hint: it has rows for {ranges}"
    )]
    NoRule {
        /// The matrix file.
        file: String,
        /// The module.
        module: String,
        /// The version asked for.
        version: Box<Version>,
        /// The ranges there are.
        ranges: String,
    },
    /// The matrix calls the version broken.
    #[error("{module} {version} is broken: {reason} ({file}:{line}){hint}")]
    Broken {
        /// The matrix file.
        file: String,
        /// The module.
        module: String,
        /// The version asked for.
        version: Box<Version>,
        /// What does not work.
        reason: String,
        /// The line of the matrix.
        line: usize,
        /// What to take instead, on a line of its own.
        hint: String,
    },
    /// A pattern that is none.
    #[error(
        "{option} '{pattern}' is no pattern: {problem}\n\
         hint: * stands for any text, ? for one character: 'Apache24-win64-*/py31?-VC14'"
    )]
    BadPattern {
        /// `--only` or `--skip`.
        option: &'static str,
        /// The pattern.
        pattern: String,
        /// What is wrong with it.
        problem: String,
    },
    /// A pattern without a cell.
    #[error("{option} '{pattern}' matches no cell of {module} {version}\nhint: {near}")]
    NoMatch {
        /// `--only` or `--skip`.
        option: &'static str,
        /// The pattern.
        pattern: String,
        /// The module.
        module: String,
        /// The version asked for.
        version: Box<Version>,
        /// The cells whose names are like it.
        near: String,
    },
    /// Every cell was taken away.
    #[error("--only and --skip leave no cell of {module} {version}\nhint: name fewer with --skip")]
    NothingLeft {
        /// The module.
        module: String,
        /// The version asked for.
        version: Box<Version>,
    },
}

impl PlanError {
    /// The line of the matrix that says so, where one does.
    #[must_use]
    pub fn place(&self) -> Option<Place> {
        match self {
            Self::Broken { file, line, .. } => Some(Place::new(file, *line, 0)),
            _ => None,
        }
    }
}

/// The plan of a version.
pub fn plan(matrix: &Matrix, request: &Request, offers: &[Offer]) -> Result<Plan, PlanError> {
    let version = Versioned::new(matrix, request)?;
    let mut selector = Selector::new(request)?;
    let mut assigner = Assigner::new(matrix, offers);
    let mut cells = Vec::new();
    for apache in 0..matrix.apaches.len() {
        for python in version.pythons_of(apache) {
            let id = cell_id(matrix, apache, python);
            if selector.selects(&id.to_string()) {
                cells.push(version.cell(id, apache, python, &mut assigner));
            }
        }
    }
    selector.check(matrix, &request.version, || all_ids(&version))?;
    if cells.is_empty() {
        let (module, version) = (matrix.module.clone(), Box::new(request.version.clone()));
        return Err(PlanError::NothingLeft { module, version });
    }
    Ok(Plan {
        module: matrix.module.clone(),
        version: request.version.clone(),
        warnings: version.warnings(),
        cells,
    })
}

fn all_ids(version: &Versioned<'_>) -> Vec<String> {
    (0..version.matrix.apaches.len())
        .flat_map(|apache| {
            let pythons = version.pythons_of(apache).into_iter();
            pythons.map(move |python| cell_id(version.matrix, apache, python).to_string())
        })
        .collect()
}

fn cell_id(matrix: &Matrix, apache: usize, python: usize) -> CellId {
    let (apache, python) = (&matrix.apaches[apache], &matrix.pythons[python]);
    CellId { apache: apache.label.clone(), python: python.tag, abi: python.abi }
}

/// The matrix as one version of the module sees it.
struct Versioned<'a> {
    matrix: &'a Matrix,
    version: &'a Version,
    rule: &'a Rule,
    /// The rows that call the whole version broken, and were overridden.
    broken: Vec<&'a Broken>,
    /// The rows that call it broken with some Pythons.
    broken_with: Vec<&'a Broken>,
    /// The Pythons that go with the version, by their places.
    pythons: Vec<usize>,
}

impl<'a> Versioned<'a> {
    fn new(matrix: &'a Matrix, request: &'a Request) -> Result<Self, PlanError> {
        let version = &request.version;
        let rule = matrix.rule(version).ok_or_else(|| PlanError::NoRule {
            file: matrix.file.clone(),
            module: matrix.module.clone(),
            version: Box::new(version.clone()),
            ranges: ranges(matrix),
        })?;
        let rows = matrix.broken.iter().filter(|row| row.versions.contains(version));
        let (mut broken_with, broken): (Vec<_>, Vec<_>) =
            rows.partition(|row| row.pythons.is_some());
        match broken.first() {
            Some(row) if !request.even_if_broken => return Err(broken_error(matrix, version, row)),
            _ => {}
        }
        if request.even_if_broken {
            broken_with.clear();
        }
        let pythons = (0..matrix.pythons.len())
            .filter(|&python| rule.pythons.contains(matrix.pythons[python].tag))
            .collect();
        Ok(Self { matrix, version, rule, broken, broken_with, pythons })
    }

    /// The Pythons that an Apache has a cell with, by their places, oldest first.
    fn pythons_of(&self, apache: usize) -> Vec<usize> {
        let build = &self.matrix.apaches[apache];
        if !goes_with_series(self.rule, &build.label.series) {
            return Vec::new();
        }
        let mixed = self.matrix.mixed_with(apache);
        let belongs = |python: &usize| {
            self.matrix.pythons[*python].abi == build.abi || mixed.binary_search(python).is_ok()
        };
        self.pythons.iter().copied().filter(belongs).collect()
    }

    fn cell(
        &self,
        id: CellId,
        apache: usize,
        python: usize,
        assigner: &mut Assigner<'_>,
    ) -> PlannedCell {
        let (verdict, line) = self.verdict(apache, python);
        let build = match verdict {
            Verdict::Excluded { .. } => Build::Never,
            _ => assigner.assign(apache, python),
        };
        let newest_apache = self.matrix.apaches[apache].newest.clone();
        PlannedCell { id, verdict, line, newest_apache, build }
    }

    /// What holds for a cell, and the line that says so: an exception that excludes it, the version
    /// being broken with this Python, any other exception, the version's rule.
    fn verdict(&self, apache: usize, python: usize) -> (Verdict, usize) {
        let exception = self.matrix.exception(apache, python);
        if let Some(exception) = exception
            && matches!(exception.verdict, Verdict::Excluded { .. })
        {
            return (exception.verdict.clone(), exception.line);
        }
        let tag = self.matrix.pythons[python].tag;
        let with = |row: &&&Broken| row.pythons.as_ref().is_some_and(|range| range.contains(tag));
        if let Some(row) = self.broken_with.iter().find(with) {
            return (Verdict::Excluded { reason: row.reason.clone() }, row.line);
        }
        match exception {
            Some(exception) => (exception.verdict.clone(), exception.line),
            None => (Verdict::Supported, self.rule.line),
        }
    }

    fn warnings(&self) -> Vec<String> {
        let say = |row: &&Broken| {
            let (module, version) = (&self.matrix.module, self.version);
            let (file, line) = (&self.matrix.file, row.line);
            format!("{module} {version} is known to be broken: {} ({file}:{line})", row.reason)
        };
        self.broken.iter().map(say).collect()
    }
}

fn goes_with_series(rule: &Rule, series: &Version) -> bool {
    rule.apaches.as_ref().is_none_or(|needed| needed == series)
}

fn ranges(matrix: &Matrix) -> String {
    let range = |rule: &Rule| format!("'{}' (line {})", rule.versions, rule.line);
    matrix.rules.iter().map(range).collect::<Vec<_>>().join(", ")
}

fn broken_error(matrix: &Matrix, version: &Version, row: &Broken) -> PlanError {
    let hint = match &row.fixed_in {
        Some(fixed) => {
            format!(
                "\nhint: take {fixed}, which fixes it, or build it all the same with --even-if-broken"
            )
        }
        None => {
            "\nhint: take another version, or build it all the same with --even-if-broken".into()
        }
    };
    PlanError::Broken {
        file: matrix.file.clone(),
        module: matrix.module.clone(),
        version: Box::new(version.clone()),
        reason: row.reason.clone(),
        line: row.line,
        hint,
    }
}

#[cfg(test)]
mod tests;
