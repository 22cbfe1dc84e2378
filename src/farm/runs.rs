//! The runs that a folder of state knows: which live, which ended and how, which were broken off.

use camino::{Utf8Path, Utf8PathBuf};

use super::journal::{self, Ending, JournalError, Past};
use crate::sys::files::{self, FileError};

/// A run with a journal.
#[derive(Debug)]
pub struct Run {
    /// Its name: when it began, and the process.
    pub name: String,
    /// Its folder.
    pub folder: Utf8PathBuf,
    /// How far it is.
    pub state: State,
}

/// How far a run is.
#[derive(Debug)]
pub enum State {
    /// It lives.
    Running,
    /// It neither lives nor came to an end: it was killed, or the machine went down.
    Unfinished(Past),
    /// It came to an end.
    Ended(Ending, Past),
    /// Its journal cannot be read.
    Unreadable(JournalError),
}

impl State {
    /// The words for people.
    #[must_use]
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Unfinished(_) => "unfinished",
            Self::Ended(how, _) => how.as_str(),
            Self::Unreadable(_) => "unreadable",
        }
    }
}

/// The folder of the runs.
#[must_use]
pub fn folder(state: &Utf8Path) -> Utf8PathBuf {
    state.join("runs")
}

/// The names of all runs that have a journal, the latest first.
pub fn names(state: &Utf8Path) -> Result<Vec<String>, FileError> {
    let folder = folder(state);
    if !files::is_dir(&folder) {
        return Ok(Vec::new());
    }
    // Their names begin with the time.
    let mut names = files::names(&folder)?;
    names.retain(|name| journal::is_kept_in(&folder.join(name)));
    names.reverse();
    Ok(names)
}

/// One run.
pub fn look(state: &Utf8Path, name: &str) -> Result<Run, FileError> {
    let folder = folder(state).join(name);
    let state = if journal::is_alive(&folder)? {
        State::Running
    } else {
        match Past::read(&folder) {
            Ok(past) => match past.ended {
                Some(how) => State::Ended(how, past),
                None => State::Unfinished(past),
            },
            Err(error) => State::Unreadable(error),
        }
    };
    Ok(Run { name: name.to_owned(), folder, state })
}

/// Removes the journals and logs of all but the latest `kept` runs. One that lives stays.
pub fn forget_old(state: &Utf8Path, kept: usize) -> Result<(), FileError> {
    let folder = folder(state);
    if !files::is_dir(&folder) {
        return Ok(());
    }
    let runs = files::names(&folder)?;
    for run in &runs[..runs.len().saturating_sub(kept)] {
        let run = folder.join(run);
        if !journal::is_alive(&run)? {
            files::remove_dir_all(&run)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::farm::journal::{Call, Journal};
    use crate::model::digest::Sha256;

    fn call() -> Call {
        Call { arguments: Vec::new(), folder: "/".into(), matrix: Sha256::of(b"") }
    }

    #[test]
    fn tells_what_lives_from_what_was_broken_off_and_what_ended() {
        let keep = tempfile::tempdir().unwrap();
        let state = Utf8Path::from_path(keep.path()).unwrap();
        assert_eq!(names(state).unwrap(), Vec::<String>::new());
        let begin = |name: &str| Journal::create(&folder(state).join(name), &call()).unwrap();
        drop(begin("1"));
        begin("2").end(Ending::Failed).unwrap();
        let _alive = begin("3");
        files::write_atomic(&folder(state).join("4/journal.jsonl"), b"{}\n").unwrap();
        files::create_dir_all(&folder(state).join("5/smoke")).unwrap();
        let names = names(state).unwrap();
        let states = names.iter().map(|name| look(state, name).unwrap().state.as_str());
        let told: Vec<(&str, &str)> = names.iter().map(String::as_str).zip(states).collect();
        let expected =
            [("4", "unreadable"), ("3", "running"), ("2", "failed"), ("1", "unfinished")];
        assert_eq!(told, expected);
    }

    #[test]
    fn the_old_are_forgotten_but_for_those_that_live() {
        let keep = tempfile::tempdir().unwrap();
        let state = Utf8Path::from_path(keep.path()).unwrap();
        let begin = |name: &str| Journal::create(&folder(state).join(name), &call()).unwrap();
        let _alive = begin("1");
        for name in ["2", "3", "4"] {
            drop(begin(name));
        }
        forget_old(state, 2).unwrap();
        assert_eq!(names(state).unwrap(), ["4", "3", "1"]);
    }
}
