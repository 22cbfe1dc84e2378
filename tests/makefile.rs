//! `modfarm makefile`: the ten makefiles of the document, what else it writes and refuses, and real builds
//! by hand: GNU make, and the stand-ins for Microsoft's tools.

mod hand;
mod nmake;

use std::collections::BTreeSet;

use modfarm::model::abi::AbiFamily;
use modfarm::sys::files;
use modfarm::toolset::differences::DIFFERENCES;
use modfarm::toolset::messages::messages;

use self::hand::Hand;
use self::nmake::Makefile;
use crate::made::source;
use crate::msvc;
use crate::program::{Ran, Site, read, repository, sources};

const CL_2008: &str = "15.00.30729";
const CL_2010: &str = "16.00.40219";
const CL_2022: &str = "19.44.35207";

/// The ten binaries of the document: the combination and its makefile.
const TEN: [(&str, &str); 10] = [
    ("Apache22-win32-VC9/py26-VC9", "ap22py26-win32-VC9"),
    ("Apache22-win32-VC9/py27-VC9", "ap22py27-win32-VC9"),
    ("Apache24-win32-VC9/py26-VC9", "ap24py26-win32-VC9"),
    ("Apache24-win32-VC9/py27-VC9", "ap24py27-win32-VC9"),
    ("Apache24-win32-VC10/py33-VC10", "ap24py33-win32-VC10"),
    ("Apache24-win32-VC10/py34-VC10", "ap24py34-win32-VC10"),
    ("Apache24-win64-VC10/py33-VC10", "ap24py33-win64-VC10"),
    ("Apache24-win64-VC10/py34-VC10", "ap24py34-win64-VC10"),
    ("Apache24-win64-VC10/py26-VC9", "ap24py26-win64-VC9"),
    ("Apache24-win64-VC10/py27-VC9", "ap24py27-win64-VC9"),
];

/// The commands of the document for a Python and a family, in the words of its description; `A` and `P`
/// are the roots.
fn described(digits: &str, family: &str) -> Vec<String> {
    let module = format!("mod_wsgi-py{digits}-{family}.so");
    let compile = format!(
        "cl /DWIN32 /DNDEBUG /IA\\include /IP\\include /MD /GF /Gy /O2 /Wall /Zc:wchar_t /Zc:forScope \
         src\\server\\*.c /LD /link /LIBPATH:A\\lib /LIBPATH:P\\libs /OPT:REF /OPT:ICF=2 /RELEASE \
         /SUBSYSTEM:WINDOWS python{digits}.lib libhttpd.lib libapr-1.lib libaprutil-1.lib /OUT:{module}"
    );
    let manifest = format!("mt -manifest {module}.manifest -outputresource:{module};2");
    let install = format!("copy {module} A\\modules\\{module}");
    let line = format!("@echo LoadModule wsgi_module modules/{module}");
    if family == "VC9" {
        vec![compile, manifest, install, line]
    } else {
        vec![compile, install, line]
    }
}

/// The words that the differences add to the commands of a family.
fn additions(family: AbiFamily) -> BTreeSet<&'static str> {
    let here = DIFFERENCES.iter().filter(|difference| (difference.families)(family));
    here.flat_map(|difference| difference.adds.iter().copied()).collect()
}

#[test]
fn the_ten_makefiles_are_the_documents_but_for_the_differences() {
    let site = Site::new();
    let to = site.folder.join("mk");
    let arguments = ["makefile", "--all", to.as_str(), "--module-version", "4.4.12"];
    site.run(&arguments).ended(0);
    let mut expected: Vec<String> = TEN.iter().map(|(_, name)| format!("{name}.mk")).collect();
    expected.extend(["common-VC9.mk".to_owned(), "common-VC10.mk".to_owned()]);
    expected.sort();
    let names = files::names(&to).expect("files");
    let makefiles: Vec<&String> = names.iter().filter(|name| !name.starts_with("build-")).collect();
    assert_eq!(makefiles, expected.iter().collect::<Vec<_>>());

    for (cell, name) in TEN {
        let one = site.folder.join(name);
        let arguments = ["makefile", cell, "--module-version", "4.4.12", "--to", one.as_str()];
        site.run(&arguments).ended(0);
        let path = one.join(format!("{name}.mk"));
        assert_eq!(read(&path), read(&to.join(format!("{name}.mk"))), "{cell}");
        compare(&Makefile::read(&path), cell);
    }
}

