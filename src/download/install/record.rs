//! The places of an Apache that are written to, and the record of what was written.

use camino::{Utf8Path, Utf8PathBuf};

use super::InstallError;
use super::changes::Changes;
use crate::model::digest::Sha256;
use crate::model::harmless::is_file_name;
use crate::model::installed::{FORMAT_VERSION, Kept, Record};
use crate::sys::files::{self, FileError};

const RECORD: &str = "modfarm-install.json";

/// Whether modfarm put something into the Apache in a folder.
#[must_use]
pub fn is_recorded(apache: &Utf8Path) -> bool {
    files::exists(&apache.join("modules").join(RECORD))
}

/// More than a record, a configuration or a module has.
pub(super) const LARGEST: u64 = 64 << 20;

/// An Apache that modules are put into.
#[derive(Clone, Debug)]
pub(super) struct Place {
    pub(super) apache: Utf8PathBuf,
    pub(super) modules: Utf8PathBuf,
    record: Utf8PathBuf,
}

impl Place {
    /// The Apache in a folder.
    pub(super) fn of(apache: &Utf8Path) -> Result<Self, InstallError> {
        let modules = apache.join("modules");
        if !files::is_dir(&modules) {
            return Err(InstallError::NoModules { apache: apache.to_owned() });
        }
        let apache = files::canonical(apache)?;
        let modules = apache.join("modules");
        let record = modules.join(RECORD);
        Ok(Self { apache, modules, record })
    }

    /// `conf/httpd.conf`.
    pub(super) fn main(&self) -> Utf8PathBuf {
        self.apache.join("conf").join("httpd.conf")
    }

    /// The file of our own below `conf`.
    pub(super) fn include(&self) -> Utf8PathBuf {
        self.apache.join("conf").join("extra").join("mod_wsgi-modfarm.conf")
    }

    /// Tries whether this user may write, before anything is downloaded.
    pub(super) fn expect_writable(&self) -> Result<(), InstallError> {
        let tried = files::temporary_file_in(&self.modules).map(drop);
        tried.map_err(|error| InstallError::of_writing(error, false))
    }

    /// What was put here; nothing where there is no record.
    pub(super) fn record(&self) -> Result<Record, InstallError> {
        let bytes = match files::read_limited(&self.record, LARGEST) {
            Ok(bytes) => bytes,
            Err(error) if error.is_not_found() => return Ok(empty()),
            Err(error) => return Err(error.into()),
        };
        parse(&bytes).map_err(|reason| InstallError::Record {
            path: self.record.clone(),
            folder: self.modules.clone(),
            reason,
        })
    }

    /// Writes the record down; one that is empty goes.
    pub(super) fn write(&self, record: &Record, changes: &mut Changes) -> Result<(), InstallError> {
        if record.modules.is_empty() && record.configuration.is_none() {
            return changes.remove(&self.record);
        }
        let current = Record { modfarm: env!("CARGO_PKG_VERSION").to_owned(), ..record.clone() };
        let json = serde_json::to_string_pretty(&current).unwrap_or_default() + "\n";
        changes.write(&self.record, json.as_bytes())
    }
}

fn empty() -> Record {
    Record {
        format_version: FORMAT_VERSION,
        modfarm: String::new(),
        modules: Vec::new(),
        configuration: None,
    }
}

fn parse(bytes: &[u8]) -> Result<Record, String> {
    let said = |error: serde_json::Error| error.to_string();
    let value: serde_json::Value = serde_json::from_slice(bytes).map_err(said)?;
    let version = value.get("format_version").and_then(serde_json::Value::as_u64);
    if version.is_some_and(|version| version > u64::from(FORMAT_VERSION)) {
        return Err("it was written by a later modfarm".to_owned());
    }
    let record: Record = serde_json::from_slice(bytes).map_err(said)?;
    let kept = record.modules.iter().filter_map(|entry| entry.kept.as_ref());
    let kept = kept.chain(record.configuration.iter().map(|entry| &entry.kept));
    let own = record.modules.iter().map(|entry| &entry.file);
    match own.chain(kept.map(|Kept { file, .. }| file)).find(|name| !is_file_name(name)) {
        Some(name) => Err(format!("'{name}' is no name of a file")),
        None => Ok(record),
    }
}

/// The SHA-256 of what is in a place, if anything is.
pub(super) fn there(path: &Utf8Path) -> Result<Option<Sha256>, FileError> {
    Ok(files::digest_if_there(path)?.map(|digest| digest.sha256))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_leads_nowhere_else() {
        let digest = Sha256::of(b"");
        let text = |file: &str, version: u32| {
            format!(
                r#"{{"format_version":{version},"modfarm":"0","modules":[{{"file":"{file}","sha256":"{digest}",
                "cell":"Apache24-win64-VS17/py313-VC14","version":"6.1.1","source":"x",
                "manifest_sha256":"{digest}"}}]}}"#
            )
        };
        assert_eq!(parse(text("a.so", 1).as_bytes()).unwrap().modules[0].file, "a.so");
        assert!(parse(text("../a.so", 1).as_bytes()).unwrap_err().contains("no name of a file"));
        assert!(parse(text("a.so", 2).as_bytes()).unwrap_err().contains("later modfarm"));
        assert!(parse(b"[]").is_err());
    }
}
