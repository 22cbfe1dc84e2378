//! A build's log -> the messages in it: what `cl`, `link`, `mt` and `nmake` print, and what clang, lld and
//! GNU make print in their place. Pure, and bounded: a log is what a stranger's machine said.

use std::collections::HashSet;

use crate::model::finding::Severity;
use crate::model::harmless::commands;
use crate::model::message::Message;

/// So many errors and so many warnings are kept, the first ones: more are the consequence of the first,
/// or of `/Wall`.
const MOST: usize = 100;

/// So many lines are looked at, of so many bytes each.
const MOST_LINES: usize = 200_000;
const LONGEST_LINE: usize = 4096;

/// Characters of a text, of a file's name and of a code that are kept.
const LONGEST_TEXT: usize = 500;
const LONGEST_FILE: usize = 300;
const LONGEST_CODE: usize = 60;

/// The messages in a log, each once, in its order. That a command failed is left out where the log says
/// why.
#[must_use]
pub fn messages(log: &str) -> Vec<Message> {
    let mut kept: Vec<(Message, bool)> = Vec::new();
    let mut seen = HashSet::new();
    let mut left = [MOST; 2];
    for line in log.lines().take(MOST_LINES) {
        let Some((message, consequence)) = message(cut(line, LONGEST_LINE).trim()) else {
            continue;
        };
        let left = &mut left[usize::from(message.severity == Severity::Error)];
        if *left > 0 && seen.insert(message.clone()) {
            *left -= 1;
            kept.push((message, consequence));
        }
    }
    let causes = kept.iter().any(|(it, result)| it.severity == Severity::Error && !result);
    kept.retain(|(_, consequence)| !(causes && *consequence));
    kept.into_iter().map(|(message, _)| message).collect()
}

/// The message of one line, and whether it says only that something else failed.
fn message(line: &str) -> Option<(Message, bool)> {
    if let Some(rest) = line.strip_prefix("make: *** ").or_else(|| line.strip_prefix("gmake: *** "))
    {
        // "make: *** [common.mk:12: x.so] Error 2", and what make does about it.
        if rest.starts_with("Deleting ") || rest.starts_with("Waiting ") {
            return None;
        }
        return Some((plain(None, Severity::Error, None, rest), rest.starts_with('[')));
    }
    let (before, kind, after) = split(line)?;
    let (code, text) = code(after);
    let (text, code) = match warning_name(text) {
        Some((text, name)) if code.is_none() => (text, Some(name)),
        _ => (text, code),
    };
    if text.is_empty() {
        return None;
    }
    let consequence = code == Some("U1077") || code == Some("LNK1120");
    let mut message = plain(None, kind, code, text);
    (message.file, message.line, message.column) = place(before)?;
    Some((message, consequence))
}

fn plain(file: Option<String>, severity: Severity, code: Option<&str>, text: &str) -> Message {
    let code = code.map(|code| shown(code, LONGEST_CODE));
    let text = shown(text, LONGEST_TEXT);
    Message { file, line: None, column: None, severity, code, text }
}

/// The words by which tools say how bad it is, each before its code or its text.
const KINDS: [(&str, Severity); 8] = [
    ("fatal error", Severity::Error),
    ("general error", Severity::Error),
    ("command line error", Severity::Error),
    ("command line warning", Severity::Warning),
    ("command-line error", Severity::Error),
    ("command-line warning", Severity::Warning),
    ("error", Severity::Error),
    ("warning", Severity::Warning),
];

/// What stands before the colon that a kind follows, the kind, and what follows it.
fn split(line: &str) -> Option<(&str, Severity, &str)> {
    line.match_indices(':').find_map(|(at, _)| {
        let rest = line[at + 1..].trim_start();
        let (kind, severity) = KINDS.iter().find(|(kind, _)| begins_with(rest, kind))?;
        let after = &rest[kind.len()..];
        // Nothing like "error.c" or "errors".
        let ends = after.starts_with([':', ' ']);
        ends.then(|| (line[..at].trim_end(), *severity, after))
    })
}

fn begins_with(text: &str, word: &str) -> bool {
    text.get(..word.len()).is_some_and(|head| head.eq_ignore_ascii_case(word))
}

/// The code in ` C2065: text`, ` D8021 : text`, ` c1010070: text`; none in `: text`.
fn code(after: &str) -> (Option<&str>, &str) {
    let after = after.trim_start();
    if let Some(text) = after.strip_prefix(':') {
        return (None, text.trim_start());
    }
    match after.split_once(':') {
        Some((code, text)) if is_code(code.trim_end()) => {
            (Some(code.trim_end()), text.trim_start())
        }
        _ => (None, after),
    }
}

