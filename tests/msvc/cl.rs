//! `cl`: Microsoft's compiler, played by clang in its cl mode.

use crate::arguments::{base_name, files, here, option};
use crate::host;
use crate::link;
use crate::machine::{Arch, Machine};

/// Compiles, and links unless told not to; gives cl's exit code.
pub(crate) fn run(machine: &Machine, arguments: Vec<String>) -> i32 {
    if arguments.is_empty() {
        eprintln!(
            "{}\nusage: cl [ option... ] filename... [ /link linkoption... ]",
            banner(machine)
        );
        return 0;
    }
    let order = match Order::read(machine, arguments) {
        Ok(order) => order,
        Err(objection) => {
            println!("cl : Command line error {objection}");
            return 2;
        }
    };
    if !order.quiet {
        eprintln!("{}", banner(machine));
    }
    if !compile(machine, &order) {
        return 2;
    }
    if order.only_compile || link::run(machine, order.link_line()) == 0 { 0 } else { 2 }
}

/// What cl says of itself, also where nobody asked it to do anything.
fn banner(machine: &Machine) -> String {
    let (version, msc) = (&machine.version, machine.msc());
    let (bits, arch) = match machine.arch {
        Arch::X64 => ("", "x64"),
        Arch::X86 if msc < 1700 => ("32-bit ", "80x86"),
        Arch::X86 => ("", "x86"),
    };
    format!("Microsoft (R) {bits}C/C++ Optimizing Compiler Version {version} for {arch}")
}

/// What the command line comes to.
#[derive(Debug, Default)]
struct Order {
    sources: Vec<String>,
    /// Objects and libraries for the linker.
    inputs: Vec<String>,
    /// What clang is told of it.
    told: Vec<String>,
    link: Vec<String>,
    only_compile: bool,
    dll: bool,
    quiet: bool,
    at_once: usize,
    objects: Option<String>,
    output: Option<String>,
}

/// The flags that stand alone, and the first compiler (`_MSC_VER`) that knows them.
const FLAGS: [(&str, u32); 56] = [
    ("c", 0),
    ("nologo", 0),
    ("LD", 0),
    ("LDd", 0),
    ("MD", 0),
    ("MDd", 0),
    ("MT", 0),
    ("MTd", 0),
    ("GF", 0),
    ("Gy", 0),
    ("Gy-", 0),
    ("Gw", 1800),
    ("GS", 0),
    ("GS-", 0),
    ("GL", 0),
    ("GR", 0),
    ("GR-", 0),
    ("Gm-", 0),
    ("Gd", 0),
    ("Gz", 0),
    ("O1", 0),
    ("O2", 0),
    ("Od", 0),
    ("Ox", 0),
    ("Oi", 0),
    ("Os", 0),
    ("Ot", 0),
    ("Oy", 0),
    ("Oy-", 0),
    ("w", 0),
    ("W0", 0),
    ("W1", 0),
    ("W2", 0),
    ("W3", 0),
    ("W4", 0),
    ("Wall", 0),
    ("WX", 0),
    ("WX-", 0),
    ("Z7", 0),
    ("Zi", 0),
    ("Zl", 0),
    ("Zc:wchar_t", 0),
    ("Zc:wchar_t-", 0),
    ("Zc:forScope", 0),
    ("Zc:forScope-", 0),
    ("Zc:inline", 1800),
    ("EHsc", 0),
    ("TC", 0),
    ("X", 0),
    ("FC", 0),
    ("FS", 1800),
    ("bigobj", 0),
    ("utf-8", 1900),
    ("permissive-", 1910),
    ("sdl", 1700),
    ("Brepro", 1900),
];

/// The flags whose meaning clang has as well. `/O2` is not among them: it is not heeded for this target.
const PASSED: [&str; 8] =
    ["MD", "MT", "GF", "Gy", "Zc:wchar_t", "Zc:wchar_t-", "Zc:forScope", "Zc:forScope-"];

impl Order {
    fn read(machine: &Machine, arguments: Vec<String>) -> Result<Self, String> {
        let mut order = Self { at_once: 1, ..Self::default() };
        let mut arguments = arguments.into_iter();
        while let Some(argument) = arguments.next() {
            let Some(flag) = option(&argument) else {
                order.file(argument);
                continue;
            };
            if flag.eq_ignore_ascii_case("link") {
                order.link = arguments.by_ref().collect();
                break;
            }
            order.flag(machine, &argument, flag, &mut arguments)?;
        }
        if order.sources.is_empty() && order.inputs.is_empty() {
            return Err("D8003 : missing source filename".to_owned());
        }
        Ok(order)
    }

