//! What of Microsoft's compilers is installed, whoever says so: a name, a family, and for each architecture
//! the scripts that may set it up, the preferred one first.

use std::collections::BTreeMap;

use camino::Utf8PathBuf;

use super::instances::{self, Instance};
use super::older;
use crate::model::abi::AbiFamily;
use crate::model::arch::Arch;
use crate::sys::registry::{self, Hive};

/// A version of the compiler.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Installed {
    /// What the toolset is called: `msvc-14.44`.
    pub(super) name: String,
    /// What people call it: `Visual Studio 2022, toolset 14.44.35207`.
    pub(super) title: String,
    pub(super) family: AbiFamily,
    /// What sets it up, the preferred script first.
    pub(super) scripts: BTreeMap<Arch, Vec<Script>>,
}

/// A batch file that makes the environment of a compiler.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Script {
    pub(super) file: Utf8PathBuf,
    pub(super) arguments: Vec<String>,
    /// Whether it wants delayed expansion, as the SDK's does.
    pub(super) delayed: bool,
}

impl Script {
    pub(super) fn new(file: Utf8PathBuf, arguments: &[&str]) -> Self {
        let arguments = arguments.iter().map(|&argument| argument.to_owned()).collect();
        Self { file, arguments, delayed: false }
    }
}

/// Where a machine says what is installed on it.
pub(super) struct Lookup<'a> {
    /// The value of a variable of the environment.
    pub(super) variable: &'a dyn Fn(&str) -> Option<String>,
    /// The text of a value of the registry.
    pub(super) registered: &'a dyn Fn(Hive, &str, &str) -> Option<String>,
    /// What `vswhere` lists, where it is; why it lists nothing otherwise.
    pub(super) instances: Result<Vec<Instance>, String>,
}

impl Lookup<'static> {
    /// This machine's; none where it is not Windows.
    pub(super) fn of_this_machine() -> Option<Self> {
        let variable = &|name: &str| std::env::var(name).ok();
        let lookup = || Self { variable, registered: &registry::text, instances: Ok(Vec::new()) };
        cfg!(windows).then(lookup).map(|lookup| {
            let instances = instances::ask(&lookup);
            Self { instances, ..lookup }
        })
    }
}

impl Lookup<'_> {
    /// The folder that a variable names.
    pub(super) fn folder(&self, variable: &str) -> Option<Utf8PathBuf> {
        (self.variable)(variable).filter(|folder| !folder.is_empty()).map(Utf8PathBuf::from)
    }

    /// The folders that a value of the registry names: as a program of 64 bit has it, then of 32.
    pub(super) fn registered(&self, hive: Hive, key: &str, value: &str) -> Vec<Utf8PathBuf> {
        let views = ["SOFTWARE", r"SOFTWARE\WOW6432Node"];
        let found = views.map(|view| (self.registered)(hive, &format!(r"{view}\{key}"), value));
        found.into_iter().flatten().map(Utf8PathBuf::from).collect()
    }

    pub(super) fn system_root(&self) -> String {
        (self.variable)("SystemRoot").unwrap_or_else(|| r"C:\Windows".to_owned())
    }
}

/// All that is installed, the newest first. Where one version stands in two places, the scripts of the
/// second are there for what the first lacks.
pub(super) fn installed(lookup: &Lookup<'_>) -> Vec<Installed> {
    let mut all: Vec<Installed> = Vec::new();
    let instances = lookup.instances.as_deref().unwrap_or_default();
    for found in instances::installed(instances).into_iter().chain(older::installed(lookup)) {
        match all.iter_mut().find(|known| known.name == found.name) {
            Some(known) => found.scripts.into_iter().for_each(|(arch, scripts)| {
                known.scripts.entry(arch).or_default().extend(scripts);
            }),
            None => all.push(found),
        }
    }
    all
}
