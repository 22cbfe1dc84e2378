//! A wheel where it is meant to be: pip installs it into a real Python for Windows, `mod_wsgi-express
//! module-config` prints its lines there, and a real Apache that reads them serves a page.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use camino::{Utf8Path, Utf8PathBuf};
use modfarm::sys::files;

use super::wine::Windows;
use crate::program::{Ran, free_port, running_roots};
use crate::wheels::{MIDDLE, NEWEST, OLD, Released, tools};

/// A Python for Windows that pip can install into, in a folder whose name has a space.
struct Python<'a> {
    windows: &'a Windows,
    folder: Utf8PathBuf,
}

impl<'a> Python<'a> {
    fn new(windows: &'a Windows, version: &str) -> Self {
        let folder = windows.folder.join(format!("Program Files/Python {version}"));
        let from = running_roots().join(format!("python/{version}-win64"));
        files::create_dir_all(files::parent(&folder)).expect("a folder");
        let arguments = ["-rL", from.as_str(), folder.as_str()];
        Ran::of(Command::new("cp").args(arguments)).ended(0);
        // Wine's WMI crashes whoever asks it which Windows this is; without the module Python asks others.
        files::remove_file(&folder.join("DLLs/_wmi.pyd")).expect("removed");
        Self { windows, folder }
    }

    fn program(&self, name: &str) -> Command {
        self.windows.program(&self.folder.join(name), &self.windows.folder)
    }

    /// pip itself, of the tools that the tests have, for the kit's Pythons have none.
    fn pip(&self, arguments: &[&str]) -> Ran {
        let pip = self.windows.folder.join("pip");
        if !files::exists(&pip) {
            let package = tools().join("pip");
            files::create_dir_all(&pip).expect("a folder");
            let arguments = ["-r", package.as_str(), pip.as_str()];
            Ran::of(Command::new("cp").args(arguments)).ended(0);
        }
        let mut command = self.program("python.exe");
        command.args(["-m", "pip"]).args(arguments).env("PYTHONPATH", spelled(&pip));
        Ran::of(&mut command)
    }

    fn express(&self, command: &str) -> String {
        let ran = Ran::of(self.program("Scripts/mod_wsgi-express.exe").arg(command)).ended(0);
        ran.stdout.replace('\r', "")
    }
}

/// A path as Windows' programs take it.
fn spelled(path: &Utf8Path) -> String {
    format!("Z:{path}")
}

#[test]
fn what_pip_installs_is_served_by_apache() {
    let windows = Windows::new();
    for (released, version, file) in [
        (&*NEWEST, "3.13", "mod_wsgi.cp313-win_amd64.pyd"),
        (&*MIDDLE, "3.13", "mod_wsgi.cp313-win_amd64.pyd"),
        (&*OLD, "3.11", "mod_wsgi.cp311-win_amd64.pyd"),
    ] {
        let python = Python::new(&windows, version);
        install(&python, released);
        let folder = spelled(&python.folder);
        let dll = format!("{folder}/python{}.dll", version.replace('.', ""));
        let module = format!("{folder}/Lib/site-packages/mod_wsgi/server/{file}");
        let lines = python.express("module-config");
        assert_eq!(
            lines,
            format!(
                "LoadFile \"{dll}\"\nLoadModule wsgi_module \"{module}\"\nWSGIPythonHome \"{folder}\"\n"
            )
        );
        assert_eq!(python.express("module-location").trim(), module);
        if released.version == NEWEST.version {
            apache_is_looked_for(&python);
        }
        let apache = Apache::configured(&windows, &lines);
        assert!(apache.checked().contains("Syntax OK"));
        assert_eq!(apache.page(), format!("mod_wsgi {} on {version}", released.version));
        python.pip(&["uninstall", "--yes", "mod_wsgi"]).ended(0);
        assert!(!files::exists(&python.folder.join("Scripts/mod_wsgi-express.exe")));
        let left = files::names(&python.folder.join("Lib/site-packages")).expect("a folder");
        assert!(left.iter().all(|name| !name.starts_with("mod_wsgi")), "{left:?}");
        files::remove_dir_all(&python.folder).expect("removed");
    }
}

