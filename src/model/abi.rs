//! ABI families: which Microsoft compilers may be mixed in one process.
//!
//! Rules 3 and 4 of the document (Apache, Python and `mod_wsgi` from the same compiler) are statements
//! about these families: Visual Studio 2015 to 2026 share one, every older compiler stands alone.

use std::fmt;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A family of Microsoft C/C++ compilers whose binaries mix.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "UPPERCASE")]
pub enum AbiFamily {
    /// Visual Studio 2008: `MSVCR90.dll`, found through the `Microsoft.VC90.CRT` manifest.
    Vc9,
    /// Visual Studio 2010: `MSVCR100.dll`.
    Vc10,
    /// Visual Studio 2012: `MSVCR110.dll`.
    Vc11,
    /// Visual Studio 2013: `MSVCR120.dll`.
    Vc12,
    /// Visual Studio 2015 to 2026: the Universal C Runtime.
    Vc14,
}

impl AbiFamily {
    /// Every family, oldest first.
    pub const ALL: [Self; 5] = [Self::Vc9, Self::Vc10, Self::Vc11, Self::Vc12, Self::Vc14];

    /// `VC9` … `VC14`, the suffix of the files' names.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Vc9 => "VC9",
            Self::Vc10 => "VC10",
            Self::Vc11 => "VC11",
            Self::Vc12 => "VC12",
            Self::Vc14 => "VC14",
        }
    }

    /// The C runtime of a family as a person would name it.
    #[must_use]
    pub fn runtime(self) -> &'static str {
        match self {
            Self::Vc9 => "MSVCR90.dll",
            Self::Vc10 => "MSVCR100.dll",
            Self::Vc11 => "MSVCR110.dll",
            Self::Vc12 => "MSVCR120.dll",
            Self::Vc14 => "the Universal C Runtime",
        }
    }

    /// The family of a compiler's label as Apache Lounge spells it: of `VS17` the last one.
    ///
    /// Up to VC12 the label is the family; from Visual Studio 2015 on all are one.
    #[must_use]
    pub fn of_compiler(label: &str) -> Option<Self> {
        if let Ok(family) = label.parse() {
            return Some(family);
        }
        let number: u32 = label.strip_prefix("VC").or(label.strip_prefix("VS"))?.parse().ok()?;
        (number >= 14).then_some(Self::Vc14)
    }

    /// The label of the compiler, as Apache Lounge spells it, whose linker has this version: of 14.44
    /// `VS17`. Within the last family alone does it tell more than the family.
    #[must_use]
    pub fn compiler(self, linker: (u8, u8)) -> &'static str {
        match (self, linker) {
            (Self::Vc14, (14, 10..=19)) => "VC15",
            (Self::Vc14, (14, 20..=29)) => "VS16",
            (Self::Vc14, (14, 30..=49)) => "VS17",
            (Self::Vc14, (14, 50..)) => "VS18",
            (family, _) => family.as_str(),
        }
    }

    /// The redistributable of Microsoft's that installs its C runtime.
    #[must_use]
    pub fn redistributable(self) -> &'static str {
        match self {
            Self::Vc9 => "the Visual C++ 2008 SP1 Redistributable",
            Self::Vc10 => "the Visual C++ 2010 SP1 Redistributable",
            Self::Vc11 => "the Visual C++ 2012 Update 4 Redistributable",
            Self::Vc12 => "the Visual C++ 2013 Redistributable",
            Self::Vc14 => "the newest Visual C++ Redistributable for Visual Studio 2015 to 2026",
        }
    }

    /// The family whose C runtime the DLL of this name is, if it is one. Case does not matter.
    ///
    /// `VCRUNTIME140*.dll`, `ucrtbase.dll` and `api-ms-win-crt-*` are all of the last family.
    #[must_use]
    pub fn of_runtime_dll(dll: &str) -> Option<Self> {
        let dll = dll.to_ascii_lowercase();
        match dll.as_str() {
            "msvcr90.dll" | "msvcp90.dll" => Some(Self::Vc9),
            "msvcr100.dll" | "msvcp100.dll" => Some(Self::Vc10),
            "msvcr110.dll" | "msvcp110.dll" => Some(Self::Vc11),
            "msvcr120.dll" | "msvcp120.dll" => Some(Self::Vc12),
            "ucrtbase.dll" => Some(Self::Vc14),
            _ if dll.starts_with("api-ms-win-crt-")
                || dll.starts_with("vcruntime140")
                || dll.starts_with("msvcp140") =>
            {
                Some(Self::Vc14)
            }
            _ => None,
        }
    }
}

impl fmt::Display for AbiFamily {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for AbiFamily {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|family| family.as_str() == text).ok_or_else(|| {
            format!("'{text}' is not an ABI family: expected VC9, VC10, VC11, VC12 or VC14")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_tell_their_family() {
        let of = AbiFamily::of_compiler;
        assert_eq!(
            ["VC9", "VC10", "VC12"].map(of),
            [AbiFamily::Vc9, AbiFamily::Vc10, AbiFamily::Vc12].map(Some)
        );
        assert_eq!(["VC14", "VC15", "VS16", "VS18"].map(of), [Some(AbiFamily::Vc14); 4]);
        assert_eq!(["VC13", "VS9", "gcc", "VS", ""].map(of), [None; 5]);
    }

    #[test]
    fn a_linker_tells_its_compiler() {
        let of = |minor| AbiFamily::Vc14.compiler((14, minor));
        assert_eq!(
            [0, 16, 29, 36, 44, 50].map(of),
            ["VC14", "VC15", "VS16", "VS17", "VS17", "VS18"]
        );
        assert_eq!(AbiFamily::Vc9.compiler((9, 0)), "VC9");
    }
}
