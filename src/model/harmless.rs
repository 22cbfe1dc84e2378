//! Which characters do something instead of being shown. What others say may hold them: a log, a name or an
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

#[cfg(test)]
mod tests {
    use super::*;

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
