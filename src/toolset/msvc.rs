//! The msvc toolset: the document's makefile, run by nmake in the environment that Visual Studio's own
//! batch files set up for the cell's architecture.

use std::collections::BTreeMap;

use super::jobs::{Build, Inputs};
use super::makefile::{self, Places};
use crate::model::tree::TreeBuilder;
use crate::roots::Source;

/// The name of every toolset of Microsoft's, alone or before its version: `msvc-14.44`.
const NAME: &str = "msvc";

/// Whether a toolset of this name is Microsoft's.
#[must_use]
pub fn is_msvc(toolset: &str) -> bool {
    toolset.strip_prefix(NAME).is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
}

/// The build of one cell: sources, roots and makefiles in one folder, and nmake to run there.
#[must_use]
pub fn build(module: &str, source: &Source, inputs: Inputs<'_>) -> Build {
    let cell = inputs.cell;
    let name = makefile::name(cell);
    let places = Places {
        apache: "apache".to_owned(),
        python: "python".to_owned(),
        defines: makefile::python_defines(cell, &inputs.python.defines),
    };
    let common = makefile::common(module, cell.abi, &makefile::folders(source));
    let mut tree = TreeBuilder::default();
    tree.subtree("src", source.tree.clone());
    tree.subtree("apache", inputs.apache.tree.clone());
    tree.subtree("python", inputs.python.tree.clone());
    tree.bytes(&name, makefile::cell(module, cell, &places));
    tree.bytes(&makefile::common_name(cell.abi), common);
    Build {
        arguments: ["nmake", "/nologo", "/f", &name].map(str::to_owned).to_vec(),
        environment: environment(inputs),
        output: cell.file_name(module),
        inputs: tree.build(),
    }
}

/// What the batch files of this toolset set for the architecture, and no more: an option that stands in
/// `CL` or `LINK` on some machine would make other bytes there.
fn environment(inputs: Inputs<'_>) -> BTreeMap<String, String> {
    let arch = inputs.cell.apache.arch;
    let setting = |name: &str| inputs.toolset.settings.get(name).cloned();
    let variables = [
        ("PATH", setting(&format!("path.{arch}"))),
        ("INCLUDE", setting(&format!("include.{arch}"))),
        ("LIB", setting(&format!("lib.{arch}"))),
        ("SystemRoot", setting("system-root")),
        // Messages in English where the compiler speaks it: they are read.
        ("VSLANG", Some("1033".to_owned())),
    ];
    let named = |(name, value): (&str, Option<String>)| Some((name.to_owned(), value?));
    variables.into_iter().filter_map(named).collect()
}

#[cfg(test)]
mod tests {
    use camino::Utf8PathBuf;

    use super::*;
    use crate::model::arch::Arch;
    use crate::model::cell::CellId;
    use crate::model::digest::{Digest, Sha256};
    use crate::model::offer::RootKind;
    use crate::model::toolset::Toolset;
    use crate::model::tree::Tree;
    use crate::roots::Root;

    fn tree(path: &str) -> Tree {
        let mut tree = TreeBuilder::default();
        tree.bytes(path, "");
        tree.build()
    }

    fn root(kind: RootKind) -> Root {
        Root {
            name: kind.as_str().to_owned(),
            kind,
            folder: Utf8PathBuf::from("folder"),
            version: "2.4".parse().unwrap(),
            arch: Arch::Win64,
            tree: tree("include/x.h"),
            libraries: Vec::new(),
            origin: String::new(),
            defines: Vec::new(),
            stand_ins: Vec::new(),
        }
    }

    fn source() -> Source {
        Source {
            version: "6.1.1".parse().unwrap(),
            origin: String::new(),
            sha256: None,
            tree: tree("server/mod_wsgi.c"),
            files: vec!["src/server/mod_wsgi.c".to_owned()],
            licence: None,
            package: Err(String::new()),
        }
    }

    fn toolset() -> Toolset {
        let settings = [
            ("path.win32", "C:\\x86"),
            ("path.win64", "C:\\x64"),
            ("include.win64", "C:\\include"),
            ("lib.win64", "C:\\lib"),
            ("system-root", "C:\\Windows"),
            ("msc", "19.44.35207"),
        ];
        let owned = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
        Toolset {
            name: "msvc-14.44".to_owned(),
            version: "cl 19.44.35207".to_owned(),
            digest: Sha256::of(b"x"),
            families: Vec::new(),
            arches: Arch::ALL.to_vec(),
            settings: settings.map(owned).into(),
        }
    }

    #[test]
    fn a_build_is_the_makefile_in_the_environment_of_its_arch() {
        let (toolset, apache, python) = (toolset(), root(RootKind::Apache), root(RootKind::Python));
        let cell: CellId = "Apache24-win64-VS17/py313-VC14".parse().unwrap();
        let inputs = Inputs {
            cell: &cell,
            runner: "windows",
            toolset: &toolset,
            apache: &apache,
            python: &python,
        };
        let built = build("mod_wsgi", &source(), inputs);
        assert_eq!(built.arguments, ["nmake", "/nologo", "/f", "ap24py313-win64-VC14.mk"]);
        assert_eq!(built.output, "mod_wsgi-py313-VC14.so");
        assert_eq!(built.environment["PATH"], "C:\\x64");
        assert_eq!(built.environment["SystemRoot"], "C:\\Windows");
        assert!(!built.environment.contains_key("msc"));
        // What `modfarm makefile` writes for these roots is what the farm runs.
        let mut places = Places::usual(&cell);
        places.apache_in("apache").unwrap();
        places.python_in("python").unwrap();
        let folders = makefile::USUAL_FOLDERS;
        for text in [
            makefile::cell("mod_wsgi", &cell, &places),
            makefile::common("mod_wsgi", cell.abi, &folders),
        ] {
            let digest = Digest::of(text.as_bytes());
            assert!(built.inputs.contents().any(|(it, _)| it == digest), "{text}");
        }
    }

    #[test]
    fn microsofts_toolsets_are_known_by_name() {
        for (name, is) in [("msvc", true), ("msvc-14.44", true), ("cross", false), ("msvcx", false)]
        {
            assert_eq!(is_msvc(name), is, "{name}");
        }
    }
}
