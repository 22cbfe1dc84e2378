//! modfarm.exe with Microsoft's compilers: it finds them as their installers leave them, in folders and in
//! a real registry, and builds through `cl`, `link`, `mt` and `nmake`, which stand-ins play.

use camino::Utf8PathBuf;
use modfarm::model::arch::Arch;
use modfarm::sys::files;
use serde_json::Value;

use super::wine::{Windows, stand_in};
use crate::made::source;
use crate::program::{Ran, Site, json, kit, read, repository, sources};

const CELL: &str = "Apache24-win64-VS17/py313-VC14";
const RUNNER: &str = "runners/windows/msvc.yaml";

/// The file of a machine that a job of GitHub Actions gets, and what it says.
const JOB: &str = "farm/windows.yaml";
const OF_JOB: &str = r#"connection: github
runs-on: [windows-2025]
toolset: msvc
labels: [VC14]
pythons: "3.13"
apaches: [2.4-win64]
"#;

/// Where the Build Tools of Visual Studio 2022 are, below drive C:.
const BUILD_TOOLS: &str = "Program Files (x86)/Microsoft Visual Studio/2022/BuildTools";

/// Where a user without rights has Visual C++ for Python 9.0.
const FOR_PYTHON: &str =
    "users/modfarm/AppData/Local/Programs/Common/Microsoft/Visual C++ for Python/9.0";

/// What `vcvarsall.bat` of Visual Studio 2017 and later does: it takes an architecture and, behind a sign
/// that parts arguments, a version of the compiler. It writes down that it was called.
const VCVARSALL: &str = r#"@echo off
echo %* >"%~dp0called-%1-%3.txt"
echo ** Visual Studio 2022 Developer Command Prompt
set ARCH=
if "%1"=="amd64" set ARCH=x64
if "%1"=="amd64_x86" set ARCH=x86
if "%ARCH%"=="" goto wrong
for /f "tokens=2 delims==" %%v in ("%*") do set VERSION=%%v
set "TOOLS=%~dp0..\..\Tools\MSVC\%VERSION%\bin\Hostx64\%ARCH%"
if not exist "%TOOLS%\bin\cl.exe" goto wrong
set "PATH=%TOOLS%\bin;%PATH%"
set "INCLUDE=%TOOLS%\include;C:\no such kit\include"
set "LIB=%TOOLS%\lib"
exit /b 0
:wrong
echo [ERROR:vcvarsall.bat] Invalid argument found : %* 1>&2
exit /b 1
"#;

/// What those before it do: an architecture that is not installed is a word, and no failure.
const OLD_VCVARSALL: &str = r#"@echo off
if exist "%~dp0tools\%1\bin\cl.exe" goto there
echo The specified configuration type is missing.
goto :eof
:there
set "PATH=%~dp0tools\%1\bin;%PATH%"
set "INCLUDE=%~dp0tools\%1\include;%INCLUDE%"
set "LIB=%~dp0tools\%1\lib;%LIB%"
"#;

/// What the Windows SDK's does.
const SETENV: &str = r#"@echo off
if not "%1"=="/Release" exit /b 1
if not "%2"=="/x64" exit /b 1
set SIGN=off
if not "!SIGN!"=="off" exit /b 1
set "PATH=%~dp0..\x64\bin;%PATH%"
set "INCLUDE=%~dp0..\x64\include"
set "LIB=%~dp0..\x64\lib"
"#;

/// A Windows machine with these compilers, an Apache and some Pythons.
struct Machine {
    windows: Windows,
    drive: Utf8PathBuf,
}

impl Machine {
    /// One with nothing on it.
    fn bare() -> Self {
        let windows = Windows::new();
        let drive = windows.drive();
        Self { windows, drive }
    }

    fn write(&self, path: &str, text: &str) {
        let text = text.replace('\n', "\r\n");
        files::write_atomic(&self.drive.join(path), text.as_bytes()).unwrap();
    }

