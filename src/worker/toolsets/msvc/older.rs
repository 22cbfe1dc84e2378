//! What is older than `vswhere`: Visual Studio 2015, 2010 and 2008, Windows SDK 7.1, and "Visual C++ for
//! Python 9.0". The registry knows them, else the variable that each sets, else the usual folder.

use std::collections::BTreeMap;

use camino::Utf8PathBuf;

use super::installed::{Installed, Lookup, Script};
use crate::model::abi::AbiFamily;
use crate::model::arch::Arch;
use crate::sys::files;
use crate::sys::registry::Hive;

/// Those that are there, the newest first.
pub(super) fn installed(lookup: &Lookup<'_>) -> Vec<Installed> {
    let all = [visual_studio_2015(lookup), family_vc10(lookup), family_vc9(lookup)];
    all.into_iter().filter(|found| !found.scripts.is_empty()).collect()
}

/// Also what is left of it as the Build Tools, or for a later Visual Studio.
fn visual_studio_2015(lookup: &Lookup<'_>) -> Installed {
    let folders = visual_studio(lookup, "14.0", "VS140COMNTOOLS");
    let win64 = vcvarsall(&folders, &["amd64", "x86_amd64"]);
    let win32 = vcvarsall(&folders, &["x86", "amd64_x86"]);
    Installed {
        name: "msvc-14.0".to_owned(),
        title: "Visual Studio 2015".to_owned(),
        family: AbiFamily::Vc14,
        scripts: by_arch(win64, win32),
    }
}

/// Visual Studio 2010, of which the Express edition is for win32 alone, and the SDK that is for both.
fn family_vc10(lookup: &Lookup<'_>) -> Installed {
    let key = r"Microsoft\Microsoft SDKs\Windows\v7.1";
    let mut kits = lookup.registered(Hive::Machine, key, "InstallationFolder");
    let usual = ["ProgramW6432", "ProgramFiles"].map(|name| lookup.folder(name));
    kits.extend(
        usual
            .into_iter()
            .flatten()
            .map(|programs| programs.join("Microsoft SDKs").join("Windows").join("v7.1")),
    );
    let of_kit = |arch: &str| {
        let scripts = kits.iter().map(|kit| kit.join("Bin").join("SetEnv.cmd"));
        let there = scripts.filter(|script| files::exists(script));
        let call = |script| Script { delayed: true, ..Script::new(script, &["/Release", arch]) };
        there.map(call).collect::<Vec<_>>()
    };
    let folders = visual_studio(lookup, "10.0", "VS100COMNTOOLS");
    let win64 = [of_kit("/x64"), vcvarsall(&folders, &["amd64", "x86_amd64"])].concat();
    let win32 = [vcvarsall(&folders, &["x86"]), of_kit("/x86")].concat();
    Installed {
        name: "msvc-10.0".to_owned(),
        title: "Visual Studio 2010 or Windows SDK 7.1".to_owned(),
        family: AbiFamily::Vc10,
        scripts: by_arch(win64, win32),
    }
}

/// The compiler that Microsoft made for Python 2.7, or Visual Studio 2008.
fn family_vc9(lookup: &Lookup<'_>) -> Installed {
    let mut folders = Vec::new();
    for hive in [Hive::Machine, Hive::User] {
        folders.extend(lookup.registered(hive, r"Microsoft\DevDiv\VCForPython\9.0", "installdir"));
    }
    for (variable, below) in [
        ("CommonProgramFiles(x86)", "Microsoft"),
        ("CommonProgramFiles", "Microsoft"),
        ("CommonProgramFiles(x86)", r"Programs\Common\Microsoft"),
        ("LOCALAPPDATA", r"Programs\Common\Microsoft"),
    ] {
        let below = below.split('\\').chain(["Visual C++ for Python", "9.0"]);
        folders.extend(
            lookup.folder(variable).map(|folder| below.fold(folder, |it, part| it.join(part))),
        );
    }
    folders.extend(visual_studio(lookup, "9.0", "VS90COMNTOOLS"));
    let win64 = vcvarsall(&folders, &["amd64", "x86_amd64"]);
    let win32 = vcvarsall(&folders, &["x86"]);
    Installed {
        name: "msvc-9.0".to_owned(),
        title: "Visual C++ for Python 9.0 or Visual Studio 2008".to_owned(),
        family: AbiFamily::Vc9,
        scripts: by_arch(win64, win32),
    }
}

/// The folders `VC` of a Visual Studio: of the full editions, of Express, of whatever set its variable.
fn visual_studio(lookup: &Lookup<'_>, version: &str, tools: &str) -> Vec<Utf8PathBuf> {
    let registered = |key: &str, value: &str| {
        let mut folders = lookup.registered(Hive::Machine, &format!(r"Microsoft\{key}"), value);
        folders.extend(lookup.registered(Hive::User, &format!(r"Microsoft\{key}"), value));
        folders
    };
    let mut folders = registered(&format!(r"VisualStudio\{version}\Setup\VC"), "ProductDir");
    folders.extend(registered(r"VisualStudio\SxS\VC7", version));
    let whole = registered(r"VisualStudio\SxS\VS7", version);
    folders.extend(whole.into_iter().map(|folder| folder.join("VC")));
    folders.extend(registered(&format!(r"VCExpress\{version}\Setup\VC"), "ProductDir"));
    // It names …\Common7\Tools\.
    let common = lookup.folder(tools);
    let above =
        common.iter().filter_map(|tools| tools.ancestors().nth(2)).map(|folder| folder.join("VC"));
    folders.extend(above);
    let programs = lookup.folder("ProgramFiles(x86)");
    let usual =
        |folder: Utf8PathBuf| folder.join(format!("Microsoft Visual Studio {version}")).join("VC");
    folders.extend(programs.map(usual));
    folders
}

