//! Version numbers of modules, Apaches and Pythons, and ranges over them.

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A dotted version with an optional pre-release: `2.4.66`, `6.0.0.dev1`, `5.0.1.rc1`.
///
/// Compared as PEP 440 does as far as these projects need it: missing parts are zero, and
/// `dev` < `a` < `b` < `rc` < the release.
#[derive(Clone, Debug)]
pub struct Version {
    numbers: Vec<u32>,
    pre: Option<(PreRelease, u32)>,
    text: String,
}

/// The kinds of pre-release, in their order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum PreRelease {
    /// `dev1`
    Dev,
    /// `a1`
    Alpha,
    /// `b1`
    Beta,
    /// `rc1`
    Candidate,
}

impl Version {
    /// Whether this is a development version or a candidate rather than a release.
    #[must_use]
    pub fn is_prerelease(&self) -> bool {
        self.pre.is_some()
    }

    /// The text it was read from.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The text as PEP 440 has it in the names of files: `6.2.0rc1` of `6.2.0.rc1`.
    #[must_use]
    pub fn normalized(&self) -> String {
        let numbers: Vec<String> = self.numbers.iter().map(u32::to_string).collect();
        let pre = self.pre.map(|(kind, number)| match kind {
            PreRelease::Dev => format!(".dev{number}"),
            PreRelease::Alpha => format!("a{number}"),
            PreRelease::Beta => format!("b{number}"),
            PreRelease::Candidate => format!("rc{number}"),
        });
        numbers.join(".") + &pre.unwrap_or_default()
    }

    /// The dotted numbers, as they were written.
    #[must_use]
    pub fn numbers(&self) -> &[u32] {
        &self.numbers
    }

    /// Whether `self` begins with all the numbers of `series`: 2.4.66 is of the series 2.4.
    #[must_use]
    pub fn is_of_series(&self, series: &Self) -> bool {
        self.numbers.starts_with(&series.numbers)
    }

    fn significant(&self) -> &[u32] {
        let end = self.numbers.iter().rposition(|&n| n != 0).map_or(0, |last| last + 1);
        &self.numbers[..end]
    }
}

impl FromStr for Version {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let bad = || format!("'{text}' is not a version: expected one like 6.1.1 or 6.2.0.rc1");
        let letters = text.find(|c: char| c.is_ascii_alphabetic()).unwrap_or(text.len());
        let (numbers, pre) = text.split_at(letters);
        let numbers = numbers
            .strip_suffix(['.', '-'])
            .filter(|_| !pre.is_empty())
            .unwrap_or(numbers)
            .split('.')
            .map(|part| part.parse().ok().filter(|_| part.bytes().all(|b| b.is_ascii_digit())))
            .collect::<Option<Vec<u32>>>()
            .ok_or_else(bad)?;
        let pre = match pre {
            "" => None,
            pre => Some(parse_pre_release(pre).ok_or_else(bad)?),
        };
        Ok(Self { numbers, pre, text: text.to_owned() })
    }
}

fn parse_pre_release(text: &str) -> Option<(PreRelease, u32)> {
    let digits = text.find(|c: char| c.is_ascii_digit()).unwrap_or(text.len());
    let (kind, number) = text.split_at(digits);
    let kind = match kind.trim_end_matches(['.', '-']) {
        "dev" => PreRelease::Dev,
        "a" | "alpha" => PreRelease::Alpha,
        "b" | "beta" => PreRelease::Beta,
        "rc" | "c" => PreRelease::Candidate,
        _ => return None,
    };
    let number = if number.is_empty() { 0 } else { number.parse().ok()? };
    Some((kind, number))
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.text)
    }
}

impl PartialEq for Version {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Version {}

impl PartialOrd for Version {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Version {
    fn cmp(&self, other: &Self) -> Ordering {
        self.significant().cmp(other.significant()).then_with(|| match (self.pre, other.pre) {
            (None, None) => Ordering::Equal,
            (None, Some(_)) => Ordering::Greater,
            (Some(_), None) => Ordering::Less,
            (Some(ours), Some(theirs)) => ours.cmp(&theirs),
        })
    }
}

impl Serialize for Version {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text)
    }
}

impl<'de> Deserialize<'de> for Version {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

impl JsonSchema for Version {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Version".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "type": "string",
            "pattern": "^[0-9]+(\\.[0-9]+)*([.-]?(dev|a|alpha|b|beta|rc|c)[.-]?[0-9]*)?$",
            "description": "A dotted version number: 6.1.1, 2.4.66, 6.2.0.rc1",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn v(text: &str) -> Version {
        text.parse().unwrap()
    }

    #[test]
    fn orders_as_pep_440() {
        let order = [
            "4.1",
            "4.9.4",
            "5.0.1.rc1",
            "5.0.1",
            "6.0.0dev1",
            "6.0.0.rc2",
            "6.0.0",
            "6.0.0.1",
            "6.1.1",
            "6.10",
        ];
        for pair in order.windows(2) {
            assert!(v(pair[0]) < v(pair[1]), "{} < {}", pair[0], pair[1]);
        }
        assert_eq!(v("6.0"), v("6.0.0"));
        assert!(v("2.4.66").is_of_series(&v("2.4")));
        assert!(!v("2.40").is_of_series(&v("2.4")));
    }

    #[test]
    fn has_one_spelling_in_names_of_files() {
        for (text, normalized) in [
            ("6.1.1", "6.1.1"),
            ("6.2.0.rc1", "6.2.0rc1"),
            ("6.2.0-beta", "6.2.0b0"),
            ("6.0.0dev1", "6.0.0.dev1"),
        ] {
            assert_eq!(v(text).normalized(), normalized);
        }
    }

    #[test]
    fn refuses_what_is_none() {
        for bad in ["", ".", "6.", "6..1", "6.1-", "x", "6.1.foo1", "6.1 ", "+6.1", "6.1.rcx"] {
            assert!(bad.parse::<Version>().is_err(), "{bad:?}");
        }
    }
}
