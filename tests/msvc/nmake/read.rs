//! The language of nmake's makefiles: conditions and includes, macros, rules with their commands. A comment
//! ends where its line ends, also after a backslash; a command begins with a blank.

use std::path::Path;

use super::condition;
use super::macros::Macros;
use crate::arguments::here;

/// A makefile, read.
#[derive(Debug)]
pub(crate) struct Makefile {
    pub(crate) macros: Macros,
    pub(crate) rules: Vec<Rule>,
}

/// What is built from what, by which commands.
#[derive(Debug)]
pub(crate) struct Rule {
    pub(crate) targets: Vec<String>,
    pub(crate) dependents: Vec<String>,
    pub(crate) commands: Vec<String>,
}

impl Rule {
    /// Names of files are the same in small letters and large ones.
    pub(crate) fn is_for(&self, target: &str) -> bool {
        self.targets.iter().any(|known| known.eq_ignore_ascii_case(target))
    }
}

/// What nmake objects to.
#[derive(Debug)]
pub(crate) struct Fault {
    /// `NMAKE`, or a line: `x.mk(12)`.
    pub(crate) place: String,
    pub(crate) code: &'static str,
    pub(crate) text: String,
}

/// Includes do not go deeper.
const DEEPEST: usize = 10;

/// Reads a makefile and all that it includes.
pub(crate) fn read(file: &str, macros: Macros) -> Result<Makefile, Fault> {
    let makefile = Makefile { macros, rules: Vec::new() };
    let mut reader = Reader { makefile, rule: None, depth: 0 };
    reader.file(file)?;
    Ok(reader.makefile)
}

struct Reader {
    makefile: Makefile,
    /// The rule that commands belong to.
    rule: Option<usize>,
    depth: usize,
}

/// Where something stands.
struct Place<'a> {
    file: &'a str,
    line: usize,
}

impl Place<'_> {
    fn fault(&self, code: &'static str, text: impl Into<String>) -> Fault {
        Fault { place: format!("{}({})", self.file, self.line), code, text: text.into() }
    }
}

/// An `!if` that is open.
struct Branch {
    /// Whether its lines count.
    taken: bool,
    /// Whether one of its branches was taken.
    done: bool,
    /// Whether what is around it counts.
    outside: bool,
}

impl Reader {
    fn file(&mut self, file: &str) -> Result<(), Fault> {
        let missing = || super::fault("U1052", format!("file '{file}' not found"));
        if self.depth > DEEPEST {
            return Err(missing());
        }
        let bytes = std::fs::read(here(file)).map_err(|_| missing())?;
        let text = decoded(&bytes);
        let mut lines = text.lines().enumerate();
        let mut branches: Vec<Branch> = Vec::new();
        while let Some((number, first)) = lines.next() {
            let place = Place { file, line: number + 1 };
            let mut line = first.trim_end_matches('\r').to_owned();
            if line.starts_with('#') {
                continue;
            }
            let counts = branches.last().is_none_or(|branch| branch.taken);
            if !counts && !line.starts_with('!') {
                continue;
            }
            while goes_on(&line) {
                line.pop();
                let Some((_, more)) = lines.next() else { break };
                line = format!("{} {}", line.trim_end(), more.trim_end_matches('\r').trim_start());
            }
            match line.strip_prefix('!') {
                Some(directive) => self.directive(directive.trim(), &mut branches, &place)?,
                None => self.line(&line, &place)?,
            }
        }
        if branches.is_empty() {
            return Ok(());
        }
        let place = Place { file, line: text.lines().count() };
        Err(place.fault("U1022", "missing '!ENDIF'"))
    }

    fn directive(
        &mut self,
        text: &str,
        branches: &mut Vec<Branch>,
        place: &Place<'_>,
    ) -> Result<(), Fault> {
        let (word, rest) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
        let (word, rest) = (word.to_ascii_lowercase(), rest.trim());
        let counts = branches.last().is_none_or(|branch| branch.taken);
        match word.as_str() {
            "if" | "ifdef" | "ifndef" => {
                let taken = counts && self.holds(&word, rest, place)?;
                branches.push(Branch { taken, done: taken, outside: counts });
                Ok(())
            }
            "else" | "elseif" | "elseifdef" | "elseifndef" => {
                let (word, rest) = match word.strip_prefix("else").unwrap_or_default() {
                    "" => rest.split_once(char::is_whitespace).unwrap_or((rest, "")),
                    joined => (joined, rest),
                };
                let Some(branch) = branches.pop() else {
                    return Err(place.fault("U1031", "unexpected '!ELSE'"));
                };
                let open = branch.outside && !branch.done;
                let taken = open
                    && (word.is_empty() || self.holds(&word.to_ascii_lowercase(), rest, place)?);
                branches.push(Branch { taken, done: branch.done || taken, ..branch });
                Ok(())
            }
            "endif" => match branches.pop() {
                Some(_) => Ok(()),
                None => Err(place.fault("U1031", "unexpected '!ENDIF'")),
            },
            _ if !counts => Ok(()),
            "include" => self.include(rest, place),
            "message" => {
                println!("{}", self.expand(rest, place)?);
                Ok(())
            }
            "error" => {
                let text = self.expand(rest, place)?;
                Err(place.fault("U1050", text))
            }
            "undef" => {
                self.makefile.macros.undefine(rest);
                Ok(())
            }
            _ => Err(place.fault("U1032", format!("bad preprocessor directive '{word}'"))),
        }
    }

