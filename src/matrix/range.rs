//! Ranges as `matrix.yaml` writes them: of module versions (`>=6.0, <7`, `4.1 - 4.5.7`) and of
//! Pythons (`2.6 - 2.7, 3.3 - 3.11`).

use std::borrow::Cow;
use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Deserializer};

use crate::model::python::PythonTag;
use crate::model::version::Version;

/// A range of module versions: `6.0.1`, `6.0.0 - 6.0.1` with both ends in it, or bounds that all
/// hold: `>=6.0, <7`.
///
/// It speaks of releases; a candidate or development version is judged as the release it leads to,
/// so that `>=6.0, <7` holds 6.0.0.rc2 and not 7.0.0.rc1.
#[derive(Clone, Debug)]
pub struct VersionRange {
    low: Option<End>,
    high: Option<End>,
    text: String,
}

/// An end of a range, and whether the version itself is inside.
#[derive(Clone, Debug)]
struct End {
    version: Version,
    inside: bool,
}

impl VersionRange {
    /// Whether a version is in the range.
    #[must_use]
    pub fn contains(&self, version: &Version) -> bool {
        let release = release_of(version);
        self.low.as_ref().is_none_or(|low| match (*release).cmp(&low.version) {
            Ordering::Less => false,
            Ordering::Equal => low.inside,
            Ordering::Greater => true,
        }) && self.high.as_ref().is_none_or(|high| match (*release).cmp(&high.version) {
            Ordering::Less => true,
            Ordering::Equal => high.inside,
            Ordering::Greater => false,
        })
    }

    /// Whether some version is in both ranges.
    #[must_use]
    pub fn overlaps(&self, other: &Self) -> bool {
        !is_empty(self.low.as_ref(), other.high.as_ref())
            && !is_empty(other.low.as_ref(), self.high.as_ref())
    }

    /// Orders ranges by where they begin: one without a beginning comes first.
    #[must_use]
    pub fn cmp_start(&self, other: &Self) -> Ordering {
        let start = |range: &Self| range.low.as_ref().map(|low| (low.version.clone(), !low.inside));
        start(self).cmp(&start(other))
    }
}

/// Whether nothing lies between a low and a high end.
fn is_empty(low: Option<&End>, high: Option<&End>) -> bool {
    let (Some(low), Some(high)) = (low, high) else { return false };
    match low.version.cmp(&high.version) {
        Ordering::Less => false,
        Ordering::Equal => !(low.inside && high.inside),
        Ordering::Greater => true,
    }
}

fn release_of(version: &Version) -> Cow<'_, Version> {
    if !version.is_prerelease() {
        return Cow::Borrowed(version);
    }
    let numbers: Vec<String> = version.numbers().iter().map(ToString::to_string).collect();
    numbers.join(".").parse().map_or(Cow::Borrowed(version), Cow::Owned)
}

impl FromStr for VersionRange {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut range = Self { low: None, high: None, text: text.to_owned() };
        for part in text.split(',').map(str::trim) {
            range.narrow(part)?;
        }
        if is_empty(range.low.as_ref(), range.high.as_ref()) {
            return Err(format!(
                "'{text}' is upside down: no version is in it\nhint: write the older version first"
            ));
        }
        Ok(range)
    }
}

impl VersionRange {
    fn narrow(&mut self, part: &str) -> Result<(), String> {
        let end = |text: &str, inside| {
            let version = text.trim().parse().map_err(|error: String| error + RANGE_HINT)?;
            Ok::<_, String>(End { version, inside })
        };
        if let Some((low, high)) = part.split_once(" - ") {
            self.raise(end(low, true)?);
            self.lower(end(high, true)?);
        } else if let Some(version) = part.strip_prefix(">=") {
            self.raise(end(version, true)?);
        } else if let Some(version) = part.strip_prefix("<=") {
            self.lower(end(version, true)?);
        } else if let Some(version) = part.strip_prefix('>') {
            self.raise(end(version, false)?);
        } else if let Some(version) = part.strip_prefix('<') {
            self.lower(end(version, false)?);
        } else {
            self.raise(end(part, true)?);
            self.lower(end(part, true)?);
        }
        Ok(())
    }

    fn raise(&mut self, end: End) {
        let key = |end: &End| (end.version.clone(), !end.inside);
        if self.low.as_ref().is_none_or(|low| key(low) < key(&end)) {
            self.low = Some(end);
        }
    }

    fn lower(&mut self, end: End) {
        let key = |end: &End| (end.version.clone(), end.inside);
        if self.high.as_ref().is_none_or(|high| key(&end) < key(high)) {
            self.high = Some(end);
        }
    }
}

const RANGE_HINT: &str = "\nhint: a range is one version, '6.0.0 - 6.0.1', or bounds: '>=6.0, <7'";

/// A range of Pythons: `3.13`, `3.10 - 3.15`, or several of them with commas between.
///
/// Free-threaded builds are an ABI of their own and are named on their own: `3.13t - 3.15t`.
#[derive(Clone, Debug)]
pub struct PythonRange {
    parts: Vec<(PythonTag, PythonTag)>,
    text: String,
}

impl PythonRange {
    /// Whether a Python is in the range.
    #[must_use]
    pub fn contains(&self, python: PythonTag) -> bool {
        self.parts.iter().any(|&(low, high)| {
            low <= python && python <= high && low.free_threaded == python.free_threaded
        })
    }
}

impl FromStr for PythonRange {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parts =
            text.split(',').map(|part| python_part(text, part)).collect::<Result<_, _>>()?;
        Ok(Self { parts, text: text.to_owned() })
    }
}

