//! A runner's file, `runners/NAME.yaml`: how it is reached, what it builds with and against.

use std::collections::BTreeMap;

use camino::{Utf8Path, Utf8PathBuf};
use schemars::JsonSchema;
use serde::Deserialize;

use super::actions::check_runs_on;
use super::reach::{check_host, check_program};
use super::{Actions, Cluster, DeclaredApache, Ssh};
use crate::matrix::PythonRange;
use crate::model::arch::Arch;
use crate::model::place::Place;
use crate::sys::files::{self, FileError};

/// A runner file is a page; whatever is longer is something else.
const LARGEST: u64 = 64 << 10;

/// A runner, as its file describes it.
#[derive(Clone, Debug)]
pub struct RunnerFile {
    /// Its name, the stem of the file.
    pub name: String,
    /// Its file, as it was named.
    pub file: Utf8PathBuf,
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
#[derive(Clone, Debug)]
pub enum Reached {
    /// A worker is started on this machine.
    Local,
    /// A worker is started on another machine.
    Ssh(Ssh),
    /// A server runs already.
    Cluster(Cluster),
    /// Not from here: a job of GitHub Actions runs there.
    Actions(Actions),
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
    /// A machine that a job of GitHub Actions gets.
    GitHub,
}

/// A runner of modfarm: how it is reached, what it builds with and against.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "modfarm runner")]
struct Text {
    /// How it is reached: `local` is a worker on this machine, `ssh` one that OpenSSH's client starts on
    /// another, `cluster` a server of the Remote Execution API that runs already, `github` a machine that a
    /// job of GitHub Actions gets
    connection: ConnectionKind,
    /// What it builds with: `cross` is clang, lld and mingw-w64 on Linux, `msvc` every version of Microsoft's
    /// tools on Windows, `msvc-14.44` that one alone. A cluster needs a whole name
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
    /// With `ssh`, modfarm's name or path on that host, `modfarm` without it. It reaches the host's shell
    /// unquoted: letters, digits and . _ - + / \\ : ~ are all that it may hold
    #[serde(default)]
    program: Option<String>,
    /// With `ssh`, the configuration file of OpenSSH's client (`ssh -F`), where not ~/.ssh/config; relative
    /// to where modfarm runs
    #[serde(default)]
    config: Option<String>,
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
    /// With `github`, the labels by which a job gets such a machine: `[windows-2025]`,
    /// `[self-hosted, windows, VC9]`
    #[serde(default, rename = "runs-on")]
    runs_on: Option<Vec<String>>,
    /// With `github`, for which architectures it builds; both without it
    #[serde(default)]
    arches: Option<Vec<Arch>>,
    /// With `github`, the Pythons that a job has there, which `setup-python` installs: `3.10 - 3.15`
    #[serde(default)]
    pythons: Option<PythonRange>,
    /// With `github`, the Apaches that stand there: `[2.4-win64]`
    #[serde(default)]
    apaches: Option<Vec<DeclaredApache>>,
    /// With `github`, how many such machines there are, where they are your own: no more jobs are made
    #[serde(default)]
    machines: Option<std::num::NonZeroUsize>,
}

impl Text {
    /// How the runner is reached; the error names a key that is missing, wrong, or does not belong there.
    fn reached(&mut self) -> Result<Reached, (&'static str, String)> {
        let reached = match self.connection {
            ConnectionKind::Local => Reached::Local,
            ConnectionKind::Ssh => Reached::Ssh(self.ssh()?),
            ConnectionKind::Cluster => Reached::Cluster(self.cluster()?),
            ConnectionKind::GitHub => Reached::Actions(self.actions()?),
        };
        // What was not taken above is of another kind of connection.
        let left = [
            ("host", self.host.is_some()),
            ("program", self.program.is_some()),
            ("config", self.config.is_some()),
            ("address", self.address.is_some()),
            ("instance", self.instance.is_some()),
            ("token", self.token.is_some()),
            ("authority", self.authority.is_some()),
            ("certificate", self.certificate.is_some()),
            ("key", self.key.is_some()),
            ("properties", !self.properties.is_empty()),
            ("runs-on", self.runs_on.is_some()),
            ("arches", self.arches.is_some()),
            ("pythons", self.pythons.is_some()),
            ("apaches", self.apaches.is_some()),
            ("machines", self.machines.is_some()),
        ];
        match left.iter().find(|(_, left)| *left) {
            Some((key, _)) => Err((*key, format!("'{key}' does not go with this 'connection'"))),
            None => Ok(reached),
        }
    }

    fn ssh(&mut self) -> Result<Ssh, (&'static str, String)> {
        let host = self.host.take();
        let host =
            host.ok_or_else(|| ("connection", "'connection: ssh' needs 'host'".to_owned()))?;
        check_host(&host).map_err(|reason| ("host", reason))?;
        let program = self.program.take().unwrap_or_else(|| "modfarm".to_owned());
        check_program(&program).map_err(|reason| ("program", reason))?;
        Ok(Ssh { host, program, config: self.config.take().map(Utf8PathBuf::from) })
    }

