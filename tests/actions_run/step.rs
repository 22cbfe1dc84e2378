//! A `run:` step, by bash, with the files through which it tells the runner something.

use std::collections::BTreeMap;
use std::process::{Command, Stdio};

use camino::Utf8PathBuf;
use modfarm::sys::files;

use super::job::{Done, Job, text};
use crate::program::{Ran, read};

/// What a step may take, so that one that hangs is seen.
const SECONDS: &str = "900";

/// Runs a script as GitHub's runner does.
pub(crate) fn run(job: &mut Job<'_, '_>, script: &str) -> Done {
    let file = job.machine.temporary.join("step.sh");
    files::write_atomic(&file, script.as_bytes()).expect("a script");
    let names = ["GITHUB_OUTPUT", "GITHUB_ENV", "GITHUB_PATH", "GITHUB_STEP_SUMMARY"];
    let told = names.map(|name| (name, command_file(job, name)));
    let mut bash = Command::new("timeout");
    bash.args([SECONDS, "bash", "--noprofile", "--norc", "-eo", "pipefail", file.as_str()]);
    bash.current_dir(&job.machine.workspace).env_clear().stdin(Stdio::null());
    let path = std::env::var("PATH").expect("a path");
    bash.env("PATH", format!("{}:{path}", job.machine.path.join(":")));
    bash.env("HOME", files::parent(&job.machine.workspace)).env("LC_ALL", "C.UTF-8");
    bash.envs(job.environment()).envs(told.iter().map(|(name, file)| (name, file)));
    let variables = job.variables();
    for name in variables.as_object().expect("variables").keys() {
        bash.env(name, text(variables, name));
    }
    let ran = Ran::of(&mut bash);
    job.log += &ran.said();
    let [output, environment, path, summary] = told.map(|(_, file)| file);
    job.machine.environment.extend(assignments(&read(&environment)));
    for folder in read(&path).lines() {
        job.machine.path.insert(0, folder.to_owned());
    }
    job.summary += &read(&summary);
    assert_ne!(ran.code, 124, "a step takes longer than {SECONDS} s: {}", job.log);
    Done { well: ran.code == 0, outputs: assignments(&read(&output)) }
}

/// An empty file through which a step tells something.
fn command_file(job: &Job<'_, '_>, name: &str) -> Utf8PathBuf {
    let path = job.machine.temporary.join(name);
    files::write_atomic(&path, b"").expect("a file");
    path
}

/// What such a file assigns: `name=value`, or a value of several lines up to a mark.
pub(crate) fn assignments(text: &str) -> BTreeMap<String, String> {
    let (mut lines, mut all) = (text.lines(), BTreeMap::new());
    while let Some(line) = lines.next() {
        let equals = line.find('=').unwrap_or(line.len());
        let (name, value) = match line.split_once("<<") {
            Some((name, mark)) if name.len() < equals => {
                let value: Vec<&str> = lines.by_ref().take_while(|line| *line != mark).collect();
                (name, value.join("\n"))
            }
            _ => {
                let (name, value) = line.split_once('=').expect("an assignment");
                (name, value.to_owned())
            }
        };
        all.insert(name.to_owned(), value);
    }
    all
}
