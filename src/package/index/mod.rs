//! A package index of the wheels of releases: files that any server can serve, in the layout of the
//! Simple Repository API.

mod pages;
mod wheels;

use std::collections::BTreeMap;

use camino::{Utf8Path, Utf8PathBuf};

use self::wheels::IndexedWheel;
use crate::model::digest::Digest;
use crate::model::index::Indexed;
use crate::sys::files::{self, FileError};

/// The folder that is made.
const FOLDER: &str = "simple";

/// The file that tells an index from a folder of somebody else's.
const MARK: &str = "index.json";

/// A release that goes into an index.
#[derive(Debug)]
pub struct Release {
    /// Its folder.
    pub folder: Utf8PathBuf,
    /// Where its wheels are, if they are not to be copied: an address without a slash at its end, in which
    /// `{version}` stands for the release's.
    pub files_url: Option<String>,
}

/// An index that cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum IndexError {
    /// A folder has no manifest, or several.
    #[error(
        "{folder} is no release: it has {found} files *.manifest.json\nhint: name the folder that `modfarm release` made, for example dist/mod_wsgi-6.1.1"
    )]
    NoRelease {
        /// The folder.
        folder: Utf8PathBuf,
        /// How many manifests it has.
        found: usize,
    },
    /// A file of a release cannot be understood.
    #[error(
        "cannot read {path}: {reason}\nhint: make the release again with `modfarm release`, or download it again"
    )]
    Unreadable {
        /// The file.
        path: Utf8PathBuf,
        /// Why.
        reason: String,
    },
    /// A wheel is not the one that was released.
    #[error(
        "{path} is not what the manifest of its release says: its SHA-256 is {found}, not {expected}\nhint: download it again; nothing was written"
    )]
    Different {
        /// The wheel.
        path: Utf8PathBuf,
        /// The digest that it has.
        found: String,
        /// The digest that it should have.
        expected: String,
    },
    /// Two releases have different wheels of one name.
    #[error(
        "{one} and {other} have different wheels of the name {name}\nhint: leave one of the releases out; pip could not tell them apart"
    )]
    Twice {
        /// The wheel.
        name: String,
        /// The folder of the first release.
        one: Utf8PathBuf,
        /// The folder of the other one.
        other: Utf8PathBuf,
    },
    /// There is nothing to list.
    #[error(
        "none of these releases has a wheel\nhint: mod_wsgi has wheels from 4.5.8 on; the notes of a release say why there are none"
    )]
    NoWheels,
    /// Something else stands in its place.
    #[error(
        "{path} is there, but is no index of modfarm's\nhint: move it away, or name another folder with --to"
    )]
    Foreign {
        /// The folder.
        path: Utf8PathBuf,
    },
    /// A file cannot be read or written.
    #[error(transparent)]
    File(#[from] FileError),
}

/// Makes the index in a folder, or leaves the one that stands there where it would be the same.
pub fn index(releases: &[Release], to: &Utf8Path) -> Result<Indexed, IndexError> {
    let wheels = wheels::read_all(releases)?;
    let folder = to.join(FOLDER);
    if files::exists(&folder) && !is_ours(&folder) {
        return Err(IndexError::Foreign { path: folder });
    }
    let staging = files::temporary_dir_in(to)?;
    let new = Utf8Path::from_path(staging.path()).unwrap_or(to).join(FOLDER);
    write(&new, &wheels)?;
    let unchanged = files::exists(&folder) && digests(&folder)? == digests(&new)?;
    match (unchanged, files::exists(&folder)) {
        (true, _) => {}
        // What stood there goes with the folder of what was being made.
        (false, true) => files::exchange(&new, &folder)?,
        (false, false) => files::rename(&new, &folder)?,
    }
    let copied = wheels.iter().filter(|wheel| wheel.elsewhere.is_none()).count();
    let wheels = wheels.into_iter().map(|wheel| wheel.name).collect();
    Ok(Indexed { folder: folder.to_string(), wheels, copied, unchanged })
}

fn is_ours(folder: &Utf8Path) -> bool {
    let text = files::read_limited(&folder.join(MARK), 1 << 20).unwrap_or_default();
    let value: serde_json::Value = serde_json::from_slice(&text).unwrap_or_default();
    value["meta"][pages::GENERATOR].is_string()
}

/// Writes the whole index into a folder that is not there yet.
fn write(folder: &Utf8Path, wheels: &[IndexedWheel]) -> Result<(), IndexError> {
    let mut projects: BTreeMap<&str, Vec<&IndexedWheel>> = BTreeMap::new();
    for wheel in wheels {
        projects.entry(&wheel.project).or_default().push(wheel);
    }
    let put = |path: &Utf8Path, text: &str| files::write_atomic(path, text.as_bytes());
    let names: Vec<&str> = projects.keys().copied().collect();
    put(&folder.join("index.html"), &pages::projects_html(&names))?;
    put(&folder.join(MARK), &pages::projects_json(&names))?;
    for (project, wheels) in &projects {
        let folder = folder.join(project);
        put(&folder.join("index.html"), &pages::files_html(project, wheels))?;
        put(&folder.join("index.json"), &pages::files_json(project, wheels))?;
        for wheel in wheels.iter().filter(|wheel| wheel.elsewhere.is_none()) {
            let copy = folder.join(&wheel.name);
            files::copy(&wheel.path, &copy)?;
            wheel.expect_same(&copy)?;
            put(&folder.join(format!("{}.metadata", wheel.name)), &wheel.metadata)?;
        }
    }
    Ok(())
}

fn digests(folder: &Utf8Path) -> Result<Vec<(String, Digest)>, FileError> {
    let paths = files::walk(folder)?.into_iter();
    paths.map(|path| Ok((path.clone(), files::digest(&folder.join(path))?))).collect()
}
