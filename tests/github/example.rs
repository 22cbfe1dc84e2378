//! A GitHub to play with: `cargo run --example github-stand-in -- --port 8080`. It prints where it is
//! and a token, and serves until it is ended. `--help` says more.

#![allow(clippy::print_stdout, reason = "it says where it is")]

#[path = "mod.rs"]
#[allow(dead_code, unused_imports, reason = "the tests use more of it")]
mod github;

use std::time::Duration;

use clap::Parser;
use github::actions::{Artifact, Script};
use github::{Fault, Limits, Options, REPOSITORY, StandIn};

/// A stand-in for GitHub, as far as releases need it.
///
/// State, log and faults are at /_stand-in/state, /_stand-in/log and /_stand-in/faults.
#[derive(Debug, Parser)]
struct Arguments {
    /// The port of the API; 0 takes any.
    #[arg(long, default_value_t = 0)]
    port: u16,
    /// A tag that the repository has. May be given several times.
    #[arg(long = "tag", value_name = "TAG")]
    tags: Vec<String>,
    /// Releases become immutable when they are published.
    #[arg(long)]
    immutable: bool,
    /// The repository is archived.
    #[arg(long)]
    archived: bool,
    /// The secondary limits are not enforced.
    #[arg(long)]
    no_limits: bool,
    /// How long every answer takes at least, in milliseconds.
    #[arg(long, default_value_t = 0, value_name = "MS")]
    latency: u64,
    /// Seconds that its clock is ahead.
    #[arg(long, default_value_t = 0, allow_negative_numbers = true)]
    skew: i64,
    /// Runs of the workflow release.yml go well, and leave this zip as the artifact `release`.
    #[arg(long, value_name = "ZIP")]
    artifact: Option<camino::Utf8PathBuf>,
    /// What goes wrong, as JSON: {"operation":"repos/upload-release-asset","nth":2,"does":{"status":502}}.
    /// May be given several times.
    #[arg(long = "fault", value_name = "JSON", value_parser = fault)]
    faults: Vec<Fault>,
}

/// So many runs are prepared.
const MOST_RUNS: usize = 20;

fn main() {
    let arguments = Arguments::parse();
    let limits = Limits { enforced: !arguments.no_limits, ..Limits::default() };
    let latency = Duration::from_millis(arguments.latency);
    let github =
        StandIn::with(Options { port: arguments.port, limits, latency, ..Options::default() });
    for tag in &arguments.tags {
        github.add_tag(tag);
    }
    github.add_workflow("release.yml", &["version", "tag", "only", "skip", "publish"]);
    if let Some(zip) = &arguments.artifact {
        let bytes = modfarm::sys::files::read(zip).expect("the artifact");
        for _ in 0..MOST_RUNS {
            github.next_run(Script::well(vec![Artifact::of("release", bytes.clone())]));
        }
    }
    github.change(|repository| {
        repository.immutable_releases = arguments.immutable;
        repository.archived = arguments.archived;
    });
    github.skew(arguments.skew);
    for fault in arguments.faults {
        github.fault(fault);
    }
    println!("GITHUB_API_URL={}", github.api());
    println!("GITHUB_TOKEN={}", github.token());
    println!("GITHUB_REPOSITORY={REPOSITORY}");
    println!("# as an Enterprise server: {}", github.enterprise());
    println!("# gh: GH_HOST=github.localhost GH_TOKEN=… HTTP_PROXY={}", github.api());
    loop {
        std::thread::park();
    }
}

fn fault(text: &str) -> Result<Fault, serde_json::Error> {
    serde_json::from_str(text)
}
