//! What an Apache, a Python and a module are, read off their files alone.

use camino::{Utf8Path, Utf8PathBuf};
use modfarm::download::installation::InstallationError;
use modfarm::model::abi::AbiFamily;
use modfarm::model::arch::Arch;
use modfarm::model::installation::{Apache, Headers, Module, Python, PythonKind};
use modfarm::model::python::PythonTag;
use modfarm::sys::files;

use crate::made::installations::{apache, built, environment, module, python, write};
use crate::made::pe::Made;
use crate::program::{folder, running_roots};

#[test]
fn an_apache_says_what_it_is() {
    let (_keep, place) = folder();
    for (version, arch, label, said) in [
        ("2.4.66", Arch::Win64, "VS17", "Apache 2.4.66, win64, VC14 (VS17)"),
        ("2.4.66", Arch::Win64, "VS18", "Apache 2.4.66, win64, VC14 (VS18)"),
        ("2.4.41", Arch::Win32, "VC15", "Apache 2.4.41, win32, VC14 (VC15)"),
        ("2.4.58", Arch::Win64, "VS16", "Apache 2.4.58, win64, VC14 (VS16)"),
        ("2.4.23", Arch::Win64, "VC10", "Apache 2.4.23, win64, VC10"),
        ("2.4.38", Arch::Win64, "VC11", "Apache 2.4.38, win64, VC11"),
        ("2.2.34", Arch::Win32, "VC9", "Apache 2.2.34, win32, VC9"),
    ] {
        let folder = apache(&place.join(format!("{label}{arch}")), version, arch, label);
        let read = Apache::read(&folder).unwrap();
        assert_eq!(read.describe(), said);
        assert_eq!(read.series.as_deref(), Some(&version[..3]));
        assert_eq!(read.build.arch, Some(arch));
        let magic = if version.starts_with("2.2") { "20051115:40" } else { "20120211:134" };
        assert_eq!(read.module_magic.as_deref(), Some(magic));
        // Its runtime is not beside it, and no Windows is there to look into.
        assert_eq!(read.needs.len(), 1, "{:?}", read.needs);
        assert_eq!(read.needs[0].in_system, None);
    }
}

#[test]
fn an_apache_is_found_in_bin_and_by_its_program() {
    let (_keep, place) = folder();
    let lounge = place.join("unpacked");
    let home = apache(&lounge.join("Apache24"), "2.4.66", Arch::Win64, "VS17");
    let named = [home.clone(), home.join("bin"), home.join("bin/httpd.exe"), lounge];
    for named in named {
        assert_eq!(Apache::read(&named).unwrap().folder, home, "{named}");
    }
    assert_eq!(
        Apache::read(&home).unwrap().headers,
        Headers { httpd_h: false, libhttpd_lib: false }
    );
    write(&home.join("include/httpd.h"), b"");
    write(&home.join("lib/libhttpd.lib"), b"");
    assert_eq!(Apache::read(&home).unwrap().headers, Headers { httpd_h: true, libhttpd_lib: true });
    // A mounted drive may be written as Windows does not care.
    files::rename(&home.join("bin"), &home.join("BIN")).unwrap();
    files::rename(&home.join("BIN/httpd.exe"), &home.join("BIN/HTTPD.EXE")).unwrap();
    assert_eq!(Apache::read(&home).unwrap().version.unwrap().as_str(), "2.4.66");
}