fn python_part(text: &str, part: &str) -> Result<(PythonTag, PythonTag), String> {
    let (low, high) = part.split_once(" - ").unwrap_or((part, part));
    let tag = |text: &str| {
        text.trim().parse::<PythonTag>().map_err(|error| {
            error + "\nhint: a range is one Python or two with ' - ' between; commas join several"
        })
    };
    let (low, high) = (tag(low)?, tag(high)?);
    if low.free_threaded != high.free_threaded {
        return Err(format!(
            "'{text}' mixes ordinary and free-threaded Pythons\n\
             hint: give each its own range: '{low} - …, …t'"
        ));
    }
    if low > high {
        return Err(format!(
            "'{text}' is upside down: no Python is in it\nhint: write '{high} - {low}'"
        ));
    }
    Ok((low, high))
}

impl fmt::Display for VersionRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.text)
    }
}

impl fmt::Display for PythonRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.text)
    }
}

impl<'de> Deserialize<'de> for VersionRange {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

impl<'de> Deserialize<'de> for PythonRange {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

impl JsonSchema for VersionRange {
    fn schema_name() -> Cow<'static, str> {
        "VersionRange".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        schemars::json_schema!({
            "type": "string",
            "pattern": "^\\s*[<>0-9][-<>=.,0-9 ]*$",
            "description": "A range of module versions: '6.0.1', '6.0.0 - 6.0.1', '>=6.0, <7'",
        })
    }
}

impl JsonSchema for PythonRange {
    fn schema_name() -> Cow<'static, str> {
        "PythonRange".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        schemars::json_schema!({
            "type": "string",
            "pattern": "^\\s*[0-9]+\\.[0-9]+t?( - [0-9]+\\.[0-9]+t?)?(\\s*,\\s*[0-9]+\\.[0-9]+t?( - [0-9]+\\.[0-9]+t?)?)*\\s*$",
            "description": "A range of Pythons: '3.13', '2.6 - 2.7, 3.3 - 3.11', '3.13t - 3.15t'",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn range(text: &str) -> VersionRange {
        text.parse().unwrap()
    }

    fn holds(text: &str, version: &str) -> bool {
        range(text).contains(&version.parse().unwrap())
    }

    #[test]
    fn both_ends_of_a_span_are_inside_and_bounds_say_it_themselves() {
        for inside in ["6.0.0", "6.0", "6.0.1"] {
            assert!(holds("6.0.0 - 6.0.1", inside), "{inside}");
        }
        for outside in ["5.9", "6.0.2", "6.1"] {
            assert!(!holds("6.0.0 - 6.0.1", outside), "{outside}");
        }
        assert!(holds(">=6.0, <7", "6.99.1"));
        assert!(!holds(">=6.0, <7", "7.0"));
        assert!(!holds(">4.1", "4.1.0"));
        assert!(holds("<=4.1", "4.1.0"));
        assert!(holds("4.6.6", "4.6.6"));
        assert!(!holds("4.6.6", "4.6.7"));
    }

    #[test]
    fn a_candidate_is_judged_as_its_release() {
        assert!(holds(">=6.0, <7", "6.0.0.rc1"));
        assert!(!holds(">=6.0, <7", "7.0.0.rc1"));
        assert!(holds("6.0.0 - 6.0.1", "6.0.0dev1"));
    }

    #[test]
    fn overlap_is_a_version_in_both() {
        for (one, other, expected) in [
            ("4.1 - 4.5.7", "4.5.8 - 4.9.4", false),
            ("4.1 - 4.5.7", "4.5.7 - 4.9.4", true),
            (">=5, <6", ">=6, <7", false),
            (">=5, <=6", ">=6, <7", true),
            (">=5", "<5", false),
            (">=5", "9.1", true),
            ("<3", "<1", true),
        ] {
            assert_eq!(range(one).overlaps(&range(other)), expected, "{one} | {other}");
            assert_eq!(range(other).overlaps(&range(one)), expected, "{other} | {one}");
        }
    }

    #[test]
    fn upside_down_and_nonsense_are_refused() {
        for (text, message) in [
            ("7 - 6", "upside down"),
            (">=7, <6", "upside down"),
            (">6, <6.0", "upside down"),
            ("", "not a version"),
            ("six", "not a version"),
            ("6.0 -", "not a version"),
            (">=6,", "not a version"),
        ] {
            let error = text.parse::<VersionRange>().unwrap_err();
            assert!(error.contains(message) && error.contains("\nhint: "), "{text}: {error}");
        }
        for (text, message) in [
            ("3.15 - 3.10", "upside down"),
            ("3.13 - 3.15t", "mixes"),
            ("3", "not a Python version"),
            ("3.10 - ", "not a Python version"),
            ("3.10,", "not a Python version"),
        ] {
            let error = text.parse::<PythonRange>().unwrap_err();
            assert!(error.contains(message) && error.contains("\nhint: "), "{text}: {error}");
        }
    }

    #[test]
    fn free_threaded_builds_are_not_in_an_ordinary_range() {
        let holds = |range: &str, python: &str| {
            range.parse::<PythonRange>().unwrap().contains(python.parse().unwrap())
        };
        assert!(holds("3.10 - 3.15", "3.13"));
        assert!(!holds("3.10 - 3.15", "3.13t"));
        assert!(holds("3.10 - 3.15, 3.13t - 3.15t", "3.14t"));
        assert!(!holds("3.13t - 3.15t", "3.14"));
        assert!(holds("2.6 - 2.7, 3.3", "3.3"));
        assert!(!holds("2.6 - 2.7, 3.3", "3.2"));
    }
}
