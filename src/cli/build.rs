//! `modfarm build`: some cells of a release, as a part that `modfarm assemble` takes.

use camino::Utf8PathBuf;

use super::Failure;
use super::blame;
use super::journalled::Run;
use super::making::Making;
use super::selection::Selection;
use super::show::Format;
use super::site::Site;
use crate::farm::journal::Ending;
use crate::model::cell::CellId;
use crate::pipeline::{self, OnActions, PartRequest};

/// Build and prove some cells of a release, as a part for `modfarm assemble`
///
/// The part holds the files that passed, with all that is known of them, and for every cell that failed
/// how far it came and why. It is written whatever failed, and also when the run is interrupted.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The cells, such as Apache24-win64-VS17/py313-VC14; without any all that somebody can build
    #[arg(value_name = "CELL", conflicts_with = "only")]
    cells: Vec<CellId>,
    /// The folder of the part; an earlier part there is replaced
    #[arg(long, value_name = "PART")]
    to: Utf8PathBuf,
    /// An earlier part, or a folder of such: what is there of the same inputs is not built again; one
    /// that is not there holds nothing; repeatable
    #[arg(long, value_name = "DIR")]
    reuse: Vec<Utf8PathBuf>,
    #[command(flatten)]
    selection: Selection,
    #[command(flatten)]
    site: Site,
    #[command(flatten)]
    making: Making,
    /// How to show what happens: live on a terminal and plain lines in a pipe, or JSON lines
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

pub(super) fn run(args: Args) -> Result<(), Failure> {
    let Args { cells, to, reuse, selection, site, making, format } = args;
    if to.file_name().is_none() {
        return Err(Failure::bad_input(format!(
            "'{to}' cannot be the folder of a part\nhint: name one of its own, such as parts/1"
        )));
    }
    let mut build = making.request(&selection, &site)?;
    build.workshop.on_actions = OnActions::Here;
    build.wanted.only.extend(cells.iter().map(ToString::to_string));
    let request = PartRequest { build, cells, to, reuse };
    let run = Run::new(selection.matrix(), &request.build.workshop)?;
    run.of(format, Ending::Built, async |events, cancel| {
        let part = pipeline::build_part(&request, events, cancel).await;
        part.map(|part| part.folder).map_err(blame::failure)
    })
}
