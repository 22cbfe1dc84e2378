//! What the stages work with: the connected runners, the roots at hand, the caches on disk.

mod offers;

use std::collections::BTreeMap;
use std::sync::Arc;

use camino::{Utf8Path, Utf8PathBuf};
use tokio_util::sync::CancellationToken;

use self::offers::{declared, limits, offered};
use super::ReleaseError;
use crate::farm::runner_file::{Reached, RunnerFile};
use crate::farm::{Actions, Cluster, Connection, Farm, Runner, Settings};
use crate::inspect::{Context, RootExports};
use crate::matrix::Matrix;
use crate::model::cell::{CellId, Verdict};
use crate::model::event::Events;
use crate::model::offer::Offer;
use crate::model::toolset::Toolset;
use crate::model::version::Version;
use crate::plan::{Assignment, Plan};
use crate::roots::catalogue::{ApacheArgument, Catalogue, PythonArgument};
use crate::roots::installed::{self, Installed};
use crate::roots::lock::LockFile;
use crate::roots::{Root, RootError, Source, SourceError};
use crate::sys::digests::DigestCache;
use crate::sys::files::{self, FileError};
use crate::sys::secret;

/// Which runners, which roots, which caches.
#[derive(Debug)]
pub struct WorkshopRequest {
    /// The runners.
    pub runners: Vec<RunnerFile>,
    /// What is made of those of GitHub Actions.
    pub on_actions: OnActions,
    /// How many jobs a runner runs at once, where not its file's number.
    pub slots: Option<usize>,
    /// Apache roots named on the command line.
    pub apaches: Vec<ApacheArgument>,
    /// Python roots named on the command line.
    pub pythons: Vec<PythonArgument>,
    /// The folder of everything that is kept between runs.
    pub state: Utf8PathBuf,
    /// The folder of this run's journal and logs.
    pub run: Utf8PathBuf,
}

/// What is made of runners of GitHub Actions, which nobody reaches from outside.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnActions {
    /// Nothing can be built on them from here.
    #[default]
    Refused,
    /// They offer what their files declare.
    Declared,
    /// This machine is one: it runs the job, and what stands on it is what it offers.
    Here,
}

/// The workshop, open.
#[derive(Debug)]
pub struct Workshop {
    farm: Farm,
    catalogues: BTreeMap<String, Catalogue>,
    offers: Vec<Offer>,
    newest: BTreeMap<String, Version>,
    roots: BTreeMap<String, Root>,
    exports: BTreeMap<String, Vec<Arc<RootExports>>>,
    digests: DigestCache,
    lock: LockFile,
    cache: Utf8PathBuf,
    logs: Utf8PathBuf,
}

impl Workshop {
    /// Reaches the runners, and looks what roots are at hand for each.
    pub async fn open(
        matrix: &Matrix,
        request: &WorkshopRequest,
        events: &Events,
    ) -> Result<Self, ReleaseError> {
        request.refuse_actions()?;
        let limits = limits(&request.runners, matrix)?;
        let cache = request.state.join("cache");
        let logs = request.run.join("logs");
        let settings = Settings {
            durations: Some(request.state.join("durations.json")),
            logs: Some(logs.clone()),
            ..Settings::new()?
        };
        warn_of_open_tokens(&request.runners, events);
        let runners: Vec<Runner> =
            request.runners.iter().filter_map(|file| runner(file, request)).collect();
        // None is named, or all of them are machines of GitHub Actions.
        let idle = runners.is_empty();
        // What lies on the disk is read while the workers ask their compilers for their versions.
        let connecting = async {
            if idle {
                return Ok(Farm::idle(settings));
            }
            Farm::connect(runners, settings, events).await
        };
        let (farm, kept) = tokio::join!(connecting, async {
            let digests = DigestCache::load(&request.state.join("digests.json"));
            Ok::<_, ReleaseError>((gather(matrix, request)?, digests))
        });
        let (mut farm, (catalogues, digests)) = (farm?.keeping(&cache.join("store"))?, kept?);
        catalogues.values().take(1).for_each(|catalogue| warn_of_no_roots(catalogue, events));
        for (runner, families) in &limits {
            farm.limit(runner, families.clone());
        }
        let offers = request
            .runners
            .iter()
            .filter_map(|file| {
                let limit = limits.get(file.name.as_str()).map(Vec::as_slice);
                let catalogue = catalogues.get(&file.name)?;
                Some(match request.declared(file) {
                    Some(actions) => vec![declared(file, actions, limit, catalogue)],
                    None => offered(file, limit, &farm, catalogue, events),
                })
            })
            .flatten()
            .collect();
        let newest = matrix
            .apaches
            .iter()
            .filter_map(|apache| Some((apache.label.to_string(), apache.newest.clone()?)))
            .collect();
        Ok(Self {
            farm,
            catalogues,
            offers,
            newest,
            roots: BTreeMap::new(),
            exports: BTreeMap::new(),
            digests,
            lock: LockFile::beside(Utf8Path::new(&matrix.file))?,
            cache,
            logs,
        })
    }

