//! Inputs that tests make: nothing binary is checked in.

pub(crate) mod pe;
pub(crate) mod server;
pub(crate) mod source;
