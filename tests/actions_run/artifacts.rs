//! The artifacts of a run: each has a name of its own, and is replaced only where that is asked for.

use camino::{Utf8Path, Utf8PathBuf};
use modfarm::sys::files;

use super::event::fits;
use super::machine::shell;

/// The artifacts, a folder each.
#[derive(Debug)]
pub(crate) struct Artifacts {
    folder: Utf8PathBuf,
}

impl Artifacts {
    pub(crate) fn within(folder: Utf8PathBuf) -> Self {
        files::create_dir_all(&folder).expect("a folder");
        Self { folder }
    }

    /// The names of those that are there.
    pub(crate) fn names(&self) -> Vec<String> {
        files::names(&self.folder).expect("a folder")
    }

    /// The folder with the files of one.
    pub(crate) fn folder(&self, name: &str) -> Utf8PathBuf {
        self.folder.join(name)
    }

    /// Takes a file, or what is in a folder but for hidden files, and forgets which of them are programs. An
    /// error where the name is taken.
    pub(crate) fn take(&self, name: &str, from: &Utf8Path, overwrite: bool) -> Result<(), String> {
        assert!(!name.contains(['"', ':', '<', '>', '|', '*', '?', '\\', '/']), "{name}");
        let to = self.folder(name);
        if files::exists(&to) && !overwrite {
            return Err(format!("an artifact with the name {name} exists already"));
        }
        files::remove_dir_all(&to).expect("nothing of before");
        files::create_dir_all(&to).expect("a folder");
        let (folder, what) = match from.file_name() {
            Some(name) if !files::is_dir(from) => (files::parent(from), name),
            _ => (from, "."),
        };
        let script =
            "tar -C \"$1\" --exclude='.[!./]*' --mode=a-x,a+X -c \"$2\" | tar -C \"$3\" -x";
        shell(script, &[folder.as_str(), what, to.as_str()]);
        Ok(())
    }

    /// Gives one to a folder. An error where it is not there.
    pub(crate) fn give(&self, name: &str, to: &Utf8Path) -> Result<(), String> {
        let from = self.folder(name);
        if !files::is_dir(&from) {
            return Err(format!("there is no artifact {name}"));
        }
        files::create_dir_all(to).expect("a folder");
        shell("cp -r \"$1/.\" \"$2\"", &[from.as_str(), to.as_str()]);
        Ok(())
    }

    /// The names that fit a pattern.
    pub(crate) fn matching(&self, pattern: &str) -> Vec<String> {
        self.names().into_iter().filter(|name| fits(pattern, name)).collect()
    }
}
