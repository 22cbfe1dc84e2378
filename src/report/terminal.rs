//! Plain writing: an error, a hint, a finished text.

use std::borrow::Cow;
use std::io::{IsTerminal as _, Write as _};

use super::actions::{self, Annotation};
use super::harmless;
use crate::model::finding::Severity;
use crate::model::place::Place;

/// Prints an error to standard error, which may stand in a file. Its `hint:` lines stand on lines of their own.
pub fn error(message: &str, place: Option<&Place>) {
    labelled("error", "\x1b[1;31m", message);
    Annotation::new(Severity::Error, "modfarm", message).at(place.cloned()).say();
}

/// Prints a warning to standard error.
pub fn warning(message: &str) {
    labelled("warning", "\x1b[1;33m", message);
    Annotation::new(Severity::Warning, "modfarm", message).say();
}

/// Prints a line of the kind that the reporters for people write, to standard error.
pub fn said(label: &str, text: &str) {
    let text = harmless::lines(text);
    if colours(std::io::stderr().is_terminal()) {
        line(&format!("\x1b[1;36m{label:>10}\x1b[0m {text}"));
    } else {
        line(&format!("{label:>10} {text}"));
    }
}

fn labelled(label: &str, colour: &str, message: &str) {
    let message = harmless::lines(message);
    if colours(std::io::stderr().is_terminal()) {
        line(&format!("{colour}{label}:\x1b[0m {message}"));
    } else {
        line(&format!("{label}: {message}"));
    }
}

/// Prints a line to standard error. A reader that has gone is no error, and ends nothing.
pub fn line(text: &str) {
    drop(writeln!(std::io::stderr().lock(), "{}", tame(text)));
}

/// Prints a line that GitHub Actions obeys.
pub(super) fn command(line: &str) {
    drop(writeln!(std::io::stderr().lock(), "{line}"));
}

/// What others said is no command to GitHub Actions.
fn tame(text: &str) -> Cow<'_, str> {
    if actions::here() { actions::tamed(text) } else { Cow::Borrowed(text) }
}

/// Whether to colour: on a terminal, unless `NO_COLOR` is set.
#[must_use]
pub fn colours(is_terminal: bool) -> bool {
    is_terminal && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

/// Prints a finished text to standard output. A reader that has gone is no error: `| head` is fine.
pub fn output(text: &str) {
    let mut stdout = std::io::stdout().lock();
    drop(stdout.write_all(tame(text).as_bytes()).and_then(|()| stdout.flush()));
}