    /// The farm.
    #[must_use]
    pub fn farm(&self) -> &Farm {
        &self.farm
    }

    /// The farm, to be told of what was built elsewhere.
    pub(super) fn farm_mut(&mut self) -> &mut Farm {
        &mut self.farm
    }

    /// What every runner offers.
    #[must_use]
    pub fn offers(&self) -> &[Offer] {
        &self.offers
    }

    /// The roots that were opened, by name.
    #[must_use]
    pub fn roots(&self) -> &BTreeMap<String, Root> {
        &self.roots
    }

    /// The folder of this run's logs.
    #[must_use]
    pub fn logs(&self) -> &Utf8Path {
        &self.logs
    }

    /// The remembered digests.
    pub fn digests(&mut self) -> &mut DigestCache {
        &mut self.digests
    }

    /// The module's source in a folder.
    pub fn source_in(&mut self, module: &str, folder: &Utf8Path) -> Result<Source, SourceError> {
        Source::from_directory(module, folder, &mut self.digests)
    }

    /// The module's source from PyPI.
    pub fn source_of(
        &mut self,
        module: &str,
        version: &Version,
        events: &Events,
        stop: &CancellationToken,
    ) -> Result<Source, SourceError> {
        let (lock, digests) = (&mut self.lock, &mut self.digests);
        Source::from_pypi(module, version, &self.cache, lock, digests, events, stop)
    }

    /// Opens every root that the plan builds against.
    pub fn open_roots(
        &mut self,
        plan: &Plan,
        events: &Events,
        stop: &CancellationToken,
    ) -> Result<(), ReleaseError> {
        for (_, by) in plan.assigned() {
            for name in [&by.apache_root, &by.python_root] {
                if self.roots.contains_key(name) {
                    continue;
                }
                let Some(catalogue) = self.catalogues.get(&by.runner) else { continue };
                let (lock, digests) = (&mut self.lock, &mut self.digests);
                if let Some(root) =
                    catalogue.open(name, &self.cache, lock, digests, events, stop)?
                {
                    self.roots.insert(name.clone(), root);
                }
            }
        }
        Ok(())
    }

    /// The toolset of a runner.
    #[must_use]
    pub fn toolset(&self, runner: &str, name: &str) -> Option<&Toolset> {
        self.farm.toolsets(runner).iter().find(|toolset| toolset.name == name)
    }

    /// The toolsets that the plan builds with, by the names of the runner and of the toolset.
    #[must_use]
    pub fn toolsets_of(&self, plan: &Plan) -> BTreeMap<(String, String), Toolset> {
        let named = |(_, by): (_, &Assignment)| {
            let toolset = self.toolset(&by.runner, &by.toolset)?.clone();
            Some(((by.runner.clone(), by.toolset.clone()), toolset))
        };
        plan.assigned().filter_map(named).collect()
    }

    /// What a cell's file will meet: the exports of the roots it was built against.
    pub fn context(&mut self, plan: &Plan, cell: &CellId) -> Result<Context, FileError> {
        let Some((planned, by)) = plan.assigned().find(|(planned, _)| planned.id == *cell) else {
            return Ok(Context::default());
        };
        let mut roots = Vec::new();
        for name in [&by.apache_root, &by.python_root] {
            if !self.exports.contains_key(name) {
                let exports = self.roots.get(name).map_or(Ok(Vec::new()), exports)?;
                let exports = exports.into_iter().map(Arc::new).collect();
                self.exports.insert(name.clone(), exports);
            }
            roots.extend(self.exports[name].iter().cloned());
        }
        Ok(Context {
            roots,
            mixing_allowed: matches!(planned.verdict, Verdict::Unsupported { .. }),
            newest_apache: self.newest.get(&cell.apache.to_string()).cloned(),
        })
    }

