//! What the stages work with: the connected runners, the roots at hand, the caches on disk.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use camino::{Utf8Path, Utf8PathBuf};
use tokio_util::sync::CancellationToken;

use crate::farm::runner_file::{Reached, RunnerFile};
use crate::farm::{Cluster, Connection, Farm, FarmError, Runner, Settings};
use crate::inspect::{Context, RootExports};
use crate::matrix::Matrix;
use crate::model::abi::AbiFamily;
use crate::model::cell::{CellId, Verdict};
use crate::model::event::Events;
use crate::model::offer::Offer;
use crate::model::toolset::Toolset;
use crate::model::version::Version;
use crate::plan::{Assignment, Build, Plan, PlanError};
use crate::publish::PublishError;
use crate::publish::directory::DirectoryError;
use crate::publish::github::GitHubError;
use crate::publish::release::FolderError;
use crate::roots::catalogue::{ApacheArgument, Catalogue, CatalogueError, PythonArgument};
use crate::roots::lock::{LockError, LockFile};
use crate::roots::running::RunningError;
use crate::roots::{Root, RootError, Source, SourceError};
use crate::smoke::SmokeError;
use crate::sys::digests::DigestCache;
use crate::sys::files::{self, FileError};
use crate::sys::secret;

/// Which runners, which roots, which caches.
#[derive(Debug)]
pub struct WorkshopRequest {
    /// The runners.
    pub runners: Vec<RunnerFile>,
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

/// Why there is no release.
#[derive(Debug, thiserror::Error)]
pub enum ReleaseError {
    /// The request makes no plan.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// The module's source cannot be had.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// A root cannot be had.
    #[error(transparent)]
    Root(#[from] CatalogueError),
    /// `matrix.lock` cannot be used.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// No runner can be reached.
    #[error(transparent)]
    Farm(#[from] FarmError),
    /// The release cannot be put where it belongs.
    #[error(transparent)]
    Publish(#[from] PublishError),
    /// A file cannot be read or written.
    #[error(transparent)]
    File(#[from] FileError),
    /// There are cells, but nobody can build any.
    #[error(
        "no runner can build any of the {cells} cells: {reason}\nhint: run runners/cross/setup, or name roots with --apache-root and --python-root"
    )]
    NothingToBuild {
        /// How many cells there are.
        cells: usize,
        /// Why the first of them is not built.
        reason: String,
    },
    /// A runner's label is none that the matrix knows.
    #[error(
        "runner '{runner}': the label '{label}' is neither a compiler of the matrix nor an ABI family\nhint: a label is one of {}", known.join(", ")
    )]
    Label {
        /// The runner.
        runner: String,
        /// The label.
        label: String,
        /// What it could be.
        known: Vec<String>,
    },
    /// Jobs failed.
    #[error("{} failed: {}\nhint: nothing was published; the logs are in {logs}; the next run builds only what failed", count(jobs.len()), jobs.join(", "))]
    Failed {
        /// Their names.
        jobs: Vec<String>,
        /// The folder of the logs.
        logs: Utf8PathBuf,
    },
    /// Built files are not what their names say.
    #[error("the inspection refused {}\nhint: nothing was published; the findings stand above", cells.join(", "))]
    Refused {
        /// The cells.
        cells: Vec<String>,
    },
    /// Built files do not work.
    #[error(
        "{} did not pass in a real Apache: {}\nhint: nothing was published; configuration and logs are in {folder}; --allow-failed-smoke publishes all the same and says so",
        cells_count(cells.len()), cells.join(", ")
    )]
    NotServed {
        /// The cells.
        cells: Vec<String>,
        /// The folder with a folder of configuration and logs for each.
        folder: Utf8PathBuf,
    },
    /// What was named to try files with is no installation.
    #[error(transparent)]
    Running(#[from] RunningError),
    /// Files cannot be tried.
    #[error(transparent)]
    Smoke(#[from] SmokeError),
    /// Ended with Ctrl-C.
    #[error("interrupted\nhint: nothing was published; the next run continues from the cache")]
    Cancelled,
}

fn cells_count(cells: usize) -> String {
    if cells == 1 { "1 cell".to_owned() } else { format!("{cells} cells") }
}

fn count(jobs: usize) -> String {
    if jobs == 1 { "1 job".to_owned() } else { format!("{jobs} jobs") }
}

impl ReleaseError {
    /// modfarm does not find itself.
    pub(super) fn own_program(source: std::io::Error) -> Self {
        Self::Smoke(SmokeError::Start { program: "modfarm".into(), source })
    }
}

impl From<DirectoryError> for ReleaseError {
    fn from(error: DirectoryError) -> Self {
        Self::Publish(error.into())
    }
}

impl From<GitHubError> for ReleaseError {
    fn from(error: GitHubError) -> Self {
        Self::Publish(error.into())
    }
}

impl From<FolderError> for ReleaseError {
    fn from(error: FolderError) -> Self {
        Self::Publish(error.into())
    }
}

impl From<RootError> for ReleaseError {
    fn from(error: RootError) -> Self {
        Self::Root(error.into())
    }
}

impl Workshop {
    /// Reaches the runners, and looks what roots are at hand for each.
    pub async fn open(
        matrix: &Matrix,
        request: &WorkshopRequest,
        events: &Events,
    ) -> Result<Self, ReleaseError> {
        let limits = limits(&request.runners, matrix)?;
        let cache = request.state.join("cache");
        let logs = request.run.join("logs");
        let settings = Settings {
            durations: Some(request.state.join("durations.json")),
            logs: Some(logs.clone()),
            ..Settings::new()?
        };
        warn_of_open_tokens(&request.runners, events);
        let runners = request.runners.iter().map(|file| runner(file, request)).collect();
        // What lies on the disk is read while the workers ask their compilers for their versions.
        let (farm, kept) = tokio::join!(Farm::connect(runners, settings, events), async {
            let digests = DigestCache::load(&request.state.join("digests.json"));
            Ok::<_, ReleaseError>((gather(matrix, request)?, digests))
        });
        let (mut farm, (catalogues, digests)) = (farm?.keeping(&cache.join("store"))?, kept?);
        for (runner, families) in &limits {
            farm.limit(runner, families.clone());
        }
        let offers = request
            .runners
            .iter()
            .filter_map(|file| {
                let limit = limits.get(file.name.as_str()).map(Vec::as_slice);
                offer(file, limit, &farm, catalogues.get(&file.name)?, events)
            })
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
        for by in assignments(plan) {
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
        let named = |by: &Assignment| {
            let toolset = self.toolset(&by.runner, &by.toolset)?.clone();
            Some(((by.runner.clone(), by.toolset.clone()), toolset))
        };
        assignments(plan).filter_map(named).collect()
    }

    /// What a cell's file will meet: the exports of the roots it was built against.
    pub fn context(&mut self, plan: &Plan, cell: &CellId) -> Result<Context, FileError> {
        let Some(planned) = plan.cells.iter().find(|planned| planned.id == *cell) else {
            return Ok(Context::default());
        };
        let Build::By(by) = &planned.build else { return Ok(Context::default()) };
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

fn assignments(plan: &Plan) -> impl Iterator<Item = &Assignment> {
    plan.cells.iter().filter_map(|cell| match &cell.build {
        Build::By(by) => Some(by),
        Build::Nobody { .. } | Build::Never => None,
    })
}

/// The roots at hand for each runner, by its name.
pub(super) fn gather(
    matrix: &Matrix,
    request: &WorkshopRequest,
) -> Result<BTreeMap<String, Catalogue>, RootError> {
    let gathered = request.runners.iter().map(|file| {
        let kit = file.kit.as_deref();
        let catalogue = Catalogue::gather(matrix, &request.apaches, &request.pythons, kit)?;
        Ok((file.name.clone(), catalogue))
    });
    gathered.collect()
}

pub(super) fn runner(file: &RunnerFile, request: &WorkshopRequest) -> Runner {
    Runner {
        name: file.name.clone(),
        slots: request.slots.or(file.slots).unwrap_or(0),
        connection: match &file.reached {
            Reached::Local => {
                Connection::Local { store: request.state.join("cache").join("store") }
            }
            Reached::Ssh(ssh) => Connection::Ssh(ssh.clone()),
            Reached::Cluster(cluster) => Connection::Cluster(cluster.clone()),
        },
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

/// The families that the labels of each runner with labels come to: a label is a compiler of the matrix,
/// as `VS17`, or a family, as `VC14`.
fn limits<'a>(
    runners: &'a [RunnerFile],
    matrix: &Matrix,
) -> Result<BTreeMap<&'a str, Vec<AbiFamily>>, ReleaseError> {
    let family = |runner: &str, label: &String| {
        let family = matrix.compilers.get(label).copied().or_else(|| label.parse().ok());
        family.ok_or_else(|| {
            let compilers = matrix.compilers.keys().cloned();
            let families = AbiFamily::ALL.iter().map(ToString::to_string);
            let known: BTreeSet<String> = compilers.chain(families).collect();
            let (runner, label) = (runner.to_owned(), label.clone());
            ReleaseError::Label { runner, label, known: known.into_iter().collect() }
        })
    };
    let labelled = runners.iter().filter(|file| !file.labels.is_empty());
    labelled
        .map(|file| {
            let families = file.labels.iter().map(|label| family(&file.name, label));
            Ok((file.name.as_str(), families.collect::<Result<Vec<_>, _>>()?))
        })
        .collect()
}

/// What a runner offers, of the families that its labels limit it to; a toolset that its machine does not
/// have is a warning. One that was not reached was warned of already.
fn offer(
    file: &RunnerFile,
    limit: Option<&[AbiFamily]>,
    farm: &Farm,
    catalogue: &Catalogue,
    events: &Events,
) -> Option<Offer> {
    if !farm.runners().any(|runner| runner == file.name) {
        return None;
    }
    let toolset = farm.toolsets(&file.name).iter().find(|toolset| toolset.name == file.toolset);
    let Some(toolset) = toolset else {
        events.warn(
            format!("runner {} does not have the toolset '{}'", file.name, file.toolset),
            Some("runners/cross/setup installs the cross toolset".to_owned()),
        );
        return None;
    };
    Some(Offer {
        runner: file.name.clone(),
        toolset: toolset.name.clone(),
        families: toolset
            .families
            .iter()
            .copied()
            .filter(|family| limit.is_none_or(|limit| limit.contains(family)))
            .collect(),
        arches: toolset.arches.clone(),
        apaches: catalogue.apaches.clone(),
        pythons: catalogue.pythons.clone(),
    })
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

/// The error where there are cells, but nobody can build any.
pub(super) fn nothing_to_build(plan: &Plan) -> ReleaseError {
    let reason = plan
        .cells
        .iter()
        .find_map(|cell| match &cell.build {
            Build::Nobody { reason } => Some(reason.clone()),
            Build::By(_) | Build::Never => None,
        })
        .unwrap_or_else(|| "all of them are excluded".to_owned());
    ReleaseError::NothingToBuild { cells: plan.cells.len(), reason }
}

/// Says what the plan warns of and what nobody builds, in a line each: `modfarm plan`, the manifest and
/// the notes have it cell by cell.
pub(super) fn warn_of_roots(plan: &Plan, events: &Events) {
    let mut warned = plan.cells.iter().filter_map(|cell| match &cell.build {
        Build::By(by) => Some((cell, by.warnings.first()?)),
        Build::Nobody { .. } | Build::Never => None,
    });
    if let Some((cell, warning)) = warned.next() {
        let more = match warned.count() {
            0 => String::new(),
            more => format!(" (and {more} more cells with a warning)"),
        };
        let hint = "`modfarm plan`, the manifest and the notes name every cell with its warning";
        events.warn(format!("{}: {warning}{more}", cell.id), Some(hint.to_owned()));
    }
    let mut unbuilt = plan.cells.iter().filter_map(|cell| match &cell.build {
        Build::Nobody { reason } => Some((cell, reason)),
        Build::By(_) | Build::Never => None,
    });
    if let Some((cell, reason)) = unbuilt.next() {
        let more = match unbuilt.count() {
            0 => String::new(),
            more => format!(" (and {more} more cells)"),
        };
        events.warn(
            format!("nobody can build {}: {reason}{more}", cell.id),
            Some(
                "`modfarm plan` says why for each; --apache-root and --python-root name more roots"
                    .to_owned(),
            ),
        );
    }
}
