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
        let (dll, tag) = dll(&base, tag_of(named))?;
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

/// Which of the Pythons in a folder is meant, where its own program or DLL was named.
fn tag_of(named: &Utf8Path) -> Option<PythonTag> {
    let name = named.file_name()?.to_ascii_lowercase();
    let of_program = || name.strip_prefix("python")?.strip_suffix(".exe")?.parse().ok();
    PythonTag::of_dll(&name).or_else(of_program)
}

/// The DLL of the Python in a folder. Of two, unless one is `meant`, the ordinary one: the official
/// installer puts the free-threaded one beside it.
fn dll(
    base: &Utf8Path,
    meant: Option<PythonTag>,
) -> Result<(Utf8PathBuf, PythonTag), InstallationError> {
    let names = files::names(base)?;
    let mut beside: Vec<(PythonTag, &String)> =
        names.iter().filter_map(|name| Some((PythonTag::of_dll(name)?, name))).collect();
    beside.sort_unstable_by_key(|(tag, _)| (meant != Some(*tag), tag.free_threaded, *tag));
    match beside.first() {
        Some((tag, name)) => Ok((base.join(name), *tag)),
        None => dll_of_program(base),
    }
}

/// The DLL that the program imports, in the system folder: installers for all users put it there up to
/// Python 3.4.
fn dll_of_program(base: &Utf8Path) -> Result<(Utf8PathBuf, PythonTag), InstallationError> {
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
