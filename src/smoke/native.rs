//! Linux's own Apache and Python, to try the harness where there is no Windows and no Wine.

use std::process::Command;

use camino::{Utf8Path, Utf8PathBuf};
use tokio_util::sync::CancellationToken;

use super::Host;
use super::host::Part;
use crate::sys::files::{self, FileError};
use crate::sys::process::{self, ProcessError};

/// Debian's own, whatever else is first on the `PATH`.
const APACHE: &str = "/usr/sbin/apache2";
const MODULES: &str = "/usr/lib/apache2/modules";
const PYTHON_CONFIG: &str = "/usr/bin/python3-config";

/// What is missing for a native trial.
#[derive(Debug, thiserror::Error)]
pub enum NativeError {
    /// Programs that packages bring.
    #[error("--native needs {missing}\nhint: apt-get install {packages}")]
    Missing {
        /// The programs.
        missing: String,
        /// Debian's names for what brings them.
        packages: String,
    },
    /// The module does not compile.
    #[error(transparent)]
    Process(#[from] ProcessError),
    /// A file cannot be read.
    #[error(transparent)]
    File(#[from] FileError),
}

/// The machine's Apache with the machine's Python.
pub fn host() -> Result<Host, NativeError> {
    require(&[(APACHE, "apache2-bin")])?;
    let mut more = vec!["StartServers 1".to_owned(), "ServerLimit 2".to_owned()];
    more.push("MaxRequestWorkers 25".to_owned());
    more.push("Mutex sem".to_owned());
    if is_root() {
        more.push("User www-data\nGroup www-data".to_owned());
    }
    let module = |name: &str| format!("{MODULES}/mod_{name}.so");
    Ok(Host {
        arch: None,
        program: APACHE.into(),
        arguments: vec!["-D".to_owned(), "FOREGROUND".to_owned()],
        modules: vec![
            ("mpm_event_module", module("mpm_event")),
            ("authz_core_module", module("authz_core")),
        ],
        more,
        load_file: None,
        apache: part("Apache", "/usr/lib/apache2"),
        python: part("CPython", "/usr"),
        registration: None,
    })
}

fn part(name: &'static str, folder: &str) -> Part {
    Part { name, folder: folder.into(), version: None, origin: "of this machine".to_owned() }
}

/// Compiles the module for this machine; `folder` receives it.
pub fn build(
    module: &str,
    source: &Utf8Path,
    folder: &Utf8Path,
    stop: &CancellationToken,
) -> Result<Utf8PathBuf, NativeError> {
    require(&[
        ("/usr/bin/apxs", "apache2-dev"),
        (PYTHON_CONFIG, "python3-dev"),
        ("/usr/bin/gcc", "gcc"),
    ])?;
    let words = |command: &mut Command| -> Result<Vec<String>, ProcessError> {
        Ok(process::capture(command)?.split_whitespace().map(str::to_owned).collect())
    };
    let sources = source.join("src/server");
    let names = files::names(&sources)?;
    let file = folder.join(format!("{module}.so"));
    let mut compiler = process::command("gcc");
    compiler.args(["-O1", "-w", "-fPIC", "-shared", "-o", file.as_str()]);
    for include in words(process::command("apxs").args(["-q", "INCLUDEDIR"]))? {
        compiler.arg(format!("-I{include}"));
    }
    compiler.args(words(process::command("apr-1-config").args(["--includes", "--cppflags"]))?);
    compiler.args(words(process::command(PYTHON_CONFIG).arg("--includes"))?);
    let c = |name: &&String| Utf8Path::new(name).extension() == Some("c");
    compiler.args(names.iter().filter(c).map(|name| sources.join(name)));
    compiler.args(words(process::command(PYTHON_CONFIG).args(["--ldflags", "--embed"]))?);
    process::capture_until(&mut compiler, stop)?;
    Ok(file)
}

fn require(needed: &[(&str, &str)]) -> Result<(), NativeError> {
    let missing: Vec<_> =
        needed.iter().filter(|(program, _)| !files::exists(Utf8Path::new(program))).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let join = |words: Vec<&str>| words.join(" ");
    Err(NativeError::Missing {
        missing: missing.iter().map(|(program, _)| *program).collect::<Vec<_>>().join(", "),
        packages: join(missing.iter().map(|(_, package)| *package).collect()),
    })
}

#[cfg(unix)]
fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

#[cfg(not(unix))]
fn is_root() -> bool {
    false
}
