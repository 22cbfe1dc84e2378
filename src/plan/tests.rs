//! The ABI rule, the exceptions, the choice of a runner, and what is refused.

use super::*;
use crate::matrix::{self, Limits};
use crate::model::abi::AbiFamily;
use crate::model::arch::Arch;
use crate::model::offer::{ApacheOffer, PythonOffer, Serves};

fn the_matrix() -> Matrix {
    matrix::parse(include_str!("../../matrix.yaml"), "matrix.yaml", Limits::default()).unwrap()
}

fn request(version: &str) -> Request {
    Request::of(version.parse().unwrap())
}

/// A runner with Apache 2.4.68 for every 2.4 label and some Pythons, both arches.
fn cross(pythons: &[&str]) -> Offer {
    let python = |tag: &&str, arch| PythonOffer {
        root: format!("python-{tag}-{arch}"),
        version: None,
        tag: tag.parse().unwrap(),
        arch,
    };
    Offer {
        runner: "cross".into(),
        toolset: "cross".into(),
        families: vec![AbiFamily::Vc9, AbiFamily::Vc14],
        arches: Arch::ALL.to_vec(),
        apaches: Arch::ALL.map(|arch| apache("debian", "2.4.68", arch, series("2.4"))).to_vec(),
        pythons: pythons.iter().flat_map(|tag| Arch::ALL.map(|arch| python(tag, arch))).collect(),
    }
}

fn series(text: &str) -> Serves {
    Serves::Series(text.parse().unwrap())
}

fn apache(name: &str, version: &str, arch: Arch, serves: Serves) -> ApacheOffer {
    ApacheOffer { root: format!("{name}-{arch}"), version: version.parse().ok(), arch, serves }
}

#[track_caller]
fn cell<'a>(plan: &'a Plan, id: &str) -> &'a PlannedCell {
    plan.cells.iter().find(|cell| cell.id.to_string() == id).expect(id)
}

#[track_caller]
fn nobody(plan: &Plan, id: &str) -> String {
    match &cell(plan, id).build {
        Build::Nobody { reason } => reason.clone(),
        other => panic!("{id}: {other:?}"),
    }
}

#[track_caller]
fn by<'a>(plan: &'a Plan, id: &str) -> &'a Assignment {
    match &cell(plan, id).build {
        Build::By(by) => by,
        other => panic!("{id}: {other:?}"),
    }
}

#[test]
fn families_mix_only_where_an_exception_says_so() {
    let matrix = the_matrix();
    for version in ["4.4.1", "4.4.12", "4.6.8", "4.9.4", "5.0.2", "6.1.1"] {
        let plan = plan(&matrix, &request(version), &[]).unwrap();
        assert!(!plan.cells.is_empty(), "{version}");
        for cell in &plan.cells {
            let build = &matrix.apaches[matrix.apache(&cell.id.apache).unwrap()];
            let python = &matrix.pythons[matrix.python(cell.id.python).unwrap()];
            assert_eq!(cell.id.abi, python.abi, "{}", cell.id);
            if build.abi == python.abi {
                continue;
            }
            let text = cell.id.to_string();
            assert!(text.starts_with("Apache24-win64-VC10/py"), "{text} mixes families");
            assert_ne!(cell.verdict, Verdict::Supported, "{text}");
        }
    }
}

#[test]
fn cells_stand_in_the_order_of_the_layout() {
    let plan = plan(&the_matrix(), &request("4.9.4"), &[]).unwrap();
    let mut labels: Vec<String> =
        plan.cells.iter().map(|cell| cell.id.apache.to_string()).collect();
    labels.dedup();
    assert_eq!(
        labels[..7],
        [
            "Apache22-win32-VC9",
            "Apache24-win32-VC9",
            "Apache24-win32-VC10",
            "Apache24-win64-VC10",
            "Apache24-win32-VC14",
            "Apache24-win64-VC14",
            "Apache24-win32-VC15"
        ]
    );
    let of = |label: &str| -> Vec<String> {
        let cells = plan.cells.iter().filter(|cell| cell.id.apache.to_string() == label);
        cells.map(|cell| cell.id.python.to_string()).collect()
    };
    assert_eq!(of("Apache24-win64-VC10"), ["2.6", "2.7", "3.2", "3.3", "3.4"]);
    assert_eq!(of("Apache24-win64-VS17"), ["3.5", "3.6", "3.7", "3.8", "3.9", "3.10", "3.11"]);
}

