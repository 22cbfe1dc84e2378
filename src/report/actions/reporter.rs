//! A run as GitHub Actions shows it: a group of lines for each stage, and an annotation for whatever somebody
//! has to look at.

use std::collections::{BTreeSet, HashSet};

use super::annotation::Annotation;
use super::command::command;
use crate::model::event::{Event, JobOutcome, Stage};
use crate::model::finding::Severity;
use crate::model::message::Message;
use crate::model::place::Place;
use crate::model::smoke::Smoke;
use crate::report::{Reporter, terminal};

/// Has another reporter write, and tells GitHub besides.
pub struct Annotating {
    inner: Box<dyn Reporter>,
    /// Whether what the other writes is for people.
    groups: bool,
    open: bool,
    heard: Heard,
}

/// What is to be known of earlier events to annotate one.
#[derive(Default)]
struct Heard {
    /// The folder of the module's source, where somebody named one.
    source: Option<String>,
    /// Jobs whose errors were annotated where they stand.
    objected: BTreeSet<String>,
    /// What was said already: jobs of one source fail of the same errors.
    said: HashSet<Message>,
}

impl Annotating {
    /// What is written for people is put into groups.
    #[must_use]
    pub fn for_people(inner: Box<dyn Reporter>) -> Self {
        Self { inner, groups: true, open: false, heard: Heard::default() }
    }

    /// What is written for programs is left as it is.
    #[must_use]
    pub fn for_programs(inner: Box<dyn Reporter>) -> Self {
        Self { inner, groups: false, open: false, heard: Heard::default() }
    }

    fn begin(&mut self, stage: Stage) {
        self.end();
        if self.groups {
            terminal::command(&command("group", &[], &format!("modfarm: {}", stage.as_str())));
            self.open = true;
        }
    }

    fn end(&mut self) {
        if std::mem::take(&mut self.open) {
            terminal::command(&command("endgroup", &[], ""));
        }
    }
}

impl Reporter for Annotating {
    fn event(&mut self, event: &Event) {
        if let Event::StageStarted { stage } = event {
            self.begin(*stage);
        }
        self.inner.event(event);
        for annotation in self.heard.annotations(event) {
            annotation.say();
        }
    }

    fn tick(&mut self) {
        self.inner.tick();
    }

    fn finish(&mut self) {
        self.inner.finish();
        self.end();
    }
}

impl Heard {
    /// What of an event somebody has to look at.
    fn annotations(&mut self, event: &Event) -> Vec<Annotation> {
        match event {
            Event::Sourced { folder } => self.source = Some(folder.clone()),
            Event::Objected { job, messages } => return self.objections(job, messages),
            Event::JobFinished { job, outcome: JobOutcome::Failed { .. }, .. }
                if self.objected.contains(job) => {}
            event => return plain(event).into_iter().collect(),
        }
        Vec::new()
    }

    /// Errors on the lines of the sources where they stand, each once.
    fn objections(&mut self, job: &str, messages: &[Message]) -> Vec<Annotation> {
        let placed: Vec<&Message> =
            messages.iter().filter(|message| message.place().is_some()).collect();
        if !placed.is_empty() {
            self.objected.insert(job.to_owned());
        }
        let mut annotations = Vec::new();
        for message in placed {
            if self.said.insert(message.clone()) {
                annotations.push(self.objection(job, message));
            }
        }
        annotations
    }

    fn objection(&self, job: &str, message: &Message) -> Annotation {
        let place = message.place().map(|(file, line)| {
            let file = match &self.source {
                Some(folder) => format!("{folder}/{file}"),
                None => file.to_owned(),
            };
            let number = |number: u32| usize::try_from(number).unwrap_or(usize::MAX);
            Place::new(file, number(line), message.column.map_or(0, number))
        });
        let title = match &message.code {
            Some(code) => format!("{job}: {code}"),
            None => job.to_owned(),
        };
        // What PyPI has stands in no file of the repository.
        let text = if self.source.is_some() { message.text.clone() } else { message.to_string() };
        let place = place.filter(|_| self.source.is_some());
        Annotation::new(message.severity, title, text).at(place)
    }
}

