//! Makes Windows modules: PE files with the tables that an inspection reads, and no code.
//! Shared by the units of `inspect` and by the whole-program tests.

use object::pe;
use object::write::pe::{NtHeaders, SectionRange, Writer};

/// A module to be made. The fields are what tests vary.
#[derive(Clone)]
pub(crate) struct Made {
    pub(crate) machine: pe::Machine,
    pub(crate) dll: bool,
    pub(crate) imports: Vec<(String, Vec<String>)>,
    pub(crate) delayed: Vec<(String, Vec<String>)>,
    pub(crate) exports: Vec<String>,
    pub(crate) magic: (u32, u32, u32),
    pub(crate) manifest: Option<(u16, String)>,
    /// The four numbers and the company of its version resource.
    pub(crate) version: Option<([u16; 4], String)>,
    pub(crate) linker: (u8, u8),
    /// Bytes that no table leads to.
    pub(crate) more: Vec<u8>,
}

pub(crate) const AP24: (u32, u32, u32) = (20_120_211, 134, 0x4150_3234);
pub(crate) const AP22: (u32, u32, u32) = (20_051_115, 40, 0x4150_3232);

impl Made {
    /// A right module for Apache 2.4 and this Python DLL, as `win64` with the Universal C Runtime.
    pub(crate) fn module(python_dll: &str) -> Self {
        let import = |dll: &str, names: &[&str]| {
            (dll.to_owned(), names.iter().map(|&name| name.to_owned()).collect())
        };
        Self {
            machine: pe::IMAGE_FILE_MACHINE_AMD64,
            dll: true,
            imports: vec![
                import(python_dll, &["Py_Initialize", "PyErr_Print"]),
                import("libhttpd.dll", &["ap_log_error_", "ap_hook_handler"]),
                import("libapr-1.dll", &["apr_palloc", "#7"]),
                import("libaprutil-1.dll", &["apr_brigade_create"]),
                import("KERNEL32.dll", &["Sleep"]),
                import("VCRUNTIME140.dll", &["memcpy"]),
                import("api-ms-win-crt-heap-l1-1-0.dll", &["malloc"]),
            ],
            delayed: Vec::new(),
            exports: vec!["PyInit_mod_wsgi".to_owned(), "wsgi_module".to_owned()],
            magic: AP24,
            manifest: None,
            version: None,
            linker: (14, 44),
            more: Vec::new(),
        }
    }

    /// The same as `win32`, with the decorated names of Apache's functions.
    pub(crate) fn win32(mut self) -> Self {
        self.machine = pe::IMAGE_FILE_MACHINE_I386;
        for (_, names) in &mut self.imports {
            for name in names.iter_mut().filter(|name| *name == "ap_hook_handler") {
                "_ap_hook_handler@16".clone_into(name);
            }
        }
        self
    }

    /// The same with these C runtimes and no others.
    pub(crate) fn runtime(mut self, dlls: &[&str]) -> Self {
        self.imports.retain(|(dll, _)| !dll.starts_with("VCRUNTIME") && !dll.starts_with("api-ms"));
        self.imports.extend(dlls.iter().map(|&dll| (dll.to_owned(), vec!["malloc".to_owned()])));
        self
    }

    /// The same with one more import.
    pub(crate) fn importing(mut self, dll: &str, name: &str) -> Self {
        self.imports.push((dll.to_owned(), vec![name.to_owned()]));
        self
    }

    /// The same with the manifest of the VC9 runtime.
    pub(crate) fn vc90_manifest(mut self, id: u16, architecture: &str) -> Self {
        let xml = format!(
            "<assembly xmlns='urn:schemas-microsoft-com:asm.v1' manifestVersion='1.0'><dependency>\
             <dependentAssembly><assemblyIdentity type='win32' name='Microsoft.VC90.CRT' \
             version='9.0.21022.8' processorArchitecture='{architecture}' \
             publicKeyToken='1fc8b3b9a1e18e3b'/></dependentAssembly></dependency></assembly>"
        );
        self.manifest = Some((id, xml));
        self
    }

    /// A binary with these imports, which exports an Apache module of this name or nothing.
    pub(crate) fn binary(imports: &[&str], exports: &[&str]) -> Self {
        let import = |dll: &&str| ((*dll).to_owned(), vec!["a_name".to_owned()]);
        Self {
            imports: imports.iter().map(import).collect(),
            exports: exports.iter().map(|&name| name.to_owned()).collect(),
            ..Self::module("")
        }
    }

