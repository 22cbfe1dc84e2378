//! What `doctor` looks at: what was named, and what was found.

use super::{Args, Failure};
use crate::download::doctor::Parts;
use crate::download::installation::{discovery, modules};
use crate::model::installation::{Apache, Module, Python};

/// Reads what was named. Where neither an Apache nor a Python was, looks for both.
pub(super) fn gather(args: &Args) -> Result<Parts, Failure> {
    let mut parts = Parts {
        apache: args.apache.as_deref().map(Apache::read).transpose().map_err(bad)?,
        python: args.python.as_deref().map(Python::read).transpose().map_err(bad)?,
        ..Parts::default()
    };
    for file in &args.module {
        parts.modules.push(Module::read(file).map_err(bad)?);
    }
    // Who names a log or a module alone may have it from another machine.
    let is_alone = args.log.is_some() || !args.module.is_empty();
    if (parts.apache.is_none() || parts.python.is_none()) && !is_alone {
        parts.fill(discovery::discover());
    }
    if parts.modules.is_empty() {
        parts.lying_about = modules::lying_about(parts.apache.as_ref(), parts.python.as_ref());
    }
    Ok(parts.settled())
}

fn bad(error: crate::download::installation::InstallationError) -> Failure {
    Failure::bad_input(error)
}
