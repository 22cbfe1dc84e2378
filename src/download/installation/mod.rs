//! What is installed, read off the binaries themselves: [`Apache::read`], [`Python::read`] and
//! [`Module::read`]. Nothing is run, so that it works on a mounted drive as well.
//!
//! [`Apache::read`]: crate::model::installation::Apache::read
//! [`Python::read`]: crate::model::installation::Python::read
//! [`Module::read`]: crate::model::installation::Module::read

mod apache;
mod binary;
pub mod discovery;
mod environment;
mod kind;
mod maker;
mod module;
pub mod modules;
mod needs;
mod place;
mod python;

use camino::{Utf8Path, Utf8PathBuf};

use crate::inspect::NotAModule;
use crate::sys::files::FileError;

pub use kind::user;
pub use needs::lies_in;
pub use place::{conf_path, windows_path};

/// Why a folder or a file is not what it was named as.
#[derive(Debug, thiserror::Error)]
pub enum InstallationError {
    /// The folder is not there.
    #[error(
        "{path} is not there\nhint: name the folder of the {what}, the one that holds \
         {looked_for}{}",
        as_mounted(path)
    )]
    NotThere {
        /// The folder.
        path: Utf8PathBuf,
        /// `Apache` or `Python`.
        what: &'static str,
        /// The file that it is known by.
        looked_for: &'static str,
    },
    /// A file stands in the place of the folder.
    #[error(
        "{path} is a file\nhint: name the folder of the {what}, the one that holds {looked_for}"
    )]
    NotAFolder {
        /// The file.
        path: Utf8PathBuf,
        /// `Apache` or `Python`.
        what: &'static str,
        /// The file that it is known by.
        looked_for: &'static str,
    },
    /// What it is known by is missing.
    #[error(
        "{path} holds no {what}: {looked_for} is not there\nhint: name the folder of the \
         installation, the one that holds {looked_for}"
    )]
    Missing {
        /// The folder.
        path: Utf8PathBuf,
        /// `Apache` or `Python`.
        what: &'static str,
        /// The file that it is known by.
        looked_for: &'static str,
    },
    /// A virtual environment is there, and the Python that it is made from is not.
    #[error(
        "{path} is a virtual environment of the Python in {home}, which is not there\nhint: name \
         the folder of that Python; where that was removed, install it again and make the \
         environment anew"
    )]
    EnvironmentAlone {
        /// The environment.
        path: Utf8PathBuf,
        /// Where it looks for its Python.
        home: String,
    },
    /// An entry of the start menu's kind, not a Python.
    #[error(
        "{path} holds only the aliases of a Python from the Microsoft Store\nhint: Apache cannot load that one: install Python from python.org for all users, and name its folder"
    )]
    StoreAlias {
        /// The folder.
        path: Utf8PathBuf,
    },
    /// A binary is none, or is damaged.
    #[error("cannot read {path}: {not}\nhint: {}", not.hint())]
    Unreadable {
        /// The binary.
        path: Utf8PathBuf,
        /// What it is instead.
        not: NotAModule,
    },
    /// A file cannot be read.
    #[error(transparent)]
    File(#[from] FileError),
}

/// A path of Windows means nothing elsewhere.
fn as_mounted(path: &Utf8Path) -> &'static str {
    let is_windows = path.as_str().contains('\\') || path.as_str().get(1..3) == Some(":/");
    if cfg!(not(windows)) && is_windows { ", by its path on this system" } else { "" }
}
