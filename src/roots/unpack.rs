//! Archives of other people, unpacked so that nothing leaves the folder, no link is followed, and no
//! bomb fills the disk.

use std::io::{self, Read};

use camino::{Utf8Component, Utf8Path, Utf8PathBuf};
use flate2::read::GzDecoder;

use crate::sys::files::{self, FileError};

/// No Apache, Python or module source comes near these.
const MOST_BYTES: u64 = 2 << 30;
const MOST_FILES: usize = 100_000;

/// An archive that was not unpacked, or not to its end.
#[derive(Debug, thiserror::Error)]
pub enum UnpackError {
    /// It is cut short or damaged.
    #[error(
        "{archive} is damaged or cut short: {reason}\nhint: nothing of it was kept; run the same command again, or take it from elsewhere"
    )]
    Damaged {
        /// The archive.
        archive: String,
        /// What the reader says.
        reason: String,
    },
    /// A member wants to stand outside of the folder, or is no plain file.
    #[error(
        "{archive} is refused: its member {member:?} {reason}\nhint: nothing of it was kept; take the archive from its maker"
    )]
    Hostile {
        /// The archive.
        archive: String,
        /// The member's name.
        member: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// It unpacks to more than anything of the kind.
    #[error("{archive} is refused: it unpacks to more than {limit}")]
    TooLarge {
        /// The archive.
        archive: String,
        /// The limit, in words.
        limit: String,
    },
    /// It is of no kind that is known here.
    #[error(
        "{archive} is {what}, neither a zip nor a tar.gz\nhint: nothing of it was kept; look at the address in a browser: the file may have moved"
    )]
    Unknown {
        /// The archive.
        archive: String,
        /// What it is instead.
        what: &'static str,
    },
    /// A file cannot be read or written.
    #[error(transparent)]
    File(#[from] FileError),
}

/// Unpacks a zip or tar.gz into `folder`, which appears whole or not at all. In errors it is called by
/// `name`: where it came from, for the file itself may be gone by then.
pub fn unpack(archive: &Utf8Path, name: &str, folder: &Utf8Path) -> Result<(), UnpackError> {
    unpack_at_most(archive, name, folder, MOST_BYTES)
}

/// The same, of an archive that is known to hold no more than so many bytes.
pub fn unpack_at_most(
    archive: &Utf8Path,
    name: &str,
    folder: &Utf8Path,
    most: u64,
) -> Result<(), UnpackError> {
    let staging = files::temporary_dir_in(files::parent(folder))?;
    let path = Utf8PathBuf::from_path_buf(staging.path().join("tree")).unwrap_or_default();
    files::create_dir_all(&path)?;
    let mut start = Vec::new();
    files::open(archive)?
        .take(64)
        .read_to_end(&mut start)
        .map_err(|source| FileError::new("read", archive, source))?;
    let unknown = |what| UnpackError::Unknown { archive: name.to_owned(), what };
    match start.trim_ascii_start() {
        [b'P', b'K', 3 | 5, 4 | 6, ..] => unpack_zip(archive, Budget::new(name, most), &path)?,
        [0x1f, 0x8b, ..] => unpack_tar(archive, Budget::new(name, most), &path)?,
        [] => return Err(unknown("empty")),
        [b'<', ..] => return Err(unknown("a web page")),
        _ => return Err(unknown("of an unknown kind")),
    }
    if files::is_dir(folder) {
        // Another run was faster, with the same archive.
        return Ok(());
    }
    Ok(files::rename(&path, folder)?)
}

fn unpack_zip(
    archive: &Utf8Path,
    mut budget: Budget<'_>,
    folder: &Utf8Path,
) -> Result<(), UnpackError> {
    let name = budget.archive;
    let damaged = |error: zip::result::ZipError| UnpackError::Damaged {
        archive: name.to_owned(),
        reason: error.to_string(),
    };
    let mut zip = zip::ZipArchive::new(files::open(archive)?).map_err(damaged)?;
    for index in 0..zip.len() {
        let mut member = zip.by_index(index).map_err(damaged)?;
        let path = member.name().map_err(damaged)?.into_owned();
        if member.is_symlink() {
            return Err(hostile(name, &path, "is a link"));
        }
        if member.is_dir() {
            safe_path(name, &path)?;
            continue;
        }
        budget.write(&mut member, &path, folder)?;
    }
    Ok(())
}

