//! Everything to build all combinations by hand, one after the other: the makefile of each, the common part
//! of each family, a batch file for each family and architecture, and one for all of them.

use std::collections::{BTreeMap, BTreeSet};

use super::makefile::{self, Places};
use crate::model::abi::AbiFamily;
use crate::model::arch::Arch;
use crate::model::cell::CellId;

/// A file to write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rendered {
    /// Its name, without a folder.
    pub name: String,
    /// What stands in it.
    pub text: String,
}

/// The files for these cells. Cells that differ in the label of their Apache alone share a makefile: the
/// batch file says which Apache is meant.
#[must_use]
pub fn files(module: &str, cells: &[CellId], folders: &[&str]) -> Vec<Rendered> {
    let families: BTreeSet<AbiFamily> = cells.iter().map(|cell| cell.abi).collect();
    let common = families.into_iter().map(|family| Rendered {
        name: makefile::common_name(family),
        text: makefile::common(module, family, folders),
    });
    let mut makefiles: BTreeMap<String, String> = BTreeMap::new();
    let mut batches: BTreeMap<(AbiFamily, Arch), Vec<&CellId>> = BTreeMap::new();
    for cell in cells {
        let text = || makefile::cell(module, cell, &Places::usual(cell));
        makefiles.entry(makefile::name(cell)).or_insert_with(text);
        batches.entry((cell.abi, cell.apache.arch)).or_default().push(cell);
    }
    let all = build_all(batches.keys());
    let makefiles = makefiles.into_iter().map(|(name, text)| Rendered { name, text });
    let batches = batches.iter().map(|((family, arch), cells)| batch(*family, *arch, cells));
    makefiles.chain(common).chain(batches).chain([all]).collect()
}

fn batch_name(family: AbiFamily, arch: Arch) -> String {
    format!("build-{arch}-{family}.bat")
}

/// The combinations of a family and an architecture, in the environment of its compiler.
fn batch(family: AbiFamily, arch: Arch, cells: &[&CellId]) -> Rendered {
    let mut text = format!(
        "@echo off\n\
         rem Builds and installs every combination of {family} for {arch}, with\n\
         rem {}. Ends at the first that fails.\n\
         setlocal EnableExtensions EnableDelayedExpansion\n\
         cd /d \"%~dp0\"\n\n\
         rem The folders that have all the Apaches and all the Pythons.\n\
         if not defined APACHES set \"APACHES=c:\"\n\
         if not defined PYTHONS set \"PYTHONS=c:\"\n\n{}\n",
        makefile::compiler(family),
        environment(family, arch)
    );
    for cell in cells {
        let places = Places::usual(cell);
        let [apache, python] = [&places.apache, &places.python].map(|place| name_in(place));
        let name = makefile::name(cell);
        text +=
            &format!("call :build {name} \"%APACHES%\\{apache}\" \"%PYTHONS%\\{python}\"\n{STOP}");
    }
    text += BUILD;
    Rendered { name: batch_name(family, arch), text: crlf(&text) }
}

/// The last part of a usual place: of `c:\Python27-win64-VC9` what follows the drive.
fn name_in(place: &str) -> &str {
    place.rsplit('\\').next().unwrap_or(place)
}

const BUILD: &str = r#"exit /b 0

:build
echo.
echo ==== %1 with %~2 and %~3
nmake /nologo /f %1 "APACHE_ROOTDIR=%~2" "PYTHON_ROOTDIR=%~3" clean
if errorlevel 1 exit /b 1
nmake /nologo /f %1 "APACHE_ROOTDIR=%~2" "PYTHON_ROOTDIR=%~3"
if errorlevel 1 exit /b 1
nmake /nologo /f %1 "APACHE_ROOTDIR=%~2" "PYTHON_ROOTDIR=%~3" install
if errorlevel 1 exit /b 1
exit /b 0
"#;

/// Wine's cmd knows this, and not `||`.
const STOP: &str = "if errorlevel 1 exit /b 1\n";

/// What sets up a compiler's environment, and the look whether it did.
fn environment(family: AbiFamily, arch: Arch) -> String {
    let (visual_studio, sdk) = match arch {
        Arch::Win32 => ("x86", "/x86"),
        Arch::Win64 => ("amd64", "/x64"),
    };
    let finding = match (family, arch) {
        (AbiFamily::Vc9, _) => VC9.to_owned(),
        (AbiFamily::Vc10, Arch::Win64) => SDK_7_1.to_owned(),
        (AbiFamily::Vc10, Arch::Win32) => visual_studio_of("VS100COMNTOOLS"),
        (AbiFamily::Vc11, _) => visual_studio_of("VS110COMNTOOLS"),
        (AbiFamily::Vc12, _) => visual_studio_of("VS120COMNTOOLS"),
        (AbiFamily::Vc14, _) => VC14.to_owned(),
    };
    let argument = match (family, arch) {
        (AbiFamily::Vc10, Arch::Win64) => format!("/Release {sdk}"),
        _ => visual_studio.to_owned(),
    };
    format!(
        "{finding}\
         if not exist \"%SETUP%\" echo There is no \"%SETUP%\": install {compiler}.& exit /b 1\n\
         call \"%SETUP%\" {argument}\n\
         cl >nul 2>nul\n\
         if errorlevel 1 echo \"%SETUP%\" {argument} sets up no cl.& exit /b 1\n",
        compiler = makefile::compiler(family),
    )
}

const VC9: &str = r#"set "SETUP=%LOCALAPPDATA%\Programs\Common\Microsoft\Visual C++ for Python\9.0\vcvarsall.bat"
if not exist "%SETUP%" if defined VS90COMNTOOLS set "SETUP=%VS90COMNTOOLS%..\..\VC\vcvarsall.bat"
"#;

