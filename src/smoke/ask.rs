//! Requests to an Apache on this machine, each with a connection of its own and a time limit.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;

/// No page of ours is larger.
const LARGEST: usize = 1 << 20;

/// What a server answered.
#[derive(Clone, Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    /// The header `Server`.
    pub(super) server: String,
    pub(super) body: Bytes,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum NoAnswer {
    #[error("no answer within {} s", .0.as_secs())]
    Silence(Duration),
    #[error("the connection is refused")]
    Refused,
    #[error("the connection breaks off")]
    BrokenOff,
}

/// Asks a port of 127.0.0.1 for a path; with a body it is a POST.
pub(super) async fn ask(
    port: u16,
    path: &str,
    body: Option<Bytes>,
    patience: Duration,
) -> Result<Answer, NoAnswer> {
    let method = if body.is_some() { http::Method::POST } else { http::Method::GET };
    let request = http::Request::builder()
        .method(method)
        .uri(format!("http://127.0.0.1:{port}{path}"))
        .header(http::header::CONNECTION, "close")
        .body(Full::new(body.unwrap_or_default()))
        .map_err(|_| NoAnswer::BrokenOff)?;
    let answered = async {
        let client: Client<HttpConnector, Full<Bytes>> =
            Client::builder(TokioExecutor::new()).pool_max_idle_per_host(0).build_http();
        let response = client.request(request).await.map_err(|error| {
            if error.is_connect() { NoAnswer::Refused } else { NoAnswer::BrokenOff }
        })?;
        let status = response.status().as_u16();
        let server = response.headers().get(http::header::SERVER);
        let server = server.and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned();
        let body = Limited::new(response.into_body(), LARGEST).collect().await;
        let body = body.map_err(|_| NoAnswer::BrokenOff)?.to_bytes();
        Ok(Answer { status, server, body })
    };
    match tokio::time::timeout(patience, answered).await {
        Ok(answered) => answered,
        Err(_) => Err(NoAnswer::Silence(patience)),
    }
}
