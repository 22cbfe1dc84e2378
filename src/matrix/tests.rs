//! What is refused, where the mark stands, and what the repository's own matrix says.

use super::*;

const GOOD: &str = r#"module: mod_x
release: "2.0"
compilers:
  VC9: { abi: VC9, visual_studio: 2008 }
  VS17: { abi: VC14, visual_studio: 2022 }
pythons:
  - { version: "2.7", compiler: VC9 }
  - { version: "3.13", compiler: VS17 }
apaches:
  - { name: Apache24-win64-VS17, oldest: "2.4.55", newest: "2.4.66" }
  - { name: Apache24-win32-VC9 }
modules:
  - { versions: ">=1, <3", pythons: "2.7, 3.13" }
"#;

/// The good matrix with a text in it replaced, or with lines behind it.
fn changed(from: &str, to: &str) -> Result<Matrix, MatrixError> {
    assert!(GOOD.contains(from), "{from}");
    parse(&GOOD.replacen(from, to, 1), "m.yaml", Limits::default())
}

fn with(lines: &str) -> Result<Matrix, MatrixError> {
    parse(&format!("{GOOD}{lines}"), "m.yaml", Limits::default())
}

/// The place and the text of what is wrong, and its hint.
#[track_caller]
fn problem(result: Result<Matrix, MatrixError>) -> Problem {
    match result {
        Err(MatrixError::Wrong(problem)) => *problem,
        other => panic!("{other:?}"),
    }
}

#[track_caller]
fn assert_problem(
    result: Result<Matrix, MatrixError>,
    place: (usize, usize),
    message: &str,
    hint: &str,
) {
    let problem = problem(result);
    let shown = problem.to_string();
    assert!(problem.fault.to_string().contains(message), "{shown}");
    assert!(problem.hint.as_deref().unwrap_or_default().contains(hint), "{shown}");
    assert_eq!((problem.line, problem.column), place, "{shown}");
    assert!(
        shown.contains(&format!("{} | {}", problem.line, problem.text.replace('\t', " "))),
        "{shown}"
    );
}

#[test]
fn the_good_one_is_good_and_in_the_order_of_the_layout() {
    let matrix = parse(GOOD, "m.yaml", Limits::default()).unwrap();
    let labels: Vec<String> = matrix.apaches.iter().map(|a| a.label.to_string()).collect();
    assert_eq!(labels, ["Apache24-win32-VC9", "Apache24-win64-VS17"]);
    assert_eq!(matrix.apaches[1].line, 10);
    assert_eq!(matrix.pythons[1].line, 8);
}

#[test]
fn keys_are_known_there_and_there_once() {
    assert_problem(
        changed("compilers:", "compliers:"),
        (3, 1),
        "unknown key `compliers`",
        "did you mean `compilers`?",
    );
    assert_problem(changed("abi: VC9", "ab: VC9"), (4, 10), "unknown key `ab`", "`abi`");
    assert_problem(with("zebra: 1\n"), (14, 1), "unknown key `zebra`", "the keys here are module");
    assert_problem(with("module: mod_y\n"), (14, 1), "`module` stands here a second", "remove");
    assert_problem(
        changed("  VS17: {", "  VC9: { abi: VC9, visual_studio: 2010 }\n  VS17: {"),
        (5, 3),
        "the key `VC9` stands here a second time",
        "remove",
    );
    assert_problem(changed("release: \"2.0\"\n", ""), (11, 1), "`release` is missing", "beside");
}

#[test]
fn rows_are_there_once() {
    let python = "  - { version: \"3.13\", compiler: VC9 }\napaches:";
    assert_problem(changed("apaches:", python), (9, 16), "Python 3.13 is already on line 8", "");
    let apache = "  - { name: Apache24-win32-VC9 }\nmodules:";
    assert_problem(
        changed("modules:", apache),
        (12, 13),
        "Apache24-win32-VC9 is already on line 11",
        "",
    );
    let exceptions = "exceptions:\n\
                      \x20 - { python: \"2.7\", verdict: excluded, reason: old }\n\
                      \x20 - { apache: Apache24-win32-VC9, verdict: unsupported, reason: older }\n";
    assert_problem(
        with(exceptions),
        (16, 5),
        "an exception for Apache24-win32-VC9/py27-VC9 is already on line 15",
        "",
    );
    let absent = "absent:\n  - { python: \"3.13\", reason: \"it is there\" }\n";
    assert_problem(with(absent), (15, 5), "Python 3.13 is already on line 8", "");
}

