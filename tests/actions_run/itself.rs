//! The stand-in for Actions is trusted because it does what Actions does with a workflow that has all in it
//! that the release workflow relies on, and because it refuses what it does not know.

use camino::Utf8PathBuf;
use modfarm::sys::files;

use super::event::{Event, Repository};
use super::machine;
use super::run::{Outcome, Run};
use crate::github::{REPOSITORY, StandIn};
use crate::program::folder;

const WORKFLOW: &str = r#"
name: everything
on:
  push:
    tags: ["[0-9]*"]
permissions: {}
defaults:
  run:
    shell: bash
env:
  TAG: ${{ github.ref_type == 'tag' && github.ref_name || '' }}
jobs:
  first:
    name: first
    runs-on: ubuntu-24.04
    outputs:
      jobs: ${{ steps.made.outputs.jobs }}
      text: ${{ steps.made.outputs.text }}
    steps:
      - id: made
        run: |
          echo 'jobs={"include":[{"name":"one","fine":true},{"name":"two","fine":false}]}' >> "$GITHUB_OUTPUT"
          printf 'text<<END\nof %s\n=two lines\nEND\n' "$TAG" >> "$GITHUB_OUTPUT"
          echo SEEN=later >> "$GITHUB_ENV"
          echo '# Summary' >> "$GITHUB_STEP_SUMMARY"
      - name: Nothing is seen of it yet, and it is seen here
        run: test "$SEEN" = later && test -z "$TOKEN" && test -z "${{ steps.other.outputs.x }}"
        env:
          TOKEN: ${{ env.NOT_THERE }}
  build:
    name: build ${{ matrix.name }}
    needs: [first]
    strategy:
      fail-fast: false
      matrix: ${{ fromJSON(needs.first.outputs.jobs) }}
    runs-on: ubuntu-24.04
    steps:
      - run: "${{ matrix.fine }} || test $GITHUB_RUN_ATTEMPT = 2"
      - run: echo not reached after a failure > made
      - if: always()
        run: touch made && chmod +x made
      - if: always()
        uses: actions/upload-artifact@bbbca2ddaa5d8feaa63e36b76fdaad77386f024f
        with:
          name: part-${{ matrix.name }}-${{ github.run_attempt }}
          path: made
  skipped:
    name: skipped
    needs: [build]
    runs-on: ubuntu-24.04
    steps:
      - run: "true"
  always:
    name: always
    needs: [first, build]
    if: ${{ !cancelled() && needs.first.result == 'success' }}
    runs-on: ubuntu-24.04
    steps:
      - uses: actions/download-artifact@3e5f45b2cfb9172054b4087a40e8e0b5a5461e7c
        with:
          pattern: part-*
          path: parts
      - run: |
          ls parts
          test ! -x parts/part-one-1/made
          test "$TEXT" = $'of 1.0\n=two lines'
        env:
          TEXT: ${{ needs.first.outputs.text }}
  after:
    name: after
    needs: [always]
    runs-on: ubuntu-24.04
    steps:
      - run: "true"
"#;

/// A repository with this workflow, and what must live as long.
fn scene(workflow: &str) -> (tempfile::TempDir, Utf8PathBuf, Repository) {
    let (keep, folder) = folder();
    let path = folder.join("home/.github/workflows/everything.yml");
    files::write_atomic(&path, workflow.as_bytes()).expect("a file");
    machine::programs(&folder.join("run/programs"));
    let home = Repository { name: REPOSITORY, commit: "1", files: folder.join("home") };
    (keep, folder.join("run"), home)
}

fn run(workflow: &str) {
    let github = StandIn::start();
    let (_keep, folder, home) = scene(workflow);
    Run::new(folder, &github, [home.clone(), home], Event::tag("1.0")).attempt("everything.yml");
}

#[test]
fn it_does_what_actions_does() {
    let github = StandIn::start();
    let (_keep, folder, home) = scene(WORKFLOW);
    let mut run = Run::new(folder, &github, [home.clone(), home], Event::tag("1.0"));
    run.attempt("everything.yml");
    let (well, failed, skipped) = (Outcome::Success, Outcome::Failure, Outcome::Skipped);
    // `after` is skipped as well: a job that it needs over another one has failed.
    let ended = [
        ("after", skipped),
        ("always", well),
        ("build one", well),
        ("build two", failed),
        ("first", well),
        ("skipped", skipped),
    ];
    assert_eq!(run.outcomes(), ended, "{}", run.job("always").log);
    assert_eq!(run.job("first").summary, "# Summary\n");
    assert!(run.job("always").log.contains("part-one-1\npart-two-1\n"));
    let made = files::read_to_string(&run.artifacts.folder("part-two-1").join("made"));
    assert_eq!(made.expect("a file"), "", "no step runs after a failure but for always()");

    run.attempt("everything.yml");
    assert_eq!(run.ran(), ["after", "always", "build two", "skipped"]);
    assert!(run.outcomes().iter().all(|(_, outcome)| *outcome == well), "{:?}", run.outcomes());
    assert!(run.job("always").log.contains("part-one-1\npart-two-1\npart-two-2\n"));
}

#[test]
#[should_panic(expected = "is not known to this stand-in for Actions")]
fn an_action_that_it_does_not_know_fails() {
    let known = "actions/download-artifact@";
    run(&WORKFLOW.replace(known, "actions/download@"));
}

#[test]
#[should_panic(expected = "Unrecognized function: 'hashFiles'")]
fn an_expression_that_it_does_not_know_fails() {
    run(&WORKFLOW.replace("env.NOT_THERE", "hashFiles('**')"));
}

#[test]
#[should_panic(expected = "continue-on-error is not known")]
fn a_key_that_it_does_not_know_fails() {
    run(&WORKFLOW.replace("- id: made", "- continue-on-error: true\n        id: made"));
}

#[test]
#[should_panic(expected = "GitHub refuses an empty matrix")]
fn an_empty_matrix_fails() {
    let jobs = r#"{"include":[{"name":"one","fine":true},{"name":"two","fine":false}]}"#;
    run(&WORKFLOW.replace(jobs, r#"{"include":[]}"#));
}
