//! Child processes of others' making that may take too long or say too much: bounded in both, and ended
//! with whatever they started.

use std::io::Read;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::process::{ProcessError, end_group, name};

/// How often one looks whether it has ended.
const LOOK: Duration = Duration::from_millis(10);

/// How long something that it left behind may hold its outputs open.
const LAG: Duration = Duration::from_secs(1);

/// How long a command may take, and how much of each of its outputs is read.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// The time.
    pub time: Duration,
    /// The bytes; what it says beyond them is lost.
    pub bytes: u64,
}

/// How a command ended, and what it said.
#[derive(Debug)]
pub struct Said {
    /// How it ended.
    pub status: ExitStatus,
    /// Its standard output.
    pub stdout: Vec<u8>,
    /// Its standard error.
    pub stderr: Vec<u8>,
}

/// Runs a command to its end, whatever that is. One that takes too long is ended, and an error.
pub fn run(command: &mut Command, bounds: Bounds) -> Result<Said, ProcessError> {
    let program = name(command);
    let failed = |source| ProcessError::Start { program: program.clone(), source };
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    #[cfg(unix)]
    std::os::unix::process::CommandExt::process_group(command, 0);
    let mut child = command.spawn().map_err(failed)?;
    let stdout = child.stdout.take().map(|pipe| Heard::of(pipe, bounds.bytes));
    let stderr = child.stderr.take().map(|pipe| Heard::of(pipe, bounds.bytes));
    let Some(status) = wait(&mut child, bounds.time).map_err(failed)? else {
        end_group(child.id());
        drop((child.kill(), child.wait()));
        return Err(ProcessError::TooLong { program, seconds: bounds.time.as_secs() });
    };
    let said = |heard: Option<Heard>| heard.map(Heard::finish).unwrap_or_default();
    Ok(Said { status, stdout: said(stdout), stderr: said(stderr) })
}

fn wait(child: &mut Child, time: Duration) -> std::io::Result<Option<ExitStatus>> {
    let start = Instant::now();
    loop {
        match child.try_wait()? {
            None if start.elapsed() < time => std::thread::sleep(LOOK),
            ended => return Ok(ended),
        }
    }
}

/// An output that is being read.
struct Heard {
    bytes: Arc<Mutex<Vec<u8>>>,
    end: Receiver<()>,
}

impl Heard {
    fn of(mut pipe: impl Read + Send + 'static, most: u64) -> Self {
        let bytes = Arc::new(Mutex::new(Vec::new()));
        let (ended, end) = channel();
        let kept = Arc::clone(&bytes);
        std::thread::spawn(move || {
            let mut buffer = [0; 1 << 12];
            // What is too much is read all the same, or its writer would wait for ever.
            while let Ok(read @ 1..) = pipe.read(&mut buffer) {
                let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
                let room = usize::try_from(most).unwrap_or(usize::MAX).saturating_sub(kept.len());
                kept.extend_from_slice(&buffer[..read.min(room)]);
            }
            ended.send(()).ok();
        });
        Self { bytes, end }
    }

    fn finish(self) -> Vec<u8> {
        self.end.recv_timeout(LAG).ok();
        std::mem::take(&mut self.bytes.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use crate::sys::process::command;

    const BOUNDS: Bounds = Bounds { time: Duration::from_secs(20), bytes: 1000 };

    fn shell(script: &str, bounds: Bounds) -> Result<Said, ProcessError> {
        run(command("sh").args(["-c", script]), bounds)
    }

    #[test]
    fn what_is_said_too_much_is_lost_and_nothing_waits_for_it() {
        let said = shell("yes | head -c 300000; echo no >&2; exit 3", BOUNDS).unwrap();
        assert_eq!((said.stdout.len(), said.stderr.as_slice()), (1000, b"no\n".as_slice()));
        assert_eq!(said.status.code(), Some(3));
    }

    #[test]
    fn what_takes_too_long_is_ended() {
        let bounds = Bounds { time: Duration::from_millis(100), ..BOUNDS };
        let start = Instant::now();
        let error = shell("sleep 60", bounds).unwrap_err().to_string();
        assert!(error.contains("took longer than"), "{error}");
        assert!(start.elapsed() < Duration::from_secs(20));
    }

    #[test]
    fn what_it_leaves_behind_is_not_waited_for() {
        let start = Instant::now();
        let said = shell("sleep 20 & echo done", BOUNDS).unwrap();
        assert_eq!(said.stdout, b"done\n");
        assert!(start.elapsed() < Duration::from_secs(15));
    }
}
