//! What a file is that is no Windows DLL: a cut download, a web page, a Linux build.

/// Why a file is not even worth the checks, in words for who downloaded it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotAModule {
    /// Nothing is in it.
    #[error("the file is empty")]
    Empty,
    /// The end is missing.
    #[error("the file is a Windows binary cut short: {0}")]
    Truncated(String),
    /// It begins as a Windows binary, and goes on as none.
    #[error("the file is a damaged Windows binary: {0}")]
    Damaged(String),
    /// It is another kind of file.
    #[error("the file is {0}, not a Windows DLL")]
    Other(&'static str),
    /// It is a text, for instance of an error.
    #[error("the file is a text, not a Windows DLL; it begins with {0:?}")]
    Text(String),
    /// It is an `.exe`.
    #[error("the file is a Windows program (.exe), not a DLL")]
    Program,
}

impl NotAModule {
    /// What to do next.
    #[must_use]
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Empty | Self::Truncated(_) | Self::Damaged(_) => {
                "download or build it again, and compare its SHA-256 with the published one"
            }
            Self::Other(WEB_PAGE) | Self::Text(_) => {
                "the server answered with a text instead of the file: download it again"
            }
            Self::Other(ELF | MACH_O) => {
                "this is the build for another system; take the one from a release for Windows"
            }
            Self::Other(ZIP | GZIP | SEVEN_ZIP | XZ) => {
                "the module is inside: unpack it, or name it with its right extension"
            }
            Self::Other(_) | Self::Program => {
                "name a .so or .pyd that was built for Windows, or an archive of them"
            }
        }
    }
}

const ELF: &str = "an ELF file, which is for Linux or another Unix";
const MACH_O: &str = "a Mach-O file, which is for macOS";
const ZIP: &str = "a zip archive";
const GZIP: &str = "a gzip archive";
const SEVEN_ZIP: &str = "a 7-Zip archive";
const XZ: &str = "an xz archive";
const LIBRARY: &str = "a static or import library (.lib, .a)";
const WEB_PAGE: &str = "a web page (HTML)";
const OBJECT: &str = "an object file (.obj, .o)";
const PDB: &str = "a file of debug symbols (.pdb)";

const SIGNATURES: [(&[u8], &str); 14] = [
    (b"\x7fELF", ELF),
    (b"\xcf\xfa\xed\xfe", MACH_O),
    (b"\xce\xfa\xed\xfe", MACH_O),
    (b"\xfe\xed\xfa\xcf", MACH_O),
    (b"\xfe\xed\xfa\xce", MACH_O),
    (b"\xca\xfe\xba\xbe", MACH_O),
    (b"PK\x03\x04", ZIP),
    (b"PK\x05\x06", ZIP),
    (b"\x1f\x8b", GZIP),
    (b"7z\xbc\xaf\x27\x1c", SEVEN_ZIP),
    (b"\xfd7zXZ\0", XZ),
    (b"!<arch>\n", LIBRARY),
    (b"!<thin>\n", LIBRARY),
    (b"Microsoft C/C++ MSF 7.00", PDB),
];

/// Passes what begins as a PE file does, and says of anything else what it is.
pub(super) fn expect_pe(bytes: &[u8]) -> Result<(), NotAModule> {
    if bytes.starts_with(b"MZ") {
        return expect_header(bytes);
    }
    Err(other_than_pe(bytes))
}

fn expect_header(bytes: &[u8]) -> Result<(), NotAModule> {
    let Some(at) = bytes.get(0x3c..0x40).and_then(|field| field.try_into().ok()) else {
        return Err(cut_short(bytes.len()));
    };
    let at = u32::from_le_bytes(at) as usize;
    match bytes.get(at..).and_then(|rest| rest.get(..4)) {
        Some(b"PE\0\0") => Ok(()),
        Some(_) => Err(NotAModule::Damaged("it has no PE header".to_owned())),
        None => Err(cut_short(bytes.len())),
    }
}

fn cut_short(length: usize) -> NotAModule {
    NotAModule::Truncated(format!("its {length} bytes end before the PE header"))
}

