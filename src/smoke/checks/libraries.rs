//! `libraries`: extension modules of Python work inside Apache, with the DLLs they bring.

use super::{Check, Server};

pub(super) static CHECK: Check =
    Check::new("libraries", "the application uses ctypes, sqlite3 and ssl", |server| {
        Box::pin(check(server))
    });

async fn check(server: &mut Server) -> Result<(), String> {
    server.json("/libraries").await.map(drop)
}
