//! Adds one resource to a Windows DLL that has none: a section `.rsrc` after all others.

/// The type of a manifest, `RT_MANIFEST`.
pub(crate) const MANIFEST: u32 = 24;

/// The bytes of a section's header, and of the tree above the one resource: three folders of one entry
/// each, and the entry of the data.
const HEADER: usize = 40;
const TREE: usize = 3 * 24 + 16;

/// What an entry adds to the place of what it leads to, where that is a folder.
const FOLDER: u32 = 1 << 31;

/// English, as the tools write it.
const LANGUAGE: u32 = 1033;

/// Adds the data as the resource of this type and number.
pub(crate) fn add(
    bytes: &mut Vec<u8>,
    kind: u32,
    id: u32,
    data: &[u8],
) -> Result<(), &'static str> {
    let image = Image::of(bytes).ok_or("It is no DLL.")?;
    if read(bytes, image.resources) != 0 {
        return Err("It has resources already.");
    }
    let at = image.headers + image.sections * HEADER;
    if at + HEADER > read(bytes, image.optional + 60) as usize {
        return Err("There is no room for another section.");
    }
    let (section, file) = (image.section_alignment(bytes), image.file_alignment(bytes));
    let address = image.end(bytes).next_multiple_of(section);
    let place = bytes.len().next_multiple_of(file);
    let content = tree(kind, id, u32_of(address), data);
    let stored = content.len().next_multiple_of(file);

    bytes.resize(place, 0);
    bytes.extend(&content);
    bytes.resize(place + stored, 0);
    let mut header = *b".rsrc\0\0\0";
    bytes[at..at + 8].swap_with_slice(&mut header);
    let numbers = [content.len(), address, stored, place, 0, 0, 0, 0x4000_0040];
    for (number, value) in numbers.into_iter().enumerate() {
        write(bytes, at + 8 + 4 * number, u32_of(value));
    }
    write(bytes, image.resources, u32_of(address));
    write(bytes, image.resources + 4, u32_of(content.len()));
    write(bytes, image.optional + 56, u32_of((address + content.len()).next_multiple_of(section)));
    let count = u16::try_from(image.sections + 1).unwrap_or(u16::MAX);
    bytes[image.coff + 2..image.coff + 4].copy_from_slice(&count.to_le_bytes());
    Ok(())
}

/// Where in the file what stands.
struct Image {
    coff: usize,
    optional: usize,
    resources: usize,
    headers: usize,
    sections: usize,
}

impl Image {
    fn of(bytes: &[u8]) -> Option<Self> {
        let start = u32_at(bytes, 0x3c)? as usize;
        if bytes.get(start..start + 4)? != b"PE\0\0" {
            return None;
        }
        let coff = start + 4;
        let optional = coff + 20;
        let directories = match u16_at(bytes, optional)? {
            0x10b => optional + 96,
            0x20b => optional + 112,
            _ => return None,
        };
        let headers = optional + usize::from(u16_at(bytes, coff + 16)?);
        let sections = usize::from(u16_at(bytes, coff + 2)?);
        bytes.get(headers + sections * HEADER..)?;
        Some(Self { coff, optional, resources: directories + 2 * 8, headers, sections })
    }

    fn section_alignment(&self, bytes: &[u8]) -> usize {
        (read(bytes, self.optional + 32) as usize).max(0x1000)
    }

    fn file_alignment(&self, bytes: &[u8]) -> usize {
        (read(bytes, self.optional + 36) as usize).max(0x200)
    }

    /// The first address after all sections.
    fn end(&self, bytes: &[u8]) -> usize {
        let end = |number: usize| {
            let header = self.headers + number * HEADER;
            read(bytes, header + 12) as usize + read(bytes, header + 8) as usize
        };
        (0..self.sections).map(end).max().unwrap_or_default()
    }
}

/// The folders of type, number and language, the entry, and the data.
fn tree(kind: u32, id: u32, address: u32, data: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (number, next) in [(kind, FOLDER + 24), (id, FOLDER + 48), (LANGUAGE, 72)] {
        // No flags, no time, no version; no named entry and one with a number.
        for value in [0, 0, 0, 1 << 16, number, next] {
            bytes.extend(u32::to_le_bytes(value));
        }
    }
    for value in [address + u32_of(TREE), u32_of(data.len()), 0, 0] {
        bytes.extend(value.to_le_bytes());
    }
    bytes.extend(data);
    bytes
}

fn u32_of(value: usize) -> u32 {
    u32::try_from(value).unwrap_or(u32::MAX)
}

fn read(bytes: &[u8], at: usize) -> u32 {
    u32_at(bytes, at).unwrap_or_default()
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_le_bytes(bytes.get(at..at + 2)?.try_into().ok()?))
}

fn write(bytes: &mut [u8], at: usize, value: u32) {
    bytes[at..at + 4].copy_from_slice(&value.to_le_bytes());
}
