//! Why there is no worker at the other end of ssh, and what to do about it: the words of ssh, of the
//! host's shell and of what was started there, put into ours.

use super::ssh::Ssh;

/// How ssh, or what it started, ended.
#[derive(Debug, Default)]
pub(in crate::farm) struct Ending {
    /// The exit code; none where it had to be ended, or a signal did.
    pub(in crate::farm) code: Option<i32>,
    /// What came on standard output instead of the protocol.
    pub(in crate::farm) printed: String,
    /// What came on standard error.
    pub(in crate::farm) said: String,
}

/// What is wrong, and what to do.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::farm) struct Refusal {
    /// What is wrong.
    pub(in crate::farm) reason: String,
    /// What to do, if that is known.
    pub(in crate::farm) hint: Option<String>,
}

/// The exit code of OpenSSH's client where it could not do what it was asked. Everything else is the exit
/// code of what it started.
const OWN_FAILURE: i32 = 255;

/// What OpenSSH's client says, in lower case; what it means; what to do. The first that is found holds.
/// `HOST` stands for the client's command with the host, `NAME` for the runner.
const SSH: [(&[&str], &str, &str); 11] = [
    (
        &["remote host identification has changed"],
        "its host key is another than the one known here: it was set up anew, or something else answers \
         in its place",
        "ask whoever runs it; if the new key is right, remove the old one as ssh says and log in once by \
         hand: HOST true",
    ),
    (
        &["host key verification failed"],
        "its host key is not known here, and nobody is there to be asked",
        "log in once by hand and compare the key: HOST true; where nobody can, add what ssh-keyscan says \
         to known_hosts after comparing it",
    ),
    (
        &["permission denied", "too many authentication failures", "no supported authentication"],
        "it lets nobody in with the keys that ssh offers",
        "`HOST true` must work without a question: a key of yours must be in its authorized_keys \
         (ssh-copy-id) and at hand here (ssh-add, or IdentityFile in ~/.ssh/config)",
    ),
    (
        &["could not resolve hostname", "name or service not known"],
        "there is no host of that name",
        "the `host` of a runner file is what ssh is called with: a name, an address, or an alias of \
         ~/.ssh/config",
    ),
    (
        &["connection refused"],
        "no SSH server answers on that port",
        "is sshd running there? `host: ssh://user@host:port` names another port, as `Port` in \
         ~/.ssh/config does",
    ),
    (
        &["timed out", "no route to host", "network is unreachable", "not responding"],
        "it cannot be reached",
        "is it switched on, and on this network? try `HOST true`",
    ),
    (
        &["invalid format", "protocol mismatch", "bad remote protocol version"],
        "what answers on that port is no SSH server",
        "is it the right port? `host: ssh://user@host:port` names another",
    ),
    (
        &["unable to negotiate", "no matching"],
        "ssh here and sshd there have no way of encryption in common",
        "`HOST true` says which are missing; ~/.ssh/config can allow one for this host",
    ),
    (
        &["configuration option", "config file", "bad owner or permissions", "no argument after"],
        "ssh cannot use its configuration",
        "`HOST true` says the same; correct the file that it names",
    ),
    (
        &["proxycommand", "stdio forwarding", "jump"],
        "the way there by another host does not work",
        "try `HOST true`; every host on the way must let you in without a question",
    ),
    (
        &["connection closed", "connection reset", "kex_exchange", "broken pipe"],
        "it hung up",
        "try `HOST true`; the log of its sshd says why",
    ),
];

/// The same of the host's shell, and of a modfarm that does not start.
const SHELL: [(&[&str], &str, &str); 6] = [
    (
        &["exec format error", "cannot execute binary", "not compatible with", "not a valid win32"],
        "modfarm there is made for another kind of machine",
        "install one that is made for it: modfarm runners install NAME --binary FILE",
    ),
    (
        &["glibc_", "error while loading shared libraries"],
        "modfarm there does not start: the system there lacks a library that it needs",
        "build modfarm on a machine as old as that one, then: modfarm runners install NAME --binary FILE",
    ),
    (
        &["permission denied", "access is denied"],
        "modfarm there may not be executed",
        "modfarm runners install NAME, or `chmod +x` there",
    ),
    (
        &["unrecognized subcommand", "unexpected argument", "unknown command 'worker'"],
        "modfarm there is too old, or is something else",
        "modfarm runners install NAME",
    ),
    (
        &["not found", "not recognized", "no such file", "unknown command", "cannot find"],
        "there is no modfarm there",
        "modfarm runners install NAME puts it there; `program:` in the runner file says where it is if \
         not on the PATH of a command over ssh",
    ),
    (
        &["this account is", "not available", "interactive login", "only sftp"],
        "the account there may run no commands",
        "use an account with a shell: `host: user@host`",
    ),
];

