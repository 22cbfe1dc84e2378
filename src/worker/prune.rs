//! What a content store holds, and making it smaller: what was not used for longest goes first, also while
//! workers use it. Nothing that one of them may have used since it began is removed.

use std::collections::HashSet;
use std::time::{Duration, SystemTime};

use camino::{Utf8Path, Utf8PathBuf};

use super::store::{NOTED_EVERY, StoreError, sweep, unseal};
use crate::model::digest::Sha256;
use crate::model::tree::from_wire;
use crate::sys::files::{self, FileError};

/// Some files, in numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Kept {
    /// How many.
    pub count: usize,
    /// Their bytes.
    pub bytes: u64,
    /// The use that is longest ago.
    pub oldest: Option<SystemTime>,
    /// The latest use.
    pub latest: Option<SystemTime>,
}

impl Kept {
    /// Adds a file.
    pub fn add(&mut self, bytes: u64, used: SystemTime) {
        self.count += 1;
        self.bytes += bytes;
        self.oldest = Some(self.oldest.map_or(used, |oldest| oldest.min(used)));
        self.latest = Some(self.latest.map_or(used, |latest| latest.max(used)));
    }
}

/// What a store holds, or what of it is removed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Holdings {
    /// Contents: inputs, outputs, logs.
    pub contents: Kept,
    /// Results of actions.
    pub results: Kept,
}

impl Holdings {
    /// The bytes of all.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.contents.bytes + self.results.bytes
    }
}

/// What may stay.
#[derive(Clone, Copy, Debug, Default)]
pub struct Bounds {
    /// What was not used for longer goes.
    pub older_than: Option<Duration>,
    /// So many bytes stay, those used last.
    pub keep: Option<u64>,
}

/// What came of it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Pruned {
    /// What was removed, or would be.
    pub removed: Holdings,
    /// What is left.
    pub left: Holdings,
}

/// One file of the store.
#[derive(Debug)]
struct Item {
    path: Utf8PathBuf,
    is_result: bool,
    sha256: Sha256,
    bytes: u64,
    used: SystemTime,
}

/// What the store in a folder holds.
pub fn holdings(store: &Utf8Path) -> Result<Holdings, FileError> {
    Ok(sum(&items(store)?))
}

/// Removes what the bounds do not let stay; with `dry_run` nothing at all.
pub fn prune(store: &Utf8Path, bounds: &Bounds, dry_run: bool) -> Result<Pruned, StoreError> {
    let under_way = store.join("work");
    if !dry_run && files::is_dir(&under_way) {
        sweep(&under_way)?;
    }
    let mut items = items(store)?;
    items.sort_by_key(|item| item.used);
    let (mut going, mut staying) = divide(items, bounds, in_use_since(&under_way)?);
    // A result is of no use without what it names.
    let there: HashSet<Sha256> =
        staying.iter().filter(|item| !item.is_result).map(|item| item.sha256).collect();
    let (whole, broken) = staying.into_iter().partition(|item| is_whole(item, &there));
    staying = whole;
    going.extend(broken);
    if !dry_run {
        // Results first: whoever looks meanwhile finds none rather than one that is not whole.
        going.sort_by_key(|item| !item.is_result);
        let stayed = remove(&mut going, &under_way)?;
        staying.extend(stayed);
    }
    Ok(Pruned { removed: sum(&going), left: sum(&staying) })
}

/// How many are removed before it is looked again who lives.
const AT_ONCE: usize = 100;

/// Removes these, but for those that somebody used since they were listed or that whoever has begun
/// meanwhile may rely on; gives these back.
fn remove(going: &mut Vec<Item>, under_way: &Utf8Path) -> Result<Vec<Item>, FileError> {
    let (mut gone, mut stayed) = (Vec::new(), Vec::new());
    let mut since = None;
    for (number, item) in std::mem::take(going).into_iter().enumerate() {
        if number.is_multiple_of(AT_ONCE) {
            since = in_use_since(under_way)?;
        }
        let used = files::metadata(&item.path).map_or(item.used, |now| files::last_use(&now));
        if used > item.used || since.is_some_and(|since| used >= since) {
            stayed.push(item);
        } else {
            files::remove_file(&item.path)?;
            files::remove_dir_if_empty(files::parent(&item.path));
            gone.push(item);
        }
    }
    *going = gone;
    Ok(stayed)
}

/// Parts what goes from what stays, of items in the order of their last use.
fn divide(
    items: Vec<Item>,
    bounds: &Bounds,
    in_use_since: Option<SystemTime>,
) -> (Vec<Item>, Vec<Item>) {
    let aged = bounds.older_than.and_then(|age| SystemTime::now().checked_sub(age));
    let mut left: u64 = items.iter().map(|item| item.bytes).sum();
    items.into_iter().partition(|item| {
        let free = in_use_since.is_none_or(|since| item.used < since);
        let too_old = aged.is_some_and(|aged| item.used < aged);
        let too_many = bounds.keep.is_some_and(|keep| left > keep);
        let goes = free && (too_old || too_many);
        left -= if goes { item.bytes } else { 0 };
        goes
    })
}

