//! What an administrator does who builds by hand: modfarm writes the makefiles and batch files, and
//! `build-all.bat` builds and installs, with the compilers of two families, which stand-ins play.

use camino::{Utf8Path, Utf8PathBuf};
use modfarm::model::arch::Arch;
use modfarm::sys::files;

use super::wine::Windows;
use crate::made::source;
use crate::program::{Ran, Site, kit};

const CELLS: [&str; 3] = [
    "Apache24-win64-VC10/py27-VC9",
    "Apache24-win32-VS17/py311-VC14",
    "Apache24-win64-VS17/py311-VC14",
];

/// What both families' `vcvarsall.bat` do, for the tools beside it.
const VCVARSALL: &str = "@echo off\r\n\
    if not exist \"%~dp0tools\\%1\\bin\\cl.exe\" exit /b 1\r\n\
    set \"PATH=%~dp0tools\\%1\\bin;%PATH%\"\r\n\
    set \"INCLUDE=%~dp0tools\\%1\\include\"\r\n\
    set \"LIB=%~dp0tools\\%1\\lib\"\r\n";

/// A compiler that a batch file sets up, in a folder of drive C:.
fn compiler(windows: &Windows, folder: &str, version: &str) {
    for (name, arch) in [("x86", Arch::Win32), ("amd64", Arch::Win64)] {
        windows.tools(&format!("{folder}/tools/{name}"), version, arch);
    }
    let batch = windows.drive().join(folder).join("vcvarsall.bat");
    files::write_atomic(&batch, VCVARSALL.as_bytes()).unwrap();
}

/// The Apache and the Python of a cell where the makefiles have them.
fn roots(drive: &Utf8Path, cell: &str) {
    let (apache, python) = cell.split_once('/').unwrap();
    let arch = apache.split('-').nth(1).unwrap();
    let (digits, family) = python.trim_start_matches("py").split_once('-').unwrap();
    let place = drive.join(apache);
    files::create_dir_all(&place.join("modules")).unwrap();
    let link = |from: Utf8PathBuf, to: Utf8PathBuf| files::symlink(&from, &to).unwrap();
    for part in ["include", "lib"] {
        link(kit().join(format!("apache/2.4-{arch}/{part}")), place.join(part));
    }
    let version = format!("{}.{}", &digits[..1], &digits[1..]);
    let python = drive.join(format!("Python{digits}-{arch}-{family}"));
    link(kit().join(format!("python/{version}-{arch}")), python);
}

#[test]
fn the_batch_files_build_and_install_every_combination() {
    const VC9: &str =
        "users/modfarm/AppData/Local/Programs/Common/Microsoft/Visual C++ for Python/9.0";
    let (windows, site) = (Windows::new(), Site::new());
    let drive = windows.drive();
    compiler(&windows, VC9, "15.00.30729");
    compiler(&windows, "VS14/VC", "19.00.24215");
    files::create_dir_all(&drive.join("VS14/Common7/Tools")).unwrap();
    for cell in CELLS {
        roots(&drive, cell);
    }
    let top = site.folder.join("mod_wsgi source");
    source::quick(&top, "4.9.4");
    let mut arguments = vec!["makefile", "--source", "mod_wsgi source", "--all", "mod_wsgi source"];
    arguments.extend(CELLS.iter().flat_map(|cell| ["--only", cell]));
    site.run(&arguments).ended(0);

    let build = || {
        let mut command = windows.program(Utf8Path::new("cmd"), &top);
        command.args(["/c", "build-all.bat"]);
        Ran::of(command.env("VS140COMNTOOLS", "C:\\VS14\\Common7\\Tools\\"))
    };
    let said = build().ended(0).stdout;
    for cell in CELLS {
        let (apache, python) = cell.split_once('/').unwrap();
        let line = format!("LoadModule wsgi_module modules/mod_wsgi-{python}.so");
        assert!(said.contains(&line), "{said}");
        let module = drive.join(apache).join(format!("modules/mod_wsgi-{python}.so"));
        let inspected = site.run(&["inspect", module.as_str()]).ended(0).stdout;
        assert!(inspected.contains("0 refused: 0 errors"), "{inspected}");
    }

    // The first failure is the end of it.
    let broken = top.join("src/server/wsgi_broken.c");
    files::write_atomic(&broken, b"int x = nowhere;\n").unwrap();
    let failed = build().ended(1).stdout;
    assert!(failed.contains("wsgi_broken.c(1) : error C2065: 'nowhere'"), "{failed}");
    assert_eq!(failed.matches("==== ").count(), 1, "{failed}");
}
