//! A connection that tells of its end: a server learns of it late, what runs for the client must not.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_util::sync::CancellationToken;

/// The length of what every client of HTTP/2 says first.
const PREFACE: usize = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".len();

/// What was heard of a client.
#[derive(Clone, Debug, Default)]
pub(super) struct Heard {
    bytes: Arc<AtomicUsize>,
    end: CancellationToken,
}

impl Heard {
    /// Waits until the client is gone.
    pub(super) async fn end(&self) {
        self.end.cancelled().await;
    }

    /// Whether the client is gone after it had said either enough to be one, or nothing.
    pub(super) fn is_orderly_end(&self) -> bool {
        self.end.is_cancelled() && !self.is_torn()
    }

    /// Whether the client has said enough to be one.
    pub(super) fn is_a_client(&self) -> bool {
        self.bytes.load(Ordering::SeqCst) >= PREFACE
    }

    /// Whether what the client said is too short to be anything.
    pub(super) fn is_torn(&self) -> bool {
        (1..PREFACE).contains(&self.bytes.load(Ordering::SeqCst))
    }
}

/// A stream that is listened to.
#[derive(Debug)]
pub(super) struct Watched<S> {
    stream: S,
    heard: Heard,
}

impl<S> Watched<S> {
    pub(super) fn new(stream: S) -> (Self, Heard) {
        let heard = Heard::default();
        (Self { stream, heard: heard.clone() }, heard)
    }

    /// A client that does not listen any more is gone, too.
    fn told<T>(&self, polled: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if matches!(polled, Poll::Ready(Err(_))) {
            self.heard.end.cancel();
        }
        polled
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Watched<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let (before, room) = (buffer.filled().len(), buffer.remaining());
        let polled = Pin::new(&mut self.stream).poll_read(cx, buffer);
        let came = buffer.filled().len() - before;
        self.heard.bytes.fetch_add(came, Ordering::SeqCst);
        if polled.is_ready() && came == 0 && room > 0 {
            self.heard.end.cancel();
        }
        polled
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Watched<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.told(polled)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let polled = Pin::new(&mut self.stream).poll_flush(cx);
        self.told(polled)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.stream).poll_write_vectored(cx, parts);
        self.told(polled)
    }
}
