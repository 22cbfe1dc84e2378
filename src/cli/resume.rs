//! `modfarm release --resume`: which run is gone on with, and what a run that was broken off leaves to
//! the next one with the same arguments.

use std::fmt::Write as _;

use camino::{Utf8Path, Utf8PathBuf};
use clap::Command;

use super::Failure;
use super::release::Args;
use super::show::Format;
use crate::farm::journal::{Call, Ending, Journal, JournalError, Past};
use crate::farm::runs::{self, Run, State};

/// A run that is gone on with.
#[derive(Debug)]
pub(super) struct Taken {
    /// Its folder.
    pub(super) folder: Utf8PathBuf,
    /// Its journal, to be written on.
    pub(super) journal: Journal,
    /// What its journal holds so far.
    pub(super) past: Past,
}

/// Arguments that go with `--resume`: they change nothing of what is made.
const WITH_RESUME: [&str; 4] = ["resume", "format", "state", "help"];

/// Has `--resume` refuse every other argument: a run goes on with its own.
pub(super) fn alone(release: Command) -> Command {
    let names = release.get_arguments().map(|argument| argument.get_id().clone());
    let others: Vec<_> = names.filter(|name| !WITH_RESUME.contains(&name.as_str())).collect();
    release.mut_arg("resume", |resume| resume.conflicts_with_all(others))
}

/// Takes up the run of this name, or without one the last that was killed or interrupted; with the
/// arguments that it was begun with.
pub(super) fn take_up(state: &Utf8Path, name: &str) -> Result<(Args, Taken), Failure> {
    let run = if name.is_empty() { last_broken_off(state)? } else { named(state, name)? };
    let past = match run.state {
        State::Ended(Ending::Released, _) => {
            return Err(Failure::bad_input(format!(
                "run {} came to its end: it was released\nhint: modfarm release makes anew what has changed since",
                run.name
            )));
        }
        State::Ended(_, past) | State::Unfinished(past) if !is_release(&past) => {
            return Err(Failure::bad_input(format!(
                "run {} is not one of modfarm release\nhint: run its own command again: modfarm {}; nothing that was built is built again",
                run.name,
                past.call.arguments.join(" ")
            )));
        }
        State::Unfinished(past) | State::Ended(_, past) => past,
        // Whoever holds it says more.
        State::Running => return Err(cannot(Journal::reopen(&run.folder).err())),
        State::Unreadable(error) => return Err(unreadable(&run.name, &error)),
    };
    if here()? != past.call.folder {
        return Err(Failure::bad_input(format!(
            "run {} was begun in {}, and its paths are meant from there\nhint: run the same command in that folder",
            run.name, past.call.folder
        )));
    }
    let Some(mut args) = super::release_args(&past.call.arguments) else {
        return Err(Failure::bad_input(format!(
            "run {} was begun by modfarm {} with arguments that this one does not know: {}\nhint: begin anew with modfarm release; nothing that was built is built again",
            run.name,
            past.modfarm,
            past.call.arguments.join(" ")
        )));
    };
    args.in_state(state);
    match Journal::reopen(&run.folder) {
        Ok((journal, past)) => Ok((args, Taken { folder: run.folder, journal, past })),
        Err(error) => Err(cannot(Some(error))),
    }
}

/// The folder that we run in.
pub(super) fn here() -> Result<Utf8PathBuf, Failure> {
    let here = std::env::current_dir().map_err(|error| {
        Failure::environment(format!("cannot find the folder that I run in: {error}"))
    })?;
    Utf8PathBuf::from_path_buf(here).map_err(|path| {
        Failure::environment(format!("the path of this folder, {}, is not Unicode", path.display()))
    })
}

/// The arguments of this very process.
pub(super) fn own_arguments() -> Vec<String> {
    let arguments = std::env::args_os().skip(1);
    arguments.map(|argument| argument.to_string_lossy().into_owned()).collect()
}

/// What to say of the latest run with the same arguments, if it was broken off. It is left to the run
/// that begins now, so that nobody goes on with it as well.
pub(super) fn left_over(state: &Utf8Path, call: &Call) -> Option<String> {
    let wanted = meaning(call)?;
    for name in runs::names(state).ok()? {
        let run = runs::look(state, &name).ok()?;
        let (State::Unfinished(past) | State::Ended(_, past)) = &run.state else { continue };
        if meaning(&past.call).as_ref() != Some(&wanted) {
            continue;
        }
        if matches!(run.state, State::Ended(how, _) if how != Ending::Interrupted) {
            return None;
        }
        let (mut journal, _) = Journal::reopen(&run.folder).ok()?;
        let ended = journal.note(&format!("process {} goes on with it", std::process::id()));
        if let Err(error) = ended.and_then(|()| journal.end(Ending::Continued)) {
            tracing::warn!("{error}");
        }
        return Some(format!("run {name} was not finished; {}", so_far(past, call)));
    }
    None
}