/// Apache Lounge writes its name and the label of its compiler into the library.
#[test]
fn who_made_an_apache_is_told() {
    let (_keep, place) = folder();
    let of = |path: &str, words: &str| {
        let home = apache(&place.join(path), "2.4.66", Arch::Win64, "VS17");
        let more = format!("\0{words}\0").into_bytes();
        let library = Made::binary(&["VCRUNTIME140.dll"], &["core_module"]);
        let library = Made { more, linker: (14, 29), ..library };
        write(&home.join("bin/libhttpd.dll"), &library.bytes());
        let read = Apache::read(&home).unwrap();
        (read.maker, read.build.compiler.unwrap())
    };
    let lounge = "Apache Lounge VS18 Server built:   Mar 31 2026";
    assert_eq!(of("a", lounge), (Some("Apache Lounge".into()), "VS18".into()));
    let xampp = Some("XAMPP, built by Apache Lounge".into());
    assert_eq!(of("xampp/apache", lounge), (xampp, "VS18".into()));
    assert_eq!(of("wamp64/bin/apache2.4.1", "").0, Some("WampServer".into()));
    assert_eq!(of("b", "Apache Lounge \u{1b}[2J"), (None, "VS17".into()));
}

#[test]
fn without_a_resource_the_version_is_the_one_in_its_name() {
    let (_keep, place) = folder();
    let home = apache(&place, "2.4.62", Arch::Win64, "VS17");
    let bare = Made::binary(&["VCRUNTIME140.dll"], &[]);
    write(&home.join("bin/httpd.exe"), &Made { dll: false, ..bare.clone() }.bytes());
    let more = b"x\0Apache/2.4.62 (Win64)\0".to_vec();
    write(&home.join("bin/libhttpd.dll"), &Made { more, ..bare.clone() }.bytes());
    let read = Apache::read(&home).unwrap();
    assert_eq!((read.version.unwrap().as_str(), read.series.as_deref()), ("2.4.62", Some("2.4")));
    write(&home.join("bin/libhttpd.dll"), &bare.bytes());
    let read = Apache::read(&home).unwrap();
    assert_eq!((read.version, read.series), (None, None));
}

#[test]
fn a_python_says_what_it_is() {
    let (_keep, place) = folder();
    for (path, version, arch, label, said) in [
        (
            "Program Files/Python313",
            "3.13.2",
            Arch::Win64,
            "VS17",
            "win64, VC14 (VS17), for all users",
        ),
        ("Python34", "3.4.4", Arch::Win32, "VC10", "win32, VC10, for all users"),
        ("Python27", "2.7.18", Arch::Win64, "VC9", "win64, VC9, for all users"),
        (
            "Users/joe/AppData/Local/Programs/Python/Python39-32",
            "3.9.13",
            Arch::Win32,
            "VS16",
            "win32, VC14 (VS16), for one user (joe)",
        ),
    ] {
        let read = Python::read(&python(&place.join(path), version, arch, label)).unwrap();
        assert_eq!(read.describe(), format!("Python {version}, {said}"));
        assert!(read.has_library && !read.is_environment);
        assert_eq!(read.home, place.join(path));
        // As the registry has it; paths that differ in it are equal, and lines of httpd.conf are not.
        let named = Utf8PathBuf::from(format!("{}/", place.join(path)));
        assert_eq!(Python::read(&named).unwrap().home.as_str(), place.join(path).as_str());
    }
}

#[test]
fn the_kinds_of_pythons_are_told_apart() {
    let (_keep, place) = folder();
    let made = |path: &str| python(&place.join(path), "3.13.2", Arch::Win64, "VS17");
    let kind = |folder: &Utf8Path| Python::read(folder).unwrap().kind;
    let store = made("Program Files/WindowsApps/PythonSoftwareFoundation.Python.3.13_x64");
    assert_eq!(kind(&store), PythonKind::Store);
    let embedded = made("embedded");
    write(&embedded.join("python313._pth"), b"python313.zip\n.\n");
    assert_eq!(kind(&embedded), PythonKind::Embeddable);
    let conda = made("miniconda3");
    files::create_dir_all(&conda.join("conda-meta")).unwrap();
    assert_eq!(kind(&conda), PythonKind::Conda);
    assert_eq!(kind(&made("somewhere")), PythonKind::Unknown);
    // The official installer puts the free-threaded one into the same folder.
    let both = made("both");
    write(&both.join("python313t.dll"), &files::read(&both.join("python313.dll")).unwrap());
    assert_eq!(Python::read(&both).unwrap().tag, PythonTag::new(3, 13));
    let threaded = PythonTag::new(3, 13).free_threaded();
    write(&both.join("python3.13t.exe"), b"MZ");
    for named in ["python313t.dll", "python3.13t.exe"] {
        assert_eq!(Python::read(&both.join(named)).unwrap().tag, threaded, "{named}");
    }
    files::remove_file(&both.join("python313.dll")).unwrap();
    assert_eq!(Python::read(&both).unwrap().tag, threaded);
    // A start menu's alias is no Python.
    let alias = place.join("Users/joe/AppData/Local/Microsoft/WindowsApps");
    write(&alias.join("python.exe"), b"");
    let error = Python::read(&alias).unwrap_err();
    assert!(matches!(error, InstallationError::StoreAlias { .. }), "{error}");
}

