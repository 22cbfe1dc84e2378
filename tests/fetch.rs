//! `modfarm fetch`: from GitHub, from a mirror, from a folder; what is cut short, lied about or redirected;
//! and that a file has its name only when it is the release's own.

use std::sync::LazyLock;

use camino::{Utf8Path, Utf8PathBuf};
use modfarm::sys::files;
use rustix::process::Signal;
use serde_json::Value;

use crate::github::{Does, Fault, Operation, REPOSITORY, StandIn};
use crate::made::server::{Answer, Server};
use crate::made::source;
use crate::program::{Ran, Running, Site, folder, json, listing, modfarm, read};

pub(crate) const STEM: &str = "mod_wsgi-windows-6.1.1";
pub(crate) const TAG: &str = "mod_wsgi-6.1.1";
const CELL: &str = "Apache24-win64-VS17/py313-VC14";
const MODULE: &str = "mod_wsgi-py313-VC14.so";
const ZIP: &str = "mod_wsgi-windows-6.1.1-Apache24-win64-VS17.zip";

/// A release of three cells that are supported and one that is not.
pub(crate) static RELEASE: LazyLock<Site> = LazyLock::new(|| {
    let site = Site::new();
    source::quick(&site.folder.join("src"), "6.1.1");
    let only =
        ["--only", "Apache24-win64-VS1[78]/py313-*", "--only", "Apache24-win64-VS17/py31[24]-*"];
    site.run(&[&["release", "--source", "src", "--no-smoke"][..], &only].concat()).ended(0);
    site
});

/// The folder of the release.
pub(crate) fn released() -> Utf8PathBuf {
    RELEASE.folder.join("dist/mod_wsgi-6.1.1")
}

fn bytes_of(name: &str) -> Vec<u8> {
    files::read(&released().join(name)).expect("a file")
}

fn manifest() -> Value {
    json(&released().join(format!("{STEM}.manifest.json")))
}

fn built(cell: &str) -> Value {
    let manifest = manifest();
    let cells = manifest["cells"].as_array().expect("cells");
    cells.iter().find(|found| found["id"] == cell).expect("a cell")["built"].clone()
}

/// An administrator's folder, and where he fetches from.
struct Desk {
    _keep: tempfile::TempDir,
    folder: Utf8PathBuf,
}

impl Desk {
    fn new() -> Self {
        let (keep, folder) = folder();
        // As Windows' users have them.
        let folder = folder.join("Jürgen's files");
        files::create_dir_all(&folder).expect("a folder");
        Self { _keep: keep, folder }
    }

    fn command(&self, arguments: &[&str]) -> std::process::Command {
        modfarm(&self.folder, &[&["fetch"], arguments].concat())
    }

    /// Without a token, and with a cache of its own.
    fn fetch(&self, arguments: &[&str]) -> Ran {
        Ran::of(self.command(arguments).env_remove("GH_TOKEN"))
    }

    fn of_github(&self, github: &StandIn, arguments: &[&str]) -> Ran {
        let from = format!("github:{REPOSITORY}");
        let mut command = self.command(&[&["--from", &from], arguments].concat());
        command.env_remove("GH_TOKEN").env("GITHUB_API_URL", github.api());
        Ran::of(&mut command)
    }

    /// The file that was fetched is the release's own, and nothing else is there.
    #[track_caller]
    fn assert_fetched(&self) {
        self.assert_there(&[MODULE]);
        let found = files::digest(&self.folder.join(MODULE)).expect("the module");
        assert_eq!(found.sha256.to_string(), built(CELL)["sha256"].as_str().expect("a digest"));
        assert_eq!(self.cached(), [""; 0]);
    }

    #[track_caller]
    fn assert_there(&self, names: &[&str]) {
        let found = listing(&self.folder, &[".cache"]).into_keys().collect::<Vec<_>>();
        assert_eq!(found, names);
    }

    fn cached(&self) -> Vec<String> {
        files::walk(&self.folder.join(".cache")).unwrap_or_default()
    }
}

/// A GitHub with the release on it.
fn github() -> StandIn {
    let github = StandIn::start();
    publish(&github, &released(), TAG);
    github
}

