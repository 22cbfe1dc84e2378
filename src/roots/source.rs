//! The module's source: from PyPI by version, or from a directory.

use camino::{Utf8Path, Utf8PathBuf};
use tokio_util::sync::CancellationToken;

use super::headers::define;
use super::lock::{LockError, LockFile};
use super::python_package::PythonPackage;
use super::unpack::{UnpackError, unpack};
use crate::model::digest::Sha256;
use crate::model::event::Events;
use crate::model::tag::Asked;
use crate::model::tree::{Content, Tree, TreeBuilder};
use crate::model::version::Version;
use crate::sys::digests::DigestCache;
use crate::sys::files::{self, FileError};
use crate::sys::process::{self, ProcessError};

/// Where mod_wsgi's server lives, and the header that says its version.
const SOURCES: &str = "src/server";
const VERSION_HEADER: &str = "src/server/wsgi_version.h";
const VERSION_DEFINE: &str = "MOD_WSGI_VERSION_STRING";

/// The module's source, checked and digested.
#[derive(Clone, Debug)]
pub struct Source {
    /// The version that it says itself.
    pub version: Version,
    /// Where it came from, in words, without paths of this machine.
    pub origin: String,
    /// The SHA-256 of the archive it came in.
    pub sha256: Option<Sha256>,
    /// The `src` folder, with what is compiled in `server`.
    pub tree: Tree,
    /// The C files in it, relative to the top: `src/server/mod_wsgi.c`. Sorted, never empty.
    pub files: Vec<String>,
    /// The text of its licence, where it has one.
    pub licence: Option<Vec<u8>>,
    /// What pip installs of it on Windows beside the module, or in words why that is nothing.
    pub package: Result<PythonPackage, String>,
}

