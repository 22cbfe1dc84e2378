//! What Apache said, and what the file is: the likely cause of a failure, in words for an administrator.
//!
//! Wine's and Windows' own words differ and say little ("Module not found"), so the file's imports and
//! the DLLs it meets are looked at before they are believed.

use std::sync::Arc;
use std::time::Duration;

use camino::Utf8Path;

use super::Trial;
use super::words::{self, between, ending};
use crate::inspect::{Context, Expectation, Facts, RootExports, inspect};
use crate::model::finding::Severity;
use crate::model::smoke::Smoke;
use crate::sys::files;

/// All that is known of a failure.
#[derive(Debug)]
pub(super) struct Evidence<'a> {
    pub(super) trial: &'a Trial,
    /// Both outputs of httpd.
    pub(super) said: &'a str,
    /// Its error log.
    pub(super) log: &'a str,
    /// How it ended, if it has.
    pub(super) exit: Option<i32>,
}

const CHILD: &str = "httpd starts, and its child process, which runs the module,";

const IN_USE: &str = "the port is in use";

/// Whether another port would help.
pub(super) fn is_port_in_use(result: &Smoke) -> bool {
    matches!(result, Smoke::Failed { reason, .. } if reason.starts_with(IN_USE))
}

/// How the cause begins where the system started no process for Apache, which says nothing of the module: it
/// was seen under Wine, on a busy machine.
const NO_PROCESS: &str = "the system starts no child process for httpd";

/// Whether the very same may go well the next time.
pub(super) fn is_of_the_system(result: &Smoke) -> bool {
    matches!(result, Smoke::Failed { reason, .. } if reason.starts_with(NO_PROCESS))
}

/// The likely cause, if Apache is in trouble at all.
pub(super) fn likely(evidence: &Evidence<'_>) -> Option<String> {
    let text = format!("{}\n{}", evidence.said, evidence.log);
    let has = |words: &str| text.contains(words);
    if has("could not bind to address") || has("no listening sockets available") {
        return Some(format!("{IN_USE}: another program listens where Apache should"));
    }
    if let Some(missing) = between(&text, "Cannot load ", " into server") {
        return Some(cannot_load(evidence, missing, reason_after(&text)));
    }
    let symbol = evidence.trial.symbol();
    if has("Can't locate API module structure") {
        return Some(no_symbol(evidence, &symbol));
    }
    if has("is garbled") || has("is not compatible with this version of Apache") {
        return Some(other_series(evidence));
    }
    if words::NO_ENCODINGS.iter().any(|said| has(said)) {
        return Some(
            "Python does not find its library (No module named 'encodings'): WSGIPythonHome does not \
             name the folder of a Python of this version"
                .to_owned(),
        );
    }
    // Before 3.11 mod_wsgi cannot tell Python, which then asks the registry.
    if has(words::NO_CODEC) {
        return Some(
            "Python does not find its library: it is not installed for all users, or another one is \
             registered in its place"
                .to_owned(),
        );
    }
    for words in
        ["Fatal Python error: ", "Python interpreter configuration failed in embedded mode: "]
    {
        if let Some(said) = between(&text, words, "\n") {
            return Some(format!("Python does not start: {}", said.trim()));
        }
    }
    if let Some(cause) = no_process(&text) {
        return Some(cause);
    }
    // A debugger that Wine starts, or the system's, may come between a crash and its status.
    let fault = has("Unhandled page fault").then_some(0xc000_0005);
    if let Some(status) = child_status(evidence.log).or(fault) {
        return Some(format!("{CHILD} ends {}{}", ending(status), other_headers(evidence)));
    }
    if has("create child process failed") {
        return Some(format!("{CHILD} ends before it is ready{}", other_headers(evidence)));
    }
    if let Some(line) = syntax_error(evidence.said) {
        return Some(format!("httpd refuses its configuration: {line}"));
    }
    evidence.exit.map(|code| format!("httpd ended by itself {}", ending(code.cast_unsigned())))
}

/// What httpd says of its own system where that refuses it a process: `(OS 1359)Internal error.  : AH00417: …`.
fn no_process(text: &str) -> Option<String> {
    let line = text.lines().find(|line| line.contains("AH00417"))?;
    let said = between(line, ")", " : ").map(str::trim).filter(|said| !said.is_empty());
    Some(said.map_or_else(|| NO_PROCESS.to_owned(), |said| format!("{NO_PROCESS}: {said}")))
}

/// What an Apache does that neither ends nor answers.
pub(super) fn stuck(log: &str, patience: Duration) -> String {
    let seconds = patience.as_secs();
    let doing = if log.contains("worker threads") || log.contains("mpm_event") {
        "it hangs: its threads are started, and none answers"
    } else if log.contains("Created child process") {
        "it hangs in the start of its child process: a hook that the module has there (child_init) \
         does not return"
    } else {
        "it hangs while it reads its configuration: loading the module or a hook of it \
         (post_config) does not return"
    };
    format!("httpd runs and serves nothing within {seconds} s; {doing}")
}

/// Where the module was compiled for another Python than the one it meets, that is why.
fn other_headers(evidence: &Evidence<'_>) -> String {
    let compiled = between(evidence.log, " Python/", " ").unwrap_or_default();
    let meets = evidence.trial.host.python.version.as_deref().unwrap_or_default();
    if compiled.is_empty() || meets == compiled || meets.starts_with(&format!("{compiled}.")) {
        return String::new();
    }
    format!("; it was compiled with the headers of Python {compiled} and meets Python {meets}")
}

/// The words after the last colon of "Cannot load X into server: …".
fn reason_after(text: &str) -> &str {
    between(text, " into server: ", "\n").unwrap_or("no reason is given").trim()
}

