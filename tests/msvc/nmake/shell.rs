//! Runs the commands of a makefile: by `cmd` on Windows; elsewhere as `cmd` would, for its own commands that
//! makefiles use and for programs.

use std::process::Command;

/// Runs a command, with these variables besides ours; gives its exit code.
pub(crate) fn run(line: &str, variables: &[(String, String)]) -> Result<i32, String> {
    let mut command = match prepared(line)? {
        Prepared::Done(code) => return Ok(code),
        Prepared::Program(command) => command,
    };
    command.envs(variables.iter().map(|(name, value)| (name, value)));
    let status = command.status().map_err(|error| format!("{line}: {error}"))?;
    Ok(status.code().unwrap_or(-1))
}

enum Prepared {
    #[cfg_attr(windows, allow(dead_code, reason = "cmd does it all"))]
    Done(i32),
    Program(Command),
}

#[cfg(windows)]
fn prepared(line: &str) -> Result<Prepared, String> {
    use std::os::windows::process::CommandExt as _;
    let shell = std::env::var("ComSpec").unwrap_or_else(|_| "cmd.exe".to_owned());
    let mut command = Command::new(shell);
    command.raw_arg(format!("/d /s /c \"{line}\""));
    Ok(Prepared::Program(command))
}

#[cfg(not(windows))]
fn prepared(line: &str) -> Result<Prepared, String> {
    use crate::arguments::words;
    let words = words(line);
    let (program, arguments) = words.split_first().ok_or("an empty command")?;
    Ok(match program.to_ascii_lowercase().as_str() {
        "echo" => {
            println!("{}", line.trim_start()[program.len()..].trim_start());
            Prepared::Done(0)
        }
        "copy" => Prepared::Done(copy(arguments)?),
        "del" => Prepared::Done(delete(arguments)),
        _ => {
            let mut command = Command::new(program);
            command.args(arguments);
            Prepared::Program(command)
        }
    })
}

#[cfg(not(windows))]
fn copy(arguments: &[String]) -> Result<i32, String> {
    use crate::arguments::here;
    let files: Vec<_> = arguments.iter().filter(|it| !it.eq_ignore_ascii_case("/y")).collect();
    let [from, to] = files[..] else { return Err("copy wants two files".to_owned()) };
    if std::fs::copy(here(from), here(to)).is_err() {
        eprintln!("The system cannot find the path specified.");
        return Ok(1);
    }
    println!("        1 file(s) copied.");
    Ok(0)
}

/// What is not there is no failure.
#[cfg(not(windows))]
fn delete(arguments: &[String]) -> i32 {
    use crate::arguments::{files, here};
    let names =
        arguments.iter().filter(|it| !["/f", "/q"].contains(&it.to_ascii_lowercase().as_str()));
    for file in names.flat_map(|name| files(name)) {
        if std::fs::remove_file(here(&file)).is_err() {
            println!("Could Not Find {file}");
        }
    }
    0
}
