//! `modfarm worker --listen`: releases through it, many clients at once, and its end.

use std::io::Read as _;
use std::net::TcpStream;
use std::time::{Duration, Instant};

use rustix::process::Signal;

use super::worker::{Beside, wait};
use super::{QUICK, SLOW, cluster, digests, locally, outcomes, quick, slow};
use crate::program::{Ran, folder, modfarm};

#[test]
fn a_release_through_a_worker_that_listens_is_the_same() {
    let (worker, address) = Beside::listening(&["--jobs", "2"]);
    let site = quick(&cluster(&address));
    let ran = site.run(&QUICK).ended(0);
    assert_eq!(outcomes(&ran), ["built", "built"], "{}", ran.stdout);
    assert_eq!(digests(&site), locally(&QUICK, quick("connection: local")));

    // Another orchestrator, which has nothing, is given what the worker has.
    let other = quick(&cluster(&address));
    let ran = other.run(&QUICK).ended(0);
    assert_eq!(outcomes(&ran), ["cached", "cached"], "{}", ran.stdout);
    assert_eq!(digests(&other), digests(&site));
    drop(worker);
}

#[test]
fn properties_are_another_action_of_the_same_bytes() {
    let (_worker, address) = Beside::listening(&[]);
    let site = quick(&cluster(&address));
    site.run(&QUICK).ended(0);
    let asking = quick(&format!("{}\nproperties:\n  pool: fast", cluster(&address)));
    let ran = asking.run(&QUICK).ended(0);
    assert_eq!(outcomes(&ran), ["built", "built"], "{}", ran.stdout);
    assert_eq!(digests(&asking), digests(&site));
}

#[test]
fn a_client_that_goes_loses_its_own_jobs_alone() {
    let (worker, address) = Beside::listening(&["--jobs", "4"]);
    let (one, other) = (slow(&cluster(&address)), slow(&cluster(&address)));
    // Not the same actions, or the first would be asked for the second's.
    other.edit("src/src/server/mod_wsgi.c", "\"Python %s\"", "\"the Python %s\"");
    let killed = one.start(&SLOW);
    wait("compilers run", || worker.compiles());
    let runs = worker.runs();
    let lives = other.start(&SLOW);
    killed.signal(Signal::KILL);
    killed.end();
    let still = |of: &[String]| worker.runs().iter().any(|process| of.contains(process));
    wait("its compilers are ended", || !still(&runs));
    lives.end().ended(0);
    assert!(other.folder.join(super::FOLDER).is_dir());

    // And the worker goes with all that runs.
    let again = one.start(&SLOW);
    wait("compilers run", || worker.compiles());
    worker.signal(Signal::TERM);
    assert_eq!(worker.end(), 0, "{}", worker.said());
    wait("nothing is left", || worker.runs().is_empty());
    let ran = again.end();
    assert_ne!(ran.code, 0, "{}", ran.stderr);
    assert!(ran.said().contains("that could build it: 'cross' (grpc:"), "{ran:?}");
}

#[test]
fn a_silent_client_is_let_go_and_keeps_nobody_waiting() {
    let (_worker, address) = Beside::listening(&[]);
    let place = address.strip_prefix("grpc://").expect("without TLS");
    let start = Instant::now();
    let mut silent = TcpStream::connect(place).expect("a connection");
    let site = quick(&cluster(&address));
    site.run(&QUICK).ended(0);
    silent.set_read_timeout(Some(Duration::from_secs(60))).expect("a time");
    let mut rest = Vec::new();
    silent.read_to_end(&mut rest).expect("its end");
    let taken = start.elapsed();
    assert!((5..60).contains(&taken.as_secs()), "{taken:?}");
}

#[test]
fn it_does_not_stand_open_to_other_machines() {
    let (_keep, folder) = folder();
    let worker = |arguments: &[&str]| {
        let all = [&["worker", "--store", "store"], arguments].concat();
        Ran::of(&mut modfarm(&folder, &all))
    };
    let words = ["can be reached from other machines", "hint: --token-file", "--allow-anyone"];
    worker(&["--listen", "0.0.0.0:0"]).refused(2, &words);
    worker(&["--listen", "127.0.0.1:1x"]).refused(3, &["cannot listen on 127.0.0.1:1x"]);
    let missing = ["--listen", "127.0.0.1:0", "--token-file", "none"];
    worker(&missing).refused(2, &["none"]);
    worker(&["--listen", "127.0.0.1:0", "--certificate", "c"]).refused(2, &["--key"]);
    worker(&["--allow-anyone"]).refused(2, &["--listen"]);
    worker(&["--join", "http://farm"]).refused(2, &["grpcs://HOST:PORT"]);
    let both = ["--listen", "127.0.0.1:0", "--join", "grpc://127.0.0.1:1"];
    worker(&both).refused(2, &["cannot be used with"]);
}
