//! `modfarm build` and `modfarm assemble`: a release that is built in parts is the one that a single machine
//! makes; what failed or is missing keeps all of it back, and only that is built again; nothing that a part
//! says is believed unseen.

use std::process::Command;
use std::sync::LazyLock;

use camino::{Utf8Path, Utf8PathBuf};
use modfarm::farm::journal::Past;
use modfarm::model::digest::Sha256;
use modfarm::model::event::{Event, JobOutcome};
use modfarm::model::part::Part;
use modfarm::sys::files;
use rustix::process::Signal;
use serde_json::{Value, json};

use crate::made::source;
use crate::program::{Ran, Running, Site, clang_after, digests, json, read, repository};
use crate::smoke::bad_source;

/// Eight cells of four jobs, and four that nobody has a Python for.
const ONLY: [&str; 3] = ["--only", "*-VS1[78]/py31[123]-VC14", "--no-smoke"];

const CELL: &str = "Apache24-win64-VS17/py313-VC14";
const OTHER: &str = "Apache24-win64-VS17/py311-VC14";

/// A site with a source that compiles in an instant, unless it is told to fail.
struct Bench {
    site: Site,
}

impl Bench {
    fn new() -> Self {
        let bench = Self { site: Site::new() };
        source::quick(&bench.site.folder.join("src"), "6.1.1");
        bench
    }

    fn path(&self, name: &str) -> Utf8PathBuf {
        self.site.folder.join(name)
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = self.site.command(arguments);
        let path = format!("{}:{}", fragile_clang(), std::env::var("PATH").expect("a PATH"));
        command.args(["--source", "src"]).env("PATH", path);
        command
    }

    fn run(&self, arguments: &[&str]) -> Ran {
        Ran::of(&mut self.command(arguments))
    }

    /// Builds a part as another machine would, which has built nothing yet.
    fn build(&self, part: &str, arguments: &[&str]) -> Ran {
        let state = format!("state-{}", part.replace('/', "-"));
        let own = ["build", "--to", part, "--state", &state];
        self.run(&[&own[..], arguments].concat())
    }

    fn assemble(&self, arguments: &[&str]) -> Ran {
        self.run(&[&["assemble"], arguments].concat())
    }

    fn part(&self, name: &str) -> Part {
        Part::parse(&files::read(&self.path(name).join("part.json")).expect("a part")).expect("it")
    }

    fn edit_part(&self, name: &str, edit: impl FnOnce(&mut Value)) {
        let path = self.path(name).join("part.json");
        let mut part = json(&path);
        edit(&mut part);
        files::write_atomic(&path, part.to_string().as_bytes()).expect("a file");
    }

    /// The outcomes of the jobs of the last build of a part: how many were built, how many taken.
    fn jobs(&self, part: &str) -> (usize, usize) {
        let runs = self.path(&format!("state-{}/runs", part.replace('/', "-")));
        let last = files::names(&runs).expect("runs").pop().expect("a run");
        let journal = Past::read(&runs.join(last)).expect("a journal");
        let count = |wanted: JobOutcome| {
            let is = |event: &Event| matches!(event, Event::JobFinished { outcome, .. } if *outcome == wanted);
            journal.entries.iter().filter(|entry| is(&entry.what)).count()
        };
        (count(JobOutcome::Built), count(JobOutcome::Cached))
    }

    fn copy(&self, from: &str, to: &str) {
        let mut command = Command::new("cp");
        command.args(["-a", self.path(from).as_str(), self.path(to).as_str()]);
        Ran::of(&mut command).ended(0);
    }
}

/// A clang that fails for the cells whose makefiles are named in the file `broken` of a site, as one does
/// that meets an error.
fn fragile_clang() -> &'static Utf8Path {
    static MADE: LazyLock<Utf8PathBuf> = LazyLock::new(|| {
        let folder = Utf8Path::new(env!("CARGO_TARGET_TMPDIR")).join("fragile");
        let fail = "site=\"${PWD%%/state-*}\"\ncase \"$*\" in *' /c '*)\n\
             for word in $(cat \"$site/broken\" 2>/dev/null); do for makefile in *.mk; do\n\
             case \"$makefile\" in *\"$word\"*)\n\
             echo \"src/server/mod_wsgi.c(12,5): error: 'x' is broken by a test\" >&2; exit 1;;\n\
             esac; done; done;;\nesac";
        clang_after(fail, &folder);
        folder
    });
    &MADE
}

