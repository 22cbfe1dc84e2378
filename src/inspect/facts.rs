//! What a file says of itself, read once: the facts that all checks share. No judgement here.
//!
//! Whatever the bytes are, reading them ends, without a panic, in bounded memory.

use object::pe;
use object::read::pe::{ImageNtHeaders, ImageOptionalHeader as _};

use super::image::Image;
use super::machine::Machine;
use super::nature::{self, NotAModule};
use super::record::Module;
use super::version_resource::VersionResource;
use crate::model::abi::AbiFamily;
use crate::model::python::PythonTag;

/// The facts of one PE file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Facts {
    /// The machine it runs on.
    pub machine: Machine,
    /// Whether its optional header is that of a 64 bit image (PE32+).
    pub pe32_plus: bool,
    /// Whether it is marked as a DLL.
    pub is_dll: bool,
    /// The linker's version: 14.44 for Visual Studio 2022, 9.0 for 2008.
    pub linker: (u8, u8),
    /// The time stamp, which is a hash where the build is reproducible.
    pub timestamp: u32,
    /// The DLLs it imports from, in the order of its table.
    pub imports: Vec<ImportedDll>,
    /// What it exports by name.
    pub exports: Vec<Export>,
    /// The ordinals under which it exports something.
    pub export_ordinals: Vec<u32>,
    /// Its own name as its export table has it.
    pub dll_name: Option<String>,
    /// Its `RT_MANIFEST` resources.
    pub manifests: Vec<Manifest>,
    /// What it says of its version.
    pub version: Option<VersionResource>,
    /// The exported symbols that are named like an Apache module.
    pub modules: Vec<Module>,
}

/// A DLL that the file imports from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImportedDll {
    /// The DLL as the file spells it.
    pub dll: String,
    /// Whether it is loaded at its first use only.
    pub delayed: bool,
    /// What is imported by name, decorated as it stands.
    pub names: Vec<String>,
    /// What is imported by ordinal.
    pub ordinals: Vec<u16>,
}

/// A name that the file exports.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Export {
    /// The name, decorated as it stands.
    pub name: String,
    /// Where it is forwarded to, if it is: `NTDLL.RtlFoo`.
    pub forwarder: Option<String>,
}

/// A side-by-side manifest in the file's resources.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Manifest {
    /// The resource's id: 2 in a DLL, 1 in a program.
    pub id: u16,
    /// The XML.
    pub text: String,
}

impl Facts {
    /// Reads the facts of a Windows DLL; for anything else, says what it is instead.
    pub fn read(bytes: &[u8]) -> Result<Self, NotAModule> {
        let facts = Self::of_binary(bytes)?;
        if !facts.is_dll && facts.modules.is_empty() {
            return Err(NotAModule::Program);
        }
        Ok(facts)
    }

    /// Reads the facts of a Windows binary, be it a DLL or a program.
    pub fn of_binary(bytes: &[u8]) -> Result<Self, NotAModule> {
        nature::expect_pe(bytes)?;
        let magic = object::read::pe::optional_header_magic(bytes);
        let magic = magic.map_err(|error| nature::damaged_header(bytes, error))?;
        match magic {
            pe::IMAGE_NT_OPTIONAL_HDR32_MAGIC => read_image::<pe::ImageNtHeaders32>(bytes),
            pe::IMAGE_NT_OPTIONAL_HDR64_MAGIC => read_image::<pe::ImageNtHeaders64>(bytes),
            other => Err(NotAModule::Damaged(format!("its header has the magic {other:#x}"))),
        }
    }

    /// The Pythons whose release DLLs it imports.
    #[must_use]
    pub fn pythons(&self) -> Vec<PythonTag> {
        self.of_imports(PythonTag::of_dll)
    }

    /// The families whose C runtimes it imports.
    #[must_use]
    pub fn runtimes(&self) -> Vec<AbiFamily> {
        self.of_imports(AbiFamily::of_runtime_dll)
    }

    /// What the names of the DLLs that it imports stand for, each once, sorted.
    fn of_imports<T: Ord>(&self, read: fn(&str) -> Option<T>) -> Vec<T> {
        let mut found: Vec<_> =
            self.imports.iter().filter_map(|import| read(&import.dll)).collect();
        found.sort_unstable();
        found.dedup();
        found
    }

    /// The imports from the DLL of this name, whatever its case.
    pub fn imports_from<'a>(&'a self, dll: &'a str) -> impl Iterator<Item = &'a ImportedDll> {
        self.imports.iter().filter(move |import| import.dll.eq_ignore_ascii_case(dll))
    }

    /// Whether something is imported from the DLL of this name.
    #[must_use]
    pub fn imports_dll(&self, dll: &str) -> bool {
        self.imports_from(dll).next().is_some()
    }

    /// Whether a name is exported, undecorated.
    #[must_use]
    pub fn exports_name(&self, name: &str) -> bool {
        self.exports.iter().any(|export| self.machine.undecorated(&export.name) == name)
    }
}

fn read_image<Pe: ImageNtHeaders>(bytes: &[u8]) -> Result<Facts, NotAModule> {
    let mut image = Image::<Pe>::parse(bytes)?;
    let file_header = image.headers().file_header();
    let optional = image.headers().optional_header();
    let machine = Machine::from_pe(file_header.machine.get(object::LittleEndian).0);
    let flags = file_header.characteristics.get(object::LittleEndian).0;
    let imports = image.imports()?;
    let exports = image.exports()?;
    let modules = image.modules(machine, &exports.addresses);
    Ok(Facts {
        machine,
        pe32_plus: image.headers().is_type_64(),
        is_dll: flags & pe::IMAGE_FILE_DLL.0 != 0,
        linker: (optional.major_linker_version(), optional.minor_linker_version()),
        timestamp: file_header.time_date_stamp.get(object::LittleEndian),
        imports,
        exports: exports.names,
        export_ordinals: exports.ordinals,
        dll_name: exports.dll_name,
        manifests: image.manifests(),
        version: image.version(),
        modules,
    })
}
