//! Which module is wanted: the arguments that `fetch` and `install` share.

use camino::{Utf8Path, Utf8PathBuf};

use super::Failure;
use crate::download::choose::{self, Choice, Pair};
use crate::download::installation::discovery::{Discovered, discover};
use crate::model::event::Events;
use crate::model::installation::{Apache, Python, PythonKind};
use crate::model::manifest::Manifest;

/// Which module is wanted.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "The Apache and the Python")]
pub(super) struct WantedArgs {
    /// The folder of the Apache, the one that holds bin; without it the one that Windows knows of
    #[arg(long, value_name = "DIR")]
    pub(super) apache: Option<Utf8PathBuf>,
    /// The folder of the Python, or of a virtual environment; without it the one that Windows knows of
    #[arg(long, value_name = "DIR")]
    pub(super) python: Option<Utf8PathBuf>,
    /// Take a module that is not supported; the reason is printed
    #[arg(long)]
    unsupported: bool,
}

/// What is here, as far as it was named or can be found.
#[derive(Debug, Default)]
pub(super) struct Here {
    pub(super) apache: Option<Apache>,
    pub(super) python: Option<Python>,
}

impl WantedArgs {
    /// What is in the folders that are named.
    pub(super) fn named(&self) -> Result<Here, Failure> {
        let apache = self.apache.as_deref().map(Apache::read).transpose();
        let python = self.python.as_deref().map(Python::read).transpose();
        let apache = apache.map_err(Failure::bad_input)?;
        Ok(Here { apache, python: python.map_err(Failure::bad_input)? })
    }

    /// The same, and what else this machine has where that is one.
    pub(super) fn found(&self, events: &Events) -> Result<Here, Failure> {
        let mut here = self.named()?;
        if here.apache.is_some() && here.python.is_some() {
            return Ok(here);
        }
        let Discovered { apaches, pythons } = discover();
        if here.apache.is_none() {
            here.apache = only("Apache", "--apache", apaches, |apache| &apache.folder, events)?;
        }
        if here.python.is_none() {
            here.python = only("Python", "--python", pythons, |python| &python.folder, events)?;
        }
        Ok(here)
    }

    /// The modules of these cells; without any the one that goes with what is here.
    pub(super) fn choose<'a>(
        &self,
        manifest: &'a Manifest,
        cells: &[String],
        here: &Here,
        events: &Events,
    ) -> Result<Vec<Choice<'a>>, Failure> {
        if !cells.is_empty() {
            let choice = |cell: &String| choose::named(manifest, cell, self.unsupported);
            let choices = cells.iter().map(choice).collect::<Result<_, _>>();
            return choices.map_err(Failure::bad_input);
        }
        let (apache, python) = here.both()?;
        events.note(format!("{}: {}", apache.folder, apache.describe()));
        events.note(format!("{}: {}", python.folder, python.describe()));
        let pair = Pair::of(apache, python).map_err(Failure::bad_input)?;
        let fitting = choose::fitting(manifest, &pair, self.unsupported);
        let (choice, note) = fitting.map_err(Failure::bad_input)?;
        if let Some(note) = note {
            events.note(note);
        }
        Ok(vec![choice])
    }
}

impl Here {
    /// Both, or what to name.
    pub(super) fn both(&self) -> Result<(&Apache, &Python), Failure> {
        match (&self.apache, &self.python) {
            (Some(apache), Some(python)) => Ok((apache, python)),
            (apache, _) => {
                let (missing, name) =
                    if apache.is_none() { ("Apache", "--apache") } else { ("Python", "--python") };
                Err(Failure::bad_input(format!(
                    "there is no {missing} to choose a module for\nhint: name its folder with {name}, or a cell: Apache24-win64-VS17/py313-VC14"
                )))
            }
        }
    }

    /// Says what an Apache that runs as a service will find: a Python of one user is not there for it.
    pub(super) fn warn(&self, events: &Events) {
        let Some(python) = &self.python else { return };
        if let PythonKind::OneUser { .. } | PythonKind::Store = python.kind {
            let kind = python.kind.describe().unwrap_or_default();
            let message = format!(
                "the Python in {} is installed {kind}: an Apache that runs as a service may not read it",
                python.base,
            );
            let hint = "install Python for all users; `modfarm doctor` says more".to_owned();
            events.warn(message, Some(hint));
        }
    }
}

/// The one of its kind that there is; of several somebody has to say which.
pub(super) fn only<T>(
    what: &str,
    argument: &str,
    mut all: Vec<T>,
    folder: impl Fn(&T) -> &Utf8Path,
    events: &Events,
) -> Result<Option<T>, Failure> {
    if all.len() > 1 {
        let folders: Vec<&str> = all.iter().map(|one| folder(one).as_str()).collect();
        return Err(Failure::bad_input(format!(
            "this machine has several: {}\nhint: name the {what} that is meant with {argument}",
            folders.join(", ")
        )));
    }
    let found = all.pop();
    if let Some(found) = &found {
        events.note(format!("{what} found in {}", folder(found)));
    }
    Ok(found)
}