#[test]
fn three_parts_make_the_release_that_one_machine_makes() {
    let bench = Bench::new();
    bench.run(&[&["release", "--to", "one"], &ONLY[..]].concat()).ended(0);
    // By name, by glob, by tag: whichever way each machine is told.
    let named = ["Apache24-win32-VS17/py311-VC14", "Apache24-win32-VS17/py313-VC14", "--no-smoke"];
    bench.build("parts/a", &named).ended(0);
    let glob = ["--only", "*-win64-VS17/py31[13]-*", "--no-smoke", "--tag", "mod_wsgi-6.1.1"];
    bench.build("parts/b", &glob).ended(0);
    let ran = bench.build("c", &["--only", "*-VS18/py31[123]-*", "--no-smoke"]).ended(0);
    assert!(ran.stderr.contains("Part c, 4 cells\n"), "{}", ran.stderr);
    assert_eq!(bench.jobs("c"), (4, 0), "nothing was there");

    let arguments = ["parts", "c", "--to", "two", "--tag", "6.1.1", "--only", ONLY[1]];
    let ran = bench.assemble(&arguments).ended(0);
    assert!(ran.stderr.contains("Assembling mod_wsgi 6.1.1 from 3 parts\n"), "{}", ran.stderr);
    let (one, two) = (digests(&bench.path("one")), digests(&bench.path("two")));
    assert_eq!(one, two);
    let archives = |name: &&String| Utf8Path::new(name).extension() == Some("zip");
    assert_eq!(one.keys().filter(archives).count(), 5, "{one:#?}");
    let unchanged = bench.assemble(&arguments).ended(0);
    assert!(unchanged.stderr.contains("Unchanged two/mod_wsgi-6.1.1"), "{}", unchanged.stderr);

    // What each machine wrote is what its schema says, and has the logs.
    let schema = json(&repository().join("src/model/part.schema.json"));
    let validator = jsonschema::validator_for(&schema).expect("a schema");
    let part = json(&bench.path("parts/b/part.json"));
    let errors: Vec<_> = validator.iter_errors(&part).map(|error| error.to_string()).collect();
    assert!(errors.is_empty(), "{errors:#?}");
    let text = part.to_string();
    assert!(!text.contains(bench.site.folder.as_str()), "a path of this machine: {text}");
    let log = bench.path("parts/b/logs/Apache24-win64-VS17_py313-VC14.log");
    assert!(read(&log).contains("\nresult: built in "), "{}", read(&log));
}