    /// Visual Studio 2022 as the Build Tools, with two versions of the compiler side by side.
    fn visual_studio_2022(&self) {
        const INSTALLER: &str = "Program Files (x86)/Microsoft Visual Studio/Installer";
        for (tools, version) in [("14.44.35207", "19.44.35207"), ("14.29.30133", "19.29.30133")] {
            for (name, arch) in [("x64", Arch::Win64), ("x86", Arch::Win32)] {
                let folder = format!("{BUILD_TOOLS}/VC/Tools/MSVC/{tools}/bin/Hostx64/{name}");
                self.windows.tools(&folder, version, arch);
            }
        }
        self.write(&format!("{BUILD_TOOLS}/VC/Auxiliary/Build/vcvarsall.bat"), VCVARSALL);
        let instances = serde_json::json!([{
            "instanceId": "6f1c0b5a",
            "installationPath": format!("C:\\{}", BUILD_TOOLS.replace('/', "\\")),
            "installationVersion": "17.14.36127.28",
            "productId": "Microsoft.VisualStudio.Product.BuildTools",
            "isComplete": true,
        }]);
        self.write(&format!("{INSTALLER}/instances.json"), &instances.to_string());
        files::copy(&stand_in(), &self.drive.join(INSTALLER).join("vswhere.exe")).unwrap();
    }

