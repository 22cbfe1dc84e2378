//! Folders that are a release, as far as a publisher looks: a manifest, notes, checksums, and archives
//! that are nothing but bytes.

use std::io::Write as _;

use camino::{Utf8Path, Utf8PathBuf};
use modfarm::model::digest::Sha256;
use modfarm::model::manifest::{ArchiveRecord, FORMAT_VERSION, Manifest, ModuleRecord};
use modfarm::package::Names;
use modfarm::sys::files;

/// The version of every release that is made here.
pub(crate) const VERSION: &str = "6.1.1";

/// A release in a folder.
#[derive(Clone, Debug)]
pub(crate) struct MadeRelease {
    pub(crate) folder: Utf8PathBuf,
    /// The names and digests of all its files.
    pub(crate) assets: Vec<(String, String)>,
}

/// A release with so many archives of so many bytes. Another `build` has other bytes.
pub(crate) fn release(folder: &Utf8Path, archives: usize, size: u64, build: u64) -> MadeRelease {
    let names = Names::new("mod_wsgi", VERSION);
    files::create_dir_all(folder).expect("a folder");
    let records = (0..archives).map(|number| {
        let name = match number {
            0 => names.zip(),
            number => names.apache_zip(&format!("Apache24-win64-VS{number}")),
        };
        let seed = build * 10_000 + number as u64 + 1;
        write_bytes(&folder.join(&name), size + number as u64, seed);
        let digest = files::digest(&folder.join(&name)).expect("a digest");
        let description = "bytes".to_owned();
        ArchiveRecord { name, sha256: digest.sha256, size: digest.size, description }
    });
    let manifest = manifest(records.collect(), build);
    let json = serde_json::to_vec_pretty(&manifest).expect("JSON");
    write(&folder.join(names.manifest()), &json);
    write(&folder.join(names.notes()), format!("Notes of build {build}.\n").as_bytes());
    let mut assets = digests(folder);
    let lines = assets.iter().map(|(name, digest)| format!("{digest}  {name}\n"));
    write(&folder.join(names.checksums()), lines.collect::<String>().as_bytes());
    assets.extend(digests(folder).into_iter().filter(|(name, _)| *name == names.checksums()));
    MadeRelease { folder: folder.to_owned(), assets }
}

fn manifest(archives: Vec<ArchiveRecord>, build: u64) -> Manifest {
    Manifest {
        format_version: FORMAT_VERSION,
        modfarm: env!("CARGO_PKG_VERSION").to_owned(),
        module: ModuleRecord {
            name: "mod_wsgi".to_owned(),
            version: VERSION.parse().expect("a version"),
            source: format!("mod_wsgi-{VERSION}.tar.gz"),
            source_sha256: Some(Sha256::of(b"source")),
            source_tree: Sha256::of(&build.to_le_bytes()),
            package: None,
        },
        toolsets: Vec::new(),
        roots: Vec::new(),
        cells: Vec::new(),
        archives,
        warnings: Vec::new(),
    }
}

fn digests(folder: &Utf8Path) -> Vec<(String, String)> {
    let names = files::names(folder).expect("a folder");
    let digest = |name: &String| files::digest(&folder.join(name)).expect("a digest");
    names.into_iter().map(|name| (name.clone(), digest(&name).sha256.to_string())).collect()
}

fn write(path: &Utf8Path, bytes: &[u8]) {
    files::write_atomic(path, bytes).expect("a file");
}

/// Bytes that nothing compresses, and that each seed has its own of.
fn write_bytes(path: &Utf8Path, size: u64, seed: u64) {
    let mut file = files::create(path).expect("a file");
    let mut random = fastrand::Rng::with_seed(seed);
    let mut piece = vec![0; 1 << 16];
    let mut left = size;
    while left > 0 {
        random.fill(&mut piece);
        let length = usize::try_from(left).unwrap_or(usize::MAX).min(piece.len());
        file.write_all(&piece[..length]).expect("bytes");
        left -= length as u64;
    }
}
