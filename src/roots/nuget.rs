//! Pythons as NuGet has them, from python.org's own packages: with headers and import libraries, for every
//! version and architecture.

use std::fmt;

use crate::matrix::is_trusted;
use crate::model::arch::Arch;
use crate::model::python::PythonTag;

/// Where NuGet's packages are.
const PLACE: &str = "https://api.nuget.org/v3-flatcontainer";

/// Names another place, as a mirror is: with packages at `ID/VERSION/ID.VERSION.nupkg` below it.
const VARIABLE: &str = "MODFARM_NUGET_URL";

/// A package with a Python.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Package {
    id: String,
    version: String,
}

/// An address that packages cannot be had from.
#[derive(Debug, thiserror::Error)]
#[error("{VARIABLE} is '{0}', which is no https URL\nhint: name the mirror's address, as {PLACE}")]
pub struct NuGetError(String);

impl Package {
    /// The package of a Python. Those of Python 2 have names of their own.
    #[must_use]
    pub fn of(tag: PythonTag, arch: Arch, version: &str) -> Self {
        let python = if tag.major == 2 { "python2" } else { "python" };
        let arch = if arch == Arch::Win32 { "x86" } else { "" };
        let threads = if tag.free_threaded { "-freethreaded" } else { "" };
        Self { id: format!("{python}{arch}{threads}"), version: version.to_owned() }
    }

    /// Its address.
    pub fn url(&self) -> Result<String, NuGetError> {
        let place = std::env::var(VARIABLE).ok().filter(|place| !place.is_empty());
        let place = place.unwrap_or_else(|| PLACE.to_owned());
        if !is_trusted(&place) {
            return Err(NuGetError(place));
        }
        Ok(self.below(place.trim_end_matches('/')))
    }

    /// NuGet's addresses are written small.
    fn below(&self, place: &str) -> String {
        let (id, version) = (&self.id, self.version.to_ascii_lowercase());
        format!("{place}/{id}/{version}/{id}.{version}.nupkg")
    }
}

/// The name by which `matrix.lock` knows it, wherever it comes from.
impl fmt::Display for Package {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "NuGet: {} {}", self.id, self.version)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_python_has_its_package() {
        for (tag, arch, id) in [
            ("3.13", Arch::Win64, "python"),
            ("3.13", Arch::Win32, "pythonx86"),
            ("3.13t", Arch::Win64, "python-freethreaded"),
            ("3.14t", Arch::Win32, "pythonx86-freethreaded"),
            ("2.7", Arch::Win64, "python2"),
            ("2.7", Arch::Win32, "python2x86"),
        ] {
            assert_eq!(Package::of(tag.parse().unwrap(), arch, "1").id, id);
        }
        let package = Package::of("3.15".parse().unwrap(), Arch::Win64, "3.15.0-RC1");
        assert_eq!(
            package.below(PLACE),
            format!("{PLACE}/python/3.15.0-rc1/python.3.15.0-rc1.nupkg")
        );
        assert_eq!(package.to_string(), "NuGet: python 3.15.0-RC1");
    }
}
