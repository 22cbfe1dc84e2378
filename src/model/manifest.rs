//! The manifest: what a release says of itself, for programs. Package, publish and download meet here.
//!
//! It holds nothing that differs between two builds of the same inputs: no times, no host names, no
//! paths of a machine. Which runner built a cell, when, in how many tries and how long it took is in the
//! run's `report.json`, under the same digest of the action.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::abi::AbiFamily;
use super::arch::Arch;
use super::cell::{ApacheLabel, CellId, Verdict};
use super::digest::Sha256;
use super::finding::Finding;
use super::offer::RootKind;
use super::python::PythonTag;
use super::smoke::Smoke;
use super::version::Version;

/// How the name of a manifest's file ends.
pub const FILE_END: &str = ".manifest.json";

/// How the names of the files end that are not named in a manifest, for they are made from it: the checksums
/// of the release vouch for them.
pub const VOUCHED_ENDS: [&str; 2] = [".notes.md", ".provenance.json"];

/// No manifest has more bytes, nor has any list of checksums.
pub const LONGEST: u64 = 64 << 20;

/// The version of the manifest's format. A reader refuses a greater one.
pub const FORMAT_VERSION: u32 = 1;

/// A release: every file, its digest, its cell and verdict, and what it was made from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// The version of this format, [`FORMAT_VERSION`].
    pub format_version: u32,
    /// The version of modfarm that made the release.
    pub modfarm: String,
    /// The module that was built.
    pub module: ModuleRecord,
    /// The compilers that built it.
    pub toolsets: Vec<ToolsetRecord>,
    /// The Apache and Python installations it was built against.
    pub roots: Vec<RootRecord>,
    /// Every cell of the version, built or not.
    pub cells: Vec<CellRecord>,
    /// The archives of the release.
    pub archives: Vec<ArchiveRecord>,
    /// What holds for the whole release and may surprise.
    pub warnings: Vec<String>,
}

impl Manifest {
    /// Reads one. The error says what is wrong, be it that the format is of a later modfarm.
    pub fn parse(bytes: &[u8]) -> Result<Self, String> {
        let said = |error: serde_json::Error| error.to_string();
        let value: serde_json::Value = serde_json::from_slice(bytes).map_err(said)?;
        match value.get("format_version").and_then(serde_json::Value::as_u64) {
            Some(version) if version > u64::from(FORMAT_VERSION) => {
                Err(format!("its format is {version}, of a later modfarm"))
            }
            _ => serde_json::from_slice(bytes).map_err(said),
        }
    }
}

/// The module that was built.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ModuleRecord {
    /// Its name: `mod_wsgi`.
    pub name: String,
    /// Its version, as its source says it.
    pub version: Version,
    /// Where the source came from: the sdist's file name on `PyPI`, or "a directory".
    pub source: String,
    /// The SHA-256 of the source archive, where it came in one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source_sha256: Option<Sha256>,
    /// The digest of the part of the source that was compiled, as a Remote Execution API tree.
    pub source_tree: Sha256,
    /// The digest of what the wheels have of the source beside the module, where it has a package for
    /// pip that installs on Windows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub package: Option<Sha256>,
}

/// A compiler.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ToolsetRecord {
    /// `cross` or `msvc`.
    pub name: String,
    /// Its parts and their versions, as one line.
    pub version: String,
    /// The digest of what it links into a module, and of its version.
    pub digest: Sha256,
}

/// An Apache or Python installation that cells were built against.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RootRecord {
    /// Its name in this manifest.
    pub name: String,
    /// What it is laid out like.
    pub kind: RootKind,
    /// The version its headers say.
    pub version: Version,
    /// Its architecture.
    pub arch: Arch,
    /// The digest of the parts that a compile needs, as a Remote Execution API tree.
    pub tree: Sha256,
    /// Where it came from.
    pub origin: String,
    /// What in it stands in for something that could not be had.
    pub stand_ins: Vec<String>,
}

/// One cell.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CellRecord {
    /// Its name.
    pub id: CellId,
    /// The Apache build it is for.
    pub apache: ApacheLabel,
    /// The Python it is for.
    pub python: PythonTag,
    /// The architecture of all parts.
    pub arch: Arch,
    /// The ABI family of the Python and of the module.
    pub abi: AbiFamily,
    /// What modfarm thinks of it.
    pub verdict: Verdict,
    /// The file, where one was built.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub built: Option<BuiltRecord>,
    /// Why there is no file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_built: Option<String>,
}

/// The file of a cell.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BuiltRecord {
    /// Its place in the archive, without the top folder.
    pub path: String,
    /// Its SHA-256.
    pub sha256: Sha256,
    /// Its size in bytes.
    pub size: u64,
    /// The line for `httpd.conf`.
    pub load_module: String,
    /// The digest of the Remote Execution API action that built it. Cells with the same action share
    /// one compile.
    pub action: Sha256,
    /// The digests of all that it was made from.
    pub inputs: InputsRecord,
    /// The toolset that built it.
    pub toolset: String,
    /// The Apache root it was built against.
    pub apache_root: String,
    /// The Python root it was built against.
    pub python_root: String,
    /// What may surprise: a root newer than the label's newest Apache, a stand-in header.
    pub warnings: Vec<String>,
    /// What the inspection objects to, short of an error.
    pub findings: Vec<Finding>,
    /// Whether a real Apache served a page with it.
    pub smoke: Smoke,
    /// The wheel that gives this cell's Python a module for this cell's Apache: its name in the release.
    ///
    /// The module in it is this file, or the one of a cell of the same Python and Apache series that was
    /// built against an older Apache, which this one loads as well. pip takes it by itself; where Apaches
    /// of several series are supported for the Python, the wheel's version says which it is for (`+ap22`,
    /// `+ap24`), and pip takes another than the newest where that version is asked for. An unsupported
    /// cell has none, nor has one that failed in a real Apache.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wheel: Option<String>,
}

/// The digests of all that a file was made from: whoever has the same inputs and runs the same command
/// gets the same bytes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct InputsRecord {
    /// The digest of the command: arguments, environment, outputs.
    pub command: Sha256,
    /// The digest of the whole folder that it runs in: the makefile, the source and both roots.
    pub input_root: Sha256,
    /// The digest of the module's source within it.
    pub source_tree: Sha256,
    /// The digest of the Apache root within it.
    pub apache_tree: Sha256,
    /// The digest of the Python root within it.
    pub python_tree: Sha256,
    /// The toolset, with the digest of its version and of all that it links into a module.
    pub toolset: ToolsetRecord,
}

/// An archive of the release.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ArchiveRecord {
    /// Its file name.
    pub name: String,
    /// Its SHA-256.
    pub sha256: Sha256,
    /// Its size in bytes.
    pub size: u64,
    /// What is in it.
    pub description: String,
}