/// Apache could not load a DLL: the module, or what a `LoadFile` names.
fn cannot_load(evidence: &Evidence<'_>, file: &str, apache_says: &str) -> String {
    let trial = evidence.trial;
    let name = file.trim_matches('"').rsplit(['/', '\\']).next().unwrap_or(file);
    if name != trial.file_name {
        return format!("the LoadFile line names {name}, which cannot be loaded: {apache_says}");
    }
    let cause = match Facts::read(&trial.file) {
        Ok(facts) => why_not_loaded(trial, &facts),
        Err(not) if trial.host.arch.is_some() => Some(not.to_string()),
        Err(_) => None,
    };
    match cause {
        Some(cause) => format!("httpd cannot load {name}: {cause} (it says: {apache_says})"),
        None => format!("httpd cannot load {name}: {apache_says}"),
    }
}

fn why_not_loaded(trial: &Trial, facts: &Facts) -> Option<String> {
    let host = &trial.host;
    if let Some(machine) = host.machine()
        && facts.machine != machine
    {
        let is = facts.machine;
        return Some(format!("it is a {is} binary and this Apache is {machine}"));
    }
    let beside = |dll: &str| is_beside(&host.apache.folder.join("bin"), dll);
    let load_file = host.load_file.as_deref().and_then(Utf8Path::file_name);
    let load_file = load_file.filter(|_| !trial.setting.without_load_file);
    let imported = facts.imports.iter().filter(|import| !import.delayed);
    for dll in imported.map(|import| import.dll.as_str()) {
        let python = dll.to_ascii_lowercase().starts_with("python");
        if python && !beside(dll) && load_file.is_none_or(|named| !named.eq_ignore_ascii_case(dll))
        {
            let instead = load_file.map_or_else(String::new, |named| format!("; it names {named}"));
            return Some(format!(
                "{dll} is not beside httpd.exe and no LoadFile names it{instead}"
            ));
        }
    }
    objection(trial)
}

fn is_beside(folder: &Utf8Path, dll: &str) -> bool {
    let names = files::names(folder).unwrap_or_default();
    names.iter().any(|name| name.eq_ignore_ascii_case(dll))
}

/// What an inspection objects to first, with the DLLs that the file really meets.
fn objection(trial: &Trial) -> Option<String> {
    let mut roots = Vec::new();
    let apache = trial.host.apache.folder.join("bin");
    let dlls = ["libhttpd.dll", "libapr-1.dll", "libaprutil-1.dll"].map(|name| apache.join(name));
    for path in dlls.iter().chain(&trial.host.load_file) {
        let name = path.file_name().unwrap_or_default();
        let bytes = files::read(path).unwrap_or_default();
        roots.extend(RootExports::from_dll(&bytes, name, name).map(Arc::new));
    }
    let context = Context { roots, mixing_allowed: true, newest_apache: None };
    let expected = Expectation { module: trial.module.clone(), ..Expectation::nothing() };
    let findings = inspect(&trial.file, &expected, &context).findings;
    let first = findings.into_iter().find(|finding| finding.severity == Severity::Error);
    first.map(|finding| finding.message)
}

fn no_symbol(evidence: &Evidence<'_>, symbol: &str) -> String {
    let exported = Facts::read(&evidence.trial.file).ok().and_then(|facts| {
        let first = facts.modules.first()?;
        Some(format!("; it exports {}", first.symbol))
    });
    let more = exported.unwrap_or_else(|| ": it is no module of Apache".to_owned());
    format!("the file exports no {symbol}, which the LoadModule line names{more}")
}

fn other_series(evidence: &Evidence<'_>) -> String {
    let facts = Facts::read(&evidence.trial.file).ok();
    let record = facts.and_then(|facts| facts.modules.iter().find_map(|module| module.record));
    let apache = evidence.trial.host.apache.version.clone().unwrap_or_default();
    match record.and_then(|record| Some((record.series()?, record.major))) {
        Some((series, magic)) => format!(
            "the module was built for Apache {} (its magic is {magic}) and this is Apache {apache}",
            series.name
        ),
        None => format!("the module was built for another series of Apache than this {apache}"),
    }
}

/// The status of the last child process that ended by itself.
fn child_status(log: &str) -> Option<u32> {
    log.lines().rev().find_map(words::child_status)
}

fn syntax_error(said: &str) -> Option<String> {
    let mut lines = said.lines().skip_while(|line| !line.contains("Syntax error on line"));
    lines.next()?;
    Some(lines.next()?.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::smoke::SmokeHost;

    #[test]
    fn a_system_that_starts_no_process_is_not_the_modules_fault() {
        let line =
            "(OS 1359)Internal error.  : AH00417: Parent: Failed to create the child process.";
        let reason = no_process(line).unwrap();
        assert_eq!(reason, "the system starts no child process for httpd: Internal error.");
        let [system, apache, python] = ["Wine", "Apache", "Python"].map(str::to_owned);
        let by = SmokeHost { system, apache, python };
        let failed = |reason: &str| Smoke::Failed {
            by: by.clone(),
            check: "start".to_owned(),
            reason: reason.to_owned(),
            log: line.to_owned(),
        };
        assert!(is_of_the_system(&failed(&reason)) && !is_of_the_system(&failed("it crashed")));
        let child = "AH00419: master_main: create child process failed. Exiting.";
        assert_eq!(no_process(child), None);
    }

    #[test]
    fn a_hang_is_placed() {
        let say = |log| stuck(log, Duration::from_secs(9));
        assert!(say("").contains("post_config"));
        assert!(say("Parent: Created child process 5").contains("child_init"));
        assert!(say("Child: Starting 25 worker threads.").contains("none answers"));
    }
}
