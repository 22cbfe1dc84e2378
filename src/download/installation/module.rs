//! A module that lies somewhere, read off the file itself.

use camino::Utf8Path;

use super::InstallationError;
use super::binary::{self, Binary};
use super::needs::needs;
use crate::inspect::{Context, Expectation, NotAModule, inspect};
use crate::model::installation::Module;
use crate::model::python::PythonTag;
use crate::sys::files;

/// DLLs that the Apache and the Python answer for, by how their names begin.
const OTHERS: [&str; 6] = ["libhttpd", "libapr", "libapriconv", "python3.", "python3t.", "httpd"];

impl Module {
    /// The module in a file, whatever it is called: an administrator may name it as he likes.
    pub fn read(file: &Utf8Path) -> Result<Self, InstallationError> {
        let binary = Binary::read(file)?;
        let claimed = Expectation::of_path(file.as_str());
        let expected = Expectation { module: claimed.module, ..Expectation::nothing() };
        let inspection = inspect(&binary.bytes, &expected, &Context::default());
        let not = inspection.facts.as_ref().err().cloned().unwrap_or(NotAModule::Empty);
        let unreadable = || InstallationError::Unreadable { path: file.to_owned(), not };
        Ok(Self {
            really: inspection.really.ok_or_else(unreadable)?,
            build: binary::build(&[&binary.facts]),
            findings: inspection.findings,
            needs: needs(&binary.facts, binary.name(), &[files::parent(file)], is_of_others),
            file: file.to_owned(),
        })
    }
}

fn is_of_others(dll: &str) -> bool {
    let name = dll.to_ascii_lowercase();
    PythonTag::of_dll(&name).is_some() || OTHERS.iter().any(|start| name.starts_with(start))
}
