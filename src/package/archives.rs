//! The archives: sorted members, fixed times and modes, so that the same release has the same bytes
//! whenever and wherever it is packaged.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write};

use bytes::Bytes;
use camino::Utf8Path;
use flate2::{Compression, GzBuilder};
use zip::write::SimpleFileOptions;

use super::{Contents, Names, built, install};
use crate::model::checksums;
use crate::model::digest::Sha256;
use crate::model::manifest::Manifest;
use crate::sys::files::{self, FileError};

/// The time of every member: 1980-01-01, the earliest that a zip can say.
const TIME: u64 = 315_532_800;
const MODE: u32 = 0o644;

/// An archive that is to be written.
#[derive(Debug)]
pub struct Archive {
    /// Its file name.
    pub name: String,
    /// What is in it, in words.
    pub description: String,
    format: Format,
    /// Path and content of each, in their order.
    members: Vec<(String, Bytes)>,
}

impl Archive {
    /// A zip of these, in this order.
    #[must_use]
    pub fn zip(name: String, description: String, members: Vec<(String, Bytes)>) -> Self {
        Self { name, description, format: Format::Zip, members }
    }
}

#[derive(Clone, Copy, Debug)]
enum Format {
    Zip,
    TarGz,
}

/// The archives of a release: everything twice (zip, tar.gz), and a zip for every Apache folder.
#[must_use]
pub fn planned(contents: &Contents, names: &Names) -> Vec<Archive> {
    let manifest = &contents.manifest;
    let labels: BTreeSet<String> =
        built(manifest).map(|(cell, _)| cell.apache.to_string()).collect();
    let whole = |name, format| Archive {
        name,
        description: "every file for every Apache and Python".to_owned(),
        format,
        members: members(contents, manifest, names.top()),
    };
    let mut archives = vec![whole(names.zip(), Format::Zip), whole(names.tar_gz(), Format::TarGz)];
    for label in labels {
        let mut only = manifest.clone();
        only.cells.retain(|cell| cell.apache.to_string() == label);
        archives.push(Archive::zip(
            names.apache_zip(&label),
            format!("the files for {label} alone"),
            members(contents, &only, names.top()),
        ));
    }
    archives
}

/// The members below the top folder for the cells of a manifest, sorted.
fn members(contents: &Contents, manifest: &Manifest, top: &str) -> Vec<(String, Bytes)> {
    let mut members: BTreeMap<String, Bytes> = built(manifest)
        .filter_map(|(_, built)| {
            Some((built.path.clone(), contents.modules.get(&built.path)?.bytes().clone()))
        })
        .collect();
    let sums = checksums::render(
        members.iter().map(|(path, bytes)| (path.as_str(), Sha256::of(bytes))).collect::<Vec<_>>(),
    );
    members.insert("SHA256SUMS".to_owned(), sums.into());
    members.insert("INSTALL.txt".to_owned(), install::render(manifest).into());
    if let Some(licence) = &contents.licence {
        members.insert("LICENSE".to_owned(), licence.clone().into());
    }
    members.into_iter().map(|(path, bytes)| (format!("{top}/{path}"), bytes)).collect()
}

/// Writes an archive.
pub fn write(archive: &Archive, path: &Utf8Path) -> Result<(), FileError> {
    let file = io::BufWriter::new(files::create(path)?);
    let written = match archive.format {
        Format::Zip => write_zip(archive, file),
        Format::TarGz => write_tar_gz(archive, file),
    };
    written
        .and_then(|file| file.into_inner().map_err(io::IntoInnerError::into_error))
        .and_then(|file| file.sync_all())
        .map_err(|source| FileError::new("write", path, source))
}

fn write_zip<W: Write + io::Seek>(archive: &Archive, to: W) -> io::Result<W> {
    let mut zip = zip::ZipWriter::new(to);
    let options = SimpleFileOptions::default()
        .compression_method(zip::CompressionMethod::Deflated)
        .last_modified_time(zip::DateTime::default())
        .unix_permissions(MODE);
    for (path, bytes) in &archive.members {
        zip.start_file(path, options)?;
        zip.write_all(bytes)?;
    }
    Ok(zip.finish()?)
}

fn write_tar_gz<W: Write>(archive: &Archive, to: W) -> io::Result<W> {
    // No name and no time in the gzip header; operating system 255, "unknown".
    let gzip = GzBuilder::new().mtime(0).operating_system(255).write(to, Compression::default());
    let mut tar = tar::Builder::new(gzip);
    for (path, bytes) in &archive.members {
        let mut header = tar::Header::new_ustar();
        header.set_size(bytes.len() as u64);
        header.set_mode(MODE);
        header.set_mtime(TIME);
        header.set_uid(0);
        header.set_gid(0);
        tar.append_data(&mut header, path, bytes.as_ref())?;
    }
    tar.into_inner()?.finish()
}