/// A makefile, as nmake reads it, against its description.
fn compare(makefile: &Makefile, cell: &str) {
    let (apache, python) = cell.split_once("/py").expect("a cell");
    let (digits, family) = python.split_once('-').expect("a family");
    let arch = cell.split('-').nth(1).expect("an arch");
    let (apache, python) = (format!("c:\\{apache}"), format!("c:\\Python{digits}-{arch}-{family}"));
    assert_eq!(makefile.macros["APACHE_ROOTDIR"], apache, "{cell}");
    assert_eq!(makefile.macros["PYTHON_ROOTDIR"], python, "{cell}");
    assert_eq!(makefile.macros["PYTHON_VERSION"], digits, "{cell}");

    let module = format!("mod_wsgi-py{digits}-{family}.so");
    let targets: Vec<&str> = makefile.rules.iter().map(|(target, _, _)| target.as_str()).collect();
    assert_eq!(targets, [module.as_str(), "install", "clean"], "{cell}: the first is the default");
    assert_eq!(makefile.rules[0].1, "src\\server\\*.c");
    assert_eq!(makefile.rules[1].1, module);

    let added = additions(family.parse().expect("a family"));
    let own = |command: &Vec<String>| {
        let words = command.iter().filter(|word| !added.contains(word.as_str()));
        words
            .map(|word| word.replace(&apache, "A").replace(&python, "P"))
            .collect::<Vec<_>>()
            .join(" ")
    };
    let mut commands = makefile.commands(&module);
    commands.extend(makefile.commands("install"));
    let rendered: Vec<String> = commands.iter().map(own).collect();
    assert_eq!(rendered, described(digits, family), "{cell}");

    let clean = makefile.commands("clean").concat();
    assert_eq!(clean[0], "-del", "{cell}");
    for file in ["*.obj", &module, &format!("{module}.manifest")] {
        assert!(clean.iter().any(|word| word == file), "{cell}: clean leaves {file}");
    }
    // What is said to be added is added, but for what only mt and a free-threaded Python have.
    commands.push(clean);
    let used: BTreeSet<&str> = commands.iter().flatten().map(String::as_str).collect();
    let unused: Vec<_> = added.into_iter().filter(|word| !used.contains(word)).collect();
    let without_mt = if family == "VC9" { [].as_slice() } else { &["-nologo"] };
    assert_eq!(unused, [without_mt, &["/DPy_GIL_DISABLED=1"]].concat(), "{cell}");
}

#[test]
fn gnu_make_runs_the_commands_that_nmake_runs() {
    for cell in ["Apache24-win64-VS17/py314t-VC14", "Apache24-win32-VS18/py311-VC14"] {
        let hand = Hand::new(cell, CL_2022, "6.1.1");
        source::quick(&hand.folder, "6.1.1");
        // What lies elsewhere is not compiled.
        source::quick(&hand.folder.join("more"), "6.1.1");
        let name = format!("{}.mk", hand.cell.makefile_stem());
        let makefile = Makefile::read(&hand.folder.join(name));
        let said = hand.make(&["-n"]).ended(0).stdout;
        let gnu: Vec<Vec<String>> = said.lines().map(nmake::words).collect();
        let module = hand.cell.file_name("mod_wsgi");
        let mut commands = makefile.commands(&module);
        let pattern = "src\\server\\*.c";
        for word in commands.iter_mut().flatten().filter(|word| *word == pattern) {
            "src/server/mod_wsgi.c".clone_into(word);
        }
        assert_eq!(gnu, commands, "{cell}");
        let free_threaded = gnu[0].contains(&"/DPy_GIL_DISABLED=1".to_owned());
        assert_eq!(free_threaded, hand.cell.python.free_threaded);
    }
}

