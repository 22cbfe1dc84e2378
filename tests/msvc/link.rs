//! `link`: Microsoft's linker, played by lld. What `LIB` leads to decides the C runtime, as it does for
//! Microsoft's: in the folder of `msvcrt.lib` lies what a DLL starts with.

use std::path::Path;

use crate::arguments::{base_name, here, option};
use crate::host;
use crate::machine::{Arch, Machine};

/// Links; gives link's exit code, which is the number of its error.
pub(crate) fn run(machine: &Machine, arguments: Vec<String>) -> i32 {
    let linked = Order::read(machine, arguments).and_then(|order| {
        if !order.quiet {
            println!("Microsoft (R) Incremental Linker Version {}", linker_version(machine));
        }
        link(machine, &order)
    });
    match linked {
        Ok(()) => 0,
        Err(Objection { number, lines }) => {
            for line in lines {
                println!("{line}");
            }
            number
        }
    }
}

/// cl 19.44 comes with link 14.44, cl 15.00 with link 9.00.
fn linker_version(machine: &Machine) -> String {
    let (major, rest) = machine.version.split_once('.').unwrap_or((&machine.version, "0"));
    let major: u32 = major.parse().unwrap_or(19);
    format!("{}.{rest}", if major >= 19 { major - 5 } else { major - 6 })
}

/// Why nothing was linked.
struct Objection {
    number: i32,
    lines: Vec<String>,
}

impl Objection {
    fn fatal(number: i32, what: &str) -> Self {
        Self::of("LINK", number, what)
    }

    fn of(who: &str, number: i32, what: &str) -> Self {
        Self { number, lines: vec![format!("{who} : fatal error LNK{number}: {what}")] }
    }
}

/// What an option takes after its colon.
#[derive(Clone, Copy)]
enum Takes {
    Nothing,
    Anything,
    Perhaps,
    One(&'static [&'static str]),
}

const NO: Takes = Takes::One(&["NO"]);

/// The options, what each takes, and the first compiler (`_MSC_VER`) whose linker knows it.
const OPTIONS: [(&str, Takes, u32); 34] = [
    ("BASE", Takes::Anything, 0),
    ("BREPRO", Takes::Nothing, 1900),
    ("DEBUG", Takes::Perhaps, 0),
    ("DEF", Takes::Anything, 0),
    ("DEFAULTLIB", Takes::Anything, 0),
    ("DLL", Takes::Nothing, 0),
    ("DYNAMICBASE", Takes::Perhaps, 0),
    ("ENTRY", Takes::Anything, 0),
    ("EXPORT", Takes::Anything, 0),
    ("FIXED", NO, 0),
    ("IGNORE", Takes::Anything, 0),
    ("IMPLIB", Takes::Anything, 0),
    ("INCREMENTAL", Takes::Perhaps, 0),
    ("LARGEADDRESSAWARE", Takes::Perhaps, 0),
    ("LIBPATH", Takes::Anything, 0),
    ("LTCG", Takes::Perhaps, 0),
    ("MACHINE", Takes::One(&["X64", "X86"]), 0),
    ("MANIFEST", Takes::Perhaps, 0),
    ("MANIFESTFILE", Takes::Anything, 0),
    ("MAP", Takes::Perhaps, 0),
    ("NODEFAULTLIB", Takes::Perhaps, 0),
    ("NOLOGO", Takes::Nothing, 0),
    ("NXCOMPAT", Takes::Perhaps, 0),
    ("OPT", Takes::Anything, 0),
    ("OUT", Takes::Anything, 0),
    ("PDB", Takes::Anything, 0),
    ("RELEASE", Takes::Nothing, 0),
    ("SAFESEH", Takes::Perhaps, 0),
    ("STACK", Takes::Anything, 0),
    ("SUBSYSTEM", Takes::Anything, 0),
    ("TLBID", Takes::Anything, 0),
    ("VERBOSE", Takes::Perhaps, 0),
    ("VERSION", Takes::Anything, 0),
    ("WX", Takes::Perhaps, 1700),
];

const OPTIMISATIONS: [&str; 7] = ["REF", "NOREF", "ICF", "NOICF", "LBR", "WIN98", "NOWIN98"];
const SUBSYSTEMS: [&str; 5] = ["WINDOWS", "CONSOLE", "NATIVE", "POSIX", "EFI_APPLICATION"];

#[derive(Default)]
#[allow(clippy::struct_excessive_bools, reason = "they are options")]
struct Order {
    output: Option<String>,
    import_library: Option<String>,
    folders: Vec<String>,
    inputs: Vec<String>,
    default_libraries: Vec<String>,
    dll: bool,
    quiet: bool,
    reproducible: bool,
    no_manifest: bool,
    no_defaults: bool,
}

impl Order {
    fn read(machine: &Machine, arguments: Vec<String>) -> Result<Self, Objection> {
        let defaults = ["MSVCRT.lib", "OLDNAMES.lib", "kernel32.lib"].map(str::to_owned);
        let mut order = Self { default_libraries: defaults.to_vec(), ..Self::default() };
        for argument in arguments {
            match option(&argument) {
                Some(option) => order.option(machine, &argument, option)?,
                None => order.inputs.push(argument),
            }
        }
        if order.inputs.is_empty() {
            return Err(Objection::fatal(1561, "entry point must be defined"));
        }
        Ok(order)
    }

