//! `modfarm assemble`: a release from the parts that `modfarm build` made.

use camino::Utf8PathBuf;

use super::Failure;
use super::blame;
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
    /// How to show what happens: live on a terminal and plain lines in a pipe, or JSON lines
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

pub(super) fn run(args: Args) -> Result<(), Failure> {
    let Args { parts, to, selection, site, format } = args;
    let wanted = selection.wanted()?;
    let workshop = site.planning(&wanted.matrix.file)?;
    let request = AssembleRequest { wanted, workshop, parts, to };
    let run = Run::new(selection.matrix(), &request.workshop)?;
    run.of(format, Ending::Released, async |events, cancel| {
        let released = pipeline::assemble(&request, events, cancel).await;
        released.map(|released| released.folder).map_err(blame::failure)
    })
}
