//! The stand-in for GitHub is trusted because real clients work with it: gh, PyGithub and Octokit, each
//! through a release's whole life. `tests/tools/setup` installs them.

use std::process::Command;

use camino::{Utf8Path, Utf8PathBuf};
use modfarm::model::digest::Sha256;
use modfarm::sys::files;
use serde_json::{Value, json};

use crate::github::{Operation, REPOSITORY, StandIn};
use crate::github_description as description;
use crate::made::server::zip_of;
use crate::program::{Ran, folder, repository};

const BYTES: &[u8] = b"the bytes of an asset";

#[test]
fn gh_works() {
    let gh = Gh::new();
    gh.run(&["create", "1.0", "a.zip", "b c.txt", "--title", "One", "--notes", "Notes"]).ended(0);
    let both = [("a.zip", Sha256::of(BYTES)), ("b.c.txt", Sha256::of(BYTES))];
    let both = both.map(|(name, digest)| (name, digest.to_string()));
    gh.github.assert_published("1.0", &both);
    let uploads = gh.github.asked(Operation::UploadAsset);
    assert!(uploads.iter().all(|logged| logged.path.starts_with("/repos/")), "{uploads:?}");

    assert!(gh.run(&["list"]).ended(0).stdout.contains("One\tLatest\t1.0\t"));
    let shown = gh.run(&["view", "1.0", "--json", "name,body,isDraft,assets"]).ended(0);
    let shown: Value = serde_json::from_str(&shown.stdout).expect("JSON");
    assert_eq!((&shown["name"], &shown["isDraft"]), (&json!("One"), &json!(false)));
    assert_eq!(shown["assets"].as_array().map(Vec::len), Some(2));

    gh.run(&["upload", "1.0", "a.zip"]).refused(1, &["already exists"]);
    gh.run(&["upload", "1.0", "a.zip", "--clobber"]).ended(0);
    gh.run(&["download", "1.0", "--dir", "down"]).ended(0);
    for name in ["a.zip", "b.c.txt"] {
        assert_eq!(files::read(&gh.folder.join("down").join(name)).expect("a file"), BYTES);
    }
    let objects = gh.github.asked(Operation::Object);
    assert!(objects.len() == 2 && objects.iter().all(|logged| logged.authorization.is_none()));

    gh.run(&["edit", "1.0", "--notes", "Other notes", "--draft"]).ended(0);
    gh.run(&["delete-asset", "1.0", "a.zip", "--yes"]).ended(0);
    let left = gh.github.repository().releases.into_values().next().expect("a release");
    assert_eq!(
        (left.body.as_deref(), left.draft, left.assets.len()),
        (Some("Other notes"), true, 1)
    );
    gh.run(&["delete", "1.0", "--yes"]).ended(0);
    assert!(gh.github.repository().releases.is_empty());
    description::assert_agrees(&gh.github);
}

/// What is said of gh where its ways hurt: it is the stand-in that shows it.
#[test]
fn gh_sees_what_goes_wrong() {
    use crate::github::{Does, Fault};
    let gh = Gh::new();
    gh.github.fault(Fault::on(Operation::UploadAsset, Does::StarterAnd502).times(9));
    gh.run(&["create", "1.0", "a.zip", "--notes", "Notes"]).refused(1, &["HTTP 502"]);
    gh.github.no_more_faults();
    assert!(gh.github.repository().releases.is_empty(), "gh deletes the draft of a failed upload");
    gh.github.change(|repository| repository.immutable_releases = true);
    gh.run(&["create", "1.0", "a.zip", "--notes", "Notes"]).ended(0);
    let gone = ["Cannot upload assets to an immutable release"];
    gh.run(&["upload", "1.0", "b c.txt"]).refused(1, &gone);
    gh.run(&["delete", "1.0", "--yes"]).ended(0);
    let burned = ["tag_name was used by an immutable release"];
    gh.run(&["create", "1.0", "a.zip", "--notes", "Notes"]).refused(1, &burned);
}

/// gh starts a workflow, lists its runs, follows one, shows it and takes what it left.
#[test]
fn gh_works_with_actions() {
    use crate::github::actions::{Artifact, Moment, Script};
    let gh = Gh::new();
    gh.github.add_workflow("release.yml", &["version"]);
    let zip = zip_of([("a.zip".to_owned(), BYTES)]);
    let badly = Script {
        moments: [("in_progress", "in_progress"), ("failure", "failure")]
            .map(|(run, job)| Moment::of(run, &[("plan", job)]))
            .into(),
        again: Some(Box::new(Script::well(vec![Artifact::of("release", zip)]))),
        ..Script::default()
    };
    gh.github.next_run(badly);
    gh.command(&["workflow", "run", "release.yml", "--ref", "main", "-f", "version=6.1.1"])
        .ended(0);
    let run = gh.github.repository().runs.into_values().next().expect("a run");
    assert_eq!(run.inputs["version"], "6.1.1");
    let id = run.id.to_string();
    let listed = gh.command(&["run", "list", "--workflow", "release.yml"]).ended(0).stdout;
    assert!(listed.contains(&id) && listed.contains("workflow_dispatch"), "{listed}");
    let watched = gh.command(&["run", "watch", &id, "--exit-status", "--interval", "1"]);
    assert!(watched.said().contains("plan") && watched.code == 1, "{}", watched.said());
    gh.command(&["run", "rerun", &id, "--failed"]).ended(0);
    gh.command(&["run", "watch", &id, "--exit-status", "--interval", "1"]).ended(0);
    let shown = gh.command(&["run", "view", &id]).ended(0).stdout;
    for words in ["build VS17 x64", "\nARTIFACTS\nrelease\n"] {
        assert!(shown.contains(words), "{words:?}: {shown}");
    }
    let json = gh.command(&["run", "view", &id, "--json", "status,conclusion,jobs"]).ended(0);
    let json: Value = serde_json::from_str(&json.stdout).expect("JSON");
    assert_eq!((&json["status"], &json["conclusion"]), (&json!("completed"), &json!("success")));
    assert_eq!(json["jobs"].as_array().map(Vec::len), Some(3));
    gh.command(&["run", "download", &id, "--name", "release", "--dir", "left"]).ended(0);
    assert_eq!(files::read(&gh.folder.join("left/a.zip")).expect("a file"), BYTES);
    gh.command(&["run", "cancel", &id])
        .refused(1, &["Cannot cancel a workflow run that is completed"]);
    let blobs = gh.github.asked(Operation::Blob);
    assert!(!blobs.is_empty() && blobs.iter().all(|logged| logged.authorization.is_none()));
    description::assert_agrees(&gh.github);
}

