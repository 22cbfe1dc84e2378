//! Virtual environments: which Python one is made from, by its `pyvenv.cfg`.

use camino::{Utf8Path, Utf8PathBuf};

use super::InstallationError;
use super::place::below;
use crate::sys::files;

/// More than any such file has.
const LONGEST: u64 = 64 << 10;

/// A virtual environment and the folder of its Python.
#[derive(Debug)]
pub(super) struct Environment {
    pub(super) folder: Utf8PathBuf,
    pub(super) base: Utf8PathBuf,
}

/// The environment that a folder is, or whose `Scripts` it is.
pub(super) fn of(named: &Utf8Path) -> Result<Option<Environment>, InstallationError> {
    for folder in [named, files::parent(named)] {
        let is_scripts = named.file_name().is_some_and(|it| it.eq_ignore_ascii_case("Scripts"));
        if folder != named && !is_scripts {
            break;
        }
        let Some(file) = below(folder, &["pyvenv.cfg"]) else { continue };
        let text = String::from_utf8_lossy(&files::read_limited(&file, LONGEST)?).into_owned();
        let Some(home) = value(&text, "home") else { continue };
        let base = base(folder, home).ok_or_else(|| InstallationError::EnvironmentAlone {
            path: folder.to_owned(),
            home: home.to_owned(),
        })?;
        return Ok(Some(Environment { folder: folder.to_owned(), base }));
    }
    Ok(None)
}

/// The value of a line `name = value`.
fn value<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    let mut pairs = text.lines().filter_map(|line| line.split_once('='));
    let (_, value) = pairs.find(|(key, _)| key.trim().eq_ignore_ascii_case(name))?;
    Some(value.trim()).filter(|value| !value.is_empty())
}

/// The folder that `home` means: itself, or the same on the drive that the environment lies on, wherever
/// that is mounted.
fn base(environment: &Utf8Path, home: &str) -> Option<Utf8PathBuf> {
    let is_python =
        |folder: &Utf8PathBuf| files::is_dir(folder) && below(folder, &["python.exe"]).is_some();
    if let Some(base) = Some(Utf8PathBuf::from(home)).filter(is_python) {
        return Some(base);
    }
    let home = home.replace('\\', "/");
    let (_, below_drive) = home.split_once(":/")?;
    let parts: Vec<&str> = below_drive.split('/').filter(|part| !part.is_empty()).collect();
    let whole = camino::absolute_utf8(environment).ok()?;
    whole.ancestors().skip(1).find_map(|mount| below(mount, &parts).filter(is_python))
}
