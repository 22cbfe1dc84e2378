//! The journal of a run: one JSON line an event. What must not be forgotten is on the disk before the
//! run goes on; a line that a crash tore is left out when it is read. The first line says how the run
//! was begun, the last how it ended. Whoever writes holds the lock beside it.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::Write as _;

use camino::{Utf8Path, Utf8PathBuf};
use jiff::{Timestamp, TimestampRound, Unit};
use serde::{Deserialize, Serialize};

use crate::model::digest::Sha256;
use crate::model::event::{Event, JobOutcome};
use crate::sys::files::{self, FileError, Lock};

const FORMAT_VERSION: u32 = 2;

/// The journal's name in its run's folder.
const FILE: &str = "journal.jsonl";

/// The name of the file whose lock is held as long as the run lives.
const LOCK: &str = "lock";

/// A journal that is being written.
#[derive(Debug)]
pub struct Journal {
    path: Utf8PathBuf,
    file: File,
    sequence: u64,
    _lock: Lock,
}

/// How a run was begun.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// The arguments of the command line. None of them is ever a secret.
    pub arguments: Vec<String>,
    /// The folder that it was begun in, which relative paths are meant from.
    pub folder: Utf8PathBuf,
    /// The digest of the matrix's file.
    pub matrix: Sha256,
}

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Ending {
    /// The release stands.
    Released,
    /// What was asked for is built, and a part stands.
    Built,
    /// Something did not pass.
    Failed,
    /// Somebody asked it to end.
    Interrupted,
    /// It was killed, and another run with the same arguments went on from what it had built.
    Continued,
}

impl Ending {
    /// The word for people.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Released => "released",
            Self::Built => "built",
            Self::Failed => "failed",
            Self::Interrupted => "interrupted",
            Self::Continued => "continued by another",
        }
    }
}

/// One line of a journal.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Its place, from 1.
    pub sequence: u64,
    /// When it happened.
    pub time: Timestamp,
    /// What happened.
    pub what: Event,
}

/// A journal, read.
#[derive(Clone, Debug)]
pub struct Past {
    /// The version of modfarm that began the run.
    pub modfarm: String,
    /// How the run was begun.
    pub call: Call,
    /// What happened.
    pub entries: Vec<Entry>,
    /// How it ended, if it came to an end.
    pub ended: Option<Ending>,
    /// The bytes of its whole lines.
    whole: u64,
    lines: u64,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Header {
    format_version: u32,
    modfarm: String,
    time: Timestamp,
    arguments: Vec<String>,
    folder: Utf8PathBuf,
    matrix: Sha256,
}

/// What the header of any format has.
#[derive(Deserialize)]
struct AnyHeader {
    format_version: u32,
    modfarm: String,
}

/// A line after the first: an event, or the end.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    sequence: u64,
    time: Timestamp,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    what: Option<Event>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    ended: Option<Ending>,
}

/// A journal that cannot be read or taken up.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// The file.
    #[error(transparent)]
    File(#[from] FileError),
    /// A line, other than the last, is no event.
    #[error("{path}, line {line}: {reason}")]
    Line {
        /// The journal.
        path: Utf8PathBuf,
        /// The line, from 1.
        line: usize,
        /// What is wrong with it.
        reason: String,
    },
    /// The run ended before its journal began.
    #[error("{path} has no first line: its run ended before it began")]
    Empty {
        /// The journal.
        path: Utf8PathBuf,
    },
    /// Its run lives.
    #[error(
        "the run in {folder} is at work just now{}\nhint: wait for its end, or end it with Ctrl-C there",
        process.map(|process| format!(" (process {process})")).unwrap_or_default()
    )]
    Alive {
        /// The run's folder.
        folder: Utf8PathBuf,
        /// The process, where that can be learnt.
        process: Option<u32>,
    },
}

