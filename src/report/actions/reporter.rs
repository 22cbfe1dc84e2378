//! A run as GitHub Actions shows it: a group of lines for each stage, and an annotation for whatever somebody
//! has to look at.

use super::annotation::Annotation;
use super::command::command;
use crate::model::event::{Event, JobOutcome, Stage};
use crate::model::finding::Severity;
use crate::model::smoke::Smoke;
use crate::report::{Reporter, terminal};

/// Has another reporter write, and tells GitHub besides.
pub struct Annotating {
    inner: Box<dyn Reporter>,
    /// Whether what the other writes is for people.
    groups: bool,
    open: bool,
}

impl Annotating {
    /// What is written for people is put into groups.
    #[must_use]
    pub fn for_people(inner: Box<dyn Reporter>) -> Self {
        Self { inner, groups: true, open: false }
    }

    /// What is written for programs is left as it is.
    #[must_use]
    pub fn for_programs(inner: Box<dyn Reporter>) -> Self {
        Self { inner, groups: false, open: false }
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
        for annotation in annotations(event) {
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

/// What of an event somebody has to look at.
fn annotations(event: &Event) -> Vec<Annotation> {
    match event {
        Event::Warning { message, hint } => {
            let message = with_hint(message, hint.as_deref());
            vec![Annotation::new(Severity::Warning, "modfarm", message)]
        }
        Event::Found { subject, finding } => {
            let message = with_hint(&finding.message, finding.hint.as_deref());
            let title = format!("{subject}: {}", finding.check);
            vec![Annotation::new(finding.severity, title, message)]
        }
        Event::JobFinished { job, outcome: JobOutcome::Failed { reason, log }, .. } => {
            vec![Annotation::new(Severity::Error, job, with_end(reason, log))]
        }
        Event::SmokeFinished {
            subject, result: Smoke::Failed { check, reason, log, .. }, ..
        } => {
            let title = format!("{subject}: {check}");
            vec![Annotation::new(Severity::Error, title, with_end(reason, log))]
        }
        _ => Vec::new(),
    }
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
