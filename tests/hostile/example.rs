//! A worker that lies, dawdles or floods: `hostile-worker MODE modfarm STORE` speaks the protocol over its
//! standard input and output, and hands on to a real worker whatever its mode is honest about.

#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "it serves tests alone"
)]

mod answers;
mod lies;

use std::process::Stdio;
use std::sync::Arc;

use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use modfarm::sys::dial::{self, Wire};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

#[tokio::main]
async fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [mode, modfarm, store] = arguments.as_slice() else {
        eprintln!("usage: hostile-worker MODE MODFARM STORE");
        std::process::exit(2);
    };
    match mode.as_str() {
        "garbage" => garbage().await,
        "silence" => silence().await,
        "terminal" => terminal(),
        _ => serve(mode, modfarm, store).await,
    }
    // Standard input may be read for ever.
    std::process::exit(0);
}

/// What is no HTTP/2 at all, without end.
async fn garbage() {
    let mut output = tokio::io::stdout();
    while output.write_all(&[0xff; 8192]).await.is_ok() {}
}

/// Hears all and says nothing.
async fn silence() {
    let (mut input, mut buffer) = (tokio::io::stdin(), vec![0; 8192]);
    while input.read(&mut buffer).await.is_ok_and(|read| read > 0) {}
}

/// Ends with words that would clear the screen and give the window another title.
fn terminal() {
    eprintln!("\x1b[2J\x1b]0;owned\x07\u{202e}gnidliub\u{9b}5m");
    std::process::exit(1);
}

async fn serve(mode: &str, modfarm: &str, store: &str) {
    let worker =
        Arc::new(lies::Worker { mode: mode.to_owned(), honest: honest(modfarm, store).await });
    let service = hyper::service::service_fn(move |request| {
        let worker = Arc::clone(&worker);
        async move { Ok::<_, std::convert::Infallible>(worker.answer(request).await) }
    });
    let stream = TokioIo::new(tokio::io::join(tokio::io::stdin(), tokio::io::stdout()));
    let mut server = Builder::new(TokioExecutor::new()).http2_only();
    server.http2().max_send_buf_size(1 << 20);
    drop(server.serve_connection(stream, service).await);
}

/// The way to a real worker.
async fn honest(modfarm: &str, store: &str) -> Wire {
    let mut child = tokio::process::Command::new(modfarm)
        .args(["worker", "--store", store])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let stream = tokio::io::join(child.stdout.take().unwrap(), child.stdin.take().unwrap());
    dial::over(stream).await.unwrap()
}
