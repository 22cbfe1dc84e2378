//! What every runner is, what it has and what it lacks, asked of all of them at once.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use tokio::task::JoinSet;

use super::workshop::{WorkshopRequest, gather, runner};
use crate::farm::runner_file::{Reached, RunnerFile};
use crate::farm::{self, Answer, FarmError, Settings};
use crate::matrix::Matrix;
use crate::model::abi::AbiFamily;
use crate::model::arch::Arch;
use crate::model::digest::Sha256;
use crate::model::toolset::{compiler_to_install, is_of, what_to_install};
use crate::roots::RootError;
use crate::roots::catalogue::Catalogue;

/// The version of [`Survey`] as JSON.
const FORMAT_VERSION: u32 = 1;

/// All runners.
#[derive(Debug, Serialize)]
pub struct Survey {
    /// The version of this format.
    pub format_version: u32,
    /// The runners, in the order that they were named in.
    pub runners: Vec<Surveyed>,
}

/// A runner.
#[derive(Debug, Serialize)]
pub struct Surveyed {
    /// Its name.
    pub runner: String,
    /// How it is reached: `local`, `ssh build1`, `grpcs://farm:8980`.
    pub place: String,
    /// Whether it can build anything.
    pub usable: bool,
    /// What it answered, if it did.
    pub answer: Option<Answered>,
    /// The toolset that its file names.
    pub toolset: String,
    /// How many jobs it runs at once, where that is known.
    pub slots: Option<usize>,
    /// What its file limits it to.
    pub labels: Vec<String>,
    /// The Apache roots at hand for it.
    pub apaches: Vec<RootAtHand>,
    /// The Python roots at hand for it.
    pub pythons: Vec<RootAtHand>,
    /// What it lacks.
    pub lacks: Vec<Lack>,
}

/// What a runner answered.
#[derive(Debug, Serialize)]
pub struct Answered {
    /// How long that took, in milliseconds.
    pub millis: u64,
    /// The version of modfarm there; an engine of others says none.
    pub modfarm: Option<String>,
    /// What compiles there.
    pub toolsets: Vec<ToolsetThere>,
}

/// A toolset of a runner.
#[derive(Debug, Serialize)]
pub struct ToolsetThere {
    /// `cross`, `msvc-14.44`.
    pub name: String,
    /// Its parts and their versions.
    pub version: String,
    /// What it is known by: two with one digest build the same files.
    pub digest: Sha256,
    /// The ABI families it can link against.
    pub families: Vec<AbiFamily>,
    /// The architectures it can compile for.
    pub arches: Vec<Arch>,
}

/// A root at hand.
#[derive(Debug, Serialize)]
pub struct RootAtHand {
    /// Its name.
    pub root: String,
    /// Its version, or which Python it is.
    pub what: String,
    /// Its architecture.
    pub arch: Arch,
}

/// What a runner lacks.
#[derive(Debug, Serialize)]
pub struct Lack {
    /// What.
    pub what: String,
    /// What to do about it.
    pub hint: Option<String>,
    /// Whether it keeps the runner from building.
    pub fatal: bool,
}

impl Survey {
    /// How many runners can be used.
    #[must_use]
    pub fn usable(&self) -> usize {
        self.runners.iter().filter(|runner| runner.usable).count()
    }
}

/// Reaches every runner and asks what it is; looks which roots are at hand for each.
pub async fn survey(matrix: &Matrix, request: &WorkshopRequest) -> Result<Survey, SurveyError> {
    let program = Settings::new()?.program;
    let mut asking = JoinSet::new();
    for (place, file) in request.runners.iter().enumerate() {
        let Some(runner) = runner(file, request) else { continue };
        let program = program.clone();
        asking.spawn(async move { (place, farm::probe(&runner, &program).await) });
    }
    let catalogues = gather(matrix, request)?;
    let mut answers: BTreeMap<usize, Result<Answer, FarmError>> = BTreeMap::new();
    while let Some(joined) = asking.join_next().await {
        match joined {
            Ok((place, answer)) => drop(answers.insert(place, answer)),
            Err(panic) => std::panic::resume_unwind(panic.into_panic()),
        }
    }
    let mut runners = Vec::new();
    for (place, file) in request.runners.iter().enumerate() {
        let answer = answers.remove(&place);
        let place = place_of(file, request);
        let slots = request.slots.or(file.slots);
        let catalogue = catalogues.get(&file.name);
        runners.push(surveyed(file, matrix, place, slots, catalogue, answer));
    }
    compare(&mut runners);
    Ok(Survey { format_version: FORMAT_VERSION, runners })
}

