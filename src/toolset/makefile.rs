//! The document's makefiles: `apXYpyXY-winNN-VC?.mk`, which says where an Apache and a Python are, and
//! `common-VC?.mk`, which says how every module of a family is built. The farm's msvc toolset runs this
//! very text, and `modfarm makefile` writes it. What in it is not the document's is in `differences`.
//!
//! nmake and GNU make both read it. They share macros, rules and a plain `include`; for the rest there
//! is one trick: a comment that ends in a backslash goes on in the next line for GNU make and ends for
//! nmake, so that a directive of nmake's can hide from it what only GNU make is to see.

use crate::model::abi::AbiFamily;
use crate::model::cell::CellId;
use crate::roots::Source;

/// Where the Apache and the Python of a makefile are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Places {
    /// The folder of the Apache that has `include` and `lib`.
    pub apache: String,
    /// The folder of the Python that has `include` and `libs`.
    pub python: String,
    /// What must be defined to compile against the Python, beyond what its headers do.
    pub defines: Vec<String>,
}

/// A folder that no makefile can name.
#[derive(Debug, thiserror::Error)]
pub enum PlaceError {
    /// A character that nmake, make or a shell obeys.
    #[error(
        "the folder '{place}' cannot stand in a makefile: nmake or the shell would obey its {found:?}\nhint: name it by a path without that, such as its short name (dir /x)"
    )]
    Character {
        /// The folder.
        place: String,
        /// The character.
        found: char,
    },
    /// No name at all.
    #[error(
        "a folder without a name cannot stand in a makefile\nhint: name one such as C:\\Apache24"
    )]
    Empty,
}

impl Places {
    /// Where the document's makefiles have them: `c:\Apache24-win64-VC10`, `c:\Python27-win64-VC9`.
    /// All that a bulk build needs can stand side by side there.
    #[must_use]
    pub fn usual(cell: &CellId) -> Self {
        let (tag, arch) = (cell.python, cell.apache.arch);
        Self {
            apache: format!("c:\\{}", cell.apache),
            python: format!("c:\\Python{}-{arch}-{}", tag.digits(), cell.abi),
            defines: python_defines(cell, &[]),
        }
    }

    /// Takes this folder for the Apache.
    pub fn apache_in(&mut self, place: &str) -> Result<(), PlaceError> {
        self.apache = writable(place)?;
        Ok(())
    }

    /// Takes this folder for the Python.
    pub fn python_in(&mut self, place: &str) -> Result<(), PlaceError> {
        self.python = writable(place)?;
        Ok(())
    }
}

/// The free-threaded build's headers are the ordinary ones; who compiles against them must say so.
pub(super) fn python_defines(cell: &CellId, defines: &[String]) -> Vec<String> {
    if cell.python.free_threaded && defines.is_empty() {
        return vec!["Py_GIL_DISABLED=1".to_owned()];
    }
    defines.to_vec()
}

/// What nmake, make, cmd or sh would take for more than a character of a name, also between quotes.
const OBEYED: &str = "\"'`$#%^!;&|<>*?";

/// A folder as a makefile can name it. One that ends in a backslash would take the quote after it along.
fn writable(place: &str) -> Result<String, PlaceError> {
    let obeyed = |found: char| found.is_control() || OBEYED.contains(found);
    if let Some(found) = place.chars().find(|found| obeyed(*found)) {
        return Err(PlaceError::Character { place: place.to_owned(), found });
    }
    let name = place.trim().trim_end_matches(['/', '\\']);
    if name.is_empty() { Err(PlaceError::Empty) } else { Ok(name.to_owned()) }
}

/// The name of a combination's makefile: `ap24py313-win64-VC14.mk`.
#[must_use]
pub fn name(cell: &CellId) -> String {
    format!("{}.mk", cell.makefile_stem())
}

/// The name of a family's common part: `common-VC14.mk`.
#[must_use]
pub fn common_name(family: AbiFamily) -> String {
    format!("common-{family}.mk")
}

/// What nmake knows UTF-8 by: without it a name with an ä is read in the code page of the machine. GNU make
/// passes over it.
pub const UTF8_MARK: char = '\u{feff}';

fn marked(text: String) -> String {
    if text.is_ascii() { text } else { format!("{UTF8_MARK}{text}") }
}

/// The makefile of one combination.
#[must_use]
pub fn cell(module: &str, cell: &CellId, places: &Places) -> String {
    let arch = cell.apache.arch;
    let mut text = format!(
        "# {module} for Apache {} of {} and Python {}, {arch}, {}.\n\
         # Set the roots to where you installed both; nmake of {} builds it.\n\n\
         APACHE_ROOTDIR = {}\n\n\
         PYTHON_ROOTDIR = {}\n\
         PYTHON_VERSION = {}\n",
        cell.apache.series,
        cell.apache.compiler,
        cell.python,
        cell.abi,
        compiler(cell.abi),
        places.apache,
        places.python,
        cell.python.digits(),
    );
    if !places.defines.is_empty() {
        let defines: Vec<_> = places.defines.iter().map(|define| format!("/D{define}")).collect();
        text += &format!("PYTHON_CPPFLAGS = {}\n", defines.join(" "));
    }
    text += &format!("\ninclude {}\n", common_name(cell.abi));
    marked(text)
}

