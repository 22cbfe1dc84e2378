//! The journal of a run: one JSON line an event. What must not be forgotten is on the disk before the
//! run goes on; a line that a crash tore is left out when it is read.

use std::fs::File;
use std::io::Write as _;

use camino::{Utf8Path, Utf8PathBuf};
use jiff::{Timestamp, TimestampRound, Unit};
use serde::{Deserialize, Serialize};

use crate::model::event::{Event, JobOutcome};
use crate::sys::files::{self, FileError};

const FORMAT_VERSION: u32 = 1;

/// A journal that is being written.
#[derive(Debug)]
pub struct Journal {
    path: Utf8PathBuf,
    file: File,
    sequence: u64,
}

/// One line of a journal.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// Its place, from 1.
    pub sequence: u64,
    /// When it happened.
    pub time: Timestamp,
    /// What happened.
    pub what: Event,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Header {
    format_version: u32,
    modfarm: String,
    time: Timestamp,
}

/// A journal that cannot be read.
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
}

impl Journal {
    /// Begins a journal in a new file `journal.jsonl` in a folder, which is made where it is missing.
    pub fn create(folder: &Utf8Path) -> Result<Self, FileError> {
        files::create_dir_all(folder)?;
        let path = folder.join("journal.jsonl");
        let mut journal = Self { file: files::create(&path)?, path, sequence: 0 };
        let modfarm = env!("CARGO_PKG_VERSION").to_owned();
        let header = Header { format_version: FORMAT_VERSION, modfarm, time: now() };
        journal.line(&serde_json::to_vec(&header).unwrap_or_default())?;
        Ok(journal)
    }

    /// Adds an event, but for those that only move a bar. When this returns, one that matters is on the
    /// disk.
    pub fn append(&mut self, event: &Event) -> Result<(), FileError> {
        if matches!(event, Event::AssetProgress { .. }) {
            return Ok(());
        }
        self.sequence += 1;
        let entry = Entry { sequence: self.sequence, time: now(), what: event.clone() };
        self.line(&serde_json::to_vec(&entry).unwrap_or_default())?;
        if matters(event) {
            self.file.sync_data().map_err(|source| FileError::new("write", &self.path, source))?;
        }
        Ok(())
    }

    /// The file.
    #[must_use]
    pub fn path(&self) -> &Utf8Path {
        &self.path
    }

    /// All that a journal holds. A last line that was not written to its end is left out.
    pub fn read(path: &Utf8Path) -> Result<Vec<Entry>, JournalError> {
        let bytes = files::read(path)?;
        let whole = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
        let mut lines = bytes[..whole].split(|byte| *byte == b'\n').enumerate();
        let bad = |line: usize, reason: String| JournalError::Line {
            path: path.to_owned(),
            line: line + 1,
            reason,
        };
        if let Some((line, header)) = lines.next().filter(|(_, header)| !header.is_empty()) {
            let header: Header =
                serde_json::from_slice(header).map_err(|error| bad(line, error.to_string()))?;
            if header.format_version != FORMAT_VERSION {
                let version = header.format_version;
                return Err(bad(
                    line,
                    format!(
                        "the format is {version}, of modfarm {}; this one reads {FORMAT_VERSION}",
                        header.modfarm
                    ),
                ));
            }
        }
        lines
            .filter(|(_, text)| !text.is_empty())
            .map(|(line, text)| {
                serde_json::from_slice(text).map_err(|error| bad(line, error.to_string()))
            })
            .collect()
    }

    /// One write a line, so that lines of one journal never mix.
    fn line(&mut self, json: &[u8]) -> Result<(), FileError> {
        let mut line = json.to_vec();
        line.push(b'\n');
        self.file.write_all(&line).map_err(|source| FileError::new("write", &self.path, source))
    }
}

/// Whether a run that is taken up again must know of it. What the cache knows it does not need to be
/// told: a sync of the disk takes longer than all else that is done about such a job.
fn matters(event: &Event) -> bool {
    match event {
        Event::JobFinished { outcome, .. } => *outcome != JobOutcome::Cached,
        Event::SmokeFinished { remembered, .. } => !remembered,
        Event::Published { unchanged, .. } => !unchanged,
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

    fn finished(job: &str) -> Event {
        Event::JobFinished {
            job: job.to_owned(),
            outcome: JobOutcome::Built,
            millis: 5,
            runner: None,
        }
    }

    #[test]
    fn reads_back_what_it_wrote_but_for_a_torn_line() {
        let folder = tempfile::tempdir().unwrap();
        let folder = Utf8Path::from_path(folder.path()).unwrap();
        let mut journal = Journal::create(&folder.join("run")).unwrap();
        journal.append(&Event::Note { message: "one\ntwo".to_owned() }).unwrap();
        journal.append(&finished("a")).unwrap();
        journal.append(&finished("b")).unwrap();
        let path = journal.path().to_owned();
        assert_eq!(Journal::read(&path).unwrap().len(), 3);

        let whole = files::read(&path).unwrap();
        files::write_atomic(&path, &whole[..whole.len() - 9]).unwrap();
        let entries = Journal::read(&path).unwrap();
        assert_eq!(entries.iter().map(|entry| entry.sequence).collect::<Vec<_>>(), [1, 2]);
        assert!(matches!(&entries[1].what, Event::JobFinished { job, .. } if job == "a"));
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
        let folder = tempfile::tempdir().unwrap();
        let folder = Utf8Path::from_path(folder.path()).unwrap();
        let mut journal = Journal::create(folder).unwrap();
        journal.append(&finished("a")).unwrap();
        journal.append(&finished("b")).unwrap();
        let text = files::read_to_string(journal.path()).unwrap().replacen("sequence", "seq", 1);
        files::write_atomic(journal.path(), text.as_bytes()).unwrap();
        let error = Journal::read(journal.path()).unwrap_err().to_string();
        assert!(error.contains("journal.jsonl, line 2: "), "{error}");
    }
}
