//! A job's folder: the input tree laid out in it, the outputs collected from it, and then it is gone.
//!
//! Inputs are further names of the store's own files. They are read-only; a job that makes one
//! writable all the same damages the store, which the store notices at the next use.

use std::collections::HashSet;

use bazel_remote_apis::build::bazel::remote::execution::v2 as reapi;
use camino::{Utf8Path, Utf8PathBuf};
use prost::Message as _;

use super::names::{is_name, told_apart};
use super::store::{Store, StoreError};
use crate::model::digest::Digest;
use crate::model::tree::{from_wire, to_wire};
use crate::sys::files::{self, FileError};

/// Files and folders of one input tree: far more than a compiler needs, far less than a disk holds.
const MOST_ENTRIES: usize = 200_000;

/// The bytes of the message of one folder: as many entries as a tree may have, with long names.
const LARGEST_LISTING: u64 = 32 << 20;

/// Folders within folders of one input tree.
const MOST_DEPTH: usize = 64;

/// A folder in which a command can run.
#[derive(Debug)]
pub(super) struct Sandbox {
    folder: tempfile::TempDir,
    root: Utf8PathBuf,
    working: Utf8PathBuf,
    temporary: Utf8PathBuf,
}

/// Why an input tree cannot be laid out, or an output not be collected.
#[derive(Debug, thiserror::Error)]
pub(super) enum SandboxError {
    #[error("{0} contents of the action are missing, the first of them {1}")]
    Missing(usize, Digest, Vec<Digest>),
    #[error("'{0}' is not a name for a file or folder in an input tree")]
    Name(String),
    #[error("'{0}' stands twice in one folder of the input tree")]
    Twice(String),
    #[error("'{0}' is a symbolic link; an input tree may not have any")]
    Link(String),
    #[error("'{0}' is not a path inside the job's folder")]
    Path(String),
    #[error("the input tree has more than {MOST_ENTRIES} entries")]
    TooMany,
    #[error("the input tree has more than {MOST_DEPTH} folders within folders")]
    TooDeep,
    #[error("the content {0} of the input tree is not a folder")]
    NotAFolder(Digest),
    #[error("the input tree names a content by something that is not a SHA-256 and a size")]
    NotADigest,
    #[error("the output {0} is not a regular file")]
    NotAFile(String),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    File(#[from] FileError),
}

impl Sandbox {
    /// Lays out the input tree of a command.
    pub(super) fn lay_out(
        store: &Store,
        tree: Digest,
        command: &reapi::Command,
    ) -> Result<Self, SandboxError> {
        let folder = store.job_folder()?;
        let base = Utf8PathBuf::from_path_buf(folder.path().to_owned())
            .map_err(|path| SandboxError::Path(path.display().to_string()))?;
        let (root, temporary) = (base.join("root"), base.join("tmp"));
        files::create_dir_all(&root)?;
        files::create_dir_all(&temporary)?;
        let mut layout = Layout { store, entries: 0, missing: Vec::new() };
        layout.folder(tree, &root, 0)?;
        if let Some(first) = layout.missing.first() {
            return Err(SandboxError::Missing(layout.missing.len(), *first, layout.missing));
        }
        let working = inside(&root, &command.working_directory)?;
        files::create_dir_all(&working)?;
        for output in outputs(command) {
            files::create_dir_all(files::parent(&inside(&working, output)?))?;
        }
        Ok(Self { folder, root, working, temporary })
    }

    /// The folder that the command runs in.
    pub(super) fn working(&self) -> &Utf8Path {
        &self.working
    }

    /// A folder for what compilers put aside, gone with the job.
    pub(super) fn temporary(&self) -> &Utf8Path {
        &self.temporary
    }

    /// Takes the outputs of the command into the store, and names those it did not make.
    pub(super) fn collect(
        &self,
        store: &Store,
        command: &reapi::Command,
    ) -> Result<(Vec<reapi::OutputFile>, Vec<String>), SandboxError> {
        let (mut made, mut missing) = (Vec::new(), Vec::new());
        for output in outputs(command) {
            match self.output(output)? {
                Some(path) => made.push(reapi::OutputFile {
                    path: output.clone(),
                    digest: Some(to_wire(store.insert_file(&path)?)),
                    ..Default::default()
                }),
                None => missing.push(output.clone()),
            }
        }
        Ok((made, missing))
    }

