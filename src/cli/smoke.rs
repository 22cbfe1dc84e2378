//! `modfarm smoke`: a real Apache loads a file and serves pages with it.

use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};
use tokio_util::sync::CancellationToken;

use super::Failure;
use super::site;
use crate::farm::runner_file::RunnerFile;
use crate::inspect::{Expectation, Facts, Machine};
use crate::model::arch::Arch;
use crate::model::cell::CellId;
use crate::model::event::{Event, Events};
use crate::model::inspection::CheckInfo;
use crate::model::python::PythonTag;
use crate::model::smoke::Smoke;
use crate::model::version::Version;
use crate::report::{self, Json, Reporter, findings, terminal};
use crate::roots::running::{Installation, Installations};
use crate::smoke::native::{self, NativeError};
use crate::smoke::{Claim, Harness, Host, NotRun, Setting, SmokeError, System, Trial, checks};
use crate::sys::files;
use crate::sys::guarded;

/// Start a real Apache with a module and see whether it serves pages
///
/// Natively on Windows, under Wine on Linux. Without --apache and --python, the installations of the
/// runners' kits that the file is for. Where a check fails, the configuration and Apache's logs are kept,
/// and the last line says where.
#[derive(Debug, clap::Args)]
#[command(after_help = EXIT_CODES)]
pub(super) struct Args {
    /// The modules to try: .so or .pyd
    #[arg(required_unless_present_any = ["checks", "native"], value_name = "FILE")]
    files: Vec<Utf8PathBuf>,
    /// The Apache to load it with: the folder that has bin/httpd.exe
    #[arg(long, value_name = "DIR", conflicts_with = "native")]
    apache: Option<Utf8PathBuf>,
    /// The Python to run it with: the folder that has pythonXY.dll
    #[arg(long, value_name = "DIR", conflicts_with = "native")]
    python: Option<Utf8PathBuf>,
    /// What the file should be, whatever it is called: Apache24-win64-VS17/py313-VC14
    #[arg(long = "as", value_name = "CELL")]
    cell: Option<CellId>,
    /// The version of the module that the file should be
    #[arg(long, value_name = "VERSION")]
    module_version: Option<Version>,
    /// How long Apache has to start, and to answer each request
    #[arg(long, value_name = "SECONDS", default_value_t = crate::smoke::PATIENCE.as_secs(), value_parser = clap::value_parser!(u64).range(1..=3600))]
    patience: u64,
    /// Try the harness itself with Linux's own Apache: with FILE, or with a module that is compiled here
    #[arg(long)]
    native: bool,
    /// The module's source, to be compiled for --native where no FILE is named
    #[arg(long, value_name = "DIR", requires = "native")]
    source: Option<Utf8PathBuf>,
    /// List the checks
    #[arg(long)]
    checks: bool,
    /// How to show what happens
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
    /// Where Wine's prefixes are kept, and the logs of what failed
    #[arg(long, value_name = "DIR", env = "MODFARM_STATE", default_value = ".modfarm")]
    state: Utf8PathBuf,
}

const EXIT_CODES: &str = "\
Exit codes:
  0  every file was served
  1  a check failed
  2  a file cannot be read or is no module, or a folder is no installation
  3  nothing was tried: no Wine, no Apache or no Python is at hand";

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    /// For people, on standard error
    Text,
    /// One event a line, on standard output
    Json,
}

pub(super) fn run(args: Args) -> Result<(), Failure> {
    if args.checks {
        let checks: Vec<CheckInfo> = checks::list().collect();
        terminal::output(&match args.format {
            Format::Text => findings::checks_text(&checks),
            Format::Json => findings::checks_json(&checks),
        });
        return Ok(());
    }
    site::forget_old_runs(&args.state).map_err(Failure::environment)?;
    let own = guarded::own_program().map_err(Failure::environment)?;
    let reporter: Box<dyn Reporter> = match args.format {
        Format::Text => report::for_people(),
        Format::Json => Box::new(Json),
    };
    let (events, heard) = Events::stream();
    let listener = std::thread::spawn(move || {
        let mut reporter = reporter;
        for event in heard {
            reporter.event(&event);
        }
        reporter.finish();
    });
    let result = super::asynchronously(async {
        let cancel = CancellationToken::new();
        super::cancel_on_signal(&cancel);
        if args.native {
            try_natively(&args, own, &events, &cancel).await
        } else {
            try_all(&args, own, &events, &cancel).await
        }
    });
    drop(events);
    if listener.join().is_err() {
        tracing::error!("the reporter ended in a panic");
    }
    result?
}

