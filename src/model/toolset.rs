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
    /// `cross`, or `msvc` and the version of its tools: `msvc-14.44`.
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

impl Toolset {
    /// Whether it is meant by a name: its own, or the kind that it is of, as `msvc-14.44` is of `msvc`.
    #[must_use]
    pub fn is_called(&self, name: &str) -> bool {
        is_of(&self.name, name)
    }
}

/// Whether a toolset's name is this one, or of this kind.
#[must_use]
pub fn is_of(toolset: &str, name: &str) -> bool {
    toolset.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
}

/// The version of Microsoft's tools in a toolset's name: the `14.44` of `msvc-14.44`.
#[must_use]
pub fn msvc_version(toolset: &str) -> Option<&str> {
    toolset.strip_prefix("msvc-")
}

/// What to install on a machine that lacks a toolset, if that is known.
#[must_use]
pub fn what_to_install(toolset: &str) -> Option<&'static str> {
    let tools = match toolset {
        "cross" => return Some("runners/cross/setup installs the cross toolset"),
        "msvc" => "14",
        other => msvc_version(other)?,
    };
    AbiFamily::ALL.into_iter().find_map(|family| {
        let number = family.as_str().strip_prefix("VC")?;
        let is_its = tools.split('.').next() == Some(number);
        is_its.then(|| compiler_to_install(family))
    })
}

/// What brings Microsoft's compiler of a family.
#[must_use]
pub fn compiler_to_install(family: AbiFamily) -> &'static str {
    match family {
        AbiFamily::Vc9 => {
            "install \"Microsoft Visual C++ Compiler for Python 2.7\" (VCForPython27.msi), or Visual Studio 2008"
        }
        AbiFamily::Vc10 => {
            "install Windows SDK 7.1 with its compilers, for win64, and Visual C++ 2010 Express, for win32"
        }
        AbiFamily::Vc11 => "install Visual Studio 2012",
        AbiFamily::Vc12 => "install Visual Studio 2013",
        AbiFamily::Vc14 => {
            "install the Build Tools for Visual Studio 2022 with \"Desktop development with C++\" (workload Microsoft.VisualStudio.Workload.VCTools); older versions of the compiler are components of it"
        }
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_toolset_is_called_by_its_name_and_by_its_kind() {
        for (toolset, name, expected) in [
            ("cross", "cross", true),
            ("msvc-14.44", "msvc", true),
            ("msvc-14.44", "msvc-14.44", true),
            ("msvc-14.44", "msvc-14.4", false),
            ("msvc", "msvc-14.44", false),
            ("msvcx", "msvc", false),
        ] {
            assert_eq!(is_of(toolset, name), expected, "{toolset} {name}");
        }
    }

    #[test]
    fn who_lacks_a_toolset_is_told_what_to_install() {
        for (toolset, words) in [
            ("cross", "runners/cross/setup"),
            ("msvc", "Build Tools"),
            ("msvc-14.29", "Build Tools"),
            ("msvc-10.0", "SDK 7.1"),
            ("msvc-9.0", "VCForPython27.msi"),
        ] {
            let hint = what_to_install(toolset).unwrap();
            assert!(hint.contains(words), "{toolset}: {hint}");
        }
        assert_eq!(what_to_install("gcc"), None);
    }
}
