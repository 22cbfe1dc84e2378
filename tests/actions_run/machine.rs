//! The machine that a job gets: an empty workspace, a home, what steps set for the steps after them; and
//! modfarm's repository as it is checked out there. Nothing compiles for minutes: what builds modfarm and
//! its kit hands over the binary under test and the kit of this repository.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt as _;

use camino::{Utf8Path, Utf8PathBuf};
use modfarm::sys::files;

use super::artifacts::shell;
use crate::program::{kit, repository};

/// The roots of the kit that a run has.
const ROOTS: [&str; 3] = ["apache/2.4-win64", "python/3.11-win64", "python/3.13-win64"];

/// A job's machine.
#[derive(Debug)]
pub(crate) struct Machine {
    pub(crate) workspace: Utf8PathBuf,
    pub(crate) temporary: Utf8PathBuf,
    /// In front of the PATH, the latest first.
    pub(crate) path: Vec<String>,
    /// What steps wrote to `GITHUB_ENV`.
    pub(crate) environment: BTreeMap<String, String>,
}

impl Machine {
    /// One whose folders are below this one, with these programs in front of its own.
    pub(crate) fn within(folder: &Utf8Path, programs: &Utf8Path) -> Self {
        let (workspace, temporary) = (folder.join("workspace"), folder.join("temporary"));
        for folder in [&workspace, &temporary] {
            files::create_dir_all(folder).expect("a folder");
        }
        let path = vec![programs.to_string()];
        Self { workspace, temporary, path, environment: BTreeMap::new() }
    }
}

/// Makes the files that git knows here, with stand-ins for what takes long, and runners that need no
/// Windows: see `runners`.
pub(crate) fn farm(folder: &Utf8Path, runners: &str) {
    files::create_dir_all(folder).expect("a folder");
    let script = "cd \"$1\" && git ls-files -zco --exclude-standard |
        tar --null --files-from - -c | tar -x -C \"$2\"";
    shell(script, &[repository().as_str(), folder.as_str()]);
    program(&folder.join("runners/cross/setup"), &kit_setup());
    let windows = "mkdir -p target/windows && echo 'for Windows' > target/windows/modfarm.exe";
    program(&folder.join("runners/windows/setup"), windows);
    files::remove_dir_all(&folder.join("runners/github")).expect("the runners");
    let file = folder.join("runners/github/windows.yaml");
    files::create_dir_all(files::parent(&file)).expect("a folder");
    files::write_atomic(&file, runners.as_bytes()).expect("a file");
}

/// Makes the programs that the workflow calls and that would change this machine or compile.
pub(crate) fn programs(folder: &Utf8Path) {
    files::create_dir_all(folder).expect("a folder");
    let modfarm = format!("exec '{}' \"$@\"", env!("CARGO_BIN_EXE_modfarm"));
    program(&folder.join("handed-over"), &modfarm);
    let cargo = format!(
        "test \"$*\" = 'build --release --locked'\n\
         mkdir -p target/release\ncp '{}' target/release/modfarm",
        folder.join("handed-over")
    );
    program(&folder.join("cargo"), &cargo);
    for name in ["apt-get", "curl"] {
        program(&folder.join(name), "exit 0");
    }
}

/// A stand-in for the script that makes the kit. What can run is left out: nothing is tried under Wine.
fn kit_setup() -> String {
    let mut script =
        "mkdir -p .modfarm/kit/apache .modfarm/kit/python .modfarm/kit/run\n".to_owned();
    for root in ROOTS {
        script += &format!("ln -s '{}' .modfarm/kit/{root}\n", kit().join(root));
    }
    script
}

/// Writes a program for the shell.
pub(crate) fn program(path: &Utf8Path, script: &str) {
    let text = format!("#!/usr/bin/env bash\nset -euo pipefail\n{script}\n");
    files::write_atomic(path, text.as_bytes()).expect("a file");
    let all = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(path, all).expect("a program");
}