    /// The same with a version resource.
    pub(crate) fn version(mut self, numbers: [u16; 4], company: &str) -> Self {
        self.version = Some((numbers, company.to_owned()));
        self
    }

    fn is_64(&self) -> bool {
        self.machine != pe::IMAGE_FILE_MACHINE_I386
    }

    /// The file.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut writer = Writer::new(self.is_64(), 0x1000, 0x200, &mut bytes);
        writer.reserve_dos_header_and_stub();
        writer.reserve_nt_headers(pe::IMAGE_NUMBEROF_DIRECTORY_ENTRIES);
        let resources = self.resources();
        writer.reserve_section_headers(4 + u16::from(!resources.is_empty()));
        let mut sections: Vec<(SectionRange, Vec<u8>)> = Vec::new();

        let record = [self.record(), self.more.clone()].concat();
        let at = writer.virtual_len();
        sections.push((writer.reserve_data_section(len(&record), len(&record)), record));
        let exports = self.export_table(writer.virtual_len(), at);
        sections.push((writer.reserve_edata_section(len(&exports)), exports));
        let imports = import_table(&self.imports, writer.virtual_len(), self.is_64(), false);
        sections.push((writer.reserve_idata_section(len(&imports)), imports));
        let delayed_at = writer.virtual_len();
        let delayed = import_table(&self.delayed, delayed_at, self.is_64(), true);
        if !self.delayed.is_empty() {
            let size = len(&delayed);
            writer.set_data_directory(pe::IMAGE_DIRECTORY_ENTRY_DELAY_IMPORT, delayed_at, size);
        }
        sections.push((writer.reserve_rdata_section(len(&delayed)), delayed));
        if !resources.is_empty() {
            let resources = resource_tree(&resources, writer.virtual_len());
            sections.push((writer.reserve_rsrc_section(len(&resources)), resources));
        }

        writer.write_dos_header_and_stub().expect("a DOS header");
        writer.write_nt_headers(self.headers());
        writer.write_section_headers();
        for (range, data) in &sections {
            writer.write_section(range.file_offset, data);
        }
        let whole = sections.iter().map(|(range, _)| range.file_offset + range.file_size).max();
        drop(writer);
        bytes.resize(whole.expect("sections") as usize, 0);
        bytes
    }

    /// The kind, the id and the data of each resource.
    fn resources(&self) -> Vec<(u32, u32, Vec<u8>)> {
        let version = self.version.iter();
        let version = version.map(|(numbers, company)| (16, 1, version_info(*numbers, company)));
        let manifest = self.manifest.iter();
        let manifest = manifest.map(|(id, xml)| (24, u32::from(*id), xml.clone().into_bytes()));
        version.chain(manifest).collect()
    }

    /// `struct module_struct`.
    fn record(&self) -> Vec<u8> {
        let (major, minor, cookie) = self.magic;
        let mut record = [major, minor, u32::MAX].map(u32::to_le_bytes).concat();
        record.resize(if self.is_64() { 40 } else { 24 }, 0);
        record.extend(cookie.to_le_bytes());
        record.resize(64, 0);
        record
    }

    fn export_table(&self, at: u32, target: u32) -> Vec<u8> {
        let count = len(&self.exports);
        let (functions, names, ordinals) = (at + 40, at + 40 + 4 * count, at + 40 + 8 * count);
        let strings = ordinals + 2 * count;
        let mut text = b"mod_wsgi.so\0".to_vec();
        let pointers: Vec<u32> = self
            .exports
            .iter()
            .map(|name| {
                let pointer = strings + len(&text);
                text.extend(name.bytes().chain([0]));
                pointer
            })
            .collect();
        let mut table = words(&[0, 0, 0, strings, 1, count, count, functions, names, ordinals]);
        table.extend(words(&vec![target; count as usize]));
        table.extend(words(&pointers));
        table.extend((0..count).flat_map(|index| u16::try_from(index).expect("few").to_le_bytes()));
        table.extend(text);
        table
    }

    fn headers(&self) -> NtHeaders {
        let dll = if self.dll { pe::IMAGE_FILE_DLL } else { pe::FileFlags(0) };
        NtHeaders {
            machine: self.machine,
            time_date_stamp: 0,
            characteristics: pe::IMAGE_FILE_EXECUTABLE_IMAGE | dll,
            major_linker_version: self.linker.0,
            minor_linker_version: self.linker.1,
            address_of_entry_point: 0,
            image_base: 0x1000_0000,
            major_operating_system_version: 6,
            minor_operating_system_version: 0,
            major_image_version: 0,
            minor_image_version: 0,
            major_subsystem_version: 6,
            minor_subsystem_version: 0,
            subsystem: pe::IMAGE_SUBSYSTEM_WINDOWS_GUI,
            dll_characteristics: pe::DllFlags(0),
            size_of_stack_reserve: 0,
            size_of_stack_commit: 0,
            size_of_heap_reserve: 0,
            size_of_heap_commit: 0,
        }
    }
}

