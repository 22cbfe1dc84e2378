//! The checks over modules that are made here: what is right passes, each wrong is named.

use std::sync::Arc;

use super::pe::{AP22, AP24, Made};
use super::*;

const RIGHT: &str = "Apache24-win64-VS17/modules/mod_wsgi-py313-VC14.so";

fn look(made: &Made, path: &str) -> Inspection {
    inspect(&made.bytes(), &Expectation::of_path(path), &Context::default())
}

fn right() -> Made {
    Made::module("python313.dll")
}

fn vc9() -> Made {
    let mut made = Made::module("python27.dll").win32().runtime(&["MSVCR90.dll"]);
    made.exports[0] = "initmod_wsgi".to_owned();
    made.vc90_manifest(2, "x86")
}

/// The findings of one severity as `check: message`.
fn said(inspection: &Inspection, severity: Severity) -> Vec<String> {
    let findings = inspection.findings.iter().filter(|finding| finding.severity == severity);
    findings.map(|finding| format!("{}: {}", finding.check, finding.message)).collect()
}

fn errors(made: &Made, path: &str) -> Vec<String> {
    said(&look(made, path), Severity::Error)
}

/// Asserts that exactly one check finds an error, and that it says this.
fn one_error(made: &Made, path: &str, check: &str, words: &str) -> Option<String> {
    let inspection = look(made, path);
    let errors = said(&inspection, Severity::Error);
    assert_eq!(errors.len(), 1, "{errors:?}");
    assert!(errors[0].starts_with(&format!("{check}: ")), "{errors:?}");
    assert!(errors[0].contains(words), "{errors:?} lacks {words:?}");
    assert!(!inspection.passed());
    inspection.findings[0].hint.clone()
}

#[test]
fn facts_are_read_off_every_table() {
    for made in [right(), right().win32()] {
        let mut made = made.vc90_manifest(2, "amd64");
        made.delayed = vec![("WS2_32.dll".to_owned(), vec!["send".to_owned(), "#3".to_owned()])];
        let facts = Facts::read(&made.bytes()).unwrap();
        assert_eq!(facts.machine.is_64(), facts.pe32_plus);
        assert!(facts.is_dll);
        assert_eq!(facts.linker, (14, 44));
        assert_eq!(facts.imports[0].dll, "python313.dll");
        assert_eq!(facts.imports[0].names, ["Py_Initialize", "PyErr_Print"]);
        assert_eq!(
            (&facts.imports[2].names[..], &facts.imports[2].ordinals[..]),
            (&["apr_palloc".to_owned()][..], &[7][..])
        );
        let delayed = facts.imports.last().unwrap();
        assert_eq!((delayed.dll.as_str(), delayed.delayed), ("WS2_32.dll", true));
        assert_eq!(
            (&delayed.names[..], &delayed.ordinals[..]),
            (&["send".to_owned()][..], &[3][..])
        );
        assert_eq!(facts.dll_name.as_deref(), Some("mod_wsgi.so"));
        assert_eq!(facts.export_ordinals, [1, 2]);
        assert_eq!(facts.manifests[0].id, 2);
        assert!(facts.manifests[0].text.ends_with("</assembly>"));
        let record = ModuleRecord { major: AP24.0, minor: AP24.1, index: -1, cookie: AP24.2 };
        let module = Module { symbol: "wsgi_module".to_owned(), record: Some(record) };
        assert_eq!(facts.modules, [module]);
    }
}

#[test]
fn right_modules_pass_without_a_word() {
    let free_threaded = Made::module("python313t.dll");
    let mut apache22 = vc9();
    apache22.magic = AP22;
    apache22.imports[1].1[0] = "ap_log_error".to_owned();
    for (made, path) in [
        (right(), RIGHT),
        (right(), "mod_wsgi-py313-VC14.so"),
        (right(), "mod_wsgi/server/mod_wsgi.cp313-win_amd64.pyd"),
        (right(), "whatever.so"),
        (right().win32(), r"Apache24-win32-VS18\modules\mod_wsgi-py313-VC14.so"),
        (free_threaded, "Apache24-win64-VS17/modules/mod_wsgi-py313t-VC14.so"),
        (vc9(), "Apache24-win32-VC9/modules/mod_wsgi-py27-VC9.so"),
        (apache22, "Apache22-win32-VC9/modules/mod_wsgi-py27-VC9.so"),
    ] {
        let inspection = look(&made, path);
        assert_eq!(inspection.findings, [], "{path}");
    }
}

