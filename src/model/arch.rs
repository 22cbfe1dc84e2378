//! The architectures of Apache Lounge's folders.

use std::fmt;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A Windows architecture, spelled as Apache Lounge and the release layout spell it.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Arch {
    /// 32 bit, x86.
    Win32,
    /// 64 bit, x86-64.
    Win64,
}

impl Arch {
    /// Both, in the order of the release layout.
    pub const ALL: [Self; 2] = [Self::Win32, Self::Win64];

    /// `win32` or `win64`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Win32 => "win32",
            Self::Win64 => "win64",
        }
    }

    /// The architecture of this machine number in a PE header, if modules are built for it.
    #[must_use]
    pub fn from_pe(number: u16) -> Option<Self> {
        match number {
            0x014c => Some(Self::Win32),
            0x8664 => Some(Self::Win64),
            _ => None,
        }
    }

    /// The other name of the same thing: `32 bit` or `64 bit`.
    #[must_use]
    pub fn bits(self) -> &'static str {
        match self {
            Self::Win32 => "32 bit",
            Self::Win64 => "64 bit",
        }
    }
}

impl fmt::Display for Arch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for Arch {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "win32" => Ok(Self::Win32),
            "win64" => Ok(Self::Win64),
            _ => Err(format!("'{text}' is not an architecture: expected win32 or win64")),
        }
    }
}
