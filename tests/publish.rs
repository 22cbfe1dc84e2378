//! `modfarm publish` as a maintainer uses it: what it says, and how it ends. That it ends well whatever
//! goes wrong is `publish_protocol.rs`'s.

use camino::Utf8Path;
use modfarm::sys::files;

use crate::github::tls::Tls;
use crate::github::{Does, Fault, Operation, Options, Permission, REPOSITORY, StandIn};
use crate::made::releases::{self, MadeRelease, VERSION};
use crate::program::{Ran, folder, modfarm};

const TAG: &str = "mod_wsgi-6.1.1";

/// A folder with two builds of one version, and a GitHub.
struct Desk {
    _keep: tempfile::TempDir,
    folder: camino::Utf8PathBuf,
    release: MadeRelease,
    other: MadeRelease,
    github: StandIn,
}

impl Desk {
    fn new() -> Self {
        let (keep, folder) = folder();
        let release = releases::release(&folder.join("one"), 2, 1000, 1);
        let other = releases::release(&folder.join("other"), 2, 1000, 2);
        let github = StandIn::start();
        github.add_tag(TAG);
        Self { _keep: keep, folder, release, other, github }
    }

    fn run(&self, release: &MadeRelease, arguments: &[&str]) -> Ran {
        self.run_to(&format!("github:{REPOSITORY}"), release, arguments)
    }

    fn run_to(&self, to: &str, release: &MadeRelease, arguments: &[&str]) -> Ran {
        let command = ["publish", release.folder.as_str(), "--to", to];
        let mut command = modfarm(&self.folder, &[&command, arguments].concat());
        command.env("GH_TOKEN", "").env("GITHUB_TOKEN", self.github.token());
        Ran::of(command.env("GITHUB_API_URL", self.github.api()))
    }

    fn publish(&self, arguments: &[&str]) -> Ran {
        self.run(&self.release, arguments)
    }

    /// Requests that change something.
    fn changes(&self) -> usize {
        self.github.log().iter().filter(|logged| logged.method != "GET").count()
    }
}

#[test]
fn a_release_is_published_once() {
    let desk = Desk::new();
    desk.publish(&["--status"]).ended(1);
    let rehearsed = desk.publish(&["--dry-run"]).ended(0).stdout;
    assert!(rehearsed.contains("a draft would be made; 0 of 5 assets are there"), "{rehearsed}");
    assert_eq!(desk.changes(), 0);

    let ran = desk.publish(&[]).refused(0, &["  Uploaded ", "5 of 5 assets", "  Released "]);
    assert!(ran.stderr.find(".manifest.json") > ran.stderr.find(".notes.md"), "{}", ran.stderr);
    desk.github.assert_published(TAG, &desk.release.assets);
    let release = desk.github.repository().releases.into_values().next().unwrap();
    assert!(release.latest > 0 && !release.prerelease);
    assert!(
        release.body.unwrap().starts_with("<!-- modfarm: release of mod_wsgi 6.1.1, manifest ")
    );

    let changes = desk.changes();
    desk.publish(&[]).refused(0, &[" Unchanged "]);
    let status = desk.publish(&["--status"]).ended(0).stdout;
    assert!(status.contains("published, complete: 5 of 5 assets are right"), "{status}");
    desk.publish(&["--abandon"]).refused(0, &["there is no draft of modfarm's"]);
    assert_eq!(desk.changes(), changes);
}

#[test]
fn what_is_published_is_never_overwritten() {
    let desk = Desk::new();
    desk.publish(&[]).ended(0);
    let changes = desk.changes();
    let published_with = ["is published with other bytes", "hint: nothing was sent"];
    desk.run(&desk.other, &[]).refused(2, &published_with);
    desk.run(&desk.other, &["--into-existing"]).refused(2, &published_with);
    desk.run(&desk.other, &["--status"]).ended(1);
    assert_eq!(desk.changes(), changes);
    desk.github.assert_published(TAG, &desk.release.assets);
}

#[test]
fn a_release_of_somebody_else_is_added_to_on_request() {
    let desk = Desk::new();
    let theirs = "Theirs.\r\n";
    // Somebody else's: without our files and our marker.
    desk.publish(&[]).ended(0);
    desk.github.change(|repository| {
        for release in repository.releases.values_mut() {
            release.assets.clear();
            release.body = Some(theirs.to_owned());
        }
    });
    desk.publish(&[]).refused(2, &["is published already", "--into-existing"]);
    desk.publish(&["--into-existing"]).ended(0);
    let release = desk.github.repository().releases.into_values().next().unwrap();
    assert_eq!(release.assets.len(), 5);
    assert!(release.assets[4].name.ends_with(".manifest.json"));
    let body = release.body.unwrap();
    assert!(body.starts_with(theirs) && body.contains("Notes of build 1."), "{body}");
    let changes = desk.changes();
    desk.publish(&["--into-existing"]).refused(0, &[" Unchanged "]);
    assert_eq!(desk.changes(), changes);
}

#[test]
fn a_draft_is_gone_on_with_or_given_up() {
    let desk = Desk::new();
    let broken = || Fault::on(Operation::UploadAsset, Does::Status(502)).nth(3).times(1000);
    desk.github.fault(broken());
    let given_up = ["gave up after 1 s", "2 of 5 assets are there", "it goes on from there"];
    desk.publish(&["--patience", "1"]).refused(3, &given_up);
    let status = desk.publish(&["--status"]).ended(1).stdout;
    assert!(status.contains("a draft, incomplete: 2 of 5 assets are right"), "{status}");
    desk.publish(&["--abandon"]).refused(0, &["was a draft of modfarm's and is removed"]);
    assert!(desk.github.repository().releases.is_empty());

    desk.github.no_more_faults();
    desk.github.fault(broken());
    desk.publish(&["--patience", "1"]).ended(3);
    desk.github.no_more_faults();
    desk.publish(&[]).refused(0, &["2 of them there already", "  Released "]);
    desk.github.assert_published(TAG, &desk.release.assets);
}

