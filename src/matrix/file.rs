//! `matrix.yaml` as it is written: the types that its JSON Schema is generated from. Every value
//! keeps its place in the file; what the values mean together is checked in `check.rs`.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_yaml::Spanned;

use super::range::{PythonRange, VersionRange};
use crate::model::abi::AbiFamily;
use crate::model::arch::Arch;
use crate::model::cell::ApacheLabel;
use crate::model::digest::Sha256;
use crate::model::python::PythonTag;
use crate::model::version::Version;

/// Which combinations of Apache, Python, architecture and compiler a module is built for.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "matrix.yaml")]
pub(super) struct MatrixFile {
    /// The Apache module that is built: the first part of its files' names.
    #[schemars(with = "String")]
    pub(super) module: Spanned<String>,
    /// What `modfarm release` builds when no version is named.
    #[schemars(with = "Version")]
    pub(super) release: Spanned<Version>,
    /// The compilers' labels, as Apache Lounge spells them.
    #[schemars(with = "BTreeMap<String, CompilerRow>")]
    pub(super) compilers: BTreeMap<String, Spanned<CompilerRow>>,
    /// The Pythons there are for Windows.
    #[schemars(with = "Vec<PythonRow>")]
    pub(super) pythons: Vec<Spanned<PythonRow>>,
    /// The Apache builds there are for Windows.
    #[schemars(with = "Vec<ApacheRow>")]
    pub(super) apaches: Vec<Spanned<ApacheRow>>,
    /// Which versions of the module go with which Pythons and Apaches. No two may overlap.
    #[schemars(with = "Vec<ModuleRow>")]
    pub(super) modules: Vec<Spanned<ModuleRow>>,
    /// Versions of the module that are known not to build or load on Windows.
    #[serde(default)]
    #[schemars(with = "Vec<BrokenRow>")]
    pub(super) broken: Vec<Spanned<BrokenRow>>,
    /// What people ask for and is not in the matrix, and why.
    #[serde(default)]
    #[schemars(with = "Vec<AbsentRow>")]
    pub(super) absent: Vec<Spanned<AbsentRow>>,
    /// Cells that are not as the rules make them, and why.
    #[serde(default)]
    #[schemars(with = "Vec<ExceptionRow>")]
    pub(super) exceptions: Vec<Spanned<ExceptionRow>>,
}

/// A compiler.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct CompilerRow {
    /// The family whose binaries mix with its own.
    pub(super) abi: AbiFamily,
    /// The year of the Visual Studio it came with: the order of the labels.
    pub(super) visual_studio: u16,
    /// The version of Microsoft's tools that builds for the Pythons of this compiler, or its beginning, where
    /// Microsoft's tools build for them; without it the newest of the family that is installed.
    #[serde(default)]
    #[schemars(with = "Option<String>")]
    pub(super) msvc: Option<Spanned<String>>,
}

/// A Python.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct PythonRow {
    /// The minor version, with a `t` for the free-threaded build.
    #[schemars(with = "PythonTag")]
    pub(super) version: Spanned<PythonTag>,
    /// The label of the compiler of its official installers.
    #[schemars(with = "String")]
    pub(super) compiler: Spanned<String>,
    /// Pinned archives with a root for an architecture.
    #[serde(default)]
    #[schemars(with = "BTreeMap<Arch, PythonPinRow>")]
    pub(super) roots: BTreeMap<Arch, Spanned<PythonPinRow>>,
}

/// An Apache build.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ApacheRow {
    /// Its label, which is a folder of the release.
    #[schemars(with = "ApacheLabel")]
    pub(super) name: Spanned<ApacheLabel>,
    /// The oldest Apache version that bore the label, where that is known.
    #[serde(default)]
    #[schemars(with = "Option<Version>")]
    pub(super) oldest: Option<Spanned<Version>>,
    /// The newest Apache version that bore the label, where that is known.
    #[serde(default)]
    #[schemars(with = "Option<Version>")]
    pub(super) newest: Option<Spanned<Version>>,
    /// A pinned archive with a root.
    #[serde(default)]
    #[schemars(with = "Option<PinRow>")]
    pub(super) root: Option<Spanned<PinRow>>,
}

