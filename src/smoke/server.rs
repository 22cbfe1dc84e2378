//! A running Apache with the file in it: started, asked, signalled, ended.

use std::net::{Ipv4Addr, TcpListener};
use std::process::Stdio;
use std::time::Duration;

use bytes::Bytes;
use camino::Utf8PathBuf;

use super::ask::{self, Answer, NoAnswer};
use super::cause::{self, Evidence};
use super::said::Said;
use super::system::{Seat, Signal};
use super::{Harness, SmokeError, Trial, log};
use crate::model::smoke::SmokeHost;
use crate::sys::files;
use crate::sys::guarded::Guarded;

/// How often one looks whether something has come about.
pub(super) const LOOK: Duration = Duration::from_millis(40);

/// How long what an Apache logs may lag behind what it does.
const LAG: Duration = Duration::from_millis(400);

const APPLICATION: &str = include_str!("scripts/application.wsgi");
const RELOAD: &str = include_str!("scripts/reload.wsgi");

/// What the scripts are, for whoever remembers what was seen with them.
pub(super) const SCRIPTS: [&str; 2] = [APPLICATION, RELOAD];

/// A running Apache.
#[derive(Debug)]
pub(super) struct Server {
    pub(super) trial: Trial,
    pub(super) patience: Duration,
    pub(super) folder: Utf8PathBuf,
    /// The version that it says it is: `2.4.68`.
    pub(super) apache: Option<String>,
    /// The version that its Python says it is: `3.13.2`.
    pub(super) python: Option<String>,
    /// The version that the module says it is: `6.1.1`.
    pub(super) module: String,
    harness: Harness,
    seat: Seat,
    port: u16,
    child: Guarded,
    said: Said,
    exit: Option<i32>,
}

impl Server {
    /// Starts it; whether it serves is for the checks to say.
    pub(super) fn start(harness: &Harness, trial: &Trial, seat: Seat) -> Result<Self, SmokeError> {
        files::remove_dir_all(&trial.folder)?;
        files::create_dir_all(&trial.folder.join("logs"))?;
        let folder = files::canonical(&trial.folder)?;
        let port = match trial.setting.port {
            Some(port) => port,
            None => free_port()?,
        };
        let conf = trial.host.conf(trial, &seat, &folder, port).text();
        files::write_atomic(&folder.join("httpd.conf"), conf.as_bytes())?;
        files::write_atomic(&folder.join(&trial.file_name), &trial.file)?;
        files::write_atomic(&folder.join("scripts/application.wsgi"), APPLICATION.as_bytes())?;
        let known = trial.host.registration.iter().filter(|_| !trial.setting.not_for_all_users);
        known
            .into_iter()
            .try_for_each(|python| seat.register(python, &trial.host.python.folder))?;
        let mut arguments = vec!["-f".to_owned(), seat.spell(&folder.join("httpd.conf"))];
        arguments.extend(trial.host.arguments.iter().cloned());
        let command = seat.command(&trial.host.program, &arguments);
        let mut child = Guarded::spawn(&harness.own, &command, |command| {
            command.env_clear().envs(seat.environment()).current_dir(&folder);
            // Python under Wine wants pipes.
            command.stdout(Stdio::piped()).stderr(Stdio::piped());
        })
        .map_err(|source| SmokeError::Start { program: trial.host.program.clone(), source })?;
        let server = Self {
            trial: trial.clone(),
            patience: harness.patience,
            apache: None,
            python: None,
            module: String::new(),
            harness: harness.clone(),
            said: Said::listen(&mut child),
            exit: None,
            folder,
            seat,
            port,
            child,
        };
        server.write_reload("1")?;
        Ok(server)
    }

    /// Writes the script that is changed while Apache runs.
    pub(super) fn write_reload(&self, content: &str) -> Result<(), SmokeError> {
        let text = RELOAD.replace("CONTENT", content);
        Ok(files::write_atomic(&self.folder.join("scripts/reload.wsgi"), text.as_bytes())?)
    }

