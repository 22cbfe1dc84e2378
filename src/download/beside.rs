//! What stands beside a manifest without being named in it: the checksums, which must say the same, and what
//! they vouch for.

use std::collections::BTreeMap;

use super::source::{Source, SourceError};
use crate::model::checksums;
use crate::model::digest::Sha256;
use crate::model::manifest::{FILE_END, Manifest, VOUCHED_ENDS};

/// A small file, with its name.
pub(super) type Small = (String, Vec<u8>);

/// The checksums of a release and what they vouch for, as far as it has them.
pub(super) fn beside(source: &Source) -> Result<Vec<Small>, SourceError> {
    let sums = name_of(source.manifest(), ".SHA256SUMS");
    let Some(bytes) = source.small(&sums)? else { return Ok(Vec::new()) };
    let wrong = |name: &str, reason: &str| {
        let (place, name) = (source.name.clone(), name.to_owned());
        SourceError::Wrong { place, name, reason: reason.to_owned() }
    };
    let known = std::str::from_utf8(&bytes).ok().and_then(checksums::parse);
    let known: BTreeMap<String, Sha256> =
        known.ok_or_else(|| wrong(&sums, "a line is no checksum"))?.into_iter().collect();
    if let Some(name) = differing(source, &known) {
        return Err(wrong(&sums, &format!("it says another SHA-256 of {name}")));
    }
    let mut files = vec![(sums, bytes)];
    for name in VOUCHED_ENDS.map(|end| name_of(source.manifest(), end)) {
        let Some(sha256) = known.get(&name) else { continue };
        let Some(bytes) = source.small(&name)? else { continue };
        if Sha256::of(&bytes) != *sha256 {
            return Err(wrong(&name, "the checksums say another SHA-256"));
        }
        files.push((name, bytes));
    }
    Ok(files)
}

/// `mod_wsgi-windows-6.1.1` with an end.
pub(super) fn name_of(manifest: &Manifest, end: &str) -> String {
    format!("{}-windows-{}{end}", manifest.module.name, manifest.module.version)
}

/// The first file of which checksums say something else than the manifest.
fn differing(source: &Source, known: &BTreeMap<String, Sha256>) -> Option<String> {
    let manifest = source.manifest();
    let archives = manifest.archives.iter().map(|archive| (archive.name.clone(), archive.sha256));
    let own = (name_of(manifest, FILE_END), source.reference.digest.sha256);
    let mut all = archives.chain([own]);
    let differs = all.find(|(name, sha256)| known.get(name).is_some_and(|it| it != sha256));
    differs.map(|(name, _)| name)
}
