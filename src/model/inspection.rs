//! What an inspection of files found, as it is reported.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::abi::AbiFamily;
use super::finding::{Finding, Severity};
use super::python::PythonTag;

/// What a module really is, whatever its name says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Reality {
    /// The Apache module's symbol: `wsgi_module`.
    pub module: Option<String>,
    /// The machine as the folders name it: `win32`, `win64`; `arm64` and others by their name.
    pub machine: String,
    /// The Python whose DLL it imports, if it is exactly one.
    pub python: Option<PythonTag>,
    /// The family of its C runtime, if it is exactly one.
    pub abi: Option<AbiFamily>,
    /// The series of Apache it is for: `2.4`.
    pub apache_series: Option<String>,
    /// The releases of Apache whose headers it was compiled with: `2.4.60 to 2.4.62`.
    pub apache_releases: Option<String>,
    /// The module magic number: `20120211:134`.
    pub module_magic: Option<String>,
}

impl fmt::Display for Reality {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.module.as_deref().unwrap_or("a DLL that is no Apache module"))?;
        match self.python {
            Some(python) => write!(f, ", Python {python}")?,
            None => f.write_str(", no Python")?,
        }
        write!(f, ", {}", self.machine)?;
        if let Some(series) = &self.apache_series {
            write!(f, ", Apache {series}")?;
        }
        if let Some(releases) = &self.apache_releases {
            write!(f, " (headers of {releases})")?;
        }
        match self.abi {
            Some(abi) => write!(f, ", {abi} ({})", abi.runtime()),
            None => f.write_str(", no single C runtime"),
        }
    }
}

/// A check as `inspect --checks` lists it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct CheckInfo {
    /// Its id, stable across versions.
    pub id: &'static str,
    /// What it makes sure of, in one line.
    pub description: &'static str,
}

/// What was found in one file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FileReport {
    /// The file on disk.
    pub file: String,
    /// The member of it, where it is an archive.
    pub member: Option<String>,
    /// Whether it is a Windows DLL that could be read.
    pub readable: bool,
    /// What it really is.
    pub really: Option<Reality>,
    /// What the checks object to, worst first.
    pub findings: Vec<Finding>,
}

impl FileReport {
    /// The file's name for a person, a member after its archive.
    #[must_use]
    pub fn name(&self) -> String {
        match &self.member {
            Some(member) => format!("{}/{member}", self.file),
            None => self.file.clone(),
        }
    }

    /// Whether nothing in it is an error.
    #[must_use]
    pub fn passed(&self) -> bool {
        self.findings.iter().all(|finding| finding.severity < Severity::Error)
    }
}

/// An input that could not be looked into.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Unreadable {
    /// The file on disk.
    pub file: String,
    /// Why not.
    pub error: String,
}

/// What was found in all files of one run.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct InspectionReport {
    /// The files, in the order in which they were named and found.
    pub files: Vec<FileReport>,
    /// What could not be looked into.
    pub unreadable: Vec<Unreadable>,
}

impl InspectionReport {
    /// How many findings of this severity there are.
    #[must_use]
    pub fn count(&self, severity: Severity) -> usize {
        let findings = self.files.iter().flat_map(|file| &file.findings);
        findings.filter(|finding| finding.severity == severity).count()
    }
}
