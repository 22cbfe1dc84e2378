//! The OpenSSH client's command line: the user's configuration, agent and known hosts decide; nothing is
//! ever asked.

use std::fmt;
use std::process::Stdio;
use std::time::Duration;

use camino::Utf8PathBuf;
use tokio::process::Command;

use crate::sys::process;

/// A host that OpenSSH's client reaches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ssh {
    /// What `ssh` is called with: `host`, `user@host`, `ssh://user@host:port`, or an alias of
    /// `~/.ssh/config`.
    pub host: String,
    /// modfarm's name there.
    pub program: String,
    /// The client's configuration file, where not the user's own.
    pub config: Option<Utf8PathBuf>,
}

/// How long OpenSSH's client may take to connect, in seconds, where the user's configuration says nothing.
const CONNECT: u64 = 15;

/// A host that is cut off is noticed after this many seconds: the interval, and one more than the count.
const SILENCE: (u64, u64) = (10, 2);

/// How long `ssh -G` may take. It only reads files, but may run a command that these name.
const ASKING: Duration = Duration::from_secs(10);

/// What holds for every use of the client: no terminal, no question, nothing forwarded, no other command
/// than ours, no connection that others would come to depend on. It tells of errors alone, so that what
/// it says explains an end.
const QUIETLY: [&str; 17] = [
    "-T",
    "-a",
    "-x",
    "-o",
    "BatchMode=yes",
    "-o",
    "NumberOfPasswordPrompts=0",
    "-o",
    "ClearAllForwardings=yes",
    "-o",
    "PermitLocalCommand=no",
    "-o",
    "RemoteCommand=none",
    "-o",
    "ControlMaster=no",
    "-o",
    "LogLevel=ERROR",
];

/// What a host may be called with. OpenSSH passes a name on to commands that its configuration holds.
pub(in crate::farm) fn check_host(host: &str) -> Result<(), String> {
    let odd = |c: char| !c.is_alphanumeric() && !r"-._@:/[]%+\~".contains(c);
    if host.is_empty() {
        Err("a host must have a name".to_owned())
    } else if host.starts_with('-') {
        Err(format!("the host '{host}' begins with '-', which ssh would take for an option"))
    } else if let Some(odd) = host.chars().find(|c| odd(*c)) {
        Err(format!("the host '{host}' has {odd:?} in it, which is in no host's name"))
    } else {
        Ok(())
    }
}

/// What modfarm may be called there. The command goes to whatever shell the host has, and no quoting is
/// the same in all of them: a name must do without.
pub(in crate::farm) fn check_program(program: &str) -> Result<(), String> {
    let odd = |c: char| !c.is_ascii_alphanumeric() && !r"-._/\:~+".contains(c);
    if program.is_empty() {
        Err("a program must have a name".to_owned())
    } else if program.starts_with('-') {
        Err(format!("the program '{program}' begins with '-'"))
    } else if let Some(odd) = program.chars().find(|c| odd(*c)) {
        Err(format!(
            "the program '{program}' has {odd:?} in it, which a shell on the host may not take as it is; \
             letters, digits and . _ - + / \\ : ~ are safe in sh, cmd.exe and PowerShell"
        ))
    } else {
        Ok(())
    }
}

impl Ssh {
    /// `ssh HOST words…`, quietly. The words reach the host's shell as they are.
    pub(in crate::farm) async fn command(&self, words: &[&str]) -> Command {
        let mut command = self.client("ssh");
        command.args(self.usual().await.options()).arg("--").arg(&self.host).args(words);
        command
    }

    /// A program of OpenSSH's client, with what is common to all its uses.
    pub(in crate::farm) fn client(&self, program: &str) -> Command {
        let mut command = Command::from(process::command(program));
        // Whoever would be asked is not there, and a window must not pop up either.
        command.env_remove("SSH_ASKPASS").env("SSH_ASKPASS_REQUIRE", "never");
        command.kill_on_drop(true);
        let quietly = if program == "scp" { &QUIETLY[3..] } else { &QUIETLY[..] };
        command.args(self.file()).args(quietly);
        command
    }

    fn file(&self) -> Vec<&str> {
        self.config.iter().flat_map(|file| ["-F", file.as_str()]).collect()
    }

