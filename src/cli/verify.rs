//! `modfarm verify`: whether what was downloaded is the release's own.

use camino::Utf8PathBuf;

use super::Failure;
use super::listing::Format;
use crate::download::reference::Reference;
use crate::download::verify::verify;
use crate::model::verification::Verification;
use crate::report::{terminal, verification};

/// Say whether files are those of a release, byte for byte and under their own names
///
/// Compares modules, archives and folders of them with the manifest of the release, which lies in the
/// folder, beside the file or above it, or is named with --manifest. A module is compared wherever it
/// was unpacked or installed; of a folder's other files nothing is said.
#[derive(Debug, clap::Args)]
#[command(after_help = EXIT_CODES)]
pub(super) struct Args {
    /// The files and folders to compare
    #[arg(required = true, value_name = "FILE")]
    files: Vec<Utf8PathBuf>,

    /// The manifest of the release: mod_wsgi-windows-6.1.1.manifest.json
    #[arg(long, value_name = "FILE")]
    manifest: Option<Utf8PathBuf>,

    /// All files of the release's page must be there
    #[arg(long)]
    complete: bool,

    /// How to print what was found
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

const EXIT_CODES: &str = "\
Exit codes:
  0  every file is the release's own
  1  a file is not, or is missing
  2  there is no manifest to compare with, or a file cannot be read";

pub(super) fn run(args: Args) -> Result<(), Failure> {
    let reference = match (&args.manifest, args.files.first()) {
        (Some(manifest), _) => Reference::read(manifest),
        (None, Some(first)) => Reference::near(first),
        (None, None) => return Err(Failure::bad_input("no file is named")),
    };
    let reference = reference.map_err(Failure::bad_input)?;
    let (text, ended) = compare(&reference, &args.files, args.complete, args.format)?;
    terminal::output(&text);
    ended
}

/// What is to be printed of files, and whether they are the release's.
pub(super) fn compare(
    reference: &Reference,
    files: &[Utf8PathBuf],
    complete: bool,
    format: Format,
) -> Result<(String, Result<(), Failure>), Failure> {
    let found = verify(reference, files, complete).map_err(Failure::bad_input)?;
    let text = match format {
        Format::Text => verification::text(&found),
        Format::Json => verification::json(&found),
    };
    Ok((text, judge(&found)))
}

fn judge(found: &Verification) -> Result<(), Failure> {
    match (found.wrong(), found.right()) {
        (0, 0) => Err(Failure::not_passed(
            "nothing of the release is among these files\nhint: name the folder that it was unpacked into, or a file",
        )),
        (0, _) => Ok(()),
        _ => Err(Failure::not_passed("")),
    }
}
