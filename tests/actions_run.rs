//! The release workflow, run: every job in its order, every step by bash, with the matrix that the plan gave,
//! the stand-in for GitHub and the cross toolset in Microsoft's place.

mod action;
mod artifacts;
mod event;
mod expression;
mod flow;
mod itself;
mod job;
mod machine;
mod run;
pub(crate) mod step;

use std::collections::BTreeSet;
use std::process::Command;

use camino::Utf8PathBuf;
use modfarm::sys::files;

use self::event::{Event, Repository};
use self::run::{Outcome, Run};
use crate::github::{Does, Fault, Operation, REPOSITORY, StandIn};
use crate::made::source;
use crate::program::{Ran, clang_after, folder, locked, modfarm, read, repository};

const FARM: &str = "grey-owl/modfarm";
const FARM_COMMIT: &str = "1111111111111111111111111111111111111111";
const MODULE_COMMIT: &str = "2222222222222222222222222222222222222222";

/// The workflow of the module's repository, and the job in it that calls modfarm's.
const WINDOWS: &str = "windows.yml";

/// A machine of GitHub's that compiles across.
const RUNNERS: &str = "connection: github
runs-on: [windows-2025]
toolset: cross
labels: [VC14]
kit: .modfarm/kit
";

/// What two jobs build: a Python each.
const CELLS: [&str; 2] = ["Apache24-win64-VS17/py311-VC14", "Apache24-win64-VS17/py313-VC14"];

/// Two repositories, and GitHub.
#[derive(Debug)]
struct Scene {
    _keep: tempfile::TempDir,
    folder: Utf8PathBuf,
    github: StandIn,
    farm: Repository,
    home: Repository,
}

impl Scene {
    /// The module's own repository, which has the workflow that others copy.
    fn of_module(version: &str) -> Self {
        Self::of_module_with(version, RUNNERS)
    }

    /// The same, where modfarm has these runners.
    fn of_module_with(version: &str, runners: &str) -> Self {
        let scene = Self::of_farm(runners);
        let home = scene.folder.join("module");
        source::quick(&home, version);
        let example = read(&repository().join(".github/examples").join(WINDOWS));
        let caller = example.replace("OWNER/modfarm", FARM).replace(&"0".repeat(40), FARM_COMMIT)
            + "    with:\n      only: \"Apache24-win64-VS17/py31[13]-*\"\n";
        let path = home.join(".github/workflows").join(WINDOWS);
        files::write_atomic(&path, caller.as_bytes()).expect("a file");
        let home = Repository { name: REPOSITORY, commit: MODULE_COMMIT, files: home };
        let farm = Repository { name: FARM, ..scene.farm.clone() };
        Self { farm, home, ..scene }
    }

    /// modfarm's repository, or a fork of it.
    fn of_farm(runners: &str) -> Self {
        let (keep, folder) = folder();
        let files = folder.join("farm");
        machine::farm(&files, runners);
        machine::programs(&folder.join("run/programs"));
        let farm = Repository { name: REPOSITORY, commit: FARM_COMMIT, files };
        Self { _keep: keep, folder, github: StandIn::start(), home: farm.clone(), farm }
    }

    /// modfarm's repository, on machines that have downloaded and unpacked PyPI's source of a version,
    /// or rather one that compiles in an instant.
    fn of_farm_with_source(version: &str) -> Self {
        let scene = Self::of_farm(RUNNERS);
        let unpacked = scene.farm.files.join(".modfarm/cache/unpacked").join(locked(version));
        source::quick(&unpacked.join(format!("mod_wsgi-{version}")), version);
        scene
    }

    /// A file of the module.
    fn write(&self, path: &str, text: &str) {
        files::write_atomic(&self.home.files.join(path), text.as_bytes()).expect("a file");
    }

    fn run(&self, event: Event) -> Run<'_> {
        let repositories = [self.home.clone(), self.farm.clone()];
        Run::new(self.folder.join("run"), &self.github, repositories, event)
    }

    /// The tag is pushed, and the workflow runs.
    fn push(&self, tag: &str) -> Run<'_> {
        self.github.add_tag(tag);
        let mut run = self.run(Event::tag(tag));
        run.attempt(WINDOWS);
        run
    }

    /// The folder of the artifact `release`, which is a whole release.
    #[track_caller]
    fn artifact(&self, run: &Run<'_>) -> Utf8PathBuf {
        let artifact = run.artifacts.folder("release");
        let verify = ["verify", "--complete", artifact.as_str()];
        Ran::of(&mut modfarm(&self.folder, &verify)).ended(0);
        artifact
    }

    /// Panics unless the release of the tag is published, is the artifact's, and is all that there is.
    #[track_caller]
    fn assert_released(&self, run: &Run<'_>, tag: &str) {
        let artifact = self.artifact(run);
        let assets = files::names(&artifact).expect("a release").into_iter().map(|name| {
            let digest = files::digest(&artifact.join(&name)).expect("a file").sha256.to_string();
            (name, digest)
        });
        self.github.assert_published(tag, &assets.collect::<Vec<_>>());
    }

    #[track_caller]
    fn assert_nothing_released(&self) {
        let releases = self.github.repository().releases;
        assert!(releases.is_empty(), "{releases:?}");
    }
}

