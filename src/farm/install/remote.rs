//! Single steps on a host, in words that sh, cmd.exe and PowerShell take alike, or in those of the one
//! that is known to be there.

use std::fmt;
use std::process::Stdio;
use std::time::Duration;

use camino::Utf8Path;

use super::{InstallError, refused};
use crate::farm::Ssh;
use crate::farm::reach::{Ending, explain, quoted};
use crate::model::digest::Sha256;
use crate::sys::files;

/// How long one step may take.
const STEP: Duration = Duration::from_secs(60);

/// How long copying may take, over a line of 50 KB/s.
const COPYING: Duration = Duration::from_secs(15 * 60);

/// The exit code of OpenSSH's client where it could not do what it was asked.
const OWN_FAILURE: i32 = 255;

/// What kind of machine a host is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Platform {
    /// One with sh: what `uname -sm` says.
    Unix { system: String, machine: String },
    /// One with cmd.exe.
    Windows { machine: String },
}

impl fmt::Display for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unix { system, machine } => write!(f, "{system} {machine}"),
            Self::Windows { machine } => write!(f, "Windows {machine}"),
        }
    }
}

impl Platform {
    /// That of this machine.
    pub(super) fn of_this() -> Self {
        let machine = std::env::consts::ARCH;
        match std::env::consts::OS {
            "windows" => {
                let machine = if machine == "x86_64" { "AMD64" } else { machine };
                Self::Windows { machine: machine.to_owned() }
            }
            "macos" => Self::Unix { system: "Darwin".to_owned(), machine: machine.to_owned() },
            system => {
                let system = format!("{}{}", system[..1].to_uppercase(), &system[1..]);
                Self::Unix { system, machine: machine.to_owned() }
            }
        }
    }

    /// Whether this executable runs there, as far as names tell.
    pub(super) fn runs_this(&self) -> bool {
        *self == Self::of_this()
    }

    /// Where modfarm belongs: where the runner file says, or in the user's own folder of programs.
    pub(super) fn place(&self, program: &str) -> String {
        if program.contains(['/', '\\']) {
            return program.to_owned();
        }
        match self {
            Self::Unix { .. } => ".local/bin/modfarm".to_owned(),
            Self::Windows { .. } => r"AppData\Local\modfarm\modfarm.exe".to_owned(),
        }
    }

    /// A name beside it that nobody else uses.
    pub(super) fn temporary(&self, place: &str) -> String {
        let (folder, _) = split(place);
        let number = fastrand::u32(..);
        match self {
            Self::Unix { .. } => format!("{folder}modfarm-{number:08x}.part"),
            Self::Windows { .. } => format!("{folder}modfarm-{number:08x}.exe"),
        }
    }

    fn read(uname: &str) -> Option<Self> {
        let (system, machine) = uname.lines().rev().find_map(|line| line.trim().split_once(' '))?;
        let plain =
            |word: &str| word.chars().all(|c| c.is_ascii_alphanumeric() || "_-.".contains(c));
        let is_one = !system.is_empty() && plain(system) && plain(machine);
        let machine = if machine == "arm64" { "aarch64" } else { machine };
        is_one.then(|| Self::Unix { system: system.to_owned(), machine: machine.to_owned() })
    }

    /// What cmd.exe or PowerShell makes of [`ECHO`].
    fn read_windows(said: &str) -> Option<Self> {
        let mut words = said.split_whitespace();
        let machine = words.find_map(|word| word.strip_prefix("Windows_NT/"))?;
        Some(Self::Windows { machine: machine.to_owned() })
    }
}

/// How long is waited before a file that could not be removed is tried again.
const HELD: [Duration; 4] = [
    Duration::from_millis(100),
    Duration::from_millis(400),
    Duration::from_millis(1600),
    Duration::ZERO,
];

/// cmd.exe knows the first word's variables, PowerShell the second's.
const ECHO: [&str; 3] =
    ["echo", "%OS%/%PROCESSOR_ARCHITECTURE%", "$env:OS/$env:PROCESSOR_ARCHITECTURE"];

/// The folder of a path with its last separator, and the name.
fn split(path: &str) -> (&str, &str) {
    path.rfind(['/', '\\']).map_or(("", path), |at| path.split_at(at + 1))
}

/// How a command on the host ended.
struct Ran {
    code: Option<i32>,
    stdout: String,
    stderr: String,
}

impl Ran {
    fn is_well(&self) -> bool {
        self.code == Some(0)
    }

    fn ending(&self) -> Ending {
        Ending { code: self.code, printed: self.stdout.clone(), said: self.stderr.clone() }
    }
}

/// A host.
pub(super) struct Remote<'a> {
    ssh: &'a Ssh,
    runner: &'a str,
}

impl<'a> Remote<'a> {
    pub(super) fn new(ssh: &'a Ssh, runner: &'a str) -> Self {
        Self { ssh, runner }
    }

    pub(super) fn host(&self) -> &str {
        &self.ssh.host
    }

    /// What the runner file calls modfarm.
    pub(super) fn program(&self) -> &str {
        &self.ssh.program
    }

