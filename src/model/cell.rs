//! Cells: one combination of Apache, Python, arch and compiler, named by its place in the layout.

use std::fmt;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::abi::AbiFamily;
use super::arch::Arch;
use super::python::PythonTag;
use super::version::Version;

/// An Apache build as Apache Lounge labels it, which is also a folder of the release:
/// `Apache24-win64-VS17`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ApacheLabel {
    /// The series the build belongs to, `2.2` or `2.4`.
    pub series: Version,
    /// The architecture of the build.
    pub arch: Arch,
    /// The label of the compiler it was built with, as Apache Lounge spells it: `VC9`, `VS17`.
    pub compiler: String,
}

impl fmt::Display for ApacheLabel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!(
            "Apache{}-{}-{}",
            self.series.to_string().replace('.', ""),
            self.arch,
            self.compiler
        ))
    }
}

impl FromStr for ApacheLabel {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let bad =
            || format!("'{text}' is not an Apache label: expected one like Apache24-win64-VS17");
        let mut parts = text.strip_prefix("Apache").ok_or_else(bad)?.splitn(3, '-');
        let (Some(digits), Some(arch), Some(compiler)) = (parts.next(), parts.next(), parts.next())
        else {
            return Err(bad());
        };
        let plain =
            |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric());
        if digits.len() < 2 || !digits.bytes().all(|b| b.is_ascii_digit()) || !plain(compiler) {
            return Err(bad());
        }
        let (major, minor) = digits.split_at(1);
        Ok(Self {
            series: format!("{major}.{minor}").parse().map_err(|_| bad())?,
            arch: arch.parse().map_err(|_| bad())?,
            compiler: compiler.to_owned(),
        })
    }
}

/// The name of a cell: `Apache24-win64-VS17/py313-VC14`.
///
/// The folder is the Apache build and **its** compiler; the rest is the Python and the ABI family of
/// **its** compiler, which `mod_wsgi` shares. They differ on purpose in the cells that mix ABIs.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct CellId {
    /// The Apache build.
    pub apache: ApacheLabel,
    /// The Python.
    pub python: PythonTag,
    /// The ABI family of the Python, and so of the module.
    pub abi: AbiFamily,
}

impl CellId {
    /// The file's name without folder and extension: `mod_wsgi-py313-VC14`.
    #[must_use]
    pub fn stem(&self, module: &str) -> String {
        format!("{module}-{}-{}", self.python.file_tag(), self.abi)
    }

    /// The file's name: `mod_wsgi-py313-VC14.so`.
    #[must_use]
    pub fn file_name(&self, module: &str) -> String {
        format!("{}.so", self.stem(module))
    }

    /// The file's place in the release: `Apache24-win64-VS17/modules/mod_wsgi-py313-VC14.so`.
    #[must_use]
    pub fn module_path(&self, module: &str) -> String {
        format!("{}/modules/{}", self.apache, self.file_name(module))
    }

    /// The line that the document has an administrator add to `httpd.conf`.
    #[must_use]
    pub fn load_module_line(&self, module: &str) -> String {
        let symbol = module.strip_prefix("mod_").unwrap_or(module);
        format!("LoadModule {symbol}_module modules/{}", self.file_name(module))
    }

    /// The name of the document's makefile for this combination, without `.mk`:
    /// `ap24py313-win64-VC14`.
    #[must_use]
    pub fn makefile_stem(&self) -> String {
        format!(
            "ap{}{}-{}-{}",
            self.apache.series.to_string().replace('.', ""),
            self.python.file_tag(),
            self.apache.arch,
            self.abi
        )
    }
}

impl fmt::Display for CellId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{}/{}-{}", self.apache, self.python.file_tag(), self.abi))
    }
}

impl FromStr for CellId {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let bad =
            || format!("'{text}' is not a cell: expected one like Apache24-win64-VS17/py313-VC14");
        let (apache, rest) = text.split_once('/').ok_or_else(bad)?;
        let (python, abi) = rest.split_once('-').ok_or_else(bad)?;
        let digits = python.strip_prefix("py").ok_or_else(bad)?;
        Ok(Self {
            apache: apache.parse()?,
            python: PythonTag::from_digits(digits).ok_or_else(bad)?,
            abi: abi.parse()?,
        })
    }
}

impl Serialize for CellId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for CellId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

impl Serialize for ApacheLabel {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for ApacheLabel {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

impl JsonSchema for CellId {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "CellId".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "type": "string",
            "pattern": "^Apache[0-9]{2,}-win(32|64)-[A-Za-z0-9]+/py[0-9]{2,}t?-VC(9|10|11|12|14)$",
            "description": "A combination, named by its place in the layout: Apache24-win64-VS17/py313-VC14",
        })
    }
}

impl JsonSchema for ApacheLabel {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "ApacheLabel".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "type": "string",
            "pattern": "^Apache[0-9]{2,}-win(32|64)-[A-Za-z0-9]+$",
            "description": "An Apache build as Apache Lounge labels it: Apache24-win64-VS17",
        })
    }
}

/// What modfarm thinks of a cell.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase", tag = "verdict", deny_unknown_fields)]
pub enum Verdict {
    /// All four rules hold: built and published.
    Supported,
    /// Built and published with a warning.
    Unsupported {
        /// Why it is not supported.
        reason: String,
    },
    /// Never built.
    Excluded {
        /// Why it is not built.
        reason: String,
    },
}

impl Verdict {
    /// `supported`, `unsupported` or `excluded`.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Supported => "supported",
            Self::Unsupported { .. } => "unsupported",
            Self::Excluded { .. } => "excluded",
        }
    }

    /// Why, for the two verdicts that need a reason.
    #[must_use]
    pub fn reason(&self) -> Option<&str> {
        match self {
            Self::Supported => None,
            Self::Unsupported { reason } | Self::Excluded { reason } => Some(reason),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_is_named_by_its_place() {
        let cell: CellId = "Apache24-win64-VC10/py27-VC9".parse().unwrap();
        assert_eq!(
            cell.module_path("mod_wsgi"),
            "Apache24-win64-VC10/modules/mod_wsgi-py27-VC9.so"
        );
        assert_eq!(cell.makefile_stem(), "ap24py27-win64-VC9");
        assert_eq!(
            cell.load_module_line("mod_wsgi"),
            "LoadModule wsgi_module modules/mod_wsgi-py27-VC9.so"
        );
        assert_eq!(cell.to_string(), "Apache24-win64-VC10/py27-VC9");
    }

    #[test]
    fn refuses_what_is_no_cell() {
        for bad in [
            "",
            "/",
            "Apache24-win64-VS17",
            "Apache24-win16-VS17/py313-VC14",
            "Apache24-win64-VS17/py313-VC13",
            "Apache24-win64-VS17/313-VC14",
            "Apache2-win64-VS17/py313-VC14",
            "Apache24-win64-../py313-VC14",
        ] {
            assert!(bad.parse::<CellId>().is_err(), "{bad}");
        }
    }
}
