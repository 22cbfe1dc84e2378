//! Inputs that tests make: nothing binary is checked in.

pub(crate) mod pe;
#[allow(dead_code, reason = "the benches use all of it")]
pub(crate) mod releases;
pub(crate) mod server;
pub(crate) mod source;
