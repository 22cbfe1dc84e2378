//! Which module goes with what, over releases that never were.

use super::*;
use crate::model::digest::Sha256;
use crate::model::manifest::{FORMAT_VERSION, InputsRecord, ModuleRecord, ToolsetRecord};
use crate::model::smoke::Smoke;

fn built(path: String) -> BuiltRecord {
    let digest = Sha256::of(path.as_bytes());
    let [text, name] = ["", "cross"].map(str::to_owned);
    let toolset = ToolsetRecord { name: name.clone(), version: text.clone(), digest };
    let inputs = InputsRecord {
        command: digest,
        input_root: digest,
        source_tree: digest,
        apache_tree: digest,
        python_tree: digest,
        toolset,
    };
    BuiltRecord {
        path,
        sha256: digest,
        size: 1,
        load_module: text.clone(),
        action: digest,
        inputs,
        toolset: name,
        apache_root: text.clone(),
        python_root: text.clone(),
        warnings: Vec::new(),
        findings: Vec::new(),
        smoke: Smoke::NotRun { reason: text },
        wheel: None,
    }
}

fn cell(id: &str, verdict: Verdict) -> CellRecord {
    let id: crate::model::cell::CellId = id.parse().unwrap();
    CellRecord {
        apache: id.apache.clone(),
        python: id.python,
        arch: id.apache.arch,
        abi: id.abi,
        verdict,
        built: Some(built(id.module_path("mod_wsgi"))),
        not_built: None,
        id,
    }
}

fn release() -> Manifest {
    let mixed = Verdict::Unsupported { reason: "it mixes".to_owned() };
    let (digest, text) = (Sha256::of(b""), String::new());
    let (name, version) = ("mod_wsgi".to_owned(), "4.9.4".parse().unwrap());
    let (source, source_tree) = (text.clone(), digest);
    Manifest {
        format_version: FORMAT_VERSION,
        modfarm: text,
        module: ModuleRecord {
            name,
            version,
            source,
            source_sha256: None,
            source_tree,
            package: None,
        },
        toolsets: Vec::new(),
        roots: Vec::new(),
        cells: vec![
            cell("Apache24-win64-VC10/py27-VC9", mixed),
            cell("Apache24-win64-VS17/py39-VC14", Verdict::Supported),
            cell("Apache24-win64-VC15/py39-VC14", Verdict::Supported),
            cell("Apache24-win32-VC14/py39-VC14", Verdict::Supported),
        ],
        archives: Vec::new(),
        warnings: Vec::new(),
    }
}

fn pair(compiler: Option<&str>, python: PythonTag) -> Pair {
    Pair {
        series: "2.4".parse().unwrap(),
        arch: Arch::Win64,
        compiler: compiler.map(str::to_owned),
        family: compiler.and_then(AbiFamily::of_compiler),
        python,
    }
}

#[test]
fn the_label_of_apaches_own_compiler_goes_before_the_oldest_of_its_family() {
    let release = release();
    let chosen = |compiler| {
        let pair = pair(compiler, PythonTag::new(3, 9));
        let (choice, note) = fitting(&release, &pair, false).unwrap();
        (choice.cell.apache.to_string(), note.is_some())
    };
    assert_eq!(chosen(Some("VS17")), ("Apache24-win64-VS17".to_owned(), false));
    assert_eq!(chosen(Some("VS18")), ("Apache24-win64-VC15".to_owned(), true));
    assert_eq!(chosen(None), ("Apache24-win64-VC15".to_owned(), true));
}

#[test]
fn what_does_not_go_together_is_refused() {
    let release = release();
    let refused = |compiler, python, unsupported| {
        fitting(&release, &pair(compiler, python), unsupported).unwrap_err().to_string()
    };
    let mixed = refused(Some("VC10"), PythonTag::new(2, 7), false);
    assert!(mixed.contains("VC10/py27-VC9 is not supported: it mixes"), "{mixed}");
    fitting(&release, &pair(Some("VC10"), PythonTag::new(2, 7)), true).unwrap();
    let family = refused(Some("VC11"), PythonTag::new(3, 9), true);
    assert!(family.contains("nothing for an Apache 2.4 win64 VC11 with Python 3.9"), "{family}");
    let python = refused(Some("VS17"), PythonTag::new(3, 8), true);
    assert!(python.contains("it has modules for Python 2.7, 3.9\n"), "{python}");
}