/// Attempts as a workflow makes them: one job fails, and the next attempt has what it left.
#[test]
fn what_failed_keeps_the_release_back_and_is_alone_built_again() {
    let bench = Bench::new();
    let cells = [CELL, OTHER, "--no-smoke"];
    bench.site.write("broken", "py313-win64");
    let says = ["1 cell of 2 did not come as far as it should", CELL, "'x' is broken by a test"];
    bench.build("parts/part-1-1", &cells).refused(1, &says).refused(1, &["--reuse parts/part-1-1"]);
    let part = bench.part("parts/part-1-1");
    let [failed] = &part.failed[..] else { panic!("{:?}", part.failed) };
    assert_eq!((failed.id.to_string().as_str(), failed.stage.as_str()), (CELL, "build"));
    let message = failed.messages.first().expect("a message");
    assert_eq!(message.place(), Some(("src/server/mod_wsgi.c", 12)));
    assert!(failed.log_end.contains("is broken by a test"), "{failed:?}");
    assert_eq!(part.cells.len(), 1);
    let log = bench.path("parts/part-1-1/logs/Apache24-win64-VS17_py313-VC14.log");
    assert!(read(&log).contains("'x' is broken by a test"));

    let only = "Apache24-win64-VS17/py31[13]-*";
    let assembled = ["parts", "--only", only];
    let step = bench.path("step.md");
    let mut command = bench.command(&[&["assemble"], &assembled[..]].concat());
    command.env("GITHUB_STEP_SUMMARY", &step);
    let says = ["mod_wsgi 6.1.1 is not released: 1 cell of 2 is not built", CELL, "run the jobs"];
    Ran::of(&mut command).refused(1, &says);
    let summary = read(&step);
    for words in ["put together from 1 part", CELL, "is broken by a test", "only these cells"] {
        assert!(summary.contains(words), "{words:?} is not in {summary}");
    }
    assert!(!files::exists(&bench.path("dist")), "something was written");

    bench.site.write("broken", "");
    let again = [&cells[..], &["--reuse", "parts", "--reuse", "nowhere"]].concat();
    let ran = bench.build("parts/part-1-2", &again).ended(0);
    assert!(ran.stderr.contains("1 cell is in earlier parts and not built"), "{}", ran.stderr);
    assert_eq!(bench.jobs("parts/part-1-2"), (1, 1));
    bench.assemble(&assembled).ended(0);
    bench.run(&["release", "--to", "one", "--only", only, "--no-smoke"]).ended(0);
    assert_eq!(digests(&bench.path("dist")), digests(&bench.path("one")));

    // A later failure takes nothing away from what an earlier attempt built.
    bench.site.write("broken", "py313-win64");
    bench.build("parts/part-1-3", &[CELL, "--no-smoke"]).ended(1);
    let ran = bench.assemble(&assembled).ended(0);
    assert!(ran.stderr.contains("Unchanged"), "{}", ran.stderr);
}

#[test]
fn what_is_damaged_is_built_again() {
    let bench = Bench::new();
    let cells = [CELL, OTHER, "--no-smoke"];
    bench.build("one", &cells).ended(0);
    let module = bench.path("one/modules/Apache24-win64-VS17/modules/mod_wsgi-py313-VC14.so");
    let mut bytes = files::read(&module).expect("a file");
    bytes[200] ^= 1;
    files::write_atomic(&module, &bytes).expect("a file");
    bench.site.write("bad/part.json", "{}");
    let again = [&cells[..], &["--reuse", "one", "--reuse", "bad"]].concat();
    let ran = bench.build("two", &again).ended(0);
    for words in ["not reused: one/modules/", "its SHA-256 is", "not reused: bad/part.json"] {
        assert!(ran.stderr.contains(words), "{words:?} is not in {}", ran.stderr);
    }
    assert_eq!(bench.jobs("two"), (1, 1));
    // Of another source nothing is taken.
    bench.site.edit("src/src/server/mod_wsgi.c", "Python %s", "Python: %s");
    bench.build("three", &[&cells[..], &["--reuse", "two"]].concat()).ended(0);
    assert_eq!(bench.jobs("three"), (2, 0));
}

#[test]
fn a_cell_that_nobody_builds_has_failed_where_it_was_asked_for() {
    let bench = Bench::new();
    let no_python = "Apache24-win64-VS17/py312-VC14";
    let says = [no_python, "plan: no runner has a Python 3.12 win64 root"];
    bench.build("part", &[no_python, "--no-smoke"]).refused(1, &says);
    let part = bench.part("part");
    assert_eq!((part.cells.len(), part.failed[0].stage.as_str()), (0, "plan"));
    // Somebody else was to build it, and did not.
    bench.assemble(&["part", "--only", no_python]).refused(1, &[no_python, "no runner has"]);

    let no_cell = "Apache22-win32-VC9/py27-VC9";
    let says = ["is no cell of mod_wsgi 6.1.1", "needs Apache 2.4"];
    bench.build("part", &[no_cell]).refused(2, &says);
    bench.build("part", &["banana"]).refused(2, &["'banana' is not a cell: expected one like"]);
    let arguments = ["build", "--to", "part", "--module-version", "4.4.12"];
    let excluded = "Apache24-win64-VC10/py32-VC9";
    let ran = bench.site.run(&[&arguments[..], &[excluded]].concat());
    ran.refused(2, &[&format!("{excluded} is never built"), "crashes"]);
    bench.build("..", &[CELL]).refused(2, &["cannot be the folder of a part"]);
    bench.site.write("mine/precious", "");
    bench.build("mine", &[CELL]).refused(2, &["is no part of modfarm's", "move it away"]);
}

