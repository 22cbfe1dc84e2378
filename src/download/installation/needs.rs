//! The DLLs that a binary cannot be loaded without and that do not lie beside it. Windows says of one
//! that is missing only that "the specified module could not be found", and never which.

use camino::Utf8Path;

use super::binary::Binary;
use super::place;
use crate::inspect::{Facts, Machine, checks};
use crate::model::abi::AbiFamily;
use crate::model::installation::Need;
use crate::model::version::Version;
use crate::sys::files;

/// What `facts`, of the file `by`, imports that lies in none of the folders. `known` are DLLs that
/// somebody else answers for.
pub(super) fn needs(
    facts: &Facts,
    by: &str,
    folders: &[&Utf8Path],
    known: impl Fn(&str) -> bool,
) -> Vec<Need> {
    let names: Vec<String> =
        folders.iter().flat_map(|folder| files::names(folder).unwrap_or_default()).collect();
    let beside = |dll: &str| names.iter().any(|name| name.eq_ignore_ascii_case(dll));
    let system = folders
        .first()
        .and_then(|folder| place::system_folder(folder, facts.machine == Machine::I386));
    let imported = facts.imports.iter().filter(|import| !import.delayed);
    imported
        .map(|import| import.dll.as_str())
        .filter(|dll| !comes_with_windows(dll) && !beside(dll) && !known(dll))
        .map(|dll| Need {
            dll: dll.to_owned(),
            by: by.to_owned(),
            runtime: AbiFamily::of_runtime_dll(dll),
            in_system: system.as_deref().map(|folder| in_system(facts, folder, dll)),
            system_version: system.as_deref().and_then(|folder| version(folder, dll)),
        })
        .collect()
}

/// The first two numbers: `14.44`.
fn version(folder: &Utf8Path, dll: &str) -> Option<Version> {
    let [major, minor, ..] = Binary::read(&place::below(folder, &[dll])?).ok()?.numbers()?;
    format!("{major}.{minor}").parse().ok()
}

/// Whether a DLL of this name lies in a folder.
#[must_use]
pub fn lies_in(folder: &Utf8Path, dll: &str) -> bool {
    place::below(folder, &[dll]).is_some()
}

fn comes_with_windows(dll: &str) -> bool {
    checks::is_windows_dll(dll)
        || dll.eq_ignore_ascii_case("msvcrt.dll")
        || dll.eq_ignore_ascii_case("ucrtbase.dll")
}

/// Windows finds that of VC9 through a manifest, and keeps it elsewhere.
fn in_system(facts: &Facts, system: &Utf8Path, dll: &str) -> bool {
    let side_by_side = || {
        let folder = place::below(files::parent(system), &["WinSxS"]);
        let machine = if facts.machine == Machine::I386 { "x86_" } else { "amd64_" };
        let start = format!("{machine}microsoft.vc90.crt_");
        let names = folder.and_then(|folder| files::names(&folder).ok()).unwrap_or_default();
        names.iter().any(|name| name.to_ascii_lowercase().starts_with(&start))
    };
    place::below(system, &[dll]).is_some()
        || AbiFamily::of_runtime_dll(dll) == Some(AbiFamily::Vc9) && side_by_side()
}
