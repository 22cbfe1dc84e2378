//! **modfarm** builds every Apache × Python × arch × VC combination of `mod_wsgi` for Windows, proves
//! that each `.so` is what its name says, and publishes them as one release.
//!
//! # The way of the data
//!
//! ```text
//! matrix.yaml ─► Matrix ─► Plan ─► Jobs ─► Built ─► Inspected ─► Release ─► Published
//!                 matrix    plan   toolset   farm    inspect      package    publish
//!                                  roots     worker                       released file ─► download
//! ```
//!
//! One direction, plain values, a type for each station; [`pipeline`] is that line as code. Stages
//! emit [`model::event::Event`]s; the pipeline hands them to the journal and to the reporters.
//!
//! # Floors
//!
//! A module imports only from those above it in this list, and `tests/floors.rs` fails with the file
//! and the line where one does not:
//!
//! [`model`], [`sys`], [`matrix`], [`plan`], [`roots`], [`toolset`], [`worker`], [`farm`],
//! [`inspect`], [`smoke`], [`package`], [`publish`], [`download`], [`report`], [`pipeline`], [`cli`].
//!
//! - `model`, `plan`, `toolset` and `inspect` do no I/O; `inspect` knows nothing of runners, so that
//!   it serves for any downloaded file.
//! - `package`, `publish` and `download` never import each other: they meet in the manifest, a type of
//!   `model`.
//! - only `report` and `cli` write to the terminal; `report` knows `model` alone.
//! - traits only where there are two real implementations: a place that a release goes to is one.
//!
//! # Invariants
//!
//! - A `.so` is packaged only as [`inspect`] passed it: the packager's argument is that type.
//! - The same action gives the same bytes in another folder, on another day, on another worker; but for
//!   Microsoft's linkers before 2015, which write the time into what they link.
//! - A release appears whole or not at all, in a folder as on GitHub: publishers take a
//!   [`publish::Release`], which exists only when every file of it was compared with its checksum.
//! - A release that was built in parts is, byte for byte, the one that a single machine would have made:
//!   both are packaged from [`package::describe::Made`]. What a part says is believed as far as it agrees
//!   with itself, with its files and with the plan.
//! - Every job has exactly one outcome, whatever runners do: [`farm::schedule`] decides without clock or
//!   tasks, so that random stories can show it. What a job made lies in the orchestrator's store before the
//!   journal says that it is finished.
//! - Nothing that a runner says is shown, kept or believed as it came: [`farm`] bounds it, and makes
//!   harmless what would steer a terminal.
//! - Whoever reaches a worker runs commands on its machine: one that other machines can reach has a token or
//!   asks for client certificates, or was told in so many words to let in anyone.
//! - A run is heard once, by [`report::record`], and page, JSON and summary are written from that.
//! - What is downloaded has its name once its bytes are those that the manifest says; what is put into an
//!   Apache is written down first and can be taken out again.
//! - A workflow is started once, whatever becomes of the answer; what it made is a release here once GitHub's
//!   digest of it, its checksums and its manifest say so.
//! - A token is shown nowhere, and no child process has it.

pub mod cli;
pub mod download;
pub mod farm;
pub mod inspect;
pub mod matrix;
pub mod model;
pub mod package;
pub mod pipeline;
pub mod plan;
pub mod publish;
pub mod report;
pub mod roots;
pub mod smoke;
pub mod sys;
pub mod toolset;
pub mod worker;