/// Up to Python 3.4 the DLL of a Python for all users lies in the system folder.
#[test]
fn the_dll_in_the_system_folder_is_found() {
    let (_keep, drive) = folder();
    let old = python(&drive.join("Python27"), "2.7.18", Arch::Win32, "VC9");
    files::create_dir_all(&drive.join("WINDOWS/SysWOW64")).unwrap();
    files::create_dir_all(&drive.join("WINDOWS/System32")).unwrap();
    let dll = drive.join("WINDOWS/SysWOW64/python27.dll");
    files::rename(&old.join("python27.dll"), &dll).unwrap();
    let read = Python::read(&old).unwrap();
    assert_eq!((read.dll, read.tag), (dll, PythonTag::new(2, 7)));
    // That Windows is seen to lack the runtime, and then to have it.
    assert_eq!(read.needs[0].in_system, Some(false), "{:?}", read.needs);
    let side = "WINDOWS/WinSxS/x86_microsoft.vc90.crt_1fc8b3b9a1e18e3b_9.0.30729.9635_none_x";
    files::create_dir_all(&drive.join(side)).unwrap();
    assert_eq!(Python::read(&old).unwrap().needs[0].in_system, Some(true));
}

#[test]
fn an_environment_leads_to_its_python() {
    let (_keep, drive) = folder();
    let base = python(&drive.join("Python313"), "3.13.2", Arch::Win64, "VS17");
    let venv = environment(&drive.join("www/my site/venv"), r"C:\Python313", "3.13.2");
    for named in [venv.clone(), venv.join("Scripts"), venv.join("Scripts/python.exe")] {
        let read = Python::read(&named).unwrap();
        assert!(read.is_environment);
        assert_eq!((&read.base, &read.home), (&base, &venv), "{named}");
        assert_eq!(read.dll, base.join("python313.dll"));
    }
    files::remove_dir_all(&base).unwrap();
    let error = Python::read(&venv).unwrap_err().to_string();
    let says = r"is a virtual environment of the Python in C:\Python313, which is not there";
    assert!(error.contains(says) && error.contains("\nhint: "), "{error}");
}

#[test]
fn a_module_says_what_it_is_whatever_it_is_called() {
    let (_keep, place) = folder();
    let file = place.join("mod_wsgi-py27-VC9.so");
    write(&file, &module("3.13", Arch::Win64, "VS17").bytes());
    let read = Module::read(&file).unwrap();
    assert_eq!(read.really.python, Some(PythonTag::new(3, 13)));
    assert_eq!((read.build.abi, read.build.arch), (Some(AbiFamily::Vc14), Some(Arch::Win64)));
    assert_eq!(read.really.apache_series.as_deref(), Some("2.4"));
    assert!(read.findings.is_empty(), "{:?}", read.findings);
    let made = module("3.13", Arch::Win64, "VS17").importing("zlib1.dll", "inflate");
    write(&file, &made.bytes());
    let needs = Module::read(&file).unwrap().needs;
    assert!(needs.iter().any(|need| need.dll == "zlib1.dll" && need.runtime.is_none()));
    write(&place.join("ZLIB1.DLL"), b"");
    let needs = Module::read(&file).unwrap().needs;
    assert!(!needs.iter().any(|need| need.dll == "zlib1.dll"), "{needs:?}");
}

