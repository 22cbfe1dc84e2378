//! Plain data that travels between the stations. No I/O, no tokio: what stands here can be built in
//! a test by writing it down.

pub mod abi;
pub mod arch;
pub mod cell;
pub mod checksums;
pub mod diagnosis;
pub mod digest;
pub mod event;
pub mod fetched;
pub mod finding;
pub mod harmless;
pub mod index;
pub mod inspection;
pub mod installation;
pub mod installed;
pub mod job;
pub mod manifest;
pub mod offer;
pub mod python;
pub mod smoke;
pub mod tag;
pub mod toolset;
pub mod tree;
pub mod verification;
pub mod version;