#[test]
fn a_tag_names_the_version_and_the_source_must_be_of_it() {
    let bench = Bench::new();
    for tag in ["mod_wsgi-6.1.1", "6.1.1"] {
        let plan = bench.run(&["plan", "--tag", tag, "--only", OTHER]).ended(0);
        assert!(plan.stdout.contains("mod_wsgi 6.1.1"), "{}", plan.stdout);
    }
    let says = [
        "the source is mod_wsgi 6.1.1, not 6.1.0, which the tag mod_wsgi-6.1.0 names",
        "hint: MOD_WSGI_VERSION_STRING in src/server/wsgi_version.h and the tag must say the same",
    ];
    for command in [&["plan"][..], &["build", "--to", "part"], &["assemble", "part"], &["release"]]
    {
        if command[0] == "assemble" {
            bench.build("part", &[OTHER, "--no-smoke"]).ended(0);
        }
        let tagged = [command, &["--tag", "mod_wsgi-6.1.0"]].concat();
        bench.run(&tagged).refused(2, &says);
    }
    let other = ["plan", "--tag", "mod_wsgi-telemetry-1.0.0"];
    bench.site.run(&other).refused(2, &["one of mod_wsgi-telemetry, not of mod_wsgi"]);
    let nonsense = ["build", "--to", "part", "--tag", "latest"];
    bench.site.run(&nonsense).refused(2, &["expected mod_wsgi-6.1.1 or 6.1.1"]);
    let both = ["plan", "--tag", "6.1.1", "--module-version", "6.1.1"];
    bench.site.run(&both).refused(2, &["cannot be used with"]);
    // Without anything that names it, the source's version is planned.
    source::quick(&bench.path("src"), "6.1.0");
    let plan = bench.run(&["plan"]).ended(0);
    assert!(plan.stdout.contains("mod_wsgi 6.1.0"), "{}", plan.stdout);
}

/// Two parts, good as they are; tests spoil copies of them.
static GOOD: LazyLock<Bench> = LazyLock::new(|| {
    let bench = Bench::new();
    bench.build("parts/a", &[CELL, "--no-smoke"]).ended(0);
    bench.build("parts/b", &[OTHER, "--no-smoke"]).ended(0);
    bench
});

const BOTH: [&str; 2] = ["--only", "Apache24-win64-VS17/py31[13]-*"];

/// Assembles a spoilt copy of the good parts, which is refused, and writes nothing.
#[track_caller]
fn refused(name: &str, code: i32, words: &[&str], spoil: impl FnOnce(&Bench, &str)) {
    let bench = &*GOOD;
    let (copy, to) = (format!("spoilt-{name}"), format!("dist-{name}"));
    bench.copy("parts", &copy);
    spoil(bench, &copy);
    let arguments = [&[copy.as_str(), "--to", &to][..], &BOTH].concat();
    bench.assemble(&arguments).refused(code, words);
    assert!(!files::exists(&bench.path(&to)), "{name}: something was written");
}

