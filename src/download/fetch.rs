//! Takes files of a release: the modules that are wanted out of the archive of their Apache, or all that is
//! on its page. A file has its name once its bytes are those that the manifest says.

use std::collections::BTreeMap;

use camino::{Utf8Path, Utf8PathBuf};

use super::beside::{beside, name_of};
use super::choose::Choice;
use super::source::{Source, SourceError};
use crate::model::cell::ApacheLabel;
use crate::model::digest::{Digest, Sha256};
use crate::model::event::{Event, Events};
use crate::model::fetched::{Change, Fetched, FetchedFile};
use crate::model::manifest::{ArchiveRecord, FILE_END, Manifest};
use crate::sys::archive;
use crate::sys::files::{self, FileError};

/// Why a file was not taken.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// The release does not give it.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// No archive has it.
    #[error("the manifest names no archive for {label}\nhint: the release is broken; take another")]
    NoArchive {
        /// The Apache build.
        label: String,
    },
    /// An archive cannot be unpacked, or unpacks to too much.
    #[error("{0}")]
    Archive(String),
    /// The archive has something else in the module's place, or nothing.
    #[error(
        "{archive} has no {path} with the SHA-256 {sha256}\nhint: the release is broken; take another"
    )]
    NotInside {
        /// The archive.
        archive: String,
        /// The module.
        path: String,
        /// Its digest.
        sha256: Sha256,
    },
    /// A file cannot be read or written.
    #[error(transparent)]
    File(#[from] FileError),
}

/// Takes modules into a folder; with `dry_run` only says what would be done.
pub fn fetch(
    source: &Source,
    choices: &[Choice<'_>],
    to: &Utf8Path,
    dry_run: bool,
    events: &Events,
) -> Result<Fetched, FetchError> {
    let targets = targets(&source.manifest().module.name, choices, to)?;
    if !dry_run {
        let missing = targets.iter().filter(|target| !target.is_there());
        let missing: Vec<Choice<'_>> = missing.map(|target| target.choice).collect();
        take(source, &missing, events, |choice, bytes| {
            let of_it = |target: &&Target<'_>| target.choice.cell.id == choice.cell.id;
            let target = targets.iter().find(of_it).map(|target| target.path.as_path());
            Ok(target.map_or(Ok(()), |path| files::write_atomic(path, bytes))?)
        })?;
    }
    Ok(report(source, targets.into_iter().map(|target| target.report(dry_run)).collect()))
}

/// A module's place in a folder.
struct Target<'a> {
    choice: Choice<'a>,
    path: Utf8PathBuf,
    /// What is there.
    there: Option<Sha256>,
}

/// Modules of two Apaches have the same name, and so each has a folder of its Apache.
fn targets<'a>(
    module: &str,
    choices: &[Choice<'a>],
    to: &Utf8Path,
) -> Result<Vec<Target<'a>>, FileError> {
    let several = choices.iter().any(|choice| choice.cell.apache != choices[0].cell.apache);
    let target = |choice: &Choice<'a>| {
        let id = &choice.cell.id;
        let path = to.join(if several { id.module_path(module) } else { id.file_name(module) });
        Ok(Target { choice: *choice, there: there(&path)?, path })
    };
    choices.iter().map(target).collect()
}

impl Target<'_> {
    fn is_there(&self) -> bool {
        self.there == Some(self.choice.built.sha256)
    }

    fn report(self, dry_run: bool) -> FetchedFile {
        let Choice { cell, built } = self.choice;
        FetchedFile {
            path: self.path.into_string(),
            change: Change::of(self.there, built.sha256, !dry_run),
            cell: Some(cell.id.clone()),
            sha256: built.sha256,
            size: built.size,
            unsupported: cell.verdict.reason().map(str::to_owned),
        }
    }
}

/// Takes every file of a release, the manifest last.
pub fn fetch_all(
    source: &Source,
    to: &Utf8Path,
    dry_run: bool,
    events: &Events,
) -> Result<Fetched, FetchError> {
    let mut taken = Vec::new();
    let mut missing = Vec::new();
    for record in &source.manifest().archives {
        let file = asset(to, &record.name, record.sha256, record.size, dry_run)?;
        if file.change != Change::Unchanged {
            missing.push(record);
        }
        taken.push(file);
    }
    let mut small = beside(source)?;
    small.push((name_of(source.manifest(), FILE_END), source.manifest.clone()));
    for (name, bytes) in &small {
        let digest = Digest::of(bytes);
        taken.push(asset(to, name, digest.sha256, digest.size, dry_run)?);
    }
    if !dry_run {
        plan(source, &missing, events);
        for record in missing {
            let obtained = source.obtain(record, events)?;
            files::copy(&obtained.path, &to.join(&record.name))?;
        }
        for (name, bytes) in &small {
            files::write_atomic(&to.join(name), bytes)?;
        }
    }
    Ok(report(source, taken))
}

