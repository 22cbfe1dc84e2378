//! Who is let in: requests without the token are answered before anything is done for them. Those that
//! are let in are counted, so that a connection that nobody uses can be told from one at work.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use http::header::AUTHORIZATION;
use http::{Request, Response};
use http_body_util::BodyExt as _;
use tokio::sync::watch;
use tonic::Status;
use tonic::body::Body;
use tower::Service;

use super::gate::Gate;
use crate::sys::secret::Secret;

/// The requests of one connection that are not answered to their end.
#[derive(Clone, Debug)]
pub(super) struct Requests(watch::Sender<usize>);

impl Requests {
    pub(super) fn new() -> Self {
        Self(watch::Sender::new(0))
    }

    /// Waits until there was none for so long.
    pub(super) async fn idle_for(&self, time: Duration) {
        let mut count = self.0.subscribe();
        // The sender is here, so that waiting for it cannot fail.
        while count.wait_for(|count| *count == 0).await.is_ok() {
            let busy = count.wait_for(|count| *count > 0);
            if tokio::time::timeout(time, busy).await.is_err() {
                return;
            }
        }
    }

    fn begin(&self) -> Open {
        self.0.send_modify(|count| *count += 1);
        Open(self.0.clone())
    }
}

/// A request on its way, until it is dropped.
#[derive(Debug)]
struct Open(watch::Sender<usize>);

impl Drop for Open {
    fn drop(&mut self) {
        self.0.send_modify(|count| *count -= 1);
    }
}

/// The services behind the door.
#[derive(Clone, Debug)]
pub(super) struct Admitted {
    services: Gate,
    token: Option<Secret>,
    requests: Requests,
}

impl Admitted {
    pub(super) fn new(services: Gate, token: Option<Secret>, requests: Requests) -> Self {
        Self { services, token, requests }
    }
}

type Answer = Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>;

impl<B> Service<Request<B>> for Admitted
where
    B: http_body::Body<Data = bytes::Bytes> + Send + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Answer;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Answer {
        let said = request.headers().get(AUTHORIZATION);
        if self.token.as_ref().is_some_and(|token| !token.is_said_in(said)) {
            let refusal = Status::unauthenticated("a valid token is required").into_http();
            return Box::pin(std::future::ready(Ok(refusal)));
        }
        let open = self.requests.begin();
        let answer = Service::call(&mut self.services, request);
        Box::pin(async move {
            let answer = answer.await?;
            Ok(answer.map(|body| {
                Body::new(body.map_frame(move |frame| {
                    // The request ends with its answer's last byte.
                    let _until_here = &open;
                    frame
                }))
            }))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_is_used_is_not_idle() {
        let requests = Requests::new();
        let open = requests.begin();
        let idle = requests.idle_for(Duration::from_millis(20));
        tokio::pin!(idle);
        assert!(tokio::time::timeout(Duration::from_millis(100), &mut idle).await.is_err());
        drop(open);
        tokio::time::timeout(Duration::from_secs(30), idle).await.expect("it is idle");
    }
}