impl Journal {
    /// Begins a journal in a run's folder, which is made where it is missing.
    pub fn create(folder: &Utf8Path, call: &Call) -> Result<Self, JournalError> {
        files::create_dir_all(folder)?;
        let lock = hold(folder)?;
        let path = folder.join(FILE);
        let mut journal = Self { file: files::create(&path)?, path, sequence: 0, _lock: lock };
        let header = Header {
            format_version: FORMAT_VERSION,
            modfarm: env!("CARGO_PKG_VERSION").to_owned(),
            time: now(),
            arguments: call.arguments.clone(),
            folder: call.folder.clone(),
            matrix: call.matrix,
        };
        journal.line(&serde_json::to_vec(&header).unwrap_or_default())?;
        journal.sync()?;
        Ok(journal)
    }

    /// Takes up the journal of a run that does not live any more. A line that was not written to its end
    /// is cut off.
    pub fn reopen(folder: &Utf8Path) -> Result<(Self, Past), JournalError> {
        let lock = hold(folder)?;
        let path = folder.join(FILE);
        let past = Past::read(folder)?;
        let file = files::append(&path)?;
        file.set_len(past.whole).map_err(|source| FileError::new("write", &path, source))?;
        Ok((Self { path, file, sequence: past.lines, _lock: lock }, past))
    }

    /// Adds an event, but for those that only move a bar. When this returns, one that matters is on the
    /// disk.
    pub fn append(&mut self, event: &Event) -> Result<(), FileError> {
        if matches!(event, Event::AssetProgress { .. }) {
            return Ok(());
        }
        self.add(Some(event.clone()), None)?;
        if matters(event) { self.sync() } else { Ok(()) }
    }

    /// Adds a remark.
    pub fn note(&mut self, message: &str) -> Result<(), FileError> {
        self.append(&Event::Note { message: message.to_owned() })
    }

    /// Says how the run ended, and lets go of it.
    pub fn end(mut self, how: Ending) -> Result<(), FileError> {
        self.add(None, Some(how))?;
        self.sync()
    }

    /// Every event that a journal holds.
    pub fn read(path: &Utf8Path) -> Result<Vec<Entry>, JournalError> {
        Ok(Past::read(files::parent(path))?.entries)
    }

    /// The file.
    #[must_use]
    pub fn path(&self) -> &Utf8Path {
        &self.path
    }

    fn add(&mut self, what: Option<Event>, ended: Option<Ending>) -> Result<(), FileError> {
        self.sequence += 1;
        let line = Line { sequence: self.sequence, time: now(), what, ended };
        self.line(&serde_json::to_vec(&line).unwrap_or_default())
    }

    /// One write a line, so that lines of one journal never mix.
    fn line(&mut self, json: &[u8]) -> Result<(), FileError> {
        let mut line = json.to_vec();
        line.push(b'\n');
        self.file.write_all(&line).map_err(|source| FileError::new("write", &self.path, source))
    }

    fn sync(&self) -> Result<(), FileError> {
        self.file.sync_data().map_err(|source| FileError::new("write", &self.path, source))
    }
}

impl Past {
    /// All that the journal in a run's folder holds. A last line that was not written to its end is left
    /// out.
    pub fn read(folder: &Utf8Path) -> Result<Self, JournalError> {
        let path = folder.join(FILE);
        let bytes = files::read(&path)?;
        let whole = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
        let bad = |line: usize, reason: String| JournalError::Line {
            path: path.clone(),
            line: line + 1,
            reason,
        };
        let mut lines = bytes[..whole].split(|byte| *byte == b'\n').enumerate();
        let first = lines.next().map_or(&[][..], |(_, first)| first);
        if first.is_empty() {
            return Err(JournalError::Empty { path });
        }
        let Header { modfarm, arguments, folder, matrix, .. } =
            header(first).map_err(|reason| bad(0, reason))?;
        let mut past = Self {
            modfarm,
            call: Call { arguments, folder, matrix },
            entries: Vec::new(),
            ended: None,
            whole: whole as u64,
            lines: 0,
        };
        for (at, text) in lines.filter(|(_, text)| !text.is_empty()) {
            let line = serde_json::from_slice(text).map_err(|error| bad(at, error.to_string()))?;
            let Line { sequence, time, what, ended } = line;
            past.lines = sequence;
            past.ended = ended;
            past.entries.extend(what.map(|what| Entry { sequence, time, what }));
        }
        Ok(past)
    }