    /// The file of an output, which no link may lead out of the folder.
    fn output(&self, output: &str) -> Result<Option<Utf8PathBuf>, SandboxError> {
        let path = inside(&self.working, output)?;
        let metadata = match files::symlink_metadata(&path) {
            Ok(metadata) => metadata,
            Err(error) if error.is_not_found() => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let root = files::canonical(&self.root)?;
        if !metadata.is_file() || !files::canonical(&path)?.starts_with(&root) {
            return Err(SandboxError::NotAFile(output.to_owned()));
        }
        Ok(Some(path))
    }
}

impl Drop for Sandbox {
    /// On Windows what is in the folder is read-only, and may be held by what was ended just now.
    fn drop(&mut self) {
        if let Some(folder) = Utf8Path::from_path(self.folder.path()) {
            drop(files::remove_dir_all(folder));
        }
    }
}

struct Layout<'a> {
    store: &'a Store,
    entries: usize,
    missing: Vec<Digest>,
}

impl Layout<'_> {
    fn folder(&mut self, tree: Digest, at: &Utf8Path, depth: usize) -> Result<(), SandboxError> {
        if depth > MOST_DEPTH {
            return Err(SandboxError::TooDeep);
        }
        if tree.size > LARGEST_LISTING {
            return Err(SandboxError::TooMany);
        }
        let Some(bytes) = self.store.read(tree)? else {
            self.missing.push(tree);
            return Ok(());
        };
        let directory = reapi::Directory::decode(bytes.as_slice())
            .map_err(|_| SandboxError::NotAFolder(tree))?;
        self.entries += directory.files.len() + directory.directories.len();
        if self.entries > MOST_ENTRIES {
            return Err(SandboxError::TooMany);
        }
        check_names(&directory)?;
        for file in &directory.files {
            self.file(file, &at.join(&file.name))?;
        }
        for folder in &directory.directories {
            let path = at.join(&folder.name);
            files::create_dir_all(&path)?;
            self.folder(digest_of(folder.digest.as_ref())?, &path, depth + 1)?;
        }
        Ok(())
    }

    fn file(&mut self, file: &reapi::FileNode, to: &Utf8Path) -> Result<(), SandboxError> {
        let digest = digest_of(file.digest.as_ref())?;
        let laid_out = match self.store.path(digest)? {
            Some(from) if file.is_executable => files::copy_executable(&from, to),
            Some(from) => files::link_or_copy(&from, to),
            None => {
                self.missing.push(digest);
                return Ok(());
            }
        };
        match laid_out {
            // It was removed since it was looked for.
            Err(error) if error.is_not_found() => self.missing.push(digest),
            Err(error) => return Err(error.into()),
            // Where Windows removes nothing that is read-only, it was made writable to be removed.
            Ok(()) if cfg!(windows) && !file.is_executable => files::take_away_writing(to)?,
            Ok(()) => {}
        }
        Ok(())
    }
}

fn digest_of(digest: Option<&reapi::Digest>) -> Result<Digest, SandboxError> {
    digest.and_then(from_wire).ok_or(SandboxError::NotADigest)
}

fn check_names(directory: &reapi::Directory) -> Result<(), SandboxError> {
    if let Some(link) = directory.symlinks.first() {
        return Err(SandboxError::Link(link.name.clone()));
    }
    let files = directory.files.iter().map(|file| &file.name);
    let mut seen = HashSet::new();
    for name in files.chain(directory.directories.iter().map(|folder| &folder.name)) {
        if !is_name(name) {
            return Err(SandboxError::Name(name.clone()));
        }
        if !seen.insert(told_apart(name)) {
            return Err(SandboxError::Twice(name.clone()));
        }
    }
    Ok(())
}

/// A path below a folder; the empty one is the folder itself.
fn inside(folder: &Utf8Path, path: &str) -> Result<Utf8PathBuf, SandboxError> {
    let mut inside = folder.to_owned();
    for part in path.split('/').filter(|_| !path.is_empty()) {
        if !is_name(part) {
            return Err(SandboxError::Path(path.to_owned()));
        }
        inside.push(part);
    }
    Ok(inside)
}

