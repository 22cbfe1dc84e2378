//! The floors of the house: a module imports only from those above it. A violation is named with its
//! file and line.

use std::fs;
use std::path::{Path, PathBuf};

/// The floors, from the ground up, as `src/lib.rs` and the design list them.
const FLOORS: [&str; 16] = [
    "model", "sys", "matrix", "plan", "roots", "toolset", "worker", "farm", "inspect", "smoke",
    "package", "publish", "download", "report", "pipeline", "cli",
];

/// These never import each other: they meet in the manifest.
const APART: [&str; 3] = ["package", "publish", "download"];

/// These do no I/O.
const PURE: [&str; 4] = ["model", "plan", "toolset", "inspect"];
const IMPURE: [&str; 9] = [
    "std::fs",
    "std::net",
    "std::process",
    "std::io::stdin",
    "std::env",
    "tokio",
    "crate::sys",
    "SystemTime::now",
    "Instant::now",
];

/// Only these write to the terminal.
const SPEAKERS: [&str; 2] = ["report", "cli"];
const PRINTS: [&str; 4] = ["println!", "eprintln!", "print!", "eprint!"];

#[test]
fn every_import_goes_up() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    collect(&source, &mut files);
    assert!(files.len() > 50, "the source was not found");
    let mut broken = Vec::new();
    for file in files {
        let name = file.strip_prefix(&source).unwrap().to_string_lossy().replace('\\', "/");
        let module = name.split('/').next().unwrap().trim_end_matches(".rs").to_owned();
        if module == "main" || module == "lib" {
            continue;
        }
        assert!(FLOORS.contains(&module.as_str()), "src/{name} is on no floor");
        broken.extend(violations(&name, &module, &fs::read_to_string(&file).unwrap()));
    }
    assert!(broken.is_empty(), "\n{}", broken.join("\n"));
}

#[test]
fn a_violation_is_seen() {
    let seen = |module: &str, text: &str| violations("x.rs", module, text);
    assert_eq!(seen("farm", "use crate::model::cell::CellId;\nuse crate::worker;"), [""; 0]);
    assert_eq!(
        seen("farm", "\nuse crate::package::Names;"),
        ["src/x.rs:2: farm imports package, which is not above it"]
    );
    assert_eq!(seen("plan", "use crate::{model, cli::Failure};").len(), 1);
    assert_eq!(seen("plan", "use crate::{\n    model::x,\n    farm::y,\n};").len(), 1);
    assert_eq!(seen("plan", "let x = crate::farm::run();").len(), 1);
    assert_eq!(seen("publish", "use crate::package::Names;").len(), 1);
    assert_eq!(seen("report", "use crate::sys::files;").len(), 1);
    assert_eq!(seen("inspect", "use std::fs::File;").len(), 1);
    assert_eq!(seen("sys", "use std::fs::File;"), [""; 0]);
    assert_eq!(seen("farm", "println!();").len(), 1);
    assert_eq!(seen("farm", "// crate::cli println!\n/// [`crate::cli`]"), [""; 0]);
    assert_eq!(seen("cli", "println!();"), [""; 0]);
}

fn violations(name: &str, module: &str, text: &str) -> Vec<String> {
    // What a test does to make its files is not the module's doing.
    let body = text.split("#[cfg(test)]").next().unwrap_or(text);
    let mut broken = Vec::new();
    let mut say = |line: usize, what: String| broken.push(format!("src/{name}:{line}: {what}"));
    for (line, imported) in imports(body) {
        let Some(theirs) = floor(&imported) else { continue };
        let ours = floor(module).unwrap();
        if theirs > ours {
            say(line, format!("{module} imports {imported}, which is not above it"));
        } else if theirs < ours && APART.contains(&module) && APART.contains(&imported.as_str()) {
            say(line, format!("{module} and {imported} never import each other"));
        } else if module == "report" && imported != "model" && imported != "report" {
            say(line, format!("report knows model alone, not {imported}"));
        }
    }
    for (number, line) in body.lines().enumerate() {
        let code = line.split("//").next().unwrap_or(line);
        if PURE.contains(&module)
            && let Some(found) = IMPURE.iter().find(|impure| code.contains(**impure))
        {
            say(number + 1, format!("{module} does no I/O, but names {found}"));
        }
        if !SPEAKERS.contains(&module)
            && let Some(found) = PRINTS.iter().find(|print| code.contains(**print))
        {
            say(number + 1, format!("{module} writes to the terminal with {found}"));
        }
    }
    broken
}

fn floor(module: &str) -> Option<usize> {
    FLOORS.iter().position(|floor| *floor == module)
}

/// The modules that a text names after `crate::`, with their lines; groups in braces included.
fn imports(text: &str) -> Vec<(usize, String)> {
    let code: String = text
        .lines()
        .map(|line| if line.trim_start().starts_with("//") { "" } else { line })
        .collect::<Vec<_>>()
        .join("\n");
    let mut found = Vec::new();
    for (at, _) in code.match_indices("crate::") {
        let line = code[..at].matches('\n').count() + 1;
        let rest = &code[at + "crate::".len()..];
        let names = match rest.strip_prefix('{') {
            Some(group) => group_heads(group),
            None => vec![head(rest)],
        };
        found.extend(names.into_iter().map(|name| (line, name)));
    }
    found
}

/// The first names in `model, cli::{a, b}, x}`.
fn group_heads(group: &str) -> Vec<String> {
    let mut depth = 1;
    let mut heads = vec![String::new()];
    for c in group.chars() {
        match c {
            '{' => depth += 1,
            '}' if depth == 1 => break,
            '}' => depth -= 1,
            ',' if depth == 1 => heads.push(String::new()),
            _ if depth == 1 => heads.last_mut().unwrap().push(c),
            _ => {}
        }
    }
    heads.iter().map(|part| head(part.trim())).filter(|name| !name.is_empty()).collect()
}

fn head(path: &str) -> String {
    path.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect()
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}
