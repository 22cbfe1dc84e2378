//! An Apache, read off its `httpd.exe` and `libhttpd.dll`.

use std::collections::HashSet;

use camino::{Utf8Path, Utf8PathBuf};

use super::binary::{self, Binary};
use super::needs::needs;
use super::place::{Wanted, below};
use super::{InstallationError, maker};
use crate::inspect::{Module, ModuleRecord};
use crate::model::installation::{Apache, Headers, Need};
use crate::model::version::Version;
use crate::sys::files;

const APACHE: Wanted = Wanted { what: "Apache", looked_for: "bin/httpd.exe" };

/// The libraries that every build has beside its program.
const OWN: [&str; 2] = ["libapr-1.dll", "libaprutil-1.dll"];

/// What Apache calls itself, before its version.
const NAME: &str = "Apache/";

impl Apache {
    /// The Apache in a folder: the one that holds `bin`, or `bin` itself, or a program in it.
    pub fn read(named: &Utf8Path) -> Result<Self, InstallationError> {
        let folder = folder(&APACHE.folder(named)?);
        let program = below(&folder, &["bin", "httpd.exe"]).or_else(|| old_program(&folder));
        let program = Binary::read(&program.ok_or_else(|| APACHE.missing(&folder))?)?;
        let library = below(&folder, &["bin", "libhttpd.dll"]);
        let library = library.map(|path| Binary::read(&path)).transpose()?;
        let binaries: Vec<&Binary> = std::iter::once(&program).chain(&library).collect();
        let record = record(&binaries);
        let version = version(&binaries);
        let mut build = binary::build(&binaries.iter().map(|it| &it.facts).collect::<Vec<_>>());
        if let Some(label) = maker::lounge_label(&binaries) {
            build.compiler = Some(label);
        }
        Ok(Self {
            series: series(version.as_ref(), record),
            version,
            module_magic: record.map(|record| format!("{}:{}", record.major, record.minor)),
            maker: maker::of(&folder, &binaries),
            build,
            headers: headers(&folder),
            needs: missing(&folder, &binaries)?,
            folder,
        })
    }
}

/// The folder above `bin`, where that was named.
fn folder(named: &Utf8Path) -> Utf8PathBuf {
    let is_bin = named.file_name().is_some_and(|name| name.eq_ignore_ascii_case("bin"));
    if is_bin && below(named, &["httpd.exe"]).is_some() {
        return files::parent(named).to_owned();
    }
    // Archives and distributions have it in a folder of their own.
    let own = [".", "Apache24", "apache", "Apache22", "Apache2.2", "apache2"].into_iter();
    let mut folders =
        own.filter_map(
            |name| if name == "." { Some(named.to_owned()) } else { below(named, &[name]) },
        );
    let found = folders.find(|folder| below(folder, &["bin", "httpd.exe"]).is_some());
    found.unwrap_or_else(|| named.to_owned())
}

/// Apache 2.0 and some distributions of 2.2 call it so.
fn old_program(folder: &Utf8Path) -> Option<Utf8PathBuf> {
    below(folder, &["bin", "apache.exe"])
}

/// The version as the resources say it; else as the program calls itself.
fn version(binaries: &[&Binary]) -> Option<Version> {
    let stated = binaries.iter().find_map(|binary| {
        let [major, minor, patch, _] = binary.numbers()?;
        (major > 0).then(|| format!("{major}.{minor}.{patch}"))
    });
    let named = || binaries.iter().rev().find_map(|it| it.word_after(NAME).map(str::to_owned));
    stated.or_else(named)?.parse().ok()
}

/// The record of Apache's own first module, which bears the magic that it wants of all others.
fn record(binaries: &[&Binary]) -> Option<ModuleRecord> {
    let modules = binaries.iter().flat_map(|binary| &binary.facts.modules);
    let core = |module: &&Module| module.symbol == "core_module";
    modules.clone().find(core).or_else(|| modules.clone().next())?.record
}

fn series(version: Option<&Version>, record: Option<ModuleRecord>) -> Option<String> {
    let by_magic = record.and_then(|record| record.series()).map(|series| series.name.to_owned());
    by_magic.or_else(|| match version?.numbers() {
        [major, minor, ..] => Some(format!("{major}.{minor}")),
        _ => None,
    })
}

fn headers(folder: &Utf8Path) -> Headers {
    Headers {
        httpd_h: below(folder, &["include", "httpd.h"]).is_some(),
        libhttpd_lib: below(folder, &["lib", "libhttpd.lib"]).is_some(),
    }
}

/// What the program and the libraries need that is not there, each once.
fn missing(folder: &Utf8Path, binaries: &[&Binary]) -> Result<Vec<Need>, InstallationError> {
    let bin = below(folder, &["bin"]).unwrap_or_else(|| folder.to_owned());
    let mut all = Vec::new();
    for binary in binaries {
        all.extend(needs(&binary.facts, binary.name(), &[&bin], |_| false));
    }
    for name in OWN {
        if let Some(path) = below(&bin, &[name]) {
            all.extend(needs(&Binary::read(&path)?.facts, name, &[&bin], |_| false));
        }
    }
    let mut seen = HashSet::new();
    all.retain(|need| seen.insert(need.dll.to_ascii_lowercase()));
    Ok(all)
}