    fn cluster(&mut self) -> Result<Cluster, (&'static str, String)> {
        let needs = || ("connection", "'connection: cluster' needs 'address'".to_owned());
        Ok(Cluster {
            address: self.address.take().ok_or_else(needs)?,
            instance: self.instance.take().unwrap_or_default(),
            token: self.token.take().map(Utf8PathBuf::from),
            authority: self.authority.take().map(Utf8PathBuf::from),
            identity: match (self.certificate.take(), self.key.take()) {
                (Some(certificate), Some(key)) => Some((certificate.into(), key.into())),
                (None, None) => None,
                (Some(_), None) => {
                    return Err(("certificate", "'certificate' needs 'key'".to_owned()));
                }
                (None, Some(_)) => return Err(("key", "'key' needs 'certificate'".to_owned())),
            },
            toolset: self.toolset.clone(),
            properties: std::mem::take(&mut self.properties),
        })
    }

    /// What nobody is asked, the file has to say.
    fn actions(&mut self) -> Result<Actions, (&'static str, String)> {
        let needs = |what: &str| ("connection", format!("'connection: github' needs '{what}'"));
        let runs_on = self.runs_on.take().ok_or_else(|| needs("runs-on"))?;
        check_runs_on(&runs_on).map_err(|reason| ("runs-on", reason))?;
        if self.labels.is_empty() {
            return Err(needs("labels"));
        }
        let arches = self.arches.take().unwrap_or_else(|| Arch::ALL.to_vec());
        if arches.is_empty() {
            return Err(("arches", "'arches' is empty".to_owned()));
        }
        Ok(Actions {
            runs_on,
            arches,
            pythons: self.pythons.take(),
            apaches: self.apaches.take().unwrap_or_default(),
            machines: self.machines.take().map(std::num::NonZeroUsize::get),
        })
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
    /// Two that jobs could not tell apart.
    #[error(
        "{one} and {other} are both named '{name}'\nhint: a runner's name is its file's, without .yaml; rename one"
    )]
    Twice {
        /// The name.
        name: String,
        /// The one file.
        one: Utf8PathBuf,
        /// The other.
        other: Utf8PathBuf,
    },
    /// More than one cannot be used.
    #[error("{} runner files cannot be used:{}\nhint: `modfarm schema runner` prints what a runner file may hold", .0.len(), listed(.0))]
    Several(Vec<RunnerFileError>),
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

impl RunnerFileError {
    /// Where the first of what is wrong stands, where that is known.
    #[must_use]
    pub fn place(&self) -> Option<Place> {
        match self {
            Self::Bad { path, reason } => {
                let (line, column) = said_place(reason)?;
                Some(Place::new(path.as_str(), line, column))
            }
            Self::Several(errors) => errors.iter().find_map(Self::place),
            Self::Twice { .. } | Self::None { .. } | Self::File(_) => None,
        }
    }
}

/// The place in the words of the YAML reader, `… at line 3, column 1`.
fn said_place(reason: &str) -> Option<(usize, usize)> {
    let (_, place) = reason.rsplit_once(" at line ")?;
    let (line, rest) = place.split_once(", column ")?;
    let digits = rest.find(|found: char| !found.is_ascii_digit()).unwrap_or(rest.len());
    Some((line.parse().ok()?, rest[..digits].parse().ok()?))
}

/// Errors one below the other, without their hints.
fn listed(errors: &[RunnerFileError]) -> String {
    let line = |error: &RunnerFileError| {
        let text = error.to_string();
        format!("\n  {}", text.split("\nhint: ").next().unwrap_or_default())
    };
    errors.iter().map(line).collect()
}

impl RunnerFile {
    /// Reads one file.
    pub fn load(path: &Utf8Path) -> Result<Self, RunnerFileError> {
        let bad = |reason: String| RunnerFileError::Bad { path: path.to_owned(), reason };
        let bytes = files::read_limited(path, LARGEST)?;
        let written = String::from_utf8(bytes).map_err(|_| bad("it is not UTF-8".to_owned()))?;
        let options = serde_yaml::options! { with_snippet: false };
        let mut text: Text = serde_yaml::from_str_with_options(&written, options)
            .map_err(|error| bad(on_one_line(&error.to_string())))?;
        Ok(Self {
            reached: text
                .reached()
                .map_err(|(key, reason)| bad(format!("{reason}{}", place(&written, key))))?,
            name: path.file_stem().unwrap_or_default().to_owned(),
            file: path.to_owned(),
            labels: text.labels,
            toolset: text.toolset,
            slots: text.slots.map(std::num::NonZeroUsize::get),
            kit: text.kit.map(Utf8PathBuf::from),
        })
    }

    /// Reads every runner file in a folder, by name. All that cannot be used are named at once.
    pub fn load_all(folder: &Utf8Path) -> Result<Vec<Self>, RunnerFileError> {
        Self::load_these(&Self::files_in(folder)?)
    }

