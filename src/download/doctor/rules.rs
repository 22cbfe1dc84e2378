//! The four rules of `mod_wsgi`'s document for Windows, each kept, broken, or not to be told.

use super::{Parts, name};
use crate::model::abi::AbiFamily;
use crate::model::arch::Arch;
use crate::model::diagnosis::{Answer, Rule, Take};
use crate::model::installation::{Apache, Build, Module, Python, PythonKind};

/// The answers in the order of the document.
pub(super) fn rules(parts: &Parts, take: Option<&Take>) -> Vec<Rule> {
    if parts.is_empty() {
        return Vec::new();
    }
    vec![
        bitness(parts),
        for_all_users(parts.python.as_ref()),
        one_compiler(parts),
        right_module(parts, take),
    ]
}

fn rule(number: u8, answer: Answer, because: String, remedy: Option<String>) -> Rule {
    let rule = match number {
        1 => "everything is 32 bit, or everything is 64 bit",
        2 => "Python is installed for all users",
        3 => "Apache and Python are from one compiler family",
        _ => "mod_wsgi is from that family, and for this Python and this Apache",
    };
    Rule { number, rule, answer, because, remedy }
}

fn broken(number: u8, because: String, remedy: String) -> Rule {
    rule(number, Answer::Broken, because, Some(remedy))
}

fn bitness(parts: &Parts) -> Rule {
    let builds = parts.builds();
    let said: Vec<String> =
        builds.iter().map(|(name, build)| format!("{name} is {}", bits(build))).collect();
    let said = said.join(", ");
    let [(_, first), others @ ..] = builds.as_slice() else {
        return rule(1, Answer::CannotTell, "nothing is known".to_owned(), None);
    };
    if others.iter().any(|(_, other)| other.machine != first.machine) {
        return broken(1, said, other_bits(parts));
    }
    match first.arch {
        None => {
            let remedy = "no Apache is published for it: install the 64 bit (x86-64) builds of \
                          Apache and Python";
            broken(1, said, remedy.to_owned())
        }
        Some(_) if others.is_empty() => rule(1, Answer::CannotTell, said, None),
        Some(arch) => {
            rule(1, Answer::Kept, format!("everything is {} ({arch})", arch.bits()), None)
        }
    }
}

/// `64 bit (win64)`; another machine by its name.
fn bits(build: &Build) -> String {
    build.arch.map_or_else(|| build.machine.clone(), |arch| format!("{} ({arch})", arch.bits()))
}

/// Whoever disagrees with Apache is to be replaced; a module is easily, a Python less so.
fn other_bits(parts: &Parts) -> String {
    let (apache, python) = (parts.apache.as_ref(), parts.python.as_ref());
    let arch = apache.map(|it| it.build.arch).or_else(|| python.map(|it| it.build.arch)).flatten();
    let arch = arch.unwrap_or(Arch::Win64);
    match python.filter(|python| python.build.arch != Some(arch)) {
        Some(python) => {
            let other = python.build.arch.map_or_else(String::new, |other| {
                format!(", or take an Apache for {other} ({})", other.bits())
            });
            format!("install the {} Python {}{other}", arch.bits(), python.tag)
        }
        None => format!("take the module for {arch}"),
    }
}

fn for_all_users(python: Option<&Python>) -> Rule {
    let Some(python) = python else { return unknown(2, "no Python was named") };
    let base = &python.base;
    let again = "install Python again with \"Customize installation\" and \"Install Python for \
                 all users\", so that it lies in C:\\Program Files";
    match &python.kind {
        PythonKind::AllUsers => rule(2, Answer::Kept, format!("it lies in {base}"), None),
        PythonKind::OneUser { user } => {
            let whose = user.as_ref().map_or_else(
                || "in the profile of one user".to_owned(),
                |user| format!("in the profile of {user}"),
            );
            let because = format!(
                "it lies {whose} ({base}), where the account of Apache's service may not read"
            );
            let account = user.as_deref().unwrap_or("that user");
            let remedy = format!("{again}; or let Apache's service log on as {account}");
            broken(2, because, remedy)
        }
        PythonKind::Store => {
            let because = format!(
                "it is from the Microsoft Store ({base}), whose files other programs may not \
                 load: Apache gets \"Access is denied\""
            );
            broken(2, because, format!("{again}, with the installer of python.org"))
        }
        PythonKind::Embeddable | PythonKind::Conda | PythonKind::Unknown => unknown(
            2,
            &format!(
                "{base} does not tell; the account that Apache runs as must be able to read that folder"
            ),
        ),
    }
}

fn unknown(number: u8, because: &str) -> Rule {
    rule(number, Answer::CannotTell, because.to_owned(), None)
}

fn one_compiler(parts: &Parts) -> Rule {
    match (&parts.apache, &parts.python) {
        (Some(apache), Some(python)) => match (apache.build.abi, python.build.abi) {
            (Some(one), Some(other)) if one == other => {
                let compilers = [&apache.build, &python.build].map(compiler);
                let because = match one {
                    AbiFamily::Vc14 => format!(
                        "both are of {one}: Apache {}, Python {}; Visual Studio 2015 to 2026 mix",
                        compilers[0], compilers[1]
                    ),
                    _ => format!("both are of {one} ({})", one.runtime()),
                };
                rule(3, Answer::Kept, because, None)
            }
            (Some(one), Some(other)) => mixed(apache, one, python, other),
            (None, _) => unknown(3, &no_family("Apache", &apache.build)),
            (_, None) => unknown(3, &no_family("Python", &python.build)),
        },
        (Some(apache), None) => unknown(3, &alone("Apache", &apache.build)),
        (None, Some(python)) => unknown(3, &alone("Python", &python.build)),
        (None, None) => unknown(3, "neither Apache nor Python was named"),
    }
}

