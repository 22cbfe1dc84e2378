//! The exports of the DLLs in an installation of Apache or Python: read off the DLLs where they are
//! there, off the import libraries where they are not.

use camino::{Utf8Path, Utf8PathBuf};

use super::Failure;
use crate::inspect::RootExports;
use crate::sys::files;

const FOLDERS: [&str; 5] = ["", "bin", "lib", "libs", "DLLs"];
const LARGEST_FILE: u64 = 256 << 20;

/// The exports of every DLL in these installations.
pub(super) fn read<'a>(
    roots: impl Iterator<Item = &'a Utf8PathBuf>,
) -> Result<Vec<RootExports>, Failure> {
    let mut all = Vec::new();
    for root in roots {
        let exports = read_root(root)?;
        if exports.is_empty() {
            return Err(Failure::bad_input(format!(
                "no DLL and no import library in {root}\nhint: name a folder with bin\\*.dll or \
                 lib\\*.lib (Apache), python*.dll or libs\\*.lib (Python)"
            )));
        }
        all.extend(exports);
    }
    // The DLL itself knows best.
    all.sort_by_key(|exports: &RootExports| !exports.complete);
    Ok(all)
}

fn read_root(root: &Utf8Path) -> Result<Vec<RootExports>, Failure> {
    let mut exports = Vec::new();
    for folder in FOLDERS.map(|folder| root.join(folder)) {
        if files::is_dir(&folder) {
            for name in files::names(&folder).map_err(Failure::bad_input)? {
                exports.extend(read_file(&folder.join(&name), &name)?);
            }
        }
    }
    Ok(exports)
}

/// What is neither a DLL nor an import library has nothing to say.
fn read_file(path: &Utf8Path, name: &str) -> Result<Vec<RootExports>, Failure> {
    let extension = path.extension().map(str::to_ascii_lowercase);
    let read = || files::read_limited(path, LARGEST_FILE).map_err(Failure::bad_input);
    Ok(match extension.as_deref() {
        Some("dll") => RootExports::from_dll(&read()?, name, path.as_str()).into_iter().collect(),
        Some("lib" | "a") => {
            RootExports::from_import_library(&read()?, path.as_str()).unwrap_or_default()
        }
        _ => Vec::new(),
    })
}
