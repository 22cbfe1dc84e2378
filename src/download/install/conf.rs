//! `httpd.conf` as text: its directives, and one line that is added or taken out. Whatever else is in it
//! stays as it is, byte for byte: line ends, encoding, a mark at its beginning.

/// A directive, with the line that it begins on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Directive {
    pub(super) line: usize,
    /// The words, without quotation marks.
    pub(super) words: Vec<String>,
}

/// The directives of a file, in their order; sections are directives, too. A line may go on in the next.
pub(super) fn directives(bytes: &[u8]) -> Vec<Directive> {
    let text = String::from_utf8_lossy(bytes);
    let mut found = Vec::new();
    let mut lines = text.trim_start_matches('\u{feff}').lines().enumerate();
    while let Some((number, first)) = lines.next() {
        let mut whole = first.trim_end().to_owned();
        while let Some(begun) = whole.strip_suffix('\\') {
            let more = lines.next().map_or("", |(_, line)| line.trim_end());
            whole = format!("{begun} {more}");
            if more.is_empty() {
                break;
            }
        }
        let words = words(&whole);
        // A comment goes on in the next line as well.
        if words.first().is_some_and(|word| !word.starts_with('#')) {
            found.push(Directive { line: number + 1, words });
        }
    }
    found
}

fn words(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut rest = line.trim();
    while !rest.is_empty() {
        let quote = rest.chars().next().filter(|mark| ['"', '\''].contains(mark));
        let (word, after) = match quote {
            Some(mark) => rest[1..].split_once(mark).unwrap_or((&rest[1..], "")),
            None => rest.split_once(char::is_whitespace).unwrap_or((rest, "")),
        };
        words.push(word.to_owned());
        rest = after.trim_start();
    }
    words
}

impl Directive {
    /// Its values, if it is of this name.
    pub(super) fn values(&self, name: &str) -> Option<&[String]> {
        let (own, values) = self.words.split_first()?;
        own.eq_ignore_ascii_case(name).then_some(values)
    }
}

/// The text with a line at its end; the same where the line is there.
pub(super) fn with_line(bytes: &[u8], line: &str) -> Vec<u8> {
    let mut text = bytes.to_vec();
    if has_line(bytes, line) {
        return text;
    }
    let end = line_end(bytes);
    if !bytes.is_empty() && !bytes.ends_with(b"\n") {
        text.extend_from_slice(end);
    }
    text.extend_from_slice(line.as_bytes());
    text.extend_from_slice(end);
    text
}

/// The text without a line.
pub(super) fn without_line(bytes: &[u8], line: &str) -> Vec<u8> {
    let lines = bytes.split_inclusive(|byte| *byte == b'\n');
    lines.filter(|found| found.trim_ascii() != line.as_bytes()).flatten().copied().collect()
}

fn has_line(bytes: &[u8], line: &str) -> bool {
    bytes.split(|byte| *byte == b'\n').any(|found| found.trim_ascii() == line.as_bytes())
}

/// How its lines end: as most of them do.
pub(super) fn line_end(bytes: &[u8]) -> &'static [u8] {
    let all = bytes.split(|byte| *byte == b'\n').count() - 1;
    let windows = bytes.windows(2).filter(|pair| pair == b"\r\n").count();
    if windows * 2 > all { b"\r\n" } else { b"\n" }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINE: &str = "Include conf/extra/x.conf";

    #[test]
    fn one_line_comes_and_goes_and_nothing_else_changes() {
        for text in [
            &b"\xef\xbb\xbfServerRoot x\r\n# f\xfcr \xff\r\n"[..],
            b"ServerRoot x\n",
            b"a\r\nb\r\nc\n",
            b"",
        ] {
            let with = with_line(text, LINE);
            assert!(with.starts_with(text) && with.len() > text.len());
            assert_eq!(with_line(&with, LINE), with);
            assert_eq!(without_line(&with, LINE), text);
        }
        assert!(with_line(b"a\r\nb", LINE).ends_with(b"a\r\nb\r\nInclude conf/extra/x.conf\r\n"));
        assert_eq!(with_line(b"#Include conf/extra/x.conf\n", LINE).len(), 27 + 26);
    }

    #[test]
    fn directives_are_found_however_they_are_written() {
        let text = "\u{feff}# LoadModule a b\nloadmodule  wsgi_module \\\r\n  \"modules/a b.so\"\r\n\
                    # no \\\nLoadModule c d\n<IfModule x>\n";
        let found = directives(text.as_bytes());
        assert_eq!(found.iter().map(|it| it.line).collect::<Vec<_>>(), [2, 6]);
        let values = found[0].values("LoadModule").unwrap();
        assert_eq!(values, ["wsgi_module", "modules/a b.so"]);
    }
}
