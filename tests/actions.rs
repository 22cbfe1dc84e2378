//! What GitHub Actions is told: annotations on the lines where something is wrong, groups, outputs and the
//! summary of a step; and that nothing which others said is a command to it.

use std::collections::BTreeMap;

use camino::Utf8PathBuf;
use modfarm::sys::files;

use crate::actions_run::step::assignments;
use crate::github::{REPOSITORY, StandIn};
use crate::made::releases;
use crate::made::source;
use crate::program::{Ran, Site, folder, modfarm, read};

const CELL: &str = "Apache24-win64-VS17/py313-VC14";

/// A step of a workflow that checked out the site as its repository.
struct Step {
    site: Site,
}

/// A workflow command, as the runner reads it.
#[derive(Debug)]
struct Command {
    name: String,
    properties: Vec<(String, String)>,
    message: String,
}

impl Step {
    fn new() -> Self {
        Self { site: Site::new() }
    }

    fn output(&self) -> Utf8PathBuf {
        self.site.folder.join("step.output")
    }

    fn summary(&self) -> Utf8PathBuf {
        self.site.folder.join("step.md")
    }

    fn run(&self, arguments: &[&str]) -> Ran {
        Ran::of(
            self.site
                .command(arguments)
                .env("GITHUB_ACTIONS", "true")
                .env("GITHUB_WORKSPACE", &self.site.folder)
                .env("GITHUB_OUTPUT", self.output())
                .env("GITHUB_STEP_SUMMARY", self.summary()),
        )
    }

    fn outputs(&self) -> BTreeMap<String, String> {
        assignments(&read(&self.output()))
    }
}

/// Outputs with these names and values, and no others.
fn only_these<const N: usize>(outputs: [(&str, &str); N]) -> BTreeMap<String, String> {
    outputs.map(|(name, value)| (name.to_owned(), value.to_owned())).into()
}

/// Everything that the runner would obey.
fn commands(ran: &Ran) -> Vec<Command> {
    ran.said().lines().filter_map(command).collect()
}

fn command(line: &str) -> Option<Command> {
    assert!(!line.contains("##["), "a command as they were written once: {line}");
    let (info, message) = line.trim_start().strip_prefix("::")?.split_once("::")?;
    let (name, properties) = info.split_once(' ').unwrap_or((info, ""));
    let unescape = |text: &str| {
        let text = text.replace("%0D", "\r").replace("%0A", "\n");
        text.replace("%3A", ":").replace("%2C", ",").replace("%25", "%")
    };
    let properties = properties.split(',').filter_map(|pair| pair.split_once('='));
    Some(Command {
        name: name.to_owned(),
        properties: properties.map(|(key, value)| (key.to_owned(), unescape(value))).collect(),
        message: unescape(message),
    })
}

impl Command {
    fn property(&self, key: &str) -> &str {
        let found = self.properties.iter().find(|(known, _)| known == key);
        found.map_or("", |(_, value)| value)
    }

    /// Where it stands: `matrix.yaml:12`.
    fn place(&self) -> String {
        format!("{}:{}", self.property("file"), self.property("line"))
    }
}

#[track_caller]
fn only<'a>(commands: &'a [Command], name: &str) -> &'a Command {
    let found: Vec<&Command> = commands.iter().filter(|command| command.name == name).collect();
    assert_eq!(found.len(), 1, "{commands:#?}");
    found[0]
}

#[test]
fn an_error_in_the_matrix_or_in_a_runner_s_file_stands_on_its_line() {
    let step = Step::new();
    step.site.edit("matrix.yaml", "  VC11: {", "  VC10: {");
    let text = read(&step.site.folder.join("matrix.yaml"));
    let second = text.lines().enumerate().filter(|(_, line)| line.starts_with("  VC10: {")).nth(1);
    let line = second.expect("the second").0 + 1;
    let ran = step.run(&["plan"]).refused(2, &["stands here a second time"]);
    let said = commands(&ran);
    let error = only(&said, "error");
    assert_eq!(error.place(), format!("matrix.yaml:{line}"));
    assert_eq!(error.property("col"), "3");
    assert!(error.message.contains("a second time") && error.message.contains("\nhint: remove"));
    assert!(!files::exists(&step.output()), "a step that failed has no outputs");

    let step = Step::new();
    let ran = step.run(&["plan", "--module-version", "6.0.0"]).ended(2);
    let said = commands(&ran);
    let place = only(&said, "error").place();
    let number: usize = place.strip_prefix("matrix.yaml:").expect("a line").parse().unwrap();
    let row = read(&step.site.folder.join("matrix.yaml"));
    assert!(row.lines().nth(number - 1).unwrap().contains("6.0.0 - 6.0.1"), "{place}");

    step.site.write("sub/own.yaml", "connection: local\ntoolset: cross\nslot: 3\n");
    let ran = step.run(&["plan", "--runner", "sub/own.yaml"]).ended(2);
    let said = commands(&ran);
    assert_eq!(only(&said, "error").place(), "sub/own.yaml:3");

    // Elsewhere it is a message like any other.
    let ran = step.site.run(&["plan", "--runner", "sub/own.yaml"]).ended(2);
    assert_eq!(commands(&ran).len(), 0, "{ran:?}");
}

