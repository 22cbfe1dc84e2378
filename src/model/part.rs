//! A part of a release: the cells that one machine built, and why the others of it have no file. Parts are
//! made by `modfarm build` on as many machines as there are, and put together by `modfarm assemble`.
//!
//! What a part says is believed as far as it agrees with itself, with its files and with the plan.

use std::collections::BTreeSet;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::cell::{CellId, Verdict};
use super::digest::Sha256;
use super::finding::{Finding, Severity};
use super::harmless;
use super::job::log_end;
use super::manifest::{BuiltRecord, CellRecord, ModuleRecord, RootRecord, ToolsetRecord};
use super::message::Message;
use super::offer::RootKind;

/// The name of the file that makes a folder a part.
pub const FILE: &str = "part.json";

/// The folder of the modules in it, laid out like a release.
pub const MODULES: &str = "modules";

/// The folder of the logs in it.
pub const LOGS: &str = "logs";

/// No part's file has more bytes.
pub const LONGEST: u64 = 16 << 20;

/// No module has more bytes.
pub const LARGEST_MODULE: u64 = 64 << 20;

/// More characters than any text of a part has.
const LONGEST_TEXT: usize = 64 << 10;

/// The version of the part's format. A reader refuses a greater one.
pub const FORMAT_VERSION: u32 = 1;

/// A part of a release: cells with their files, what they were made from, and cells that have none.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Part {
    /// The version of this format, [`FORMAT_VERSION`].
    pub format_version: u32,
    /// The version of modfarm that made the part.
    pub modfarm: String,
    /// When it was made: of two parts with the same cell, the later one counts.
    #[schemars(with = "String", extend("format" = "date-time"))]
    pub written: Timestamp,
    /// The module that was built.
    pub module: ModuleRecord,
    /// The compilers that built the cells.
    pub toolsets: Vec<ToolsetRecord>,
    /// The Apache and Python installations they were built against.
    pub roots: Vec<RootRecord>,
    /// The cells that have a file. One that is among the failed as well is taken by a later build, and by
    /// no release.
    pub cells: Vec<CellRecord>,
    /// The cells that did not come as far as they should.
    pub failed: Vec<FailedCell>,
}

/// A cell without a file that can be released.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FailedCell {
    /// Its name.
    pub id: CellId,
    /// How far it came.
    pub stage: FailedStage,
    /// Why it came no further, in one line.
    pub reason: String,
    /// What the inspection objects to.
    pub findings: Vec<Finding>,
    /// What the compiler, the linker or the make objects to, with file and line.
    pub messages: Vec<Message>,
    /// The last lines of what the command said, or of Apache's error log.
    pub log_end: String,
}

/// How far a cell came.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum FailedStage {
    /// Nobody could build it where it was to be built.
    Plan,
    /// The compiler, or what ran it, says no.
    Build,
    /// Its file is not what its name says.
    Inspect,
    /// A real Apache does not work with its file.
    Smoke,
    /// Somebody ended the run before it was done.
    Interrupted,
    /// It is in no part at all.
    Missing,
}

impl FailedCell {
    /// One, with the end of its log, and with nothing that commands a terminal.
    #[must_use]
    pub fn new(id: CellId, stage: FailedStage, reason: &str, log: &str) -> Self {
        let (reason, log_end) = (harmless::plain(reason), harmless::plain(&log_end(log)));
        Self { id, stage, reason, findings: Vec::new(), messages: Vec::new(), log_end }
    }

    /// The same, with what the inspection objects to.
    #[must_use]
    pub fn with(self, findings: Vec<Finding>) -> Self {
        Self { findings, ..self }
    }

    /// The same, with what the compiler says.
    #[must_use]
    pub fn saying(self, messages: Vec<Message>) -> Self {
        Self { messages, ..self }
    }

    /// Why it came no further, in one line: the first error of the compiler says more than that there was
    /// one.
    #[must_use]
    pub fn because(&self) -> String {
        let reason = self.reason.lines().next().unwrap_or_default();
        let error = self.messages.iter().find(|message| message.severity == Severity::Error);
        error.map_or_else(|| reason.to_owned(), |error| format!("{reason}: {error}"))
    }
}

impl FailedStage {
    /// The word for people.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Plan => "plan",
            Self::Build => "build",
            Self::Inspect => "inspect",
            Self::Smoke => "smoke",
            Self::Interrupted => "interrupted",
            Self::Missing => "missing",
        }
    }
}

impl Part {
    /// Reads one and looks whether it agrees with itself. The error says what is wrong.
    pub fn parse(bytes: &[u8]) -> Result<Self, String> {
        let value: Value = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
        match value.get("format_version").and_then(Value::as_u64) {
            Some(version) if version > u64::from(FORMAT_VERSION) => {
                return Err(format!("its format is {version}, of a later modfarm"));
            }
            _ => {}
        }
        is_harmless("", &value)?;
        let part: Self = serde_json::from_value(value).map_err(|error| error.to_string())?;
        part.agrees()?;
        Ok(part)
    }

