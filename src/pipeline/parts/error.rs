//! What can be wrong with a part.

use camino::Utf8PathBuf;

use crate::model::cell::CellId;
use crate::model::digest::Sha256;
use crate::model::part;
use crate::sys::files::FileError;

/// A part that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum PartError {
    /// There is none.
    #[error(
        "{path} is no part, nor a folder of parts: there is no {} in it\nhint: name the folder that `modfarm build --to` made, or the one that such folders are in",
        part::FILE
    )]
    None {
        /// The folder.
        path: Utf8PathBuf,
    },
    /// There are too many.
    #[error("{path} holds more than {most} parts")]
    TooMany {
        /// The folder.
        path: Utf8PathBuf,
        /// So many are read.
        most: usize,
    },
    /// It does not say what a part says.
    #[error("{path} is no part of modfarm's: {reason}\nhint: build it again")]
    Unreadable {
        /// The file.
        path: Utf8PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// It is of something else than what is put together.
    #[error("the part {part} has {what} {found}, and this is {wanted}\nhint: {hint}")]
    Other {
        /// The part.
        part: Utf8PathBuf,
        /// What is different.
        what: &'static str,
        /// What the part says.
        found: String,
        /// What it should say.
        wanted: String,
        /// What to do.
        hint: &'static str,
    },
    /// A cell of it is none of the plan, or another there.
    #[error(
        "the part {part} has {cell}, but {reason}\nhint: give `modfarm assemble` the matrix and the arguments that the part was built with"
    )]
    Cell {
        /// The part.
        part: Utf8PathBuf,
        /// The cell.
        cell: Box<CellId>,
        /// What the plan says.
        reason: String,
    },
    /// A file of it is not what its record says.
    #[error(
        "{path} is not what {} says of {cell}: {reason}\nhint: build the part again",
        part::FILE
    )]
    File {
        /// The file.
        path: Utf8PathBuf,
        /// The cell.
        cell: Box<CellId>,
        /// What is wrong.
        reason: String,
    },
    /// One action gave two files.
    #[error(
        "the parts {one} and {other} have different files of {cell}, built by one action ({})\nhint: something is wrong with a compiler or with a part: build both again, without --reuse", action.short()
    )]
    Disagree {
        /// The cell.
        cell: Box<CellId>,
        /// The action.
        action: Sha256,
        /// A part.
        one: Utf8PathBuf,
        /// The other.
        other: Utf8PathBuf,
    },
    /// A file cannot be read or written.
    #[error(transparent)]
    Sys(#[from] FileError),
}
