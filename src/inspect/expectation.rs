//! What a file's name claims: a place in the release's layout, a wheel's module, or nothing.

use crate::model::abi::AbiFamily;
use crate::model::cell::{ApacheLabel, CellId};
use crate::model::python::PythonTag;

use super::machine::Machine;

/// What a file should be, as far as somebody said so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expectation {
    /// The module: `mod_wsgi`.
    pub module: String,
    /// The Apache it is for.
    pub apache: Option<ApacheLabel>,
    /// The machine.
    pub machine: Option<Machine>,
    /// The Python.
    pub python: Option<PythonTag>,
    /// The ABI family of that Python.
    pub abi: Option<AbiFamily>,
}

impl Expectation {
    /// Nothing is claimed: the checks then only look for what is wrong in every module.
    #[must_use]
    pub fn nothing() -> Self {
        Self { module: "mod_wsgi".to_owned(), apache: None, machine: None, python: None, abi: None }
    }

    /// What the file of a cell must be.
    #[must_use]
    pub fn of_cell(cell: &CellId, module: &str) -> Self {
        Self {
            module: module.to_owned(),
            apache: Some(cell.apache.clone()),
            machine: Some(cell.apache.arch.into()),
            python: Some(cell.python),
            abi: Some(cell.abi),
        }
    }

    /// What a path claims, with `/` or `\` between its parts and any folders before them:
    /// `Apache24-win64-VS17/modules/mod_wsgi-py313-VC14.so`, `mod_wsgi.cp313-win_amd64.pyd`, or a
    /// part of the former.
    #[must_use]
    pub fn of_path(path: &str) -> Self {
        let mut parts = path.rsplit(['/', '\\']);
        let name = parts.next().unwrap_or_default();
        let mut claimed =
            of_release_name(name).or_else(|| of_wheel_name(name)).unwrap_or_else(Self::nothing);
        if let Some(apache) = parts.find_map(|part| part.parse::<ApacheLabel>().ok()) {
            claimed.machine = Some(apache.arch.into());
            claimed.apache = Some(apache);
        }
        claimed
    }

    /// The series of Apache that is claimed: `2.4`.
    #[must_use]
    pub fn series(&self) -> Option<&str> {
        self.apache.as_ref().map(|apache| apache.series.as_str())
    }

    /// The symbol that Apache looks for: `wsgi_module`.
    #[must_use]
    pub fn symbol(&self) -> String {
        format!("{}_module", self.module.strip_prefix("mod_").unwrap_or(&self.module))
    }
}

/// `mod_wsgi-py313-VC14.so`
fn of_release_name(name: &str) -> Option<Expectation> {
    let stem = name.rsplit_once('.').map_or(name, |(stem, _)| stem);
    let (module, rest) = stem.rsplit_once("-py")?;
    let (digits, abi) = rest.split_once('-')?;
    Some(Expectation {
        module: module.to_owned(),
        python: Some(PythonTag::from_digits(digits)?),
        abi: Some(abi.parse().ok()?),
        ..Expectation::nothing()
    })
}

/// `mod_wsgi.cp313-win_amd64.pyd`
fn of_wheel_name(name: &str) -> Option<Expectation> {
    let (module, tags) = name.strip_suffix(".pyd")?.split_once(".cp")?;
    let (digits, platform) = tags.split_once('-')?;
    let python = PythonTag::from_digits(digits)?;
    let machine = match platform {
        "win32" => Machine::I386,
        "win_amd64" => Machine::X64,
        "win_arm64" => Machine::Arm64,
        _ => return None,
    };
    Some(Expectation {
        module: module.to_owned(),
        apache: None,
        machine: Some(machine),
        python: Some(python),
        abi: Some(family_of(python)),
    })
}

/// The family that Python's own Windows builds of a version were compiled with.
pub(super) fn family_of(python: PythonTag) -> AbiFamily {
    match (python.major, python.minor) {
        (..3, _) | (3, ..=2) => AbiFamily::Vc9,
        (3, 3 | 4) => AbiFamily::Vc10,
        _ => AbiFamily::Vc14,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_in_the_layout_claims_everything() {
        let cell = "Apache24-win64-VS17/py313-VC14".parse().unwrap();
        let whole = Expectation::of_cell(&cell, "mod_wsgi");
        for path in [
            "Apache24-win64-VS17/modules/mod_wsgi-py313-VC14.so",
            "/srv/mod_wsgi-windows-6.1.1/Apache24-win64-VS17/modules/mod_wsgi-py313-VC14.so",
            r"C:\dist\Apache24-win64-VS17\modules\mod_wsgi-py313-VC14.so",
            "Apache24-win64-VS17/mod_wsgi-py313-VC14.so",
        ] {
            assert_eq!(Expectation::of_path(path), whole, "{path}");
        }
        assert_eq!((whole.series(), whole.symbol().as_str()), (Some("2.4"), "wsgi_module"));
    }

    #[test]
    fn a_wheel_claims_python_and_machine() {
        let claimed = Expectation::of_path("mod_wsgi/server/mod_wsgi.cp313t-win_amd64.pyd");
        assert_eq!(claimed.python, Some(PythonTag::new(3, 13).free_threaded()));
        assert_eq!(claimed.machine, Some(Machine::X64));
        assert_eq!((claimed.abi, claimed.apache), (Some(AbiFamily::Vc14), None));
        let old = Expectation::of_path("mod_wsgi.cp34-win32.pyd");
        assert_eq!((old.machine, old.abi), (Some(Machine::I386), Some(AbiFamily::Vc10)));
    }

    #[test]
    fn a_part_claims_a_part() {
        let bare = Expectation::of_path("mod_wsgi-py313-VC14.so");
        assert_eq!((bare.python, bare.machine), (Some(PythonTag::new(3, 13)), None));
        for path in
            ["", "/", "mod_wsgi.so", "mod_wsgi-py313-VC13.so", "x.cp313-linux.pyd", "-py-.so"]
        {
            assert_eq!(Expectation::of_path(path), Expectation::nothing(), "{path}");
        }
        let folder = Expectation::of_path("Apache22-win32-VC9/modules/mod_wsgi.so");
        assert_eq!((folder.series(), folder.python), (Some("2.2"), None));
    }
}
