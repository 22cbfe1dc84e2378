//! What headers and import libraries say of the installation they belong to.

use camino::Utf8Path;
use object::read::archive::ArchiveFile;
use object::read::coff::ImportFile;
use object::{Architecture, Object as _};

use super::root::RootError;
use crate::model::offer::RootKind;
use crate::model::version::Version;
use crate::sys::files;

/// The version that a root's headers say: `ap_release.h` of Apache, `patchlevel.h` of Python.
pub fn version(include: &Utf8Path, kind: RootKind) -> Result<Version, RootError> {
    let path = include.join(match kind {
        RootKind::Apache => "ap_release.h",
        RootKind::Python => "patchlevel.h",
    });
    let text = String::from_utf8_lossy(&files::read(&path)?).into_owned();
    let found = match kind {
        RootKind::Apache => ["MAJORVERSION_NUMBER", "MINORVERSION_NUMBER", "PATCHLEVEL_NUMBER"]
            .into_iter()
            .map(|name| define(&text, &format!("AP_SERVER_{name}")))
            .collect::<Option<Vec<_>>>()
            .map(|numbers| numbers.join(".")),
        RootKind::Python => define(&text, "PY_VERSION")
            .map(|version| version.trim_matches('"').trim_end_matches('+').to_owned()),
    };
    found
        .and_then(|version| version.parse().ok())
        .ok_or_else(|| RootError::NoVersion { path, reason: "no version is defined there".into() })
}

/// The value of `#define NAME value` in a header, quotes and all.
#[must_use]
pub fn define<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    text.lines().find_map(|line| {
        let rest = line.trim_start().strip_prefix('#')?.trim_start().strip_prefix("define")?;
        let value = rest.trim_start().strip_prefix(name)?;
        if !value.starts_with([' ', '\t']) {
            return None;
        }
        let value = value.trim();
        match value.strip_prefix('"') {
            Some(quoted) => quoted.find('"').map(|end| &value[..end + 2]),
            None => value.split_whitespace().next(),
        }
    })
}

/// The architecture that an import library is for, read off its first member that says it.
#[must_use]
pub fn library_architecture(bytes: &[u8]) -> Option<Architecture> {
    let archive = ArchiveFile::parse(bytes).ok()?;
    archive.members().take(16).find_map(|member| {
        let data = member.ok()?.data(bytes).ok()?;
        if let Ok(import) = ImportFile::parse(data) {
            return Some(import.architecture());
        }
        let file = object::File::parse(data).ok()?;
        Some(file.architecture()).filter(|found| *found != Architecture::Unknown)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_defines_as_headers_write_them() {
        let text = "#define PY_VERSION      \t\"3.15.0a1+\"\n# define AP_X 4 /* four */\n#define AP_XY 5\n";
        assert_eq!(define(text, "PY_VERSION"), Some("\"3.15.0a1+\""));
        assert_eq!(define(text, "AP_X"), Some("4"));
        assert_eq!(define(text, "AP"), None);
    }

    #[test]
    fn nonsense_is_no_library() {
        assert_eq!(library_architecture(b""), None);
        assert_eq!(library_architecture(b"!<arch>\nnonsense"), None);
    }
}
