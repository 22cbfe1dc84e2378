//! What the tools share of their command lines: response files, wildcards, the two signs of an option.

use std::path::Path;

/// The arguments with those of response files, `@FILE`, in their place.
pub(crate) fn expand(arguments: Vec<String>) -> Result<Vec<String>, String> {
    let mut all = Vec::new();
    for argument in arguments {
        match argument.strip_prefix('@') {
            None => all.push(argument),
            Some(file) => {
                let text = std::fs::read_to_string(here(file));
                let text =
                    text.map_err(|error| format!("cannot open response file {file}: {error}"))?;
                all.extend(words(text.trim_start_matches('\u{feff}')));
            }
        }
    }
    Ok(all)
}

/// The words of a response file or a command line: blanks part them, but not within quotes. A backslash is a
/// character like others.
pub(crate) fn words(text: &str) -> Vec<String> {
    let (mut words, mut word, mut quoted) = (Vec::new(), None::<String>, false);
    for found in text.chars() {
        match found {
            '"' => {
                quoted = !quoted;
                word.get_or_insert_default();
            }
            blank if blank.is_whitespace() && !quoted => words.extend(word.take()),
            other => word.get_or_insert_default().push(other),
        }
    }
    words.extend(word);
    words
}

/// The option without its sign.
pub(crate) fn option(argument: &str) -> Option<&str> {
    argument.strip_prefix(['/', '-']).filter(|rest| !rest.is_empty())
}

/// A file's name as this system has it: Microsoft's tools take either slash.
pub(crate) fn here(path: &str) -> String {
    if cfg!(windows) { path.to_owned() } else { path.replace('\\', "/") }
}

/// The last part of a path.
pub(crate) fn base_name(path: &str) -> &str {
    path.rsplit(['/', '\\']).next().unwrap_or(path)
}

/// The files that a name with `*` or `?` in its last part stands for, in order; itself without.
pub(crate) fn files(pattern: &str) -> Vec<String> {
    let name = base_name(pattern);
    if !name.contains(['*', '?']) {
        return vec![pattern.to_owned()];
    }
    let folder = &pattern[..pattern.len() - name.len()];
    let place = here(if folder.is_empty() { "." } else { folder });
    let entries = std::fs::read_dir(Path::new(&place)).into_iter().flatten().flatten();
    let names = entries.filter_map(|entry| entry.file_name().into_string().ok());
    let mut found: Vec<String> =
        names.filter(|it| matches(name, it)).map(|it| format!("{folder}{it}")).collect();
    found.sort();
    found
}

fn matches(pattern: &str, name: &str) -> bool {
    let mut characters = pattern.chars();
    match characters.next() {
        None => name.is_empty(),
        Some('*') => {
            let rest = characters.as_str();
            name.char_indices().any(|(at, _)| matches(rest, &name[at..])) || matches(rest, "")
        }
        Some(wanted) => {
            let mut name = name.chars();
            let found = name.next();
            let same = found.is_some_and(|it| wanted == '?' || it.eq_ignore_ascii_case(&wanted));
            same && matches(characters.as_str(), name.as_str())
        }
    }
}