#[test]
fn parts_of_something_else_are_refused() {
    let set = |name: &str, path: &'static str, value: Value, words: &[&str]| {
        refused(name, 2, words, |bench, copy| {
            bench.edit_part(&format!("{copy}/a"), |part| {
                *part.pointer_mut(path).expect("a value") = value;
            });
        });
    };
    set("modfarm", "/modfarm", json!("9.9.9"), &["has modfarm 9.9.9, and this is 0."]);
    set(
        "version",
        "/module/version",
        json!("6.1.0"),
        &["has the version 6.1.0, and this is 6.1.1"],
    );
    set("origin", "/module/source", json!("PyPI"), &["has the source PyPI", "core.autocrlf"]);
    let verdict = json!({ "verdict": "unsupported", "reason": "x" });
    let words = ["the plan calls it supported and the part unsupported"];
    set("verdict", "/cells/0/verdict", verdict, &words);
    refused("module", 2, &["has the module mod_x"], |bench, copy| {
        bench.edit_part(&format!("{copy}/a"), |part| {
            let text =
                part.to_string().replace("mod_wsgi", "mod_x").replace("wsgi_module", "x_module");
            *part = serde_json::from_str(&text).expect("JSON");
        });
    });
    refused("tree", 2, &["has the source tree", "git changes the ends of lines"], |bench, copy| {
        bench.edit_part(&format!("{copy}/a"), |part| {
            let tree = part["module"]["source_tree"].as_str().expect("a digest").to_owned();
            let other = Sha256::of(b"other").to_string();
            *part = serde_json::from_str(&part.to_string().replace(&tree, &other)).expect("JSON");
        });
    });
    // A part may not bring what the arguments leave out.
    let bench = &*GOOD;
    let words = ["the part parts/b has Apache24-win64-VS17/py311-VC14, but the plan does not"];
    bench.assemble(&["parts", "--only", CELL, "--to", "dist-less"]).refused(2, &words);
}

#[test]
fn a_missing_cell_is_named() {
    refused(
        "missing",
        1,
        &["1 cell of 2 is not built", OTHER, "it is in no part"],
        |bench, copy| {
            files::remove_dir_all(&bench.path(copy).join("b")).expect("removed");
        },
    );
    let bench = &*GOOD;
    bench.assemble(&["nowhere"]).refused(2, &["nowhere is no part, nor a folder of parts"]);
    bench.site.write("empty/x", "");
    bench.assemble(&["empty"]).refused(2, &["there is no part.json in it"]);
    // Nobody builds anything, and the part has nothing: that is no release.
    let nobody = "Apache24-win64-VS17/py312-VC14";
    bench.copy("parts/a", "nothing");
    bench.edit_part("nothing", |part| part["cells"] = json!([]));
    bench.assemble(&["nothing", "--only", nobody]).refused(3, &["no runner can build any"]);
}

#[test]
fn nothing_that_a_part_says_is_believed_unseen() {
    let part = |name: &str, words: &[&str], edit: &dyn Fn(&mut Value)| {
        refused(name, 2, words, |bench, copy| bench.edit_part(&format!("{copy}/a"), edit));
    };
    part("format", &["its format is 99, of a later modfarm"], &|part| {
        part["format_version"] = json!(99);
    });
    part("field", &["unknown field `more`"], &|part| part["more"] = json!(1));
    part("path", &["its file is at ../../../etc/passwd, not at"], &|part| {
        part["cells"][0]["built"]["path"] = json!("../../../etc/passwd");
    });
    part("line", &["it is loaded by 'LoadModule x y', not by"], &|part| {
        part["cells"][0]["built"]["load_module"] = json!("LoadModule x y");
    });
    part("size", &["more than any module"], &|part| {
        part["cells"][0]["built"]["size"] = json!(1_u64 << 40);
    });
    part("digest", &["a/modules/", "its SHA-256 is"], &|part| {
        part["cells"][0]["built"]["sha256"] = json!(Sha256::of(b"x").to_string());
    });
    part("twice", &["is there twice"], &|part| {
        let cell = part["cells"][0].clone();
        part["cells"].as_array_mut().expect("cells").push(cell);
    });
    part("record", &["its record is of another cell"], &|part| {
        part["cells"][0]["arch"] = json!("win32");
    });
    part("root", &["its root 'x' is none of the part"], &|part| {
        part["cells"][0]["built"]["apache_root"] = json!("x");
    });
    part("kind", &["is not the one that the part describes"], &|part| {
        part["roots"][0]["kind"] = json!("python");
    });
    part("toolset", &["its toolset 'cross' is none of the part"], &|part| {
        part["toolsets"] = json!([]);
    });
    part("terminal", &["holds a character that commands a terminal"], &|part| {
        part["roots"][0]["origin"] = json!("\u{1b}]0;x\u{7}");
    });
    part("long", &["is longer than"], &|part| {
        part["cells"][0]["built"]["warnings"] = json!(["x".repeat(1 << 20)]);
    });
    part("finding", &["the inspection refused its file"], &|part| {
        let finding = json!({ "check": "machine", "severity": "error", "message": "x" });
        part["cells"][0]["built"]["findings"] = json!([finding]);
    });
    let text = |name: &str, words: &[&str], text: &str| {
        refused(name, 2, words, |bench, copy| {
            bench.site.write(&format!("{copy}/a/part.json"), text);
        });
    };
    refused("fifo", 2, &["a/part.json is no part of modfarm's: it is no file"], |bench, copy| {
        let path = bench.path(copy).join("a/part.json");
        files::remove_file(&path).expect("removed");
        Ran::of(Command::new("mkfifo").arg(&path)).ended(0);
    });
    text("none", &["a/part.json is no part of modfarm's"], "no JSON");
    text("deep", &["a/part.json is no part of modfarm's", "recursion"], &"[".repeat(100_000));
    let words = ["it has 16777217 bytes, more than any"];
    text("huge", &words, &" ".repeat((16 << 20) + 1));
}

