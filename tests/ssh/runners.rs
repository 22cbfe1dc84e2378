//! `modfarm runners` and `modfarm runners install`, against real OpenSSH servers.

use camino::Utf8PathBuf;
use modfarm::sys::files;
use serde_json::Value;

use super::host::{Host, PROGRAM, User};
use super::quick;
use crate::program::{Ran, Site, free_port, read, script};

const VERSION: &str = env!("CARGO_PKG_VERSION");

fn survey(site: &Site, code: i32) -> Value {
    let ran = site.run(&["runners", "--format", "json"]).ended(code);
    serde_json::from_str(&ran.stdout).expect("JSON")
}

#[test]
fn runners_are_listed_with_what_they_have() {
    let site = quick();
    let user = User::new(&site);
    let _host = user.host("build1", None);
    let text = site.run(&["runners"]).ended(0).stdout;
    for words in [
        "build1: ready\n",
        "ssh build1, answered in ",
        &format!("modfarm {VERSION}, "),
        "cross: clang ",
        "VC9",
        "win32 win64)",
        "Apache    2.4.",
        "3.13t (win32, win64)",
    ] {
        assert!(text.contains(words), "{words:?} is not in: {text}");
    }
    let survey = survey(&site, 0);
    assert_eq!(survey["format_version"], 1);
    let runner = &survey["runners"][0];
    assert_eq!((&runner["runner"], &runner["usable"]), (&"build1".into(), &true.into()));
    assert_eq!(runner["answer"]["modfarm"], VERSION);
    assert_eq!(runner["lacks"].as_array().map(Vec::len), Some(0), "{runner}");
    let cores = std::thread::available_parallelism().expect("cores").get();
    assert_eq!(runner["slots"], cores, "what the worker says: {runner}");
    let toolset = &runner["answer"]["toolsets"][0];
    assert!(toolset["digest"].as_str().is_some_and(|digest| digest.len() == 64), "{toolset}");
}

#[test]
fn what_a_runner_lacks_is_said_with_its_remedy() {
    let site = quick();
    let user = User::new(&site);
    let good = user.host("good", None);
    user.runner("slotted", "good", good.program.as_str(), "slots: 7\nlabels: [VS17]\n");
    user.runner("mislabelled", "good", good.program.as_str(), "labels: [VS99]\n");
    let config = user.config();
    let program = &good.program;
    site.write(
        "runners/rootless.yaml",
        &format!(
            "connection: ssh\nhost: good\nconfig: {config}\nprogram: {program}\ntoolset: cross\n"
        ),
    );
    site.write(
        "runners/toolless.yaml",
        &format!(
            "connection: ssh\nhost: good\nconfig: {config}\nprogram: {program}\ntoolset: msvc\n"
        ),
    );
    // Another compiler, as far as it says itself.
    let clang = site.folder.join("other/clang");
    script(&clang, "echo 'other clang version 99.0.0'");
    let other = script(
        &site.folder.join("other/modfarm"),
        &format!("PATH={}:$PATH exec {program} \"$@\"", files::parent(&clang)),
    );
    user.runner("other", "good", other.as_str(), "");
    user.alias_of("refused", "127.0.0.1", free_port(), "id");
    user.runner("refused", "refused", "modfarm", "");

    let ran = site.run(&["runners"]).refused(1, &["4 of 7 runners cannot be used"]);
    let paragraph = |name: &str| {
        let mut paragraphs = ran.stdout.split("\n\n").map(str::trim_start);
        let found = paragraphs.find(|text| text.starts_with(&format!("{name}: ")));
        found.unwrap_or_else(|| panic!("{name} is not in: {}", ran.stdout)).to_owned()
    };
    for (name, words) in [
        ("good", vec!["good: ready", "differs from that of other: they share no jobs"]),
        ("slotted", vec!["slotted: ready", "7 slots", "labels    VS17"]),
        ("mislabelled", vec!["not usable", "its label 'VS99' is neither", "VS17"]),
        (
            "rootless",
            vec!["no Apache to build against", "no Python to build", "`kit:` in its file"],
        ),
        ("toolless", vec!["toolset 'msvc' is not there, but cross"]),
        ("other", vec!["other: ready", "clang 99.0.0", "differs from that of good"]),
        ("refused", vec!["no answer", "no SSH server answers on that port", "hint"]),
    ] {
        let paragraph = paragraph(name);
        for word in words {
            assert!(paragraph.contains(word), "{word:?} is not in: {paragraph}");
        }
    }
    let survey = survey(&site, 1);
    let runners = survey["runners"].as_array().expect("runners");
    let refused = runners.iter().find(|runner| runner["runner"] == "refused").expect("it");
    assert_eq!((&refused["usable"], &refused["answer"]), (&false.into(), &Value::Null));
    assert!(refused["lacks"][0]["hint"].is_string(), "{refused}");
}

