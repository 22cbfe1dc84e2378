//! Clusters: a worker that listens, and a BuildGrid with workers that joined it.

mod buildgrid;
mod clients;
mod listening;
mod refusals;
mod tls;
mod worker;

use std::collections::BTreeMap;

use camino::{Utf8Path, Utf8PathBuf};
use modfarm::model::digest::Sha256;
use modfarm::sys::files;
use serde_json::Value;

use crate::made::source;
use crate::program::{Ran, Site, repository};

/// A release of one Python, both arches: four cells from two jobs, which a compiler needs a moment for.
const QUICK: [&str; 7] =
    ["release", "--source", "src", "--only", "Apache24-*-VS1[78]/py313-*", "--format", "json"];

/// A release of four jobs that keep a compiler for some seconds each.
const SLOW: [&str; 7] =
    ["release", "--source", "src", "--only", "*-VS17/py31[13]-*", "--format", "json"];

/// Where it comes to stand.
const FOLDER: &str = "dist/mod_wsgi-6.1.1";

/// A site with a source that compiles in an instant, and the runner `cross` of this connection.
fn quick(connection: &str) -> Site {
    let site = Site::new();
    source::quick(&site.folder.join("src"), "6.1.1");
    reach(&site, connection);
    site
}

/// The same with a source that does not.
fn slow(connection: &str) -> Site {
    let site = Site::new();
    source::slow(&site.folder.join("src"), "6.1.1", 2);
    reach(&site, connection);
    site
}

/// Writes the file of the runner: `connection: …` and what belongs to it.
fn reach(site: &Site, connection: &str) {
    let kit = site.folder.join("kit");
    site.write("runners/cross.yaml", &format!("{connection}\ntoolset: cross\nkit: {kit}\n"));
}

/// The lines of a runner's file for a server.
fn cluster(address: &str) -> String {
    format!("connection: cluster\naddress: {address}")
}

/// The digests of what a release holds.
fn digests(site: &Site) -> BTreeMap<String, Sha256> {
    crate::program::digests(&site.folder.join(FOLDER))
}

/// The ends of jobs: `built`, `cached`, and so on.
fn outcomes(ran: &Ran) -> Vec<String> {
    let events = ran.events().into_iter().filter(|event| event["event"] == "job_finished");
    events.map(|event| text(&event["outcome"]["outcome"])).collect()
}

fn text(value: &Value) -> String {
    value.as_str().expect("a text").to_owned()
}

/// The same release, made on this machine alone.
fn locally(arguments: &[&str], site: Site) -> BTreeMap<String, Sha256> {
    reach(&site, "connection: local");
    site.run(arguments).ended(0);
    digests(&site)
}

/// What `tests/tools/setup` installs, or somebody else.
fn tools() -> Utf8PathBuf {
    let named = std::env::var("MODFARM_TEST_BUILDGRID").map(Utf8PathBuf::from);
    let folder = named.unwrap_or_else(|_| repository().join(".modfarm/tools/clients/buildgrid"));
    assert!(files::exists(&folder.join("bin/bgd")), "{folder} is made by tests/tools/setup");
    folder
}

/// BuildGrid's own program.
fn bgd(folder: &Utf8Path, arguments: &[&str]) -> std::process::Command {
    let tools = tools();
    let mut command = std::process::Command::new("python3");
    command.arg(tools.join("bin/bgd")).args(arguments).current_dir(folder).env_clear();
    command.env("PYTHONPATH", &tools).env("HOME", folder).env("LC_ALL", "C.UTF-8");
    command.env("PATH", std::env::var_os("PATH").unwrap_or_default());
    command.stdin(std::process::Stdio::null());
    command
}
