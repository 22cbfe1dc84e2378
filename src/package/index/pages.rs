//! The pages of an index: HTML as every pip reads it (PEP 503), and JSON (PEP 691) for a server that is
//! told to answer with it.

use serde_json::{Value, json};

use super::wheels::IndexedWheel;
use crate::model::digest::Sha256;

/// The version of the Simple Repository API: with the versions and the sizes of files (PEP 700).
const API: &str = "1.1";

/// What the JSON says of who made it. Keys that begin so are for whoever wants them.
pub(super) const GENERATOR: &str = "_modfarm";

/// The page of all projects.
pub(super) fn projects_html(projects: &[&str]) -> String {
    let link = |name: &&str| format!("<a href=\"{name}/\">{name}</a><br>\n");
    page("Simple index", &projects.iter().map(link).collect::<String>())
}

/// The same for programs.
pub(super) fn projects_json(projects: &[&str]) -> String {
    let projects: Vec<Value> = projects.iter().map(|name| json!({ "name": name })).collect();
    format!("{:#}\n", json!({ "meta": meta(), "projects": projects }))
}

/// The page of a project's files.
pub(super) fn files_html(project: &str, wheels: &[&IndexedWheel]) -> String {
    let links: String = wheels.iter().map(|wheel| link(wheel)).collect();
    page(&format!("Links for {project}"), &links)
}

/// The same for programs.
pub(super) fn files_json(project: &str, wheels: &[&IndexedWheel]) -> String {
    let mut versions: Vec<&str> = wheels.iter().map(|wheel| wheel.full_version()).collect();
    versions.dedup();
    let files: Vec<Value> = wheels.iter().map(|wheel| file(wheel)).collect();
    let page = json!({ "meta": meta(), "name": project, "versions": versions, "files": files });
    format!("{page:#}\n")
}

fn meta() -> Value {
    json!({ "api-version": API, GENERATOR: env!("CARGO_PKG_VERSION") })
}

fn page(title: &str, links: &str) -> String {
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"pypi:repository-version\" content=\"{API}\">\n<title>{title}</title>\n</head>\n\
         <body>\n<h1>{title}</h1>\n{links}</body>\n</html>\n"
    )
}

fn link(wheel: &IndexedWheel) -> String {
    let (name, address) = (&wheel.name, address(wheel));
    let mut attributes = String::new();
    if let Some(python) = wheel.requires_python() {
        attributes += &format!(" data-requires-python=\"{}\"", escaped(python));
    }
    if let Some(sha256) = metadata_beside(wheel) {
        // The second name is the first one's first, misspelt (PEP 714).
        attributes += &format!(
            " data-core-metadata=\"sha256={sha256}\" data-dist-info-metadata=\"sha256={sha256}\""
        );
    }
    let sha256 = wheel.digest.sha256;
    format!("<a href=\"{}#sha256={sha256}\"{attributes}>{name}</a><br>\n", escaped(&address))
}

fn file(wheel: &IndexedWheel) -> Value {
    let mut file = json!({
        "filename": wheel.name,
        "url": address(wheel),
        "hashes": { "sha256": wheel.digest.sha256.to_string() },
        "size": wheel.digest.size,
    });
    if let Some(python) = wheel.requires_python() {
        file["requires-python"] = python.into();
    }
    if let Some(sha256) = metadata_beside(wheel) {
        let digest = json!({ "sha256": sha256.to_string() });
        file["core-metadata"] = digest.clone();
        file["dist-info-metadata"] = digest;
    }
    file
}

/// Where a wheel is: beside the page, or elsewhere.
fn address(wheel: &IndexedWheel) -> String {
    // A plus sign is the one character of these names that means something in an address.
    let name = wheel.name.replace('+', "%2B");
    match &wheel.elsewhere {
        Some(url) => format!("{url}/{name}"),
        None => name,
    }
}

/// The digest of the metadata where they lie beside the wheel (PEP 658): pip then downloads one wheel.
fn metadata_beside(wheel: &IndexedWheel) -> Option<Sha256> {
    wheel.elsewhere.is_none().then(|| Sha256::of(wheel.metadata.as_bytes()))
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('"', "&quot;").replace('<', "&lt;").replace('>', "&gt;")
}