    fn holds(&self, word: &str, rest: &str, place: &Place<'_>) -> Result<bool, Fault> {
        let macros = &self.makefile.macros;
        match word {
            "ifdef" => Ok(macros.is_defined(rest)),
            "ifndef" => Ok(!macros.is_defined(rest)),
            "if" => {
                let text = self.expand(rest, place)?;
                let holds = condition::holds(&text, &|name| macros.is_defined(name));
                holds.map_err(|why| {
                    place.fault("U1023", format!("syntax error in expression: {why}"))
                })
            }
            _ => Err(place.fault("U1032", format!("bad preprocessor directive '{word}'"))),
        }
    }

    fn expand(&self, text: &str, place: &Place<'_>) -> Result<String, Fault> {
        self.makefile.macros.expand(text, None).map_err(|why| place.fault("U1018", why))
    }

    /// Where it was started, else beside the one that includes it.
    fn include(&mut self, named: &str, place: &Place<'_>) -> Result<(), Fault> {
        let named = self.expand(named, place)?;
        let named = named.trim().trim_matches(['"', '<', '>']).to_owned();
        let beside =
            place.file.rfind(['/', '\\']).map(|at| format!("{}{named}", &place.file[..=at]));
        let there = beside
            .filter(|path| !Path::new(&here(&named)).exists() && Path::new(&here(path)).exists());
        self.depth += 1;
        self.file(&there.unwrap_or(named))?;
        self.depth -= 1;
        Ok(())
    }

    fn line(&mut self, line: &str, place: &Place<'_>) -> Result<(), Fault> {
        if line.trim().is_empty() {
            return Ok(());
        }
        if line.starts_with([' ', '\t']) {
            let rule = self.rule.and_then(|at| self.makefile.rules.get_mut(at));
            let rule =
                rule.ok_or_else(|| place.fault("U1034", "syntax error : separator missing"))?;
            rule.commands.push(line.trim().to_owned());
            return Ok(());
        }
        let text = line.split('#').next().unwrap_or_default().trim_end();
        if let Some(file) =
            text.strip_prefix("include").filter(|rest| rest.starts_with([' ', '\t']))
        {
            return self.include(file, place);
        }
        if let Some((name, value)) = definition(text) {
            self.rule = None;
            self.makefile.macros.define(name, value);
            return Ok(());
        }
        self.rule(text, place)
    }

    fn rule(&mut self, text: &str, place: &Place<'_>) -> Result<(), Fault> {
        let text = self.expand(text, place)?;
        let (text, command) = match text.split_once(';') {
            Some((text, command)) => (text.to_owned(), Some(command.trim().to_owned())),
            None => (text, None),
        };
        let at = separator(&text);
        let at = at.ok_or_else(|| place.fault("U1034", "syntax error : separator missing"))?;
        let (targets, dependents) = (&text[..at], &text[at + 1..]);
        let words = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
        let targets = words(targets);
        match targets.first().map(String::as_str) {
            None => return Err(place.fault("U1033", "syntax error : no target")),
            Some(".SUFFIXES" | ".PRECIOUS") => return Ok(()),
            Some(first) if first.starts_with(['.', '{']) || dependents.starts_with(':') => {
                return Err(place.fault("U1033", format!("syntax error : not played: '{first}'")));
            }
            Some(_) => {}
        }
        let commands = command.into_iter().collect();
        self.rule = Some(self.makefile.rules.len());
        self.makefile.rules.push(Rule { targets, dependents: words(dependents), commands });
        Ok(())
    }
}

/// UTF-8 where a mark says so, else a code page of one byte a character, as most machines have.
fn decoded(bytes: &[u8]) -> String {
    match bytes.strip_prefix(b"\xef\xbb\xbf") {
        Some(text) => String::from_utf8_lossy(text).into_owned(),
        None => bytes.iter().map(|byte| char::from(*byte)).collect(),
    }
}

/// Whether the next line belongs to this one. A comment takes the rest of a line, its backslash as well;
/// commands have none.
fn goes_on(line: &str) -> bool {
    let is_command = line.starts_with([' ', '\t']);
    line.ends_with('\\') && !line.ends_with("^\\") && (is_command || !line.contains('#'))
}

/// The name and the value of a macro, where a line defines one.
fn definition(text: &str) -> Option<(&str, &str)> {
    let (name, value) = text.split_once('=')?;
    let name = name.trim_end();
    let is_name = !name.is_empty()
        && name.bytes().all(|it| it.is_ascii_alphanumeric() || b"_.".contains(&it));
    is_name.then_some((name, value.trim()))
}

/// The colon between targets and dependents; not that of a drive.
fn separator(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    text.match_indices(':').map(|(at, _)| at).find(|&at| {
        let is_slash = bytes.get(at + 1).is_some_and(|next| b"/\\".contains(next));
        let letter = at.checked_sub(1).and_then(|before| bytes.get(before));
        let begins = at < 2 || bytes[at - 2] == b' ';
        !(is_slash && begins && letter.is_some_and(u8::is_ascii_alphabetic))
    })
}
