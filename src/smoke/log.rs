//! Apache's error log without what differs between two runs: times, process ids, addresses, paths.

/// The last lines are enough to see what happened.
const LINES: usize = 20;

/// The end of a log, with `names` replaced: pairs of what stands there and what it is called.
pub(super) fn end(log: &str, names: &[(String, &str)]) -> String {
    let lines: Vec<String> = log
        .lines()
        .filter(|line| !line.trim().is_empty())
        .map(|line| {
            let mut line = bare(line).to_owned();
            for (text, name) in names {
                line = line.replace(text, name);
            }
            numbers_hidden(&line)
        })
        .collect();
    lines[lines.len().saturating_sub(LINES)..].join("\n")
}

/// A line without the time, the ids and the client in brackets before its text; the module and the level
/// stay.
fn bare(line: &str) -> &str {
    let mut rest = line;
    while let Some((head, tail)) = rest.strip_prefix('[').and_then(|text| text.split_once("] ")) {
        let telling = head.split_once(':').is_some_and(|(_, level)| {
            ["emerg", "alert", "crit", "error", "warn", "notice", "info"].contains(&level)
        });
        let passing = head.starts_with("pid ")
            || head.starts_with("client ")
            || head.starts_with("remote ")
            || head.ends_with(|last: char| last.is_ascii_digit());
        if telling || !passing {
            // The bracket is part of the text, save the module's, after which ids may come.
            if telling && tail.starts_with('[') {
                rest = tail;
                continue;
            }
            break;
        }
        rest = tail;
    }
    rest
}

/// Addresses and process ids.
fn numbers_hidden(line: &str) -> String {
    let mut text = String::new();
    for (at, word) in line.split(' ').enumerate() {
        if at > 0 {
            text.push(' ');
        }
        let previous = text.trim_end().rsplit(' ').next().unwrap_or_default();
        let bare = word.trim_matches(['<', '(', ')', ',', '.', ':']);
        let named = ["process", "Child:", "pid", "Child", "thread", "address"];
        let is_id = named.contains(&previous.trim_start_matches('('))
            && !bare.is_empty()
            && bare.bytes().all(|byte| byte.is_ascii_hexdigit());
        if is_id || bare.starts_with("0x") || bare.starts_with("pid=") {
            text.push('…');
        } else {
            text.push_str(word);
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_differs_between_two_runs_is_not_told() {
        let log = "[Sun Nov 22 09:35:54.902175 2026] [mpm_winnt:notice] [pid 32:tid 88] AH00418: \
                   Parent: Created child process 192\n\n\
                   [Sun Nov 22 09:35:55.1 2026] [wsgi:error] [pid 1:tid 2] [client 127.0.0.1:4] \
                   File \"Z:/run/x/application.wsgi\", line 3\n\
                   Current thread 0x00000024 (most recent call first):\n";
        let names = [("Z:/run/x".to_owned(), "RUN")];
        assert_eq!(
            end(log, &names),
            "AH00418: Parent: Created child process …\n\
             File \"RUN/application.wsgi\", line 3\n\
             Current thread … (most recent call first):"
        );
    }
}
