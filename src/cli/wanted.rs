//! Which module is wanted: the arguments that `fetch` and `install` share.

use super::Failure;
use crate::download::choose::{self, Choice};
use crate::model::manifest::Manifest;

/// Which module is wanted.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "The module")]
pub(super) struct WantedArgs {
    /// Take a module that is not supported; the reason is printed
    #[arg(long)]
    unsupported: bool,
}

impl WantedArgs {
    /// Refuses what cannot be chosen by, before anything is downloaded.
    pub(super) fn look(cells: &[String]) -> Result<(), Failure> {
        if cells.is_empty() {
            return Err(Failure::bad_input(
                "it is not said which module is wanted\nhint: name a cell, Apache24-win64-VS17/py313-VC14",
            ));
        }
        Ok(())
    }

    /// The modules of these cells.
    pub(super) fn choose<'a>(
        &self,
        manifest: &'a Manifest,
        cells: &[String],
    ) -> Result<Vec<Choice<'a>>, Failure> {
        let choice = |cell: &String| choose::named(manifest, cell, self.unsupported);
        cells.iter().map(choice).collect::<Result<_, _>>().map_err(Failure::bad_input)
    }
}