    /// Asks without a word on why there is no answer.
    pub(super) async fn try_to_get(
        &self,
        path: &str,
        patience: Duration,
    ) -> Result<Answer, NoAnswer> {
        ask::ask(self.port, path, None, patience).await
    }

    /// The answer to a request; where there is none, what is wrong with it, and why, if that is known.
    pub(super) async fn get(&mut self, path: &str) -> Result<Answer, String> {
        self.request(path, None).await
    }

    /// The same with a body.
    pub(super) async fn post(&mut self, path: &str, body: Bytes) -> Result<Answer, String> {
        self.request(path, Some(body)).await
    }

    async fn request(&mut self, path: &str, body: Option<Bytes>) -> Result<Answer, String> {
        match ask::ask(self.port, path, body, self.patience).await {
            Ok(answer) => Ok(answer),
            Err(error) => Err(self.explain(&format!("{path}: {error}")).await),
        }
    }

    /// The JSON of a page that must be served with 200.
    pub(super) async fn json(&mut self, path: &str) -> Result<serde_json::Value, String> {
        let answer = self.get(path).await?;
        if answer.status != 200 {
            let status = answer.status;
            return Err(self.explain(&format!("{path} is answered with status {status}")).await);
        }
        let value: serde_json::Value = serde_json::from_slice(&answer.body)
            .map_err(|_| format!("{path} is answered with something else than its page"))?;
        match value.get("error").and_then(serde_json::Value::as_str) {
            Some(error) => Err(format!("{path}: {}", last_line(error))),
            None => Ok(value),
        }
    }

    /// Many requests, `at_once` at a time: their answers, or what is wrong.
    pub(super) async fn many(
        &mut self,
        paths: Vec<String>,
        at_once: usize,
    ) -> Result<Vec<(String, Answer)>, String> {
        let (mut running, mut answers) = (tokio::task::JoinSet::new(), Vec::new());
        let mut paths = paths.into_iter();
        let (port, patience) = (self.port, self.patience);
        loop {
            while running.len() < at_once
                && let Some(path) = paths.next()
            {
                running.spawn(async move {
                    let answer = ask::ask(port, &path, None, patience).await;
                    (path, answer)
                });
            }
            match running.join_next().await {
                Some(Ok((path, Ok(answer)))) => answers.push((path, answer)),
                Some(Ok((path, Err(error)))) => {
                    let what = format!("{path}, one of {at_once} requests at a time: {error}");
                    return Err(self.explain(&what).await);
                }
                Some(Err(error)) => return Err(error.to_string()),
                None => return Ok(answers),
            }
        }
    }

    /// What is wrong, with the likely cause where there is one.
    pub(super) async fn explain(&mut self, what: &str) -> String {
        tokio::time::sleep(LAG).await;
        match self.trouble() {
            Some(cause) => format!("{cause} ({what})"),
            None => what.to_owned(),
        }
    }

    /// What has gone wrong with Apache itself, if something has: it ended, or a child of it did.
    pub(super) fn trouble(&mut self) -> Option<String> {
        let exit = self.exit_code();
        let (said, log) = (self.said.text(), self.error_log());
        cause::likely(&Evidence { trial: &self.trial, said: &said, log: &log, exit })
    }

    /// What an Apache does that neither ends nor answers.
    pub(super) fn stuck(&self) -> String {
        cause::stuck(&self.error_log(), self.patience)
    }

    /// How it ended, if it has.
    pub(super) fn exit_code(&mut self) -> Option<i32> {
        if self.exit.is_none() {
            let status = self.child.ended().ok().flatten();
            self.exit = status.map(|status| status.code().unwrap_or(-1));
        }
        self.exit
    }

    /// Apache's error log as it stands.
    pub(super) fn error_log(&self) -> String {
        let bytes = files::read(&self.folder.join("logs/error.log")).unwrap_or_default();
        String::from_utf8_lossy(&bytes).replace('\r', "")
    }

