//! Inputs that tests make: nothing binary is checked in.

#[allow(dead_code, reason = "the benches use none of it")]
pub(crate) mod installations;
pub(crate) mod pe;
#[allow(dead_code, reason = "the benches use all of it")]
pub(crate) mod releases;
#[allow(dead_code, reason = "the tests alone use it")]
pub(crate) mod runs;
pub(crate) mod server;
pub(crate) mod source;