/// Descriptors, the thunks of each DLL, the names. A name `#7` is the ordinal 7.
fn import_table(imports: &[(String, Vec<String>)], at: u32, is_64: bool, delayed: bool) -> Vec<u8> {
    let descriptor_size = if delayed { 32 } else { 20 };
    let thunk_size = if is_64 { 8 } else { 4 };
    let all: u32 = imports.iter().map(|(_, names)| len(names) + 1).sum();
    let thunks_at = at + descriptor_size * (len(imports) + 1);
    let names_at = thunks_at + thunk_size * all;
    let (mut descriptors, mut thunks, mut names) = (Vec::new(), Vec::new(), Vec::new());
    for (dll, functions) in imports {
        let list = thunks_at + len(&thunks);
        for function in functions {
            let thunk = match function.strip_prefix('#') {
                Some(ordinal) => {
                    let flag = if is_64 { 1 << 63 } else { 1 << 31 };
                    flag | ordinal.parse::<u64>().expect("an ordinal")
                }
                None => u64::from(names_at + len(&names)),
            };
            thunks.extend(&thunk.to_le_bytes()[..thunk_size as usize]);
            if !function.starts_with('#') {
                names.extend([0, 0].into_iter().chain(function.bytes()).chain([0]));
            }
        }
        thunks.resize(thunks.len() + thunk_size as usize, 0);
        let name = names_at + len(&names);
        names.extend(dll.bytes().chain([0]));
        descriptors.extend(if delayed {
            words(&[1, name, 0, list, list, 0, 0, 0])
        } else {
            words(&[list, 0, 0, name, list])
        });
    }
    descriptors.resize(descriptors.len() + descriptor_size as usize, 0);
    [descriptors, thunks, names].concat()
}

/// All kinds, then for each the id, the language and the place of the data, then the data.
fn resource_tree(resources: &[(u32, u32, Vec<u8>)], at: u32) -> Vec<u8> {
    const SUBTREE: u32 = 1 << 31;
    const BRANCH: u32 = 24 + 24 + 16;
    let trunk = 16 + 8 * len(resources);
    let directory = |name: u32, to: u32| words(&[0, 0, 0, 1 << 16, name, to]);
    let mut tree = words(&[0, 0, 0, len(resources) << 16]);
    let places = (0..).map(|number| trunk + BRANCH * number);
    for ((kind, _, _), place) in resources.iter().zip(places.clone()) {
        tree.extend(words(&[*kind, SUBTREE + place]));
    }
    let mut data_at = at + trunk + BRANCH * len(resources);
    for ((_, id, data), place) in resources.iter().zip(places) {
        tree.extend(directory(*id, SUBTREE + place + 24));
        tree.extend(directory(1033, place + 48));
        tree.extend(words(&[data_at, len(data), 0, 0]));
        data_at += len(data);
    }
    tree.extend(resources.iter().flat_map(|(_, _, data)| data));
    tree
}

/// `VS_VERSIONINFO` with one text.
pub(crate) fn version_info(numbers: [u16; 4], company: &str) -> Vec<u8> {
    let utf16 = |text: &str| text.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<u8>>();
    let mut info = [92_u16, 52, 0].map(u16::to_le_bytes).concat();
    info.extend(utf16("VS_VERSION_INFO\0"));
    info.resize(40, 0);
    let [first, second, third, fourth] = numbers.map(u32::from);
    info.extend(words(&[0xfeef_04bd, 0x10000, first << 16 | second, third << 16 | fourth]));
    info.resize(info.len() + 36, 0);
    info.extend(utf16("\0\0\0CompanyName\0"));
    info.resize(info.len().next_multiple_of(4), 0);
    info.extend(utf16(company));
    info.extend([0, 0]);
    info
}

fn words(words: &[u32]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_le_bytes()).collect()
}

fn len<T>(items: &[T]) -> u32 {
    u32::try_from(items.len()).expect("a small file")
}
