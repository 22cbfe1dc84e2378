//! Which toolsets this machine has: found, asked for their versions, digested.

mod cross;
mod msvc;

use camino::Utf8Path;

use crate::model::toolset::Toolset;
use crate::sys::digests::DigestCache;

/// What was found on this machine.
#[derive(Debug, Default)]
pub struct Look {
    /// The toolsets that can be used: of those of Visual Studio the newest first.
    pub toolsets: Vec<Toolset>,
    /// What is here and cannot be used, and why, in a line each.
    pub troubles: Vec<String>,
}

/// The toolsets of this machine. `memory` is a file to remember digests in, so that looking again costs
/// milliseconds; what the compilers' own scripts said is remembered beside it.
#[must_use]
pub fn detect(memory: &Utf8Path) -> Look {
    let mut digests = DigestCache::load(memory);
    let mut look = msvc::detect(memory, &mut digests);
    look.toolsets.extend(cross::detect(&mut digests));
    if let Err(error) = digests.save() {
        tracing::debug!(%error, "digests are not remembered");
    }
    look
}
