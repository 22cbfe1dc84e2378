//! Wine: whether it is here, and a prefix for each run.
//!
//! A prefix as Wine makes it takes seconds and 700 MB, nearly all of it copies of Wine's own DLLs. It is
//! made once, as a template in which those are links. A run's prefix has the template's registry and a
//! link to its `windows` folder: 2 MB, no time. Prefixes are used again and again, by one run at a time.

use std::io::Write as _;
use std::process::Stdio;
use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};

use super::SmokeError;
use super::said::Said;
use crate::model::arch::Arch;
use crate::model::digest::Digest;
use crate::sys::files::{self, FileError};
use crate::sys::guarded::Guarded;
use crate::sys::process;

/// Where Debian keeps the loaders, which are not on the `PATH`; the script that is takes longer.
const DEBIAN: &str = "/usr/lib/wine";

/// Where Wine's own DLLs may lie, for the template to link to.
const LIBRARIES: [&str; 5] = [
    "/usr/lib/x86_64-linux-gnu/wine",
    "/usr/lib/i386-linux-gnu/wine",
    "/usr/lib64/wine",
    "/usr/lib/wine",
    "/opt/wine-stable/lib64/wine",
];

/// How long the making of a template may take, whoever makes it.
const TEMPLATE_PATIENCE: Duration = Duration::from_secs(180);

/// So many prefixes are more than any machine runs at once.
const MOST_PREFIXES: usize = 256;

/// Wine on this machine.
#[derive(Clone, Debug)]
pub(super) struct Wine {
    pub(super) loader: Utf8PathBuf,
    /// `Wine 8.0 (Debian 8.0~repack-4)`.
    pub(super) name: String,
    /// Whether it runs 32 bit programs.
    pub(super) runs_32_bit: bool,
}

impl Wine {
    /// The Wine that is here, if there is one.
    pub(super) fn detect() -> Option<Self> {
        let loader = loader()?;
        let said = process::capture(process::command(&loader).arg("--version")).ok()?;
        let version = said.lines().find_map(|line| line.trim().strip_prefix("wine-"))?;
        let runs_32_bit = files::exists(&Utf8Path::new(DEBIAN).join("wine"))
            || LIBRARIES
                .iter()
                .any(|folder| files::is_dir(&Utf8Path::new(folder).join("i386-unix")));
        Some(Self { loader, name: format!("Wine {version}"), runs_32_bit })
    }

    /// The command that runs a Windows program.
    pub(super) fn command(&self, program: &Utf8Path, arguments: &[String]) -> Vec<String> {
        let mut command = vec![self.loader.to_string(), program.to_string()];
        command.extend_from_slice(arguments);
        command
    }
}

/// A run's prefix; given back when it is dropped.
#[derive(Debug)]
pub(super) struct Prefix {
    folder: Utf8PathBuf,
    _lock: files::Lock,
}

impl Prefix {
    /// A prefix as good as new, of those in `folder`. The first one makes the template.
    pub(super) async fn take(
        wine: &Wine,
        folder: &Utf8Path,
        own: &Utf8Path,
    ) -> Result<Self, SmokeError> {
        // Another Wine needs another template; 32 bit programs need more of one.
        let key = Digest::of(format!("{} {}", wine.name, wine.runs_32_bit).as_bytes());
        files::create_dir_all(folder)?;
        let folder = files::canonical(folder)?.join(key.sha256.short());
        let template = template(wine, &folder, own).await?;
        for number in 0..MOST_PREFIXES {
            let prefix = folder.join(format!("prefix-{number}"));
            if let Some(lock) = files::try_lock(&folder.join(format!("prefix-{number}.lock")))? {
                lay_out(&template, &prefix)?;
                return Ok(Self { folder: prefix, _lock: lock });
            }
        }
        Err(SmokeError::Wine {
            reason: format!("all {MOST_PREFIXES} prefixes in {folder} are in use"),
        })
    }

    /// Says in the registry that a Python is installed for all users, as its installer does. mod_wsgi on
    /// Windows leaves it to Python to find its library, and before 3.11 Python looks there.
    pub(super) fn register(&self, python: &Registration, folder: &str) -> Result<(), FileError> {
        let path = self.folder.join("system.reg");
        let mut file = files::append(&path)?;
        file.write_all(python.section(folder).as_bytes())
            .map_err(|source| FileError::new("write", &path, source))
    }