async fn try_all(
    args: &Args,
    own: Utf8PathBuf,
    events: &Events,
    cancel: &CancellationToken,
) -> Result<(), Failure> {
    let prefixes = args.state.join("wine");
    let system = System::for_windows_programs(&prefixes).map_err(Failure::environment)?;
    let patience = Duration::from_secs(args.patience);
    let harness = Harness { own, system, patience };
    let run = site::new_run(&args.state);
    let mut failed = false;
    for file in &args.files {
        let trial = trial(args, file, &harness.system, run.join("smoke"))?;
        failed |= !tried(&harness, &trial, file.as_str(), events, cancel).await?;
    }
    settle(failed, &run)
}

/// The trial of a file, with the installations that it is for.
fn trial(
    args: &Args,
    path: &Utf8Path,
    system: &System,
    folder: Utf8PathBuf,
) -> Result<Trial, Failure> {
    let file = files::read_limited(path, LARGEST_FILE).map_err(Failure::bad_input)?;
    let facts = Facts::read(&file)
        .map_err(|not| Failure::bad_input(format!("{path}: {not}\nhint: {}", not.hint())))?;
    let whole = camino::absolute_utf8(path).unwrap_or_else(|_| path.to_owned());
    let expected = match &args.cell {
        Some(cell) => Expectation::of_cell(cell, "mod_wsgi"),
        None => Expectation::of_path(whole.as_str()),
    };
    let tag = expected.python.or_else(|| imported_python(&facts));
    let known = installations()?;
    let apache = apache_for(args, &expected, &facts, &known)?;
    let python = python_for(args, tag, apache.arch, &known, path)?;
    system.runs(apache.arch).map_err(Failure::environment)?;
    let name = path.file_name().unwrap_or("module.so");
    Ok(Trial {
        folder: folder.join(name),
        file_name: name.to_owned(),
        module: expected.module,
        claim: Claim { version: args.module_version.clone(), python: tag },
        host: Host::of(&apache, &python),
        setting: Setting::default(),
        file: file.into(),
    })
}

/// The Apache that was named, or the one of a kit that the file is for.
fn apache_for(
    args: &Args,
    expected: &Expectation,
    facts: &Facts,
    known: &Installations,
) -> Result<Installation, Failure> {
    if let Some(folder) = &args.apache {
        return Installation::apache(folder, GIVEN).map_err(Failure::bad_input);
    }
    let arch = match expected.machine.unwrap_or(facts.machine) {
        Machine::I386 => Arch::Win32,
        _ => Arch::Win64,
    };
    let label = expected.apache.as_ref();
    let found = label.map_or_else(|| known.any_apache(arch), |label| known.apache(label));
    let why = label.map_or(NotRun::NoApacheAtAll { arch }, NotRun::no_apache);
    found.cloned().ok_or_else(|| missing(&why))
}

/// The Python that was named, or the one of a kit that the file is for.
fn python_for(
    args: &Args,
    tag: Option<PythonTag>,
    arch: Arch,
    known: &Installations,
    path: &Utf8Path,
) -> Result<Installation, Failure> {
    if let Some(folder) = &args.python {
        return Installation::python(folder, GIVEN).map_err(Failure::bad_input);
    }
    let tag = tag.ok_or_else(|| {
        let says = format!("{path} does not say which Python it is for");
        Failure::bad_input(format!("{says}\nhint: name one with --python"))
    })?;
    let found = known.python(tag, arch).cloned();
    found.ok_or_else(|| missing(&NotRun::NoPython { tag, arch }))
}

const GIVEN: &str = "a directory";
const LARGEST_FILE: u64 = 256 << 20;

fn missing(why: &NotRun) -> Failure {
    Failure::environment(format!(
        "{why}\nhint: name one with --apache and --python, or run runners/cross/setup"
    ))
}

fn imported_python(facts: &Facts) -> Option<PythonTag> {
    facts.imports.iter().find_map(|import| {
        let name = import.dll.to_ascii_lowercase();
        PythonTag::from_digits(name.strip_prefix("python")?.strip_suffix(".dll")?)
    })
}

