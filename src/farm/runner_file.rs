//! A runner's file, `runners/NAME.yaml`: how it is reached, what it builds with and against.

use std::collections::BTreeMap;

use camino::{Utf8Path, Utf8PathBuf};
use schemars::JsonSchema;
use serde::Deserialize;

use super::{Cluster, Ssh};
use crate::sys::files::{self, FileError};

/// A runner file is a page; whatever is longer is something else.
const LARGEST: u64 = 64 << 10;

/// A runner, as its file describes it.
#[derive(Clone, Debug)]
pub struct RunnerFile {
    /// Its name, the stem of the file.
    pub name: String,
    /// How it is reached.
    pub reached: Reached,
    /// The toolset it builds with.
    pub toolset: String,
    /// How many jobs it runs at once; without it one a core, of this machine or of the other.
    pub slots: Option<usize>,
    /// The compilers or ABI families that it builds for; all that its toolset can where there are none.
    pub labels: Vec<String>,
    /// The folder of the cross kit that its roots come from, relative to where modfarm runs.
    pub kit: Option<Utf8PathBuf>,
}

/// How a runner is reached, as its file says it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reached {
    /// A worker is started on this machine.
    Local,
    /// A worker is started on another machine.
    Ssh(Ssh),
    /// A server runs already.
    Cluster(Cluster),
}

/// How a runner is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ConnectionKind {
    /// A worker started on this machine.
    Local,
    /// A worker started on another machine by `ssh`.
    Ssh,
    /// A server of the Remote Execution API, over TCP.
    Cluster,
}

/// A runner of modfarm: how it is reached, what it builds with and against.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "modfarm runner")]
struct Text {
    /// How it is reached: `local` is a worker on this machine, `ssh` one that OpenSSH's client starts on
    /// another, `cluster` a server of the Remote Execution API that runs already
    connection: ConnectionKind,
    /// What it builds with: `cross` is clang, lld and mingw-w64 on Linux
    toolset: String,
    /// How many jobs it runs at once; without it one a core
    #[serde(default)]
    slots: Option<std::num::NonZeroUsize>,
    /// The compilers (`VS17`) or ABI families (`VC14`) that it builds for; without them all that its
    /// toolset can
    #[serde(default)]
    labels: Vec<String>,
    /// The folder of the cross kit that its Apache and Python roots come from
    #[serde(default)]
    kit: Option<String>,
    /// With `ssh`, what OpenSSH's client is called with: `host`, `user@host`, `ssh://user@host:port`, or
    /// an alias of ~/.ssh/config
    #[serde(default)]
    host: Option<String>,
    /// With `ssh`, modfarm's name or path on that host, `modfarm` without it
    #[serde(default)]
    program: Option<String>,
    /// With `cluster`, where the server is: `grpc://host:port`, or with TLS `grpcs://host:port`
    #[serde(default)]
    address: Option<String>,
    /// With `cluster`, the name of the instance on the server, if it has one
    #[serde(default)]
    instance: Option<String>,
    /// With `cluster`, a file that holds the token to be let in with
    #[serde(default)]
    token: Option<String>,
    /// With `cluster`, the file of the certificates to trust, in PEM, where not the system's
    #[serde(default)]
    authority: Option<String>,
    /// With `cluster`, the file of the certificate to be known by, in PEM
    #[serde(default)]
    certificate: Option<String>,
    /// With `cluster`, the file of that certificate's key, in PEM
    #[serde(default)]
    key: Option<String>,
    /// With `cluster`, platform properties that a machine must have to get a job, besides the toolset
    #[serde(default)]
    properties: BTreeMap<String, String>,
}

