//! In what the makefiles differ from those of the document, and why. Whatever is not here is the
//! document's own, and the README has the same list; a test compares all three.

use super::makefile::is_reproducible;
use crate::model::abi::AbiFamily;

/// Something that the document's makefiles do not have.
#[derive(Clone, Copy, Debug)]
pub struct Difference {
    /// What it is, as the README calls it.
    pub what: &'static str,
    /// Why it is there.
    pub reason: &'static str,
    /// The words that it adds to the commands: options, files.
    pub adds: &'static [&'static str],
    /// The families that have it.
    pub families: fn(AbiFamily) -> bool,
}

/// All of them.
pub const DIFFERENCES: [Difference; 11] = [
    Difference {
        what: "`/nologo`, `-nologo`",
        reason: "the log is what the compiler has to say, not whose it is",
        adds: &["/nologo", "-nologo"],
        families: everywhere,
    },
    Difference {
        what: "`/wd4255`, `/wd4668`, `/wd4710`, `/wd4711`, `/wd4820`",
        reason: "`/Wall` has them said by the thousand, of Microsoft's own headers and of what the optimiser did: an error would be lost among them",
        adds: &["/wd4255", "/wd4668", "/wd4710", "/wd4711", "/wd4820"],
        families: everywhere,
    },
    Difference {
        what: "`/MP`",
        reason: "the files are compiled in parallel",
        adds: &["/MP"],
        families: everywhere,
    },
    Difference {
        what: "`/Brepro`, for `cl` and for `link`, from Visual Studio 2015 on",
        reason: "the same sources give the same bytes; the compilers of VC9 and VC10 do not know it, and the time stands in their modules",
        adds: &["/Brepro"],
        families: is_reproducible,
    },
    Difference {
        what: "`psapi.lib`",
        reason: "`wsgi_memory.c` needs it from 4.4.10 on, and names it itself only in later versions",
        adds: &["psapi.lib"],
        families: everywhere,
    },
    Difference {
        what: "`$(PYTHON_CPPFLAGS)`",
        reason: "a free-threaded Python has the headers of the ordinary one: `Py_GIL_DISABLED=1` must be defined",
        adds: &["/DPy_GIL_DISABLED=1"],
        families: everywhere,
    },
    Difference {
        what: "quotes around what has a root in it",
        reason: "a folder's name may have blanks, as `C:\\Program Files\\Python313` has",
        adds: &[],
        families: everywhere,
    },
    Difference {
        what: "the module has its own name from the beginning, `mod_wsgi-py313-VC14.so`",
        reason: "`install` copies it as it is, and one combination does not overwrite another's",
        adds: &[],
        families: everywhere,
    },
    Difference {
        what: "`src\\server\\*.c` beside the makefile, not above it",
        reason: "they lay in the folder `win32` of the sources, which later versions do not have: put these beside `src`",
        adds: &[],
        families: everywhere,
    },
    Difference {
        what: "`install` overwrites without asking and prints the `LoadModule` line alone; `clean` removes what this combination made, and that nothing is there is no error",
        reason: "batch files and pipes cannot answer, and can read a line",
        adds: &["/y", "/f", "/q"],
        families: everywhere,
    },
    Difference {
        what: "a part that GNU make reads and nmake does not",
        reason: "the same makefile works with GNU make and a shell, where this project tests it",
        adds: &[],
        families: everywhere,
    },
];

fn everywhere(_: AbiFamily) -> bool {
    true
}
