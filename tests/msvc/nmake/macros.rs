//! nmake's macros: of the environment, of the command line, of the makefile; and what stands in a command
//! for the target and its dependents.

use std::collections::{BTreeMap, BTreeSet};

/// No macro of ours refers to so many others.
const DEEPEST: usize = 32;

/// The macros.
#[derive(Debug)]
pub(crate) struct Macros {
    values: BTreeMap<String, String>,
    /// Those of the command line, which no makefile changes.
    fixed: BTreeSet<String>,
    /// Those that the environment has: commands see what the makefile makes of them.
    inherited: BTreeSet<String>,
}

/// What a command is run for.
#[derive(Debug)]
pub(crate) struct Of<'a> {
    pub(crate) target: &'a str,
    pub(crate) dependents: &'a [String],
    pub(crate) newer: &'a [String],
}

impl Macros {
    /// Those that are there before a makefile is read.
    pub(crate) fn of_the_environment() -> Self {
        let own = [("CC", "cl"), ("CPP", "cl"), ("CXX", "cl"), ("AS", "ml"), ("RC", "rc")];
        let mut values: BTreeMap<String, String> =
            own.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let mut inherited = BTreeSet::new();
        for (name, value) in std::env::vars() {
            let name = name.to_ascii_uppercase();
            // A dollar sign of the environment stands for itself.
            values.insert(name.clone(), value.replace('$', "$$"));
            inherited.insert(name);
        }
        Self { values, fixed: BTreeSet::new(), inherited }
    }

    /// Defines one for good.
    pub(crate) fn fix(&mut self, name: &str, value: &str) {
        self.values.insert(name.to_owned(), value.to_owned());
        self.fixed.insert(name.to_owned());
    }

    /// Defines one. What it says of itself is what it said before.
    pub(crate) fn define(&mut self, name: &str, value: &str) {
        if self.fixed.contains(name) {
            return;
        }
        let own = format!("$({name})");
        let before = self.values.get(name).cloned().unwrap_or_default();
        self.values.insert(name.to_owned(), value.replace(&own, &before));
    }

    pub(crate) fn undefine(&mut self, name: &str) {
        self.values.remove(name);
    }

    pub(crate) fn is_defined(&self, name: &str) -> bool {
        self.values.contains_key(name)
    }

    /// What the environment of commands has otherwise than ours.
    pub(crate) fn exported(&self) -> Vec<(String, String)> {
        let values = self.inherited.iter().filter_map(|name| Some((name, self.values.get(name)?)));
        let expanded =
            values.filter_map(|(name, value)| Some((name, self.expand(value, None).ok()?)));
        let changed =
            expanded.filter(|(name, value)| std::env::var(name).ok().as_ref() != Some(value));
        changed.map(|(name, value)| (name.clone(), value)).collect()
    }

    /// A text with its macros replaced; those of a target stay where there is none.
    pub(crate) fn expand(&self, text: &str, of: Option<&Of<'_>>) -> Result<String, String> {
        self.expand_at(text, of, 0)
    }

    fn expand_at(&self, text: &str, of: Option<&Of<'_>>, depth: usize) -> Result<String, String> {
        if depth > DEEPEST {
            return Err("macros refer to each other without end".to_owned());
        }
        let (mut all, mut rest) = (String::new(), text);
        while let Some((before, after)) = rest.split_once('$') {
            all += before;
            let (name, left) = reference(after)?;
            all += &self.value(&name, of, depth)?;
            rest = left;
        }
        Ok(all + rest)
    }

    fn value(&self, name: &str, of: Option<&Of<'_>>, depth: usize) -> Result<String, String> {
        if name == "$" {
            return Ok("$".to_owned());
        }
        let (name, change) = match name.split_once(':') {
            Some((name, change)) => (name, Some(change)),
            None => (name, None),
        };
        let value = if let Some(value) = special(name, of)? {
            value
        } else {
            let value = self.values.get(name).map(String::as_str).unwrap_or_default();
            self.expand_at(value, of, depth + 1)?
        };
        let Some(change) = change else { return Ok(value) };
        let (from, to) = change.split_once('=').ok_or_else(|| format!("$({name}:{change})"))?;
        Ok(value.replace(from, to))
    }
}

/// The name that a dollar sign refers to, and what follows it.
fn reference(after: &str) -> Result<(String, &str), String> {
    if let Some(inner) = after.strip_prefix('(') {
        let (name, left) = inner.split_once(')').ok_or("a macro without its ')'")?;
        return Ok((name.to_owned(), left));
    }
    if let Some(left) = after.strip_prefix("**") {
        return Ok(("**".to_owned(), left));
    }
    let first = after.chars().next().ok_or("a '$' with nothing behind it")?;
    Ok((first.to_string(), &after[first.len_utf8()..]))
}

/// `$@`, `$*`, `$**`, `$?` and `$<`, and the parts of `$(@D)` and the like.
fn special(name: &str, of: Option<&Of<'_>>) -> Result<Option<String>, String> {
    let (what, part) = match name.chars().last() {
        Some(part @ ('B' | 'D' | 'F' | 'R')) if name.len() > 1 => {
            (&name[..name.len() - 1], Some(part))
        }
        _ => (name, None),
    };
    if !["@", "*", "**", "?", "<"].contains(&what) {
        return Ok(None);
    }
    let of = of.ok_or_else(|| format!("'${what}' stands where there is no target"))?;
    let names: Vec<&str> = match what {
        "@" => vec![of.target],
        "*" => vec![stem(of.target)],
        "**" => of.dependents.iter().map(String::as_str).collect(),
        "?" => of.newer.iter().map(String::as_str).collect(),
        _ => of.newer.iter().take(1).map(String::as_str).collect(),
    };
    let of_part = |name: &&str| part.map_or(*name, |part| part_of(name, part)).to_owned();
    Ok(Some(names.iter().map(of_part).collect::<Vec<_>>().join(" ")))
}

fn part_of(name: &str, part: char) -> &str {
    let at = name.rfind(['/', '\\']);
    let file = at.map_or(name, |at| &name[at + 1..]);
    match part {
        'D' => at.map_or(".", |at| &name[..at]),
        'F' => file,
        'B' => stem(file),
        _ => stem(name),
    }
}

/// A name without what is behind its last point.
fn stem(name: &str) -> &str {
    let file = name.rfind(['/', '\\']).map_or(0, |at| at + 1);
    name[file..].rfind('.').map_or(name, |at| &name[..file + at])
}
