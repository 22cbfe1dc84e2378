//! `modfarm toolsets`: what this machine can compile with.

use camino::{Utf8Path, Utf8PathBuf};

use super::Failure;
use crate::model::toolset::{Found, Toolset};
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
    let found = toolsets::detect(memory.as_deref().unwrap_or(Utf8Path::new("")));
    let found = Found::new(found);
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
        return "no toolset\nhint: runners/cross/setup installs the cross toolset\n".to_owned();
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