/// Publishes the release in a folder.
pub(crate) fn publish(github: &StandIn, release: &Utf8Path, tag: &str) {
    github.add_tag(tag);
    let to = format!("github:{REPOSITORY}");
    let (_keep, folder) = folder();
    let mut command = modfarm(&folder, &["publish", release.as_str(), "--to", &to, "--tag", tag]);
    command.env("GH_TOKEN", github.token()).env("GITHUB_API_URL", github.api());
    Ran::of(&mut command).ended(0);
}

/// The same with another manifest in the release's place, or none.
fn github_with_manifest(change: impl Fn(&str) -> Option<String>) -> StandIn {
    let github = github();
    let name = format!("{STEM}.manifest.json");
    let changed = change(&read(&released().join(&name)));
    github.change(|repository| {
        for release in repository.releases.values_mut() {
            release.assets.retain(|asset| asset.name != name || changed.is_some());
            for asset in release.assets.iter_mut().filter(|asset| asset.name == name) {
                asset.bytes = changed.clone().map(Into::into);
            }
        }
    });
    github
}

#[test]
fn the_latest_release_of_github_is_fetched_and_once_only() {
    let (desk, github) = (Desk::new(), github());
    let words = ["Fetching from github:", "1 file, ", " Fetched mod_wsgi-windows-6.1.1-Apache24"];
    let ran = desk.of_github(&github, &[CELL]).refused(0, &words);
    assert!(ran.stdout.starts_with(&format!("      new ./{MODULE}, {CELL} (")), "{}", ran.stdout);
    let digest = files::digest(&released().join(format!("{STEM}.manifest.json"))).expect("it");
    assert!(ran.stdout.contains(&digest.sha256.to_string()), "{}", ran.stdout);
    desk.assert_fetched();

    // What is there already costs no more than a look at the manifest.
    let asked = github.asked(Operation::Object).len();
    let again = desk.of_github(&github, &[CELL, "--format", "json"]).ended(0);
    let told: Value = serde_json::from_str(&again.stdout).expect("JSON");
    assert_eq!((&told["format_version"], &told["version"]), (&1.into(), &"6.1.1".into()));
    assert_eq!(told["files"][0]["change"], "unchanged");
    assert_eq!(github.asked(Operation::Object).len(), asked + 1);
    desk.assert_fetched();
    // A file of that name with other bytes is an earlier one.
    files::write_atomic(&desk.folder.join(MODULE), b"old").expect("a file");
    let planned = desk.of_github(&github, &[CELL, "--dry-run"]).ended(0).stdout;
    assert!(planned.starts_with("  planned "), "{planned}");
    assert_eq!(read(&desk.folder.join(MODULE)), "old");
    let ran = desk.of_github(&github, &[CELL]).ended(0);
    assert!(ran.stdout.starts_with(" replaced "), "{}", ran.stdout);
    desk.assert_fetched();
}

#[test]
fn a_release_is_found_by_its_tag_and_its_version() {
    let (desk, github) = (Desk::new(), github());
    let later = |tag: &str, prerelease: bool, draft: bool| {
        github.change(|repository| {
            let mut release = repository.releases.values().next().expect("one").clone();
            release.id += 1000 + repository.releases.len() as u64;
            (release.tag, release.prerelease, release.draft) = (tag.to_owned(), prerelease, draft);
            let name = format!("mod_wsgi-windows-{tag}.manifest.json");
            release.assets.retain(|asset| asset.name.ends_with(".manifest.json"));
            release.assets.iter_mut().for_each(|asset| {
                asset.name.clone_from(&name);
                asset.id = release.id + 1;
                asset.bytes = Some("{}".into());
            });
            repository.releases.insert(release.id, release);
        });
    };
    // None of these is the latest one: a candidate, a draft, one without a manifest, an older one.
    later("7.0.0.rc1", true, false);
    later("7.0.0", false, true);
    later("4.9.4", false, false);
    desk.of_github(&github, &[CELL]).ended(0);
    desk.assert_fetched();

    let from = |from: &str, more: &[&str]| {
        let mut command = desk.command(&[&[CELL, "--from", from], more].concat());
        Ran::of(command.env_remove("GH_TOKEN").env("GITHUB_API_URL", github.api()))
    };
    let of_tag = |tag: &str| format!("github:{REPOSITORY}@{tag}");
    from(&of_tag(TAG), &[]).ended(0);
    from(&of_tag("4.9.4"), &[]).refused(2, &["4.9.4.manifest.json: missing field"]);
    from(&of_tag("9.9"), &[]).refused(2, &["has no release 9.9", "hint: without @TAG the latest"]);
    let repository = format!("github:{REPOSITORY}");
    from(&repository, &["--release", "6.1.1"]).ended(0);
    from(&repository, &["--release", "6.2"]).refused(2, &["no manifest of version 6.2 in any"]);
    from("github:grey-owl/none", &[]).refused(2, &["answered 404", "hint: is the address right?"]);
    from("github:nonsense", &[]).refused(2, &["is no repository"]);
    from("ftp://x", &[]).refused(2, &["'ftp://x' is no place of a release"]);
    desk.assert_fetched();
}

