//! Which Python: a minor version, and whether it is the free-threaded build.

use std::fmt;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::arch::Arch;

/// A Python as far as a C extension is concerned: `3.13`, or `3.13t` for the free-threaded build.
///
/// Displayed as `3.13`; [`PythonTag::file_tag`] is the `py313` of file names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PythonTag {
    /// The 3 of 3.13.
    pub major: u8,
    /// The 13 of 3.13.
    pub minor: u8,
    /// The free-threaded build (PEP 703), an ABI of its own.
    pub free_threaded: bool,
}

impl PythonTag {
    /// An ordinary (not free-threaded) Python.
    #[must_use]
    pub const fn new(major: u8, minor: u8) -> Self {
        Self { major, minor, free_threaded: false }
    }

    /// The free-threaded build of the same version.
    #[must_use]
    pub const fn free_threaded(self) -> Self {
        Self { free_threaded: true, ..self }
    }

    /// `py313`, `py313t`: the part of the release's file names.
    #[must_use]
    pub fn file_tag(self) -> String {
        format!("py{}", self.digits())
    }

    /// `313`, `313t`, `27`: the digits as Python's own files carry them.
    #[must_use]
    pub fn digits(self) -> String {
        format!("{}{}{}", self.major, self.minor, self.suffix())
    }

    /// `python313.dll`: the DLL that a module for this Python imports.
    #[must_use]
    pub fn dll(self) -> String {
        format!("python{}.dll", self.digits())
    }

    /// `python313.lib`: the import library of that DLL.
    #[must_use]
    pub fn import_library(self) -> String {
        format!("python{}.lib", self.digits())
    }

    /// Where the installer of python.org puts it for all users, unless it is told otherwise.
    #[must_use]
    pub fn usual_folder(self, arch: Arch) -> String {
        let name = format!("Python{}{}", self.major, self.minor);
        match arch {
            _ if (self.major, self.minor) < (3, 5) => format!("C:/{name}"),
            Arch::Win32 => format!("C:/Program Files (x86)/{name}-32"),
            Arch::Win64 => format!("C:/Program Files/{name}"),
        }
    }

    /// Reads the `313t` of `py313t` or `python313t.dll`. The first digit is the major version.
    #[must_use]
    pub fn from_digits(text: &str) -> Option<Self> {
        let (digits, free_threaded) = split_suffix(text);
        if digits.len() < 2 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        let (major, minor) = digits.split_at(1);
        Some(Self { major: major.parse().ok()?, minor: minor.parse().ok()?, free_threaded })
    }

    /// The Python that the DLL of this name is: `python313.dll`, `python313t.dll`, but not `python3.dll`,
    /// which only passes on. Case does not matter.
    #[must_use]
    pub fn of_dll(name: &str) -> Option<Self> {
        let name = name.to_ascii_lowercase();
        Self::from_digits(name.strip_prefix("python")?.strip_suffix(".dll")?)
    }

    fn suffix(self) -> &'static str {
        if self.free_threaded { "t" } else { "" }
    }
}

impl fmt::Display for PythonTag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{}.{}{}", self.major, self.minor, self.suffix()))
    }
}

impl FromStr for PythonTag {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (number, free_threaded) = split_suffix(text);
        number
            .split_once('.')
            .and_then(|(major, minor)| {
                Some(Self { major: major.parse().ok()?, minor: minor.parse().ok()?, free_threaded })
            })
            .ok_or_else(|| {
                format!("'{text}' is not a Python version: expected one like 3.13 or 3.13t")
            })
    }
}

fn split_suffix(text: &str) -> (&str, bool) {
    text.strip_suffix('t').map_or((text, false), |number| (number, true))
}

impl Serialize for PythonTag {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for PythonTag {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

impl JsonSchema for PythonTag {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "PythonTag".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "type": "string",
            "pattern": "^[0-9]+\\.[0-9]+t?$",
            "description": "A Python minor version, with a t for the free-threaded build: 3.13, 3.13t",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_and_writes_every_spelling() {
        for (text, file) in [("2.7", "py27"), ("3.13", "py313"), ("3.13t", "py313t")] {
            let tag: PythonTag = text.parse().unwrap();
            assert_eq!(tag.to_string(), text);
            assert_eq!(tag.file_tag(), file);
            assert_eq!(PythonTag::from_digits(&file[2..]), Some(tag));
        }
        assert_eq!(PythonTag::new(3, 9).dll(), "python39.dll");
        assert_eq!(
            PythonTag::of_dll("Python313T.DLL"),
            Some(PythonTag::new(3, 13).free_threaded())
        );
        assert_eq!(
            ["python3.dll", "python313_d.dll", "python.dll"].map(PythonTag::of_dll),
            [None; 3]
        );
        for bad in ["", "3", "3.", "x.y", "3.13tt", "-1.2"] {
            assert!(bad.parse::<PythonTag>().is_err(), "{bad}");
        }
        for bad in ["", "3", "t", "3x", "39999"] {
            assert_eq!(PythonTag::from_digits(bad), None, "{bad}");
        }
    }

    #[test]
    fn an_installer_has_its_usual_place() {
        let of = |text: &str, arch| PythonTag::from_digits(text).unwrap().usual_folder(arch);
        assert_eq!(of("27", Arch::Win64), "C:/Python27");
        assert_eq!(of("313t", Arch::Win64), "C:/Program Files/Python313");
        assert_eq!(of("39", Arch::Win32), "C:/Program Files (x86)/Python39-32");
    }
}
