//! Takes out what was put into an Apache, and restores what was there before.

use camino::{Utf8Path, Utf8PathBuf};

use super::changes::Changes;
use super::configure::LINE;
use super::record::{self, Place};
use super::{InstallError, conf};
use crate::model::digest::Sha256;
use crate::model::installed::{
    ConfigurationEntry, Kept, ModuleEntry, Outcome, Record, TakenOut, Uninstalled,
};
use crate::model::python::PythonTag;
use crate::sys::files;

/// Which modules are to be taken out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Which {
    /// All that modfarm put there.
    All,
    /// The one for a cell.
    Cell(String),
    /// The one for a Python.
    Python(PythonTag),
}

/// Takes out modules and the lines that load them. What was changed since is left alone, and all else with
/// it, unless `force` says otherwise.
pub fn uninstall(
    apache: &Utf8Path,
    which: &Which,
    force: bool,
) -> Result<Uninstalled, InstallError> {
    let place = Place::of(apache)?;
    let record = place.record()?;
    let (out, left): (Vec<_>, Vec<_>) =
        record.modules.iter().cloned().partition(|entry| which.means(entry));
    let is_meant = |entry: &ConfigurationEntry| {
        *which == Which::All || out.iter().any(|module| module.file == entry.module)
    };
    let configuration = record.configuration.clone().filter(is_meant);
    if out.is_empty() && configuration.is_none() {
        let (apache, of) = (apache.to_owned(), which.words());
        return Err(InstallError::NothingThere { apache, of });
    }
    let mut taking =
        Taking { place: &place, force, changes: Changes::default(), files: Vec::new() };
    let rest = Record {
        modules: left,
        configuration: record.configuration.clone().filter(|entry| !is_meant(entry)),
        ..record
    };
    match taking.all(&out, configuration.as_ref(), &rest) {
        Ok(()) => Ok(Uninstalled { apache: place.apache.to_string(), files: taking.files }),
        Err(error) => Err(match taking.changes.take_back() {
            Ok(()) => error,
            Err(again) => InstallError::Stuck { error: error.into(), again: again.into() },
        }),
    }
}

impl Which {
    fn means(&self, entry: &ModuleEntry) -> bool {
        match self {
            Self::All => true,
            Self::Cell(cell) => entry.cell.to_string() == *cell,
            Self::Python(tag) => entry.cell.python == *tag,
        }
    }

    fn words(&self) -> String {
        match self {
            Self::All => String::new(),
            Self::Cell(cell) => format!(" of {cell}"),
            Self::Python(tag) => format!(" for Python {tag}"),
        }
    }
}

/// What is being taken out.
struct Taking<'a> {
    place: &'a Place,
    force: bool,
    changes: Changes,
    files: Vec<TakenOut>,
}

impl Taking<'_> {
    /// The line first, so that no configuration ever names a module that is gone; the record last, so that
    /// whoever is killed in between can begin again.
    fn all(
        &mut self,
        modules: &[ModuleEntry],
        configuration: Option<&ConfigurationEntry>,
        rest: &Record,
    ) -> Result<(), InstallError> {
        for entry in modules {
            self.expect_unchanged(entry)?;
        }
        if let Some(entry) = configuration {
            self.configuration(entry)?;
        }
        for entry in modules {
            self.module(entry)?;
        }
        self.place.write(rest, &mut self.changes)
    }

    /// Looks at everything before anything is changed.
    fn expect_unchanged(&self, entry: &ModuleEntry) -> Result<(), InstallError> {
        let target = self.place.modules.join(&entry.file);
        let kept = entry.kept.as_ref();
        let known = |found| found == entry.sha256 || kept.is_some_and(|kept| kept.sha256 == found);
        if record::there(&target)?.is_some_and(|found| !known(found)) && !self.force {
            return Err(InstallError::Changed { path: target });
        }
        Ok(())
    }

    fn module(&mut self, entry: &ModuleEntry) -> Result<(), InstallError> {
        let target = self.place.modules.join(&entry.file);
        let found = record::there(&target)?;
        let Some(kept) = &entry.kept else {
            return self.remove(&target, found);
        };
        let copy = self.place.modules.join(&kept.file);
        // A run that was killed had not come to write over it.
        if found != Some(kept.sha256) {
            match self.kept(&copy, kept)? {
                Some(bytes) => self.changes.write(&target, &bytes)?,
                None => return self.remove(&target, found),
            }
        }
        self.changes.remove(&copy)?;
        self.note(&target, Outcome::Restored);
        Ok(())
    }

    fn configuration(&mut self, entry: &ConfigurationEntry) -> Result<(), InstallError> {
        let (main, include) = (self.place.main(), self.place.include());
        let found = record::there(&include)?;
        if found.is_some_and(|found| found != entry.include_sha256) && !self.force {
            return Err(InstallError::Changed { path: include });
        }
        if files::exists(&main) {
            self.main(&main, entry)?;
        }
        self.remove(&include, found)
    }

    fn main(&mut self, main: &Utf8Path, entry: &ConfigurationEntry) -> Result<(), InstallError> {
        let now = files::read_limited(main, record::LARGEST)?;
        let without = conf::without_line(&now, LINE);
        let copy = main.with_file_name(&entry.kept.file);
        let before = is_kept(&copy, &entry.kept)?;
        if Sha256::of(&now) != entry.main_sha256 || !before {
            self.changes.write(main, &without)?;
            self.note(main, Outcome::Edited);
            return Ok(());
        }
        let bytes = files::read_limited(&copy, record::LARGEST)?;
        self.changes.write(main, &conf::without_line(&bytes, LINE))?;
        self.changes.remove(&copy)?;
        self.note(main, Outcome::Restored);
        Ok(())
    }

    /// What was there before; nothing where that is gone and does not matter.
    fn kept(&self, copy: &Utf8PathBuf, kept: &Kept) -> Result<Option<Vec<u8>>, InstallError> {
        if is_kept(copy, kept)? {
            return Ok(Some(files::read_limited(copy, record::LARGEST)?));
        }
        if self.force { Ok(None) } else { Err(InstallError::KeptGone { path: copy.clone() }) }
    }

    fn remove(&mut self, path: &Utf8Path, found: Option<Sha256>) -> Result<(), InstallError> {
        if found.is_some() {
            self.changes.remove(path)?;
        }
        self.note(path, if found.is_some() { Outcome::Removed } else { Outcome::Missing });
        Ok(())
    }

    fn note(&mut self, path: &Utf8Path, outcome: Outcome) {
        self.files.push(TakenOut { path: path.to_string(), outcome });
    }
}

fn is_kept(copy: &Utf8Path, kept: &Kept) -> Result<bool, InstallError> {
    Ok(record::there(copy)? == Some(kept.sha256))
}
