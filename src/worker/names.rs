//! What the files and folders of a job may be called: one name within its folder, on every system that
//! the job may run on, and on Windows none that means something else there.

/// Whether this is the name of one entry of a folder, here and on Windows.
pub(super) fn is_name(name: &str) -> bool {
    let parted = name.contains(['/', '\\', '\0']);
    !parted && !matches!(name, "" | "." | "..") && (cfg!(not(windows)) || is_plain_on_windows(name))
}

/// What a name is told apart by from the others of its folder: on Windows `A` and `a` are one file.
pub(super) fn told_apart(name: &str) -> String {
    if cfg!(windows) { name.to_uppercase() } else { name.to_owned() }
}

/// Devices of old, which are found in every folder, whatever stands behind a dot: Windows' document
/// "Naming Files, Paths, and Namespaces". The superscript digits count as digits there.
const DEVICES: [&str; 6] = ["CON", "PRN", "AUX", "NUL", "CONIN$", "CONOUT$"];
const NUMBERED: [&str; 2] = ["COM", "LPT"];

/// Whether a program on Windows that opens this name gets the file of this name, and not a device, a
/// stream of another file (`a:b`), a pattern, or the name without the dots and spaces at its end.
fn is_plain_on_windows(name: &str) -> bool {
    let special =
        |c: char| c.is_ascii_control() || matches!(c, '<' | '>' | ':' | '"' | '|' | '?' | '*');
    !name.contains(special) && !name.ends_with(['.', ' ']) && !is_device(name)
}

fn is_device(name: &str) -> bool {
    let stem = name.split('.').next().unwrap_or_default().trim_end_matches(' ').to_uppercase();
    let numbered = NUMBERED.iter().filter_map(|prefix| stem.strip_prefix(prefix)).any(|rest| {
        let mut rest = rest.chars();
        let digit = matches!(rest.next(), Some('0'..='9' | '\u{b9}' | '\u{b2}' | '\u{b3}'));
        digit && rest.next().is_none()
    });
    numbered || DEVICES.contains(&stem.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_one_entry_of_a_folder() {
        for name in ["", ".", "..", "a/b", "/etc/passwd", "..\\x", "a\0b"] {
            assert!(!is_name(name), "{name:?}");
        }
        for name in ["a", ".a", "a.b.c", "mod_wsgi-py313-VC14.so", "\u{e4} b"] {
            assert!(is_name(name), "{name:?}");
        }
    }

    #[test]
    fn what_means_something_else_on_windows_is_no_name_there() {
        for name in [
            "NUL",
            "nul",
            "Con",
            "con.h",
            "AUX.tar.gz",
            "prn .txt",
            "COM1",
            "com0.c",
            "LPT9.txt",
            "COM\u{b9}",
            "CONIN$",
            "conout$",
            "a:b",
            "file.c::$DATA",
            "C:",
            "a*",
            "a?b",
            "<a>",
            "a|b",
            "\"a\"",
            "a.",
            "a ",
            "a. .",
            "tab\t",
            "line\n",
            "...",
        ] {
            assert!(!is_plain_on_windows(name), "{name:?}");
            assert_eq!(is_name(name), cfg!(not(windows)), "{name:?}");
        }
    }

    #[test]
    fn what_only_looks_like_it_is_a_name() {
        for name in [
            "console.c",
            "null",
            "NUL_",
            "com",
            "COM10",
            "comx",
            "lpt",
            ".con",
            "a.con",
            "apr.h",
            "auxiliary",
            "COM\u{b5}",
            "a b.c",
            "$DATA",
            "CONIN",
            "{a}",
            "#1+2",
        ] {
            assert!(is_plain_on_windows(name), "{name:?}");
            assert!(is_name(name), "{name:?}");
        }
    }

    #[test]
    fn case_tells_names_apart_but_on_windows() {
        assert_eq!(told_apart("Makefile") == told_apart("MAKEFILE"), cfg!(windows));
    }
}
