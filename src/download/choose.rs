//! Which module of a release is the right one: the cell that is named, or the one that goes with an Apache
//! and a Python.

use crate::matrix::most_like;
use crate::model::abi::AbiFamily;
use crate::model::arch::Arch;
use crate::model::cell::Verdict;
use crate::model::installation::{Apache, Python};
use crate::model::manifest::{BuiltRecord, CellRecord, Manifest};
use crate::model::python::PythonTag;
use crate::model::version::Version;

/// So many cells are named in the place of one that is not there.
const NAMED: usize = 3;

/// A module of a release that may be taken.
#[derive(Clone, Copy, Debug)]
pub struct Choice<'a> {
    /// Its cell.
    pub cell: &'a CellRecord,
    /// Its file.
    pub built: &'a BuiltRecord,
}

/// An Apache and a Python, as far as that decides which module goes with them.
#[derive(Clone, Debug)]
pub struct Pair {
    /// The series of the Apache: 2.4.
    pub series: Version,
    /// The architecture of both.
    pub arch: Arch,
    /// The label of Apache's compiler, where it is known: `VS17`.
    pub compiler: Option<String>,
    /// The family of Apache's compiler, where it is known.
    pub family: Option<AbiFamily>,
    /// The Python.
    pub python: PythonTag,
}

/// Why there is no module to take.
#[derive(Debug, thiserror::Error)]
pub enum ChoiceError {
    /// No such cell.
    #[error(
        "{release} has no {name}\nhint: {}",
        match nearest.as_slice() {
            [] => "it has no modules at all".to_owned(),
            names => format!("the nearest are {}", names.join(", ")),
        }
    )]
    Unknown {
        /// The module and version.
        release: String,
        /// What was asked for.
        name: String,
        /// What looks like it.
        nearest: Vec<String>,
    },
    /// It is never built.
    #[error("{cell} is excluded: {reason}")]
    Excluded {
        /// The cell.
        cell: String,
        /// Why.
        reason: String,
    },
    /// It is not in this release.
    #[error("{cell} was not built for {release}: {reason}")]
    NotBuilt {
        /// The cell.
        cell: String,
        /// The module and version.
        release: String,
        /// Why.
        reason: String,
    },
    /// It may not work.
    #[error("{cell} is not supported: {reason}\nhint: --unsupported takes it all the same")]
    Unsupported {
        /// The cell.
        cell: String,
        /// Why.
        reason: String,
    },
    /// One is of 32 bit and the other of 64.
    #[error(
        "{apache} and {python} do not go together: all parts are of 32 bit or all are of 64 bit\nhint: take a Python for {wanted}, or another Apache; `modfarm doctor` says more"
    )]
    Bits {
        /// The Apache.
        apache: String,
        /// The Python.
        python: String,
        /// The machine of the Apache.
        wanted: String,
    },
    /// No module is ever built for it.
    #[error("no module is built for {what}\nhint: modules are for Apache on win32 and win64")]
    Machine {
        /// The Apache or the Python.
        what: String,
    },
    /// Nothing goes with this Apache and Python.
    #[error(
        "{release} has nothing for an Apache {series} {arch}{built_with} with Python {python}{others}\nhint: `modfarm doctor` says which of the four rules is broken"
    )]
    NoneFits {
        /// The module and version.
        release: String,
        /// The Apache's series.
        series: String,
        /// The architecture.
        arch: Arch,
        /// What is known of Apache's compiler, in words.
        built_with: String,
        /// The Python.
        python: PythonTag,
        /// The Pythons that there is something for, in words.
        others: String,
    },
}

/// The module of the cell that is named.
pub fn named<'a>(
    manifest: &'a Manifest,
    name: &str,
    unsupported: bool,
) -> Result<Choice<'a>, ChoiceError> {
    let cell = manifest.cells.iter().find(|cell| cell.id.to_string() == name);
    let cell = cell.ok_or_else(|| {
        let all = manifest.cells.iter().filter(|cell| cell.built.is_some());
        let nearest = most_like(name, all.map(|cell| cell.id.to_string()), NAMED);
        ChoiceError::Unknown { release: title(manifest), name: name.to_owned(), nearest }
    })?;
    permitted(manifest, cell, unsupported)
}

/// The module for an Apache and a Python: of Apache's own compiler where there is one, else of the oldest
/// of its family, for a module goes with all compilers that are no older. The words say so where it is
/// another one.
pub fn fitting<'a>(
    manifest: &'a Manifest,
    pair: &Pair,
    unsupported: bool,
) -> Result<(Choice<'a>, Option<String>), ChoiceError> {
    let mut fitting: Vec<&CellRecord> =
        manifest.cells.iter().filter(|cell| pair.fits(cell)).collect();
    fitting.sort_by_key(|cell| (rank(cell), !pair.is_own(cell), age(cell)));
    let first = fitting.first().ok_or_else(|| pair.refused(manifest))?;
    let choice = permitted(manifest, first, unsupported)?;
    let note = (!pair.is_own(first)).then(|| pair.explain(first));
    Ok((choice, note))
}

