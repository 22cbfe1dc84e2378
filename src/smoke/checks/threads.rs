//! `threads`: an application may start threads.

use serde_json::json;

use super::{Check, Server};

pub(super) static CHECK: Check = Check::new(
    "threads",
    "the application starts eight threads, and all of them end with the right sum",
    |server| Box::pin(check(server)),
);

async fn check(server: &mut Server) -> Result<(), String> {
    let answer = server.json("/threads").await?;
    if answer == json!({"total": 8000, "alive": 0}) {
        return Ok(());
    }
    Err(format!("eight threads that count to 1000 each came to {answer}"))
}