    /// Visual C++ 2010 Express, which is for win32, and the SDK that has the compilers for win64.
    fn visual_studio_2010(&self) {
        const EXPRESS: &str = "Program Files (x86)/Microsoft Visual Studio 10.0/VC";
        const KIT: &str = "SDKs/v7.1";
        self.windows.tools(&format!("{EXPRESS}/tools/x86"), "16.00.40219", Arch::Win32);
        self.write(&format!("{EXPRESS}/vcvarsall.bat"), OLD_VCVARSALL);
        self.windows.tools(&format!("{KIT}/x64"), "16.00.40219", Arch::Win64);
        self.write(&format!("{KIT}/Bin/SetEnv.cmd"), SETENV);
        let key = r"HKLM\SOFTWARE\Microsoft\Microsoft SDKs\Windows\v7.1";
        self.windows.register_value(key, "InstallationFolder", r"C:\SDKs\v7.1\");
    }

    /// Visual C++ for Python 9.0, as a user without rights installs it.
    fn visual_c_for_python(&self) {
        for (name, arch) in [("x86", Arch::Win32), ("amd64", Arch::Win64)] {
            self.windows.tools(&format!("{FOR_PYTHON}/tools/{name}"), "15.00.30729", arch);
        }
        self.write(&format!("{FOR_PYTHON}/vcvarsall.bat"), OLD_VCVARSALL);
        let key = r"HKCU\SOFTWARE\Microsoft\DevDiv\VCForPython\9.0";
        self.windows.register_value(
            key,
            "installdir",
            &format!("C:\\{}\\", FOR_PYTHON.replace('/', "\\")),
        );
    }

    /// A folder of the kit as one below drive C:.
    fn install(&self, root: &str, folder: &str) {
        let link = self.drive.join(folder);
        files::create_dir_all(files::parent(&link)).unwrap();
        files::symlink(&kit().join(root), &link).unwrap();
    }

    /// An Apache, a Python for everybody and one of a user's own.
    fn apache_and_pythons(&self) {
        self.install("apache/2.4-win64", "Apache24");
        self.install("python/3.13-win64", "Python313");
        self.install("python/3.11-win64", "users/modfarm/Python311");
        let python = r"SOFTWARE\Python\PythonCore";
        self.windows.register(&format!(r"HKLM\{python}\3.13\InstallPath"), r"C:\Python313\");
        let own = r"C:\users\modfarm\Python311\";
        self.windows.register(&format!(r"HKCU\{python}\3.11\InstallPath"), own);
    }

    fn run(&self, site: &Site, arguments: &[&str]) -> Ran {
        Ran::of(&mut self.windows.modfarm(&site.folder, arguments))
    }

    /// A release of one cell, which is not loaded anywhere.
    fn release(&self, site: &Site, source: &str, cell: &str, more: &[&str]) -> Ran {
        let arguments = ["release", "--runner", RUNNER, "--source", source, "--only", cell];
        self.run(site, &[arguments.as_slice(), &["--no-smoke"], more].concat())
    }
}

/// A site whose runner is the Windows machine that modfarm runs on.
fn site() -> Site {
    let site = Site::new();
    files::remove_dir_all(&site.folder.join("runners")).unwrap();
    site.write(RUNNER, &read(&repository().join(RUNNER)));
    site
}

fn toolsets(machine: &Machine, site: &Site) -> Vec<Value> {
    let ran = machine.run(site, &["toolsets", "--format", "json"]).ended(0);
    assert!(!ran.stderr.contains("warning"), "{}", ran.stderr);
    let found: Value = serde_json::from_str(&ran.stdout).expect("JSON");
    found["toolsets"].as_array().expect("a list").clone()
}

#[test]
fn every_compiler_is_found_where_its_installer_leaves_it() {
    let (machine, site) = (Machine::bare(), site());
    machine.visual_studio_2022();
    machine.visual_studio_2010();
    machine.visual_c_for_python();
    let found = toolsets(&machine, &site);
    let line = |toolset: &Value| {
        let list = |name: &str| {
            let list = toolset[name].as_array().expect("a list").iter();
            list.map(|it| it.as_str().expect("a text")).collect::<Vec<_>>().join(" ")
        };
        let name = toolset["name"].as_str().expect("a name");
        let version = toolset["version"].as_str().expect("a version");
        format!("{name}: {version}; {}; {}", list("families"), list("arches"))
    };
    assert_eq!(
        found.iter().map(line).collect::<Vec<_>>(),
        [
            "msvc-14.44: cl 19.44.35207; VC14; win32 win64",
            "msvc-14.29: cl 19.29.30133; VC14; win32 win64",
            "msvc-10.0: cl 16.00.40219; VC10; win32 win64",
            "msvc-9.0: cl 15.00.30729; VC9; win32 win64",
        ]
    );
    let setting =
        |at: usize, name: &str| found[at]["settings"][name].as_str().expect(name).to_owned();
    let path = setting(0, "path.win64");
    assert!(path.contains(r"14.44.35207\bin\Hostx64\x64\bin;"), "{path}");
    assert!(path.to_ascii_lowercase().ends_with(r"c:\windows\system32"), "{path}");
    let include = setting(0, "include.win64");
    let there = r"14.44.35207\bin\Hostx64\x64\include";
    assert!(include.ends_with(there), "what is not there is left out: {include}");
    assert!(setting(1, "lib.win32").contains(r"14.29.30133\bin\Hostx64\x86\lib"));
    assert!(setting(2, "lib.win64").contains(r"SDKs\v7.1"), "the SDK is for win64");
    assert!(setting(2, "lib.win32").contains("Visual Studio 10.0"), "Express is for win32");
    assert_eq!(setting(3, "msc"), "15.00.30729");

    // Another look asks no script again.
    let build = machine.drive.join(BUILD_TOOLS).join("VC/Auxiliary/Build");
    let calls = || {
        let names = files::names(&build).expect("a folder").into_iter();
        names.filter(|name| name.starts_with("called-")).collect::<Vec<_>>()
    };
    let called = calls();
    assert_eq!(called.len(), 4, "{called:?}");
    for name in &called {
        files::remove_file(&build.join(name)).expect("a file");
    }
    assert_eq!(toolsets(&machine, &site), found);
    assert_eq!(calls(), [""; 0]);

    // People see them by their runner.
    machine.apache_and_pythons();
    let ran = machine.run(&site, &["runners", "--runner", RUNNER]).ended(0);
    for words in ["msvc: ready", "msvc-14.44: cl 19.44.35207 (VC14;", "msvc-9.0:", "2.4.", "3.13"] {
        assert!(ran.stdout.contains(words), "{words}: {}", ran.stdout);
    }
}

#[test]
fn what_is_there_and_cannot_be_used_is_said() {
    let (machine, site) = (Machine::bare(), site());
    machine.visual_c_for_python();
    files::remove_dir_all(&machine.drive.join(FOR_PYTHON).join("tools/x86")).unwrap();
    machine.visual_studio_2010();
    files::remove_file(&machine.drive.join("SDKs/v7.1/x64/lib/kernel32.lib")).unwrap();
    let ran = machine.run(&site, &["toolsets"]).ended(0);
    for line in ["for VC10, win32", "for VC9, win64"] {
        assert!(ran.stdout.lines().any(|said| said.trim() == line), "{line}: {ran:?}");
    }
    for words in [
        "Visual C++ for Python 9.0 or Visual Studio 2008 for win32: ",
        r"\vcvarsall.bat x86` sets up no compiler: ",
        "The specified configuration type is missing.",
        "Visual Studio 2010 or Windows SDK 7.1 for win64: ",
        "SetEnv.cmd /Release /x64` finds no Windows SDK: kernel32.lib is in no folder of LIB",
    ] {
        assert!(ran.stderr.contains(words), "{words}: {}", ran.stderr);
    }
}

#[test]
fn a_machine_without_compilers_is_told_what_to_install() {
    let (machine, site) = (Machine::bare(), site());
    let ran = machine.run(&site, &["toolsets"]).ended(0);
    assert!(ran.stdout.contains("Build Tools for Visual Studio 2022"), "{ran:?}");
    let ran = machine.run(&site, &["runners", "--runner", RUNNER]).ended(1);
    for words in [
        "the toolset 'msvc' is not there, but none",
        "install the Build Tools for Visual Studio 2022",
        "no Apache to build against",
        "no Python to build against",
    ] {
        assert!(ran.stdout.contains(words), "{words}: {}", ran.stdout);
    }
    // An Apache without headers is there, and not what is needed.
    machine.write("Apache24/bin/httpd.exe", "");
    let ran = machine.run(&site, &["runners", "--runner", RUNNER]).ended(1);
    let words = "Apache24 cannot be built against: it has no include/httpd.h";
    assert!(ran.stdout.contains(words), "{}", ran.stdout);
}

#[test]
fn a_cell_is_built_by_nmake_cl_and_link_to_the_same_bytes() {
    let (machine, site) = (Machine::bare(), site());
    machine.visual_studio_2022();
    machine.apache_and_pythons();
    let plan = machine.run(&site, &["plan", "--runner", RUNNER, "--format", "json"]).ended(0);
    assert!(plan.stdout.contains("installed/python/3.11-win64"), "{}", plan.stdout);
    let source = sources("6.1.1");
    let release = |state: &str, to: &str| {
        let folders = ["--state", state, "--to", to];
        machine.release(&site, source.as_str(), CELL, &folders).ended(0);
        json(&site.folder.join(to).join("mod_wsgi-6.1.1/mod_wsgi-windows-6.1.1.manifest.json"))
    };
    let one = release("one", "dist1");
    let cells = one["cells"].as_array().expect("cells").iter();
    let built = cells.map(|cell| &cell["built"]).find(|built| built.is_object()).expect("a cell");
    assert_eq!(built["toolset"], "msvc-14.44", "{built:#}");
    assert_eq!(built["apache_root"], "installed/apache/2.4-win64");
    assert_eq!(built["python_root"], "installed/python/3.13-win64");
    let two = release("another/state", "dist2");
    assert_eq!(
        one["archives"], two["archives"],
        "the same bytes in another folder, on another day"
    );
}

/// What a job of the release workflow does on GitHub's machine, and the job after it with its part on Linux.
#[test]
fn a_part_that_a_job_builds_is_assembled_on_linux() {
    let (machine, site) = (Machine::bare(), site());
    machine.visual_studio_2022();
    machine.apache_and_pythons();
    source::quick(&site.folder.join("module"), "6.1.1");
    site.write(JOB, OF_JOB);
    let wanted = ["--runner", JOB, "--source", "module", "--only", CELL];
    let here = |arguments: &[&str]| site.run(&[arguments, &wanted].concat());
    let jobs = here(&["plan", "--format", "github"]).ended(0).stdout;
    let jobs: Value = serde_json::from_str(&jobs).expect("JSON");
    let job = &jobs["include"][0];
    assert_eq!((&job["cells"], &job["runner"]), (&CELL.into(), &JOB.into()), "{jobs:#}");
    let workspace = site.folder.as_str().replace('/', "\\");
    let there = |arguments: &[&str]| {
        let build = ["build", CELL, "--runner", JOB, "--source", "module", "--no-smoke"];
        let mut build = machine.windows.modfarm(&site.folder, &[&build, arguments].concat());
        build.env("GITHUB_ACTIONS", "true").env("MODFARM_CHECKOUT", "module");
        Ran::of(build.env("GITHUB_WORKSPACE", format!("Z:{workspace}")))
    };

    let file = "module/src/server/mod_wsgi.c";
    site.edit(file, "return OK;", "return NOT_OK_AT_ALL;");
    let text = read(&site.folder.join(file));
    let line = text.lines().position(|line| line.contains("NOT_OK_AT_ALL")).expect("a line") + 1;
    let said = there(&["--to", "parts\\1"]).ended(1).stderr;
    assert!(said.contains(&format!("::error file=src/server/mod_wsgi.c,line={line},")), "{said}");
    here(&["assemble", "parts"]).refused(1, &[CELL, "NOT_OK_AT_ALL"]);

    site.edit(file, "return NOT_OK_AT_ALL;", "return OK;");
    there(&["--to", "parts\\1"]).ended(0);
    let again = there(&["--to", "parts\\2", "--reuse", "parts", "--state", "another"]).ended(0);
    let words = "1 cell is in earlier parts and not built again";
    assert!(again.stderr.contains(words), "{}", again.stderr);
    here(&["assemble", "parts"]).ended(0);
    site.run(&["verify", "--complete", "dist/mod_wsgi-6.1.1"]).ended(0);
    let manifest = site.folder.join("dist/mod_wsgi-6.1.1/mod_wsgi-windows-6.1.1.manifest.json");
    assert_eq!(json(&manifest)["toolsets"][0]["name"], "msvc-14.44");
}

#[test]
fn a_module_for_python_2_has_its_manifest_of_mt() {
    let (machine, site) = (Machine::bare(), site());
    machine.visual_c_for_python();
    machine.install("apache/2.4-win64", "Apache24");
    machine.install("python/2.7-win64", "Python27");
    let key = r"HKLM\SOFTWARE\Python\PythonCore\2.7\InstallPath";
    machine.windows.register(key, r"C:\Python27\");
    let (source, cell) = (sources("4.9.4"), "Apache24-win64-VC10/py27-VC9");
    // The inspection demands the manifest and MSVCR90.dll.
    machine.release(&site, source.as_str(), cell, &[]).ended(0);
    let folder = site.folder.join("dist/mod_wsgi-4.9.4");
    let manifest = json(&folder.join("mod_wsgi-windows-4.9.4.manifest.json"));
    assert_eq!(manifest["toolsets"][0]["name"], "msvc-9.0", "{:#}", manifest["toolsets"]);
}

#[test]
fn what_was_built_serves_pages_in_the_apache_that_is_installed() {
    let (machine, site) = (Machine::bare(), site());
    machine.visual_studio_2022();
    machine.apache_and_pythons();
    // The kit's roots to build against cannot run, and those that run have no headers.
    machine.install("run/apache/2.4-win64", "tools/Apache24");
    // Where `setup-python` puts one in a job.
    let version = "hostedtoolcache/windows/Python/3.13.2";
    machine.install("run/python/3.13-win64", &format!("{version}/x64"));
    machine.write(&format!("{version}/x64.complete"), "");
    let source = sources("6.1.1");
    let arguments = ["release", "--runner", RUNNER, "--source", source.as_str(), "--only", CELL];
    let mut release = machine.windows.modfarm(&site.folder, &arguments);
    Ran::of(release.env("RUNNER_TOOL_CACHE", r"C:\hostedtoolcache\windows")).ended(0);
    let name = "dist/mod_wsgi-6.1.1/mod_wsgi-windows-6.1.1.manifest.json";
    let manifest = json(&site.folder.join(name));
    let mut cells = manifest["cells"].as_array().expect("cells").iter();
    let smoke = cells.find_map(|cell| cell.pointer("/built/smoke")).expect("what was seen");
    assert_eq!(smoke["result"], "served", "{smoke:#}");
    let said = smoke.to_string();
    assert!(said.contains("of this machine"), "{said}");
}

#[test]
fn a_python_for_one_user_is_used_with_a_warning() {
    let (machine, site) = (Machine::bare(), site());
    machine.visual_studio_2022();
    machine.apache_and_pythons();
    source::quick(&site.folder.join("src"), "6.1.1");
    let ran = machine.release(&site, "src", "Apache24-win64-VS17/py311-VC14", &[]).ended(0);
    assert!(ran.stderr.contains("is installed for one user alone"), "{}", ran.stderr);
    assert!(ran.stderr.contains("(rule 2)"), "{}", ran.stderr);
}

#[test]
fn what_the_compiler_objects_to_is_said_with_file_and_line() {
    let (machine, site) = (Machine::bare(), site());
    machine.visual_studio_2022();
    machine.apache_and_pythons();
    source::quick(&site.folder.join("src"), "6.1.1");
    site.edit("src/src/server/mod_wsgi.c", "return OK;", "return NOT_OK_AT_ALL;");
    let line = read(&site.folder.join("src/src/server/mod_wsgi.c"));
    let line = line.lines().position(|line| line.contains("NOT_OK_AT_ALL")).expect("a line") + 1;
    let ran = machine.release(&site, "src", CELL, &[]).ended(1);
    let place = format!("mod_wsgi.c({line})");
    assert!(ran.stderr.contains(&place), "{place}: {}", ran.stderr);
    assert!(ran.stderr.contains("NOT_OK_AT_ALL"), "{}", ran.stderr);
}