#[test]
fn a_manifest_is_trusted_by_its_digest_and_understood_or_refused() {
    let desk = Desk::new();
    let digest = files::digest(&released().join(format!("{STEM}.manifest.json"))).expect("it");
    let pin =
        |github: &StandIn, hex: &str| desk.of_github(github, &[CELL, "--manifest-sha256", hex]);
    pin(&github(), &"0".repeat(64))
        .refused(1, &["and --manifest-sha256 says 0000", "nothing was taken"]);
    desk.assert_there(&[]);
    pin(&github(), &digest.sha256.to_string()).ended(0);
    files::remove_file(&desk.folder.join(MODULE)).expect("a file");

    let refused = |change: &dyn Fn(&str) -> Option<String>, code: i32, words: &[&str]| {
        let github = github_with_manifest(change);
        desk.of_github(&github, &[CELL]).refused(code, words);
        desk.assert_there(&[]);
    };
    refused(&|_| None, 2, &["has no manifest in any of its releases", "the releases of modfarm"]);
    let later =
        |text: &str| Some(text.replacen("\"format_version\": 1", "\"format_version\": 9", 1));
    refused(&later, 2, &["its format is 9, of a later modfarm", "hint: take a newer modfarm"]);
    let page = |_: &str| Some("\n<!DOCTYPE html><title>Sign in</title>".to_owned());
    refused(&page, 3, &["is a page in HTML: a proxy or a login answered"]);
    refused(
        &|text| Some(text[..500].to_owned()),
        2,
        &["EOF while parsing", "hint: the release is"],
    );
    let leading = |text: &str| Some(text.replacen(&format!("\"{ZIP}\""), "\"../../evil.zip\"", 1));
    refused(&leading, 1, &["names '../../evil.zip', which is no name of a file"]);
    // The archive is what the manifest says, and the module in it is not.
    let module = built(CELL)["sha256"].as_str().expect("a digest").to_owned();
    let other = |text: &str| Some(text.replace(&module, &"0".repeat(64)));
    refused(
        &other,
        1,
        &["has no Apache24-win64-VS17/modules/mod_wsgi-py313-VC14.so with the SHA-256 0000"],
    );
    assert_eq!(desk.cached(), [""; 0]);
    let huge = |text: &str| {
        let size = files::metadata(&released().join(ZIP)).expect("it").len();
        Some(text.replacen(&format!("\"size\": {size}"), "\"size\": 99999999999", 1))
    };
    refused(&huge, 1, &["has 99999999999 bytes, more than any archive of a release"]);
    let module =
        |text: &str| Some(text.replacen("\"name\": \"mod_wsgi\"", "\"name\": \"../mod_wsgi\"", 1));
    refused(&module, 1, &["names '../mod_wsgi', which is no name of a file"]);
}

#[test]
fn what_is_not_what_the_manifest_says_is_not_kept() {
    let desk = Desk::new();
    let lie = |name: &'static str, change: &dyn Fn(Vec<u8>) -> Vec<u8>| {
        let github = github();
        github.change(|repository| {
            let assets = repository.releases.values_mut().flat_map(|release| &mut release.assets);
            for asset in assets.filter(|asset| asset.name == name) {
                asset.bytes = asset.bytes.take().map(|bytes| change(bytes.to_vec()).into());
            }
        });
        desk.of_github(&github, &[CELL])
    };
    let flipped = |mut bytes: Vec<u8>| {
        bytes[1000] ^= 1;
        bytes
    };
    let nothing_is_left = || {
        desk.assert_there(&[]);
        assert_eq!(desk.cached(), [""; 0]);
    };
    let words = ["is not what the manifest says: its SHA-256 is ", "do not use it"];
    lie(ZIP, &flipped).refused(1, &words);
    nothing_is_left();
    lie(ZIP, &|bytes| bytes[..99].to_vec()).refused(1, &["it has 99 bytes, and should have "]);
    nothing_is_left();
    lie(ZIP, &|bytes| [bytes, vec![0; 1 << 20]].concat()).refused(3, &["more comes than the "]);
    nothing_is_left();
    lie(ZIP, &|_| b"<html>".to_vec()).refused(3, &["is a page in HTML"]);
    nothing_is_left();
    // A beginning that is not of this file is not gone on with for ever.
    let sha256 = files::digest(&released().join(ZIP)).expect("a digest").sha256;
    let begun = desk.folder.join(format!(".cache/modfarm/downloads/{sha256}.partial"));
    files::write_atomic(&begun, &[7; 500]).expect("a file");
    desk.of_github(&github(), &[CELL]).ended(0);
    desk.assert_fetched();
}

