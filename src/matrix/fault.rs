//! What can be wrong with a `matrix.yaml`, and how it is shown: file, line, column, the line
//! itself with a mark under the place, and what to do.

use std::fmt;

use serde_yaml::budget::BudgetBreach;
use serde_yaml::{Error as YamlError, Location};

use super::nearest::nearest;

/// One thing that is wrong in the text of the file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// It is not YAML.
    #[error("this is not YAML: {0}")]
    Syntax(String),
    /// A key that the file does not have.
    #[error("unknown key `{0}`")]
    UnknownKey(String),
    /// A key that must be there.
    #[error("the key `{0}` is missing")]
    MissingKey(String),
    /// A key that stands there twice.
    #[error("the key `{0}` stands here a second time")]
    DuplicateKey(String),
    /// A value of the wrong kind.
    #[error("{0}")]
    Value(String),
    /// More than a matrix can hold: too deep, too many aliases.
    #[error("this is more than a matrix can hold: {0}")]
    TooMuch(String),
    /// Nothing in it.
    #[error("the file is empty")]
    Empty,
    /// Bytes that are no text.
    #[error("the file is not UTF-8 text")]
    NotText,
    /// A compiler that `compilers` does not define.
    #[error("nobody defined the compiler `{0}`")]
    UnknownCompiler(String),
    /// A row for something that has one already.
    #[error("{what} is already on line {first}")]
    Duplicate {
        /// What stands there twice.
        what: String,
        /// The line of the first.
        first: usize,
    },
    /// A reason without a word in it.
    #[error("the reason is empty")]
    EmptyReason,
    /// An exception or a note that speaks of nothing.
    #[error("{what} matches nothing: {why}")]
    MatchesNothing {
        /// `the exception`.
        what: &'static str,
        /// What it lacks.
        why: String,
    },
    /// Two rules that say which Pythons go with the same version.
    #[error("the versions '{range}' overlap with '{other}' on line {line}")]
    Overlap {
        /// The range.
        range: String,
        /// The one it overlaps with.
        other: String,
        /// The line of that one.
        line: usize,
    },
}

impl Fault {
    fn hint(&self) -> Option<&'static str> {
        Some(match self {
            Self::Empty => "the matrix.yaml of modfarm's repository is one to begin with",
            Self::NotText => "save it as UTF-8",
            Self::MissingKey(key) if key == "reason" => {
                "every exception says why: add `reason: \"…\"`"
            }
            Self::MissingKey(_) => "add it beside the key that is marked",
            Self::EmptyReason => "say why: people read it in the plan, the manifest and the notes",
            Self::DuplicateKey(_) => "remove one of the two",
            Self::TooMuch(_) => "write the rows out, without anchors and deeper levels",
            Self::Overlap { .. } => "every version needs exactly one row: narrow one of the two",
            _ => return None,
        })
    }
}

/// A [`Fault`] with its place in the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The file's name, as it was given.
    pub file: String,
    /// The line, from 1.
    pub line: usize,
    /// The column, from 1, in characters.
    pub column: usize,
    /// The line itself.
    pub text: String,
    /// What is wrong there.
    pub fault: Fault,
    /// What to do about it.
    pub hint: Option<String>,
}

impl Problem {
    /// A fault at a place of the text.
    #[must_use]
    pub fn new(file: &str, text: &str, (line, column): (usize, usize), fault: Fault) -> Self {
        let line_text = text.lines().nth(line.saturating_sub(1)).unwrap_or_default().to_owned();
        let hint = fault.hint().map(str::to_owned).or_else(|| tab_hint(&line_text));
        Self { file: file.to_owned(), line, column, text: line_text, fault, hint }
    }

    /// The same with a hint of its own.
    #[must_use]
    pub fn hint(mut self: Box<Self>, hint: impl Into<String>) -> Box<Self> {
        self.hint = Some(hint.into());
        self
    }

    /// What the YAML reader objects to, in our words.
    #[must_use]
    pub(super) fn from_yaml(file: &str, text: &str, error: &YamlError) -> Self {
        let error = original(error);
        let place = error.location().map_or((1, 1), place);
        let (fault, hint) = translate(error);
        let mut problem = Self::new(file, text, place, fault);
        problem.hint = hint.or(problem.hint);
        problem
    }
}

fn original(error: &YamlError) -> &YamlError {
    match error {
        YamlError::AliasError { error, .. } | YamlError::WithSnippet { error, .. } => {
            original(error)
        }
        other => other,
    }
}

/// A location as line and column from 1.
#[must_use]
pub(super) fn place(location: Location) -> (usize, usize) {
    let from_one = |number: u64| usize::try_from(number).unwrap_or(usize::MAX).max(1);
    (from_one(location.line()), from_one(location.column()))
}