/// Panics unless the jobs ended like this.
#[track_caller]
fn assert_ended(run: &Run<'_>, jobs: &[(&str, Outcome)]) {
    for (name, outcome) in jobs {
        let found = run.job(name).outcome;
        assert_eq!(found, *outcome, "{name}: {:#?}\n{}", run.outcomes(), run.failures());
    }
}

const WELL: Outcome = Outcome::Success;

#[test]
fn a_tag_becomes_a_release() {
    let scene = Scene::of_module("6.1.1");
    let run = scene.push("mod_wsgi-6.1.1");
    assert_ended(&run, &[("Windows binaries", WELL), ("Windows binaries / publish", WELL)]);
    scene.assert_released(&run, "mod_wsgi-6.1.1");
    let release = scene.github.repository().releases.into_values().next().expect("a release");
    assert!(!release.prerelease);
    let summary = &run.job("Windows binaries / plan").summary;
    let file = |cell: &&str| summary.contains(&cell.replace('/', "/modules/mod_wsgi-"));
    assert!(CELLS.iter().all(file), "{summary}");
    let packed = run.artifacts.folder("modfarm").join("modfarm.tar");
    let packed = Ran::of(Command::new("tar").arg("-tf").arg(packed)).ended(0).stdout;
    let is_program = |path: &&str| path.starts_with("bin/") && !path.ends_with('/');
    let programs: BTreeSet<&str> = packed.lines().filter(is_program).collect();
    let apart = BTreeSet::from(["bin/Linux/modfarm", "bin/Windows/modfarm.exe"]);
    assert_eq!(programs, apart, "each in the folder of its system");
    let sboms: Vec<_> = run.attested.iter().map(|attested| attested.sbom.as_deref()).collect();
    assert_eq!(sboms, [None, Some("CycloneDX")]);
    for attested in &run.attested {
        assert!(!attested.published, "attested before anybody can download it");
        assert!(attested.files.contains(&"mod_wsgi-windows-6.1.1.zip".to_owned()), "{attested:?}");
    }
}

#[test]
fn a_candidate_becomes_a_prerelease() {
    let scene = Scene::of_module("6.1.1rc1");
    let run = scene.push("mod_wsgi-6.1.1rc1");
    assert_ended(&run, &[("Windows binaries / publish", WELL)]);
    scene.assert_released(&run, "mod_wsgi-6.1.1rc1");
    let release = scene.github.repository().releases.into_values().next().expect("a release");
    assert!(release.prerelease);
}

#[test]
fn a_tag_with_a_broken_cell_publishes_nothing() {
    let scene = Scene::of_module("6.1.1");
    let broken =
        "#include \"Python.h\"\n#if PY_MINOR_VERSION == 11\nint broken = nowhere;\n#endif\n";
    scene.write("src/server/wsgi_broken.c", broken);
    let mut run = scene.push("mod_wsgi-6.1.1");
    let ended = [
        ("Windows binaries / assemble", Outcome::Failure),
        ("Windows binaries / publish", Outcome::Skipped),
        ("Windows binaries", Outcome::Failure),
    ];
    assert_ended(&run, &ended);
    scene.assert_nothing_released();
    assert!(!run.artifacts.names().contains(&"release".to_owned()), "{:?}", run.artifacts.names());
    let summary = &run.job("Windows binaries / assemble").summary;
    assert!(summary.contains(CELLS[0]) && !summary.contains("py313"), "{summary}");
    assert!(summary.contains("use of undeclared identifier 'nowhere'"), "{summary}");
    let on_line = "::error file=src/server/wsgi_broken.c,line=3,";
    let ran = run.ran();
    let saying = ran.iter().filter(|name| run.job(name).log.contains(on_line)).count();
    assert_eq!(saying, 1, "the error stands on its line of the repository whose tag it is");

    // The same again, whatever runs: the compiler's error stays one.
    run.attempt(WINDOWS);
    assert_ended(&run, &ended);
    scene.assert_nothing_released();
}

#[test]
fn a_tag_of_another_version_than_the_source_builds_nothing() {
    let scene = Scene::of_module("6.1.0");
    let run = scene.push("mod_wsgi-6.1.1");
    let ended = [
        ("Windows binaries / plan", Outcome::Failure),
        ("Windows binaries / build", Outcome::Skipped),
        ("Windows binaries / assemble", Outcome::Skipped),
        ("Windows binaries / publish", Outcome::Skipped),
    ];
    assert_ended(&run, &ended);
    scene.assert_nothing_released();
    assert_eq!(run.artifacts.names(), ["modfarm"], "nothing is built");
    let log = &run.job("Windows binaries / plan").log;
    let annotation = log.lines().find(|line| line.starts_with("::error")).expect(log);
    assert!(annotation.contains("6.1.0") && annotation.contains("6.1.1"), "{annotation}");
}