#[test]
fn what_it_really_is_is_said() {
    let really = look(&right(), "x.so").really.unwrap();
    assert_eq!(
        really.to_string(),
        "wsgi_module, Python 3.13, win64, Apache 2.4 (headers of 2.4.60 to 2.4.62), VC14 (the \
         Universal C Runtime)"
    );
    assert_eq!(really.module_magic.as_deref(), Some("20120211:134"));
}

#[test]
fn a_file_renamed_to_another_python() {
    let made = Made::module("python311.dll");
    let hint = one_error(
        &made,
        RIGHT,
        "python-dll",
        "named for Python 3.13 (python313.dll) but imports python311.dll",
    );
    assert_eq!(
        hint.as_deref(),
        Some(
            "this is mod_wsgi-py311-VC14.so for Apache 2.4 win64: it belongs in the folder Apache24-win64-VS17"
        )
    );
    let free = "Apache24-win64-VS17/modules/mod_wsgi-py313t-VC14.so";
    one_error(&right(), free, "python-dll", "named for Python 3.13t (python313t.dll)");
}

#[test]
fn a_file_moved_to_another_arch() {
    let path = "Apache24-win32-VS17/modules/mod_wsgi-py313-VC14.so";
    let hint = one_error(&right(), path, "machine", "named for win32 but is a win64 binary");
    assert!(hint.unwrap().contains("a folder Apache24-win64-VC14 (or VC15"));
    one_error(&right().win32(), RIGHT, "machine", "named for win64 but is a win32 binary");
    one_error(&right(), "mod_wsgi.cp313-win32.pyd", "machine", "named for win32");
}

#[test]
fn a_file_renamed_to_another_compiler_says_so_and_the_hint_stands_once() {
    let path = "Apache24-win32-VC10/modules/mod_wsgi-py34-VC10.so";
    let inspection = look(&vc9(), path);
    let errors = said(&inspection, Severity::Error);
    assert_eq!(errors.len(), 2, "{errors:?}");
    assert!(
        errors[1].contains("named for VC10 (MSVCR100.dll) but its C runtime is MSVCR90.dll (VC9)")
    );
    let hints: Vec<_> = inspection.findings.iter().filter_map(|f| f.hint.as_deref()).collect();
    assert_eq!(hints.len(), 1);
    assert!(hints[0].starts_with("this is mod_wsgi-py27-VC9.so for Apache 2.4 win32"));
}

#[test]
fn a_file_moved_to_another_series() {
    let path = "Apache22-win32-VC9/modules/mod_wsgi-py27-VC9.so";
    let words =
        "named for Apache 2.2 (20051115) but its module magic is that of Apache 2.4 (20120211)";
    let hint = one_error(&vc9(), path, "magic", words);
    assert!(hint.unwrap().contains("a folder Apache24-win32-VC9"));
}

#[test]
fn pythons_that_are_no_release_of_one() {
    one_error(&Made::module("python313_d.dll"), RIGHT, "python-dll", "debug builds");
    one_error(&Made::module("python3.dll"), RIGHT, "python-dll", "stable ABI");
    one_error(&Made::module("pythoncom27.dll"), RIGHT, "python-dll", "imports no pythonXY.dll");
    let both = right().importing("python39.dll", "Py_Exit");
    one_error(&both, RIGHT, "python-dll", "several Pythons: python39.dll, python313.dll");
    let stable = right().importing("python3.dll", "Py_Exit");
    assert_eq!(errors(&stable, RIGHT), [""; 0]);
}