/// A source that could not be had, or is none.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// There is no such version.
    #[error(
        "there is no {module} {version} on PyPI\nhint: `python3 -m pip index versions {module}` lists the versions there are"
    )]
    NotThere {
        /// The module.
        module: String,
        /// The version asked for.
        version: Box<Version>,
    },
    /// pip did not bring it, and that is not its fault.
    #[error("{module} {version} cannot be had from PyPI: {reason}\nhint: {hint}")]
    NotHad {
        /// The module.
        module: String,
        /// The version asked for.
        version: Box<Version>,
        /// What pip says.
        reason: String,
        /// What to do.
        hint: &'static str,
    },
    /// It has no server sources.
    #[error(
        "{path} is no source of {module}: {SOURCES} is not there, or has no C file\nhint: name the folder of a checkout or of an unpacked sdist"
    )]
    NoServer {
        /// The folder.
        path: Utf8PathBuf,
        /// The module.
        module: String,
    },
    /// It does not say its version.
    #[error("{path} does not define {VERSION_DEFINE}")]
    NoVersion {
        /// The header.
        path: Utf8PathBuf,
    },
    /// It is of another version than the one asked for.
    #[error(
        "{place} is {module} {found}, not {}\nhint: {}", wanted.describe(), remedy(wanted)
    )]
    OtherVersion {
        /// Where it came from.
        place: String,
        /// The module.
        module: String,
        /// What it says.
        found: Box<Version>,
        /// What was asked for.
        wanted: Box<Asked>,
    },
    /// pip cannot be run.
    #[error(transparent)]
    Process(#[from] ProcessError),
    /// The archive is not the one that is known.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// The archive cannot be unpacked.
    #[error(transparent)]
    Unpack(#[from] UnpackError),
    /// A file cannot be read or written.
    #[error(transparent)]
    File(#[from] FileError),
}

impl Source {
    /// The source in a directory: a checkout, or an unpacked sdist.
    pub fn from_directory(
        module: &str,
        folder: &Utf8Path,
        digests: &mut DigestCache,
    ) -> Result<Self, SourceError> {
        Self::read(module, folder, "a directory".to_owned(), None, digests)
    }

    /// The source of a version from PyPI, downloaded once and kept in `cache`.
    pub fn from_pypi(
        module: &str,
        version: &Version,
        cache: &Utf8Path,
        lock: &mut LockFile,
        digests: &mut DigestCache,
        events: &Events,
        stop: &CancellationToken,
    ) -> Result<Self, SourceError> {
        let name = format!("PyPI: {module} {version}");
        let unpacked = |sha256: Sha256| cache.join("unpacked").join(sha256.to_string());
        let known = lock.known(&name).filter(|known| files::is_dir(&unpacked(*known)));
        let sha256 = if let Some(known) = known {
            known
        } else {
            events.note(format!("downloading the source of {module} {version} from PyPI"));
            let archive = pip_download(module, version, cache, stop)?;
            let sha256 = files::digest(&archive.file)?.sha256;
            let new = lock.is_new(&name, sha256, None)?;
            unpack(&archive.file, archive.name(), &unpacked(sha256))?;
            if new {
                lock.record(&name, sha256)?;
                events.note(format!(
                    "{module} {version} came from PyPI for the first time: its SHA-256 {sha256} is \
                     written to matrix.lock, and later ones must match"
                ));
            }
            sha256
        };
        let origin = format!("{module} {version} from PyPI");
        let source = Self::read(module, &unpacked(sha256), origin.clone(), Some(sha256), digests)?;
        if source.version != *version {
            return Err(SourceError::OtherVersion {
                place: origin,
                module: module.to_owned(),
                found: Box::new(source.version),
                wanted: Box::new(version.clone().into()),
            });
        }
        Ok(source)
    }

    fn read(
        module: &str,
        folder: &Utf8Path,
        origin: String,
        sha256: Option<Sha256>,
        digests: &mut DigestCache,
    ) -> Result<Self, SourceError> {
        let no_server =
            || SourceError::NoServer { path: folder.to_owned(), module: module.to_owned() };
        let top = find(folder).ok_or_else(no_server)?;
        let server = top.join(SOURCES);
        let mut builder = TreeBuilder::default();
        let mut sources = Vec::new();
        for path in files::walk(&server)? {
            let absolute = server.join(&path);
            match absolute.extension() {
                Some("c") if !path.contains('/') => sources.push(format!("{SOURCES}/{path}")),
                Some("c" | "h") => {}
                _ => continue,
            }
            builder.file(
                &format!("server/{path}"),
                digests.digest(&absolute)?,
                Content::File(absolute),
            );
        }
        if sources.is_empty() {
            return Err(no_server());
        }
        let version = said_version(&top)?;
        let package = PythonPackage::read(module, &version, &top)?;
        Ok(Self {
            version,
            origin,
            sha256,
            tree: builder.build(),
            files: sources,
            licence: licence(&top)?,
            package,
        })
    }
}

/// What to do about a source of another version.
fn remedy(wanted: &Asked) -> String {
    match &wanted.tag {
        Some(_) => format!(
            "{VERSION_DEFINE} in {VERSION_HEADER} and the tag must say the same: correct one of them, or name the source that was tagged"
        ),
        None => "leave out --module-version, or name the source of that version".to_owned(),
    }
}

/// The folder with `src/server` in it: `folder` itself or the one folder in it, as sdists have it.
fn find(folder: &Utf8Path) -> Option<Utf8PathBuf> {
    let inner = files::names(folder).ok()?.into_iter().map(|name| folder.join(name));
    std::iter::once(folder.to_owned()).chain(inner).find(|top| files::is_dir(&top.join(SOURCES)))
}

fn said_version(top: &Utf8Path) -> Result<Version, SourceError> {
    let path = top.join(VERSION_HEADER);
    let text = String::from_utf8_lossy(&files::read(&path)?).into_owned();
    define(&text, VERSION_DEFINE)
        .and_then(|version| version.trim_matches('"').parse().ok())
        .ok_or(SourceError::NoVersion { path })
}

fn licence(top: &Utf8Path) -> Result<Option<Vec<u8>>, FileError> {
    for name in ["LICENSE", "LICENCE", "COPYING", "LICENSE.txt"] {
        let path = top.join(name);
        if files::exists(&path) {
            return files::read(&path).map(Some);
        }
    }
    Ok(None)
}

struct Download {
    file: Utf8PathBuf,
    _folder: tempfile::TempDir,
}

impl Download {
    fn name(&self) -> &str {
        self.file.file_name().unwrap_or_default()
    }
}

/// Stands in for setuptools, so that pip, which asks a package's own code for its name and version
/// even when it only downloads, runs none of it.
const BACKEND: [(&str, &str); 2] = [
    ("__init__.py", include_str!("../../runners/cross/sdist-backend/setuptools/__init__.py")),
    ("build_meta.py", include_str!("../../runners/cross/sdist-backend/setuptools/build_meta.py")),
];

/// Has pip download the sdist, so that the user's index, proxy and certificates hold.
fn pip_download(
    module: &str,
    version: &Version,
    cache: &Utf8Path,
    stop: &CancellationToken,
) -> Result<Download, SourceError> {
    let folder = files::temporary_dir_in(cache)?;
    let path = Utf8PathBuf::from_path_buf(folder.path().to_owned()).unwrap_or_default();
    for (name, text) in BACKEND {
        files::write_atomic(&path.join("setuptools").join(name), text.as_bytes())?;
    }
    let target = path.join("sdist");
    let result = process::capture_until(
        process::command("python3")
            .args(["-m", "pip", "download", "--quiet", "--disable-pip-version-check"])
            .args(["--no-deps", "--no-binary", ":all:", "--no-build-isolation", "--use-pep517"])
            .args(["--dest", target.as_str()])
            .arg(format!("{module}=={version}"))
            .env("PYTHONPATH", path.as_str())
            .env("PYTHONDONTWRITEBYTECODE", "1"),
        stop,
    );
    if let Err(ProcessError::Failed { output, .. }) = result {
        return Err(not_there(module, version, &output));
    }
    result?;
    let file = files::names(&target)?.first().map(|name| target.join(name));
    match file {
        Some(file) => Ok(Download { file, _folder: folder }),
        None => Err(not_there(module, version, "pip downloaded nothing")),
    }
}

/// Why pip brought nothing. An index that lists not one version was not reached, as a rule: pip says
/// the same of both.
fn not_there(module: &str, version: &Version, output: &str) -> SourceError {
    let (module, version) = (module.to_owned(), Box::new(version.clone()));
    let (reason, hint) = if output.contains("No module named pip") {
        ("pip is not installed", "run runners/cross/setup, or install python3-pip")
    } else if output.contains("from versions: none") {
        ("the index has no version of it at all, or was not reached", NETWORK)
    } else if output.contains("No matching distribution") {
        return SourceError::NotThere { module, version };
    } else {
        (output.lines().last().unwrap_or("pip says nothing").trim(), NETWORK)
    };
    SourceError::NotHad { module, version, reason: reason.to_owned(), hint }
}

const NETWORK: &str =
    "look at the network and at pip's configuration, or name a folder with --source";

#[cfg(test)]
mod tests {
    use super::*;

    fn digests() -> DigestCache {
        DigestCache::load(Utf8Path::new("/nowhere/digests"))
    }

    #[test]
    fn a_directory_says_its_version() {
        let folder = tempfile::tempdir().unwrap();
        let path = Utf8PathBuf::from_path_buf(folder.path().to_owned()).unwrap();
        let write = |name: &str, text: &str| {
            files::write_atomic(&path.join(name), text.as_bytes()).unwrap();
        };
        let read = || Source::from_directory("mod_wsgi", &path, &mut digests());
        assert!(matches!(read().unwrap_err(), SourceError::NoServer { .. }));
        write("src/server/wsgi_version.h", "#define MOD_WSGI_VERSION_STRING \"6.9.0\"\n");
        assert!(matches!(read().unwrap_err(), SourceError::NoServer { .. }));
        write("src/server/mod_wsgi.c", "int x;");
        write("src/server/notes.txt", "not compiled");
        let source = read().unwrap();
        assert_eq!(source.version.as_str(), "6.9.0");
        assert_eq!(source.files, ["src/server/mod_wsgi.c"]);
        assert_eq!(source.licence, None);
        assert_eq!(source.package, Err("its source has no setup.py".to_owned()));
        write("src/server/wsgi_version.h", "nothing\n");
        assert!(matches!(read().unwrap_err(), SourceError::NoVersion { .. }));
    }
}
