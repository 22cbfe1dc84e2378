//! A packaged release -> its place. Now a directory.

pub mod directory;
