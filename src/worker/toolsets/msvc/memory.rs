//! What the scripts made the last time, so that looking again costs no seconds. It holds while the script
//! and the compiler are the same and every folder that was named is there.

use std::collections::BTreeMap;

use camino::{Utf8Path, Utf8PathBuf};
use serde::{Deserialize, Serialize};

use super::Answer;
use super::environment::Environment;
use super::installed::Script;
use crate::model::digest::Sha256;
use crate::sys::digests::DigestCache;
use crate::sys::files;

const FILE: &str = "environments.json";
const FORMAT_VERSION: u32 = 1;
/// The environments of more compilers than any machine has.
const LARGEST: u64 = 4 << 20;

/// The environments that are known.
#[derive(Debug)]
pub(super) struct Memory {
    file: Option<Utf8PathBuf>,
    known: BTreeMap<String, Known>,
    changed: bool,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    format_version: u32,
    known: BTreeMap<String, Known>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Known {
    script: Sha256,
    compiler: Sha256,
    environment: Environment,
}

impl Memory {
    /// What was written down beside the file of digests; nothing where that has no name.
    pub(super) fn beside(digests: &Utf8Path) -> Self {
        let file = (!digests.as_str().is_empty()).then(|| digests.with_file_name(FILE));
        let stored = file.as_ref().and_then(|file| files::read_limited(file, LARGEST).ok());
        let stored = stored.and_then(|bytes| serde_json::from_slice::<Stored>(&bytes).ok());
        let known = stored.filter(|stored| stored.format_version == FORMAT_VERSION);
        Self { file, known: known.map(|stored| stored.known).unwrap_or_default(), changed: false }
    }

    /// What a script makes, where that is known and still so.
    pub(super) fn recall(&self, script: &Script, digests: &mut DigestCache) -> Option<Environment> {
        let known = self.known.get(&key(script))?;
        let now = state(script, &known.environment, digests)?;
        let holds = now == *known && known.environment.stands();
        holds.then(|| known.environment.clone())
    }

    /// Notes what a script made.
    pub(super) fn keep(&mut self, answer: &Answer, digests: &mut DigestCache) {
        let Some(state) = state(&answer.script, &answer.environment, digests) else { return };
        let key = key(&answer.script);
        if self.known.get(&key) != Some(&state) {
            self.known.insert(key, state);
            self.changed = true;
        }
    }

    /// Writes it down. That it cannot be costs time alone.
    pub(super) fn save(self) {
        let Some(file) = self.file.filter(|_| self.changed) else { return };
        let stored = Stored { format_version: FORMAT_VERSION, known: self.known };
        let bytes = serde_json::to_vec(&stored).unwrap_or_default();
        if let Err(error) = files::write_atomic(&file, &bytes) {
            tracing::debug!(%error, "the compilers' environments are not remembered");
        }
    }
}

fn key(script: &Script) -> String {
    format!("{} {}", script.file, script.arguments.join(" "))
}

fn state(script: &Script, environment: &Environment, digests: &mut DigestCache) -> Option<Known> {
    let compiler = environment.program("cl.exe")?;
    Some(Known {
        script: digests.digest(&script.file).ok()?.sha256,
        compiler: digests.digest(&compiler).ok()?.sha256,
        environment: environment.clone(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_script_made_holds_while_nothing_changed() {
        let keep = tempfile::tempdir().unwrap();
        let folder = Utf8Path::from_path(keep.path()).unwrap();
        let write = |name: &str, text: &str| {
            files::write_atomic(&folder.join(name), text.as_bytes()).unwrap();
        };
        write("vcvarsall.bat", "1");
        write("bin/cl.exe", "1");
        write("include/a.h", "");
        write("lib/a.lib", "");
        let script = Script::new(folder.join("vcvarsall.bat"), &["x86"]);
        let environment = Environment {
            path: folder.join("bin").into_string(),
            include: folder.join("include").into_string(),
            lib: folder.join("lib").into_string(),
            compiler: "19.44.35207".to_owned(),
        };
        let memory_file = folder.join("digests.json");
        let mut digests = DigestCache::load(&memory_file);
        let mut memory = Memory::beside(&memory_file);
        let answer = Answer { script: script.clone(), environment: environment.clone() };
        memory.keep(&answer, &mut digests);
        memory.save();

        let mut recalled =
            |script: &Script| Memory::beside(&memory_file).recall(script, &mut digests);
        assert_eq!(recalled(&script), Some(environment));
        let other = Script::new(script.file.clone(), &["amd64"]);
        assert_eq!(recalled(&other), None);
        write("bin/cl.exe", "2");
        assert_eq!(recalled(&script), None, "another compiler");
        write("bin/cl.exe", "1");
        write("vcvarsall.bat", "2");
        assert_eq!(recalled(&script), None, "another script");
        write("vcvarsall.bat", "1");
        files::remove_dir_all(&folder.join("lib")).unwrap();
        assert_eq!(recalled(&script), None, "a folder is gone");
        assert!(Memory::beside(Utf8Path::new("")).known.is_empty());
    }
}
