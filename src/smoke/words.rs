//! What Apache, Python and Windows say when something is wrong, for all who read it: those who try a file,
//! and those who read an administrator's log.

/// How Pythons, and `mod_wsgi` for them, say that there is no library.
pub const NO_ENCODINGS: [&str; 3] = [
    "No module named 'encodings'",
    "No module named encodings",
    "Failed to import encodings module",
];

/// How Pythons since 3.8 say it first.
pub const NO_CODEC: &str = "failed to get the Python codec of the filesystem encoding";

/// What stands between two texts, or after the first where the second does not come.
#[must_use]
pub fn between<'a>(text: &'a str, start: &str, end: &str) -> Option<&'a str> {
    let (_, rest) = text.split_once(start)?;
    Some(rest.split_once(end).map_or(rest, |(found, _)| found))
}

/// The status of a child process that ended by itself, if a line of Apache's log tells one: as a parent on
/// Windows or on Unix writes it.
#[must_use]
pub fn child_status(line: &str) -> Option<u32> {
    let number = |text: &str| {
        let digits: String = text.chars().take_while(char::is_ascii_digit).collect();
        digits.parse().ok()
    };
    if let Some((_, rest)) = line.split_once("exited with status ") {
        return number(rest).filter(|status| *status != 0);
    }
    let (_, rest) = line.split_once("child pid")?.1.split_once("exit signal ")?;
    let (_, rest) = rest.split_once('(')?;
    number(rest)?.checked_add(128)
}

/// An exit code in words: on Windows those of the system, on Linux a signal above 128.
#[must_use]
pub fn ending(code: u32) -> String {
    let words = match code {
        0xc000_0005 => "an access violation: it used memory that is not its own",
        0xc000_0135 => "a DLL was not found",
        0xc000_0139 => "a DLL lacks a function that is imported from it",
        0xc000_0142 => "the start of a DLL failed",
        0xc000_007b => "a DLL is for another architecture",
        0xc000_0409 => "it found its own stack or heap damaged, or gave up (abort)",
        0xc000_00fd => "its stack overflowed",
        0xc000_001d => "an instruction that this processor does not have",
        3 | 134 => "it gave up (abort)",
        139 => "a segmentation fault: it used memory that is not its own",
        code if code < 256 => return format!("with exit code {code}"),
        _ => "no common cause",
    };
    if code < 256 {
        format!("with exit code {code}, {words}")
    } else {
        format!("in a crash, {code:#010x}: {words}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_end_is_told_in_words() {
        assert!(ending(0xc000_0005).contains("0xc0000005: an access violation"));
        assert_eq!(ending(1), "with exit code 1");
        let line =
            "x AH00428: Parent: child process 192 exited with status 3221225477 -- Restarting.";
        assert_eq!(child_status(line), Some(0xc000_0005));
        let line = "AH00052: child pid 77 exit signal Segmentation fault (11), possible coredump";
        assert_eq!(child_status(line), Some(139));
        assert_eq!(child_status("Child process 292 exited successfully."), None);
        assert_eq!(child_status("child pid 7 exit signal x (99999999999)"), None);
    }
}