/// An archive that is downloaded and must be what it was.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct PinRow {
    /// Where it is; https, but for this machine itself.
    #[schemars(with = "String")]
    pub(super) url: Spanned<String>,
    /// Its SHA-256. Without it the first download is recorded in `matrix.lock`.
    #[serde(default)]
    pub(super) sha256: Option<Sha256>,
}

/// A Python that is downloaded and must be what it was: a package of NuGet, or any archive.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct PythonPinRow {
    /// The version of NuGet's package of this Python, as NuGet spells it: 3.13.2, 3.15.0-rc1.
    #[serde(default)]
    #[schemars(with = "Option<String>")]
    pub(super) nuget: Option<Spanned<String>>,
    /// Where an archive is; https, but for this machine itself.
    #[serde(default)]
    #[schemars(with = "Option<String>")]
    pub(super) url: Option<Spanned<String>>,
    /// Its SHA-256. Without it the first download is recorded in `matrix.lock`.
    #[serde(default)]
    pub(super) sha256: Option<Sha256>,
}

/// Which Pythons some versions of the module go with.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ModuleRow {
    /// The versions this row is about.
    #[schemars(with = "VersionRange")]
    pub(super) versions: Spanned<VersionRange>,
    /// The Pythons they go with.
    #[schemars(with = "PythonRange")]
    pub(super) pythons: Spanned<PythonRange>,
    /// The one Apache series they need; without it they go with every Apache of the matrix.
    #[serde(default)]
    #[schemars(with = "Option<Version>")]
    pub(super) apaches: Option<Spanned<Version>>,
}

/// Versions that do not build or load on Windows.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct BrokenRow {
    /// The versions.
    #[schemars(with = "VersionRange")]
    pub(super) versions: Spanned<VersionRange>,
    /// The Pythons with which they are broken; without it all are meant.
    #[serde(default)]
    #[schemars(with = "Option<PythonRange>")]
    pub(super) pythons: Option<Spanned<PythonRange>>,
    /// What does not work.
    #[schemars(with = "String")]
    pub(super) reason: Spanned<String>,
    /// The first version that works again.
    #[serde(default)]
    #[schemars(with = "Option<Version>")]
    pub(super) fixed_in: Option<Spanned<Version>>,
}

/// Something that people ask for and that is not in the matrix: an Apache or a Python.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct AbsentRow {
    /// An Apache label.
    #[serde(default)]
    #[schemars(with = "Option<ApacheLabel>")]
    pub(super) apache: Option<Spanned<ApacheLabel>>,
    /// A Python.
    #[serde(default)]
    #[schemars(with = "Option<PythonTag>")]
    pub(super) python: Option<Spanned<PythonTag>>,
    /// Why it is not there.
    #[schemars(with = "String")]
    pub(super) reason: Spanned<String>,
}

/// Cells that are not as the rules make them.
///
/// With both an Apache and Pythons it names cells, also ones of different ABI families. With only
/// one of the two it speaks of the cells that the ABI rule makes.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ExceptionRow {
    /// The Apache of the cells.
    #[serde(default)]
    #[schemars(with = "Option<ApacheLabel>")]
    pub(super) apache: Option<Spanned<ApacheLabel>>,
    /// The Pythons of the cells.
    #[serde(default)]
    #[schemars(with = "Option<PythonRange>")]
    pub(super) python: Option<Spanned<PythonRange>>,
    /// What holds for them instead of `supported`.
    pub(super) verdict: ExceptionVerdict,
    /// Why.
    #[schemars(with = "String")]
    pub(super) reason: Spanned<String>,
}

/// What an exception makes of a cell.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum ExceptionVerdict {
    /// Built and published with a warning.
    Unsupported,
    /// Never built.
    Excluded,
}
