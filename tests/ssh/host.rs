//! Hosts with a real OpenSSH server each: configuration, host keys and user keys are of the test's own,
//! and so are a port or a network namespace.

use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use camino::{Utf8Path, Utf8PathBuf};
use modfarm::sys::files;
use rustix::process::{Pid, Signal, kill_process};

use super::net::Net;
use crate::program::{Ran, Site, free_port, processes, read, script};

/// modfarm, as the hosts have it.
pub(crate) const PROGRAM: &str = env!("CARGO_BIN_EXE_modfarm");

/// A user's side: his key and the configuration of his client.
pub(crate) struct User<'a> {
    pub(crate) site: &'a Site,
    folder: Utf8PathBuf,
}

impl<'a> User<'a> {
    pub(crate) fn new(site: &'a Site) -> Self {
        // None of it is this machine's.
        files::remove_file(&site.folder.join("runners/cross.yaml")).expect("removed");
        let folder = site.folder.join("user");
        files::create_dir_all(&folder).expect("a folder");
        key(&folder.join("id"));
        site.write("user/known_hosts", "");
        site.write("user/config", "");
        Self { site, folder }
    }

    pub(crate) fn config(&self) -> Utf8PathBuf {
        self.folder.join("config")
    }

    /// Adds an alias of a host to the configuration.
    pub(crate) fn alias(&self, alias: &str, host: &Host) {
        self.alias_of(alias, &host.address, host.port, "id");
    }

    /// The same of an address, for which a key of this name is used.
    pub(crate) fn alias_of(&self, alias: &str, address: &str, port: u16, key: &str) {
        let (folder, text) = (&self.folder, read(&self.config()));
        let name = Ran::of(Command::new("id").arg("-un")).ended(0).stdout;
        let text = format!(
            "{text}Host {alias}\n  HostName {address}\n  Port {port}\n  User {name}  IdentityFile \
             {folder}/{key}\n  IdentitiesOnly yes\n  UserKnownHostsFile {folder}/known_hosts\n  \
             GlobalKnownHostsFile /dev/null\n\n"
        );
        self.site.write("user/config", &text);
    }

    /// Knows a host's key from here on.
    pub(crate) fn trust(&self, host: &Host) {
        self.trust_as(host, host);
    }

    /// Takes the key of one host for that of another.
    pub(crate) fn trust_as(&self, host: &Host, other: &Host) {
        let key = read(&other.folder.join("host_key.pub"));
        let known = read(&self.folder.join("known_hosts"));
        let line = format!("{known}[{}]:{} {key}", host.address, host.port);
        self.site.write("user/known_hosts", &line);
    }

    /// Writes a runner file for an alias.
    pub(crate) fn runner(&self, name: &str, alias: &str, program: &str, more: &str) {
        let (config, kit) = (self.config(), self.site.folder.join("kit"));
        let text = format!(
            "connection: ssh\nhost: {alias}\nconfig: {config}\nprogram: {program}\ntoolset: cross\n\
             kit: {kit}\n{more}"
        );
        self.site.write(&format!("runners/{name}.yaml"), &text);
    }

    /// A host that is known and has modfarm, with a runner file of its name.
    pub(crate) fn host(&self, name: &str, net: Option<Net>) -> Host {
        let host = Host::start(self.site, name, net, "");
        self.alias(name, &host);
        self.trust(&host);
        self.runner(name, name, host.program.as_str(), "");
        host
    }
}

/// A host.
pub(crate) struct Host {
    pub(crate) folder: Utf8PathBuf,
    pub(crate) address: String,
    pub(crate) port: u16,
    /// modfarm there, with a content store of the host's own.
    pub(crate) program: Utf8PathBuf,
    pub(crate) net: Option<Net>,
    server: Child,
}

