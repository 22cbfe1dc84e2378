//! A job's guard: a process of our own between the worker and the command. All that the command
//! starts stays below it, also what leaves its group or session; when the command ends, or the worker
//! that holds the other end of its standard input does, the guard ends all of it and goes.

use std::collections::BTreeSet;
use std::io::{Read as _, Write as _};
use std::os::unix::process::CommandExt as _;
use std::process::Stdio;
use std::time::Duration;

use camino::Utf8Path;
use rustix::io::Errno;
use rustix::process::{Pid, Signal, WaitOptions, WaitStatus};

use super::{files, process};

/// The exit code of a command that could not be started, as shells have it.
pub const CANNOT_START: u8 = 127;

/// What is added to the number of the signal that ended a command, as shells have it.
pub const SIGNALLED: u8 = 128;

/// Runs a command under guard in this process, and gives the exit code to end with. `own` is the
/// program to run for the name `modfarm`.
#[must_use]
pub fn run(arguments: &[String], own: &Utf8Path) -> u8 {
    let Some((program, rest)) = arguments.split_first() else { return CANNOT_START };
    if let Err(error) = rustix::process::set_child_subreaper(Some(rustix::process::getpid())) {
        complain(&format!("cannot watch over what {program} starts: {error}"));
        return CANNOT_START;
    }
    let mut command = process::command(if program == "modfarm" { own.as_str() } else { program });
    match command.arg0(program).args(rest).stdin(Stdio::null()).spawn() {
        Ok(child) => {
            std::thread::spawn(end_with_the_worker);
            let code = wait_for(child.id());
            end_descendants();
            code
        }
        Err(error) => {
            complain(&format!("cannot run {program}: {error}"));
            CANNOT_START
        }
    }
}

fn complain(message: &str) {
    drop(writeln!(std::io::stderr(), "modfarm: {message}"));
}

/// Waits until the other end of standard input is closed, which it is when the worker is gone,
/// however it went.
fn end_with_the_worker() {
    let mut byte = [0];
    while matches!(std::io::stdin().read(&mut byte), Ok(read) if read > 0) {}
    end_descendants();
    std::process::exit(i32::from(SIGNALLED) + Signal::KILL.as_raw());
}

/// The exit code of the child, while its orphans are waited for as they come.
fn wait_for(child: u32) -> u8 {
    loop {
        match rustix::process::wait(WaitOptions::empty()) {
            Ok(Some((pid, status))) if pid.as_raw_nonzero().get().unsigned_abs() == child => {
                return exit_code(status);
            }
            Ok(_) | Err(Errno::INTR) => {}
            Err(_) => return SIGNALLED,
        }
    }
}

fn exit_code(status: WaitStatus) -> u8 {
    let code = status
        .exit_status()
        .unwrap_or_else(|| i32::from(SIGNALLED) + status.terminating_signal().unwrap_or_default());
    u8::try_from(code).unwrap_or(u8::MAX)
}

/// Ends everything below this process, again and again until nothing is left: what is orphaned by it
/// comes up to us, and what was started meanwhile is found the next time.
fn end_descendants() {
    while reap() {
        for pid in descendants() {
            // It may have ended by itself.
            rustix::process::kill_process(pid, Signal::KILL).ok();
        }
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// Waits for all that has ended; whether any child is left.
fn reap() -> bool {
    loop {
        match rustix::process::wait(WaitOptions::NOHANG) {
            Ok(None) => return true,
            Ok(Some(_)) | Err(Errno::INTR) => {}
            Err(_) => return false,
        }
    }
}

fn descendants() -> Vec<Pid> {
    let processes: Vec<(i32, i32)> = files::names(Utf8Path::new("/proc"))
        .unwrap_or_default()
        .iter()
        .filter_map(|name| Some((name.parse().ok()?, parent_of(name)?)))
        .collect();
    let mut below = BTreeSet::from([rustix::process::getpid().as_raw_nonzero().get()]);
    loop {
        let before = below.len();
        below.extend(
            processes
                .iter()
                .filter(|(_, parent)| below.contains(parent))
                .map(|(pid, _)| *pid)
                .collect::<Vec<_>>(),
        );
        if below.len() == before {
            break;
        }
    }
    below.remove(&rustix::process::getpid().as_raw_nonzero().get());
    below.into_iter().filter_map(Pid::from_raw).collect()
}

/// The parent as `/proc/PID/stat` has it: the second field after the name in parentheses.
fn parent_of(pid: &str) -> Option<i32> {
    let stat = files::read(&Utf8Path::new("/proc").join(pid).join("stat")).ok()?;
    let stat = String::from_utf8_lossy(&stat);
    let (_, fields) = stat.rsplit_once(')')?;
    fields.split_whitespace().nth(1)?.parse().ok()
}