/// The calls of the script in these folders, where it is there: of each with every argument.
fn vcvarsall(folders: &[Utf8PathBuf], arguments: &[&str]) -> Vec<Script> {
    let scripts = folders.iter().map(|folder| folder.join("vcvarsall.bat"));
    let there = scripts.filter(|script| files::exists(script));
    there.flat_map(|it| arguments.iter().map(move |one| Script::new(it.clone(), &[one]))).collect()
}

/// A folder that is named twice is asked once.
fn by_arch(win64: Vec<Script>, win32: Vec<Script>) -> BTreeMap<Arch, Vec<Script>> {
    let mut all = BTreeMap::new();
    for (arch, scripts) in [(Arch::Win64, win64), (Arch::Win32, win32)] {
        let mut known: Vec<Script> = Vec::new();
        for script in scripts {
            if !known.iter().any(|it| is_same(it, &script)) {
                known.push(script);
            }
        }
        if !known.is_empty() {
            all.insert(arch, known);
        }
    }
    all
}

fn is_same(one: &Script, other: &Script) -> bool {
    // However the folder is spelled: the registry ends it with a separator.
    let spelled = |script: &Script| {
        let parts = script.file.components().map(|part| part.as_str().to_ascii_lowercase());
        parts.collect::<Vec<_>>()
    };
    one.arguments == other.arguments && spelled(one) == spelled(other)
}

#[cfg(test)]
mod tests {
    use camino::Utf8Path;

    use super::*;

    /// What is installed where these values are registered and these variables set.
    fn look(
        registered: &[(&str, &str, String)],
        variables: &[(&str, String)],
    ) -> Vec<(String, String)> {
        let lookup = Lookup {
            variable: &|name| {
                let found = variables.iter().find(|(known, _)| *known == name);
                found.map(|(_, value)| value.clone())
            },
            registered: &|hive, key, value| {
                let found =
                    registered.iter().find(|(known, name, _)| (*known, *name) == (key, value));
                found.filter(|_| hive == Hive::Machine).map(|(_, _, text)| text.clone())
            },
            instances: Ok(Vec::new()),
        };
        let line = |installed: &Installed, arch: Arch| {
            let scripts = installed.scripts.get(&arch).into_iter().flatten();
            let calls = scripts.map(|script| {
                let folders: Vec<_> = script.file.components().rev().take(2).collect();
                format!("{}/{} {}", folders[1], folders[0], script.arguments.join(" "))
            });
            calls.collect::<Vec<_>>().join("; ")
        };
        let all = installed(&lookup);
        all.iter()
            .map(|it| {
                (it.name.clone(), format!("{} | {}", line(it, Arch::Win64), line(it, Arch::Win32)))
            })
            .collect()
    }

    #[test]
    fn nothing_is_installed_where_nothing_says_so() {
        assert_eq!(look(&[], &[]), []);
        let gone = r"C:\Program Files (x86)\Microsoft Visual Studio 14.0\VC\".to_owned();
        let key = r"SOFTWARE\WOW6432Node\Microsoft\VisualStudio\SxS\VC7";
        assert_eq!(look(&[(key, "14.0", gone)], &[]), []);
    }

    #[test]
    fn the_registry_and_the_variables_know_what_is_old() {
        let keep = tempfile::tempdir().unwrap();
        let folder = Utf8Path::from_path(keep.path()).unwrap();
        for script in [
            "VS14/VC/vcvarsall.bat",
            "VS10/VC/vcvarsall.bat",
            "sdk/Bin/SetEnv.cmd",
            "local/Programs/Common/Microsoft/Visual C++ for Python/9.0/vcvarsall.bat",
        ] {
            files::write_atomic(&folder.join(script), b"@rem").unwrap();
        }
        let sdk = r"SOFTWARE\Microsoft\Microsoft SDKs\Windows\v7.1";
        let vc7 = r"SOFTWARE\WOW6432Node\Microsoft\VisualStudio\SxS\VC7";
        let found = look(
            &[
                (sdk, "InstallationFolder", format!("{folder}/sdk/")),
                (vc7, "14.0", format!("{folder}/VS14/VC/")),
            ],
            &[
                ("VS100COMNTOOLS", format!("{folder}/VS10/Common7/Tools/")),
                ("VS140COMNTOOLS", format!("{folder}/VS14/Common7/Tools/")),
                ("LOCALAPPDATA", format!("{folder}/local")),
            ],
        );
        let expected = [
            (
                "msvc-14.0",
                "VC/vcvarsall.bat amd64; VC/vcvarsall.bat x86_amd64 | \
                 VC/vcvarsall.bat x86; VC/vcvarsall.bat amd64_x86",
            ),
            (
                "msvc-10.0",
                "Bin/SetEnv.cmd /Release /x64; VC/vcvarsall.bat amd64; VC/vcvarsall.bat x86_amd64 | \
                 VC/vcvarsall.bat x86; Bin/SetEnv.cmd /Release /x86",
            ),
            (
                "msvc-9.0",
                "9.0/vcvarsall.bat amd64; 9.0/vcvarsall.bat x86_amd64 | 9.0/vcvarsall.bat x86",
            ),
        ];
        assert_eq!(found, expected.map(|(name, calls)| (name.to_owned(), calls.to_owned())));
    }
}
