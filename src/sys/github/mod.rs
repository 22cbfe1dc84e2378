//! What publishing to GitHub and downloading from it share: where its API is, which addresses belong to it,
//! and the token.

pub mod address;
pub mod token;
