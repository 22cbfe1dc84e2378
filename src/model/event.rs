//! What the stages say while they work: one stream, consumed by the journal and the reporters.

use std::sync::mpsc::{Receiver, Sender, channel};

use serde::{Deserialize, Serialize};

use super::finding::Finding;
use super::message::Message;
use super::part::FailedStage;
use super::smoke::Smoke;

/// The stages of a release, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Stage {
    /// Everything that can fail is tried before an hour of building.
    Preflight,
    /// The module's source and the roots are fetched and digested.
    Roots,
    /// The jobs run.
    Build,
    /// Every built file is inspected.
    Inspect,
    /// A real Apache loads the files and serves pages with them, where one can be had.
    Smoke,
    /// Archives, checksums, manifest and notes are written.
    Package,
    /// The release takes its place.
    Publish,
}

impl Stage {
    /// What the stage does, as a reporter says it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Preflight => "preflight",
            Self::Roots => "roots",
            Self::Build => "build",
            Self::Inspect => "inspect",
            Self::Smoke => "smoke",
            Self::Package => "package",
            Self::Publish => "publish",
        }
    }
}

/// One thing that happened.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// A stage begins.
    StageStarted {
        /// Which.
        stage: Stage,
    },
    /// What a run is about to build.
    Planned {
        /// The module's name and version: `mod_wsgi 6.1.1`.
        title: String,
        /// Cells that will be built and published.
        cells: usize,
        /// Distinct jobs behind them.
        jobs: usize,
    },
    /// A workflow builds the release on GitHub Actions, and is followed from here: its jobs are the jobs
    /// of this run, with no cells and no action that would be known here.
    Following {
        /// The module's name and version: `mod_wsgi 6.1.1`.
        title: String,
        /// The repository: `github:OWNER/REPO`.
        place: String,
        /// The workflow's file.
        workflow: String,
        /// The number of its run.
        run: u64,
        /// The page of its run.
        url: String,
    },
    /// A run that was interrupted goes on. What was said before holds, but for what was under way.
    Resumed {
        /// Jobs that were finished before.
        finished: usize,
    },
    /// A runner was reached, for the first time or again.
    RunnerReady {
        /// Its name.
        runner: String,
        /// How it is reached: `local`, `ssh build1`, `grpcs://farm:8980`.
        place: String,
        /// How many jobs it runs at once.
        slots: usize,
        /// Its toolsets with their versions, for people.
        toolsets: Vec<String>,
    },
    /// A runner does not answer as it should. What ran there is tried again where it can be.
    RunnerLost {
        /// Its name.
        runner: String,
        /// Why.
        reason: String,
        /// Whether it is given up for this run.
        for_good: bool,
    },
    /// Inputs that a runner lacked were brought there.
    Brought {
        /// The runner.
        runner: String,
        /// How many files.
        files: usize,
        /// Their bytes, as they are.
        bytes: u64,
        /// The bytes that travelled.
        sent: u64,
        /// How long it took, in milliseconds.
        millis: u64,
    },
    /// The module's source is what stands in a folder that somebody named, and not what a place of sources has.
    Sourced {
        /// The folder, as it was named.
        folder: String,
    },
    /// A job waits for a place.
    JobQueued {
        /// The job's name: its first cell.
        job: String,
        /// The ids of all its cells.
        cells: Vec<String>,
        /// The action's digest, by which the result is cached.
        action: String,
        /// How long it took the last time, in milliseconds, where that is known.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        expected_millis: Option<u64>,
    },
    /// A job runs. It may do so more than once: again after a runner's fault, and a second time on an
    /// idle runner where it takes far too long on the first.
    JobStarted {
        /// The job's name.
        job: String,
        /// The runner it runs on.
        runner: String,
    },
    /// One run of a job ended without an outcome.
    JobDropped {
        /// The job's name.
        job: String,
        /// The runner it ran on.
        runner: String,
        /// Why: the runner's fault, or that another was first.
        reason: String,
    },
    /// What the tools of a job that failed object to: the errors, the first ones of many.
    Objected {
        /// The job's name.
        job: String,
        /// The errors; files in them are named from the folder of the build.
        messages: Vec<Message>,
    },
    /// A job ended.
    JobFinished {
        /// The job's name.
        job: String,
        /// How.
        outcome: JobOutcome,
        /// How long it took, in milliseconds; 0 from the cache.
        millis: u64,
        /// The runner it ran on, if it ran.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        runner: Option<String>,
    },
    /// An inspection objects to something.
    Found {
        /// The cell or file.
        subject: String,
        /// What it objects to.
        finding: Finding,
    },
    /// A real Apache is started to try a file.
    SmokeStarted {
        /// The first of the cells that have this file.
        subject: String,
        /// The ids of all of them.
        cells: Vec<String>,
    },
    /// What was seen of a file.
    SmokeFinished {
        /// The first of the cells that have this file.
        subject: String,
        /// The ids of all of them.
        cells: Vec<String>,
        /// What was seen.
        result: Smoke,
        /// Whether an earlier run saw it, of the same file and the same roots.
        remembered: bool,
        /// How long it took, in milliseconds; 0 where it is remembered.
        millis: u64,
    },
    /// What is about to be uploaded.
    UploadPlanned {
        /// To where: `github:OWNER/REPO, release TAG`, or a folder.
        place: String,
        /// All assets of the release.
        assets: usize,
        /// Those of them that are there already, with the right digest.
        present: usize,
        /// The bytes that are not there yet.
        bytes: u64,
    },
    /// What is about to be downloaded.
    DownloadPlanned {
        /// From where: `github:OWNER/REPO, release TAG`, a folder, an address.
        place: String,
        /// How many files are wanted.
        assets: usize,
        /// Their bytes.
        bytes: u64,
    },
    /// The transfer of an asset begins, for the first time or again.
    AssetStarted {
        /// Its name.
        asset: String,
        /// Its size in bytes.
        size: u64,
    },
    /// Some more of an asset was sent, or has come. Not kept in journals.
    AssetProgress {
        /// Its name.
        asset: String,
        /// Bytes sent in all.
        sent: u64,
    },
    /// An asset has come, whole and with the right digest.
    AssetFetched {
        /// Its name.
        asset: String,
        /// Its size in bytes.
        size: u64,
    },
    /// An asset is there, whole.
    AssetFinished {
        /// Its name.
        asset: String,
        /// Its size in bytes.
        size: u64,
    },
    /// Nothing is sent for a while: the limits of the place, or a fault that may pass.
    Waiting {
        /// Why.
        reason: String,
        /// How long, in milliseconds.
        millis: u64,
    },
    /// Something to know, nothing to do.
    Note {
        /// What.
        message: String,
    },
    /// Something that may surprise later.
    Warning {
        /// What.
        message: String,
        /// What to do about it.
        hint: Option<String>,
    },
    /// Parts are about to be put together.
    Assembling {
        /// The module's name and version: `mod_wsgi 6.1.1`.
        title: String,
        /// How many parts there are.
        parts: usize,
    },
    /// A cell has no file that can be released.
    CellFailed {
        /// Its id.
        cell: String,
        /// How far it came.
        stage: FailedStage,
        /// Why it came no further.
        reason: String,
        /// The end of what was said about it.
        log: String,
    },
    /// A part stands.
    PartWritten {
        /// Its folder.
        place: String,
        /// Cells in it that have a file.
        cells: usize,
        /// Cells that did not come as far as they should.
        failed: usize,
    },
    /// The release stands.
    Published {
        /// Where.
        place: String,
        /// Whether it stood there already, unchanged.
        unchanged: bool,
        /// Files in it.
        assets: usize,
    },
}