fn is_code(text: &str) -> bool {
    let letters = text.bytes().take_while(u8::is_ascii_alphabetic).count();
    let rest = &text.as_bytes()[letters..];
    (1..=6).contains(&letters) && rest.len() >= 3 && rest.iter().all(u8::is_ascii_hexdigit)
}

/// clang and gcc name a warning at its end: `text [-Wformat]`.
fn warning_name(text: &str) -> Option<(&str, &str)> {
    let (text, name) = text.strip_suffix(']')?.rsplit_once(" [")?;
    name.starts_with("-W").then(|| (text, name.split(',').next_back().unwrap_or(name)))
}

/// The place that stands before a message; `None` where that is no place and no tool's name.
fn place(before: &str) -> Option<(Option<String>, Option<u32>, Option<u32>)> {
    let before = before.trim();
    let (file, line, column) = match brackets(before).or_else(|| colons(before)) {
        Some((file, line, column)) => (file, Some(line), column),
        None => (before, None, None),
    };
    if file.is_empty() || file.contains(['"', '<', '>', '|', '*', '?']) {
        return None;
    }
    if line.is_none() && is_tool(file) {
        return Some((None, None, None));
    }
    // "note: 1 error: …" or a sentence are no file.
    let is_file = file.contains('.') && (line.is_some() || !file.contains(' '));
    is_file.then(|| (Some(file_name(file)), line, column))
}

/// `x.c(12)`, `x.c(12,5)`, `x.c(12-14)`; not the member in `x.lib(y.obj)`.
fn brackets(before: &str) -> Option<(&str, u32, Option<u32>)> {
    let (file, numbers) = before.strip_suffix(')')?.rsplit_once('(')?;
    let mut numbers = numbers.split([',', '-']);
    let line = numbers.next()?.trim().parse().ok()?;
    Some((file, line, numbers.next().and_then(|column| column.trim().parse().ok())))
}

/// `x.c:12:5`, `x.c:12`, also after a drive's letter.
fn colons(before: &str) -> Option<(&str, u32, Option<u32>)> {
    let (rest, last) = before.rsplit_once(':')?;
    let last = last.parse().ok()?;
    match rest.rsplit_once(':') {
        Some((file, line)) if !line.is_empty() && line.bytes().all(|b| b.is_ascii_digit()) => {
            Some((file, line.parse().ok()?, Some(last)))
        }
        _ => Some((rest, last, None)),
    }
}

/// The programs that begin a line with their own name.
fn is_tool(name: &str) -> bool {
    let name = name.rsplit(['/', '\\']).next().unwrap_or(name).to_ascii_lowercase();
    let name = name.strip_suffix(".exe").unwrap_or(&name);
    let microsofts = ["cl", "link", "mt", "nmake", "rc", "lib", "cvtres"];
    let others = ["make", "ld", "ld.lld", "lld-link", "clang", "clang-cl", "gcc", "cc"];
    microsofts.contains(&name)
        || others.contains(&name)
        || name.strip_prefix("clang-").is_some_and(|rest| rest.bytes().all(|b| b.is_ascii_digit()))
}

fn file_name(file: &str) -> String {
    let file = file.replace('\\', "/");
    shown(file.strip_prefix("./").unwrap_or(&file), LONGEST_FILE)
}

/// A piece of what a stranger said, that can be shown.
fn shown(text: &str, longest: usize) -> String {
    let mut shown: String = text.chars().take(longest).collect();
    if shown.len() < text.len() {
        shown.push('…');
    }
    shown.replace(commands, "\u{fffd}")
}