/// The outputs by their name of today or, where a client does not know it, that of old.
fn outputs(command: &reapi::Command) -> impl Iterator<Item = &String> {
    #[allow(deprecated, reason = "clients of version 2.0 send nothing else")]
    let old = &command.output_files;
    if command.output_paths.is_empty() { old.iter() } else { command.output_paths.iter() }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Bench {
        _folder: tempfile::TempDir,
        store: Store,
    }

    impl Bench {
        fn new() -> Self {
            let folder = tempfile::tempdir().unwrap();
            let store = Store::open(Utf8Path::from_path(folder.path()).unwrap()).unwrap();
            Self { _folder: folder, store }
        }

        fn put(&self, bytes: &[u8]) -> reapi::Digest {
            self.store.insert(Digest::of(bytes), bytes).unwrap();
            to_wire(Digest::of(bytes))
        }

        fn lay_out(&self, directory: &reapi::Directory) -> Result<Sandbox, SandboxError> {
            let tree = from_wire(&self.put(&directory.encode_to_vec())).unwrap();
            Sandbox::lay_out(&self.store, tree, &reapi::Command::default())
        }

        fn file(&self, name: &str) -> reapi::FileNode {
            reapi::FileNode {
                name: name.to_owned(),
                digest: Some(self.put(b"text")),
                ..Default::default()
            }
        }
    }

    #[test]
    fn refuses_names_that_lead_elsewhere() {
        let bench = Bench::new();
        for name in ["", ".", "..", "a/b", "/etc/passwd", "..\\x", "a\0b"] {
            let files = vec![bench.file(name)];
            let error = bench.lay_out(&reapi::Directory { files, ..Default::default() });
            assert!(matches!(error, Err(SandboxError::Name(_))), "{name:?}");
            let directories =
                vec![reapi::DirectoryNode { name: name.to_owned(), digest: Some(bench.put(b"")) }];
            let error = bench.lay_out(&reapi::Directory { directories, ..Default::default() });
            assert!(matches!(error, Err(SandboxError::Name(_))), "{name:?}");
        }
    }

    #[test]
    fn refuses_links_and_the_same_name_twice() {
        let bench = Bench::new();
        let symlinks = vec![reapi::SymlinkNode {
            name: "link".to_owned(),
            target: "/etc/passwd".to_owned(),
            ..Default::default()
        }];
        let error = bench.lay_out(&reapi::Directory { symlinks, ..Default::default() });
        assert!(matches!(error, Err(SandboxError::Link(_))));
        let files = vec![bench.file("a"), bench.file("a")];
        let error = bench.lay_out(&reapi::Directory { files, ..Default::default() });
        assert!(matches!(error, Err(SandboxError::Twice(_))));
    }

    #[test]
    fn refuses_a_small_tree_that_is_large_when_laid_out() {
        let bench = Bench::new();
        let mut digest = bench.put(b"");
        for _ in 0..10 {
            let directories = (0..10)
                .map(|at| reapi::DirectoryNode {
                    name: at.to_string(),
                    digest: Some(digest.clone()),
                })
                .collect();
            let folder = reapi::Directory { directories, ..Default::default() };
            digest = bench.put(&folder.encode_to_vec());
        }
        let mut layout =
            Layout { store: &bench.store, entries: MOST_ENTRIES - 50, missing: vec![] };
        let folder = bench.store.job_folder().unwrap();
        let at = Utf8Path::from_path(folder.path()).unwrap();
        let error = layout.folder(from_wire(&digest).unwrap(), at, 0);
        assert!(matches!(error, Err(SandboxError::TooMany)));
    }

    #[test]
    fn names_every_missing_content() {
        let bench = Bench::new();
        let missing = |name: &str| reapi::FileNode {
            name: name.to_owned(),
            digest: Some(to_wire(Digest::of(name.as_bytes()))),
            ..Default::default()
        };
        let files = vec![missing("a"), bench.file("b"), missing("c")];
        match bench.lay_out(&reapi::Directory { files, ..Default::default() }) {
            Err(SandboxError::Missing(2, first, all)) => {
                assert_eq!((first, all.len()), (Digest::of(b"a"), 2));
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn paths_stay_inside() {
        let folder = Utf8Path::new("/job");
        assert_eq!(inside(folder, "").unwrap(), folder);
        assert_eq!(inside(folder, "a/b").unwrap(), "/job/a/b");
        for path in ["/a", "../a", "a/../b", "a//b", "a/", "."] {
            assert!(inside(folder, path).is_err(), "{path}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn an_output_that_is_a_link_is_refused() {
        let bench = Bench::new();
        let sandbox = bench.lay_out(&reapi::Directory::default()).unwrap();
        std::os::unix::fs::symlink("/etc/passwd", sandbox.working().join("out")).unwrap();
        std::os::unix::fs::symlink("/etc", sandbox.working().join("etc")).unwrap();
        for output in ["out", "etc/passwd", "etc"] {
            let command =
                reapi::Command { output_paths: vec![output.to_owned()], ..Default::default() };
            let error = sandbox.collect(&bench.store, &command);
            assert!(matches!(error, Err(SandboxError::NotAFile(_))), "{output}");
        }
    }
}
