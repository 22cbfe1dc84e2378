//! `modfarm plan` and `modfarm schema`: the repository's own matrix, and matrices that are wrong.

#![allow(
    clippy::unwrap_used,
    clippy::format_collect,
    clippy::format_push_string,
    clippy::disallowed_methods,
    reason = "a test may end where it stands"
)]

use camino::Utf8Path;
use modfarm::matrix::{self, Limits, Matrix};
use modfarm::model::abi::AbiFamily;
use modfarm::model::arch::Arch;
use modfarm::model::cell::Verdict;
use modfarm::model::offer::{ApacheOffer, Offer, PythonOffer, Serves};
use modfarm::plan::formats::Machine;
use modfarm::plan::grouping::{Durations, Terms, group};
use modfarm::plan::{Build, Plan, Request, explain, formats, plan};
use modfarm::sys::files;

use crate::program::{Ran, folder, modfarm, repository};

const MATRIX: &str = include_str!("../matrix.yaml");

/// The ten binaries of mod_wsgi's document, in the order of the layout.
const DOCUMENT: [&str; 10] = [
    "Apache22-win32-VC9/modules/mod_wsgi-py26-VC9.so",
    "Apache22-win32-VC9/modules/mod_wsgi-py27-VC9.so",
    "Apache24-win32-VC9/modules/mod_wsgi-py26-VC9.so",
    "Apache24-win32-VC9/modules/mod_wsgi-py27-VC9.so",
    "Apache24-win32-VC10/modules/mod_wsgi-py33-VC10.so",
    "Apache24-win32-VC10/modules/mod_wsgi-py34-VC10.so",
    "Apache24-win64-VC10/modules/mod_wsgi-py26-VC9.so",
    "Apache24-win64-VC10/modules/mod_wsgi-py27-VC9.so",
    "Apache24-win64-VC10/modules/mod_wsgi-py33-VC10.so",
    "Apache24-win64-VC10/modules/mod_wsgi-py34-VC10.so",
];

fn the_matrix() -> Matrix {
    matrix::parse(MATRIX, "matrix.yaml", Limits::default()).unwrap()
}

fn plan_of(version: &str, offers: &[Offer]) -> Plan {
    plan(&the_matrix(), &Request::of(version.parse().unwrap()), offers).unwrap()
}

/// A runner like the cross kit: Debian's Apache for every 2.4 label, some Pythons, no VC10.
fn cross() -> Offer {
    let apache = |arch| ApacheOffer {
        root: format!("apache-2.4.68-{arch}"),
        version: "2.4.68".parse().ok(),
        arch,
        serves: Serves::Series("2.4".parse().unwrap()),
    };
    let python = |tag: &str, arch| PythonOffer {
        root: format!("python-{tag}-{arch}"),
        version: None,
        tag: tag.parse().unwrap(),
        arch,
    };
    let tags = ["2.7", "3.9", "3.11", "3.13", "3.14", "3.15"];
    Offer {
        runner: "cross".into(),
        toolset: "cross".into(),
        families: vec![AbiFamily::Vc9, AbiFamily::Vc14],
        arches: Arch::ALL.to_vec(),
        apaches: Arch::ALL.map(apache).to_vec(),
        pythons: tags.iter().flat_map(|tag| Arch::ALL.map(|arch| python(tag, arch))).collect(),
    }
}

#[test]
fn the_ten_binaries_of_the_document_come_out_exactly() {
    let plan = plan_of("4.4.12", &[]);
    let excluded = |verdict: &Verdict| matches!(verdict, Verdict::Excluded { .. });
    let paths: Vec<String> = plan
        .cells
        .iter()
        .filter(|cell| !excluded(&cell.verdict))
        .map(|cell| cell.id.module_path(&plan.module))
        .collect();
    assert_eq!(paths, DOCUMENT);
    for cell in &plan.cells {
        let reason = cell.verdict.reason().unwrap_or_default();
        match cell.id.to_string().as_str() {
            "Apache24-win64-VC10/py26-VC9" | "Apache24-win64-VC10/py27-VC9" => {
                assert_eq!(cell.verdict.name(), "unsupported");
                assert!(reason.contains("mixes a VC9 Python with a VC10 Apache"), "{reason}");
            }
            id if id.contains("/py32-") => {
                assert_eq!(cell.verdict.name(), "excluded");
                assert!(reason.contains("crashes a win64 VC10 Apache 2.4 at start"), "{reason}");
            }
            id => assert_eq!(cell.verdict, Verdict::Supported, "{id}"),
        }
    }
    assert_eq!(plan.cells.iter().filter(|cell| excluded(&cell.verdict)).count(), 3);
}