/// A cell's file, if it may be taken.
fn permitted<'a>(
    manifest: &Manifest,
    cell: &'a CellRecord,
    unsupported: bool,
) -> Result<Choice<'a>, ChoiceError> {
    let id = || cell.id.to_string();
    match (&cell.verdict, &cell.built) {
        (Verdict::Excluded { reason }, _) => {
            Err(ChoiceError::Excluded { cell: id(), reason: reason.clone() })
        }
        (_, None) => {
            let reason = cell.not_built.clone().unwrap_or_else(|| "it does not say why".to_owned());
            Err(ChoiceError::NotBuilt { cell: id(), release: title(manifest), reason })
        }
        (Verdict::Unsupported { reason }, Some(_)) if !unsupported => {
            Err(ChoiceError::Unsupported { cell: id(), reason: reason.clone() })
        }
        (_, Some(built)) => Ok(Choice { cell, built }),
    }
}

impl Pair {
    /// The facts of an Apache and a Python.
    pub fn of(apache: &Apache, python: &Python) -> Result<Self, ChoiceError> {
        let unknown = |what: String| ChoiceError::Machine { what };
        if apache.build.machine != python.build.machine {
            let (apache, wanted) = (apache.describe(), apache.build.machine.clone());
            return Err(ChoiceError::Bits { apache, python: python.describe(), wanted });
        }
        let series = apache.series.as_deref().and_then(|series| series.parse().ok());
        Ok(Self {
            series: series.ok_or_else(|| unknown(apache.describe()))?,
            arch: apache.build.arch.ok_or_else(|| unknown(apache.describe()))?,
            compiler: apache.build.compiler.clone(),
            family: apache.build.abi,
            python: python.tag,
        })
    }

    fn fits(&self, cell: &CellRecord) -> bool {
        let family = AbiFamily::of_compiler(&cell.apache.compiler);
        cell.apache.series == self.series
            && cell.arch == self.arch
            && cell.python == self.python
            && (self.family.is_none() || self.family == family)
    }

    fn is_own(&self, cell: &CellRecord) -> bool {
        self.compiler.as_ref() == Some(&cell.apache.compiler)
    }

    fn explain(&self, cell: &CellRecord) -> String {
        let label = &cell.apache;
        let family =
            self.family.map_or_else(String::new, |family| format!(" of the family {family}"));
        match &self.compiler {
            Some(compiler) => format!(
                "{label} is taken: there is nothing for {compiler} itself, and this is the oldest{family}"
            ),
            None => format!(
                "{label} is taken: this Apache does not say its compiler, and this is the oldest{family}"
            ),
        }
    }

    fn refused(&self, manifest: &Manifest) -> ChoiceError {
        let built = manifest.cells.iter().filter(|cell| {
            cell.built.is_some() && cell.apache.series == self.series && cell.arch == self.arch
        });
        let mut pythons: Vec<PythonTag> = built.map(|cell| cell.python).collect();
        pythons.sort_unstable();
        pythons.dedup();
        let pythons: Vec<String> = pythons.iter().map(ToString::to_string).collect();
        let others = if pythons.is_empty() {
            String::new()
        } else {
            format!("; for such an Apache it has modules for Python {}", pythons.join(", "))
        };
        let family = self.compiler.clone().or(self.family.map(|family| family.to_string()));
        ChoiceError::NoneFits {
            release: title(manifest),
            series: self.series.to_string(),
            arch: self.arch,
            built_with: family.map_or_else(String::new, |family| format!(" {family}")),
            python: self.python,
            others,
        }
    }
}

/// The best are supported and built.
fn rank(cell: &CellRecord) -> u8 {
    match (&cell.verdict, &cell.built) {
        (Verdict::Supported, Some(_)) => 0,
        (Verdict::Unsupported { .. }, Some(_)) => 1,
        (Verdict::Excluded { .. }, _) => 3,
        (_, None) => 2,
    }
}

/// The number in a compiler's label, which rises with the years: VC9, VC15, VS16.
fn age(cell: &CellRecord) -> u32 {
    let label = &cell.apache.compiler;
    label.trim_start_matches(|c: char| !c.is_ascii_digit()).parse().unwrap_or(u32::MAX)
}

fn title(manifest: &Manifest) -> String {
    format!("{} {}", manifest.module.name, manifest.module.version)
}

#[cfg(test)]
mod tests;
