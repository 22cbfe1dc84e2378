//! What `doctor` looks at: what was named, and what was found.

use super::{Args, Failure};
use crate::download::doctor::Parts;
use crate::download::installation::{InstallationError, discovery, modules};
use crate::model::installation::{Apache, Module, Python};

/// Reads what was named, and looks for what was not.
pub(super) fn gather(args: &Args) -> Result<Parts, Failure> {
    let mut parts = Parts {
        apache: args.apache.as_deref().map(Apache::read).transpose().map_err(bad)?,
        python: args.python.as_deref().map(Python::read).transpose().map_err(bad)?,
        ..Parts::default()
    };
    for file in &args.module {
        parts.modules.push(Module::read(file).map_err(bad)?);
    }
    if parts.apache.is_none() || parts.python.is_none() {
        parts.fill(discovery::discover());
    }
    if parts.modules.is_empty() {
        parts.lying_about = modules::lying_about(parts.apache.as_ref(), parts.python.as_ref());
    }
    Ok(parts.settled())
}

fn bad(error: InstallationError) -> Failure {
    Failure::bad_input(error)
}
