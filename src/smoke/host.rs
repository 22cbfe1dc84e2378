//! The Apache and the Python of a trial, as the harness needs them.

use camino::{Utf8Path, Utf8PathBuf};

use super::conf::Conf;
use super::system::Seat;
use super::wine::Registration;
use super::{System, Trial};
use crate::inspect::Machine;
use crate::model::arch::Arch;
use crate::model::python::PythonTag;
use crate::model::smoke::SmokeHost;
use crate::roots::running::{Installation, What};

/// The modules of Apache that the configuration names.
const MODULES: [(&str, &str); 1] = [("authz_core_module", "mod_authz_core.so")];

/// An Apache and a Python that run together.
#[derive(Clone, Debug)]
pub struct Host {
    /// What both are for; `None` on Linux, where it is the machine's own.
    pub(super) arch: Option<Arch>,
    pub(super) apache: Part,
    pub(super) python: Part,
    /// The program.
    pub(super) program: Utf8PathBuf,
    pub(super) arguments: Vec<String>,
    /// Apache's own modules, by symbol and file.
    pub(super) modules: Vec<(&'static str, String)>,
    /// Directives for this Apache alone.
    pub(super) more: Vec<String>,
    /// The Python's DLL, where a `LoadFile` must name it.
    pub(super) load_file: Option<Utf8PathBuf>,
    /// How the Python is known to Windows.
    pub(super) registration: Option<Registration>,
}

/// One of the two.
#[derive(Clone, Debug)]
pub(super) struct Part {
    /// `Apache` or `CPython`.
    pub(super) name: &'static str,
    pub(super) folder: Utf8PathBuf,
    /// What is known of its version before it runs.
    pub(super) version: Option<String>,
    /// `for win64, of the cross kit`.
    pub(super) origin: String,
}

impl Part {
    fn of(installation: &Installation, name: &'static str, series: String) -> Self {
        let version = installation.version.as_ref().map_or(series, ToString::to_string);
        let origin = format!("for {}, of {}", installation.arch, installation.origin);
        Self { name, folder: installation.folder.clone(), version: Some(version), origin }
    }

    /// `Apache 2.4.68 for win64, of the cross kit`, with the version that was seen, if one was.
    fn describe(&self, seen: Option<&str>) -> String {
        let version = seen.or(self.version.as_deref()).unwrap_or("of unknown version");
        format!("{} {version} {}", self.name, self.origin)
    }
}

/// PEP 514 tells 32 bit from 64.
fn registration(tag: PythonTag, arch: Arch) -> Registration {
    let bits = if arch == Arch::Win32 { "-32" } else { "" };
    Registration { tag: format!("{tag}{bits}"), arch }
}

impl Host {
    /// Two installations for Windows.
    #[must_use]
    pub fn of(apache: &Installation, python: &Installation) -> Self {
        let series = match &apache.what {
            What::Apache(series) => series.to_string(),
            What::Python(tag) => tag.to_string(),
        };
        let tag = match &python.what {
            What::Python(tag) => Some(*tag),
            What::Apache(_) => None,
        };
        let dll = tag.map(|tag| python.folder.join(tag.dll()));
        let minor = tag.map_or_else(String::new, |tag| tag.to_string());
        Self {
            arch: Some(apache.arch),
            program: apache.folder.join("bin").join("httpd.exe"),
            arguments: Vec::new(),
            modules: MODULES.map(|(symbol, file)| (symbol, format!("modules/{file}"))).to_vec(),
            more: Vec::new(),
            load_file: dll,
            registration: tag.map(|tag| registration(tag, python.arch)),
            apache: Part::of(apache, "Apache", series),
            python: Part::of(python, "CPython", minor),
        }
    }

    /// What both are, with the versions that were seen when they ran.
    pub(super) fn describe(
        &self,
        system: &System,
        apache: Option<&str>,
        python: Option<&str>,
    ) -> SmokeHost {
        SmokeHost {
            system: system.name().to_owned(),
            apache: self.apache.describe(apache),
            python: self.python.describe(python),
        }
    }

    /// The machine of Apache's program, as an inspection has it.
    pub(super) fn machine(&self) -> Option<Machine> {
        self.arch.map(Machine::from)
    }

    /// The configuration of a trial.
    pub(super) fn conf(&self, trial: &Trial, seat: &Seat, folder: &Utf8Path, port: u16) -> Conf {
        let home = trial.setting.python_home.as_ref().unwrap_or(&self.python.folder);
        let load_file = self.load_file.as_ref().filter(|_| !trial.setting.without_load_file);
        Conf {
            server_root: seat.spell(&self.apache.folder),
            modules: self.modules.clone(),
            more: self.more.clone(),
            folder: seat.spell(folder),
            port,
            load_file: load_file.map(|file| seat.spell(file)),
            module: (trial.symbol(), seat.spell(&folder.join(&trial.file_name))),
            python_home: seat.spell(home),
        }
    }
}