#[test]
fn the_readme_lists_every_difference_with_its_reason() {
    let readme = read(&repository().join("README.md"));
    let start = readme.find(&format!("\n- {}", DIFFERENCES[0].what)).expect("the list");
    let (list, _) = readme[start..].trim_start().split_once("\n\n").expect("an end");
    let items: Vec<String> = list
        .split("\n- ")
        .map(|item| item.trim_start_matches("- ").split_whitespace().collect::<Vec<_>>().join(" "))
        .collect();
    let known: Vec<String> =
        DIFFERENCES.iter().map(|known| format!("{}: {}", known.what, known.reason)).collect();
    assert_eq!(items, known);
}

/// Cleans, builds, builds again, installs, and inspects what stands in the Apache.
fn by_hand(hand: &Hand) {
    hand.make(&["clean"]).ended(0);
    let built = hand.make(&[]).ended(0);
    assert!(built.stdout.contains("\nmod_wsgi.c\n"), "{}", built.stdout);
    let module = hand.cell.file_name("mod_wsgi");
    let again = hand.make(&[]).ended(0);
    assert!(again.stdout.contains("is up to date"), "{}", again.stdout);
    let installed = hand.make(&["install"]).ended(0);
    let line = format!("LoadModule wsgi_module modules/{module}\n");
    assert!(installed.stdout.ends_with(&line), "{}", installed.stdout);
    assert!(!installed.stdout.contains("cl /nologo"), "it was built already");

    let (file, python) = (hand.installed(), hand.folder.join("Python"));
    let apache = hand.folder.join(hand.cell.apache.to_string());
    let arguments = ["inspect", file.as_str(), "--apache-root", apache.as_str()];
    let inspected =
        hand.site.run(&[arguments.as_slice(), &["--python-root", python.as_str()]].concat());
    let said = inspected.ended(0).stdout;
    assert!(said.contains("0 refused: 0 errors"), "{said}");
    assert!(said.contains(hand.cell.abi.runtime()), "{said}");

    hand.make(&["clean"]).ended(0);
    let left = files::names(&hand.folder).expect("files");
    let makefile = format!("{}.mk", hand.cell.makefile_stem());
    let common = format!("common-{}.mk", hand.cell.abi);
    let mut own = vec![hand.cell.apache.to_string(), "Python".to_owned(), makefile, common];
    own.push("src".to_owned());
    let more: Vec<_> =
        left.iter().filter(|name| !own.contains(name) && *name != "LICENSE").collect();
    assert!(more.is_empty(), "clean leaves {more:?}");
    assert!(file.is_file(), "what is installed stays");
    hand.make(&["clean"]).ended(0);
}

#[test]
fn the_newest_mod_wsgi_is_built_by_hand_for_64_bit() {
    let hand = Hand::new("Apache24-win64-VS17/py313-VC14", CL_2022, "6.1.1");
    by_hand(&hand.with_source(&sources("6.1.1")));
}

#[test]
fn the_newest_mod_wsgi_is_built_by_hand_for_32_bit() {
    let hand = Hand::new("Apache24-win32-VS18/py311-VC14", "19.50.35717", "6.1.1");
    by_hand(&hand.with_source(&sources("6.1.1")));
}

#[test]
fn the_documents_python_2_7_gets_its_manifest() {
    let hand = Hand::new("Apache24-win32-VC9/py27-VC9", CL_2008, "4.4.12");
    by_hand(&hand.with_source(&sources("4.4.12")));
}

#[test]
fn the_combination_that_mixes_families_is_built_by_the_compiler_of_its_python() {
    let hand = Hand::new("Apache24-win64-VC10/py27-VC9", CL_2008, "4.4.12");
    source::quick(&hand.folder, "4.4.12");
    by_hand(&hand);
}

#[test]
fn the_documents_python_3_4_is_built_by_hand() {
    for cell in ["Apache24-win64-VC10/py34-VC10", "Apache24-win32-VC10/py34-VC10"] {
        let hand = Hand::new(cell, CL_2010, "4.4.12");
        let hand = hand.with_python("3.9", &["Py_Initialize", "Py_GetVersion", "PyModule_Create2"]);
        source::quick(&hand.folder, "4.4.12");
        by_hand(&hand);
    }
}