    /// What kind of machine it is.
    pub(super) async fn platform(&self) -> Result<Platform, InstallError> {
        let uname = self.run(&["uname", "-sm"]).await?;
        if let Some(platform) = uname.is_well().then(|| Platform::read(&uname.stdout)).flatten() {
            return Ok(platform);
        }
        let echo = self.run(&ECHO).await?;
        Platform::read_windows(&echo.stdout).ok_or_else(|| InstallError::UnknownPlatform {
            host: self.ssh.host.clone(),
            said: quoted(&format!("{}{}", uname.stdout, uname.stderr)),
        })
    }

    /// The version of a modfarm there, if it starts.
    pub(super) async fn version(&self, program: &str) -> Result<Option<String>, InstallError> {
        let ran = self.run(&[program, "--version"]).await?;
        Ok(ran.is_well().then(|| version(&ran.stdout)).flatten())
    }

    /// The version of a modfarm there, which must start.
    pub(super) async fn starts(&self, program: &str) -> Result<String, InstallError> {
        let ran = self.run(&[program, "--version"]).await?;
        if let Some(version) = ran.is_well().then(|| version(&ran.stdout)).flatten() {
            return Ok(version);
        }
        let refusal = explain(self.ssh, self.runner, &ran.ending());
        let hint = refusal.hint.map(|hint| format!("\nhint: {hint}")).unwrap_or_default();
        let said = format!(": {}{}", refusal.reason, quoted(&ran.stderr));
        Err(InstallError::Step {
            host: self.ssh.host.clone(),
            doing: format!("start {program}"),
            said,
            hint,
        })
    }

    /// The digest of a file there, if it is there and a tool to tell is.
    pub(super) async fn digest(
        &self,
        platform: &Platform,
        path: &str,
    ) -> Result<Option<Sha256>, InstallError> {
        let tools: &[&[&str]] = match platform {
            Platform::Unix { .. } => &[&["sha256sum", path], &["shasum", "-a", "256", path]],
            Platform::Windows { .. } => &[&["certutil", "-hashfile", path, "SHA256"]],
        };
        for tool in tools {
            let ran = self.run(tool).await?;
            if ran.is_well() {
                return Ok(digest(&ran.stdout));
            }
        }
        Ok(None)
    }

    /// Copies a file to a path there, whose folder is made.
    pub(super) async fn copy(
        &self,
        platform: &Platform,
        file: &Utf8Path,
        to: &str,
    ) -> Result<(), InstallError> {
        let (folder, _) = split(to);
        let ran = match platform {
            Platform::Unix { .. } => {
                let make = if folder.is_empty() {
                    String::new()
                } else {
                    format!("mkdir -p {folder} && ")
                };
                let script = format!("'{make}cat > {to} && chmod 755 {to}'");
                let mut command = self.ssh.command(&["sh", "-c", &script]).await;
                command.stdin(Stdio::from(files::open(file)?));
                self.ended("ssh", command, COPYING).await?
            }
            Platform::Windows { .. } => {
                let folder = folder.trim_end_matches('\\');
                self.run(&["cmd", "/c", "if", "not", "exist", folder, "mkdir", folder]).await?;
                let mut command = self.ssh.client("scp");
                command.args(["-B", "-q", file.as_str(), &scp_place(&self.ssh.host, to)]);
                command.stdin(Stdio::null());
                self.ended("scp", command, COPYING).await?
            }
        };
        self.well(ran, &format!("copy {file} there"))
    }

    /// Renames a file there, over whatever is in its place.
    pub(super) async fn rename(
        &self,
        platform: &Platform,
        from: &str,
        to: &str,
    ) -> Result<(), InstallError> {
        let ran = match platform {
            Platform::Unix { .. } => self.run(&["mv", "-f", from, to]).await?,
            Platform::Windows { .. } => {
                // One that runs can be renamed, but not replaced.
                let old = format!("{to}.old");
                self.run(&["cmd", "/c", "if", "exist", to, "move", "/y", to, &old]).await?;
                self.run(&["cmd", "/c", "move", "/y", from, to]).await?
            }
        };
        self.well(ran, &format!("put it into its place, {to}"))
    }

    /// Removes a file there, if it can be.
    pub(super) async fn remove(&self, platform: &Platform, path: &str) {
        match platform {
            Platform::Unix { .. } => drop(self.run(&["rm", "-f", path]).await),
            Platform::Windows { .. } => {
                // What has just been started is held for a moment longer, and `del` ends well all the same.
                for wait in HELD {
                    drop(self.run(&["cmd", "/c", "del", "/q", path]).await);
                    let left = self.run(&["cmd", "/c", "if", "exist", path, "exit", "1"]).await;
                    if left.is_ok_and(|ran| ran.is_well()) {
                        return;
                    }
                    tokio::time::sleep(wait).await;
                }
            }
        }
    }

    fn well(&self, ran: Ran, doing: &str) -> Result<(), InstallError> {
        if ran.is_well() {
            return Ok(());
        }
        Err(InstallError::Step {
            host: self.ssh.host.clone(),
            doing: doing.to_owned(),
            said: quoted(&format!("{}{}", ran.stdout, ran.stderr)),
            hint: String::new(),
        })
    }

