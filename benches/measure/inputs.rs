//! What a release was built from and by which commands, read back from its journal and its content
//! store, so that a peer gets the very same.

use bazel_remote_apis::build::bazel::remote::execution::v2 as reapi;
use camino::{Utf8Path, Utf8PathBuf};
use modfarm::farm::journal::{Entry, Past};
use modfarm::model::digest::Digest;
use modfarm::model::event::Event;
use modfarm::model::tree::from_wire;
use modfarm::sys::files;
use modfarm::worker::Store;
use prost::Message;

/// One action of a release.
#[derive(Debug)]
pub(crate) struct Build {
    /// The cells that it served.
    pub(crate) cells: Vec<String>,
    /// The command.
    pub(crate) command: reapi::Command,
    /// The folder that it ran in.
    pub(crate) inputs: Digest,
}

/// The journal of the last run.
pub(crate) fn journal(state: &Utf8Path) -> Vec<Entry> {
    let runs = state.join("runs");
    let last = files::names(&runs).expect("runs").pop().expect("a run");
    Past::read(&runs.join(last)).expect("a journal").entries
}

/// The content store of a release.
pub(crate) fn store(state: &Utf8Path) -> Store {
    Store::open(&state.join("cache/store")).expect("the content store")
}

/// The actions of the last run, in their order.
pub(crate) fn builds(state: &Utf8Path, store: &Store) -> Vec<Build> {
    journal(state)
        .into_iter()
        .filter_map(|entry| match entry.what {
            Event::JobQueued { cells, action, .. } => Some((cells, parse(&action))),
            _ => None,
        })
        .map(|(cells, action)| {
            let action: reapi::Action = message(store, action);
            let digest = |wire: Option<reapi::Digest>| wire.as_ref().and_then(from_wire);
            Build {
                cells,
                command: message(store, digest(action.command_digest).expect("a command")),
                inputs: digest(action.input_root_digest).expect("inputs"),
            }
        })
        .collect()
}

/// A folder of the store, as its message says it.
pub(crate) fn listing(store: &Store, folder: Digest) -> reapi::Directory {
    message(store, folder)
}

/// Lays a folder of the store out on the disk; gives the paths of its files.
pub(crate) fn lay_out(store: &Store, folder: Digest, to: &Utf8Path) -> Vec<Utf8PathBuf> {
    files::create_dir_all(to).expect("a folder");
    let listing = listing(store, folder);
    let mut paths = Vec::new();
    for file in listing.files {
        let digest = file.digest.as_ref().and_then(from_wire).expect("a digest");
        let path = to.join(file.name);
        let bytes = store.read(digest).expect("the store").expect("a content");
        std::io::Write::write_all(&mut files::create(&path).expect("a file"), &bytes)
            .expect("its bytes");
        paths.push(path);
    }
    for inner in listing.directories {
        let digest = inner.digest.as_ref().and_then(from_wire).expect("a digest");
        paths.extend(lay_out(store, digest, &to.join(inner.name)));
    }
    paths
}

fn message<M: Message + Default>(store: &Store, digest: Digest) -> M {
    let bytes = store.read(digest).expect("the store").expect("a content");
    M::decode(bytes.as_slice()).expect("a message")
}

fn parse(text: &str) -> Digest {
    let (sha256, size) = text.split_once('/').expect("a digest with a size");
    Digest { sha256: sha256.parse().expect("a SHA-256"), size: size.parse().expect("a size") }
}
