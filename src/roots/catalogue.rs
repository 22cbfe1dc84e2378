//! The roots that a runner has at hand, by name: those named on the command line, those pinned in the
//! matrix, those installed on this machine, those of the cross kit. Nothing is fetched before it is needed.

use std::collections::BTreeMap;

use camino::{Utf8Path, Utf8PathBuf};
use tokio_util::sync::CancellationToken;

use super::archive::{self, ArchiveError};
use super::installed::{FOR_EVERYBODY, Installed};
use super::kit;
use super::lock::LockFile;
use super::nuget::{NuGetError, Package};
use super::root::{APACHE_LIBRARIES, Root, RootError};
use crate::matrix::{Matrix, Pin, PythonPin};
use crate::model::arch::Arch;
use crate::model::cell::ApacheLabel;
use crate::model::digest::Sha256;
use crate::model::event::Events;
use crate::model::offer::{ApacheOffer, PythonOffer, RootKind, Serves};
use crate::model::python::PythonTag;
use crate::model::version::Version;
use crate::sys::digests::DigestCache;

/// The roots at hand, and how each is had.
#[derive(Debug, Default)]
pub struct Catalogue {
    /// The Apache roots, preferred first.
    pub apaches: Vec<ApacheOffer>,
    /// The Python roots, preferred first.
    pub pythons: Vec<PythonOffer>,
    /// What is on this machine and is no root, and why, with a hint.
    pub lacks: Vec<String>,
    places: BTreeMap<String, Place>,
}

#[derive(Debug)]
struct Place {
    wanted: Wanted,
    arch: Arch,
    provider: Provider,
}

/// Which root is expected in a place.
#[derive(Debug)]
enum Wanted {
    /// An Apache of this series.
    Apache(Version),
    /// This Python.
    Python(PythonTag),
}

#[derive(Debug)]
enum Provider {
    Directory(Utf8PathBuf),
    Archive(Pin),
    NuGet(Package, Option<Sha256>),
    /// With what is to be said of it when it is used.
    Installed(Utf8PathBuf, Option<String>),
    Kit(Utf8PathBuf),
}

/// An Apache root named on the command line: `Apache24-win64-VS17=DIR`, or `2.4-win64=DIR` for every
/// label of the series.
#[derive(Clone, Debug)]
pub struct ApacheArgument {
    serves: Serves,
    arch: Arch,
    folder: Utf8PathBuf,
}

/// A Python root named on the command line: `3.13-win64=DIR`.
#[derive(Clone, Debug)]
pub struct PythonArgument {
    tag: PythonTag,
    arch: Arch,
    folder: Utf8PathBuf,
}

