//! Installations that can run: an Apache with its `httpd.exe`, a Python with its DLL and library. What
//! each of them is, is read off its files; nobody has to say it.

use std::collections::BTreeMap;

use camino::{Utf8Path, Utf8PathBuf};

use crate::model::arch::Arch;
use crate::model::cell::ApacheLabel;
use crate::model::digest::Sha256;
use crate::model::offer::RootKind;
use crate::model::python::PythonTag;
use crate::model::version::Version;
use crate::roots::places;
use crate::sys::digests;
use crate::sys::files::{self, FileError};

/// What the kit wrote down of a root.
const DESCRIPTION: &str = "modfarm-root.json";

/// The series of an Apache that does not say its version: the only one of which builds are still made.
const USUAL_SERIES: &str = "2.4";

/// The first Python that is compiled with Visual Studio 2015 or later.
const OLDEST_OF_LAST_FAMILY: (u8, u8) = (3, 5);

/// An installation that can run.
#[derive(Clone, Debug)]
pub struct Installation {
    /// What it is.
    pub what: What,
    /// Its architecture, as its binaries have it.
    pub arch: Arch,
    /// Its folder, without links in it: the one with `bin/httpd.exe` or `pythonXY.dll`.
    pub folder: Utf8PathBuf,
    /// Its version, where it says one.
    pub version: Option<Version>,
    /// Who made it, in words and without paths: `the cross kit`, `a directory`.
    pub origin: String,
}

/// What an installation is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    /// An Apache of this series.
    Apache(Version),
    /// This Python.
    Python(PythonTag),
}

/// A folder that is no installation that can run.
#[derive(Debug, thiserror::Error)]
pub enum RunningError {
    /// What it is known by is missing.
    #[error(
        "{path} holds no {what} that can run: {looked_for} is not there\nhint: name the folder of the installation, the one that holds {looked_for}"
    )]
    Missing {
        /// The folder.
        path: Utf8PathBuf,
        /// `Apache` or `Python`.
        what: &'static str,
        /// The file.
        looked_for: &'static str,
    },
    /// Its binaries are for a machine that no module is built for.
    #[error("{path} is not for win32 or win64")]
    OtherMachine {
        /// The binary.
        path: Utf8PathBuf,
    },
    /// A file cannot be read.
    #[error(transparent)]
    File(#[from] FileError),
}

impl Installation {
    /// The Apache in a folder.
    pub fn apache(folder: &Utf8Path, origin: &str) -> Result<Self, RunningError> {
        let program = folder.join("bin").join("httpd.exe");
        if !files::exists(&program) {
            let (path, looked_for) = (folder.to_owned(), "bin/httpd.exe");
            return Err(RunningError::Missing { path, what: "Apache", looked_for });
        }
        let folder = files::canonical(folder)?;
        let version = said_version(&folder);
        let series = version.as_ref().map_or(USUAL_SERIES.to_owned(), series);
        let series =
            series.parse().map_err(|_| RunningError::OtherMachine { path: program.clone() })?;
        let (what, arch) = (What::Apache(series), arch_of(&program)?);
        Ok(Self { what, arch, folder, version, origin: origin.to_owned() })
    }

    /// The Python in a folder: that of its `pythonXY.dll`.
    pub fn python(folder: &Utf8Path, origin: &str) -> Result<Self, RunningError> {
        let names = if files::is_dir(folder) { files::names(folder)? } else { Vec::new() };
        let dll = names.iter().find_map(|name| Some((name, PythonTag::of_dll(name)?)));
        let Some((name, tag)) = dll else {
            let (path, looked_for) = (folder.to_owned(), "pythonXY.dll");
            return Err(RunningError::Missing { path, what: "Python", looked_for });
        };
        let arch = arch_of(&folder.join(name))?;
        let folder = files::canonical(folder)?;
        let version = said_version(&folder);
        Ok(Self { what: What::Python(tag), arch, folder, version, origin: origin.to_owned() })
    }

    /// What a compile needs is here as well, or not.
    #[must_use]
    pub fn kind(&self) -> RootKind {
        match self.what {
            What::Apache(_) => RootKind::Apache,
            What::Python(_) => RootKind::Python,
        }
    }

    /// `Apache 2.4.68 for win64, of the cross kit`.
    #[must_use]
    pub fn describe(&self) -> String {
        let what = match (&self.what, &self.version) {
            (What::Apache(_), Some(version)) => format!("Apache {version}"),
            (What::Apache(series), None) => format!("Apache {series}"),
            (What::Python(tag), Some(version)) if tag.free_threaded => {
                format!("CPython {version} (free-threaded)")
            }
            (What::Python(_), Some(version)) => format!("CPython {version}"),
            (What::Python(tag), None) => format!("CPython {tag}"),
        };
        format!("{what} for {}, of {}", self.arch, self.origin)
    }

