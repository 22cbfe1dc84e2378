//! Publishing to a directory: the release's folder appears when it is complete, and an earlier one is
//! exchanged for it in one step, never half overwritten.

use camino::{Utf8Path, Utf8PathBuf};

use super::PublishError;
use super::protocol::{Difference, Missing, Place, Stored};
use super::release::Release;
use crate::model::event::{Event, Events};
use crate::sys::files;
use crate::sys::staging::{Staging, StagingError};

/// A directory that a release is being made for, held so that no other run does the same.
#[derive(Debug)]
pub struct Directory(Staging);

impl Directory {
    /// Takes the place `parent/name` for a release that has a file called `mark`: whatever would fail at
    /// the end fails here, before anything is built.
    pub fn prepare(parent: &Utf8Path, name: &str, mark: &str) -> Result<Self, StagingError> {
        Staging::take(&parent.join(name), "release", mark).map(Self)
    }

    /// Where a release stands or would stand, and what is there. Nothing is touched.
    pub fn look(
        parent: &Utf8Path,
        release: &Release,
    ) -> Result<(Utf8PathBuf, Vec<Stored>), StagingError> {
        let folder = parent.join(name_of(release));
        let there = if files::is_dir(&folder) { contents(&folder)? } else { Vec::new() };
        Ok((folder, there))
    }

    /// Takes the place for a release that stands somewhere else.
    pub fn of(parent: &Utf8Path, release: &Release) -> Result<Self, StagingError> {
        let name = name_of(release);
        let manifest = release.assets().iter().find(|asset| Release::is_manifest(asset));
        Self::prepare(parent, &name, manifest.map_or("", |asset| &asset.name))
    }

    /// The folder of the release, where the last one stands, if any.
    #[must_use]
    pub fn folder(&self) -> &Utf8Path {
        self.0.folder()
    }

    /// The empty folder to write the release into.
    #[must_use]
    pub fn staging(&self) -> &Utf8Path {
        self.0.staging()
    }
}

impl Place for Directory {
    fn name(&self) -> String {
        self.folder().to_string()
    }

    async fn published(&mut self, _: &Release) -> Result<Option<Vec<Stored>>, PublishError> {
        let stands = files::is_dir(self.folder());
        Ok(if stands { Some(contents(self.folder())?) } else { None })
    }

    /// The staging folder was made when the place was taken; an earlier release is exchanged whole.
    async fn begin(&mut self, _: &Release, _: Option<&Difference<'_>>) -> Result<(), PublishError> {
        Ok(())
    }

    async fn contents(&mut self, _: &Release) -> Result<Vec<Stored>, PublishError> {
        Ok(contents(self.staging())?)
    }

    fn is_ours_alone(&self) -> bool {
        true
    }

    async fn remove(&mut self, stored: &Stored) -> Result<(), PublishError> {
        Ok(files::remove_file(&self.staging().join(&stored.name))?)
    }

    async fn send(
        &mut self,
        missing: Vec<Missing<'_>>,
        events: &Events,
    ) -> Result<bool, PublishError> {
        for Missing { asset, .. } in missing {
            let (name, size) = (&asset.name, asset.digest.size);
            events.emit(Event::AssetStarted { asset: name.clone(), size });
            files::copy(&asset.path, &self.staging().join(name))?;
            events.emit(Event::AssetFinished { asset: name.clone(), size });
        }
        // Nobody has read the copies yet.
        Ok(false)
    }

    /// Gives the staged release its place. The earlier one, if any, is gone afterwards.
    async fn complete(&mut self, _: &Release) -> Result<(), PublishError> {
        Ok(self.0.complete()?)
    }

    async fn read_back(&mut self, _: &Release) -> Result<Vec<Stored>, PublishError> {
        Ok(contents(self.folder())?)
    }
}

/// The name of a release's own folder.
fn name_of(release: &Release) -> String {
    let module = &release.manifest().module;
    format!("{}-{}", module.name, module.version)
}

/// What is in a folder. What is no file has no digest, so that it is never taken for one.
fn contents(folder: &Utf8Path) -> Result<Vec<Stored>, StagingError> {
    let mut stored = Vec::new();
    for name in files::names(folder)? {
        let path = folder.join(&name);
        let is_file = files::symlink_metadata(&path)?.is_file();
        let sha256 = if is_file { Some(files::digest(&path)?.sha256) } else { None };
        stored.push(Stored { name, id: 0, sha256 });
    }
    Ok(stored)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::publish::protocol;
    use crate::sys::digests::DigestCache;

    fn folder() -> (tempfile::TempDir, Utf8PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = Utf8PathBuf::from_path_buf(folder.path().to_owned()).unwrap();
        (folder, path)
    }

    /// A release in a folder of its own.
    fn release(folder: &Utf8Path, text: &str) -> Release {
        crate::publish::release::tests::write(folder, text);
        Release::read(folder, &mut DigestCache::load(Utf8Path::new(""))).unwrap()
    }

    async fn publish(parent: &Utf8Path, release: &Release) -> bool {
        let mut place = Directory::of(parent, release).unwrap();
        protocol::publish(&mut place, release, &Events::unheard()).await.unwrap()
    }

    #[tokio::test]
    async fn a_release_replaces_the_earlier_one_whole() {
        let (_keep, parent) = folder();
        let [one, two] = ["one", "two"].map(|text| release(&parent.join(text), text));
        let to = parent.join("to");
        assert!(!publish(&to, &one).await);
        assert!(publish(&to, &one).await);
        files::write_atomic(&to.join("mod_wsgi-6.1.1/more"), b"of the first").unwrap();
        assert!(!publish(&to, &two).await);
        let names: Vec<_> = two.assets().iter().map(|asset| asset.name.clone()).collect();
        let mut there = files::names(&to.join("mod_wsgi-6.1.1")).unwrap();
        there.sort_by_key(|name| names.iter().position(|known| known == name));
        assert_eq!(there, names);
        assert_eq!(
            Release::read(&to.join("mod_wsgi-6.1.1"), &mut DigestCache::load(Utf8Path::new("")))
                .unwrap()
                .identity(),
            two.identity()
        );
        assert_eq!(files::names(&to).unwrap(), [".mod_wsgi-6.1.1.lock", "mod_wsgi-6.1.1"]);
    }

    #[tokio::test]
    async fn one_that_is_given_up_changes_nothing() {
        let (_keep, parent) = folder();
        let [one, two] = ["one", "two"].map(|text| release(&parent.join(text), text));
        let to = parent.join("to");
        publish(&to, &one).await;
        let mut place = Directory::of(&to, &two).unwrap();
        let asset = &two.assets()[0];
        let missing = Missing { asset, unfinished: None };
        place.send(vec![missing], &Events::unheard()).await.unwrap();
        drop(place);
        assert_eq!(
            Release::read(&to.join("mod_wsgi-6.1.1"), &mut DigestCache::load(Utf8Path::new("")))
                .unwrap()
                .identity(),
            one.identity()
        );
        assert_eq!(files::names(&to).unwrap(), [".mod_wsgi-6.1.1.lock", "mod_wsgi-6.1.1"]);
    }
}
