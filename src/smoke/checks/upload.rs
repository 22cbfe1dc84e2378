//! `upload`: a large body arrives whole.

use bytes::Bytes;
use serde_json::json;

use super::{Check, Server};
use crate::model::digest::Digest;

pub(super) static CHECK: Check =
    Check::new("upload", "a POST of 3 MB arrives with the digest it was sent with", |server| {
        Box::pin(check(server))
    });

const SIZE: usize = 3_000_000;

async fn check(server: &mut Server) -> Result<(), String> {
    // No two pieces of it are the same.
    let body: Bytes = (0_u32..).flat_map(u32::to_le_bytes).take(SIZE).collect();
    let digest = Digest::of(&body);
    let answer = server.post("/digest", body).await?;
    let arrived: serde_json::Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    if arrived == json!({"size": SIZE, "sha256": digest.sha256.to_string()}) {
        return Ok(());
    }
    let status = answer.status;
    Err(server.explain(&format!("of {SIZE} bytes arrived {arrived} (status {status})")).await)
}
