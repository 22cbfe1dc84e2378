//! `modfarm runners install`: puts modfarm where a runner needs it.

use camino::{Utf8Path, Utf8PathBuf};

use super::super::Failure;
use crate::farm::install::{self, InstallError, Installed};
use crate::farm::runner_file::{Reached, RunnerFile};
use crate::farm::{Settings, Ssh};
use crate::report::terminal;
use crate::sys::files;

/// Put modfarm on a host that is reached over ssh, where it is missing or another version
///
/// Copies this very executable where the platform is the same, or the one named with --binary; proves
/// that it arrived whole and starts there, and puts it into its place in one step. A second time it
/// finds it there already.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// A runner, whose file is runners/NAME.yaml; a runner's file; or what ssh is called with
    #[arg(value_name = "NAME|FILE|HOST")]
    target: String,
    /// The executable to put there, as a host of another platform needs it
    #[arg(long, value_name = "FILE")]
    binary: Option<Utf8PathBuf>,
}

pub(super) fn run(args: Args) -> Result<(), Failure> {
    let (name, ssh, file) = target(&args.target)?;
    let own = Settings::new().map_err(Failure::environment)?.program;
    let binary = args.binary.as_deref();
    let tell = |step: &str| terminal::line(step);
    let installing = install::install(&name, &ssh, binary, &own, &tell);
    let installed = super::super::asynchronously(installing)?.map_err(|error| match error {
        InstallError::Binary(_) | InstallError::OtherPlatform { .. } => Failure::bad_input(error),
        _ => Failure::environment(error),
    })?;
    terminal::output(&text(&installed, &ssh, file.as_deref()));
    Ok(())
}

/// The runner's name, its host, and its file where it has one.
fn target(target: &str) -> Result<(String, Ssh, Option<Utf8PathBuf>), Failure> {
    let path = Utf8Path::new(target);
    let beside = Utf8Path::new("runners").join(format!("{target}.yaml"));
    let file = if path.extension() == Some("yaml") {
        Some(path.to_owned())
    } else {
        Some(beside).filter(|file| !target.contains('/') && files::exists(file))
    };
    let Some(file) = file else {
        let ssh = Ssh::to(target).map_err(|reason| {
            let hint = "name a runner of runners/, a runner's file, or a host as ssh knows it";
            Failure::bad_input(format!("{reason}\nhint: {hint}"))
        })?;
        return Ok((target.to_owned(), ssh, None));
    };
    let runner = RunnerFile::load(&file).map_err(Failure::bad_input)?;
    match runner.reached {
        Reached::Ssh(ssh) => Ok((runner.name, ssh, Some(file))),
        _ => Err(Failure::bad_input(format!(
            "{file}: only a runner with 'connection: ssh' has a host to put modfarm on"
        ))),
    }
}

fn text(installed: &Installed, ssh: &Ssh, file: Option<&Utf8Path>) -> String {
    let Installed { place, version, before, copied, found_by } = installed;
    let host = &ssh.host;
    let mut text = match (copied, before) {
        (false, _) => format!("{place} on {host} is modfarm {version} already\n"),
        (true, Some(before)) => {
            format!("{place} on {host} is modfarm {version} now, and was {before}\n")
        }
        (true, None) => format!("{place} on {host} is modfarm {version} now\n"),
    };
    if found_by != &ssh.program {
        let file = file.unwrap_or_else(|| Utf8Path::new("its runner file"));
        text += &format!(
            "its folder is not on the PATH of a command over ssh: write into {file}\n\nprogram: \
             {found_by}\n"
        );
    }
    text
}
