//! The tables of a PE image, read with limits: a hostile file may claim any count and any address.

use std::marker::PhantomData;

use object::LittleEndian as LE;
use object::pe;
use object::read::coff::SectionTable;
use object::read::pe::{
    DataDirectories, ImageNtHeaders, ImageThunkData as _, ImportThunkList, ResourceDirectory,
    ResourceDirectoryEntryData, ResourceDirectoryTable,
};

use super::facts::{Export, ImportedDll, Manifest};
use super::machine::Machine;
use super::nature::{NotAModule, damaged, damaged_header};
use super::record::{Module, ModuleRecord};
use super::version_resource::VersionResource;

/// Together more names than any real DLL has: `python313.dll` exports under 2,000.
const MOST_NAMES: usize = 1 << 17;
const LONGEST_NAME: usize = 4096;
const MOST_NAME_BYTES: usize = 16 << 20;
/// Of one kind.
const MOST_RESOURCES: usize = 8;
const LONGEST_RESOURCE: u32 = 64 << 10;
/// Windows itself loads no more.
const MOST_SECTIONS: usize = 96;
const MOST_MODULES: usize = 16;

/// An image whose headers were read and whose sections all lie inside the file.
pub(super) struct Image<'data, Pe: ImageNtHeaders> {
    bytes: &'data [u8],
    headers: &'data Pe,
    directories: DataDirectories<'data>,
    sections: SectionTable<'data>,
    names_left: usize,
    name_bytes_left: usize,
    kind: PhantomData<Pe>,
}

/// The export table.
#[derive(Default)]
pub(super) struct Exports {
    pub(super) names: Vec<Export>,
    pub(super) ordinals: Vec<u32>,
    pub(super) dll_name: Option<String>,
    /// The address of each of the names.
    pub(super) addresses: Vec<(String, u32)>,
}

impl<'data, Pe: ImageNtHeaders> Image<'data, Pe> {
    /// Reads the headers and the section table.
    pub(super) fn parse(bytes: &'data [u8]) -> Result<Self, NotAModule> {
        let dos = pe::ImageDosHeader::parse(bytes).map_err(damaged)?;
        let mut offset = u64::from(dos.nt_headers_offset());
        let headers = Pe::parse(bytes, &mut offset);
        let (headers, directories) = headers.map_err(|error| damaged_header(bytes, error))?;
        let sections =
            headers.sections(bytes, offset).map_err(|error| damaged_header(bytes, error))?;
        expect_whole(bytes, &sections)?;
        Ok(Self {
            bytes,
            headers,
            directories,
            sections,
            names_left: MOST_NAMES,
            name_bytes_left: MOST_NAME_BYTES,
            kind: PhantomData,
        })
    }

