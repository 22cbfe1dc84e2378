//! `reload`: a script that changes is read again, without a restart.

use std::time::Instant;

use super::{Check, Server};
use crate::smoke::server::LOOK;

pub(super) static CHECK: Check =
    Check::new("reload", "a .wsgi file that changes is served as it then is", |server| {
        Box::pin(check(server))
    });

async fn check(server: &mut Server) -> Result<(), String> {
    let first = server.get("/reload").await?;
    if first.body != "1" {
        let what = format!("a second application is answered with status {}", first.status);
        return Err(server.explain(&what).await);
    }
    server.write_reload("2").map_err(|error| error.to_string())?;
    let begun = Instant::now();
    while begun.elapsed() < server.patience {
        if server.get("/reload").await?.body == "2" {
            return Ok(());
        }
        tokio::time::sleep(LOOK).await;
    }
    Err("a .wsgi file was changed, and is served as it was".to_owned())
}
