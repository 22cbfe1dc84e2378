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