#[test]
fn c_runtimes_that_do_not_mix() {
    one_error(&right().runtime(&["MSVCR100.dll", "ucrtbase.dll"]), RIGHT, "c-runtime", "mixes");
    one_error(&right().runtime(&["msvcrt.dll"]), RIGHT, "c-runtime", "mingw's default");
    one_error(&right().runtime(&["VCRUNTIME140D.dll"]), RIGHT, "c-runtime", "a debug build");
    one_error(&right().runtime(&["MSVCR100.dll"]), RIGHT, "c-runtime", "named for VC14");
    let words = "python313.dll, which is built with VC14";
    one_error(&right().runtime(&["MSVCR100.dll"]), "x.so", "c-runtime", words);
    let fixed = look(&right().runtime(&[]), RIGHT);
    assert!(fixed.passed());
    assert!(said(&fixed, Severity::Warning)[0].contains("linked statically"));
}

#[test]
fn vc9_needs_its_manifest() {
    let path = "Apache24-win32-VC9/modules/mod_wsgi-py27-VC9.so";
    let with = |manifest| Made { manifest, ..vc9() };
    let hint =
        one_error(&with(None), path, "vc90-manifest", "without the Microsoft.VC90.CRT manifest");
    assert!(hint.unwrap().contains("Apache dies at start"));
    one_error(&vc9().vc90_manifest(1, "x86"), path, "vc90-manifest", "not resource 2");
    one_error(&vc9().vc90_manifest(2, "amd64"), path, "vc90-manifest", "for \"amd64\"");
    let other = Some((2, "<assembly><trustInfo/></assembly>".to_owned()));
    one_error(&with(other), path, "vc90-manifest", "without the");
}

#[test]
fn apache_and_its_record() {
    let mut none = right();
    none.imports.retain(|(dll, _)| dll != "libapr-1.dll");
    one_error(&none, RIGHT, "apache-dlls", "nothing from libapr-1.dll");
    one_error(&right().importing("libapr-2.dll", "f"), RIGHT, "apache-dlls", "libapr-2.dll");
    one_error(&right().importing("httpd.exe", "f"), RIGHT, "apache-dlls", "httpd.exe");
    let none = Made { exports: vec!["PyInit_mod_wsgi".to_owned()], ..right() };
    one_error(&none, RIGHT, "module-symbol", "does not export wsgi_module");
    let other =
        Made { exports: vec!["PyInit_mod_wsgi".to_owned(), "php_module".to_owned()], ..right() };
    let hint = one_error(&other, RIGHT, "module-symbol", "wsgi_module");
    assert!(hint.unwrap().contains("php_module"));
    one_error(
        &Made { magic: (1, 2, 3), ..right() },
        RIGHT,
        "module-symbol",
        "no Apache module's record",
    );
    let wrong = Made { magic: (20_051_115, 1, AP24.2), ..right() };
    one_error(&wrong, RIGHT, "magic", "instead of 20120211");
    let mut log = right();
    log.imports[1].1[0] = "ap_log_error".to_owned();
    one_error(&log, RIGHT, "log-symbol", "imports ap_log_error instead of ap_log_error_");
}

#[test]
fn a_minor_newer_than_the_label_is_a_note() {
    let context = Context { newest_apache: "2.4.54".parse().ok(), ..Context::default() };
    let inspection = inspect(&right().bytes(), &Expectation::of_path(RIGHT), &context);
    assert!(inspection.passed());
    assert!(said(&inspection, Severity::Note)[0].contains("2.4.60 to 2.4.62, newer than 2.4.54"));
    let context = Context { newest_apache: "2.4.66".parse().ok(), ..Context::default() };
    assert_eq!(inspect(&right().bytes(), &Expectation::of_path(RIGHT), &context).findings, []);
}

#[test]
fn a_module_that_python_cannot_import_is_a_note() {
    let old = Made { exports: vec!["wsgi_module".to_owned()], ..right() };
    let inspection = look(&old, RIGHT);
    assert!(inspection.passed());
    assert!(said(&inspection, Severity::Note)[0].contains("PyInit_mod_wsgi"));
}

#[test]
fn dlls_that_no_user_has() {
    let made = right().importing("libgcc_s_seh-1.dll", "_Unwind_Resume");
    one_error(&made, RIGHT, "unknown-dll", "libgcc_s_seh-1.dll");
    let made = look(&right().importing("zlib1.dll", "inflate"), RIGHT);
    assert!(made.passed());
    assert!(said(&made, Severity::Warning)[0].contains("zlib1.dll"));
}