#[test]
fn every_lack_has_its_reason() {
    let matrix = the_matrix();
    let old = plan(&matrix, &request("4.9.4"), &[cross(&["2.7", "3.9"])]).unwrap();
    assert_eq!(
        nobody(&old, "Apache24-win64-VS17/py311-VC14"),
        "no runner has a Python 3.11 win64 root (there are 2.7, 3.9)"
    );
    assert_eq!(
        nobody(&old, "Apache22-win32-VC9/py27-VC9"),
        "no runner has an Apache 2.2 win32 root"
    );
    assert_eq!(
        nobody(&old, "Apache24-win32-VC10/py33-VC10"),
        "no toolset links for VC10 (there are VC9, VC14)"
    );
    assert_eq!(by(&old, "Apache24-win64-VC10/py27-VC9").python_root, "python-2.7-win64");
    let none = plan(&matrix, &request("4.9.4"), &[]).unwrap();
    assert_eq!(nobody(&none, "Apache24-win64-VS17/py311-VC14"), "no runners");
    let mut half = cross(&["3.11"]);
    half.arches = vec![Arch::Win32];
    let half = plan(&matrix, &request("4.9.4"), &[half]).unwrap();
    assert_eq!(
        nobody(&half, "Apache24-win64-VS17/py311-VC14"),
        "no toolset compiles VC14 for win64"
    );
    assert_eq!(cell(&half, "Apache24-win64-VC10/py32-VC9").build, Build::Never);
}

#[test]
fn a_root_of_the_label_comes_before_one_of_its_series_and_the_first_runner_first() {
    let matrix = the_matrix();
    let label = Serves::Label("Apache24-win64-VS16".parse().unwrap());
    let mut one = cross(&["3.13"]);
    one.apaches.push(apache("lounge", "2.4.58", Arch::Win64, label));
    let mut two = cross(&["3.13", "3.14"]);
    two.runner = "windows".into();
    let plan = plan(&matrix, &request("6.1.1"), &[one, two]).unwrap();
    let vs16 = by(&plan, "Apache24-win64-VS16/py313-VC14");
    assert_eq!((&*vs16.runner, &*vs16.apache_root), ("cross", "lounge-win64"));
    assert_eq!(vs16.warnings, [""; 0]);
    let vs15 = by(&plan, "Apache24-win64-VC15/py313-VC14");
    assert_eq!(vs15.apache_root, "debian-win64");
    assert_eq!(
        vs15.warnings,
        [
            "built against Apache 2.4.68's headers; the newest Apache of this label is 2.4.54: Apache \
          promises that a module built for an older 2.4 loads into a newer one, not the other way \
          round"
        ]
    );
    assert_eq!(by(&plan, "Apache24-win64-VS16/py314-VC14").runner, "windows");
    assert_eq!(
        nobody(&plan, "Apache24-win64-VS16/py314t-VC14"),
        "no runner has a Python 3.14t win64 root (there are 3.13, 3.14)"
    );
}

#[test]
fn patterns_select_and_must_match() {
    let matrix = the_matrix();
    let mut wanted = request("6.1.1");
    wanted.only = vec!["Apache24-win64-VS1[78]/*".into(), "*/py310-*".into()];
    wanted.skip = vec!["*t-VC14".into(), "*VC1?/py310*".into()];
    let cells: Vec<String> =
        plan(&matrix, &wanted, &[]).unwrap().cells.iter().map(|c| c.id.to_string()).collect();
    assert_eq!(cells.len(), 2 * 6 + 4, "{cells:?}");
    assert!(cells.contains(&"Apache24-win32-VS16/py310-VC14".into()));
    wanted.only = vec!["Apache24-win64-VS71/*".into()];
    let error = plan(&matrix, &wanted, &[]).unwrap_err().to_string();
    assert!(
        error.starts_with(
            "--only 'Apache24-win64-VS71/*' matches no cell of mod_wsgi 6.1.1\nhint: "
        ) && error.contains("Apache24-win64-VS17/py31"),
        "{error}"
    );
    wanted.only = vec!["[".into()];
    assert!(matches!(plan(&matrix, &wanted, &[]), Err(PlanError::BadPattern { .. })));
    wanted.only = Vec::new();
    wanted.skip = vec!["*".into()];
    assert!(matches!(plan(&matrix, &wanted, &[]), Err(PlanError::NothingLeft { .. })));
}

