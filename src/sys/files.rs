//! Files and folders: reading, atomic writing, hashing, walking, locks.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::time::SystemTime;

use camino::{Utf8Path, Utf8PathBuf};
use sha2::Digest as _;

use crate::model::digest::{Digest, Sha256};

/// Something that could not be done to a file.
#[derive(Debug, thiserror::Error)]
#[error("cannot {action} {path}: {source}{}", hint(source))]
pub struct FileError {
    /// What was being done: `read`, `write`.
    pub action: &'static str,
    /// To which file or folder.
    pub path: Utf8PathBuf,
    /// What the system says.
    #[source]
    pub source: io::Error,
}

impl FileError {
    /// An error at a path.
    #[must_use]
    pub fn new(action: &'static str, path: &Utf8Path, source: io::Error) -> Self {
        Self { action, path: path.to_owned(), source }
    }

    /// Whether the file or folder is not there.
    #[must_use]
    pub fn is_not_found(&self) -> bool {
        self.source.kind() == io::ErrorKind::NotFound
    }
}

fn hint(source: &io::Error) -> &'static str {
    match source.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            "\nhint: the disk is full; free some space and run the same command again"
        }
        io::ErrorKind::ReadOnlyFilesystem => {
            "\nhint: the file system is read-only; name a folder that can be written to"
        }
        io::ErrorKind::PermissionDenied => {
            "\nhint: this user may not do that; name another folder or change its permissions"
        }
        _ => "",
    }
}

fn at(action: &'static str, path: &Utf8Path) -> impl FnOnce(io::Error) -> FileError {
    let path = path.to_owned();
    move |source| FileError { action, path, source }
}

/// The whole of a file.
pub fn read(path: &Utf8Path) -> Result<Vec<u8>, FileError> {
    fs::read(path).map_err(at("read", path))
}

/// The whole of a file of at most `limit` bytes, so that a wrong path costs no memory.
pub fn read_limited(path: &Utf8Path, limit: u64) -> Result<Vec<u8>, FileError> {
    let mut bytes = Vec::new();
    let read = open(path)?.take(limit + 1).read_to_end(&mut bytes).map_err(at("read", path))?;
    if read as u64 > limit {
        let source = io::Error::new(
            io::ErrorKind::FileTooLarge,
            format!("it is larger than {} MiB", limit >> 20),
        );
        return Err(FileError::new("read", path, source));
    }
    Ok(bytes)
}

/// The whole of a text file.
pub fn read_to_string(path: &Utf8Path) -> Result<String, FileError> {
    fs::read_to_string(path).map_err(at("read", path))
}

/// The first `length` bytes of a file, or all of a shorter one.
pub fn head(path: &Utf8Path, length: u64) -> Result<Vec<u8>, FileError> {
    let mut bytes = Vec::new();
    open(path)?.take(length).read_to_end(&mut bytes).map_err(at("read", path))?;
    Ok(bytes)
}

/// The last `length` bytes of a file, or all of a shorter one, and how many it has.
pub fn tail(path: &Utf8Path, length: u64) -> Result<(Vec<u8>, u64), FileError> {
    let mut file = open(path)?;
    let whole = file.seek(SeekFrom::End(0)).map_err(at("read", path))?;
    let start = SeekFrom::Start(whole.saturating_sub(length));
    let mut bytes = Vec::new();
    file.seek(start)
        .and_then(|_| file.take(length).read_to_end(&mut bytes))
        .map_err(at("read", path))?;
    Ok((bytes, whole))
}

/// A file to read from.
pub fn open(path: &Utf8Path) -> Result<File, FileError> {
    File::open(path).map_err(at("open", path))
}

/// A new, empty file to write to.
pub fn create(path: &Utf8Path) -> Result<File, FileError> {
    File::create(path).map_err(at("create", path))
}

