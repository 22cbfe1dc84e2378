//! What compiles: a toolset as the worker that has it describes it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::abi::AbiFamily;
use super::arch::Arch;
use super::digest::Sha256;

/// A compiler with its linker and runtime libraries, found on the machine of a worker.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Toolset {
    /// `cross` or `msvc`.
    pub name: String,
    /// Its parts and their versions, as one line.
    pub version: String,
    /// The digest of its version and of everything that it links into a module: part of the key by
    /// which a result is cached, so that another compiler is another build.
    pub digest: Sha256,
    /// The ABI families it can link against.
    pub families: Vec<AbiFamily>,
    /// The architectures it can compile for.
    pub arches: Vec<Arch>,
    /// What a makefile must be told of the machine: the folders of libraries.
    pub settings: BTreeMap<String, String>,
}

/// What `modfarm toolsets` writes, and what is read of a cluster's machines.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Found {
    /// The version of this format.
    pub format_version: u32,
    /// The version of modfarm that looked.
    pub modfarm: String,
    /// What it found.
    pub toolsets: Vec<Toolset>,
}

impl Found {
    /// The version of the format that is written and understood.
    pub const FORMAT_VERSION: u32 = 1;

    /// What this modfarm found.
    #[must_use]
    pub fn new(toolsets: Vec<Toolset>) -> Self {
        let modfarm = env!("CARGO_PKG_VERSION").to_owned();
        Self { format_version: Self::FORMAT_VERSION, modfarm, toolsets }
    }

    /// The file's text.
    #[must_use]
    pub fn to_json(&self) -> String {
        serde_json::to_string_pretty(self).map(|text| text + "\n").unwrap_or_default()
    }
}

/// mingw-w64's name of a family's C runtime, for `-l`.
#[must_use]
pub fn mingw_runtime(family: AbiFamily) -> &'static str {
    match family {
        AbiFamily::Vc9 => "msvcr90",
        AbiFamily::Vc10 => "msvcr100",
        AbiFamily::Vc11 => "msvcr110",
        AbiFamily::Vc12 => "msvcr120",
        AbiFamily::Vc14 => "ucrt",
    }
}
