//! `modfarm inspect`: what a file is, and whether that is what its name says.

use std::sync::Arc;

use camino::{Utf8Path, Utf8PathBuf};

use super::Failure;
use crate::inspect::{Context, Expectation, checks, inspect};
use crate::model::cell::CellId;
use crate::model::inspection::{CheckInfo, FileReport, InspectionReport, Unreadable};
use crate::report::{findings, terminal};
use crate::sys::{archive, files};

mod roots;

/// Say what a file is, and whether that is what its name says
///
/// Reads .so and .pyd files, zip archives, wheels and .tar.gz archives of them, and folders. What a
/// file should be is told by its name and folder: Apache24-win64-VS17/modules/mod_wsgi-py313-VC14.so.
#[derive(Debug, clap::Args)]
#[command(after_help = EXIT_CODES)]
pub(super) struct Args {
    /// The files, archives and folders to look into
    #[arg(required_unless_present = "checks", value_name = "FILE")]
    files: Vec<Utf8PathBuf>,

    /// How to print what was found
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,

    /// What the files should be, whatever they are called: Apache24-win64-VS17/py313-VC14
    #[arg(long = "as", value_name = "CELL")]
    cell: Option<CellId>,

    /// An Apache installation whose DLLs or import libraries must export what the files import
    #[arg(long, value_name = "DIR")]
    apache_root: Vec<Utf8PathBuf>,

    /// A Python installation whose DLL or import library must export what the files import
    #[arg(long, value_name = "DIR")]
    python_root: Vec<Utf8PathBuf>,

    /// List the checks
    #[arg(long)]
    checks: bool,
}

const EXIT_CODES: &str = "\
Exit codes:
  0  no file has an error
  1  a file has an error: it is not what its name says, or cannot load
  2  a file cannot be read, is no Windows DLL, or there is nothing to inspect";

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum Format {
    Text,
    Json,
    Sarif,
}

pub(super) fn run(args: Args) -> Result<(), Failure> {
    let checks: Vec<_> = checks::list().collect();
    if args.checks {
        terminal::output(&listed(&checks, args.format));
        return Ok(());
    }
    let roots = roots::read(args.apache_root.iter().chain(&args.python_root))?;
    let mut run = Run {
        cell: args.cell,
        context: Context { roots: roots.into_iter().map(Arc::new).collect(), ..Context::default() },
        report: InspectionReport::default(),
    };
    for path in &args.files {
        run.look_into(path);
    }
    terminal::output(&rendered(&run.report, &checks, args.format));
    verdict(&run.report)
}

fn listed(checks: &[CheckInfo], format: Format) -> String {
    match format {
        Format::Text => findings::checks_text(checks),
        Format::Json => findings::checks_json(checks),
        Format::Sarif => findings::sarif(&InspectionReport::default(), checks),
    }
}

fn rendered(report: &InspectionReport, checks: &[CheckInfo], format: Format) -> String {
    match format {
        Format::Text => findings::text(report),
        Format::Json => findings::json(report),
        Format::Sarif => findings::sarif(report, checks),
    }
}

fn verdict(report: &InspectionReport) -> Result<(), Failure> {
    let unreadable: Vec<_> = report.unreadable.iter().map(|file| file.error.as_str()).collect();
    if !unreadable.is_empty() {
        return Err(Failure::bad_input(unreadable.join("\n")));
    }
    if report.files.iter().any(|file| !file.readable) {
        return Err(Failure::bad_input(""));
    }
    if report.files.iter().any(|file| !file.passed()) {
        return Err(Failure::not_passed(""));
    }
    Ok(())
}

/// One run over all that was named on the command line.
struct Run {
    cell: Option<CellId>,
    context: Context,
    report: InspectionReport,
}

impl Run {
    fn look_into(&mut self, path: &Utf8Path) {
        let before = self.report.files.len();
        let done = if files::is_dir(path) {
            self.folder(path)
        } else if archive::kind(path).is_some() {
            archive::modules(path, |member, bytes| self.member(path, member, bytes))
        } else {
            self.file(path)
        };
        let nothing = done.is_ok() && self.report.files.len() == before;
        let error = done.err().or_else(|| nothing.then(|| nothing_in(path)));
        let unreadable = error.map(|error| Unreadable { file: path.to_string(), error });
        self.report.unreadable.extend(unreadable);
    }

    fn folder(&mut self, folder: &Utf8Path) -> Result<(), String> {
        let paths = files::walk(folder).map_err(|error| error.to_string())?;
        for path in paths.iter().filter(|path| archive::is_module(path)) {
            self.file(&folder.join(path))?;
        }
        Ok(())
    }

    fn file(&mut self, path: &Utf8Path) -> Result<(), String> {
        let bytes = files::read_limited(path, archive::LARGEST_FILE);
        let bytes = bytes.map_err(|error| error.to_string())?;
        // Only the whole path tells the folder of a file that is named from inside it.
        let whole = camino::absolute_utf8(path).unwrap_or_else(|_| path.to_owned());
        self.add(path, None, whole.as_str(), &bytes);
        Ok(())
    }

    fn member(&mut self, path: &Utf8Path, member: &str, bytes: &[u8]) {
        self.add(path, Some(member), member, bytes);
    }

    fn add(&mut self, path: &Utf8Path, member: Option<&str>, name: &str, bytes: &[u8]) {
        let claimed = Expectation::of_path(name);
        let expected = match &self.cell {
            Some(cell) => Expectation::of_cell(cell, &claimed.module),
            None => claimed,
        };
        let inspection = inspect(bytes, &expected, &self.context);
        self.report.files.push(FileReport {
            file: path.to_string(),
            member: member.map(str::to_owned),
            readable: inspection.facts.is_ok(),
            really: inspection.really,
            findings: inspection.findings,
        });
    }
}

fn nothing_in(path: &Utf8Path) -> String {
    format!(
        "nothing to inspect in {path}\nhint: name .so or .pyd files, or an archive or folder of them"
    )
}