/// A file to append to, made where it is missing.
pub fn append(path: &Utf8Path) -> Result<File, FileError> {
    OpenOptions::new().create(true).append(true).open(path).map_err(at("open", path))
}

/// Writes a file so that it is there whole or not at all, also when the power fails.
pub fn write_atomic(path: &Utf8Path, bytes: &[u8]) -> Result<(), FileError> {
    let mut file = temporary_beside(path)?;
    file.write_all(bytes).and_then(|()| file.as_file().sync_all()).map_err(at("write", path))?;
    persist(file, path)
}

/// A temporary file in the folder of `path`, made where it is missing, for [`persist`].
pub fn temporary_beside(path: &Utf8Path) -> Result<tempfile::NamedTempFile, FileError> {
    let folder = parent(path);
    create_dir_all(folder)?;
    tempfile::Builder::new()
        .prefix(".modfarm-")
        .tempfile_in(folder)
        .map_err(at("create a file in", folder))
}

/// Gives a temporary file its name.
pub fn persist(file: tempfile::NamedTempFile, path: &Utf8Path) -> Result<(), FileError> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        file.as_file()
            .set_permissions(fs::Permissions::from_mode(0o644))
            .map_err(at("set the permissions of", path))?;
    }
    file.persist(path).map(drop).map_err(|error| FileError::new("write", path, error.error))
}

/// A temporary file in a folder that is there, for [`persist_read_only`].
pub fn temporary_file_in(folder: &Utf8Path) -> Result<tempfile::NamedTempFile, FileError> {
    tempfile::Builder::new()
        .prefix(".modfarm-")
        .tempfile_in(folder)
        .map_err(at("create a file in", folder))
}

/// Gives a temporary file its name and takes away the right to write to it. One that is there
/// already is replaced; where Windows refuses that, for somebody reads it, it stays.
pub fn persist_read_only(file: tempfile::NamedTempFile, path: &Utf8Path) -> Result<(), FileError> {
    // Windows replaces no file that is read-only, and gives a new name to none.
    if cfg!(not(windows)) {
        set_read_only(file.as_file(), 0o444).map_err(at("set the permissions of", path))?;
    }
    let (mut file, mut tries) = (file, 0);
    loop {
        create_dir_all(parent(path))?;
        if cfg!(windows) && exists(path) && remove_file(path).is_err() {
            return Ok(());
        }
        tries += 1;
        match file.persist(path) {
            Ok(file) if cfg!(windows) => {
                return set_read_only(&file, 0o444).map_err(at("set the permissions of", path));
            }
            Ok(_) => return Ok(()),
            // Another one of us was faster.
            Err(_) if cfg!(windows) && exists(path) => return Ok(()),
            // Somebody who tidies up may have found the folder empty just now.
            Err(error) if error.error.kind() == io::ErrorKind::NotFound && tries < 100 => {
                file = error.file;
            }
            Err(error) => return Err(FileError::new("write", path, error.error)),
        }
    }
}

/// Notes down that a file is used, as its time of access: explicitly, since most systems are set up not
/// to do so. Where that is not possible nothing is said, and the file looks older than it is.
pub fn note_use(path: &Utf8Path) {
    let times = fs::FileTimes::new().set_accessed(SystemTime::now());
    if let Err(error) = File::open(path).and_then(|file| file.set_times(times)) {
        tracing::trace!("the use of {path} is not noted down: {error}");
    }
}

/// The whole of a file, without the system noting down that it was read where it can be told not to: to
/// look at a file is no use of it.
pub fn read_unnoted(path: &Utf8Path) -> Result<Vec<u8>, FileError> {
    #[cfg(target_os = "linux")]
    {
        use std::os::unix::fs::OpenOptionsExt as _;
        let flag = rustix::fs::OFlags::NOATIME.bits().cast_signed();
        let mut bytes = Vec::new();
        // Only a file's owner may ask for it.
        if let Ok(mut file) = File::options().read(true).custom_flags(flag).open(path) {
            file.read_to_end(&mut bytes).map_err(at("read", path))?;
            return Ok(bytes);
        }
    }
    read(path)
}

