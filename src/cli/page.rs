//! `modfarm page`: the page on which an administrator finds his file.

use camino::Utf8PathBuf;

use super::Failure;
use super::releases::Releases;
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
    #[command(flatten)]
    releases: Releases,

    /// Where to write the page
    #[arg(long, value_name = "DIR")]
    to: Utf8PathBuf,
}

pub(super) fn run(args: Args) -> Result<(), Failure> {
    let mut offered = Vec::new();
    for (path, url) in args.releases.with_urls()? {
        let release = read(&path).map_err(Failure::bad_input)?;
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
