//! The OpenSSH client's command line: the user's configuration, agent and known hosts decide; nothing is
//! ever asked.

use tokio::process::Command;

/// A host that OpenSSH's client reaches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ssh {
    /// What `ssh` is called with: `host`, `user@host`, `ssh://user@host:port`, or an alias of
    /// `~/.ssh/config`.
    pub host: String,
    /// modfarm's name there.
    pub program: String,
}

/// `ssh HOST modfarm worker`.
pub(super) fn command(ssh: &Ssh) -> Command {
    let mut command = Command::from(crate::sys::process::command("ssh"));
    command.args(["-T", "-o", "BatchMode=yes", "--", &ssh.host, &ssh.program, "worker"]);
    command
}
