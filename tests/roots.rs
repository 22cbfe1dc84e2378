//! Where roots come from besides the command line and the kit: NuGet's packages, and what is installed.

use camino::Utf8PathBuf;
use modfarm::roots::installed;
use modfarm::roots::places::KnownPython;
use modfarm::sys::files;

use crate::made::server::{Answer, Server, packed};
use crate::made::source;
use crate::program::{Ran, Site, folder, json, kit};

const RELEASE: [&str; 6] =
    ["release", "--source", "src", "--no-smoke", "--only", "Apache24-win64-VS17/py313-VC14"];

#[test]
fn a_python_of_nuget_is_downloaded_once_and_held_to_its_digest() {
    let server = Server::start();
    let python = packed(&kit().join("python/3.13-win64"), "tools");
    let path = "/v3/python/3.13.2/python.3.13.2.nupkg";
    let url = server.serve(path, &[Answer::Status(503), Answer::Bytes(python)]);
    let place = url.strip_suffix("/python/3.13.2/python.3.13.2.nupkg").expect("an address");
    let site = Site::new();
    source::quick(&site.folder.join("src"), "6.1.1");
    let row = "{ version: \"3.13\", compiler: VS17 }";
    let pinned = row.replace(" }", ", roots: { win64: { nuget: \"3.13.2\" } } }");
    site.edit("matrix.yaml", row, &pinned);
    let run = |place: &str| {
        let mut command = site.command(&RELEASE);
        Ran::of(command.env("MODFARM_NUGET_URL", place))
    };

    // What is no address to trust is not asked.
    run("http://nuget.example.com/v3")
        .refused(2, &["MODFARM_NUGET_URL", "is no https URL", "hint: "]);
    let ran = run(&format!("{place}/")).ended(0);
    assert!(ran.stderr.contains("NuGet: python 3.13.2 came for the first time"), "{}", ran.stderr);
    let lock = json(&site.folder.join("matrix.lock"));
    assert!(lock["sha256"]["NuGet: python 3.13.2"].is_string(), "{lock:#}");
    let name = "dist/mod_wsgi-6.1.1/mod_wsgi-windows-6.1.1.manifest.json";
    let manifest = json(&site.folder.join(name));
    let mut roots = manifest["roots"].as_array().expect("roots").iter();
    let python = roots.find(|root| root["origin"] == "NuGet: python 3.13.2");
    assert_eq!(python.expect("the package")["name"], "pinned/python/3.13-win64");
    let asked = server.asked();
    run(place).ended(0);
    assert_eq!(server.asked(), asked, "it is kept");

    // Another mirror must have the same.
    let other = packed(&kit().join("python/3.11-win64"), "tools");
    server.serve(path, &[Answer::Bytes(other)]);
    files::remove_dir_all(&site.folder.join(".modfarm")).expect("removed");
    run(place).refused(2, &["NuGet: python 3.13.2 has another SHA-256", "matrix.lock"]);
}

#[test]
fn what_is_installed_is_a_root_where_it_has_headers_and_libraries() {
    let (_keep, here) = folder();
    let python = |folder: Utf8PathBuf, for_everybody: bool| KnownPython {
        folder,
        company: "PythonCore".to_owned(),
        for_everybody,
    };
    let write = |path: &str| files::write_atomic(&here.join(path), b"").unwrap();
    write("bare/bin/httpd.exe");
    write("python/python.exe");
    let apaches = [
        kit().join("apache/2.4-win64"),
        here.join("bare"),
        here.join("nowhere"),
        kit().join("apache/2.4-win32"),
    ];
    let pythons = [
        python(kit().join("python/3.13-win32"), true),
        python(kit().join("python/3.13t-win64/"), false),
        python(here.join("python"), true),
        python(here.join("nowhere"), true),
    ];
    let found = installed::read(&apaches, &pythons);
    let apaches = found.apaches.iter().map(|it| format!("{} {}", it.series, it.arch));
    assert_eq!(apaches.collect::<Vec<_>>(), ["2.4 win64", "2.4 win32"]);
    let pythons = found.pythons.iter().map(|it| format!("{} {}", it.tag, it.arch));
    assert_eq!(pythons.collect::<Vec<_>>(), ["3.13 win32", "3.13t win64"]);
    assert_eq!(found.pythons[0].warning(), None);
    assert!(found.pythons[1].warning().expect("rule 2").contains("(rule 2)"));
    assert_eq!(found.lacks.len(), 2, "{:?}", found.lacks);
    for (lack, words) in found.lacks.iter().zip(["include/httpd.h", "include/Python.h"]) {
        assert!(lack.contains(words) && lack.contains("\nhint: "), "{lack}");
    }
}