    /// Runs words there. What ssh itself cannot do is an error.
    async fn run(&self, words: &[&str]) -> Result<Ran, InstallError> {
        let mut command = self.ssh.command(words).await;
        command.stdin(Stdio::null());
        self.ended("ssh", command, STEP).await
    }

    async fn ended(
        &self,
        program: &'static str,
        mut command: tokio::process::Command,
        limit: Duration,
    ) -> Result<Ran, InstallError> {
        let ended = tokio::time::timeout(limit, command.output()).await;
        let output = ended.unwrap_or_else(|_| {
            let text = format!("it did not end within {} s", limit.as_secs());
            Err(std::io::Error::new(std::io::ErrorKind::TimedOut, text))
        });
        let output = output.map_err(|source| match source.kind() {
            std::io::ErrorKind::TimedOut => {
                InstallError::Refused { host: self.ssh.host.clone(), reason: source.to_string() }
            }
            _ => InstallError::Start { program, source },
        })?;
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let ran = Ran {
            code: output.status.code(),
            stdout: text(&output.stdout),
            stderr: text(&output.stderr),
        };
        if ran.code == Some(OWN_FAILURE) {
            return Err(refused(self.ssh, self.runner, &ran.ending()));
        }
        Ok(ran)
    }
}

/// What scp calls a path on a host. Its own form of a host with a port is another than ssh's.
fn scp_place(host: &str, path: &str) -> String {
    let path = path.replace('\\', "/");
    let drive = path.get(1..2) == Some(":");
    let path = if drive { format!("/{path}") } else { path };
    if let Some(rest) = host.strip_prefix("ssh://") {
        return format!("scp://{}/{path}", rest.trim_end_matches('/'));
    }
    let (user, name) = host.rsplit_once('@').map_or(("", host), |(user, name)| (user, name));
    let at = if user.is_empty() { "" } else { "@" };
    // An address with colons of its own.
    let bare = name.contains(':') && !name.starts_with('[');
    let name = if bare { format!("[{name}]") } else { name.to_owned() };
    format!("{user}{at}{name}:{path}")
}

/// The version in what `modfarm --version` prints, whatever a shell prints before it.
fn version(said: &str) -> Option<String> {
    let line = said.lines().rev().find_map(|line| line.trim().strip_prefix("modfarm "))?;
    Some(line.trim().to_owned())
}

/// The digest in what a tool prints. Old certutils put a space after every byte.
fn digest(said: &str) -> Option<Sha256> {
    said.lines().find_map(|line| {
        let first = line.split_whitespace().next().unwrap_or_default();
        let first = first.trim_start_matches('\\');
        first.parse().ok().or_else(|| line.replace(' ', "").trim().parse().ok())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_platform_is_read_whatever_is_printed_before_it() {
        let linux = Platform::Unix { system: "Linux".to_owned(), machine: "x86_64".to_owned() };
        assert_eq!(Platform::read("Linux x86_64\n"), Some(linux.clone()));
        assert_eq!(Platform::read("Welcome!\nLinux x86_64\n"), Some(linux));
        assert_eq!(Platform::read("'uname' is not\n"), None);
        let windows = Platform::Windows { machine: "AMD64".to_owned() };
        for said in [
            "Windows_NT/AMD64 $env:OS/$env:PROCESSOR_ARCHITECTURE\r\n",
            "%OS%/%PROCESSOR_ARCHITECTURE%\r\nWindows_NT/AMD64\r\n",
        ] {
            assert_eq!(Platform::read_windows(said), Some(windows.clone()), "{said}");
        }
        assert_eq!(Platform::read_windows("%OS%/%PROCESSOR_ARCHITECTURE% :OS/\n"), None);
        assert!(
            cfg!(not(target_os = "linux")) || Platform::of_this().to_string().starts_with("Linux ")
        );
    }

    #[test]
    fn digests_and_versions_are_read_from_what_tools_print() {
        let hex = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        let spaced: Vec<&str> = (0..32).map(|byte| &hex[2 * byte..2 * byte + 2]).collect();
        let certutil = format!("SHA256 hash of x:\r\n{hex}\r\nCertUtil: done.\r\n");
        let old = format!("SHA256 hash of x:\r\n{}\r\n", spaced.join(" "));
        for said in [format!("{hex}  modfarm\n"), certutil, old] {
            assert_eq!(digest(&said).expect("a digest").to_string(), hex, "{said}");
        }
        assert_eq!(digest("no such file"), None);
        assert_eq!(version("Hello!\nmodfarm 0.1.0\r\n").as_deref(), Some("0.1.0"));
    }

    #[test]
    fn scp_has_its_own_way_of_naming_places() {
        for (host, path, expected) in [
            ("pc", r"AppData\Local\x.exe", "pc:AppData/Local/x.exe"),
            ("me@pc", r"C:\Tools\x.exe", "me@pc:/C:/Tools/x.exe"),
            ("me@fe80::1", "x", "me@[fe80::1]:x"),
            ("ssh://me@pc:2222", "x", "scp://me@pc:2222/x"),
        ] {
            assert_eq!(scp_place(host, path), expected);
        }
    }
}
