//! Visual Studio 2017 and later, as `vswhere` lists them; each may have several versions of the compiler
//! side by side.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};
use serde::Deserialize;

use super::installed::{Installed, Lookup, Script};
use crate::model::abi::AbiFamily;
use crate::model::arch::Arch;
use crate::sys::bounded::{self, Bounds};
use crate::sys::files;
use crate::sys::process;

/// `vswhere` looks at a few small files; on a busy machine it may wait long before it starts.
const BOUNDS: Bounds = Bounds { time: Duration::from_secs(120), bytes: 1 << 20 };

/// What `vswhere` lists; nothing where it is not there. It always stands in the same place.
pub(super) fn ask(lookup: &Lookup<'_>) -> Result<Vec<Instance>, String> {
    let programs = ["ProgramFiles(x86)", "ProgramFiles"].map(|name| lookup.folder(name));
    let place = |folder: Utf8PathBuf| {
        folder.join("Microsoft Visual Studio").join("Installer").join("vswhere.exe")
    };
    let found = programs.into_iter().flatten().map(place).find(|program| files::exists(program));
    let Some(program) = found else { return Ok(Vec::new()) };
    let mut command = process::command(&program);
    command.args(["-products", "*", "-format", "json", "-utf8", "-nologo"]);
    let said = bounded::run(&mut command, BOUNDS);
    let said = said.map_err(|error| format!("Visual Studio cannot be looked for: {error}"))?;
    read(&String::from_utf8_lossy(&said.stdout))
        .map_err(|why| format!("Visual Studio cannot be looked for: {program} says {why}"))
}

/// An installation, as `vswhere` has it, which says more of each.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Instance {
    installation_path: Utf8PathBuf,
    installation_version: String,
    #[serde(default)]
    is_complete: Option<bool>,
}

/// The installations in what `vswhere` says; what it says instead.
fn read(said: &str) -> Result<Vec<Instance>, String> {
    let text = said.trim_start_matches('\u{feff}').trim();
    if text.is_empty() {
        return Ok(Vec::new());
    }
    let first = text.lines().next().unwrap_or_default();
    serde_json::from_str(text).map_err(|error| format!("'{first}', which is no list: {error}"))
}

/// The compilers of all installations, the newest first.
pub(super) fn installed(instances: &[Instance]) -> Vec<Installed> {
    let whole = instances.iter().filter(|instance| instance.is_complete != Some(false));
    let mut instances: Vec<_> = whole.collect();
    instances.sort_by_cached_key(|instance| Reverse(numbers(&instance.installation_version)));
    let mut all: Vec<_> = instances.into_iter().flat_map(compilers).collect();
    // Of two of one version, that of the newer Visual Studio.
    all.sort_by_key(|(version, _)| Reverse(version.clone()));
    all.into_iter().map(|(_, installed)| installed).collect()
}

/// The versions of the compiler that stand side by side in one installation.
fn compilers(instance: &Instance) -> Vec<(Vec<u32>, Installed)> {
    let vc = instance.installation_path.join("VC");
    let script = vc.join("Auxiliary").join("Build").join("vcvarsall.bat");
    if !files::exists(&script) {
        return Vec::new();
    }
    let folder = vc.join("Tools").join("MSVC");
    let names = files::names(&folder).unwrap_or_default();
    let versions = names.into_iter().filter(|name| has_programs(&folder.join(name)));
    versions
        .filter_map(|version| Some((numbers(&version)?, compiler(instance, &script, &version)?)))
        .collect()
}

/// What was removed leaves folders behind.
fn has_programs(folder: &Utf8Path) -> bool {
    files::is_dir(&folder.join("bin"))
}