/// A module that compiles in an instant, and make for it.
fn quick() -> Hand {
    let hand = Hand::new("Apache24-win64-VS17/py311-VC14", CL_2022, "6.1.1");
    source::quick(&hand.folder, "6.1.1");
    hand
}

#[test]
fn the_same_source_gives_the_same_bytes_elsewhere() {
    let [one, other] = [quick(), quick()].map(|hand| {
        hand.make(&[]).ended(0);
        files::digest(&hand.built()).expect("a module")
    });
    assert_eq!(one, other);
}

#[test]
fn what_does_not_compile_is_said_with_its_place() {
    let hand = quick();
    let broken = hand.folder.join("src/server/wsgi_broken.c");
    files::write_atomic(&broken, b"#include \"wsgi_version.h\"\nint x = nowhere;\n")
        .expect("a file");
    let ran = hand.make(&[]).ended(2);
    let line = "src/server/wsgi_broken.c(2): error C2065: 'nowhere': undeclared identifier";
    assert!(ran.stdout.lines().any(|said| said == line), "{}", ran.stdout);
    let said = messages(&ran.said());
    let shown: Vec<String> = said.iter().map(ToString::to_string).collect();
    assert_eq!(
        shown,
        ["src/server/wsgi_broken.c:2: error C2065: 'nowhere': undeclared identifier"],
        "that make ended with an error is nothing new"
    );
    assert_eq!(said[0].place(), Some(("src/server/wsgi_broken.c", 2)));
    assert!(!hand.built().exists());

    files::write_atomic(&broken, b"#include \"nowhere.h\"\n").expect("a file");
    let said = messages(&hand.make(&[]).ended(2).said());
    assert_eq!(said[0].code.as_deref(), Some("C1083"), "{said:?}");

    // As Visual Studio 2008 says it.
    let text = "version = 15.00.30729\narch = x64\n";
    files::write_atomic(&hand.tools.bin.join("stand-in.txt"), text.as_bytes()).expect("a file");
    files::write_atomic(&broken, b"int x = nowhere;\n").expect("a file");
    let old = hand.make(&["CFLAGS=/MD", "LDFLAGS=/link"]).ended(2);
    assert!(old.stdout.contains("wsgi_broken.c(1) : error C2065: "), "{}", old.stdout);
    assert_eq!(messages(&old.said())[0].place(), Some(("src/server/wsgi_broken.c", 1)));
}

/// What the messages in a failed run come to, by their codes.
#[track_caller]
fn codes(ran: Ran) -> Vec<String> {
    let said = ran.ended(2).said();
    messages(&said).iter().map(|message| message.code.clone().unwrap_or(said.clone())).collect()
}

#[test]
fn what_microsofts_tools_would_refuse_is_refused() {
    let hand = quick();
    for (changed, code) in [
        ("CFLAGS=/MD /Obogus", "D9002"),
        ("CFLAGS=/MD /W9", "D8021"),
        ("CFLAGS=/MD /MPmany", "D8021"),
        ("CFLAGS=/MD /D", "D8003"),
        ("LDFLAGS=/link", "LNK1104"),
        ("LDFLAGS=/link /BOGUS", "LNK4044"),
        ("LDFLAGS=/link /OPT:BOGUS", "LNK1117"),
        ("LDFLAGS=/link /SUBSYSTEM:DOS", "LNK1117"),
        ("LDFLAGS=/link /MACHINE:X86", "LNK1112"),
        ("LDLIBS=nowhere.lib", "LNK1104"),
        ("LDLIBS=nowhere.obj", "LNK1181"),
        ("LDLIBS=", "LNK2019"),
    ] {
        assert_eq!(codes(hand.make(&[changed]))[0], code, "{changed}");
        assert!(!hand.built().exists(), "{changed}");
    }
    assert_eq!(codes(Ran::of(hand.command(&[]).env_remove("LIB"))), ["LNK1104"]);
    let without = codes(Ran::of(hand.command(&[]).env_remove("INCLUDE")));
    assert_eq!(without[0], "C1083");
}

