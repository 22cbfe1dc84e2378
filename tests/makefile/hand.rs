//! Somebody who builds by hand: the makefile of a combination beside the module's source, the compiler's
//! environment, and GNU make.

use std::process::Command;

use camino::{Utf8Path, Utf8PathBuf};
use modfarm::model::arch::Arch;
use modfarm::model::cell::CellId;
use modfarm::sys::files;

use crate::msvc::{self, Tools};
use crate::program::{Ran, Site, kit};

pub(super) struct Hand {
    pub(super) site: Site,
    pub(super) cell: CellId,
    /// The top folder of the source, where the makefiles are; its name has a blank.
    pub(super) folder: Utf8PathBuf,
    pub(super) tools: Tools,
}

impl Hand {
    /// With the compiler of this version, to build this version of the module.
    pub(super) fn new(cell: &str, cl: &str, version: &str) -> Self {
        let site = Site::new();
        let cell: CellId = cell.parse().expect("a cell");
        let folder = site.folder.join("by hand");
        let arch = cell.apache.arch;
        let tools = msvc::lay_out(&msvc::STAND_IN, &site.folder.join("V C"), cl, arch, "");
        let apache = folder.join(cell.apache.to_string());
        files::create_dir_all(&apache.join("modules")).expect("a folder");
        for name in ["include", "lib"] {
            let part = kit().join(format!("apache/2.4-{arch}")).join(name);
            files::symlink(&part, &apache.join(name)).expect("a link");
        }
        let python = folder.join("Python");
        let of = kit().join(format!("python/{}-{arch}", cell.python));
        if files::is_dir(&of) {
            files::symlink(&of, &python).expect("a link");
        }
        let id = cell.to_string();
        let arguments = ["makefile", &id, "--module-version", version, "--to", folder.as_str()];
        let roots = ["--apache-root", apache.as_str(), "--python-root", python.as_str()];
        site.run(&[arguments.as_slice(), &roots].concat()).ended(0);
        Self { site, cell, folder, tools }
    }

    /// With a Python that the kit does not have: the headers of another, and a library with these names.
    pub(super) fn with_python(self, headers: &str, exports: &[&str]) -> Self {
        let arch = self.cell.apache.arch;
        let (python, libs) = (self.folder.join("Python"), self.folder.join("Python/libs"));
        files::create_dir_all(&libs).expect("a folder");
        let include = kit().join(format!("python/{headers}-{arch}/include"));
        files::symlink(&include, &python.join("include")).expect("a link");
        let (tag, definition) = (self.cell.python, libs.join("python.def"));
        let text = format!("LIBRARY {}\nEXPORTS\n{}\n", tag.dll(), exports.join("\n"));
        files::write_atomic(&definition, text.as_bytes()).expect("a file");
        let machine = match arch {
            Arch::Win32 => "i386",
            Arch::Win64 => "i386:x86-64",
        };
        let library = libs.join(tag.import_library());
        let mut command = Command::new("llvm-dlltool");
        command.args(["-m", machine, "-d", definition.as_str(), "-l", library.as_str()]);
        Ran::of(&mut command).ended(0);
        self
    }

    /// With the real source of a version.
    pub(super) fn with_source(self, unpacked: &Utf8Path) -> Self {
        let top = files::names(unpacked).expect("a source").remove(0);
        let source = unpacked.join(top).join("src");
        files::symlink(&source, &self.folder.join("src")).expect("a link");
        self
    }

    /// GNU make with these arguments, in the compiler's environment.
    pub(super) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new("make");
        let name = format!("{}.mk", self.cell.makefile_stem());
        command.args(["-f", &name]).args(arguments).current_dir(&self.folder).env_clear();
        command.env("PATH", format!("{}:/usr/bin:/bin", self.tools.bin));
        command.env("INCLUDE", &self.tools.include).env("LIB", &self.tools.lib);
        command
    }

    pub(super) fn make(&self, arguments: &[&str]) -> Ran {
        Ran::of(&mut self.command(arguments))
    }

    /// The module where it is built.
    pub(super) fn built(&self) -> Utf8PathBuf {
        self.folder.join(self.cell.file_name("mod_wsgi"))
    }

    /// The module where it is installed.
    pub(super) fn installed(&self) -> Utf8PathBuf {
        self.folder.join(self.cell.module_path("mod_wsgi"))
    }
}
