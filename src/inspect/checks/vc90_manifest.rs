//! `vc90-manifest`: Windows finds `msvcr90.dll` through the manifest of who imports it, or not at
//! all; without one Apache dies at start.

use super::{Check, Context, Expectation, Facts, Finding, hinted};
use crate::inspect::Machine;
use crate::model::abi::AbiFamily;

pub(super) static CHECK: Check = Check::new(
    "vc90-manifest",
    "a VC9 module carries the Microsoft.VC90.CRT manifest of its machine as resource 2",
    check,
);

const ASSEMBLY: &str = "Microsoft.VC90.CRT";
const HINT: &str = "without it Windows does not find msvcr90.dll and Apache dies at start; embed \
                    it with mt -manifest FILE.manifest -outputresource:FILE.so;2";

fn check(facts: &Facts, _: &Expectation, _: &Context) -> Vec<Finding> {
    if !facts.runtimes().contains(&AbiFamily::Vc9) {
        return Vec::new();
    }
    let naming = |id: Option<u16>| {
        let manifests = facts.manifests.iter().filter(move |m| id.is_none_or(|id| m.id == id));
        manifests.filter_map(|manifest| architecture(&manifest.text)).collect::<Vec<_>>()
    };
    let wanted = match facts.machine {
        Machine::I386 => "x86",
        _ => "amd64",
    };
    match (naming(Some(2)).as_slice(), naming(None).as_slice()) {
        ([is, ..], _) if is.eq_ignore_ascii_case(wanted) => Vec::new(),
        ([is, ..], _) => {
            let message = format!("its {ASSEMBLY} manifest is for {is:?}, the file for {wanted}");
            vec![hinted(CHECK.error(message), HINT)]
        }
        ([], [_, ..]) => {
            let message = format!("its {ASSEMBLY} manifest is not resource 2, a DLL's");
            vec![hinted(CHECK.error(message), HINT)]
        }
        ([], []) => {
            let message = format!("imports MSVCR90.dll without the {ASSEMBLY} manifest");
            vec![hinted(CHECK.error(message), HINT)]
        }
    }
}

/// The architecture of the assembly, where the manifest names it.
fn architecture(manifest: &str) -> Option<String> {
    manifest
        .split("<assemblyIdentity")
        .skip(1)
        .filter_map(|rest| rest.split_once('>'))
        .find(|(tag, _)| attribute(tag, "name") == Some(ASSEMBLY))
        .map(|(tag, _)| attribute(tag, "processorArchitecture").unwrap_or_default().to_owned())
}

fn attribute<'a>(tag: &'a str, name: &str) -> Option<&'a str> {
    tag.match_indices(name).find_map(|(at, _)| {
        let before = tag[..at].ends_with(|c: char| c.is_ascii_whitespace());
        let value = tag[at + name.len()..].trim_start().strip_prefix('=')?.trim_start();
        let quote = value.chars().next().filter(|c| before && matches!(c, '"' | '\''))?;
        value[1..].split_once(quote).map(|(value, _)| value)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_assembly_in_either_quotes() {
        let manifest = "<assembly><assemblyIdentity name='app' processorArchitecture='x86'/>\
             <dependentAssembly><assemblyIdentity type=\"win32\"\n name = \"Microsoft.VC90.CRT\" \
             version='9.0.21022.8' processorArchitecture=\"amd64\"></assemblyIdentity>";
        assert_eq!(architecture(manifest).as_deref(), Some("amd64"));
        let other = "<assemblyIdentity publicname=\"Microsoft.VC90.CRT\" x='";
        assert_eq!(architecture(other), None);
    }
}
