//! A root: a folder laid out like an installation of Apache or Python, checked and digested.

use camino::{Utf8Path, Utf8PathBuf};
use object::Architecture;

use crate::model::arch::Arch;
use crate::model::offer::RootKind;
use crate::model::tree::{Content, Tree, TreeBuilder};
use crate::model::version::Version;
use crate::roots::headers;
use crate::roots::kit;
use crate::sys::digests::DigestCache;
use crate::sys::files::{self, FileError};

/// A root that stands ready.
#[derive(Clone, Debug)]
pub struct Root {
    /// Its name, unique over a run: `kit/python/3.13-win64`.
    pub name: String,
    /// What it is laid out like.
    pub kind: RootKind,
    /// The folder with `include` in it.
    pub folder: Utf8PathBuf,
    /// The version its headers say.
    pub version: Version,
    /// Its architecture, as its import libraries say it.
    pub arch: Arch,
    /// The parts that a compile needs: `include/` and the import libraries in `lib/` or `libs/`.
    pub tree: Tree,
    /// The import libraries and DLLs whose exports a module will meet.
    pub libraries: Vec<Utf8PathBuf>,
    /// Where it came from, in words, without paths of this machine.
    pub origin: String,
    /// What whoever compiles against it must define, beyond what the headers do.
    pub defines: Vec<String>,
    /// What in it stands in for something that could not be had.
    pub stand_ins: Vec<String>,
}

/// A root that is none, or not the one asked for.
#[derive(Debug, thiserror::Error)]
pub enum RootError {
    /// The headers are missing.
    #[error(
        "{path} is no {} root: {} is not there\nhint: name the folder that holds include and {}; \
         some distributions of {} leave the headers out",
        kind.as_str(), header(*kind), library_folder(*kind), kind.as_str()
    )]
    NoHeaders {
        /// The folder.
        path: Utf8PathBuf,
        /// What it should have been.
        kind: RootKind,
    },
    /// The version cannot be read off the headers.
    #[error("{path} does not say which version it is of: {reason}")]
    NoVersion {
        /// The header.
        path: Utf8PathBuf,
        /// What was looked for.
        reason: String,
    },
    /// The import libraries are missing.
    #[error(
        "{path} has no import libraries (*.lib)\nhint: install the development files of this {} as well",
        kind.as_str()
    )]
    NoLibraries {
        /// The folder they should be in.
        path: Utf8PathBuf,
        /// What the root is.
        kind: RootKind,
    },
    /// The import libraries are for another architecture.
    #[error(
        "{path} is for {found}, not {wanted}\nhint: rule 1: everything must be 32 bit, or everything 64 bit"
    )]
    OtherArch {
        /// The library.
        path: Utf8PathBuf,
        /// What it is for.
        found: String,
        /// What was asked for.
        wanted: Arch,
    },
    /// It is of another version than the one it was named for.
    #[error(
        "{path} is {} {found}, not {wanted}\nhint: name the folder of {} {wanted}",
        kind.as_str(), kind.as_str()
    )]
    OtherVersion {
        /// The folder.
        path: Utf8PathBuf,
        /// What it is laid out like.
        kind: RootKind,
        /// What its headers say.
        found: Version,
        /// What was asked for.
        wanted: String,
    },
    /// An import library that every module needs is missing.
    #[error(
        "{path} has no {name}\nhint: install the development files of this {} as well",
        kind.as_str()
    )]
    NoLibrary {
        /// The folder it should be in.
        path: Utf8PathBuf,
        /// The library.
        name: String,
        /// What the root is.
        kind: RootKind,
    },
    /// What the kit says of a root cannot be read.
    #[error("{path} is damaged: {reason}\nhint: remove it and run runners/cross/setup again")]
    Description {
        /// The file.
        path: Utf8PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// A file cannot be read.
    #[error(transparent)]
    File(#[from] FileError),
}

impl Root {
    /// Reads and digests the root in `folder`, for `arch`.
    ///
    /// The folder may be the installation itself or a folder around it, as archives have them
    /// (`Apache24/`, `tools/`).
    pub fn open(
        name: String,
        kind: RootKind,
        arch: Arch,
        folder: &Utf8Path,
        origin: String,
        digests: &mut DigestCache,
    ) -> Result<Self, RootError> {
        let folder = find(folder, kind)?;
        let version = headers::version(&folder.join("include"), kind)?;
        let library_folder = folder.join(library_folder(kind));
        let libraries = import_libraries(&library_folder, kind)?;
        for library in &libraries {
            check_arch(library, arch)?;
        }
        let mut builder = TreeBuilder::default();
        let include = folder.join("include");
        for path in files::walk(&include)? {
            let absolute = include.join(&path);
            let digest = digests.digest(&absolute)?;
            builder.file(&format!("include/{path}"), digest, Content::File(absolute));
        }
        for library in &libraries {
            // Windows does not care how a name is written; the makefiles write it small.
            let name = library.file_name().unwrap_or_default().to_ascii_lowercase();
            let place = format!("{}/{name}", self::library_folder(kind));
            builder.file(&place, digests.digest(library)?, Content::File(library.clone()));
        }
        let description = kit::Description::of(&folder)?;
        let mut seen_by_inspect = libraries;
        seen_by_inspect.extend(dlls(&folder, kind)?);
        Ok(Self {
            name,
            kind,
            version,
            arch,
            tree: builder.build(),
            libraries: seen_by_inspect,
            origin: description.as_ref().map_or(origin, kit::Description::origin),
            defines: description.as_ref().map(|said| said.defines.clone()).unwrap_or_default(),
            stand_ins: description.map(|description| description.stand_ins).unwrap_or_default(),
            folder,
        })
    }

    /// Whether the root has this import library.
    #[must_use]
    pub(super) fn has_library(&self, name: &str) -> bool {
        self.libraries.iter().filter_map(|path| path.file_name()).any(|known| known == name)
    }

    pub(super) fn of_other_version(&self, wanted: String) -> RootError {
        let (path, found) = (self.folder.clone(), self.version.clone());
        RootError::OtherVersion { path, kind: self.kind, found, wanted }
    }

    pub(super) fn without_library(&self, name: String) -> RootError {
        let path = self.folder.join(library_folder(self.kind));
        RootError::NoLibrary { path, name, kind: self.kind }
    }
}

/// What a module for Apache is linked with.
pub(super) const APACHE_LIBRARIES: [&str; 3] = ["libhttpd", "libapr-1", "libaprutil-1"];

fn header(kind: RootKind) -> &'static str {
    match kind {
        RootKind::Apache => "include/httpd.h",
        RootKind::Python => "include/Python.h",
    }
}

