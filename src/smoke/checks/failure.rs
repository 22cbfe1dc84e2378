//! `failure`: an application that raises is told of, and harms nobody.

use std::time::{Duration, Instant};

use super::{Check, Server};
use crate::smoke::server::LOOK;

pub(super) static CHECK: Check = Check::new(
    "failure",
    "an application that raises gives status 500 and a traceback in the error log, and serves on",
    |server| Box::pin(check(server)),
);

/// How long the log may lag behind.
const LAG: Duration = Duration::from_secs(5);

async fn check(server: &mut Server) -> Result<(), String> {
    let status = server.get("/fail").await?.status;
    if status != 500 {
        let what = format!("an application that raises is answered with status {status}, not 500");
        return Err(server.explain(&what).await);
    }
    let asked = Instant::now();
    loop {
        let log = server.error_log();
        let traced = log.contains("Traceback (most recent call last)") || loses_tracebacks(server);
        if traced && log.contains("RuntimeError: modfarm raises this") {
            return server.json("/about").await.map(drop);
        }
        if asked.elapsed() > LAG {
            return Err(
                "the traceback of an application that raises is not in the error log".into()
            );
        }
        tokio::time::sleep(LOOK).await;
    }
}

/// Whether this `mod_wsgi` is known to log an exception without its traceback: 6.x calls
/// `traceback.print_exception(value)`, and before Python 3.12 nobody has set the value's traceback.
fn loses_tracebacks(server: &Server) -> bool {
    let old = server.python.as_deref().and_then(|version| {
        let minor: u32 = version.strip_prefix("3.")?.split('.').next()?.parse().ok()?;
        Some(minor < 12)
    });
    server.module.starts_with("6.") && old == Some(true)
}
