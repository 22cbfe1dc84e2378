//! A runner of GitHub Actions: which machines a workflow's jobs ask for, and what its file declares to stand
//! ready on them. Nobody reaches them from outside; a job that runs there is the runner.

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer};

use crate::matrix::{Matrix, PythonRange};
use crate::model::arch::Arch;
use crate::model::cell::ApacheLabel;
use crate::model::offer::{ApacheOffer, DECLARED_APACHE, DECLARED_PYTHON, PythonOffer, Serves};
use crate::model::version::Version;

/// Machines of GitHub Actions, as a runner's file declares them.
#[derive(Clone, Debug)]
pub struct Actions {
    /// What a job names to get one: the workflow's `runs-on`.
    pub runs_on: Vec<String>,
    /// For which architectures its toolset compiles.
    pub arches: Vec<Arch>,
    /// The Pythons that a job there has once it has asked for them.
    pub pythons: Option<PythonRange>,
    /// The Apaches that stand there.
    pub apaches: Vec<DeclaredApache>,
    /// How many such machines there are, where that is known.
    pub machines: Option<usize>,
}

impl Actions {
    /// The Pythons of the matrix that are declared.
    #[must_use]
    pub fn pythons(&self, matrix: &Matrix) -> Vec<PythonOffer> {
        let Some(range) = &self.pythons else { return Vec::new() };
        let tags = matrix.pythons.iter().map(|python| python.tag);
        let offer = |tag, arch| {
            let root = format!("{DECLARED_PYTHON}{tag}-{arch}");
            PythonOffer { root, version: None, tag, arch }
        };
        tags.filter(|tag| range.contains(*tag))
            .flat_map(|tag| self.arches.iter().map(move |arch| offer(tag, *arch)))
            .collect()
    }

    /// The Apaches that are declared.
    #[must_use]
    pub fn apaches(&self) -> Vec<ApacheOffer> {
        self.apaches.iter().map(DeclaredApache::offer).collect()
    }
}

/// An Apache that stands ready: `2.4-win64`, `2.4.55-win64` where its version is known, or one for a label
/// alone, `Apache24-win64-VS17`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeclaredApache {
    text: String,
    serves: Serves,
    arch: Arch,
    version: Option<Version>,
}

impl DeclaredApache {
    fn offer(&self) -> ApacheOffer {
        ApacheOffer {
            root: format!("{DECLARED_APACHE}{}", self.text),
            version: self.version.clone(),
            arch: self.arch,
            serves: self.serves.clone(),
        }
    }
}

impl std::str::FromStr for DeclaredApache {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let bad = || {
            format!(
                "'{text}' names no Apache: expected 2.4-win64, 2.4.55-win64 or Apache24-win64-VS17"
            )
        };
        if let Ok(label) = text.parse::<ApacheLabel>() {
            let arch = label.arch;
            return Ok(Self {
                text: text.to_owned(),
                serves: Serves::Label(label),
                arch,
                version: None,
            });
        }
        let (number, arch) = text.rsplit_once('-').ok_or_else(bad)?;
        let version: Version = number.parse().map_err(|_| bad())?;
        let [major, minor, more @ ..] = version.numbers() else { return Err(bad()) };
        let series = format!("{major}.{minor}").parse().map_err(|_| bad())?;
        Ok(Self {
            text: text.to_owned(),
            serves: Serves::Series(series),
            arch: arch.parse().map_err(|_| bad())?,
            version: (!more.is_empty()).then_some(version),
        })
    }
}

impl<'de> Deserialize<'de> for DeclaredApache {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

impl JsonSchema for DeclaredApache {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "DeclaredApache".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "type": "string",
            "pattern": "^([0-9]+\\.[0-9]+(\\.[0-9]+)*-win(32|64)|Apache[0-9]{2,}-win(32|64)-[A-Za-z0-9]+)$",
            "description": "An Apache: '2.4-win64', '2.4.55-win64', 'Apache24-win64-VS17'",
        })
    }
}

/// The longest label that a job may ask for, and the most of them.
const LONGEST_LABEL: usize = 64;
const MOST_LABELS: usize = 16;

/// Whether these are labels of GitHub's runners; they reach a workflow's `runs-on`.
pub(super) fn check_runs_on(labels: &[String]) -> Result<(), String> {
    if labels.is_empty() || labels.len() > MOST_LABELS {
        return Err(format!("'runs-on' names 1 to {MOST_LABELS} labels: [windows-2025]"));
    }
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    let is_label =
        |label: &&String| (1..=LONGEST_LABEL).contains(&label.len()) && label.bytes().all(plain);
    match labels.iter().find(|label| !is_label(label)) {
        Some(label) => Err(format!(
            "'{}' is no label for 'runs-on': letters, digits and . _ - are all that it may hold",
            label.escape_debug()
        )),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_apache_is_declared_by_series_version_or_label() {
        let offer = |text: &str| text.parse::<DeclaredApache>().unwrap().offer();
        let series = offer("2.4-win64");
        assert_eq!((series.root.as_str(), series.version), ("declared/apache/2.4-win64", None));
        assert_eq!(series.serves, Serves::Series("2.4".parse().unwrap()));
        let version = offer("2.4.55-win32");
        assert_eq!(version.version, "2.4.55".parse().ok());
        assert_eq!((version.serves, version.arch), (series.serves, Arch::Win32));
        let label = offer("Apache24-win64-VS17");
        assert!(matches!(label.serves, Serves::Label(_)), "{label:?}");
        for bad in ["", "2.4", "2-win64", "2.4-win16", "Apache24", "x-win64", "../2.4-win64"] {
            assert!(bad.parse::<DeclaredApache>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_label_is_nothing_that_a_workflow_would_evaluate() {
        let check = |label: &str| check_runs_on(&[label.to_owned()]);
        for good in ["windows-2025", "self-hosted", "VC9", "a.b_c"] {
            assert_eq!(check(good), Ok(()), "{good}");
        }
        for bad in ["", "a b", "${{ secrets.X }}", "a\nb", &"x".repeat(65)] {
            assert!(check(bad).is_err(), "{bad}");
        }
        assert!(check_runs_on(&[]).is_err());
    }
}