fn other_than_pe(bytes: &[u8]) -> NotAModule {
    if bytes.is_empty() {
        return NotAModule::Empty;
    }
    if let Some((_, name)) = SIGNATURES.iter().find(|(magic, _)| bytes.starts_with(magic)) {
        return NotAModule::Other(name);
    }
    if is_object(bytes) {
        return NotAModule::Other(OBJECT);
    }
    match beginning_of_text(bytes) {
        Some(text) if is_html(&text) => NotAModule::Other(WEB_PAGE),
        Some(text) => NotAModule::Text(text.chars().take(40).collect()),
        None => NotAModule::Other("of an unknown kind"),
    }
}

/// A COFF object has no signature: a known machine, no optional header, symbols inside the file.
fn is_object(bytes: &[u8]) -> bool {
    let Some(header) = bytes.first_chunk::<20>() else { return false };
    let machine = u16::from_le_bytes([header[0], header[1]]);
    let symbols = u32::from_le_bytes([header[8], header[9], header[10], header[11]]) as usize;
    let optional = u16::from_le_bytes([header[16], header[17]]);
    matches!(machine, 0x014c | 0x8664 | 0xaa64)
        && optional == 0
        && (20..bytes.len()).contains(&symbols)
}

fn beginning_of_text(bytes: &[u8]) -> Option<String> {
    let start = &bytes[..bytes.len().min(1024)];
    let text = match std::str::from_utf8(start) {
        Ok(text) => text,
        // A character that the limit cut in two is no reason to call it binary.
        Err(error) if error.error_len().is_none() => {
            std::str::from_utf8(&start[..error.valid_up_to()]).ok()?
        }
        Err(_) => return None,
    };
    let plain = |c: char| !c.is_control() || matches!(c, '\n' | '\r' | '\t');
    text.chars().all(plain).then(|| text.trim_start_matches('\u{feff}').trim_start().to_owned())
}

fn is_html(text: &str) -> bool {
    let text = text.to_ascii_lowercase();
    text.starts_with('<')
        && ["<!doctype html", "<html", "<head", "<body"].iter().any(|tag| text.contains(tag))
}

/// What the reader of PE files objects to, as damage.
pub(super) fn damaged(error: object::read::Error) -> NotAModule {
    NotAModule::Damaged(error.to_string())
}

/// The same for its headers: they fit in the first page of every linker's output, so in a shorter
/// file the end is missing.
pub(super) fn damaged_header(bytes: &[u8], error: object::read::Error) -> NotAModule {
    if bytes.len() < 0x1000 {
        return NotAModule::Truncated(format!("its {} bytes end in its headers", bytes.len()));
    }
    damaged(error)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nature(bytes: &[u8]) -> String {
        expect_pe(bytes).unwrap_err().to_string()
    }

    #[test]
    fn names_what_is_no_windows_binary() {
        let object = [&[0x64, 0x86, 1, 0, 0, 0, 0, 0, 20][..], &[0; 40]].concat();
        for (bytes, said) in [
            (&b""[..], "empty"),
            (b"\x7fELF\x02\x01\x01", "ELF"),
            (b"\xcf\xfa\xed\xfe\0\0", "Mach-O"),
            (b"PK\x03\x04....", "zip"),
            (b"\x1f\x8b\x08", "gzip"),
            (b"!<arch>\nabc", "static or import library"),
            (b"\r\n<!DOCTYPE html><html><title>404</title>", "web page"),
            (b"{\"message\":\"Not Found\"}", "a text, not a Windows DLL; it begins with \"{"),
            (b"\x00\x01\x02\xff", "unknown kind"),
            (b"MZ", "cut short"),
            (&object, "object file"),
        ] {
            assert!(nature(bytes).contains(said), "{bytes:?}: {}", nature(bytes));
        }
    }

    #[test]
    fn a_text_cut_inside_a_character_is_a_text() {
        let text = "é".repeat(2000);
        assert!(nature(&text.as_bytes()[..1023]).contains("a text"));
    }
}
