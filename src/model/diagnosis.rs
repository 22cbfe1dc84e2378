//! What `doctor` finds: whether an Apache, a Python and a module go together, what to change where they
//! do not, which file to take, and what a log says.

use serde::Serialize;

use super::cell::{CellId, Verdict};
use super::digest::Sha256;
use super::finding::{Finding, Severity};
use super::installation::{Apache, Module, Python};
use super::smoke::Smoke;
use super::version::Version;

/// All that is known of one machine.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Diagnosis {
    /// The Apache.
    pub apache: Option<Apache>,
    /// The Python.
    pub python: Option<Python>,
    /// The modules that were named, or that lie where Apache's modules do.
    pub modules: Vec<Module>,
    /// What was found as well, and not looked at.
    pub also_found: Vec<String>,
    /// The four rules of `mod_wsgi`'s document for Windows.
    pub rules: Vec<Rule>,
    /// What else there is to object to, worst first.
    pub findings: Vec<Finding>,
    /// The file of a release that goes with them.
    pub take: Option<Take>,
    /// What goes with the Apache or the Python that is known alone.
    pub goes_with: Option<String>,
    /// What `httpd.conf` must say.
    pub lines: Vec<String>,
    /// What a log says.
    pub log: Option<LogReading>,
}

/// How it ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Ending {
    /// Nothing is broken, and everything was looked at.
    Fits,
    /// Nothing is broken as far as can be told.
    NothingBroken,
    /// Something must be changed.
    Broken,
}

impl Diagnosis {
    /// How it ends.
    #[must_use]
    pub fn ending(&self) -> Ending {
        let of_rules = |answer| self.rules.iter().any(|rule| rule.answer == answer);
        let errors = self.findings.iter().any(|finding| finding.severity == Severity::Error);
        let explained = self.log.as_ref().is_some_and(|log| !log.explanations.is_empty());
        if errors || explained || of_rules(Answer::Broken) {
            Ending::Broken
        } else if self.rules.is_empty() || of_rules(Answer::CannotTell) {
            Ending::NothingBroken
        } else {
            Ending::Fits
        }
    }
}

/// One of the four rules, and whether it is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Rule {
    /// 1 to 4, as the document numbers them.
    pub number: u8,
    /// The rule.
    pub rule: &'static str,
    /// Whether it is kept.
    pub answer: Answer,
    /// Why.
    pub because: String,
    /// What to change.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remedy: Option<String>,
}

/// Whether a rule is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// It is.
    Kept,
    /// It is not.
    Broken,
    /// What it is about was not named, or does not say.
    CannotTell,
}

impl Answer {
    /// `kept`, `broken` or `cannot tell`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Kept => "kept",
            Self::Broken => "broken",
            Self::CannotTell => "cannot tell",
        }
    }
}

/// The file of a release to take.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Take {
    /// Its cell.
    pub cell: CellId,
    /// Its place in the archive: `Apache24-win64-VS17/modules/mod_wsgi-py313-VC14.so`.
    pub path: String,
    /// Whether the release has it; unknown where no manifest was named.
    pub is_there: Option<bool>,
    /// What is to be said of the choice.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remark: Option<String>,
    /// What a manifest says of it, if one was named.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub released: Option<Released>,
}

/// What the manifest of a release says of a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Released {
    /// The module's version.
    pub version: Version,
    /// What modfarm thinks of the combination.
    pub verdict: Verdict,
    /// The file, if there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<ReleasedFile>,
    /// Why there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub not_built: Option<String>,
}

/// A file of a release.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ReleasedFile {
    /// Its SHA-256.
    pub sha256: Sha256,
    /// Its size in bytes.
    pub size: u64,
    /// The archives that it is in.
    pub archives: Vec<String>,
    /// Whether a real Apache served a page with it.
    pub smoke: Smoke,
}

/// What a log says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LogReading {
    /// The file.
    pub file: String,
    /// Its size in bytes.
    pub size: u64,
    /// How much of its end was read.
    pub read: u64,
    /// The messages that are known, the one that explains most first.
    pub explanations: Vec<Explanation>,
}

/// A message that is known, in plain words.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Explanation {
    /// Its name, stable across versions: `not-a-win32-application`.
    pub id: String,
    /// How often it stands there.
    pub times: usize,
    /// The last line that has it.
    pub line: String,
    /// What it means.
    pub means: String,
    /// What it comes from here, where the installations tell.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub here: Option<String>,
    /// What to do.
    pub remedy: String,
}