#[test]
fn the_newest_version_has_every_label_of_its_family() {
    let plan = plan_of("6.1.1", &[cross()]);
    for label in ["VC14", "VC15", "VS16", "VS17", "VS18"] {
        for arch in Arch::ALL {
            let label = format!("Apache24-{arch}-{label}");
            let of_label = plan.cells.iter().filter(|cell| cell.id.apache.to_string() == label);
            let pythons: Vec<String> =
                of_label.map(|cell| format!("{}-{}", cell.id.python, cell.id.abi)).collect();
            assert_eq!(
                pythons,
                [
                    "3.10-VC14",
                    "3.11-VC14",
                    "3.12-VC14",
                    "3.13-VC14",
                    "3.13t-VC14",
                    "3.14-VC14",
                    "3.14t-VC14",
                    "3.15-VC14",
                    "3.15t-VC14"
                ],
                "{label}"
            );
        }
    }
    assert_eq!(plan.cells.len(), 90);
}

#[test]
fn the_line_of_a_cell_is_the_one_that_decided_it() {
    let line = |number: usize| MATRIX.lines().nth(number - 1).unwrap_or_default();
    for cell in &plan_of("4.9.4", &[]).cells {
        let expected = match (&cell.verdict, cell.id.apache.to_string().as_str()) {
            (Verdict::Supported, _) => "  - { versions: \">=4.9, <5\"",
            (_, "Apache24-win64-VC10") => "  - apache: Apache24-win64-VC10",
            _ => "  - python: \"3.2\"",
        };
        assert!(line(cell.line).starts_with(expected), "{}: {}", cell.id, line(cell.line));
    }
}

#[test]
fn a_combination_that_is_asked_for_is_explained() {
    let matrix = the_matrix();
    for (version, asked, words) in [
        ("4.4.12", "Apache24-win64-VC9/py27-VC9", "Apache Lounge never made a win64 VC9 build"),
        ("4.4.12", "Apache22-win64-VC10/py34-VC10", "2.2.34"),
        ("4.4.12", "Apache24-win64-VC12/py34-VC10", "no VC12 build was found"),
        ("4.4.12", "Apache24-win64-VC13/py34-VC10", "the matrix has no Apache24-win64-VC13"),
        ("4.4.12", "Apache24-win64-VC11/py27-VC9", "must come from the same Microsoft compiler"),
        ("4.4.12", "Apache24-win32-VC10/py27-VC9", "Python 2.7 goes with Apache22-win32-VC9"),
        ("4.4.12", "Apache24-win64-VC10/py27-VC9", "unsupported\n  why: mixes a VC9 Python"),
        (
            "4.4.12",
            "Apache24-win64-VC10/py32-VC9",
            "excluded\n  why: a win64 VC9 build of Python 3.2",
        ),
        ("4.4.12", "Apache24-win32-VC9/py31-VC9", "3.3 is the first Python 3"),
        (
            "6.1.1",
            "Apache24-win64-VS17/py27-VC9",
            "goes with Python 3.10 - 3.15, 3.13t - 3.15t, not",
        ),
        ("6.1.1", "Apache24-win64-VS17/py399-VC14", "the matrix has no Python 3.99"),
        (
            "6.1.1",
            "Apache22-win32-VC9/py27-VC9",
            "needs Apache 2.4, and Apache22-win32-VC9 is Apache 2.2",
        ),
        ("6.1.1", "Apache24-win64-VS17/py313-VC10", "ask for Apache24-win64-VS17/py313-VC14"),
        ("6.1.1", "Apache24-win64-VS17/py313-VC14", "supported\n  why: Apache, Python and module"),
        (
            "6.1.1",
            "Apache24-win64-VC15/py313-VC14",
            "warning: built against Apache 2.4.68's headers",
        ),
        (
            "6.1.1",
            "Apache24-win64-VS17/py312-VC14",
            "nobody: no runner has a Python 3.12 win64 root",
        ),
        ("6.0.0", "Apache24-win64-VS17/py312-VC14", "does not build on Windows as released"),
        ("7.1.1", "Apache24-win64-VS17/py312-VC14", "no row in `modules` for mod_wsgi 7.1.1"),
        ("6.1.1", "Apache24-arm64-VS17/py312-VC14", "'Apache24-arm64-VS17' is not an Apache label"),
        ("6.1.1", "banana", "'banana' is not a cell"),
    ] {
        let request = Request::of(version.parse().unwrap());
        let text = explain(&matrix, &request, &[cross()], asked).to_string();
        assert!(text.contains(words), "{asked} of {version}:\n{text}");
    }
    let mut request = Request::of("6.1.1".parse().unwrap());
    request.skip = vec!["*/py313-*".into()];
    let text = explain(&matrix, &request, &[cross()], "Apache24-win64-VS17/py313-VC14").to_string();
    assert!(text.contains("--only and --skip leave it out"), "{text}");
}

