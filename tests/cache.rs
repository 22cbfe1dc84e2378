//! `modfarm cache`: what it shows, what it removes, and that a release does not mind.

use std::process::Stdio;
use std::time::{Duration, SystemTime};

use camino::Utf8Path;
use modfarm::sys::files;
use serde_json::Value;

use crate::made::source;
use crate::program::{Ran, Site};

const RELEASE: [&str; 6] =
    ["release", "--source", "src", "--only", "*-VS17/py31[13]-VC14", "--no-smoke"];

/// A site with a release and all that it left.
fn released() -> Site {
    let site = Site::new();
    source::quick(&site.folder.join("src"), "6.1.1");
    site.run(&RELEASE).ended(0);
    site
}

fn shown(ran: &Ran) -> Value {
    serde_json::from_str(&ran.stdout).expect("JSON")
}

fn number(shown: &Value, list: &str, what: &str, field: &str) -> u64 {
    let rows = shown[list].as_array().expect("rows");
    let row = rows.iter().find(|row| row["what"] == what).expect("a row");
    row[field].as_u64().expect("a number")
}

/// Has everything in the store look as if it was last used so many days ago.
fn age(site: &Site, days: u32) {
    let then = SystemTime::now() - Duration::from_secs(24 * 60 * 60) * days;
    let times = std::fs::FileTimes::new().set_accessed(then).set_modified(then);
    for kind in ["cas", "ac"] {
        let folder = site.folder.join(".modfarm/cache/store").join(kind);
        for path in files::walk(&folder).expect("a folder") {
            files::open(&folder.join(path)).expect("a file").set_times(times).expect("its times");
        }
    }
}

/// What a folder's files come to, by somebody else's count.
fn bytes_in(folder: &Utf8Path) -> (u64, u64) {
    let files = files::walk(folder).expect("a folder");
    let size = |path: &String| files::metadata(&folder.join(path)).expect("a file").len();
    (files.len() as u64, files.iter().map(size).sum())
}

#[test]
fn shows_what_is_kept() {
    let site = Site::new();
    let empty = site.run(&["cache"]).ended(0);
    assert!(empty.stdout.starts_with(".modfarm\n"), "{}", empty.stdout);
    assert!(!files::exists(&site.folder.join(".modfarm")), "to look makes nothing");

    let site = released();
    let told = shown(&site.run(&["cache", "--format", "json"]).ended(0));
    assert_eq!(told["format_version"], 1);
    let store = site.folder.join(".modfarm/cache/store");
    for (what, folder) in [("contents", "cas"), ("results", "ac")] {
        let counted = bytes_in(&store.join(folder));
        let said = ["count", "bytes"].map(|field| number(&told, "kept", what, field));
        assert_eq!((said[0], said[1]), counted, "{what}");
    }
    assert_eq!(number(&told, "kept", "results", "count"), 4);
    assert_eq!(number(&told, "kept", "runs", "count"), 1);
    let text = site.run(&["cache"]).ended(0).stdout;
    for word in ["contents", "results", "downloads", "smoke results", "Wine prefixes", "runs"] {
        assert!(text.lines().any(|line| line.starts_with(word)), "{word}: {text}");
    }
    let alone = site.run(&["cache", "--store", ".modfarm/cache/store"]).ended(0).stdout;
    assert!(alone.contains("contents") && !alone.contains("downloads"), "{alone}");
}

