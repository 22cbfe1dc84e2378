//! `stop`: a graceful stop ends everything, by itself.

use super::{Check, Server};
use crate::smoke::system::Signal;

pub(super) static CHECK: Check = Check::new(
    "stop",
    "a graceful stop: Python is taken down, every process ends by itself, the port is free",
    |server| Box::pin(check(server)),
);

/// What Apache logs of a child process that does not end when it is asked to.
const FORCED: [&str; 4] =
    ["Forcing termination", "Terminating 1 threads", "still did not exit", "TerminateProcess"];

async fn check(server: &mut Server) -> Result<(), String> {
    server.signal(Signal::Stop).await?;
    let Some(code) = server.wait().await else {
        let seconds = server.patience.as_secs();
        return Err(format!("httpd still runs {seconds} s after a graceful stop"));
    };
    if code != 0 {
        let what = "a graceful stop should end with exit code 0";
        return Err(server.explain(what).await);
    }
    let log = server.error_log();
    if let Some(line) = log.lines().find(|line| FORCED.iter().any(|words| line.contains(words))) {
        let (_, said) = line.rsplit_once("] ").unwrap_or(("", line));
        return Err(format!("a graceful stop had to be forced: {said}"));
    }
    if server.try_to_get("/about", server.patience).await.is_ok() {
        return Err("something still serves after a graceful stop".to_owned());
    }
    Ok(())
}
