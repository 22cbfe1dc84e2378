//! What a workflow left -> a release: every file is what its checksums and its manifest say.

use camino::{Utf8Path, Utf8PathBuf};

use super::{ViaError, fresh};
use crate::download::reference::{Reference, ReferenceError};
use crate::download::verify::{VerifyError, verify};
use crate::model::verification::{Answer, ComparedFile};
use crate::publish::Release;
use crate::publish::release::FolderError;
use crate::sys::files::{self, FileError};

/// The release in a folder: by its checksums, and as `modfarm verify --complete` sees it.
pub(super) fn prove(run: u64, folder: &Utf8Path) -> Result<Release, ViaError> {
    let no = |error: &dyn std::fmt::Display| {
        // Its remedies are for who made the folder; and where it lies for now is of no interest.
        let text = error.to_string().replace(&format!("{folder}/"), "");
        let reason = text.replace(folder.as_str(), "it");
        let reason = reason.lines().next().unwrap_or_default().to_owned();
        ViaError::NoRelease { run, reason }
    };
    let release = Release::read(folder, &mut fresh()).map_err(|error| match error {
        FolderError::File(error) => ViaError::File(error),
        other => no(&other),
    })?;
    let reference = Reference::in_folder(folder).map_err(|error| match error {
        ReferenceError::File(error) => ViaError::File(error),
        other => no(&other),
    })?;
    let found = verify(&reference, &[folder.to_owned()], true).map_err(|error| match error {
        VerifyError::File(error) => ViaError::File(error),
        other @ VerifyError::Archive(_) => no(&other),
    })?;
    let wrong: Vec<String> =
        found.files.iter().filter(|file| file.answer.is_wrong()).map(fault).collect();
    if !wrong.is_empty() {
        return Err(no(&wrong.join("; ")));
    }
    Ok(release)
}

/// The folder of the release: the archive's own, or the only one in it.
pub(super) fn top_of(folder: &Utf8Path) -> Result<Utf8PathBuf, FileError> {
    let names = files::names(folder)?;
    let only = names.first().filter(|_| names.len() == 1).map(|name| folder.join(name));
    Ok(only.filter(|only| files::is_dir(only)).unwrap_or_else(|| folder.to_owned()))
}

fn fault(file: &ComparedFile) -> String {
    let name = Utf8Path::new(&file.file).file_name().unwrap_or(&file.file);
    match &file.answer {
        Answer::Different { reason, .. } => format!("{name}: {reason}"),
        Answer::Misnamed { really, .. } => format!("{name} is {}", really.join(", ")),
        Answer::Missing => format!("{name} is missing"),
        _ => format!("{name} is not of the release"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_release_is_found_at_the_top_or_one_below() {
        let keep = tempfile::tempdir().unwrap();
        let folder = Utf8Path::from_path(keep.path()).unwrap();
        files::write_atomic(&folder.join("mod_wsgi-6.1.1/a"), b"a").unwrap();
        assert_eq!(top_of(folder).unwrap(), folder.join("mod_wsgi-6.1.1"));
        files::write_atomic(&folder.join("b"), b"b").unwrap();
        assert_eq!(top_of(folder).unwrap(), folder);
    }

    #[test]
    fn what_is_no_release_is_told_without_where_it_lay() {
        let keep = tempfile::tempdir().unwrap();
        let folder = Utf8Path::from_path(keep.path()).unwrap();
        let error = prove(7, folder).unwrap_err().to_string();
        assert!(error.starts_with("what run 7 left is not a release: it is no release"), "{error}");
        assert!(!error.contains(folder.as_str()) && !error.contains("dist/"), "{error}");
    }
}
