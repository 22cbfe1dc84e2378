//! A folder with Microsoft's tools as the stand-ins play them, and what they compile and link with:
//! mingw-w64's headers and libraries under the names of Microsoft's.

use std::process::Command;
use std::sync::LazyLock;

use camino::{Utf8Path, Utf8PathBuf};
use modfarm::model::abi::AbiFamily;
use modfarm::model::arch::Arch;
use modfarm::model::toolset::mingw_runtime;
use modfarm::sys::files;

/// The program of Linux that plays them all, made where it is missing: a run of these tests alone does not
/// make examples.
pub(crate) static STAND_IN: LazyLock<Utf8PathBuf> = LazyLock::new(|| {
    let tests =
        Utf8PathBuf::from_path_buf(std::env::current_exe().expect("a path")).expect("Unicode");
    let program = files::parent(files::parent(&tests)).join("examples/msvc-stand-in");
    if !program.exists() {
        let mut command = Command::new(env!("CARGO"));
        command.args(["build", "--locked", "--example", "msvc-stand-in"]);
        assert!(command.status().expect("cargo").success());
    }
    program
});

/// What a batch file of Visual Studio's sets: the folders of `PATH`, `INCLUDE` and `LIB`.
#[derive(Debug)]
pub(crate) struct Tools {
    pub(crate) bin: Utf8PathBuf,
    pub(crate) include: Utf8PathBuf,
    pub(crate) lib: Utf8PathBuf,
}

/// Lays out the tools of a version of cl, such as `19.44.35207`, in a folder: `bin`, `include` and `lib`.
/// `program` plays them; with `.exe` at its end so do the tools. `more` is for `stand-in.txt`.
pub(crate) fn lay_out(
    program: &Utf8Path,
    folder: &Utf8Path,
    version: &str,
    arch: Arch,
    more: &str,
) -> Tools {
    let tools = ["bin", "include", "lib"].map(|name| folder.join(name));
    let [bin, include, lib] = tools;
    files::create_dir_all(&bin).expect("a folder");
    files::create_dir_all(&lib).expect("a folder");
    let end = if program.extension() == Some("exe") { ".exe" } else { "" };
    for tool in ["cl", "link", "mt", "nmake"] {
        // Another name of the same file: who runs it learns what it plays by that name.
        let path = bin.join(format!("{tool}{end}"));
        std::fs::hard_link(program, &path)
            .or_else(|_| std::fs::copy(program, &path).map(|_| ()))
            .expect("a tool");
    }
    let (name, machine) = match arch {
        Arch::Win32 => ("x86", "i686-w64-mingw32"),
        Arch::Win64 => ("x64", "x86_64-w64-mingw32"),
    };
    let text = format!("version = {version}\narch = {name}\n{more}");
    files::write_atomic(&bin.join("stand-in.txt"), text.as_bytes()).expect("a file");
    let mingw = Utf8Path::new("/usr").join(machine);
    link(&mingw.join("include"), &include);
    libraries(&mingw.join("lib"), &libgcc(machine), &lib, version);
    Tools { bin, include, lib }
}

/// The libraries by Microsoft's names, and beside them what a DLL starts with.
fn libraries(mingw: &Utf8Path, libgcc: &Utf8Path, lib: &Utf8Path, version: &str) {
    let runtime = format!("lib{}.a", mingw_runtime(family(version)));
    let names = [("msvcrt.lib", runtime.as_str()), ("oldnames.lib", "libmoldname.a")];
    let system = [("kernel32.lib", "libkernel32.a"), ("psapi.lib", "libpsapi.a")];
    for (name, of) in names.into_iter().chain(system) {
        link(&mingw.join(of), &lib.join(name));
    }
    for name in ["dllcrt2.o", "libmingw32.a", "libmingwex.a"] {
        link(&mingw.join(name), &lib.join(name));
    }
    for name in ["libgcc.a", "libgcc_eh.a"] {
        link(&libgcc.join(name), &lib.join(name));
    }
}

/// The ABI family of a version of cl.
pub(crate) fn family(version: &str) -> AbiFamily {
    match version.split('.').next() {
        Some("15") => AbiFamily::Vc9,
        Some("16") => AbiFamily::Vc10,
        Some("17") => AbiFamily::Vc11,
        Some("18") => AbiFamily::Vc12,
        _ => AbiFamily::Vc14,
    }
}

fn libgcc(machine: &str) -> Utf8PathBuf {
    let folder = Utf8Path::new("/usr/lib/gcc").join(machine);
    let names = files::names(&folder).expect("mingw-w64");
    let name = names.iter().filter(|name| name.ends_with("-win32")).max().expect("mingw-w64's gcc");
    folder.join(name)
}

fn link(from: &Utf8Path, to: &Utf8Path) {
    assert!(from.exists(), "{from} is not there");
    std::os::unix::fs::symlink(from, to).expect("a link");
}