    fn option(&mut self, machine: &Machine, argument: &str, option: &str) -> Result<(), Objection> {
        let (name, value) = match option.split_once(':') {
            Some((name, value)) => (name.to_ascii_uppercase(), Some(value.trim_matches('"'))),
            None => (option.to_ascii_uppercase(), None),
        };
        let known =
            OPTIONS.iter().find(|(known, _, since)| *known == name && machine.msc() >= *since);
        let Some((name, takes, _)) = known else {
            // link itself warns of it and goes on: an option that does nothing is a mistake here.
            let what = format!("unrecognized option '{argument}'; ignored");
            return Err(Objection {
                number: 4044,
                lines: vec![format!("LINK : error LNK4044: {what}")],
            });
        };
        let upper = value.unwrap_or_default().to_ascii_uppercase();
        if !fits(name, *takes, value, &upper) {
            let what = format!("syntax error in option '{option}'");
            return Err(Objection::fatal(1117, &what));
        }
        let own = || value.unwrap_or_default().to_owned();
        match *name {
            "DLL" => self.dll = true,
            "NOLOGO" => self.quiet = true,
            "BREPRO" => self.reproducible = true,
            "OUT" => self.output = Some(own()),
            "IMPLIB" => self.import_library = Some(own()),
            "LIBPATH" => self.folders.push(own()),
            "DEFAULTLIB" => self.default_libraries.push(own()),
            "NODEFAULTLIB" => self.no_defaults = true,
            "MANIFEST" => self.no_manifest = upper == "NO",
            "MACHINE" if upper != machine_name(machine) => {
                return Err(Objection::fatal(1112, &conflict(machine_name(machine), &upper)));
            }
            _ => {}
        }
        Ok(())
    }
}

fn fits(name: &str, takes: Takes, value: Option<&str>, upper: &str) -> bool {
    let head = upper.split(['=', ',']).next().unwrap_or_default();
    match (name, takes) {
        ("OPT", _) => upper.split(',').all(|it| {
            let (kind, times) = it.split_once('=').unwrap_or((it, "1"));
            OPTIMISATIONS.contains(&kind) && times.parse::<u8>().is_ok()
        }),
        ("SUBSYSTEM", _) => SUBSYSTEMS.contains(&head),
        (_, Takes::Nothing) => value.is_none(),
        (_, Takes::Anything) => value.is_some_and(|value| !value.is_empty()),
        (_, Takes::Perhaps) => true,
        (_, Takes::One(values)) => values.contains(&upper),
    }
}

fn machine_name(machine: &Machine) -> &'static str {
    match machine.arch {
        Arch::X64 => "X64",
        Arch::X86 => "X86",
    }
}

fn conflict(found: &str, wanted: &str) -> String {
    let (found, wanted) = (found.to_ascii_lowercase(), wanted.to_ascii_lowercase());
    format!("module machine type '{found}' conflicts with target machine type '{wanted}'")
}

fn link(machine: &Machine, order: &Order) -> Result<(), Objection> {
    let mut files = Vec::new();
    for input in &order.inputs {
        files.push(if is_library(input) {
            library(order, input)?
        } else {
            object(machine, input)?
        });
    }
    let mut runtime = Vec::new();
    if !order.no_defaults {
        for name in &order.default_libraries {
            runtime.push(library(order, name)?);
        }
    }
    let lost = |problem: String| Objection::fatal(1000, &problem);
    let output = order.output.clone().unwrap_or_else(|| "a.dll".to_owned());
    let command = command(machine, order, &output, &files, &runtime).map_err(lost)?;
    let ended = host::run(machine, &[command], 1).map_err(lost)?.remove(0);
    if ended.code != 0 {
        return Err(in_its_words(&output, &ended.said));
    }
    write_beside(machine, order, &output).map_err(|error| lost(error.to_string()))
}

fn is_library(name: &str) -> bool {
    name.to_ascii_lowercase().ends_with(".lib")
}

/// An object that is there, for this machine.
fn object(machine: &Machine, name: &str) -> Result<String, Objection> {
    let Ok(bytes) = std::fs::read(here(name)) else {
        return Err(Objection::fatal(1181, &format!("cannot open input file '{name}'")));
    };
    let is = match bytes.get(..2) {
        Some([0x64, 0x86]) => "X64",
        Some([0x4c, 0x01]) => "X86",
        _ => return Err(Objection::of(name, 1107, "invalid or corrupt file: cannot read at 0x0")),
    };
    if is != machine_name(machine) {
        return Err(Objection::of(base_name(name), 1112, &conflict(is, machine_name(machine))));
    }
    Ok(name.to_owned())
}