#[test]
fn the_table_is_for_people() {
    let table = formats::table(&plan_of("4.4.12", &[cross()]));
    assert!(table.lines().all(|line| line.chars().count() <= 100), "{table}");
    insta::assert_snapshot!("plan_4_4_12_table", table);
}

#[test]
fn the_markdown_is_a_table() {
    insta::assert_snapshot!(
        "plan_4_4_12_markdown",
        formats::markdown(&plan_of("4.4.12", &[cross()]))
    );
}

#[test]
fn the_json_is_for_programs() {
    let mut request = Request::of("4.4.12".parse().unwrap());
    request.only = vec!["Apache24-win64-VC10/py[23][273]-*".into()];
    let plan = plan(&the_matrix(), &request, &[cross()]).unwrap();
    insta::assert_snapshot!("plan_4_4_12_json", formats::json(&plan));
}

/// A runner with a root of its own for every Apache and every Python: each cell is a compile of its own.
fn every(matrix: &Matrix) -> Offer {
    let apaches = matrix.apaches.iter().map(|apache| ApacheOffer {
        root: format!("pinned/apache/{}", apache.label),
        version: None,
        arch: apache.label.arch,
        serves: Serves::Label(apache.label.clone()),
    });
    let python = |tag, arch| PythonOffer {
        root: format!("pinned/python/{tag}-{arch}"),
        version: None,
        tag,
        arch,
    };
    let pythons = matrix.pythons.iter().flat_map(|it| Arch::ALL.map(|arch| python(it.tag, arch)));
    Offer { apaches: apaches.collect(), pythons: pythons.collect(), ..cross() }
}

#[test]
fn github_gets_at_most_256_jobs_with_every_cell_in_one() {
    let small = github_entries(&plan_of("4.4.12", &[cross()]), &Terms::default());
    assert_eq!(small.len(), 2, "two compiles for Python 2.7 of 2.4: {small:?}");
    assert_eq!(small[0]["cells"], "Apache24-win32-VC9/py27-VC9");
    assert_eq!((&small[0]["arch"], &small[1]["arch"]), (&"x86".into(), &"x64".into()));
    assert_eq!(small[0]["runner"], "runners/cross.yaml");
    assert_eq!(small[0]["runs_on"], serde_json::json!(["self-hosted", "linux"]));
    assert_eq!(small[0]["pythons"], "", "its roots come from elsewhere");

    // With compiles of an hour and machines enough, every one is worth a job.
    let durations = Durations { compile: 3600, ..Durations::default() };
    let terms = Terms { concurrent: 1000, durations, ..Terms::default() };
    for (apaches, pythons) in [(16, 16), (16, 17), (100, 100)] {
        let text = synthetic(apaches, pythons);
        let matrix = matrix::parse(&text, "m.yaml", Limits::default()).unwrap();
        let request = Request::of("1.0".parse().unwrap());
        let plan = plan(&matrix, &request, &[every(&matrix)]).unwrap();
        let entries = github_entries(&plan, &terms);
        let alone = entries.iter().all(|entry| !entry["cells"].as_str().unwrap().contains(' '));
        assert_eq!(alone, apaches * pythons <= 256, "{} jobs", entries.len());
        assert!(entries.len() <= 256, "{}", entries.len());
        let mut ids: Vec<&str> =
            entries.iter().flat_map(|entry| entry["cells"].as_str().unwrap().split(' ')).collect();
        ids.sort_unstable();
        let built = plan.cells.iter().filter(|cell| matches!(cell.build, Build::By(_)));
        let mut expected: Vec<String> = built.map(|cell| cell.id.to_string()).collect();
        expected.sort_unstable();
        assert_eq!(expected.len(), apaches * pythons);
        assert_eq!(ids, expected);
        for key in ["name", "id"] {
            let mut names: Vec<&str> =
                entries.iter().map(|entry| entry[key].as_str().unwrap()).collect();
            names.sort_unstable();
            names.dedup();
            assert_eq!(names.len(), entries.len(), "a job's {key} is its own");
        }
    }
}