#[test]
fn compilers_are_defined() {
    assert_problem(
        changed("\"3.13\", compiler: VS17", "\"3.13\", compiler: VS71"),
        (8, 34),
        "nobody defined the compiler `VS71`",
        "did you mean `VS17`?",
    );
    assert_problem(
        changed("Apache24-win32-VC9", "Apache24-win32-XYZ"),
        (11, 13),
        "nobody defined the compiler `XYZ`",
        "there are VC9, VS17",
    );
}

#[test]
fn exceptions_have_a_reason_and_match_something() {
    let exception = |row: &str| with(&format!("exceptions:\n  - {{ {row} }}\n"));
    assert_problem(
        exception("python: \"2.7\", verdict: excluded"),
        (15, 22),
        "the key `reason` is missing",
        "every exception says why",
    );
    assert_problem(
        exception("python: \"2.7\", verdict: excluded, reason: \" \""),
        (15, 49),
        "the reason is empty",
        "say why",
    );
    assert_problem(
        exception("python: \"3.9 - 3.12\", verdict: excluded, reason: x"),
        (15, 5),
        "the exception matches nothing: the matrix has no Python in '3.9 - 3.12'",
        "",
    );
    assert_problem(
        exception("apache: Apache24-win64-VC9, verdict: excluded, reason: x"),
        (15, 5),
        "the matrix has no Apache24-win64-VC9",
        "did you mean `Apache24-win32-VC9`?",
    );
    assert_problem(
        exception("verdict: excluded, reason: x"),
        (15, 5),
        "it names neither an `apache` nor a `python`",
        "",
    );
    assert_problem(
        exception("python: \"2.7\", verdict: exclude, reason: x"),
        (15, 31),
        "`exclude` is none of unsupported, excluded",
        "did you mean `excluded`?",
    );
    let two = with(
        "exceptions:\n  - { apache: Apache24-win64-VS17, python: \"2.7\", verdict: unsupported, reason: x }\n",
    );
    assert_eq!(two.unwrap().mixed_with(1), [0], "an exception that names both may mix families");
}

#[test]
fn ranges_are_the_right_way_up_and_do_not_overlap() {
    assert_problem(
        changed("pythons: \"2.7, 3.13\"", "pythons: \"3.15 - 3.10\""),
        (13, 37),
        "'3.15 - 3.10' is upside down",
        "write '3.10 - 3.15'",
    );
    assert_problem(
        changed("\">=1, <3\"", "\">=3, <1\""),
        (13, 17),
        "is upside down",
        "the older version first",
    );
    assert_problem(
        with("  - { versions: \"2.5 - 4\", pythons: \"3.13\" }\n"),
        (14, 17),
        "'2.5 - 4' overlap with '>=1, <3' on line 13",
        "exactly one row",
    );
    assert_problem(
        changed("oldest: \"2.4.55\"", "oldest: \"2.4.99\""),
        (10, 42),
        "2.4.99 is newer than 2.4.66",
        "",
    );
    assert_problem(
        changed("oldest: \"2.4.55\"", "oldest: \"2.2.55\""),
        (10, 42),
        "2.2.55 is no Apache 2.4",
        "",
    );
}

#[test]
fn values_are_of_their_kind() {
    assert_problem(
        changed("name: Apache24-win32-VC9", "name: Apache24-arm64-VC9"),
        (11, 13),
        "not an Apache label",
        "",
    );
    assert_problem(changed("version: \"2.7\"", "version: two"), (7, 16), "not a Python", "");
    assert_problem(
        changed("abi: VC14", "abi: VC13"),
        (5, 16),
        "`VC13` is none of",
        "did you mean `VC1",
    );
    assert_problem(changed("module: mod_x", "module: mod x"), (1, 9), "no name", "mod_wsgi");
    assert_problem(changed("release: \"2.0\"", "release: \"9.0\""), (2, 10), "about 9.0", "");
    let root = "name: Apache24-win32-VC9, root: { url: \"http://x/y.zip\" }";
    assert_problem(
        changed("name: Apache24-win32-VC9", root),
        (11, 46),
        "'http://x/y.zip' is no https URL",
        "https://",
    );
}

