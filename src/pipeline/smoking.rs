//! The stage that has every distinct file loaded by a real Apache, as far as one is at hand.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use camino::{Utf8Path, Utf8PathBuf};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::{BuildRequest, ReleaseError};
use crate::model::arch::Arch;
use crate::model::cell::{CellId, Verdict};
use crate::model::digest::Sha256;
use crate::model::event::{Event, Events};
use crate::model::smoke::Smoke;
use crate::model::version::Version;
use crate::package::describe::Proven;
use crate::plan::Plan;
use crate::roots::running::{Installation, Installations, RunningError};
use crate::smoke::memory::Memory;
use crate::smoke::{Claim, Harness, Host, NotRun, Seen, Setting, SmokeError, System, Trial};
use crate::sys::files::{self, FileError};
use crate::sys::guarded;

/// What somebody wants seen.
#[derive(Clone, Debug)]
pub struct SmokeRequest {
    /// Whether anything is tried at all.
    pub wanted: bool,
    /// Whether a file that fails is published all the same.
    pub allow_failed: bool,
    /// Folders of Apaches to try files with, before the kit's.
    pub apaches: Vec<Utf8PathBuf>,
    /// Folders of Pythons to try files with, before the kit's.
    pub pythons: Vec<Utf8PathBuf>,
    /// How long an Apache has to start, and to answer each request.
    pub patience: Duration,
}

/// A distinct file, the cells that have it, and what it would be tried with.
struct Group {
    cells: Vec<CellId>,
    file: Bytes,
    apache: Option<Installation>,
    python: Option<Installation>,
}

/// The installations at hand: those named for it, those named to build against that can run as well,
/// those of the runners' kits.
pub(super) fn installations(request: &BuildRequest) -> Result<Installations, RunningError> {
    const GIVEN: &str = "a directory";
    let mut all = Installations::default();
    if !request.smoke.wanted {
        return Ok(all);
    }
    for folder in &request.smoke.apaches {
        all.add(Installation::apache(folder, GIVEN)?);
    }
    for folder in &request.smoke.pythons {
        all.add(Installation::python(folder, GIVEN)?);
    }
    for given in &request.workshop.apaches {
        // One that cannot run is for building against alone.
        if let Ok(found) = Installation::apache(given.folder(), GIVEN) {
            all.add(found);
        }
    }
    all.add_installed();
    for runner in &request.workshop.runners {
        runner.kit.iter().for_each(|kit| all.add_kit(kit));
    }
    Ok(all)
}

/// What is seen of every file.
pub(super) async fn smoke(
    request: &BuildRequest,
    plan: &Plan,
    version: &Version,
    proven: &BTreeMap<CellId, Proven>,
    known: &Installations,
    events: &Events,
    cancel: &CancellationToken,
) -> Result<BTreeMap<CellId, Smoke>, ReleaseError> {
    let state = &request.workshop.state;
    let mut results = Results { events, seen: BTreeMap::new(), not_run: BTreeMap::new() };
    let mut memory = Memory::load(&state.join("smoked.json"));
    let mut systems = Systems { prefixes: state.join("wine"), found: None };
    let mut fingerprints = Fingerprints::default();
    let mut wanted = Vec::new();
    for group in groups(proven, known) {
        let usable = group.pair(request.smoke.wanted).and_then(|(apache, python)| {
            let system = systems.running(apache.arch)?;
            Ok((apache, python, system))
        });
        let (apache, python, system) = match usable {
            Ok(usable) => usable,
            Err(why) => {
                results.not_run(&group.cells, &why);
                continue;
            }
        };
        let trial = trial(request, plan, version, &group, &apache, &python);
        let installations = [fingerprints.of(&apache)?, fingerprints.of(&python)?];
        let key = Memory::key(&trial, &system, installations);
        match memory.recall(&key) {
            Some(result) => results.add(&group.cells, result.clone(), true, Duration::ZERO),
            None => wanted.push(Wanted { key, cells: group.cells, trial, system }),
        }
    }
    run(request, wanted, &mut results, &mut memory, cancel).await?;
    results.tell_not_run();
    if !results.seen.values().any(|seen| matches!(seen, Smoke::Failed { .. })) {
        files::remove_dir_all(&folder(request))?;
    }
    Ok(results.seen)
}

/// The folder of what is left of trials that failed.
pub(super) fn folder(request: &BuildRequest) -> Utf8PathBuf {
    request.workshop.run.join("smoke")
}

/// What runs an Apache here, looked for when it is first needed.
struct Systems {
    prefixes: Utf8PathBuf,
    found: Option<Result<System, NotRun>>,
}

impl Systems {
    fn running(&mut self, arch: Arch) -> Result<System, NotRun> {
        let look = || System::for_windows_programs(&self.prefixes);
        let system = self.found.get_or_insert_with(look).clone()?;
        system.runs(arch)?;
        Ok(system)
    }
}

/// The state of each installation, looked at once.
#[derive(Default)]
struct Fingerprints(BTreeMap<Utf8PathBuf, Sha256>);

impl Fingerprints {
    fn of(&mut self, found: &Installation) -> Result<Sha256, FileError> {
        if let Some(known) = self.0.get(&found.folder) {
            return Ok(*known);
        }
        let taken = found.fingerprint()?;
        self.0.insert(found.folder.clone(), taken);
        Ok(taken)
    }
}

/// A trial to run.
struct Wanted {
    key: Sha256,
    cells: Vec<CellId>,
    trial: Trial,
    system: System,
}

