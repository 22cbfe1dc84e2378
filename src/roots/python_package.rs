//! What the module's `setup.py` installs beside the module itself, read off an sdist or a checkout: none of
//! its code is run.

use std::collections::BTreeMap;

use bytes::Bytes;
use camino::Utf8Path;

use super::setup_py::SetupPy;
use crate::model::checksums;
use crate::model::digest::Sha256;
use crate::model::version::Version;
use crate::sys::files::{self, FileError};

/// More than any file of it has.
const LARGEST: u64 = 16 << 20;

/// More files than any of its versions has.
const MOST_FILES: usize = 5000;

/// The Python code of a module's source, and what it says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PythonPackage {
    /// Its metadata, as an sdist has them in `PKG-INFO`.
    pub metadata: String,
    /// Its commands, as an sdist has them in `entry_points.txt`.
    pub entry_points: Bytes,
    /// Its files, by their place where packages are installed: `mod_wsgi/express/cli.py`.
    pub files: BTreeMap<String, Bytes>,
    /// The folder that its code looks in for where Apache is: `mod_wsgi/express`.
    pub configuration: String,
}

impl PythonPackage {
    /// The package of a source, or in words why it has none that installs on Windows.
    pub fn read(
        module: &str,
        version: &Version,
        top: &Utf8Path,
    ) -> Result<Result<Self, String>, FileError> {
        let Some(setup) = text(top, "setup.py")? else {
            return Ok(Err("its source has no setup.py".to_owned()));
        };
        let Some(configuration) = configuration(module, &setup) else {
            return Ok(Err("its setup.py does not know Windows".to_owned()));
        };
        let Some((metadata, entry_points)) = about(module, version, top, &setup)? else {
            return Ok(Err("its setup.py calls setup in no way that can be read".to_owned()));
        };
        if let Some(other) = other_name(module, &metadata) {
            return Ok(Err(format!("its source is the package of {other}")));
        }
        let files = match installed(module, top)? {
            Ok(files) => files,
            Err(reason) => return Ok(Err(reason)),
        };
        Ok(Ok(Self { metadata, entry_points: entry_points.into(), files, configuration }))
    }

    /// The digest of all of it.
    #[must_use]
    pub fn digest(&self) -> Sha256 {
        let own = [
            ("PKG-INFO", Sha256::of(self.metadata.as_bytes())),
            ("entry_points.txt", Sha256::of(&self.entry_points)),
        ];
        let files = self.files.iter().map(|(path, bytes)| (path.as_str(), Sha256::of(bytes)));
        Sha256::of(checksums::render(own.into_iter().chain(files)).as_bytes())
    }
}

fn text(top: &Utf8Path, name: &str) -> Result<Option<String>, FileError> {
    match files::read_limited(&top.join(name), LARGEST) {
        Ok(bytes) => Ok(Some(String::from_utf8_lossy(&bytes).into_owned())),
        Err(error) if error.is_not_found() => Ok(None),
        Err(error) => Err(error),
    }
}

/// The metadata and the commands: those that an sdist has, and in a checkout those that `setup.py` would
/// write into one.
fn about(
    module: &str,
    version: &Version,
    top: &Utf8Path,
    setup: &str,
) -> Result<Option<(String, String)>, FileError> {
    let points = format!("{}.egg-info/entry_points.txt", module.replace('-', "_"));
    if let (Some(metadata), Some(points)) = (text(top, "PKG-INFO")?, text(top, &points)?) {
        return Ok(Some((metadata, points)));
    }
    let Some(setup) = SetupPy::parse(setup) else { return Ok(None) };
    let description = match text(top, "README-express.rst")? {
        Some(express) => express,
        None => text(top, "README.rst")?.unwrap_or_default(),
    };
    let metadata = setup.metadata(module, &version.normalized(), &description);
    Ok(Some((metadata, setup.entry_points())))
}

/// Where `setup.py` writes `apxs_config.py`, if it is one that looks for Apache on Windows: older ones
/// install a module there that ends at its first import.
fn configuration(module: &str, setup: &str) -> Option<String> {
    let mut places = setup.split("apxs_config.py'").filter_map(|before| {
        let (_, path) = before.rsplit_once('\'')?;
        path.strip_prefix("src/")?.strip_suffix('/').map(str::to_owned)
    });
    let folder = places.next().filter(|folder| !folder.contains(['/', '.', '\n']))?;
    setup.contains("MOD_WSGI_APACHE_ROOTDIR").then(|| format!("{module}/{folder}"))
}