fn root(made: &Made, dll: &str) -> RootExports {
    RootExports::from_dll(&made.bytes(), dll, "a root").unwrap()
}

#[test]
fn imports_are_looked_up_in_the_roots() {
    let exports = |names: &[&str]| Made {
        exports: names.iter().map(|&name| name.to_owned()).collect(),
        ..right()
    };
    let inspect_with = |made: &Made, roots: Vec<RootExports>| {
        let roots = roots.into_iter().map(Arc::new).collect();
        let context = Context { roots, ..Context::default() };
        said(&inspect(&made.bytes(), &Expectation::nothing(), &context), Severity::Error)
    };
    let whole = root(&exports(&["ap_log_error_", "ap_hook_handler"]), "LIBHTTPD.dll");
    assert_eq!(inspect_with(&right(), vec![whole]), [""; 0]);
    let lacking = root(&exports(&["ap_log_error_"]), "libhttpd.dll");
    assert_eq!(
        inspect_with(&right(), vec![lacking.clone()]),
        ["imports-exist: imports ap_hook_handler from libhttpd.dll, which has no such export"]
    );
    // Of another machine, it says nothing; of the same, names are compared with their decoration.
    assert_eq!(inspect_with(&right().win32(), vec![lacking]), [""; 0]);
    let plain = root(&exports(&["ap_log_error_", "ap_hook_handler"]).win32(), "libhttpd.dll");
    assert!(inspect_with(&right().win32(), vec![plain])[0].contains("_ap_hook_handler@16"));
    let ordinals = root(&exports(&["apr_palloc"]), "libapr-1.dll");
    assert!(inspect_with(&right(), vec![ordinals])[0].contains("imports #7 from libapr-1.dll"));
    let mut many = right();
    many.imports[0].1 = (0..9).map(|n| format!("Py_{n}")).collect();
    let none = root(&exports(&["Py_x"]), "python313.dll");
    assert!(
        inspect_with(&many, vec![none])[0].contains("Py_3, Py_4 and 4 more from python313.dll")
    );
}

#[test]
fn what_is_no_module_has_one_finding() {
    let exe = Made { dll: false, exports: vec!["main".to_owned()], ..right() };
    for (bytes, words) in [
        (exe.bytes(), "a Windows program (.exe)"),
        (Vec::new(), "is empty"),
        (b"\x7fELF\x02\x01\x01".to_vec(), "ELF"),
        (right().bytes()[..2000].to_vec(), "cut short: its section"),
        (right().bytes()[..200].to_vec(), "cut short"),
    ] {
        let inspection = inspect(&bytes, &Expectation::of_path(RIGHT), &Context::default());
        let errors = said(&inspection, Severity::Error);
        assert_eq!(errors.len(), 1);
        assert!(errors[0].starts_with("dll: ") && errors[0].contains(words), "{errors:?}");
        assert!(inspection.facts.is_err() && !inspection.passed());
    }
    one_error(&Made { dll: false, ..right() }, RIGHT, "dll", "not marked as that of a DLL");
}

#[test]
fn only_what_passed_is_proven() {
    let cell: CellId = "Apache24-win64-VS17/py313-VC14".parse().unwrap();
    let bytes = Bytes::from(right().bytes());
    let proven = prove(bytes.clone(), &cell, "mod_wsgi", &Context::default()).unwrap();
    assert_eq!(proven.digest(), Digest::of(&bytes));
    assert_eq!((proven.cell(), proven.bytes(), proven.findings()), (&cell, &bytes, &[][..]));
    let other: CellId = "Apache24-win32-VS17/py312-VC14".parse().unwrap();
    let refused = prove(bytes, &other, "mod_wsgi", &Context::default()).unwrap_err();
    assert_eq!(refused.findings.len(), 2);
    let text = refused.to_string();
    assert!(text.starts_with("Apache24-win32-VS17/py312-VC14: named for win32"), "{text}");
    assert_eq!(text.matches("\nhint: this is mod_wsgi-py313-VC14.so").count(), 1, "{text}");
}

/// A generator of numbers that are the same at every run (xorshift).
struct Numbers(u64);

