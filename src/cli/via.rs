//! `modfarm release --via github:OWNER/REPO`: the arguments, and what they ask for.

use std::time::Duration;

use camino::Utf8PathBuf;

use super::Failure;
use super::place::Place;
use crate::farm::journal::Entry;
use crate::model::event::Event;
use crate::model::tag::Asked;
use crate::pipeline::{ViaRequest, ViaTask};
use crate::plan;
use crate::publish::github::Settings;
use crate::publish::github::actions::Start;
use crate::sys::github::address::Repository;

/// How a workflow builds the release.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Building on GitHub Actions")]
pub(super) struct ViaArgs {
    /// Have a workflow of this repository build it, github:OWNER/REPO: it is started and followed, and
    /// what it made is fetched and verified; with --to github:OWNER/REPO it is published from here
    #[arg(long, value_name = "PLACE", conflicts_with_all = BUILDS_HERE)]
    via: Option<Place>,
    /// The workflow's file in .github/workflows
    #[arg(long, value_name = "FILE", default_value = "release.yml")]
    workflow: String,
    /// The branch or tag whose workflow runs; without it the repository's default branch
    #[arg(long = "ref", value_name = "REF", requires = "via")]
    on: Option<String>,
    /// Start nothing, and follow the run with this number
    #[arg(long, value_name = "ID", requires = "via", conflicts_with_all = ["on", "only", "skip"])]
    run: Option<u64>,
    /// Have what failed in that run run again first
    #[arg(long, requires = "run")]
    rerun_failed: bool,
    /// Have the workflow publish the release there itself
    #[arg(long, requires = "via", conflicts_with = "run")]
    publish_there: bool,
    /// Cancel the run when this is ended with Ctrl-C; without it the run goes on there
    #[arg(long, requires = "via")]
    cancel_on_interrupt: bool,
    /// How often one looks how far the run is; less often where nothing happens
    #[arg(long, value_name = "SECONDS", default_value = "5", value_parser = interval)]
    poll: Duration,
}

/// What is about building on this machine and those that it reaches.
const BUILDS_HERE: [&str; 13] = [
    "runner",
    "slots",
    "apache_root",
    "python_root",
    "source",
    "even_if_broken",
    "fail_fast",
    "time_limit",
    "no_smoke",
    "allow_failed_smoke",
    "smoke_apache",
    "smoke_python",
    "smoke_patience",
];

/// What the other arguments of a release say.
#[derive(Debug)]
pub(super) struct Rest {
    pub(super) module: String,
    pub(super) asked: Option<Asked>,
    pub(super) wanted: plan::Request,
    pub(super) to: Utf8PathBuf,
    /// The repository that it is published in from here.
    pub(super) publish_in: Option<Repository>,
    pub(super) state: Utf8PathBuf,
}

impl ViaArgs {
    /// The repository whose workflow builds it, if one does.
    pub(super) fn repository(&self) -> Result<Option<Repository>, Failure> {
        match &self.via {
            None => Ok(None),
            Some(Place::GitHub(repository)) => Ok(Some(repository.clone())),
            Some(Place::Folder(other)) => Err(Failure::bad_input(format!(
                "nothing is built via {other}\nhint: --via github:OWNER/REPO"
            ))),
        }
    }

    /// Has a run that was begun before be followed, and none be started.
    pub(super) fn go_on_with(&mut self, past: &[Entry]) {
        let run = past.iter().rev().find_map(|entry| match &entry.what {
            Event::Following { run, .. } => Some(*run),
            _ => None,
        });
        if let Some(run) = run {
            (self.run, self.rerun_failed) = (Some(run), false);
        }
    }

    /// What is wanted of GitHub.
    pub(super) fn request(self, there: Settings, rest: Rest) -> ViaRequest {
        let tag = rest.asked.as_ref().and_then(|asked| asked.tag.clone());
        let github = rest.publish_in.clone();
        let github = github.map(|repository| Settings { repository, tag, ..there.clone() });
        ViaRequest {
            task: self.task(&rest),
            there,
            workflow: self.workflow,
            cancel_with_us: self.cancel_on_interrupt,
            every: self.poll,
            module: rest.module,
            version: rest.asked.map(|asked| asked.version),
            to: rest.to,
            github,
            state: rest.state,
        }
    }

    fn task(&self, rest: &Rest) -> ViaTask {
        if let Some(run) = self.run {
            return ViaTask::Follow { run, again: self.rerun_failed };
        }
        let mut inputs = Vec::new();
        match &rest.asked {
            Some(Asked { tag: Some(tag), .. }) => inputs.push(("tag", tag.clone())),
            Some(Asked { version, .. }) => inputs.push(("version", version.to_string())),
            None => {}
        }
        let globs = [("only", &rest.wanted.only), ("skip", &rest.wanted.skip)];
        inputs.extend(globs.into_iter().filter_map(|(name, globs)| Some((name, one_glob(globs)?))));
        inputs.push(("publish", self.publish_there.to_string()));
        let inputs = inputs.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        ViaTask::Start(Start { on: self.on.clone(), inputs })
    }
}

/// One glob that matches what any of these does: an input is one text.
fn one_glob(globs: &[String]) -> Option<String> {
    match globs {
        [] => None,
        [one] => Some(one.clone()),
        _ => Some(format!("{{{}}}", globs.join(","))),
    }
}

/// A time in seconds; not so short that GitHub would mind.
fn interval(text: &str) -> Result<Duration, String> {
    let seconds: f64 = text.parse().map_err(|_| "it is no number of seconds".to_owned())?;
    if !(0.1..=600.0).contains(&seconds) {
        return Err("it is not between 0.1 and 600".to_owned());
    }
    Ok(Duration::from_secs_f64(seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn several_globs_are_one() {
        let glob =
            |globs: &[&str]| one_glob(&globs.iter().map(ToString::to_string).collect::<Vec<_>>());
        assert_eq!(glob(&[]), None);
        assert_eq!(glob(&["*/py313-*"]).unwrap(), "*/py313-*");
        let both = glob(&["*/py313-*", "*VS17/py314-*"]).unwrap();
        let both = globset::Glob::new(&both).unwrap().compile_matcher();
        let fits =
            ["a/py313-VC14", "aVS17/py314-VC14", "aVS18/py314-VC14"].map(|it| both.is_match(it));
        assert_eq!(fits, [true, true, false]);
    }

    #[test]
    fn intervals_are_seconds() {
        assert_eq!(interval("0.5"), Ok(Duration::from_millis(500)));
        for bad in ["", "x", "0", "-1", "1e9", "nan", "inf"] {
            interval(bad).unwrap_err();
        }
    }
}