/// Since when whoever lives may have used what is there. Uses are noted down that late at the most.
fn in_use_since(under_way: &Utf8Path) -> Result<Option<SystemTime>, FileError> {
    let mut oldest = None;
    if !files::is_dir(under_way) {
        return Ok(oldest);
    }
    for name in files::names(under_way)? {
        let Some(stem) = name.strip_suffix(".lock") else { continue };
        let micros = stem.rsplit('-').next().and_then(|micros| micros.parse().ok());
        let Some(micros) = micros else { continue };
        let path = under_way.join(&name);
        if files::exists(&path) && files::try_lock(&path)?.is_none() {
            let began = SystemTime::UNIX_EPOCH + Duration::from_micros(micros);
            oldest = Some(oldest.map_or(began, |oldest: SystemTime| oldest.min(began)));
        }
    }
    Ok(oldest.and_then(|began| began.checked_sub(NOTED_EVERY)))
}

/// Every content and result. What is named otherwise is not the store's, and links lead elsewhere.
fn items(store: &Utf8Path) -> Result<Vec<Item>, FileError> {
    let mut items = Vec::new();
    // Results first: what one of them names was there before it, and so is among the contents.
    for (name, is_result) in [("ac", true), ("cas", false)] {
        let folder = store.join(name);
        for (path, metadata) in files::survey(&folder)? {
            let Some(sha256) = hash_of(&path) else { continue };
            items.push(Item {
                path: folder.join(&path),
                is_result,
                sha256,
                bytes: metadata.len(),
                used: files::last_use(&metadata),
            });
        }
    }
    Ok(items)
}

/// The hash that a file in a folder of the store is named after: `ab/ab12…`.
fn hash_of(path: &str) -> Option<Sha256> {
    let (folder, name) = path.split_once('/')?;
    let sha256: Sha256 = name.parse().ok()?;
    (folder.len() == 2 && sha256.to_string() == name && name.starts_with(folder)).then_some(sha256)
}

/// Whether an item is a content, or a result of which all is there.
fn is_whole(item: &Item, there: &HashSet<Sha256>) -> bool {
    if !item.is_result {
        return true;
    }
    let result = files::read_unnoted(&item.path).ok().and_then(|bytes| unseal(&bytes));
    result.is_some_and(|result| {
        let outputs = result.output_files.iter().map(|file| file.digest.as_ref());
        let said = [&result.stdout_digest, &result.stderr_digest];
        outputs.chain(said.into_iter().filter(|said| said.is_some()).map(Option::as_ref)).all(
            |digest| {
                digest.and_then(from_wire).is_some_and(|digest| there.contains(&digest.sha256))
            },
        )
    })
}

fn sum(items: &[Item]) -> Holdings {
    let mut holdings = Holdings::default();
    for item in items {
        let kept = if item.is_result { &mut holdings.results } else { &mut holdings.contents };
        kept.add(item.bytes, item.used);
    }
    holdings
}

#[cfg(test)]
mod tests {
    use bazel_remote_apis::build::bazel::remote::execution::v2 as reapi;

    use super::*;
    use crate::model::digest::Digest;
    use crate::model::tree::to_wire;
    use crate::worker::Store;

    const DAY: Duration = Duration::from_secs(24 * 60 * 60);

    fn folder() -> (tempfile::TempDir, Utf8PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = Utf8PathBuf::from_path_buf(folder.path().to_owned()).unwrap();
        (folder, path)
    }

    fn path(root: &Utf8Path, kind: &str, bytes: &[u8]) -> Utf8PathBuf {
        let hash = Digest::of(bytes).sha256.to_string();
        root.join(kind).join(&hash[..2]).join(hash)
    }

    /// Has a file look as if it was last used so many days ago.
    fn age(path: &Utf8Path, days: u32) {
        let then = SystemTime::now() - DAY * days;
        let times = std::fs::FileTimes::new().set_accessed(then).set_modified(then);
        files::open(path).unwrap().set_times(times).unwrap();
    }

    fn put(root: &Utf8Path, bytes: &[u8], days: u32) {
        let store = Store::open(root).unwrap();
        store.insert(Digest::of(bytes), bytes).unwrap();
        age(&path(root, "cas", bytes), days);
    }

    fn there(root: &Utf8Path, bytes: &[u8]) -> bool {
        files::exists(&path(root, "cas", bytes))
    }