/// Where setup.py would look when it compiles: where it is told to, and in `c:\Apache24`.
fn apache_is_looked_for(python: &Python<'_>) {
    let script = "from mod_wsgi.express import apxs_config as it\nprint(it.HTTPD, it.LIBEXECDIR)";
    let found = |told: &str| {
        let mut command = python.program("python.exe");
        command.args(["-W", "error", "-c", script]).env("MOD_WSGI_APACHE_ROOTDIR", told);
        Ran::of(&mut command).ended(0).stdout.trim().to_owned()
    };
    let root = spelled(&root());
    let told = root.replace('/', "\\");
    assert_eq!(found(&told), format!("{root}/bin/httpd.exe {root}/modules"));
    assert_eq!(found(""), "httpd.exe c:/Apache24/modules");
}

/// From the folder of the release, as its notes say; pip chooses among its wheels.
fn install(python: &Python<'_>, released: &Released) {
    let place = spelled(&released.folder());
    let common = ["install", "--isolated", "--no-cache-dir", "--disable-pip-version-check"];
    let from = ["--no-index", "--only-binary", "mod_wsgi", "--find-links", &place, "mod_wsgi"];
    let ran = python.pip(&[&common[..], &from[..]].concat()).ended(0);
    let said = format!("Successfully installed mod_wsgi-{}", released.version);
    assert!(ran.stdout.contains(&said), "{ran:?}");
}

/// The kit's Apache, with the lines in its configuration.
struct Apache<'a> {
    windows: &'a Windows,
    folder: Utf8PathBuf,
    port: u16,
}

impl<'a> Apache<'a> {
    fn configured(windows: &'a Windows, lines: &str) -> Self {
        let folder = windows.folder.join("run");
        files::remove_dir_all(&folder).expect("an empty place");
        files::create_dir_all(&folder.join("logs")).expect("a folder");
        let port = free_port();
        let (root, run) = (spelled(&root()), spelled(&folder));
        let conf = format!(
            "ServerRoot \"{root}\"\nDefaultRuntimeDir \"{run}/logs\"\nPidFile \"{run}/logs/pid\"\n\
             ErrorLog \"{run}/logs/error.log\"\nServerName 127.0.0.1\nListen 127.0.0.1:{port}\n\
             AcceptFilter http none\nKeepAlive Off\nThreadsPerChild 4\n\
             LoadModule authz_core_module modules/mod_authz_core.so\n{lines}\
             WSGIScriptAlias / \"{run}/application.wsgi\"\n"
        );
        let application = "import mod_wsgi, sys\n\
            def application(environ, start_response):\n\
            \x20   version = '.'.join(map(str, mod_wsgi.version))\n\
            \x20   body = ('mod_wsgi %s on %d.%d' % ((version,) + sys.version_info[:2])).encode()\n\
            \x20   start_response('200 OK', [('Content-Length', str(len(body)))])\n\
            \x20   return [body]\n";
        for (name, text) in [("httpd.conf", conf.as_str()), ("application.wsgi", application)] {
            files::write_atomic(&folder.join(name), text.as_bytes()).expect("a file");
        }
        Self { windows, folder, port }
    }

    fn command(&self, argument: &str) -> Command {
        let mut command = self.windows.program(&root().join("bin/httpd.exe"), &self.folder);
        command.args([argument, "-f", &spelled(&self.folder.join("httpd.conf"))]);
        command
    }

    fn checked(&self) -> String {
        Ran::of(&mut self.command("-t")).ended(0).said()
    }

    fn page(&self) -> String {
        let mut command = self.command("-X");
        let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
        let _running = Running(child.expect("Apache"));
        let start = Instant::now();
        loop {
            if let Some(body) = self.ask() {
                return body;
            }
            let log = files::read_to_string(&self.folder.join("logs/error.log"));
            assert!(start.elapsed() < Duration::from_secs(60), "nothing is served: {log:?}");
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    /// The page, once there is one.
    fn ask(&self) -> Option<String> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).ok()?;
        stream.set_read_timeout(Some(Duration::from_secs(30))).ok()?;
        stream.write_all(b"GET / HTTP/1.0\r\n\r\n").ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).ok()?;
        let (head, body) = answer.split_once("\r\n\r\n")?;
        assert!(head.contains(" 200 "), "{answer}");
        Some(body.to_owned())
    }
}

fn root() -> Utf8PathBuf {
    running_roots().join("apache/2.4-win64")
}

/// Apache, ended with the value.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.kill().expect("it runs");
        self.0.wait().expect("it ends");
    }
}
