//! What others said, made harmless: a log, a name or an error may come from a worker, which is not
//! trusted. It commands no terminal, and is only text in Markdown and HTML.

use crate::model::harmless::commands;

/// Text of one line: no character that commands a terminal or turns the order of what is written.
pub(super) fn line(text: &str) -> String {
    text.replace(commands, REPLACED)
}

/// Text of several lines: as [`line`], but line ends stay, and tabs become spaces.
pub(super) fn lines(text: &str) -> String {
    let text = text.replace("\r\n", "\n").replace('\t', "    ");
    text.replace(|found| found != '\n' && commands(found), REPLACED)
}

/// Text within HTML, in an element or in a quoted attribute.
pub(super) fn html(text: &str) -> String {
    let mut html = String::with_capacity(text.len());
    for found in lines(text).chars() {
        match found {
            '&' => html.push_str("&amp;"),
            '<' => html.push_str("&lt;"),
            '>' => html.push_str("&gt;"),
            '"' => html.push_str("&quot;"),
            '\'' => html.push_str("&#39;"),
            found => html.push(found),
        }
    }
    html
}

/// Text of one line within Markdown.
pub(super) fn markdown(text: &str) -> String {
    let mut markdown = String::with_capacity(text.len());
    for found in line(text).chars() {
        match found {
            '<' => markdown.push_str("&lt;"),
            '&' => markdown.push_str("&amp;"),
            '\\' | '`' | '*' | '[' | ']' | '|' | '~' => markdown.extend(['\\', found]),
            found => markdown.push(found),
        }
    }
    markdown
}

/// Text of one line as code within Markdown.
pub(super) fn markdown_code(text: &str) -> String {
    format!("`{}`", line(text).replace('`', "'").replace('|', "¦"))
}

/// A JSON text that commands no terminal either: JSON itself lets some such characters stand.
pub(super) fn json(text: &str) -> String {
    if !text.contains(commands) {
        return text.to_owned();
    }
    let mut json = String::with_capacity(text.len());
    for found in text.chars() {
        // They stand within strings alone, where they may be written so. None is beyond 16 bits.
        if commands(found) {
            json.push_str(&format!("\\u{:04x}", u32::from(found)));
        } else {
            json.push(found);
        }
    }
    json
}

const REPLACED: &str = "\u{fffd}";

#[cfg(test)]
mod tests {
    use super::*;

    const EVIL: &str = "a\u{1b}[2J\u{9b}31m\u{202e}\r\n\t<script>`x`|\"'&";

    #[test]
    fn nothing_commands_a_terminal() {
        assert_eq!(line("x\n\u{7f}\u{0}é"), "x\u{fffd}\u{fffd}\u{fffd}é");
        assert_eq!(lines("a\r\nb\tc\rd\u{85}"), "a\nb    c\u{fffd}d\u{fffd}");
        for text in [line(EVIL), lines(EVIL), html(EVIL), markdown(EVIL), markdown_code(EVIL)] {
            assert!(!text.contains(|found| found != '\n' && commands(found)), "{text:?}");
        }
    }

    #[test]
    fn nothing_is_markup() {
        assert!(html(EVIL).ends_with("&lt;script&gt;`x`|&quot;&#39;&amp;"));
        assert!(markdown(EVIL).ends_with("&lt;script>\\`x\\`\\|\"'&amp;"));
        assert_eq!(markdown_code("a`|b"), "`a'¦b`");
    }

    #[test]
    fn json_stays_the_same_value() {
        let text = serde_json::to_string(EVIL).unwrap();
        assert!(text.contains('\u{9b}'));
        let safe = json(&text);
        assert!(!safe.contains(commands));
        assert_eq!(serde_json::from_str::<String>(&safe).unwrap(), EVIL);
    }
}
