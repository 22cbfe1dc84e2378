//! The cross toolset of this machine: clang, lld and mingw-w64, where all of them are here.

use std::collections::BTreeMap;

use camino::{Utf8Path, Utf8PathBuf};

use crate::model::abi::AbiFamily;
use crate::model::arch::Arch;
use crate::model::digest::Sha256;
use crate::model::toolset::{Toolset, mingw_runtime};
use crate::sys::digests::DigestCache;
use crate::sys::files;
use crate::sys::process;

/// clang in cl mode, lld and mingw-w64's runtime, where all of them are here.
pub(super) fn detect(digests: &mut DigestCache) -> Option<Toolset> {
    if cfg!(windows) {
        return None;
    }
    let parts = Arch::ALL.into_iter().map(parts).collect::<Option<Vec<_>>>()?;
    let mingw_version = mingw_version(&parts.first()?.include)?;
    let programs = ["clang", "ld.lld", "llvm-rc", "make"].map(process::find);
    let [Some(clang), Some(lld), Some(_), Some(_)] = &programs else { return None };
    let asked = [clang, lld].map(|program| {
        let mut command = process::command(program.as_std_path());
        std::thread::spawn(move || process::capture(command.arg("--version")))
    });
    let families = families(&parts);
    let mut linked = String::new();
    for file in parts.iter().flat_map(|parts| parts.linked(&families)) {
        linked += &format!("{} {}\n", digests.digest(&file).ok()?.sha256, file.file_name()?);
    }
    let [clang, lld] = asked.map(|asked| version_number(&asked.join().ok()?.ok()?));
    let (clang, lld) = (clang?, lld?);
    let version = format!("clang {clang}, lld {lld}, mingw-w64 {mingw_version}");
    let mut settings = BTreeMap::from([("path".to_owned(), search_path(&programs))]);
    for parts in &parts {
        settings.insert(format!("include.{}", parts.arch), parts.include.to_string());
        settings.insert(format!("mingw.{}", parts.arch), parts.libraries.to_string());
        settings.insert(format!("libgcc.{}", parts.arch), parts.libgcc.to_string());
    }
    Some(Toolset {
        name: "cross".to_owned(),
        digest: Sha256::of(format!("{version}\n{linked}").as_bytes()),
        version,
        families,
        arches: Arch::ALL.to_vec(),
        settings,
    })
}

/// The header that says the version, below the folder of headers.
const VERSION_HEADER: &str = "_mingw_mac.h";

/// What every module links, besides libgcc and the C runtime.
const LINKED: [&str; 6] =
    ["dllcrt2.o", "libmingw32.a", "libmingwex.a", "libmoldname.a", "libkernel32.a", "libpsapi.a"];

/// The `PATH` on which a makefile finds the very programs that were asked here.
fn search_path(programs: &[Option<Utf8PathBuf>]) -> String {
    let found = programs.iter().flatten().filter_map(|program| program.parent());
    let mut folders: Vec<&str> = Vec::new();
    for folder in found.map(Utf8Path::as_str).chain(["/usr/bin", "/bin"]) {
        if !folders.contains(&folder) {
            folders.push(folder);
        }
    }
    folders.join(":")
}

/// Where the libraries of one architecture are.
struct Parts {
    arch: Arch,
    include: Utf8PathBuf,
    libraries: Utf8PathBuf,
    libgcc: Utf8PathBuf,
}

fn parts(arch: Arch) -> Option<Parts> {
    let machine = match arch {
        Arch::Win32 => "i686-w64-mingw32",
        Arch::Win64 => "x86_64-w64-mingw32",
    };
    let libraries = Utf8PathBuf::from(format!("/usr/{machine}/lib"));
    if !files::exists(&libraries.join(LINKED[0])) {
        return None;
    }
    // `12-win32` and `12-posix` differ in their threads; a C module takes neither's.
    let gcc = Utf8PathBuf::from(format!("/usr/lib/gcc/{machine}"));
    let libgcc = files::names(&gcc)
        .ok()?
        .into_iter()
        .filter(|name| name.ends_with("-win32") && files::exists(&gcc.join(name).join("libgcc.a")))
        .max_by_key(|name| name.split('-').next().and_then(|number| number.parse::<u32>().ok()))
        .map(|name| gcc.join(name))?;
    let include = Utf8PathBuf::from(format!("/usr/{machine}/include"));
    Some(Parts { arch, include, libraries, libgcc })
}

impl Parts {
    fn runtime(&self, family: AbiFamily) -> Utf8PathBuf {
        self.libraries.join(format!("lib{}.a", mingw_runtime(family)))
    }

    fn linked(&self, families: &[AbiFamily]) -> Vec<Utf8PathBuf> {
        let libraries = LINKED.iter().map(|name| self.libraries.join(name));
        let runtimes = families.iter().map(|family| self.runtime(*family));
        let libgcc = ["libgcc.a", "libgcc_eh.a"].map(|name| self.libgcc.join(name));
        libraries.chain(runtimes).chain(libgcc).collect()
    }
}

/// The families whose C runtime is there for every architecture.
fn families(parts: &[Parts]) -> Vec<AbiFamily> {
    AbiFamily::ALL
        .into_iter()
        .filter(|family| parts.iter().all(|parts| files::exists(&parts.runtime(*family))))
        .collect()
}

fn mingw_version(include: &Utf8Path) -> Option<String> {
    let text = files::read_to_string(&include.join(VERSION_HEADER)).ok()?;
    let number = |part: &str| {
        let name = format!("__MINGW64_VERSION_{part} ");
        text.lines().find_map(|line| {
            line.strip_prefix("#define ")?.strip_prefix(&name)?.trim().parse::<u32>().ok()
        })
    };
    Some(format!("{}.{}.{}", number("MAJOR")?, number("MINOR")?, number("BUGFIX")?))
}

/// The first number with dots in what a program says of its version.
fn version_number(said: &str) -> Option<String> {
    said.split_whitespace()
        .find(|word| word.starts_with(|c: char| c.is_ascii_digit()) && word.contains('.'))
        .map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_versions_as_they_are_said() {
        assert_eq!(version_number("Debian clang version 14.0.6\nTarget: …"), Some("14.0.6".into()));
        assert_eq!(version_number("Debian LLD 19.1.7 (compatible …)"), Some("19.1.7".into()));
        assert_eq!(version_number("no number"), None);
    }
}
