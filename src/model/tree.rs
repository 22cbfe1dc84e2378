//! A folder as the Remote Execution API sees it: a Merkle tree of `Directory` messages.
//!
//! A root's digest is its tree's digest, so that a root which two jobs share is the same subtree in
//! both and travels once.

use std::collections::BTreeMap;
use std::sync::Arc;

use bazel_remote_apis::build::bazel::remote::execution::v2 as reapi;
use bytes::Bytes;
use camino::Utf8PathBuf;
use prost::Message as _;

use super::digest::{Digest, Sha256};

/// Where the bytes of a content are to be had.
#[derive(Clone, Debug)]
pub enum Content {
    /// In a file on this machine.
    File(Utf8PathBuf),
    /// Here.
    Bytes(Bytes),
}

/// A folder's Merkle tree, with the place of every content in it. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Tree {
    digest: Digest,
    contents: Arc<BTreeMap<Digest, Content>>,
    subtrees: Arc<[Tree]>,
}

impl Tree {
    /// The digest of the folder's `Directory` message.
    #[must_use]
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// Every content the tree is made of, messages and files, subtrees included. A content that
    /// stands in several places comes several times.
    pub fn contents(&self) -> impl Iterator<Item = (Digest, &Content)> {
        let mut waiting = vec![self];
        std::iter::from_fn(move || {
            let tree = waiting.pop()?;
            waiting.extend(tree.subtrees.iter());
            Some(tree.contents.iter().map(|(digest, content)| (*digest, content)))
        })
        .flatten()
    }
}

/// Puts a [`Tree`] together.
#[derive(Debug, Default)]
pub struct TreeBuilder {
    files: BTreeMap<String, (Digest, Content)>,
    folders: BTreeMap<String, TreeBuilder>,
    subtrees: BTreeMap<String, Tree>,
}

impl TreeBuilder {
    /// Adds a file at a path relative to the tree, with `/` between its parts.
    pub fn file(&mut self, path: &str, digest: Digest, content: Content) -> &mut Self {
        match path.split_once('/') {
            Some((folder, rest)) => {
                self.folders.entry(folder.to_owned()).or_default().file(rest, digest, content);
            }
            None => {
                self.files.insert(path.to_owned(), (digest, content));
            }
        }
        self
    }

    /// Adds a file whose bytes are here.
    pub fn bytes(&mut self, path: &str, bytes: impl Into<Bytes>) -> &mut Self {
        let bytes = bytes.into();
        self.file(path, Digest::of(&bytes), Content::Bytes(bytes))
    }

    /// Adds a whole tree under a name at the top.
    pub fn subtree(&mut self, name: &str, tree: Tree) -> &mut Self {
        self.subtrees.insert(name.to_owned(), tree);
        self
    }

    /// The tree of all that was added.
    #[must_use]
    pub fn build(self) -> Tree {
        let mut contents = BTreeMap::new();
        let mut subtrees = self.subtrees;
        for (name, folder) in self.folders {
            subtrees.insert(name, folder.build());
        }
        let mut message = reapi::Directory::default();
        for (name, (digest, content)) in self.files {
            message.files.push(reapi::FileNode {
                name,
                digest: Some(to_wire(digest)),
                ..Default::default()
            });
            contents.insert(digest, content);
        }
        for (name, tree) in &subtrees {
            message.directories.push(reapi::DirectoryNode {
                name: name.clone(),
                digest: Some(to_wire(tree.digest)),
            });
        }
        let bytes = Bytes::from(message.encode_to_vec());
        let digest = Digest::of(&bytes);
        contents.insert(digest, Content::Bytes(bytes));
        Tree { digest, contents: Arc::new(contents), subtrees: subtrees.into_values().collect() }
    }
}

/// A digest as the protocol writes it.
#[must_use]
pub fn to_wire(digest: Digest) -> reapi::Digest {
    reapi::Digest {
        hash: digest.sha256.to_string(),
        size_bytes: i64::try_from(digest.size).unwrap_or(i64::MAX),
    }
}

/// A digest that came over the wire; `None` where it is not a SHA-256 with a size.
#[must_use]
pub fn from_wire(digest: &reapi::Digest) -> Option<Digest> {
    let sha256: Sha256 = digest.hash.parse().ok()?;
    Some(Digest { sha256, size: u64::try_from(digest.size_bytes).ok()? })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(paths: &[&str]) -> Tree {
        let mut builder = TreeBuilder::default();
        for path in paths {
            builder.bytes(path, path.to_string());
        }
        builder.build()
    }

    #[test]
    fn order_does_not_matter_and_content_does() {
        let one = tree(&["a/b.c", "a/c/d.h", "e"]);
        assert_eq!(one.digest(), tree(&["e", "a/c/d.h", "a/b.c"]).digest());
        assert_ne!(one.digest(), tree(&["e", "a/c/d.h"]).digest());
    }

    #[test]
    fn a_folder_and_a_subtree_of_the_same_content_are_the_same() {
        let mut builder = TreeBuilder::default();
        builder.bytes("x/y", "text");
        let whole = builder.build();
        let mut inner = TreeBuilder::default();
        inner.bytes("y", "text");
        let mut outer = TreeBuilder::default();
        outer.subtree("x", inner.build());
        assert_eq!(whole.digest(), outer.build().digest());
        assert_eq!(whole.contents().count(), 3);
    }
}
