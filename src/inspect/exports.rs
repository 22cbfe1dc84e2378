//! What the DLLs of a root export, read off their import libraries or off the DLLs themselves.

use std::collections::BTreeSet;
use std::sync::Arc;

use object::read::archive::ArchiveFile;
use object::read::coff::{CoffFile, CoffHeader as _, ImportFile, ImportName};
use object::read::{Object as _, ObjectSection as _};

use crate::model::version::Version;

use super::facts::Facts;
use super::image::printable;
use super::machine::Machine;
use super::nature::NotAModule;

/// What is known of the machine that the file will be loaded on; empty where nothing is.
#[derive(Clone, Debug, Default)]
pub struct Context {
    /// The DLLs of the Apache and the Python that the file will meet.
    pub roots: Vec<Arc<RootExports>>,
    /// Whether somebody decided that this Apache and this module may be of two ABI families.
    pub mixing_allowed: bool,
    /// The newest release of Apache that the label in the file's name stands for.
    pub newest_apache: Option<Version>,
}

/// What one DLL exports.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RootExports {
    /// The DLL: `libhttpd.dll`.
    pub dll: String,
    /// The machine it is for.
    pub machine: Machine,
    /// The names, decorated as they stand.
    pub names: BTreeSet<String>,
    /// The ordinals that are known. An import library knows those alone that have no name.
    pub ordinals: BTreeSet<u32>,
    /// Whether this is all that it exports: read off the DLL itself.
    pub complete: bool,
    /// The file it was read from.
    pub origin: String,
}

/// Why nothing could be read from an import library.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotALibrary {
    /// It is no archive of objects.
    #[error("{origin} is no import library: {reason}")]
    NotAnArchive {
        /// The file.
        origin: String,
        /// What the reader objects to.
        reason: String,
    },
    /// It is an archive and names no DLL.
    #[error("{origin} names no DLL: it is a static library")]
    Static {
        /// The file.
        origin: String,
    },
}

/// Real libraries have a member a name, so under 3,000.
const MOST_MEMBERS: usize = 100_000;

impl RootExports {
    /// What a DLL exports. `dll` is its file name.
    pub fn from_dll(bytes: &[u8], dll: &str, origin: &str) -> Result<Self, NotAModule> {
        let facts = Facts::read(bytes)?;
        Ok(Self {
            dll: dll.to_owned(),
            machine: facts.machine,
            names: facts.exports.into_iter().map(|export| export.name).collect(),
            ordinals: facts.export_ordinals.into_iter().collect(),
            complete: true,
            origin: origin.to_owned(),
        })
    }

    /// What the DLLs of an import library export, as far as the library knows: Microsoft's and
    /// LLVM's short members, and the small objects of GNU's `dlltool`.
    pub fn from_import_library(bytes: &[u8], origin: &str) -> Result<Vec<Self>, NotALibrary> {
        let broken = |error: object::read::Error| NotALibrary::NotAnArchive {
            origin: origin.to_owned(),
            reason: error.to_string(),
        };
        let archive = ArchiveFile::parse(bytes).map_err(broken)?;
        let mut library = Library::new(origin);
        for member in archive.members().take(MOST_MEMBERS) {
            library.add(member.and_then(|member| member.data(bytes)).map_err(broken)?);
        }
        library.finish()
    }
}

/// An import library as it is read, member by member.
struct Library<'a> {
    origin: &'a str,
    short: Vec<RootExports>,
    long: Option<RootExports>,
}

impl<'a> Library<'a> {
    fn new(origin: &'a str) -> Self {
        Self { origin, short: Vec::new(), long: None }
    }

    fn add(&mut self, member: &[u8]) {
        if let Ok(import) = ImportFile::parse(member) {
            self.add_short(member, &import);
        } else if let Ok(object) = CoffFile::<&[u8]>::parse(member) {
            self.add_long(&object);
        }
    }

    fn add_short(&mut self, member: &[u8], import: &ImportFile<'_>) {
        // The machine stands after two signatures and a version.
        let machine = member.get(6..8).map_or(0, |field| u16::from_le_bytes([field[0], field[1]]));
        let dll = printable(import.dll());
        let at = self.short.iter().position(|known| known.dll == dll).unwrap_or_else(|| {
            self.short.push(empty(dll, Machine::from_pe(machine), self.origin));
            self.short.len() - 1
        });
        match import.import() {
            ImportName::Name(name) => _ = self.short[at].names.insert(printable(name)),
            ImportName::Ordinal(ordinal) => _ = self.short[at].ordinals.insert(ordinal.into()),
        }
    }

    /// An object of GNU's `dlltool`: a name in `.idata$6` after a hint, or the DLL in `.idata$7`.
    /// The head of a Microsoft library has the DLL in `.idata$6` and a descriptor in `.idata$2`.
    fn add_long(&mut self, object: &CoffFile<'_>) {
        let section = |name: &str| {
            let section = object.section_by_name(name)?;
            section.data().ok().filter(|data| !data.is_empty())
        };
        if section(".idata$2").is_some() {
            return;
        }
        let machine = Machine::from_pe(object.coff_header().machine().0);
        let origin = self.origin;
        let mut long = || empty(String::new(), machine, origin);
        if let Some(name) = section(".idata$6").and_then(|data| text(data.get(2..)?)) {
            self.long.get_or_insert_with(&mut long).names.insert(name);
        } else if let Some(ordinal) = section(".idata$5").and_then(|data| ordinal(data, machine)) {
            self.long.get_or_insert_with(&mut long).ordinals.insert(ordinal);
        }
        if let Some(dll) = section(".idata$7").and_then(text) {
            self.long.get_or_insert_with(&mut long).dll = dll;
        }
    }