fn unpack_tar(
    archive: &Utf8Path,
    mut budget: Budget<'_>,
    folder: &Utf8Path,
) -> Result<(), UnpackError> {
    let name = budget.archive;
    let damaged = |error: io::Error| UnpackError::Damaged {
        archive: name.to_owned(),
        reason: error.to_string(),
    };
    let mut tar = tar::Archive::new(GzDecoder::new(files::open(archive)?));
    for entry in tar.entries().map_err(damaged)? {
        let mut entry = entry.map_err(damaged)?;
        let path = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
        match entry.header().entry_type() {
            tar::EntryType::Regular | tar::EntryType::Continuous => {
                budget.write(&mut entry, &path, folder)?;
            }
            tar::EntryType::Directory => drop(safe_path(name, &path)?),
            tar::EntryType::XGlobalHeader | tar::EntryType::XHeader => {}
            tar::EntryType::Symlink | tar::EntryType::Link => {
                return Err(hostile(name, &path, "is a link"));
            }
            _ => return Err(hostile(name, &path, "is no plain file")),
        }
    }
    Ok(())
}

/// What may still be written.
struct Budget<'a> {
    archive: &'a str,
    most: u64,
    bytes: u64,
    files: usize,
}

impl<'a> Budget<'a> {
    fn new(archive: &'a str, most: u64) -> Self {
        Self { archive, most, bytes: most, files: MOST_FILES }
    }

    fn write(
        &mut self,
        member: &mut impl Read,
        name: &str,
        folder: &Utf8Path,
    ) -> Result<(), UnpackError> {
        let too_large =
            |limit: String| UnpackError::TooLarge { archive: self.archive.to_owned(), limit };
        let path = folder.join(safe_path(self.archive, name)?);
        self.files =
            self.files.checked_sub(1).ok_or_else(|| too_large(format!("{MOST_FILES} files")))?;
        files::create_dir_all(files::parent(&path))?;
        if files::exists(&path) {
            return Err(hostile(self.archive, name, "comes twice"));
        }
        let mut file = files::create(&path)?;
        let written =
            copy(&mut member.take(self.bytes + 1), &mut file).map_err(|error| match error {
                CopyError::Read(error) => UnpackError::Damaged {
                    archive: self.archive.to_owned(),
                    reason: format!("{name}: {error}"),
                },
                CopyError::Write(source) => FileError::new("write", &path, source).into(),
            })?;
        self.bytes = self
            .bytes
            .checked_sub(written)
            .ok_or_else(|| too_large(format!("{} MiB", self.most >> 20)))?;
        Ok(())
    }
}

enum CopyError {
    Read(io::Error),
    Write(io::Error),
}

/// [`io::copy`], telling whose error it was: the archive's or the disk's.
fn copy(from: &mut impl Read, to: &mut impl io::Write) -> Result<u64, CopyError> {
    let mut buffer = vec![0; 1 << 16];
    let mut written = 0;
    loop {
        let read = from.read(&mut buffer).map_err(CopyError::Read)?;
        if read == 0 {
            return Ok(written);
        }
        to.write_all(&buffer[..read]).map_err(CopyError::Write)?;
        written += read as u64;
    }
}

/// The member's place relative to the folder, if it is one. `\` parts as Windows archivers write them.
fn safe_path(archive: &str, name: &str) -> Result<Utf8PathBuf, UnpackError> {
    let slashes = name.replace('\\', "/");
    let mut path = Utf8PathBuf::new();
    for component in Utf8Path::new(&slashes).components() {
        match component {
            Utf8Component::Normal(part) if !part.contains([':', '\0']) => path.push(part),
            Utf8Component::CurDir => {}
            _ => return Err(hostile(archive, name, "would leave the folder")),
        }
    }
    Ok(path)
}

fn hostile(archive: &str, member: &str, reason: &'static str) -> UnpackError {
    UnpackError::Hostile { archive: archive.to_owned(), member: member.to_owned(), reason }
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "tests make their own archives")]
mod tests {
    use std::io::Write as _;

    use super::*;