fn github_entries(plan: &Plan, terms: &Terms) -> Vec<serde_json::Value> {
    let runs_on = ["self-hosted", "linux"].map(str::to_owned);
    let machine = Machine { file: "runners\\cross.yaml", runs_on: &runs_on };
    let grouping = group(plan, terms).unwrap();
    let text = formats::github(&grouping, &[("cross", machine)].into());
    assert_eq!(text.lines().count(), 1, "GITHUB_OUTPUT takes one line");
    let value: serde_json::Value = serde_json::from_str(&text).unwrap();
    value["include"].as_array().unwrap().clone()
}

fn synthetic(apaches: usize, pythons: usize) -> String {
    let compilers: String = (0..apaches)
        .map(|label| format!("  C{label}: {{ abi: VC14, visual_studio: {} }}\n", 2015 + label))
        .collect();
    let pythons: String = (0..pythons)
        .map(|minor| format!("  - {{ version: \"3.{minor}\", compiler: C0 }}\n"))
        .collect();
    let apaches: String = (0..apaches)
        .map(|label| format!("  - {{ name: Apache24-{}-C{label} }}\n", Arch::ALL[label % 2]))
        .collect();
    format!(
        "module: mod_x\nrelease: \"1.0\"\ncompilers:\n{compilers}pythons:\n{pythons}\
         apaches:\n{apaches}modules:\n  - {{ versions: \">=1\", pythons: \"3.0 - 3.255\" }}\n"
    )
}

#[test]
fn the_matrix_is_what_its_schema_says() {
    let schema: serde_json::Value =
        serde_json::from_str(include_str!("../src/matrix/schema.json")).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let options = modfarm_yaml(MATRIX);
    let errors: Vec<String> = validator.iter_errors(&options).map(|e| e.to_string()).collect();
    assert!(errors.is_empty(), "{errors:#?}");
    for (from, to) in [
        ("visual_studio: 2008", "visual_studio: no"),
        ("Apache24-win64-VS17,", "Apache24-arm64-VS17,"),
        ("abi: VC9,", "abi: VC13,"),
        ("verdict: unsupported", "verdict: supported"),
        ("release: \"6.1.1\"", "released: \"6.1.1\""),
        ("pythons: \"3.8 - 3.13\"", "pythons: \"3.8 to 3.13\""),
    ] {
        assert!(MATRIX.contains(from), "{from}");
        let wrong = modfarm_yaml(&MATRIX.replace(from, to));
        assert!(!validator.is_valid(&wrong), "the schema takes {to}");
    }
    assert!(MATRIX.starts_with("# yaml-language-server: $schema=src/matrix/schema.json\n"));
}

fn modfarm_yaml(text: &str) -> serde_json::Value {
    serde_yaml::from_str(text).unwrap()
}

/// Without compilers at hand, as a plan is made anywhere.
#[track_caller]
fn run(folder: &Utf8Path, arguments: &[&str]) -> Ran {
    Ran::of(modfarm(folder, arguments).env("PATH", ""))
}