    /// The end of what it logged and said, without what differs between two runs.
    pub(super) fn told(&self) -> String {
        let host = &self.trial.host;
        let folders = [
            (&self.folder, "RUN"),
            (&host.apache.folder, "APACHE"),
            (&host.python.folder, "PYTHON"),
        ];
        let mut names = vec![(format!("127.0.0.1:{}", self.port), "127.0.0.1:PORT")];
        for (folder, name) in folders {
            let spelled = self.seat.spell(folder);
            // As it is, and as Windows' programs quote it.
            names.push((spelled.replace('/', "\\\\"), name));
            names.push((spelled.replace('/', "\\"), name));
            names.push((spelled, name));
            names.push((folder.to_string(), name));
        }
        log::end(&format!("{}\n{}", self.error_log(), self.said.text()), &names)
    }

    /// What it is, with the versions that were seen.
    pub(super) fn host(&self) -> SmokeHost {
        let (apache, python) = (self.apache.as_deref(), self.python.as_deref());
        self.trial.host.describe(&self.harness.system, apache, python)
    }

    /// Signals it, and returns when the signal is sent.
    pub(super) async fn signal(&self, signal: Signal) -> Result<(), String> {
        let text = files::read_to_string(&self.folder.join("logs/httpd.pid"));
        let pid = text.ok().and_then(|text| text.trim().parse().ok());
        let pid = pid.ok_or("Apache wrote no process id into its pid file")?;
        match self.seat.signal(signal, pid, &self.trial.host.python.folder) {
            Some(command) => self.run(&command).await,
            None => send(signal, pid),
        }
    }

    async fn run(&self, command: &[String]) -> Result<(), String> {
        let mut child = Guarded::spawn(&self.harness.own, command, |command| {
            command.env_clear().envs(self.seat.environment()).current_dir(&self.folder);
            command.stdout(Stdio::piped()).stderr(Stdio::piped());
        })
        .map_err(|error| format!("the signal cannot be sent: {error}"))?;
        let said = Said::listen(&mut child);
        let ended = tokio::time::timeout(self.patience, child.wait()).await;
        child.end().await;
        match ended {
            Ok(Ok(status)) if status.success() => Ok(()),
            _ => Err(format!("the signal cannot be sent: {}", last_line(&said.text()))),
        }
    }

    /// Waits for its end; `None` where it does not come.
    pub(super) async fn wait(&mut self) -> Option<i32> {
        let status = tokio::time::timeout(self.patience, self.child.wait()).await.ok()?.ok()?;
        self.exit = Some(status.code().unwrap_or(-1));
        self.exit
    }

    /// Ends whatever is left of it, and keeps what it said beside its log.
    pub(super) async fn end(&mut self) {
        self.child.end().await;
        let said = self.said.text();
        drop(files::write_atomic(&self.folder.join("logs/output.txt"), said.as_bytes()));
    }
}

fn last_line(text: &str) -> &str {
    text.trim_end().lines().last().unwrap_or_default().trim()
}

/// A port that nobody listens on at this moment.
fn free_port() -> Result<u16, SmokeError> {
    let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).and_then(|socket| socket.local_addr());
    port.map(|address| address.port()).map_err(|source| SmokeError::Port { source })
}

#[cfg(unix)]
fn send(signal: Signal, pid: u32) -> Result<(), String> {
    use rustix::process::{Pid, Signal as Unix, kill_process};
    let signal = match signal {
        Signal::Restart => Unix::USR1,
        Signal::Stop => Unix::WINCH,
    };
    let pid = i32::try_from(pid).ok().and_then(Pid::from_raw).ok_or("that is no process id")?;
    kill_process(pid, signal).map_err(|error| format!("the signal cannot be sent: {error}"))
}

#[cfg(not(unix))]
fn send(_: Signal, _: u32) -> Result<(), String> {
    Ok(())
}
