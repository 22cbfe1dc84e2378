//! The cross toolset: the commands of the document's makefiles, in clang's cl mode, linked by lld
//! against mingw-w64's import library of the C runtime that the cell's family has.

use std::collections::BTreeMap;

use super::jobs::{Build, Inputs};
use super::makefile;
use crate::model::abi::AbiFamily;
use crate::model::arch::Arch;
use crate::model::toolset::mingw_runtime;
use crate::model::tree::TreeBuilder;
use crate::roots::Source;

/// The build of one cell: sources, roots and makefile in one folder, and `make` to run there.
#[must_use]
pub fn build(module: &str, source: &Source, inputs: Inputs<'_>) -> Build {
    let cell = inputs.cell;
    let makefile = makefile::name(cell);
    let common = makefile::common_name(cell.abi);
    let mut tree = TreeBuilder::default();
    tree.subtree("src", source.tree.clone());
    tree.subtree("apache", inputs.apache.tree.clone());
    tree.subtree("python", inputs.python.tree.clone());
    tree.bytes(&makefile, cell_makefile(module, inputs));
    tree.bytes(&common, common_makefile(source, inputs));
    if cell.abi == AbiFamily::Vc9 {
        for arch in Arch::ALL {
            tree.bytes(&format!("{VC90_CRT}.{arch}.manifest"), vc90_manifest(arch));
            tree.bytes(&format!("{VC90_CRT}.{arch}.rc"), vc90_resource(arch));
        }
    }
    let arguments = ["make", "--no-builtin-rules", "--output-sync=target", "-f", &makefile];
    Build {
        arguments: arguments.map(str::to_owned).to_vec(),
        environment: BTreeMap::from([
            ("LC_ALL".to_owned(), "C".to_owned()),
            ("PATH".to_owned(), setting(inputs, "path")),
        ]),
        output: cell.file_name(module),
        inputs: tree.build(),
    }
}

/// The makefile of one combination: where things are, and what it is for.
fn cell_makefile(module: &str, inputs: Inputs<'_>) -> String {
    let cell = inputs.cell;
    let mut text = format!(
        "# {module} for Apache {} and Python {}, {}, {}.\n\n",
        cell.apache.series, cell.python, cell.apache.arch, cell.abi
    );
    for (name, value) in [
        ("APACHE_ROOTDIR", "apache".to_owned()),
        ("PYTHON_ROOTDIR", "python".to_owned()),
        ("PYTHON_VERSION", cell.python.digits()),
        ("PYTHON_CPPFLAGS", python_defines(inputs)),
        ("ARCH", cell.apache.arch.to_string()),
        ("MODULE", cell.file_name(module)),
        ("LOADMODULE", cell.load_module_line(module)),
    ] {
        text += &format!("{}\n", format!("{name} = {value}").trim_end());
    }
    text + &format!("\ninclude {}\n", makefile::common_name(cell.abi))
}

fn python_defines(inputs: Inputs<'_>) -> String {
    let defines = makefile::python_defines(inputs.cell, &inputs.python.defines);
    defines.iter().map(|define| format!("/D{define}")).collect::<Vec<_>>().join(" ")
}

/// What the worker found out about its machine.
fn setting(inputs: Inputs<'_>, name: &str) -> String {
    inputs.toolset.settings.get(name).cloned().unwrap_or_default()
}

/// What all combinations of one ABI family have in common.
fn common_makefile(source: &Source, inputs: Inputs<'_>) -> String {
    let family = inputs.cell.abi;
    let setting = |name: &str| setting(inputs, name);
    let mut text =
        format!("# How every module of the family {family} is built, on Linux for Windows.\n\n");
    for arch in Arch::ALL {
        text += &format!("TARGET.{arch} = {}\n", target(arch));
        text += &format!("MINGW.{arch} = {}\n", setting(&format!("mingw.{arch}")));
        text += &format!("LIBGCC.{arch} = {}\n", setting(&format!("libgcc.{arch}")));
        text += &format!("INCLUDE.{arch} = {}\n", setting(&format!("include.{arch}")));
        let (machine, entry) = emulation(arch);
        text += &format!("MACHINE.{arch} = {machine}\nENTRY.{arch} = {entry}\n");
        let alternates = format!("ALTERNATES.{arch} = {}", alternates(family, arch));
        text += &format!("{}\n", alternates.trim_end());
    }
    text += &format!("OBJECTS = {}\n", objects(source).join(" "));
    let manifest =
        if family == AbiFamily::Vc9 { format!("{VC90_CRT}.$(ARCH).res") } else { String::new() };
    text += &format!("{}\n", format!("MANIFEST = {manifest}").trim_end());
    text.push_str(FLAGS);
    text += &format!("RUNTIME_CPPFLAGS = {}\n", runtime_defines(family));
    text += &format!("RUNTIME = {}\n", mingw_runtime(family));
    text.push_str(RULES);
    for (file, object) in source.files.iter().zip(objects(source)) {
        text += &format!("\n{object}: {file}\n\t$(COMPILE) /Fo$@ {file}\n");
    }
    text
}

