//! Has Linux do work, also from under Wine, where a program of Linux can be started and gives no handle to
//! wait with: a script of the shell runs the commands and writes down how they ended.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::machine::Machine;

/// How a command ended and all that it said.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) code: i32,
    pub(crate) said: String,
}

/// Longer than anything that is compiled here takes.
const PATIENCE: Duration = Duration::from_secs(300);

/// Runs commands in this folder, so many at once.
pub(crate) fn run(
    machine: &Machine,
    commands: &[Vec<String>],
    at_once: usize,
) -> Result<Vec<Ended>, String> {
    let folder = temporary()?;
    let outcome = run_in(&folder, machine, commands, at_once.max(1));
    drop(std::fs::remove_dir_all(&folder));
    outcome
}

fn run_in(
    folder: &Path,
    machine: &Machine,
    commands: &[Vec<String>],
    at_once: usize,
) -> Result<Vec<Ended>, String> {
    let place = machine.unix(&folder.to_string_lossy())?;
    let here = std::env::current_dir().map_err(|error| error.to_string())?;
    let mut script = format!(
        "PATH=/usr/local/bin:/usr/bin:/bin LC_ALL=C\nexport PATH LC_ALL\nunset CL LINK\ncd {} || exit\n",
        quoted(&machine.unix(&here.to_string_lossy())?)
    );
    let end = quoted(&place);
    for (number, command) in commands.iter().enumerate() {
        let words: Vec<String> = command.iter().map(|word| quoted(word)).collect();
        let words = words.join(" ");
        script += &format!(
            "( {words} >{end}/{number}.said 2>&1 </dev/null; echo $? >{end}/{number}.code ) &\n"
        );
        if (number + 1) % at_once == 0 {
            script += "wait\n";
        }
    }
    script += &format!("wait\n: >{end}/done\n");
    std::fs::write(folder.join("script"), script).map_err(|error| error.to_string())?;
    start(&format!("{place}/script"), &folder.join("done"))?;
    (0..commands.len()).map(|number| ended(folder, number)).collect()
}

/// Starts the script and waits until it has ended.
fn start(script: &str, done: &Path) -> Result<(), String> {
    let shell = if cfg!(windows) { r"Z:\bin\sh" } else { "/bin/sh" };
    let mut command = Command::new(shell);
    command.arg(script).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let child = command.spawn();
    if cfg!(unix) {
        let child = child.and_then(|mut child| child.wait());
        child.map_err(|error| format!("cannot run {shell}: {error}"))?;
    }
    let begun = Instant::now();
    while !done.exists() {
        if begun.elapsed() > PATIENCE {
            return Err(format!("{script} did not end"));
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    Ok(())
}

fn ended(folder: &Path, number: usize) -> Result<Ended, String> {
    let read = |end: &str| std::fs::read(folder.join(format!("{number}.{end}")));
    let code = read("code").map_err(|error| format!("how command {number} ended: {error}"))?;
    let code = String::from_utf8_lossy(&code).trim().parse().unwrap_or(98);
    let said = String::from_utf8_lossy(&read("said").unwrap_or_default()).into_owned();
    Ok(Ended { code, said })
}

fn temporary() -> Result<PathBuf, String> {
    let stamp = std::time::UNIX_EPOCH.elapsed().map_or(0, |since| since.as_nanos());
    let name = format!("msvc-stand-in-{}-{stamp}", std::process::id());
    let folder = std::env::temp_dir().join(name);
    std::fs::create_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    Ok(folder)
}

/// A word as the shell takes it for itself.
fn quoted(word: &str) -> String {
    format!("'{}'", word.replace('\'', r"'\''"))
}