/// The compilers of a family, in words.
#[must_use]
pub fn compiler(family: AbiFamily) -> &'static str {
    match family {
        AbiFamily::Vc9 => "Visual Studio 2008 or Visual C++ for Python 9.0",
        AbiFamily::Vc10 => "Visual Studio 2010 or Windows SDK 7.1",
        AbiFamily::Vc11 => "Visual Studio 2012",
        AbiFamily::Vc12 => "Visual Studio 2013",
        AbiFamily::Vc14 => "Visual Studio 2015 to 2026",
    }
}

/// The folders that the module's C files lie in, as every `mod_wsgi` has them.
pub const USUAL_FOLDERS: [&str; 1] = ["src/server"];

/// The folders that the C files of this source lie in.
#[must_use]
pub fn folders(source: &Source) -> Vec<&str> {
    let mut folders: Vec<&str> = Vec::new();
    for (folder, _) in source.files.iter().filter_map(|file| file.rsplit_once('/')) {
        if !folders.contains(&folder) {
            folders.push(folder);
        }
    }
    folders
}

/// What all combinations of one family have in common.
#[must_use]
pub fn common(module: &str, family: AbiFamily, folders: &[&str]) -> String {
    let symbol = module.strip_prefix("mod_").unwrap_or(module);
    let patterns = |slash: &str| {
        let of = |folder: &&str| format!("{}{slash}*.c", folder.replace('/', slash));
        folders.iter().map(of).collect::<Vec<_>>().join(" ")
    };
    let (brepro, times) = if is_reproducible(family) { (" \\\n /Brepro", "") } else { ("", TIMES) };
    let manifest = if family == AbiFamily::Vc9 { MANIFEST } else { "" };
    let pieces = [
        ("@family@", family.as_str().to_owned()),
        ("@compiler@", compiler(family).to_owned()),
        ("@module@", module.to_owned()),
        ("@symbol@", symbol.to_owned()),
        ("@sources@", patterns("\\")),
        ("@found@", patterns("/")),
        (" \\\n @brepro@", brepro.to_owned()),
        ("@times@", times.to_owned()),
        ("@manifest@", manifest.to_owned()),
    ];
    marked(pieces.iter().fold(COMMON.to_owned(), |text, (name, piece)| text.replace(name, piece)))
}

/// Whether compiler and linker can leave the time out: those of Visual Studio 2015 and later.
#[must_use]
pub fn is_reproducible(family: AbiFamily) -> bool {
    family == AbiFamily::Vc14
}

const TIMES: &str = "#
# These compilers know no /Brepro: the time stands in the module, and no two builds are the same bytes.
";

const MANIFEST: &str = "\tmt -nologo -manifest $@.manifest \"-outputresource:$@;2\"\n";

const COMMON: &str = r#"# How @module@ is built for every combination of @family@: by nmake and cl of
# @compiler@. The makefile of the combination sets the roots, and
# includes this file; both lie beside the folder src of the module.
@times@
CPPFLAGS = \
 /DWIN32 \
 /DNDEBUG \
 $(PYTHON_CPPFLAGS) \
 /I"$(APACHE_ROOTDIR)\include" \
 /I"$(PYTHON_ROOTDIR)\include"

CFLAGS = \
 /MD \
 /GF \
 /Gy \
 /O2 \
 /Wall \
 /Zc:wchar_t \
 /Zc:forScope \
 /wd4255 /wd4668 /wd4710 /wd4711 /wd4820 \
 /MP \
 @brepro@

LDFLAGS = \
 /link \
 "/LIBPATH:$(APACHE_ROOTDIR)\lib" \
 "/LIBPATH:$(PYTHON_ROOTDIR)\libs" \
 /OPT:REF \
 /OPT:ICF=2 \
 /RELEASE \
 /SUBSYSTEM:WINDOWS \
 @brepro@

LDLIBS = \
 python$(PYTHON_VERSION).lib \
 libhttpd.lib \
 libapr-1.lib \
 libaprutil-1.lib \
 psapi.lib

VARIANT = py$(PYTHON_VERSION)-@family@
TARGET = @module@-$(VARIANT).so
SRCFILES = @sources@
INSTALLED = "$(APACHE_ROOTDIR)\modules\$(TARGET)"
COPY = copy /y
REMOVE = del /f /q

# What is between the two marks is for GNU make and a shell; nmake does not see it, for it ends a
# comment where the line ends.
# \
!if 0
SRCFILES = $(sort $(wildcard @found@))
INSTALLED = "$(APACHE_ROOTDIR)/modules/$(TARGET)"
COPY = cp
REMOVE = rm -f
# Has MSYS2's shell leave options alone that look like paths.
export MSYS2_ARG_CONV_EXCL = *
.DELETE_ON_ERROR:
.PHONY: clean install
# \
!endif