    /// Tells this very installation from any other state of it. Nothing is read but what the system
    /// says of each file, so that it takes milliseconds.
    pub fn fingerprint(&self) -> Result<Sha256, FileError> {
        digests::fingerprint(&self.folder)
    }
}

/// The installations at hand, one of a kind; those added first are preferred.
#[derive(Clone, Debug, Default)]
pub struct Installations {
    apaches: BTreeMap<(Version, Arch), Installation>,
    pythons: BTreeMap<(PythonTag, Arch), Installation>,
}

impl Installations {
    /// Adds one, unless there is one of its kind.
    pub fn add(&mut self, found: Installation) {
        match &found.what {
            What::Apache(series) => {
                self.apaches.entry((series.clone(), found.arch)).or_insert(found);
            }
            What::Python(tag) => {
                self.pythons.entry((*tag, found.arch)).or_insert(found);
            }
        }
    }

    /// Adds those that are installed on this machine, which is Windows. An Apache that is installed today
    /// is of the last ABI family, so that older Pythons are left out.
    pub fn add_installed(&mut self) {
        const ORIGIN: &str = "this machine";
        let apaches = places::apaches();
        let apaches = apaches.iter().map(|folder| Installation::apache(folder, ORIGIN));
        let pythons: Vec<_> =
            places::cached_pythons().into_iter().chain(places::pythons()).collect();
        let pythons = pythons.iter().map(|known| Installation::python(&known.folder, ORIGIN));
        let goes_with_it = |found: &Installation| match &found.what {
            What::Apache(_) => true,
            What::Python(tag) => (tag.major, tag.minor) >= OLDEST_OF_LAST_FAMILY,
        };
        apaches.chain(pythons).flatten().filter(goes_with_it).for_each(|found| self.add(found));
    }

    /// Adds those of a cross kit, `KIT/run/apache/*` and `KIT/run/python/*`. One that is not whole is
    /// as good as none.
    pub fn add_kit(&mut self, kit: &Utf8Path) {
        const ORIGIN: &str = "the cross kit";
        let folders = |kind: RootKind| {
            let folder = kit.join("run").join(kind.as_str());
            let names = files::names(&folder).unwrap_or_default();
            names.into_iter().map(move |name| folder.join(name))
        };
        let apaches = folders(RootKind::Apache).map(|folder| Installation::apache(&folder, ORIGIN));
        let pythons = folders(RootKind::Python).map(|folder| Installation::python(&folder, ORIGIN));
        apaches.chain(pythons).flatten().for_each(|found| self.add(found));
    }

    /// The Apache that stands for a label: of its series and architecture.
    #[must_use]
    pub fn apache(&self, label: &ApacheLabel) -> Option<&Installation> {
        self.apaches.get(&(label.series.clone(), label.arch))
    }

    /// Any Apache of an architecture, the newest series first.
    #[must_use]
    pub fn any_apache(&self, arch: Arch) -> Option<&Installation> {
        self.apaches.values().rev().find(|known| known.arch == arch)
    }

    /// The Python of this tag and architecture.
    #[must_use]
    pub fn python(&self, tag: PythonTag, arch: Arch) -> Option<&Installation> {
        self.pythons.get(&(tag, arch))
    }
}

/// The machine in a PE header: bytes 4 and 5 after the place that byte 60 names.
fn arch_of(binary: &Utf8Path) -> Result<Arch, RunningError> {
    let head = files::head(binary, 4096)?;
    let at = head.get(60..64).and_then(|bytes| bytes.try_into().ok()).map(u32::from_le_bytes);
    let machine = at.and_then(|at| head.get(at as usize + 4..)?.first_chunk().copied());
    let arch = machine.map(u16::from_le_bytes).and_then(Arch::from_pe);
    arch.ok_or_else(|| RunningError::OtherMachine { path: binary.to_owned() })
}

fn said_version(folder: &Utf8Path) -> Option<Version> {
    let bytes = files::read(&folder.join(DESCRIPTION)).ok()?;
    let said: serde_json::Value = serde_json::from_slice(&bytes).ok()?;
    said.get("version")?.as_str()?.parse().ok()
}

/// The first two numbers: the 2.4 of 2.4.68.
pub(super) fn series(version: &Version) -> String {
    let numbers: Vec<String> = version.numbers().iter().take(2).map(u32::to_string).collect();
    numbers.join(".")
}