fn compiler(build: &Build) -> &str {
    build.compiler.as_deref().unwrap_or("of an unknown compiler")
}

fn alone(what: &str, build: &Build) -> String {
    match build.abi {
        Some(abi) => format!("{what} alone is known: it is of {abi} ({})", abi.runtime()),
        None => no_family(what, build),
    }
}

/// Mingw's builds have Windows' own runtime, which none of Microsoft's compilers is made for.
fn no_family(what: &str, build: &Build) -> String {
    if build.runtimes.is_empty() {
        return format!("{what} imports no C runtime that would tell its compiler");
    }
    let runtimes = build.runtimes.join(" and ");
    format!("{what} has {runtimes} as C runtime, which tells no family of Microsoft's compilers")
}

fn mixed(apache: &Apache, theirs: AbiFamily, python: &Python, ours: AbiFamily) -> Rule {
    let because = format!(
        "Apache is of {theirs} ({}), Python {} of {ours} ({}): what one allocates the other \
         cannot free",
        theirs.runtime(),
        python.tag,
        ours.runtime()
    );
    let pythons = pythons_of(theirs).map_or_else(
        || format!("; no Python was ever compiled with {theirs}"),
        |pythons| format!("; or install Python {pythons}, which is of {theirs}"),
    );
    let series = apache.series.as_deref().unwrap_or("2.4");
    broken(3, because, format!("take an Apache {series} of {}{pythons}", labels(ours)))
}

/// The Pythons whose official builds are of a family.
pub(super) fn pythons_of(family: AbiFamily) -> Option<&'static str> {
    match family {
        AbiFamily::Vc9 => Some("2.6, 2.7"),
        AbiFamily::Vc10 => Some("3.3 or 3.4"),
        AbiFamily::Vc11 | AbiFamily::Vc12 => None,
        AbiFamily::Vc14 => Some("3.5 or later"),
    }
}

/// The labels of a family as Apache Lounge has them.
pub(super) fn labels(family: AbiFamily) -> &'static str {
    match family {
        AbiFamily::Vc14 => "VC14, VC15, VS16, VS17 or VS18",
        other => other.as_str(),
    }
}

fn right_module(parts: &Parts, take: Option<&Take>) -> Rule {
    if parts.modules.is_empty() {
        return unknown(4, "no module was named, and none lies in Apache's modules folder");
    }
    let objections: Vec<String> =
        parts.modules.iter().flat_map(|module| objections(parts, module)).collect();
    if !objections.is_empty() {
        let there = take.filter(|take| take.is_there != Some(false));
        let remedy = there.map_or_else(
            || "take the module for this Python and this Apache".to_owned(),
            |take| format!("take {}", take.path),
        );
        return broken(4, objections.join("; "), remedy);
    }
    let names: Vec<String> = parts.modules.iter().map(name).collect();
    if parts.apache.is_none() || parts.python.is_none() {
        let what: Vec<String> = parts.modules.iter().map(Module::describe).collect();
        return unknown(4, &format!("{} is {}", names.join(", "), what.join(", ")));
    }
    let what = parts.modules.iter().map(|module| compiled_for(&name(module), module));
    rule(4, Answer::Kept, what.collect::<Vec<_>>().join("; "), None)
}

/// `mod_wsgi.so is of VC14, for Python 3.13 and Apache 2.4`.
fn compiled_for(name: &str, module: &Module) -> String {
    let known = |text: Option<String>| text.unwrap_or_else(|| "an unknown one".to_owned());
    let abi = known(module.build.abi.map(|abi| abi.to_string()));
    let python = known(module.really.python.map(|tag| tag.to_string()));
    let apache = known(module.really.apache_series.clone());
    format!("{name} is of {abi}, for Python {python} and Apache {apache}")
}

/// Why a module does not go with this Apache and this Python.
pub(super) fn objections(parts: &Parts, module: &Module) -> Vec<String> {
    let name = name(module);
    let mut all = Vec::new();
    if module.really.module.is_none() {
        all.push(format!("{name} is no module for Apache"));
    }
    if let Some(python) = &parts.python {
        all.extend(other_python(&name, module, python));
    }
    if let Some(apache) = &parts.apache {
        all.extend(other_apache(&name, module, apache));
    }
    all
}

fn other_python(name: &str, module: &Module, python: &Python) -> Vec<String> {
    let mut all = Vec::new();
    match module.really.python {
        Some(tag) if tag != python.tag => {
            all.push(format!("{name} is for Python {tag}, and this is Python {}", python.tag));
        }
        None => all.push(format!("{name} imports no single pythonXY.dll")),
        Some(_) => {}
    }
    if let (Some(is), Some(wanted)) = (module.build.abi, python.build.abi)
        && is != wanted
    {
        all.push(format!("{name} is of {is} ({}), and Python of {wanted}", is.runtime()));
    }
    all
}

fn other_apache(name: &str, module: &Module, apache: &Apache) -> Vec<String> {
    let mut all = Vec::new();
    if let (Some(is), Some(wanted)) = (&module.really.apache_series, &apache.series)
        && is != wanted
    {
        let magic = module.really.module_magic.as_deref().unwrap_or("of another magic");
        all.push(format!("{name} is for Apache {is} ({magic}), and this is Apache {wanted}"));
    }
    if module.build.machine != apache.build.machine {
        let (is, wanted) = (bits(&module.build), bits(&apache.build));
        all.push(format!("{name} is {is}, and Apache is {wanted}"));
    }
    all
}