/// When a file was last used: read as far as that was noted down, or written.
#[must_use]
pub fn last_use(metadata: &fs::Metadata) -> SystemTime {
    modified(metadata).max(metadata.accessed().unwrap_or(SystemTime::UNIX_EPOCH))
}

/// Takes away the right to write to a file that is there.
pub fn take_away_writing(path: &Utf8Path) -> Result<(), FileError> {
    let mut permissions = metadata(path)?.permissions();
    if permissions.readonly() {
        return Ok(());
    }
    permissions.set_readonly(true);
    fs::set_permissions(path, permissions).map_err(at("set the permissions of", path))
}

fn set_read_only(file: &File, mode: u32) -> io::Result<()> {
    let mut permissions = file.metadata()?.permissions();
    #[cfg(unix)]
    std::os::unix::fs::PermissionsExt::set_mode(&mut permissions, mode);
    #[cfg(not(unix))]
    permissions.set_readonly(mode & 0o222 == 0);
    file.set_permissions(permissions)
}

/// The folder that `path` stands in; `.` for a bare name.
#[must_use]
pub fn parent(path: &Utf8Path) -> &Utf8Path {
    path.parent().filter(|parent| !parent.as_str().is_empty()).unwrap_or(Utf8Path::new("."))
}

/// Makes a folder and those above it.
pub fn create_dir_all(path: &Utf8Path) -> Result<(), FileError> {
    fs::create_dir_all(path).map_err(at("make the folder", path))
}

/// A temporary folder inside `folder`, removed when it is dropped.
pub fn temporary_dir_in(folder: &Utf8Path) -> Result<tempfile::TempDir, FileError> {
    create_dir_all(folder)?;
    tempfile::Builder::new()
        .prefix(".modfarm-")
        .tempdir_in(folder)
        .map_err(at("make a folder in", folder))
}

/// Removes a file; one that is not there is no error.
pub fn remove_file(path: &Utf8Path) -> Result<(), FileError> {
    #[cfg(windows)]
    let removed = super::stubborn::remove_file(path.as_std_path());
    #[cfg(not(windows))]
    let removed = fs::remove_file(path);
    ignore_missing(removed).map_err(at("remove", path))
}

/// Removes a folder and all in it; one that is not there is no error.
pub fn remove_dir_all(path: &Utf8Path) -> Result<(), FileError> {
    #[cfg(windows)]
    let removed = super::stubborn::remove_dir_all(path.as_std_path());
    #[cfg(not(windows))]
    let removed = fs::remove_dir_all(path);
    ignore_missing(removed).map_err(at("remove", path))
}