#[test]
fn an_older_compiler_knows_less() {
    let hand = quick();
    let text = "version = 16.00.40219\narch = x64\n";
    files::write_atomic(&hand.tools.bin.join("stand-in.txt"), text.as_bytes()).expect("a file");
    assert_eq!(codes(hand.make(&[])), ["D9002"], "/Brepro");
    let ran = hand.make(&["CFLAGS=/MD"]).ended(2);
    assert!(ran.stdout.contains("unrecognized option '/Brepro'"), "{}", ran.stdout);
}

#[test]
fn a_manifest_that_is_not_there_is_not_embedded() {
    let hand = Hand::new("Apache24-win64-VC10/py27-VC9", CL_2008, "4.4.12");
    source::quick(&hand.folder, "4.4.12");
    let arguments = ["LDLIBS=python27.lib libhttpd.lib libapr-1.lib libaprutil-1.lib /MANIFEST:NO"];
    assert_eq!(codes(hand.make(&arguments)), ["c1010070"]);
    assert!(!hand.built().exists(), "GNU make removes what is not finished");
}

#[test]
fn a_response_file_and_a_wildcard_are_read() {
    let hand = quick();
    let line =
        "/nologo /MD /I\"Apache24-win64-VS17\\include\"\n/IPython\\include src\\server\\*.c /c";
    files::write_atomic(&hand.folder.join("more.rsp"), line.as_bytes()).expect("a file");
    let run = |tool: &str, arguments: &[&str]| {
        let mut command = std::process::Command::new(hand.tools.bin.join(tool));
        command.args(arguments).current_dir(&hand.folder).env("INCLUDE", &hand.tools.include);
        Ran::of(&mut command)
    };
    run("cl", &["@more.rsp"]).ended(0);
    assert!(hand.folder.join("mod_wsgi.obj").is_file());
    let banner = run("cl", &[]).ended(0).stderr;
    assert!(banner.contains("C/C++ Optimizing Compiler Version 19.44.35207 for x64"), "{banner}");
    let missing = run("cl", &["/c", "src\\server\\no*.c"]).ended(2).stdout;
    assert!(missing.contains("fatal error C1083: Cannot open source file"), "{missing}");
    let unknown = run("mt", &["-bogus"]).ended(31).stdout;
    assert!(unknown.contains("c10100a9"), "{unknown}");
}

#[test]
fn every_combination_comes_with_batch_files() {
    let site = Site::new();
    let to = site.folder.join("all");
    let said =
        site.run(&["makefile", "--all", to.as_str(), "--only", "*-VS1[78]/py31[34]-*"]).ended(0);
    assert!(said.stdout.contains("for 8 combinations of mod_wsgi 6.1.1"), "{}", said.stdout);
    let names = files::names(&to).expect("files");
    let expected = [
        "ap24py313-win32-VC14.mk",
        "ap24py313-win64-VC14.mk",
        "ap24py314-win32-VC14.mk",
        "ap24py314-win64-VC14.mk",
        "build-all.bat",
        "build-win32-VC14.bat",
        "build-win64-VC14.bat",
        "common-VC14.mk",
    ];
    assert_eq!(names, expected);
    let batch = read(&to.join("build-win32-VC14.bat"));
    assert_eq!(batch.matches("\r\ncall :build ").count(), 4, "{batch}");
    assert_eq!(batch.matches('\n').count(), batch.matches("\r\n").count());
    // The same again changes nothing; what somebody changed is not overwritten.
    let again = ["makefile", "--all", to.as_str(), "--only", "*-VS1[78]/py31[34]-*"];
    site.run(&again).ended(0);
    site.edit("all/common-VC14.mk", "/O2", "/O1");
    site.run(&again).refused(2, &["common-VC14.mk is there and would change", "--force"]);
    site.run(&[again.as_slice(), &["--force"]].concat()).ended(0);
    assert!(read(&to.join("common-VC14.mk")).contains("/O2"));
}

