//! Stand-ins for Microsoft's tools: one program, which plays the tool whose name it bears. Each checks what
//! it is told as Microsoft's does and speaks as Microsoft's does; an option that Microsoft's would only warn
//! of is an error here. The work is done by clang and lld of Linux, also when this runs under Wine.
//!
//! Beside it may lie `stand-in.txt`, which says what it is: see `machine`.

#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::disallowed_methods,
    reason = "it plays other programs, and is none of modfarm"
)]

mod arguments;
mod cl;
mod host;
mod link;
mod machine;
mod mt;
mod nmake;
mod resource;
mod vswhere;

use std::path::Path;
use std::process::ExitCode;

use machine::Machine;

fn main() -> ExitCode {
    let mut arguments = std::env::args();
    let own = arguments.next().unwrap_or_default();
    let machine = match Machine::find() {
        Ok(machine) => machine,
        Err(problem) => return lost(&problem),
    };
    let arguments = arguments::expand(arguments.collect());
    let code = match arguments {
        Err(problem) => return lost(&problem),
        Ok(arguments) => match name(&own).as_str() {
            "cl" => cl::run(&machine, arguments),
            "link" => link::run(&machine, arguments),
            "mt" => mt::run(arguments),
            "nmake" => nmake::run(&arguments),
            "vswhere" => vswhere::run(&arguments),
            other => return lost(&format!("there is no stand-in for {other:?}")),
        },
    };
    ExitCode::from(u8::try_from(code).unwrap_or(u8::MAX))
}

/// The name that it was called by: of `C:\VC\bin\CL.EXE` `cl`.
fn name(own: &str) -> String {
    let own = own.replace('\\', "/").to_ascii_lowercase();
    Path::new(own.strip_suffix(".exe").unwrap_or(&own))
        .file_name()
        .map(|name| name.to_string_lossy().into_owned())
        .unwrap_or_default()
}

/// Not what the tool would say, but that there is none.
fn lost(problem: &str) -> ExitCode {
    eprintln!("stand-in: {problem}");
    ExitCode::from(99)
}