#[test]
fn the_token_goes_to_the_api_alone() {
    let (desk, github) = (Desk::new(), github());
    github.change(|repository| repository.private = true);
    desk.of_github(&github, &[CELL]).refused(2, &["answered 404", "those without a token"]);
    let from = format!("github:{REPOSITORY}");
    let mut command = desk.command(&[CELL, "--from", &from]);
    command.env("GITHUB_API_URL", github.api()).env("GH_TOKEN", github.token());
    command.env("MODFARM_LOG", "trace");
    Ran::of(&mut command).ended(0);
    desk.assert_fetched();
    // The host of the bytes answers 400 to whoever shows it a token.
    let objects = github.asked(Operation::Object);
    assert!(!objects.is_empty() && objects.iter().all(|asked| asked.authorization.is_none()));
    assert!(github.asked(Operation::GetAsset).iter().all(|asked| asked.authorization.is_some()));
    // Nor to another host that a download is sent to.
    files::remove_file(&desk.folder.join(MODULE)).expect("a file");
    let elsewhere = Server::start();
    let host = elsewhere.serve("/", &[Answer::Status(404)]);
    let host = host.trim_start_matches("http://").trim_end_matches('/').to_owned();
    github.fault(Fault::on(Operation::GetAsset, Does::Redirect(host)).nth(2).times(9));
    let ran = Ran::of(&mut command).refused(2, &["answered 404"]);
    assert!(!ran.stderr.contains("sig="), "{}", ran.stderr);
    assert_eq!(elsewhere.asked(), 1);
    assert!(elsewhere.heads().iter().all(|head| !head.to_lowercase().contains("authorization")));
    desk.assert_there(&[]);
}

#[test]
fn a_download_that_is_cut_short_ten_times_is_gone_on_with() {
    let (desk, github) = (Desk::new(), github());
    // The first object is the manifest, which is small and asked for whole.
    github.fault(Fault::on(Operation::Object, Does::CutAnswer).nth(2).times(10));
    let ran = desk.of_github(&github, &[CELL]).refused(0, &["Waiting ", "to go on with mod_wsgi"]);
    assert_eq!(ran.stderr.matches("to go on with").count(), 10, "{}", ran.stderr);
    assert_eq!(github.struck(), 10);
    let statuses: Vec<_> =
        github.asked(Operation::Object).iter().skip(2).map(|asked| asked.status).collect();
    assert!(
        statuses.len() == 10 && statuses.iter().all(|status| *status == Some(206)),
        "{statuses:?}"
    );
    desk.assert_fetched();
}

#[test]
fn what_a_run_has_got_the_next_one_goes_on_with() {
    let (desk, server) = (Desk::new(), Server::start());
    let from = mirror(&server);
    let whole = bytes_of(ZIP);
    server.serve(&format!("/x/{ZIP}"), &[Answer::RangedHalf(whole.clone()), Answer::Status(503)]);
    let words =
        ["cannot download http://", "the server answered 503", "it goes on from what has come"];
    desk.fetch(&[CELL, "--from", &from]).refused(3, &words);
    desk.assert_there(&[]);
    let cached = desk.cached();
    assert!(cached.len() == 1 && cached[0].ends_with(".partial"), "{cached:?}");
    let size = files::metadata(&desk.folder.join(".cache").join(&cached[0])).expect("it").len();
    assert_eq!(size, whole.len() as u64 / 2);

    server.serve(&format!("/x/{ZIP}"), &[Answer::Ranged(whole)]);
    desk.fetch(&[CELL, "--from", &from]).ended(0);
    desk.assert_fetched();
    let ranges: Vec<String> = server
        .heads()
        .iter()
        .filter_map(|head| Some(head.split_once("range: ")?.1.to_owned()))
        .collect();
    let last = ranges.last().and_then(|range| range.lines().next()).map(str::to_owned);
    assert_eq!(last, Some(format!("bytes={size}-")), "{ranges:?}");
}

