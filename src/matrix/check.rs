//! From the rows of the file to a [`Matrix`]: what every row must be beside the others. The first
//! thing that is wrong ends it, with its place.

use std::collections::{BTreeMap, HashMap};

use serde_yaml::{Location, Spanned};

use super::fault::{Fault, Problem, place};
use super::file::{
    AbsentRow, ApacheRow, BrokenRow, CompilerRow, ExceptionRow, ExceptionVerdict, MatrixFile,
    ModuleRow, PinRow, PythonPinRow, PythonRow,
};
use super::nearest::nearest;
use super::{
    Absent, AbsentThing, Apache, Broken, Exception, Matrix, MatrixError, Pin, Python, PythonPin,
    Rule,
};
use crate::model::abi::AbiFamily;
use crate::model::cell::{ApacheLabel, CellId, Verdict};
use crate::model::digest::Sha256;
use crate::model::python::PythonTag;

/// The bytes of a file as text, without a byte order mark.
pub(super) fn text(name: &str, bytes: Vec<u8>) -> Result<String, MatrixError> {
    let text = String::from_utf8(bytes).map_err(|error| {
        let valid = error.utf8_error().valid_up_to();
        let text = String::from_utf8_lossy(error.as_bytes());
        let before = &text[..valid];
        let column = before.rsplit('\n').next().map_or(0, |line| line.chars().count());
        let line = before.matches('\n').count();
        Problem::new(name, &text, (line + 1, column + 1), Fault::NotText)
    })?;
    Ok(text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text))
}

/// The matrix that the rows of a file make.
pub(super) fn matrix(file: MatrixFile, name: &str, text: &str) -> Checked<Matrix> {
    let check = Check { name, text, compilers: &file.compilers };
    check.module(&file.module)?;
    check.compiler_names()?;
    let msvc = check.tools()?;
    let mut apaches = check.apaches(file.apaches)?;
    apaches.sort_by(|one, other| layout_key(one).cmp(&layout_key(other)));
    let mut pythons = check.pythons(file.pythons)?;
    pythons.sort_by_key(|python| python.tag);
    let mut matrix = Matrix {
        file: name.to_owned(),
        module: file.module.value,
        release: file.release.value,
        apache_index: apaches.iter().enumerate().map(|(i, a)| (a.label.clone(), i)).collect(),
        python_index: pythons.iter().enumerate().map(|(i, p)| (p.tag, i)).collect(),
        named: vec![Vec::new(); apaches.len()],
        apaches,
        pythons,
        rules: check.rules(file.modules)?,
        broken: check.broken(file.broken)?,
        absent: Vec::new(),
        exceptions: Vec::new(),
        decided: HashMap::new(),
        compilers: file.compilers.iter().map(|(name, row)| (name.clone(), row.value.abi)).collect(),
        msvc,
    };
    matrix.absent = check.absent(file.absent, &matrix)?;
    for row in file.exceptions {
        check.exception(row, &mut matrix)?;
    }
    matrix.named.iter_mut().for_each(|pythons| pythons.sort_unstable());
    check.release(file.release.referenced, &matrix)?;
    Ok(matrix)
}

/// The order of the layout's folders: series, age of the compiler, arch.
fn layout_key(apache: &Apache) -> impl Ord + '_ {
    let label = &apache.label;
    (&label.series, apache.visual_studio, &label.compiler, label.arch)
}

/// What a check comes to.
type Checked<T> = Result<T, Box<Problem>>;

/// What the checks of the rows share.
struct Check<'a> {
    name: &'a str,
    text: &'a str,
    compilers: &'a BTreeMap<String, Spanned<CompilerRow>>,
}

