//! A channel of the protocol over any stream, and what is sent along with each request.

use std::time::Duration;

use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tonic::metadata::AsciiMetadataValue;
use tonic::service::Interceptor;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::{Channel, Endpoint, Uri};
use tonic::{Request, Status};

/// What requests travel over.
pub(in crate::farm) type Wire = InterceptedService<Channel, Credentials>;

/// What a server asks to see with each request; nothing where the stream itself is trusted.
#[derive(Clone, Debug, Default)]
pub(in crate::farm) struct Credentials {
    /// The value of the header `authorization`, marked as sensitive.
    pub(super) authorization: Option<AsciiMetadataValue>,
}

impl Interceptor for Credentials {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        if let Some(value) = &self.authorization {
            request.metadata_mut().insert("authorization", value.clone());
        }
        Ok(request)
    }
}

/// A channel over one stream. When the stream is gone, so is the channel.
pub(in crate::farm) async fn over<S>(stream: S) -> Result<Wire, String>
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let mut stream = Some(TokioIo::new(stream));
    let connector = tower::service_fn(move |_: Uri| {
        let stream = stream.take();
        async move { stream.ok_or_else(|| std::io::Error::other("the worker is gone")) }
    });
    let channel = tuned(Endpoint::from_static("http://worker"))
        .connect_with_connector(connector)
        .await
        .map_err(|error| format!("it does not speak the protocol: {error}"))?;
    Ok(InterceptedService::new(channel, Credentials::default()))
}

/// Windows, frames and the keepalive by which a peer that is cut off is noticed.
pub(super) fn tuned(endpoint: Endpoint) -> Endpoint {
    endpoint
        .initial_stream_window_size(4 << 20)
        .initial_connection_window_size(16 << 20)
        .max_frame_size(1 << 20)
        .http2_max_header_list_size(256 << 10)
        .http2_keep_alive_interval(Duration::from_secs(10))
        .keep_alive_timeout(Duration::from_secs(20))
        .keep_alive_while_idle(true)
        .timeout(Duration::from_secs(10 * 60))
}
