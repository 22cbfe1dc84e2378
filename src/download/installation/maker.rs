//! Who made an Apache: what the binary says, and how the distributions lay out their folders.

use camino::Utf8Path;

use super::binary::Binary;
use crate::model::abi::AbiFamily;

/// A folder on the way to the installation, and whose it is. The first that fits is taken.
const FOLDERS: [(&str, &str); 6] = [
    ("xampp", "XAMPP"),
    ("wamp", "WampServer"),
    ("laragon", "Laragon"),
    ("bitnami", "Bitnami"),
    ("uwamp", "UwAmp"),
    ("apache software foundation", "the Apache Software Foundation"),
];

/// What Apache Lounge writes before the label of its compiler: `Apache Lounge VS17 Server built: …`.
const LOUNGE: &str = "Apache Lounge ";

/// Who made this Apache, if anything tells.
pub(super) fn of(folder: &Utf8Path, binaries: &[&Binary]) -> Option<String> {
    let whole = camino::absolute_utf8(folder).unwrap_or_else(|_| folder.to_owned());
    let parts = whole.as_str().to_ascii_lowercase().replace('\\', "/");
    let begins = |start: &str| parts.split('/').any(|part| part.starts_with(start));
    let distribution = FOLDERS.iter().find(|(start, _)| begins(start)).map(|(_, maker)| *maker);
    let lounge = lounge_label(binaries).map(|_| "Apache Lounge");
    match (distribution, lounge) {
        (Some(distribution), Some(lounge)) => Some(format!("{distribution}, built by {lounge}")),
        (Some(maker), None) | (None, Some(maker)) => Some(maker.to_owned()),
        (None, None) => company(binaries),
    }
}

/// The label of the compiler as Apache Lounge wrote it into its binaries.
pub(super) fn lounge_label(binaries: &[&Binary]) -> Option<String> {
    let label = |binary: &&Binary| binary.word_after(LOUNGE).map(str::to_owned);
    let is_label = |label: &String| AbiFamily::of_compiler(label).is_some();
    binaries.iter().find_map(label).filter(is_label)
}

/// All builds from Apache's own source name its foundation, whoever made them.
fn company(binaries: &[&Binary]) -> Option<String> {
    let mut versions = binaries.iter().filter_map(|binary| binary.facts.version.as_ref());
    let company = versions.find_map(|version| version.company.clone())?;
    (!company.starts_with("Apache Software Foundation")).then_some(company)
}
