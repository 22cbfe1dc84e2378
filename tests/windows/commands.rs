//! The other commands of modfarm.exe: they say and write what Linux's program does.

use std::process::Command;

use camino::Utf8Path;
use modfarm::sys::files;

use super::wine::Windows;
use crate::made::pe::Made;
use crate::made::releases;
use crate::program::{Ran, Site, kit, listing, read, repository, running_roots, site_with_source};

/// What both programs say to the same arguments in the same folder; it must be the same but for the
/// name of the program, the separators of paths and the ends of lines.
#[track_caller]
fn same(windows: &Windows, folder: &Utf8Path, arguments: &[&str]) -> Ran {
    let there = Ran::of(&mut windows.modfarm(folder, arguments));
    let mut command = Command::new(env!("CARGO_BIN_EXE_modfarm"));
    command.args(arguments).current_dir(folder).env_clear().env("LC_ALL", "C.UTF-8");
    let here = Ran::of(command.env("HOME", folder).env("PATH", "/usr/bin:/bin"));
    let plain = |text: &str| text.replace('\r', "").replace("modfarm.exe", "modfarm");
    let spelled = |text: &str| plain(text).replace('\\', "/").replace("Z:/", "/");
    assert_eq!(spelled(&there.stdout), spelled(&here.stdout), "{arguments:?} {there:?}");
    assert_eq!(spelled(&there.stderr), spelled(&here.stderr), "{arguments:?}");
    assert_eq!(there.code, here.code, "{arguments:?} {there:?}");
    there
}

#[test]
fn help_schemas_and_plans_are_the_same() {
    let windows = Windows::new();
    let site = Site::new();
    for arguments in [&["--help"][..], &["release", "--help"], &["--version"], &["no-command"]] {
        same(&windows, &site.folder, arguments);
    }
    for kind in ["matrix", "runner"] {
        let schema = same(&windows, &site.folder, &["schema", kind]).ended(0).stdout;
        serde_json::from_str::<serde_json::Value>(&schema).expect("JSON");
    }
    // Its own worker starts there, says hello, and ends; what compiles here is not there.
    let alone = Ran::of(&mut windows.modfarm(&site.folder, &["plan"])).ended(0);
    let lacks = "runner cross does not have the toolset 'cross'";
    assert!(alone.stderr.contains(lacks), "{}", alone.stderr);
    windows.wait_until_gone("worker");

    files::remove_dir_all(&site.folder.join("runners")).unwrap();
    let runner = "runners/github/windows-2025.yaml";
    site.write(runner, &read(&repository().join(runner)));
    for format in ["table", "json", "markdown", "github"] {
        let plan = same(&windows, &site.folder, &["plan", "--format", format]).ended(0);
        assert!(plan.stdout.contains("py313"), "{}", plan.stdout);
    }
    let cell = "Apache24-win64-VC9/py27-VC9";
    same(&windows, &site.folder, &["plan", "--explain", cell]).ended(0);
    site.edit("matrix.yaml", "pythons:", "pythonz:");
    same(&windows, &site.folder, &["plan"]).refused(2, &["matrix.yaml", "pythonz"]);
}

#[test]
fn inspections_are_the_same() {
    let windows = Windows::new();
    let (_keep, folder) = crate::program::folder();
    let right = "Apache24-win64-VS17/modules/mod_wsgi-py313-VC14.so";
    let wrong = "Apache24-win32-VC10/modules/mod_wsgi-py27-VC9.so";
    for name in [right, wrong] {
        let bytes = Made::module("python313.dll").bytes();
        files::write_atomic(&folder.join(name), &bytes).unwrap();
    }
    let real = folder.join("python313.dll");
    files::copy(&kit().join("run/python/3.13-win64/python313.dll"), &real).unwrap();
    same(&windows, &folder, &["inspect", right]).ended(0);
    for format in ["text", "json", "sarif"] {
        same(&windows, &folder, &["inspect", "--format", format, right, wrong]).ended(1);
    }
    same(&windows, &folder, &["inspect", real.as_str()]).ended(1);
    // The words for what the system says are its own.
    let missing = Ran::of(&mut windows.modfarm(&folder, &["inspect", "no-such-file.so"]));
    missing.refused(2, &["cannot open no-such-file.so: File not found."]);
    same(&windows, &folder, &["inspect", "--checks"]).ended(0);
}

#[test]
fn a_release_is_published_to_a_folder_whole_and_once() {
    let windows = Windows::new();
    let (_keep, folder) = crate::program::folder();
    let release = releases::release(&folder.join("made"), 3, 70_000, 1);
    let other = releases::release(&folder.join("other"), 3, 70_000, 2);
    let publish = |release: &Utf8Path| {
        let arguments = ["publish", release.as_str(), "--to", "public"];
        Ran::of(&mut windows.modfarm(&folder, &arguments))
    };
    let files_of = |folder: &Utf8Path| {
        let digest = |path: String| {
            let digest = files::digest(&folder.join(&path)).unwrap();
            (path, digest)
        };
        files::walk(folder).unwrap().into_iter().map(digest).collect::<Vec<_>>()
    };
    let public = folder.join("public/mod_wsgi-6.1.1");
    publish(&release.folder).ended(0);
    assert_eq!(files_of(&public), files_of(&release.folder));
    // Again, and then another one in its place.
    let before = listing(&folder.join("public"), &[]);
    publish(&release.folder).ended(0);
    assert_eq!(listing(&folder.join("public"), &[]), before, "nothing is written twice");
    publish(&other.folder).ended(0);
    assert_eq!(files_of(&public), files_of(&other.folder));
    let left = files::names(&folder.join("public")).unwrap();
    assert_eq!(left, [".mod_wsgi-6.1.1.lock", "mod_wsgi-6.1.1"]);
    // Damage is noticed there as here.
    let archive = other.folder.join(&other.assets[0].0);
    files::write_atomic(&archive, b"damaged").unwrap();
    let arguments = ["publish", other.folder.as_str(), "--to", "elsewhere"];
    let ran = same(&windows, &folder, &arguments);
    assert_ne!(ran.code, 0, "{ran:?}");
    assert!(!folder.join("elsewhere").exists());
}

#[test]
fn an_apache_of_windows_is_started_signalled_and_ended_as_on_windows() {
    let site = site_with_source("6.1.1");
    let cell = ["--only", "Apache24-win64-VS17/py313-VC14"];
    site.run(&[&["release", "--no-smoke"][..], &cell].concat()).ended(0);
    let tar = site.folder.join("dist/mod_wsgi-6.1.1/mod_wsgi-windows-6.1.1.tar.gz");
    let arguments = ["-xzf", tar.as_str(), "-C", site.folder.as_str(), "--strip-components=1"];
    Ran::of(Command::new("tar").args(arguments)).ended(0);

    let windows = Windows::new();
    let file = "Apache24-win64-VS17/modules/mod_wsgi-py313-VC14.so";
    let installation = |kind: &str| format!("Z:{}/{kind}-win64", running_roots());
    let (apache, python) = (installation("apache/2.4"), installation("python/3.13"));
    let arguments = ["smoke", file, "--apache", &apache, "--python", &python];
    let ran = Ran::of(&mut windows.modfarm(&site.folder, &arguments)).ended(0);
    assert!(ran.stderr.contains("10 checks by Apache 2.4"), "{}", ran.stderr);
    windows.wait_until_gone("httpd");
}
