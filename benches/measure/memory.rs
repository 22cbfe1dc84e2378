//! The most memory that modfarm's own processes ever had, as Linux keeps it for each (`VmHWM`), looked
//! at every millisecond until they end. Compilers are not counted.

use std::collections::BTreeMap;
use std::process::{Command, Stdio};
use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};
use modfarm::sys::files;

/// What a process of modfarm is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Role {
    /// The one that was started.
    Program,
    /// The worker that it started.
    Worker,
    /// The guard of one command.
    Guard,
}

/// Runs a command of modfarm, and says the most KiB that a process of each role had.
pub(crate) fn peaks(command: &mut Command) -> BTreeMap<Role, u64> {
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let mut child = command.spawn().expect("modfarm runs");
    let mut peaks = BTreeMap::new();
    loop {
        look(child.id(), &mut peaks);
        if let Some(status) = child.try_wait().expect("a child") {
            assert!(status.success(), "modfarm failed");
            return peaks;
        }
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// Runs a command of anybody's, and says the most KiB that its own process had.
pub(crate) fn most(command: &mut Command) -> u64 {
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let mut child = command.spawn().expect("it runs");
    let folder = Utf8PathBuf::from(format!("/proc/{}", child.id()));
    let mut most = 0;
    loop {
        most = peak(&folder).unwrap_or(0).max(most);
        if let Some(status) = child.try_wait().expect("a child") {
            assert!(status.success(), "it failed");
            return most;
        }
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// The most KiB that this process itself ever had.
pub(crate) fn own_peak() -> u64 {
    peak(Utf8Path::new("/proc/self")).expect("Linux")
}

/// Looks at a process and at those below it. One that ends meanwhile is left out.
fn look(process: u32, peaks: &mut BTreeMap<Role, u64>) {
    let folder = Utf8PathBuf::from(format!("/proc/{process}"));
    if let (Some(role), Some(peak)) = (role(&folder), peak(&folder)) {
        let most = peaks.entry(role).or_default();
        *most = peak.max(*most);
    }
    let Ok(threads) = files::names(&folder.join("task")) else { return };
    for thread in threads {
        let children = files::read_to_string(&folder.join(format!("task/{thread}/children")));
        let children = children.unwrap_or_default();
        for child in children.split_whitespace().filter_map(|child| child.parse().ok()) {
            look(child, peaks);
        }
    }
}

fn role(folder: &Utf8Path) -> Option<Role> {
    let command = files::read(&folder.join("cmdline")).ok()?;
    let command = String::from_utf8_lossy(&command);
    let mut words = command.split('\0');
    if !words.next()?.ends_with("modfarm") {
        return None;
    }
    Some(match (words.next(), words.next()) {
        (Some("worker"), Some("--guard")) => Role::Guard,
        (Some("worker"), _) => Role::Worker,
        _ => Role::Program,
    })
}

fn peak(folder: &Utf8Path) -> Option<u64> {
    let status = files::read_to_string(&folder.join("status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.split_whitespace().next()?.parse().ok()
}