#[test]
fn what_is_none_is_refused_with_what_to_do() {
    let (_keep, place) = folder();
    let home = apache(&place.join("Apache 24 ä"), "2.4.66", Arch::Win64, "VS17");
    let py = python(&place.join("Python313"), "3.13.2", Arch::Win64, "VS17");
    write(&place.join("notes.txt"), b"x");
    let refused = |error: InstallationError, says: &str| {
        let error = error.to_string();
        assert!(error.contains(says) && error.contains("\nhint: "), "{error}");
    };
    refused(Apache::read(&place.join("missing")).unwrap_err(), "missing is not there");
    let unc = Apache::read(r"\\server\share\Apache24".into()).unwrap_err();
    refused(unc, "by its path on this system");
    refused(Apache::read(&py).unwrap_err(), "bin/httpd.exe is not there");
    refused(Python::read(&home).unwrap_err(), "pythonXY.dll is not there");
    refused(Python::read(&place.join("notes.txt")).unwrap_err(), "notes.txt is a file");
    let program = home.join("bin/httpd.exe");
    let whole = files::read(&program).unwrap();
    write(&program, &whole[..whole.len() / 2]);
    refused(Apache::read(&home).unwrap_err(), "is a Windows binary cut short");
    write(&program, b"\x7fELF and more");
    refused(Apache::read(&home).unwrap_err(), "an ELF file");
    let dll = files::create(&py.join("python313.dll")).unwrap();
    dll.set_len(3 << 30).unwrap();
    let error = Python::read(&py).unwrap_err().to_string();
    assert!(error.contains("it is larger than 64 MiB"), "{error}");
    assert!(Module::read(&place.join("notes.txt")).is_err());
}

/// Whatever bytes stand in a binary, reading ends in an answer.
#[test]
fn damaged_binaries_end_in_an_answer() {
    let (_keep, place) = folder();
    let home = apache(&place, "2.4.66", Arch::Win64, "VS17");
    let path = home.join("bin/libhttpd.dll");
    let whole = files::read(&path).unwrap();
    let mut random = fastrand::Rng::with_seed(7);
    for _ in 0..300 {
        let mut bytes = whole.clone();
        for _ in 0..random.usize(1..40) {
            let at = random.usize(0..bytes.len());
            bytes[at] = random.u8(..);
        }
        bytes.truncate(random.usize(0..=whole.len()));
        std::fs::write(&path, &bytes).unwrap();
        drop(Apache::read(&home));
    }
}

#[test]
fn the_real_ones_of_the_kit_are_read() {
    let read = Apache::read(&running_roots().join("apache/2.4-win64")).unwrap();
    assert!(read.version.unwrap().as_str().starts_with("2.4."));
    assert_eq!((read.series.as_deref(), read.build.arch), (Some("2.4"), Some(Arch::Win64)));
    assert!(read.module_magic.unwrap().starts_with("20120211:"));
    // Mingw's builds are of no compiler of Microsoft's.
    assert_eq!((read.build.abi, read.build.runtimes), (None, vec!["msvcrt.dll".to_owned()]));
    assert!(read.needs.is_empty(), "{:?}", read.needs);
    for (version, whole) in [("3.9", "3.9.13"), ("3.11", "3.11.9"), ("3.13", "3.13.2")] {
        let read = Python::read(&running_roots().join(format!("python/{version}-win64"))).unwrap();
        assert_eq!(read.version.unwrap().as_str(), whole);
        assert_eq!(read.tag.to_string(), version);
        assert_eq!(read.build.abi, Some(AbiFamily::Vc14));
        assert!(read.has_library && read.needs.is_empty(), "{:?}", read.needs);
    }
    assert_eq!(built(Made::binary(&[], &[]), Arch::Win32, "VC10").linker, (10, 0));
}