    /// The jobs that were built, or found to be built before.
    #[must_use]
    pub fn finished(&self) -> BTreeSet<&str> {
        let finished = self.entries.iter().filter_map(|entry| match &entry.what {
            Event::JobFinished { job, outcome: JobOutcome::Built | JobOutcome::Cached, .. } => {
                Some(job.as_str())
            }
            _ => None,
        });
        finished.collect()
    }

    /// All jobs of the run, as far as it came to know them.
    #[must_use]
    pub fn jobs(&self) -> BTreeSet<&str> {
        let queued = self.entries.iter().filter_map(|entry| match &entry.what {
            Event::JobQueued { job, .. } => Some(job.as_str()),
            _ => None,
        });
        queued.collect()
    }
}

/// Whether there is a journal in a folder.
#[must_use]
pub fn is_kept_in(folder: &Utf8Path) -> bool {
    files::exists(&folder.join(FILE))
}

/// Whether a run's lock is held.
pub fn is_alive(folder: &Utf8Path) -> Result<bool, FileError> {
    let path = folder.join(LOCK);
    Ok(files::exists(&path) && files::try_lock(&path)?.is_none())
}

fn hold(folder: &Utf8Path) -> Result<Lock, JournalError> {
    let path = folder.join(LOCK);
    let Some(lock) = files::try_lock(&path)? else {
        // Its number, where the system lets others read what is locked.
        let process = files::read_to_string(&path).ok().and_then(|text| text.trim().parse().ok());
        return Err(JournalError::Alive { folder: folder.to_owned(), process });
    };
    lock.label(&std::process::id().to_string())
        .map_err(|source| FileError::new("write", &path, source))?;
    Ok(lock)
}

fn header(line: &[u8]) -> Result<Header, String> {
    let any: AnyHeader = serde_json::from_slice(line).map_err(|error| error.to_string())?;
    if any.format_version != FORMAT_VERSION {
        return Err(format!(
            "the format is {}, of modfarm {}; this one, {}, reads {FORMAT_VERSION}",
            any.format_version,
            any.modfarm,
            env!("CARGO_PKG_VERSION")
        ));
    }
    serde_json::from_slice(line).map_err(|error| error.to_string())
}

/// Whether a run that is taken up again must know of it. What the cache knows it does not need to be
/// told: a sync of the disk takes longer than all else that is done about such a job.
fn matters(event: &Event) -> bool {
    match event {
        Event::JobFinished { outcome, .. } => *outcome != JobOutcome::Cached,
        Event::SmokeFinished { remembered, .. } => !remembered,
        Event::Published { unchanged, .. } => !unchanged,
        // Whoever goes on must not start the workflow once more.
        Event::PartWritten { .. } | Event::Following { .. } => true,
        _ => false,
    }
}

