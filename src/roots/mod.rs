//! What a build starts from: Apache and Python roots, and the module's source. Five providers (a directory,
//! a pinned archive, a package of NuGet, what is installed, the cross kit) end in the same layout; all are
//! checked and digested.

pub mod archive;
pub mod catalogue;
pub mod headers;
pub mod installed;
pub mod kit;
pub mod lock;
pub mod nuget;
pub mod places;
pub mod python_package;
pub mod root;
pub mod running;
mod setup_py;
pub mod source;
pub mod unpack;

pub use root::{Root, RootError};
pub use source::{Source, SourceError};