#[test]
fn pygithub_works() {
    let (github, _keep, folder) = start();
    let mut command = Command::new("python3");
    command.arg(repository().join("tests/tools/pygithub.py"));
    command.env("PYTHONPATH", clients().join("python")).env("PYTHONDONTWRITEBYTECODE", "1");
    // It follows a download's redirect within the domain it was told of, and to no other port.
    command.env("HTTP_PROXY", github.api());
    let seen = run(command, &github, "http://ghe.localhost/api/v3", &folder);
    let tag = github.repository().tags["1.0"].clone();
    let expected = json!({
        "login": "grey-owl",
        "push": true,
        "tag": tag,
        "uploaded": ["a.zip", "a label", BYTES.len(), "uploaded"],
        "drafts": ["1.0"],
        "again": [422, "already_exists"],
        "published": [false, "One!", "Other notes"],
        "by_tag": "One!",
        "latest": "One!",
        "renamed": ["renamed.zip", "another label"],
        "assets": ["renamed.zip"],
        "assets_left": [],
        "releases_left": [],
        "gone": 404,
    });
    assert_eq!(seen, expected);
    assert_eq!(files::read(&folder.join("pygithub.zip")).expect("a file"), BYTES);
    description::assert_agrees(&github);
}

#[test]
fn octokit_works() {
    for enterprise in [false, true] {
        let (github, _keep, folder) = start();
        let base = if enterprise { github.enterprise() } else { github.api() };
        let seen = run(node("octokit.mjs"), &github, &base, &folder);
        let expected = json!({
            "login": "grey-owl",
            "push": true,
            "tags": ["refs/tags/1.0"],
            "again": [422, "already_exists"],
            "assets": 33,
            "first": ["asset.0.zip", format!("sha256:{}", Sha256::of(BYTES))],
            "hidden": 404,
            "published": [false, false],
            "latest": "1.0",
            "release": 32,
            "releases": 0,
        });
        assert_eq!(seen, expected);
        assert_eq!(files::read(&folder.join("octokit.zip")).expect("a file"), BYTES);
        description::assert_agrees(&github);
    }
}

/// Where `tests/tools/setup` put the clients.
pub(crate) fn clients() -> Utf8PathBuf {
    let elsewhere = std::env::var("MODFARM_TEST_CLIENTS").ok().map(Utf8PathBuf::from);
    let clients = elsewhere.unwrap_or_else(|| repository().join(".modfarm/tools/clients"));
    assert!(clients.join("node/made-from").is_file(), "`make clients` makes {clients}");
    clients
}

/// Node with a script of `tests/tools`, which is told where the packages are that were put there.
pub(crate) fn node(script: &str) -> Command {
    let mut node = Command::new("node");
    node.arg(repository().join("tests/tools").join(script));
    node.env("MODULES", clients().join("node/node_modules"));
    node
}

/// A stand-in with a tag, and a folder with a file.
fn start() -> (StandIn, tempfile::TempDir, Utf8PathBuf) {
    let github = StandIn::start();
    github.add_tag("1.0");
    let (keep, folder) = folder();
    for name in ["a.zip", "b c.txt"] {
        files::write_atomic(&folder.join(name), BYTES).expect("a file");
    }
    (github, keep, folder)
}

/// Runs a script that says on its last line what it saw.
fn run(mut command: Command, github: &StandIn, base: &str, folder: &Utf8Path) -> Value {
    command.args([base, REPOSITORY, folder.join("a.zip").as_str(), folder.as_str()]);
    command.env("TOKEN", github.token());
    let said = Ran::of(&mut command).ended(0).stdout;
    serde_json::from_str(said.lines().last().unwrap_or_default()).expect("JSON")
}

/// gh, in a folder of its own. It speaks plain HTTP to `*.github.localhost`, for which the stand-in is
/// its proxy.
struct Gh {
    github: StandIn,
    _keep: tempfile::TempDir,
    folder: Utf8PathBuf,
}

impl Gh {
    fn new() -> Self {
        let (github, keep, folder) = start();
        Self { github, _keep: keep, folder }
    }

    fn run(&self, arguments: &[&str]) -> Ran {
        self.command(&[&["release"], arguments].concat())
    }

    fn command(&self, arguments: &[&str]) -> Ran {
        let mut command = Command::new("gh");
        command.args(arguments).args(["--repo", REPOSITORY]);
        command.current_dir(&self.folder).env_clear().envs(self.github.gh_environment());
        command.env("HOME", &self.folder).env("PATH", std::env::var_os("PATH").unwrap_or_default());
        Ran::of(&mut command)
    }
}
