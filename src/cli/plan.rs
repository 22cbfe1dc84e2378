//! `modfarm plan`: what would be built, by whom, and why something is not.

mod jobs;

use clap::ValueEnum;

use super::Failure;
use super::actions;
use super::blame;
use super::selection::Selection;
use super::site::Site;
use crate::farm::runner_file::RunnerFile;
use crate::matrix::Matrix;
use crate::model::event::{Event, Events};
use crate::model::offer::Offer;
use crate::pipeline::{ReleaseError, Workshop};
use crate::plan::{self, Explanation, Why, formats};
use crate::report::terminal;

/// Show the cells of a version: verdict, reason, and the runner that would build each
///
/// A cell is one combination, named by its place in the release: Apache24-win64-VS17/py313-VC14.
/// Its verdict is `supported`, `unsupported` (built and published with a warning) or `excluded`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    selection: Selection,
    #[command(flatten)]
    site: Site,
    /// Say why one combination is there or is not, such as Apache24-win64-VC9/py27-VC9
    #[arg(long, value_name = "CELL")]
    explain: Option<String>,
    /// How to write it: `github` is the job matrix of a workflow, at most 256 jobs, for the runners of
    /// runners/github where none is named
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
    /// With --format github, how many jobs run at once: 20 on GitHub Free, 40 with Pro, 60 with Team
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u16).range(1..=1000))]
    concurrent: u16,
}

/// How a plan is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For people
    Table,
    /// For programs
    Json,
    /// For a page
    Markdown,
    /// For `strategy.matrix` of GitHub Actions
    Github,
}

pub(super) fn run(mut args: Args) -> Result<(), Failure> {
    let (matrix, request) = args.selection.load()?;
    if args.format == Format::Github {
        args.site.of_actions(&matrix.file);
    }
    let (offers, runners) = offers(&matrix, &args.site)?;
    if let Some(cell) = &args.explain {
        return explain(&plan::explain(&matrix, &request, &offers, cell), args.format);
    }
    let plan = plan::plan(&matrix, &request, &offers).map_err(|error| {
        let place = error.place();
        Failure::bad_input(error).at(place)
    })?;
    // What is for programs and for a page is there besides one that shows them.
    if matches!(args.format, Format::Table | Format::Github) {
        actions::verdicts(&matrix.file, &plan);
    }
    terminal::output(&match args.format {
        Format::Table => formats::table(&plan),
        Format::Json => formats::json(&plan),
        Format::Markdown => formats::markdown(&plan),
        Format::Github => jobs::of(&plan, &runners, usize::from(args.concurrent))?,
    });
    Ok(())
}

fn explain(explanation: &Explanation, format: Format) -> Result<(), Failure> {
    if let (Why::Nonsense { .. }, Format::Table | Format::Markdown) = (&explanation.why, format) {
        return Err(Failure::bad_input(explanation));
    }
    match format {
        Format::Json => terminal::output(&formats::explanation_json(explanation)),
        Format::Table | Format::Markdown => terminal::output(&format!("{explanation}\n")),
        Format::Github => {
            let message = "--explain has no form for GitHub Actions\nhint: use --format json";
            return Err(Failure::bad_input(message));
        }
    }
    Ok(())
}

/// What the runners offer, as `release` would find them.
fn offers(matrix: &Matrix, site: &Site) -> Result<(Vec<Offer>, Vec<RunnerFile>), Failure> {
    if !site.has_runners(&matrix.file) {
        return Ok((Vec::new(), Vec::new()));
    }
    let request = site.declared(&matrix.file)?;
    let (events, heard) = Events::stream();
    let offers = super::asynchronously(async {
        let workshop = Workshop::open(matrix, &request, &events).await?;
        let offers = workshop.offers().to_vec();
        workshop.close().await;
        Ok::<_, ReleaseError>(offers)
    })?;
    drop(events);
    for event in heard {
        if let Event::Warning { message, hint } = event {
            let hint = hint.map(|hint| format!("\nhint: {hint}")).unwrap_or_default();
            terminal::warning(&format!("{message}{hint}"));
        }
    }
    Ok((offers.map_err(blame::failure)?, request.runners))
}
