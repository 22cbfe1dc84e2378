//! The first words of a worker: the protocol, or text of the shell that started it, which is left out.

use std::io;

use tokio::io::{AsyncRead, AsyncReadExt as _};

/// How much text may come before the protocol.
const LIMIT: usize = 64 << 10;

/// The frame that every server of HTTP/2 sends first, at once: settings. Its length is a multiple of 6
/// below 256, then come its type, no flags, and the number of the connection itself, 0. No text has such
/// a thing in it.
fn begins_here(bytes: &[u8]) -> bool {
    matches!(bytes, [0, 0, length, 4, 0, 0, 0, 0, 0, ..] if length % 6 == 0)
}

/// What a stream began with.
#[derive(Debug)]
pub(super) struct Opening {
    /// What came before the protocol, mostly nothing.
    pub(super) text: String,
    /// What was read of the protocol; the rest is still in the stream. None where it never came.
    pub(super) begun: Option<Vec<u8>>,
}

/// Reads up to where the protocol begins, to the end of the stream, or as much as may come before it.
pub(super) async fn read(mut stream: impl AsyncRead + Unpin) -> io::Result<Opening> {
    let mut read = Vec::with_capacity(4096);
    let mut seen = 0;
    loop {
        if let Some(at) = (seen..read.len()).find(|at| begins_here(&read[*at..])) {
            let begun = Some(read.split_off(at));
            return Ok(Opening { text: text(&read), begun });
        }
        // The frame may have come in part.
        seen = read.len().saturating_sub(9);
        if read.len() > LIMIT || stream.read_buf(&mut read).await? == 0 {
            return Ok(Opening { text: text(&read), begun: None });
        }
    }
}

impl Opening {
    /// Whether more came than may come before the protocol.
    pub(super) fn is_endless(&self) -> bool {
        self.begun.is_none() && self.text.len() > LIMIT
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SETTINGS: [u8; 15] = [0, 0, 6, 4, 0, 0, 0, 0, 0, 0, 3, 0, 0, 1, 0];

    #[tokio::test]
    async fn text_before_the_protocol_is_told_apart() {
        for banner in ["", "Welcome!\r\n\0\0", &"x".repeat(60_000)] {
            // One byte at a time, so that the frame comes in pieces.
            let all = [banner.as_bytes(), &SETTINGS].concat();
            let slow = tokio_test_stream(all);
            let opening = read(slow).await.unwrap();
            assert_eq!(opening.text, banner);
            let begun = opening.begun.unwrap();
            assert!(SETTINGS.starts_with(&begun) && begun.len() >= 9);
        }
    }

    #[tokio::test]
    async fn no_protocol_is_no_opening() {
        let opening = read(&b"modfarm: not found\n"[..]).await.unwrap();
        assert_eq!(
            (opening.text.as_str(), opening.begun.is_none()),
            ("modfarm: not found\n", true)
        );
        let endless = read(tokio::io::repeat(b'y')).await.unwrap();
        assert!(endless.is_endless() && endless.text.len() <= 2 * LIMIT);
    }

    /// A stream that gives a byte a read.
    fn tokio_test_stream(bytes: Vec<u8>) -> impl AsyncRead + Unpin {
        struct Slow(Vec<u8>, usize);
        impl AsyncRead for Slow {
            fn poll_read(
                mut self: std::pin::Pin<&mut Self>,
                _: &mut std::task::Context<'_>,
                buffer: &mut tokio::io::ReadBuf<'_>,
            ) -> std::task::Poll<io::Result<()>> {
                if let Some(byte) = self.0.get(self.1) {
                    buffer.put_slice(&[*byte]);
                }
                self.1 += 1;
                std::task::Poll::Ready(Ok(()))
            }
        }
        Slow(bytes, 0)
    }
}
