//! modfarm.exe behind an OpenSSH server on loopback that gives every command to `cmd`, as Windows' own
//! server does: quotes, separators and the `PATH` are those of a Windows shell.

use std::net::{Ipv4Addr, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use camino::Utf8PathBuf;
use modfarm::sys::files;
use tonic::Code;

use super::wine::{self, Windows};
use super::worker::Task;
use crate::program::{Ran, Site, free_port, kit, site_with_source};
use crate::worker::Worker;

/// What the client calls the machine.
const HOST: &str = "windows-box";

/// An OpenSSH server on loopback, and a client that knows no other.
struct Server {
    child: Child,
    log: Utf8PathBuf,
    /// The folder in which commands run there.
    home: Utf8PathBuf,
    /// The folder of the client, for the `PATH`.
    client: Utf8PathBuf,
}

impl Server {
    fn start(windows: &Windows) -> Self {
        let folder = windows.folder.join("ssh");
        let home = windows.folder.join("home");
        files::create_dir_all(&folder).unwrap();
        files::create_dir_all(&home).unwrap();
        // Where the user's commands run, which is on the `PATH` of `cmd` as it is.
        files::symlink(&wine::program(), &home.join("modfarm.exe")).unwrap();
        for key in ["host", "user"] {
            let arguments = ["-q", "-t", "ed25519", "-N", "", "-f", folder.join(key).as_str()]
                .map(str::to_owned);
            Ran::of(Command::new("ssh-keygen").args(arguments)).ended(0);
        }
        files::copy(&folder.join("user.pub"), &folder.join("authorized")).unwrap();
        // The server wants it, and no package makes it where nothing starts servers.
        if !files::exists("/run/sshd".into()) {
            files::create_dir_all("/run/sshd".into()).unwrap();
        }
        let port = free_port();
        let settings = format!(
            "Port {port}\nListenAddress 127.0.0.1\nHostKey {folder}/host\nPidFile none\nUsePAM no\n\
             AuthorizedKeysFile {folder}/authorized\nStrictModes no\nPasswordAuthentication no\n\
             KbdInteractiveAuthentication no\nPermitRootLogin prohibit-password\n\
             Subsystem sftp /usr/lib/openssh/sftp-server\nForceCommand {}\n",
            windows.login(&home)
        );
        files::write_atomic(&folder.join("sshd_config"), settings.as_bytes()).unwrap();
        let log = folder.join("sshd.log");
        let child = Command::new("/usr/sbin/sshd")
            .args(["-D", "-f", folder.join("sshd_config").as_str(), "-E", log.as_str()])
            .stdin(Stdio::null())
            .spawn()
            .unwrap();
        let server = Self { child, log, home, client: folder.join("bin") };
        server.write_client(&folder, port);
        server.wait(port);
        server
    }

    /// `ssh` with a configuration of its own, whatever the user's is.
    fn write_client(&self, folder: &Utf8PathBuf, port: u16) {
        let public = crate::program::read(&folder.join("host.pub"));
        let known = format!("[127.0.0.1]:{port} {public}");
        files::write_atomic(&folder.join("known_hosts"), known.as_bytes()).unwrap();
        let user = Ran::of(Command::new("id").arg("-un")).ended(0).stdout;
        let settings = format!(
            "Host {HOST}\nHostName 127.0.0.1\nPort {port}\nUser {}\nIdentityFile {folder}/user\n\
             IdentitiesOnly yes\nUserKnownHostsFile {folder}/known_hosts\n\
             StrictHostKeyChecking yes\n",
            user.trim()
        );
        files::write_atomic(&folder.join("ssh_config"), settings.as_bytes()).unwrap();
        let client = self.client.join("ssh");
        let script = format!("#!/bin/sh\nexec /usr/bin/ssh -F {folder}/ssh_config \"$@\"\n");
        files::write_atomic(&client, script.as_bytes()).unwrap();
        wine::make_executable(&client);
    }

    fn wait(&self, port: u16) {
        let start = Instant::now();
        while TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err() {
            let said = files::read_to_string(&self.log).unwrap_or_default();
            assert!(start.elapsed() < Duration::from_secs(20), "sshd does not start: {said}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// The `PATH` on which this client is the first.
    fn path(&self) -> String {
        format!("{}:{}", self.client, std::env::var("PATH").unwrap())
    }

    /// A program that runs modfarm there, with the arguments that it is given.
    fn launcher(&self) -> Utf8PathBuf {
        let path = self.client.join("modfarm-there");
        let client = self.client.join("ssh");
        let script = format!("#!/bin/sh\nexec {client} -T {HOST} modfarm \"$@\"\n");
        files::write_atomic(&path, script.as_bytes()).unwrap();
        wine::make_executable(&path);
        path
    }

    /// `ssh` with these arguments.
    fn ssh(&self, arguments: &[&str]) -> Ran {
        let mut command = Command::new(self.client.join("ssh"));
        command.args(["-T", "-o", "BatchMode=yes", HOST]).args(arguments).stdin(Stdio::null());
        Ran::of(&mut command)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_behind_a_windows_shell_runs_jobs_and_refuses_those_it_cannot() {
    let windows = Windows::new();
    let server = Server::start(&windows);
    // It is Windows' shell that answers.
    let said = server.ssh(&["echo", "%OS%", "'quoted'", "&", "ver"]).ended(0).stdout;
    assert!(said.contains("Windows_NT 'quoted'") && said.contains("Windows 10."), "{said}");

    let mut worker = Worker::of(server.launcher(), &windows.folder.join("store")).await;
    let job = Task::of("copy in\\text made\\out >nul").job();
    worker.bring(&job.action).await;
    let result = worker.execute(job.action.digest()).await.result.unwrap();
    assert_eq!((result.exit_code, result.output_files.len()), (0, 1), "{result:?}");

    let job = Task { platform: &[("toolset", "cross")], ..Task::of("rem") }.job();
    worker.bring(&job.action).await;
    let status = worker.execute(job.action.digest()).await.status.unwrap();
    assert_eq!(status.code, i32::from(Code::FailedPrecondition));
    assert!(status.message.contains("needs the toolset 'cross'"), "{}", status.message);
    worker.end().await;
    windows.wait_until_gone("worker");
}

#[test]
fn a_release_goes_on_without_a_runner_that_has_no_compiler() {
    let windows = Windows::new();
    let server = Server::start(&windows);
    let site = site_with_source("6.1.1");
    let runner = format!("connection: ssh\nhost: {HOST}\ntoolset: cross\nkit: {}\n", kit());
    site.write("runners/a-windows.yaml", &runner);
    let arguments = ["release", "--no-smoke", "--only", "Apache24-win64-VS17/py311-*"];
    let ran = Ran::of(site.command(&arguments).env("PATH", server.path())).ended(0);
    let lacks = "runner a-windows does not have the toolset 'cross'";
    assert!(ran.stderr.contains(lacks), "{}", ran.stderr);
    assert!(site.folder.join("dist/mod_wsgi-6.1.1").is_dir());
    windows.wait_until_gone("worker");

    // Without the local one there is nobody.
    files::remove_file(&site.folder.join("runners/cross.yaml")).unwrap();
    let arguments = ["release", "--no-smoke", "--to", "other"];
    let ran = Ran::of(site.command(&arguments).env("PATH", server.path()));
    assert_ne!(ran.code, 0);
    assert!(ran.stderr.contains(lacks) && !site.folder.join("other").exists(), "{}", ran.stderr);
}

#[test]
fn modfarm_is_put_onto_a_windows_host() {
    let windows = Windows::new();
    let server = Server::start(&windows);
    files::remove_file(&server.home.join("modfarm.exe")).unwrap();
    let site = Site::new();
    let config = windows.folder.join("ssh/ssh_config");
    let file = format!("connection: ssh\nhost: {HOST}\nconfig: {config}\ntoolset: msvc\n");
    site.write("runners/box.yaml", &file);
    let install = |more: &[&str]| site.run(&[&["runners", "install", "box"], more].concat());

    // What is here is made for another system, and says so before anything is copied.
    let words = ["windows-box is Windows AMD64, and this modfarm is made for Linux", "--binary"];
    install(&[]).refused(2, &words);
    let program = wine::program();
    let ran = install(&["--binary", program.as_str()]).ended(0);
    let version = env!("CARGO_PKG_VERSION");
    let place = r"AppData\Local\modfarm\modfarm.exe";
    let told = format!("{place} on {HOST} is modfarm {version} now\n");
    assert!(ran.stdout.contains(&told), "{ran:?}");
    assert!(ran.stdout.contains(&format!("\n\nprogram: {place}\n")), "{}", ran.stdout);
    let there = server.home.join("AppData/Local/modfarm");
    let digest = |path: &Utf8PathBuf| files::digest(path).unwrap().sha256;
    assert_eq!(digest(&there.join("modfarm.exe")), digest(&program));
    assert_eq!(files::names(&there).unwrap(), ["modfarm.exe"]);

    // What does not start there takes no place.
    let broken = site.folder.join("broken.exe");
    files::write_atomic(&broken, b"MZ and no more").unwrap();
    let words = [&format!("{HOST}: cannot start"), "modfarm-"];
    install(&["--binary", broken.as_str()]).refused(3, &words);
    assert_eq!(files::names(&there).unwrap(), ["modfarm.exe"]);
    assert_eq!(digest(&there.join("modfarm.exe")), digest(&program));

    // As its file says now, it is a runner.
    site.write("runners/box.yaml", &format!("{file}program: {place}\n"));
    let told = site.run(&["runners"]).stdout;
    assert!(told.contains(&format!("modfarm {version}")), "{told}");
    windows.wait_until_gone("worker");
}