    /// The runner files in a folder, by name; that there is one is made sure of.
    pub fn files_in(folder: &Utf8Path) -> Result<Vec<Utf8PathBuf>, RunnerFileError> {
        let names = files::names(folder)
            .or_else(|error| if error.is_not_found() { Ok(Vec::new()) } else { Err(error) })?;
        let paths: Vec<Utf8PathBuf> = names
            .iter()
            .filter(|name| Utf8Path::new(name).extension() == Some("yaml"))
            .map(|name| folder.join(name))
            .collect();
        if paths.is_empty() {
            return Err(RunnerFileError::None { folder: folder.to_owned() });
        }
        Ok(paths)
    }

    /// Reads these files. All that cannot be used are named at once.
    pub fn load_these(paths: &[Utf8PathBuf]) -> Result<Vec<Self>, RunnerFileError> {
        let (mut runners, mut errors) = (Vec::new(), Vec::new());
        let mut places: BTreeMap<String, &Utf8PathBuf> = BTreeMap::new();
        for path in paths {
            match Self::load(path) {
                Ok(runner) => {
                    if let Some(one) = places.insert(runner.name.clone(), path) {
                        let (one, other) = (one.clone(), path.clone());
                        errors.push(RunnerFileError::Twice { name: runner.name, one, other });
                    } else {
                        runners.push(runner);
                    }
                }
                Err(error) => errors.push(error),
            }
        }
        match errors.len() {
            0 => Ok(runners),
            1 => Err(errors.remove(0)),
            _ => Err(RunnerFileError::Several(errors)),
        }
    }
}

/// What the YAML reader says without the hint of a value, for whoever reads it has one of ours.
fn on_one_line(said: &str) -> String {
    let Some((message, rest)) = said.split_once('\n') else { return said.to_owned() };
    format!("{message}{}", rest.rfind(" at line ").map_or("", |place| &rest[place..]))
}

/// Where a key stands, in the words of the YAML reader; nothing where it stands on no line of its own.
fn place(text: &str, key: &str) -> String {
    let stands =
        |line: &str| line.strip_prefix(key).is_some_and(|rest| rest.trim_start().starts_with(':'));
    match text.lines().position(stands) {
        Some(line) => format!(" at line {}, column 1", line + 1),
        None => String::new(),
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
            ("connection: ssh\ntoolset: cross\n", "needs 'host' at line 1, column 1"),
            ("connection: ssh\ntoolset: cross\nhost: -oX=y\n", "begins with '-'"),
            ("toolset: cross\nconnection: ssh\nhost: a b\n", "at line 3, column 1"),
            ("connection: ssh\ntoolset: cross\nhost: a\nprogram: my farm\n", "at line 4, column 1"),
            ("connection: local\ntoolset: cross\nconfig: x\n", "'config' does not go with"),
            ("connection: local\ntoolset: cross\nruns-on: [x]\n", "at line 3, column 1"),
            ("connection: github\ntoolset: msvc\nlabels: [VC14]\n", "needs 'runs-on' at line 1"),
            ("connection: github\ntoolset: msvc\nruns-on: [w]\n", "needs 'labels' at line 1"),
            (
                "connection: github\ntoolset: msvc\nlabels: [VC14]\nruns-on: [\"a b\"]\n",
                "'a b' is no label for 'runs-on': letters, digits and . _ - are all that it may hold at line 4",
            ),
            (
                "connection: github\ntoolset: msvc\nlabels: [VC14]\nruns-on: [w]\nhost: x\n",
                "'host' does not go with",
            ),
            (
                "connection: github\ntoolset: msvc\nlabels: [VC14]\nruns-on: [w]\npythons: \"3\"\n",
                "line 5",
            ),
        ] {
            let error = load(text).unwrap_err();
            let place = error.place();
            let error = error.to_string();
            assert!(error.contains("mine.yaml") && error.contains(expected), "{error}");
            let said =
                place.map(|place| format!("at line {}, column {}", place.line, place.column));
            assert!(error.contains(&said.expect(&error)), "{error}");
        }
    }

    #[test]
    fn all_bad_files_are_named_at_once_and_so_are_two_of_a_name() {
        let folder = tempfile::tempdir().unwrap();
        let folder = Utf8PathBuf::from_path_buf(folder.path().to_owned()).unwrap();
        for (name, text) in [
            ("a.yaml", "connection: local\ntoolset: cross\nslot: 3\n"),
            ("b.yaml", "connection: local\ntoolset: cross\n"),
            ("c.yaml", "connection: ssh\ntoolset: cross\n"),
        ] {
            files::write_atomic(&folder.join(name), text.as_bytes()).unwrap();
        }
        let error = RunnerFile::load_all(&folder).unwrap_err().to_string();
        for word in ["2 runner files", "a.yaml", "line 3", "c.yaml", "needs 'host' at line 1"] {
            assert!(error.contains(word), "{word}: {error}");
        }
        assert_eq!(error.matches("hint: ").count(), 1, "{error}");
        let twice = [folder.join("b.yaml"), folder.join("./b.yaml")];
        let error = RunnerFile::load_these(&twice).unwrap_err().to_string();
        assert!(error.contains("are both named 'b'"), "{error}");
    }
}
