//! Machines, as a PE header numbers them, and what x86 does to names.

use std::fmt;

use crate::model::arch::Arch;

/// The machine a PE file runs on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Machine {
    /// x86: `win32`.
    I386,
    /// x86-64: `win64`.
    X64,
    /// 64 bit ARM, for which no Apache is published.
    Arm64,
    /// Anything else, by its number.
    Other(u16),
}

impl Machine {
    /// The machine of this number in a PE or COFF header.
    #[must_use]
    pub fn from_pe(number: u16) -> Self {
        match number {
            0x014c => Self::I386,
            0x8664 => Self::X64,
            0xaa64 => Self::Arm64,
            other => Self::Other(other),
        }
    }

    /// The architecture whose modules it runs, if there are such.
    #[must_use]
    pub fn arch(self) -> Option<Arch> {
        match self {
            Self::I386 => Some(Arch::Win32),
            Self::X64 => Some(Arch::Win64),
            Self::Arm64 | Self::Other(_) => None,
        }
    }

    /// Whether programs for it are PE32+ images.
    #[must_use]
    pub fn is_64(self) -> bool {
        matches!(self, Self::X64 | Self::Arm64)
    }

    /// A name without the decoration that x86 compilers give to functions:
    /// `_name@8` (stdcall), `@name@8` (fastcall), `name@@8` (vectorcall) and `_name` (cdecl).
    ///
    /// On every other machine, and for C++ (`?name@@YAXXZ`), the name itself.
    #[must_use]
    pub fn undecorated(self, name: &str) -> &str {
        if self != Self::I386 || name.starts_with('?') {
            return name;
        }
        let (bare, sized) = without_size(name);
        match bare.as_bytes().first() {
            Some(b'_') => &bare[1..],
            Some(b'@') if sized => &bare[1..],
            _ => bare.strip_suffix('@').filter(|_| sized).unwrap_or(bare),
        }
    }
}

fn without_size(name: &str) -> (&str, bool) {
    match name.rsplit_once('@') {
        Some((bare, size))
            if bare.len() > 1 && !size.is_empty() && size.bytes().all(|b| b.is_ascii_digit()) =>
        {
            (bare, true)
        }
        _ => (name, false),
    }
}

impl From<Arch> for Machine {
    fn from(arch: Arch) -> Self {
        match arch {
            Arch::Win32 => Self::I386,
            Arch::Win64 => Self::X64,
        }
    }
}

impl fmt::Display for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::I386 => f.pad("win32"),
            Self::X64 => f.pad("win64"),
            Self::Arm64 => f.pad("arm64"),
            Self::Other(number) => f.pad(&format!("machine {number:#06x}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn x86_decorations_are_removed() {
        for (decorated, plain) in [
            ("_ap_hook_handler@16", "ap_hook_handler"),
            ("@fast@8", "fast"),
            ("vector@@16", "vector"),
            ("_initterm", "initterm"),
            ("ap_log_error_", "ap_log_error_"),
            ("?name@@YAXXZ", "?name@@YAXXZ"),
            ("?f@@YGX@8", "?f@@YGX@8"),
            ("name@", "name@"),
            ("@8", "@8"),
            ("_", ""),
            ("@", "@"),
            ("", ""),
            ("é@8", "é"),
        ] {
            assert_eq!(Machine::I386.undecorated(decorated), plain, "{decorated}");
            assert_eq!(Machine::X64.undecorated(decorated), decorated);
        }
    }

    #[test]
    fn machines_are_named_as_the_folders_are() {
        let names = [0x14c, 0x8664, 0xaa64, 0x1c4].map(|n| Machine::from_pe(n).to_string());
        assert_eq!(names, ["win32", "win64", "arm64", "machine 0x01c4"]);
    }
}
