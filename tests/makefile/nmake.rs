//! What nmake makes of a makefile, as far as the document's need it: the commands of each target.

use std::collections::BTreeMap;

use camino::Utf8Path;

use crate::program::read;

/// A makefile as nmake reads it.
#[derive(Debug, Default)]
pub(super) struct Makefile {
    pub(super) macros: BTreeMap<String, String>,
    /// The targets in their order, with what they depend on and their commands.
    pub(super) rules: Vec<(String, String, Vec<String>)>,
}

impl Makefile {
    pub(super) fn read(path: &Utf8Path) -> Self {
        let mut makefile = Self::default();
        makefile.add(path);
        makefile
    }

    /// The words of the commands of a target, quotes taken off.
    pub(super) fn commands(&self, target: &str) -> Vec<Vec<String>> {
        let (_, _, commands) = self.rules.iter().find(|(it, _, _)| it == target).expect(target);
        commands.iter().map(|command| words(command)).collect()
    }

    fn add(&mut self, path: &Utf8Path) {
        let text = read(path);
        let mut hidden = false;
        let mut lines = text.lines();
        while let Some(line) = lines.next() {
            // A comment ends with its line, whatever stands at its end.
            if line.starts_with('#') {
                continue;
            }
            if let Some(directive) = line.strip_prefix('!') {
                assert!(["if 0", "endif"].contains(&directive), "{path}: !{directive}");
                hidden = directive == "if 0";
                continue;
            }
            let mut line = line.to_owned();
            while let Some(begun) = line.strip_suffix('\\') {
                line = format!("{} {}", begun.trim_end(), lines.next().expect("a line").trim());
            }
            if !hidden {
                self.line(path, &line);
            }
        }
        assert!(!hidden, "{path}: !if without !endif");
    }

    fn line(&mut self, path: &Utf8Path, line: &str) {
        if let Some(command) = line.strip_prefix('\t') {
            let target = self.rules.last().expect("a target").0.clone();
            let command = self.expand(&command.replace("$@", &target));
            self.rules.last_mut().expect("a target").2.push(command);
        } else if let Some(name) = line.strip_prefix("include ") {
            self.add(&path.with_file_name(name));
        } else if let Some((name, value)) = line.split_once('=') {
            // Macros are expanded where they are used: here none is changed in between.
            self.macros.insert(name.trim().to_owned(), value.trim().to_owned());
        } else if let Some((target, needs)) = line.split_once(" :") {
            let (target, needs) = (self.expand(target), self.expand(needs.trim()));
            self.rules.push((target, needs, Vec::new()));
        } else {
            assert!(line.trim().is_empty(), "{path}: {line:?}");
        }
    }

    pub(super) fn expand(&self, text: &str) -> String {
        let mut expanded = String::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("$(") {
            let (name, after) = after.split_once(')').expect("a macro");
            let value = self.macros.get(name).map(|value| self.expand(value)).unwrap_or_default();
            expanded += &format!("{before}{value}");
            rest = after;
        }
        expanded + rest
    }
}

/// The words of a command: blanks part them, but not within quotes.
pub(super) fn words(command: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut quoted = false;
    for found in command.chars() {
        match found {
            '"' => quoted = !quoted,
            ' ' if !quoted => words.push(String::new()),
            other => words.last_mut().expect("a word").push(other),
        }
    }
    words.retain(|word| !word.is_empty());
    words
}
