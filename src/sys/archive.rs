//! The modules inside an archive, read in memory and with limits: an archive may be a bomb.

use std::io::{self, Read};

use camino::Utf8Path;

use super::files;

/// The largest module that is looked at; real ones have less than 1 MiB.
pub const LARGEST_FILE: u64 = 64 << 20;
const MOST_MEMBERS: usize = 10_000;
const MOST_BYTES: u64 = 1 << 30;
const LONGEST_NAME: u64 = 4096;

/// Whether a name is that of a module.
pub fn is_module(name: &str) -> bool {
    let extension = Utf8Path::new(name).extension().map(str::to_ascii_lowercase);
    matches!(extension.as_deref(), Some("so" | "pyd"))
}

/// What a file is by its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A zip archive, or a wheel.
    Zip,
    /// A tar archive that gzip compressed.
    TarGz,
}

/// Whether a file is an archive, by its name.
#[must_use]
pub fn kind(path: &Utf8Path) -> Option<Kind> {
    let name = path.as_str().to_ascii_lowercase();
    let ends = |ends: &[&str]| ends.iter().any(|end| name.ends_with(end));
    if ends(&[".zip", ".whl"]) {
        Some(Kind::Zip)
    } else if ends(&[".tar.gz", ".tgz"]) {
        Some(Kind::TarGz)
    } else {
        None
    }
}

/// Gives `look` the name and the content of each module in an archive; of what is none there are none.
/// What cannot be read, or passes a limit, is an error in words.
pub fn modules(path: &Utf8Path, look: impl FnMut(&str, &[u8])) -> Result<(), String> {
    match kind(path) {
        Some(Kind::Zip) => zip(path, look),
        Some(Kind::TarGz) => tar_gz(path, look),
        None => Ok(()),
    }
}

fn zip(path: &Utf8Path, mut look: impl FnMut(&str, &[u8])) -> Result<(), String> {
    let bad = |error: &dyn std::fmt::Display| unreadable("zip", path, error);
    let file = files::open(path).map_err(|error| error.to_string())?;
    let mut archive = zip::ZipArchive::new(io::BufReader::new(file)).map_err(|e| bad(&e))?;
    expect_members(archive.len()).map_err(|e| bad(&e))?;
    let mut left = MOST_BYTES;
    for index in 0..archive.len() {
        let mut member = archive.by_index(index).map_err(|e| bad(&e))?;
        let name = member.name().map_err(|e| bad(&e))?.into_owned();
        if member.is_file() && is_module(&name) {
            let bytes = read_member(&mut member, &name, &mut left).map_err(|e| bad(&e))?;
            look(&name, &bytes);
        }
    }
    Ok(())
}

fn tar_gz(path: &Utf8Path, mut look: impl FnMut(&str, &[u8])) -> Result<(), String> {
    let file = files::open(path).map_err(|error| error.to_string())?;
    let stream = flate2::read::MultiGzDecoder::new(io::BufReader::new(file)).take(MOST_BYTES);
    tar(stream, &mut look).map_err(|error| unreadable("tar.gz", path, &error))
}

/// Reads the raw entries: the crate's own joining of long names has no limit.
fn tar(stream: impl Read, look: &mut impl FnMut(&str, &[u8])) -> io::Result<()> {
    let mut archive = tar::Archive::new(stream);
    let mut left = MOST_BYTES;
    let mut long_name = None;
    for (index, entry) in archive.entries()?.raw(true).enumerate() {
        expect_members(index)?;
        let mut entry = entry?;
        match entry.header().entry_type() {
            tar::EntryType::GNULongName => long_name = Some(read_name(&mut entry)?),
            tar::EntryType::XHeader => long_name = pax_path(&mut entry)?.or(long_name),
            tar::EntryType::Regular => {
                let bytes = long_name.take().unwrap_or_else(|| entry.path_bytes().into_owned());
                let name = String::from_utf8_lossy(&bytes);
                if is_module(&name) {
                    let bytes = read_member(&mut entry, &name, &mut left)?;
                    look(&name, &bytes);
                }
            }
            _ => long_name = None,
        }
    }
    Ok(())
}

fn read_name(entry: &mut impl Read) -> io::Result<Vec<u8>> {
    let mut name = Vec::new();
    entry.take(LONGEST_NAME).read_to_end(&mut name)?;
    name.truncate(name.iter().position(|&byte| byte == 0).unwrap_or(name.len()));
    Ok(name)
}

fn pax_path(entry: &mut impl Read) -> io::Result<Option<Vec<u8>>> {
    let mut records = Vec::new();
    entry.take(2 * LONGEST_NAME).read_to_end(&mut records)?;
    let mut records = tar::PaxExtensions::new(&records).filter_map(Result::ok);
    let path = records.find(|record| record.key_bytes() == b"path");
    Ok(path.map(|record| record.value_bytes().to_owned()))
}

fn read_member(member: &mut impl Read, name: &str, left: &mut u64) -> io::Result<Vec<u8>> {
    let limit = LARGEST_FILE.min(*left);
    let mut bytes = Vec::new();
    // What a header says of the size is no promise, so the limit is on what comes.
    let read = member.take(limit + 1).read_to_end(&mut bytes)? as u64;
    if read > limit {
        let larger = format!("{name} unpacks to more than {} MiB", limit >> 20);
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, larger));
    }
    *left -= read;
    Ok(bytes)
}

fn expect_members(count: usize) -> io::Result<()> {
    if count > MOST_MEMBERS {
        let more = format!("it has more than {MOST_MEMBERS} members");
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, more));
    }
    Ok(())
}

fn unreadable(kind: &str, path: &Utf8Path, error: &dyn std::fmt::Display) -> String {
    format!(
        "cannot read {path} as a {kind} archive: {error}\nhint: it may be cut short; download it again"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_member_may_not_be_larger_than_the_limit() {
        let mut left = 10;
        assert_eq!(read_member(&mut &b"12345678"[..], "a.so", &mut left).unwrap().len(), 8);
        assert_eq!(left, 2);
        let error = read_member(&mut io::repeat(0), "b.so", &mut left).unwrap_err();
        assert!(error.to_string().contains("b.so unpacks to more than"), "{error}");
    }

    #[test]
    fn long_names_in_tar_archives_are_read() {
        let long = format!("{}/mod_wsgi-py313-VC14.so", "x".repeat(200));
        let mut builder = tar::Builder::new(Vec::new());
        for name in [long.as_str(), "short.so", "other.txt"] {
            let mut header = tar::Header::new_gnu();
            header.set_size(3);
            builder.append_data(&mut header, name, &b"abc"[..]).unwrap();
        }
        let mut seen = Vec::new();
        let mut look = |name: &str, bytes: &[u8]| seen.push((name.to_owned(), bytes.len()));
        tar(builder.into_inner().unwrap().as_slice(), &mut look).unwrap();
        assert_eq!(seen, [(long, 3), ("short.so".to_owned(), 3)]);
    }
}