#[test]
fn a_plan_shows_its_verdicts_on_their_lines_and_hands_on_the_jobs() {
    let step = Step::new();
    step.site.write(
        "runners/github/windows.yaml",
        "connection: github\nruns-on: [windows-2022]\ntoolset: msvc\nlabels: [VC9, VC14]\n\
         pythons: \"2.6 - 3.15\"\napaches: [2.4-win64]\n",
    );
    let ran = step.run(&["plan", "--format", "github", "--module-version", "4.9.4"]).ended(0);
    let said = commands(&ran);
    let text = read(&step.site.folder.join("matrix.yaml"));
    let at = |command: &Command| {
        let number: usize = command.property("line").parse().expect("a line");
        text.lines().nth(number - 1).expect("a line").to_owned()
    };
    let notices: Vec<&Command> = said.iter().filter(|command| command.name == "notice").collect();
    assert!(notices.iter().all(|notice| notice.property("file") == "matrix.yaml"), "{notices:#?}");
    let excluded = notices.iter().find(|notice| notice.message.starts_with("excluded: an older"));
    assert!(at(excluded.expect("3.2")).contains("- python: \"3.2\""), "{notices:#?}");
    let nobody = said.iter().find(|command| command.message.starts_with("nobody builds it: "));
    assert_eq!(nobody.expect("win32").name, "warning", "{said:#?}");
    for kind in ["notice", "warning", "error"] {
        let of_kind = said.iter().filter(|command| command.name == kind).count();
        assert!(of_kind <= 10, "GitHub shows no more: {of_kind} of {kind}");
    }
    let outputs = [("version", "4.9.4"), ("jobs", ran.stdout.trim_end())];
    assert_eq!(step.outputs(), only_these(outputs));
}

#[test]
fn an_error_in_a_c_source_stands_on_its_line_and_the_summary_tells_what_failed() {
    let step = Step::new();
    source::quick(&step.site.folder.join("module"), "6.1.1");
    let file = "module/src/server/mod_wsgi.c";
    let before = read(&step.site.folder.join(file));
    let line = before.lines().count() + 2;
    step.site.write(file, &format!("{before}\nint broken(void) {{ return 1 +; }}\n"));
    let two = format!("{CELL},Apache24-win32-VS17/py313-VC14");
    let only_two = format!("{{{two}}}");
    let release = ["release", "--source", "./module", "--no-smoke", "--only", &only_two];
    let ran = step.run(&release).ended(1);
    let said = commands(&ran);
    let errors: Vec<&Command> = said.iter().filter(|command| command.name == "error").collect();
    let on_line: Vec<&&Command> =
        errors.iter().filter(|error| error.place() == format!("{file}:{line}")).collect();
    assert_eq!(on_line.len(), 1, "two jobs fail of it, and it is said once: {errors:#?}");
    assert!(on_line[0].message.contains("expected expression"), "{on_line:?}");
    assert!(errors.iter().any(|error| error.message.contains("2 jobs failed")), "{errors:#?}");
    let groups: Vec<&str> = said
        .iter()
        .filter(|command| ["group", "endgroup"].contains(&command.name.as_str()))
        .map(|command| command.name.as_str())
        .collect();
    assert!(groups.chunks(2).all(|pair| pair == ["group", "endgroup"]), "{groups:?}");
    let titles: Vec<&str> = said
        .iter()
        .filter(|command| command.name == "group")
        .map(|command| command.message.as_str())
        .collect();
    let stages =
        ["preflight", "roots", "build", "inspect"].map(|stage| format!("modfarm: {stage}"));
    assert_eq!(titles, stages);
    let summary = read(&step.summary());
    for words in
        ["**Not released:**", "### Failed", "### Cells", "**failed** |", "expected expression"]
    {
        assert!(summary.contains(words), "{words}: {summary}");
    }

    // The same source without the error, and the outputs of a step that all went well in.
    step.site.write(file, &before);
    let ran = step.run(&release).ended(0);
    assert!(commands(&ran).iter().all(|command| command.name != "error"), "{}", ran.stderr);
    let outputs = step.outputs();
    let (version, folder) = (outputs["version"].as_str(), outputs["folder"].as_str());
    assert_eq!((version, folder), ("6.1.1", "dist/mod_wsgi-6.1.1"));
    for name in ["manifest", "checksums"] {
        assert!(files::exists(&step.site.folder.join(&outputs[name])), "{name}: {outputs:?}");
    }
    for name in ["tag", "published-url"] {
        assert!(!outputs.contains_key(name), "it was published nowhere: {outputs:?}");
    }
    assert!(read(&step.summary()).contains("| built |"), "below what stood there");
}

