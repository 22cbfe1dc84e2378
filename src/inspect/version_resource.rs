//! What a binary says of its version: the numbers and the texts of its `VS_VERSION_INFO` resource.

/// What Windows shows as the details of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VersionResource {
    /// The version of the file as four numbers: 2.4.66.0, and 3.13.2150.1013 for Python 3.13.2.
    pub numbers: [u16; 4],
    /// Who made it: `Apache Software Foundation`.
    pub company: Option<String>,
}

/// What stands at the beginning, as UTF-16 after three numbers, padded to a multiple of four.
const NAME: &str = "VS_VERSION_INFO\0";
const NUMBERS_AT: usize = 40;
const SIGNATURE: u32 = 0xfeef_04bd;
const LONGEST_TEXT: usize = 256;

impl VersionResource {
    /// Reads the resource's data; what is none of that is `None`.
    pub(super) fn read(data: &[u8]) -> Option<Self> {
        let word = |at: usize| data.get(at..at + 4)?.try_into().ok().map(u32::from_le_bytes);
        if !data.get(6..)?.starts_with(&utf16(NAME)) || word(NUMBERS_AT)? != SIGNATURE {
            return None;
        }
        let (high, low) = (word(NUMBERS_AT + 8)?, word(NUMBERS_AT + 12)?);
        let half = |number: u32| [(number >> 16) as u16, (number & 0xffff) as u16];
        let ([first, second], [third, fourth]) = (half(high), half(low));
        Some(Self { numbers: [first, second, third, fourth], company: text(data, "CompanyName\0") })
    }
}

/// The text of this name: it begins after the name and its padding, and ends with a zero.
fn text(data: &[u8], name: &str) -> Option<String> {
    let name = utf16(name);
    let at = data.windows(name.len()).position(|window| window == name)?;
    let units = data.get(at + name.len()..)?.chunks_exact(2);
    let mut units = units.map(|pair| u16::from_le_bytes([pair[0], pair[1]])).peekable();
    units.next_if_eq(&0);
    let text = char::decode_utf16(units.take_while(|unit| *unit != 0)).take(LONGEST_TEXT);
    let text: String = text.map(|unit| unit.unwrap_or(char::REPLACEMENT_CHARACTER)).collect();
    let text = text.trim();
    (!text.is_empty()).then(|| text.to_owned())
}

fn utf16(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_le_bytes).collect()
}

#[cfg(test)]
mod tests {
    use super::super::pe;
    use super::*;

    #[test]
    fn numbers_and_company_are_read_and_rubbish_is_not() {
        let data = pe::version_info([3, 13, 2150, 1013], "Python\u{202e} Software Foundation");
        let read = VersionResource::read(&data).unwrap();
        assert_eq!(read.numbers, [3, 13, 2150, 1013]);
        assert_eq!(read.company.as_deref(), Some("Python\u{202e} Software Foundation"));
        for cut in 0..56 {
            assert_eq!(VersionResource::read(&data[..cut]), None, "{cut}");
        }
        for cut in 56..data.len() {
            assert_eq!(VersionResource::read(&data[..cut]).unwrap().numbers, read.numbers);
        }
        assert_eq!(VersionResource::read(&[0; 100]), None);
    }
}
