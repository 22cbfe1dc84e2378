//! Folders laid out like installations of Apache and Python on Windows, whose binaries say what they are
//! and hold no code.

use camino::{Utf8Path, Utf8PathBuf};
use modfarm::model::abi::AbiFamily;
use modfarm::model::arch::Arch;
use modfarm::model::python::PythonTag;
use modfarm::sys::files;
use object::pe::IMAGE_FILE_MACHINE_I386;

use super::pe::{AP22, AP24, Made};

/// A binary as a compiler with this label makes it for an architecture.
pub(crate) fn built(made: Made, arch: Arch, label: &str) -> Made {
    let family = AbiFamily::of_compiler(label).expect("a label");
    let runtimes: &[&str] = match family {
        AbiFamily::Vc14 => &["VCRUNTIME140.dll", "api-ms-win-crt-heap-l1-1-0.dll"],
        family => &[family.runtime()],
    };
    let made = made.runtime(runtimes);
    let linker = match label {
        "VC15" => (14, 16),
        "VS16" => (14, 29),
        "VS17" => (14, 44),
        "VS18" => (14, 50),
        label => (label[2..].parse().expect("a number"), 0),
    };
    let machine = if arch == Arch::Win32 { IMAGE_FILE_MACHINE_I386 } else { made.machine };
    Made { machine, linker, ..made }
}

/// A module for Apache 2.4 and this Python.
pub(crate) fn module(python: &str, arch: Arch, label: &str) -> Made {
    let tag: PythonTag = python.parse().expect("a Python");
    let made = Made::module(&tag.dll());
    let made = if arch == Arch::Win32 { made.win32() } else { made };
    let made = built(made, arch, label);
    if label == "VC9" {
        let machine = if arch == Arch::Win32 { "x86" } else { "amd64" };
        return made.vc90_manifest(2, machine);
    }
    made
}

/// An Apache of a version in a folder.
pub(crate) fn apache(folder: &Utf8Path, version: &str, arch: Arch, label: &str) -> Utf8PathBuf {
    let numbers: Vec<u16> = version.split('.').map(|number| number.parse().unwrap()).collect();
    let numbers = [numbers[0], numbers[1], numbers[2], 0];
    let magic = if version.starts_with("2.2") { AP22 } else { AP24 };
    let binary = |imports: &[&str], exports: &[&str]| {
        let made = Made::binary(imports, exports);
        let made = made.version(numbers, "Apache Software Foundation");
        Made { magic, ..built(made, arch, label) }
    };
    let program = binary(&["libhttpd.dll", "libapr-1.dll", "KERNEL32.dll"], &[]);
    write(&folder.join("bin/httpd.exe"), &Made { dll: false, ..program }.bytes());
    let library = binary(&["libapr-1.dll", "libaprutil-1.dll", "WS2_32.dll"], &["core_module"]);
    let named = format!("\0Apache/{version} (Win)\0");
    write(&folder.join("bin/libhttpd.dll"), &Made { more: named.into(), ..library }.bytes());
    for name in ["libapr-1.dll", "libaprutil-1.dll"] {
        write(&folder.join("bin").join(name), &binary(&["KERNEL32.dll"], &["apr_x"]).bytes());
    }
    files::create_dir_all(&folder.join("modules")).expect("a folder");
    write(&folder.join("conf/httpd.conf"), b"Listen 80\n");
    folder.to_owned()
}

/// A Python of a version in a folder, with what an installer puts there.
pub(crate) fn python(folder: &Utf8Path, version: &str, arch: Arch, label: &str) -> Utf8PathBuf {
    let numbers: Vec<u16> = version.split('.').map(|number| number.parse().unwrap()).collect();
    let series: Vec<&str> = version.split('.').take(2).collect();
    let tag: PythonTag = series.join(".").parse().expect("a Python");
    let numbers = [numbers[0], numbers[1], numbers[2] * 1000 + 150, 1013];
    let made = |imports: &[&str]| {
        let made = Made::binary(imports, &["Py_Initialize"]);
        built(made.version(numbers, "Python Software Foundation"), arch, label)
    };
    write(&folder.join(tag.dll()), &made(&["KERNEL32.dll", "VERSION.dll"]).bytes());
    let program = Made { dll: false, ..made(&[&tag.dll(), "KERNEL32.dll"]) };
    write(&folder.join("python.exe"), &program.bytes());
    if AbiFamily::of_compiler(label) == Some(AbiFamily::Vc14) {
        write(&folder.join("vcruntime140.dll"), &made(&["KERNEL32.dll"]).bytes());
    }
    write(&folder.join("Lib/encodings/__init__.py"), b"");
    folder.to_owned()
}

/// A virtual environment of a Python.
pub(crate) fn environment(folder: &Utf8Path, home: &str, version: &str) -> Utf8PathBuf {
    let text =
        format!("home = {home}\ninclude-system-site-packages = false\nversion = {version}\n");
    write(&folder.join("pyvenv.cfg"), text.as_bytes());
    write(&folder.join("Scripts/python.exe"), b"MZ");
    folder.to_owned()
}

pub(crate) fn write(path: &Utf8Path, bytes: &[u8]) {
    files::create_dir_all(files::parent(path)).expect("a folder");
    files::write_atomic(path, bytes).expect("a file");
}