fn now() -> Timestamp {
    let now = Timestamp::now();
    now.round(TimestampRound::new().smallest(Unit::Millisecond)).unwrap_or(now)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call() -> Call {
        Call {
            arguments: ["release", "--only", "*/py313-*"].map(str::to_owned).into(),
            folder: "/somewhere".into(),
            matrix: Sha256::of(b"matrix"),
        }
    }

    fn finished(job: &str) -> Event {
        Event::JobFinished {
            job: job.to_owned(),
            outcome: JobOutcome::Built,
            millis: 5,
            runner: None,
        }
    }

    fn folder() -> (tempfile::TempDir, Utf8PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = Utf8PathBuf::from_path_buf(folder.path().to_owned()).unwrap();
        (folder, path)
    }

    #[test]
    fn reads_back_what_it_wrote_but_for_a_torn_line() {
        let (_keep, folder) = folder();
        let mut journal = Journal::create(&folder.join("run"), &call()).unwrap();
        journal.append(&Event::Note { message: "one\ntwo".to_owned() }).unwrap();
        journal.append(&finished("a")).unwrap();
        journal.append(&finished("b")).unwrap();
        let path = journal.path().to_owned();
        let past = Past::read(&folder.join("run")).unwrap();
        assert_eq!((past.entries.len(), &past.call, past.ended), (3, &call(), None));

        let whole = files::read(&path).unwrap();
        files::write_atomic(&path, &whole[..whole.len() - 9]).unwrap();
        let past = Past::read(&folder.join("run")).unwrap();
        let places: Vec<u64> = past.entries.iter().map(|entry| entry.sequence).collect();
        assert_eq!(places, [1, 2]);
        assert_eq!(past.finished().into_iter().collect::<Vec<_>>(), ["a"]);
    }

    #[test]
    fn is_taken_up_where_it_was_torn_once_its_run_is_gone() {
        let (_keep, folder) = folder();
        let mut journal = Journal::create(&folder, &call()).unwrap();
        journal.append(&finished("a")).unwrap();
        assert!(is_alive(&folder).unwrap());
        let Err(JournalError::Alive { process, .. }) = Journal::reopen(&folder) else {
            panic!("it is held")
        };
        assert_eq!(process, Some(std::process::id()));
        let path = journal.path().to_owned();
        drop(journal);
        assert!(!is_alive(&folder).unwrap());
        let mut torn = files::read(&path).unwrap();
        torn.extend(b"{\"sequence\":2,\"time\":");
        files::write_atomic(&path, &torn).unwrap();

        let (mut journal, past) = Journal::reopen(&folder).unwrap();
        assert_eq!((past.entries.len(), past.ended), (1, None));
        journal.append(&Event::Resumed { finished: 1 }).unwrap();
        journal.end(Ending::Released).unwrap();
        let past = Past::read(&folder).unwrap();
        let places: Vec<u64> = past.entries.iter().map(|entry| entry.sequence).collect();
        assert_eq!((places, past.ended), (vec![1, 2], Some(Ending::Released)));

        let (mut journal, _) = Journal::reopen(&folder).unwrap();
        journal.append(&finished("b")).unwrap();
        assert_eq!(Past::read(&folder).unwrap().ended, None, "it goes on");
    }

    #[test]
    fn only_what_the_cache_does_not_know_waits_for_the_disk() {
        let ended =
            |outcome| Event::JobFinished { job: "a".to_owned(), outcome, millis: 0, runner: None };
        let published =
            |unchanged| Event::Published { place: "dist".to_owned(), unchanged, assets: 1 };
        assert!(matters(&ended(JobOutcome::Built)) && matters(&ended(JobOutcome::Cancelled)));
        assert!(!matters(&ended(JobOutcome::Cached)));
        assert!(matters(&published(false)) && !matters(&published(true)));
    }

    #[test]
    fn a_damaged_line_in_the_middle_is_named() {
        let (_keep, folder) = folder();
        let mut journal = Journal::create(&folder, &call()).unwrap();
        journal.append(&finished("a")).unwrap();
        journal.append(&finished("b")).unwrap();
        let text = files::read_to_string(journal.path()).unwrap().replacen("sequence", "seq", 1);
        files::write_atomic(journal.path(), text.as_bytes()).unwrap();
        let error = Past::read(&folder).unwrap_err().to_string();
        assert!(error.contains("journal.jsonl, line 2: "), "{error}");
    }

    #[test]
    fn another_format_is_named_whatever_it_holds() {
        let (_keep, folder) = folder();
        let header = "{\"format_version\":9,\"modfarm\":\"7.0\",\"mood\":\"fine\"}\n";
        files::write_atomic(&folder.join(FILE), header.as_bytes()).unwrap();
        let error = Past::read(&folder).unwrap_err().to_string();
        assert!(error.contains("the format is 9, of modfarm 7.0; this one, "), "{error}");
        files::write_atomic(&folder.join(FILE), b"{\"format").unwrap();
        assert!(matches!(Past::read(&folder), Err(JournalError::Empty { .. })));
    }
}
