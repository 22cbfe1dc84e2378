//! What a release says of itself for others to check: its bill of materials and its provenance, by the
//! official schemas, and by the files that they speak of.

use std::collections::BTreeMap;

use camino::Utf8Path;
use modfarm::sys::files;
use serde_json::Value;

use crate::program::{Ran, folder, json, modfarm, read, repository};
use crate::wheels::{NEWEST, is_a, python};

const BILL: &str = ".cdx.json";
const PROVENANCE: &str = ".provenance.json";

fn validated(kind: &str, path: &Utf8Path) -> Ran {
    let script = repository().join("tests/tools/trust.py");
    Ran::of(&mut python(files::parent(path), &[script.as_str(), kind, path.as_str()]))
}

#[test]
fn both_are_what_their_schemas_say() {
    for (kind, end, needed) in [
        ("bill", BILL, ["bomFormat", "urn:uuid:", "\"type\": \"file\""]),
        ("provenance", PROVENANCE, ["\"buildType\"", "\"subject\"", "https://in-toto.io/"]),
    ] {
        let right = NEWEST.file(end);
        assert_eq!(validated(kind, &right).ended(0).stdout, "valid\n");
        // The validators do object.
        let (_keep, place) = folder();
        for word in needed {
            let text = read(&right);
            assert!(text.contains(word), "{word} is not in it");
            let wrong = place.join("wrong.json");
            files::write_atomic(&wrong, text.replacen(word, "\"x\": 1, \"y\"", 1).as_bytes())
                .expect("a file");
            assert_ne!(validated(kind, &wrong).code, 0, "{word} is not missed");
        }
    }
}

/// The digests in the statement are those of every file but itself and the checksums, which name it, and
/// of the modules in the archives.
#[test]
fn the_provenance_is_of_every_file() {
    let statement = json(&NEWEST.file(PROVENANCE));
    let subjects = statement["subject"].as_array().expect("subjects").iter().map(|subject| {
        let text = |value: &Value| value.as_str().expect("a text").to_owned();
        (text(&subject["name"]), text(&subject["digest"]["sha256"]))
    });
    let mut subjects: BTreeMap<String, String> = subjects.collect();
    for name in files::names(&NEWEST.folder()).expect("a folder") {
        let digest =
            files::digest(&NEWEST.folder().join(&name)).expect("a file").sha256.to_string();
        let is_left_out = name.ends_with(PROVENANCE) || name.ends_with(".SHA256SUMS");
        assert_eq!(subjects.remove(&name), (!is_left_out).then_some(digest), "{name}");
    }
    let manifest = json(&NEWEST.file(".manifest.json"));
    let built = built(&manifest);
    assert!(!built.is_empty());
    for record in &built {
        let (path, digest) = (record["path"].as_str(), record["sha256"].as_str());
        assert_eq!(subjects.remove(path.expect("a path")).as_deref(), digest);
    }
    assert!(subjects.is_empty(), "{subjects:#?}");

    let definition = &statement["predicate"]["buildDefinition"];
    let parameters = &definition["externalParameters"];
    assert_eq!(
        (&parameters["module"], &parameters["version"]),
        (&"mod_wsgi".into(), &"6.1.1".into())
    );
    assert_eq!(parameters["cells"].as_object().map(serde_json::Map::len), Some(built.len()));
    let inputs = definition["resolvedDependencies"].as_array().expect("dependencies");
    let source = &manifest["module"]["source_sha256"];
    assert_eq!(
        (&inputs[0]["digest"]["sha256"], &inputs[0]["uri"]),
        (source, &"pkg:pypi/mod-wsgi@6.1.1".into())
    );
    let trees: Vec<&Value> = inputs.iter().map(|input| &input["digest"]["reapiTree"]).collect();
    for root in manifest["roots"].as_array().expect("roots") {
        assert!(trees.contains(&&root["tree"]), "{root}");
    }
}

fn built(manifest: &Value) -> Vec<&Value> {
    let cells = manifest["cells"].as_array().expect("cells").iter();
    cells.map(|cell| &cell["built"]).filter(|built| built.is_object()).collect()
}

