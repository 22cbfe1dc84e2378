//! The environment that a script of Microsoft's makes: run by `cmd`, read off what `set` says afterwards,
//! and brought down to what a build needs of it.

use std::collections::BTreeMap;
use std::process::Command;
use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};
use serde::{Deserialize, Serialize};

use super::installed::Script;
use crate::sys::bounded::{self, Bounds};
use crate::sys::files;
use crate::sys::process;

/// A `vcvarsall.bat` takes seconds, on a busy machine many; the environment is some kilobytes.
const BOUNDS: Bounds = Bounds { time: Duration::from_secs(180), bytes: 1 << 20 };

/// What nothing is linked without. The SDK is installed apart from the compiler, which goes without it until it
/// has something to do.
const OF_THE_SDK: &str = "kernel32.lib";

/// What Windows itself has set. What a developer's prompt sets besides would be part of what is built.
const OF_WINDOWS: [&str; 22] = [
    "SystemRoot",
    "SystemDrive",
    "windir",
    "ComSpec",
    "PATHEXT",
    "OS",
    "NUMBER_OF_PROCESSORS",
    "PROCESSOR_ARCHITECTURE",
    "PROCESSOR_IDENTIFIER",
    "ProgramData",
    "ProgramFiles",
    "ProgramFiles(x86)",
    "ProgramW6432",
    "CommonProgramFiles",
    "CommonProgramFiles(x86)",
    "CommonProgramW6432",
    "USERPROFILE",
    "APPDATA",
    "LOCALAPPDATA",
    "TEMP",
    "TMP",
    "WINEPREFIX",
];

/// What a build needs of a script's environment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Environment {
    /// What the script added to `PATH`, and Windows' own folder of programs.
    pub(super) path: String,
    /// `INCLUDE`.
    pub(super) include: String,
    /// `LIB`.
    pub(super) lib: String,
    /// What `cl` says of its version: `19.44.35207`.
    pub(super) compiler: String,
}

impl Environment {
    /// A program on its `PATH`.
    pub(super) fn program(&self, name: &str) -> Option<Utf8PathBuf> {
        folders(&self.path).map(|folder| folder.join(name)).find(|program| files::exists(program))
    }

    /// A library on its `LIB`.
    pub(super) fn library(&self, name: &str) -> Option<Utf8PathBuf> {
        folders(&self.lib).map(|folder| folder.join(name)).find(|library| files::exists(library))
    }

    /// Whether all that it names is still there.
    pub(super) fn stands(&self) -> bool {
        folders(&self.include).chain(folders(&self.lib)).all(|folder| files::is_dir(&folder))
    }
}

/// The folders of a list as Windows writes it.
pub(super) fn folders(list: &str) -> impl Iterator<Item = Utf8PathBuf> + '_ {
    list.split(';')
        .map(|folder| folder.trim_matches('"'))
        .filter(|it| !it.is_empty())
        .map(Into::into)
}

/// Runs a script, and asks the compiler that it sets up for its version.
pub(super) fn of(script: &Script) -> Result<Environment, String> {
    let system_root = std::env::var("SystemRoot").unwrap_or_else(|_| r"C:\Windows".to_owned());
    let said = bounded::run(&mut call(script, &system_root)?, BOUNDS)
        .map_err(|error| format!("{}: {error}", script.file))?;
    let variables = variables(&text(&said.stdout));
    let complaint = complaint(&said.stderr);
    if !said.status.success() || variables.is_empty() {
        let said = complaint.unwrap_or_else(|| said.status.to_string());
        return Err(format!("{} says no: {said}", spoken(script)));
    }
    let sets_up_none = |why: &str| format!("{} sets up no compiler: {why}", spoken(script));
    let mut environment = reduce(&variables, &system_root).map_err(|lacks| {
        let said = complaint.map(|said| format!(", and says: {said}")).unwrap_or_default();
        sets_up_none(&format!("{lacks}{said}"))
    })?;
    environment.include = standing(&environment.include);
    environment.lib = standing(&environment.lib);
    if environment.library(OF_THE_SDK).is_none() {
        let script = spoken(script);
        return Err(format!("{script} finds no Windows SDK: {OF_THE_SDK} is in no folder of LIB"));
    }
    environment.compiler = ask(&environment, &system_root).map_err(|why| sets_up_none(&why))?;
    Ok(environment)
}

