//! What a message comes from on this very machine, by what its Apache, its Python and its module are.
//! Nothing is said where they tell nothing.

use super::windows::load_failure;
use crate::download::doctor::{Parts, name, rules, take};
use crate::download::installation::conf_path;
use crate::model::diagnosis::Answer;
use crate::model::installation::{Module, Need, PythonKind};
use crate::smoke::words;

/// Who is 32 bit and who 64.
pub(super) fn bitness(line: &str, parts: &Parts) -> Option<String> {
    broken(parts, &[1]).or_else(|| objection(line, parts))
}

/// Which families of compilers meet.
pub(super) fn compilers(line: &str, parts: &Parts) -> Option<String> {
    broken(parts, &[1, 3]).or_else(|| objection(line, parts))
}

/// What the module is for, and what this is.
pub(super) fn other_versions(line: &str, parts: &Parts) -> Option<String> {
    objection(line, parts).or_else(|| broken(parts, &[3, 4]))
}

/// Whatever is broken.
pub(super) fn any_rule(line: &str, parts: &Parts) -> Option<String> {
    objection(line, parts).or_else(|| broken(parts, &[1, 2, 3, 4]))
}

/// Whose Python this is.
pub(super) fn for_one_user(_: &str, parts: &Parts) -> Option<String> {
    let python = parts.python.as_ref()?;
    match python.kind {
        PythonKind::Conda => Some(format!("{} is conda's Python", python.base)),
        _ => broken(parts, &[2]),
    }
}

/// What the file imports that Windows will not find, or that the file itself is not there.
pub(super) fn missing(line: &str, parts: &Parts) -> Option<String> {
    let (file, _) = load_failure(line)?;
    let Some(module) = named(file, parts) else { return not_there(file, parts) };
    let name = name(module);
    if let Some(why) = objection(line, parts) {
        return Some(why);
    }
    // Whether Windows has a runtime is not known where no Windows can be seen.
    let is_missing = |need: &&Need| match need.runtime {
        Some(_) => need.in_system == Some(false),
        None => need.in_system != Some(true),
    };
    let missing = parts.needs_of(module).filter(is_missing);
    let missing: Vec<&str> = missing.map(|need| need.dll.as_str()).collect();
    if !missing.is_empty() {
        let missing = missing.join(", ");
        return Some(format!("{name} imports {missing}, which is not there"));
    }
    let dll = module.really.python?.dll();
    let where_ = parts.python.as_ref().map_or_else(String::new, |python| {
        format!(": write LoadFile \"{}\"", conf_path(&python.dll))
    });
    Some(format!(
        "{name} imports {dll}, which Windows looks for beside httpd.exe, in System32 and on the \
         PATH{where_}"
    ))
}

/// A relative name is below Apache's folder.
fn not_there(file: &str, parts: &Parts) -> Option<String> {
    let apache = parts.apache.as_ref()?;
    let is_relative = !file.starts_with(['/', '\\']) && file.get(1..2) != Some(":");
    let path = apache.folder.join(file.replace('\\', "/"));
    (is_relative && !crate::sys::files::exists(&path)).then(|| format!("{path} is not there"))
}

/// The symbol that the file does export.
pub(super) fn symbol(line: &str, parts: &Parts) -> Option<String> {
    let module = named(words::between(line, "in file ", ":")?, parts).or_else(|| only(parts))?;
    let exports = module
        .really
        .module
        .as_ref()
        .map_or_else(|| "no symbol of an Apache module".to_owned(), Clone::clone);
    Some(format!("{} exports {exports}", name(module)))
}

/// What the module and Apache are of.
pub(super) fn series(_: &str, parts: &Parts) -> Option<String> {
    let wanted = parts.apache.as_ref()?.series.as_ref()?;
    let other = |module: &&Module| {
        module.really.apache_series.as_ref().is_some_and(|series| series != wanted)
    };
    let module = parts.modules.iter().find(other)?;
    let is = module.really.apache_series.as_ref()?;
    Some(format!("{} is for Apache {is}, and this is Apache {wanted}", name(module)))
}

/// What `WSGIPythonHome` must say.
pub(super) fn home(_: &str, parts: &Parts) -> Option<String> {
    let python = parts.python.as_ref()?;
    let home = conf_path(&python.home);
    if !python.has_library {
        return Some(format!("{} has no Lib/encodings", python.base));
    }
    let whose = broken(parts, &[2]).map_or_else(String::new, |why| format!("; {why}"));
    Some(format!("for Python {} write WSGIPythonHome \"{home}\"{whose}", python.tag))
}

/// What the status means, and what it is likely to come from.
pub(super) fn crash(line: &str, parts: &Parts) -> Option<String> {
    let ended = words::child_status(line).map(words::ending)?;
    let likely = broken(parts, &[1, 3, 4]).map_or_else(String::new, |why| format!("; {why}"));
    Some(format!("it ends {ended}{likely}"))
}

/// Which file there is to load.
pub(super) fn loading(_: &str, parts: &Parts) -> Option<String> {
    let load = crate::download::doctor::lines::lines(parts, take::take(parts, None).as_ref());
    let line = load.into_iter().find(|line| line.starts_with("LoadModule"))?;
    Some(format!("the line is: {line}"))
}

/// The file that need not be compiled.
pub(super) fn built(_: &str, parts: &Parts) -> Option<String> {
    take::take(parts, None).map(|take| format!("the file is {}", take.path))
}

/// Whether this Apache has headers.
pub(super) fn headers(line: &str, parts: &Parts) -> Option<String> {
    let apache = parts.apache.as_ref().filter(|apache| !apache.headers.httpd_h)?;
    let maker = apache.maker.as_ref().map_or_else(String::new, |maker| format!(" ({maker})"));
    let instead = built(line, parts).map_or_else(String::new, |file| format!("; {file}"));
    Some(format!("{}{maker} has no include/httpd.h{instead}", apache.folder))
}

/// The rules of these numbers that are broken, with why.
fn broken(parts: &Parts, numbers: &[u8]) -> Option<String> {
    let rules = rules::rules(parts, None);
    let broken =
        rules.iter().filter(|rule| rule.answer == Answer::Broken && numbers.contains(&rule.number));
    let said: Vec<&str> = broken.map(|rule| rule.because.as_str()).collect();
    (!said.is_empty()).then(|| said.join("; "))
}

/// Why the very module that a line names does not go with the others.
fn objection(line: &str, parts: &Parts) -> Option<String> {
    let (file, _) = load_failure(line)?;
    let objections = rules::objections(parts, named(file, parts)?);
    (!objections.is_empty()).then(|| objections.join("; "))
}

/// The module that a path names, by the last part of it.
fn named<'a>(file: &str, parts: &'a Parts) -> Option<&'a Module> {
    let last = file.rsplit(['/', '\\']).next().unwrap_or(file);
    parts.modules.iter().find(|module| name(module).eq_ignore_ascii_case(last))
}

fn only(parts: &Parts) -> Option<&Module> {
    parts.modules.first().filter(|_| parts.modules.len() == 1)
}