    fn finish(self) -> Result<Vec<RootExports>, NotALibrary> {
        let named = self.long.filter(|long| !long.dll.is_empty());
        let all: Vec<_> = self.short.into_iter().chain(named).collect();
        if all.is_empty() {
            return Err(NotALibrary::Static { origin: self.origin.to_owned() });
        }
        Ok(all)
    }
}

fn empty(dll: String, machine: Machine, origin: &str) -> RootExports {
    RootExports {
        dll,
        machine,
        names: BTreeSet::new(),
        ordinals: BTreeSet::new(),
        complete: false,
        origin: origin.to_owned(),
    }
}

fn text(data: &[u8]) -> Option<String> {
    let end = data.iter().position(|&byte| byte == 0)?;
    (end > 0).then(|| printable(&data[..end]))
}

fn ordinal(data: &[u8], machine: Machine) -> Option<u32> {
    let size = if machine.is_64() { 8 } else { 4 };
    let thunk = data.get(..size)?;
    let low = u32::from(u16::from_le_bytes([thunk[0], thunk[1]]));
    (thunk[size - 1] & 0x80 != 0).then_some(low)
}

#[cfg(test)]
mod tests {
    use object::write::Object;
    use object::{Architecture, BinaryFormat, Endianness, SectionKind};

    use super::*;

    /// An archive with its members at even offsets, as `ar` has them.
    fn archive(members: &[Vec<u8>]) -> Vec<u8> {
        let mut bytes = b"!<arch>\n".to_vec();
        for member in members {
            let header =
                format!("{:<16}{:<12}{:<6}{:<6}{:<8}{:<10}`\n", "m.o/", 0, 0, 0, 0, member.len());
            bytes.extend(header.bytes());
            bytes.extend(member);
            bytes.resize(bytes.len().next_multiple_of(2), b'\n');
        }
        bytes
    }

    fn short(machine: u16, name_type: u16, ordinal: u16, symbol: &str, dll: &str) -> Vec<u8> {
        let text = [symbol.as_bytes(), b"\0", dll.as_bytes(), b"\0"].concat();
        let size = u16::try_from(text.len()).unwrap();
        let fields = [0, 0xffff, 0, machine, 0, 0, size, 0, ordinal, name_type << 2];
        [fields.map(u16::to_le_bytes).concat(), text].concat()
    }

    fn long(sections: &[(&str, &[u8])]) -> Vec<u8> {
        let mut object = Object::new(BinaryFormat::Coff, Architecture::X86_64, Endianness::Little);
        for (name, data) in sections {
            let id = object.add_section(Vec::new(), name.as_bytes().to_vec(), SectionKind::Data);
            object.append_section_data(id, data, 2);
        }
        object.write().unwrap()
    }

    #[test]
    fn short_members_are_read_with_their_decoration() {
        let library = archive(&[
            short(0x14c, 1, 0, "_ap_hook_handler@16", "libhttpd.dll"),
            short(0x14c, 2, 0, "_ap_log_error_", "libhttpd.dll"),
            short(0x14c, 3, 0, "_ap_run@4", "libhttpd.dll"),
            short(0x14c, 0, 7, "_hidden", "libhttpd.dll"),
            short(0x14c, 1, 0, "f", "other.dll"),
        ]);
        let roots = RootExports::from_import_library(&library, "x.lib").unwrap();
        assert_eq!(roots.len(), 2);
        assert_eq!((roots[0].dll.as_str(), roots[0].machine), ("libhttpd.dll", Machine::I386));
        let names: Vec<_> = roots[0].names.iter().map(String::as_str).collect();
        assert_eq!(names, ["_ap_hook_handler@16", "ap_log_error_", "ap_run"]);
        assert_eq!(roots[0].ordinals, [7].into());
        assert!(!roots[0].complete);
    }

    #[test]
    fn the_objects_of_dlltool_are_read() {
        let library = archive(&[
            long(&[(".idata$2", &[0; 20]), (".idata$6", b"libhttpd.dll\0")]),
            long(&[(".idata$5", &[1; 8]), (".idata$6", b"\x05\0ap_log_error_\0")]),
            long(&[(".idata$5", &[9, 0, 0, 0, 0, 0, 0, 0x80])]),
            long(&[(".idata$4", &[0; 8]), (".idata$7", b"libhttpd.dll\0")]),
        ]);
        let roots = RootExports::from_import_library(&library, "x.dll.a").unwrap();
        assert_eq!((roots[0].dll.as_str(), roots[0].machine), ("libhttpd.dll", Machine::X64));
        assert_eq!(roots[0].names, ["ap_log_error_".to_owned()].into());
        assert_eq!(roots[0].ordinals, [9].into());
    }

    #[test]
    fn other_libraries_name_no_dll() {
        let error = |bytes: &[u8]| RootExports::from_import_library(bytes, "x.lib").unwrap_err();
        let library = archive(&[long(&[(".text", b"code")])]);
        assert_eq!(error(&library).to_string(), "x.lib names no DLL: it is a static library");
        assert!(error(b"text").to_string().starts_with("x.lib is no import library"));
    }
}
