//! A [`Plan`] as text: a table for people, JSON for programs, Markdown for a page, and the job
//! matrix of GitHub Actions. Pure functions; the printing is done elsewhere. (Writing to a `String`
//! cannot fail, hence the `unwrap_or_default` behind every `write!`.)

use std::collections::HashMap;
use std::fmt::Write as _;

use serde::{Serialize, Serializer};

use super::{Assignment, Build, Explanation, Plan, PlannedCell, Why};
use crate::model::cell::{CellId, Verdict};
use crate::model::version::Version;

mod github;
pub use github::{Machine, github};

/// The version of the JSON formats of plans and explanations.
pub const FORMAT_VERSION: u32 = 1;

/// How wide the table may be.
const WIDTH: usize = 100;

/// A table for people, the cells under their Apache labels; what holds for many of them stands once,
/// numbered, below.
#[must_use]
pub fn table(plan: &Plan) -> String {
    let mut text = String::new();
    let mut notes = Notes::default();
    let mut label = None;
    for cell in &plan.cells {
        if label != Some(&cell.id.apache) {
            let gap = if label.is_some() { "\n" } else { "" };
            writeln!(text, "{gap}{}", label_line(cell)).unwrap_or_default();
            label = Some(&cell.id.apache);
        }
        row(&mut text, cell, &mut notes);
    }
    text.push('\n');
    for (index, note) in notes.texts.iter().enumerate() {
        paragraph(&mut text, &format!("{:<5}", format!("[{}]", index + 1)), note);
    }
    for warning in &plan.warnings {
        paragraph(&mut text, "warning: ", warning);
    }
    if !(notes.texts.is_empty() && plan.warnings.is_empty()) {
        text.push('\n');
    }
    writeln!(text, "{}", summary(plan)).unwrap_or_default();
    text
}

fn label_line(cell: &PlannedCell) -> String {
    match &cell.newest_apache {
        Some(newest) => format!("{}  (up to Apache {newest})", cell.id.apache),
        None => cell.id.apache.to_string(),
    }
}

fn row<'a>(text: &mut String, cell: &'a PlannedCell, notes: &mut Notes<'a>) {
    let name = format!("{}-{}", cell.id.python.file_tag(), cell.id.abi);
    let by = match &cell.build {
        Build::By(by) => by.runner.clone(),
        Build::Nobody { reason } => format!("nobody: {reason}"),
        Build::Never => "never built".to_owned(),
    };
    let marks = notes.marks(cell.verdict.reason(), cell);
    paragraph(text, &format!("  {name:<12} {:<12} ", cell.verdict.name()), &(by + &marks));
}

/// What is said of cells, each text once, by number.
#[derive(Default)]
struct Notes<'a> {
    texts: Vec<&'a str>,
    numbers: HashMap<&'a str, usize>,
}

impl<'a> Notes<'a> {
    /// The marks of a cell's notes: ` [1] [3]`.
    fn marks(&mut self, reason: Option<&'a str>, cell: &'a PlannedCell) -> String {
        let mut marks = String::new();
        for text in reason.into_iter().chain(warnings(cell).iter().map(String::as_str)) {
            let number = *self.numbers.entry(text).or_insert_with(|| {
                self.texts.push(text);
                self.texts.len()
            });
            write!(marks, " [{number}]").unwrap_or_default();
        }
        marks
    }
}

fn warnings(cell: &PlannedCell) -> &[String] {
    match &cell.build {
        Build::By(by) => &by.warnings,
        Build::Nobody { .. } | Build::Never => &[],
    }
}

/// Writes a text after `head`, broken between words, its further lines indented as deep.
fn paragraph(text: &mut String, head: &str, body: &str) {
    let mut line = head.to_owned();
    let mut is_new = true;
    for word in body.split_whitespace() {
        if !is_new && line.chars().count() + 1 + word.chars().count() > WIDTH {
            writeln!(text, "{}", line.trim_end()).unwrap_or_default();
            line = " ".repeat(head.chars().count());
            is_new = true;
        }
        if !is_new {
            line.push(' ');
        }
        line.push_str(word);
        is_new = false;
    }
    writeln!(text, "{}", line.trim_end()).unwrap_or_default();
}

/// How many cells there are of each kind, in one line.
#[must_use]
pub fn summary(plan: &Plan) -> String {
    let count =
        |test: fn(&PlannedCell) -> bool| plan.cells.iter().filter(|cell| test(cell)).count();
    let built = plan.assigned().count();
    let nobody = count(|cell| matches!(cell.build, Build::Nobody { .. }));
    let unsupported = count(|cell| matches!(cell.verdict, Verdict::Unsupported { .. }));
    let excluded = count(|cell| matches!(cell.verdict, Verdict::Excluded { .. }));
    format!(
        "{} {}: {} cells, {built} with a runner, {nobody} without, {excluded} excluded; \
         {unsupported} unsupported",
        plan.module,
        plan.version,
        plan.cells.len()
    )
}

