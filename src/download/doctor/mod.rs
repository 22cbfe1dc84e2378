//! Whether an Apache, a Python and a module go together, by the four rules of `mod_wsgi`'s document; what
//! to change where they do not, which file to take, and which lines to write.

mod findings;
mod lines;
pub mod log;
mod partner;
mod rules;
mod take;

use camino::Utf8Path;

use super::installation::discovery::Discovered;
use super::installation::lies_in;
use super::reference::Reference;
use crate::model::diagnosis::{Answer, Diagnosis};
use crate::model::installation::{Apache, Build, Module, Need, Python};

/// What is looked at.
#[derive(Clone, Debug, Default)]
pub struct Parts {
    /// The Apache.
    pub apache: Option<Apache>,
    /// The Python.
    pub python: Option<Python>,
    /// The modules that somebody named.
    pub modules: Vec<Module>,
    /// Modules that lie where such are: of these it is enough when one fits.
    pub lying_about: Vec<Module>,
    /// What was found as well.
    pub also_found: Vec<String>,
}

/// Applies the rules, and looks for all else that is known to go wrong.
#[must_use]
pub fn diagnose(parts: Parts, reference: Option<&Reference>) -> Diagnosis {
    let take = take::take(&parts, reference);
    let rules = rules::rules(&parts, take.as_ref());
    let lines = lines::lines(&parts, take.as_ref());
    let findings = findings::findings(&parts, &lines);
    let goes_with = partner::partner(&parts);
    let Parts { apache, python, modules, also_found, .. } = parts;
    Diagnosis {
        apache,
        python,
        modules,
        also_found,
        rules,
        findings,
        take,
        goes_with,
        lines,
        log: None,
    }
}

impl Parts {
    /// Whether anything is known.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.apache.is_none() && self.python.is_none() && self.modules.is_empty()
    }

    /// Takes an Apache and a Python that were found for those that nobody named: of several Pythons the
    /// first that breaks no rule with the Apache.
    pub fn fill(&mut self, found: Discovered) {
        let mut apaches = found.apaches.into_iter();
        if self.apache.is_none() {
            self.apache = apaches.next();
            self.also_found
                .extend(apaches.map(|apache| found_at(apache.describe(), &apache.folder)));
        }
        if self.python.is_none() {
            let mut pythons = found.pythons;
            let breaks = |python: &Python| {
                let parts = Self {
                    apache: self.apache.clone(),
                    python: Some(python.clone()),
                    ..Self::default()
                };
                rules::rules(&parts, None).iter().any(|rule| rule.answer == Answer::Broken)
            };
            let at = pythons.iter().position(|python| !breaks(python)).unwrap_or_default();
            if !pythons.is_empty() {
                self.python = Some(pythons.remove(at));
            }
            self.also_found.extend(pythons.iter().map(|it| found_at(it.describe(), &it.folder)));
        }
    }

    /// Of the modules that lie about, those count that fit; where none does, all of them. A module that
    /// somebody named is the one that is meant.
    #[must_use]
    pub fn settled(mut self) -> Self {
        let found = std::mem::take(&mut self.lying_about);
        if !self.modules.is_empty() {
            return self;
        }
        let (fit, not): (Vec<_>, Vec<_>) =
            found.into_iter().partition(|module| rules::objections(&self, module).is_empty());
        let (chosen, beside) = if fit.is_empty() { (not, fit) } else { (fit, not) };
        self.also_found.extend(beside.iter().map(|it| found_at(it.describe(), &it.file)));
        self.modules = chosen;
        self
    }

    /// What a module cannot be loaded without: what lies beside httpd.exe is found there, and what lies
    /// beside Python's DLL was loaded with that one.
    fn needs_of<'a>(&'a self, module: &'a Module) -> impl Iterator<Item = &'a Need> {
        let bin = self.apache.as_ref().map(|apache| apache.folder.join("bin"));
        let python = self.python.as_ref().map(|python| python.base.clone());
        let folders: Vec<_> = bin.into_iter().chain(python).collect();
        let is_there = move |dll: &str| folders.iter().any(|folder| lies_in(folder, dll));
        module.needs.iter().filter(move |need| !is_there(&need.dll))
    }

    /// What all parts are compiled with and for, by their names.
    fn builds(&self) -> Vec<(String, &Build)> {
        let apache = self.apache.iter().map(|apache| ("Apache".to_owned(), &apache.build));
        let python = self.python.iter().map(|python| ("Python".to_owned(), &python.build));
        let modules = self.modules.iter().map(|module| (name(module), &module.build));
        apache.chain(python).chain(modules).collect()
    }
}

/// The file name of a module.
fn name(module: &Module) -> String {
    module.file.file_name().unwrap_or(module.file.as_str()).to_owned()
}

fn found_at(what: String, place: &Utf8Path) -> String {
    format!("{what}, in {place}")
}
