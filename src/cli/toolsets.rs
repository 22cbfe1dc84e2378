//! `modfarm toolsets`: what this machine can compile with.

use camino::{Utf8Path, Utf8PathBuf};

use super::Failure;
use crate::model::toolset::{Found, Toolset, what_to_install};
use crate::report::terminal;
use crate::sys::files;
use crate::worker::toolsets;

/// Show what this machine can compile with
///
/// The same a worker says of itself. An orchestrator runs this on a cluster to learn what the machines
/// there have.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// How to show it
    #[arg(long, value_enum, default_value_t = Form::Text)]
    format: Form,

    /// Write it as JSON into this file instead
    #[arg(long, value_name = "FILE")]
    output: Option<Utf8PathBuf>,
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum Form {
    Text,
    Json,
}

pub(super) fn run(args: Args) -> Result<(), Failure> {
    // Where there is no folder to remember digests in, they are taken anew.
    let memory = super::worker::default_store().map(|store| store.join("digests.json"));
    let look = toolsets::detect(memory.as_deref().unwrap_or(Utf8Path::new("")));
    look.troubles.iter().for_each(|trouble| terminal::warning(trouble));
    let found = Found::new(look.toolsets);
    match (args.output, args.format) {
        (Some(path), _) => {
            files::write_atomic(&path, found.to_json().as_bytes()).map_err(Failure::environment)?;
        }
        (None, Form::Json) => terminal::output(&found.to_json()),
        (None, Form::Text) => terminal::output(&text(&found.toolsets)),
    }
    Ok(())
}

fn text(toolsets: &[Toolset]) -> String {
    if toolsets.is_empty() {
        let wanted = if cfg!(windows) { "msvc" } else { "cross" };
        let hint = what_to_install(wanted).unwrap_or_default();
        return format!("no toolset\nhint: {hint}\n");
    }
    let mut text = String::new();
    for toolset in toolsets {
        let families: Vec<String> = toolset.families.iter().map(ToString::to_string).collect();
        let arches: Vec<String> = toolset.arches.iter().map(ToString::to_string).collect();
        text += &format!("{}: {}\n", toolset.name, toolset.version);
        text += &format!("  for {}, {}\n", families.join(" "), arches.join(" "));
        text += &format!("  digest {}\n", toolset.digest);
    }
    text
}
