//! `modfarm publish` killed at any moment, and run once more.

use std::process::Stdio;
use std::time::{Duration, Instant};

use crate::made::releases::VERSION;
use crate::publishing::{Site, in_parallel, slow_github};

const LATENCY: Duration = Duration::from_millis(6);

/// So many runs at a time.
const SIDE_BY_SIDE: usize = 6;

#[test]
fn a_killed_run_is_resumed() {
    kill(15);
}

/// `make kills`.
#[test]
#[ignore = "takes minutes"]
fn two_hundred_killed_runs_are_resumed() {
    kill(200);
}

fn kill(times: u32) {
    let site = Site::new();
    let start = Instant::now();
    site.publish(&slow_github(LATENCY)).ended(0);
    // The load of the others makes each slower than the first was.
    let whole = start.elapsed() * 2;
    let moments: Vec<Duration> = (0..times).map(|_| whole.mul_f64(fastrand::f64())).collect();
    let wrong = in_parallel(moments, SIDE_BY_SIDE, |moment| {
        killed(&site, *moment).map_err(|wrong| format!("killed after {moment:?}: {wrong}"))
    });
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn killed(site: &Site, moment: Duration) -> Result<(), String> {
    let github = slow_github(LATENCY);
    let mut command = site.command(&site.release, &github);
    let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn();
    let mut child = child.map_err(|error| error.to_string())?;
    std::thread::sleep(moment);
    // SIGKILL; one that has ended already is no error.
    child.kill().and_then(|()| child.wait()).map_err(|error| error.to_string())?;
    let asked = github.log().len();
    let second = site.publish(&github);
    if second.code != 0 {
        return Err(format!(
            "{asked} requests; then it ended with {}: {}",
            second.code,
            second.told()
        ));
    }
    let published = github.published(VERSION, &site.release.assets);
    published.map_err(|wrong| format!("after {asked} requests: {wrong}"))
}
