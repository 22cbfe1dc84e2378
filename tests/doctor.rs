//! `modfarm doctor`: what is installed, whether it goes together, and what a log says.

mod bad_input;
mod installations;
mod logs;
mod rules;
mod take;

use camino::Utf8PathBuf;
use modfarm::model::arch::Arch;
use serde_json::Value;

use crate::made::installations as made;
use crate::program::{Ran, folder, modfarm};

/// A drive of a Windows machine: a folder with an Apache and a Python that fit, to be spoiled.
struct Drive {
    _keep: tempfile::TempDir,
    folder: Utf8PathBuf,
}

impl Drive {
    fn empty() -> Self {
        let (keep, folder) = folder();
        Self { _keep: keep, folder }
    }

    fn right() -> Self {
        let drive = Self::empty();
        drive.apache("2.4.66", Arch::Win64, "VS17");
        drive.python("3.13.2", Arch::Win64, "VS17");
        drive
    }

    fn apache(&self, version: &str, arch: Arch, label: &str) -> Utf8PathBuf {
        made::apache(&self.folder.join("Apache24"), version, arch, label)
    }

    fn python(&self, version: &str, arch: Arch, label: &str) -> Utf8PathBuf {
        made::python(&self.folder.join("Python"), version, arch, label)
    }

    fn module(&self, name: &str, python: &str, arch: Arch, label: &str) -> Utf8PathBuf {
        let file = self.folder.join(name);
        made::write(&file, &made::module(python, arch, label).bytes());
        file
    }

    fn doctor(&self, arguments: &[&str]) -> Ran {
        Ran::of(modfarm(&self.folder, &["doctor"]).args(arguments))
    }

    /// The doctor's words on the Apache and the Python here, and more that is named.
    fn both(&self, more: &[&str]) -> Ran {
        self.doctor(&[&["--apache", "Apache24", "--python", "Python"], more].concat())
    }

    fn json(&self, arguments: &[&str]) -> Value {
        let ran = self.doctor(&[arguments, &["--format", "json"]].concat());
        let told: Value = serde_json::from_str(&ran.stdout).expect(&ran.stderr);
        assert_eq!(told["format_version"], 1);
        told
    }
}

#[track_caller]
fn says(ran: &Ran, words: &[&str]) {
    for word in words {
        assert!(ran.stdout.contains(word), "{word:?} is not in: {}", ran.stdout);
    }
}