#[track_caller]
fn refused(folder: &Utf8Path, arguments: &[&str]) -> String {
    let ran = run(folder, arguments).refused(2, &[]);
    assert!(ran.stdout.is_empty(), "{arguments:?}");
    ran.stderr
}

#[test]
fn a_wrong_matrix_is_shown_with_line_column_and_the_line() {
    let (_keep, folder) = folder();
    let path = folder.join("matrix.yaml");
    for (from, to, message, hint) in [
        ("compilers:", "compliers:", "unknown key `compliers`", "did you mean `compilers`?"),
        ("  VC11: {", "  VC10: {", "`VC10` stands here a second time", "remove one"),
        ("\"3.10\", compiler: VS16", "\"3.10\", compiler: VS61", "nobody defined", "`VS16`"),
        ("Apache24-win64-VS18, ", "Apache24-win64-VS17, ", "VS17 is already on line", ""),
        ("version: \"3.15t\"", "version: \"3.15\"", "Python 3.15 is already on line", ""),
        ("pythons: \"3.8 - 3.13\"", "pythons: \"3.15 - 3.10\"", "upside down", "'3.10 - 3.15'"),
        ("\">=5, <6\"", "\">=5, <=6\"", "overlap", "exactly one row"),
        ("    reason: \"a win64", "    season: \"a win64", "unknown key `season`", "`reason`"),
        ("    python: \"3.2\"", "    python: \"3.99\"", "matches nothing", ""),
        ("  VC9: {", "\tVC9: {", "", "spaces, never with tabs"),
    ] {
        assert!(MATRIX.contains(from), "{from}");
        let text = MATRIX.replacen(from, to, 1);
        std::fs::write(&path, &text).unwrap();
        let error = refused(&folder, &["plan"]);
        let place = error.split(": ").nth(1).unwrap();
        let parts: Vec<&str> = place.split(':').collect();
        let ["matrix.yaml", line, column] = parts[..] else { panic!("{error}") };
        let line: usize = line.parse().unwrap();
        assert!(column.parse::<usize>().unwrap() >= 1);
        assert!(error.contains(message) && error.contains(hint), "{error}");
        let shown = text.lines().nth(line - 1).unwrap().replace('\t', " ");
        assert!(error.contains(&format!("{line} | {shown}")), "{error}");
        let at_the_row = ["matches nothing", "overlap"].contains(&message);
        assert!(at_the_row || shown.contains(&to.trim().replace('\t', " ")), "{error}");
    }
}

#[test]
fn what_is_no_matrix_at_all_is_refused() {
    let (_keep, folder) = folder();
    let error = refused(&folder, &["plan"]);
    assert!(error.contains("cannot open matrix.yaml") && error.contains("hint: name the matrix"));
    for (name, bytes, message) in [
        ("empty.yaml", Vec::new(), "empty.yaml:1:1: the file is empty"),
        (
            "latin.yaml",
            b"module: x\nrelease: \xe9\n".to_vec(),
            "latin.yaml:2:10: the file is not UTF-8",
        ),
        ("large.yaml", vec![b'#'; 10 << 20], "cannot read large.yaml: it is larger than 1 MiB"),
        ("list.yaml", b"- 1\n".to_vec(), "list.yaml:1:1: "),
        ("deep.yaml", [b"module: ".to_vec(), vec![b'['; 5000]].concat(), "deep.yaml:1:"),
        ("bomb.yaml", bomb(), "bomb.yaml:"),
    ] {
        std::fs::write(folder.join(name), bytes).unwrap();
        let error = refused(&folder, &["plan", "--matrix", name]);
        assert!(error.contains(message), "{name}: {error}");
        assert!(error.len() < 700, "{name}: {error}");
    }
}

/// Nine levels of nine aliases each: 387 million nodes when they are followed.
fn bomb() -> Vec<u8> {
    let mut text = String::from("module: x\nabsent:\n  - &l0 [x]\n");
    for level in 1..10 {
        let below = vec![format!("*l{}", level - 1); 9].join(", ");
        text += &format!("  - &l{level} [{below}]\n");
    }
    text.into_bytes()
}

