//! What `report.json` holds: a run as it was. The manifest has what is the same in every run over the same
//! inputs; here is what differs: times, runners, tries.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::model::event::Stage;
use crate::model::finding::Finding;
use crate::model::part::FailedStage;
use crate::model::smoke::Smoke;

/// The version of the report's format. A reader refuses a greater one.
pub const FORMAT_VERSION: u32 = 1;

/// A run: what was built, on which runners, when, and how each try ended.
///
/// Times are of the clock of the machine that ran modfarm; one that was set back in the middle of a run
/// stands still here until it has caught up. Durations leave out the pauses of a run that was resumed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RunReport {
    /// The version of this format, [`FORMAT_VERSION`].
    pub format_version: u32,
    /// The version of modfarm that wrote the report.
    pub modfarm: String,
    /// The module's name and version, once they were known: `mod_wsgi 6.1.1`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// How the run ended.
    pub outcome: RunOutcome,
    /// What ended it, where it did not end well; the remedy on lines of its own that begin with `hint:`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// When the first thing happened.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>", extend("format" = "date-time"))]
    pub begun: Option<Timestamp>,
    /// When the last thing happened.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>", extend("format" = "date-time"))]
    pub ended: Option<Timestamp>,
    /// The times between an interruption and the resumption.
    pub pauses: Vec<Span>,
    /// The run in figures.
    pub figures: Figures,
    /// The stages, in order; those of a resumed run come again.
    pub stages: Vec<StageRecord>,
    /// The runners, by name.
    pub runners: Vec<RunnerRecord>,
    /// The jobs with every try, in the order in which they were queued.
    pub jobs: Vec<JobRecord>,
    /// The build record of every cell, in the order of the jobs. The digest of its action leads to the
    /// digests of all its inputs in the release's manifest.
    pub cells: Vec<CellBuild>,
    /// What inspections objected to.
    pub findings: Vec<FindingRecord>,
    /// What was seen of the files in a real Apache.
    pub smoke: Vec<SmokeRecord>,
    /// Cells without a file that can be released, where they were built in parts.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub failed_cells: Vec<FailedCellRecord>,
    /// How many parts were put together, where any were.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parts: Option<usize>,
    /// The part that was built, where it was no release.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub part: Option<PartRecord>,
    /// Where the release stands.
    pub published: Vec<PublishedRecord>,
    /// What was warned of, in order.
    pub warnings: Vec<Remark>,
    /// What else was said, in order.
    pub notes: Vec<Remark>,
}

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RunOutcome {
    /// The release stands.
    Released,
    /// A part stands, and nothing of it failed.
    Built,
    /// Something did not pass, or was wrong.
    Failed,
    /// Ended with Ctrl-C.
    Interrupted,
    /// Nothing tells of its end: it was killed, or goes on.
    Unfinished,
}

/// From when to when.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Span {
    /// Its begin.
    #[schemars(with = "String", extend("format" = "date-time"))]
    pub from: Timestamp,
    /// Its end.
    #[schemars(with = "String", extend("format" = "date-time"))]
    pub until: Timestamp,
}

/// A run in figures. Durations are in milliseconds.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Figures {
    /// From the first event to the last.
    pub wall_millis: u64,
    /// From the first job that was queued to the last that ended.
    pub build_millis: u64,
    /// How long commands ran whose outcome counted, summed up.
    pub compile_millis: u64,
    /// `compile_millis / build_millis`: how many times as fast as one job after the other.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub speed_up: Option<f64>,
    /// How many jobs the runners take at once, all together.
    pub slots: usize,
    /// The part of the slots' time between the first job and the last in which a job ran, from 0 to 1;
    /// while a runner was lost, its slots do not count.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub utilisation: Option<f64>,
    /// Cells that were to be built.
    pub cells: usize,
    /// Distinct jobs behind them.
    pub jobs: usize,
    /// Jobs that ran and gave their file.
    pub built: usize,
    /// Jobs whose file was there already.
    pub cached: usize,
    /// Jobs that failed.
    pub failed: usize,
    /// Jobs that were ended before their end.
    pub cancelled: usize,
    /// Jobs of which no end is known.
    pub unfinished: usize,
    /// Runs of a job after one that ended without an outcome.
    pub retries: usize,
    /// Runs of a job beside one that took too long.
    pub second_starts: usize,
    /// How often a runner was lost.
    pub runners_lost: usize,
    /// How long jobs waited for a slot on the mean; of those that started.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub queue_mean_millis: Option<u64>,
    /// How long the job waited that waited longest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub queue_longest_millis: Option<u64>,
    /// What was brought to the runners.
    pub brought: BroughtRecord,
}

/// Inputs that were brought to runners.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BroughtRecord {
    /// How many files.
    pub files: u64,
    /// Their bytes, as they are.
    pub bytes: u64,
    /// The bytes that travelled.
    pub sent: u64,
    /// How long it took, summed up, in milliseconds.
    pub millis: u64,
}

/// A stage of a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StageRecord {
    /// Which.
    #[schemars(with = "String")]
    pub stage: Stage,
    /// From its start to that of the next, or to the end.
    pub span: Span,
}

