//! Which tools these are, and what Linux calls the files that they are told of. A text `stand-in.txt` beside
//! the program says so in lines `name = value`; what it leaves out is as here:
//!
//! ```text
//! version = 19.44.35207     what cl says of itself
//! arch = x64                or x86: what cl compiles for
//! drive-c = /tmp/prefix/drive_c    where Linux has drive C: of Wine
//! ```

use std::collections::BTreeMap;

/// The tools of one version for one architecture.
#[derive(Debug)]
pub(crate) struct Machine {
    /// As cl says it: `19.44.35207`.
    pub(crate) version: String,
    /// `x64` or `x86`.
    pub(crate) arch: Arch,
    drive_c: Option<String>,
}

/// What is compiled for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Arch {
    X86,
    X64,
}

impl Machine {
    /// What lies beside this program.
    pub(crate) fn find() -> Result<Self, String> {
        let own = std::env::current_exe().map_err(|error| error.to_string())?;
        let text = std::fs::read_to_string(own.with_file_name("stand-in.txt")).unwrap_or_default();
        let mut said: BTreeMap<&str, &str> = text
            .lines()
            .filter_map(|line| line.split_once('='))
            .map(|(name, value)| (name.trim(), value.trim()))
            .collect();
        let version = said.remove("version").unwrap_or("19.44.35207").to_owned();
        let arch = match said.remove("arch").unwrap_or("x64") {
            "x64" => Arch::X64,
            "x86" => Arch::X86,
            other => return Err(format!("stand-in.txt: {other:?} is neither x64 nor x86")),
        };
        let drive_c = said.remove("drive-c").map(str::to_owned);
        Ok(Self { version, arch, drive_c })
    }

    /// `_MSC_VER`: 1944, 1600, 1500.
    pub(crate) fn msc(&self) -> u32 {
        let mut numbers = self.version.split('.').map(|number| number.parse().unwrap_or(0));
        let (major, minor): (u32, u32) = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0));
        major * 100 + minor
    }

    /// clang's name of what is compiled for.
    pub(crate) fn target(&self) -> &'static str {
        match self.arch {
            Arch::X86 => "i686-w64-windows-gnu",
            Arch::X64 => "x86_64-w64-windows-gnu",
        }
    }

    /// A path as Linux has it.
    pub(crate) fn unix(&self, path: &str) -> Result<String, String> {
        let path = path.strip_prefix(r"\\?\").unwrap_or(path).replace('\\', "/");
        let Some((drive, rest)) = path.split_once(':').filter(|_| cfg!(windows)) else {
            return Ok(path);
        };
        match (drive.to_ascii_lowercase().as_str(), &self.drive_c) {
            ("z", _) => Ok(rest.to_owned()),
            ("c", Some(drive)) => Ok(format!("{drive}{rest}")),
            _ => Err(format!("stand-in.txt does not say where Linux has {path}")),
        }
    }

    /// The folders of a variable such as `INCLUDE`.
    pub(crate) fn folders(variable: &str) -> Vec<String> {
        let value = std::env::var(variable).unwrap_or_default();
        value.split(';').filter(|folder| !folder.is_empty()).map(str::to_owned).collect()
    }
}