#[test]
fn a_file_that_is_not_what_its_record_says_is_refused() {
    const MODULE: &str = "a/modules/Apache24-win64-VS17/modules/mod_wsgi-py313-VC14.so";
    refused("gone", 2, &["mod_wsgi-py313-VC14.so", "it is not there"], |bench, copy| {
        files::remove_file(&bench.path(copy).join(MODULE)).expect("removed");
    });
    refused("link", 2, &["it is no file, or lies elsewhere"], |bench, copy| {
        let path = bench.path(copy).join(MODULE);
        files::rename(&path, &bench.path("moved.so")).expect("moved");
        std::os::unix::fs::symlink(bench.path("moved.so"), path).expect("a link");
    });
    refused("folder", 2, &["it is no file, or lies elsewhere"], |bench, copy| {
        let path = bench.path(copy).join("a/modules/Apache24-win64-VS17");
        files::rename(&path, &bench.path("moved")).expect("moved");
        std::os::unix::fs::symlink(bench.path("moved"), path).expect("a link");
    });
    refused("cut", 2, &["bytes, not "], |bench, copy| {
        let path = bench.path(copy).join(MODULE);
        let bytes = files::read(&path).expect("a file");
        files::write_atomic(&path, &bytes[..1000]).expect("a file");
    });
    // All agrees, but it is the module of another Python.
    let words = ["the inspection refused Apache24-win64-VS17/py313-VC14"];
    refused("swapped", 1, &words, |bench, copy| {
        let other = "b/modules/Apache24-win64-VS17/modules/mod_wsgi-py311-VC14.so";
        let bytes = files::read(&bench.path(copy).join(other)).expect("a file");
        files::write_atomic(&bench.path(copy).join(MODULE), &bytes).expect("a file");
        bench.edit_part(&format!("{copy}/a"), |part| {
            part["cells"][0]["built"]["sha256"] = json!(Sha256::of(&bytes).to_string());
            part["cells"][0]["built"]["size"] = json!(bytes.len());
        });
    });
    // One action, two files.
    refused(
        "disagree",
        2,
        &["have different files of", CELL, "built by one action"],
        |bench, copy| {
            bench.copy(&format!("{copy}/a"), &format!("{copy}/c"));
            bench.edit_part(&format!("{copy}/c"), |part| {
                part["cells"][0]["built"]["sha256"] = json!(Sha256::of(b"other").to_string());
            });
        },
    );
}

/// Two machines with different Pythons of one name: both are in the manifest, each cell with its own.
#[test]
fn roots_of_one_name_are_told_apart() {
    let bench = &*GOOD;
    bench.copy("parts", "rooted");
    let tree = Sha256::of(b"another").to_string();
    bench.edit_part("rooted/b", |part| {
        part["cells"][0]["built"]["inputs"]["apache_tree"] = json!(tree);
        part["roots"][0]["tree"] = json!(tree);
    });
    bench.assemble(&[&["rooted", "--to", "rooted-dist"][..], &BOTH].concat()).ended(0);
    let folder = bench.path("rooted-dist/mod_wsgi-6.1.1");
    let manifest = json(&folder.join("mod_wsgi-windows-6.1.1.manifest.json"));
    let roots = manifest["roots"].as_array().expect("roots");
    assert_eq!(roots.len(), 4, "{roots:#?}");
    let cells = manifest["cells"].as_array().expect("cells");
    let built = cells.iter().map(|cell| &cell["built"]).filter(|built| !built.is_null());
    assert_eq!(built.clone().count(), 2, "{cells:#?}");
    for built in built {
        let root = roots.iter().find(|root| root["name"] == built["apache_root"]).expect("a root");
        assert_eq!(root["tree"], built["inputs"]["apache_tree"]);
    }
}

