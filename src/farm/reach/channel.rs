//! A channel of the protocol over any stream, and what is sent along with each request.

pub(in crate::farm) use crate::sys::dial::{Wire, over};
