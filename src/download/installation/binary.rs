//! One binary of an installation: its facts, and what it is compiled with.

use camino::{Utf8Path, Utf8PathBuf};

use super::InstallationError;
use crate::inspect::Facts;
use crate::model::abi::AbiFamily;
use crate::model::installation::Build;
use crate::sys::archive;
use crate::sys::files;

/// A binary that was read.
#[derive(Debug)]
pub(super) struct Binary {
    pub(super) path: Utf8PathBuf,
    pub(super) bytes: Vec<u8>,
    pub(super) facts: Facts,
}

impl Binary {
    pub(super) fn read(path: &Utf8Path) -> Result<Self, InstallationError> {
        let bytes = files::read_limited(path, archive::LARGEST_FILE)?;
        match Facts::of_binary(&bytes) {
            Ok(facts) => Ok(Self { path: path.to_owned(), bytes, facts }),
            Err(not) => Err(InstallationError::Unreadable { path: path.to_owned(), not }),
        }
    }

    /// Its file name.
    pub(super) fn name(&self) -> &str {
        self.path.file_name().unwrap_or_default()
    }

    /// The numbers of its version, where it says one.
    pub(super) fn numbers(&self) -> Option<[u16; 4]> {
        let numbers = self.facts.version.as_ref()?.numbers;
        (numbers != [0; 4]).then_some(numbers)
    }

    /// The text that stands in its bytes after these words, as far as its characters are those of a
    /// version or a label.
    pub(super) fn word_after(&self, words: &str) -> Option<&str> {
        let at = self.bytes.windows(words.len()).position(|here| here == words.as_bytes())?;
        let rest = &self.bytes[at + words.len()..];
        let plain = |byte: &&u8| byte.is_ascii_alphanumeric() || **byte == b'.';
        let length = rest.iter().take(32).take_while(plain).count();
        std::str::from_utf8(&rest[..length]).ok().filter(|word| !word.is_empty())
    }
}

/// What binaries that belong together are compiled with and for.
pub(super) fn build(binaries: &[&Facts]) -> Build {
    let machine = binaries.first().map(|facts| facts.machine);
    let abi = single(binaries.iter().flat_map(|facts| facts.runtimes()));
    let linker = binaries.iter().map(|facts| facts.linker).max();
    let dlls = binaries.iter().flat_map(|facts| &facts.imports).map(|import| import.dll.as_str());
    let mut runtimes: Vec<String> = dlls.filter(|dll| is_runtime(dll)).map(str::to_owned).collect();
    runtimes.sort_unstable_by_key(|dll| dll.to_ascii_lowercase());
    runtimes.dedup_by(|one, other| one.eq_ignore_ascii_case(other));
    Build {
        machine: machine.map_or_else(String::new, |machine| machine.to_string()),
        arch: machine.and_then(crate::inspect::Machine::arch),
        compiler: abi.zip(linker).map(|(abi, linker)| abi.compiler(linker).to_owned()),
        abi,
        runtimes,
    }
}

/// Whether the DLL of this name is a C runtime; of the Universal C Runtime's many only what each
/// compiler brings.
fn is_runtime(dll: &str) -> bool {
    let name = dll.to_ascii_lowercase();
    let ours = AbiFamily::of_runtime_dll(&name).is_some() && !name.starts_with("api-ms-");
    ours || name.starts_with("msvcr")
}

fn single<T: PartialEq>(all: impl Iterator<Item = T>) -> Option<T> {
    let mut all = all;
    let first = all.next()?;
    all.all(|other| other == first).then_some(first)
}