/// Runs the trials, so many at a time as jobs.
async fn run(
    request: &BuildRequest,
    wanted: Vec<Wanted>,
    results: &mut Results<'_>,
    memory: &mut Memory,
    cancel: &CancellationToken,
) -> Result<(), ReleaseError> {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZeroUsize::get);
    let slots = request.workshop.slots.unwrap_or(cores);
    let own = guarded::own_program().map_err(ReleaseError::own_program)?;
    let patience = request.smoke.patience;
    let mut running: JoinSet<(Sha256, Vec<CellId>, Result<Seen, SmokeError>)> = JoinSet::new();
    let mut wanted = wanted.into_iter();
    let mut error = None;
    loop {
        while running.len() < slots
            && error.is_none()
            && let Some(Wanted { key, cells, trial, system }) = wanted.next()
        {
            results.started(&cells);
            let (harness, cancel) =
                (Harness { own: own.clone(), system, patience }, cancel.clone());
            running.spawn(async move { (key, cells, harness.try_file(&trial, &cancel).await) });
        }
        // None is dropped before its end: each ends its Apache itself.
        match running.join_next().await {
            Some(Ok((key, cells, Ok(seen)))) => {
                memory.keep(key, &seen.result);
                // At once: a run that is killed must not have to see it again.
                if let Err(error) = memory.save() {
                    tracing::warn!(%error, "what was seen is not remembered");
                }
                results.add(&cells, seen.result, false, seen.took);
            }
            Some(Ok((_, _, Err(other)))) => error = Some(error.unwrap_or(other)),
            Some(Err(panic)) => std::panic::resume_unwind(panic.into_panic()),
            None => return error.map_or(Ok(()), |error| Err(error.into())),
        }
    }
}

/// The supported cells whose files failed, where that matters.
pub(super) fn not_served<'a>(
    request: &BuildRequest,
    plan: &'a Plan,
    seen: &BTreeMap<CellId, Smoke>,
) -> Vec<&'a CellId> {
    if request.smoke.allow_failed {
        return Vec::new();
    }
    let supported = plan.cells.iter().filter(|cell| cell.verdict == Verdict::Supported);
    let failed = |cell: &&CellId| matches!(seen.get(*cell), Some(Smoke::Failed { .. }));
    supported.map(|cell| &cell.id).filter(failed).collect()
}

/// Cells with the same file and the same installations are one trial.
fn groups(proven: &BTreeMap<CellId, Proven>, known: &Installations) -> Vec<Group> {
    let mut order: Vec<Group> = Vec::new();
    let mut places = BTreeMap::new();
    for (cell, proven) in proven {
        let apache = known.apache(&cell.apache).cloned();
        let python = known.python(cell.python, cell.apache.arch).cloned();
        let folder =
            |found: &Option<Installation>| found.as_ref().map(|found| found.folder.clone());
        let key = (proven.file.digest().sha256, folder(&apache), folder(&python), cell.python);
        let at = *places.entry(key).or_insert_with(|| {
            let file = proven.file.bytes().clone();
            order.push(Group { cells: Vec::new(), file, apache, python });
            order.len() - 1
        });
        order[at].cells.push(cell.clone());
    }
    order
}

impl Group {
    /// What it is tried with, or why it is not.
    fn pair(&self, wanted: bool) -> Result<(Installation, Installation), NotRun> {
        let cell = &self.cells[0];
        if !wanted {
            return Err(NotRun::NotWanted);
        }
        let apache = self.apache.clone().ok_or_else(|| NotRun::no_apache(&cell.apache))?;
        let (tag, arch) = (cell.python, cell.apache.arch);
        Ok((apache, self.python.clone().ok_or(NotRun::NoPython { tag, arch })?))
    }
}

fn trial(
    request: &BuildRequest,
    plan: &Plan,
    version: &Version,
    group: &Group,
    apache: &Installation,
    python: &Installation,
) -> Trial {
    let cell = &group.cells[0];
    Trial {
        module: plan.module.clone(),
        file_name: cell.file_name(&plan.module),
        file: group.file.clone(),
        claim: Claim { version: Some(version.clone()), python: Some(cell.python) },
        host: Host::of(apache, python),
        setting: Setting::default(),
        folder: folder(request).join(Utf8Path::new(&cell.to_string())),
    }
}

/// What was seen so far; everything is said once.
struct Results<'a> {
    events: &'a Events,
    seen: BTreeMap<CellId, Smoke>,
    not_run: BTreeMap<String, Vec<CellId>>,
}

impl Results<'_> {
    fn started(&self, cells: &[CellId]) {
        let (subject, cells) = named(cells);
        self.events.emit(Event::SmokeStarted { subject, cells });
    }

    fn add(&mut self, cells: &[CellId], result: Smoke, remembered: bool, took: Duration) {
        let (subject, ids) = named(cells);
        let millis = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
        let told = result.clone();
        self.events.emit(Event::SmokeFinished {
            subject,
            cells: ids,
            result: told,
            remembered,
            millis,
        });
        self.seen.extend(cells.iter().map(|cell| (cell.clone(), result.clone())));
    }

    fn not_run(&mut self, cells: &[CellId], why: &NotRun) {
        self.not_run.entry(why.to_string()).or_default().extend_from_slice(cells);
    }

    /// One event a reason, whatever the number of files.
    fn tell_not_run(&mut self) {
        for (reason, cells) in std::mem::take(&mut self.not_run) {
            self.add(&cells, Smoke::NotRun { reason }, false, Duration::ZERO);
        }
    }
}

fn named(cells: &[CellId]) -> (String, Vec<String>) {
    let ids: Vec<String> = cells.iter().map(ToString::to_string).collect();
    (ids.first().cloned().unwrap_or_default(), ids)
}