    fn folder() -> (tempfile::TempDir, Utf8PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = Utf8PathBuf::from_path_buf(folder.path().to_owned()).unwrap();
        (folder, path)
    }

    fn zip_of(path: &Utf8Path, members: &[(&str, &[u8])]) {
        let mut zip = zip::ZipWriter::new(std::fs::File::create(path).unwrap());
        for (name, bytes) in members {
            zip.start_file(*name, zip::write::SimpleFileOptions::default()).unwrap();
            zip.write_all(bytes).unwrap();
        }
        zip.finish().unwrap();
    }

    fn tar_of(path: &Utf8Path, name: &str, kind: tar::EntryType) {
        let gzip = flate2::write::GzEncoder::new(
            std::fs::File::create(path).unwrap(),
            flate2::Compression::fast(),
        );
        let mut tar = tar::Builder::new(gzip);
        let mut header = tar::Header::new_gnu();
        header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
        header.set_entry_type(kind);
        header.set_size(if kind.is_file() { 4 } else { 0 });
        header.set_mode(0o644);
        if !kind.is_file() {
            header.set_link_name("/etc/passwd").unwrap();
        }
        header.set_cksum();
        tar.append(&header, if kind.is_file() { &b"text"[..] } else { &[] }).unwrap();
        tar.into_inner().unwrap().finish().unwrap();
    }

    #[test]
    fn unpacks_both_kinds() {
        let (_keep, folder) = folder();
        zip_of(&folder.join("a.zip"), &[("Apache24/include/httpd.h", b"x"), ("b\\c", b"y")]);
        unpack(&folder.join("a.zip"), "a.zip", &folder.join("zip")).unwrap();
        assert_eq!(files::walk(&folder.join("zip")).unwrap(), ["Apache24/include/httpd.h", "b/c"]);
        tar_of(&folder.join("a.tar.gz"), "x/y", tar::EntryType::Regular);
        unpack(&folder.join("a.tar.gz"), "a.tar.gz", &folder.join("tar")).unwrap();
        assert_eq!(files::read(&folder.join("tar/x/y")).unwrap(), b"text");
    }

    #[test]
    fn nothing_leaves_the_folder() {
        let (_keep, folder) = folder();
        let archive = folder.join("bad");
        for name in ["../evil", "a/../../evil", "/evil", "..\\evil", "C:\\evil", "a:b"] {
            zip_of(&archive, &[("good", b"x"), (name, b"y")]);
            let error = unpack(&archive, "bad", &folder.join("out")).unwrap_err();
            assert!(matches!(error, UnpackError::Hostile { .. }), "{name}: {error}");
            assert!(!files::exists(&folder.join("out")), "{name}");
        }
        for name in ["../evil", "/evil"] {
            tar_of(&archive, name, tar::EntryType::Regular);
            assert!(unpack(&archive, "bad", &folder.join("out")).is_err(), "{name}");
        }
        assert!(!files::exists(&folder.join("evil")));
        assert_eq!(files::names(&folder).unwrap(), ["bad"]);
    }

    #[test]
    fn no_link_is_made() {
        let (_keep, folder) = folder();
        let archive = folder.join("bad");
        for kind in [tar::EntryType::Symlink, tar::EntryType::Link, tar::EntryType::Fifo] {
            tar_of(&archive, "x", kind);
            let error = unpack(&archive, "bad", &folder.join("out")).unwrap_err();
            assert!(matches!(error, UnpackError::Hostile { .. }), "{kind:?}: {error}");
        }
    }

    #[test]
    fn one_cut_short_leaves_nothing() {
        let (_keep, folder) = folder();
        let noise: Vec<u8> =
            (0..20_000_u32).flat_map(|n| n.wrapping_mul(2_654_435_761).to_le_bytes()).collect();
        zip_of(&folder.join("a.zip"), &[("x", &noise)]);
        let whole = files::read(&folder.join("a.zip")).unwrap();
        for length in [0, 3, 10, 1000, whole.len() - 1] {
            files::write_atomic(&folder.join("cut"), &whole[..length]).unwrap();
            let error = unpack(&folder.join("cut"), "cut", &folder.join("out")).unwrap_err();
            assert!(error.to_string().contains("cut"), "{length}: {error}");
            assert!(!files::exists(&folder.join("out")));
        }
    }
}
