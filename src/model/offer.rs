//! What a runner can build: its toolset and the roots that stand ready for it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::abi::AbiFamily;
use super::arch::Arch;
use super::cell::ApacheLabel;
use super::python::PythonTag;
use super::version::Version;

/// How the name of a root begins that a runner's file declares: it is there, and nobody has seen it.
pub const DECLARED: &str = "declared/";

/// The same of an Apache.
pub const DECLARED_APACHE: &str = "declared/apache/";

/// The same of a Python, which a job asks `setup-python` for.
pub const DECLARED_PYTHON: &str = "declared/python/";

/// Everything the plan needs to know of one runner.
#[derive(Clone, Debug)]
pub struct Offer {
    /// The runner's name, the stem of its file.
    pub runner: String,
    /// The toolset it compiles with.
    pub toolset: String,
    /// The ABI families that the toolset can link against.
    pub families: Vec<AbiFamily>,
    /// The architectures that the toolset can compile for.
    pub arches: Vec<Arch>,
    /// The Apache roots at hand, preferred first.
    pub apaches: Vec<ApacheOffer>,
    /// The Python roots at hand, preferred first.
    pub pythons: Vec<PythonOffer>,
}

/// An Apache root that a runner can build against.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApacheOffer {
    /// The root's name, unique over a run.
    pub root: String,
    /// The version its headers say, where that is known before it is fetched.
    pub version: Option<Version>,
    /// Its architecture.
    pub arch: Arch,
    /// Which labels it may serve.
    pub serves: Serves,
}

/// Which labels an Apache root may serve.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Serves {
    /// Every label of this series and the root's architecture.
    Series(Version),
    /// This label alone.
    Label(ApacheLabel),
}

/// A Python root that a runner can build against.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PythonOffer {
    /// The root's name, unique over a run.
    pub root: String,
    /// The version its headers say, where that is known before it is fetched.
    pub version: Option<Version>,
    /// Which Python it is.
    pub tag: PythonTag,
    /// Its architecture.
    pub arch: Arch,
}

/// What kind of installation a root is laid out like.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum RootKind {
    /// `include/`, `lib/`, and where it can run `bin/`.
    Apache,
    /// `include/`, `libs/`, and where it can run `pythonXY.dll`.
    Python,
}

impl RootKind {
    /// `apache` or `python`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Apache => "apache",
            Self::Python => "python",
        }
    }
}
