//! `nmake`: Microsoft's make, as far as modfarm's makefiles and the like go: what of it is not played is an
//! error, never another meaning. Here is what it builds and in which order; `read` has the makefile's
//! language, `macros` what stands for something else, `shell` the commands.

mod condition;
mod macros;
mod read;
mod shell;

use std::collections::{BTreeMap, BTreeSet};
use std::time::SystemTime;

use crate::arguments::{files, here, option};
use macros::{Macros, Of};
use read::{Fault, Makefile};

/// Builds what a makefile says; gives nmake's exit code.
pub(crate) fn run(arguments: &[String]) -> i32 {
    match make(arguments) {
        Ok(()) => 0,
        Err(Fault { place, code, text }) => {
            eprintln!("{place} : fatal error {code}: {text}");
            if place == NMAKE {
                eprintln!("Stop.");
            }
            if code == "U1065" { 1 } else { 2 }
        }
    }
}

/// Who objects where no line of a makefile is to blame.
const NMAKE: &str = "NMAKE";

fn fault(code: &'static str, text: String) -> Fault {
    Fault { place: NMAKE.to_owned(), code, text }
}

fn make(arguments: &[String]) -> Result<(), Fault> {
    let order = Order::read(arguments)?;
    if !order.quiet {
        eprintln!("\nMicrosoft (R) Program Maintenance Utility (stand-in)\n");
    }
    let mut macros = Macros::of_the_environment();
    for (name, value) in &order.macros {
        macros.fix(name, value);
    }
    let makefile = read::read(&order.makefile, macros)?;
    let targets =
        if order.targets.is_empty() {
            let first = makefile.rules.first().and_then(|rule| rule.targets.first().cloned());
            vec![first.ok_or_else(|| {
                fault("U1064", "MAKEFILE not found and no target specified".into())
            })?]
        } else {
            order.targets.clone()
        };
    let mut work = Work {
        makefile: &makefile,
        order: &order,
        done: BTreeMap::new(),
        open: BTreeSet::new(),
        ran: 0,
    };
    for target in &targets {
        let ran = work.ran;
        work.build(target)?;
        if work.ran == ran && has_commands(&makefile, target) {
            println!("'{target}' is up-to-date");
        }
    }
    Ok(())
}

/// What the command line asks for.
#[derive(Debug, Default)]
struct Order {
    makefile: String,
    targets: Vec<String>,
    macros: Vec<(String, String)>,
    quiet: bool,
    all: bool,
    only_show: bool,
}

impl Order {
    fn read(arguments: &[String]) -> Result<Self, Fault> {
        let mut order = Self { makefile: "makefile".to_owned(), ..Self::default() };
        let mut arguments = arguments.iter();
        while let Some(argument) = arguments.next() {
            let Some(flag) = option(argument) else {
                match argument.split_once('=') {
                    Some((name, value)) => order.macros.push((name.into(), value.into())),
                    None => order.targets.push(argument.clone()),
                }
                continue;
            };
            match flag.to_ascii_lowercase().as_str() {
                "nologo" => order.quiet = true,
                "a" => order.all = true,
                "n" => order.only_show = true,
                "f" => {
                    let file = arguments.next();
                    let missing = || fault("U1065", "invalid option 'f'".to_owned());
                    order.makefile.clone_from(file.ok_or_else(missing)?);
                }
                _ => return Err(fault("U1065", format!("invalid option '{flag}'"))),
            }
        }
        Ok(order)
    }
}

/// What has been built, and what is being.
struct Work<'a> {
    makefile: &'a Makefile,
    order: &'a Order,
    /// When each target changed; none of what is no file.
    done: BTreeMap<String, Option<SystemTime>>,
    open: BTreeSet<String>,
    /// How many commands ran.
    ran: usize,
}

impl Work<'_> {
    /// Builds a target after what it depends on, if it is older; gives its time.
    fn build(&mut self, target: &str) -> Result<Option<SystemTime>, Fault> {
        if let Some(time) = self.done.get(target) {
            return Ok(*time);
        }
        if !self.open.insert(target.to_owned()) {
            return Err(fault("U1071", format!("cycle in dependency tree for target '{target}'")));
        }
        let time = self.build_now(target)?;
        self.open.remove(target);
        self.done.insert(target.to_owned(), time);
        Ok(time)
    }

    fn build_now(&mut self, target: &str) -> Result<Option<SystemTime>, Fault> {
        let makefile = self.makefile;
        let rules: Vec<_> = makefile.rules.iter().filter(|rule| rule.is_for(target)).collect();
        let own = modified(target);
        if rules.is_empty() {
            return match own {
                Some(time) => Ok(Some(time)),
                None => Err(fault("U1073", format!("don't know how to make '{target}'"))),
            };
        }
        let mut commands = rules.iter().filter(|rule| !rule.commands.is_empty());
        let rule = commands.next();
        if commands.next().is_some() {
            return Err(fault("U1060", format!("two sets of commands for '{target}'")));
        }
        let names = rules.iter().flat_map(|rule| &rule.dependents);
        let dependents: Vec<String> = names.flat_map(|name| files(name)).collect();
        let mut newer = Vec::new();
        for dependent in &dependents {
            let time = self.build(dependent)?;
            if own.is_none_or(|own| time.is_none_or(|time| time > own)) {
                newer.push(dependent.clone());
            }
        }
        let stale = own.is_none() || self.order.all || !newer.is_empty();
        let Some(rule) = rule.filter(|_| stale) else { return Ok(own) };
        let of = Of { target, dependents: &dependents, newer: &newer };
        for command in &rule.commands {
            self.command(command, &of)?;
        }
        // What makes no file is as good as new.
        Ok(modified(target))
    }

    fn command(&mut self, command: &str, of: &Of<'_>) -> Result<(), Fault> {
        let makefile = self.makefile;
        let mut text = command.trim();
        let (mut shown, mut forgiving) = (true, false);
        loop {
            text = match text.strip_prefix('@') {
                Some(rest) => {
                    shown = false;
                    rest
                }
                None => match text.strip_prefix('-') {
                    Some(rest) => {
                        forgiving = true;
                        rest
                    }
                    None => break,
                },
            }
            .trim_start();
        }
        if text.starts_with('!') || text.contains("<<") {
            return Err(fault("U1036", format!("not played: {text}")));
        }
        let line = makefile.macros.expand(text, Some(of)).map_err(|why| fault("U1018", why))?;
        if line.trim().is_empty() {
            return Ok(());
        }
        self.ran += 1;
        if shown || self.order.only_show {
            println!("\t{line}");
        }
        if self.order.only_show {
            return Ok(());
        }
        let code = shell::run(&line, &makefile.macros.exported())
            .map_err(|why| fault("U1045", format!("spawn failed : {why}")))?;
        if code == 0 || forgiving {
            return Ok(());
        }
        let program = line.split_whitespace().next().unwrap_or_default();
        Err(fault("U1077", format!("'{program}' : return code '{code:#x}'")))
    }
}

/// What has none has nothing that could be up to date.
fn has_commands(makefile: &Makefile, target: &str) -> bool {
    makefile.rules.iter().any(|rule| rule.is_for(target) && !rule.commands.is_empty())
}

fn modified(file: &str) -> Option<SystemTime> {
    std::fs::metadata(here(file)).and_then(|metadata| metadata.modified()).ok()
}
