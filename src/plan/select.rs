//! `--only` and `--skip`: globs on the ids of cells. `*` also stands for the `/` in them.

use globset::{Candidate, Glob, GlobSet, GlobSetBuilder};

use super::{PlanError, Request};
use crate::matrix::{Matrix, most_like};
use crate::model::version::Version;

/// Which cells a request selects, and which of its patterns matched none.
pub(super) struct Selector {
    only: Patterns,
    skip: Patterns,
}

impl Selector {
    pub(super) fn new(request: &Request) -> Result<Self, PlanError> {
        Ok(Self {
            only: Patterns::new("--only", &request.only)?,
            skip: Patterns::new("--skip", &request.skip)?,
        })
    }

    /// Whether a cell is wanted. Remembers which patterns had something to match.
    pub(super) fn selects(&mut self, id: &str) -> bool {
        if self.only.is_empty() && self.skip.is_empty() {
            return true;
        }
        let candidate = Candidate::new(id);
        let skipped = self.skip.matches(&candidate);
        (self.only.is_empty() || self.only.matches(&candidate)) && !skipped
    }

    /// Complains of the first pattern that matched no cell, and names some that are like it.
    pub(super) fn check(
        &self,
        matrix: &Matrix,
        version: &Version,
        ids: impl FnOnce() -> Vec<String>,
    ) -> Result<(), PlanError> {
        let Some((option, pattern)) = self.only.idle().or_else(|| self.skip.idle()) else {
            return Ok(());
        };
        let near = most_like(&pattern.replace(['*', '?', '[', ']'], ""), ids(), 3);
        Err(PlanError::NoMatch {
            option,
            pattern: pattern.to_owned(),
            module: matrix.module.clone(),
            version: Box::new(version.clone()),
            near: if near.is_empty() {
                "the version has no cells at all".to_owned()
            } else {
                format!("cells with names like it: {}", near.join(", "))
            },
        })
    }
}

/// The patterns of one option.
struct Patterns {
    option: &'static str,
    texts: Vec<String>,
    set: GlobSet,
    used: Vec<bool>,
    buffer: Vec<usize>,
}

impl Patterns {
    fn new(option: &'static str, texts: &[String]) -> Result<Self, PlanError> {
        let bad = |pattern: &str, error: globset::Error| PlanError::BadPattern {
            option,
            pattern: pattern.to_owned(),
            problem: error.kind().to_string(),
        };
        let mut set = GlobSetBuilder::new();
        for text in texts {
            set.add(Glob::new(text).map_err(|error| bad(text, error))?);
        }
        let set = set.build().map_err(|error| bad(&texts.join("', '"), error))?;
        let used = vec![false; texts.len()];
        Ok(Self { option, texts: texts.to_vec(), set, used, buffer: Vec::new() })
    }

    fn is_empty(&self) -> bool {
        self.texts.is_empty()
    }

    fn matches(&mut self, candidate: &Candidate<'_>) -> bool {
        self.set.matches_candidate_into(candidate, &mut self.buffer);
        for &index in &self.buffer {
            self.used[index] = true;
        }
        !self.buffer.is_empty()
    }

    fn idle(&self) -> Option<(&'static str, &str)> {
        let index = self.used.iter().position(|used| !used)?;
        Some((self.option, &self.texts[index]))
    }
}
