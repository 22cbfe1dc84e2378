//! `modfarm index`: a package index of the wheels of releases, to be served as it is.

use camino::Utf8PathBuf;

use super::Failure;
use super::listing::Format;
use super::releases::Releases;
use crate::package::index::{self, Release};
use crate::report::{index as report, terminal};

/// Make a package index for pip of the wheels of releases
///
/// Writes DIR/simple, in the layout of the Simple Repository API (PEP 503, and PEP 691 beside it), for any
/// server of files: GitHub Pages will do. Every wheel is compared with the manifest of its release first.
/// The folder appears when it is complete and is exchanged in one step for an earlier one.
#[derive(Debug, clap::Args)]
#[command(after_help = EXIT_CODES)]
pub(super) struct Args {
    #[command(flatten)]
    releases: Releases,

    /// The folder that the folder `simple` is made in
    #[arg(long, value_name = "DIR")]
    to: Utf8PathBuf,

    /// How to print what was made
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

const EXIT_CODES: &str = "\
Exit codes:
  0  the index stands
  2  a folder is no release, has no wheels, or has others than its manifest says";

pub(super) fn run(args: Args) -> Result<(), Failure> {
    let Args { releases, to, format } = args;
    let releases = releases.with_urls()?.into_iter();
    let releases: Vec<Release> =
        releases.map(|(folder, files_url)| Release { folder, files_url }).collect();
    let indexed = index::index(&releases, &to).map_err(Failure::bad_input)?;
    terminal::output(&match format {
        Format::Text => report::text(&indexed),
        Format::Json => report::json(&indexed),
    });
    Ok(())
}
