//! `modfarm runners`: what every runner is, has and lacks; `modfarm runners install` puts modfarm there.

mod install;

use std::collections::BTreeMap;

use camino::Utf8PathBuf;
use clap::Subcommand;

use super::Failure;
use super::listing::Format;
use super::site::Site;
use crate::matrix;
use crate::model::arch::Arch;
use crate::pipeline::survey::{self, Answered, RootAtHand, Survey, SurveyError, Surveyed};
use crate::report::terminal;

/// Show every runner: whether it answers, what compiles there, what it lacks and what to do about it
///
/// Ends with 0 when all of them can be used, with 1 otherwise.
#[derive(Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(super) struct Args {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    list: List,
}

#[derive(Debug, Subcommand)]
enum Command {
    Install(install::Args),
}

#[derive(Debug, clap::Args)]
struct List {
    /// The matrix of combinations
    #[arg(long, value_name = "FILE", default_value = "matrix.yaml")]
    matrix: Utf8PathBuf,
    #[command(flatten)]
    site: Site,
    /// How to write it
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

pub(super) fn run(args: Args) -> Result<(), Failure> {
    match args.command {
        Some(Command::Install(args)) => install::run(args),
        None => list(&args.list),
    }
}

fn list(args: &List) -> Result<(), Failure> {
    let matrix = matrix::load(&args.matrix).map_err(Failure::bad_input)?;
    let request = args.site.declared(&matrix.file)?;
    let survey = super::asynchronously(survey::survey(&matrix, &request))?;
    let survey = survey.map_err(|error| match error {
        SurveyError::Farm(_) => Failure::environment(error),
        SurveyError::Root(_) => Failure::bad_input(error),
    })?;
    match args.format {
        Format::Text => terminal::output(&text(&survey)),
        Format::Json => {
            let json = serde_json::to_string_pretty(&survey);
            let json =
                json.map_err(|error| Failure::environment(format!("cannot write: {error}")))?;
            terminal::output(&format!("{json}\n"));
        }
    }
    let (usable, all) = (survey.usable(), survey.runners.len());
    if usable == all {
        return Ok(());
    }
    let message = format!("{} of {all} runners cannot be used", all - usable);
    Err(Failure::not_passed(message))
}

/// For people: a paragraph a runner.
fn text(survey: &Survey) -> String {
    let paragraphs: Vec<String> = survey.runners.iter().map(paragraph).collect();
    paragraphs.join("\n")
}

fn paragraph(runner: &Surveyed) -> String {
    let ready = if runner.usable { "ready" } else { "not usable" };
    let mut text = format!("{}: {ready}\n", runner.runner);
    let mut line = |key: &str, value: &str| {
        text += &format!("    {key:<9} {}\n", value.replace('\n', "\n              "));
    };
    line("reached", &reached(runner));
    if let Some(answer) = &runner.answer {
        for toolset in &answer.toolsets {
            let families: Vec<&str> =
                toolset.families.iter().map(|family| family.as_str()).collect();
            let arches: Vec<&str> = toolset.arches.iter().map(|arch| arch.as_str()).collect();
            let (families, arches) = (families.join(" "), arches.join(" "));
            line(
                "toolset",
                &format!("{}: {} ({families}; {arches})", toolset.name, toolset.version),
            );
        }
    }
    if !runner.labels.is_empty() {
        line("labels", &runner.labels.join(", "));
    }
    for (key, roots) in [("Apache", &runner.apaches), ("Python", &runner.pythons)] {
        if !roots.is_empty() {
            line(key, &grouped(roots));
        }
    }
    for lack in &runner.lacks {
        line(if lack.fatal { "lacks" } else { "note" }, &lack.what);
        if let Some(hint) = &lack.hint {
            line("hint", hint);
        }
    }
    text
}

fn reached(runner: &Surveyed) -> String {
    let Some(Answered { millis, modfarm, .. }) = &runner.answer else {
        let asked = if runner.usable { "not asked" } else { "no answer" };
        return format!("{}, {asked}", runner.place);
    };
    let slots = match runner.slots {
        Some(1) => ", 1 slot".to_owned(),
        Some(slots) => format!(", {slots} slots"),
        None => String::new(),
    };
    #[expect(clippy::cast_precision_loss, reason = "a few seconds, to be read by people")]
    let seconds = *millis as f64 / 1e3;
    let program = modfarm.as_ref().map_or("an engine".to_owned(), |it| format!("modfarm {it}"));
    format!("{}, answered in {seconds:.1} s, {program}{slots}", runner.place)
}

/// `2.4.68 (win32, win64)`: a root once, with the architectures it is there for.
fn grouped(roots: &[RootAtHand]) -> String {
    let mut order: Vec<&str> = Vec::new();
    let mut arches: BTreeMap<&str, Vec<Arch>> = BTreeMap::new();
    for root in roots {
        let known = arches.entry(&root.what).or_default();
        if known.is_empty() {
            order.push(&root.what);
        }
        if !known.contains(&root.arch) {
            known.push(root.arch);
        }
    }
    let one = |what: &&str| {
        let arches: Vec<&str> = arches[what].iter().map(|arch| arch.as_str()).collect();
        format!("{what} ({})", arches.join(", "))
    };
    order.iter().map(one).collect::<Vec<_>>().join(", ")
}
