//! Removing what Windows does not let go at once: files that are read-only, and files that a process
//! which was ended a moment ago still holds.

use std::fs;
use std::io;
use std::path::Path;
use std::time::{Duration, Instant};

/// How long something that was ended may hold a file.
const PATIENCE: Duration = Duration::from_secs(2);

/// How often one tries.
const PAUSE: Duration = Duration::from_millis(25);

/// Removes a file.
pub(super) fn remove_file(path: &Path) -> io::Result<()> {
    fs::remove_file(path).or_else(|error| {
        let known = fs::symlink_metadata(path).map_err(|_| error)?;
        make_writable(path, &known)?;
        fs::remove_file(path)
    })
}

/// Removes a folder and all in it.
pub(super) fn remove_dir_all(path: &Path) -> io::Result<()> {
    let start = Instant::now();
    loop {
        match fs::remove_dir_all(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(error),
            Err(error) if start.elapsed() >= PATIENCE => return Err(error),
            Err(_) => {
                make_all_writable(path);
                std::thread::sleep(PAUSE);
            }
            Ok(()) => return Ok(()),
        }
    }
}

/// What cannot be made writable is what the next try to remove it will complain of.
fn make_all_writable(folder: &Path) {
    for entry in walkdir::WalkDir::new(folder).into_iter().flatten() {
        if let Ok(known) = entry.metadata() {
            make_writable(entry.path(), &known).ok();
        }
    }
}

#[allow(clippy::permissions_set_readonly_false, reason = "on Windows it is one attribute")]
fn make_writable(path: &Path, known: &fs::Metadata) -> io::Result<()> {
    let mut permissions = known.permissions();
    if !permissions.readonly() {
        return Ok(());
    }
    permissions.set_readonly(false);
    fs::set_permissions(path, permissions)
}
