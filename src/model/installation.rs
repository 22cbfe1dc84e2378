//! What is installed on a Windows machine: an Apache, a Python, a module, as their own files say it.

use camino::Utf8PathBuf;
use serde::Serialize;

use super::abi::AbiFamily;
use super::arch::Arch;
use super::finding::Finding;
use super::inspection::Reality;
use super::python::PythonTag;
use super::version::Version;

/// An Apache.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Apache {
    /// The folder that holds `bin`.
    pub folder: Utf8PathBuf,
    /// Its version, where its files say one.
    pub version: Option<Version>,
    /// The series that its modules must be for: `2.4`.
    pub series: Option<String>,
    /// Its module magic number: `20120211:142`.
    pub module_magic: Option<String>,
    /// Who made this build, where that can be told: `Apache Lounge`, `XAMPP`.
    pub maker: Option<String>,
    /// What it is compiled with and for.
    pub build: Build,
    /// Whether it has what a compile needs: its headers and its import libraries.
    pub headers: Headers,
    /// The DLLs of other modules and of its own that it cannot start without.
    pub needs: Vec<Need>,
}

/// A Python.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Python {
    /// The folder that was named: of the installation, or of a virtual environment.
    pub folder: Utf8PathBuf,
    /// The folder of the installation, with its library.
    pub base: Utf8PathBuf,
    /// What `WSGIPythonHome` names: the virtual environment, where it is one.
    pub home: Utf8PathBuf,
    /// Which Python it is.
    pub tag: PythonTag,
    /// Its whole version, where its DLL says one.
    pub version: Option<Version>,
    /// Its `pythonXY.dll`.
    pub dll: Utf8PathBuf,
    /// For whom it was installed, and by what.
    pub kind: PythonKind,
    /// Whether it is a virtual environment of `base`.
    pub is_environment: bool,
    /// Whether its standard library is there.
    pub has_library: bool,
    /// What it is compiled with and for.
    pub build: Build,
    /// The DLLs that it cannot start without.
    pub needs: Vec<Need>,
}

/// A module that was built or downloaded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Module {
    /// The file.
    pub file: Utf8PathBuf,
    /// What it is.
    pub really: Reality,
    /// What it is compiled with and for.
    pub build: Build,
    /// What an inspection objects to, the name that the file goes by aside.
    pub findings: Vec<Finding>,
    /// The DLLs that it cannot be loaded without, those of Apache and Python aside.
    pub needs: Vec<Need>,
}

/// What a binary is compiled with and for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Build {
    /// The machine as the folders of a release name it: `win32`, `win64`; `arm64` and others by their name.
    pub machine: String,
    /// The same where modules are built for it.
    pub arch: Option<Arch>,
    /// The family of its C runtime, if it is exactly one.
    pub abi: Option<AbiFamily>,
    /// The label of its compiler as Apache Lounge spells it, where the linker's version tells: `VS17`.
    pub compiler: Option<String>,
    /// The C runtimes that it imports, as it spells them.
    pub runtimes: Vec<String>,
}

/// What an Apache has for those who compile.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Headers {
    /// `include/httpd.h`.
    pub httpd_h: bool,
    /// `lib/libhttpd.lib`.
    pub libhttpd_lib: bool,
}

/// For whom a Python was installed, and by what.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum PythonKind {
    /// For all users of the machine.
    AllUsers,
    /// For one user, in his profile.
    OneUser {
        /// The user, where the path tells.
        user: Option<String>,
    },
    /// By the Microsoft Store, for one user, in a folder that other programs may not load from.
    Store,
    /// The embeddable zip, which takes its paths from `pythonXY._pth` and from nowhere else.
    Embeddable,
    /// By Anaconda, Miniconda or the like.
    Conda,
    /// Its path does not tell.
    Unknown,
}

/// A DLL that a binary imports and that is neither Windows' own nor beside it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Need {
    /// The DLL as it is spelled.
    pub dll: String,
    /// The file that imports it: `libhttpd.dll`.
    pub by: String,
    /// The family whose runtime it is, where it is one.
    pub runtime: Option<AbiFamily>,
    /// Whether it lies in the system folder; unknown where no system folder can be seen.
    pub in_system: Option<bool>,
    /// The version of the one in the system folder, where it says one.
    pub system_version: Option<Version>,
}

impl Build {
    /// `win64, VC14 (VS17)`.
    #[must_use]
    pub fn describe(&self) -> String {
        let compiled = match (self.abi, &self.compiler) {
            (Some(abi), Some(compiler)) if compiler != abi.as_str() => {
                format!("{abi} ({compiler})")
            }
            (Some(abi), _) => abi.to_string(),
            (None, _) if self.runtimes.is_empty() => "no C runtime of its own".to_owned(),
            (None, _) => format!("with {} as C runtime", self.runtimes.join(" and ")),
        };
        format!("{}, {compiled}", self.machine)
    }
}

impl Apache {
    /// `Apache 2.4.66, win64, VC14 (VS17), of Apache Lounge`.
    #[must_use]
    pub fn describe(&self) -> String {
        let version = self.version.as_ref().map(Version::as_str);
        let version = version.or(self.series.as_deref()).unwrap_or("of unknown version");
        let maker = self.maker.as_ref().map_or_else(String::new, |maker| format!(", of {maker}"));
        format!("Apache {version}, {}{maker}", self.build.describe())
    }
}

impl Python {
    /// `Python 3.13.2, win64, VC14 (VS17), for one user (joe)`.
    #[must_use]
    pub fn describe(&self) -> String {
        let version = self.version.as_ref().map_or_else(
            || PythonTag { free_threaded: false, ..self.tag }.to_string(),
            ToString::to_string,
        );
        let threads = if self.tag.free_threaded { " (free-threaded)" } else { "" };
        let kind = self.kind.describe().map_or_else(String::new, |kind| format!(", {kind}"));
        format!("Python {version}{threads}, {}{kind}", self.build.describe())
    }
}

impl PythonKind {
    /// `for all users`, `for one user (joe)`, …; nothing where its path does not tell.
    #[must_use]
    pub fn describe(&self) -> Option<String> {
        Some(match self {
            Self::AllUsers => "for all users".to_owned(),
            Self::OneUser { user: Some(user) } => format!("for one user ({user})"),
            Self::OneUser { user: None } => "for one user".to_owned(),
            Self::Store => "from the Microsoft Store".to_owned(),
            Self::Embeddable => "the embeddable zip".to_owned(),
            Self::Conda => "of conda".to_owned(),
            Self::Unknown => return None,
        })
    }
}

impl Module {
    /// What it is, as `inspect` says it.
    #[must_use]
    pub fn describe(&self) -> String {
        self.really.to_string()
    }
}
