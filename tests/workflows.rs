//! The workflows of GitHub Actions: what their steps run is run here, with the real `gh` and the stand-in for
//! GitHub.

use std::process::Command;

use camino::Utf8Path;
use modfarm::sys::files;
use serde_json::Value;

use crate::github::{REPOSITORY, StandIn};
use crate::made::source;
use crate::program::{Ran, Site, modfarm, read, repository, site_with_source, yaml};

/// The commands of a job's steps, by the steps' names.
fn steps(workflow: &str, job: &str) -> Vec<(String, String)> {
    let workflow = yaml(&repository().join(".github/workflows").join(workflow));
    let steps = workflow["jobs"][job]["steps"].as_array().expect("steps");
    let text = |step: &Value, key: &str| step[key].as_str().map(str::to_owned);
    steps.iter().filter_map(|step| Some((text(step, "name")?, text(step, "run")?))).collect()
}

/// The commands of the step of this name.
fn named(steps: &[(String, String)], name: &str) -> String {
    steps.iter().find(|(known, _)| known == name).expect("a step").1.clone()
}

/// A step as GitHub's runner runs it.
fn command(script: &str, folder: &Utf8Path, github: &StandIn) -> Command {
    let program = Utf8Path::new(env!("CARGO_BIN_EXE_modfarm"));
    let path = std::env::var("PATH").expect("a path");
    let mut command = Command::new("bash");
    command.args(["--noprofile", "--norc", "-eo", "pipefail", "-c", script]);
    command.current_dir(folder).env_clear().envs(github.gh_environment());
    command.env("HOME", folder).env("GH_REPO", REPOSITORY);
    command.env("PATH", format!("{}:{path}", files::parent(program)));
    command
}

fn gh(site: &Site, github: &StandIn, arguments: &[&str]) {
    let mut gh = Command::new("gh");
    gh.args(arguments).args(["--repo", REPOSITORY]).current_dir(&site.folder).env_clear();
    gh.envs(github.gh_environment()).env("HOME", &site.folder);
    Ran::of(gh.env("PATH", std::env::var_os("PATH").expect("a path"))).ended(0);
}

/// A release of one cell, published under this tag.
fn publish(site: &Site, source: &[&str], tag: &str, github: &StandIn) {
    let only = ["release", "--no-smoke", "--only", "Apache24-win64-VS17/py313-*"];
    site.run(&[&only[..], source].concat()).ended(0);
    let version = tag.trim_start_matches("mod_wsgi-");
    let (folder, to) = (format!("dist/mod_wsgi-{version}"), format!("github:{REPOSITORY}"));
    let mut publish = modfarm(&site.folder, &["publish", &folder, "--to", &to, "--tag", tag]);
    publish.env("GH_TOKEN", github.token()).env("GITHUB_API_URL", github.api());
    Ran::of(&mut publish).ended(0);
}

#[test]
fn the_pages_show_every_release_of_modfarm() {
    let site = site_with_source("5.0.2");
    let github = crate::publishing::github();
    source::quick(&site.folder.join("src"), "6.1.1");
    publish(&site, &["--source", "src"], "mod_wsgi-6.1.1", &github);
    publish(&site, &["--module-version", "5.0.2"], "5.0.2", &github);
    files::write_atomic(&site.folder.join("README"), b"no release of modfarm").expect("a file");
    gh(
        &site,
        &github,
        &["release", "create", "5.0.1", "--title", "Another", "--notes", "", "README"],
    );

    let steps = steps("pages.yml", "build");
    let run =
        |name: &str| Ran::of(&mut command(&named(&steps, name), &site.folder, &github)).ended(0);
    let fetched = run("Fetch manifests and wheels").stdout;
    assert!(fetched.contains("::notice::5.0.1 is no release of modfarm"), "{fetched}");
    run("Write page and index");
    let download = format!("https://github.com/{REPOSITORY}/releases/download");
    let page = read(&site.folder.join("site/index.html"));
    for (tag, version) in [("mod_wsgi-6.1.1", "6.1.1"), ("5.0.2", "5.0.2")] {
        let zip = format!("mod_wsgi-windows-{version}-Apache24-win64-VS17.zip");
        assert!(page.contains(&format!("href=\"{download}/{tag}/{zip}\"")), "{tag}");
    }
    let index = read(&site.folder.join("site/simple/mod-wsgi/index.html"));
    let wheel = "mod_wsgi-5.0.2-cp313-cp313-win_amd64.whl";
    assert!(index.contains(&format!("href=\"{download}/5.0.2/{wheel}#sha256=")), "{index}");
}

#[test]
fn a_release_is_compared_before_it_is_attested() {
    let site = Site::new();
    let github = crate::publishing::github();
    source::quick(&site.folder.join("src"), "6.1.1");
    publish(&site, &["--source", "src"], "mod_wsgi-6.1.1", &github);
    let steps = steps("attest.yml", "attest");
    let compare = named(&steps, "Compare every file with the manifest");
    let output = site.folder.join("output");
    let step = |tag: &str| {
        files::remove_dir_all(&site.folder.join("release")).expect("nothing of before");
        files::write_atomic(&output, b"").expect("a file");
        command(&compare, &site.folder, &github)
            .env("TAG", tag)
            .env("GITHUB_OUTPUT", &output)
            .output()
    };
    let ran = step("mod_wsgi-6.1.1").expect("bash");
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    let told = read(&output);
    assert!(told.contains("checksums=release/mod_wsgi-windows-6.1.1.SHA256SUMS\n"), "{told}");
    assert!(told.contains("sbom=release/mod_wsgi-windows-6.1.1.cdx.json\n"), "{told}");

    // Somebody exchanged a file for another of the same name.
    let zip = "mod_wsgi-windows-6.1.1.zip";
    let other = site.folder.join(zip);
    files::write_atomic(&other, b"something else").expect("a file");
    gh(&site, &github, &["release", "upload", "mod_wsgi-6.1.1", zip, "--clobber"]);
    let ran = step("mod_wsgi-6.1.1").expect("bash");
    assert!(!ran.status.success());
    assert!(
        String::from_utf8_lossy(&ran.stdout).contains("WRONG release/mod_wsgi-windows-6.1.1.zip")
    );
    assert_eq!(read(&output), "", "nothing is attested");

    gh(
        &site,
        &github,
        &["release", "create", "5.0.2", "--title", "Another", "--notes", "", "src/LICENSE"],
    );
    let ran = step("5.0.2").expect("bash");
    assert!(ran.status.success() && read(&output).is_empty());
}