fn compiler(instance: &Instance, script: &Utf8Path, version: &str) -> Option<Installed> {
    let [major, minor, ..] = numbers(version)?[..] else { return None };
    let pinned = format!("-vcvars_ver={version}");
    let of = |arguments: &[&str]| {
        let arguments =
            arguments.iter().map(|arch| Script::new(script.to_owned(), &[arch, &pinned]));
        arguments.collect::<Vec<_>>()
    };
    Some(Installed {
        name: format!("msvc-{major}.{minor}"),
        title: format!("{}, compiler {version}", product(&instance.installation_version)),
        family: AbiFamily::Vc14,
        scripts: BTreeMap::from([
            (Arch::Win64, of(&["amd64", "x86_amd64"])),
            (Arch::Win32, of(&["amd64_x86", "x86"])),
        ]),
    })
    .filter(|_| major == 14)
}

/// `Visual Studio 2022` of 17.14.36127.28.
fn product(version: &str) -> String {
    let year = match version.split('.').next() {
        Some("15") => "2017",
        Some("16") => "2019",
        Some("17") => "2022",
        Some("18") => "2026",
        _ => return format!("Visual Studio {version}"),
    };
    format!("Visual Studio {year}")
}

/// The numbers of a version; none where it has something else.
fn numbers(version: &str) -> Option<Vec<u32>> {
    version.split('.').map(|part| part.parse().ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An installation with these compilers, of which the last lost its programs.
    fn instance(folder: &Utf8Path, compilers: &[&str]) {
        let vc = folder.join("VC");
        files::write_atomic(&vc.join("Auxiliary/Build/vcvarsall.bat"), b"@rem").unwrap();
        for version in compilers {
            let tools = vc.join("Tools/MSVC").join(version);
            files::create_dir_all(&tools.join("bin/Hostx64/x64")).unwrap();
        }
        files::create_dir_all(&vc.join("Tools/MSVC/14.12.25827/lib")).unwrap();
        files::create_dir_all(&vc.join("Tools/MSVC/v15/bin")).unwrap();
    }

    #[test]
    fn compilers_stand_side_by_side_and_the_newest_is_first() {
        let keep = tempfile::tempdir().unwrap();
        let folder = Utf8Path::from_path(keep.path()).unwrap();
        instance(&folder.join("2022"), &["14.44.35207", "14.29.30133"]);
        instance(&folder.join("2019"), &["14.29.30159"]);
        instance(&folder.join("half"), &["14.50.1"]);
        let said = serde_json::json!([
            { "installationPath": folder.join("2019"), "installationVersion": "16.11.35222.181",
              "instanceId": "1", "isComplete": true, "catalog": {} },
            { "installationPath": folder.join("2022"), "installationVersion": "17.14.36127.28" },
            { "installationPath": folder.join("half"), "installationVersion": "18.0.1",
              "isComplete": false },
            { "installationPath": folder.join("gone"), "installationVersion": "15.9.1" },
        ]);
        let all = installed(&read(&format!("\u{feff}{said}\r\n")).unwrap());
        let names: Vec<_> = all.iter().map(|it| (it.name.as_str(), it.title.as_str())).collect();
        assert_eq!(
            names,
            [
                ("msvc-14.44", "Visual Studio 2022, compiler 14.44.35207"),
                ("msvc-14.29", "Visual Studio 2019, compiler 14.29.30159"),
                ("msvc-14.29", "Visual Studio 2022, compiler 14.29.30133"),
            ]
        );
        let script = &all[2].scripts[&Arch::Win64][0];
        assert_eq!(script.arguments, ["amd64", "-vcvars_ver=14.29.30133"]);
        assert!(script.file.ends_with("2022/VC/Auxiliary/Build/vcvarsall.bat"), "{script:?}");
    }

    #[test]
    fn what_is_no_list_is_quoted() {
        for said in ["Error 0x80070002: no\r\nmore", "{}", r#"[{"installationPath":1}]"#] {
            let error = read(said).unwrap_err();
            let first = said.lines().next().unwrap();
            assert!(error.starts_with(&format!("'{first}', which is no list: ")), "{error}");
        }
        for said in ["", "\u{feff}", "[]\r\n"] {
            assert!(read(said).unwrap().is_empty(), "{said}");
        }
    }
}
