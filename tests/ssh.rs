//! Runners that are reached through OpenSSH, with real servers: releases over several hosts of which some
//! are lost, what is said of a host that cannot be used, and that nothing is left behind there.

mod host;
mod net;
mod runners;

use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use modfarm::sys::files;
use rustix::process::Signal;
use serde_json::Value;

use self::host::{Host, User, key, kill, signal};
use self::net::Net;
use crate::made::source;
use crate::program::{Ran, Running, Site, digests, free_port, processes, read, script};

const QUICK: [&str; 5] = ["release", "--source", "src", "--only", "Apache24-*-VS1[78]/py313-*"];
const FOLDER: &str = "dist/mod_wsgi-6.1.1";

fn quick() -> Site {
    let site = Site::new();
    source::quick(&site.folder.join("src"), "6.1.1");
    site
}

/// Waits until this holds, so many seconds at most.
#[track_caller]
fn within(seconds: u64, words: &str, mut holds: impl FnMut() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < Duration::from_secs(seconds), "not in {seconds} s: {words}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn a_release_over_ssh_is_that_of_this_machine() {
    let here = quick();
    here.run(&QUICK).ended(0);
    let site = quick();
    let user = User::new(&site);
    let host = user.host("build1", None);
    let ran = site.run(&[&QUICK[..], &["--format", "json"]].concat()).ended(0);
    assert_eq!(digests(&site.folder.join(FOLDER)), digests(&here.folder.join(FOLDER)));
    let ran_there = ran.events().iter().filter(|event| event["runner"] == "build1").count();
    assert!(ran_there >= 4, "{}", ran.stdout);
    // It was built there, and nothing of it here.
    assert!(files::exists(&host.folder.join("cache/modfarm/store")));
    assert!(!files::exists(&site.folder.join(".modfarm/cache/store/digests.json")));
    within(10, "the worker ends", || host.at_work().is_empty());
}

/// The start files of many a shell print something, whether anybody is there to read it or not.
#[test]
fn what_a_shell_prints_first_is_left_out() {
    let site = quick();
    let user = User::new(&site);
    let shell = site.folder.join("greeting-shell");
    script(
        &shell,
        "echo 'Welcome to build1!'; yes 'Mind the gap.' | head -n 4000\n\
         exec /bin/sh -c \"$SSH_ORIGINAL_COMMAND\"",
    );
    let host = Host::start(&site, "build1", None, &format!("ForceCommand {shell}"));
    user.alias("build1", &host);
    user.trust(&host);
    user.runner("build1", "build1", host.program.as_str(), "");
    site.run(&QUICK).ended(0);
    assert!(files::exists(&site.folder.join(FOLDER)));
}

/// A host that works, those that do not, and one runner for each thing that can be wrong.
fn troubled(user: &User<'_>) -> (Vec<Host>, Vec<(&'static str, Vec<&'static str>)>) {
    let site = user.site;
    let modfarm = |name: &str| user.runner(name, name, "modfarm", "");
    let good = user.host("good", None);
    let [stranger, changed, password] =
        [("stranger", ""), ("changed", ""), ("password", PASSWORDS)].map(|(name, more)| {
            let host = Host::start(site, name, None, more);
            user.alias(name, &host);
            modfarm(name);
            host
        });
    user.trust_as(&changed, &good);
    user.trust(&password);
    user.alias_of("refused", "127.0.0.1", free_port(), "id");
    user.alias_of("nowhere", "no-such-host.invalid", 22, "id");
    key(&site.folder.join("user/other"));
    user.alias_of("keyless", &good.address, good.port, "other");
    for name in ["refused", "nowhere", "keyless"] {
        modfarm(name);
    }
    user.runner("missing", "good", "no-such-modfarm", "");
    for (name, does) in [
        ("failing", "echo it is broken >&2; exit 3"),
        ("chatty", "yes what a long story; exit 1"),
        ("foreign", "exec echo Hello there"),
    ] {
        let program = script(&site.folder.join(name), does);
        user.runner(name, "good", program.as_str(), "");
    }
    let keys = "lets nobody in with the keys that ssh offers";
    let words = vec![
        ("stranger", vec!["host key is not known here", "log in once by hand", "ssh-keyscan"]),
        ("changed", vec!["another than the one known here", "ssh -F"]),
        ("refused", vec!["no SSH server answers on that port", "`host: ssh://user@host:port`"]),
        ("nowhere", vec!["there is no host of that name", "~/.ssh/config"]),
        ("keyless", vec![keys, "ssh-copy-id"]),
        ("password", vec![keys, "Permission denied"]),
        ("missing", vec!["there is no modfarm there", "modfarm runners install missing"]),
        ("failing", vec!["ended there with exit code 3", "it says: it is broken"]),
        ("chatty", vec!["text without end", "on a terminal alone"]),
        ("foreign", vec!["ended there with exit code 0", "it says: Hello there"]),
    ];
    (vec![good, stranger, changed, password], words)
}

