//! The artifacts of a run: each has a name of its own and is never changed.

use std::process::Command;

use camino::{Utf8Path, Utf8PathBuf};
use modfarm::sys::files;

use crate::program::Ran;

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

    /// Takes a file, or what is in a folder but for hidden files. An error where the name is taken.
    pub(crate) fn take(&self, name: &str, from: &Utf8Path, overwrite: bool) -> Result<(), String> {
        assert!(!name.contains(['"', ':', '<', '>', '|', '*', '?', '\\', '/']), "{name}");
        let to = self.folder(name);
        if files::exists(&to) && !overwrite {
            return Err(format!("an artifact with the name {name} exists already"));
        }
        files::remove_dir_all(&to).expect("nothing of before");
        files::create_dir_all(&to).expect("a folder");
        if files::is_dir(from) {
            let script = "tar -C \"$1\" --exclude='.[!./]*' -c . | tar -C \"$2\" -x";
            shell(script, &[from.as_str(), to.as_str()]);
        } else {
            files::copy(from, &to.join(from.file_name().expect("a name"))).expect("a copy");
        }
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
        let pattern = globset::Glob::new(pattern).expect("a pattern").compile_matcher();
        self.names().into_iter().filter(|name| pattern.is_match(name)).collect()
    }
}

/// Runs a line of shell that must succeed.
#[track_caller]
pub(crate) fn shell(script: &str, arguments: &[&str]) {
    let mut bash = Command::new("bash");
    Ran::of(bash.args(["-euo", "pipefail", "-c", script, "bash"]).args(arguments)).ended(0);
}
