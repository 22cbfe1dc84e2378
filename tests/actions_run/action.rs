//! The actions that the release workflow uses, as far as it does: none sets up a Python, for the roots here
//! are the kit's. Any other fails the test, and so does one that is not named by a commit.

use modfarm::sys::files;
use serde_json::Value;

use super::flow::known;
use super::job::{Done, Job, text};
use super::machine::shell;
use super::run::Attested;
use crate::program::{json, read};

/// Does what an action does.
#[track_caller]
pub(crate) fn run(job: &mut Job<'_, '_>, uses: &str, with: &Value) -> Done {
    if let Some(own) = uses.strip_prefix("$/") {
        return job.composite(own);
    }
    let (name, commit) = uses.split_once('@').expect("a commit");
    assert!(commit.len() == 40 && commit.bytes().all(|byte| byte.is_ascii_hexdigit()), "{uses}");
    let result = match name {
        "actions/checkout" => checkout(job, with),
        "actions/upload-artifact" => upload(job, with),
        "actions/download-artifact" => download(job, with),
        "actions/attest" => attest(job, with),
        _ => panic!("{uses} is not known to this stand-in for Actions"),
    };
    Done::of(result, &mut job.log)
}

/// Files of the repository in which the workflow runs, or of modfarm's.
fn checkout(job: &mut Job<'_, '_>, with: &Value) -> Result<(), String> {
    known(with, &["repository", "ref", "path", "persist-credentials"]);
    assert_eq!(with["persist-credentials"], false, "the token stays in the workspace");
    let (repository, commit) = (text(with, "repository"), text(with, "ref"));
    let all = [&job.run.home, &job.run.farm];
    let wanted = if repository.is_empty() { job.run.home.name } else { &repository };
    let of = all.into_iter().find(|of| of.name == wanted);
    let of = of.ok_or_else(|| format!("there is no repository {wanted}"))?;
    if !(commit.is_empty() || commit == of.commit) {
        return Err(format!("{wanted} has no {commit}"));
    }
    let (from, to) = (of.files.clone(), job.path(&text(with, "path")));
    // What lies in the way goes, as `git clean` has it.
    files::remove_dir_all(&to).expect("nothing of before");
    files::create_dir_all(&to).expect("a folder");
    shell("cp -a \"$1/.\" \"$2\"", &[from.as_str(), to.as_str()]);
    Ok(())
}

fn upload(job: &mut Job<'_, '_>, with: &Value) -> Result<(), String> {
    known(with, &["name", "path", "if-no-files-found", "overwrite"]);
    let (name, path) = (text(with, "name"), text(with, "path"));
    let from = job.path(&path);
    if path.is_empty() || !files::exists(&from) {
        let missing = format!("no files were found with the path {path:?}");
        if text(with, "if-no-files-found") == "error" {
            return Err(missing);
        }
        job.log += &format!("::warning::{missing}\n");
        return Ok(());
    }
    job.run.artifacts.take(&name, &from, with["overwrite"] == true)
}

/// One artifact into a folder, or all that fit a pattern, each into a folder of its name.
fn download(job: &mut Job<'_, '_>, with: &Value) -> Result<(), String> {
    known(with, &["name", "pattern", "path"]);
    let (name, pattern, path) = (text(with, "name"), text(with, "pattern"), text(with, "path"));
    let to = job.path(&path);
    if !name.is_empty() {
        return job.run.artifacts.give(&name, &to);
    }
    assert!(!pattern.is_empty(), "all artifacts would be downloaded");
    let artifacts = &job.run.artifacts;
    artifacts.matching(&pattern).iter().try_for_each(|name| artifacts.give(name, &to.join(name)))
}

/// Notes what is attested, which must be there and be what the checksums say.
fn attest(job: &mut Job<'_, '_>, with: &Value) -> Result<(), String> {
    known(with, &["subject-checksums", "sbom-path"]);
    for scope in ["id-token", "attestations"] {
        assert_eq!(job.permissions[scope], "write", "nothing can be attested");
    }
    let checksums = job.path(&text(with, "subject-checksums"));
    let mut attested = Vec::new();
    for line in read(&checksums).lines() {
        let (digest, name) = line.split_once("  ").expect("a checksum");
        let path = files::parent(&checksums).join(name);
        let found = files::digest(&path).map_err(|error| error.to_string())?;
        assert_eq!(found.sha256.to_string(), digest, "{name}");
        attested.push(name.to_owned());
    }
    let published = job.run.github.repository().releases.values().any(|release| !release.draft);
    let sbom = with.get("sbom-path").map(|_| job.path(&text(with, "sbom-path")));
    let sbom = sbom.map(|path| json(&path)["bomFormat"].as_str().expect("an SBOM").to_owned());
    job.run.attested.push(Attested { files: attested, sbom, published });
    Ok(())
}