    pub(super) fn headers(&self) -> &'data Pe {
        self.headers
    }

    /// What is imported, at start and at first use.
    pub(super) fn imports(&mut self) -> Result<Vec<ImportedDll>, NotAModule> {
        let mut imports = Vec::new();
        self.read_imports(&mut imports)?;
        self.read_delayed(&mut imports)?;
        Ok(imports)
    }

    fn read_imports(&mut self, imports: &mut Vec<ImportedDll>) -> Result<(), NotAModule> {
        let table = self.directories.import_table(self.bytes, &self.sections).map_err(damaged)?;
        let Some(table) = table else { return Ok(()) };
        for descriptor in table.descriptors().map_err(damaged)? {
            let descriptor = descriptor.map_err(damaged)?;
            let dll = self.name_at(descriptor.name.get(LE))?;
            // The lookup table keeps the names; some linkers leave only the address table.
            let thunks = match descriptor.original_first_thunk.get(LE) {
                0 => descriptor.first_thunk.get(LE),
                lookup => lookup,
            };
            let thunks = table.thunks(thunks).map_err(damaged)?;
            imports.push(self.read_thunks(dll, false, thunks)?);
        }
        Ok(())
    }

    fn read_delayed(&mut self, imports: &mut Vec<ImportedDll>) -> Result<(), NotAModule> {
        let table = self
            .directories
            .delay_load_import_table(self.bytes, &self.sections)
            .map_err(damaged)?;
        let Some(table) = table else { return Ok(()) };
        for descriptor in table.descriptors().map_err(damaged)? {
            let descriptor = descriptor.map_err(damaged)?;
            let dll = self.name_at(descriptor.dll_name_rva.get(LE))?;
            let thunks = table.thunks(descriptor.import_name_table_rva.get(LE)).map_err(damaged)?;
            imports.push(self.read_thunks(dll, true, thunks)?);
        }
        Ok(())
    }

    fn read_thunks(
        &mut self,
        dll: String,
        delayed: bool,
        mut thunks: ImportThunkList<'data>,
    ) -> Result<ImportedDll, NotAModule> {
        let mut import = ImportedDll { dll, delayed, names: Vec::new(), ordinals: Vec::new() };
        while let Some(thunk) = thunks.next::<Pe>().map_err(damaged)? {
            if thunk.is_ordinal() {
                self.spend(0)?;
                import.ordinals.push(thunk.ordinal());
            } else {
                // The name stands after a two-byte hint.
                import.names.push(self.name_at(thunk.address().wrapping_add(2))?);
            }
        }
        Ok(import)
    }

    /// What is exported.
    pub(super) fn exports(&mut self) -> Result<Exports, NotAModule> {
        let table = self.directories.export_table(self.bytes, &self.sections).map_err(damaged)?;
        let Some(table) = table else { return Ok(Exports::default()) };
        let mut exports = Exports {
            dll_name: self.name_at(table.directory().name.get(LE)).ok(),
            ..Exports::default()
        };
        for (pointer, index) in table.name_iter() {
            let name = self.name_at(pointer)?;
            let address = table.address_by_index(index).map_err(damaged)?;
            let forwarder = table.is_forward(address).then(|| self.name_at(address)).transpose()?;
            if forwarder.is_none() {
                exports.addresses.push((name.clone(), address));
            }
            exports.names.push(Export { name, forwarder });
        }
        let base = u32::from(table.ordinal_base());
        let used = table.addresses().iter().zip(base..).filter(|(at, _)| at.get(LE) != 0);
        exports.ordinals = used.map(|(_, ordinal)| ordinal).collect();
        Ok(exports)
    }

    /// The exported symbols named like an Apache module, with the records that they point to.
    pub(super) fn modules(&self, machine: Machine, exports: &[(String, u32)]) -> Vec<Module> {
        let named = |name: &str| machine.undecorated(name).ends_with("_module");
        exports
            .iter()
            .filter(|(name, _)| named(name))
            .take(MOST_MODULES)
            .map(|(name, address)| Module {
                symbol: machine.undecorated(name).to_owned(),
                record: self
                    .data_at(*address)
                    .and_then(|data| ModuleRecord::read(data, self.headers.is_type_64())),
            })
            .collect()
    }

    /// The manifests among the resources.
    pub(super) fn manifests(&self) -> Vec<Manifest> {
        let manifests = self.resources(pe::RT_MANIFEST).into_iter();
        manifests.map(|(id, data)| Manifest { id, text: decode(data) }).collect()
    }

    /// What is said of the version.
    pub(super) fn version(&self) -> Option<VersionResource> {
        let versions = self.resources(pe::RT_VERSION);
        versions.into_iter().find_map(|(_, data)| VersionResource::read(data))
    }

    /// The resources of a kind, with their ids. A damaged tree has none: the loader would find none.
    fn resources(&self, kind: u16) -> Vec<(u16, &'data [u8])> {
        self.read_resources(kind).unwrap_or_default()
    }

    fn read_resources(&self, kind: u16) -> Option<Vec<(u16, &'data [u8])>> {
        let tree = self.directories.resource_directory(self.bytes, &self.sections).ok()??;
        let kinds = tree.root().ok()?;
        let kind = kinds.entries.iter().find(|entry| entry.name_or_id().id() == Some(kind))?;
        let ids = kind.data(tree).ok()?.table()?;
        let resource = |entry: &pe::ImageResourceDirectoryEntry| {
            let languages = entry.data(tree).ok()?.table()?;
            Some((entry.name_or_id().id()?, self.first_language(tree, &languages)?))
        };
        Some(ids.entries.iter().take(MOST_RESOURCES).filter_map(resource).collect())
    }

    fn first_language(
        &self,
        tree: ResourceDirectory<'data>,
        languages: &ResourceDirectoryTable<'data>,
    ) -> Option<&'data [u8]> {
        let ResourceDirectoryEntryData::Data(entry) = languages.entries.first()?.data(tree).ok()?
        else {
            return None;
        };
        let size = entry.size.get(LE).min(LONGEST_RESOURCE) as usize;
        self.data_at(entry.offset_to_data.get(LE))?.get(..size)
    }

    fn data_at(&self, address: u32) -> Option<&'data [u8]> {
        self.sections.pe_data_at(self.bytes, address)
    }

    fn name_at(&mut self, address: u32) -> Result<String, NotAModule> {
        let data = self.data_at(address).ok_or_else(|| {
            NotAModule::Damaged(format!("a name at {address:#x} lies outside its sections"))
        })?;
        let data = &data[..data.len().min(LONGEST_NAME)];
        let end = data
            .iter()
            .position(|&byte| byte == 0)
            .ok_or_else(|| NotAModule::Damaged(format!("a name at {address:#x} has no end")))?;
        self.spend(end)?;
        Ok(printable(&data[..end]))
    }

    fn spend(&mut self, bytes: usize) -> Result<(), NotAModule> {
        let names = self.names_left.checked_sub(1);
        let (Some(names), Some(bytes)) = (names, self.name_bytes_left.checked_sub(bytes)) else {
            let absurd = "its tables claim more names than any real DLL has";
            return Err(NotAModule::Damaged(absurd.to_owned()));
        };
        self.names_left = names;
        self.name_bytes_left = bytes;
        Ok(())
    }
}

fn expect_whole(bytes: &[u8], sections: &SectionTable<'_>) -> Result<(), NotAModule> {
    if sections.len() > MOST_SECTIONS {
        return Err(NotAModule::Damaged(format!("it claims {} sections", sections.len())));
    }
    for section in sections.iter() {
        let start = u64::from(section.pointer_to_raw_data.get(LE));
        let end = start + u64::from(section.size_of_raw_data.get(LE));
        if start != 0 && end > bytes.len() as u64 {
            let name = section.raw_name().escape_ascii();
            let length = bytes.len();
            return Err(NotAModule::Truncated(format!(
                "its section {name} ends at byte {end}, the file at {length}"
            )));
        }
    }
    Ok(())
}

/// A name as text; bytes that no name has are escaped, so that no terminal obeys them.
pub(super) fn printable(name: &[u8]) -> String {
    if name.iter().all(u8::is_ascii_graphic) {
        return String::from_utf8_lossy(name).into_owned();
    }
    name.escape_ascii().to_string()
}

fn decode(text: &[u8]) -> String {
    match text {
        [0xff, 0xfe, rest @ ..] => {
            let units = rest.chunks_exact(2).map(|pair| u16::from_le_bytes([pair[0], pair[1]]));
            char::decode_utf16(units).map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER)).collect()
        }
        _ => String::from_utf8_lossy(text).into_owned(),
    }
}
