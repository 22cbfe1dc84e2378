//! Two runs of `modfarm publish` to one repository at the same time.

use std::process::Stdio;
use std::time::Duration;

use crate::github::StandIn;
use crate::made::releases::{MadeRelease, VERSION};
use crate::program::Ran;
use crate::publishing::{Site, in_parallel, slow_github};

const LATENCY: Duration = Duration::from_millis(10);

/// How much later the second one starts, in milliseconds.
const STAGGERS: [u64; 8] = [0, 5, 10, 20, 40, 80, 120, 200];

#[test]
fn two_with_the_same_bytes_make_one_release() {
    let site = Site::new();
    let wrong = in_parallel(STAGGERS.to_vec(), 2, |stagger| {
        let github = slow_github(LATENCY);
        let runs = race(&site, &github, [&site.release, &site.release], *stagger);
        let told = || runs.iter().map(Ran::told).collect::<String>();
        if runs.iter().any(|run| run.code != 0) {
            return Err(format!("{stagger} ms: {}", told()));
        }
        let published = github.published(VERSION, &site.release.assets);
        published.map_err(|wrong| format!("{stagger} ms: {wrong}: {}", told()))
    });
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn of_two_with_other_bytes_one_wins_and_the_other_is_told() {
    let site = Site::new();
    let wrong = in_parallel(STAGGERS.to_vec(), 2, |stagger| {
        let github = slow_github(LATENCY);
        let both = [&site.release, &site.other];
        let runs = race(&site, &github, both, *stagger);
        let told = || runs.iter().map(Ran::told).collect::<String>();
        let winner = match [runs[0].code, runs[1].code] {
            [0, code] if code > 0 => both[0],
            [code, 0] if code > 0 => both[1],
            codes => return Err(format!("{stagger} ms: they ended with {codes:?}: {}", told())),
        };
        let published = github.published(VERSION, &winner.assets);
        published.map_err(|wrong| format!("{stagger} ms: {wrong}: {}", told()))
    });
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// A build is given up half sent, and another one of the same version is published.
#[test]
fn another_build_leaves_nothing_of_the_first() {
    let site = Site::new();
    let wrong = in_parallel(STAGGERS.to_vec(), 2, |moment| {
        let github = slow_github(LATENCY);
        let mut command = site.command(&site.release, &github);
        let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        let mut child = child.map_err(|error| error.to_string())?;
        std::thread::sleep(Duration::from_millis(100 + moment));
        child.kill().and_then(|()| child.wait()).map_err(|error| error.to_string())?;
        if github.repository().by_tag(VERSION).is_some() {
            return Ok(());
        }
        let other = Ran::of(&mut site.command(&site.other, &github));
        if other.code != 0 {
            return Err(format!("{moment} ms: {}", other.told()));
        }
        let first = site.publish(&github);
        if first.code == 0 || !first.stderr.contains("is published") {
            return Err(format!("{moment} ms: {}", first.told()));
        }
        github
            .published(VERSION, &site.other.assets)
            .map_err(|wrong| format!("{moment} ms: {wrong}"))
    });
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn race(site: &Site, github: &StandIn, both: [&MadeRelease; 2], stagger: u64) -> [Ran; 2] {
    std::thread::scope(|scope| {
        let first = scope.spawn(|| Ran::of(&mut site.command(both[0], github)));
        std::thread::sleep(Duration::from_millis(stagger));
        let second = Ran::of(&mut site.command(both[1], github));
        [first.join().expect("no panic"), second]
    })
}