/// `cmd`, told to call the script and to show what it has set. `/u` has it speak UTF-16. A blank behind the
/// arguments would be one of them. `call` reads its line a second time: a caret becomes two there. What the script
/// says is of interest where it fails, and most of them complain on the standard output.
fn call(script: &Script, system_root: &str) -> Result<Command, String> {
    let file = script.file.as_str();
    let obeyed = |found: char| "\"%^\r\n".contains(found) || (script.delayed && found == '!');
    if let Some(found) = file.chars().find(|found| obeyed(*found)) {
        return Err(format!("{file}: cmd cannot call a file with {found:?} in its name"));
    }
    let system = Utf8Path::new(system_root).join("System32");
    let mut command = process::command(system.join("cmd.exe"));
    let delayed = if script.delayed { "on" } else { "off" };
    let line = format!(
        "/d /e:on /v:{delayed} /u /s /c \">&2 call \"{file}\" {}&& set\"",
        script.arguments.join(" ")
    );
    pass(&mut command, &line);
    command.env_clear();
    command.envs(OF_WINDOWS.iter().filter_map(|name| Some((name, std::env::var(name).ok()?))));
    command.env("PATH", base(system_root).join(";"));
    // It would send what it does to Microsoft, by a program that outlives it.
    command.env("VSCMD_SKIP_SENDTELEMETRY", "1");
    Ok(command)
}

/// `cmd` reads its line by rules of its own, so that it gets it as it is.
#[cfg(windows)]
fn pass(command: &mut Command, line: &str) {
    std::os::windows::process::CommandExt::raw_arg(command, line);
}

#[cfg(not(windows))]
fn pass(command: &mut Command, line: &str) {
    command.arg(line);
}

/// The folders that are on every `PATH`: what the scripts themselves call is there.
fn base(system_root: &str) -> Vec<String> {
    let below = ["System32", "", r"System32\Wbem", r"System32\WindowsPowerShell\v1.0"];
    let folder = |below: &str| format!(r"{system_root}\{below}").trim_end_matches('\\').to_owned();
    below.map(folder).to_vec()
}

/// `cmd` speaks UTF-16 to a pipe when told to, but not every one does. UTF-16 has zeros wherever it has a blank
/// or the end of a line, in whichever language it is; no other text has any.
fn text(bytes: &[u8]) -> String {
    let is_utf16 = bytes.len().is_multiple_of(2) && bytes.contains(&0);
    if !is_utf16 {
        return String::from_utf8_lossy(bytes).into_owned();
    }
    let units = bytes.chunks_exact(2).map(|pair| u16::from_le_bytes([pair[0], pair[1]]));
    String::from_utf16_lossy(&units.collect::<Vec<_>>())
}

/// What `set` says, by names in capitals, for Windows does not tell them apart.
fn variables(text: &str) -> BTreeMap<String, String> {
    let pairs = text.lines().filter_map(|line| line.trim_end_matches('\r').split_once('='));
    let named = pairs.filter(|(name, _)| !name.is_empty() && !name.contains(char::is_whitespace));
    named.map(|(name, value)| (name.to_ascii_uppercase(), value.to_owned())).collect()
}