#[test]
fn the_command_says_what_is_wrong_with_a_request() {
    let (_keep, folder) = folder();
    std::fs::write(folder.join("matrix.yaml"), MATRIX).unwrap();
    let error = refused(&folder, &["plan", "--module-version", "6.0.0"]);
    assert!(error.contains("6.0.0 is broken") && error.contains("hint: take 6.0.2"), "{error}");
    let error = refused(&folder, &["plan", "--module-version", "9"]);
    assert!(error.contains("no row in `modules` for mod_wsgi 9\nhint: it has rows for"), "{error}");
    let error = refused(&folder, &["plan", "--module-version", "six"]);
    assert!(error.contains("'six' is not a version"), "{error}");
    let error = refused(&folder, &["plan", "--only", "*VS71*"]);
    assert!(error.contains("--only '*VS71*' matches no cell"), "{error}");
    let error = refused(&folder, &["plan", "--explain", "mod_wsgi.so"]);
    assert!(error.contains("'mod_wsgi.so' is not a cell: expected one like"), "{error}");
}

#[test]
fn the_command_prints_every_format() {
    let (_keep, folder) = folder();
    std::fs::write(folder.join("matrix.yaml"), MATRIX).unwrap();
    let printed = |arguments: &[&str]| run(&folder, arguments).ended(0).stdout;
    assert!(printed(&["plan"]).contains("\nmod_wsgi 6.1.1: 90 cells, "));
    let json: serde_json::Value = serde_json::from_str(&printed(&[
        "plan",
        "--format",
        "json",
        "--only",
        "*VS17/py313-*",
        "--skip",
        "*win32*",
    ]))
    .unwrap();
    assert_eq!(json["format_version"], 1);
    assert_eq!(json["cells"][0]["id"], "Apache24-win64-VS17/py313-VC14");
    assert_eq!(json["cells"].as_array().unwrap().len(), 1);
    assert!(printed(&["plan", "--format", "markdown"]).starts_with("### mod_wsgi 6.1.1"));
    let cell = "Apache24-win64-VC9/py27-VC9";
    let why = printed(&["plan", "--module-version", "4.4.12", "--explain", cell]);
    assert!(why.starts_with(&format!("{cell} is no cell of mod_wsgi 4.4.12\n  why: ")), "{why}");
    let forced = ["plan", "--module-version", "6.0.1", "--even-if-broken"];
    assert!(printed(&forced).contains("\nwarning: mod_wsgi 6.0.1 is known to be broken: "));
}

/// A folder with the matrix and the runners of GitHub Actions as the repository has them.
fn on_actions() -> (tempfile::TempDir, camino::Utf8PathBuf) {
    let (keep, folder) = folder();
    std::fs::write(folder.join("matrix.yaml"), MATRIX).unwrap();
    let (from, to) = (repository().join("runners/github"), folder.join("runners/github"));
    for path in files::walk(&from).unwrap() {
        files::copy(&from.join(&path), &to.join(&path)).unwrap();
    }
    (keep, folder)
}

fn jobs(folder: &Utf8Path, arguments: &[&str]) -> (Vec<serde_json::Value>, String) {
    let arguments = [&["plan", "--format", "github"], arguments].concat();
    let ran = run(folder, &arguments).ended(0);
    let value: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
    (value["include"].as_array().unwrap().clone(), ran.stderr)
}

#[test]
fn the_repository_s_own_runners_of_github_give_the_jobs_of_a_release() {
    let (_keep, folder) = on_actions();
    let (entries, said) = jobs(&folder, &[]);
    assert_eq!(entries.len(), 9, "a compile for each Python of win64: {entries:#?}");
    assert!(
        said.contains("Note 9 jobs: about ") && said.contains("with a job for each cell"),
        "{said}"
    );
    let mut pythons: Vec<&str> = Vec::new();
    for entry in &entries {
        assert_eq!(entry["runner"], "runners/github/windows-2022.yaml", "the first of the two");
        assert_eq!(entry["runs_on"], serde_json::json!(["windows-2022"]));
        assert_eq!(entry["arch"], "x64");
        assert_eq!(entry["cells"].as_str().unwrap().split(' ').count(), 5, "every label: {entry}");
        pythons.push(entry["pythons"].as_str().unwrap());
        let id = entry["id"].as_str().unwrap();
        let safe = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
        assert!(id.bytes().all(safe), "{id}");
    }
    pythons.sort_unstable();
    assert_eq!(
        pythons,
        ["3.10", "3.11", "3.12", "3.13", "3.13t", "3.14", "3.14t", "3.15", "3.15t"]
    );
    // With little room, cells share jobs and set-up: as many as the machines take at once.
    let (entries, _) = jobs(&folder, &["--concurrent", "2"]);
    assert_eq!(entries.len(), 2, "{entries:#?}");
    let several = entries[0]["pythons"].as_str().unwrap();
    assert!(several.lines().count() >= 4, "{several:?}");
    let (entries, _) = jobs(&folder, &["--runner", "runners/github/windows-2025.yaml"]);
    assert_eq!(entries[0]["runs_on"][0], "windows-2025");
}

