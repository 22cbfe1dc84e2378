//! Which characters do something instead of being shown, and which names lead elsewhere. What others say may hold them: a log, a name or an
//! error of a machine that is not trusted.

/// Whether a terminal obeys a character, or shows others in another order because of it.
#[must_use]
pub fn commands(found: char) -> bool {
    let order = ['\u{200e}', '\u{200f}', '\u{61c}', '\u{2028}', '\u{2029}'];
    found.is_control()
        || ('\u{202a}'..='\u{202e}').contains(&found)
        || ('\u{2066}'..='\u{2069}').contains(&found)
        || order.contains(&found)
}

/// A text without what commands: its lines stay, and what else commands is replaced.
#[must_use]
pub fn plain(text: &str) -> String {
    let plain = |found: char| match found {
        '\n' | '\t' => found,
        _ if commands(found) => char::REPLACEMENT_CHARACTER,
        _ => found,
    };
    text.replace("\r\n", "\n").chars().map(plain).collect()
}

/// Whether a name that somebody else gave is that of a file, and of nothing that leads elsewhere or hides.
#[must_use]
pub fn is_file_name(name: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.+".contains(&byte);
    (1..=LONGEST_NAME).contains(&name.len()) && name.bytes().all(plain) && !name.starts_with('.')
}

/// More than any file of a release is called by.
const LONGEST_NAME: usize = 200;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_leads_nowhere_else() {
        assert!(is_file_name("mod_wsgi-windows-6.1.1-Apache24-win64-VS17.zip"));
        let long = "x".repeat(201);
        for bad in ["", ".", "..", "../x", "a/b", "a\\b", "C:x", "a b", "é", ".x", "x\0", &long] {
            assert!(!is_file_name(bad), "{bad:?}");
        }
    }

    #[test]
    fn controls_and_marks_of_direction_command_and_text_does_not() {
        for found in "\0\n\t\u{1b}\u{7f}\u{85}\u{9b}\u{202e}\u{2069}\u{61c}\u{2028}".chars() {
            assert!(commands(found), "{found:?}");
        }
        for found in "aZ é“␛\u{fffd}\u{a0}漢".chars() {
            assert!(!commands(found), "{found:?}");
        }
    }
}