    /// The file's text.
    #[must_use]
    pub fn to_json(&self) -> String {
        serde_json::to_string_pretty(self).map(|text| text + "\n").unwrap_or_default()
    }

    /// Whether a cell did not come as far as it should.
    #[must_use]
    pub fn failure(&self, cell: &CellId) -> Option<&FailedCell> {
        self.failed.iter().find(|failed| failed.id == *cell)
    }

    /// A root of it.
    #[must_use]
    pub fn root(&self, name: &str) -> Option<&RootRecord> {
        self.roots.iter().find(|root| root.name == name)
    }

    /// Whether it says nothing twice, and of every cell what follows from the cell's name and from the
    /// rest of the part.
    fn agrees(&self) -> Result<(), String> {
        once(self.cells.iter().map(|cell| cell.id.to_string()))?;
        once(self.failed.iter().map(|failed| failed.id.to_string()))?;
        once(self.roots.iter().map(|root| root.name.clone()))?;
        for cell in &self.cells {
            self.cell_agrees(cell).map_err(|what| format!("{}: {what}", cell.id))?;
        }
        Ok(())
    }

    fn cell_agrees(&self, cell: &CellRecord) -> Result<(), String> {
        let id = &cell.id;
        let named = (&id.apache, id.python, id.apache.arch, id.abi);
        if named != (&cell.apache, cell.python, cell.arch, cell.abi) {
            return Err("its record is of another cell".to_owned());
        }
        if matches!(cell.verdict, Verdict::Excluded { .. }) {
            return Err("it is excluded, and yet there is a file".to_owned());
        }
        let (Some(built), None) = (&cell.built, &cell.not_built) else {
            return Err("it has no file".to_owned());
        };
        self.file_agrees(id, built)?;
        self.inputs_agree(id, built)
    }

    fn file_agrees(&self, id: &CellId, built: &BuiltRecord) -> Result<(), String> {
        let module = &self.module.name;
        let [path, line] = [id.module_path(module), id.load_module_line(module)];
        if built.path != path {
            return Err(format!("its file is at {}, not at {path}", built.path));
        }
        if built.load_module != line {
            return Err(format!("it is loaded by '{}', not by '{line}'", built.load_module));
        }
        if built.size > LARGEST_MODULE {
            return Err(format!("its file has {} bytes, more than any module", built.size));
        }
        if built.findings.iter().any(|finding| finding.severity == Severity::Error) {
            return Err("the inspection refused its file".to_owned());
        }
        if built.wheel.is_some() {
            return Err("it has a wheel, which only a release has".to_owned());
        }
        Ok(())
    }

    fn inputs_agree(&self, id: &CellId, built: &BuiltRecord) -> Result<(), String> {
        let inputs = &built.inputs;
        if inputs.source_tree != self.module.source_tree {
            return Err("it was built from another source than the part".to_owned());
        }
        if built.toolset != inputs.toolset.name || !self.toolsets.contains(&inputs.toolset) {
            return Err(format!("its toolset '{}' is none of the part", built.toolset));
        }
        self.root_agrees(id, &built.apache_root, RootKind::Apache, inputs.apache_tree)?;
        self.root_agrees(id, &built.python_root, RootKind::Python, inputs.python_tree)
    }

    fn root_agrees(
        &self,
        id: &CellId,
        name: &str,
        kind: RootKind,
        tree: Sha256,
    ) -> Result<(), String> {
        match self.root(name) {
            Some(root) if (root.kind, root.arch, root.tree) == (kind, id.apache.arch, tree) => {
                Ok(())
            }
            Some(_) => Err(format!("its root '{name}' is not the one that the part describes")),
            None => Err(format!("its root '{name}' is none of the part")),
        }
    }
}

fn once(names: impl Iterator<Item = String>) -> Result<(), String> {
    let mut known = BTreeSet::new();
    for name in names {
        if known.contains(&name) {
            return Err(format!("{name} is there twice"));
        }
        known.insert(name);
    }
    Ok(())
}

/// Whether no text is longer than any should be, nor commands a terminal, but for logs, which hold what
/// others said.
fn is_harmless(name: &str, value: &Value) -> Result<(), String> {
    match value {
        Value::String(text) => {
            if text.len() > LONGEST_TEXT {
                return Err(format!("'{name}' is longer than {LONGEST_TEXT} bytes"));
            }
            if !name.starts_with("log") && harmless::plain(text) != *text {
                return Err(format!("'{name}' holds a character that commands a terminal"));
            }
            Ok(())
        }
        Value::Array(values) => values.iter().try_for_each(|value| is_harmless(name, value)),
        Value::Object(values) => {
            values.iter().try_for_each(|(name, value)| is_harmless(name, value))
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => Ok(()),
    }
}