/// The document's flags first, then those that make clang and mingw-w64's headers stand in for `cl`
/// and Microsoft's.
///
/// For mingw's targets clang's cl mode does not heed `/O2` and `/imsvc`, so that both stand as what
/// they mean, behind `/clang:`. `/Wall` is left out: it means every warning there is to clang,
/// hundreds a file from the headers of others. `/Zl` keeps the names of Microsoft's default libraries
/// out of the objects, `/GS-` a check that only Microsoft's runtime has.
const FLAGS: &str = "
CPPFLAGS = /DWIN32 /DNDEBUG /I$(APACHE_ROOTDIR)/include /I$(PYTHON_ROOTDIR)/include
CFLAGS = /MD /GF /Gy /clang:-O2 /Zc:wchar_t /Zc:forScope
CROSS_CPPFLAGS = /DPy_NO_LINK_LIB /DPSAPI_VERSION=1 /clang:-nostdlibinc /clang:-isystem$(INCLUDE.$(ARCH))
CROSS_CFLAGS = /Zl /GS- -Wno-macro-redefined -Wno-ignored-attributes /clang:-ferror-limit=20
LIBRARIES = $(PYTHON_ROOTDIR)/libs/python$(PYTHON_VERSION).lib $(APACHE_ROOTDIR)/lib/libhttpd.lib \\
	$(APACHE_ROOTDIR)/lib/libapr-1.lib $(APACHE_ROOTDIR)/lib/libaprutil-1.lib
# /OPT:REF, /OPT:ICF, /SUBSYSTEM:WINDOWS and /Brepro as this linker spells them. What is not marked as
# imported is an error, not a relocation at run time.
LDFLAGS = --gc-sections --icf=all --subsystem windows --no-insert-timestamp \\
	--disable-auto-import --disable-runtime-pseudo-reloc --exclude-all-symbols -s
";

const RULES: &str = "
COMPILE = clang --driver-mode=cl --target=$(TARGET.$(ARCH)) /c $(CFLAGS) $(CROSS_CFLAGS) $(CPPFLAGS) \\
	$(PYTHON_CPPFLAGS) $(RUNTIME_CPPFLAGS) $(CROSS_CPPFLAGS)

$(MODULE): $(OBJECTS) $(MANIFEST)
	ld.lld -m $(MACHINE.$(ARCH)) -shared -e $(ENTRY.$(ARCH)) $(LDFLAGS) -o $@ \\
		$(MINGW.$(ARCH))/dllcrt2.o $(OBJECTS) $(MANIFEST) $(LIBRARIES) \\
		-L$(MINGW.$(ARCH)) -L$(LIBGCC.$(ARCH)) -lmingw32 -lmingwex -lgcc -lgcc_eh \\
		-l$(RUNTIME) $(ALTERNATES.$(ARCH)) -lmoldname -lpsapi -lkernel32

%.res: %.rc %.manifest
	llvm-rc /no-preprocess /FO $@ $<

.PHONY: clean install
clean:
	rm -f $(MODULE) $(OBJECTS) $(MANIFEST)

install: $(MODULE)
	mkdir -p $(APACHE_ROOTDIR)/modules
	cp $(MODULE) $(APACHE_ROOTDIR)/modules/$(MODULE)
	@echo 'Add this line to httpd.conf: $(LOADMODULE)'
";

fn objects(source: &Source) -> Vec<String> {
    source
        .files
        .iter()
        .map(|file| {
            let name = file.rsplit('/').next().unwrap_or(file);
            format!("{}.obj", name.strip_suffix(".c").unwrap_or(name))
        })
        .collect()
}

fn target(arch: Arch) -> &'static str {
    match arch {
        Arch::Win32 => "i686-w64-windows-gnu",
        Arch::Win64 => "x86_64-w64-windows-gnu",
    }
}

/// The linker's name of the machine, and where a DLL of it starts.
fn emulation(arch: Arch) -> (&'static str, &'static str) {
    match arch {
        Arch::Win32 => ("i386pe", "DllMainCRTStartup@12"),
        Arch::Win64 => ("i386pep", "DllMainCRTStartup"),
    }
}

/// What mingw-w64's headers must know of the runtime. Without it they assume the `msvcrt.dll` of
/// Windows itself, whose `time_t` has 32 bits on win32; Microsoft's has 64 since Visual Studio 2005.
fn runtime_defines(family: AbiFamily) -> String {
    let version = match family {
        AbiFamily::Vc9 => "0x0900",
        AbiFamily::Vc10 => "0x0A00",
        AbiFamily::Vc11 => "0x0B00",
        AbiFamily::Vc12 => "0x0C00",
        AbiFamily::Vc14 => return "/D_UCRT".to_owned(),
    };
    format!("/D__MSVCRT_VERSION__={version} /D__MINGW_USE_VC2005_COMPAT")
}

/// The runtimes before the UCRT export `getpid` under its underscored name alone.
fn alternates(family: AbiFamily, arch: Arch) -> &'static str {
    match (family, arch) {
        (AbiFamily::Vc14, _) => "",
        (_, Arch::Win32) => "-Xlink=-alternatename:_getpid=__getpid",
        (_, Arch::Win64) => "-Xlink=-alternatename:getpid=_getpid",
    }
}

const VC90_CRT: &str = "Microsoft.VC90.CRT";

/// Windows finds `MSVCR90.dll` only for a module whose manifest names this assembly.
fn vc90_manifest(arch: Arch) -> String {
    let processor = match arch {
        Arch::Win32 => "x86",
        Arch::Win64 => "amd64",
    };
    format!(
        r#"<?xml version="1.0" encoding="UTF-8" standalone="yes"?>
<assembly xmlns="urn:schemas-microsoft-com:asm.v1" manifestVersion="1.0">
  <dependency>
    <dependentAssembly>
      <assemblyIdentity type="win32" name="{VC90_CRT}" version="9.0.21022.8" processorArchitecture="{processor}" publicKeyToken="1fc8b3b9a1e18e3b"/>
    </dependentAssembly>
  </dependency>
</assembly>
"#
    )
}

/// The manifest as resource 2 (a DLL's) of type 24 (`RT_MANIFEST`), what `mt … ;2` does.
fn vc90_resource(arch: Arch) -> String {
    format!("2 24 \"{VC90_CRT}.{arch}.manifest\"\n")
}
