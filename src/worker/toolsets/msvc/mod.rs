//! Microsoft's compilers on this machine: what is installed ([`installed`]), the environment that its own
//! scripts make for each architecture ([`environment`]), and what a toolset is told apart by ([`parts`]).

mod environment;
mod installed;
mod instances;
mod memory;
mod older;
mod parts;

use std::collections::BTreeMap;

use camino::Utf8Path;

use self::environment::Environment;
use self::installed::{Installed, Lookup, Script};
use self::memory::Memory;
use super::Look;
use crate::model::arch::Arch;
use crate::model::toolset::Toolset;
use crate::sys::digests::DigestCache;

/// What there is of Microsoft's, the newest first; nothing where this is not Windows.
pub(super) fn detect(memory: &Utf8Path, digests: &mut DigestCache) -> Look {
    let Some(lookup) = Lookup::of_this_machine() else { return Look::default() };
    let all = installed::installed(&lookup);
    let mut memory = Memory::beside(memory);
    let mut found = remember(&all, &memory, digests);
    ask(&all, &mut found);
    let mut look = Look::default();
    look.troubles.extend(lookup.instances.as_ref().err().cloned());
    for (place, installed) in all.iter().enumerate() {
        let mut arches = BTreeMap::new();
        for arch in installed.scripts.keys() {
            match found.remove(&(place, *arch)) {
                Some(Ok(answer)) => {
                    memory.keep(&answer, digests);
                    arches.insert(*arch, answer.environment);
                }
                Some(Err(why)) => {
                    look.troubles.push(format!("{} for {arch}: {why}", installed.title));
                }
                None => {}
            }
        }
        look.toolsets.extend(toolset(installed, &lookup, &arches, digests));
    }
    memory.save();
    look
}

/// What a script was found to make.
struct Answer {
    script: Script,
    environment: Environment,
}

/// The answers, by the place of what is installed and the architecture.
type Answers = BTreeMap<(usize, Arch), Result<Answer, String>>;

/// The answers that are known from an earlier look.
fn remember(all: &[Installed], memory: &Memory, digests: &mut DigestCache) -> Answers {
    let mut known = Answers::new();
    for (place, installed) in all.iter().enumerate() {
        for (arch, scripts) in &installed.scripts {
            let recalled = scripts.iter().find_map(|script| {
                let environment = memory.recall(script, digests)?;
                Some(Answer { script: script.clone(), environment })
            });
            known.extend(recalled.map(|answer| ((place, *arch), Ok(answer))));
        }
    }
    known
}

/// Asks the scripts of whatever has no answer yet, all of them at once.
fn ask(all: &[Installed], found: &mut Answers) {
    let open = all.iter().enumerate().flat_map(|(place, installed)| {
        installed.scripts.iter().map(move |(arch, scripts)| ((place, *arch), scripts))
    });
    let open: Vec<_> = open.filter(|(key, _)| !found.contains_key(key)).collect();
    let answers: Vec<_> = std::thread::scope(|scope| {
        let asking: Vec<_> =
            open.iter().map(|(key, scripts)| (*key, scope.spawn(|| first(scripts)))).collect();
        asking.into_iter().filter_map(|(key, asked)| Some((key, asked.join().ok()?))).collect()
    });
    found.extend(answers);
}

/// The environment that the first of some scripts makes that makes one; what the preferred one said
/// otherwise.
fn first(scripts: &[Script]) -> Result<Answer, String> {
    let mut why = None;
    for script in scripts {
        match environment::of(script) {
            Ok(environment) => return Ok(Answer { script: script.clone(), environment }),
            Err(said) => why = why.or(Some(said)),
        }
    }
    Err(why.unwrap_or_else(|| "there is no script that sets it up".to_owned()))
}

/// What is installed, with the environments that its scripts made; none where none did.
fn toolset(
    installed: &Installed,
    lookup: &Lookup<'_>,
    arches: &BTreeMap<Arch, Environment>,
    digests: &mut DigestCache,
) -> Option<Toolset> {
    let first = arches.values().next_back()?;
    let version = parts::version(&first.compiler, arches.values());
    let mut settings = BTreeMap::from([
        ("msc".to_owned(), first.compiler.clone()),
        ("system-root".to_owned(), lookup.system_root()),
    ]);
    for (arch, environment) in arches {
        settings.insert(format!("path.{arch}"), environment.path.clone());
        settings.insert(format!("include.{arch}"), environment.include.clone());
        settings.insert(format!("lib.{arch}"), environment.lib.clone());
    }
    Some(Toolset {
        name: installed.name.clone(),
        digest: parts::digest(&version, arches, digests),
        version,
        families: vec![installed.family],
        arches: arches.keys().copied().collect(),
        settings,
    })
}