/// What of an event, whatever came before it.
fn plain(event: &Event) -> Option<Annotation> {
    Some(match event {
        Event::Warning { message, hint } => {
            let message = with_hint(message, hint.as_deref());
            Annotation::new(Severity::Warning, "modfarm", message)
        }
        Event::Found { subject, finding } => {
            let message = with_hint(&finding.message, finding.hint.as_deref());
            let title = format!("{subject}: {}", finding.check);
            Annotation::new(finding.severity, title, message)
        }
        Event::JobFinished { job, outcome: JobOutcome::Failed { reason, log }, .. } => {
            Annotation::new(Severity::Error, job, with_end(reason, log))
        }
        Event::SmokeFinished {
            subject, result: Smoke::Failed { check, reason, log, .. }, ..
        } => {
            let title = format!("{subject}: {check}");
            Annotation::new(Severity::Error, title, with_end(reason, log))
        }
        _ => return None,
    })
}

fn with_hint(message: &str, hint: Option<&str>) -> String {
    hint.map_or_else(|| message.to_owned(), |hint| format!("{message}\nhint: {hint}"))
}

/// A reason, and below it the end of what was said.
fn with_end(reason: &str, log: &str) -> String {
    const LINES: usize = 15;
    let lines: Vec<&str> = log.lines().collect();
    let end = lines[lines.len().saturating_sub(LINES)..].join("\n");
    if end.is_empty() { reason.to_owned() } else { format!("{reason}\n{end}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(line: u32, text: &str) -> Message {
        let (file, column) = (Some("src/server/a.c".to_owned()), Some(7));
        let (severity, code) = (Severity::Error, Some("C2065".to_owned()));
        Message { file, line: Some(line), column, severity, code, text: text.to_owned() }
    }

    fn objected(job: &str, messages: &[Message]) -> Event {
        Event::Objected { job: job.to_owned(), messages: messages.to_vec() }
    }

    fn failed(job: &str) -> Event {
        let (reason, log) = ("exit code 2".to_owned(), "one\ntwo".to_owned());
        let outcome = JobOutcome::Failed { reason, log };
        Event::JobFinished { job: job.to_owned(), outcome, millis: 0, runner: None }
    }

    #[test]
    fn an_error_of_a_compiler_stands_once_on_its_line_of_the_source_that_was_named() {
        let mut heard = Heard::default();
        assert_eq!(heard.annotations(&Event::Sourced { folder: "module".into() }), []);
        let said = heard.annotations(&objected("x/py313", &[message(3, "no"), message(9, "nor")]));
        assert_eq!(said.len(), 2);
        assert_eq!(said[0].place, Some(Place::new("module/src/server/a.c", 3, 7)));
        assert_eq!((said[0].title.as_str(), said[0].message.as_str()), ("x/py313: C2065", "no"));
        assert_eq!(heard.annotations(&failed("x/py313")), [], "its errors say why");
        let again = heard.annotations(&objected("x/py314", &[message(3, "no")]));
        assert_eq!(again, [], "the same error of another job");
        assert_eq!(heard.annotations(&failed("x/py314")), []);
        let other = heard.annotations(&failed("y"));
        assert_eq!(other[0].message, "exit code 2\none\ntwo");
    }

    #[test]
    fn a_source_of_somewhere_else_has_no_lines_here() {
        let mut heard = Heard::default();
        let said = heard.annotations(&objected("x", &[message(3, "no")]));
        assert_eq!(said[0].place, None);
        assert_eq!(said[0].message, "src/server/a.c:3:7: error C2065: no");
        let mut linker = message(3, "cannot open");
        (linker.file, linker.line) = (Some("a.obj".to_owned()), None);
        assert_eq!(heard.annotations(&objected("y", &[linker])), [], "nowhere to look at");
        assert_eq!(heard.annotations(&failed("y")).len(), 1);
    }
}