/// Every module and wheel is in the bill with its digest, and what it needs is what it was built with.
#[test]
fn the_bill_is_of_every_module_and_wheel() {
    let (bill, manifest) = (json(&NEWEST.file(BILL)), json(&NEWEST.file(".manifest.json")));
    let list = |value: &Value, key: &str| -> BTreeMap<String, Value> {
        let entries = value.as_array().expect("a list").iter();
        entries.map(|it| (it[key].as_str().expect("a name").to_owned(), it.clone())).collect()
    };
    let components = list(&bill["components"], "bom-ref");
    let dependencies = list(&bill["dependencies"], "ref");
    for record in built(&manifest) {
        let path = record["path"].as_str().expect("a path");
        assert_eq!(components[path]["hashes"][0]["content"], record["sha256"]);
        let needs = dependencies[path]["dependsOn"].to_string();
        for root in [&record["apache_root"], &record["python_root"]] {
            assert!(needs.contains(&format!("\"root:{}\"", root.as_str().expect("it"))), "{needs}");
        }
        for part in ["source", "clang", "lld", "mingw-w64"] {
            assert!(needs.contains(&format!("{part}\"")), "{needs}");
        }
    }
    let archives = list(&manifest["archives"], "name");
    let wheels: Vec<_> = archives.iter().filter(|(name, _)| is_a(name, "whl")).collect();
    assert_eq!(wheels.len(), 4);
    for (name, archive) in wheels {
        assert_eq!(components[name]["hashes"][0]["content"], archive["sha256"]);
        // It depends on the module whose bytes are in it.
        let module = dependencies[name]["dependsOn"].as_array().expect("a list").iter();
        let module = module.filter_map(Value::as_str).find(|it| is_a(it, "so")).expect("one");
        let script = "import sys, zipfile, hashlib\nz = zipfile.ZipFile(sys.argv[1])\n\
                      n, = [n for n in z.namelist() if n.endswith('.pyd')]\n\
                      print(hashlib.sha256(z.read(n)).hexdigest())";
        let path = NEWEST.folder().join(name);
        let ran = Ran::of(&mut python(&NEWEST.folder(), &["-c", script, path.as_str()])).ended(0);
        assert_eq!(components[module]["hashes"][0]["content"], ran.stdout.trim());
    }
}

#[test]
fn nothing_of_this_machine_is_in_them() {
    for end in [BILL, PROVENANCE] {
        let text = read(&NEWEST.file(end));
        for local in [NEWEST.site.folder.as_str(), repository().as_str(), "timestamp", "startedOn"]
        {
            assert!(!text.contains(local), "{local} is in {end}");
        }
    }
}

#[test]
fn verify_knows_both_and_misses_them() {
    let (_keep, place) = folder();
    for name in files::names(&NEWEST.folder()).expect("a folder") {
        files::copy(&NEWEST.folder().join(&name), &place.join(&name)).expect("a copy");
    }
    let verify = || Ran::of(&mut modfarm(&place, &["verify", "--complete", "."]));
    let said = verify().ended(0).stdout;
    for end in [BILL, PROVENANCE, "-cp313-cp313t-win_amd64.whl"] {
        let line = said.lines().find(|line| line.trim_end().contains(end)).expect("a line");
        assert!(line.starts_with("     ok "), "{line}");
    }
    for end in [BILL, PROVENANCE] {
        let path = place.join(NEWEST.file(end).file_name().expect("a name"));
        let text = read(&path);
        files::write_atomic(&path, text.replace("supported", "Supported").as_bytes()).expect("it");
        let wrong = verify().ended(1).stdout;
        assert!(wrong.contains(&format!("{end} is not ")), "{wrong}");
        files::remove_file(&path).expect("removed");
        let missing = verify().ended(1).stdout;
        assert!(
            missing.contains(&format!("MISSING {}", path.file_name().expect("it"))),
            "{missing}"
        );
        files::write_atomic(&path, text.as_bytes()).expect("a file");
    }
}