/// How a job ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum JobOutcome {
    /// It ran and gave its file.
    Built,
    /// Its file was in the action cache.
    Cached,
    /// The compiler, or what ran it, says no.
    Failed {
        /// One line: the exit code, the time limit, the missing output.
        reason: String,
        /// What the command said.
        log: String,
    },
    /// It was ended before its end.
    Cancelled,
}

/// The sending end of the stream. Cheap to clone; sending never waits.
#[derive(Clone, Debug)]
pub struct Events(Sender<Event>);

impl Events {
    /// A stream and its receiving end, which ends when the last sender is dropped.
    #[must_use]
    pub fn stream() -> (Self, Receiver<Event>) {
        let (sender, receiver) = channel();
        (Self(sender), receiver)
    }

    /// A stream that nobody reads.
    #[must_use]
    pub fn unheard() -> Self {
        Self(channel().0)
    }

    /// Says that something happened. When nobody listens any more, nothing is lost that matters.
    pub fn emit(&self, event: Event) {
        drop(self.0.send(event));
    }

    /// Says that a stage begins.
    pub fn stage(&self, stage: Stage) {
        self.emit(Event::StageStarted { stage });
    }

    /// Says something that is good to know.
    pub fn note(&self, message: impl Into<String>) {
        self.emit(Event::Note { message: message.into() });
    }

    /// Warns, with what to do about it.
    pub fn warn(&self, message: impl Into<String>, hint: Option<String>) {
        self.emit(Event::Warning { message: message.into(), hint });
    }
}
