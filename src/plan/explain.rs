//! Why a combination that somebody asks for is there or not: the row, the rule or the exception.

use std::fmt;

use super::assign::Assigner;
use super::select::Selector;
use super::{Build, PlanError, PlannedCell, Request, Versioned, cell_id, goes_with_series};
use crate::matrix::{AbsentThing, Apache, Matrix, Python, nearest};
use crate::model::cell::{ApacheLabel, CellId, Verdict};
use crate::model::offer::Offer;
use crate::model::python::PythonTag;
use crate::model::version::Version;

/// Why a combination is there or is not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explanation {
    /// What was asked for.
    pub asked: String,
    /// The module and its version.
    pub module: String,
    /// The version it was asked for.
    pub version: Version,
    /// The matrix file, whose lines the answers name.
    pub file: String,
    /// The answer.
    pub why: Why,
}

/// The answer of an [`Explanation`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Why {
    /// It is a cell of the version.
    Cell(Box<PlannedCell>),
    /// It is none, on these grounds.
    NoCell(Vec<Grounds>),
    /// It does not name a combination.
    Nonsense {
        /// What is wrong with the name.
        problem: String,
    },
}

/// One of the grounds on which a combination is no cell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grounds {
    /// The reason.
    pub reason: String,
    /// The line of the matrix that says so, where one does.
    pub line: Option<usize>,
    /// What to ask for instead.
    pub hint: Option<String>,
}

/// Explains a cell, by the text that somebody typed.
#[must_use]
pub fn explain(matrix: &Matrix, request: &Request, offers: &[Offer], text: &str) -> Explanation {
    let why = match text.trim().parse::<CellId>() {
        Err(problem) => Why::Nonsense { problem },
        Ok(id) => match find(matrix, request, &id) {
            Err(grounds) => Why::NoCell(grounds),
            Ok((version, apache, python)) => {
                let mut assigner = Assigner::new(matrix, offers);
                let id = cell_id(matrix, apache, python);
                Why::Cell(Box::new(version.cell(id, apache, python, &mut assigner)))
            }
        },
    };
    Explanation {
        asked: text.trim().to_owned(),
        module: matrix.module.clone(),
        version: request.version.clone(),
        file: matrix.file.clone(),
        why,
    }
}

/// The places of a cell in the matrix, or all grounds on which it is none.
fn find<'a>(
    matrix: &'a Matrix,
    request: &'a Request,
    id: &CellId,
) -> Result<(Versioned<'a>, usize, usize), Vec<Grounds>> {
    let apache = matrix.apache(&id.apache).ok_or_else(|| no_apache(matrix, &id.apache));
    let python = matrix.python(id.python).ok_or_else(|| no_python(matrix, id.python));
    let mut grounds = Vec::new();
    grounds.extend(apache.as_ref().err().cloned());
    grounds.extend(python.as_ref().err().cloned());
    if let Ok(python) = python {
        grounds.extend(wrong_suffix(&matrix.pythons[python], id));
        grounds.extend(wrong_python(matrix, request, &matrix.pythons[python]));
    }
    if let Ok(apache) = apache {
        grounds.extend(wrong_series(matrix, request, &matrix.apaches[apache]));
    }
    if let (Ok(apache), Ok(python)) = (apache, python) {
        grounds.extend(mixed_families(matrix, apache, python));
        let version = Versioned::new(matrix, request).map_err(|error| vec![no_version(&error)])?;
        grounds.extend(deselected(request, id));
        if grounds.is_empty() {
            return Ok((version, apache, python));
        }
    }
    Err(grounds)
}

fn no_apache(matrix: &Matrix, label: &ApacheLabel) -> Grounds {
    let note = matrix.absent.iter().find(|note| note.what == AbsentThing::Apache(label.clone()));
    if let Some(note) = note {
        return Grounds { reason: note.reason.clone(), line: Some(note.line), hint: None };
    }
    let labels: Vec<String> =
        matrix.apaches.iter().map(|apache| apache.label.to_string()).collect();
    let near = nearest(&label.to_string(), labels.iter().map(String::as_str)).map(str::to_owned);
    let hint = match near {
        Some(near) => format!("did you mean {near}?"),
        None => format!("the labels are {}", labels.join(", ")),
    };
    Grounds { reason: format!("the matrix has no {label}"), line: None, hint: Some(hint) }
}

fn no_python(matrix: &Matrix, tag: PythonTag) -> Grounds {
    let note = matrix.absent.iter().find(|note| note.what == AbsentThing::Python(tag));
    if let Some(note) = note {
        return Grounds { reason: note.reason.clone(), line: Some(note.line), hint: None };
    }
    let known: Vec<String> = matrix.pythons.iter().map(|python| python.tag.to_string()).collect();
    let hint = Some(format!("it has {}", known.join(", ")));
    Grounds { reason: format!("the matrix has no Python {tag}"), line: None, hint }
}

/// The suffix of the files is the family of the Python's compiler.
fn wrong_suffix(python: &Python, id: &CellId) -> Option<Grounds> {
    let right = CellId { abi: python.abi, ..id.clone() };
    (python.abi != id.abi).then(|| Grounds {
        reason: format!(
            "Python {} is of the ABI family {}, not {}: it is built with {}",
            python.tag, python.abi, id.abi, python.compiler
        ),
        line: Some(python.line),
        hint: Some(format!("ask for {right}")),
    })
}