impl Text {
    /// How the runner is reached; the error names a key that is missing or does not belong there.
    fn reached(&mut self) -> Result<Reached, String> {
        let reached = match self.connection {
            ConnectionKind::Local => Reached::Local,
            ConnectionKind::Ssh => Reached::Ssh(Ssh {
                host: self.host.take().ok_or("'connection: ssh' needs 'host'")?,
                program: self.program.take().unwrap_or_else(|| "modfarm".to_owned()),
            }),
            ConnectionKind::Cluster => Reached::Cluster(Cluster {
                address: self.address.take().ok_or("'connection: cluster' needs 'address'")?,
                instance: self.instance.take().unwrap_or_default(),
                token: self.token.take().map(Utf8PathBuf::from),
                authority: self.authority.take().map(Utf8PathBuf::from),
                identity: match (self.certificate.take(), self.key.take()) {
                    (Some(certificate), Some(key)) => Some((certificate.into(), key.into())),
                    (None, None) => None,
                    _ => return Err("'certificate' and 'key' go together".to_owned()),
                },
                properties: std::mem::take(&mut self.properties),
            }),
        };
        // What was not taken above is of another kind of connection.
        let left = [
            ("host", self.host.is_some()),
            ("program", self.program.is_some()),
            ("address", self.address.is_some()),
            ("instance", self.instance.is_some()),
            ("token", self.token.is_some()),
            ("authority", self.authority.is_some()),
            ("certificate", self.certificate.is_some()),
            ("key", self.key.is_some()),
            ("properties", !self.properties.is_empty()),
        ];
        match left.iter().find(|(_, left)| *left) {
            Some((key, _)) => Err(format!("'{key}' does not go with this 'connection'")),
            None => Ok(reached),
        }
    }
}

/// A runner file that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum RunnerFileError {
    /// It is not what it should be.
    #[error("{path}: {reason}\nhint: `modfarm schema runner` prints what a runner file may hold")]
    Bad {
        /// The file.
        path: Utf8PathBuf,
        /// What is wrong, with line and column.
        reason: String,
    },
    /// There is none.
    #[error(
        "no runner file (*.yaml) in {folder}\nhint: name one with --runner, or run modfarm where matrix.yaml is"
    )]
    None {
        /// The folder that was looked into.
        folder: Utf8PathBuf,
    },
    /// It cannot be read.
    #[error(transparent)]
    File(#[from] FileError),
}

impl RunnerFile {
    /// Reads one file.
    pub fn load(path: &Utf8Path) -> Result<Self, RunnerFileError> {
        let bad = |reason: String| RunnerFileError::Bad { path: path.to_owned(), reason };
        let bytes = files::read_limited(path, LARGEST)?;
        let text = String::from_utf8(bytes).map_err(|_| bad("it is not UTF-8".to_owned()))?;
        let mut text: Text = serde_yaml::from_str(&text).map_err(|error| bad(error.to_string()))?;
        Ok(Self {
            reached: text.reached().map_err(bad)?,
            name: path.file_stem().unwrap_or_default().to_owned(),
            labels: text.labels,
            toolset: text.toolset,
            slots: text.slots.map(std::num::NonZeroUsize::get),
            kit: text.kit.map(Utf8PathBuf::from),
        })
    }

    /// Reads every runner file in a folder, by name.
    pub fn load_all(folder: &Utf8Path) -> Result<Vec<Self>, RunnerFileError> {
        let names = files::names(folder)
            .or_else(|error| if error.is_not_found() { Ok(Vec::new()) } else { Err(error) })?;
        let runners = names
            .iter()
            .filter(|name| Utf8Path::new(name).extension() == Some("yaml"))
            .map(|name| Self::load(&folder.join(name)))
            .collect::<Result<Vec<_>, _>>()?;
        if runners.is_empty() {
            return Err(RunnerFileError::None { folder: folder.to_owned() });
        }
        Ok(runners)
    }
}

/// The JSON Schema of runner files.
#[must_use]
pub fn schema() -> String {
    format!("{:#}\n", schemars::schema_for!(Text).as_value())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_names_file_line_and_column() {
        let folder = tempfile::tempdir().unwrap();
        let folder = Utf8PathBuf::from_path_buf(folder.path().to_owned()).unwrap();
        let path = folder.join("mine.yaml");
        let load = |text: &str| {
            files::write_atomic(&path, text.as_bytes()).unwrap();
            RunnerFile::load(&path)
        };
        let runner = load("connection: local\ntoolset: cross\nslots: 3\n").unwrap();
        assert_eq!((runner.name.as_str(), runner.slots), ("mine", Some(3)));
        for (text, expected) in [
            ("connection: local\ntoolset: cross\nslot: 3\n", "line 3"),
            ("connection: carrier-pigeon\ntoolset: cross\n", "line 1"),
            ("connection: local\ntoolset: cross\nslots: 0\n", "line 3"),
            ("connection: local\n", "toolset"),
        ] {
            let error = load(text).unwrap_err().to_string();
            assert!(error.contains("mine.yaml") && error.contains(expected), "{error}");
        }
    }
}
