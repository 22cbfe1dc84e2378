//! What tells one toolset of Microsoft's from another: its version in words, and the digest of everything
//! of it that ends up in a module or makes it.

use std::collections::BTreeMap;

use super::environment::{Environment, folders};
use crate::model::arch::Arch;
use crate::model::digest::Sha256;
use crate::sys::digests::DigestCache;

/// The programs; the compiler's two halves lie beside it.
const PROGRAMS: [&str; 5] = ["cl.exe", "c1.dll", "c2.dll", "link.exe", "mt.exe"];

/// What a module is linked with unless it says otherwise, of whichever age.
const LIBRARIES: [&str; 5] =
    ["msvcrt.lib", "oldnames.lib", "vcruntime.lib", "ucrt.lib", "kernel32.lib"];

/// The folder that Windows' headers and libraries of version 10 and later stand in, by their versions.
const KITS: &str = "windows kits";

/// `cl 19.44.35207, Windows-SDK 10.0.26100.0`.
pub(super) fn version<'a>(
    compiler: &str,
    mut environments: impl Iterator<Item = &'a Environment>,
) -> String {
    match environments.find_map(|environment| kit(&environment.lib)) {
        Some(kit) => format!("cl {compiler}, Windows-SDK {kit}"),
        None => format!("cl {compiler}"),
    }
}

/// The version of Windows' kit: the first folder of four numbers below it.
fn kit(lib: &str) -> Option<String> {
    let below_kits = folders(lib).map(|folder| folder.as_str().replace('\\', "/"));
    let below_kits = below_kits.filter(|folder| folder.to_ascii_lowercase().contains(KITS));
    let is_version = |part: &&str| {
        let numbers = part.split('.').map(|number| number.parse::<u32>().ok());
        let numbers: Option<Vec<_>> = numbers.collect();
        numbers.is_some_and(|numbers| numbers.len() == 4)
    };
    let mut versions =
        below_kits.filter_map(|folder| folder.split('/').find(is_version).map(str::to_owned));
    versions.next()
}

/// The digest over the version, the programs and the libraries.
pub(super) fn digest(
    version: &str,
    arches: &BTreeMap<Arch, Environment>,
    digests: &mut DigestCache,
) -> Sha256 {
    let mut listed = format!("{version}\n");
    for (arch, environment) in arches {
        let programs = PROGRAMS.iter().map(|name| (name, environment.program(name)));
        let libraries = LIBRARIES.iter().map(|name| (name, environment.library(name)));
        for (name, file) in programs.chain(libraries) {
            let Some(digest) = file.and_then(|file| digests.digest(&file).ok()) else { continue };
            listed += &format!("{arch} {name} {}\n", digest.sha256);
        }
    }
    Sha256::of(listed.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment(lib: &str) -> Environment {
        let [path, include, compiler] = ["", "", "19.44.35207"].map(str::to_owned);
        Environment { path, include, lib: lib.to_owned(), compiler }
    }

    #[test]
    fn the_version_names_the_kit_where_there_is_one() {
        let kits = r"C:\VC\Tools\MSVC\14.44.35207\lib\x64;C:\Program Files (x86)\Windows Kits\10\lib\10.0.26100.0\ucrt\x64";
        let said = |lib: &str| version("19.44.35207", [&environment(lib)].into_iter());
        assert_eq!(said(kits), "cl 19.44.35207, Windows-SDK 10.0.26100.0");
        assert_eq!(said(r"C:\Program Files\Microsoft SDKs\Windows\v7.1\Lib"), "cl 19.44.35207");
    }
}