#[test]
fn a_job_builds_with_the_runner_that_the_plan_named_and_hands_on_its_part() {
    let step = Step::new();
    source::quick(&step.site.folder.join("module"), "6.1.1");
    let kit = step.site.folder.join("kit");
    let text = format!(
        "connection: github\nruns-on: [windows-2025]\ntoolset: cross\nlabels: [VC14]\nkit: {kit}\n"
    );
    step.site.write("farm/own.yaml", &text);
    let source = ["--source", "module", "--runner", "farm", "--only", CELL];
    let ran = step.run(&[&["plan", "--format", "github"], &source[..]].concat()).ended(0);
    let jobs: serde_json::Value = serde_json::from_str(&ran.stdout).expect("JSON");
    let job = &jobs["include"][0];
    assert_eq!(job["runs_on"], serde_json::json!(["windows-2025"]));
    let (cells, runner) = (job["cells"].as_str().unwrap(), job["runner"].as_str().unwrap());
    assert_eq!((cells, runner), (CELL, "farm/own.yaml"));
    files::remove_file(&step.output()).expect("the outputs of the step before");
    let build = ["build", cells, "--runner", runner, "--source", "module", "--no-smoke"];
    step.run(&[&build[..], &["--to", "part"]].concat()).ended(0);
    assert_eq!(step.outputs(), only_these([("folder", "part")]));
    let summary = read(&step.summary());
    assert!(summary.contains("### Cells") && summary.contains("| built |"), "{summary}");
    let assemble = [&["assemble", "part"], &source[..], &["--to", "out"]].concat();
    step.run(&assemble).ended(0);
    assert_eq!(step.outputs()["folder"], "out/mod_wsgi-6.1.1");
}

#[test]
fn what_a_source_says_is_no_command() {
    let step = Step::new();
    let file = "module/src/server/mod_wsgi.c";
    source::quick(&step.site.folder.join("module"), "6.1.1");
    let before = read(&step.site.folder.join(file));
    let evil = "\n#error x \\\n::add-mask::6.1.1 ##[add-path]/evil\n\
                #line 1 \"::stop-commands::x\"\n#error second\n";
    step.site.write(file, &format!("{before}{evil}"));
    let release = ["release", "--source", "module", "--no-smoke", "--only", CELL];
    let ran = step.run(&release).ended(1);
    let known = ["group", "endgroup", "error", "warning", "notice"];
    let said = commands(&ran);
    assert!(said.iter().all(|command| known.contains(&command.name.as_str())), "{said:#?}");
    assert!(ran.stderr.contains("add-mask"), "it was said all the same: {}", ran.stderr);
    // The same for programs: the events stay what they are, and the annotations are beside them.
    let ran = step.run(&[&release[..], &["--format", "json"]].concat()).ended(1);
    assert!(ran.events().iter().any(|event| event["event"] == "objected"), "{}", ran.stdout);
    assert!(ran.stderr.contains("::error "), "{}", ran.stderr);
    assert!(!ran.stderr.contains("::group::"), "{}", ran.stderr);
}

#[test]
fn publishing_hands_on_the_page_and_the_tag() {
    let (_keep, folder) = folder();
    let release = releases::release(&folder.join("one"), 2, 1000, 1);
    let github = StandIn::start();
    github.add_tag("mod_wsgi-6.1.1");
    let to = format!("github:{REPOSITORY}");
    let output = folder.join("output");
    let mut command = modfarm(&folder, &["publish", release.folder.as_str(), "--to", &to]);
    command.env("GH_TOKEN", "").env("GITHUB_TOKEN", github.token());
    command.env("GITHUB_API_URL", github.api());
    command.env("GITHUB_ACTIONS", "true").env("GITHUB_OUTPUT", &output);
    Ran::of(&mut command).ended(0);
    let text = read(&output);
    assert!(!text.contains(github.token()), "a token is in {text}");
    let outputs = assignments(&text);
    let (version, tag) = (outputs["version"].as_str(), outputs["tag"].as_str());
    assert_eq!((version, tag), ("6.1.1", "mod_wsgi-6.1.1"));
    let page = format!("{REPOSITORY}/releases/tag/mod_wsgi-6.1.1");
    assert!(outputs["published-url"].ends_with(&page), "{outputs:?}");
}