const PASSWORDS: &str =
    "PasswordAuthentication yes\nPubkeyAuthentication no\nAuthenticationMethods password";

#[test]
fn what_is_wrong_with_a_host_is_said_and_the_others_build() {
    let site = quick();
    let user = User::new(&site);
    let (_hosts, troubles) = troubled(&user);
    let ran = site.run(&QUICK).ended(0);
    assert!(files::exists(&site.folder.join(FOLDER)));
    let warnings: Vec<&str> = ran.stderr.split("Warning ").collect();
    for (name, words) in troubles {
        let runner = format!("runner '{name}': ");
        let said = warnings.iter().find(|warning| warning.starts_with(&runner));
        let said = said.unwrap_or_else(|| panic!("nothing of {name}: {}", ran.stderr));
        for word in words {
            assert!(said.contains(word), "{word:?} is not in: {said}");
        }
        assert!(said.contains("`ssh -F ") && said.contains("hint: "), "{said}");
    }
}

/// Neither on a terminal nor in a window.
#[test]
fn nothing_is_ever_asked() {
    let site = quick();
    let user = User::new(&site);
    let password = Host::start(&site, "password", None, PASSWORDS);
    user.alias("password", &password);
    user.trust(&password);
    user.runner("password", "password", "modfarm", "");
    let stranger = Host::start(&site, "stranger", None, "");
    user.alias("stranger", &stranger);
    user.runner("stranger", "stranger", "modfarm", "");
    let asked = site.folder.join("asked");
    let window = script(&site.folder.join("window"), &format!("touch {asked}; echo secret"));
    let start = Instant::now();
    let mut terminal = Command::new("script");
    let line = format!("{} plan", host::PROGRAM);
    terminal.args(["-qec", &line, "/dev/null"]).current_dir(&site.folder).stdin(Stdio::null());
    terminal.env("SSH_ASKPASS", window).env("SSH_ASKPASS_REQUIRE", "force").env("DISPLAY", ":0");
    let ran = Ran::of(&mut terminal);
    assert!(start.elapsed() < Duration::from_secs(25), "{:?}", start.elapsed());
    assert_ne!(ran.code, 0, "{}", ran.stdout);
    let said = ran.stdout.to_lowercase();
    assert!(!said.contains("password:") && !said.contains("yes/no"), "{said}");
    assert!(!files::exists(&asked), "a window asked");
}

#[test]
fn a_runner_file_that_ssh_or_a_shell_would_misread_is_refused() {
    let site = quick();
    let user = User::new(&site);
    user.runner("odd", "good", "my farm", "");
    user.runner("option", "-oProxyCommand=touch${IFS}x", "modfarm", "");
    let words = [
        "2 runner files cannot be used",
        "odd.yaml: the program 'my farm' has ' ' in it",
        "at line 4, column 1",
        "option.yaml: the host '-oProxyCommand",
        "at line 2, column 1",
    ];
    site.run(&QUICK).refused(2, &words);
}

/// Keeps the compilers of a host from running most of the time, for as long as it lives.
struct Slowly<'a>(&'a AtomicBool);

impl Drop for Slowly<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

fn slow_down(host: &Host, stop: &AtomicBool) {
    while !stop.load(Ordering::SeqCst) {
        let compilers = || {
            let lines = host.at_work().into_iter().filter(|line| line.contains("clang"));
            lines.filter_map(|line| line.split(' ').next()?.parse().ok()).collect::<Vec<u32>>()
        };
        let stopped = compilers();
        let all = |what: Signal| {
            for pid in &stopped {
                signal(*pid, what);
            }
        };
        all(Signal::STOP);
        std::thread::sleep(Duration::from_millis(300));
        all(Signal::CONT);
        std::thread::sleep(Duration::from_millis(100));
    }
}

