//! `modfarm makefile`: the document's makefiles, for those who build by hand.

use camino::{Utf8Path, Utf8PathBuf};

use super::Failure;
use super::selection::Selection;
use crate::matrix::Matrix;
use crate::model::cell::{CellId, Verdict};
use crate::plan::{self, Request, Why};
use crate::report::terminal;
use crate::sys::files;
use crate::toolset::bulk::{self, Rendered};
use crate::toolset::makefile::{self, Places, USUAL_FOLDERS, UTF8_MARK};

/// Write the makefile of a combination, to build it by hand with nmake or GNU make
///
/// It is the makefile of mod_wsgi's own Windows document, ap24py313-win64-VC14.mk, with its common part,
/// common-VC14.mk; both belong beside the folder src of the module's source. It has `clean`, the build and
/// `install`, which prints the `LoadModule` line. A release is built by the very same text.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The combination, such as Apache24-win64-VS17/py313-VC14; `modfarm plan` lists them
    #[arg(value_name = "CELL", required_unless_present = "all", conflicts_with = "all")]
    cell: Option<String>,
    /// Every combination's makefile, and batch files that build all of them, into this folder
    #[arg(long, value_name = "DIR")]
    all: Option<Utf8PathBuf>,
    /// Where the Apache is: the folder that has include and lib
    #[arg(long, value_name = "DIR", conflicts_with = "all")]
    apache_root: Option<String>,
    /// Where the Python is: the folder that has include and libs
    #[arg(long, value_name = "DIR", conflicts_with = "all")]
    python_root: Option<String>,
    /// Write the two files into this folder; without it they are printed
    #[arg(long, value_name = "DIR", conflicts_with = "all")]
    to: Option<Utf8PathBuf>,
    /// Overwrite files that are there and were changed
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    selection: Selection,
}

pub(super) fn run(args: Args) -> Result<(), Failure> {
    let (matrix, request) = args.selection.load()?;
    match (&args.cell, &args.all) {
        (Some(cell), _) => one(&args, &matrix, &request, cell),
        (None, Some(folder)) => all(&args, &matrix, &request, folder),
        (None, None) => Err(Failure::bad_input("name a combination, or a folder with --all")),
    }
}

fn one(args: &Args, matrix: &Matrix, request: &Request, cell: &str) -> Result<(), Failure> {
    let cell = known(matrix, request, cell)?;
    let mut places = Places::usual(&cell);
    if let Some(root) = &args.apache_root {
        places.apache_in(root).map_err(Failure::bad_input)?;
    }
    if let Some(root) = &args.python_root {
        places.python_in(root).map_err(Failure::bad_input)?;
    }
    let own = Rendered {
        name: makefile::name(&cell),
        text: makefile::cell(&matrix.module, &cell, &places),
    };
    let common = Rendered {
        name: makefile::common_name(cell.abi),
        text: makefile::common(&matrix.module, cell.abi, &USUAL_FOLDERS),
    };
    let Some(folder) = &args.to else {
        for file in [own, common] {
            let text = file.text.trim_start_matches(UTF8_MARK);
            terminal::output(&format!("# ---- {} ----\n{text}\n", file.name));
        }
        return Ok(());
    };
    let name = own.name.clone();
    write(folder, &[own, common], args.force)?;
    terminal::output(&next(folder, &name, &matrix.module, &cell));
    Ok(())
}

/// The cell that somebody typed, if it is one that is built; what `plan --explain` says otherwise.
fn known(matrix: &Matrix, request: &Request, cell: &str) -> Result<CellId, Failure> {
    let explanation = plan::explain(matrix, request, &[], cell);
    let Why::Cell(planned) = &explanation.why else {
        return Err(Failure::bad_input(explanation));
    };
    let (id, file, line) = (&planned.id, &matrix.file, planned.line);
    match &planned.verdict {
        Verdict::Supported => {}
        Verdict::Unsupported { reason } => {
            terminal::warning(&format!("{id} is unsupported: {reason} ({file}:{line})"));
        }
        Verdict::Excluded { reason } => {
            return Err(Failure::bad_input(format!(
                "{id} is excluded: {reason} ({file}:{line})\nhint: `modfarm plan` lists what is built"
            )));
        }
    }
    Ok(id.clone())
}

/// What to do with the files that were written.
fn next(folder: &Utf8Path, name: &str, module: &str, cell: &CellId) -> String {
    let common = makefile::common_name(cell.abi);
    let bits = cell.apache.arch.bits();
    format!(
        "wrote {name} and {common} into {folder}\n\
         They belong beside the folder src of {module}'s source. In a {bits} command prompt of\n\
         {}:\n\n    nmake -f {name} clean\n    nmake -f {name}\n    nmake -f {name} install\n",
        makefile::compiler(cell.abi)
    )
}

fn all(args: &Args, matrix: &Matrix, request: &Request, folder: &Utf8Path) -> Result<(), Failure> {
    let plan = plan::plan(matrix, request, &[]).map_err(Failure::bad_input)?;
    let built = plan.cells.iter().filter(|cell| !matches!(cell.verdict, Verdict::Excluded { .. }));
    let cells: Vec<CellId> = built.map(|cell| cell.id.clone()).collect();
    if cells.is_empty() {
        return Err(Failure::bad_input(
            "every combination that was named is excluded\nhint: `modfarm plan` says why",
        ));
    }
    let rendered = bulk::files(&matrix.module, &cells, &USUAL_FOLDERS);
    write(folder, &rendered, args.force)?;
    terminal::output(&format!(
        "wrote {} files for {} combinations of {} {} into {folder}\n\
         They belong beside the folder src of the source; build-all.bat builds and installs them all,\n\
         against c:\\Apache24-win64-VS17 and the like: APACHES and PYTHONS name other folders than c:\n",
        rendered.len(),
        cells.len(),
        matrix.module,
        request.version,
    ));
    Ok(())
}

/// Writes the files, none of them where one would be overwritten that somebody changed.
fn write(folder: &Utf8Path, rendered: &[Rendered], force: bool) -> Result<(), Failure> {
    files::create_dir_all(folder).map_err(Failure::environment)?;
    for file in rendered.iter().filter(|_| !force) {
        let path = folder.join(&file.name);
        match files::read(&path) {
            Ok(bytes) if bytes == file.text.as_bytes() => {}
            Ok(_) => {
                return Err(Failure::bad_input(format!(
                    "{path} is there and would change\nhint: --force overwrites it"
                )));
            }
            Err(error) if error.is_not_found() => {}
            Err(error) => return Err(Failure::environment(error)),
        }
    }
    for file in rendered {
        let path = folder.join(&file.name);
        files::write_atomic(&path, file.text.as_bytes()).map_err(Failure::environment)?;
    }
    Ok(())
}