fn translate(error: &YamlError) -> (Fault, Option<String>) {
    match error {
        YamlError::SerdeUnknownField { field, expected, .. } => {
            (Fault::UnknownKey(field.clone()), Some(known_keys(field, expected)))
        }
        YamlError::SerdeMissingField { field, .. } => {
            (Fault::MissingKey((*field).to_owned()), None)
        }
        YamlError::DuplicateMappingKey { key, .. } => {
            (Fault::DuplicateKey(key.clone().unwrap_or_default()), None)
        }
        YamlError::SerdeUnknownVariant { variant, expected, .. } => (
            Fault::Value(format!("`{variant}` is none of {}", expected.join(", "))),
            nearest(variant, expected.iter().copied())
                .map(|near| format!("did you mean `{near}`?")),
        ),
        YamlError::SerdeInvalidType { unexpected, expected, .. }
        | YamlError::SerdeInvalidValue { unexpected, expected, .. } => {
            (Fault::Value(format!("expected {expected}, found {unexpected}")), None)
        }
        YamlError::Unexpected { expected, .. } => {
            (Fault::Value(format!("expected {expected} here")), None)
        }
        YamlError::InvalidScalar { ty, .. } => {
            (Fault::Value(format!("expected a value of the kind {ty} here")), None)
        }
        YamlError::Message { msg, .. } => match msg.split_once("\nhint: ") {
            Some((message, hint)) => (Fault::Value(message.to_owned()), Some(hint.to_owned())),
            None => (Fault::Value(msg.clone()), None),
        },
        YamlError::Budget { breach, .. } => (Fault::TooMuch(budget_message(breach)), None),
        YamlError::AliasReplayLimitExceeded { .. }
        | YamlError::AliasExpansionLimitExceeded { .. }
        | YamlError::AliasReplayStackDepthExceeded { .. }
        | YamlError::AliasReplayCounterOverflow { .. }
        | YamlError::RecursiveReferencesRequireWeakTypes { .. } => {
            (Fault::TooMuch(plain_message(error)), None)
        }
        _ => (Fault::Syntax(plain_message(error)), None),
    }
}

fn budget_message(breach: &BudgetBreach) -> String {
    match breach {
        BudgetBreach::Aliases { aliases } => format!("{aliases} aliases"),
        BudgetBreach::Anchors { anchors } => format!("{anchors} anchors"),
        BudgetBreach::Depth { depth } => format!("{depth} levels"),
        BudgetBreach::Nodes { nodes } => format!("{nodes} values"),
        BudgetBreach::Events { events } => format!("{events} parts of YAML"),
        other => format!("{other:?}"),
    }
}

/// The reader's own message without the place it adds at the end, which we show ourselves.
fn plain_message(error: &YamlError) -> String {
    let rendered = error.render();
    let end = rendered.rfind(" at line ").unwrap_or(rendered.len());
    rendered[..end].to_owned()
}

fn known_keys(key: &str, expected: &[&'static str]) -> String {
    match nearest(key, expected.iter().copied()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("the keys here are {}", expected.join(", ")),
    }
}

fn tab_hint(line: &str) -> Option<String> {
    let indent = &line[..line.len() - line.trim_start().len()];
    indent.contains('\t').then(|| "YAML is indented with spaces, never with tabs".to_owned())
}

/// How much of a line is shown.
const SHOWN: usize = 96;

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let number = self.line.to_string();
        let margin = " ".repeat(number.len());
        let (shown, mark) = window(&self.text, self.column);
        writeln!(f, "{}:{}:{}: {}", self.file, self.line, self.column, self.fault)?;
        writeln!(f, "{margin} |")?;
        writeln!(f, "{number} | {shown}")?;
        write!(f, "{margin} | {}^", " ".repeat(mark))?;
        match &self.hint {
            Some(hint) => write!(f, "\nhint: {hint}"),
            None => Ok(()),
        }
    }
}

/// The part of a line around a column, without control characters, and where the mark stands.
fn window(line: &str, column: usize) -> (String, usize) {
    let length = line.chars().count();
    let column = column.saturating_sub(1).min(length);
    let start = if length <= SHOWN { 0 } else { column.saturating_sub(SHOWN / 2) };
    let printable = |c: char| if c.is_control() { ' ' } else { c };
    (line.chars().skip(start).take(SHOWN).map(printable).collect(), column - start)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mark_stands_under_the_place() {
        let problem = Problem::new("m.yaml", "a: 1\n  - { b: 2 }\n", (2, 5), Fault::EmptyReason);
        assert_eq!(
            problem.to_string(),
            "m.yaml:2:5: the reason is empty\n  |\n2 |   - { b: 2 }\n  |     ^\n\
             hint: say why: people read it in the plan, the manifest and the notes"
        );
    }

    #[test]
    fn a_long_line_is_cut_around_the_place_and_controls_are_blanked() {
        let line = format!("{}\u{1b}[31mX{}", "é".repeat(400), "z".repeat(400));
        let (shown, mark) = window(&line, 406);
        assert_eq!(shown.chars().count(), SHOWN);
        assert_eq!(shown.chars().nth(mark), Some('X'));
        assert!(!shown.contains('\u{1b}'));
        assert_eq!(window("", 9), (String::new(), 0));
    }
}
