//! `modfarm cache`: what is kept between runs, and making it smaller.

use std::time::SystemTime;

use camino::{Utf8Path, Utf8PathBuf};
use clap::Subcommand;
use jiff::Timestamp;
use serde::Serialize;

use super::Failure;
use super::amount::{Age, Size};
use super::listing::Format;
use crate::report::terminal;
use crate::sys::files::{self, FileError};
use crate::worker::prune::{self, Bounds, Holdings, Kept};

/// Show what is kept between runs, and remove what was not used for long
///
/// Nothing of it is needed: what is missing is downloaded or built again.
#[derive(Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(super) struct Args {
    #[command(subcommand)]
    action: Option<Action>,
    #[command(flatten)]
    place: Place,
    /// How to show it
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

#[derive(Debug, Subcommand)]
enum Action {
    Prune(PruneArgs),
}

/// Where things are kept.
#[derive(Debug, clap::Args)]
struct Place {
    /// What is kept between runs
    #[arg(long, value_name = "DIR", env = "MODFARM_STATE", default_value = ".modfarm")]
    state: Utf8PathBuf,
    /// The store of a worker instead, on the machine that it works on
    #[arg(long, value_name = "DIR")]
    store: Option<Utf8PathBuf>,
}

impl Place {
    fn store(&self) -> Utf8PathBuf {
        self.store.clone().unwrap_or_else(|| self.state.join("cache/store"))
    }
}

/// Remove what was not used for longest from the store of inputs and built files
///
/// Also while releases run: nothing that a living run or worker may have used since it began is removed.
/// What was downloaded, runs and Wine's prefixes stay.
#[derive(Debug, clap::Args)]
#[command(group = clap::ArgGroup::new("bounds").required(true).multiple(true))]
struct PruneArgs {
    #[command(flatten)]
    place: Place,
    /// What was not used for so long, such as 30d, 2w or 12h
    #[arg(long, value_name = "AGE", group = "bounds")]
    older_than: Option<Age>,
    /// What is over this size, such as 2GiB; what was used last stays
    #[arg(long, value_name = "SIZE", group = "bounds", visible_alias = "larger-than")]
    keep: Option<Size>,
    /// Show what would be removed, and remove nothing
    #[arg(long)]
    dry_run: bool,
    /// How to show it
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

const FORMAT_VERSION: u32 = 1;

pub(super) fn run(args: Args) -> Result<(), Failure> {
    match args.action {
        Some(Action::Prune(args)) => prune(&args),
        None => show(&args.place, args.format),
    }
}

/// One kind of what is kept.
#[derive(Debug, Serialize)]
struct Row {
    what: &'static str,
    count: usize,
    bytes: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    oldest_use: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    latest_use: Option<Timestamp>,
}

impl Row {
    fn new(what: &'static str, kept: Kept) -> Self {
        let Kept { count, bytes, oldest, latest } = kept;
        Self { what, count, bytes, oldest_use: timestamp(oldest), latest_use: timestamp(latest) }
    }
}

#[derive(Debug, Serialize)]
struct Shown {
    format_version: u32,
    place: Utf8PathBuf,
    kept: Vec<Row>,
}

#[derive(Debug, Serialize)]
struct PruneShown {
    format_version: u32,
    place: Utf8PathBuf,
    dry_run: bool,
    removed: Vec<Row>,
    left: Vec<Row>,
}

fn show(place: &Place, format: Format) -> Result<(), Failure> {
    let mut kept = rows(prune::holdings(&place.store()).map_err(Failure::environment)?);
    if place.store.is_none() {
        kept.extend(besides(&place.state).map_err(Failure::environment)?);
    }
    let folder = place.store.as_ref().unwrap_or(&place.state).clone();
    terminal::output(&match format {
        Format::Text => format!("{folder}\n{}", table(&kept)),
        Format::Json => json(&Shown { format_version: FORMAT_VERSION, place: folder, kept }),
    });
    Ok(())
}

fn prune(args: &PruneArgs) -> Result<(), Failure> {
    let bounds =
        Bounds { older_than: args.older_than.map(Age::duration), keep: args.keep.map(Size::bytes) };
    let store = args.place.store();
    let pruned = prune::prune(&store, &bounds, args.dry_run).map_err(Failure::environment)?;
    let (removed, left) = (rows(pruned.removed), rows(pruned.left));
    let word = if args.dry_run { "Would remove" } else { "Removed" };
    terminal::output(&match args.format {
        Format::Text => format!(
            "{word} {} from {store}, {} left\n{}",
            size(pruned.removed.bytes()),
            size(pruned.left.bytes()),
            table(&removed)
        ),
        Format::Json => json(&PruneShown {
            format_version: FORMAT_VERSION,
            place: store,
            dry_run: args.dry_run,
            removed,
            left,
        }),
    });
    Ok(())
}

fn rows(holdings: Holdings) -> Vec<Row> {
    vec![Row::new("contents", holdings.contents), Row::new("results", holdings.results)]
}

/// What is kept besides the store: folders, each counted as one.
fn besides(state: &Utf8Path) -> Result<Vec<Row>, FileError> {
    let smoked = state.join("smoked.json");
    Ok(vec![
        Row::new("downloads", folders(&state.join("cache/unpacked"))?),
        Row::new("smoke results", remembered(&smoked)),
        Row::new("Wine prefixes", folders(&state.join("wine"))?),
        Row::new("runs", folders(&state.join("runs"))?),
    ])
}

/// The folders in a folder, with all that is in them.
fn folders(folder: &Utf8Path) -> Result<Kept, FileError> {
    let mut kept = Kept::default();
    if !files::is_dir(folder) {
        return Ok(kept);
    }
    for name in files::names(folder)? {
        let path = folder.join(name);
        let Ok(metadata) = files::symlink_metadata(&path) else { continue };
        if !metadata.is_dir() {
            continue;
        }
        let (mut bytes, mut used) = (0, files::modified(&metadata));
        for (_, file) in files::survey(&path)? {
            bytes += file.len();
            used = used.max(files::last_use(&file));
        }
        kept.add(bytes, used);
    }
    Ok(kept)
}

/// What was seen in a real Apache: a file with one entry a result.
fn remembered(file: &Utf8Path) -> Kept {
    let mut kept = Kept::default();
    if let (Ok(bytes), Ok(metadata)) = (files::read(file), files::metadata(file)) {
        kept.add(metadata.len(), files::modified(&metadata));
        let stored: Option<serde_json::Value> = serde_json::from_slice(&bytes).ok();
        kept.count = stored.and_then(|stored| Some(stored["seen"].as_array()?.len())).unwrap_or(0);
    }
    kept
}

fn timestamp(time: Option<SystemTime>) -> Option<Timestamp> {
    let time = Timestamp::try_from(time?).ok()?;
    time.round(jiff::Unit::Second).ok()
}

fn table(rows: &[Row]) -> String {
    let day = |time: Option<Timestamp>| {
        time.map_or(String::new(), |time| time.strftime("%Y-%m-%d %H:%M").to_string())
    };
    let mut text = format!(
        "{:<14} {:>8} {:>12}  {:<16}  {}\n",
        "", "count", "size", "oldest use", "latest use (UTC)"
    );
    for row in rows {
        let line = format!(
            "{:<14} {:>8} {:>12}  {:<16}  {}",
            row.what,
            row.count,
            size(row.bytes),
            day(row.oldest_use),
            day(row.latest_use)
        );
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

fn size(bytes: u64) -> String {
    crate::report::bytesize(bytes)
}

fn json(shown: &impl Serialize) -> String {
    serde_json::to_string_pretty(shown).unwrap_or_default() + "\n"
}