/// Gives `put` the bytes of each module, compared with the manifest.
pub fn take(
    source: &Source,
    choices: &[Choice<'_>],
    events: &Events,
    mut put: impl FnMut(&Choice<'_>, &[u8]) -> Result<(), FetchError>,
) -> Result<(), FetchError> {
    let mut of_archives: BTreeMap<&str, (&ArchiveRecord, Vec<&Choice<'_>>)> = BTreeMap::new();
    for choice in choices {
        let record = archive_of(source.manifest(), &choice.cell.apache)?;
        of_archives.entry(&record.name).or_insert((record, Vec::new())).1.push(choice);
    }
    let records: Vec<&ArchiveRecord> = of_archives.values().map(|(record, _)| *record).collect();
    plan(source, &records, events);
    for (record, choices) in of_archives.values() {
        let obtained = source.obtain(record, events)?;
        for (choice, bytes) in inside(record, &obtained.path, choices)? {
            put(choice, &bytes)?;
        }
    }
    Ok(())
}

/// The modules in an archive, by their place and their digest.
fn inside<'a, 'b>(
    record: &ArchiveRecord,
    path: &Utf8Path,
    choices: &[&'a Choice<'b>],
) -> Result<Vec<(&'a Choice<'b>, Vec<u8>)>, FetchError> {
    let mut found: Vec<(&Choice<'_>, Vec<u8>)> = Vec::new();
    archive::modules(path, |name, bytes| {
        for choice in choices {
            let is_it = Utf8Path::new(name).ends_with(&choice.built.path)
                && choice.built.sha256 == Sha256::of(bytes);
            if is_it && !found.iter().any(|(known, _)| known.cell.id == choice.cell.id) {
                found.push((choice, bytes.to_vec()));
            }
        }
    })
    .map_err(FetchError::Archive)?;
    let missing =
        |choice: &&&Choice<'_>| !found.iter().any(|(known, _)| known.cell.id == choice.cell.id);
    match choices.iter().find(missing) {
        None => Ok(found),
        Some(choice) => Err(FetchError::NotInside {
            archive: record.name.clone(),
            path: choice.built.path.clone(),
            sha256: choice.built.sha256,
        }),
    }
}

/// The archive of one Apache folder; of a release without one, the archive of everything.
fn archive_of<'a>(
    manifest: &'a Manifest,
    label: &ApacheLabel,
) -> Result<&'a ArchiveRecord, FetchError> {
    let ending = |end: &str| {
        let name = name_of(manifest, end);
        manifest.archives.iter().find(|archive| archive.name == name)
    };
    ending(&format!("-{label}.zip"))
        .or_else(|| ending(".zip"))
        .ok_or_else(|| FetchError::NoArchive { label: label.to_string() })
}

fn plan(source: &Source, records: &[&ArchiveRecord], events: &Events) {
    if !records.is_empty() {
        let bytes = records.iter().map(|record| record.size).fold(0, u64::saturating_add);
        let (place, assets) = (source.name.clone(), records.len());
        events.emit(Event::DownloadPlanned { place, assets, bytes });
    }
}

/// The SHA-256 of what is in a place, if anything is.
fn there(path: &Utf8Path) -> Result<Option<Sha256>, FileError> {
    Ok(files::digest_if_there(path)?.map(|digest| digest.sha256))
}

fn asset(
    to: &Utf8Path,
    name: &str,
    sha256: Sha256,
    size: u64,
    dry_run: bool,
) -> Result<FetchedFile, FileError> {
    let path = to.join(name);
    let change = Change::of(there(&path)?, sha256, !dry_run);
    let path = path.into_string();
    Ok(FetchedFile { path, change, cell: None, sha256, size, unsupported: None })
}

fn report(source: &Source, files: Vec<FetchedFile>) -> Fetched {
    let module = &source.manifest().module;
    Fetched {
        module: module.name.clone(),
        version: module.version.clone(),
        source: source.name.clone(),
        manifest_sha256: source.reference.digest.sha256,
        files,
    }
}
