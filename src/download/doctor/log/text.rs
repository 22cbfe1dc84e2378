//! A log as text, whatever wrote it: Apache in the code page of the system, PowerShell in UTF-16.

use std::borrow::Cow;

/// The text. What is no Unicode is taken byte for byte as Latin 1, so that what is ASCII in it stays.
pub(super) fn decode(bytes: &[u8]) -> String {
    let text: String = match utf16(bytes) {
        Some(units) => char::decode_utf16(units)
            .map(|unit| unit.unwrap_or(char::REPLACEMENT_CHARACTER))
            .collect(),
        None => bytes.split_inclusive(|byte| *byte == b'\n').map(line).collect(),
    };
    text.trim_start_matches('\u{feff}').to_owned()
}

fn line(bytes: &[u8]) -> Cow<'_, str> {
    match std::str::from_utf8(bytes) {
        Ok(text) => Cow::Borrowed(text),
        Err(_) => Cow::Owned(bytes.iter().copied().map(char::from).collect()),
    }
}

/// The units of a text in UTF-16: it begins with a mark, or every second byte of its beginning is zero.
fn utf16(bytes: &[u8]) -> Option<Vec<u16>> {
    let head = &bytes[..bytes.len().min(512)];
    let zeros = |at: usize| head.iter().skip(at).step_by(2).filter(|byte| **byte == 0).count();
    let most = head.len() / 4;
    let little = bytes.starts_with(&[0xff, 0xfe]) || zeros(1) > most && zeros(0) == 0;
    let big = bytes.starts_with(&[0xfe, 0xff]) || zeros(0) > most && zeros(1) == 0;
    let unit: fn([u8; 2]) -> u16 = match (little, big) {
        (true, _) => u16::from_le_bytes,
        (false, true) => u16::from_be_bytes,
        (false, false) => return None,
    };
    Some(bytes.chunks_exact(2).map(|pair| unit([pair[0], pair[1]])).collect())
}

/// A line without Apache's escapes: it writes what is no ASCII as `\xc3`.
pub(super) fn unescaped(line: &str) -> Cow<'_, str> {
    if !line.contains("\\x") {
        return Cow::Borrowed(line);
    }
    let (mut bytes, mut rest) = (Vec::with_capacity(line.len()), line);
    while let Some((before, after)) = rest.split_once("\\x") {
        bytes.extend(before.bytes());
        let byte = after.get(..2).and_then(|digits| u8::from_str_radix(digits, 16).ok());
        rest = byte.map_or(after, |_| &after[2..]);
        match byte {
            Some(byte) => bytes.push(byte),
            None => bytes.extend(b"\\x"),
        }
    }
    bytes.extend(rest.bytes());
    Cow::Owned(self::line(&bytes).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_encoding_is_read() {
        let text = "Cannot load é into server\r\nnext";
        let utf16 =
            |unit: fn(u16) -> [u8; 2]| text.encode_utf16().flat_map(unit).collect::<Vec<_>>();
        let marked = [vec![0xff, 0xfe], utf16(u16::to_le_bytes)].concat();
        for bytes in [
            text.as_bytes().to_vec(),
            text.chars().map(|c| u8::try_from(u32::from(c)).unwrap()).collect(),
            utf16(u16::to_le_bytes),
            utf16(u16::to_be_bytes),
            marked,
        ] {
            assert_eq!(decode(&bytes), text, "{bytes:?}");
        }
        assert_eq!(decode(b""), "");
        assert_eq!(decode(&[0xff, 0xfe, 0x00]), "");
    }

    #[test]
    fn apaches_escapes_are_undone_and_paths_are_not() {
        assert_eq!(unescaped(r"Le module sp\xc3\xa9cifi\xc3\xa9"), "Le module spécifié");
        assert_eq!(unescaped(r"D:\xampp\x"), r"D:\xampp\x");
        assert_eq!(unescaped("\\xé"), "\\xé");
    }
}