/// The version's rule has other Pythons.
fn wrong_python(matrix: &Matrix, request: &Request, python: &Python) -> Option<Grounds> {
    let rule = matrix.rule(&request.version)?;
    if rule.pythons.contains(python.tag) {
        return None;
    }
    let goes = matrix.rules.iter().filter(|rule| rule.pythons.contains(python.tag));
    let goes: Vec<String> = goes.map(|rule| format!("'{}'", rule.versions)).collect();
    let hint = if goes.is_empty() {
        format!("no version of {} goes with Python {}", matrix.module, python.tag)
    } else {
        format!("with Python {} go the versions {}", python.tag, goes.join(", "))
    };
    Some(Grounds {
        reason: format!(
            "{} {} goes with Python {}, not with {}",
            matrix.module, request.version, rule.pythons, python.tag
        ),
        line: Some(rule.line),
        hint: Some(hint),
    })
}

/// The version's rule needs another Apache series.
fn wrong_series(matrix: &Matrix, request: &Request, apache: &Apache) -> Option<Grounds> {
    let rule = matrix.rule(&request.version)?;
    let needed = rule.apaches.as_ref()?;
    let series = &apache.label.series;
    (!goes_with_series(rule, series)).then(|| Grounds {
        reason: format!(
            "{} {} needs Apache {needed}, and {} is Apache {series}",
            matrix.module, request.version, apache.label
        ),
        line: Some(rule.line),
        hint: None,
    })
}

/// Rule 3 of the document, where no exception says otherwise.
fn mixed_families(matrix: &Matrix, apache: usize, python: usize) -> Option<Grounds> {
    let (build, its) = (&matrix.apaches[apache], &matrix.pythons[python]);
    if build.abi == its.abi || matrix.mixed_with(apache).contains(&python) {
        return None;
    }
    let fits = |apache: &&Apache| apache.abi == its.abi && apache.label.arch == build.label.arch;
    let labels: Vec<String> =
        matrix.apaches.iter().filter(fits).map(|apache| apache.label.to_string()).collect();
    Some(Grounds {
        reason: format!(
            "Apache and Python must come from the same Microsoft compiler: {} is of the ABI family \
             {} ({}), Python {} of {} ({}), and no exception says otherwise",
            build.label,
            build.abi,
            build.abi.runtime(),
            its.tag,
            its.abi,
            its.abi.runtime()
        ),
        line: None,
        hint: Some(if labels.is_empty() {
            format!("there is no {} Apache of {}", build.label.arch, its.abi)
        } else {
            format!("Python {} goes with {}", its.tag, labels.join(", "))
        }),
    })
}

fn deselected(request: &Request, id: &CellId) -> Option<Grounds> {
    let selected = Selector::new(request).is_ok_and(|mut it| it.selects(&id.to_string()));
    (!selected).then(|| Grounds {
        reason: "--only and --skip leave it out".to_owned(),
        line: None,
        hint: None,
    })
}

fn no_version(error: &PlanError) -> Grounds {
    let message = error.to_string();
    let (reason, hint) = match message.split_once("\nhint: ") {
        Some((reason, hint)) => (reason.to_owned(), Some(hint.to_owned())),
        None => (message, None),
    };
    let line = match error {
        PlanError::Broken { line, .. } => Some(*line),
        _ => None,
    };
    Grounds { reason, line, hint }
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let of = format!("of {} {}", self.module, self.version);
        match &self.why {
            Why::Nonsense { problem } => write!(f, "{problem}"),
            Why::NoCell(grounds) => {
                write!(f, "{} is no cell {of}", self.asked)?;
                grounds.iter().try_for_each(|grounds| self.write_grounds(f, grounds))
            }
            Why::Cell(cell) => {
                write!(f, "{} is a cell {of}: {}", cell.id, cell.verdict.name())?;
                let because = match &cell.verdict {
                    Verdict::Supported => "Apache, Python and module are of one ABI family",
                    Verdict::Unsupported { reason } | Verdict::Excluded { reason } => reason,
                };
                write!(f, "\n  why: {because} ({}:{})", self.file, cell.line)?;
                write!(f, "\n  file: {}", cell.id.module_path(&self.module))?;
                write_build(f, &cell.build)
            }
        }
    }
}

impl Explanation {
    fn write_grounds(&self, f: &mut fmt::Formatter<'_>, grounds: &Grounds) -> fmt::Result {
        write!(f, "\n  why: {}", grounds.reason)?;
        if let Some(line) = grounds.line {
            write!(f, " ({}:{line})", self.file)?;
        }
        match &grounds.hint {
            Some(hint) => write!(f, "\n  hint: {hint}"),
            None => Ok(()),
        }
    }
}

fn write_build(f: &mut fmt::Formatter<'_>, build: &Build) -> fmt::Result {
    match build {
        Build::Never => write!(f, "\n  built by: nobody, it is excluded"),
        Build::Nobody { reason } => write!(f, "\n  built by: nobody: {reason}"),
        Build::By(by) => {
            write!(f, "\n  built by: {} ({}), ", by.runner, by.toolset)?;
            write!(f, "against the roots {} and {}", by.apache_root, by.python_root)?;
            by.warnings.iter().try_for_each(|warning| write!(f, "\n  warning: {warning}"))
        }
    }
}
