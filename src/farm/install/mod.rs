//! Puts modfarm on a host that is reached over ssh: it is copied beside its place, proven to have arrived
//! whole and to start, and renamed into it.

mod remote;

use camino::{Utf8Path, Utf8PathBuf};

use self::remote::{Platform, Remote};
use super::Ssh;
use super::reach::{Ending, check_host, explain, quoted};
use crate::model::digest::Sha256;
use crate::sys::files::{self, FileError};

/// What stands on a host now.
#[derive(Debug, PartialEq, Eq)]
pub struct Installed {
    /// Where.
    pub place: String,
    /// Its version, as it says itself.
    pub version: String,
    /// The version that was there before, where one was and could tell.
    pub before: Option<String>,
    /// Whether it was copied; else it was there already.
    pub copied: bool,
    /// What a runner file must call it.
    pub found_by: String,
}

/// Why it is not there.
#[derive(Debug, thiserror::Error)]
pub enum InstallError {
    /// ssh, or scp, does not start.
    #[error("cannot start {program}: {source}\nhint: install OpenSSH's client")]
    Start {
        /// Which.
        program: &'static str,
        /// What the system says.
        #[source]
        source: std::io::Error,
    },
    /// The host lets nobody in, or does not answer.
    #[error("{host}: {reason}")]
    Refused {
        /// The host.
        host: String,
        /// What is wrong, what it says, what to do.
        reason: String,
    },
    /// Nobody knows what kind of machine it is.
    #[error(
        "{host}: neither sh nor a shell of Windows seems to answer there{said}\nhint: copy modfarm there by hand, and write its place as `program:` into the runner file"
    )]
    UnknownPlatform {
        /// The host.
        host: String,
        /// What it said.
        said: String,
    },
    /// This executable is of no use there.
    #[error(
        "{host} is {theirs}, and this modfarm is made for {ours}\nhint: name one that is made for it with --binary FILE"
    )]
    OtherPlatform {
        /// The host.
        host: String,
        /// What it is.
        theirs: String,
        /// What this machine is.
        ours: String,
    },
    /// The executable to copy cannot be read.
    #[error(transparent)]
    Binary(#[from] FileError),
    /// A step failed there.
    #[error("{host}: cannot {doing}{said}{hint}")]
    Step {
        /// The host.
        host: String,
        /// What was being done.
        doing: String,
        /// What was said.
        said: String,
        /// What to do, on a line of its own.
        hint: String,
    },
    /// What arrived is not what was sent.
    #[error(
        "{host}: what arrived has the digest {theirs} and not {ours}; nothing was changed there\nhint: is the disk there full? run the same command again"
    )]
    Damaged {
        /// The host.
        host: String,
        /// The digest of what arrived.
        theirs: Sha256,
        /// The digest of what was sent.
        ours: Sha256,
    },
}

/// Puts modfarm on a runner's host, where it is missing or another version. `binary` is what is put there,
/// or else `own`, this very executable; `tell` hears of what takes long.
pub async fn install(
    runner: &str,
    ssh: &Ssh,
    binary: Option<&Utf8Path>,
    own: &Utf8Path,
    tell: &(impl Fn(&str) + Sync),
) -> Result<Installed, InstallError> {
    let remote = Remote::new(ssh, runner);
    let platform = remote.platform().await?;
    let file = binary.unwrap_or(own);
    if binary.is_none() && !platform.runs_this() {
        return Err(InstallError::OtherPlatform {
            host: ssh.host.clone(),
            theirs: platform.to_string(),
            ours: Platform::of_this().to_string(),
        });
    }
    let digest = digest(file)?;
    let place = platform.place(&ssh.program);
    let there = remote.digest(&platform, &place).await?;
    let known = if there.is_some() { place.as_str() } else { ssh.program.as_str() };
    let before = remote.version(known).await?;
    let same_version = binary.is_none() && before.as_deref() == Some(env!("CARGO_PKG_VERSION"));
    if there == Some(digest) || (there.is_none() && same_version) {
        let by_name = there.is_none();
        let place = if by_name { ssh.program.clone() } else { place };
        return finish(&remote, place, before, false).await;
    }
    let size = files::metadata(file)?.len();
    tell(&format!("   Copying {file} to {} ({platform}), {size} bytes", ssh.host));
    let temporary = platform.temporary(&place);
    let sent = send(&remote, &platform, file, digest, &place, &temporary).await;
    if let Err(error) = sent {
        remote.remove(&platform, &temporary).await;
        return Err(error);
    }
    let before = match before {
        None => there.map(|_| "something else".to_owned()),
        known => known,
    };
    finish(&remote, place, before, true).await
}

/// Copies, proves, renames. Whatever fails, what stood there stands.
async fn send(
    remote: &Remote<'_>,
    platform: &Platform,
    file: &Utf8Path,
    digest: Sha256,
    place: &str,
    temporary: &str,
) -> Result<(), InstallError> {
    remote.copy(platform, file, temporary).await?;
    match remote.digest(platform, temporary).await? {
        Some(theirs) if theirs != digest => {
            let host = remote.host().to_owned();
            return Err(InstallError::Damaged { host, theirs, ours: digest });
        }
        // No tool for it is there, or all is well. Whether it starts is asked in any case.
        Some(_) | None => {}
    }
    remote.starts(temporary).await?;
    remote.rename(platform, temporary, place).await
}

/// What stands there in the end, and how a runner file calls it.
async fn finish(
    remote: &Remote<'_>,
    place: String,
    before: Option<String>,
    copied: bool,
) -> Result<Installed, InstallError> {
    let version = remote.starts(&place).await?;
    let program = remote.program();
    let by_program = remote.version(program).await?;
    let found_by =
        if by_program.as_ref() == Some(&version) { program.to_owned() } else { place.clone() };
    Ok(Installed { place, version, before, copied, found_by })
}

fn digest(file: &Utf8Path) -> Result<Sha256, FileError> {
    Ok(files::digest(file)?.sha256)
}

impl Ssh {
    /// A host as ssh is called with it, with what a runner file leaves out.
    pub fn to(host: &str) -> Result<Self, String> {
        check_host(host)?;
        Ok(Self {
            host: host.to_owned(),
            program: "modfarm".to_owned(),
            config: None::<Utf8PathBuf>,
        })
    }
}

/// What ssh's own failure means.
fn refused(ssh: &Ssh, runner: &str, ending: &Ending) -> InstallError {
    let refusal = explain(ssh, runner, ending);
    let hint = refusal.hint.map(|hint| format!("\nhint: {hint}")).unwrap_or_default();
    InstallError::Refused {
        host: ssh.host.clone(),
        reason: format!("{}{}{hint}", refusal.reason, quoted(&ending.said)),
    }
}