/// What is installed on this machine, where that is Windows, and what the kits of the runners here have.
fn installations() -> Result<Installations, Failure> {
    let mut all = Installations::default();
    all.add_installed();
    let folder = Utf8Path::new("runners");
    if files::is_dir(folder) {
        let runners = RunnerFile::load_all(folder).map_err(Failure::bad_input)?;
        runners.iter().filter_map(|runner| runner.kit.as_deref()).for_each(|kit| all.add_kit(kit));
    }
    Ok(all)
}

async fn try_natively(
    args: &Args,
    own: Utf8PathBuf,
    events: &Events,
    cancel: &CancellationToken,
) -> Result<(), Failure> {
    let host = native::host().map_err(native_failure)?;
    // Apache's own user must be able to read what is in it.
    let place = files::temporary_dir_in(Utf8Path::new("/tmp")).map_err(Failure::environment)?;
    let place_path = Utf8Path::from_path(place.path()).unwrap_or(Utf8Path::new("/tmp"));
    open_to_all(place_path)?;
    let file = match (&args.files[..], &args.source) {
        ([file, ..], _) => file.clone(),
        ([], Some(source)) => {
            events.note(format!("compiling {source} for this machine"));
            native::build("mod_wsgi", source, place_path, cancel).map_err(native_failure)?
        }
        ([], None) => {
            return Err(Failure::bad_input(
                "--native needs a module\nhint: name a mod_wsgi.so built for this machine, or with \
                 --source a folder of mod_wsgi's source to compile one from",
            ));
        }
    };
    let patience = Duration::from_secs(args.patience);
    let harness = Harness { own, system: System::linux(), patience };
    let trial = Trial {
        module: "mod_wsgi".to_owned(),
        file_name: "mod_wsgi.so".to_owned(),
        file: files::read(&file).map_err(Failure::bad_input)?.into(),
        claim: Claim { version: args.module_version.clone(), python: None },
        host,
        setting: Setting::default(),
        folder: place_path.join("smoke"),
    };
    let served = tried(&harness, &trial, "mod_wsgi.so", events, cancel).await?;
    let run = site::new_run(&args.state);
    if !served {
        keep(&trial.folder, &run.join("smoke/mod_wsgi.so"))?;
    }
    settle(!served, &run)
}

/// The logs of what failed outlast the temporary folder.
fn keep(from: &Utf8Path, to: &Utf8Path) -> Result<(), Failure> {
    for path in files::walk(from).map_err(Failure::environment)? {
        let bytes = files::read(&from.join(&path)).map_err(Failure::environment)?;
        files::write_atomic(&to.join(&path), &bytes).map_err(Failure::environment)?;
    }
    Ok(())
}

#[cfg(unix)]
fn open_to_all(folder: &Utf8Path) -> Result<(), Failure> {
    files::open_to_all(folder).map_err(Failure::environment)
}

#[cfg(not(unix))]
fn open_to_all(_: &Utf8Path) -> Result<(), Failure> {
    Err(Failure::bad_input("--native is for Linux; without it, Windows' own Apache is used here"))
}

fn native_failure(error: NativeError) -> Failure {
    match error {
        NativeError::Missing { .. } => Failure::environment(error),
        NativeError::Process(_) => Failure::not_passed(error),
        NativeError::File(_) => Failure::bad_input(error),
    }
}

/// Whether a file was served.
async fn tried(
    harness: &Harness,
    trial: &Trial,
    name: &str,
    events: &Events,
    cancel: &CancellationToken,
) -> Result<bool, Failure> {
    let (subject, cells) = (name.to_owned(), vec![name.to_owned()]);
    events.emit(Event::SmokeStarted { subject: subject.clone(), cells: cells.clone() });
    let seen = harness.try_file(trial, cancel).await.map_err(|error| match error {
        SmokeError::Cancelled => Failure::interrupted(error),
        error => Failure::environment(error),
    })?;
    let served = matches!(seen.result, Smoke::Served { .. });
    let millis = u64::try_from(seen.took.as_millis()).unwrap_or(u64::MAX);
    let result = seen.result;
    events.emit(Event::SmokeFinished { subject, cells, result, remembered: false, millis });
    Ok(served)
}

fn settle(failed: bool, run: &Utf8Path) -> Result<(), Failure> {
    if failed {
        return Err(Failure::not_passed(format!(
            "not every file was served\nhint: the configuration and Apache's logs are in {run}/smoke"
        )));
    }
    files::remove_dir_all(run).map_err(Failure::environment)
}