/// What is wrong with a host where no worker answered.
pub(in crate::farm) fn explain(ssh: &Ssh, runner: &str, ending: &Ending) -> Refusal {
    let words = format!("{}\n{}", ending.said, ending.printed).to_lowercase();
    let known = |rows: &[(&[&str], &str, &str)]| {
        let row =
            rows.iter().find(|(needles, ..)| needles.iter().any(|word| words.contains(word)))?;
        let hint = row.2.replace("HOST", &ssh.shown()).replace("NAME", runner);
        Some(Refusal { reason: row.1.to_owned(), hint: Some(hint) })
    };
    let install = || Some(format!("modfarm runners install {runner}"));
    match ending.code {
        Some(OWN_FAILURE) => known(&SSH).unwrap_or_else(|| {
            bare("ssh failed".to_owned(), Some(format!("try `{}`", ssh.by_hand())))
        }),
        // What sh ends with where there is no such program, and cmd.exe, which says so in the language
        // of the machine.
        Some(127 | 9009) => known(&SHELL[4..5]).unwrap_or_else(|| {
            let (_, reason, _) = SHELL[4];
            bare(reason.to_owned(), install())
        }),
        Some(code) => known(&SHELL).unwrap_or_else(|| {
            let program = &ssh.program;
            let reason =
                format!("`{program} worker` ended there with exit code {code} and did not greet");
            bare(reason, install())
        }),
        None => known(&SHELL[..4])
            .unwrap_or_else(|| bare("the connection ended before the greeting".to_owned(), None)),
    }
}

fn bare(reason: String, hint: Option<String>) -> Refusal {
    Refusal { reason, hint }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reason(code: i32, printed: &str, said: &str) -> String {
        let ssh = Ssh {
            host: "build1".to_owned(),
            program: "modfarm".to_owned(),
            config: Some("c".into()),
        };
        let ending =
            Ending { code: Some(code), printed: printed.to_owned(), said: said.to_owned() };
        let Refusal { reason, hint } = explain(&ssh, "one", &ending);
        format!("{reason}; {}", hint.unwrap_or_default())
    }

    #[test]
    fn ssh_is_put_into_words() {
        for (said, expected) in [
            ("me@build1: Permission denied (publickey,password).", "keys that ssh offers"),
            ("No ED25519 host key is known\nHost key verification failed.", "ssh -F c build1 true"),
            (
                "@ WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED! @\nHost key verification failed.",
                "set up anew",
            ),
            ("ssh: connect to host build1 port 22: Connection refused", "no SSH server answers"),
            (
                "ssh: Could not resolve hostname build1: Name or service not known",
                "no host of that name",
            ),
            ("ssh: connect to host build1 port 22: No route to host", "cannot be reached"),
            ("Timeout, server build1 not responding.", "cannot be reached"),
            ("kex_exchange_identification: Connection closed by remote host", "hung up"),
            ("something new", "ssh failed; try `ssh -F c build1 true`"),
        ] {
            let reason = reason(255, "", said);
            assert!(reason.contains(expected), "{said}: {reason}");
        }
    }

    #[test]
    fn shells_are_put_into_words() {
        let cmd = "'modfarm' is not recognized as an internal or external command,\r\n\
                   operable program or batch file.\r\n";
        let power = "modfarm : The term 'modfarm' is not recognized as the name of a cmdlet";
        let glibc = "modfarm: /lib/x86_64-linux-gnu/libc.so.6: version `GLIBC_2.38' not found";
        for (code, said, expected) in [
            (127, "sh: 1: modfarm: not found", "there is no modfarm there"),
            (127, "bash: modfarm: Kommando nicht gefunden", "there is no modfarm there"),
            (1, cmd, "modfarm runners install one"),
            (1, power, "there is no modfarm there"),
            (1, glibc, "lacks a library"),
            (126, "sh: modfarm: cannot execute binary file: Exec format error", "another kind"),
            (126, "sh: 1: modfarm: Permission denied", "may not be executed"),
            (2, "error: unrecognized subcommand 'worker'", "too old"),
            (3, "", "ended there with exit code 3"),
        ] {
            let reason = reason(code, "", said);
            assert!(reason.contains(expected), "{said}: {reason}");
        }
        let closed = reason(1, "This account is currently not available.", "");
        assert!(closed.contains("may run no commands"), "{closed}");
    }
}
