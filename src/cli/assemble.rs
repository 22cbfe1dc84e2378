//! `modfarm assemble`: a release from the parts that `modfarm build` made.

use camino::Utf8PathBuf;

use super::Failure;
use super::journalled::Run;
use super::release::DIST;
use super::selection::Selection;
use super::show::Format;
use super::site::Site;
use crate::farm::journal::Ending;
use crate::pipeline::{self, AssembleRequest};

/// Put parts together to a release, the same that one machine alone would have made
///
/// Give it the arguments that the parts were built with. Nothing is written unless every cell that a
/// runner builds is in some part and every file proves to be what its part says. Of a cell that is in
/// several parts, the latest file counts.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The parts, or folders that parts are in
    #[arg(value_name = "PARTS", required = true)]
    parts: Vec<Utf8PathBuf>,
    /// The folder that the release's own folder is made in
    #[arg(long, value_name = "DIR", default_value = DIST)]
    to: Utf8PathBuf,
    #[command(flatten)]
    selection: Selection,
    #[command(flatten)]
    site: Site,
    /// The module's source: a checkout or an unpacked sdist; without it PyPI's of that version
    #[arg(long, value_name = "DIR")]
    source: Option<Utf8PathBuf>,
    /// How to show what happens: live on a terminal and plain lines in a pipe, or JSON lines
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

pub(super) fn run(args: Args) -> Result<(), Failure> {
    let Args { parts, to, selection, site, source, format } = args;
    let wanted = selection.wanted(source)?;
    let workshop = site.planning(&wanted.matrix.file)?;
    let request = AssembleRequest { wanted, workshop, parts, to };
    let workshop = &request.workshop;
    let run = Run { matrix: selection.matrix(), workshop, format, well: Ending::Released };
    run.of(async |events, cancel| {
        pipeline::assemble(&request, events, cancel).await.map(|released| released.folder)
    })
}