impl Host {
    /// Starts a server, with lines more in its configuration.
    pub(crate) fn start(site: &Site, name: &str, net: Option<Net>, more: &str) -> Self {
        let folder = site.folder.join("hosts").join(name);
        files::create_dir_all(&folder).expect("a folder");
        key(&folder.join("host_key"));
        let user = read(&site.folder.join("user/id.pub"));
        site.write(&format!("hosts/{name}/authorized_keys"), &user);
        let program = script(
            &folder.join("modfarm"),
            &format!("cd {folder} && exec env XDG_CACHE_HOME={folder}/cache {PROGRAM} \"$@\""),
        );
        let address = net.as_ref().map_or("127.0.0.1", |net| net.address.as_str()).to_owned();
        let port = if net.is_some() { 2222 } else { free_port() };
        let home = folder.join("home");
        files::create_dir_all(&home).expect("a folder");
        // The start files of whoever runs the tests are none of theirs.
        let config = format!(
            "{more}\nSetEnv HOME={home}\nPort {port}\nListenAddress {address}\nHostKey {folder}/host_key\nPidFile none\n\
             AuthorizedKeysFile {folder}/authorized_keys\nStrictModes no\nUsePAM no\n\
             PermitRootLogin yes\nPasswordAuthentication no\nKbdInteractiveAuthentication no\n\
             MaxStartups 100\nMaxSessions 100\nSubsystem sftp internal-sftp\n"
        );
        site.write(&format!("hosts/{name}/sshd_config"), &config);
        let server = serve(&folder, net.as_ref());
        let host = Self { folder, address, port, program, net, server };
        host.wait_until_it_listens();
        host
    }

    fn wait_until_it_listens(&self) {
        let start = Instant::now();
        while TcpStream::connect((self.address.as_str(), self.port)).is_err() {
            let log = read(&self.folder.join("log"));
            assert!(start.elapsed() < Duration::from_secs(20), "sshd does not listen: {log}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// What works there for us: the worker, and all that it started.
    pub(crate) fn at_work(&self) -> Vec<String> {
        let mut all = processes(&self.folder);
        all.retain(|line| !line.contains("sshd") && !line.contains(" -F "));
        all
    }

    /// Whether a compiler runs there.
    pub(crate) fn compiles(&self) -> bool {
        self.at_work().iter().any(|line| line.contains("clang") && line.contains("/c "))
    }

    /// Everything that its server started, at once and without a word; the server goes on.
    pub(crate) fn kill_sessions(&self) {
        for pid in below(self.server.id()) {
            kill(pid);
        }
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        let sessions = below(self.server.id());
        drop(self.server.kill());
        drop(self.server.wait());
        sessions.into_iter().for_each(kill);
    }
}

/// Ends a process that may have ended.
pub(crate) fn kill(pid: u32) {
    signal(pid, Signal::KILL);
}

/// Signals a process that may have ended.
pub(crate) fn signal(pid: u32, signal: Signal) {
    if let Some(pid) = i32::try_from(pid).ok().and_then(Pid::from_raw) {
        kill_process(pid, signal).ok();
    }
}

/// The processes below one, the deepest first.
fn below(pid: u32) -> Vec<u32> {
    let children = |pid: u32| {
        let path = format!("/proc/{pid}/task/{pid}/children");
        let text = std::fs::read_to_string(path).unwrap_or_default();
        text.split_whitespace().filter_map(|pid| pid.parse().ok()).collect::<Vec<u32>>()
    };
    let mut all = Vec::new();
    for child in children(pid) {
        all.extend(below(child));
        all.push(child);
    }
    all
}

/// Makes a key without a passphrase.
pub(crate) fn key(path: &Utf8Path) {
    let mut command = Command::new("ssh-keygen");
    command.args(["-q", "-t", "ed25519", "-N", "", "-C", "test", "-f", path.as_str()]);
    Ran::of(&mut command).ended(0);
}

fn serve(folder: &Utf8Path, net: Option<&Net>) -> Child {
    if rustix::process::geteuid().is_root() {
        // Where sshd locks up what it does not trust. It is made at a machine's start.
        files::create_dir_all(Utf8Path::new("/run/sshd")).expect("sshd's own folder");
    }
    let log = files::create(&folder.join("log")).expect("a log");
    let mut command = match net {
        Some(net) => net.inside("/usr/sbin/sshd"),
        None => Command::new("/usr/sbin/sshd"),
    };
    command.args(["-D", "-e", "-f", folder.join("sshd_config").as_str()]);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
    command.spawn().expect("sshd; tests/tools/setup installs it")
}
