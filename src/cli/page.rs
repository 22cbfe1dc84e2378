//! `modfarm page`: the page on which an administrator finds his file.

use camino::Utf8PathBuf;

use super::Failure;
use crate::download::reference::{Reference, ReferenceError};
use crate::model::manifest::Manifest;
use crate::report::{self, Offered, terminal};
use crate::sys::files;

/// Write a page on which an administrator finds the one file for his Apache and his Python
///
/// It is one file that needs no server and fetches nothing: two questions, or httpd.exe and pythonXY.dll
/// dropped on it, lead to the file, its checksum, the lines for httpd.conf and the command for pip. Below them
/// stands every file in a table, which needs no script. Of several releases the newest that has a file is
/// taken.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The releases: their folders, or their manifests
    #[arg(required = true, value_name = "RELEASE")]
    releases: Vec<Utf8PathBuf>,

    /// Where to write the page
    #[arg(long, value_name = "DIR")]
    to: Utf8PathBuf,

    /// Where the files lie; without it beside the page. One address for all, in which {version} stands for
    /// the version, or one for each RELEASE, in their order:
    /// `https://github.com/OWNER/REPO/releases/download/mod_wsgi-{version}`
    #[arg(long, value_name = "URL", value_parser = files_url)]
    files_url: Vec<String>,
}

pub(super) fn run(args: Args) -> Result<(), Failure> {
    if args.files_url.len() > 1 && args.files_url.len() != args.releases.len() {
        return Err(Failure::bad_input(format!(
            "--files-url is given {} times for {} releases\nhint: give one for all, or one for each",
            args.files_url.len(),
            args.releases.len()
        )));
    }
    let mut offered = Vec::new();
    for (number, path) in args.releases.iter().enumerate() {
        let release = read(path).map_err(Failure::bad_input)?;
        let url = args.files_url.get(number).or(args.files_url.first());
        let files = url.map(|url| url.replace("{version}", release.module.version.as_str()));
        offered.push((path, Offered { release, files }));
    }
    offered.sort_by(|(_, one), (_, other)| {
        other.release.module.version.cmp(&one.release.module.version)
    });
    for pair in offered.windows(2) {
        if let [(one, newer), (other, older)] = pair {
            fit(&newer.release, &older.release)
                .map_err(|what| Failure::bad_input(format!("{one} and {other} {what}")))?;
        }
    }
    let offered: Vec<Offered> = offered.into_iter().map(|(_, offered)| offered).collect();
    let page = args.to.join("index.html");
    files::create_dir_all(&args.to).map_err(Failure::environment)?;
    files::write_atomic(&page, report::chooser(&offered).as_bytes())
        .map_err(Failure::environment)?;
    terminal::output(&format!("{page}\n"));
    Ok(())
}

fn read(path: &Utf8PathBuf) -> Result<Manifest, ReferenceError> {
    let found =
        if files::is_dir(path) { Reference::in_folder(path) } else { Reference::read(path) };
    Ok(found?.manifest)
}

/// Whether two releases go on one page.
fn fit(newer: &Manifest, older: &Manifest) -> Result<(), String> {
    let (one, other) = (&newer.module, &older.module);
    if one.name != other.name {
        return Err(format!(
            "are of two modules, {} and {}\nhint: write a page for each",
            one.name, other.name
        ));
    }
    if one.version == other.version {
        return Err(format!("are both {} {}\nhint: name each release once", one.name, one.version));
    }
    Ok(())
}

fn files_url(text: &str) -> Result<String, String> {
    if !["http://", "https://"].iter().any(|scheme| text.starts_with(scheme)) {
        return Err("it must begin with https:// or http://".to_owned());
    }
    if text.contains(|c: char| c.is_whitespace() || c.is_control() || "\"<>\\^`".contains(c)) {
        return Err("an address has no such characters".to_owned());
    }
    Ok(text.to_owned())
}