/// The plan for programs.
#[must_use]
pub fn json(plan: &Plan) -> String {
    let plan = JsonPlan {
        format_version: FORMAT_VERSION,
        module: &plan.module,
        version: &plan.version,
        warnings: &plan.warnings,
        cells: JsonCells(plan),
    };
    to_json(&plan)
}

/// An explanation for programs.
#[must_use]
pub fn explanation_json(explanation: &Explanation) -> String {
    let (cell, grounds, problem) = match &explanation.why {
        Why::Cell(cell) => (Some(json_cell(&explanation.module, cell)), Vec::new(), None),
        Why::NoCell(grounds) => (None, grounds.iter().map(json_grounds).collect(), None),
        Why::Nonsense { problem } => (None, Vec::new(), Some(problem.as_str())),
    };
    to_json(&JsonExplanation {
        format_version: FORMAT_VERSION,
        asked: &explanation.asked,
        module: &explanation.module,
        version: &explanation.version,
        cell,
        grounds,
        problem,
    })
}

fn to_json(value: &impl Serialize) -> String {
    // Plain data with string keys always serializes.
    serde_json::to_string_pretty(value).map(|text| text + "\n").unwrap_or_default()
}

#[derive(Serialize)]
struct JsonPlan<'a> {
    format_version: u32,
    module: &'a str,
    version: &'a Version,
    warnings: &'a [String],
    cells: JsonCells<'a>,
}

/// The cells of a plan, each made as it is written: there may be 100,000.
struct JsonCells<'a>(&'a Plan);

impl Serialize for JsonCells<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self(plan) = self;
        serializer.collect_seq(plan.cells.iter().map(|cell| json_cell(&plan.module, cell)))
    }
}

#[derive(Serialize)]
struct JsonExplanation<'a> {
    format_version: u32,
    asked: &'a str,
    module: &'a str,
    version: &'a Version,
    cell: Option<JsonCell<'a>>,
    grounds: Vec<JsonGrounds<'a>>,
    problem: Option<&'a str>,
}

#[derive(Serialize)]
struct JsonGrounds<'a> {
    reason: &'a str,
    line: Option<usize>,
    hint: Option<&'a str>,
}

#[derive(Serialize)]
struct JsonCell<'a> {
    id: &'a CellId,
    path: String,
    verdict: &'static str,
    reason: Option<&'a str>,
    line: usize,
    newest_apache: Option<&'a Version>,
    build: JsonBuild<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "lowercase", tag = "by")]
enum JsonBuild<'a> {
    Runner {
        runner: &'a str,
        toolset: &'a str,
        apache_root: &'a str,
        python_root: &'a str,
        warnings: &'a [String],
    },
    Nobody {
        reason: &'a str,
    },
    Never,
}

fn json_cell<'a>(module: &str, cell: &'a PlannedCell) -> JsonCell<'a> {
    JsonCell {
        id: &cell.id,
        path: cell.id.module_path(module),
        verdict: cell.verdict.name(),
        reason: cell.verdict.reason(),
        line: cell.line,
        newest_apache: cell.newest_apache.as_ref(),
        build: match &cell.build {
            Build::By(by) => json_assignment(by),
            Build::Nobody { reason } => JsonBuild::Nobody { reason },
            Build::Never => JsonBuild::Never,
        },
    }
}

fn json_assignment(by: &Assignment) -> JsonBuild<'_> {
    JsonBuild::Runner {
        runner: &by.runner,
        toolset: &by.toolset,
        apache_root: &by.apache_root,
        python_root: &by.python_root,
        warnings: &by.warnings,
    }
}

fn json_grounds(grounds: &super::Grounds) -> JsonGrounds<'_> {
    JsonGrounds { reason: &grounds.reason, line: grounds.line, hint: grounds.hint.as_deref() }
}

/// A Markdown table, for a README or the summary of a workflow's step.
#[must_use]
pub fn markdown(plan: &Plan) -> String {
    let mut text = format!("### {}\n\n", summary(plan));
    for warning in &plan.warnings {
        writeln!(text, "> **Warning:** {}\n", escaped(warning)).unwrap_or_default();
    }
    text.push_str("| File | Verdict | Built by | Notes |\n| --- | --- | --- | --- |\n");
    let mut notes = Notes::default();
    for cell in &plan.cells {
        let by = match &cell.build {
            Build::By(by) => escaped(&by.runner),
            Build::Nobody { reason } => format!("nobody: {}", escaped(reason)),
            Build::Never => "–".to_owned(),
        };
        let (path, verdict) = (cell.id.module_path(&plan.module), cell.verdict.name());
        let marks = notes.marks(cell.verdict.reason(), cell);
        writeln!(text, "| `{path}` | {verdict} | {by} |{} |", escaped(&marks)).unwrap_or_default();
    }
    for (index, note) in notes.texts.iter().enumerate() {
        writeln!(text, "\n\\[{}\\] {}", index + 1, escaped(note)).unwrap_or_default();
    }
    text
}

/// Text that stays text inside a table.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '|' | '\\' | '`' | '*' | '_' | '<' | '>' | '[' | ']' => escaped.extend(['\\', c]),
            c if c.is_control() => escaped.push(' '),
            c => escaped.push(c),
        }
    }
    escaped
}