#[test]
fn a_makefile_is_printed_with_its_roots() {
    let site = Site::new();
    let arguments =
        ["makefile", "Apache24-win64-VS17/py313-VC14", "--apache-root", "C:\\Apache24\\"];
    let python = ["--python-root", "C:\\Program Files\\Python313"];
    let printed = site.run(&[arguments.as_slice(), &python].concat()).ended(0).stdout;
    assert!(printed.contains("\nAPACHE_ROOTDIR = C:\\Apache24\n"), "{printed}");
    assert!(printed.contains("\nPYTHON_ROOTDIR = C:\\Program Files\\Python313\n"), "{printed}");
    assert!(printed.contains("# ---- common-VC14.mk ----\n"), "{printed}");
    let python = ["--python-root", "C:\\Jürgen\\Python313"];
    let printed = site.run(&[arguments.as_slice(), &python].concat()).ended(0).stdout;
    assert!(printed.contains("Jürgen") && !printed.contains('\u{feff}'), "{printed}");
    assert_eq!(
        files::names(&site.folder).expect("files"),
        ["kit", "matrix.lock", "matrix.yaml", "runners"]
    );
    site.run(&[arguments.as_slice(), &python, &["--to", "mk"]].concat()).ended(0);
    let written = read(&site.folder.join("mk/ap24py313-win64-VC14.mk"));
    assert!(written.starts_with("\u{feff}# "), "nmake takes it for UTF-8: {written}");
}

#[test]
fn what_is_no_combination_is_explained() {
    let site = Site::new();
    let run = |arguments: &[&str]| site.run(&[&["makefile"], arguments].concat());
    let explained = site.run(&[
        "plan",
        "--explain",
        "Apache24-win64-VC9/py27-VC9",
        "--module-version",
        "4.4.12",
    ]);
    let explained = explained.ended(0).stdout;
    let refused = run(&["Apache24-win64-VC9/py27-VC9", "--module-version", "4.4.12"]);
    refused.refused(2, &[explained.trim(), "never made a win64 VC9"]);
    run(&["nonsense"]).refused(2, &["'nonsense' is not a cell"]);
    let excluded = ["Apache24-win64-VC10/py32-VC9", "--module-version", "4.4.12"];
    run(&excluded).refused(2, &["is excluded", "crashes", "matrix.yaml:", "hint: "]);
    run(&["Apache24-win64-VS17/py313-VC14", "--apache-root", "C:\\100%"])
        .refused(2, &["'%'", "hint: "]);
    run(&["Apache24-win64-VS17/py313-VC14", "--python-root", " "]).refused(2, &["without a name"]);
    run(&[]).refused(2, &["<CELL>"]);
    run(&["Apache24-win64-VS17/py313-VC14", "--all", "x"]).refused(2, &["cannot be used with"]);
    run(&["--all", "x", "--only", "*/py32-*", "--module-version", "4.4.12"])
        .refused(2, &["is excluded"]);
    let mixed = ["Apache24-win64-VC10/py27-VC9", "--module-version", "4.4.12"];
    let warned = run(&mixed).ended(0);
    assert!(
        warned.stderr.contains("warning: Apache24-win64-VC10/py27-VC9 is unsupported"),
        "{warned:?}"
    );
}

#[test]
fn a_source_says_which_version_it_is_for() {
    let site = Site::new();
    source::quick(&site.folder.join("old"), "4.4.12");
    let of_old = ["makefile", "Apache24-win32-VC9/py27-VC9", "--source", "old"];
    site.run(&of_old).ended(0);
    let other = [of_old.as_slice(), &["--module-version", "6.1.1"]].concat();
    site.run(&other).refused(2, &["mod_wsgi 4.4.12, not", "6.1.1", "hint: "]);
    let newer = ["makefile", "Apache24-win64-VS17/py313-VC14", "--source", "old"];
    site.run(&newer).refused(2, &["goes with Python"]);
    site.run(&["makefile", "Apache24-win64-VS17/py313-VC14", "--source", "nowhere"])
        .refused(2, &["nowhere"]);
}

#[test]
fn every_compiler_of_the_tests_has_its_own_family() {
    let families = [CL_2008, CL_2010, CL_2022].map(msvc::family);
    assert_eq!(families, [AbiFamily::Vc9, AbiFamily::Vc10, AbiFamily::Vc14]);
}