    #[test]
    fn the_least_recently_used_go_first_down_to_a_size() {
        let (_keep, root) = folder();
        for (bytes, days) in [(b"aaaa", 5), (b"bbbb", 1), (b"cccc", 3), (b"dddd", 9)] {
            put(&root, bytes, days);
        }
        let bounds = Bounds { keep: Some(8), ..Bounds::default() };
        let would = prune(&root, &bounds, true).unwrap();
        assert_eq!((would.removed.contents.count, would.removed.bytes()), (2, 8));
        assert!(there(&root, b"dddd"));
        let pruned = prune(&root, &bounds, false).unwrap();
        assert_eq!((pruned.removed, pruned.left), (would.removed, would.left));
        let left = [b"aaaa", b"bbbb", b"cccc", b"dddd"].map(|bytes| there(&root, bytes));
        assert_eq!(left, [false, true, true, false]);
        assert_eq!(holdings(&root).unwrap(), pruned.left);
        assert!(!files::exists(files::parent(&path(&root, "cas", b"dddd"))), "an empty folder");
    }

    #[test]
    fn age_counts_from_the_last_use() {
        let (_keep, root) = folder();
        put(&root, b"old", 40);
        put(&root, b"used", 40);
        put(&root, b"new", 10);
        let store = Store::open(&root).unwrap();
        assert!(store.read(Digest::of(b"used")).unwrap().is_some());
        drop(store);
        let bounds = Bounds { older_than: Some(DAY * 30), ..Bounds::default() };
        prune(&root, &bounds, false).unwrap();
        let left = [&b"old"[..], b"used", b"new"].map(|bytes| there(&root, bytes));
        assert_eq!(left, [false, true, true]);
    }

    #[test]
    fn what_a_living_user_may_have_used_stays() {
        let (_keep, root) = folder();
        put(&root, b"old", 40);
        put(&root, b"used", 40);
        let store = Store::open(&root).unwrap();
        store.insert(Digest::of(b"new"), b"new").unwrap();
        assert!(store.contains(Digest::of(b"used")));
        let bounds = Bounds { keep: Some(0), older_than: None };
        prune(&root, &bounds, false).unwrap();
        let left = [&b"old"[..], b"used", b"new"].map(|bytes| there(&root, bytes));
        assert_eq!(left, [false, true, true]);
        drop(store);
        assert_eq!(prune(&root, &bounds, false).unwrap().left.bytes(), 0);
    }

    #[test]
    fn a_result_goes_with_what_it_names() {
        let (_keep, root) = folder();
        let store = Store::open(&root).unwrap();
        for output in [&b"output"[..], b"other"] {
            store.insert(Digest::of(output), output).unwrap();
            let file = reapi::OutputFile {
                digest: Some(to_wire(Digest::of(output))),
                ..Default::default()
            };
            let result = reapi::ActionResult { output_files: vec![file], ..Default::default() };
            store.keep_result(Digest::of(&[output, b"action"].concat()), &result).unwrap();
        }
        drop(store);
        age(&path(&root, "cas", b"output"), 40);
        // That they are looked at is no use of them.
        age(&path(&root, "ac", b"outputaction"), 1);
        age(&path(&root, "ac", b"otheraction"), 1);
        let bounds = Bounds { older_than: Some(DAY * 30), ..Bounds::default() };
        let pruned = prune(&root, &bounds, false).unwrap();
        assert_eq!((pruned.removed.contents.count, pruned.removed.results.count), (1, 1));
        assert!(!files::exists(&path(&root, "ac", b"outputaction")));
        assert!(files::exists(&path(&root, "ac", b"otheraction")));
    }

    #[cfg(unix)]
    #[test]
    fn nothing_else_is_touched_and_no_link_is_followed() {
        let (_keep, base) = folder();
        let root = base.join("store");
        put(&root, b"old", 40);
        let hash = Digest::of(b"precious").sha256.to_string();
        let precious = base.join("elsewhere").join(&hash);
        files::write_atomic(&precious, b"precious").unwrap();
        files::symlink(files::parent(&precious), &root.join("cas").join(&hash[..2])).unwrap();
        files::write_atomic(&root.join("cas/README"), b"mine").unwrap();
        files::write_atomic(&root.join("digests.json"), b"{}").unwrap();
        files::remove_dir_all(&root.join("ac")).unwrap();
        files::symlink(&base.join("elsewhere"), &root.join("ac")).unwrap();
        prune(&root, &Bounds { keep: Some(0), older_than: None }, false).unwrap();
        assert!(!there(&root, b"old"));
        for path in [precious, root.join("cas/README"), root.join("digests.json")] {
            assert!(files::exists(&path), "{path}");
        }
    }

    #[test]
    fn a_store_that_is_not_there_is_empty() {
        let (_keep, root) = folder();
        let nothing = root.join("nothing");
        assert_eq!(holdings(&nothing).unwrap(), Holdings::default());
        assert_eq!(prune(&nothing, &Bounds::default(), false).unwrap().left, Holdings::default());
        assert!(!files::exists(&nothing));
    }
}
