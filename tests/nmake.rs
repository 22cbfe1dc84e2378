//! The stand-in for `nmake`: it reads the makefiles that modfarm writes as Microsoft's does, and objects to
//! what Microsoft's objects to.

use std::process::Command;
use std::time::{Duration, SystemTime};

use camino::{Utf8Path, Utf8PathBuf};
use modfarm::sys::files;

use crate::msvc::STAND_IN;
use crate::program::{self, Ran};

/// A folder with a makefile, and `nmake` to read it.
struct Site {
    _keep: tempfile::TempDir,
    folder: Utf8PathBuf,
}

impl Site {
    fn new(makefile: &str) -> Self {
        let (keep, folder) = program::folder();
        std::os::unix::fs::symlink(&*STAND_IN, folder.join("nmake")).expect("a link");
        let site = Self { _keep: keep, folder };
        site.write("x.mk", makefile);
        site
    }

    fn write(&self, name: &str, text: &str) {
        files::write_atomic(&self.folder.join(name), text.as_bytes()).expect("a file");
    }

    fn nmake(&self, arguments: &[&str]) -> Ran {
        let mut command = Command::new(self.folder.join("nmake"));
        command.args(["/nologo", "/f", "x.mk"]).args(arguments).current_dir(&self.folder);
        Ran::of(command.env_clear().env("PATH", "/usr/bin:/bin").env("GIVEN", "by the environment"))
    }
}

/// How a makefile is objected to.
#[track_caller]
fn objection(makefile: &str, arguments: &[&str], words: &str) {
    let ran = Site::new(makefile).nmake(arguments);
    assert_ne!(ran.code, 0, "{makefile:?}: {ran:?}");
    assert!(ran.stderr.contains(words), "{words}: {ran:?}");
}

#[test]
fn macros_conditions_and_comments_are_nmakes() {
    let site = Site::new(
        "# a comment goes on here for GNU make \\\n\
         !if 0\n\
         A = not seen by nmake\n\
         # \\\n\
         !endif\n\
         A = one \\\n   two # and no more \\\n\
         B = $(A) three\n\
         A = four\n\
         A = $(A) five\n\
         !ifdef GIVEN\n\
         !if \"$(GIVEN)\" == \"by the environment\" && !defined(NOBODY)\n\
         C = given\n\
         !else\n\
         C = not given\n\
         !endif\n\
         !elseif 1 == 1\n\
         C = never\n\
         !endif\n\
         include part.mk\n\
         show : # what follows is none of it\n\
         \t@echo $(B), $(C), $(D), $(GIVEN:by=of), $(UNKNOWN)., $$, $@, $(@F)\n\
         second :\n\
         \t@echo never\n",
    );
    site.write("part.mk", "D = included\r\n");
    let ran = site.nmake(&[]).ended(0);
    let expected = "four five three, given, included, of the environment, ., $, show, show\n";
    assert_eq!(ran.stdout, expected, "macros are what they are when a command runs");
    let ran = site.nmake(&["A=fixed", "show"]).ended(0);
    assert!(ran.stdout.starts_with("fixed three,"), "{ran:?}");
}

#[test]
fn what_is_not_marked_as_utf_8_is_read_in_the_machines_code_page() {
    let makefile = "A = Jürgen\nx :\n\t@echo $(A)\n";
    let echoed = |makefile: &str| Site::new(makefile).nmake(&[]).ended(0).stdout;
    assert_eq!(echoed(&format!("\u{feff}{makefile}")), "Jürgen\n");
    assert_eq!(echoed(makefile), "JÃ¼rgen\n");
}

#[test]
fn what_is_older_is_built_again_and_nothing_else() {
    let site = Site::new(
        "all.txt : src\\*.c extra.txt\n\
         \tcopy /y src\\a.c $@\n\
         \t@echo newer: $?\n\
         extra.txt :\n\
         \t-false\n\
         \tcopy /y src\\a.c $@\n\
         clean :\n\
         \t-del /f /q *.txt\n",
    );
    site.write("src/a.c", "a");
    site.write("src/b.c", "b");
    let first = site.nmake(&[]).ended(0);
    assert!(first.stdout.contains(r"newer: src\a.c src\b.c extra.txt"), "{first:?}");
    assert!(first.stdout.contains("\tcopy /y src\\a.c extra.txt"), "commands are shown: {first:?}");
    assert_eq!(site.nmake(&[]).ended(0).stdout, "'all.txt' is up-to-date\n");
    let later = SystemTime::now() + Duration::from_secs(60);
    std::fs::File::open(site.folder.join("src/b.c")).unwrap().set_modified(later).unwrap();
    let again = site.nmake(&[]).ended(0);
    assert!(
        again.stdout.contains(r"newer: src\b.c") && !again.stdout.contains("extra"),
        "{again:?}"
    );
    site.nmake(&["clean"]).ended(0);
    assert!(!Utf8Path::new(&site.folder.join("all.txt")).exists());
    let shown = site.nmake(&["/n"]).ended(0);
    assert!(shown.stdout.contains("\tcopy /y src\\a.c all.txt"), "{shown:?}");
    assert!(!site.folder.join("all.txt").exists());
}

#[test]
fn what_is_wrong_is_objected_to_as_nmake_does() {
    objection("x :\n\tfalse\n", &[], "NMAKE : fatal error U1077: 'false' : return code '0x1'");
    objection("x : y\n", &[], "NMAKE : fatal error U1073: don't know how to make 'y'");
    objection("x :\n\tcopy /y no x.mk\n", &[], "U1077: 'copy' : return code '0x1'");
    objection("x : y\ny : x\n", &[], "U1071: cycle in dependency tree for target 'x'");
    objection("x :\n", &["/j4"], "NMAKE : fatal error U1065: invalid option 'j4'");
    objection("A = 1\nx\n", &[], "x.mk(2) : fatal error U1034: syntax error : separator missing");
    objection("!if 1\nx :\n", &[], "U1022: missing '!ENDIF'");
    objection("!endif\n", &[], "x.mk(1) : fatal error U1031: unexpected '!ENDIF'");
    objection("\n!error no $(GIVEN)\n", &[], "x.mk(2) : fatal error U1050: no by the environment");
    objection("!include no.mk\n", &[], "U1052: file 'no.mk' not found");
    objection("!if one\n!endif\n", &[], "x.mk(1) : fatal error U1023");
    objection("ifdef X\nx :\nendif\n", &[], "x.mk(1) : fatal error U1034");
    objection("A = $(B)\nB = $(A)\nx :\n\t@echo $(A)\n", &[], "U1018");
    // What is GNU make's alone is not taken for something else.
    objection(".PHONY: x\n", &[], "not played: '.PHONY'");
    objection("x :\n\t@echo $(\n", &[], "U1018");
}
