//! The record that Apache reads from a module before anything else: `struct module_struct`.
//!
//! Its first and last numbers are what Apache refuses a module for; the one between tells which
//! Apache's headers it was compiled with.

use crate::model::version::Version;

/// An exported symbol named like an Apache module.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Module {
    /// The symbol, undecorated: `wsgi_module`.
    pub symbol: String,
    /// What it points to, if that can be read and is a module's record.
    pub record: Option<ModuleRecord>,
}

/// The numbers of a `module_struct`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ModuleRecord {
    /// The module magic number: 20120211 for all of Apache 2.4.
    pub major: u32,
    /// The minor, raised whenever something is added within a series.
    pub minor: u32,
    /// The index, −1 until Apache gives one.
    pub index: i32,
    /// The cookie: `AP24`.
    pub cookie: u32,
}

/// An Apache series as modules know it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Series {
    /// `2.4`.
    pub name: &'static str,
    /// The cookie of its modules.
    pub cookie: u32,
    /// The module magic number of all its releases; none where it is still moving.
    pub major: Option<u32>,
}

/// Every series of Apache 2 that ever was.
pub const SERIES: [Series; 4] = [
    Series { name: "2.0", cookie: 0x4150_3230, major: Some(20_020_903) },
    Series { name: "2.2", cookie: 0x4150_3232, major: Some(20_051_115) },
    Series { name: "2.4", cookie: 0x4150_3234, major: Some(20_120_211) },
    Series { name: "2.5", cookie: 0x4150_3235, major: None },
];

impl ModuleRecord {
    /// Reads the record at the beginning of `data`, if it is one: three ints, three pointers, and
    /// an `unsigned long`, which on Windows has 32 bits everywhere.
    pub(super) fn read(data: &[u8], pointers_of_64: bool) -> Option<Self> {
        let word = |at: usize| data.get(at..at + 4)?.try_into().ok().map(u32::from_le_bytes);
        let cookie = word(if pointers_of_64 { 40 } else { 24 })?;
        let record =
            Self { major: word(0)?, minor: word(4)?, index: word(8)?.cast_signed(), cookie };
        (cookie >> 16 == 0x4150).then_some(record)
    }

    /// The series whose cookie it carries.
    #[must_use]
    pub fn series(&self) -> Option<Series> {
        SERIES.into_iter().find(|series| series.cookie == self.cookie)
    }

    /// The cookie as text: `AP24`.
    #[must_use]
    pub fn cookie_text(&self) -> String {
        super::image::printable(&self.cookie.to_be_bytes())
    }

    /// The releases whose headers have this magic, in words: `2.4.60 to 2.4.62`.
    #[must_use]
    pub fn releases(&self) -> Option<String> {
        (self.series()?.name == "2.4").then(|| releases_of(self.minor))
    }

    /// Whether it was surely compiled with the headers of a later release of 2.4 than `release`.
    #[must_use]
    pub fn is_newer_than(&self, release: &Version) -> bool {
        let later = |known: &str, or_same: bool| {
            known
                .parse::<Version>()
                .is_ok_and(|known| known > *release || or_same && known == *release)
        };
        let at = MINORS.partition_point(|(known, _, _)| *known < self.minor);
        match (self.series().map(|series| series.name), MINORS.get(at)) {
            (Some("2.4"), Some((minor, first, _))) if *minor == self.minor => later(first, false),
            (Some("2.4"), _) => at > 0 && later(MINORS[at - 1].2, true),
            _ => false,
        }
    }
}

fn releases_of(minor: u32) -> String {
    let at = MINORS.partition_point(|(known, _, _)| *known < minor);
    match (MINORS.get(at), at.checked_sub(1).and_then(|before| MINORS.get(before))) {
        (Some((known, first, last)), _) if *known == minor && first == last => (*first).to_owned(),
        (Some((known, first, last)), _) if *known == minor => format!("{first} to {last}"),
        (Some((_, after, _)), Some((_, _, before))) => format!("between {before} and {after}"),
        (None, Some((_, _, newest))) => format!("newer than {newest}"),
        _ => "2.4".to_owned(),
    }
}

