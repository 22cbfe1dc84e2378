//! Publishes small releases with modfarm to stand-ins for GitHub.

use std::process::Command;
use std::sync::Mutex;
use std::time::Duration;

use camino::Utf8PathBuf;

use crate::github::{Options, REPOSITORY, StandIn};
use crate::made::releases::{self, MadeRelease, VERSION};
use crate::program::{Ran, assert_no_token, folder, modfarm};

/// Archives of a release; its notes, checksums and manifest are assets as well.
const ARCHIVES: usize = 2;
const SIZE: u64 = 3000;

/// A folder with a release in it.
#[derive(Debug)]
pub(crate) struct Site {
    _keep: tempfile::TempDir,
    folder: Utf8PathBuf,
    pub(crate) release: MadeRelease,
    /// The same version built again, with other bytes.
    pub(crate) other: MadeRelease,
}

impl Site {
    pub(crate) fn new() -> Self {
        let (keep, folder) = folder();
        let release = releases::release(&folder.join("one"), ARCHIVES, SIZE, 1);
        let other = releases::release(&folder.join("other"), ARCHIVES, SIZE, 2);
        Self { _keep: keep, folder, release, other }
    }

    /// `modfarm publish` of one of the releases, with everything it has to say.
    pub(crate) fn command(&self, release: &MadeRelease, github: &StandIn) -> Command {
        let to = format!("github:{REPOSITORY}");
        let arguments = ["publish", release.folder.as_str(), "--to", &to, "--tag", VERSION];
        let mut command = modfarm(&self.folder, &arguments);
        command.env("GH_TOKEN", github.token()).env("GITHUB_API_URL", github.api());
        command.env("MODFARM_LOG", "trace");
        command
    }

    /// Publishes the release.
    pub(crate) fn publish(&self, github: &StandIn) -> Ran {
        Ran::of(&mut self.command(&self.release, github))
    }
}

/// A GitHub with the tag of the version.
pub(crate) fn github() -> StandIn {
    github_with(Options::default())
}

/// One that answers after a while, and of torn uploads keeps a trace or none.
pub(crate) fn slow_github(latency: Duration) -> StandIn {
    let torn_leaves_starter = fastrand::bool();
    github_with(Options { latency, torn_leaves_starter, ..Options::default() })
}

fn github_with(options: Options) -> StandIn {
    let github = StandIn::with(options);
    github.add_tag(VERSION);
    github
}

impl Drop for Site {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            assert_no_token(&self.folder);
        }
    }
}

/// Runs all of these, so many at a time; gives what went wrong.
pub(crate) fn in_parallel<T: Send>(
    mut all: Vec<T>,
    side_by_side: usize,
    run: impl Fn(&T) -> Result<(), String> + Sync,
) -> Vec<String> {
    all.reverse();
    let (open, wrong) = (Mutex::new(all), Mutex::new(Vec::new()));
    let next = || open.lock().expect("no panic").pop();
    std::thread::scope(|scope| {
        for _ in 0..side_by_side {
            scope.spawn(|| {
                while let Some(one) = next() {
                    if let Err(error) = run(&one) {
                        wrong.lock().expect("no panic").push(error);
                    }
                }
            });
        }
    });
    wrong.into_inner().expect("no panic")
}