#[test]
fn a_draft_of_somebody_else_stays_one() {
    let desk = Desk::new();
    desk.github.fault(Fault::on(Operation::UploadAsset, Does::Status(502)).times(1000));
    desk.publish(&["--patience", "1"]).ended(3);
    desk.github.no_more_faults();
    desk.github.change(|repository| {
        repository.releases.values_mut().for_each(|draft| draft.body = Some("Theirs.".to_owned()));
    });
    desk.publish(&[]).refused(2, &["is a draft for mod_wsgi-6.1.1 that modfarm did not make"]);
    desk.publish(&["--abandon"]).ended(0);
    desk.publish(&["--into-existing"]).refused(0, &["is a draft still: publish it yourself"]);
    let draft = desk.github.repository().releases.into_values().next().unwrap();
    assert!(draft.draft && draft.assets.len() == 5);
}

#[test]
fn what_cannot_be_published_is_refused_first() {
    let desk = Desk::new();
    let not_there = ["--tag", "6.1.2", "--verify-tag"];
    desk.publish(&not_there).refused(2, &["has no tag 6.1.2", "hint: push the tag first"]);
    desk.publish(&["--tag", "a b"]).refused(2, &["'a b' cannot be the name of a tag"]);
    desk.publish(&["--api-url", "http://example.com"]).refused(2, &["travel unencrypted"]);
    desk.run_to("github:grey-owl/none", &desk.release, &[]).refused(2, &["there is no repository"]);
    let token = |text: &str| {
        let path = desk.folder.join("token");
        files::write_atomic(&path, text.as_bytes()).unwrap();
        desk.publish(&["--token-file", path.as_str()])
    };
    token("ghp_none\n").refused(2, &["does not know the token: Bad credentials"]);
    let reader = desk.github.add_token(Permission::Read, false);
    token(&reader).refused(2, &["the token may not publish releases", "hint: "]);
    desk.github.change(|repository| repository.archived = true);
    desk.publish(&[]).refused(2, &["is archived"]);
    assert_eq!(desk.changes(), 0);
}

#[test]
fn a_folder_that_is_not_what_it_was_is_refused() {
    let desk = Desk::new();
    let zip = desk.release.folder.join("mod_wsgi-windows-6.1.1.zip");
    files::write_atomic(&zip, b"other").unwrap();
    files::write_atomic(&desk.release.folder.join("stranger"), b"").unwrap();
    let faults = [".zip is not what its checksum says", "stranger is not in the checksums"];
    desk.publish(&[]).refused(2, &faults);
    desk.run_to("dist", &desk.release, &[]).refused(2, &faults);
    assert!(desk.github.log().is_empty());
    assert!(!files::exists(&desk.folder.join("dist")));
}

#[test]
fn a_release_goes_to_a_folder_by_the_same_steps() {
    let desk = Desk::new();
    desk.run_to("dist", &desk.release, &["--status"]).ended(1);
    desk.run_to("dist", &desk.release, &["--tag", "x"]).refused(2, &["--tag means nothing for"]);
    assert!(!files::exists(&desk.folder.join("dist")));
    desk.run_to("dist", &desk.release, &[])
        .refused(0, &["  Released dist/mod_wsgi-6.1.1, 5 files"]);
    desk.run_to("dist", &desk.release, &[]).refused(0, &[" Unchanged "]);
    desk.run_to("dist", &desk.other, &["--status"]).ended(1);
    desk.run_to("dist", &desk.other, &[]).ended(0);
    let there = Utf8Path::new(&desk.folder).join(format!("dist/mod_wsgi-{VERSION}"));
    for (name, digest) in &desk.other.assets {
        assert_eq!(files::digest(&there.join(name)).unwrap().sha256.to_string(), *digest);
    }
    assert!(desk.github.log().is_empty());
}

/// With the certificates of the machine, as for GitHub itself; one that nobody vouches for is refused
/// before the token was sent.
#[test]
fn tls_is_spoken_and_certificates_are_checked() {
    let mut desk = Desk::new();
    let tls = Tls::new();
    desk.github = StandIn::with(Options { tls: Some(tls.clone()), ..Options::default() });
    desk.github.add_tag(TAG);
    let certificates = desk.folder.join("certificates.pem");
    files::write_atomic(&certificates, tls.certificate.as_bytes()).unwrap();
    let to = format!("github:{REPOSITORY}");
    let publish = |trusted: &Utf8Path| {
        let folder = desk.release.folder.as_str();
        let arguments = ["publish", folder, "--to", &to, "--patience", "1"];
        let mut command = modfarm(&desk.folder, &arguments);
        command.env("GH_TOKEN", desk.github.token()).env("SSL_CERT_FILE", trusted);
        Ran::of(command.env("GITHUB_API_URL", desk.github.api()))
    };
    let empty = desk.folder.join("empty.pem");
    files::write_atomic(&empty, Tls::new().certificate.as_bytes()).unwrap();
    publish(&empty).refused(3, &["certificate"]);
    assert!(desk.github.log().is_empty());
    publish(&certificates).refused(0, &["  Released https://127.0.0.1:"]);
    desk.github.assert_published(TAG, &desk.release.assets);
}
