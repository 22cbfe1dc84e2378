//! `restart`: a graceful restart, after which a new process serves.

use std::time::Instant;

use serde_json::Value;

use super::{Check, Server};
use crate::smoke::server::LOOK;
use crate::smoke::system::Signal;

pub(super) static CHECK: Check = Check::new(
    "restart",
    "a graceful restart: a new process serves, and loads Python anew",
    |server| Box::pin(check(server)),
);

async fn check(server: &mut Server) -> Result<(), String> {
    let before = pid(&server.json("/about").await?);
    server.signal(Signal::Restart).await?;
    let begun = Instant::now();
    while begun.elapsed() < server.patience {
        // While the one goes and the other comes, a request may fail.
        if let Ok(answer) = server.try_to_get("/about", server.patience).await
            && let Ok(about) = serde_json::from_slice::<Value>(&answer.body)
            && pid(&about) != before
        {
            return server.json("/libraries").await.map(drop);
        }
        if let Some(cause) = server.trouble() {
            return Err(format!("after a graceful restart: {cause}"));
        }
        tokio::time::sleep(LOOK).await;
    }
    let seconds = server.patience.as_secs();
    Err(format!("no new process serves within {seconds} s of a graceful restart"))
}

fn pid(about: &Value) -> u64 {
    about.get("pid").and_then(Value::as_u64).unwrap_or_default()
}
