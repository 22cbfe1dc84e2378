//! The machine that a job gets: an empty workspace, a home, what steps set for the steps after them; and
//! modfarm's repository as it is checked out there. Nothing compiles for minutes: what builds modfarm and
//! its kit hands over the binary under test and the kit of this repository.

use std::collections::BTreeMap;
use std::process::Command;

use camino::{Utf8Path, Utf8PathBuf};
use modfarm::sys::files;

use crate::program::{Ran, kit, repository, script};

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

/// Makes modfarm's repository: the files that git knows here, with stand-ins for what takes long, and with
/// this file in place of its own for GitHub's machines.
pub(crate) fn farm(folder: &Utf8Path, runners: &str) {
    files::create_dir_all(folder).expect("a folder");
    let copy = "cd \"$1\" && git ls-files -zco --exclude-standard |
        tar --null --files-from - -c | tar -x -C \"$2\"";
    shell(copy, &[repository().as_str(), folder.as_str()]);
    script(&folder.join("runners/cross/setup"), &kit_setup());
    let windows = "mkdir -p target/windows && echo 'for Windows' > target/windows/modfarm.exe";
    script(&folder.join("runners/windows/setup"), windows);
    files::remove_dir_all(&folder.join("runners/github")).expect("the runners");
    let file = folder.join("runners/github/windows.yaml");
    files::write_atomic(&file, runners.as_bytes()).expect("a file");
}

/// Makes the programs that the workflow calls and that would change this machine or compile.
pub(crate) fn programs(folder: &Utf8Path) {
    let modfarm = format!("exec '{}' \"$@\"", env!("CARGO_BIN_EXE_modfarm"));
    let built = script(&folder.join("handed-over"), &modfarm);
    let cargo = format!(
        "test \"$*\" = 'build --release --locked' && mkdir -p target/release &&\n\
         cp '{built}' target/release/modfarm"
    );
    script(&folder.join("cargo"), &cargo);
    for name in ["apt-get", "curl"] {
        script(&folder.join(name), "exit 0");
    }
}

/// A stand-in for the script that makes the kit. What can run is left out: nothing is tried under Wine.
fn kit_setup() -> String {
    let folders = "mkdir -p .modfarm/kit/apache .modfarm/kit/python .modfarm/kit/run".to_owned();
    let link = |root| format!(" &&\nln -s '{}' .modfarm/kit/{root}", kit().join(root));
    ROOTS.into_iter().map(link).fold(folders, |all, next| all + &next)
}

/// Runs a line of bash that must succeed.
#[track_caller]
pub(crate) fn shell(script: &str, arguments: &[&str]) {
    let mut bash = Command::new("bash");
    Ran::of(bash.args(["-euo", "pipefail", "-c", script, "bash"]).args(arguments)).ended(0);
}