    fn file(&mut self, name: String) {
        let lower = name.to_ascii_lowercase();
        if [".obj", ".lib", ".res", ".def"].iter().any(|end| lower.ends_with(end)) {
            self.inputs.push(name);
        } else {
            let found = files(&name);
            // As it stands, for the compiler to say that it is not there.
            if found.is_empty() { self.sources.push(name) } else { self.sources.extend(found) }
        }
    }

    fn flag(
        &mut self,
        machine: &Machine,
        argument: &str,
        flag: &str,
        rest: &mut impl Iterator<Item = String>,
    ) -> Result<(), String> {
        if let Some((_, since)) = FLAGS.iter().find(|(known, _)| *known == flag) {
            if machine.msc() < *since {
                return Err(unknown(argument));
            }
            self.alone(flag);
            return Ok(());
        }
        if let Some(number) = flag.strip_prefix("MP") {
            let cores = std::thread::available_parallelism().map_or(1, usize::from);
            self.at_once = numeric(argument, number, cores)?;
            return Ok(());
        }
        for numbered in ["wd", "we", "wo", "W", "Zp"] {
            if let Some(number) = flag.strip_prefix(numbered) {
                let unset = if numbered == "Zp" { 8 } else { usize::MAX };
                let number = numeric(argument, number, unset)?;
                let fits = number < usize::MAX && numbered != "W";
                return if fits { Ok(()) } else { Err(not_a_number(argument)) };
            }
        }
        self.valued(machine, argument, flag, rest)
    }

    fn alone(&mut self, flag: &str) {
        match flag {
            "c" => self.only_compile = true,
            "LD" | "LDd" => self.dll = true,
            "nologo" => self.quiet = true,
            "O1" | "O2" | "Ox" => self.told.push("/clang:-O2".to_owned()),
            _ if PASSED.contains(&flag) => self.told.push(format!("/{flag}")),
            _ => {}
        }
    }

    /// A flag with a value, attached or in the next argument.
    fn valued(
        &mut self,
        machine: &Machine,
        argument: &str,
        flag: &str,
        rest: &mut impl Iterator<Item = String>,
    ) -> Result<(), String> {
        for name in ["Fo", "Fe", "Fd", "Fa"] {
            if let Some(value) = flag.strip_prefix(name) {
                let value = value.strip_prefix(':').unwrap_or(value).trim().to_owned();
                match name {
                    "Fo" => self.objects = Some(value),
                    "Fe" => self.output = Some(value),
                    _ => {}
                }
                return Ok(());
            }
        }
        for name in ["FI", "D", "U", "I"] {
            let Some(value) = flag.strip_prefix(name) else { continue };
            let value = if value.is_empty() { rest.next() } else { Some(value.to_owned()) };
            let missing = || format!("D8004 : '{argument}' requires an argument");
            let value = value.filter(|value| !value.is_empty()).ok_or_else(missing)?;
            let path = ["FI", "I"].contains(&name);
            let value = if path { machine.unix(value.trim())? } else { value };
            self.told.push(format!("/{name}{value}"));
            return Ok(());
        }
        Err(unknown(argument))
    }

    /// Where the object of a source goes.
    fn object(&self, source: &str) -> String {
        let name = base_name(source);
        let name = format!("{}.obj", name.rsplit_once('.').map_or(name, |(stem, _)| stem));
        match &self.objects {
            Some(folder) if folder.ends_with(['/', '\\']) => format!("{folder}{name}"),
            Some(file) => file.clone(),
            None => name,
        }
    }

    /// What cl tells link.
    fn link_line(&self) -> Vec<String> {
        let objects = self.sources.iter().map(|source| self.object(source));
        let objects: Vec<String> = objects.chain(self.inputs.iter().cloned()).collect();
        let first = objects.first().map_or("a", String::as_str);
        let stem = base_name(first).trim_end_matches(".obj").to_owned();
        let end = if self.dll { "dll" } else { "exe" };
        let output = self.output.clone().unwrap_or_else(|| format!("{stem}.{end}"));
        let mut line = vec!["/NOLOGO".to_owned(), format!("/OUT:{output}")];
        if self.dll {
            line.extend(["/DLL".to_owned(), format!("/IMPLIB:{stem}.lib")]);
        }
        line.extend(self.link.iter().cloned());
        line.extend(objects);
        line
    }
}

/// cl itself warns of it and goes on: a flag that does nothing is a mistake here.
fn unknown(argument: &str) -> String {
    format!("D9002 : ignoring unknown option '{argument}'")
}

fn not_a_number(argument: &str) -> String {
    format!("D8021 : invalid numeric argument '{argument}'")
}

fn numeric(argument: &str, number: &str, unset: usize) -> Result<usize, String> {
    if number.is_empty() {
        return Ok(unset);
    }
    number.parse().map_err(|_| not_a_number(argument))
}