/// The name that the metadata have, where it is another than the module's.
fn other_name(module: &str, metadata: &str) -> Option<String> {
    let name = metadata.lines().find_map(|line| line.strip_prefix("Name:")).unwrap_or("").trim();
    (name.replace('-', "_") != module.replace('-', "_")).then(|| format!("'{name}'"))
}

type Files = BTreeMap<String, Bytes>;

/// The files that `setup.py` installs: packages below `src`, a picture, and documentation where the sdist
/// has it.
fn installed(module: &str, top: &Utf8Path) -> Result<Result<Files, String>, FileError> {
    let mut found = Files::new();
    for (folder, package) in [("src", ""), ("images", "/images"), ("docs/_build/html", "/docs")] {
        let from = top.join(folder);
        if !files::exists(&from.join("__init__.py")) {
            continue;
        }
        for path in files::walk(&from)? {
            let wanted = match folder {
                "src" => is_code(&from, &path),
                "images" => matches!(Utf8Path::new(&path).extension(), Some("py" | "jpg")),
                _ => true,
            };
            if !wanted {
                continue;
            }
            if found.len() >= MOST_FILES {
                return Ok(Err(format!("its source has more than {MOST_FILES} files for it")));
            }
            let bytes = files::read_limited(&from.join(&path), LARGEST)?;
            found.insert(format!("{module}{package}/{path}"), bytes.into());
        }
    }
    Ok(if found.is_empty() { Err("its source has no Python code".to_owned()) } else { Ok(found) })
}

/// Whether a file is Python code in a package; what a build left there is none.
fn is_code(from: &Utf8Path, path: &str) -> bool {
    let path = Utf8Path::new(path);
    let mut folders = path.ancestors().skip(1);
    path.extension() == Some("py")
        && path.file_name() != Some("apxs_config.py")
        && folders.all(|folder| files::exists(&from.join(folder).join("__init__.py")))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SETUP: &str = "x = os.environ.get('MOD_WSGI_APACHE_ROOTDIR')\nwith \
                         open(os.path.join(top,\n  'src/express/apxs_config.py'), 'w') as fp:\n";

    #[test]
    fn a_package_is_read_or_the_reason_told() {
        let folder = tempfile::tempdir().unwrap();
        let top = Utf8Path::from_path(folder.path()).unwrap();
        let write = |name: &str, text: &str| {
            files::write_atomic(&top.join(name), text.as_bytes()).unwrap();
        };
        let read = || PythonPackage::read("mod_wsgi", &"1".parse().unwrap(), top).unwrap();
        let refused = |words: &str| {
            let reason = read().unwrap_err();
            assert!(reason.contains(words), "{reason}");
        };
        refused("has no setup.py");
        write("setup.py", "setup(name='mod_wsgi')");
        refused("does not know Windows");
        write("setup.py", SETUP);
        refused("in no way that can be read");
        write("PKG-INFO", "Metadata-Version: 2.1\nName: mod_wsgi-standalone\n");
        write("mod_wsgi.egg-info/entry_points.txt", "[console_scripts]\n");
        refused("the package of 'mod_wsgi-standalone'");
        write("PKG-INFO", "Metadata-Version: 2.1\nName: mod_wsgi\nVersion: 1\n");
        refused("no Python code");
        for name in ["__init__.py", "express/__init__.py", "express/apxs_config.py", "server/x.py"]
        {
            write(&format!("src/{name}"), "");
        }
        write("src/express/x.c", "int x;");
        write("images/__init__.py", "");
        write("images/snake.jpg", "");
        let package = read().unwrap();
        let names: Vec<&str> = package.files.keys().map(String::as_str).collect();
        let expected =
            ["__init__.py", "express/__init__.py", "images/__init__.py", "images/snake.jpg"];
        assert_eq!(names, expected.map(|name| format!("mod_wsgi/{name}")));
        assert_eq!(package.configuration, "mod_wsgi/express");
        let before = package.digest();
        write("src/express/__init__.py", "x = 1\n");
        assert_ne!(read().unwrap().digest(), before);
    }
}