#[test]
fn broken_versions_are_refused_unless_told_otherwise() {
    let matrix = the_matrix();
    for version in ["4.5.21", "4.5.22", "4.6.0", "4.6.3", "6.0.0", "6.0.1", "6.0.0.rc2"] {
        assert!(matches!(plan(&matrix, &request(version), &[]), Err(PlanError::Broken { .. })));
    }
    let error = plan(&matrix, &request("6.0.1"), &[]).unwrap_err().to_string();
    assert!(error.starts_with("mod_wsgi 6.0.1 is broken: does not build on Windows"), "{error}");
    assert!(error.contains("\nhint: take 6.0.2"), "{error}");
    let mut forced = request("6.0.1");
    forced.even_if_broken = true;
    let plan_of = |request: &Request| plan(&matrix, request, &[]).unwrap();
    assert_eq!(plan_of(&forced).warnings.len(), 1);
    let partly = plan_of(&request("4.6.6"));
    let py37 = cell(&partly, "Apache24-win64-VC15/py37-VC14");
    assert!(py37.verdict.reason().unwrap().contains("PyOS_AfterFork_Child"));
    assert_eq!(py37.build, Build::Never);
    assert_eq!(cell(&partly, "Apache24-win64-VC15/py36-VC14").verdict, Verdict::Supported);
    let mut forced = request("4.6.6");
    forced.even_if_broken = true;
    let forced = plan_of(&forced);
    assert_eq!(cell(&forced, "Apache24-win64-VC15/py37-VC14").verdict, Verdict::Supported);
    let error = plan(&matrix, &request("7.0"), &[]).unwrap_err().to_string();
    assert!(error.contains("no row in `modules` for mod_wsgi 7.0") && error.contains("'>=6, <7'"));
}

#[test]
fn free_threaded_pythons_are_for_those_that_know_them() {
    let matrix = the_matrix();
    let has = |version: &str| {
        let plan = plan(&matrix, &request(version), &[]).unwrap();
        plan.cells.iter().any(|cell| cell.id.python.free_threaded)
    };
    assert!(has("6.1.1"));
    assert!(!has("5.0.2"));
}

/// A Windows machine with these versions of Microsoft's tools, all of the last family, the newest first.
fn windows(tools: &[&str]) -> Vec<Offer> {
    let offer = |version: &&str| Offer {
        runner: "windows".into(),
        toolset: format!("msvc-{version}"),
        families: vec![AbiFamily::Vc14],
        ..cross(&["3.10", "3.13"])
    };
    tools.iter().map(offer).collect()
}

#[test]
fn the_newest_tools_build_unless_the_matrix_pins_others() {
    let (new, old) = ("Apache24-win64-VS17/py313-VC14", "Apache24-win64-VS17/py310-VC14");
    let offers = windows(&["14.44", "14.29", "14.16"]);
    let built = plan(&the_matrix(), &request("6.1.1"), &offers).unwrap();
    assert_eq!(
        (by(&built, new).toolset.as_str(), by(&built, old).toolset.as_str()),
        ("msvc-14.44", "msvc-14.44")
    );

    let mut pinned = the_matrix();
    pinned.msvc.insert("VS16".to_owned(), "14.2".to_owned());
    let built = plan(&pinned, &request("6.1.1"), &offers).unwrap();
    assert_eq!(
        (by(&built, new).toolset.as_str(), by(&built, old).toolset.as_str()),
        ("msvc-14.44", "msvc-14.29")
    );

    let built = plan(&pinned, &request("6.1.1"), &windows(&["14.44"])).unwrap();
    assert_eq!(
        nobody(&built, old),
        "no toolset is of msvc 14.2, which the matrix asks for with VS16 (there are msvc-14.44)"
    );
    // Whatever is not Microsoft's is not meant.
    let offers = [windows(&["14.44"]), vec![cross(&["3.10"])]].concat();
    let built = plan(&pinned, &request("6.1.1"), &offers).unwrap();
    assert_eq!(by(&built, old).toolset, "cross");
}