/// Compiles every source, and says of each what cl says.
fn compile(machine: &Machine, order: &Order) -> bool {
    let commands: Result<Vec<_>, _> =
        order.sources.iter().map(|source| command(machine, order, source)).collect();
    let ended = commands.and_then(|commands| host::run(machine, &commands, order.at_once));
    let ended = match ended {
        Ok(ended) => ended,
        Err(problem) => {
            println!("cl : fatal error C1001: {problem}");
            return false;
        }
    };
    let mut all_well = true;
    for (source, ended) in order.sources.iter().zip(ended) {
        println!("{}", base_name(source));
        if !std::path::Path::new(&here(source)).is_file() {
            println!(
                "c1 : fatal error C1083: Cannot open source file: '{source}': No such file or directory"
            );
            all_well = false;
            continue;
        }
        ended
            .said
            .lines()
            .filter_map(|line| in_its_words(machine, line))
            .for_each(|line| println!("{line}"));
        all_well &= ended.code == 0;
    }
    all_well
}

fn command(machine: &Machine, order: &Order, source: &str) -> Result<Vec<String>, String> {
    let mut words: Vec<String> = ["clang", "--driver-mode=cl", "/c"].map(str::to_owned).to_vec();
    words.push(format!("--target={}", machine.target()));
    words.extend(order.told.iter().cloned());
    words.extend(runtime_defines(machine).iter().map(|define| (*define).to_owned()));
    // mingw-w64's headers in place of Microsoft's; no default libraries, no checks of Microsoft's runtime.
    let stand_in =
        ["/DPy_NO_LINK_LIB", "/DPSAPI_VERSION=1", "/Zl", "/GS-", "/clang:-ferror-limit=20"];
    words.extend(stand_in.map(str::to_owned));
    let quiet = ["-Wno-macro-redefined", "-Wno-ignored-attributes", "-Wno-pragma-pack"];
    words.extend(quiet.map(str::to_owned));
    words.push("/clang:-nostdlibinc".to_owned());
    for folder in Machine::folders("INCLUDE") {
        words.push(format!("/clang:-isystem{}", machine.unix(&folder)?));
    }
    words.push(format!("/Fo{}", machine.unix(&order.object(source))?));
    words.extend(["--".to_owned(), machine.unix(source)?]);
    Ok(words)
}

/// What mingw-w64's headers must know of the C runtime that the version links.
fn runtime_defines(machine: &Machine) -> &'static [&'static str] {
    match machine.msc() {
        0..1600 => &["/D__MSVCRT_VERSION__=0x0900", "/D__MINGW_USE_VC2005_COMPAT"],
        1600..1700 => &["/D__MSVCRT_VERSION__=0x0A00", "/D__MINGW_USE_VC2005_COMPAT"],
        1700..1800 => &["/D__MSVCRT_VERSION__=0x0B00", "/D__MINGW_USE_VC2005_COMPAT"],
        1800..1900 => &["/D__MSVCRT_VERSION__=0x0C00", "/D__MINGW_USE_VC2005_COMPAT"],
        _ => &["/D_UCRT"],
    }
}

/// A line of clang's, `x.c(3,7): error: text`, as cl would say it; nothing of notes and counts.
fn in_its_words(machine: &Machine, line: &str) -> Option<String> {
    let (place, rest) = line.split_once("): ")?;
    let (file, numbers) = place.rsplit_once('(')?;
    let number = numbers.split(',').next()?;
    let (kind, text) = rest.split_once(": ")?;
    let text = text.rsplit_once(" [-W").map_or(text, |(text, _)| text);
    let code = match kind {
        "error" | "fatal error" => error_code(text),
        "warning" => "C4100",
        _ => return None,
    };
    let kind = if code == "C1083" { "fatal error" } else { kind };
    let file = if cfg!(windows) { file.replace('/', "\\") } else { file.to_owned() };
    // The blank before the colon went with Visual Studio 2015.
    let colon = if machine.msc() < 1900 { " :" } else { ":" };
    Some(format!("{file}({number}){colon} {kind} {code}: {}", its_text(code, text)))
}

fn error_code(text: &str) -> &'static str {
    match text {
        _ if text.ends_with("file not found") => "C1083",
        _ if text.starts_with("use of undeclared identifier") => "C2065",
        _ if text.starts_with("expected") => "C2143",
        _ if text.starts_with("unknown type name") => "C2061",
        _ => "C2440",
    }
}

fn its_text(code: &str, text: &str) -> String {
    let named = || text.split('\'').nth(1).unwrap_or(text);
    match code {
        "C1083" => format!("Cannot open include file: '{}': No such file or directory", named()),
        "C2065" => format!("'{}': undeclared identifier", named()),
        "C2061" => format!("syntax error: identifier '{}'", named()),
        "C2143" => format!("syntax error: {text}"),
        _ => text.to_owned(),
    }
}
