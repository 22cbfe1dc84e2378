//! Finding files as Windows does: without regard to how a name is written, also where the system is not
//! Windows and the drive is mounted.

use camino::{Utf8Path, Utf8PathBuf};

use super::InstallationError;
use crate::sys::files;

/// What a folder is named for, and what it is known by.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wanted {
    pub(super) what: &'static str,
    pub(super) looked_for: &'static str,
}

impl Wanted {
    /// The folder that was meant: who names a program in it means the folder.
    pub(super) fn folder(self, named: &Utf8Path) -> Result<Utf8PathBuf, InstallationError> {
        let Self { what, looked_for } = self;
        let path = named.to_owned();
        match files::metadata(named) {
            Err(error) if error.is_not_found() => {
                Err(InstallationError::NotThere { path, what, looked_for })
            }
            Err(error) => Err(error.into()),
            // A folder that may not be listed would look as if it held nothing. The registry and people put
            // a separator behind its name, which is none of httpd.conf's.
            Ok(found) if found.is_dir() => {
                Ok(files::names(named).map(|_| named.components().collect())?)
            }
            Ok(_) if is_binary(named) => Ok(files::parent(named).to_owned()),
            Ok(_) => Err(InstallationError::NotAFolder { path, what, looked_for }),
        }
    }

    /// It is not in a folder that is there.
    pub(super) fn missing(self, folder: &Utf8Path) -> InstallationError {
        let Self { what, looked_for } = self;
        InstallationError::Missing { path: folder.to_owned(), what, looked_for }
    }
}

fn is_binary(path: &Utf8Path) -> bool {
    path.extension().is_some_and(|it| ["exe", "dll"].contains(&it.to_ascii_lowercase().as_str()))
}

/// The file or folder at `parts` below `folder`, if it is there.
pub(super) fn below(folder: &Utf8Path, parts: &[&str]) -> Option<Utf8PathBuf> {
    parts.iter().try_fold(folder.to_owned(), |folder, part| {
        let exact = folder.join(part);
        if files::exists(&exact) {
            return Some(exact);
        }
        let names = files::names(&folder).ok()?;
        let name = names.into_iter().find(|name| name.eq_ignore_ascii_case(part))?;
        Some(folder.join(name))
    })
}

/// The system folder of the Windows that a path belongs to, for binaries of 64 or of 32 bit: on the
/// same drive, wherever that is mounted, or else that of the Windows that runs.
pub(super) fn system_folder(path: &Utf8Path, of_32_bit: bool) -> Option<Utf8PathBuf> {
    let whole = camino::absolute_utf8(path).unwrap_or_else(|_| path.to_owned());
    let on_its_drive = whole.ancestors().skip(1).find_map(|place| below(place, &["Windows"]));
    let windows = on_its_drive.or_else(own_windows)?;
    let wow = below(&windows, &["SysWOW64"]).filter(|_| of_32_bit);
    // A Windows of 32 bit has but the one.
    wow.or_else(|| below(&windows, &["System32"]))
}

/// The Windows that runs, if one does: an Apache may lie on another drive.
fn own_windows() -> Option<Utf8PathBuf> {
    let root = cfg!(windows).then(|| std::env::var("SystemRoot").ok()).flatten();
    root.map(Utf8PathBuf::from)
}

/// A path as Windows' programs take it: with forward slashes, and with a drive where Linux shows that
/// drive as `/mnt/c`.
#[must_use]
pub fn windows_path(path: &Utf8Path) -> String {
    let path = path.as_str().replace('\\', "/");
    let path = path.strip_prefix("//?/").unwrap_or(&path).to_owned();
    let path = path.strip_prefix("UNC/").map_or(path.clone(), |share| format!("//{share}"));
    let mounted = path.strip_prefix("/mnt/").and_then(|rest| {
        let (drive, rest) = rest.split_once('/').unwrap_or((rest, ""));
        let letter = drive.bytes().next().filter(|_| drive.len() == 1)?;
        letter.is_ascii_alphabetic().then(|| format!("{}:/{rest}", drive.to_ascii_uppercase()))
    });
    mounted.unwrap_or(path)
}

/// The same of the whole path: to Apache a relative one is relative to its own folder.
#[must_use]
pub fn conf_path(path: &Utf8Path) -> String {
    windows_path(&camino::absolute_utf8(path).unwrap_or_else(|_| path.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_written_as_apache_takes_them() {
        for (path, windows) in [
            (r"C:\Program Files\Python313", "C:/Program Files/Python313"),
            ("/mnt/c/Python313", "C:/Python313"),
            ("/mnt/data/Python313", "/mnt/data/Python313"),
            (r"\\server\share\Python", "//server/share/Python"),
            (r"\\?\C:\Python", "C:/Python"),
            (r"\\?\UNC\server\share", "//server/share"),
        ] {
            assert_eq!(windows_path(path.into()), windows, "{path}");
        }
    }

    #[test]
    fn names_are_found_however_they_are_written() {
        let keep = tempfile::tempdir().unwrap();
        let folder = Utf8Path::from_path(keep.path()).unwrap();
        files::create_dir_all(&folder.join("WINDOWS/system32")).unwrap();
        files::create_dir_all(&folder.join("Python27")).unwrap();
        let system = system_folder(&folder.join("Python27"), true).unwrap();
        assert_eq!(system, folder.join("WINDOWS/system32"));
        assert_eq!(below(folder, &["python27", "Lib"]), None);
    }
}