/// A root that could not be had.
#[derive(Debug, thiserror::Error)]
pub enum CatalogueError {
    /// It is none, or not the one it should be.
    #[error(transparent)]
    Root(#[from] RootError),
    /// Its archive could not be had.
    #[error(transparent)]
    Archive(#[from] ArchiveError),
    /// Its package could not be looked for.
    #[error(transparent)]
    NuGet(#[from] NuGetError),
}

/// How the names of the kit's roots begin.
const KIT: &str = "kit/";

impl Catalogue {
    /// Everything at hand for a runner: arguments before pins, pins before what is installed, that before
    /// the kit.
    pub fn gather(
        matrix: &Matrix,
        apaches: &[ApacheArgument],
        pythons: &[PythonArgument],
        installed: &Installed,
        kit: Option<&Utf8Path>,
    ) -> Result<Self, RootError> {
        let mut all = Self::default();
        for given in apaches {
            let name = format!("given/apache/{}", given.serves.name(given.arch));
            let provider = Provider::Directory(given.folder.clone());
            all.apache(name, given.arch, given.serves.clone(), None, provider);
        }
        for given in pythons {
            let name = format!("given/python/{}-{}", given.tag, given.arch);
            let provider = Provider::Directory(given.folder.clone());
            all.python(name, given.tag, given.arch, None, provider);
        }
        for apache in &matrix.apaches {
            if let Some(pin) = &apache.root {
                let (label, arch) = (apache.label.clone(), apache.label.arch);
                let name = format!("pinned/apache/{label}");
                all.apache(name, arch, Serves::Label(label), None, Provider::Archive(pin.clone()));
            }
        }
        for python in &matrix.pythons {
            for (arch, pin) in &python.roots {
                let name = format!("pinned/python/{}-{arch}", python.tag);
                let provider = match pin {
                    PythonPin::Archive(pin) => Provider::Archive(pin.clone()),
                    PythonPin::NuGet { version, sha256 } => {
                        Provider::NuGet(Package::of(python.tag, *arch, version), *sha256)
                    }
                };
                all.python(name, python.tag, *arch, None, provider);
            }
        }
        all.add_installed(installed);
        if let Some(kit) = kit {
            all.add_kit(kit)?;
        }
        Ok(all)
    }

    /// Adds roots that stand ready elsewhere, where those that are installed here would be.
    pub fn declare(&mut self, apaches: Vec<ApacheOffer>, pythons: Vec<PythonOffer>) {
        let kit = |root: &str| root.starts_with(KIT);
        let at = self.apaches.iter().position(|offer| kit(&offer.root));
        let at = at.unwrap_or(self.apaches.len());
        self.apaches.splice(at..at, apaches);
        let at = self.pythons.iter().position(|offer| kit(&offer.root));
        let at = at.unwrap_or(self.pythons.len());
        self.pythons.splice(at..at, pythons);
    }

    /// Of two of a kind the first is preferred, and the other has no name of its own.
    fn add_installed(&mut self, installed: &Installed) {
        for apache in &installed.apaches {
            let name = format!("installed/apache/{}-{}", apache.series, apache.arch);
            if !self.places.contains_key(&name) {
                let serves = Serves::Series(apache.series.clone());
                let provider = Provider::Installed(apache.folder.clone(), None);
                self.apache(name, apache.arch, serves, Some(apache.version.clone()), provider);
            }
        }
        for python in &installed.pythons {
            let name = format!("installed/python/{}-{}", python.tag, python.arch);
            if !self.places.contains_key(&name) {
                let provider = Provider::Installed(python.folder.clone(), python.warning());
                let version = Some(python.version.clone());
                self.python(name, python.tag, python.arch, version, provider);
            }
        }
        self.lacks.extend(installed.lacks.iter().cloned());
    }

    fn add_kit(&mut self, kit: &Utf8Path) -> Result<(), RootError> {
        let (apaches, pythons) = kit::offers(kit)?;
        for offer in apaches {
            let provider = Provider::Kit(kit.join(&offer.root));
            let name = format!("{KIT}{}", offer.root);
            self.apache(name, offer.arch, offer.serves, offer.version, provider);
        }
        for offer in pythons {
            let provider = Provider::Kit(kit.join(&offer.root));
            let name = format!("{KIT}{}", offer.root);
            self.python(name, offer.tag, offer.arch, offer.version, provider);
        }
        Ok(())
    }

    fn apache(
        &mut self,
        root: String,
        arch: Arch,
        serves: Serves,
        version: Option<Version>,
        provider: Provider,
    ) {
        let wanted = Wanted::Apache(serves.series().clone());
        self.places.insert(root.clone(), Place { wanted, arch, provider });
        self.apaches.push(ApacheOffer { root, version, arch, serves });
    }

    fn python(
        &mut self,
        root: String,
        tag: PythonTag,
        arch: Arch,
        version: Option<Version>,
        provider: Provider,
    ) {
        self.places.insert(root.clone(), Place { wanted: Wanted::Python(tag), arch, provider });
        self.pythons.push(PythonOffer { root, version, tag, arch });
    }

    /// Fetches, checks and digests the root of this name; `None` where there is none of it.
    pub fn open(
        &self,
        name: &str,
        cache: &Utf8Path,
        lock: &mut LockFile,
        digests: &mut DigestCache,
        events: &Events,
        stop: &CancellationToken,
    ) -> Result<Option<Root>, CatalogueError> {
        let Some(place) = self.places.get(name) else { return Ok(None) };
        let (folder, origin) = match &place.provider {
            Provider::Directory(folder) => (folder.clone(), "a directory".to_owned()),
            Provider::Installed(folder, warning) => {
                if let Some(warning) = warning {
                    events.warn(warning.clone(), Some(FOR_EVERYBODY.to_owned()));
                }
                (folder.clone(), "installed on the machine".to_owned())
            }
            Provider::Kit(folder) => (folder.clone(), "the cross kit".to_owned()),
            Provider::Archive(pin) => {
                let wanted = archive::Wanted { url: &pin.url, name: &pin.url, pinned: pin.sha256 };
                (archive::fetch(wanted, cache, lock, events, stop)?, pin.url.clone())
            }
            Provider::NuGet(package, pinned) => {
                let (url, name) = (package.url()?, package.to_string());
                let wanted = archive::Wanted { url: &url, name: &name, pinned: *pinned };
                (archive::fetch(wanted, cache, lock, events, stop)?, name)
            }
        };
        let kind = place.wanted.kind();
        let root = Root::open(name.to_owned(), kind, place.arch, &folder, origin, digests)?;
        place.wanted.check(&root)?;
        Ok(Some(root))
    }
}

impl Wanted {
    fn kind(&self) -> RootKind {
        match self {
            Self::Apache(_) => RootKind::Apache,
            Self::Python(_) => RootKind::Python,
        }
    }

    /// Whether a root is of the version that it was named for, and has what a module is linked with.
    fn check(&self, root: &Root) -> Result<(), RootError> {
        let (series, libraries) = match self {
            Self::Apache(series) => {
                (series.to_string(), APACHE_LIBRARIES.map(|name| format!("{name}.lib")).to_vec())
            }
            Self::Python(tag) => {
                (format!("{}.{}", tag.major, tag.minor), vec![tag.import_library()])
            }
        };
        if !series.parse().is_ok_and(|series| root.version.is_of_series(&series)) {
            return Err(root.of_other_version(series));
        }
        match libraries.into_iter().find(|name| !root.has_library(name)) {
            Some(name) => Err(root.without_library(name)),
            None => Ok(()),
        }
    }
}

impl ApacheArgument {
    /// The folder that was named.
    #[must_use]
    pub fn folder(&self) -> &Utf8Path {
        &self.folder
    }
}

impl std::str::FromStr for ApacheArgument {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let bad = || {
            format!(
                "'{text}' names no Apache root: expected Apache24-win64-VS17=DIR or 2.4-win64=DIR"
            )
        };
        let (what, folder) = text.split_once('=').ok_or_else(bad)?;
        if let Ok(label) = what.parse::<ApacheLabel>() {
            let arch = label.arch;
            return Ok(Self { serves: Serves::Label(label), arch, folder: folder.into() });
        }
        let (series, arch) = what.rsplit_once('-').ok_or_else(bad)?;
        Ok(Self {
            serves: Serves::Series(series.parse().map_err(|_| bad())?),
            arch: arch.parse().map_err(|_| bad())?,
            folder: folder.into(),
        })
    }
}

impl std::str::FromStr for PythonArgument {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let bad = || format!("'{text}' names no Python root: expected 3.13-win64=DIR");
        let (what, folder) = text.split_once('=').ok_or_else(bad)?;
        let (tag, arch) = what.rsplit_once('-').ok_or_else(bad)?;
        Ok(Self {
            tag: tag.parse().map_err(|_| bad())?,
            arch: arch.parse().map_err(|_| bad())?,
            folder: folder.into(),
        })
    }
}

impl Serves {
    fn series(&self) -> &Version {
        match self {
            Self::Series(series) => series,
            Self::Label(label) => &label.series,
        }
    }

    fn name(&self, arch: Arch) -> String {
        match self {
            Self::Series(series) => format!("{series}-{arch}"),
            Self::Label(label) => label.to_string(),
        }
    }
}
