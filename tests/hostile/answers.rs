//! Answers of gRPC, put together by hand: a library would not send these.

use std::time::Duration;

use bytes::{BufMut as _, Bytes, BytesMut};
use http::{HeaderMap, HeaderValue, Response};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Empty, StreamBody};
use hyper::body::Frame;
use prost::Message;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::Status;

pub(crate) type Body = UnsyncBoxBody<Bytes, Status>;

/// An answer of one message.
pub(crate) fn message(message: &impl Message) -> Response<Body> {
    let framed = framed(message);
    many(Duration::ZERO, std::iter::once(framed))
}

/// An answer of these frames, with a pause after each, and then a good end.
pub(crate) fn many(
    pause: Duration,
    frames: impl Iterator<Item = Bytes> + Send + 'static,
) -> Response<Body> {
    let (sender, receiver) = mpsc::channel(1);
    tokio::spawn(async move {
        for data in frames {
            if sender.send(Ok(Frame::data(data))).await.is_err() {
                return;
            }
            tokio::time::sleep(pause).await;
        }
        let mut trailers = HeaderMap::new();
        trailers.insert("grpc-status", HeaderValue::from_static("0"));
        drop(sender.send(Ok(Frame::trailers(trailers))).await);
    });
    respond(StreamBody::new(ReceiverStream::new(receiver)).boxed_unsync())
}

/// An answer that never comes.
pub(crate) async fn never() -> Response<Body> {
    std::future::pending().await
}

/// An error, with words as they are.
pub(crate) fn status(code: tonic::Code, words: &[u8]) -> Response<Body> {
    let mut response = respond(Empty::new().map_err(|never| match never {}).boxed_unsync());
    response.headers_mut().insert("grpc-status", HeaderValue::from(i32::from(code)));
    // A message may be percent-encoded, so that anything comes through.
    let encoded = words.iter().flat_map(|byte| format!("%{byte:02X}").into_bytes()).collect();
    let encoded = String::from_utf8(encoded).unwrap();
    response.headers_mut().insert("grpc-message", encoded.parse().unwrap());
    response
}

/// A message as it is framed.
pub(crate) fn framed(message: &impl Message) -> Bytes {
    let message = message.encode_to_vec();
    let mut framed = BytesMut::new();
    framed.put_u8(0);
    framed.put_u32(u32::try_from(message.len()).unwrap());
    framed.put_slice(&message);
    framed.freeze()
}

/// The beginning of a message that says it is far longer than any may be.
pub(crate) fn absurdly_long() -> Bytes {
    Bytes::from_static(&[0, 0xff, 0xff, 0xff, 0xff, 1, 2, 3])
}

fn respond(body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    let grpc = HeaderValue::from_static("application/grpc");
    response.headers_mut().insert("content-type", grpc);
    response
}