fn cut(text: &str, bytes: usize) -> &str {
    let mut end = bytes.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A message as it is shown; nothing where a line is none.
    fn read(line: &str) -> String {
        message(line).map(|(message, _)| message.to_string()).unwrap_or_default()
    }

    #[test]
    fn reads_what_cl_prints() {
        for (line, shown) in [
            (
                "src\\server\\x.c(12): error C2065: 'y': undeclared identifier",
                "src/server/x.c:12: error C2065: 'y': undeclared identifier",
            ),
            (
                "src\\server\\x.c(12) : error C2065: 'y' : undeclared identifier",
                "src/server/x.c:12: error C2065: 'y' : undeclared identifier",
            ),
            ("x.c(12,5): warning C4996: old", "x.c:12:5: warning C4996: old"),
            (
                "c:\\a (b)\\x.c(1): fatal error C1083: Cannot open include file: 'z.h': No such file or directory",
                "c:/a (b)/x.c:1: error C1083: Cannot open include file: 'z.h': No such file or directory",
            ),
            (
                "cl : Command line error D8021 : invalid numeric argument '/Wx'",
                "error D8021: invalid numeric argument '/Wx'",
            ),
            (
                "cl : Command line warning D9002 : ignoring unknown option '/foo'",
                "warning D9002: ignoring unknown option '/foo'",
            ),
        ] {
            assert_eq!(read(line), shown);
        }
    }

    #[test]
    fn reads_what_link_mt_and_nmake_print() {
        for (line, shown) in [
            (
                "LINK : fatal error LNK1104: cannot open file 'x.lib'",
                "error LNK1104: cannot open file 'x.lib'",
            ),
            (
                "x.obj : error LNK2019: unresolved external symbol _f referenced in function _g",
                "x.obj: error LNK2019: unresolved external symbol _f referenced in function _g",
            ),
            (
                "p.lib(y.obj) : error LNK2005: _f already defined",
                "p.lib(y.obj): error LNK2005: _f already defined",
            ),
            (
                "mt.exe : general error c1010070: Failed to load and parse the manifest.",
                "error c1010070: Failed to load and parse the manifest.",
            ),
            (
                "NMAKE : fatal error U1073: don't know how to make 'x.c'",
                "error U1073: don't know how to make 'x.c'",
            ),
            (
                "common-VC9.mk(7) : fatal error U1034: syntax error : separator missing",
                "common-VC9.mk:7: error U1034: syntax error : separator missing",
            ),
        ] {
            assert_eq!(read(line), shown);
        }
    }

    #[test]
    fn reads_what_clang_gcc_and_lld_print() {
        for (line, shown) in [
            ("src/x.c:3:7: error: expected ';'", "src/x.c:3:7: error: expected ';'"),
            ("src/x.c(3,7): error: expected ';'", "src/x.c:3:7: error: expected ';'"),
            (
                "./x.c:3:7: fatal error: 'y.h' file not found",
                "x.c:3:7: error: 'y.h' file not found",
            ),
            ("C:\\x.c:3: warning: w [-Wformat]", "C:/x.c:3: warning -Wformat: w"),
            ("x.c:3:1: error: w [-Werror,-Wformat]", "x.c:3:1: error -Wformat: w"),
            ("ld.lld: error: undefined symbol: f", "error: undefined symbol: f"),
            (
                "/usr/bin/ld.lld: error: unable to find library -lx",
                "error: unable to find library -lx",
            ),
            ("clang-14: error: unknown argument: '-x'", "error: unknown argument: '-x'"),
            (
                "make: *** No rule to make target 'x', needed by 'y'.  Stop.",
                "error: No rule to make target 'x', needed by 'y'.  Stop.",
            ),
        ] {
            assert_eq!(read(line), shown);
        }
    }

    #[test]
    fn text_is_no_message() {
        for line in [
            "",
            "mod_wsgi.c",
            "   Creating library x.lib and object x.exp",
            "1 error generated.",
            "note: errors: none",
            "the log said: error: nothing",
            "x.c:3:7: note: declared here",
            "\tcl /nologo /W4 src\\error.c",
            "error: C2065",
            "x.c(3): error C2065:",
            "make: *** Deleting file 'x.so'",
        ] {
            assert_eq!(read(line), "", "{line}");
        }
    }

    #[test]
    fn that_a_command_failed_is_said_where_nothing_else_is() {
        let failed =
            "NMAKE : fatal error U1077: 'cl' : return code '0x2'\nmake: *** [x.mk:3: x.so] Error 2";
        assert_eq!(messages(failed).len(), 2);
        let log = format!(
            "x.c(1): warning C4001: w\nx.c(2): error C2065: e\r\nx.c(2): error C2065: e\n{failed}"
        );
        let shown: Vec<String> = messages(&log).iter().map(ToString::to_string).collect();
        assert_eq!(shown, ["x.c:1: warning C4001: w", "x.c:2: error C2065: e"]);
        let warned = messages("x.c(1): warning C4001: w\n");
        assert_eq!(warned.len(), 1);
    }

    #[test]
    fn is_bounded_and_harmless() {
        let mut log = String::new();
        for number in 0..5000 {
            log += &format!("x.c({number}): warning C4820: \u{1b}[31m{}\n", "x".repeat(5000));
        }
        log += "x.c(1): error C2065: last\n";
        let read = messages(&log);
        assert_eq!(read.len(), MOST + 1, "warnings leave room for errors");
        assert!(
            read.iter().all(|it| it.text.len() < LONGEST_TEXT + 10 && !it.text.contains('\u{1b}'))
        );
        assert_eq!(read[MOST].text, "last");
        let bad = [
            "\u{1b}(1): error C2065: x",
            ":::::: error: x",
            "(((99999999999999999999): error C1000: x",
            "é: error: x",
            ": error: x",
            "a.c(1): error",
        ];
        for line in bad {
            for message in messages(line) {
                assert!(!message.to_string().contains(commands), "{line:?}");
            }
        }
    }
}