/// A host whose user has a home of his own, and no modfarm.
fn fresh(site: &Site, user: &User<'_>, more: &str) -> (Host, Utf8PathBuf) {
    let home = site.folder.join("hosts/fresh/home");
    let shell = script(
        &site.folder.join("shell"),
        &format!("cd {home} && {more} exec /bin/sh -c \"$SSH_ORIGINAL_COMMAND\""),
    );
    let host = Host::start(site, "fresh", None, &format!("ForceCommand {shell}"));
    user.alias("fresh", &host);
    user.trust(&host);
    user.runner("fresh", "fresh", "modfarm", "");
    (host, home)
}

fn install(site: &Site, more: &[&str]) -> Ran {
    site.run(&[&["runners", "install", "fresh"][..], more].concat())
}

#[test]
fn modfarm_is_put_where_it_is_missing_or_old() {
    let site = quick();
    let user = User::new(&site);
    let (_host, home) = fresh(&site, &user, "");
    let place = home.join(".local/bin/modfarm");
    let digest = |path: &Utf8PathBuf| files::digest(path).expect("a file").sha256;
    let ours = digest(&PROGRAM.into());

    let ran = install(&site, &[]).ended(0);
    assert!(ran.stderr.contains("Copying ") && ran.stderr.contains("(Linux "), "{}", ran.stderr);
    let says = format!(".local/bin/modfarm on fresh is modfarm {VERSION} now\n");
    assert!(ran.stdout.starts_with(&says), "{}", ran.stdout);
    let advice = "write into runners/fresh.yaml\n\nprogram: .local/bin/modfarm\n";
    assert!(ran.stdout.ends_with(advice), "{}", ran.stdout);
    assert_eq!(digest(&place), ours);
    assert_eq!(files::names(files::parent(&place)).expect("a folder"), ["modfarm"]);

    // As advised, and a second time.
    user.runner("fresh", "fresh", ".local/bin/modfarm", "");
    let ran = install(&site, &[]).ended(0);
    let says = format!(".local/bin/modfarm on fresh is modfarm {VERSION} already\n");
    assert_eq!(ran.stdout, says);
    assert!(!ran.stderr.contains("Copying"), "{}", ran.stderr);
    site.run(&super::QUICK).ended(0);

    // An old one, and one of the same version that is not this one.
    for version in ["0.0.1", VERSION] {
        script(&place, &format!("echo modfarm {version}"));
        let ran = install(&site, &[]).ended(0);
        assert!(ran.stdout.contains(&format!("now, and was {version}\n")), "{}", ran.stdout);
        assert_eq!(digest(&place), ours);
    }
}

#[test]
fn what_would_not_start_there_changes_nothing() {
    let site = quick();
    let user = User::new(&site);
    let (_host, home) = fresh(&site, &user, "");
    let place = home.join(".local/bin/modfarm");
    script(&place, "echo modfarm 0.0.1");
    let foreign = site.folder.join("modfarm.exe");
    files::write_atomic(&foreign, b"\x7fELF of another machine").expect("a file");
    let ran = install(&site, &["--binary", foreign.as_str()]);
    ran.refused(3, &["fresh: cannot start .local/bin/modfarm-", "hint: "]);
    assert!(read(&place).contains("0.0.1"));
    assert_eq!(files::names(files::parent(&place)).expect("a folder"), ["modfarm"]);
    let missing = install(&site, &["--binary", "no-such-file"]);
    missing.refused(2, &["no-such-file"]);
}

#[test]
fn another_platform_needs_another_binary() {
    let site = quick();
    let user = User::new(&site);
    let uname = script(&site.folder.join("solaris/uname"), "echo SunOS sun4v");
    let (_host, _home) = fresh(&site, &user, &format!("PATH={}:$PATH", files::parent(&uname)));
    install(&site, &[]).refused(2, &["fresh is SunOS sun4v", "made for Linux ", "--binary FILE"]);
    // A host that has no file, and one that nobody can reach.
    site.run(&["runners", "install", "-x"]).ended(2);
    site.run(&["runners", "install", "a b"]).refused(2, &["' '", "hint: name a runner"]);
    user.alias_of("refused", "127.0.0.1", free_port(), "id");
    user.runner("refused", "refused", "modfarm", "");
    let refused = site.run(&["runners", "install", "refused"]);
    refused.refused(3, &["refused: no SSH server answers", "Connection refused", "hint: "]);
}
