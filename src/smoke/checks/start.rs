//! `start`: Apache loads the module and serves a first page.

use std::time::{Duration, Instant};

use super::{Check, Server};
use crate::smoke::server::LOOK;

pub(super) static CHECK: Check = Check::new(
    "start",
    "httpd loads the module, starts, and serves a page of a WSGI application",
    |server| Box::pin(check(server)),
);

/// A first request is not waited for much longer than that: a hung Apache may take connections.
const FIRST: Duration = Duration::from_secs(5);

async fn check(server: &mut Server) -> Result<(), String> {
    let begun = Instant::now();
    let mut looked = Instant::now();
    while begun.elapsed() < server.patience {
        if let Ok(answer) = server.try_to_get("/about", FIRST.min(server.patience)).await {
            if answer.status == 200 {
                return Ok(());
            }
            let what = format!("the first page is answered with status {}", answer.status);
            return Err(server.explain(&what).await);
        }
        // The log is only read now and then, and once more when httpd has ended.
        if server.exit_code().is_some() {
            return Err(ended(server).await);
        }
        if looked.elapsed() > 10 * LOOK {
            if let Some(cause) = server.trouble() {
                return Err(cause);
            }
            looked = Instant::now();
        }
        tokio::time::sleep(LOOK).await;
    }
    Err(server.trouble().unwrap_or_else(|| server.stuck()))
}

/// What it said last may come after its end.
async fn ended(server: &mut Server) -> String {
    tokio::time::sleep(4 * LOOK).await;
    server.trouble().unwrap_or_else(|| "httpd ended by itself".to_owned())
}
