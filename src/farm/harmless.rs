//! What a runner says, made harmless before it comes to a terminal, a log or a page: it is cut to a length,
//! and what would steer a terminal or turn text around is shown instead of done.

use crate::model::harmless::commands;

/// The most of one message, in characters: what an honest worker says is far shorter.
const MESSAGE: usize = 2000;

/// The most of one log, in bytes.
const LOG: usize = 2 << 20;

/// A message in some lines.
pub(super) fn message(said: &str) -> String {
    let mut message: String = said.chars().take(MESSAGE).map(shown).collect();
    if said.chars().nth(MESSAGE).is_some() {
        message.push('…');
    }
    message
}

/// Whether all of this is text in one line.
pub(super) fn is_a_line(said: &str) -> bool {
    said.chars().all(|character| character != '\n' && shown(character) == character)
}

/// A log; of a long one the beginning and the end.
pub(super) fn log(said: &[u8]) -> String {
    if said.len() <= LOG {
        return text(said);
    }
    let (head, rest) = said.split_at(LOG / 2);
    let (cut, tail) = rest.split_at(rest.len() - LOG / 2);
    format!("{}\n[modfarm: {} bytes are left out here]\n{}", text(head), cut.len(), text(tail))
}

fn text(said: &[u8]) -> String {
    String::from_utf8_lossy(said).replace("\r\n", "\n").chars().map(shown).collect()
}

/// A character as it may be shown: a control as Unicode's picture of it.
fn shown(character: char) -> char {
    match character {
        '\n' | '\t' => character,
        '\0'..='\x1f' => char::from_u32(0x2400 + u32::from(character)).unwrap_or('\u{fffd}'),
        '\x7f' => '\u{2421}',
        _ if commands(character) => '\u{fffd}',
        _ => character,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_steers_a_terminal_is_shown_instead() {
        assert_eq!(message("a\x1b[31mred\x07\r\0"), "a␛[31mred␇␍␀");
        assert_eq!(message("\u{9b}2J\u{202e}txt.exe"), "\u{fffd}2J\u{fffd}txt.exe");
        assert_eq!(log("x.c:1: “no”\r\n\tü\n".as_bytes()), "x.c:1: “no”\n\tü\n");
        assert_eq!(log(b"\xff\x1b]0;title\x07"), "\u{fffd}␛]0;title␇");
    }

    #[test]
    fn what_is_long_is_cut() {
        let cut = message(&"é".repeat(1_000_000));
        assert_eq!((cut.chars().count(), cut.ends_with('…')), (MESSAGE + 1, true));
        let cut = log(&[&b"begin"[..], &vec![b'x'; 3 * LOG], b"end"].concat());
        assert!(cut.len() < LOG + 100 && cut.starts_with("begin") && cut.ends_with("end"));
        assert!(cut.contains(&format!("{} bytes are left out", 2 * LOG + 8)));
    }
}