impl Numbers {
    fn next(&mut self, below: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % below as u64).unwrap()
    }
}

#[test]
fn every_cut_is_told_and_nothing_panics() {
    let mut made = vc9();
    made.delayed = vec![("WS2_32.dll".to_owned(), vec!["send".to_owned()])];
    let whole = made.bytes();
    assert!(inspect(&whole, &Expectation::nothing(), &Context::default()).passed());
    for length in 0..whole.len() {
        let cut = inspect(&whole[..length], &Expectation::nothing(), &Context::default());
        assert!(cut.facts.is_err(), "{length} of {} bytes", whole.len());
    }
}

#[test]
fn no_damage_panics() {
    let mut numbers = Numbers(0x6d6f_6466_6172_6d21);
    let mut damaged = 0;
    for whole in [vc9().bytes(), right().bytes()] {
        for _ in 0..4000 {
            let mut bytes = whole.clone();
            for _ in 0..=numbers.next(8) {
                let at = numbers.next(bytes.len());
                bytes[at] ^= 1 << numbers.next(8);
            }
            let expected = Expectation::of_path(RIGHT);
            damaged += usize::from(!inspect(&bytes, &expected, &Context::default()).passed());
            _ = RootExports::from_import_library(&bytes, "random");
        }
    }
    assert!(damaged > 4000, "only {damaged} were noticed");
}

#[test]
fn no_random_file_panics() {
    let mut numbers = Numbers(42);
    for _ in 0..3000 {
        let length = numbers.next(4096);
        let mut bytes: Vec<u8> = (0..length).map(|_| numbers.next(256).to_le_bytes()[0]).collect();
        for start in [&b"MZ"[..], b"!<arch>\n"] {
            if bytes.len() > 0x200 {
                bytes[..start.len()].copy_from_slice(start);
                bytes[0x3c..0x40].copy_from_slice(&[0x80, 0, 0, 0]);
                bytes[0x80..0x84].copy_from_slice(b"PE\0\0");
            }
            assert!(!inspect(&bytes, &Expectation::nothing(), &Context::default()).passed());
            _ = RootExports::from_import_library(&bytes, "random");
        }
    }
}

#[test]
fn absurd_tables_cost_neither_memory_nor_time() {
    // One list of thunks, which every descriptor claims: names by the million from a small file.
    let mut made = right();
    made.imports = vec![("a.dll".to_owned(), (0..2000).map(|n| format!("f{n}")).collect())];
    made.imports.extend((0..500).map(|n| (format!("b{n}.dll"), Vec::new())));
    let mut bytes = made.bytes();
    let first = bytes.windows(8).position(|w| w == b".idata\0\0").unwrap();
    let at = usize::try_from(u32::from_le_bytes(bytes[first + 20..first + 24].try_into().unwrap()))
        .unwrap();
    let list: [u8; 4] = bytes[at..at + 4].try_into().unwrap();
    for descriptor in 0..501 {
        bytes[at + 20 * descriptor..][..4].copy_from_slice(&list);
    }
    let error = Facts::read(&bytes).unwrap_err();
    assert!(error.to_string().contains("more names than any real DLL has"), "{error}");
}

#[test]
fn a_program_and_a_library_say_their_version_and_a_library_its_magic() {
    let library = Made::binary(&["KERNEL32.dll", "VCRUNTIME140.dll"], &["core_module"]);
    let library = library.version([2, 4, 66, 0], "Apache Software Foundation");
    let facts = Facts::of_binary(&library.clone().vc90_manifest(2, "x86").bytes()).unwrap();
    let version = facts.version.unwrap();
    assert_eq!(version.numbers, [2, 4, 66, 0]);
    assert_eq!(version.company.as_deref(), Some("Apache Software Foundation"));
    assert_eq!((facts.manifests.len(), facts.manifests[0].id), (1, 2));
    assert_eq!(facts.modules[0].record.unwrap().minor, 134);
    assert_eq!(facts.linker, (14, 44));
    let program = Made { dll: false, exports: Vec::new(), ..library };
    assert_eq!(Facts::read(&program.bytes()).unwrap_err(), NotAModule::Program);
    assert!(!Facts::of_binary(&program.bytes()).unwrap().is_dll);
}