impl Check<'_> {
    fn problem(&self, location: Location, fault: Fault) -> Box<Problem> {
        Box::new(Problem::new(self.name, self.text, place(location), fault))
    }

    fn module(&self, module: &Spanned<String>) -> Checked<()> {
        let part = |c: char| c.is_ascii_alphanumeric() || c == '_';
        if !module.value.is_empty() && module.value.chars().all(part) {
            return Ok(());
        }
        let what = format!("'{}' is no name of an Apache module", module.value);
        let problem = self.problem(module.referenced, Fault::Value(what));
        Err(problem.hint("it begins the files' names: letters, digits and _, as in mod_wsgi"))
    }

    fn compiler_names(&self) -> Checked<()> {
        let bad =
            |name: &str| name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_alphanumeric());
        let Some((name, row)) = self.compilers.iter().find(|(name, _)| bad(name)) else {
            return Ok(());
        };
        let what = format!("'{name}' is no label of a compiler");
        let problem = self.problem(row.referenced, Fault::Value(what));
        Err(problem.hint("a label is letters and digits, as Apache Lounge writes them: VC10, VS17"))
    }

    /// The versions of Microsoft's tools that the compilers pin: two numbers, of which the second may be
    /// but begun, and the first is the family's.
    fn tools(&self) -> Checked<BTreeMap<String, String>> {
        let pinned = self
            .compilers
            .iter()
            .filter_map(|(label, row)| Some((label, row, row.value.msvc.as_ref()?)));
        pinned
            .map(|(label, row, msvc)| {
                let version = &msvc.value;
                let is_number =
                    |part: &str| !part.is_empty() && part.bytes().all(|it| it.is_ascii_digit());
                let parts =
                    version.split_once('.').filter(|(one, two)| is_number(one) && is_number(two));
                let problem = |what: String| self.problem(msvc.referenced, Fault::Value(what));
                let Some((major, _)) = parts else {
                    let what = format!("'{version}' is no version of Microsoft's tools");
                    return Err(problem(what)
                        .hint("as their folders are named, two numbers of it: \"14.44\""));
                };
                let family = row.value.abi;
                if family.as_str().strip_prefix("VC") != Some(major) {
                    let what = format!("the tools {version} do not build for {family}");
                    let number = family.as_str().trim_start_matches("VC");
                    return Err(problem(what).hint(format!("those of {family} are {number}.…")));
                }
                Ok((label.clone(), version.clone()))
            })
            .collect()
    }

    fn compiler(&self, name: &str, location: Location) -> Checked<&CompilerRow> {
        self.compilers.get(name).map(|row| &row.value).ok_or_else(|| {
            let problem = self.problem(location, Fault::UnknownCompiler(name.to_owned()));
            let known = || self.compilers.keys().map(String::as_str);
            problem.hint(match nearest(name, known()) {
                Some(near) => format!("did you mean `{near}`? otherwise add it to `compilers`"),
                None => format!(
                    "add it to `compilers`; there are {}",
                    known().collect::<Vec<_>>().join(", ")
                ),
            })
        })
    }

    fn apaches(&self, rows: Vec<Spanned<ApacheRow>>) -> Checked<Vec<Apache>> {
        let mut seen = BTreeMap::new();
        rows.into_iter()
            .map(|row| {
                let line = place(row.referenced).0;
                let location = row.value.name.referenced;
                if let Some(first) = seen.insert(row.value.name.value.clone(), line) {
                    let what = row.value.name.value.to_string();
                    return Err(self.problem(location, Fault::Duplicate { what, first }));
                }
                self.apache(row.value, line)
            })
            .collect()
    }

    fn apache(&self, row: ApacheRow, line: usize) -> Checked<Apache> {
        let label = row.name.value;
        let compiler = self.compiler(&label.compiler, row.name.referenced)?;
        for version in row.oldest.iter().chain(&row.newest) {
            if !version.value.is_of_series(&label.series) {
                let what = format!("{} is no Apache {}", version.value, label.series);
                return Err(self.problem(version.referenced, Fault::Value(what)));
            }
        }
        if let (Some(oldest), Some(newest)) = (&row.oldest, &row.newest)
            && oldest.value > newest.value
        {
            let what = format!("upside down: {} is newer than {}", oldest.value, newest.value);
            return Err(self.problem(oldest.referenced, Fault::Value(what)));
        }
        Ok(Apache {
            abi: compiler.abi,
            visual_studio: compiler.visual_studio,
            oldest: row.oldest.map(|version| version.value),
            newest: row.newest.map(|version| version.value),
            root: row.root.map(|pin| self.pin(pin)).transpose()?,
            label,
            line,
        })
    }

    fn pythons(&self, rows: Vec<Spanned<PythonRow>>) -> Checked<Vec<Python>> {
        let mut seen = HashMap::new();
        rows.into_iter()
            .map(|row| {
                let line = place(row.referenced).0;
                let (tag, location) = (row.value.version.value, row.value.version.referenced);
                if let Some(first) = seen.insert(tag, line) {
                    let what = format!("Python {tag}");
                    return Err(self.problem(location, Fault::Duplicate { what, first }));
                }
                self.python(row.value, line)
            })
            .collect()
    }

    fn python(&self, row: PythonRow, line: usize) -> Checked<Python> {
        let abi = self.compiler(&row.compiler.value, row.compiler.referenced)?.abi;
        let tag = row.version.value;
        let pin = |(arch, pin)| Ok((arch, self.python_pin(pin, tag)?));
        Ok(Python {
            tag,
            compiler: row.compiler.value,
            abi,
            roots: row.roots.into_iter().map(pin).collect::<Checked<_>>()?,
            line,
        })
    }

    fn python_pin(&self, pin: Spanned<PythonPinRow>, tag: PythonTag) -> Checked<PythonPin> {
        let PythonPinRow { nuget, url, sha256 } = pin.value;
        match (nuget, url) {
            (Some(version), None) => {
                let version = self.package(version, tag)?;
                Ok(PythonPin::NuGet { version, sha256 })
            }
            (None, Some(url)) => Ok(PythonPin::Archive(self.archive(url, sha256)?)),
            _ => {
                let what = "a root is either a `nuget` version or a `url`".to_owned();
                let problem = self.problem(pin.referenced, Fault::Value(what));
                Err(problem.hint("{ nuget: \"3.13.2\" }, or { url: \"https://…\", sha256: \"…\" }"))
            }
        }
    }

    /// A version of the Python, as NuGet spells it.
    fn package(&self, version: Spanned<String>, tag: PythonTag) -> Checked<String> {
        let series = format!("{}.{}.", tag.major, tag.minor);
        let part = |byte: u8| byte.is_ascii_alphanumeric() || b".-".contains(&byte);
        let text = &version.value;
        if text.starts_with(&series) && text.len() < 40 && text.bytes().all(part) {
            return Ok(version.value);
        }
        let what = format!("'{text}' is no version of Python {tag}");
        let problem = self.problem(version.referenced, Fault::Value(what));
        Err(problem
            .hint(format!("it begins with {series} and is spelled as NuGet does: {series}2")))
    }

    fn pin(&self, pin: Spanned<PinRow>) -> Checked<Pin> {
        self.archive(pin.value.url, pin.value.sha256)
    }

    fn archive(&self, url: Spanned<String>, sha256: Option<Sha256>) -> Checked<Pin> {
        if is_trusted(&url.value) && !url.value.contains(char::is_whitespace) {
            return Ok(Pin { url: url.value, sha256 });
        }
        let what = format!("'{}' is no https URL", url.value);
        Err(self.problem(url.referenced, Fault::Value(what)).hint("it begins with https://"))
    }

    fn rules(&self, rows: Vec<Spanned<ModuleRow>>) -> Checked<Vec<Rule>> {
        let mut rules: Vec<(Rule, Location)> = rows
            .into_iter()
            .map(|row| {
                let rule = Rule {
                    versions: row.value.versions.value,
                    pythons: row.value.pythons.value,
                    apaches: row.value.apaches.map(|series| series.value),
                    line: place(row.referenced).0,
                };
                (rule, row.value.versions.referenced)
            })
            .collect();
        rules.sort_by(|(one, _), (other, _)| one.versions.cmp_start(&other.versions));
        for pair in rules.windows(2) {
            self.apart(&pair[0], &pair[1])?;
        }
        Ok(rules.into_iter().map(|(rule, _)| rule).collect())
    }

    /// Complains where two rules hold for the same version, at the one that stands lower.
    fn apart(&self, one: &(Rule, Location), other: &(Rule, Location)) -> Checked<()> {
        if !one.0.versions.overlaps(&other.0.versions) {
            return Ok(());
        }
        let (upper, lower) =
            if place(one.1) < place(other.1) { (one, other) } else { (other, one) };
        let fault = Fault::Overlap {
            range: lower.0.versions.to_string(),
            other: upper.0.versions.to_string(),
            line: upper.0.line,
        };
        Err(self.problem(lower.1, fault))
    }

    fn broken(&self, rows: Vec<Spanned<BrokenRow>>) -> Checked<Vec<Broken>> {
        rows.into_iter()
            .map(|Spanned { value: row, referenced, .. }| {
                if let Some(fixed) = &row.fixed_in
                    && row.versions.value.contains(&fixed.value)
                {
                    let what = format!("{} is itself one of the broken versions", fixed.value);
                    return Err(self.problem(fixed.referenced, Fault::Value(what)));
                }
                Ok(Broken {
                    versions: row.versions.value,
                    pythons: row.pythons.map(|range| range.value),
                    reason: self.reason(row.reason)?,
                    fixed_in: row.fixed_in.map(|version| version.value),
                    line: place(referenced).0,
                })
            })
            .collect()
    }

    fn absent(&self, rows: Vec<Spanned<AbsentRow>>, matrix: &Matrix) -> Checked<Vec<Absent>> {
        let mut seen: Vec<Absent> = Vec::new();
        for Spanned { value: row, referenced, .. } in rows {
            let what = self.absent_thing(row.apache, row.python, referenced)?;
            let known = match &what {
                AbsentThing::Apache(label) => {
                    matrix.apache(label).map(|i| (label.to_string(), matrix.apaches[i].line))
                }
                AbsentThing::Python(tag) => {
                    matrix.python(*tag).map(|i| (format!("Python {tag}"), matrix.pythons[i].line))
                }
            };
            let noted = seen.iter().find(|note| note.what == what);
            let twice = noted.map(|note| ("this note".to_owned(), note.line));
            if let Some((what, first)) = known.or(twice) {
                return Err(self.problem(referenced, Fault::Duplicate { what, first }));
            }
            let line = place(referenced).0;
            seen.push(Absent { what, reason: self.reason(row.reason)?, line });
        }
        Ok(seen)
    }

    fn absent_thing(
        &self,
        apache: Option<Spanned<ApacheLabel>>,
        python: Option<Spanned<PythonTag>>,
        location: Location,
    ) -> Checked<AbsentThing> {
        match (apache, python) {
            (Some(label), None) => Ok(AbsentThing::Apache(label.value)),
            (None, Some(tag)) => Ok(AbsentThing::Python(tag.value)),
            _ => {
                let why = "it names either an `apache` or a `python`".to_owned();
                let fault = Fault::MatchesNothing { what: "the note", why };
                Err(self.problem(location, fault))
            }
        }
    }

    fn exception(&self, row: Spanned<ExceptionRow>, matrix: &mut Matrix) -> Checked<()> {
        let (location, row) = (row.referenced, row.value);
        let cells = self.cells_of(&row, location, matrix)?;
        let line = place(location).0;
        for (apache, python) in cells {
            let family = matrix.apaches[apache].abi;
            if let Some(first) = matrix.exception(apache, python) {
                let what = format!("an exception for {}", cell_id(matrix, apache, python));
                let fault = Fault::Duplicate { what, first: first.line };
                return Err(self.problem(location, fault));
            }
            matrix.decided.insert((apache, python), matrix.exceptions.len());
            if matrix.pythons[python].abi != family {
                matrix.named[apache].push(python);
            }
        }
        let reason = self.reason(row.reason)?;
        let verdict = match row.verdict {
            ExceptionVerdict::Unsupported => Verdict::Unsupported { reason },
            ExceptionVerdict::Excluded => Verdict::Excluded { reason },
        };
        matrix.exceptions.push(Exception { verdict, line });
        Ok(())
    }

    /// The cells an exception speaks of: those it names, or those that the ABI rule makes of the
    /// one thing it names.
    fn cells_of(
        &self,
        row: &ExceptionRow,
        location: Location,
        matrix: &Matrix,
    ) -> Checked<Vec<(usize, usize)>> {
        let nothing = |why: String| {
            self.problem(location, Fault::MatchesNothing { what: "the exception", why })
        };
        let apaches = match &row.apache {
            Some(label) => vec![matrix.apache(&label.value).ok_or_else(|| {
                let names: Vec<String> =
                    matrix.apaches.iter().map(|apache| apache.label.to_string()).collect();
                let wanted = label.value.to_string();
                let problem = nothing(format!("the matrix has no {wanted}"));
                match nearest(&wanted, names.iter().map(String::as_str)) {
                    Some(near) => problem.hint(format!("did you mean `{near}`?")),
                    None => problem,
                }
            })?],
            None => (0..matrix.apaches.len()).collect(),
        };
        let pythons: Vec<usize> = match &row.python {
            Some(range) => (0..matrix.pythons.len())
                .filter(|&python| range.value.contains(matrix.pythons[python].tag))
                .collect(),
            None if row.apache.is_none() => {
                return Err(nothing("it names neither an `apache` nor a `python`".to_owned()));
            }
            None => (0..matrix.pythons.len()).collect(),
        };
        if let (true, Some(range)) = (pythons.is_empty(), &row.python) {
            return Err(nothing(format!("the matrix has no Python in '{}'", range.value)));
        }
        let both_named = row.apache.is_some() && row.python.is_some();
        let cells: Vec<(usize, usize)> = apaches
            .iter()
            .flat_map(|&apache| pythons.iter().map(move |&python| (apache, python)))
            .filter(|&(a, p)| both_named || matrix.apaches[a].abi == matrix.pythons[p].abi)
            .collect();
        if cells.is_empty() {
            return Err(nothing("no Apache and Python of it share an ABI family".to_owned()));
        }
        Ok(cells)
    }

    fn reason(&self, reason: Spanned<String>) -> Checked<String> {
        if reason.value.trim().is_empty() {
            return Err(self.problem(reason.referenced, Fault::EmptyReason));
        }
        Ok(reason.value.trim().to_owned())
    }

    fn release(&self, location: Location, matrix: &Matrix) -> Checked<()> {
        let version = &matrix.release;
        let wholly = |row: &&Broken| row.pythons.is_none() && row.versions.contains(version);
        let what = if matrix.rule(version).is_none() {
            format!("no row of `modules` is about {version}")
        } else if let Some(row) = matrix.broken.iter().find(wholly) {
            format!("{version} is broken on Windows, says line {}", row.line)
        } else {
            return Ok(());
        };
        Err(self.problem(location, Fault::Value(what)))
    }
}

fn cell_id(matrix: &Matrix, apache: usize, python: usize) -> CellId {
    let python = &matrix.pythons[python];
    let abi: AbiFamily = python.abi;
    CellId { apache: matrix.apaches[apache].label.clone(), python: python.tag, abi }
}

/// Whether what comes from an address is what its owner sent: over plain http anybody on the way can answer,
/// but for this machine itself.
#[must_use]
pub fn is_trusted(url: &str) -> bool {
    let host = url.strip_prefix("http://").and_then(|rest| rest.split(['/', ':']).next());
    url.starts_with("https://") || matches!(host, Some("127.0.0.1" | "localhost"))
}
