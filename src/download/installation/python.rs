//! A Python, read off its `pythonXY.dll` and what lies around it.

use camino::{Utf8Path, Utf8PathBuf};

use super::binary::{self, Binary};
use super::needs::needs;
use super::place::{Wanted, below, system_folder};
use super::{InstallationError, environment, kind};
use crate::inspect::Machine;
use crate::model::installation::Python;
use crate::model::python::PythonTag;
use crate::model::version::Version;
use crate::sys::files;

const PYTHON: Wanted = Wanted { what: "Python", looked_for: "pythonXY.dll" };

impl Python {
    /// The Python in a folder, or the one that the virtual environment in it is made from.
    pub fn read(named: &Utf8Path) -> Result<Self, InstallationError> {
        let folder = PYTHON.folder(named)?;
        let environment = environment::of(&folder)?;
        let home = environment.as_ref().map_or(&folder, |it| &it.folder).clone();
        let base = environment.as_ref().map_or(&folder, |it| &it.base).clone();
        let (dll, tag) = dll(&base)?;
        let binary = Binary::read(&dll)?;
        let needs = needs(&binary.facts, binary.name(), &[files::parent(&dll), &base], |_| false);
        Ok(Self {
            folder: home.clone(),
            kind: kind::of(&base, tag),
            is_environment: environment.is_some(),
            has_library: has_library(&base, tag),
            version: version(&binary, tag),
            build: binary::build(&[&binary.facts]),
            needs,
            tag,
            dll,
            home,
            base,
        })
    }
}

/// The DLL of the Python in a folder: beside the program, or in the system folder, where installers for
/// all users put it up to Python 3.4. Of two the ordinary one: the free-threaded has its own program.
fn dll(base: &Utf8Path) -> Result<(Utf8PathBuf, PythonTag), InstallationError> {
    let names = files::names(base)?;
    let mut beside: Vec<(PythonTag, &String)> =
        names.iter().filter_map(|name| Some((PythonTag::of_dll(name)?, name))).collect();
    beside.sort_unstable_by_key(|(tag, _)| (tag.free_threaded, *tag));
    if let Some((tag, name)) = beside.first() {
        return Ok((base.join(name), *tag));
    }
    let program = below(base, &["python.exe"]).ok_or_else(|| PYTHON.missing(base))?;
    if files::metadata(&program)?.len() == 0 {
        return Err(InstallationError::StoreAlias { path: base.to_owned() });
    }
    let facts = Binary::read(&program)?.facts;
    let [tag] = facts.pythons()[..] else { return Err(PYTHON.missing(base)) };
    let system = system_folder(base, facts.machine == Machine::I386);
    let dll = system.and_then(|folder| below(&folder, &[&tag.dll()]));
    Ok((dll.ok_or_else(|| PYTHON.missing(base))?, tag))
}

/// The standard library, as a folder or as the zip of the embeddable Python.
fn has_library(base: &Utf8Path, tag: PythonTag) -> bool {
    let zip = format!("python{}{}.zip", tag.major, tag.minor);
    below(base, &["Lib", "encodings"]).is_some() || below(base, &[&zip]).is_some()
}

/// The third number of its version resource holds the patch, the level and the serial: 2150 is the 2 of
/// 3.13.2, and 2121 its first candidate.
fn version(binary: &Binary, tag: PythonTag) -> Option<Version> {
    let [major, minor, packed, _] = binary.numbers()?;
    if (major, minor) != (tag.major.into(), tag.minor.into()) {
        return None;
    }
    let (patch, level, serial) = (packed / 1000, packed % 1000 / 10, packed % 10);
    let pre = match level {
        10 => format!("a{serial}"),
        11 => format!("b{serial}"),
        12 => format!("rc{serial}"),
        _ => String::new(),
    };
    format!("{major}.{minor}.{patch}{pre}").parse().ok()
}
