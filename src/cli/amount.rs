//! Sizes and ages as people write them: `2GiB`, `500MB`, `30d`, `12h`.

use std::str::FromStr;
use std::time::Duration;

use jiff::{Span, SpanRelativeTo};

/// A number of bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Size(u64);

/// The units, by what is written after the number in small letters.
const UNITS: [(&str, u64); 14] = [
    ("", 1),
    ("b", 1),
    ("k", 1 << 10),
    ("kib", 1 << 10),
    ("kb", 1_000),
    ("m", 1 << 20),
    ("mib", 1 << 20),
    ("mb", 1_000_000),
    ("g", 1 << 30),
    ("gib", 1 << 30),
    ("gb", 1_000_000_000),
    ("t", 1 << 40),
    ("tib", 1 << 40),
    ("tb", 1_000_000_000_000),
];

impl Size {
    /// The bytes.
    pub(super) fn bytes(self) -> u64 {
        self.0
    }
}

impl FromStr for Size {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let end = text.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(text.len());
        let (number, unit) = text.split_at(end);
        let unit = unit.trim().to_ascii_lowercase();
        let factor = UNITS.iter().find(|(name, _)| *name == unit).map(|(_, factor)| *factor);
        let bytes = number.parse::<u64>().ok().zip(factor);
        let bytes = bytes.and_then(|(number, factor)| number.checked_mul(factor));
        bytes.map(Self).ok_or_else(|| "expected a size such as 500MB, 2GiB or 0".to_owned())
    }
}

/// A length of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Age(Duration);

impl Age {
    /// The time.
    pub(super) fn duration(self) -> Duration {
        self.0
    }
}

impl FromStr for Age {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let span = text.parse::<Span>().ok();
        let length = span.and_then(|span| {
            let length = span.to_duration(SpanRelativeTo::days_are_24_hours()).ok()?;
            Duration::try_from(length).ok()
        });
        length.map(Self).ok_or_else(|| "expected an age such as 30d, 2w or 12h".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_sizes() {
        let read = |text: &str| text.parse::<Size>().map(Size::bytes);
        assert_eq!(read("0"), Ok(0));
        assert_eq!(read("2GiB"), Ok(2 << 30));
        assert_eq!(read("500 MB"), Ok(500_000_000));
        assert_eq!(read("3k"), Ok(3 << 10));
        for wrong in ["", "GiB", "-1", "1.5G", "2 apples", "99999999999T"] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn reads_ages() {
        let read = |text: &str| text.parse::<Age>().map(Age::duration);
        assert_eq!(read("30d"), Ok(Duration::from_secs(30 * 24 * 60 * 60)));
        assert_eq!(read("2w"), Ok(Duration::from_secs(14 * 24 * 60 * 60)));
        assert_eq!(read("90m"), Ok(Duration::from_secs(90 * 60)));
        for wrong in ["", "30", "-1d", "yesterday", "1y"] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }
}