/// How far a run came, and what that means for this one.
pub(super) fn so_far(past: &Past, call: &Call) -> String {
    let (finished, jobs) = (past.finished().len(), past.jobs().len());
    let mut text = match finished {
        0 => "it had built nothing".to_owned(),
        _ => format!("{finished} of {jobs} jobs are built and will not be built again"),
    };
    if past.call.matrix != call.matrix {
        text.push_str(
            "; the matrix has changed since, and what that makes different is built anew",
        );
    }
    if past.modfarm != env!("CARGO_PKG_VERSION") {
        write!(text, " (it was begun by modfarm {})", past.modfarm).ok();
    }
    text
}

/// The arguments of a call as they are understood, and where; nothing where they are not.
fn meaning(call: &Call) -> Option<String> {
    let mut args = super::release_args(&call.arguments)?;
    args.in_state(Utf8Path::new(""));
    args.show_as(Format::Text);
    Some(format!("{} {args:?}", call.folder))
}

/// Whether a run was begun by `modfarm release`: no other is gone on with by name.
fn is_release(past: &Past) -> bool {
    past.call.arguments.first().is_some_and(|command| command == "release")
}

fn last_broken_off(state: &Utf8Path) -> Result<Run, Failure> {
    let names = runs::names(state).map_err(Failure::environment)?;
    let mut latest = None;
    for name in names {
        let run = runs::look(state, &name).map_err(Failure::environment)?;
        match &run.state {
            State::Unfinished(past) | State::Ended(_, past) if !is_release(past) => {}
            State::Unfinished(_) | State::Ended(Ending::Interrupted, _) => return Ok(run),
            _ => latest = latest.or(Some(run)),
        }
    }
    let hint = match latest {
        Some(run) if matches!(run.state, State::Running) => return Ok(run),
        Some(Run { name, state: State::Ended(Ending::Failed, _), .. }) => {
            format!(
                "the last run failed; modfarm release --resume {name} continues it all the same"
            )
        }
        Some(Run { name, state, .. }) => format!("the last run, {name}, is {}", state.as_str()),
        None => "modfarm release begins a run".to_owned(),
    };
    Err(Failure::bad_input(format!("no run in {state} was left unfinished\nhint: {hint}")))
}

fn named(state: &Utf8Path, name: &str) -> Result<Run, Failure> {
    let names = runs::names(state).map_err(Failure::environment)?;
    if names.iter().any(|known| known == name) {
        return runs::look(state, name).map_err(Failure::environment);
    }
    let mut message = format!("there is no run '{name}' in {}", runs::folder(state));
    message.push_str(if names.is_empty() { "; there is none at all" } else { "\nhint: there are" });
    for name in names {
        let run = runs::look(state, &name).map_err(Failure::environment)?;
        write!(message, "\n  {name}  {}", run.state.as_str()).ok();
    }
    Err(Failure::bad_input(message))
}

/// Why a run cannot be gone on with; where there is no reason any more, it has just ended.
fn cannot(error: Option<JournalError>) -> Failure {
    match error {
        Some(error @ (JournalError::File(_) | JournalError::Alive { .. })) => {
            Failure::environment(error)
        }
        Some(error) => Failure::bad_input(error),
        None => Failure::environment("the run has come to its end just now"),
    }
}

fn unreadable(name: &str, error: &JournalError) -> Failure {
    Failure::bad_input(format!(
        "run {name} cannot be gone on with: {error}\nhint: begin anew with modfarm release; nothing that was built is built again"
    ))
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;
    use crate::model::digest::Sha256;

    fn call(arguments: &[&str]) -> Call {
        Call {
            arguments: arguments.iter().map(ToString::to_string).collect(),
            folder: "/here".into(),
            matrix: Sha256::of(b""),
        }
    }

    #[test]
    fn the_same_arguments_are_the_same_however_they_are_written() {
        let one = call(&["release", "--only", "*/py313-*", "--slots=2", "--format", "json"]);
        let other = call(&["release", "--slots", "2", "--state", "x", "--only=*/py313-*"]);
        assert_eq!(meaning(&one), meaning(&other));
        let elsewhere = Call { folder: "/there".into(), ..one.clone() };
        assert_ne!(meaning(&one), meaning(&elsewhere));
        for different in [&["release", "--slots", "2"][..], &["release", "--only", "*/py313-*"]] {
            assert_ne!(meaning(&one), meaning(&call(different)));
        }
        assert_eq!(meaning(&call(&["plan"])), None);
        assert_eq!(meaning(&call(&["release", "--of-another-version"])), None);
    }

    #[test]
    fn nothing_that_changes_a_release_goes_with_resume() {
        let command = super::super::command();
        for argument in super::super::Cli::command()
            .find_subcommand("release")
            .unwrap()
            .get_arguments()
            .filter(|argument| !WITH_RESUME.contains(&argument.get_id().as_str()))
        {
            let name = format!("--{}", argument.get_long().unwrap());
            let mut line = vec!["modfarm", "release", "--resume", "--state", "x", &name];
            if argument.get_action().takes_values() {
                line.push(if name.contains("root") { "3.13-win64=x" } else { "1" });
            }
            let error = command.clone().try_get_matches_from(&line).unwrap_err();
            let kind = error.kind();
            assert!(
                kind == clap::error::ErrorKind::ArgumentConflict || name == "--apache-root",
                "{name}: {error}"
            );
        }
    }
}