/// The module magic minors of Apache 2.4's releases, from the list in its `ap_mmn.h` and from
/// released binaries. Where the two leave a doubt (2.4.51 to 2.4.57) nothing stands here.
const MINORS: [(u32, &str, &str); 28] = [
    (0, "2.4.1", "2.4.1"),
    (3, "2.4.2", "2.4.2"),
    (6, "2.4.3", "2.4.3"),
    (11, "2.4.4", "2.4.4"),
    (23, "2.4.6", "2.4.6"),
    (31, "2.4.7", "2.4.9"),
    (36, "2.4.10", "2.4.10"),
    (41, "2.4.12", "2.4.12"),
    (47, "2.4.16", "2.4.16"),
    (52, "2.4.17", "2.4.18"),
    (57, "2.4.20", "2.4.20"),
    (61, "2.4.23", "2.4.23"),
    (67, "2.4.25", "2.4.25"),
    (68, "2.4.26", "2.4.29"),
    (76, "2.4.33", "2.4.33"),
    (79, "2.4.34", "2.4.34"),
    (84, "2.4.35", "2.4.39"),
    (88, "2.4.41", "2.4.41"),
    (92, "2.4.43", "2.4.43"),
    (93, "2.4.46", "2.4.46"),
    (105, "2.4.48", "2.4.48"),
    (116, "2.4.49", "2.4.49"),
    (117, "2.4.50", "2.4.50"),
    (129, "2.4.58", "2.4.58"),
    (131, "2.4.59", "2.4.59"),
    (134, "2.4.60", "2.4.62"),
    (139, "2.4.63", "2.4.63"),
    (142, "2.4.64", "2.4.68"),
];

#[cfg(test)]
mod tests {
    use super::*;

    fn of_minor(minor: u32) -> ModuleRecord {
        ModuleRecord { major: 20_120_211, minor, index: -1, cookie: 0x4150_3234 }
    }

    #[test]
    fn the_minor_tells_the_release() {
        for (minor, said) in [
            (0, "2.4.1"),
            (84, "2.4.35 to 2.4.39"),
            (120, "between 2.4.50 and 2.4.58"),
            (129, "2.4.58"),
            (134, "2.4.60 to 2.4.62"),
            (142, "2.4.64 to 2.4.68"),
            (150, "newer than 2.4.68"),
        ] {
            assert_eq!(of_minor(minor).releases().as_deref(), Some(said), "{minor}");
        }
        assert!(MINORS.is_sorted_by_key(|(minor, _, _)| *minor));
    }

    #[test]
    fn a_later_release_is_told_where_it_is_sure() {
        let newer = |minor: u32, than: &str| of_minor(minor).is_newer_than(&than.parse().unwrap());
        assert!(newer(142, "2.4.54") && newer(142, "2.4.63") && !newer(142, "2.4.64"));
        assert!(newer(120, "2.4.50") && !newer(120, "2.4.54"));
        assert!(newer(150, "2.4.68") && !newer(150, "2.4.69"));
        assert!(!newer(0, "2.4.1"));
    }

    #[test]
    fn a_record_is_read_where_its_pointers_put_it() {
        let mut data = vec![0; 48];
        data[..4].copy_from_slice(&20_120_211_u32.to_le_bytes());
        data[4..8].copy_from_slice(&142_u32.to_le_bytes());
        data[8..12].copy_from_slice(&[0xff; 4]);
        data[40..44].copy_from_slice(&0x4150_3234_u32.to_le_bytes());
        assert_eq!(ModuleRecord::read(&data, true), Some(of_minor(142)));
        assert_eq!(ModuleRecord::read(&data, false), None);
        assert_eq!(ModuleRecord::read(&data[..43], true), None);
        assert_eq!(of_minor(142).cookie_text(), "AP24");
    }
}