$(TARGET) : $(SRCFILES)
	cl /nologo $(CPPFLAGS) $(CFLAGS) $(SRCFILES) /LD $(LDFLAGS) $(LDLIBS) /OUT:$@
@manifest@
install : $(TARGET)
	$(COPY) $(TARGET) $(INSTALLED)
	@echo LoadModule @symbol@_module modules/$(TARGET)

clean :
	-$(REMOVE) *.obj $(TARGET) $(TARGET).manifest *.lib *.exp
"#;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_makefile_of_a_mixed_combination_points_at_the_other_apache() {
        let id: CellId = "Apache24-win64-VC10/py27-VC9".parse().unwrap();
        assert_eq!(name(&id), "ap24py27-win64-VC9.mk");
        let text = cell("mod_wsgi", &id, &Places::usual(&id));
        let lines: Vec<&str> = text.lines().filter(|line| !line.starts_with('#')).collect();
        assert_eq!(
            lines.join("\n").trim(),
            "APACHE_ROOTDIR = c:\\Apache24-win64-VC10\n\nPYTHON_ROOTDIR = c:\\Python27-win64-VC9\n\
             PYTHON_VERSION = 27\n\ninclude common-VC9.mk"
        );
    }

    #[test]
    fn a_free_threaded_python_is_said_to_be_one() {
        let id: CellId = "Apache24-win64-VS17/py313t-VC14".parse().unwrap();
        let text = cell("mod_wsgi", &id, &Places::usual(&id));
        assert!(text.contains("\nPYTHON_VERSION = 313t\nPYTHON_CPPFLAGS = /DPy_GIL_DISABLED=1\n"));
    }

    #[test]
    fn what_only_some_families_have() {
        for family in AbiFamily::ALL {
            let text = common("mod_wsgi", family, &USUAL_FOLDERS);
            assert!(!text.replace("$@", "").replace("@echo", "").contains('@'), "{text}");
            assert_eq!(
                text.matches("/Brepro").count(),
                if is_reproducible(family) { 2 } else { 1 }
            );
            assert_eq!(text.contains("\tmt "), family == AbiFamily::Vc9);
            assert!(text.contains(&format!("VARIANT = py$(PYTHON_VERSION)-{family}\n")));
            assert!(text.contains("SRCFILES = src\\server\\*.c\n"));
            assert!(text.is_ascii() && !text.contains('\r'));
        }
    }

    #[test]
    fn only_the_marks_hide_lines() {
        // Any other comment that ends in a backslash would hide a line from GNU make.
        let text = common("mod_wsgi", AbiFamily::Vc9, &["src/server", "src/more"]);
        let marks: Vec<&str> = text
            .lines()
            .zip(text.lines().skip(1))
            .filter(|(line, _)| line.starts_with('#') && line.ends_with('\\'))
            .map(|(_, next)| next)
            .collect();
        assert_eq!(marks, ["!if 0", "!endif"]);
        assert!(text.contains("SRCFILES = src\\server\\*.c src\\more\\*.c\n"));
        assert!(text.contains("$(wildcard src/server/*.c src/more/*.c)"));
    }

    #[test]
    fn names_that_are_not_english_are_marked_as_utf_8() {
        let id: CellId = "Apache24-win64-VS17/py313-VC14".parse().unwrap();
        let mut places = Places::usual(&id);
        assert!(cell("mod_wsgi", &id, &places).starts_with("# "));
        places.apache_in("C:\\Jürgen\\Apache24").unwrap();
        let text = cell("mod_wsgi", &id, &places);
        assert!(text.starts_with("\u{feff}# "), "{text}");
        assert_eq!(text.matches(UTF8_MARK).count(), 1);
        assert!(text.contains("\nAPACHE_ROOTDIR = C:\\Jürgen\\Apache24\n"));
        let of_source = common("mod_wsgi", id.abi, &["src/größe"]);
        assert!(of_source.starts_with("\u{feff}# "), "{of_source}");
    }

    #[test]
    fn a_folder_is_a_name_and_nothing_else() {
        let id: CellId = "Apache24-win32-VS17/py311-VC14".parse().unwrap();
        let mut places = Places::usual(&id);
        places.apache_in("C:\\Apache 24\\").unwrap();
        places.python_in("C:\\Program Files (x86)\\Python311-32").unwrap();
        assert_eq!(places.apache, "C:\\Apache 24");
        for bad in ["C:\\a$b", "C:\\a\"", "C:\\100%", "a\nb", "a;b", "a&b", "`x`", "#a"] {
            let error = places.apache_in(bad).unwrap_err().to_string();
            assert!(error.contains("\nhint: "), "{error}");
        }
        for empty in ["", " ", "\\", "/"] {
            assert!(matches!(places.python_in(empty), Err(PlaceError::Empty)), "{empty:?}");
        }
    }
}