#[test]
fn a_fork_proves_and_does_not_publish() {
    let scene = Scene::of_module("6.1.1");
    scene.github.add_tag("mod_wsgi-6.1.1");
    let mut run = scene.run(Event::tag("mod_wsgi-6.1.1").in_fork());
    run.attempt(WINDOWS);
    let ended = [
        ("Windows binaries / assemble", WELL),
        ("Windows binaries / publish", Outcome::Skipped),
        ("Windows binaries", WELL),
    ];
    assert_ended(&run, &ended);
    scene.assert_nothing_released();
    scene.artifact(&run);
    let log = &run.job("Windows binaries / assemble").log;
    assert!(log.contains("::notice title=Not published::"), "{log}");

    // Unless the fork wants to: `Re-run all jobs` with the variable set.
    run.variables = serde_json::json!({ "MODFARM_PUBLISH_FORK": "true" });
    run.all_again();
    run.attempt(WINDOWS);
    assert_ended(&run, &[("Windows binaries / publish", WELL)]);
    scene.assert_released(&run, "mod_wsgi-6.1.1");
}

#[test]
fn a_publication_that_failed_midway_goes_on() {
    let scene = Scene::of_module("6.1.1");
    // GitHub takes one file, and has had enough for longer than anybody waits.
    let enough = Fault::on(Operation::UploadAsset, Does::Primary(7200)).nth(2).times(u32::MAX);
    scene.github.fault(enough);
    let mut run = scene.push("mod_wsgi-6.1.1");
    assert_ended(&run, &[("Windows binaries / publish", Outcome::Failure)]);
    let drafts: Vec<bool> =
        scene.github.repository().releases.values().map(|release| release.draft).collect();
    assert_eq!(drafts, [true], "there is one draft, and nothing that anybody sees");

    scene.github.no_more_faults();
    run.attempt(WINDOWS);
    assert_eq!(run.ran(), ["Windows binaries / publish"], "nothing else runs again");
    assert_ended(&run, &[("Windows binaries / publish", WELL), ("Windows binaries", WELL)]);
    scene.assert_released(&run, "mod_wsgi-6.1.1");
}

#[test]
fn a_job_that_failed_builds_again_only_what_it_did_not() {
    // One machine, and so one job for both cells.
    let scene = Scene::of_module_with("6.1.1", &format!("{RUNNERS}machines: 1\n"));
    let (full, compiled) = (scene.folder.join("full"), scene.folder.join("compiled"));
    let count_and_fail = format!(
        "printf '%s\\n' \"$*\" >> '{compiled}'\n\
         if [ -e '{full}' ] && grep -qs 'PY_VERSION *\"3.11' */include/patchlevel.h; then\n\
           echo 'error: no space left on device' >&2; exit 1\nfi"
    );
    clang_after(&count_and_fail, &scene.folder.join("run/programs"));
    let built = || read(&compiled).lines().filter(|line| line.contains("mod_wsgi.c")).count();
    files::write_atomic(&full, b"").expect("a file");
    let mut run = scene.push("mod_wsgi-6.1.1");
    assert_ended(&run, &[("Windows binaries / assemble", Outcome::Failure)]);
    let summary = &run.job("Windows binaries / assemble").summary;
    assert!(summary.contains("no space left on device"), "{summary}");
    assert_eq!(built(), 2);

    files::remove_file(&full).expect("a file");
    run.attempt(WINDOWS);
    assert_ended(&run, &[("Windows binaries", WELL)]);
    assert_eq!(built(), 3, "one cell is built again, and the other is not");
    assert_eq!(run.ran().len(), 3, "a build, assemble and publish: {:?}", run.ran());
    scene.assert_released(&run, "mod_wsgi-6.1.1");
}

#[test]
fn a_tag_of_the_farm_releases_the_source_of_pypi() {
    let scene = Scene::of_farm_with_source("5.0.2");
    scene.github.add_tag("5.0.2");
    let mut run = scene.run(Event::tag("5.0.2"));
    run.attempt("release.yml");
    assert_ended(&run, &[("publish", WELL)]);
    scene.assert_released(&run, "5.0.2");
}

#[test]
fn by_hand_a_release_can_be_made_and_not_published() {
    let scene = Scene::of_farm_with_source("5.0.2");
    let inputs = serde_json::json!({
        "version": "5.0.2",
        "only": "Apache24-win64-VS17/py313-*",
        "publish": false,
    });
    let mut run = scene.run(Event::by_hand(inputs));
    run.attempt("release.yml");
    assert_ended(&run, &[("assemble", WELL), ("publish", Outcome::Skipped)]);
    scene.assert_nothing_released();
    let manifest = scene.artifact(&run).join("mod_wsgi-windows-5.0.2.manifest.json");
    assert!(files::exists(&manifest));
}