#[test]
fn prunes_by_age_and_size_and_what_is_gone_is_built_again() {
    let site = released();
    site.run(&["cache", "prune"]).refused(2, &["--older-than", "--keep"]);
    site.run(&["cache", "prune", "--keep", "much"]).refused(2, &["expected a size such as"]);
    site.run(&["cache", "prune", "--older-than", "long"]).refused(2, &["expected an age such as"]);
    let before = site.listing(&[]);
    let dry = ["cache", "prune", "--keep", "0", "--dry-run", "--format", "json"];
    let told = shown(&site.run(&dry).ended(0));
    assert_eq!((&told["dry_run"], number(&told, "removed", "results", "count")), (&true.into(), 4));
    assert_eq!(site.listing(&[]), before);

    age(&site, 40);
    // What a release finds is used by it.
    let ran = site.run(&["release", "--source", "src", "--only", "*/py313-VC14", "--no-smoke"]);
    assert_eq!(ran.ended(0).stderr.matches("Cached").count(), 2);
    let prune = ["cache", "prune", "--older-than", "30d", "--format", "json"];
    let told = shown(&site.run(&prune).ended(0));
    assert_eq!(number(&told, "removed", "results", "count"), 2);
    assert_eq!(number(&told, "left", "results", "count"), 2);
    let ran = site.run(&RELEASE).ended(0);
    assert_eq!(ran.stderr.matches("Cached").count(), 2, "{}", ran.stderr);
    assert_eq!(ran.stderr.matches("   Built").count(), 2, "{}", ran.stderr);

    let told = site.run(&["cache", "prune", "--keep", "0"]).ended(0).stdout;
    assert!(told.starts_with("Removed ") && told.contains(", 0 bytes left\n"), "{told}");
    site.run(&RELEASE).ended(0);
}

/// A store that somebody else empties again and again all the while.
#[test]
fn a_release_does_not_mind_that_the_store_is_pruned() {
    let site = Site::new();
    source::slow(&site.folder.join("src"), "6.1.1", 1);
    let one = ["release", "--source", "src", "--only", "*win64-VS17/py311-VC14", "--no-smoke"];
    site.run(&one).ended(0);
    age(&site, 40);
    // Its store is in use until all is counted, also while the release writes its report.
    let mut worker = site.command(&["worker", "--store", ".modfarm/cache/store"]);
    let mut worker = worker.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("a worker");
    let work = site.folder.join(".modfarm/cache/store/work");
    site.wait("the worker lives", || files::names(&work).is_ok_and(|names| !names.is_empty()));
    let mut running = site.start(&RELEASE);
    let mut pruned = 0;
    while !running.has_ended() {
        site.run(&["cache", "prune", "--keep", "0", "--older-than", "1d"]).ended(0);
        pruned += 1;
    }
    assert!(pruned > 1, "{pruned}");
    let ran = running.end().ended(0);
    assert!(!ran.stderr.contains("tried again"), "{}", ran.stderr);
    let again = site.run(&RELEASE).ended(0).stderr;
    assert_eq!(again.matches("Cached").count(), 4, "what it built or found is there: {again}");
    drop(worker.stdin.take());
    assert!(worker.wait().expect("a child").success());
}

/// The same by one that heeds nobody: whatever vanishes is brought again.
#[test]
fn a_release_survives_that_contents_vanish_at_any_moment() {
    let site = Site::new();
    source::slow(&site.folder.join("src"), "6.1.1", 1);
    let contents = site.folder.join(".modfarm/cache/store/cas");
    let mut running = site.start(&RELEASE);
    for _ in 0..5 {
        for path in files::walk(&contents).unwrap_or_default() {
            files::remove_file(&contents.join(path)).expect("removed");
        }
        std::thread::sleep(Duration::from_millis(300));
    }
    site.wait("it ends", || running.has_ended());
    running.end().ended(0);
    site.run(&RELEASE).ended(0);
}

#[test]
fn a_worker_keeps_its_store_below_its_limit() {
    let site = released();
    age(&site, 40);
    let store = site.folder.join(".modfarm/cache/store");
    for (limit, stays) in [("1GiB", true), ("1k", false)] {
        let mut command = site.command(&["worker", "--store", store.as_str()]);
        command.args(["--store-limit", limit]).stdin(Stdio::piped());
        let mut worker = command.stdout(Stdio::null()).spawn().expect("a worker");
        if stays {
            std::thread::sleep(Duration::from_millis(500));
            assert_eq!(files::walk(&store.join("ac")).expect("results").len(), 4);
        } else {
            site.wait("it is small", || {
                files::walk(&store.join("cas")).is_ok_and(|contents| contents.len() <= 1)
            });
        }
        drop(worker.stdin.take());
        assert!(worker.wait().expect("it ends").success());
    }
}
