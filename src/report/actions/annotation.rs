//! Annotations: what is wrong, shown on the page of the run, and on the line of the file where it stands.

use std::sync::{Mutex, PoisonError};

use super::command::command;
use super::place;
use crate::model::finding::Severity;
use crate::model::place::Place;
use crate::report::terminal;

/// Something to see on the page of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Annotation {
    /// How bad it is.
    pub severity: Severity,
    /// Where it stands, if it stands in a file.
    pub place: Option<Place>,
    /// What it is about, in a few words.
    pub title: String,
    /// What it is.
    pub message: String,
}

/// GitHub shows so many of a kind for each step, and leaves out the others without a word.
const SHOWN: usize = 10;

/// A longer message is one that nobody reads there.
const LONGEST: usize = 4000;

impl Annotation {
    /// Something about no file.
    #[must_use]
    pub fn new(severity: Severity, title: impl Into<String>, message: impl Into<String>) -> Self {
        Self { severity, place: None, title: title.into(), message: message.into() }
    }

    /// The same, at a place.
    #[must_use]
    pub fn at(self, place: Option<Place>) -> Self {
        Self { place, ..self }
    }

    /// Says it, where this is a step of GitHub Actions, which shows it.
    pub fn say(&self) {
        if super::here() && has_room(self.severity) {
            terminal::command(&self.text(place::in_repository));
        }
    }

    /// The workflow command; `known` gives a file's path in the repository.
    fn text(&self, known: impl Fn(&str) -> Option<String>) -> String {
        let mut message = shortened(&self.message);
        let mut properties = Vec::new();
        if let Some(Place { file, line, column }) = &self.place {
            if let Some(file) = known(file) {
                properties.push(("file", file));
                properties.push(("line", line.to_string()));
                properties
                    .push(("col", if *column > 0 { column.to_string() } else { String::new() }));
            } else if !message.contains(file.as_str()) {
                message = format!("{file}:{line}: {message}");
            }
        }
        properties.push(("title", self.title.clone()));
        let name = match self.severity {
            Severity::Note => "notice",
            Severity::Warning => "warning",
            Severity::Error => "error",
        };
        command(name, &properties, &message)
    }
}

/// Whether GitHub would show one more of a kind.
fn has_room(severity: Severity) -> bool {
    static SAID: Mutex<[usize; 3]> = Mutex::new([0; 3]);
    let mut said = SAID.lock().unwrap_or_else(PoisonError::into_inner);
    let said = &mut said[severity as usize];
    *said += 1;
    *said <= SHOWN
}

fn shortened(message: &str) -> String {
    match message.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &message[..end]),
        None => message.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known(file: &str) -> Option<String> {
        (!file.starts_with('/')).then(|| file.to_owned())
    }

    #[test]
    fn it_stands_on_its_line_where_that_is_in_the_repository() {
        let error = Annotation::new(Severity::Error, "modfarm", "a: b\nhint: c");
        assert_eq!(error.text(known), "::error title=modfarm::a: b%0Ahint: c");
        let at = |file, column| error.clone().at(Some(Place::new(file, 3, column))).text(known);
        assert_eq!(
            at("m.yaml", 7),
            "::error file=m.yaml,line=3,col=7,title=modfarm::a: b%0Ahint: c"
        );
        assert_eq!(at("m.yaml", 0), "::error file=m.yaml,line=3,title=modfarm::a: b%0Ahint: c");
        assert_eq!(at("/x.c", 1), "::error title=modfarm::/x.c:3: a: b%0Ahint: c");
        let long = Annotation::new(Severity::Note, "", "é".repeat(9000)).text(known);
        assert_eq!(long.chars().count(), "::notice::".len() + LONGEST + 1);
    }
}