#[test]
fn a_killed_run_leaves_nothing_half_written() {
    let (desk, github) = (Desk::new(), github());
    let from = format!("github:{REPOSITORY}");
    for (signal, operation) in [(Signal::KILL, Operation::Object), (Signal::INT, Operation::Object)]
    {
        github.no_more_faults();
        github.fault(Fault::on(operation, Does::Slow(60_000)).nth(2));
        let asked = github.asked(operation).len();
        let mut command = desk.command(&[CELL, "--from", &from]);
        command.env_remove("GH_TOKEN").env("GITHUB_API_URL", github.api());
        let run = Running::start(&mut command);
        let start = std::time::Instant::now();
        while github.asked(operation).len() < asked + 2 {
            assert!(start.elapsed().as_secs() < 60, "it does not download");
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
        run.signal(signal);
        let ran = run.end();
        assert_eq!(ran.code, if signal == Signal::INT { 130 } else { -1 }, "{}", ran.stderr);
        desk.assert_there(&[]);
    }
    github.no_more_faults();
    desk.of_github(&github, &[CELL]).ended(0);
    desk.assert_fetched();
}

/// A server of the release's files, below `/x`; the address of that folder's manifest.
fn mirror(server: &Server) -> String {
    for name in files::names(&released()).expect("a folder") {
        server.serve(&format!("/x/{name}"), &[Answer::Ranged(bytes_of(&name))]);
    }
    server.serve("/x/", &[Answer::Status(404)]).trim_end_matches('/').to_owned()
        + &format!("/{STEM}.manifest.json")
}

#[test]
fn a_mirror_is_a_folder_of_files_with_or_without_ranges() {
    let (desk, server) = (Desk::new(), Server::start());
    let manifest = mirror(&server);
    let top = manifest.rsplit_once('/').expect("a folder").0.to_owned();
    desk.fetch(&[CELL, "--from", &manifest]).ended(0);
    desk.assert_fetched();
    desk.fetch(&[CELL, "--from", &top, "--release", "6.1.1"]).ended(0);
    let words = ["has no manifest that is named", "--release VERSION"];
    desk.fetch(&[CELL, "--from", &top]).refused(2, &words);
    let words = ["no manifest of version 6.2", "mod_wsgi-windows-6.2.manifest.json is not there"];
    desk.fetch(&[CELL, "--from", &top, "--release", "6.2"]).refused(2, &words);
    let other = [CELL, "--from", &manifest, "--release", "6.2"];
    desk.fetch(&other).refused(2, &["is of version 6.1.1, and --release asks for 6.2"]);

    // A server that knows no ranges begins anew each time; one that always breaks off is given up.
    files::remove_file(&desk.folder.join(MODULE)).expect("a file");
    let whole = bytes_of(ZIP);
    let path = format!("/x/{ZIP}");
    server.serve(
        &path,
        &[Answer::Half(whole.clone()), Answer::Half(whole.clone()), Answer::Bytes(whole.clone())],
    );
    desk.fetch(&[CELL, "--from", &manifest]).ended(0);
    desk.assert_fetched();
    files::remove_file(&desk.folder.join(MODULE)).expect("a file");
    server.serve(&path, &[Answer::Half(whole)]);
    desk.fetch(&[CELL, "--from", &manifest]).refused(3, &["cannot download http://"]);
    server.serve(&path, &[Answer::Status(404)]);
    desk.fetch(&[CELL, "--from", &manifest]).refused(2, &["answered 404"]);
    desk.assert_there(&[]);
    let secret = manifest.replacen("http://", "http://me:secret@", 1);
    let ran = desk.fetch(&[CELL, "--from", &secret]).refused(2, &["name or password in it"]);
    assert!(!ran.stderr.contains("secret"), "{}", ran.stderr);
}

#[test]
fn a_folder_needs_no_network_and_all_of_it_can_be_taken() {
    let desk = Desk::new();
    let from = released();
    desk.fetch(&[CELL, "--from", from.as_str()]).ended(0);
    desk.assert_fetched();
    files::remove_file(&desk.folder.join(MODULE)).expect("a file");
    // Modules of two Apaches have one name.
    let both = [CELL, "Apache24-win64-VS18/py313-VC14", "--from", from.as_str(), "--to", "in"];
    desk.fetch(&both).ended(0);
    let found = files::walk(&desk.folder.join("in")).expect("files");
    assert_eq!(
        found,
        [
            format!("Apache24-win64-VS17/modules/{MODULE}"),
            format!("Apache24-win64-VS18/modules/{MODULE}")
        ]
    );

    let all = ["--all", "--from", from.as_str(), "--to", "all"];
    let ran = desk.fetch(&all).ended(0);
    let names = files::names(&desk.folder.join("all")).expect("files");
    assert_eq!(names, files::names(&released()).expect("files"));
    for name in &names {
        assert_eq!(files::read(&desk.folder.join("all").join(name)).expect("it"), bytes_of(name));
    }
    assert_eq!(ran.stdout.matches("      new ").count(), names.len(), "{}", ran.stdout);
    assert_eq!(desk.fetch(&all).ended(0).stdout.matches("unchanged").count(), names.len());
    // Compared against the release in its place, without its manifest here.
    let module = format!("in/Apache24-win64-VS17/modules/{MODULE}");
    let ran = desk.fetch(&["--from", from.as_str(), "--verify", &module]).ended(0);
    assert!(ran.stdout.starts_with(&format!("     ok {module}: {CELL}")), "{}", ran.stdout);
    files::write_atomic(&desk.folder.join(&module), b"MZ").expect("a file");
    let ran = desk.fetch(&["--from", from.as_str(), "--verify", &module]).ended(1);
    assert!(ran.stdout.contains("WRONG"), "{}", ran.stdout);
    desk.fetch(&[CELL, "--from", "nothing"]).refused(2, &["nothing: No such file"]);
    desk.fetch(&[CELL, "--from", "."]).refused(2, &["has no manifest", "hint: name the folder"]);
}

#[test]
fn a_cell_that_cannot_be_had_is_said_why() {
    let desk = Desk::new();
    let from = released();
    let refused = |cell: &str, words: &[&str]| {
        desk.fetch(&[cell, "--from", from.as_str()]).refused(2, words);
        desk.assert_there(&[]);
    };
    let nearest = ["has no Apache24-win64-VS17/py331-VC14", "hint: the nearest are ", CELL];
    refused("Apache24-win64-VS17/py331-VC14", &nearest);
    refused("nonsense", &["mod_wsgi 6.1.1 has no nonsense"]);
    refused("Apache24-win64-VS17/py312-VC14", &["was not built for mod_wsgi 6.1.1: no runner has"]);
    desk.fetch(&["--from", from.as_str()])
        .refused(2, &["there is no Apache to choose", "or a cell"]);
    desk.fetch(&[CELL]).refused(2, &["--from"]);
    let mut command = desk.command(&[CELL]);
    Ran::of(command.env_remove("GH_TOKEN").env("MODFARM_FROM", &from)).ended(0);
    desk.assert_fetched();
}

/// What is not supported is taken on request, with its reason; what is excluded never is.
#[test]
fn what_is_not_supported_is_taken_on_request() {
    let desk = Desk::new();
    let (_keep, from) = folder();
    for name in [ZIP, &format!("{STEM}.manifest.json")] {
        files::copy(&released().join(name), &from.join(name)).expect("a copy");
    }
    let path = from.join(format!("{STEM}.manifest.json"));
    let judge = |verdict: Value| {
        let mut manifest = manifest();
        let cells = manifest["cells"].as_array_mut().expect("cells");
        let cell = cells.iter_mut().find(|cell| cell["id"] == CELL).expect("a cell");
        cell["verdict"] = verdict;
        files::write_atomic(&path, manifest.to_string().as_bytes()).expect("a file");
    };
    let fetch = |more: &[&str]| desk.fetch(&[&[CELL, "--from", from.as_str()], more].concat());
    judge(serde_json::json!({ "verdict": "unsupported", "reason": "it mixes compilers" }));
    fetch(&[])
        .refused(2, &["is not supported: it mixes compilers", "hint: --unsupported takes it"]);
    desk.assert_there(&[]);
    let ran = fetch(&["--unsupported"]).ended(0);
    assert!(ran.stdout.contains("not supported: it mixes compilers\n"), "{}", ran.stdout);
    desk.assert_fetched();
    files::remove_file(&desk.folder.join(MODULE)).expect("a file");
    judge(serde_json::json!({ "verdict": "excluded", "reason": "it crashes" }));
    fetch(&["--unsupported"]).refused(2, &[&format!("{CELL} is excluded: it crashes")]);
    desk.assert_there(&[]);
}

/// The proxy of the environment is asked, and not for what is in `NO_PROXY`.
#[test]
fn a_proxy_is_asked_and_what_it_says_is_told() {
    let (desk, server) = (Desk::new(), Server::start());
    let manifest = mirror(&server);
    let proxy = Server::start();
    let page = b"<!DOCTYPE html><title>Sign in</title>".to_vec();
    let address = proxy.serve("/", &[Answer::Bytes(page)]);
    let fetch = |no_proxy: &str| {
        let mut command = desk.command(&[CELL, "--from", &manifest]);
        command.env_remove("GH_TOKEN").env("HTTP_PROXY", &address).env("NO_PROXY", no_proxy);
        Ran::of(&mut command)
    };
    let ran = fetch("example.com").ended(3);
    assert!(proxy.asked() > 0 && server.asked() == 0, "{}", ran.stderr);
    assert!(ran.stderr.contains("HTTPS_PROXY") && ran.stderr.contains("hint: "), "{}", ran.stderr);
    desk.assert_there(&[]);
    fetch("127.0.0.1").ended(0);
    desk.assert_fetched();
}

/// They wait for each other, and each has the file.
#[test]
fn runs_at_once_do_not_disturb_each_other() {
    let (desk, server) = (Desk::new(), Server::start());
    let manifest = mirror(&server);
    let runs: Vec<Running> = (0..4)
        .map(|_| Running::start(desk.command(&[CELL, "--from", &manifest]).env_remove("GH_TOKEN")))
        .collect();
    for run in runs {
        run.end().ended(0);
    }
    desk.assert_fetched();
}

/// All of it comes from GitHub as well; checksums that say something else than the manifest are refused.
#[test]
fn all_of_a_release_comes_from_github() {
    let (desk, github) = (Desk::new(), github());
    let ran = desk.of_github(&github, &["--all", "--to", "all"]).ended(0);
    let all = desk.folder.join("all");
    assert_eq!(files::names(&all).expect("files"), files::names(&released()).expect("files"));
    assert!(ran.stderr.contains("Fetching from github:"), "{}", ran.stderr);
    Ran::of(&mut modfarm(&all, &["verify", "--complete", "."])).ended(0);
    let change = |end: &'static str, bytes: &'static [u8]| {
        github.change(|repository| {
            let assets = repository.releases.values_mut().flat_map(|release| &mut release.assets);
            for asset in assets.filter(|asset| asset.name.ends_with(end)) {
                asset.bytes = Some(bytes.into());
            }
        });
        desk.of_github(&github, &["--all", "--to", "more"])
    };
    change(".notes.md", b"x").refused(1, &["the checksums say another SHA-256"]);
    change(".SHA256SUMS", b"x").refused(1, &["SHA256SUMS of github:", "a line is no checksum"]);
    assert!(!files::exists(&desk.folder.join("more")));
}

/// What may pass is tried again; a limit is said as what it is.
#[test]
fn faults_that_pass_cost_nothing_and_limits_are_told() {
    let (desk, github) = (Desk::new(), github());
    for operation in [Operation::ListReleases, Operation::PageDownload, Operation::Object] {
        for does in [Does::Status(502), Does::ResetBeforeBody, Does::CutAnswer] {
            github.fault(Fault::on(operation, does));
        }
    }
    desk.of_github(&github, &[CELL]).ended(0);
    assert!(github.struck() > 5, "{}", github.struck());
    desk.assert_fetched();
    github.no_more_faults();
    github.fault(Fault::on(Operation::ListReleases, Does::Primary(60)));
    let words = ["the server answered 403", "hint: either nobody may have it", "GH_TOKEN"];
    desk.of_github(&github, &[CELL]).refused(3, &words);
    let mut command = desk.command(&[CELL, "--from", &format!("github:{REPOSITORY}")]);
    command.env("GH_TOKEN", "ghp_wrong").env("GITHUB_API_URL", github.api());
    let ran = Ran::of(&mut command).refused(2, &["answered 401", "look at the token"]);
    assert!(!ran.stderr.contains("ghp_wrong"), "{}", ran.stderr);
}
