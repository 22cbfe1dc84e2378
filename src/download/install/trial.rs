//! The Apache itself says whether it takes its new configuration: `httpd -t`.

use camino::Utf8Path;
use tokio::runtime::Handle;
use tokio_util::sync::CancellationToken;

use super::{InstallError, Request};
use crate::model::cell::CellId;
use crate::model::installation::{Apache, Python};
use crate::roots::running::{Installation, What};
use crate::smoke::{Claim, Harness, Host, Judgement, PATIENCE, Setting, SmokeError, System, Trial};
use crate::sys::files::{self, FileError};
use crate::sys::guarded;

/// Who asks the Apache.
#[derive(Clone, Debug)]
pub struct Tester {
    harness: Harness,
    host: Host,
    stop: CancellationToken,
}

impl Tester {
    /// One for a module of this cell in this Apache with this Python. `prefixes` is the folder in which
    /// Wine's prefixes are kept.
    pub fn new(
        apache: &Apache,
        python: &Python,
        cell: &CellId,
        prefixes: &Utf8Path,
        stop: &CancellationToken,
    ) -> Result<Self, InstallError> {
        let cannot = |why| InstallError::CannotTest { why };
        let system = System::for_windows_programs(prefixes).map_err(cannot)?;
        system.runs(cell.apache.arch).map_err(cannot)?;
        let program = apache.folder.join("bin").join("httpd.exe");
        let own = guarded::own_program();
        let own = own.map_err(|source| SmokeError::Start { program, source })?;
        let harness = Harness { own, system, patience: PATIENCE };
        let host = host(apache, python, cell)?;
        Ok(Self { harness, host, stop: stop.clone() })
    }

    /// What runs it: Windows, or Wine and its version.
    #[must_use]
    pub fn name(&self) -> &str {
        self.harness.system.name()
    }

    /// A path as the Apache must have it in its configuration.
    #[must_use]
    pub fn spell(&self, path: &Utf8Path) -> String {
        self.harness.system.spell(path)
    }

    /// What it says of the configuration that it has now, with the module in its place. Waits for it, on a
    /// thread that may wait.
    pub(super) fn judge(
        &self,
        request: &Request<'_>,
        target: &Utf8Path,
    ) -> Result<Judgement, InstallError> {
        let trial = Trial {
            module: request.source.manifest().module.name.clone(),
            file_name: target.file_name().unwrap_or_default().to_owned(),
            file: files::read(target)?.into(),
            claim: Claim::default(),
            host: self.host.clone(),
            setting: Setting::default(),
            folder: request.apache.to_owned(),
        };
        Ok(Handle::current().block_on(self.harness.judge_configuration(&trial, &self.stop))?)
    }
}

fn host(apache: &Apache, python: &Python, cell: &CellId) -> Result<Host, FileError> {
    let installation = |what, folder: &Utf8Path, version: &Option<_>| {
        Ok::<_, FileError>(Installation {
            what,
            arch: cell.apache.arch,
            folder: files::canonical(folder)?,
            version: version.clone(),
            origin: "this machine".to_owned(),
        })
    };
    let series = What::Apache(cell.apache.series.clone());
    let apache = installation(series, &apache.folder, &apache.version)?;
    let python = installation(What::Python(python.tag), &python.base, &python.version)?;
    Ok(Host::of(&apache, &python))
}
