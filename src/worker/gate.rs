//! How much of what one client asks for is in memory at once: a request with contents waits, unread, until
//! there is room for it, and keeps its room until its answer has gone out.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::{Request, Response};
use http_body::{Body, Frame, SizeHint};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tonic::service::Routes;
use tower::{Service, ServiceExt as _};

/// Requests that come and are answered in one message, which may be as large as messages may be.
const MESSAGES: usize = 4;

/// Streams of contents, of which a MiB or two is in memory.
const STREAMS: usize = 16;

/// The services behind the gate.
#[derive(Clone, Debug)]
pub(super) struct Gate {
    services: Routes,
    messages: Arc<Semaphore>,
    streams: Arc<Semaphore>,
}

impl Gate {
    pub(super) fn new(services: Routes) -> Self {
        let rooms = |most| Arc::new(Semaphore::new(most));
        Self { services, messages: rooms(MESSAGES), streams: rooms(STREAMS) }
    }

    /// The room that a request needs. Whoever follows an action does so for long, and is told little.
    fn room(&self, path: &str) -> Option<Arc<Semaphore>> {
        let service = path.trim_start_matches('/').split('/').next().unwrap_or_default();
        match service.rsplit('.').next()? {
            "ContentAddressableStorage" | "ActionCache" => Some(Arc::clone(&self.messages)),
            "ByteStream" => Some(Arc::clone(&self.streams)),
            _ => None,
        }
    }
}

impl<B> Service<Request<B>> for Gate
where
    B: Body<Data = bytes::Bytes> + Send + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    type Response = Response<Held>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let (services, room) = (self.services.clone(), self.room(request.uri().path()));
        Box::pin(async move {
            let room = match room {
                Some(room) => room.acquire_owned().await.ok(),
                None => None,
            };
            let response = services.oneshot(request.map(tonic::body::Body::new)).await?;
            Ok(response.map(|body| Held { body, _room: room }))
        })
    }
}

/// An answer and the room that it takes.
#[derive(Debug)]
pub(super) struct Held {
    body: tonic::body::Body,
    _room: Option<OwnedSemaphorePermit>,
}

impl Body for Held {
    type Data = bytes::Bytes;
    type Error = tonic::Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