fn ignore_missing(result: io::Result<()>) -> io::Result<()> {
    match result {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

/// Removes a folder if it is empty; one that is not, or not there, is no error.
pub fn remove_dir_if_empty(path: &Utf8Path) {
    fs::remove_dir(path).ok();
}

/// Renames a file or folder within one file system.
pub fn rename(from: &Utf8Path, to: &Utf8Path) -> Result<(), FileError> {
    fs::rename(from, to).map_err(at("rename to", to))
}

/// Lets two folders change places. One step where the system can; where it cannot, the second is moved
/// aside first, so that for a moment there is none, but never half of one.
pub fn exchange(one: &Utf8Path, other: &Utf8Path) -> Result<(), FileError> {
    #[cfg(target_os = "linux")]
    {
        use rustix::fs::{CWD, RenameFlags, renameat_with};
        match renameat_with(CWD, one.as_std_path(), CWD, other.as_std_path(), RenameFlags::EXCHANGE)
        {
            Ok(()) => return Ok(()),
            Err(rustix::io::Errno::INVAL | rustix::io::Errno::NOSYS) => {}
            Err(errno) => return Err(FileError::new("replace", other, errno.into())),
        }
    }
    let aside = Utf8PathBuf::from(format!("{one}.old"));
    rename(other, &aside)?;
    rename(one, other)?;
    rename(&aside, one)
}

/// Has the system write down the names in a folder.
pub fn sync_dir(path: &Utf8Path) -> Result<(), FileError> {
    // Windows opens no folder like a file, and writes names down by itself.
    if cfg!(unix) {
        File::open(path).and_then(|folder| folder.sync_all()).map_err(at("sync", path))?;
    }
    Ok(())
}

/// Gives a file a second name; where the file system cannot, copies it. Never writes over a file
/// that is there: it may be another name of something that must not change.
pub fn link_or_copy(from: &Utf8Path, to: &Utf8Path) -> Result<(), FileError> {
    fs::hard_link(from, to)
        .or_else(|error| match error.kind() {
            io::ErrorKind::AlreadyExists => Err(error),
            _ => fs::copy(from, to).map(drop),
        })
        .map_err(at("write", to))
}

/// Gives a file or folder a name elsewhere, as a symbolic link.
#[cfg(unix)]
pub fn symlink(target: &Utf8Path, link: &Utf8Path) -> Result<(), FileError> {
    std::os::unix::fs::symlink(target, link).map_err(at("make the link", link))
}

/// Lets every user of the machine look into a folder.
#[cfg(unix)]
pub fn open_to_all(folder: &Utf8Path) -> Result<(), FileError> {
    use std::os::unix::fs::PermissionsExt as _;
    fs::set_permissions(folder, fs::Permissions::from_mode(0o755))
        .map_err(at("set the permissions of", folder))
}

/// Copies a file; the copy is there whole or not at all, also when the power fails.
pub fn copy(from: &Utf8Path, to: &Utf8Path) -> Result<(), FileError> {
    let mut reader = open(from)?;
    let mut writer = temporary_beside(to)?;
    io::copy(&mut reader, writer.as_file_mut())
        .and_then(|_| writer.as_file().sync_all())
        .map_err(at("write", to))?;
    persist(writer, to)
}

/// Copies a file to a new one that can be run and not written.
pub fn copy_executable(from: &Utf8Path, to: &Utf8Path) -> Result<(), FileError> {
    let mut reader = open(from)?;
    let mut writer =
        OpenOptions::new().write(true).create_new(true).open(to).map_err(at("create", to))?;
    io::copy(&mut reader, &mut writer).map_err(at("write", to))?;
    set_read_only(&writer, 0o555).map_err(at("set the permissions of", to))
}

/// Whether a file or folder is there.
#[must_use]
pub fn exists(path: &Utf8Path) -> bool {
    path.exists()
}

/// Whether a folder is there.
#[must_use]
pub fn is_dir(path: &Utf8Path) -> bool {
    path.is_dir()
}

/// What the system says of a file, links followed.
pub fn metadata(path: &Utf8Path) -> Result<fs::Metadata, FileError> {
    fs::metadata(path).map_err(at("look at", path))
}

/// What the system says of a file, a link itself if it is one.
pub fn symlink_metadata(path: &Utf8Path) -> Result<fs::Metadata, FileError> {
    fs::symlink_metadata(path).map_err(at("look at", path))
}

/// The path without links in it, on Windows as other programs take it, too.
pub fn canonical(path: &Utf8Path) -> Result<Utf8PathBuf, FileError> {
    let canonical = path.canonicalize_utf8().map_err(at("look at", path))?;
    Ok(if cfg!(windows) { without_prefix(canonical) } else { canonical })
}

/// `C:\folder` of `\\?\C:\folder`, which cmd and compilers do not take for a folder to work in. It
/// stays where it matters: for names that end in dots or spaces. Long paths need none here.
fn without_prefix(path: Utf8PathBuf) -> Utf8PathBuf {
    let drive = |rest: &&str| rest.as_bytes().get(1..3) == Some(br":\");
    let plain = |rest: &&str| !rest.split('\\').any(|part| part.ends_with(['.', ' ']));
    match path.as_str().strip_prefix(r"\\?\").filter(drive).filter(plain) {
        Some(rest) => rest.into(),
        None => path,
    }
}

/// The time a file was last used or written, whichever the system keeps; the epoch where it keeps none.
#[must_use]
pub fn modified(metadata: &fs::Metadata) -> SystemTime {
    metadata.modified().unwrap_or(SystemTime::UNIX_EPOCH)
}

/// The names in a folder, sorted.
pub fn names(folder: &Utf8Path) -> Result<Vec<String>, FileError> {
    let mut names = folder
        .read_dir_utf8()
        .and_then(|entries| {
            entries
                .map(|entry| entry.map(|entry| entry.file_name().to_owned()))
                .collect::<io::Result<Vec<_>>>()
        })
        .map_err(at("list", folder))?;
    names.sort_unstable();
    Ok(names)
}

/// Every regular file below a folder, as paths relative to it with `/` between the parts, sorted.
/// Links are not followed and not listed.
pub fn walk(folder: &Utf8Path) -> Result<Vec<String>, FileError> {
    let mut paths = Vec::new();
    for entry in walkdir::WalkDir::new(folder).sort_by_file_name() {
        let entry = entry.map_err(|error| {
            let source =
                error.into_io_error().unwrap_or_else(|| io::Error::other("a loop of links"));
            FileError::new("list", folder, source)
        })?;
        if entry.file_type().is_file() {
            let path = entry.path().strip_prefix(folder).unwrap_or(entry.path());
            let Some(path) = path.to_str() else {
                let source = io::Error::new(
                    io::ErrorKind::InvalidData,
                    format!("the name {} is not Unicode", path.display()),
                );
                return Err(FileError::new("list", folder, source));
            };
            paths.push(path.replace('\\', "/"));
        }
    }
    paths.sort_unstable();
    Ok(paths)
}

/// Every regular file below a folder as [`walk`] has it, with what the system says of it. What goes away
/// meanwhile is left out, and a folder that is a link, or not there, has none.
pub fn survey(folder: &Utf8Path) -> Result<Vec<(String, fs::Metadata)>, FileError> {
    if !symlink_metadata(folder).is_ok_and(|metadata| metadata.is_dir()) {
        return Ok(Vec::new());
    }
    let mut found = Vec::new();
    for entry in walkdir::WalkDir::new(folder) {
        let entry = match entry.and_then(|entry| Ok((entry.metadata()?, entry))) {
            Ok((metadata, entry)) => entry.file_type().is_file().then_some((entry, metadata)),
            Err(error) => match error.into_io_error() {
                Some(source) if source.kind() != io::ErrorKind::NotFound => {
                    return Err(FileError::new("list", folder, source));
                }
                _ => None,
            },
        };
        let Some((entry, metadata)) = entry else { continue };
        let path = entry.path().strip_prefix(folder).unwrap_or(entry.path());
        found.push((path.to_string_lossy().replace('\\', "/"), metadata));
    }
    Ok(found)
}

/// The digest of a file, read in pieces.
pub fn digest(path: &Utf8Path) -> Result<Digest, FileError> {
    digest_reader(open(path)?).map_err(at("read", path))
}

/// The digest of a file, if it is there.
pub fn digest_if_there(path: &Utf8Path) -> Result<Option<Digest>, FileError> {
    match digest(path) {
        Ok(digest) => Ok(Some(digest)),
        Err(error) if error.is_not_found() => Ok(None),
        Err(error) => Err(error),
    }
}

/// The digest of all that a reader gives.
pub fn digest_reader(mut reader: impl Read) -> io::Result<Digest> {
    let mut hash = sha2::Sha256::new();
    let mut size = 0;
    let mut buffer = vec![0; 1 << 16];
    loop {
        let read = reader.read(&mut buffer)?;
        if read == 0 {
            return Ok(Digest { sha256: Sha256::finish(hash), size });
        }
        hash.update(&buffer[..read]);
        size += read as u64;
    }
}

/// A lock on a folder or file, held until it is dropped, or until the process ends.
#[derive(Debug)]
pub struct Lock(File);

impl Lock {
    /// Writes into the locked file who holds it, for people.
    pub fn label(&self, text: &str) -> io::Result<()> {
        self.0.set_len(0)?;
        (&self.0).write_all(text.as_bytes())
    }
}

/// Takes the lock that the file `path` stands for; `None` where another process holds it.
pub fn try_lock(path: &Utf8Path) -> Result<Option<Lock>, FileError> {
    create_dir_all(parent(path))?;
    // Windows locks nothing that is open for appending alone.
    let file = OpenOptions::new().create(true).read(true).append(true).open(path);
    let file = file.map_err(at("open", path))?;
    match file.try_lock() {
        Ok(()) => Ok(Some(Lock(file))),
        Err(fs::TryLockError::WouldBlock) => Ok(None),
        Err(fs::TryLockError::Error(source)) => Err(FileError::new("lock", path, source)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder() -> (tempfile::TempDir, Utf8PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = Utf8PathBuf::from_path_buf(folder.path().to_owned()).unwrap();
        (folder, path)
    }

    #[test]
    fn writes_whole_files_and_makes_the_folder() {
        let (_keep, folder) = folder();
        let path = folder.join("a/b");
        write_atomic(&path, b"one").unwrap();
        write_atomic(&path, b"two").unwrap();
        assert_eq!(read(&path).unwrap(), b"two");
        assert_eq!(names(&folder.join("a")).unwrap(), ["b"]);
        assert_eq!(digest(&path).unwrap(), Digest::of(b"two"));
    }

    #[test]
    fn an_error_names_the_path() {
        let (_keep, folder) = folder();
        let error = read(&folder.join("missing")).unwrap_err();
        assert!(error.is_not_found());
        assert!(error.to_string().contains("missing: No such file"), "{error}");
    }

    #[test]
    fn of_a_large_file_its_end_is_read() {
        let (_keep, folder) = folder();
        let path = folder.join("log");
        write_atomic(&path, b"0123456789").unwrap();
        assert_eq!(tail(&path, 3).unwrap(), (b"789".to_vec(), 10));
        assert_eq!(tail(&path, 30).unwrap(), (b"0123456789".to_vec(), 10));
        assert!(tail(&folder, 3).is_err());
    }

    #[test]
    fn a_link_never_writes_over_a_file() {
        let (_keep, folder) = folder();
        write_atomic(&folder.join("one"), b"one").unwrap();
        write_atomic(&folder.join("two"), b"two").unwrap();
        assert!(link_or_copy(&folder.join("one"), &folder.join("two")).is_err());
        assert!(copy_executable(&folder.join("one"), &folder.join("two")).is_err());
        assert_eq!(read(&folder.join("two")).unwrap(), b"two");
    }

    #[test]
    fn a_path_on_windows_is_as_other_programs_take_it() {
        for (path, plain) in [
            (r"\\?\C:\store\a b", r"C:\store\a b"),
            (r"\\?\C:\", r"C:\"),
            (r"\\?\C:\dots.\a", r"\\?\C:\dots.\a"),
            (r"\\?\UNC\server\share", r"\\?\UNC\server\share"),
            ("/store", "/store"),
        ] {
            assert_eq!(without_prefix(path.into()), plain);
        }
    }

    #[test]
    fn a_lock_is_held_once() {
        let (_keep, folder) = folder();
        let path = folder.join("lock");
        let held = try_lock(&path).unwrap();
        assert!(held.is_some());
        assert!(try_lock(&path).unwrap().is_none());
        drop(held);
        assert!(try_lock(&path).unwrap().is_some());
    }
}