/// Why nothing can be said.
#[derive(Debug, thiserror::Error)]
pub enum SurveyError {
    /// modfarm does not find itself.
    #[error(transparent)]
    Farm(#[from] FarmError),
    /// A root that was named is none.
    #[error(transparent)]
    Root(#[from] RootError),
}

fn surveyed(
    file: &RunnerFile,
    matrix: &Matrix,
    place: String,
    slots: Option<usize>,
    catalogue: Option<&Catalogue>,
    answer: Option<Result<Answer, FarmError>>,
) -> Surveyed {
    let (apaches, pythons) = catalogue.map(roots).unwrap_or_default();
    let mut lacks = Vec::new();
    let mut jobs = None;
    let answer = match answer {
        // Nobody asks a machine of GitHub Actions.
        None => {
            lacks.extend(label_lacks(file, matrix, None));
            None
        }
        Some(Ok(answer)) => {
            lacks.extend(toolset_lacks(file, matrix, &answer));
            lacks.extend(oddities(file, &answer));
            jobs = Some(answer.jobs);
            Some(answered(answer))
        }
        Some(Err(error)) => {
            lacks.push(lack(true, &error.to_string()));
            None
        }
    };
    lacks.extend(catalogue.iter().flat_map(|it| &it.lacks).map(|text| lack(false, text)));
    for (kind, roots) in [("Apache", &apaches), ("Python", &pythons)] {
        if roots.is_empty() {
            lacks.push(lack(true, &no_roots(kind)));
        }
    }
    Surveyed {
        runner: file.name.clone(),
        place,
        usable: !lacks.iter().any(|lack| lack.fatal),
        answer,
        toolset: file.toolset.clone(),
        slots: slots.or(jobs),
        labels: file.labels.clone(),
        apaches,
        pythons,
        lacks,
    }
}

/// How a runner is reached.
fn place_of(file: &RunnerFile, request: &WorkshopRequest) -> String {
    match (&file.reached, runner(file, request)) {
        (_, Some(runner)) => runner.connection.place(),
        (Reached::Actions(actions), None) => {
            format!("GitHub Actions, runs-on {}", actions.runs_on.join(", "))
        }
        (_, None) => String::new(),
    }
}

fn no_roots(kind: &str) -> String {
    let (small, here) = (kind.to_lowercase(), if cfg!(windows) { "installed or " } else { "" });
    format!(
        "no {kind} to build against is {here}at hand for it\nhint: `kit:` in its file names the folder of a \
         cross kit, which runners/cross/setup makes here; --{small}-root and the matrix name others"
    )
}

fn answered(answer: Answer) -> Answered {
    let there = answer.toolsets.into_iter().map(|toolset| ToolsetThere {
        name: toolset.name,
        version: toolset.version,
        digest: toolset.digest,
        families: toolset.families,
        arches: toolset.arches,
    });
    Answered {
        millis: u64::try_from(answer.took.as_millis()).unwrap_or(u64::MAX),
        modfarm: answer.modfarm,
        toolsets: there.collect(),
    }
}

fn toolset_lacks(file: &RunnerFile, matrix: &Matrix, answer: &Answer) -> Vec<Lack> {
    let meant = || answer.toolsets.iter().filter(|toolset| toolset.is_called(&file.toolset));
    if meant().next().is_none() {
        let names: Vec<&str> =
            answer.toolsets.iter().map(|toolset| toolset.name.as_str()).collect();
        let has = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
        let hint = match file.toolset.as_str() {
            "cross" => {
                Some("`runners/cross/setup` on that machine installs clang, lld and mingw-w64")
            }
            other => what_to_install(other),
        };
        let what = format!("the toolset '{}' is not there, but {has}", file.toolset);
        return vec![Lack { what, hint: hint.map(str::to_owned), fatal: true }];
    }
    let families: BTreeSet<AbiFamily> =
        meant().flat_map(|toolset| toolset.families.iter().copied()).collect();
    label_lacks(file, matrix, Some(&families))
}

/// What is wrong with a runner's labels; what its toolset can is not known of every one.
fn label_lacks(
    file: &RunnerFile,
    matrix: &Matrix,
    families: Option<&BTreeSet<AbiFamily>>,
) -> Vec<Lack> {
    let unknown = file.labels.iter().filter_map(|label| {
        let family = matrix.compilers.get(label).copied().or_else(|| label.parse().ok());
        match family {
            None => Some(format!(
                "its label '{label}' is neither a compiler of the matrix nor an ABI family\nhint: the \
                 compilers of the matrix are {}",
                matrix.compilers.keys().cloned().collect::<Vec<_>>().join(", ")
            )),
            Some(family) if families.is_some_and(|families| !families.contains(&family)) => {
                let is_msvc = file.toolset.starts_with("msvc");
                let hint = is_msvc.then(|| format!("\nhint: {}", compiler_to_install(family)));
                let hint = hint.unwrap_or_default();
                Some(format!("its toolset cannot build for its label '{label}'{hint}"))
            }
            Some(_) => None,
        }
    });
    unknown.map(|what| lack(true, &what)).collect()
}

/// What is odd about a runner that builds all the same.
fn oddities(file: &RunnerFile, answer: &Answer) -> Vec<Lack> {
    let mut odd = Vec::new();
    let here = env!("CARGO_PKG_VERSION");
    if let Some(there) = answer.modfarm.as_ref().filter(|there| *there != here) {
        odd.push(lack(
            false,
            &format!(
                "its modfarm is {there}, this one is {here}\nhint: modfarm runners install {}",
                file.name
            ),
        ));
    }
    if !answer.banner.is_empty() {
        let bytes = answer.banner.len();
        odd.push(lack(
            false,
            &format!("its shell prints {bytes} bytes before the worker speaks, which are left out"),
        ));
    }
    odd
}

/// Runners whose compilers differ share no jobs: what one builds is not what the other does.
fn compare(runners: &mut [Surveyed]) {
    let known: Vec<(String, BTreeMap<String, Sha256>)> =
        runners.iter().map(|runner| (runner.runner.clone(), meant(runner))).collect();
    for runner in runners {
        for (name, own) in meant(runner) {
            let differs = |theirs: &BTreeMap<String, Sha256>| {
                theirs.get(&name).is_some_and(|digest| *digest != own)
            };
            let others = known.iter().filter(|(_, theirs)| differs(theirs));
            let others: Vec<&str> = others.map(|(other, _)| other.as_str()).collect();
            if others.is_empty() {
                continue;
            }
            let of = match name.as_str() {
                "cross" => "clang, lld and mingw-w64",
                _ => "the compiler and of the Windows SDK",
            };
            let what = format!(
                "its '{name}' differs from that of {}: they share no jobs\nhint: the same versions of \
                 {of} on all make them one pool",
                others.join(", ")
            );
            runner.lacks.push(lack(false, &what));
        }
    }
}

/// The toolsets of a runner that its file means, and what each is known by.
fn meant(runner: &Surveyed) -> BTreeMap<String, Sha256> {
    let there = runner.answer.iter().flat_map(|answer| &answer.toolsets);
    let meant = there.filter(|toolset| is_of(&toolset.name, &runner.toolset));
    meant.map(|toolset| (toolset.name.clone(), toolset.digest)).collect()
}

fn lack(fatal: bool, text: &str) -> Lack {
    match text.split_once("\nhint: ") {
        Some((what, hint)) => Lack { what: what.to_owned(), hint: Some(hint.to_owned()), fatal },
        None => Lack { what: text.to_owned(), hint: None, fatal },
    }
}

fn roots(catalogue: &Catalogue) -> (Vec<RootAtHand>, Vec<RootAtHand>) {
    let version = |version: &Option<crate::model::version::Version>| {
        version.as_ref().map_or_else(|| "of its archive".to_owned(), ToString::to_string)
    };
    let apaches = catalogue.apaches.iter().map(|offer| RootAtHand {
        root: offer.root.clone(),
        what: version(&offer.version),
        arch: offer.arch,
    });
    let pythons = catalogue.pythons.iter().map(|offer| RootAtHand {
        root: offer.root.clone(),
        what: offer.tag.to_string(),
        arch: offer.arch,
    });
    (apaches.collect(), pythons.collect())
}