    /// Ends the workers and writes down what was learnt.
    pub async fn close(self) {
        if let Err(error) = self.digests.save() {
            tracing::warn!(%error, "digests are not remembered");
        }
        self.farm.close().await;
    }
}

impl WorkshopRequest {
    /// What a runner's file declares, where that is all that is known of it.
    fn declared<'a>(&self, file: &'a RunnerFile) -> Option<&'a Actions> {
        match &file.reached {
            Reached::Actions(actions) if self.on_actions == OnActions::Declared => Some(actions),
            _ => None,
        }
    }

    fn refuse_actions(&self) -> Result<(), ReleaseError> {
        let on_actions = |file: &&RunnerFile| matches!(file.reached, Reached::Actions(_));
        match self.runners.iter().find(on_actions) {
            Some(RunnerFile { name, file, .. }) if self.on_actions == OnActions::Refused => {
                Err(ReleaseError::OnActions { runner: name.clone(), file: file.clone() })
            }
            _ => Ok(()),
        }
    }
}

/// The roots at hand for each runner, by its name.
pub(super) fn gather(
    matrix: &Matrix,
    request: &WorkshopRequest,
) -> Result<BTreeMap<String, Catalogue>, RootError> {
    let installed = installed::look();
    let gathered = request.runners.iter().map(|file| {
        let kit = file.kit.as_deref();
        let (apaches, pythons) = (&request.apaches, &request.pythons);
        // What is installed here is nothing to a machine of GitHub's.
        let Some(actions) = request.declared(file) else {
            let catalogue = Catalogue::gather(matrix, apaches, pythons, &installed, kit)?;
            return Ok((file.name.clone(), catalogue));
        };
        let mut catalogue =
            Catalogue::gather(matrix, apaches, pythons, &Installed::default(), kit)?;
        catalogue.declare(actions.apaches(), actions.pythons(matrix));
        Ok((file.name.clone(), catalogue))
    });
    gathered.collect()
}

/// The runner that a file describes; nothing where nobody can reach it from here.
pub(super) fn runner(file: &RunnerFile, request: &WorkshopRequest) -> Option<Runner> {
    let here = || Connection::Local { store: request.state.join("cache").join("store") };
    let connection = match &file.reached {
        Reached::Local => here(),
        Reached::Ssh(ssh) => Connection::Ssh(ssh.clone()),
        Reached::Cluster(cluster) => Connection::Cluster(cluster.clone()),
        Reached::Actions(_) if request.on_actions == OnActions::Here => here(),
        Reached::Actions(_) => return None,
    };
    let slots = request.slots.or(file.slots).unwrap_or(0);
    Some(Runner { name: file.name.clone(), slots, connection })
}

/// Says what is installed and cannot be built against, where there is nothing else of its kind.
fn warn_of_no_roots(catalogue: &Catalogue, events: &Events) {
    if catalogue.apaches.is_empty() || catalogue.pythons.is_empty() {
        for lack in &catalogue.lacks {
            let (what, hint) = lack.split_once("\nhint: ").unwrap_or((lack, ""));
            events.warn(what, (!hint.is_empty()).then(|| hint.to_owned()));
        }
    }
}

/// Warns of files with a token that others than their owner can read.
fn warn_of_open_tokens(runners: &[RunnerFile], events: &Events) {
    for runner in runners {
        let Reached::Cluster(Cluster { token: Some(token), .. }) = &runner.reached else {
            continue;
        };
        if secret::is_open_to_others(token) {
            let warning =
                format!("the token of runner {}, {token}, can be read by others", runner.name);
            events.warn(warning, Some(format!("chmod 600 {token}")));
        }
    }
}

/// The exports that a module will meet: of the DLLs where the root has them, of the import libraries
/// otherwise.
fn exports(root: &Root) -> Result<Vec<RootExports>, FileError> {
    let mut all: Vec<RootExports> = Vec::new();
    let (dlls, libraries): (Vec<_>, Vec<_>) =
        root.libraries.iter().partition(|path| path.extension() == Some("dll"));
    for path in dlls {
        let dll = path.file_name().unwrap_or_default();
        all.extend(RootExports::from_dll(&files::read(path)?, dll, &root.name));
    }
    for path in libraries {
        let read = RootExports::from_import_library(&files::read(path)?, &root.name);
        for exports in read.unwrap_or_default() {
            if !all.iter().any(|known| known.dll.eq_ignore_ascii_case(&exports.dll)) {
                all.push(exports);
            }
        }
    }
    Ok(all)
}
