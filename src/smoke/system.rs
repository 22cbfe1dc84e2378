//! What runs an Apache here: Windows itself, Wine, or Linux with its own Apache. What is different
//! between them stands in this file.

use camino::{Utf8Path, Utf8PathBuf};

use super::SmokeError;
use super::reasons::NotRun;
use super::wine::{Prefix, Registration, Wine};
use crate::model::arch::Arch;
use crate::sys::files::FileError;
#[cfg(windows)]
use crate::sys::process;

/// What runs an Apache.
#[derive(Clone, Debug)]
pub struct System(Kind);

#[derive(Clone, Debug)]
enum Kind {
    /// Windows programs run as they are.
    #[cfg_attr(not(windows), allow(dead_code, reason = "made on Windows alone"))]
    Windows { name: String },
    #[cfg_attr(windows, allow(dead_code, reason = "made elsewhere alone"))]
    Wine { wine: Wine, prefixes: Utf8PathBuf },
    /// Linux's own Apache, to try the harness with.
    Linux,
}

/// What a running Apache is asked to do, without an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Signal {
    /// Start anew, and let those at work finish.
    Restart,
    /// End, when those at work have finished.
    Stop,
}

impl System {
    /// What runs Windows programs here. `prefixes` is the folder in which Wine's prefixes are kept.
    pub fn for_windows_programs(prefixes: &Utf8Path) -> Result<Self, NotRun> {
        #[cfg(windows)]
        {
            let _ = prefixes;
            let mut ver = process::command("cmd");
            let said = process::capture(ver.args(["/c", "ver"])).unwrap_or_default();
            let number = said.split_once("[Version ").and_then(|(_, rest)| rest.split_once(']'));
            let name =
                number.map_or("Windows".to_owned(), |(number, _)| format!("Windows {number}"));
            Ok(Self(Kind::Windows { name }))
        }
        #[cfg(not(windows))]
        {
            let wine = Wine::detect().ok_or(NotRun::NoWine)?;
            Ok(Self(Kind::Wine { wine, prefixes: prefixes.to_owned() }))
        }
    }

    /// Linux with its own Apache.
    #[must_use]
    pub fn linux() -> Self {
        Self(Kind::Linux)
    }

    /// `Wine 8.0 (Debian 8.0~repack-4)`.
    #[must_use]
    pub fn name(&self) -> &str {
        match &self.0 {
            Kind::Windows { name } => name,
            Kind::Wine { wine, .. } => &wine.name,
            Kind::Linux => "Linux",
        }
    }

    /// Whether programs for this architecture run here.
    pub fn runs(&self, arch: Arch) -> Result<(), NotRun> {
        match &self.0 {
            Kind::Wine { wine, .. } if arch == Arch::Win32 && !wine.runs_32_bit => {
                Err(NotRun::NoWine32)
            }
            _ => Ok(()),
        }
    }

    pub(super) fn is_linux(&self) -> bool {
        matches!(self.0, Kind::Linux)
    }

    /// A path of ours as the programs that run here spell it, with `/` between its parts.
    #[must_use]
    pub fn spell(&self, path: &Utf8Path) -> String {
        match &self.0 {
            Kind::Wine { .. } => format!("Z:{path}"),
            Kind::Windows { .. } => path.as_str().trim_start_matches(r"\\?\").replace('\\', "/"),
            Kind::Linux => path.to_string(),
        }
    }

    /// What a run needs for itself.
    pub(super) async fn seat(&self, own: &Utf8Path) -> Result<Seat, SmokeError> {
        let prefix = match &self.0 {
            Kind::Wine { wine, prefixes } => Some(Prefix::take(wine, prefixes, own).await?),
            Kind::Windows { .. } | Kind::Linux => None,
        };
        Ok(Seat { system: self.clone(), prefix })
    }
}

/// A place to run programs in, for one run.
#[derive(Debug)]
pub(super) struct Seat {
    system: System,
    prefix: Option<Prefix>,
}

impl Seat {
    /// The command that runs a program.
    pub(super) fn command(&self, program: &Utf8Path, arguments: &[String]) -> Vec<String> {
        match &self.system.0 {
            Kind::Wine { wine, .. } => wine.command(program, arguments),
            Kind::Windows { .. } | Kind::Linux => {
                let mut command = vec![program.to_string()];
                command.extend_from_slice(arguments);
                command
            }
        }
    }

    /// Makes a Python known to the system, where it is one of our own for this run.
    pub(super) fn register(
        &self,
        python: &Registration,
        folder: &Utf8Path,
    ) -> Result<(), FileError> {
        match &self.prefix {
            Some(prefix) => prefix.register(python, &self.spell(folder)),
            None => Ok(()),
        }
    }

    /// The environment of a program: nothing of ours but what the system itself needs.
    pub(super) fn environment(&self) -> Vec<(String, String)> {
        let mut all = match &self.prefix {
            Some(prefix) => prefix.environment(),
            None => ["SystemRoot", "SystemDrive", "TEMP", "TMP", "PATH"]
                .into_iter()
                .filter(|name| cfg!(windows) || *name == "PATH")
                .filter_map(|name| Some((name.to_owned(), std::env::var(name).ok()?)))
                .collect(),
        };
        // An installation must be the same after a run as before it.
        all.push(("PYTHONDONTWRITEBYTECODE".to_owned(), "1".to_owned()));
        all
    }

    /// A path of ours as the programs here spell it, with `/` between its parts.
    pub(super) fn spell(&self, path: &Utf8Path) -> String {
        self.system.spell(path)
    }

    /// The command that sends a signal to the Apache of this process id, with the Python at hand; `None`
    /// where the system itself does it.
    pub(super) fn signal(
        &self,
        signal: Signal,
        pid: u32,
        python: &Utf8Path,
    ) -> Option<Vec<String>> {
        if self.system.is_linux() {
            return None;
        }
        let event = match signal {
            Signal::Restart => format!("ap{pid}_restart"),
            Signal::Stop => format!("ap{pid}_shutdown"),
        };
        // Apache's own `httpd -k` does the same, for services alone. 2 is EVENT_MODIFY_STATE.
        let code = format!(
            "import ctypes; kernel = ctypes.WinDLL('kernel32'); \
             kernel.OpenEventW.restype = ctypes.c_void_p; \
             event = kernel.OpenEventW(2, 0, ctypes.c_wchar_p(u'{event}')); \
             assert event, 'no event {event}'; \
             assert kernel.SetEvent(ctypes.c_void_p(event))"
        );
        let arguments = ["-E", "-S", "-c", &code].map(str::to_owned);
        Some(self.command(&python.join("python.exe"), &arguments))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wine_of_64_bit_does_not_run_32_bit_programs() {
        let wine =
            Wine { loader: "/no/wine64".into(), name: "Wine 8.0".to_owned(), runs_32_bit: false };
        let system = System(Kind::Wine { wine, prefixes: "prefixes".into() });
        assert_eq!(system.runs(Arch::Win64), Ok(()));
        let why = system.runs(Arch::Win32).unwrap_err();
        assert_eq!(why.to_string(), "no 32-bit Wine on this machine");
    }
}