/// A library here, in a folder that was named, or in one of `LIB`.
fn library(order: &Order, name: &str) -> Result<String, Objection> {
    let places = std::iter::once(String::new()).chain(order.folders.iter().cloned());
    for folder in places.chain(Machine::folders("LIB")) {
        let folder = folder.trim_end_matches(['/', '\\']);
        // Small letters first: Wine finds either, and then Linux must.
        for name in [name.to_ascii_lowercase(), name.to_owned()] {
            let path = if folder.is_empty() { name } else { format!("{folder}/{name}") };
            if Path::new(&here(&path)).is_file() {
                return Ok(path);
            }
        }
    }
    Err(Objection::fatal(1104, &format!("cannot open file '{name}'")))
}

/// lld's command. What is not marked as imported is an error, not a relocation at run time.
fn command(
    machine: &Machine,
    order: &Order,
    output: &str,
    files: &[String],
    runtime: &[String],
) -> Result<Vec<String>, String> {
    let (emulation, entry) = match machine.arch {
        Arch::X86 => ("i386pe", "DllMainCRTStartup@12"),
        Arch::X64 => ("i386pep", "DllMainCRTStartup"),
    };
    let mut words: Vec<String> = ["ld.lld", "-m", emulation, "-shared", "-e", entry, "-s"]
        .into_iter()
        .chain(["--gc-sections", "--icf=all", "--subsystem", "windows", "--disable-auto-import"])
        .chain(["--disable-runtime-pseudo-reloc", "--exclude-all-symbols"])
        .map(str::to_owned)
        .collect();
    words.push(
        if order.reproducible { "--no-insert-timestamp" } else { "--insert-timestamp" }.to_owned(),
    );
    words.extend(alternate(machine));
    if let Some(library) = &order.import_library {
        words.push(format!("--out-implib={}", machine.unix(library)?));
    }
    words.extend(["-o".to_owned(), machine.unix(output)?]);
    let start = runtime
        .first()
        .map(|library| library[..library.len() - base_name(library).len()].to_owned());
    let start = start.unwrap_or_default();
    words.push(machine.unix(&format!("{start}dllcrt2.o"))?);
    let own = ["libmingw32.a", "libmingwex.a", "libgcc.a", "libgcc_eh.a"]
        .map(|it| format!("{start}{it}"));
    for file in files.iter().chain(&own).chain(runtime) {
        words.push(machine.unix(file)?);
    }
    Ok(words)
}

/// The runtimes before the UCRT export `getpid` under its underscored name alone.
fn alternate(machine: &Machine) -> Option<String> {
    (machine.msc() < 1900).then(|| {
        let names = match machine.arch {
            Arch::X86 => "_getpid=__getpid",
            Arch::X64 => "getpid=_getpid",
        };
        format!("-Xlink=-alternatename:{names}")
    })
}

/// What lld objects to, as link would say it.
fn in_its_words(output: &str, said: &str) -> Objection {
    let mut lines = Vec::new();
    let mut unresolved = None;
    for line in said.lines() {
        if let Some((_, symbol)) = line.split_once("error: undefined symbol: ") {
            unresolved = Some(symbol.to_owned());
        } else if let (Some(place), Some(symbol)) =
            (line.strip_prefix(">>> referenced by "), unresolved.take())
        {
            let (object, function) = place.split_once(":(").unwrap_or((place, "?"));
            let (object, function) = (base_name(object), function.trim_end_matches(')'));
            let what =
                format!("unresolved external symbol {symbol} referenced in function {function}");
            lines.push(format!("{object} : error LNK2019: {what}"));
        } else if let Some((_, what)) = line.split_once("error: ") {
            lines.push(format!("LINK : fatal error LNK1000: {what}"));
        }
    }
    let unresolved = lines.iter().filter(|line| line.contains("LNK2019")).count();
    if unresolved > 0 {
        let what = format!("{unresolved} unresolved externals");
        lines.push(format!("{} : fatal error LNK1120: {what}", base_name(output)));
        return Objection { number: 1120, lines };
    }
    Objection { number: 1000, lines }
}

/// What link leaves beside the DLL: the export file, and with Visual Studio 2008 the manifest that its C
/// runtime is found by.
fn write_beside(machine: &Machine, order: &Order, output: &str) -> std::io::Result<()> {
    if let Some(library) = &order.import_library {
        let export = format!("{}.exp", library.trim_end_matches(".lib"));
        std::fs::write(here(&export), "exports\n")?;
        println!("   Creating library {library} and object {export}");
    }
    if (1500..1600).contains(&machine.msc()) && !order.no_manifest {
        let processor = match machine.arch {
            Arch::X86 => "x86",
            Arch::X64 => "amd64",
        };
        let text = MANIFEST.replace("PROCESSOR", processor);
        std::fs::write(here(&format!("{output}.manifest")), text)?;
    }
    Ok(())
}

const MANIFEST: &str = "<?xml version='1.0' encoding='UTF-8' standalone='yes'?>
<assembly xmlns='urn:schemas-microsoft-com:asm.v1' manifestVersion='1.0'>
  <dependency>
    <dependentAssembly>
      <assemblyIdentity type='win32' name='Microsoft.VC90.CRT' version='9.0.21022.8' processorArchitecture='PROCESSOR' publicKeyToken='1fc8b3b9a1e18e3b' />
    </dependentAssembly>
  </dependency>
</assembly>
";