/// What a build needs of them; what of it is missing otherwise.
fn reduce(
    variables: &BTreeMap<String, String>,
    system_root: &str,
) -> Result<Environment, &'static str> {
    let value = |name: &str| variables.get(name).map(|value| value.trim().to_owned());
    let base = base(system_root);
    let is_base = |folder: &str| {
        let folder = folder.trim_end_matches('\\');
        base.iter().any(|known| known.eq_ignore_ascii_case(folder))
    };
    let path = value("PATH").ok_or("there is no PATH")?;
    let mut kept: Vec<&str> = Vec::new();
    for folder in path.split(';').map(str::trim).filter(|folder| !folder.is_empty()) {
        if !is_base(folder) && !kept.iter().any(|known| known.eq_ignore_ascii_case(folder)) {
            kept.push(folder);
        }
    }
    if kept.is_empty() {
        return Err("it adds nothing to PATH");
    }
    kept.push(&base[0]);
    Ok(Environment {
        path: kept.join(";"),
        include: value("INCLUDE").filter(|it| !it.is_empty()).ok_or("it does not set INCLUDE")?,
        lib: value("LIB").filter(|it| !it.is_empty()).ok_or("it does not set LIB")?,
        compiler: String::new(),
    })
}

/// Of a list of folders those that are there: the scripts name some that nobody installs.
fn standing(list: &str) -> String {
    let there = folders(list).filter(|folder| files::is_dir(folder));
    there.map(Utf8PathBuf::into_string).collect::<Vec<_>>().join(";")
}

/// The version that the compiler says, in whichever language.
fn ask(environment: &Environment, system_root: &str) -> Result<String, String> {
    let compiler = environment.program("cl.exe").ok_or("it puts no cl.exe on the PATH")?;
    let mut command = process::command(&compiler);
    command.env_clear().env("SystemRoot", system_root).env("PATH", &environment.path);
    let said = bounded::run(&mut command, BOUNDS).map_err(|error| error.to_string())?;
    let words = format!("{} {}", text(&said.stderr), text(&said.stdout));
    version(&words).ok_or_else(|| format!("{compiler} does not say its version"))
}

/// The first three numbers of the first word that has as many.
fn version(said: &str) -> Option<String> {
    let numbers = said.split_whitespace().map(|word| word.split('.').collect::<Vec<_>>());
    let is_number =
        |part: &&str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    let mut versions = numbers.filter(|parts| parts.len() >= 3 && parts.iter().all(is_number));
    versions.next().map(|parts| parts[..3].join("."))
}

fn spoken(script: &Script) -> String {
    format!("`{} {}`", script.file, script.arguments.join(" "))
}