/// Three hosts: one is killed while it compiles, one is cut off, one is slow.
#[test]
fn a_release_survives_its_hosts() {
    const ONLY: [&str; 7] =
        ["release", "--source", "src", "--only", "*-VS17/py31[135]-*", "--slots", "1"];
    let here = Site::new();
    source::slow(&here.folder.join("src"), "6.1.1", 2);
    here.run(&ONLY[..5]).ended(0);

    let site = Site::new();
    source::slow(&site.folder.join("src"), "6.1.1", 2);
    let user = User::new(&site);
    let killed = user.host("killed", None);
    let cut = user.host("cut", Some(Net::new()));
    let slow = user.host("slow", None);
    let stop = AtomicBool::new(false);
    let ran = std::thread::scope(|scope| {
        let _end = Slowly(&stop);
        scope.spawn(|| slow_down(&slow, &stop));
        let running = site.start(&[&ONLY[..], &["--format", "json"]].concat());
        site.wait("all three compile", || killed.compiles() && cut.compiles() && slow.compiles());
        cut.net.as_ref().expect("a cable").cut();
        killed.kill_sessions();
        in_time(running, Duration::from_secs(240)).ended(0)
    });
    assert_eq!(digests(&site.folder.join(FOLDER)), digests(&here.folder.join(FOLDER)));
    // The one that was cut off gave nothing, and was missed.
    let events = ran.events();
    let built = |name: &str| {
        events.iter().any(|event| {
            event["event"] == "job_finished"
                && event["runner"] == name
                && event["outcome"]["outcome"] == "built"
        })
    };
    assert!(built("slow") || built("killed"), "{}", ran.stdout);
    // By its silence, or since another that was idle was first with its job.
    let missed = |it: &Value| {
        (it["event"] == "runner_lost" || it["event"] == "job_dropped") && it["runner"] == "cut"
    };
    assert!(events.iter().any(missed) && !built("cut"), "{}", ran.stdout);
}

/// The network of the only host is gone for longer than it is waited for, and comes back.
#[test]
fn a_host_that_falls_silent_is_missed_and_taken_back() {
    let site = Site::new();
    source::slow(&site.folder.join("src"), "6.1.1", 2);
    let user = User::new(&site);
    let host = user.host("build1", Some(Net::new()));
    let net = host.net.as_ref().expect("a cable");
    let running = site.start(&QUICK);
    site.wait("it compiles", || host.compiles());
    net.cut();
    let runs = site.folder.join(".modfarm/runs");
    let told = |what: &str| {
        let all = files::walk(&runs).unwrap_or_default().into_iter();
        let journals = all.filter(|name| name.ends_with("journal.jsonl"));
        journals.map(|journal| read(&runs.join(journal)).matches(what).count()).sum::<usize>()
    };
    site.wait("it is missed", || told("\"runner_lost\"") > 0);
    assert_eq!(told("\"runner_ready\""), 1);
    net.mend();
    in_time(running, Duration::from_secs(240)).ended(0);
    assert!(told("\"runner_ready\"") > 1, "it was reached anew");
    assert!(files::exists(&site.folder.join(FOLDER)));
    within(60, "the worker that nobody heard any more ends", || host.at_work().is_empty());
}

/// What a run says, which is ended where it takes too long.
fn in_time(mut running: Running, limit: Duration) -> Ran {
    let start = Instant::now();
    while !running.has_ended() {
        if start.elapsed() > limit {
            running.signal(Signal::KILL);
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    running.end()
}

/// The client is killed, with no time to say good-bye; what it started on the host must not go on.
#[test]
fn a_worker_whose_client_is_killed_ends() {
    let site = Site::new();
    source::slow(&site.folder.join("src"), "6.1.1", 30);
    let user = User::new(&site);
    let host = user.host("build1", None);
    let running = site.start(&QUICK);
    site.wait("it compiles", || host.compiles());
    end_clients(&site);
    running.signal(Signal::KILL);
    running.end();
    within(10, "the worker ends", || host.at_work().is_empty());
}

/// The same where the network is cut first: no end of a stream ever comes.
#[test]
fn a_worker_that_is_cut_off_ends() {
    let site = Site::new();
    source::slow(&site.folder.join("src"), "6.1.1", 60);
    let user = User::new(&site);
    let host = user.host("build1", Some(Net::new()));
    let running = site.start(&QUICK);
    site.wait("it compiles", || host.compiles());
    host.net.as_ref().expect("a cable").cut();
    end_clients(&site);
    running.signal(Signal::KILL);
    running.end();
    assert!(!host.at_work().is_empty(), "somebody told it");
    within(45, "the worker ends", || host.at_work().is_empty());
}

/// Kills every `ssh` of a site.
fn end_clients(site: &Site) {
    let clients = processes(&site.folder);
    let clients = clients.iter().filter(|line| line.contains(" -F ") && line.contains("worker"));
    clients.filter_map(|line| line.split(' ').next()?.parse().ok()).for_each(kill);
}
