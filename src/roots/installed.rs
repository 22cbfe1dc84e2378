//! The Apaches and Pythons that are installed on this machine, as roots: those with headers and import
//! libraries. One without is not offered, and said why.

use camino::{Utf8Path, Utf8PathBuf};

use super::headers;
use super::places::{self, KnownPython, PYTHON_ORG};
use super::running::series;
use crate::model::arch::Arch;
use crate::model::offer::RootKind;
use crate::model::python::PythonTag;
use crate::model::version::Version;
use crate::sys::files;

/// What is installed, and may be built against.
#[derive(Clone, Debug, Default)]
pub struct Installed {
    /// The Apaches, preferred first.
    pub apaches: Vec<InstalledApache>,
    /// The Pythons, preferred first: those for everybody before one's own.
    pub pythons: Vec<InstalledPython>,
    /// What is there and cannot be built against, and why, with a hint.
    pub lacks: Vec<String>,
}

/// An Apache with headers and libraries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InstalledApache {
    /// Its folder.
    pub folder: Utf8PathBuf,
    /// What its headers say.
    pub version: Version,
    /// Its first two numbers.
    pub series: Version,
    /// What its libraries are for.
    pub arch: Arch,
}

/// A Python with headers and libraries. Where the free-threaded one lies beside the ordinary one there are
/// two of a folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InstalledPython {
    /// Its folder.
    pub folder: Utf8PathBuf,
    /// What its headers say.
    pub version: Version,
    /// Which Python it is.
    pub tag: PythonTag,
    /// What its libraries are for.
    pub arch: Arch,
    /// Whether everybody who uses the machine has it.
    pub for_everybody: bool,
}

impl InstalledPython {
    /// What rule 2 of the document has to say of it, where it is broken.
    #[must_use]
    pub fn warning(&self) -> Option<String> {
        let said = format!(
            "Python {} in {} is installed for one user alone: an Apache that runs as a service cannot \
             load it (rule 2)",
            self.version, self.folder
        );
        (!self.for_everybody).then_some(said)
    }
}

/// What helps against a Python for one user.
pub const FOR_EVERYBODY: &str = "what is built against it is right all the same; install Python for all users where it is to run";

/// Looks for all that is installed; there is nothing where this is not Windows.
#[must_use]
pub fn look() -> Installed {
    if !cfg!(windows) {
        return Installed::default();
    }
    let mut pythons = places::pythons();
    pythons.retain(|python| python.company == PYTHON_ORG);
    let own = pythons.iter().position(|python| !python.for_everybody).unwrap_or(pythons.len());
    // What setup-python installed is registered as well.
    pythons.splice(own..own, places::cached_pythons());
    read(&places::apaches(), &places::unique(pythons, |python| &python.folder))
}

/// What of these folders can be built against.
#[must_use]
pub fn read(apaches: &[Utf8PathBuf], pythons: &[KnownPython]) -> Installed {
    let mut found = Installed::default();
    for folder in apaches.iter().filter(|folder| files::is_dir(folder)) {
        match apache(folder) {
            Ok(apache) => found.apaches.push(apache),
            Err(why) => found.lacks.push(why),
        }
    }
    for known in pythons.iter().filter(|known| files::is_dir(&known.folder)) {
        match of_folder(known) {
            Ok(pythons) => found.pythons.extend(pythons),
            Err(why) => found.lacks.push(why),
        }
    }
    found
}

fn apache(folder: &Utf8Path) -> Result<InstalledApache, String> {
    let without = |what: &str| {
        format!(
            "the Apache in {folder} cannot be built against: {what}\nhint: take an Apache of Apache \
             Lounge, which has headers and libraries, and name it with --apache-root or \
             MOD_WSGI_APACHE_ROOTDIR"
        )
    };
    let version = version(folder, RootKind::Apache).map_err(|why| without(&why))?;
    let arch = arch_of(&folder.join("lib").join("libhttpd.lib"));
    let arch = arch.ok_or_else(|| without("it has no lib/libhttpd.lib for win32 or win64"))?;
    let series = series(&version).parse().map_err(|_| without("its version has no two numbers"))?;
    Ok(InstalledApache { folder: plain(folder), version, series, arch })
}

fn of_folder(known: &KnownPython) -> Result<Vec<InstalledPython>, String> {
    let KnownPython { folder, for_everybody, .. } = known;
    let without = |what: &str| {
        format!(
            "the Python in {folder} cannot be built against: {what}\nhint: install Python from \
             python.org with its development files"
        )
    };
    let version = version(folder, RootKind::Python).map_err(|why| without(&why))?;
    let libraries = folder.join("libs");
    let names = files::names(&libraries).unwrap_or_default();
    let of_library = |name: &String| {
        let tag = PythonTag::of_dll(&name.to_ascii_lowercase().replace(".lib", ".dll"))?;
        let arch = arch_of(&libraries.join(name))?;
        let (folder, version) = (plain(folder), version.clone());
        Some(InstalledPython { folder, version, tag, arch, for_everybody: *for_everybody })
    };
    let found: Vec<_> = names.iter().filter_map(of_library).collect();
    if found.is_empty() {
        return Err(without("it has no libs/pythonXY.lib for win32 or win64"));
    }
    Ok(found)
}

/// The registry and people put a separator behind a folder's name.
fn plain(folder: &Utf8Path) -> Utf8PathBuf {
    folder.components().collect()
}

/// The version that the headers say, or what of them is missing.
fn version(folder: &Utf8Path, kind: RootKind) -> Result<Version, String> {
    let header = match kind {
        RootKind::Apache => "httpd.h",
        RootKind::Python => "Python.h",
    };
    let include = folder.join("include");
    if !files::exists(&include.join(header)) {
        return Err(format!("it has no include/{header}"));
    }
    headers::version(&include, kind).map_err(|error| error.to_string())
}

fn arch_of(library: &Utf8Path) -> Option<Arch> {
    let bytes = files::read(library).ok()?;
    match headers::library_architecture(&bytes)? {
        object::Architecture::I386 => Some(Arch::Win32),
        object::Architecture::X86_64 => Some(Arch::Win64),
        _ => None,
    }
}