    /// What the client would do by itself; nothing is known where it does not tell, and then it will say
    /// why when it is used.
    async fn usual(&self) -> Usual {
        let mut command = Command::from(process::command("ssh"));
        command.args(self.file()).args(["-G", "--", &self.host]);
        command.stdin(Stdio::null()).kill_on_drop(true);
        match tokio::time::timeout(ASKING, command.output()).await {
            Ok(Ok(output)) => Usual::read(&String::from_utf8_lossy(&output.stdout)),
            _ => Usual::default(),
        }
    }

    /// What a person would type to see for himself: `ssh -F FILE HOST true`.
    pub(in crate::farm) fn by_hand(&self) -> String {
        format!("ssh {}{} true", self.file_text(), self.host)
    }

    /// `ssh -F FILE HOST`, for messages.
    pub(in crate::farm) fn shown(&self) -> String {
        format!("ssh {}{}", self.file_text(), self.host)
    }

    fn file_text(&self) -> String {
        self.config.as_ref().map_or(String::new(), |file| format!("-F {file} "))
    }
}

impl fmt::Display for Ssh {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ssh {}", self.host)
    }
}

/// What OpenSSH's client would do by itself, in seconds; 0 for never.
#[derive(Debug, Default, PartialEq, Eq)]
struct Usual {
    interval: u64,
    count: u64,
    connect: u64,
}

impl Usual {
    fn read(told: &str) -> Self {
        let number = |name: &str| {
            let mut words = told.lines().filter_map(|line| line.split_once(' '));
            let value =
                words.find(|(key, _)| *key == name).and_then(|(_, value)| value.parse().ok());
            value.unwrap_or_default()
        };
        Self {
            interval: number("serveraliveinterval"),
            count: number("serveralivecountmax"),
            connect: number("connecttimeout"),
        }
    }

    /// The options for what the user has not set, or set to more than a run should wait.
    fn options(&self) -> Vec<String> {
        let (interval, count) = SILENCE;
        let mut options = Vec::new();
        if self.interval == 0 || self.interval * (self.count + 1) > interval * (count + 1) {
            options.push(format!("-oServerAliveInterval={interval}"));
            options.push(format!("-oServerAliveCountMax={count}"));
        }
        if self.connect == 0 || self.connect > 2 * CONNECT {
            options.push(format!("-oConnectTimeout={CONNECT}"));
        }
        options
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_user_set_lower_stays() {
        let told = "user me\nserveraliveinterval 5\nserveralivecountmax 3\nconnecttimeout 4\n";
        assert_eq!(Usual::read(told), Usual { interval: 5, count: 3, connect: 4 });
        assert_eq!(Usual::read(told).options(), Vec::<String>::new());
        let ours = ["-oServerAliveInterval=10", "-oServerAliveCountMax=2", "-oConnectTimeout=15"];
        assert_eq!(Usual::read("connecttimeout none\nserveraliveinterval 0\n").options(), ours);
        let long = "serveraliveinterval 300\nserveralivecountmax 3\nconnecttimeout 600\n";
        assert_eq!(Usual::read(long).options(), ours);
    }

    #[test]
    fn a_host_is_no_option_and_no_command() {
        for host in ["build1", "me@build1", "ssh://me@10.0.0.1:2222", "me@[::1]", r"DOMAIN\me@pc"] {
            assert_eq!(check_host(host), Ok(()), "{host}");
        }
        for host in ["", "-oProxyCommand=x", "a b", "a;b", "$(a)", "a`b`", "a\nb", "a'b"] {
            assert!(check_host(host).is_err(), "{host}");
        }
    }

    #[test]
    fn a_program_needs_no_quoting() {
        for program in [
            "modfarm",
            ".local/bin/modfarm",
            "~/bin/modfarm-0.1",
            r"C:\Tools\modfarm.exe",
            r"C:\PROGRA~1\modfarm\modfarm.exe",
        ] {
            assert_eq!(check_program(program), Ok(()), "{program}");
        }
        for program in ["", "-x", "my farm", "a&b", "a%b%", "$HOME/x", "a'b", "müll", "a,b", "a\tb"]
        {
            assert!(check_program(program).is_err(), "{program}");
        }
    }
}
