//! The cross kit's roots for running, and the tool that edits the sources they are made from.

use std::process::Command;

use modfarm::inspect::Machine;
use modfarm::sys::files;

use crate::program::{self, Ran, kit, repository};

#[test]
fn an_edit_of_a_source_that_has_changed_is_refused() {
    let (_keep, folder) = program::folder();
    let source = folder.join("rand.c");
    let edit = |text: &str| {
        files::write_atomic(&source, text.as_bytes()).unwrap();
        let mut command = Command::new(repository().join("runners/cross/edit-source"));
        command.args(["--package", "apr 1.7.2-3+deb12u9", "--script", "run-apache-root"]);
        Ran::of(command.arg(&source).args(["HCRYPTPROV hProv;", "return 0;"]))
    };
    edit("{ HCRYPTPROV hProv; }\r\n").ended(0);
    assert_eq!(program::read(&source), "{ return 0; }\r\n");

    for (text, times) in [("{ HCRYPTPROV h; }", "0 times"), (&"HCRYPTPROV hProv;".repeat(2), "2")] {
        let what =
            ["apr 1.7.2-3+deb12u9", source.as_str(), times, "not 1", "    HCRYPTPROV hProv;"];
        edit(text).refused(1, &what).refused(1, &["correct it in run-apache-root"]);
        assert_eq!(program::read(&source), text, "it is left as it was");
    }
}

#[test]
fn the_roots_for_running_are_what_their_records_say() {
    for (kind, number, dll) in [
        ("apache", "2.4", "bin/httpd.exe"),
        ("apache", "2.4", "bin/libhttpd.dll"),
        ("python", "3.9", "python39.dll"),
        ("python", "3.11", "python311.dll"),
        ("python", "3.13", "python313.dll"),
    ] {
        let root = kit().join(format!("run/{kind}/{number}-win64"));
        assert!(files::is_dir(&root), "{root} is not there: `make kit` says why");
        let record = program::json(&root.join("modfarm-root.json"));
        assert_eq!((&record["kind"], &record["arch"]), (&kind.into(), &"win64".into()), "{root}");
        let version = record["version"].as_str().unwrap();
        assert!(version.starts_with(&format!("{number}.")), "{root}: {version}");
        assert_eq!(machine(&files::read(&root.join(dll)).unwrap()), Machine::X64, "{root}");
    }
}

/// The machine that a PE file names in its header.
fn machine(bytes: &[u8]) -> Machine {
    let header = u32::from_le_bytes(bytes[0x3c..0x40].try_into().unwrap()) as usize;
    assert_eq!(&bytes[header..header + 4], b"PE\0\0");
    Machine::from_pe(u16::from_le_bytes(bytes[header + 4..header + 6].try_into().unwrap()))
}