/// What a real Apache says of a file is in the part: one that failed is kept back, and is not compiled
/// again.
#[test]
fn a_file_that_fails_in_an_apache_fails_its_cell() {
    let bench = Bench { site: Site::new().running() };
    bad_source(&bench.path("src"), "*(volatile int *) 0 = 0;", "");
    let says = [CELL, "smoke: at ", "an access violation"];
    bench.run(&["build", CELL, "--to", "part"]).refused(1, &says);
    let part = bench.part("part");
    assert_eq!((part.cells.len(), part.failed[0].stage.as_str()), (1, "smoke"));
    assert!(part.failed[0].log_end.contains("resuming normal operations"), "{:?}", part.failed);
    let only = ["--only", CELL];
    let says = ["1 cell of 1 is not built", "smoke: at "];
    bench.assemble(&[&["part"][..], &only].concat()).refused(1, &says);

    // A machine that has built nothing takes it as it is.
    let state = bench.path("state-allowed");
    bench.site.link(&bench.path(".modfarm/wine"), "state-allowed/wine");
    let own = ["build", CELL, "--to", "allowed", "--allow-failed-smoke", "--reuse", "part"];
    bench.run(&[&own[..], &["--state", state.as_str()]].concat()).ended(0);
    assert_eq!(bench.jobs("allowed"), (0, 1));
    bench.assemble(&[&["allowed", "--to", "two"][..], &only].concat()).ended(0);
    let release = ["release", "--allow-failed-smoke", "--to", "one", "--only", CELL];
    bench.run(&release).ended(0);
    assert_eq!(digests(&bench.path("one")), digests(&bench.path("two")));
}

/// A build that is killed leaves no part, or the earlier one; one that is interrupted leaves what it has.
#[test]
fn a_build_that_is_broken_off_loses_nothing() {
    let bench = Bench::new();
    source::slow(&bench.path("src"), "6.1.1", 2);
    let cells = [CELL, OTHER, "--no-smoke", "--slots", "1"];
    let own = ["build", "--to", "part", "--state", "state-part"];
    let start = || Running::start(&mut bench.command(&[&own[..], &cells].concat()));
    let running = start();
    bench.site.wait("compilers run", || bench.site.compiles());
    running.signal(Signal::KILL);
    running.end().ended(-1);
    bench.site.wait("it is gone", || bench.site.processes().is_empty());
    assert!(!files::exists(&bench.path("part")), "half a part");

    let running = start();
    let runs = bench.path("state-part/runs");
    bench.site.wait("one of two is built", || {
        let last = files::names(&runs).unwrap_or_default().pop().unwrap_or_default();
        let journal = files::read_to_string(&runs.join(last).join("journal.jsonl"));
        journal.unwrap_or_default().contains(r#""outcome":"built""#)
    });
    running.signal(Signal::INT);
    running.end().ended(130);
    let part = bench.part("part");
    assert_eq!((part.cells.len(), part.failed.len()), (1, 1));
    assert_eq!(part.failed[0].stage.as_str(), "interrupted");
    assert_eq!(part.failed[0].reason, "interrupted");

    // On another machine, with what is left.
    bench.build("again", &[&cells[..], &["--reuse", "part"]].concat()).ended(0);
    assert_eq!(bench.jobs("again"), (1, 1));
    assert_eq!(bench.part("again").failed, []);
    assert!(!files::exists(&bench.path(".part.staging")), "something is left");
    // A run of `build` is no release to go on with.
    let resume = ["release", "--resume", "--state", "state-part"];
    bench.site.run(&resume).refused(2, &["no run in state-part was left unfinished"]);
}
