//! `modfarm report`: the report of a run again, from its journal; and the files that every run ends with.

use std::fs::File;
use std::io::Write as _;

use camino::{Utf8Path, Utf8PathBuf};

use super::Failure;
use super::show::Format;
use crate::farm::journal::Past;
use crate::report::record::Ended;
use crate::report::{self, Record, terminal};
use crate::sys::files::{self, FileError};

/// Write the report of a run again, from its journal: report.html, report.json and summary.md
///
/// A run that was killed had no time to write them. RUN is its folder, or its name in .modfarm/runs;
/// without it the latest.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The run's folder, or its name
    run: Option<Utf8PathBuf>,
    /// The folder of what is kept between runs
    #[arg(long, value_name = "DIR", env = "MODFARM_STATE", default_value = ".modfarm")]
    state: Utf8PathBuf,
}

pub(super) fn run(args: Args) -> Result<(), Failure> {
    let folder = args.folder()?;
    let past = Past::read(&folder).map_err(Failure::bad_input)?;
    let mut record = Record::default();
    for entry in &past.entries {
        record.hear(entry.time, &entry.what);
    }
    let summary = write(&record, Ended::Unknown, &folder).map_err(Failure::environment)?;
    terminal::output(&format!("{folder}/report.html\n{}", summary.unwrap_or_default()));
    Ok(())
}

impl Args {
    fn folder(&self) -> Result<Utf8PathBuf, Failure> {
        let runs = self.state.join("runs");
        let run = match &self.run {
            Some(run) if files::is_dir(run) => return Ok(run.clone()),
            Some(run) => run.clone(),
            None => {
                let names = if files::is_dir(&runs) { files::names(&runs) } else { Ok(Vec::new()) };
                let latest = names.map_err(Failure::environment)?.pop();
                latest.map(Utf8PathBuf::from).unwrap_or_default()
            }
        };
        let folder = runs.join(&run);
        if run.as_str().is_empty() || !files::is_dir(&folder) {
            return Err(Failure::bad_input(format!(
                "there is no run '{run}' in {runs}\nhint: name the folder that has its journal.jsonl"
            )));
        }
        Ok(folder)
    }
}

/// What a command does once its run has ended: its report is written and named on the terminal, and stands
/// below what the step of GitHub Actions said so far.
pub(super) fn conclude(
    record: &Record,
    result: Result<(), &Failure>,
    run: &Utf8Path,
    format: Format,
) {
    let ended = match result {
        Ok(()) => Ended::Well,
        Err(failure) if failure.code == Failure::INTERRUPTED => {
            Ended::Interrupted(&failure.message)
        }
        Err(failure) => Ended::Badly(&failure.message),
    };
    let written = write(record, ended, run).and_then(|summary| {
        if format == Format::Text {
            terminal::said("Report", run.join("report.html").as_str());
        }
        let step = std::env::var("GITHUB_STEP_SUMMARY").ok().filter(|path| !path.is_empty());
        let (Some(path), Some(summary)) = (step.map(Utf8PathBuf::from), summary) else {
            return Ok(());
        };
        let before = files::metadata(&path).map_or(0, |metadata| metadata.len());
        let room = LARGEST_SUMMARY.saturating_sub(before);
        let summary = cut(&summary, usize::try_from(room).unwrap_or(usize::MAX));
        files::append(&path).and_then(|file| put(&path, file, &summary))
    });
    // The release is what it is without them.
    if let Err(error) = written {
        terminal::warning(&error.to_string());
    }
}

/// GitHub shows nothing of a step's summary that is larger.
const LARGEST_SUMMARY: u64 = 1 << 20;

/// As many whole lines as there is room for; what is left out is said.
fn cut(text: &str, room: usize) -> String {
    const CUT: &str = "\n\nThere is no room for more here; the report of the run has all of it.\n";
    if text.len() <= room {
        return text.to_owned();
    }
    let mut kept = String::new();
    for line in text.split_inclusive('\n') {
        if kept.len() + line.len() + CUT.len() > room {
            break;
        }
        kept.push_str(line);
    }
    if kept.is_empty() { kept } else { kept + CUT }
}

/// Puts report and summary into the run's folder, and gives the summary.
fn write(record: &Record, ended: Ended<'_>, run: &Utf8Path) -> Result<Option<String>, FileError> {
    let report = record.report(ended);
    let json = serde_json::to_string_pretty(&report).unwrap_or_default() + "\n";
    files::write_atomic(&run.join("report.json"), json.as_bytes())?;
    let page = run.join("report.html");
    files::write_atomic(&page, report::page(&report).as_bytes())?;
    let summary = report::markdown(&report, page.as_str());
    if let Some(summary) = &summary {
        files::write_atomic(&run.join("summary.md"), summary.as_bytes())?;
    }
    Ok(summary)
}

fn put(path: &Utf8Path, mut file: File, text: &str) -> Result<(), FileError> {
    file.write_all(text.as_bytes()).map_err(|source| FileError::new("write", path, source))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_summary_ends_with_a_whole_line_and_fits() {
        let text = "line é\n".repeat(100);
        assert_eq!(cut(&text, text.len()), text);
        let short = cut(&text, 300);
        assert!(short.len() <= 300 && short.contains("no room for more"), "{short}");
        assert!(short.lines().next().unwrap().ends_with('é'));
        assert_eq!(cut(&text, 20), "");
    }
}