/// What a script complains of: those of Visual Studio 2017 and later mark it, those before end with it, on two
/// lines.
fn complaint(said: &[u8]) -> Option<String> {
    let said = text(said);
    let lines: Vec<&str> = said.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    if let Some(marked) = lines.iter().find(|line| line.starts_with("[ERROR")) {
        return Some((*marked).to_owned());
    }
    let last = &lines[lines.len().saturating_sub(2)..];
    (!last.is_empty()).then(|| last.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SET: &str = "INCLUDE=C:\\VC\\include;C:\\Kits\\ucrt;\r\nlib=C:\\VC\\lib\\x64\r\n\
        =C:=C:\\\r\nPath=C:\\VC\\bin;c:\\windows\\system32;C:\\Windows;C:\\VC\\BIN;C:\\Kits\\bin\\;\
        C:\\Windows\\System32\\Wbem\\\r\nProgramFiles(x86)=C:\\Program Files (x86)\r\n";

    #[test]
    fn a_build_gets_what_the_script_added() {
        let reduced = reduce(&variables(SET), r"C:\Windows").unwrap();
        assert_eq!(reduced.path, r"C:\VC\bin;C:\Kits\bin\;C:\Windows\System32");
        assert_eq!(reduced.include, r"C:\VC\include;C:\Kits\ucrt;");
        assert_eq!(reduced.lib, r"C:\VC\lib\x64");
        let folders: Vec<_> = folders(&reduced.include).collect();
        assert_eq!(folders, [r"C:\VC\include", r"C:\Kits\ucrt"]);
    }

    #[test]
    fn a_script_that_sets_up_nothing_is_noticed() {
        for (said, lacks) in [
            ("Path=C:\\Windows\\System32\r\nINCLUDE=x\r\nLIB=y", "adds nothing to PATH"),
            ("Path=C:\\VC\r\nLIB=y", "does not set INCLUDE"),
            ("Path=C:\\VC\r\nINCLUDE=x\r\nLIB=", "does not set LIB"),
            ("INCLUDE=x", "no PATH"),
        ] {
            let error = reduce(&variables(said), r"C:\Windows").unwrap_err();
            assert!(error.contains(lacks), "{said}: {error}");
        }
    }

    #[test]
    fn what_a_script_complains_of_is_found_in_what_it_says() {
        let of_2008 = "Setting environment.\r\nThe specified configuration type is missing.  The tools for the\r\n\
            configuration might not be installed.\r\n\r\n";
        let missing = "The specified configuration type is missing.  The tools for the configuration might \
            not be installed.";
        assert_eq!(complaint(of_2008.as_bytes()).as_deref(), Some(missing));
        let of_2022 = "** Visual Studio 2022\n[ERROR:vcvars.bat] Toolset directory was not found.\n\
            [ERROR:VsDevCmd.bat] *** encountered errors ***\nSyntax:\n  vcvarsall.bat [arch]\n";
        let found = complaint(of_2022.as_bytes());
        assert_eq!(found.as_deref(), Some("[ERROR:vcvars.bat] Toolset directory was not found."));
        assert_eq!(complaint(b" \r\n"), None);
    }

    #[test]
    fn cmd_is_understood_in_both_its_encodings() {
        let wide: Vec<u8> = "LIB=C:\\Bü".encode_utf16().flat_map(u16::to_le_bytes).collect();
        assert_eq!(text(&wide), "LIB=C:\\Bü");
        let russian = "Системе не удается найти указанный путь.\r\n";
        let wide: Vec<u8> = russian.encode_utf16().flat_map(u16::to_le_bytes).collect();
        assert_eq!(text(&wide), russian);
        assert_eq!(text(b"LIB=C:\\x"), "LIB=C:\\x");
        assert_eq!(text(b""), "");
    }

    #[test]
    fn the_compiler_says_its_version_in_any_language() {
        for (said, expected) in [
            (
                "Microsoft (R) C/C++ Optimizing Compiler Version 19.44.35207.1 for x64",
                "19.44.35207",
            ),
            (
                "Microsoft (R) C/C++-Optimierungscompiler Version 15.00.30729.01 für x86",
                "15.00.30729",
            ),
            (
                "Compilateur d'optimisation Microsoft (R) C/C++ version 16.00.40219.01",
                "16.00.40219",
            ),
        ] {
            assert_eq!(version(said).as_deref(), Some(expected));
        }
        assert_eq!(version("usage: cl [ option... ] filename... 1.2 a.b.c ..."), None);
    }

    #[test]
    fn a_name_that_cmd_would_read_otherwise_is_not_called() {
        for (file, delayed, found) in [
            (r"C:\100%\x.bat", false, Some("'%'")),
            (r"C:\a^b\x.bat", false, Some("'^'")),
            ("C:\\a\"b", false, Some("'\"'")),
            (r"C:\hey!\x", true, Some("'!'")),
            (r"C:\hey!\x", false, None),
            (r"C:\Program Files (x86)\Süd & Söhne\x.bat", true, None),
        ] {
            let script = Script { delayed, ..Script::new(file.into(), &["x86"]) };
            let error = call(&script, r"C:\Windows").err();
            let says = |words: &str| error.as_ref().is_some_and(|said| said.contains(words));
            assert!(found.map_or(error.is_none(), says), "{file}: {error:?}");
        }
    }
}