    /// What Wine needs to know. No display, no downloads, no words of its own.
    pub(super) fn environment(&self) -> Vec<(String, String)> {
        environment(&self.folder)
    }
}

/// What the installer of a Python writes into the registry (PEP 514).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Registration {
    /// `3.9`, `3.9-32`.
    pub(super) tag: String,
    pub(super) arch: Arch,
}

impl Registration {
    /// In Wine's own format: as `regedit` writes it, but for the time of the key.
    fn section(&self, folder: &str) -> String {
        let software = match self.arch {
            Arch::Win32 => r"Software\\Wow6432Node",
            Arch::Win64 => "Software",
        };
        let key = format!(r"{software}\\Python\\PythonCore\\{}", self.tag);
        let folder = value(&folder.replace('/', r"\"));
        format!(
            "\n[{key}\\\\InstallPath] 1\n@=\"{folder}\\\\\"\n\
             \n[{key}\\\\PythonPath] 1\n@=\"{folder}\\\\Lib;{folder}\\\\DLLs\"\n"
        )
    }
}

/// A text between quotation marks.
fn value(text: &str) -> String {
    let mut value = String::new();
    for unit in text.encode_utf16() {
        match u8::try_from(unit) {
            Ok(byte @ (b'\\' | b'"')) => value.extend(['\\', char::from(byte)]),
            Ok(byte) if byte.is_ascii_graphic() || byte == b' ' => value.push(char::from(byte)),
            _ => value += &format!("\\x{unit:04x}"),
        }
    }
    value
}

impl Drop for Prefix {
    fn drop(&mut self) {
        forget_server(&self.folder);
    }
}

fn environment(prefix: &Utf8Path) -> Vec<(String, String)> {
    let variables = [
        ("WINEPREFIX", prefix.as_str()),
        ("WINEDEBUG", "-all"),
        ("WINEDLLOVERRIDES", "mscoree,mshtml=;winemenubuilder.exe=d"),
        ("HOME", prefix.as_str()),
        ("USER", "modfarm"),
        ("LC_ALL", "C.UTF-8"),
    ];
    variables.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec()
}

fn loader() -> Option<Utf8PathBuf> {
    let debian = Utf8Path::new(DEBIAN).join("wine64");
    if files::exists(&debian) {
        return Some(debian);
    }
    process::find("wine64").or_else(|| process::find("wine"))
}

/// The template, made where it is missing; whoever comes meanwhile waits for it.
async fn template(
    wine: &Wine,
    folder: &Utf8Path,
    own: &Utf8Path,
) -> Result<Utf8PathBuf, SmokeError> {
    let template = folder.join("template");
    if files::exists(&template) {
        return Ok(template);
    }
    let made = async {
        loop {
            if let Some(lock) = files::try_lock(&folder.join("template.lock"))? {
                break Ok::<_, SmokeError>(lock);
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    let too_long = || SmokeError::Wine {
        reason: format!("no prefix was made within {} s", TEMPLATE_PATIENCE.as_secs()),
    };
    let _lock = tokio::time::timeout(TEMPLATE_PATIENCE, made).await.map_err(|_| too_long())??;
    if files::exists(&template) {
        return Ok(template);
    }
    let new = folder.join("template.new");
    files::remove_dir_all(&new)?;
    files::create_dir_all(&new)?;
    let mut child = start_boot(wine, &new, own)?;
    let said = Said::listen(&mut child);
    let ended = tokio::time::timeout(TEMPLATE_PATIENCE, child.wait()).await;
    if ended.is_err() {
        child.end().await;
        return Err(too_long());
    }
    forget_server(&new);
    if !files::exists(&new.join("system.reg")) {
        let reason = format!("it makes no prefix: {}", said.text().trim());
        return Err(SmokeError::Wine { reason });
    }
    slim(&new, wine.runs_32_bit)?;
    files::rename(&new, &template)?;
    Ok(template)
}

/// Makes a prefix, of the Windows that Python 3.9 and later want, and waits until it is written down.
fn start_boot(wine: &Wine, prefix: &Utf8Path, own: &Utf8Path) -> Result<Guarded, SmokeError> {
    const SCRIPT: &str = r#""$0" wineboot -i; "$0" winecfg -v win10; "$1" -w"#;
    let server = files::parent(&wine.loader).join("wineserver");
    let server = if files::exists(&server) { server } else { "wineserver".into() };
    let command = ["sh", "-c", SCRIPT, wine.loader.as_str(), server.as_str()].map(str::to_owned);
    Guarded::spawn(own, &command, |command| {
        command.env_clear().envs(environment(prefix));
        command.env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command.current_dir(prefix).stdout(Stdio::piped()).stderr(Stdio::piped());
    })
    .map_err(|source| SmokeError::Start { program: wine.loader.clone(), source })
}

/// Replaces what is a copy of Wine's own files by a link to them, and leaves out what cannot run.
fn slim(prefix: &Utf8Path, runs_32_bit: bool) -> Result<(), FileError> {
    let windows = prefix.join("drive_c/windows");
    if !runs_32_bit {
        files::remove_dir_all(&windows.join("syswow64"))?;
    }
    for path in files::walk(&windows)? {
        let copy = windows.join(&path);
        let arch = if path.starts_with("syswow64") { "i386-windows" } else { "x86_64-windows" };
        let name = copy.file_name().unwrap_or_default();
        let originals = LIBRARIES.iter().map(|folder| Utf8Path::new(folder).join(arch).join(name));
        for original in originals.filter(|original| files::exists(original)) {
            if files::read(&original)? == files::read(&copy)? {
                files::remove_file(&copy)?;
                link(&original, &copy)?;
                break;
            }
        }
    }
    Ok(())
}

/// Makes a prefix what the template is, whatever it was before.
fn lay_out(template: &Utf8Path, prefix: &Utf8Path) -> Result<(), FileError> {
    forget_server(prefix);
    files::remove_dir_all(prefix)?;
    files::create_dir_all(&prefix.join("dosdevices"))?;
    for folder in ["users/modfarm/Temp", "users/root/Temp", "ProgramData"] {
        files::create_dir_all(&prefix.join("drive_c").join(folder))?;
    }
    for name in files::names(template)? {
        if name == ".update-timestamp" || name.to_ascii_lowercase().ends_with(".reg") {
            files::copy(&template.join(&name), &prefix.join(&name))?;
        }
    }
    link(&template.join("drive_c/windows"), &prefix.join("drive_c/windows"))?;
    link(Utf8Path::new("../drive_c"), &prefix.join("dosdevices/c:"))?;
    link(Utf8Path::new("/"), &prefix.join("dosdevices/z:"))
}

/// Wine keeps its server's socket in a folder `/tmp/.wine-UID/server-DEVICE-INODE`, of the prefix, and
/// Debian's in a folder `/tmp/wine-XXXXXX`, which the prefix names. A server that is ended without a word
/// leaves it there.
fn forget_server(prefix: &Utf8Path) {
    #[cfg(unix)]
    if let Ok(metadata) = files::metadata(prefix) {
        use std::os::unix::fs::MetadataExt as _;
        let server = format!("server-{:x}-{:x}", metadata.dev(), metadata.ino());
        let folder = format!("/tmp/.wine-{}/{server}", metadata.uid());
        drop(files::remove_dir_all(Utf8Path::new(&folder)));
    }
    let named = files::read_to_string(&prefix.join("wineserver")).unwrap_or_default();
    let known = |text: &str| text.len() == 6 && text.bytes().all(|b| b.is_ascii_alphanumeric());
    if named.trim().strip_prefix("wine-").is_some_and(known) {
        let temporary = std::env::temp_dir().join(named.trim());
        if let Ok(folder) = Utf8PathBuf::from_path_buf(temporary) {
            drop(files::remove_dir_all(&folder));
        }
    }
}

#[cfg(unix)]
fn link(target: &Utf8Path, link: &Utf8Path) -> Result<(), FileError> {
    files::symlink(target, link)
}

/// There is no Wine elsewhere.
#[cfg(not(unix))]
fn link(_: &Utf8Path, _: &Utf8Path) -> Result<(), FileError> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_python_is_registered_as_its_installer_does() {
        let python = Registration { tag: "3.9-32".to_owned(), arch: Arch::Win32 };
        assert_eq!(
            python.section("Z:/kit \u{e4}/3.9"),
            r#"
[Software\\Wow6432Node\\Python\\PythonCore\\3.9-32\\InstallPath] 1
@="Z:\\kit \x00e4\\3.9\\"

[Software\\Wow6432Node\\Python\\PythonCore\\3.9-32\\PythonPath] 1
@="Z:\\kit \x00e4\\3.9\\Lib;Z:\\kit \x00e4\\3.9\\DLLs"
"#
        );
    }
}
