//! An OpenSSH server of a bench's own, on a port of loopback, with keys made for it.

use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use camino::{Utf8Path, Utf8PathBuf};
use modfarm::sys::files;

use super::MODFARM;

const PROGRAM: &str = "/usr/sbin/sshd";

/// Whether there is a server to start; says how to get it otherwise.
pub(crate) fn is_here() -> bool {
    let here = files::exists(Utf8Path::new(PROGRAM));
    if !here {
        println!("sshd is not installed: `apt-get install openssh-server`, then run this again");
    }
    here
}

/// A server and its folder; ended when it is dropped by whoever started it.
#[derive(Debug)]
pub(crate) struct Sshd {
    folder: Utf8PathBuf,
    child: Option<Child>,
}

impl Sshd {
    /// Starts a server.
    pub(crate) fn start(folder: &Utf8Path) -> Self {
        for key in ["host", "user"] {
            let key = folder.join(key);
            let mut command = Command::new("ssh-keygen");
            command.args(["-q", "-t", "ed25519", "-N", "", "-f", key.as_str()]);
            assert!(command.status().expect("ssh-keygen").success());
        }
        let port =
            TcpListener::bind("127.0.0.1:0").and_then(|it| it.local_addr()).expect("a port").port();
        write(
            &folder.join("sshd_config"),
            &format!(
                "ListenAddress 127.0.0.1\nPort {port}\nHostKey {folder}/host\nPidFile none\n\
                 AuthorizedKeysFile {folder}/user.pub\nStrictModes no\nUsePAM no\n\
                 PermitRootLogin prohibit-password\nSubsystem sftp internal-sftp\n"
            ),
        );
        write(
            &folder.join("ssh_config"),
            &format!(
                "Host bench\n  HostName 127.0.0.1\n  Port {port}\n  IdentityFile {folder}/user\n  \
                 IdentitiesOnly yes\n  StrictHostKeyChecking no\n  UserKnownHostsFile /dev/null\n  \
                 LogLevel ERROR\n"
            ),
        );
        script(
            &folder.join("bin/ssh"),
            &format!("exec /usr/bin/ssh -F {folder}/ssh_config \"$@\""),
        );
        script(&folder.join("modfarm"), &format!("exec {MODFARM} \"$@\" --store {folder}/store"));
        files::create_dir_all(Utf8Path::new("/run/sshd")).ok();
        let mut command = Command::new(PROGRAM);
        command.args(["-D", "-e", "-f", folder.join("sshd_config").as_str()]);
        let child = command.stdin(Stdio::null()).stderr(Stdio::null()).spawn().expect("sshd");
        let begun = Instant::now();
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(begun.elapsed() < Duration::from_secs(10), "sshd does not listen");
            std::thread::sleep(Duration::from_millis(20));
        }
        Self { folder: folder.to_owned(), child: Some(child) }
    }

    /// The server that another process started in a folder.
    pub(crate) fn running_in(folder: &Utf8Path) -> Self {
        Self { folder: folder.to_owned(), child: None }
    }

    pub(crate) fn folder(&self) -> &Utf8Path {
        &self.folder
    }

    /// The folder of an `ssh` that knows the host `bench`.
    pub(crate) fn programs(&self) -> Utf8PathBuf {
        self.folder.join("bin")
    }

    /// The configuration by which `scp` knows it.
    pub(crate) fn config(&self) -> Utf8PathBuf {
        self.folder.join("ssh_config")
    }

    /// modfarm on the host, with a store of the bench's own.
    pub(crate) fn modfarm(&self) -> Utf8PathBuf {
        self.folder.join("modfarm")
    }
}

impl Drop for Sshd {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().ok();
            child.wait().ok();
        }
    }
}

fn write(path: &Utf8Path, text: &str) {
    files::write_atomic(path, text.as_bytes()).expect("a file");
}

fn script(path: &Utf8Path, line: &str) {
    write(path, &format!("#!/bin/sh\n{line}\n"));
    assert!(Command::new("chmod").args(["+x", path.as_str()]).status().expect("chmod").success());
}