#[test]
fn self_hosted_machines_take_the_old_families_in_as_many_jobs_as_there_are_machines() {
    let (_keep, folder) = on_actions();
    let old = ["--module-version", "4.4.12", "--runner", "runners/github/self-hosted"];
    let (entries, _) = jobs(&folder, &old);
    let mut kinds: Vec<(&str, &str)> = entries
        .iter()
        .map(|entry| (entry["runs_on"][2].as_str().unwrap(), entry["arch"].as_str().unwrap()))
        .collect();
    kinds.sort_unstable();
    assert_eq!(kinds, [("VC10", "x64"), ("VC10", "x86"), ("VC9", "x64"), ("VC9", "x86")]);
    let cells: usize =
        entries.iter().map(|entry| entry["cells"].as_str().unwrap().split(' ').count()).sum();
    assert_eq!(cells, DOCUMENT.len(), "{entries:#?}");
}

#[test]
fn a_plan_says_what_github_cannot_have_built() {
    let (_keep, folder) = on_actions();
    let error = run(&folder, &["plan", "--format", "github", "--only", "*win32*"]);
    error.refused(
        3,
        &[
            "no runner of GitHub Actions can build any of the 45 cells",
            "no runner has an Apache 2.4 win32 root",
            "hint: ",
        ],
    );
    let own = "connection: github\ntoolset: msvc\nlabels: [VC14]\nruns-on: [\"${{ x }}\"]\n";
    std::fs::write(folder.join("own.yaml"), own).unwrap();
    let error = run(&folder, &["plan", "--format", "github", "--runner", "own.yaml"]);
    error.refused(2, &["own.yaml: '${{ x }}' is no label for 'runs-on'", "at line 4, column 1"]);
    let error = run(&folder, &["release", "--runner", "runners/github"]);
    error.refused(
        2,
        &[
            "'windows-2022' is a machine that a job of GitHub Actions gets",
            "hint: `modfarm release --via github`",
        ],
    );
    let table = run(&folder, &["plan", "--runner", "runners/github"]).ended(0);
    assert!(table.stdout.contains("90 cells, 45 with a runner, 45 without"), "{}", table.stdout);
    let listed = run(&folder, &["runners", "--runner", "runners/github"]).ended(0).stdout;
    for words in ["windows-2022: ready", "GitHub Actions, runs-on windows-2025, not asked", "3.13t"]
    {
        assert!(listed.contains(words), "{listed}");
    }
}

#[test]
fn the_schemas_are_what_the_types_say() {
    for (name, path) in [
        ("matrix", "src/matrix/schema.json"),
        ("runner", "runners/schema.json"),
        ("manifest", "src/model/manifest.schema.json"),
        ("part", "src/model/part.schema.json"),
        ("report", "src/report/record/schema.json"),
    ] {
        let printed = run(repository(), &["schema", name]).ended(0).stdout;
        let there = std::fs::read_to_string(repository().join(path)).unwrap();
        assert!(
            printed == there,
            "{path} is not what the types say\nhint: modfarm schema {name} > {path}"
        );
        let schema = serde_json::from_str(&there).unwrap();
        jsonschema::validator_for(&schema).unwrap();
    }
    let runner = std::fs::read_to_string(repository().join("runners/cross.yaml")).unwrap();
    assert!(runner.starts_with("# yaml-language-server: $schema=schema.json\n"));
}
