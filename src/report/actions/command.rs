//! Workflow commands: lines that the runner of GitHub Actions obeys, on standard output and on standard error.
//! What is ours is escaped as the runner reads it; what others said is kept from being one.

use std::borrow::Cow;

use crate::report::harmless;

/// A command on a line of its own: `::error file=a.c,line=3::what is wrong`.
pub(super) fn command(name: &str, properties: &[(&str, String)], message: &str) -> String {
    let named = properties.iter().filter(|(_, value)| !value.is_empty());
    let written: Vec<String> =
        named.map(|(key, value)| format!("{key}={}", property(value))).collect();
    let blank = if written.is_empty() { "" } else { " " };
    format!("::{name}{blank}{}::{}", written.join(","), data(message))
}

/// The text after the second `::`. The runner reads `%25` last, so that it is written first.
fn data(text: &str) -> String {
    let text = harmless::lines(text).replace("##[", "## [");
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// A value between the two `::`.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

/// Lines of which the runner obeys none. It takes a line for a command that begins with `::` behind any
/// blanks, and one that has `##[` anywhere, as it was written once.
pub(in crate::report) fn tamed(text: &str) -> Cow<'_, str> {
    let obeyed = |line: &str| line.trim_start().starts_with("::");
    if !text.contains("##[") && !text.split(['\n', '\r']).any(obeyed) {
        return Cow::Borrowed(text);
    }
    let tame = |line: &str| {
        let line = line.replace("##[", "## [");
        if obeyed(&line) { line.replacen("::", ": :", 1) } else { line }
    };
    Cow::Owned(text.split_inclusive(['\n', '\r']).map(tame).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    type Read = (String, Vec<(String, String)>, String);

    /// As the runner reads a command.
    fn read(line: &str) -> Option<Read> {
        let (info, message) = line.trim_start().strip_prefix("::")?.split_once("::")?;
        let (name, properties) = info.split_once(' ').unwrap_or((info, ""));
        let unescape = |text: &str| {
            let text = text.replace("%0D", "\r").replace("%0A", "\n");
            text.replace("%3A", ":").replace("%2C", ",").replace("%25", "%")
        };
        let pairs = properties.split(',').filter_map(|pair| pair.split_once('='));
        let pairs = pairs.map(|(key, value)| (key.to_owned(), unescape(value))).collect();
        Some((name.to_owned(), pairs, unescape(message)))
    }

    #[test]
    fn the_runner_reads_what_was_said() {
        let (file, title) = ("C:/a,b/50%.c".to_owned(), "x::y=%0A, z".to_owned());
        let message = "first: 100%\n::second, %3A";
        let properties = [("file", file.clone()), ("col", String::new()), ("title", title.clone())];
        let line = command("error", &properties, message);
        assert_eq!(line.lines().count(), 1, "{line}");
        let (name, pairs, said) = read(&line).unwrap();
        let expected = [("file".to_owned(), file), ("title".to_owned(), title)];
        assert_eq!(
            (name.as_str(), pairs.as_slice(), said.as_str()),
            ("error", &expected[..], message)
        );
        assert_eq!(command("endgroup", &[], ""), "::endgroup::");
    }

    #[test]
    fn nothing_that_others_said_is_a_command() {
        for text in [
            "::add-mask::x",
            "  \t::stop-commands::x",
            "a\n\u{a0}::error::x",
            "a\r::warning file=x::y",
            "log ##[add-path]x",
            "::##[group]x",
        ] {
            let tame = tamed(text);
            assert!(!tame.contains("##["), "{tame}");
            assert!(tame.split(['\n', '\r']).all(|line| read(line).is_none()), "{tame}");
        }
        for text in ["a :: b", "std::vec", "# [x]\n", ""] {
            assert!(matches!(tamed(text), Cow::Borrowed(_)), "{text}");
        }
        let json = "{\"a\":\"##[x]\"}";
        assert!(serde_json::from_str::<serde_json::Value>(&tamed(json)).is_ok());
    }
}