fn library_folder(kind: RootKind) -> &'static str {
    match kind {
        RootKind::Apache => "lib",
        RootKind::Python => "libs",
    }
}

/// The folder with the header in it: `folder` itself, or the nearest below it, three levels at most.
fn find(folder: &Utf8Path, kind: RootKind) -> Result<Utf8PathBuf, RootError> {
    let mut level = vec![folder.to_owned()];
    for _ in 0..3 {
        if let Some(found) = level.iter().find(|folder| files::exists(&folder.join(header(kind)))) {
            return Ok(found.clone());
        }
        let mut next = Vec::new();
        for folder in level.iter().filter(|folder| files::is_dir(folder)) {
            next.extend(files::names(folder)?.iter().map(|name| folder.join(name)));
        }
        level = next;
    }
    Err(RootError::NoHeaders { path: folder.to_owned(), kind })
}

fn import_libraries(folder: &Utf8Path, kind: RootKind) -> Result<Vec<Utf8PathBuf>, RootError> {
    let missing = || RootError::NoLibraries { path: folder.to_owned(), kind };
    let names = files::names(folder)
        .map_err(|error| if error.is_not_found() { missing() } else { error.into() })?;
    let wanted = |name: &str| {
        let name = name.to_ascii_lowercase();
        let known = match kind {
            RootKind::Apache => APACHE_LIBRARIES.as_slice(),
            RootKind::Python => ["python"].as_slice(),
        };
        name.strip_suffix(".lib").is_some_and(|stem| match kind {
            RootKind::Apache => known.contains(&stem),
            // Neither the stable ABI's python3.lib nor a debug build's python313_d.lib.
            RootKind::Python => {
                stem.starts_with(known[0]) && stem != "python3" && !stem.ends_with("_d")
            }
        })
    };
    let libraries: Vec<_> =
        names.iter().filter(|name| wanted(name)).map(|name| folder.join(name)).collect();
    if libraries.is_empty() { Err(missing()) } else { Ok(libraries) }
}

/// The DLLs that a module will really meet, where the root has them.
fn dlls(folder: &Utf8Path, kind: RootKind) -> Result<Vec<Utf8PathBuf>, FileError> {
    let folder = match kind {
        RootKind::Apache => folder.join("bin"),
        RootKind::Python => folder.to_owned(),
    };
    if !files::is_dir(&folder) {
        return Ok(Vec::new());
    }
    let wanted = |name: &str| match kind {
        RootKind::Apache => ["libhttpd.dll", "libapr-1.dll", "libaprutil-1.dll"].contains(&name),
        RootKind::Python => name.strip_suffix(".dll").is_some_and(|stem| {
            // Not python3.dll, which only passes on.
            stem.strip_prefix("python").is_some_and(|digits| digits.len() > 1)
        }),
    };
    let names = files::names(&folder)?;
    Ok(names
        .iter()
        .filter(|name| wanted(&name.to_ascii_lowercase()))
        .map(|name| folder.join(name))
        .collect())
}

/// An import library says in its first members which machine it is for.
fn check_arch(library: &Utf8Path, wanted: Arch) -> Result<(), RootError> {
    let bytes = files::read(library)?;
    let Some(architecture) = headers::library_architecture(&bytes) else { return Ok(()) };
    let found = match architecture {
        Architecture::I386 => Some(Arch::Win32),
        Architecture::X86_64 => Some(Arch::Win64),
        _ => None,
    };
    if found == Some(wanted) {
        return Ok(());
    }
    let found = found.map_or_else(|| format!("{architecture:?}"), |arch| arch.to_string());
    Err(RootError::OtherArch { path: library.to_owned(), found, wanted })
}