const SDK_7_1: &str = r#"set "SETUP=%ProgramFiles%\Microsoft SDKs\Windows\v7.1\Bin\SetEnv.cmd"
"#;

const VC14: &str = r#"set "SETUP=%VS140COMNTOOLS%..\..\VC\vcvarsall.bat"
set "VSWHERE=%ProgramFiles(x86)%\Microsoft Visual Studio\Installer\vswhere.exe"
if exist "%VSWHERE%" for /f "usebackq delims=" %%i in (`"%VSWHERE%" -latest -products * -requires Microsoft.VisualStudio.Component.VC.Tools.x86.x64 -property installationPath`) do set "SETUP=%%i\VC\Auxiliary\Build\vcvarsall.bat"
"#;

fn visual_studio_of(variable: &str) -> String {
    format!("set \"SETUP=%{variable}%..\\..\\VC\\vcvarsall.bat\"\n")
}

/// Each batch file in turn; what one sets is gone before the next.
fn build_all<'a>(batches: impl Iterator<Item = &'a (AbiFamily, Arch)>) -> Rendered {
    let mut text =
        "@echo off\nrem Builds and installs every combination. Ends at the first that fails.\n"
            .to_owned();
    for (family, arch) in batches {
        text += &format!("call \"%~dp0{}\"\n{STOP}", batch_name(*family, *arch));
    }
    text += "exit /b 0\n";
    Rendered { name: "build-all.bat".to_owned(), text: crlf(&text) }
}

/// The line ends that cmd wants: with others it does not find its labels.
fn crlf(text: &str) -> String {
    text.replace('\n', "\r\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rendered(cells: &[&str]) -> Vec<Rendered> {
        let cells: Vec<CellId> = cells.iter().map(|cell| cell.parse().unwrap()).collect();
        files("mod_wsgi", &cells, &makefile::USUAL_FOLDERS)
    }

    fn text<'a>(files: &'a [Rendered], name: &str) -> &'a str {
        &files.iter().find(|file| file.name == name).unwrap_or_else(|| panic!("{name}")).text
    }

    #[test]
    fn every_combination_is_built_once_for_each_apache() {
        let files = rendered(&[
            "Apache24-win64-VC10/py27-VC9",
            "Apache24-win32-VC10/py33-VC10",
            "Apache24-win64-VC10/py33-VC10",
            "Apache24-win64-VS17/py313-VC14",
            "Apache24-win64-VS18/py313-VC14",
        ]);
        let names: Vec<&str> = files.iter().map(|file| file.name.as_str()).collect();
        assert_eq!(
            names,
            [
                "ap24py27-win64-VC9.mk",
                "ap24py313-win64-VC14.mk",
                "ap24py33-win32-VC10.mk",
                "ap24py33-win64-VC10.mk",
                "common-VC9.mk",
                "common-VC10.mk",
                "common-VC14.mk",
                "build-win64-VC9.bat",
                "build-win32-VC10.bat",
                "build-win64-VC10.bat",
                "build-win64-VC14.bat",
                "build-all.bat",
            ]
        );
        let newest = text(&files, "build-win64-VC14.bat");
        for label in ["VS17", "VS18"] {
            let call = format!(
                "\r\ncall :build ap24py313-win64-VC14.mk \"%APACHES%\\Apache24-win64-{label}\" \
                 \"%PYTHONS%\\Python313-win64-VC14\"\r\nif errorlevel 1 exit /b 1\r\n"
            );
            assert_eq!(newest.matches(&call).count(), 1, "{newest}");
        }
        let all = text(&files, "build-all.bat");
        assert_eq!(all.matches("\r\ncall ").count(), 4);
    }

    #[test]
    fn each_family_has_its_own_compiler() {
        let of = |family, arch| batch(family, arch, &[]).text;
        for (family, arch, words) in [
            (AbiFamily::Vc9, Arch::Win32, "call \"%SETUP%\" x86\r\n"),
            (AbiFamily::Vc9, Arch::Win64, "Visual C++ for Python\\9.0\\vcvarsall.bat\"\r\n"),
            (AbiFamily::Vc10, Arch::Win32, "%VS100COMNTOOLS%..\\..\\VC\\vcvarsall.bat"),
            (AbiFamily::Vc10, Arch::Win32, "call \"%SETUP%\" x86\r\n"),
            (AbiFamily::Vc10, Arch::Win64, "Windows\\v7.1\\Bin\\SetEnv.cmd\"\r\n"),
            (AbiFamily::Vc10, Arch::Win64, "call \"%SETUP%\" /Release /x64\r\n"),
            (AbiFamily::Vc11, Arch::Win64, "%VS110COMNTOOLS%"),
            (AbiFamily::Vc12, Arch::Win32, "%VS120COMNTOOLS%"),
            (AbiFamily::Vc14, Arch::Win64, "vswhere.exe"),
            (AbiFamily::Vc14, Arch::Win64, "call \"%SETUP%\" amd64\r\n"),
        ] {
            assert!(of(family, arch).contains(words), "{}", of(family, arch));
        }
    }

    #[test]
    fn batch_files_end_their_lines_as_cmd_wants_it() {
        for file in rendered(&["Apache24-win64-VS17/py313-VC14"]) {
            let lines = file.text.matches('\n').count();
            let batch = file.name.starts_with("build-");
            let windows = if batch { lines } else { 0 };
            assert_eq!(file.text.matches("\r\n").count(), windows, "{}", file.name);
        }
    }
}