#[test]
fn a_compiler_may_pin_its_tools() {
    let pinned = |msvc: &str| {
        let compiler = "VS17: { abi: VC14, visual_studio: 2022";
        changed(compiler, &format!("{compiler}, msvc: {msvc}"))
    };
    let matrix = pinned("\"14.4\"").unwrap();
    assert_eq!(matrix.msvc.into_iter().collect::<Vec<_>>(), [("VS17".into(), "14.4".into())]);
    for wrong in ["\"14\"", "\"14.x\"", "v143", "\"14.44.35207\"", "\"14.\""] {
        assert_problem(pinned(wrong), (5, 49), "is no version of Microsoft's tools", "14.44");
    }
    assert_problem(pinned("\"10.0\""), (5, 49), "do not build for VC14", "14.");
}

#[test]
fn a_python_is_an_archive_or_a_package() {
    let rooted = |root: &str| {
        let python = "version: \"3.13\", compiler: VS17";
        changed(python, &format!("{python}, roots: {{ win64: {{ {root} }} }}"))
    };
    let matrix = rooted("nuget: \"3.13.2\"").unwrap();
    let pin = PythonPin::NuGet { version: "3.13.2".to_owned(), sha256: None };
    assert_eq!(matrix.pythons[1].roots[&Arch::Win64], pin);
    assert_problem(rooted("nuget: \"3.12.2\""), (8, 65), "no version of Python 3.13", "3.13.");
    assert_problem(rooted("nuget: \"3.13.2/../x\""), (8, 65), "no version of Python", "");
    let both = "nuget: \"3.13.2\", url: x";
    assert_problem(rooted(both), (8, 56), "either a `nuget` version or a `url`", "3.13.2");
    let none = "";
    assert_problem(rooted(none), (8, 56), "either", "");
    assert_problem(rooted("url: \"http://x/y\""), (8, 63), "no https URL", "");
}

#[test]
fn what_is_no_yaml_is_shown_at_its_place() {
    assert_problem(changed("  - { version: \"2.7\"", "\t- { version: \"2.7\""), (7, 2), "", "tabs");
    assert_problem(parse("", "m.yaml", Limits::default()), (1, 1), "is empty", "");
    assert_problem(parse("# a\n\n  # b\n", "m.yaml", Limits::default()), (1, 1), "is empty", "");
    assert!(matches!(problem(changed("modules:", "modules: [")).fault, Fault::Syntax(_)));
    assert!(matches!(problem(parse("--- 1\n--- 2\n", "m", Limits::default())).line, 1 | 2));
}

#[test]
fn too_much_is_refused_before_it_costs_anything() {
    let large = format!("# {}\n{GOOD}", "x".repeat(10 << 20));
    let error = parse(&large, "m.yaml", Limits::default()).unwrap_err();
    assert_eq!(error.to_string(), "m.yaml is larger than 1048576 bytes, which no matrix is");
    let mut bomb = String::from("a: &a [x, x, x, x, x, x, x, x, x]\n");
    for (one, other) in ["a", "b", "c", "d", "e", "f", "g", "h"]
        .iter()
        .zip(["b", "c", "d", "e", "f", "g", "h", "i"])
    {
        let aliases = vec![format!("*{one}"); 9].join(", ");
        bomb.extend([other, ": &", other, " [", &*aliases, "]\n"]);
    }
    let start = std::time::Instant::now();
    for (name, text) in [
        ("bomb", format!("module: &m [{}\n", "*m, ".repeat(3))),
        ("aliases", format!("absent: [{}]\n{bomb}", "x, ".repeat(3))),
        ("deep", format!("module: {}", "[".repeat(100_000))),
        ("deep maps", format!("module: {}", "{a: ".repeat(100_000))),
        ("wide", format!("absent: [{}]", "1, ".repeat(300_000))),
    ] {
        let error = parse(&text, "m.yaml", Limits::default()).unwrap_err().to_string();
        assert!(error.starts_with("m.yaml:") && error.len() < 600, "{name}: {error}");
    }
    assert!(start.elapsed().as_secs() < 5);
    let anchors = format!(
        "compilers:\n  VC9: &a {{ abi: VC9, visual_studio: 2008 }}\n{}",
        (0..1000).map(|i| format!("  X{i}: *a\n")).collect::<Vec<_>>().concat()
    );
    let problem = problem(parse(&anchors, "m.yaml", Limits::default()));
    assert_eq!(problem.fault, Fault::TooMuch("257 aliases".into()), "{problem}");
}

#[test]
fn the_schema_in_the_repository_is_current() {
    assert!(
        schema() == include_str!("schema.json"),
        "src/matrix/schema.json is not what the types say\n\
         hint: cargo run -- schema matrix > src/matrix/schema.json"
    );
}