/// A runner.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RunnerRecord {
    /// Its name.
    pub name: String,
    /// How it is reached, where it ever was: `local`, `ssh build1`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub place: Option<String>,
    /// How many jobs it takes at once; as many as were seen side by side where it never told.
    pub slots: usize,
    /// Its toolsets with their versions.
    pub toolsets: Vec<String>,
    /// When it was there.
    pub ready: Vec<Span>,
    /// When it was not, and why.
    pub lost: Vec<LostRecord>,
    /// Runs of jobs that were begun there.
    pub runs: usize,
    /// Jobs that got their outcome there.
    pub finished: usize,
    /// How long its slots were busy, summed up, in milliseconds.
    pub busy_millis: u64,
    /// As in [`Figures`], of this runner.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub utilisation: Option<f64>,
    /// What was brought there.
    pub brought: BroughtRecord,
}

/// A time without a runner.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LostRecord {
    /// From the loss to when it was reached again, or to the end.
    pub span: Span,
    /// Why.
    pub reason: String,
    /// Whether it was given up for the run.
    pub for_good: bool,
}

/// How a job stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum JobState {
    /// It ran and gave its file.
    Built,
    /// Its file was there already.
    Cached,
    /// The compiler, or what ran it, says no.
    Failed,
    /// It was ended before its end.
    Cancelled,
    /// No end of it is known.
    Unfinished,
}

/// A job with every try.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct JobRecord {
    /// Its name: its first cell.
    pub job: String,
    /// The ids of all its cells.
    pub cells: Vec<String>,
    /// The digest of its action, with its size.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub action: Option<String>,
    /// How it stands.
    pub outcome: JobState,
    /// What it failed for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The last lines of what the command said, where it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub log_end: Option<String>,
    /// The file of its log, relative to the report, where it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub log: Option<String>,
    /// When it was queued first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>", extend("format" = "date-time"))]
    pub queued: Option<Timestamp>,
    /// How long it waited until it ran first, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub queue_millis: Option<u64>,
    /// When it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>", extend("format" = "date-time"))]
    pub finished: Option<Timestamp>,
    /// How long the command ran whose outcome counts, in milliseconds.
    pub millis: u64,
    /// How long it took the last time, in milliseconds, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected_millis: Option<u64>,
    /// Every run, in the order of their starts.
    pub attempts: Vec<Attempt>,
}

/// One run of a job.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Attempt {
    /// The runner.
    pub runner: String,
    /// When the command started; not there where it came to nothing before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>", extend("format" = "date-time"))]
    pub started: Option<Timestamp>,
    /// When it ended; of one that has no end, the run's.
    #[schemars(with = "String", extend("format" = "date-time"))]
    pub ended: Timestamp,
    /// Why it was begun.
    pub kind: AttemptKind,
    /// How it ended.
    pub outcome: AttemptOutcome,
    /// Why it was dropped, or failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// Why a run of a job was begun.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum AttemptKind {
    /// It is the first.
    First,
    /// One before it ended without an outcome.
    Retry,
    /// One beside it takes too long.
    Second,
}

/// How a run of a job ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum AttemptOutcome {
    /// With its file.
    Built,
    /// The runner had the file already.
    Cached,
    /// The compiler, or what ran it, says no.
    Failed,
    /// Without an outcome: the runner's fault, or another run was first.
    Dropped,
    /// The run of modfarm was ended.
    Cancelled,
    /// No end of it is known.
    Unfinished,
}

/// The build record of a cell: what differs between two runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CellBuild {
    /// Its id.
    pub cell: String,
    /// The job that it was built by.
    pub job: String,
    /// The digest of the job's action, with its size: the key to the manifest's digests of all inputs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub action: Option<String>,
    /// How the job stands.
    pub outcome: JobState,
    /// The runner whose outcome counts, where one ran it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub runner: Option<String>,
    /// The toolsets of that runner with their versions.
    pub toolsets: Vec<String>,
    /// When the job was queued.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>", extend("format" = "date-time"))]
    pub queued: Option<Timestamp>,
    /// When the run started whose outcome counts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>", extend("format" = "date-time"))]
    pub started: Option<Timestamp>,
    /// When the job ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>", extend("format" = "date-time"))]
    pub finished: Option<Timestamp>,
    /// How long the command ran, in milliseconds.
    pub millis: u64,
    /// How often it was tried.
    pub attempts: usize,
    /// The file of its log, relative to the report, where it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub log: Option<String>,
}

/// What an inspection objected to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FindingRecord {
    /// The cell or file.
    pub subject: String,
    /// What it is.
    pub finding: Finding,
}

/// What was seen of a file in a real Apache.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SmokeRecord {
    /// The ids of all cells that have the file.
    pub cells: Vec<String>,
    /// What was seen.
    pub result: Smoke,
    /// Whether an earlier run saw it.
    pub remembered: bool,
    /// How long it took, in milliseconds.
    pub millis: u64,
}

/// A cell without a file that can be released.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FailedCellRecord {
    /// Its id.
    pub cell: String,
    /// How far it came.
    pub stage: FailedStage,
    /// Why it came no further.
    pub reason: String,
    /// The last lines of what was said about it.
    pub log_end: String,
}

/// A part that stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PartRecord {
    /// Its folder.
    pub place: String,
    /// Cells in it that have a file.
    pub cells: usize,
    /// Cells that did not come as far as they should.
    pub failed: usize,
}

/// A place where the release stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PublishedRecord {
    /// Where.
    pub place: String,
    /// Whether it stood there already, unchanged.
    pub unchanged: bool,
    /// Files in it.
    pub files: usize,
}

/// Something that was said.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Remark {
    /// When.
    #[schemars(with = "String", extend("format" = "date-time"))]
    pub time: Timestamp,
    /// What.
    pub message: String,
    /// What to do about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}
