//! `modfarm schema`: the JSON Schemas of the files that modfarm reads and writes.

use clap::ValueEnum;
use schemars::schema_for;

use super::Failure;
use crate::farm::runner_file;
use crate::matrix;
use crate::model::manifest::Manifest;
use crate::model::part::Part;
use crate::report::record::RunReport;
use crate::report::terminal;

/// Print the JSON Schema of a file that modfarm reads or writes
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Which file
    #[arg(value_enum)]
    file: File,
}

/// A file with a schema.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum File {
    /// matrix.yaml: what is built
    Matrix,
    /// runners/NAME.yaml: where it is built
    Runner,
    /// The manifest of a release: what was built
    Manifest,
    /// part.json of a part: what one machine built of a release
    Part,
    /// report.json of a run: when, on which runner, in how many tries
    Report,
}

#[expect(clippy::unnecessary_wraps, reason = "all commands have one signature")]
pub(super) fn run(args: Args) -> Result<(), Failure> {
    terminal::output(&match args.file {
        File::Matrix => matrix::schema(),
        File::Runner => runner_file::schema(),
        File::Report => format!("{:#}\n", schema_for!(RunReport).as_value()),
        File::Part => format!("{:#}\n", schema_for!(Part).as_value()),
        File::Manifest => format!("{:#}\n", schema_for!(Manifest).as_value()),
    });
    Ok(())
}
