//! What a wheel is called, and the module in it: the tags of PEP 425 for a Python on Windows.

use crate::model::arch::Arch;
use crate::model::python::PythonTag;

/// The Python and the architecture that a wheel is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Tag {
    pub(super) python: PythonTag,
    pub(super) arch: Arch,
}

impl Tag {
    /// `cp313-cp313t-win_amd64`.
    pub(super) fn text(self) -> String {
        let PythonTag { major, minor, .. } = self.python;
        format!("cp{major}{minor}-{}-{}", self.abi(), self.platform())
    }

    /// Up to 3.7 a Python with its own allocator, as python.org's are, is an ABI with an `m`.
    fn abi(self) -> String {
        let PythonTag { major, minor, .. } = self.python;
        let allocator = if (major, minor) < (3, 8) { "m" } else { "" };
        format!("cp{}{allocator}", self.python.digits())
    }

    fn platform(self) -> &'static str {
        match self.arch {
            Arch::Win32 => "win32",
            Arch::Win64 => "win_amd64",
        }
    }

    /// The module's name in `mod_wsgi/server`, as the module's own code looks for it.
    ///
    /// For Python 2 that is not the `mod_wsgi.pyd` which setup.py makes: there the code asks for an
    /// extension that Python 2 does not know, and finds what bears the version alone.
    pub(super) fn file_name(self, module: &str) -> String {
        let PythonTag { major, minor, .. } = self.python;
        let digits = self.python.digits();
        match (major, minor) {
            (2, _) => format!("{module}-py{digits}.pyd"),
            (3, 0..5) => format!("{module}.pyd"),
            _ => format!("{module}.cp{digits}-{}.pyd", self.platform()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_python_has_the_tags_that_its_pip_asks_for() {
        let tag = |python: &str, arch| Tag { python: python.parse().unwrap(), arch };
        for (python, arch, text, file) in [
            ("2.7", Arch::Win32, "cp27-cp27m-win32", "mod_wsgi-py27.pyd"),
            ("3.4", Arch::Win64, "cp34-cp34m-win_amd64", "mod_wsgi.pyd"),
            ("3.7", Arch::Win64, "cp37-cp37m-win_amd64", "mod_wsgi.cp37-win_amd64.pyd"),
            ("3.8", Arch::Win32, "cp38-cp38-win32", "mod_wsgi.cp38-win32.pyd"),
            ("3.13", Arch::Win64, "cp313-cp313-win_amd64", "mod_wsgi.cp313-win_amd64.pyd"),
            ("3.13t", Arch::Win64, "cp313-cp313t-win_amd64", "mod_wsgi.cp313t-win_amd64.pyd"),
        ] {
            assert_eq!(tag(python, arch).text(), text);
            assert_eq!(tag(python, arch).file_name("mod_wsgi"), file);
        }
    }
}
